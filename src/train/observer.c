/* Probes of a step. */
#include "train/observer.h"
#include "base/log.h"

void observer_open(struct observer *o, const struct settings *s, bool root, int hosted)
{
	const char *key = probe_needs_all(s);
	*o = (struct observer){.probed = *s};
	if (!key || hosted == (int)s->workers)
		return;
	if (root)
		log_warn("%s: `record.%s` is left out: it looks at every worker's message, and they live in "
		         "several processes; `signsgd simulate` gives the same bits and records it",
		         s->source, key);
	o->probed.record.agreement = o->probed.record.margin = 0;
	o->probed.record.norms = o->probed.record.sign_failure = 0;
}

void observer_close(struct observer *o)
{
	probe_close(o->probe);
	evaluate_close(&o->evaluation);
}

static int check_kappa(const struct settings *s, const struct transport *t, struct err *e)
{
	if (s->record.kappa == 0 || t->processes == TRANSPORT_ALONE)
		return 0;
	return err_user(
	        e,
	        "%s: record.kappa: it looks at the vectors of all honest workers, and with transport \"%s\" "
	        "these are in other processes; expected transport \"local\": `signsgd simulate` gives the "
	        "same bits and records it",
	        s->source, t->row.name);
}

static int check_certificate(const struct settings *s, const struct transport *t, struct err *e)
{
	if (s->record.certificate == 0 || !t->apart || !t->apart(s->transport.state))
		return 0;
	return err_user(e,
	                "%s: record.certificate: it looks at all votes, and with these settings of transport "
	                "\"%s\" several processes count shares of them; expected one that counts all "
	                "(`topology` \"star\" of mpi, `shards` 1 of zmq), or `signsgd simulate`, which gives "
	                "the same bits",
	                s->source, t->row.name);
}

int observer_check(const struct settings *s, const struct transport *t, struct err *e)
{
	return check_kappa(s, t, e) || check_certificate(s, t, e) ? -1 : 0;
}

void observer_step(struct observer *o, const struct round *r, const struct workforce *workforce,
                   const struct uplink *u, const void *pull)
{
	struct probe_view view = {.method = &r->method,
	                          .job = &r->job,
	                          .workers = workforce->shown,
	                          .count = workforce->count,
	                          .pull = pull,
	                          .born = u->reported_born,
	                          .honest = u->honest,
	                          .report = aggregator_meets(r->method.aggregator) ? &u->run.report : NULL,
	                          .full_gradient = evaluate_full_gradient,
	                          .ctx = &o->evaluation};
	if (o->probe)
		probe_step(o->probe, &view);
}

void observer_applied(struct observer *o, const struct state *st)
{
	struct probe_pass pass = {.run = evaluate_each_gradient, .ctx = &o->evaluation};
	if (o->probe)
		probe_applied(o->probe, st->x, st->step, &pass);
}
