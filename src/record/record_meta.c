/* Who, where, when, with what and how it ended: /format, /config and /meta of a result file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/version.h"
#include "record/record_internal.h"

enum { LINE_BYTES = 256, DATE_BYTES = 32 };

static const char *const states[] = {
        [RUN_RUNNING] = "running",   [RUN_FINISHED] = "finished", [RUN_INTERRUPTED] = "interrupted",
        [RUN_DIVERGED] = "diverged", [RUN_FAILED] = "failed",
};

const char *run_state_name(enum run_state s)
{
	return states[s];
}

/* The processor's name as Linux shows it; not every architecture has one. */
static void processor_name(char out[LINE_BYTES])
{
	char line[LINE_BYTES];
	FILE *f = fopen("/proc/cpuinfo", "r");
	snprintf(out, LINE_BYTES, "unknown");
	while (f && fgets(line, sizeof line, f)) {
		char *colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		snprintf(out, LINE_BYTES, "%s", colon + 1 + strspn(colon + 1, " \t"));
		out[strcspn(out, "\n")] = '\0';
		break;
	}
	if (f)
		fclose(f);
}

static void write_place(struct h5 *f, const struct record_meta *m)
{
	char text[LINE_BYTES] = "", version[32];
	h5_set_text(f, "/meta", "version", version_text());
	h5_set_text(f, "/meta", "commit", version_commit());
	if (gethostname(text, sizeof text - 1))
		snprintf(text, sizeof text, "unknown");
	h5_set_text(f, "/meta", "host", text);
	processor_name(text);
	h5_set_text(f, "/meta", "processor", text);
	h5_version(version);
	snprintf(text, sizeof text, "HDF5 %s", version);
	h5_set_text(f, "/meta", "libraries", text);
	h5_set_text(f, "/meta", "backend", m->backend);
	h5_set_text(f, "/meta", "backend_detail", m->backend_detail);
	h5_set_int(f, "/meta", "lanes", m->lanes);
}

static void write_run(struct h5 *f, const struct record_meta *m)
{
	char seed[32];
	h5_set_text(f, "/meta", "name", m->name);
	h5_set_text(f, "/meta", "id", m->id);
	h5_set_text(f, "/meta", "model", m->model);
	h5_set_text(f, "/meta", "data", m->data);
	if (m->data_id)
		h5_set_text(f, "/meta", "data_id", m->data_id);
	h5_set_text(f, "/meta", "data_note", m->data_note ? m->data_note : "");
	h5_set_text(f, "/meta", "aggregator", m->aggregator);
	h5_set_text(f, "/meta", "attack", m->attack);
	h5_set_int(f, "/meta", "workers", m->workers);
	h5_set_int(f, "/meta", "adversaries", m->adversaries);
	h5_set_int(f, "/meta", "steps", m->steps);
	snprintf(seed, sizeof seed, "%" PRIu64, m->seed);
	h5_set_text(f, "/meta", "seed", seed); /* many readers round integers beyond 2^53 */
	h5_set_int(f, "/meta", "n_params", (int64_t)m->n_params);
	h5_set_int(f, "/meta", "push_bytes", (int64_t)m->push_bytes);
	h5_set_int(f, "/meta", "pull_bytes", (int64_t)m->pull_bytes);
	if (m->push_varies)
		h5_set_int(f, "/meta", "push_varies", 1);
	if (m->pull_varies)
		h5_set_int(f, "/meta", "pull_varies", 1);
}

void record_write_state(struct h5 *f, enum run_state state, const char *why, bool ended)
{
	char date[DATE_BYTES] = "";
	if (ended)
		clock_date(date);
	h5_set_text(f, "/meta", "state", run_state_name(state));
	h5_set_text(f, "/meta", "why", why);
	h5_set_text(f, "/meta", "end", date);
}

/* The layout, and the settings as it spells them. */
static void write_settings(struct h5 *f, const struct record_meta *m)
{
	h5_group(f, "/format");
	h5_set_int(f, "/format", "version", RECORD_LAYOUT);
	h5_write_text(f, "/config/resolved", m->resolved);
	h5_write_text(f, "/config/identity", m->group);
}

/* Of layout 1, or of layout 2 before it had an identity. */
static bool has_earlier_settings(struct h5 *f)
{
	int64_t version;
	struct err ignored = {0};
	if (!h5_has(f, "/config/identity"))
		return true;
	return !h5_get_int(f, "/format", "version", &version, &ignored) && version < RECORD_LAYOUT;
}

void record_write_length(struct h5 *f, const struct record_meta *m)
{
	write_settings(f, m);
	h5_write_text(f, "/config/given", m->given);
	h5_set_text(f, "/meta", "id", m->id);
	h5_set_int(f, "/meta", "steps", m->steps);
}

void record_write_meta(struct h5 *f, const struct record_meta *m, bool anew)
{
	h5_group(f, "/meta");
	if (anew) {
		char date[DATE_BYTES];
		clock_date(date);
		write_settings(f, m);
		h5_write_text(f, "/config/given", m->given);
		write_run(f, m);
		h5_set_text(f, "/meta", "start", date);
	} else if (has_earlier_settings(f)) {
		write_settings(f, m);
	}
	write_place(f, m);
	record_write_state(f, RUN_RUNNING, "", false);
}
