/* What a run needs of the machine, as tables: see validate_plan.h. */
#include "cmd/validate_plan.h"
#include <stddef.h>
#include <stdio.h>
#include "cmd/ui/table.h"
#include "base/log.h"
#include "base/machine.h"
#include "models/model.h"

static void memory_row(struct table *t, const struct plan *p, const char *about, size_t bytes,
                       const char *where)
{
	char text[32];

	log_bytes((double)bytes, text);
	table_cell(t, "%s", about);
	table_cell(t, "%s", text);
	if (p->device > 0)
		table_cell(t, "%s", where);
}

void validate_print_memory(const struct plan *p)
{
	struct machine_memory have = machine_memory();
	struct table t;
	struct err none = {0};
	char room[32], device_room[80] = "", part[32], all[32];

	log_bytes((double)have.bytes, room);
	log_bytes((double)p->device_free, part);
	log_bytes((double)p->device_all, all);
	if (p->device > 0)
		snprintf(device_room, sizeof(device_room), "; %s has %s free of %s", p->backend, part, all);
	table_init(&t, p->device > 0 ? "lrl" : "lr");
	for (const struct plan_part *at = plan_parts; at->name; at++) {
		size_t bytes = plan_part_bytes(p, at);
		bool whole = at->offset >= offsetof(struct plan, total);
		if (bytes)
			memory_row(&t, p, at->about, bytes, whole ? "" : at->device ? "device" : "host");
		if (p->device == 0 || at->offset != offsetof(struct plan, total))
			continue;
		memory_row(&t, p, "of it on the device", p->device, "");
		memory_row(&t, p, "of it on the host", p->total - p->device, "");
	}
	printf("  memory (%s has %s%s%s)\n", have.of, room, device_room,
	       plan_room(p, &none) ? ": not enough, this run would be refused here" : "");
	table_print(&t, stdout, 4);
	table_clear(&t);
	if (p->guessed.text[0])
		printf("    its backend cannot be opened here (%s): that is what `ref` would need\n",
		       p->guessed.text);
}

/* The network's layers, where the model knows them. */
void validate_print_network(const struct settings *s, const struct plan *p)
{
	const struct model *model = (const struct model *)s->model.row;
	struct model_env env = settings_model_env(s, NULL);
	struct layer_info info;
	struct table t;
	double sum = 0;
	char lane[32];

	if (!model->layer)
		return;
	table_init(&t, "lllrr");
	const char *const head[] = {"layer", "kind", "output", "parameters", "multiply-adds"};
	for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
		table_cell(&t, "%s", head[i]);
	for (size_t i = 0; model->layer(s->model.state, &env, NULL, i, &info); i++) {
		table_cell(&t, "%s", info.name);
		table_cell(&t, "%s", info.kind);
		table_cell(&t, "%s", info.shape);
		table_cell(&t, "%zu", info.params);
		table_cell(&t, "%.0f", info.multiply_adds);
		sum += info.multiply_adds;
	}
	log_bytes((double)p->lane, lane);
	printf("  network, %.4g million multiply-adds a sample forward, %s of memory a lane\n", sum / 1e6,
	       lane);
	table_print(&t, stdout, 4);
	table_clear(&t);
}
