/* Calls that the program makes itself, from the loop: no client, no protocol, the service's own principal.
 *
 * What always holds: `done` is called exactly once, on the loop, and the memory of the call goes right after it. */
#include "svc/task.h"

#include "os/os.h"
#include "telemetry/log.h"

struct submitted {
	struct task task;
	struct submit s;
};

static void submit_done(struct task *t)
{
	ASSERT(t->place == TASK_FINISHED);
	struct submitted *m = t->user;
	const struct wire_error *error = t->call.failed ? &t->call.error : NULL;
	if (error != NULL)
		log_warn("internal call of %s failed: %.*s: %.*s", m->s.service->name, STR_ARG(error->code), STR_ARG(error->message));
	if (m->s.done != NULL)
		m->s.done(m->s.arg, error);
	task_release(t);
	arena_free(t->keep); /* m lives in it */
}

/* The task lies in the arena it keeps, so one free ends both. */
void call_submit(const struct submit *s)
{
	ASSERT(s->service != NULL && s->run != NULL);
	struct arena *keep = arena_new(1024);
	struct submitted *m = arena_new_of(keep, struct submitted);
	m->s = *s;
	m->s.account = arena_dup(keep, s->account);
	m->s.region = arena_dup(keep, s->region);
	struct task *t = &m->task;
	task_init(t, keep);
	t->mode = s->write ? OP_WRITE : OP_READ;
	t->handler = s->run;
	t->done = submit_done;
	t->user = m;
	char uuid[37];
	random_uuid(uuid);
	struct call *c = &t->call;
	c->service = s->service;
	c->account = m->s.account;
	c->region = m->s.region;
	c->request_id = arena_dup(keep, str_c(uuid));
	c->user = s->arg;
	c->arena = keep;
	c->who = s->who != NULL ? s->who : service_principal(c, NULL, STR_NONE);
	task_start(t);
}
