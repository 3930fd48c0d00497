/* The parts of a trainer, for trainer*.c only. */
#ifndef SIGNSGD_TRAIN_TRAINER_INTERNAL_H
#define SIGNSGD_TRAIN_TRAINER_INTERNAL_H

#include "optimizer/schedule.h"
#include "train/crowd.h"
#include "train/observer.h"
#include "train/replay.h"
#include "train/state.h"
#include "train/trainer.h"
#include "train/uplink.h"
#include "train/worker.h"
#include "train/workforce.h"

struct trainer {
	const struct settings *settings;
	struct backend be;
	struct queue *queue; /* of the thread that calls the trainer */
	double *number;      /* a sum, on the machine */
	struct model_env env;
	struct state state;
	struct workforce workforce;
	struct crowd crowd;
	struct uplink uplink;
	struct observer observer;
	struct round round; /* what the workers share in the present step */
	const struct schedule *schedule;
	struct schedule_env schedule_env;
	double lr;                   /* of the present step */
	int64_t idle_steps;          /* in a row in which a rule that clips has clipped nothing */
	bool idle_said;              /* that they were as many as an epoch has */
	const struct replay *replay; /* NULL: no recorded run is repeated */
};

#endif
