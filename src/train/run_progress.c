/* The words of a progress line: see train/run_progress.h. */
#include "train/run_progress.h"

#include <math.h>
#include <stdio.h>

#include "base/log.h"

void run_progress_text(const struct run_progress *p, char *out, size_t size)
{
	double rate = p->elapsed > 0 ? (double)(p->done - p->began) / p->elapsed : 0;
	char time[32] = "?", accuracy[48] = "", withheld[48] = "";
	if (p->done == p->steps)
		log_duration(p->elapsed, time);
	else if (rate > 0)
		log_duration((double)(p->steps - p->done) / rate, time);
	if (isfinite(p->perplexity))
		snprintf(accuracy, sizeof accuracy, ", test perplexity %.4g", p->perplexity);
	else if (isfinite(p->accuracy))
		snprintf(accuracy, sizeof accuracy, ", test accuracy %.4f", p->accuracy);
	if (p->withheld > 0)
		snprintf(withheld, sizeof withheld, ", %lld withheld", (long long)p->withheld);
	snprintf(out, size, "step %lld of %lld (%.0f %%)%s, loss %.4g%s, %.4g steps/s, %s %s",
	         (long long)p->done, (long long)p->steps, 100.0 * (double)p->done / (double)p->steps,
	         withheld, isnan(p->loss) ? NAN /* without a sign */ : p->loss, accuracy, rate,
	         p->done < p->steps ? "ETA" : "in", time);
}
