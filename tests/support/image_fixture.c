#include "tests/support/image_fixture.h"
#include <stdio.h>

struct image_spec image_fixture_square(enum image_kind kind, struct image in, int out_channels, int kernel,
                                       int stride, int pad)
{
	return image_window_spec(kind, in, out_channels, (const int[]){kernel, kernel},
	                         (const int[]){stride, stride}, (const int[]){pad, pad});
}

struct image_spec image_fixture_norm(struct image in)
{
	return (struct image_spec){
	        .kind = IMAGE_NORM, .in = in, .out = in, .back = true, .d_in = true, .epsilon = 1e-5f};
}

const char *image_fixture_shown(const struct image_spec *s)
{
	static char text[200];
	snprintf(text, sizeof(text),
	         "kind %d, %dx%dx%dx%d to %d, kernel %dx%d stride %dx%d pad %dx%d groups %d", s->kind,
	         s->in.count, s->in.channels, s->in.height, s->in.width, s->out.channels, s->kernel[0],
	         s->kernel[1], s->stride[0], s->stride[1], s->pad[0], s->pad[1], s->groups);
	return text;
}
