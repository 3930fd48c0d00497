/* See transport/topology.h. */
#include "transport/topology.h"
#include "base/mem.h"

int topology_check(const char *name, enum topology topology, const struct exchange_rule *rule, struct err *e)
{
	if (topology == TOPOLOGY_SHARDED && !rule->separable && !rule->meet)
		return err_user(e,
		                "%s: topology 'sharded' needs an aggregator that treats every coordinate by "
		                "itself; \"%s\" needs 'star'",
		                name, rule->name);
	if (topology != TOPOLOGY_STAR && rule->two_way)
		return err_user(e,
		                "%s: compressor \"%s\" with two_way makes the answer too, which one process "
		                "does that has all of it; expected topology 'star'",
		                name, rule->two_way);
	if (topology == TOPOLOGY_ALLREDUCE && rule->one_piece)
		return err_user(
		        e,
		        "%s: topology 'allreduce' adds up floats, which are not what compressor \"%s\" "
		        "sends; expected 'sharded' or 'star'",
		        name, rule->one_piece);
	if (topology == TOPOLOGY_ALLREDUCE && !rule->float_mean)
		return err_user(e,
		                "%s: topology 'allreduce' needs an aggregator whose answer is the mean of "
		                "floats (mean, adam); \"%s\" needs 'sharded' or 'star'",
		                name, rule->name);
	return 0;
}

int *topology_deal(int workers, int processes)
{
	int *first = mem_array((size_t)processes + 1, sizeof *first);
	for (int r = 0; r <= processes; r++)
		first[r] = (int)((int64_t)workers * r / processes);
	return first;
}

int topology_dealt(const int *first, int worker)
{
	int r = 0;
	while (worker >= first[r + 1])
		r++;
	return r;
}
