/* A call without a store and without a client, for fuzzers of what takes one to fail it or to tell a measure. */
#ifndef TSUBO_FUZZ_BARE_CALL_H
#define TSUBO_FUZZ_BARE_CALL_H

#include "svc/task.h"

static const struct principal bare_root = {.type = PRINCIPAL_ROOT, .account = STR_INIT("000000000000"),
                                           .arn = STR_INIT("arn:aws:iam::000000000000:root")};

/* t lives as long as the call; bare_call_end before the arena goes. */
static inline struct call *bare_call(struct task *t, struct arena *a, const char *service)
{
	task_init(t, a);
	t->run = a;
	struct call *c = &t->call;
	c->arena = a;
	c->service = service_find(str_c(service));
	c->who = &bare_root;
	c->account = bare_root.account;
	c->region = S("us-east-1");
	c->request_id = S("00000000-0000-4000-8000-000000000000");
	c->source_ip = S("127.0.0.1");
	c->user_agent = S("fuzz");
	c->now_ms = c->started_ms = 1700000000000;
	c->state = (struct call_state *)t;
	return c;
}

/* Also between two questions to the same call: it has not failed. */
static inline void bare_call_end(struct task *t)
{
	ASSERT(!t->call.failed || (t->call.error.code.n > 0 && t->call.error.status >= 300));
	task_drop_effects(t);
	t->call.failed = t->call.parked = false;
}

#endif
