/* Durable jobs: records due at a time, run at least once, each in a transaction of its own.
 *
 * Keys: ("_job", due, service, account, region, kind, id) -> attempts and payload, in order of time, and
 * ("_jobid", service, account, region, kind, id) -> due, to find and replace one. A job's record goes in the
 * transaction of its run; a crash before the commit leaves it there. `flying` holds the keys that are being run, so
 * that a job whose call is parked is not started twice. */
#include "svc/task.h"

#include "base/map.h"
#include "os/os.h"
#include "telemetry/log.h"

#include <pthread.h>
#include <stdlib.h>

enum { RETRY_FIRST_MS = 1000, RETRY_MOST_MS = 300 * 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map flying; /* key bytes -> the task; under lock */
static struct loop_timer *timer;

static struct key *job_id_key(struct arena *a, struct str service, struct str account, struct str region, struct str kind,
                              struct str id)
{
	ASSERT(service.n > 0 && kind.n > 0);
	struct key *k = arena_new_of(a, struct key);
	*k = key_new(a);
	key_str(key_str(key_str(k, S("_jobid")), service), account);
	return key_str(key_str(key_str(k, region), kind), id);
}

static struct key *job_key(struct arena *a, int64_t due_ms, struct str service, struct str account, struct str region,
                           struct str kind, struct str id)
{
	ASSERT(service.n > 0 && kind.n > 0);
	struct key *k = arena_new_of(a, struct key);
	*k = key_new(a);
	key_str(key_i64(key_str(k, S("_job")), due_ms), service);
	return key_str(key_str(key_str(key_str(k, account), region), kind), id);
}

static bool due_of(struct txn *txn, struct arena *a, const struct key *id_key, int64_t *due_ms)
{
	struct str value;
	if (!txn_get(txn, key_bytes(id_key), a, &value))
		return false;
	ASSERT(value.n == sizeof *due_ms);
	memcpy(due_ms, value.p, sizeof *due_ms);
	return true;
}

/* Both records or neither: they are written in one transaction, and each names the other. */
static void put_record(struct txn *txn, struct arena *a, const struct key *k, const struct key *id_key, int64_t due_ms,
                       uint32_t attempts, struct str payload)
{
	struct str head = str_of((const char *)&attempts, sizeof attempts);
	txn_put(txn, key_bytes(k), arena_join(a, head, payload));
	txn_put(txn, key_bytes(id_key), str_of((const char *)&due_ms, sizeof due_ms));
}

/* Under a key that is in flight a record would be passed over until something else asks what is due, or go with that run: its
 * own may put it, or a call that comes after it, within the same millisecond. */
static bool flies(struct str key)
{
	pthread_mutex_lock(&lock);
	bool there = map_get(&flying, key) != NULL;
	pthread_mutex_unlock(&lock);
	return there;
}

void job_put(struct call *c, const char *kind, struct str id, int64_t due_ms, struct str payload)
{
	ASSERT(c->service != NULL && txn_writable(c->txn));
	struct task *t = (struct task *)c->state;
	struct str service = str_c(c->service->name);
	bool known = false;
	for (size_t i = 0; i < c->service->n_jobs; i++)
		known |= strcmp(c->service->jobs[i].name, kind) == 0;
	ASSERT(known);
	struct key *id_key = job_id_key(c->arena, service, c->account, c->region, str_c(kind), id);
	int64_t old_ms;
	if (due_of(c->txn, c->arena, id_key, &old_ms))
		txn_del(c->txn, key_bytes(job_key(c->arena, old_ms, service, c->account, c->region, str_c(kind), id)));
	struct key *k = job_key(c->arena, due_ms, service, c->account, c->region, str_c(kind), id);
	for (; flies(key_bytes(k)); due_ms++)
		k = job_key(c->arena, due_ms + 1, service, c->account, c->region, str_c(kind), id);
	put_record(c->txn, c->arena, k, id_key, due_ms, 0, payload);
	t->jobs_changed = true;
}

bool job_due(struct call *c, const char *kind, struct str id, int64_t *due_ms)
{
	struct key *k = job_id_key(c->arena, str_c(c->service->name), c->account, c->region, str_c(kind), id);
	return due_of(c->txn, c->arena, k, due_ms);
}

bool job_drop(struct call *c, const char *kind, struct str id)
{
	ASSERT(txn_writable(c->txn));
	struct task *t = (struct task *)c->state;
	struct str service = str_c(c->service->name);
	struct key *id_key = job_id_key(c->arena, service, c->account, c->region, str_c(kind), id);
	int64_t due_ms;
	if (!due_of(c->txn, c->arena, id_key, &due_ms))
		return false;
	txn_del(c->txn, key_bytes(job_key(c->arena, due_ms, service, c->account, c->region, str_c(kind), id)));
	txn_del(c->txn, key_bytes(id_key));
	t->jobs_changed = true;
	return true;
}

/* ---- running them ---- */

void jobs_init(void)
{
	map_init(&flying, NULL);
}

void jobs_end(void)
{
	timer = NULL;
	map_free(&flying); /* its keys are the tasks' */
}

struct job_parts { int64_t due_ms; struct str service, account, region, kind, id; };

static bool parts_of(struct arena *a, struct str key, struct job_parts *p)
{
	ASSERT(key.n > 0);
	struct key_reader r = key_reader_of(key);
	struct str tag;
	return key_read_str(&r, a, &tag) && key_read_i64(&r, &p->due_ms) && key_read_str(&r, a, &p->service) &&
	       key_read_str(&r, a, &p->account) && key_read_str(&r, a, &p->region) && key_read_str(&r, a, &p->kind) &&
	       key_read_str(&r, a, &p->id);
}

/* NULL: a record of a build that had this service; it waits for such a build. */
static const struct job_kind *kind_of(const struct job_parts *p)
{
	const struct service *s = service_find(p->service);
	for (size_t i = 0; s != NULL && i < s->n_jobs; i++)
		if (str_eq(str_c(s->jobs[i].name), p->kind))
			return &s->jobs[i];
	return NULL;
}

/* What a job's task keeps. */
struct job_run {
	struct task task;
	const struct job_kind *kind;
	struct job_parts parts;
	struct str payload;
};

static void job_handler(struct call *c)
{
	struct job_run *run = c->user;
	run->kind->run(c, run->parts.id, run->payload);
}

/* A failed job is in the store again with a later time; the log says why. */
static void job_done(struct task *t)
{
	ASSERT(t->user != NULL && t->job_key.n > 0);
	struct job_run *run = t->user;
	if (t->call.failed)
		log_warn("job %.*s/%s %.*s failed: %.*s: %.*s (attempt %u)", STR_ARG(run->parts.service), run->kind->name,
			STR_ARG(run->parts.id), STR_ARG(t->call.error.code), STR_ARG(t->call.error.message), t->job_attempts + 1);
	task_release(t);
	arena_free(t->keep); /* the run itself lives in it */
}

static struct task *job_task(struct str key, struct str value)
{
	struct arena *keep = arena_new(1024);
	struct job_run *run = arena_new_of(keep, struct job_run);
	bool ok = parts_of(keep, arena_dup(keep, key), &run->parts);
	ASSERT(ok);
	run->kind = kind_of(&run->parts);
	if (run->kind == NULL) {
		arena_free(keep);
		return NULL;
	}
	struct task *t = &run->task;
	task_init(t, keep);
	t->mode = OP_WRITE;
	t->handler = job_handler;
	t->done = job_done;
	t->user = run;
	t->job_key = arena_dup(keep, key);
	ASSERT(value.n >= sizeof(uint32_t));
	memcpy(&t->job_attempts, value.p, sizeof(uint32_t));
	run->payload = arena_dup(keep, str_slice(value, sizeof(uint32_t), value.n));
	char uuid[37];
	random_uuid(uuid);
	struct call *c = &t->call;
	c->service = service_find(run->parts.service);
	c->account = run->parts.account;
	c->region = run->parts.region;
	c->request_id = arena_dup(keep, str_c(uuid));
	c->started_ms = clock_now_ms();
	c->user = run;
	c->state = (struct call_state *)t;
	c->arena = keep;
	c->who = service_principal(c, NULL, STR_NONE);
	t->place = TASK_QUEUED;
	return t;
}

struct task *jobs_take_due(struct txn *txn, int64_t now_ms, size_t max)
{
	ASSERT(max > 0);
	struct arena *a = arena_new(0);
	struct key from = key_new(a), to = key_new(a);
	key_str(&from, S("_job"));
	key_i64(key_str(&to, S("_job")), now_ms + 1);
	struct task *list = NULL, **end = &list;
	struct str key, value;
	struct scan *s = scan_open(txn, key_bytes(&from), key_bytes(&to), false);
	pthread_mutex_lock(&lock);
	for (size_t n = 0; n < max && scan_next(s, &key, &value);) {
		if (map_get(&flying, key) != NULL)
			continue;
		struct task *t = job_task(key, value);
		if (t == NULL)
			continue;
		map_put(&flying, t->job_key, t);
		*end = t;
		end = &t->next;
		n++;
	}
	pthread_mutex_unlock(&lock);
	scan_close(s);
	arena_free(a);
	return list;
}

bool jobs_before_run(struct task *t)
{
	struct job_run *run = t->user;
	ASSERT(t->job_key.n > 0 && txn_writable(t->txn));
	/* It was taken from the store before its group began: a call that came first may have dropped it, or put it off. Then this
	 * is no job any more, and what it would do early nobody asked for. One that was parked has begun, and is finished. */
	if (t->reruns == 0 && !txn_has(t->txn, t->job_key))
		return false;
	struct job_parts *p = &run->parts;
	struct key *id_key = job_id_key(t->run, p->service, p->account, p->region, p->kind, p->id);
	int64_t due_ms;
	txn_del(t->txn, t->job_key);
	if (due_of(t->txn, t->run, id_key, &due_ms) && due_ms == p->due_ms)
		txn_del(t->txn, key_bytes(id_key));
	t->jobs_changed = true;
	return true;
}

void jobs_retry_later(struct txn *txn, struct task *t)
{
	ASSERT(t->call.failed && t->job_key.n > 0 && txn_writable(txn));
	struct job_run *run = t->user;
	struct job_parts *p = &run->parts;
	int64_t delay_ms = RETRY_FIRST_MS;
	for (unsigned i = 0; i < t->job_attempts && delay_ms < RETRY_MOST_MS; i++)
		delay_ms *= 2;
	if (delay_ms > RETRY_MOST_MS)
		delay_ms = RETRY_MOST_MS;
	struct key *id_key = job_id_key(t->run, p->service, p->account, p->region, p->kind, p->id);
	int64_t due_ms, again_ms = clock_now_ms() + delay_ms;
	bool there = txn_has(txn, t->job_key);
	txn_del(txn, t->job_key);
	if (!there || !due_of(txn, t->run, id_key, &due_ms) || due_ms != p->due_ms)
		return; /* dropped or replaced meanwhile */
	put_record(txn, t->run, job_key(t->run, again_ms, p->service, p->account, p->region, p->kind, p->id), id_key, again_ms,
		t->job_attempts + 1, run->payload);
}

/* From now on the same key may fly again. */
void jobs_landed(struct task *t)
{
	ASSERT(t->job_key.n > 0);
	pthread_mutex_lock(&lock);
	map_del(&flying, t->job_key);
	pthread_mutex_unlock(&lock);
}

void jobs_next_due(struct txn *txn, int64_t *due_ms)
{
	struct arena *a = arena_new(0);
	struct key from = key_new(a);
	key_str(&from, S("_job"));
	*due_ms = INT64_MAX;
	struct str key, value;
	struct scan *s = scan_open(txn, key_bytes(&from), key_after(a, key_bytes(&from)), false);
	pthread_mutex_lock(&lock);
	while (scan_next(s, &key, &value)) {
		if (map_get(&flying, key) != NULL)
			continue;
		struct job_parts p;
		bool ok = parts_of(a, key, &p);
		ASSERT(ok);
		if (kind_of(&p) == NULL)
			continue;
		*due_ms = p.due_ms;
		break;
	}
	pthread_mutex_unlock(&lock);
	scan_close(s);
	arena_free(a);
}

static void on_due(void *unused)
{
	(void)unused;
	timer = NULL;
	executor_kick_jobs();
}

void jobs_arm(int64_t due_ms)
{
	loop_timer_cancel(timer);
	timer = due_ms == INT64_MAX ? NULL : loop_timer_start(due_ms, on_due, NULL);
}
