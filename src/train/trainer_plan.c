/* The memory plan of a run: sums of what trainer_open() allocates. */
#include <math.h>
#include <stddef.h>
#include "aggregator/judge.h"
#include "aggregator/rule_run.h"
#include "base/log.h"
#include "base/machine.h"
#include "registry.h"
#include "train/coded.h"
#include "train/crowd.h"
#include "train/evaluate.h"
#include "train/feed.h"
#include "train/lane.h"
#include "train/trainer.h"
#include "train/turn.h"

enum {
	EMPTY_FILE_BYTES = 80 << 10, /* a result file without rows: names and what is said of them */
	LISTED_BYTES = 128,          /* of one file in the list of files, with its name */
	BASE_BYTES = 24 << 20,       /* the program, its libraries and their buffers, measured at rest */
	LANE_LIBRARY_BYTES =
	        4 << 20 /* stacks and buffers that products touch in a lane, at most: OpenBLAS has most */
};

#define PART(member) offsetof(struct plan, member)

const struct plan_part plan_parts[] = {
        {"parameters", "parameters", PART(parameters), true},
        {"momentum", "momentum and memory of the workers", PART(momentum), true},
        {"messages", "messages", PART(messages), true},
        {"lanes", "gradients and activations", PART(lanes), true},
        {"gathered", "batches before they go to the device", PART(gathered), false},
        {"data", "data set", PART(data), false},
        {"device_data", "data set, where the device reads it", PART(device_data), true},
        {"optimiser", "memory of optimiser and aggregator", PART(optimiser), true},
        {"adversaries", "adversaries", PART(adversaries), true},
        {"probes", "what is measured on the device", PART(probes), true},
        {"queues", "libraries and queues of the device", PART(queues), true},
        {"mirrors", "what the host sees of the machine's memory", PART(mirrors), false},
        {"record", "result file", PART(record), false},
        {"base", "program and libraries", PART(base), false},
        {"total", "in all", PART(total), false},
        {"checkpoint", "more while a checkpoint is written", PART(checkpoint), false},
        {NULL, NULL, 0, false},
};

size_t plan_part_bytes(const struct plan *p, const struct plan_part *part)
{
	return *(const size_t *)(const void *)((const char *)p + part->offset);
}

