/* `signsgd bench model NAME`: images a second, what share of the machine that is, and where the time goes. */
#include "cmd/bench_model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cmd/overrides.h"
#include "cmd/ui/bench_options.h"
#include "cmd/ui/json_line.h"
#include "cmd/ui/table.h"
#include "base/log.h"
#include "base/text.h"
#include "bench/bench_model.h"

enum { BATCH = 128, BATCH_MOST = 1 << 20, CLASSES_MOST = 1 << 24, SIDE_MOST = 1 << 14 };

static const double SECONDS = 5, SHORTEST = 1e-6;

static bool good_side(int n)
{
	return n >= 1 && n <= SIDE_MOST;
}

static int input_of(const struct args *a, struct data_shape *out, struct err *e)
{
	const char *text = args_value(a, "input");
	char rest, shown[80];
	if (!text)
		return 0;
	if (sscanf(text, "%dx%dx%d%c", &out->channels, &out->height, &out->width, &rest) == 3 &&
	    good_side(out->channels) && good_side(out->height) && good_side(out->width))
		return 0;
	return err_user(e, "--input: found '%s', expected channels x height x width, as in 3x32x32",
	                text_shown(text, shown, sizeof shown));
}

/* The machine: a name, or JSON with keys. */
static int read_machine(const struct args *a, struct bench_model_options *o, struct arena *arena,
                        struct err *e)
{
	struct choice machine = {0};
	if (machine_of(a, arena, &machine, e))
		return -1;
	o->backend = machine.row ? machine.row->name : "cpu";
	o->backend_state = machine.state;
	return 0;
}

static int read_options(const struct args *a, struct bench_model_options *o, struct arena *arena,
                        struct err *e)
{
	long long batch = BATCH, classes = 0;
	if (a->n_rest != 2)
		return err_user(e, "bench model takes one name, as in 'signsgd bench model resnet20'");
	if (args_value(a, "kernel") || args_value(a, "n"))
		return err_user(e, "--kernel and --n choose kernels; `bench model` times a whole model");
	*o = (struct bench_model_options){.model = a->rest[1], .seconds = SECONDS};
	if (read_machine(a, o, arena, e) || args_int(a, "batch", 1, BATCH_MOST, &batch, e) ||
	    args_int(a, "classes", 2, CLASSES_MOST, &classes, e) || input_of(a, &o->shape, e) ||
	    bench_seconds(a, &o->seconds, e) || lanes_of(a, &o->lanes, e))
		return -1;
	o->batch = (int)batch;
	o->shape.n_classes = (int)classes;
	return 0;
}

static void print_json(const struct bench_model_options *o, const struct bench_model_result *r)
{
	struct buf b = {0}, layers = {0};
	line_text(&b, "model", o->model);
	line_text(&b, "backend", o->backend);
	line_int(&b, "lanes", o->lanes);
	line_int(&b, "batch", o->batch);
	line_count(&b, "parameters", r->n_params);
	line_real(&b, "round_s", r->round_s);
	line_real(&b, "round_s_low", r->round_s_low);
	line_real(&b, "round_s_high", r->round_s_high);
	line_real(&b, "samples_per_s", r->samples_per_s);
	line_real(&b, "gflops", r->gflops);
	line_real(&b, "sgemm_gflops", r->sgemm_gflops);
	line_real(&b, "share", r->share);
	line_count(&b, "lane_bytes", r->lane_bytes);
	line_count(&b, "shared_bytes", r->shared_bytes);
	line_count(&b, "vector_bytes", r->vector_bytes);
	line_count(&b, "peak_bytes", r->peak_bytes);
	for (size_t i = 0; i < r->n_layers; i++) {
		struct buf one = {0};
		line_text(&one, "name", r->layer[i].name);
		line_text(&one, "kind", r->layer[i].kind);
		line_real(&one, "forward_s", r->layer[i].forward_s);
		line_real(&one, "backward_s", r->layer[i].backward_s);
		buf_format(&layers, "%s%s}", i ? "," : "", one.text);
		buf_clear(&one);
	}
	char *list = mem_format("[%s]", layers.text ? layers.text : "");
	line_raw(&b, "layers", list);
	line_print(&b, stdout);
	mem_free(list);
	buf_clear(&layers);
}

static void speed_cell(struct table *t, double flops, double seconds)
{
	bool known = flops > 0 && seconds > SHORTEST; /* the last layer does both in its forward */
	table_real(t, 1, known ? flops / seconds / 1e9 : NAN, "");
}

static void print_layers(const struct bench_model_options *o, const struct bench_model_result *r)
{
	struct table t;
	table_init(&t, "lllrrrrr");
	const char *const head[] = {"layer",      "kind",    "output",  "parameters",
	                            "forward ms", "back ms", "GFLOP/s", "back"};
	for (size_t i = 0; i < sizeof head / sizeof *head; i++)
		table_cell(&t, "%s", head[i]);
	double rows = o->batch * (r->shape.window > 0 ? r->shape.window : 1);
	for (size_t i = 0; i < r->n_layers; i++) {
		const struct layer_info *l = &r->layer[i];
		table_cell(&t, "%s", l->name);
		table_cell(&t, "%s", l->kind);
		table_cell(&t, "%s", l->shape);
		table_cell(&t, "%zu", l->params);
		table_real(&t, 3, 1e3 * l->forward_s, "");
		table_real(&t, 3, 1e3 * l->backward_s, "");
		speed_cell(&t, 2 * rows * l->multiply_adds, l->forward_s);
		speed_cell(&t, 2 * rows * l->back_multiply_adds, l->backward_s);
	}
	table_print(&t, stdout, 2);
	table_clear(&t);
}

static void print_text(const struct bench_model_options *o, const struct bench_model_result *r)
{
	char lane[32], shared[32], vectors[32], peak[32];
	log_bytes((double)r->lane_bytes, lane);
	log_bytes((double)r->shared_bytes, shared);
	log_bytes((double)r->vector_bytes, vectors);
	log_bytes((double)r->peak_bytes, peak);
	printf("%s on %s: %zu parameters, %d lanes, batch %d\n", o->model, o->backend, r->n_params, o->lanes,
	       o->batch);
	printf("  %.1f %s/s, %.2f ms a step of all lanes (quartiles %.2f and %.2f)\n", r->samples_per_s,
	       r->shape.window > 0 ? "tokens" : "images", 1e3 * r->round_s, 1e3 * r->round_s_low,
	       1e3 * r->round_s_high);
	if (r->gflops > 0)
		printf("  %.1f GFLOP/s, %.0f %% of this machine's own sgemm (%.1f GFLOP/s in the same run)\n",
		       r->gflops, 100 * r->share, r->sgemm_gflops);
	printf("  memory: %s a lane, %s of weights shared by the lanes, %s of parameters and gradients; the "
	       "process at its peak %s\n",
	       lane, shared, vectors, peak);
	if (r->n_layers > 0) {
		puts("\nTime of one batch on one lane:");
		print_layers(o, r);
	}
}

int bench_model_command(const struct args *a)
{
	struct bench_model_options o;
	struct bench_model_result r;
	struct arena arena = {0};
	struct err e = {0};
	int failed = read_options(a, &o, &arena, &e) || bench_model(&o, &r, &e);
	if (!failed && args_flag(a, "json"))
		print_json(&o, &r);
	else if (!failed)
		print_text(&o, &r);
	if (!failed)
		mem_free(r.layer);
	arena_clear(&arena);
	return failed ? cmd_fail(&e) : EXIT_DONE;
}
