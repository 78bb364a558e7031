/* See chain.h. */
#include "svc/chain.h"

enum { CHAIN_MAGIC = 0xc4a17001 };

static void work(void *arg)
{
	struct chain *c = arg;
	ASSERT(c->working && !c->ended);
	c->ended = c->step(c->arg);
}

static void finish(struct chain *c)
{
	ASSERT(!c->working);
	c->magic = 0; /* it is not to be touched again: `over` may free it */
	c->over(c->arg);
}

static void worked(void *arg)
{
	struct chain *c = arg;
	CHECK_MAGIC(c, (unsigned)CHAIN_MAGIC);
	ASSERT(c->working);
	c->working = false;
	if (c->ended || c->stopped)
		finish(c);
	else if (c->stepped == NULL || c->stepped(c->arg))
		chain_go_on(c);
}

void chain_init(struct chain *c, bool (*step)(void *arg), bool (*stepped)(void *arg), void (*over)(void *arg), void *arg)
{
	ASSERT(step != NULL && over != NULL);
	*c = (struct chain){.magic = CHAIN_MAGIC, .step = step, .stepped = stepped, .over = over, .arg = arg};
}

void chain_go_on(struct chain *c)
{
	CHECK_MAGIC(c, (unsigned)CHAIN_MAGIC);
	ASSERT(!c->working && !c->stopped && !c->ended);
	c->working = true;
	worker_run(work, worked, c);
}

void chain_stop(struct chain *c)
{
	CHECK_MAGIC(c, (unsigned)CHAIN_MAGIC);
	c->stopped = true;
	if (!c->working)
		finish(c);
}

static void ticket_gone(struct ticket t, void *arg)
{
	(void)t;
	chain_stop(arg);
}

void chain_run_for(struct chain *c, struct ticket t)
{
	ticket_on_gone(t, ticket_gone, c);
	chain_go_on(c);
}
