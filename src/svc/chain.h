/* Work on the pool in steps of a few milliseconds: no thread of it is kept for long, and between two steps others have their turn.
 *
 * What always holds: `step` runs on a worker, one at a time; everything else is on the loop. `over` is called exactly once, and the
 * chain is not touched after it: what `arg` owns may go there. */
#ifndef TSUBO_CHAIN_H
#define TSUBO_CHAIN_H

#include "svc/call.h"

struct chain {
	unsigned magic;
	bool (*step)(void *arg);    /* some more; true: that was the last */
	bool (*stepped)(void *arg); /* after each step but the last: go on at once? false: when chain_go_on says so. NULL: go on */
	void (*over)(void *arg);    /* after the last step, or when it was stopped (`stopped`) */
	void *arg;
	bool working, stopped, ended; /* ended: the worker's while `working` */
};

/* Ready to begin; chain_go_on begins it. */
void chain_init(struct chain *c, bool (*step)(void *arg), bool (*stepped)(void *arg), void (*over)(void *arg), void *arg);
/* The next step, behind what others have queued meanwhile. Not while one is under way. */
void chain_go_on(struct chain *c);
/* Nobody wants it any more: no further step. `over` comes when the one under way has ended, at once when there is none. */
void chain_stop(struct chain *c);
/* Begin, and stop when the call behind the ticket goes before its answer. */
void chain_run_for(struct chain *c, struct ticket t);

#endif