/* Settings from elsewhere may ask for anything: more than can be counted stays more. */
static size_t sum(size_t a, size_t b)
{
	return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static size_t product(size_t a, size_t b)
{
	size_t out;
	return __builtin_mul_overflow(a, b, &out) ? SIZE_MAX : out;
}

/* The largest batch below `below` that a worker has; 0: none. */
static int64_t next_batch(const struct settings *s, int64_t below)
{
	int64_t most = 0;
	for (int64_t w = 0; w < s->workers; w++)
		if (s->batch.of[w] < below && s->batch.of[w] > most)
			most = s->batch.of[w];
	return most;
}

/* Workers with batches of a size that a lane takes at once, of `hosted` workers, whoever they are. */
static int fuse_of(const struct settings *s, int64_t batch, int hosted)
{
	int alike = 0;
	for (int64_t w = 0; w < s->workers; w++)
		alike += s->batch.of[w] == batch;
	return lane_fuse(s->fuse, alike < hosted ? alike : hosted);
}

/* What instances of the model take in a lane, and what they share: one for each of the `sizes` largest sizes.
 */
static void model_bytes(const struct settings *s, const struct model_env *env, int hosted, size_t sizes,
                        size_t *lane, size_t *shared)
{
	const struct model *model = env->model;
	struct model_env own = *env;
	*lane = *shared = 0;
	for (int64_t batch = s->batch.most; batch > 0 && sizes > 0; batch = next_batch(s, batch), sizes--) {
		own.batch = (int)batch;
		own.fuse = fuse_of(s, batch, hosted);
		*lane = sum(*lane, model->lane_bytes(s->model.state, &own));
		if (model->shared_bytes)
			*shared = sum(*shared, model->shared_bytes(s->model.state, &own));
	}
}

/* Of a lane beside the model, where its memory is. */
static size_t lane_bytes(const struct settings *s, size_t n, size_t slots)
{
	size_t bytes = (slots * lane_stride(n) + MESSAGE_SCRATCH) * sizeof(float),
	       batch = (size_t)s->batch.most, features = shape_features(&s->shape);
	if (s->adversaries.count > 0 &&
	    adversary_of(&s->adversaries.attack).attack->acts_on == ATTACK_GRADIENT)
		bytes += n * sizeof(float);
	bytes += turn_lane_floats(s, n) * sizeof(float);
	if (s->parts)
		bytes += coded_bytes(n);
	if (s->shape.window > 0)
		bytes += 2 * slots * (size_t)s->shape.window * batch * sizeof(int32_t);
	if (((const struct model *)s->model.row)->wants_data)
		bytes += slots * lane_stride(batch * features) * sizeof(float) + batch * features +
		         (slots + 1) * batch * sizeof(int32_t);
	return bytes;
}

/* What libraries of the host take in a lane. */
static size_t library_bytes(const struct settings *s)
{
	return ((const struct model *)s->model.row)->wants_data ? LANE_LIBRARY_BYTES : 0;
}

/* The same, and the vectors that a compressor sees there. */
static size_t host_lane_bytes(const struct settings *s, size_t n, bool host)
{
	const struct method m = settings_method(s);
	return sum(library_bytes(s), product(method_seen_floats(&m, n, host), sizeof(float)));
}

/* Of a lane on the host, where its own memory is elsewhere: its batch. */
static size_t gathered_bytes(const struct settings *s, size_t slots)
{
	size_t batch = (size_t)s->batch.most;
	if (!((const struct model *)s->model.row)->wants_data)
		return 0;
	return batch * (shape_features(&s->shape) + (slots + 1) * sizeof(int32_t)) +
	       2 * slots * (size_t)s->shape.window * batch * sizeof(int32_t);
}

size_t trainer_evaluations(const struct settings *s)
{
	return s->eval.every > 0 ? (size_t)(s->steps / s->eval.every) + (s->steps % s->eval.every > 0) + 1
	                         : 1;
}

size_t trainer_file_bytes(const struct settings *s, size_t n)
{
	size_t labels = (size_t)s->shape.n_classes + 1;
	size_t bytes =
	        sum(record_rows_bytes((size_t)(s->steps / s->record.every) + 1, trainer_evaluations(s)),
	            probe_file_bytes(s, n));
	bytes = sum(bytes, product(n, sizeof(float)));
	return sum(bytes, EMPTY_FILE_BYTES + (size_t)s->workers * labels * sizeof(int64_t));
}

/* HDF5 keeps one copy of the result file in memory. */
static size_t record_bytes(const struct settings *s, size_t n)
{
	return sum(trainer_file_bytes(s, n), RECORD_ROWS * sizeof(struct step_row));
}

/* Open the run's machine. If that fails, open `ref`, which is always available: what it needs is a guess. */
static void open_backend(const struct settings *s, struct backend *be, struct plan *out)
{
	struct err e = {0};
	if (!settings_open_machine(s, be, &out->guessed))
		return;
	const struct row *ref = family_find(&family_backends, "ref");
	((const struct backend_row *)ref)->open(be, NULL, &e);
}

/* Samples and their order; if samples are read while training runs, the list of files and the reader. */
static size_t data_bytes(const struct settings *s, int lanes)
{
	const struct data_source *source = (const struct data_source *)s->data.row;
	size_t sample = source->readers ? LISTED_BYTES : shape_features(&s->shape);
	return shape_samples(&s->shape) * (sample + sizeof(uint16_t)) +
	       2 * sizeof(uint32_t) * s->shape.n_train + feed_reader_bytes(s, lanes);
}

static void sum_up(struct plan *p, const struct memory *m)
{
	const size_t own[] = {p->momentum, p->optimiser, p->adversaries};
	p->base = BASE_BYTES;
	p->checkpoint = p->parameters;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		p->checkpoint = sum(p->checkpoint, own[i]);
	p->total = p->device = 0;
	for (const struct plan_part *part = plan_parts; part->offset != PART(total); part++) {
		p->total = sum(p->total, plan_part_bytes(p, part));
		p->device = sum(p->device, part->device && !m->host ? plan_part_bytes(p, part) : 0);
	}
	if (!m->host)
		m->free_bytes(&p->device_free, &p->device_all);
}

/* What the state of `hosted` workers takes, and that of the run. */
static void plan_state(const struct settings *s, const struct model_env *env, size_t hosted, struct plan *out)
{
	const struct method method = settings_method(s);
	const struct adversary adversary = adversary_of(&s->adversaries.attack);
	const struct model *model = env->model;
	size_t n = out->n_params, count = (size_t)s->adversaries.count;
	size_t running = model->running_floats ? model->running_floats(s->model.state, env) : 0;
	size_t carry = model->carry_floats ? model->carry_floats(s->model.state, env) : 0;
	out->parameters = product(sum(n, running), sizeof(float));
	out->momentum =
	        product(hosted, product(sum(sum(n, carry), method_worker_floats(&method, n)), sizeof(float)));
	if (s->shape.window > 0)
		out->data = sum(product(shape_samples(&s->shape), sizeof(int32_t)),
		                product(evaluate_text_floats(carry), sizeof(float)));
	out->optimiser = product(method_memory_floats(&method, n), sizeof(float));
	if (adversary.attack->memory_floats)
		out->adversaries =
		        product(hosted < count ? hosted : count,
		                product(adversary.attack->memory_floats(adversary.state, n), sizeof(float)));
}

/* What a rule takes of the memory of a machine that has kernels for it. NULL: it works on mirrors. */
static size_t machine_bytes(const struct settings *s, const struct backend *be, size_t n)
{
	const struct method method = settings_method(s);
	if (!be)
		return 0;
	return rule_machine_bytes(method.aggregator, method.aggregator_state, be, &method.push,
	                          (size_t)s->workers, n);
}

/* Of all messages at once: scratch of a rule, what codes say; what is remembered of rule and answers. */
static void plan_meeting(const struct settings *s, int lanes, const struct backend *be, struct plan *out)
{
	const struct method m = settings_method(s);
	const struct rule_size size = settings_rule_size(s, out->n_params, lanes);
	out->messages = sum(out->messages, rule_bytes(&size));
	out->messages = sum(out->messages, machine_bytes(s, be, size.n));
	out->messages = sum(out->messages, judge_bytes(&m, size.workers, size.n));
	size_t floats = sum(rule_memory(&size).floats, method_answer_floats(&m, size.n));
	out->optimiser = sum(out->optimiser, product(floats, sizeof(float)));
}

/* What colluders send, measure and remember, and the answers that they try. */
static void plan_crowd(const struct settings *s, int lanes, const struct backend *be, struct plan *out)
{
	const struct rule_size size = settings_rule_size(s, out->n_params, lanes);
	const struct method method = settings_method(s);
	size_t n = out->n_params, blocks = crowd_blocks(n), bytes = 0;
	if (!crowd_of(s))
		return;
	if (!crowd_each(s))
		bytes = product(n, sizeof(float));
	bytes = sum(bytes, product(product(blocks, crowd_sums(s)), sizeof(double)));
	if (crowd_asks(s)) {
		bytes = sum(bytes, rule_bytes(&size));
		bytes = sum(bytes, machine_bytes(s, be, n));
		bytes = sum(bytes, judge_bytes(&method, size.workers, n));
		bytes = sum(bytes, product(sum(rule_memory(&size).floats, method_answer_floats(&method, n)),
		                           sizeof(float)));
		bytes = sum(bytes, sum(method_pull_bytes(&method, n), blocks * sizeof(double)));
		if (method.two_way)
			bytes = sum(bytes, method_answer_bytes(&method, n));
		bytes = sum(bytes, product(product((size_t)s->adversaries.count, crowd_unsaid_floats(s, n)),
		                           sizeof(float)));
	}
	out->lanes = sum(out->lanes, bytes);
	out->adversaries = sum(out->adversaries, product(crowd_memory_floats(s, n), sizeof(float)));
}

/* Of the state, and of the messages where the transport reads no others; plan_state() comes first. */
static void plan_mirrors(const struct plan_share *share, struct plan *out)
{
	size_t messages = sum(product((size_t)share->hosted, out->push_bytes), out->pull_bytes);
	out->mirrors = sum(sum(out->parameters, out->momentum), sum(out->optimiser, out->adversaries));
	out->mirrors = sum(out->mirrors, share->mirrors ? messages : 0);
}

/* What is on the host because a machine's memory is elsewhere, and what it needs there in addition. */
static void plan_apart(const struct settings *s, int lanes, const struct plan_share *share,
                       const struct backend *be, struct plan *out)
{
	const struct data_source *source = (const struct data_source *)s->data.row;
	bool images = s->shape.window == 0 && !source->readers;
	plan_mirrors(share, out);
	size_t slots = (size_t)lane_fuse(s->fuse, share->hosted);
	out->gathered = product((size_t)lanes,
	                        sum(gathered_bytes(s, slots), host_lane_bytes(s, out->n_params, false)));
	if (images && be->keeps_data)
		out->device_data =
		        product(shape_samples(&s->shape), shape_features(&s->shape) + sizeof(uint16_t));
	if (share->root) {
		out->probes = probe_bytes(s, out->n_params, (size_t)lanes);
		out->mirrors = sum(out->mirrors, probe_mirror_bytes(s, out->n_params, (size_t)lanes));
	}
	out->queues = product((size_t)lanes + 1, be->memory->queue_bytes);
}

void trainer_plan_share(const struct settings *s, int lanes, const struct plan_share *share, struct plan *out)
{
	const struct method method = settings_method(s);
	const struct model *model = (const struct model *)s->model.row;
	struct backend be;
	*out = (struct plan){.n_params = 0};
	if (share->be)
		be = *share->be;
	else
		open_backend(s, &be, out);
	struct model_env env = settings_model_env(s, &be);
	size_t n = model->n_params(s->model.state, &env), m = (size_t)share->hosted;
	size_t instances, shared, slots = (size_t)lane_fuse(s->fuse, share->hosted);
	model_bytes(s, &env, share->hosted, s->parts ? (size_t)s->workers : m + share->root, &instances,
	            &shared);
	out->n_params = n;
	out->backend = be.name;
	out->push_bytes = method_push_bytes(&method, n);
	out->pull_bytes = method_answer_bytes(&method, n);
	/* a server without workers of its own holds the messages of all */
	out->messages = sum(product(m > 0 ? m : (size_t)s->workers, out->push_bytes), out->pull_bytes);
	if (method.two_way) /* what it says */
		out->messages = sum(out->messages, method_pull_bytes(&method, n));
	if (share->link && share->link->row->round_bytes)
		out->messages =
		        sum(out->messages, share->link->row->round_bytes(share->link->self, out->push_bytes,
		                                                         out->pull_bytes));
	out->lane = sum(instances,
	                sum(lane_bytes(s, n, slots), be.memory->host ? host_lane_bytes(s, n, true) : 0));
	out->lanes = sum(product((size_t)lanes, out->lane), shared);
	out->lanes = sum(out->lanes, product(turn_kept(s, m), product(n, sizeof(float))));
	out->data = data_bytes(s, lanes);
	plan_state(s, &env, m, out);
	plan_crowd(s, lanes, &be, out);
	if (share->meets)
		plan_meeting(s, lanes, share->mirrors ? NULL : &be, out);
	if (share->root)
		out->record = sum(record_bytes(s, n), be.memory->host ? probe_bytes(s, n, (size_t)lanes) : 0);
	if (!be.memory->host)
		plan_apart(s, lanes, share, &be, out);
	sum_up(out, be.memory);
}

void trainer_plan(const struct settings *s, int lanes, struct plan *out)
{
	const struct plan_share all = {.hosted = (int)s->workers, .root = true, .meets = true};
	trainer_plan_share(s, lanes, &all, out);
}

void trainer_plan_hosted(const struct settings *s, int lanes, int hosted, struct plan *out)
{
	const struct plan_share share = {.hosted = hosted < (int)s->workers ? hosted : (int)s->workers,
	                                 .mirrors = true};
	trainer_plan_share(s, lanes, &share, out);
	size_t own = product((size_t)lanes, library_bytes(s));
	if (out->total == SIZE_MAX)
		return;
	*(out->device > 0 ? &out->gathered : &out->lanes) -= own;
	out->total -= own + out->base;
	out->base = 0;
}

int plan_room(const struct plan *p, struct err *e)
{
	struct machine_memory have = machine_memory();
	size_t here = p->total - p->device;
	char need[32], room[32], all[32];
	bool short_here = here > have.bytes, short_there = p->device > p->device_free;
	if (!short_here && !short_there)
		return 0;
	log_bytes((double)(short_here ? here : p->device), need);
	log_bytes(short_here ? (double)have.bytes : (double)p->device_free, room);
	log_bytes((double)p->device_all, all);
	if (short_here)
		return err_world(e,
		                 "memory: this run needs about %s in this process, found %s (%s); `signsgd "
		                 "validate` says what it goes to",
		                 need, room, have.of);
	return err_world(e,
	                 "memory: this run needs about %s of the memory of backend \"%s\", found %s free of "
	                 "%s; `signsgd validate` says what it goes to",
	                 need, p->backend, room, all);
}

int plan_check(const struct plan *p, double limit, const char *source, struct err *e)
{
	const struct plan_part *most = &plan_parts[0];
	char total[32], part[32], allowed[32];
	if ((double)p->total <= limit)
		return 0;
	for (const struct plan_part *at = plan_parts; at->offset != PART(total); at++)
		if (plan_part_bytes(p, at) > plan_part_bytes(p, most))
			most = at;
	log_bytes((double)p->total, total);
	log_bytes((double)plan_part_bytes(p, most), part);
	log_bytes(limit, allowed);
	return err_user(
	        e,
	        "%s: need %s of memory here, most of it for: %s (%s), and may take %s; nothing was made; "
	        "--memory %.0fMiB allows it",
	        source, total, most->about, part, allowed, ceil((double)p->total / 0x1p20));
}
