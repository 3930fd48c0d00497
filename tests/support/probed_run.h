/* The run of the tests of probes that take a full pass. */
#ifndef SIGNSGD_TESTS_SUPPORT_PROBED_RUN_H
#define SIGNSGD_TESTS_SUPPORT_PROBED_RUN_H

/* 103 samples in batches of 10: a pass has 10 batches, and leaves 3 samples out. */
enum { PROBED_BATCHES = 10 };

/* Keys of the experiment, without its braces; and the experiment with all three probes. */
#define PROBED_RUN                                                                                           \
	"\"seed\":3,\"workers\":2,\"steps\":6,\"batch\":10,\"lr\":0.01,\"momentum\":0.5,\"model\":"          \
	"\"softmax\","                                                                                       \
	"\"data\":{\"kind\":\"glyphs\",\"train\":103,\"test\":20},\"eval\":{\"every\":0}"
#define PROBED_ALL                                                                                           \
	"{" PROBED_RUN                                                                                       \
	",\"record\":{\"gradient_noise\":{\"at\":[0,4],\"weights\":[7845,5],\"random\":2},\"snr\":3,"        \
	"\"l1_l2\":2}}"

#endif
