/* Time: clock_s() is monotonic, for differences; clock_date() is for people, ISO 8601 in UTC. */
#ifndef SIGNSGD_BASE_CLOCK_H
#define SIGNSGD_BASE_CLOCK_H

double clock_s(void);
void clock_date(char out[32]);

#endif
