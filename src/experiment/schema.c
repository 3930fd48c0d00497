/* The schema of the top level with those of all families: see experiment/schema.h. */
#include "experiment/schema.h"
#include <string.h>
#include "experiment/claims.h"
#include "experiment/settings.h"
#include "registry.h"

static void schema_families(struct buf *b)
{
	buf_add(b, "\"$defs\":{");
	for (size_t i = 0; registry_families[i]; i++) {
		if (i > 0)
			buf_add(b, ",");
		json_write_string(b, registry_families[i]->plural);
		buf_add(b, ":");
		family_schema(b, registry_families[i]);
	}
	buf_add(b, "}");
}

/* The two keys that are no settings but make many of them. */
static const char many_schema[] =
        "\"sweep\":{\"type\":\"object\",\"description\":\"a grid: dotted keys (several with commas between: "
        "set together) "
        "and the values each "
        "takes\",\"properties\":{\"except\":{\"type\":\"array\",\"description\":\"combinations "
        "that are left out: swept keys, or keys below them, each with a value or a list of them\",\"items\":{"
        "\"type\":\"object\",\"minProperties\":1}}},\"additionalProperties\":{\"type\":\"array\","
        "\"minItems\":1,"
        "\"uniqueItems\":true}},"
        "\"seeds\":{\"type\":\"array\",\"description\":\"repeat every run with each of these "
        "seeds\",\"minItems\":1,\"uniqueItems\":true},";

void experiment_schema(struct buf *b)
{
	static const char properties[] = "\"properties\":{";
	struct buf keys = {0};
	keys_schema(&keys, experiment_keys);
	const char *at = strstr(keys.text, properties) + strlen(properties);
	buf_add(b, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"signsgd "
	           "experiment\",");
	schema_families(b);
	buf_add(b, ",");
	buf_bytes(b, keys.text, (size_t)(at - keys.text));
	buf_add(b, many_schema);
	claims_schema(b);
	buf_format(b, "%s}", at);
	buf_clear(&keys);
}
