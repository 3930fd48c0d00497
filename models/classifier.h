/* The end of AlexNet and the VGG networks: settings of two wide fully connected layers with dropout. */
#ifndef SIGNSGD_MODELS_CLASSIFIER_H
#define SIGNSGD_MODELS_CLASSIFIER_H

#include "models/graph/net.h"

struct classifier {
	int64_t hidden;
	double dropout;
};

extern const struct key classifier_keys[];

#endif
