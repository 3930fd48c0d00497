/* How bench_net prints. */
#ifndef SIGNSGD_TESTS_NETLAB_FORMAT_H
#define SIGNSGD_TESTS_NETLAB_FORMAT_H

enum net_format { NET_TABLE, NET_MARKDOWN, NET_JSON };

#endif
