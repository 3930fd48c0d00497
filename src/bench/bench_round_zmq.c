/* Rounds over ZeroMQ: see bench/bench_round_zmq.h. */
#include "bench/bench_round_zmq.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "transport/zmq/zmq.h"

static const double PATIENCE_S = 60;

/* A worker's process, as the server sees it. */
struct voter {
	pid_t pid;
	int to; /* its pipe, for address and keys */
};

struct job {
	struct bench_round_options *o;
	const struct bench_round_place *place;
	struct endpoint endpoint;
	struct keyring ring;
	struct voter *voters; /* [workers] */
	int count;
	char address[512];
};

/* --- a worker's process --------------------------------------------------------------------------------- */

/* Read the address and the keys that the server sends, then join it. */
static int join(void *ctx, const struct choice *transport, const struct transport_env *env, struct link *link,
                struct err *e)
{
	struct job *p = ctx;
	static const struct curve_key *own;
	size_t at = 0;
	(void)transport;
	while (at + 1 < sizeof p->address && read(STDIN_FILENO, p->address + at, 1) == 1 &&
	       p->address[at] != '\n')
		at++;
	p->address[at] = 0;
	if (keyring_receive(&p->ring, STDIN_FILENO, e))
		return -1;
	own = keyring_worker(&p->ring, 0);
	p->endpoint.address = p->address;
	p->endpoint.keys = &own;
	struct zmq_client *h = zmq_client_join(&p->endpoint, e);
	return h ? zmq_client_link(h, env, link, e) : -1;
}

_Noreturn static void be_voter(const struct job *job, int worker, int from, pid_t parent)
{
	struct job mine = {.o = job->o, .endpoint = job->endpoint};
	struct bench_round_options o = *job->o;
	struct bench_round_result ignored;
	struct err e = {0};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_WORLD);
	dup2(from, STDIN_FILENO);
	for (int i = 0; i <= worker; i++)
		close(job->voters[i].to);
	close(from);
	o.open = join;
	o.ctx = &mine;
	o.lanes = 1;
	mine.endpoint.ring = &mine.ring;
	mine.endpoint.count = 1;
	mine.endpoint.patience_s = PATIENCE_S;
	int rc = (job->place->enter && job->place->enter(job->place->ctx, worker, &e)) ||
	         bench_round(&o, &ignored, &e);
	if (rc)
		log_error("%s", e.text);
	else if (ignored.wrong > 0)
		log_error("%lld answers are not those of a plain combine", (long long)ignored.wrong);
	_exit(rc || ignored.wrong > 0 ? EXIT_WORLD : EXIT_DONE);
}

/* --- the server's process ------------------------------------------------------------------------------- */

static int start_voter(struct job *p, struct err *e)
{
	int ends[2];
	pid_t parent = getpid();
	if (pipe(ends))
		return err_world(e, "no pipe to a worker's process: %s", strerror(errno));
	struct voter *v = &p->voters[p->count];
	v->pid = fork();
	if (v->pid < 0)
		return err_world(e, "cannot start a worker's process: %s", strerror(errno));
	v->to = ends[1];
	if (v->pid == 0)
		be_voter(p, p->count, ends[0], parent);
	close(ends[0]);
	p->count++;
	return 0;
}

/* Open the server, and tell every voter its address and keys. */
static int listen_and_tell(void *ctx, const struct choice *transport, const struct transport_env *env,
                           struct link *link, struct err *e)
{
	struct job *p = ctx;
	struct transport_env here = *env;
	here.endpoint = &p->endpoint;
	if (transport_zmq.open(transport->state, &here, link, e))
		return -1;
	for (int i = 0; i < p->count; i++) {
		if (dprintf(p->voters[i].to, "%s\n", zmq_server_address(link->self)) < 0 ||
		    keyring_send(&p->ring, 1, &i, p->voters[i].to, e))
			return err_world(e, "a worker's process is gone");
		close(p->voters[i].to);
		p->voters[i].to = -1;
	}
	return 0;
}

/* True: all ended as they should. */
static bool wait_for_voters(struct job *p, bool kill_them)
{
	bool sound = true;
	for (int i = 0; i < p->count; i++) {
		int status = 0;
		if (p->voters[i].to >= 0)
			close(p->voters[i].to);
		if (kill_them)
			kill(p->voters[i].pid, SIGKILL);
		waitpid(p->voters[i].pid, &status, 0);
		sound = sound && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE;
	}
	return sound;
}

int bench_round_zmq(struct bench_round_options *o, const struct bench_round_place *place,
                    struct bench_round_result *out, struct err *e)
{
	struct job p = {.o = o, .place = place, .voters = mem_array((size_t)o->workers, sizeof *p.voters)};
	int rc = 0;
	signal(SIGPIPE, SIG_IGN);
	p.endpoint = (struct endpoint){.trust = strncmp(place->address, "tcp:", 4) ? ENDPOINT_TOKENS
	                                                                           : ENDPOINT_KEYS,
	                               .address = place->address,
	                               .settings = "{}",
	                               .ring = &p.ring,
	                               .collect = true};
	while (!rc && p.count < o->workers)
		rc = start_voter(&p, e);
	keyring_make(&p.ring, o->workers);
	o->open = listen_and_tell;
	o->ctx = &p;
	rc = rc || bench_round(o, out, e);
	if (!wait_for_voters(&p, rc) && !rc)
		rc = err_world(e, "a worker's process did not end as it should");
	keyring_clear(&p.ring);
	mem_free(p.voters);
	return rc ? -1 : 0;
}
