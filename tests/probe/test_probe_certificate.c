/*
 * The probe certificate: against every other vote that voters could have sent, on all messages of a few of
 * them; against the recorded margins of runs; the same bits on any lanes, on other memory, resumed, and in
 * every way to run in which one process counts all votes.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "probe/probe_internal.h"
#include "tests/support/aggregator_fixture.h"
#include "tests/support/guarded.h"
#include "tests/support/h5_door.h"
#include "tests/support/mpirun.h"
#include "tests/support/train.h"

TestSuite(probe_certificate, .init = cli_open, .fini = cli_close, .timeout = 300);

enum { N = 150000, M = 9, STEPS = 4, VOTERS_MOST = 6 };

/* More coordinates than a lane sums up at a time; three Byzantine workers. `zero`, `tie`: words. */
#define RUN(zero, tie)                                                                                       \
	"{\"name\":\"c\",\"seed\":5,\"workers\":9,\"steps\":4,\"batch\":1,\"momentum\":0.25,\"lr\":0.01,"    \
	"\"model\":{\"kind\":\"quadratic\",\"dimensions\":150000,\"noise\":1},\"eval\":{\"every\":0},"       \
	"\"aggregator\":{\"kind\":\"vote\",\"zero\":\"" zero "\",\"tie\":\"" tie "\"},"                      \
	"\"adversaries\":{\"count\":3,\"attack\":\"zero\"},\"record\":{\"margin\":2,\"certificate\":2}}"

static double *column(const char *file, const char *name, size_t *count)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, file);
	return h5_door_numbers(path, name, count);
}

static void simulate(const char *file, const char *text, const char *options)
{
	cli_write("e.json", text);
	cr_assert_eq(cli("simulate %s/e.json --out %s/%s.h5 --quiet --overwrite %s", cli_folder, cli_folder,
	                 file, options),
	             0, "%s", cli_err);
}

static void expect_same(const char *a, const char *b)
{
	static const char *const names[] = {"/probes/certificate/step", "/probes/certificate/turned"};
	for (size_t i = 0; i < 2; i++) {
		size_t count, other;
		double *left = column(a, names[i], &count), *right = column(b, names[i], &other);
		cr_assert(count == other && count > 0, "%s: %zu and %zu", names[i], count, other);
		cr_expect_eq(memcmp(left, right, count * sizeof *left), 0, "%s of %s and %s", names[i], a, b);
		mem_free(left);
		mem_free(right);
	}
}

/* --- the formula ---------------------------------------------------------------------------------------- */

/* All that a few voters can say of a coordinate together: number k of them. */
struct sayings {
	int voters, kinds; /* kinds 2: -1 and +1; 3: 0 too */
	size_t count;      /* kinds to the power of voters */
};

static int said(const struct sayings *all, size_t k, int voter)
{
	for (int i = 0; i < voter; i++)
		k /= (size_t)all->kinds;
	int at = (int)(k % (size_t)all->kinds);
	return all->kinds == 2 ? 2 * at - 1 : at - 1;
}

static int sign_of_sum(const struct sayings *all, size_t k)
{
	int sum = 0;
	for (int m = 0; m < all->voters; m++)
		sum += said(all, k, m);
	return (sum > 0) - (sum < 0);
}

/* How many of them say something else. */
static int changed(const struct sayings *all, size_t k, size_t other)
{
	int count = 0;
	for (int m = 0; m < all->voters; m++)
		count += said(all, k, m) != said(all, other, m);
	return count;
}

/* Could `f` of the voters, saying anything else, give the sum another sign? By trying all. */
static bool could_turn(const struct sayings *all, size_t k, int f)
{
	for (size_t other = 0; other < all->count; other++)
		if (changed(all, k, other) <= f && sign_of_sum(all, k) != sign_of_sum(all, other))
			return true;
	return false;
}

