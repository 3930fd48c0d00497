/* Units of networks, the model of a step's time against arithmetic by hand, and `signsgd estimate`. */
#include "tests/support/cli.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/units.h"
#include "bench/cost.h"

TestSuite(cost, .init = cli_open, .fini = cli_close, .timeout = 120);

Test(cost, rates_and_times_have_units)
{
	static const struct {
		const char *text;
		double value;
	} rates[] = {{"100mbit", 1e8}, {"10gbit", 1e10}, {"2.5 Gbit", 2.5e9}, {"64kbit", 64e3},
	             {"9bit", 9},      {"1e3kbit", 1e6}, {".5mbit", 5e5}},
	  amounts[] = {{"512MiB", 0x1p29}, {"2 gb", 2e9}, {"1.5KiB", 1536}, {"7B", 7}},
	  times[] = {{"50us", 50e-6}, {"20ms", 20e-3}, {"0.19s", 0.19}, {"0s", 0}, {"2min", 120}, {"1 S", 1}};
	struct err e = {0};
	double value;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		cr_assert_eq(units_rate("--rate", rates[i].text, &value, &e), 0, "%s", e.text);
		cr_expect_float_eq(value, rates[i].value, 1e-9 * value);
	}
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		cr_assert_eq(units_time("--latency", times[i].text, &value, &e), 0, "%s", e.text);
		cr_expect_float_eq(value, times[i].value, 1e-12);
	}
	for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
		cr_assert_eq(units_memory("--memory", amounts[i].text, &value, &e), 0, "%s", e.text);
		cr_expect_eq(value, amounts[i].value);
	}
}

Test(cost, what_has_no_unit_or_makes_no_sense_gets_a_sentence)
{
	static const char *const bad[] = {"",           "100",      "mbit",   "100mbps",
	                                  "100 mbit/s", "-1mbit",   "nanbit", "infbit",
	                                  "0x10bit",    "1e999bit", "0mbit",  "10  gbit"};
	double value = 7;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = {0};
		cr_expect_eq(units_rate("--rate", bad[i], &value, &e), -1, "%s was taken", bad[i]);
		cr_expect_not_null(strstr(e.text, "as in 100mbit"), "%s", e.text);
		cr_expect_eq(e.code, EXIT_USER);
		err_clear(&e);
		cr_expect_eq(units_time("--latency", bad[i], &value, &e), -1, "%s was taken", bad[i]);
		cr_expect_not_null(strstr(e.text, "as in 50us"), "%s", e.text);
		err_clear(&e);
		cr_expect_eq(units_memory("--memory", bad[i], &value, &e), -1, "%s was taken", bad[i]);
		cr_expect_not_null(strstr(e.text, "as in 2GiB"), "%s", e.text);
	}
	cr_expect_eq(value, 7);
}

Test(cost, units_are_written_with_three_digits)
{
	char text[32];
	units_rate_text(1e8, text);
	cr_expect_str_eq(text, "100 Mbit/s");
	units_rate_text(2.5e9, text);
	cr_expect_str_eq(text, "2.5 Gbit/s");
	units_rate_text(64e3, text);
	cr_expect_str_eq(text, "64 kbit/s");
	units_time_text(50e-6, text);
	cr_expect_str_eq(text, "50 us");
	units_time_text(4.709e-3, text);
	cr_expect_str_eq(text, "4.71 ms");
	units_time_text(0.99999, text);
	cr_expect_str_eq(text, "1 s");
	units_time_text(120, text);
	cr_expect_str_eq(text, "2 min");
	units_time_text(171071, text);
	cr_expect_str_eq(text, "47.5 h");
	units_bytes_text(2044e9, text);
	cr_expect_str_eq(text, "2.04 TB");
	units_bytes_text(102228128, text);
	cr_expect_str_eq(text, "102 MB");
	units_bytes_text(999, text);
	cr_expect_str_eq(text, "999 B");
}

static struct cost_setting setting(double n, double machines)
{
	return (struct cost_setting){.n = n,
	                             .push_bytes = n / 8,
	                             .pull_bytes = n / 8,
	                             .machines = machines,
	                             .shards = 2,
	                             .rate = 1e8,
	                             .server_rate = 1e8,
	                             .speed = {1e12, 1e12, 1e12, 1e12}};
}

/* PAPER.md, Cost: bytes a step, sent plus received. */
Test(cost, bytes_are_the_papers)
{
	const double n = 64e4;
	for (int machines = 2; machines <= 64; machines++) {
		struct cost_setting s = setting(n, machines);
		double share = (machines - 1.0) / machines;
		const double worker[] = {8 * n, 16 * n * share, 16 * n * share, n / 4,
		                         n / 4, n / 2 * share,  n / 2 * share};
		const double busiest[] = {8 * n * machines, 16 * n * share, 16 * n * share, n / 4 * machines,
		                          n / 8 * machines, n / 2 * share,  n / 2 * share};
		for (int t = 0; t < COST_TOPOLOGIES; t++) {
			struct cost c;
			cost_of(&s, (enum cost_topology)t, &c);
			cr_expect_float_eq(c.worker_bytes, worker[t], 1e-6 * worker[t], "%s", cost_names[t]);
			cr_expect_float_eq(c.busiest_bytes, busiest[t], 1e-6 * busiest[t], "%s, M = %d",
			                   cost_names[t], machines);
		}
	}
}

