/* Optimizer `sgd`: a step of the learning rate along the answer. */
#include "optimizer/optimizer.h"

static void sgd_apply(const struct step_job *job, const void *pull, size_t begin, size_t end, double lr,
                      double decay, float *memory, float *x)
{
	(void)memory;
	if (job->pull.kind == MESSAGE_SIGNS)
		job->be->sign_apply(job->queue, end - begin, sign_message_vote(pull, begin),
		                    sign_message_abstain(pull, job->n, job->pull.abstains, begin), (float)lr,
		                    (float)decay, x + begin);
	else
		job->be->descend(job->queue, end - begin, (const float *)pull + begin, (float)lr,
		                 (float)decay, x + begin);
}

const struct optimizer optimizer_sgd = {
        .row = {.name = "sgd",
                .also = "gd, gradient_descent, vanilla",
                .about = "a step of the learning rate along the answer",
                .formula = "x <- x - lr (answer + decay x). Momentum is the workers': `momentum`"},
        .takes = TAKES_FLOATS | TAKES_SIGNS,
        .apply = sgd_apply,
};
