/* Layers for the tests of layers on images. */
#ifndef SIGNSGD_TESTS_SUPPORT_IMAGE_FIXTURE_H
#define SIGNSGD_TESTS_SUPPORT_IMAGE_FIXTURE_H

#include "check/check_image.h"
#include "tests/support/backend_tables.h"

/* A layer with a square window. */
struct image_spec image_fixture_square(enum image_kind kind, struct image in, int out_channels, int kernel,
                                       int stride, int pad);

/* A normalisation that is differentiated, too. */
struct image_spec image_fixture_norm(struct image in);

/* The layer in words. The text is good until the next call. */
const char *image_fixture_shown(const struct image_spec *s);

#endif