/* Eight workers, a million coordinates, 100 Mbit/s, by hand: bytes through the busiest link / 11.955 MB/s. */
Test(cost, a_round_by_hand)
{
	const double by_hand[] = {5.353, 0.586, 0.586, 0.1673, 0.0836, 0.0183, 0.0183};
	struct cost_setting s = setting(1e6, 8);
	for (int t = 0; t < COST_TOPOLOGIES; t++) {
		struct cost c;
		cost_of(&s, (enum cost_topology)t, &c);
		cr_expect_float_eq(c.wire_s, by_hand[t], 0.01 * by_hand[t], "%s: %g", cost_names[t],
		                   c.wire_s);
		cr_expect_float_eq(c.step_s, c.wire_s + c.latency_s + c.work_s, 1e-12);
	}
}

/* Between M + 1 messages and 2 M. */
Test(cost, streamed_rounds_overlap_at_a_server)
{
	struct cost_setting s = setting(1e6, 8);
	struct cost apart, streamed;
	cost_of(&s, COST_VOTE_SERVER, &apart);
	s.streamed = true;
	cost_of(&s, COST_VOTE_SERVER, &streamed);
	cr_expect_float_eq(streamed.wire_s / apart.wire_s, (9 + 16) / 2.0 / 16, 1e-6);
	cr_expect_eq(streamed.busiest_bytes, apart.busiest_bytes);
	cost_of(&s, COST_VOTE_SHARDED, &streamed);
	s.streamed = false;
	cost_of(&s, COST_VOTE_SHARDED, &apart);
	cr_expect_eq(streamed.wire_s, apart.wire_s);
}

Test(cost, turns_cost_latencies)
{
	/* and log2 of the processes, rounded up, for the word from all to all */
	const double hops[] = {2 + 4, 14 + 3, 6 + 3, 2 + 4, 2 + 4, 2 + 3, 14 + 3};
	struct cost_setting s = setting(1e6, 8);
	s.latency_s = 1;
	for (int t = 0; t < COST_TOPOLOGIES; t++) {
		struct cost c;
		cost_of(&s, (enum cost_topology)t, &c);
		cr_expect_float_eq(c.latency_s, hops[t], 1e-9, "%s", cost_names[t]);
	}
	struct cost streamed;
	s.streamed = true;
	cost_of(&s, COST_VOTE_SERVER, &streamed);
	cr_expect_float_eq(streamed.latency_s, 2, 1e-9);
}

Test(cost, work_is_counted_where_it_is_done)
{
	struct cost_setting s = setting(1e6, 8);
	struct cost one, shards, all;
	s.speed = (struct cost_speed){1e6, 1e6, 1e6, 1e6};
	cost_of(&s, COST_VOTE_SERVER, &one);
	cost_of(&s, COST_VOTE_SHARDS, &shards);
	cost_of(&s, COST_VOTE_SHARDED, &all);
	cr_expect_float_eq(one.work_s, 1 + 8 + 1, 1e-9);
	cr_expect_float_eq(shards.work_s, 1 + 4 + 1, 1e-9);
	cr_expect_float_eq(all.work_s, 1 + 1 + 1, 1e-9);
}

/* One: the mean of a log-normal number. Two: 2 exp(s^2/2) Phi(s/sqrt 2). */
Test(cost, the_slowest_of_many)
{
	for (double sigma = 0; sigma < 1.6; sigma += 0.25) {
		double mean = exp(sigma * sigma / 2), phi = 0.5 * erfc(-sigma / 2);
		cr_expect_float_eq(cost_slowest(1, sigma), mean, 1e-5 * mean, "sigma %g", sigma);
		cr_expect_float_eq(cost_slowest(2, sigma), 2 * mean * phi, 1e-5 * mean, "sigma %g", sigma);
	}
	cr_expect_float_eq(cost_slowest(10000, 0), 1, 1e-9);
	/* small sigma: 1 + sigma times the mean of the largest of 100 normal numbers, 2.5076 */
	cr_expect_float_eq((cost_slowest(100, 1e-4) - 1) / 1e-4, 2.5076, 1e-3);
	cr_expect_gt(cost_slowest(10000, 0.2), cost_slowest(1000, 0.2));
}

