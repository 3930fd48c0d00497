/* Where a complaint about settings points. */
#include <string.h>
#include "experiment/check_internal.h"

const struct json *check_place(const struct json *root, const char *dotted)
{
	const struct json *at = root;
	while (*dotted && at->type == JSON_OBJECT) {
		char name[64];
		size_t length = strcspn(dotted, ".");
		if (length >= sizeof name)
			break;
		memcpy(name, dotted, length);
		name[length] = 0;
		const struct json *next = json_member(at, name);
		if (!next)
			break;
		at = next;
		dotted += length + (dotted[length] == '.');
	}
	return at;
}

int check_say_at(struct err *e, const struct json *root, const char *key)
{
	struct err said = *e;
	const struct json *where = check_place(root, key);
	err_clear(e);
	if (where == root)
		json_say(e, where, "%s: %s", key, said.text);
	else
		json_say(e, where, "%s", said.text);
	e->kind = said.kind;
	return -1;
}
