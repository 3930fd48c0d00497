/*
 * A rule that must see all messages at once, over MPI: this program starts itself under mpirun with 1 to 4
 * processes. In both topologies, whole and in buckets, each process compares its answers with those of the
 * same rule in one place; the root also collects the rule's memory. Vectors below a block, of whole blocks,
 * and above; so some processes have no share.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/launcher.h"
#include "tests/support/meeting_rule.h"
#include "tests/support/plain.h"
#include "tests/support/process.h"
#include "transport/launch.h"
#include "transport/mpi_row.h"

enum { WORKERS = 5, STEPS = 4, MOST = 2 * MEETING_BLOCK + 130, PROCESSES_MOST = 4 };

extern const struct transport transport_mpi;

static float messages[WORKERS][MOST], pull[MOST], want[MOST], memory[MOST], memory_alone[MOST];

/* What a run needs. */
struct scene {
	struct mpi_settings set;
	struct link link;
	size_t n;
	struct meeting_rule rule, alone;
	struct train_state st;
	size_t floats[WORKERS];
	float *blocks[WORKERS];
	int64_t born[WORKERS];
};

static void make_messages(size_t n, uint64_t step)
{
	for (int m = 0; m < WORKERS; m++) {
		struct stream noise = stream_of(4, RNG_TEST, (uint32_t)m, step);
		for (size_t i = 0; i < n; i++)
			messages[m][i] = stream_uniform(&noise, i) - 0.5F;
	}
	if (step == 3)
		messages[1][n - 1] = 1.0F / 0.0F; /* in the last share: all must hear of it */
}

static void post(const struct scene *s, const struct exchange_request *x)
{
	size_t size = planes_bucket(s->n, (size_t)s->set.buckets);
	for (int i = 0; s->set.buckets > 1 && i < x->hosted; i++)
		for (size_t end = s->n; end > 0; end = (end - 1) / size * size)
			s->link.row->post(s->link.self, x, i, (end - 1) / size * size, end);
}

/* Which way, for what fails. */
static size_t mark(const struct scene *s, uint64_t step)
{
	return s->n * 1000 + (size_t)s->set.topology * 100 + (size_t)s->set.buckets * 10 + step;
}

static void step(struct scene *s, uint64_t k)
{
	static const int all[] = {0, 1, 2, 3, 4};
	static const bool honest[WORKERS] = {true, true, true, true, true};
	const void *pushes[WORKERS], *own[WORKERS];
	double loss[WORKERS] = {0};
	size_t bytes = s->n * sizeof(float);
	struct exchange_reply reply;
	struct err e = {0};
	make_messages(s->n, k);
	for (int m = 0; m < WORKERS; m++)
		pushes[m] = messages[m];
	for (int i = 0; i < s->link.count; i++)
		own[i] = messages[s->link.ids[i]];
	struct exchange_request x = {.step = k,
	                             .shape = {.n = s->n,
	                                       .push_bytes = bytes,
	                                       .pull_bytes = bytes,
	                                       .push_planes = planes_of(32, bytes, s->n),
	                                       .pull_planes = planes_of(32, bytes, s->n)},
	                             .rule = {.name = "test", .meet = meeting_rule_meet, .ctx = &s->rule},
	                             .pushes = own,
	                             .hosted = s->link.count,
	                             .honest = honest,
	                             .pull = pull,
	                             .loss = loss,
	                             .born = s->born};
	memset(pull, 0x5a, bytes);
	memset(want, 0x5a, bytes);
	bool withheld =
	        meeting_rule_alone(&s->alone, k, WORKERS, all, pushes, s->n, want) == MEETING_WITHHELD;
	post(s, &x);
	if (s->link.row->exchange(s->link.self, &x, &reply, &e) != EXCHANGE_DONE)
		die("%s", e.text);
	plain_check(memcmp(pull, want, bytes) == 0, "the answer", mark(s, k));
	plain_check(reply.flags == (withheld ? EXCHANGE_WITHHELD : 0), "what is said of it", mark(s, k));
	plain_check(!withheld || reply.bytes_down == 0, "bytes of no answer", mark(s, k));
	plain_check(withheld || reply.bytes_down == bytes * (size_t)(mpi_launched() - 1),
	            "bytes of the answer", mark(s, k));
	s->st.step = (int64_t)k + 1;
}

/* begun: the steps before were done in another way; the root alone has the memory then. */
static void steps(int topology, int buckets, size_t n, bool begun)
{
	static struct scene s;
	struct err e = {0};
	struct pool *pool = pool_open(2);
	struct transport_env env = {.workers = WORKERS, .pool = pool};
	memset(memory, 0, sizeof memory);
	memset(memory_alone, 0, sizeof memory_alone);
	s = (struct scene){.set = {.topology = topology, .buckets = buckets},
	                   .n = n,
	                   .rule = {.every = 3, .memory = memory},
	                   .alone = {.every = 3, .memory = memory_alone}};
	for (size_t i = 0; begun && i < n; i++) {
		memory_alone[i] = (float)(i % 1000);
		memory[i] = mpi_launched_rank() == 0 ? memory_alone[i] : -1;
	}
	s.st = (struct train_state){.x = {n, pull},
	                            .server = {n, memory},
	                            .server_vectors = 1,
	                            .worker_floats = s.floats,
	                            .workers = s.blocks,
	                            .born = s.born,
	                            .given = begun};
	if (transport_mpi.open(&s.set, &env, &s.link, &e) || s.link.row->sync(s.link.self, &s.st, &e))
		die("%s", e.text);
	plain_check(s.link.meets == (topology == TOPOLOGY_SHARDED || s.link.root), "where votes meet", n);
	for (uint64_t k = 0; k < STEPS; k++)
		step(&s, k);
	if (s.link.row->collect(s.link.self, &s.st, &e))
		die("%s", e.text);
	plain_check(!s.link.root || memcmp(memory, memory_alone, n * sizeof *memory) == 0, "the memory",
	            mark(&s, STEPS));
	if (s.link.root)
		s.link.row->leave(s.link.self, true, "");
	s.link.row->close(s.link.self);
	pool_close(pool);
}

static int hold_meetings(void)
{
	static const size_t sizes[] = {1, 1000, MEETING_BLOCK, MOST};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (int buckets = 1; buckets <= 3; buckets += 2) {
			steps(TOPOLOGY_STAR, buckets, sizes[i], false);
			steps(TOPOLOGY_SHARDED, buckets, sizes[i], buckets == 3);
		}
	return plain_end();
}

int main(int argc, char **argv)
{
	(void)argc;
	if (mpi_launched() > 0)
		return hold_meetings();
	if (!mpirun_here() || process_sanitized()) {
		printf("skipped: no mpirun, built without MPI, or with a sanitizer\n");
		return EXIT_DONE;
	}
	setenv("SIGNSGD_MODULES", launcher_modules(), 1);
	for (int p = 1; p <= PROCESSES_MOST; p++) {
		char line[4096];
		snprintf(line, sizeof line, "timeout -k 5 300 mpirun -n %d %s", p, argv[0]);
		if (system(line) != 0) {
			fprintf(stderr, "%d processes: failed\n", p);
			return EXIT_WORLD;
		}
	}
	return EXIT_DONE;
}
