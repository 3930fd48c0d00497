/* Keys and trust: see site.h. */
#include "cmd/site.h"

#include <string.h>
#include <unistd.h>
#include "base/text.h"

static const char YES[] = "yes-i-know";

/* Can only this machine reach it? */
static bool stays_here(const char *address)
{
	static const char *const near[] = {"ipc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:"};
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		if (!strncmp(address, near[i], strlen(near[i])))
			return true;
	return false;
}

int site_trust(const struct args *a, const char *address, enum site_trust *out, struct err *e)
{
	const char *insecure = args_value(a, "insecure"), *keys = args_value(a, "keys");
	char shown[256];
	if (!insecure && !keys)
		return err_user(
		        e, "--keys DIR is missing: who may vote is known by keys, which 'signsgd keys new' "
		           "makes (--insecure does without, on one machine)");
	if (insecure && keys)
		return err_user(e, "--insecure is without keys; give one of --keys and --insecure");
	if (insecure && insecure[0] && strcmp(insecure, YES))
		return err_user(e, "--insecure: found '%s', expected nothing or =%s",
		                text_shown(insecure, shown, sizeof(shown)), YES);
	if (insecure && !insecure[0] && !stays_here(address))
		return err_user(
		        e,
		        "--insecure at %s: others can reach that address, and could vote, read and lie; "
		        "use keys, or say --insecure=%s",
		        text_shown(address, shown, sizeof(shown)), YES);
	/* Keys that come through a pipe are tokens between processes of one start. */
	*out = insecure ? SITE_OPEN : strcmp(keys, "-") ? SITE_KEYS : SITE_TOKENS;
	return 0;
}

int site_ring_open(struct site_ring *r, const struct args *a, struct err *e)
{
	const char *dir = args_value(a, "keys");
	bool piped = !strcmp(dir, "-");
	r->place = piped ? "standard input" : dir;
	return piped ? keyring_receive(&r->keys, STDIN_FILENO, e) : keyring_read(&r->keys, dir, e);
}

void site_ring_close(struct site_ring *r)
{
	keyring_clear(&r->keys);
}
