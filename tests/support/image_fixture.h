/* Machines and layers for the tests of layers on images. */
#ifndef SIGNSGD_TESTS_SUPPORT_IMAGE_FIXTURE_H
#define SIGNSGD_TESTS_SUPPORT_IMAGE_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include "backend/backend.h"
#include "backend/cpu/cpu.h"
#include "check/check_image.h"
#include "registry.h"

enum { MACHINES = 5 };

/* ref, then cpu at each level of this processor. Returns how many. */
static inline int all_machines(struct backend machine[MACHINES])
{
	const struct backend_row *ref = (const struct backend_row *)family_find(&family_backends, "ref");
	struct err e = {0};
	const struct cpu_level *level;
	int count = 1;
	cr_assert_eq(ref->open(&machine[0], &e), 0);
	for (size_t i = 0; (level = cpu_level_at(i)) && count < MACHINES; i++)
		cpu_open_level(level, &machine[count++]);
	cr_assert_geq(count, 2);
	return count;
}

/* A square window. */
static inline struct image_spec square(enum image_kind kind, struct image in, int out_channels, int kernel,
                                       int stride, int pad)
{
	return image_window_spec(kind, in, out_channels, (const int[]){kernel, kernel},
	                         (const int[]){stride, stride}, (const int[]){pad, pad});
}

static inline struct image_spec norm_of(struct image in)
{
	return (struct image_spec){
	        .kind = IMAGE_NORM, .in = in, .out = in, .back = true, .d_in = true, .epsilon = 1e-5f};
}

static inline const char *shown(const struct image_spec *s)
{
	static char text[200];
	snprintf(text, sizeof(text),
	         "kind %d, %dx%dx%dx%d to %d, kernel %dx%d stride %dx%d pad %dx%d groups %d", s->kind,
	         s->in.count, s->in.channels, s->in.height, s->in.width, s->out.channels, s->kernel[0],
	         s->kernel[1], s->stride[0], s->stride[1], s->pad[0], s->pad[1], s->groups);
	return text;
}

#endif