/* One row of a certificate among `workers`, of whom those in the rig were counted; in two lanes. */
static double *certified(const struct rig *r, int workers, size_t *columns)
{
	struct runs runs;
	struct pool *pool = pool_open(2);
	char path[200], text[300];
	const void *const *pushes = (const void *const *)r->push;
	size_t cut = r->job.n > 64 ? 64 : 0;
	snprintf(path, sizeof path, "%s/row.h5", cli_folder);
	snprintf(text, sizeof text,
	         "{\"workers\":%d,\"steps\":1,\"batch\":1,\"model\":\"quadratic\",\"record\":{"
	         "\"certificate\":1}}",
	         workers);
	struct h5 *f = h5_create(path);
	struct certificate *p = certificate_open(train_settings(&runs, text), &r->be, pool, r->job.n, f);
	certificate_votes(p, &r->job, 1, r->workers, pushes, cut, r->job.n);
	certificate_votes(p, &r->job, 0, r->workers, pushes, 0, cut);
	certificate_step(p, 1);
	certificate_close(p);
	h5_door_save(f);
	h5_close(f);
	runs_clear(&runs);
	pool_close(pool);
	return column("row", "/probes/certificate/turned", columns);
}

static void check_by_trying(int voters, int absent, bool abstains)
{
	struct rig r;
	struct sayings all = {voters, abstains ? 3 : 2, 1};
	for (int m = 0; m < voters; m++)
		all.count *= (size_t)all.kinds;
	rig_init(&r, rig_ref(),
	         abstains ? "{\"kind\":\"vote\",\"zero\":\"abstain\"}"
	                  : "{\"kind\":\"vote\",\"zero\":\"positive\"}",
	         voters, all.count);
	float *v = mem_array(all.count, sizeof *v);
	for (int m = 0; m < voters; m++) {
		for (size_t k = 0; k < all.count; k++)
			v[k] = (float)said(&all, k, m);
		rig_encode(&r, (uint32_t)m, v);
	}
	size_t columns;
	double *turned = certified(&r, voters + absent, &columns);
	cr_assert_eq(columns, (size_t)(voters + absent) / 2);
	for (int f = 1; f <= (int)columns; f++) {
		size_t count = 0;
		for (size_t k = 0; k < all.count; k++)
			count += could_turn(&all, k, f);
		cr_expect_eq(turned[f - 1], (double)count / (double)all.count,
		             "%d voters of %d, f %d: %g, expected %zu of %zu", voters, voters + absent, f,
		             turned[f - 1], count, all.count);
	}
	mem_free(turned);
	mem_free(v);
	rig_clear(&r);
}

Test(probe_certificate, is_what_trying_all_other_votes_finds)
{
	for (int voters = 1; voters <= VOTERS_MOST; voters++)
		for (int absent = 0; absent < 3; absent++) {
			if (voters + absent < 2)
				continue;
			check_by_trying(voters, absent, false);
			check_by_trying(voters, absent, true);
		}
}

/* --- runs ----------------------------------------------------------------------------------------------- */

/* A row of the certificate is what the step's margins [2M+1] say. */
static void expect_within(const double *turned, const double *votes)
{
	for (int f = 1; f <= M / 2; f++) {
		double within = 0, got = turned[f - 1];
		for (int sum = -2 * f; sum <= 2 * f; sum++)
			within += votes[sum + M];
		cr_expect_eq(got, within / N, "f %d: %g, expected %g", f, got, within / N);
	}
}

static void check_beside_margins(const char *text, bool abstains)
{
	size_t rows, count, steps;
	simulate("r", text, "--lanes 2");
	double *turned = column("r", "/probes/certificate/turned", &rows),
	       *votes = column("r", "/probes/margin/votes", &count),
	       *step = column("r", "/probes/certificate/step", &steps);
	cr_assert(rows == STEPS / 2 * (M / 2) && count == STEPS / 2 * (2 * M + 1) && steps == STEPS / 2);
	for (size_t i = 0; i < steps; i++) {
		cr_expect_eq(step[i], 2 * (double)(i + 1));
		const double *row = turned + i * (M / 2);
		expect_within(row, votes + i * (2 * M + 1));
		for (int f = 1; f <= M / 2; f++)
			cr_expect(row[f - 1] > 0 && (abstains && f >= 3 ? row[f - 1] == 1 : row[f - 1] < 1),
			          "six votes are turned by three, nine by no four: %g", row[f - 1]);
	}
	mem_free(turned);
	mem_free(votes);
	mem_free(step);
}

