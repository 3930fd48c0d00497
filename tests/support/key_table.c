#include "tests/support/key_table.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include "tests/support/json_help.h"

static const char *const acts[] = {"relu", "tanh", NULL};

const struct key key_table_scale_keys[] = {
        {.name = "factor",
         .kind = KEY_REAL,
         .offset = offsetof(struct scale_state, factor),
         .default_json = "-10",
         .lowest = -100,
         .highest = 100,
         .help = "multiplies the gradient"},
        {.name = "from",
         .kind = KEY_INT,
         .offset = offsetof(struct scale_state, from),
         .default_json = "0",
         .lowest = 0,
         .highest = INFINITY,
         .unit = "steps",
         .help = "first step of it"},
        {0},
};

const struct row key_table_invert = {.name = "invert", .about = "Sends the opposite"};
const struct row key_table_scale = {.name = "scale",
                                    .about = "Sends a multiple",
                                    .keys = key_table_scale_keys,
                                    .state_bytes = sizeof(struct scale_state)};
static const struct row *const attack_rows[] = {&key_table_invert, &key_table_scale, NULL};
const struct family key_table_attacks = {.name = "attack",
                                         .plural = "attacks",
                                         .about = "What a Byzantine worker sends",
                                         .rows = attack_rows,
                                         .number_row = "scale"};

static const struct key net_keys[] = {
        {.name = "hidden",
         .kind = KEY_INTS,
         .offset = offsetof(struct net_state, hidden),
         .lowest = 1,
         .highest = 4096,
         .help = "widths"},
        {.name = "act",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct net_state, act),
         .default_json = "\"relu\"",
         .choices = acts,
         .help = "activation"},
        {.name = "inner",
         .kind = KEY_FAMILY,
         .offset = offsetof(struct net_state, inner),
         .default_json = "\"scale\"",
         .family = &key_table_attacks,
         .help = "a family in a family"},
        {.name = "several",
         .kind = KEY_LIST,
         .offset = offsetof(struct net_state, several),
         .default_json = "[]",
         .family = &key_table_attacks,
         .help = "a list of members of a family"},
        {0},
};

const struct row key_table_net = {
        .name = "net", .about = "A net", .keys = net_keys, .state_bytes = sizeof(struct net_state)};
const struct row key_table_flat = {.name = "flat", .about = "No net"};
static const struct row *const model_rows[] = {&key_table_net, &key_table_flat, NULL};
const struct family key_table_models = {
        .name = "model", .plural = "models", .about = "What learns", .rows = model_rows};

#define AT(member) offsetof(struct state, member)

static const char *const partitions[] = {"iid", "shards", NULL};

static const struct key adversary_keys[] = {
        {.name = "count",
         .kind = KEY_INT,
         .offset = AT(adversaries.count) - AT(adversaries),
         .default_json = "0",
         .lowest = 0,
         .highest = 1000,
         .help = "how many workers are Byzantine"},
        {.name = "attack",
         .kind = KEY_FAMILY,
         .offset = AT(adversaries.attack) - AT(adversaries),
         .default_json = "null",
         .family = &key_table_attacks,
         .help = "what they do"},
        {0},
};

const struct key key_table_keys[KEY_TABLE_KEYS + 1] = {
        {.name = "name", .kind = KEY_STRING, .offset = AT(name), .default_json = "\"run\"", .help = "a name"},
        {.name = "seed",
         .kind = KEY_SEED,
         .offset = AT(seed),
         .default_json = "1",
         .help = "of all random numbers"},
        {.name = "workers",
         .kind = KEY_INT,
         .offset = AT(workers),
         .lowest = 1,
         .highest = 1000,
         .help = "how many"},
        {.name = "steps",
         .kind = KEY_INT,
         .offset = AT(steps),
         .default_json = "null",
         .lowest = 1,
         .highest = INFINITY,
         .help = "length"},
        {.name = "momentum",
         .kind = KEY_REAL,
         .offset = AT(momentum),
         .default_json = "0.9",
         .lowest = 0,
         .highest = 1,
         .below = true,
         .help = "beta"},
        {.name = "rate",
         .kind = KEY_REAL,
         .offset = AT(rate),
         .default_json = "0.1",
         .lowest = 0,
         .highest = INFINITY,
         .above = true,
         .help = "step length"},
        {.name = "free", .kind = KEY_REAL, .offset = AT(free), .default_json = "0", .help = "any number"},
        {.name = "quiet",
         .kind = KEY_BOOL,
         .offset = AT(quiet),
         .default_json = "false",
         .help = "says less"},
        {.name = "out", .kind = KEY_PATH, .offset = AT(out), .default_json = "null", .help = "where to"},
        {.name = "partition",
         .kind = KEY_CHOICE,
         .offset = AT(partition),
         .default_json = "\"iid\"",
         .choices = partitions,
         .help = "who gets what"},
        {.name = "ids",
         .kind = KEY_INTS,
         .offset = AT(ids),
         .default_json = "[]",
         .lowest = 0,
         .highest = 999,
         .help = "which workers are Byzantine"},
        {.name = "weights",
         .kind = KEY_REALS,
         .offset = AT(weights),
         .default_json = "[0.5, 1]",
         .lowest = 0,
         .highest = INFINITY,
         .above = true,
         .help = "weights"},
        {.name = "adversaries",
         .kind = KEY_OBJECT,
         .offset = AT(adversaries),
         .default_json = "{}",
         .keys = adversary_keys,
         .help = "Byzantine workers"},
        {.name = "model",
         .kind = KEY_FAMILY,
         .offset = AT(model),
         .default_json = "\"flat\"",
         .family = &key_table_models,
         .help = "what learns"},
        {0},
};

int key_table_parse(const char *text, struct state *s, struct err *e)
{
	struct json *root = json_read_text(&json_help_arena, "t.json", text, strlen(text), e);

	*s = (struct state){0};
	cr_assert_not_null(root, "%s", e->text);
	return keys_parse(key_table_keys, s, root, &json_help_arena, e);
}

struct state key_table_good(const char *text)
{
	struct state s;
	struct err e = {0};

	cr_assert_eq(key_table_parse(text, &s, &e), 0, "%s: %s", text, e.text);
	cr_assert_str_eq(e.text, "");
	return s;
}

const char *key_table_kept(struct buf *b)
{
	const char *copy = arena_string(&json_help_arena, b->text);

	buf_clear(b);
	return copy;
}

const char *key_table_resolved(const struct state *s, bool identity)
{
	struct buf b = {0};

	keys_write(&b, key_table_keys, s, identity);
	return key_table_kept(&b);
}
