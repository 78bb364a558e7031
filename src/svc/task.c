/* One run of a call, on whichever thread has it: what the run before left is forgotten, the caller is authorized, the handler runs in
 * the transaction, the answer is written. What it wants done after a commit is kept only if it shall be committed. */
#include "svc/task.h"

#include "os/os.h"

#include <stdlib.h>

static void run_reset(struct task *t)
{
	ASSERT(t->parked == NULL && t->deadline == NULL);
	if (t->run == NULL)
		t->run = arena_new(TASK_RUN_BYTES); /* a job's, made by the writer */
	else
		arena_reset(t->run);
	t->effects = NULL;
	t->effects_tail = &t->effects;
	t->notifies = t->waits = NULL;
	t->n_notifies = t->cap_notifies = t->n_waits = t->cap_waits = 0;
	t->await_cursor = 0;
	t->keep_writes = t->wrote = t->committed = t->jobs_changed = false;
	t->depth = 0;
	t->extra = (struct wire_response){0};
	t->raw = (struct wire_response){0};
}

void task_drop_effects(struct task *t)
{
	while (t->effects != NULL) {
		struct task_effect *e = t->effects;
		t->effects = e->next;
		free(e);
	}
	t->effects_tail = &t->effects;
}

void task_execute(struct task *t, struct txn *txn)
{
	CHECK_MAGIC(t, (unsigned)TASK_MAGIC);
	run_reset(t);
	struct call *c = &t->call;
	c->arena = t->run;
	c->txn = txn;
	c->now_ms = clock_now_ms();
	c->failed = c->parked = false;
	c->memo = NULL;
	c->error = (struct wire_error){0};
	c->state = (struct call_state *)t;
	const struct shape *output = c->op != NULL && c->op->model != NULL ? model_op_output(c->op->model) : NULL;
	c->out = c->protocol == PROTO_RAW ? (void *)&t->raw : output != NULL ? arena_alloc(t->run, output->size) : NULL;
	t->txn = txn;
	t->sequence = txn != NULL ? txn_sequence(txn) : 0;
	bool wanted = t->job_key.n == 0 || jobs_before_run(t);
	if (t->prepare != NULL)
		t->prepare(t);
	if (wanted && !c->failed && !c->parked)
		t->handler(c);
	if (c->failed)
		c->parked = false;
	if (!c->parked && t->encode != NULL)
		t->encode(t);
	t->wrote = txn != NULL && txn_writable(txn) && txn_wrote(txn);
	if (!task_wants_commit(t)) {
		task_drop_effects(t);
		t->n_notifies = 0;
		t->jobs_changed = false;
	}
}

bool task_wants_commit(const struct task *t)
{
	return !t->call.parked && (!t->call.failed || t->keep_writes);
}

/* The disk refused the group: nothing of it is there. The client hears so. */
void task_fail_commit(struct task *t)
{
	ASSERT(!t->committed);
	struct call *c = &t->call;
	c->failed = true;
	c->parked = false;
	c->error = (struct wire_error){.code = S("ServiceUnavailable"), .status = 503,
		.message = S("The disk refused the write; nothing was changed")};
	task_drop_effects(t);
	t->n_notifies = 0;
	if (t->encode != NULL)
		t->encode(t);
}
