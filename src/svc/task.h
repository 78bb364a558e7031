/* The executor's side of a call: queues, threads, parking, completion. For svc/ and gateway/ only; services see call.h.
 *
 * Life of a task: made on the loop; task_start queues it by its mode; a thread runs it (task_execute) in a
 * transaction; the group commits; back on the loop it is parked (waits, awaits), or its effects run, its topics wake
 * waiters, and done(t) is called. Between task_start and done a task belongs to exactly one of: a queue, the running
 * thread, the completion list, the parked set. */
#ifndef TSUBO_TASK_H
#define TSUBO_TASK_H

#include "svc/service.h"

enum task_place { TASK_NEW, TASK_QUEUED, TASK_PARKED, TASK_FINISHED };

struct task_effect {
	struct task_effect *next;
	void (*fn)(void *block);
	_Alignas(16) char block[];
};

struct task_topic { struct str name; int64_t deadline_ms; };

struct await_slot {
	void (*start)(struct ticket t, void *arg);
	void *arg;
	bool started, answered;
	struct answer answer;
	void (*on_gone)(struct ticket t, void *arg);
	void *gone_arg;
	int64_t deadline_ms;
};

enum { TASK_MAGIC = 0x7a5c0001, TASK_RUN_BYTES = 8192 };

struct parked_wait;
struct late_answer;

struct task {
	unsigned magic;
	uint64_t id;
	struct task *next;
	enum task_place place;
	struct arena *keep;      /* until done; owned by whoever made the task */
	struct arena *run;       /* this run; owned here */
	struct call call;        /* the root call; template of each run */
	enum op_mode mode;
	void (*handler)(struct call *c);
	void (*prepare)(struct task *t);  /* on the executing thread before the handler: authorize. May be NULL */
	void (*encode)(struct task *t);   /* on the executing thread, after the handler, before the commit. May be NULL */
	void (*done)(struct task *t);     /* on the loop; frees the task */
	void *user;
	bool look;               /* OP_READ whose operation says `look` */
	bool cancelled;          /* nobody waits for it: not parked again, no rerun */
	/* of a run */
	struct txn *txn;
	uint64_t sequence;       /* of its snapshot; after a commit, of the commit */
	bool keep_writes, wrote, committed;
	unsigned depth;          /* of invokes */
	struct task_effect *effects, **effects_tail;
	struct task_topic *notifies, *waits;
	size_t n_notifies, cap_notifies, n_waits, cap_waits;
	size_t await_cursor;
	bool jobs_changed;
	struct wire_response extra; /* headers asked for by call_header */
	struct wire_response raw;   /* a raw route's answer */
	/* across runs */
	struct await_slot *slots;
	size_t n_slots, cap_slots;
	struct late_answer *late; /* answers that came while it ran */
	struct parked_wait *parked; /* registrations while parked */
	struct loop_timer *deadline;
	unsigned reruns;
	struct str job_key;      /* a job's record, when the task is a job; in keep */
	unsigned job_attempts;
};

/* Start the threads (readers: count). The store must be open. Called on the loop thread at start, before the first HTTP
 * server is made on that loop: what they start at the end of a turn must still be handed over. */
void executor_start(struct uv_loop_s *loop, struct store *store, unsigned readers);
/* Stop taking tasks, finish what is queued, join. */
void executor_stop(void);

void task_init(struct task *t, struct arena *keep);
/* Queue it (or run it here when it is OP_PURE). Loop thread only. */
void task_start(struct task *t);
/* Nobody waits for the answer any more: a parked task ends with done() at once, a running one when it comes back. */
void task_cancel(struct task *t);
/* Free what the task owns besides keep. */
void task_release(struct task *t);

/* Internals shared between the files of svc/. */
void task_execute(struct task *t, struct txn *txn); /* one run on this thread; leaves txn for the caller to keep or drop */
bool task_wants_commit(const struct task *t);       /* after a run: keep the transaction? */
void task_finished(struct task *t);                 /* on the loop: after its group's fate is known */
void task_park(struct task *t);
void task_unpark(struct task *t);
void tickets_gone(struct task *t);                    /* tell who owes an answer that nobody waits */
void topics_wake(const struct task_topic *topics, size_t n, uint64_t sequence);
void task_drop_effects(struct task *t);
void task_fail_commit(struct task *t);              /* the disk refused the group: the client hears so */
/* From a thread that runs tasks: these are through, for the loop to finish; and when the next job is due, if that has changed. */
void executor_done(struct task *list, bool due_known, int64_t due_ms);
void shared_of_writers(void);                       /* call_get_shared's: this thread is a writer */
void shared_forget(void);                           /* before another thread ends */
void shared_forget_writers(void);                   /* when they have ended */
struct task *task_by_id(uint64_t id);
void task_index_add(struct task *t);
void task_index_del(struct task *t);

void loop_init(struct uv_loop_s *loop, struct store *store);
/* Before the end: let what worker_run began come to its own, on the loop; it may stand on the store. */
void loop_finish_work(void);
void loop_stop_timers(void);
void loop_clock_turned(int64_t by_ms); /* re-arm everything that follows the service clock */
void service_config_set(const struct service_config *c);
void service_http_set(struct http_server *s);

/* Jobs: the writer asks for due ones, the loop arms the timer. */
void jobs_init(void);
void jobs_end(void);                                  /* the threads have ended */
void jobs_next_due(struct txn *t, int64_t *due_ms);   /* INT64_MAX: none; writer thread */
void jobs_arm(int64_t due_ms);                        /* loop */
/* Due jobs as new tasks, at most max, that are not in flight; writer thread. A list by ->next. */
struct task *jobs_take_due(struct txn *t, int64_t now_ms, size_t max);
bool jobs_before_run(struct task *t);                 /* removes the record in the task's own transaction; false: it is gone */
void jobs_retry_later(struct txn *txn, struct task *t); /* after a failure: put it back with a delay */
void jobs_landed(struct task *t);                     /* no longer in flight; any thread */
void executor_kick_jobs(void);                        /* loop: a writer shall look for due jobs */

/* The tags of the call's input as condition keys, in the call's arena; how many. request_tags.c. */
size_t request_tags(struct call *c, struct condition_key **keys);

#endif