Test(cost, break_evens_are_where_the_model_says)
{
	struct cost_setting s = setting(64e5, 8);
	double from, to;
	struct cost mine, ring;
	/* in time a server beats the ring by 32 (M-1)/M^2: nothing goes out before all is in */
	cr_expect_eq(cost_until_machines(&s, COST_VOTE_SERVER, COST_FLOAT_RING, 1000), 30);
	cr_expect_eq(cost_until_machines(&s, COST_VOTE_SHARDED, COST_FLOAT_RING, 1000), 1000);
	cr_expect_eq(cost_until_machines(&s, COST_FLOAT_SERVER, COST_FLOAT_RING, 1000), 0);
	s.compute_s = 0.1;
	cost_rates(&s, COST_VOTE_SERVER, COST_FLOAT_RING, 0.9, &from, &to);
	cr_expect_eq(from, 0);
	s.rate = s.server_rate = to;
	cost_of(&s, COST_VOTE_SERVER, &mine);
	cost_of(&s, COST_FLOAT_RING, &ring);
	cr_expect_float_eq(mine.step_s / ring.step_s, 0.9, 0.01);
	s.machines = 100; /* no use on slow links; worth it where latencies count */
	s.latency_s = 0.02;
	cost_rates(&s, COST_VOTE_SERVER, COST_FLOAT_RING, 1, &from, &to);
	cr_expect_gt(from, 1e6);
	cr_expect(isinf(to));
	cost_rates(&s, COST_FLOAT_SERVER, COST_VOTE_SERVER, 1, &from, &to);
	cr_expect_eq(to, 0);
}

#define SPEEDS "--pack 6e9 --tally 2e11 --add 4e9"
static const char FIG5[] = "experiments/fig5-imagenet-resnet50.json";

Test(cost, estimate_writes_a_line_a_topology)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_assert_eq(
	        cli("estimate %s --rate 10gbit --latency 50us --machines 7,15 --compute 0.36s --straggle 0.1 "
	            "--json " SPEEDS,
	            FIG5),
	        0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 2 * COST_TOPOLOGIES);
	for (int i = 0; i < 2 * COST_TOPOLOGIES; i++) {
		const struct json *l = lines[i];
		cr_expect_str_eq(json_member(l, "topology")->string, cost_names[i % COST_TOPOLOGIES]);
		cr_expect_eq(cli_number(l, "machines"), i < COST_TOPOLOGIES ? 7 : 15);
		cr_expect_eq(cli_number(l, "n"), 25557032);
		cr_expect_float_eq(cli_number(l, "step_s"),
		                   cli_number(l, "communication_s") + cli_number(l, "compute_s"), 1e-9);
		cr_expect_gt(cli_number(l, "compute_s"), 0.36, "the slowest is slower than the median");
	}
	arena_clear(&a);
}

Test(cost, estimate_prints_tables)
{
	cr_assert_eq(cli("estimate experiments/demo.json --rate 100mbit --compute 5ms " SPEEDS), 0, "%s",
	             cli_err);
	cr_expect_not_null(strstr(cli_out, "vote 2 shards"));
	cr_expect_not_null(strstr(cli_out, "Break-even"));
	cr_assert_eq(cli("estimate experiments/demo.json --rate 100mbit --markdown --shards 4 " SPEEDS), 0);
	cr_expect_not_null(strstr(cli_out, "| ---: | --- |"));
	cr_expect_not_null(strstr(cli_out, "| 7 | vote 4 shards |"));
	cr_expect_null(strstr(cli_out, "Break-even"));
}

Test(cost, estimate_measures_what_is_not_given)
{
	cr_assert_eq(cli("estimate experiments/demo.json --rate 100mbit --json"), 0, "%s", cli_err);
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_assert_eq(cli_json_lines(&a, lines), COST_TOPOLOGIES);
	for (int i = 0; i < COST_TOPOLOGIES; i++)
		cr_expect(cli_number(lines[i], "work_s") > 0 && cli_number(lines[i], "work_s") < 10);
	arena_clear(&a);
}

Test(cost, estimate_says_what_is_wrong)
{
	cli_expect(2, "takes one experiment file", "estimate --rate 1gbit");
	cli_expect(2, "needs the network's rate", "estimate %s", FIG5);
	cli_expect(2, "--rate: found 'fast', expected a number above 0 with bit, kbit",
	           "estimate %s --rate fast", FIG5);
	cli_expect(2, "--latency: found '50', expected a number with us",
	           "estimate %s --rate 1gbit --latency 50", FIG5);
	cli_expect(2, "--machines: found '7,,15'", "estimate %s --rate 1gbit --machines 7,,15", FIG5);
	cli_expect(2, "--machines: found '1'", "estimate %s --rate 1gbit --machines 1", FIG5);
	cli_expect(2, "--straggle: found '-1', expected a number from 0 to 5",
	           "estimate %s --rate 1gbit --straggle=-1", FIG5);
	cli_expect(2, "--pack: found '0'", "estimate %s --rate 1gbit --pack 0", FIG5);
	cli_expect(2, "--shards: found 'x'", "estimate %s --rate 1gbit --shards x", FIG5);
}

/* The document's tables are what its commands print. */
Test(cost, the_document_shows_what_the_command_prints)
{
	static char document[CLI_SIZE], words[4096];
	size_t tables = 0;
	file_text("docs/NETWORK.md", document, sizeof document);
	for (const char *at = document; (at = strstr(at, "\n./signsgd estimate ")); at++) {
		snprintf(words, sizeof words, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
		cr_assert_eq(cli("%s", words + strlen("./signsgd ")), 0, "%s", cli_err);
		cr_expect_not_null(strstr(document, cli_out),
		                   "docs/NETWORK.md does not hold what this prints: %s", words);
		tables++;
	}
	cr_expect_eq(tables, 2);
}