Test(probe_certificate, is_the_share_of_small_margins)
{
	check_beside_margins(RUN("random", "random"), false);
	check_beside_margins(RUN("positive", "positive"), false);
	check_beside_margins(RUN("abstain", "abstain"), true);
}

Test(probe_certificate, the_same_bits_on_any_lanes_and_resumed)
{
	static const char text[] = RUN("abstain", "random");
	simulate("one", text, "--lanes 1");
	simulate("more", text, "--lanes 3");
	expect_same("one", "more");
	simulate("more", text, "--steps 2 --set checkpoint.keep=true");
	cr_assert_eq(cli("simulate --resume %s/more.h5 --steps 4 --quiet", cli_folder), 0, "%s", cli_err);
	expect_same("one", "more");
}

/* On memory that only kernels can touch. */
Test(probe_certificate, the_same_bits_on_guarded_memory)
{
	guarded_expect_as_ref(RUN("abstain", "abstain"), "--lanes 2");
	guarded_expect_as_ref(RUN("random", "random"), "--lanes 2");
}

/* Margins need the workers in this process, the certificate only the votes. */
Test(probe_certificate, the_same_bits_wherever_one_process_counts)
{
	static const char text[] = RUN("abstain", "random");
	simulate("one", text, "--set record.margin=0");
	cr_assert_eq(cli("train %s/e.json --set record.margin=0 --processes 3 --set transport.buckets=2 "
	                 "--out %s/own.h5 --quiet",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	expect_same("one", "own");
	if (!mpirun_here()) {
		printf("skipped: no mpirun, or built without MPI\n");
		return;
	}
	cr_assert_eq(mpirun(2,
	                    "train %s/e.json --set record.margin=0 --set transport.kind=mpi --set "
	                    "transport.topology=star --set transport.buckets=2 --out %s/mpi.h5 --quiet",
	                    cli_folder, cli_folder),
	             0, "%s", cli_err);
	expect_same("one", "mpi");
}

/* Two workers lose a round of a recorded run, which is repeated: they have no votes there to change. */
Test(probe_certificate, counts_the_votes_of_those_that_were_counted)
{
	static const char text[] = RUN("positive", "positive");
	int32_t born[STEPS][M] = {0};
	size_t count, shape[] = {STEPS, M};
	char path[200];
	cli_write("e.json", text);
	cr_assert_eq(cli("train %s/e.json --processes 2 --out %s/own.h5 --quiet", cli_folder, cli_folder), 0,
	             "%s", cli_err);
	for (int m = 2; m < 9; m += 5) {
		born[1][m] = -1;
		born[2][m] = born[3][m] = 2;
	}
	snprintf(path, sizeof path, "%s/own.h5", cli_folder);
	struct h5 *f = h5_door_edit(path);
	h5_write(f, "/voters/since", H5_I32, 2, shape, born);
	h5_door_save(f);
	h5_close(f);
	cli_expect(1, "other bits", "simulate --replay %s --out %s/replay.h5 --quiet", path, cli_folder);
	double *turned = column("replay", "/probes/certificate/turned", &count),
	       *votes = column("replay", "/probes/margin/votes", &count);
	cr_assert_eq(count, STEPS / 2 * (2 * M + 1));
	for (int sum = -M; sum <= M; sum++)
		cr_expect((sum % 2 != 0 && abs(sum) < M) || votes[sum + M] == 0,
		          "seven were counted, and V = %d at %g coordinates", sum, votes[sum + M]);
	expect_within(turned, votes);
	mem_free(turned);
	mem_free(votes);
}

/* The last row, in words and as JSON; null where nothing was recorded. */
Test(probe_certificate, is_shown)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	char words[160];
	size_t count;
	simulate("r", RUN("random", "random"), "");
	double *turned = column("r", "/probes/certificate/turned", &count), *last = turned + count - M / 2;
	cr_assert_eq(cli("show --json %s/r.h5", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	const struct json *shown = json_member(lines[0], "certificate");
	cr_assert(shown && shown->type == JSON_OBJECT, "%s", cli_out);
	cr_expect_eq(json_member(shown, "step")->number, STEPS);
	size_t f = 0;
	for (const struct json *v = json_member(shown, "turned")->child; v; v = v->next, f++)
		cr_expect(f < M / 2 && v->number == last[f], "%zu: %.17g", f, v->number);
	cr_expect_eq(f, M / 2);
	cr_assert_eq(cli("show %s/r.h5", cli_folder), 0, "%s", cli_err);
	snprintf(words, sizeof words, "in step 4 the vote of %.2f %% of the coordinates",
	         100 * (1 - last[0]));
	cr_expect_not_null(strstr(cli_out, words), "%s: %s", words, cli_out);
	snprintf(words, sizeof words, "of %.2f %% from any 3", 100 * (1 - last[2]));
	cr_expect_not_null(strstr(cli_out, words), "%s: %s", words, cli_out);
	simulate("r", RUN("random", "random"), "--set record={}");
	cr_assert_eq(cli("show --json %s/r.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "\"certificate\":null"), "%s", cli_out);
	cr_assert_eq(cli("show %s/r.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_out, "certificate"), "%s", cli_out);
	mem_free(turned);
	arena_clear(&a);
}

Test(probe_certificate, what_cannot_be_recorded_is_refused_by_name)
{
	cli_write("e.json", RUN("random", "random"));
	cli_expect(2,
	           "record: certificate: it says how many voters could turn a majority, and aggregator "
	           "\"median\" takes none; expected \"vote\"",
	           "validate %s/e.json --set aggregator=median --set record.margin=0", cli_folder);
	cli_expect(2, "aggregator \"mean\" takes none",
	           "validate %s/e.json --set aggregator=mean --set compressor=sign", cli_folder);
	cli_expect(2, "record: certificate: it goes up to half of the workers, found 1 worker",
	           "validate %s/e.json --workers 1 --adversaries 0", cli_folder);
	static const char apart[] = "record.certificate: it looks at all votes, and with these settings of "
	                            "transport";
	cli_expect(2, apart, "validate %s/e.json --set transport.kind=zmq --set transport.shards=2",
	           cli_folder);
	cli_expect(2, apart, "train %s/e.json --processes 2 --set transport.shards=2 --out %s/t.h5",
	           cli_folder, cli_folder);
	cli_expect(2, apart, "validate %s/e.json --set transport=mpi", cli_folder);
	cr_expect_eq(
	        cli("validate %s/e.json --set transport.kind=mpi --set transport.topology=star", cli_folder),
	        0, "%s", cli_err);
	cr_expect_eq(cli("validate %s/e.json --set transport=zmq", cli_folder), 0, "%s", cli_err);
}

/* What was there before this key keeps its id. */
Test(probe_certificate, zero_is_the_same_as_nothing)
{
	cli_write("e.json", RUN("random", "random"));
	cr_assert_eq(cli("validate %s/e.json --set record={}", cli_folder), 0, "%s", cli_err);
	char *plain = mem_string(cli_out);
	cr_assert_eq(cli("validate %s/e.json --set 'record={\"certificate\":0}'", cli_folder), 0, "%s",
	             cli_err);
	cr_expect_str_eq(cli_out, plain);
	mem_free(plain);
}

/* What a lane sums up in does not grow with the vector, and is announced; so are the rows. */
Test(probe_certificate, memory_is_planned)
{
	struct runs runs;
	struct plan with_it, plain;
	const struct settings *s = train_settings(&runs, RUN("random", "random"));
	struct settings none = *s;
	none.record.certificate = 0;
	trainer_plan(s, 3, &with_it);
	trainer_plan(&none, 3, &plain);
	double rows = certificate_file_bytes(s);
	cr_expect_eq(rows, STEPS / 2 * 8 * (1 + M / 2));
	cr_expect_eq(with_it.record - plain.record, certificate_bytes(s, 3) + (size_t)rows);
	cr_expect(certificate_bytes(s, 3) > 3 * 131072 && certificate_bytes(s, 3) < 3 * 200000);
	cr_expect_eq(certificate_bytes(&none, 3), 0);
	runs_clear(&runs);
}
