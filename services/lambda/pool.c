/* Pools: which sandbox runs which invocation, and when sandboxes come and go. */
#include "engine.h"

#include "os/os.h"
#include "telemetry/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FREEZE_AFTER_MS = 100, IDLE_END_MS = 10 * 60 * 1000, RETURN_MS = 50 };

struct engine engine;

void engine_start(void)
{
	engine.loop = service_loop();
	map_init(&engine.functions, NULL);
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	/* More at once would only make each one slower. */
	engine.starting_max = (size_t)(cores > 0 ? cores : 1) * 2 + 2;
}

static struct http_server *runtime_server(void)
{
	static struct http_limits limits;
	limits = http_default_limits;
	limits.idle_timeout_ms = 24 * 3600 * 1000ll; /* a frozen runtime says nothing for long */
	limits.head_timeout_ms = limits.idle_timeout_ms;
	limits.body_stall_ms = limits.idle_timeout_ms; /* nor one that streams its answer, between two pieces */
	limits.connections = 65536;
	if (engine.runtime == NULL)
		engine.runtime = http_server_new(engine.loop, &runtime_api, &limits);
	return engine.runtime;
}

void engine_stop(void)
{
	engine.stopping = true;
	for (struct instance *i = engine.all; i != NULL; i = i->all_next)
		if (i->log != NULL)
			log_cut(i->log);
	logs_flush_all();
}

/* ---- finding ---- */

static struct function *function_of(const struct engine_call *k)
{
	ASSERT(k->account.n > 0 && k->region.n > 0 && k->function.n > 0);
	char text[160];
	int n = snprintf(text, sizeof text, "%.*s/%.*s/%.*s", STR_ARG(k->account), STR_ARG(k->region), STR_ARG(k->function));
	ASSERT(n < (int)sizeof text);
	struct function *f = map_get(&engine.functions, str_of(text, (size_t)n));
	if (f != NULL)
		return f;
	f = calloc(1, sizeof *f);
	if (f == NULL)
		die("out of memory");
	memcpy(f->text, text, sizeof text);
	f->key = str_of(f->text, (size_t)n);
	struct str rest = f->key;
	f->account = str_cut(&rest, '/');
	f->region = str_cut(&rest, '/');
	f->name = rest;
	map_put(&engine.functions, f->key, f);
	return f;
}

static void pool_retire(struct pool *p);

static struct pool *pool_of(struct function *f, const struct engine_call *k)
{
	ASSERT(f->running > 0 && k->version.n > 0); /* who asks keeps f: a pool that is retired here may be its last */
	for (struct pool *p = f->pools, *next; p != NULL; p = next) {
		next = p->next;
		if (p->retired || !str_eq(p->version, k->version))
			continue;
		if (str_eq(p->revision, k->revision))
			return p;
		pool_retire(p);
	}
	struct pool *p = calloc(1, sizeof *p);
	if (p == NULL)
		die("out of memory");
	ASSERT(k->version.n + k->revision.n < sizeof p->text);
	*p = (struct pool){.magic = POOL_MAGIC, .function = f, .next = f->pools};
	p->last = &p->first;
	snprintf(p->text, sizeof p->text, "%.*s%.*s", STR_ARG(k->version), STR_ARG(k->revision));
	p->version = str_of(p->text, k->version.n);
	p->revision = str_of(p->text + k->version.n, strlen(p->text) - k->version.n);
	f->pools = p;
	return p;
}

void pool_maybe_free(struct pool *p)
{
	CHECK_MAGIC(p, POOL_MAGIC);
	if (p->instances != NULL || p->first != NULL)
		return;
	ASSERT(p->queued == 0 && p->starting == 0);
	struct function *f = p->function;
	for (struct pool **at = &f->pools; *at != NULL; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	p->magic = 0;
	free(p);
	if (f->pools != NULL || f->running > 0)
		return;
	map_del(&engine.functions, f->key);
	free(f);
}

/* No new invocations: idle instances end, busy ones when they have answered. */
static void pool_retire(struct pool *p)
{
	CHECK_MAGIC(p, POOL_MAGIC);
	p->retired = true;
	for (struct instance *i = p->instances, *next; i != NULL; i = next) {
		next = i->next;
		i->retire = true;
		if (i->state == INSTANCE_IDLE)
			instance_end(i);
	}
	pool_maybe_free(p);
}

void engine_retire(void *block)
{
	const struct retire_effect *e = block;
	const struct engine_call k = {.account = str_c(e->account), .region = str_c(e->region), .function = str_c(e->name)};
	struct function *f = function_of(&k);
	for (struct pool *p = f->pools, *next; p != NULL; p = next) {
		next = p->next;
		bool last = next == NULL;
		if (e->version[0] == '\0' || str_eq(p->version, str_c(e->version)))
			pool_retire(p); /* may free f with its last pool */
		if (last)
			return;
	}
	if (f->running == 0) {
		map_del(&engine.functions, f->key);
		free(f);
	}
}

void retire_effect_fill(struct retire_effect *e, struct call *c, struct str name, struct str version)
{
	ASSERT(name.n < sizeof e->name && version.n < sizeof e->version); /* cut short, they would be another's */
	snprintf(e->account, sizeof e->account, "%.*s", STR_ARG(c->account));
	snprintf(e->region, sizeof e->region, "%.*s", STR_ARG(c->region));
	snprintf(e->name, sizeof e->name, "%.*s", STR_ARG(name));
	snprintf(e->version, sizeof e->version, "%.*s", STR_ARG(version));
}

struct instance *instance_by_id(uint64_t id)
{
	for (struct instance *i = engine.all; i != NULL; i = i->all_next) {
		if (i->id == id)
			return i;
	}
	return NULL;
}

/* ---- invoking ---- */

static struct invocation *invocation_new(const struct engine_call *k, engine_done done, void *arg)
{
	ASSERT(done != NULL && k->request_id.n > 0);
	struct arena *a = arena_new(k->payload.n + 1024);
	struct invocation *v = arena_new_of(a, struct invocation);
	*v = (struct invocation){.arena = a, .call = *k, .done = done, .arg = arg};
	struct str *texts[] = {&v->call.account, &v->call.region, &v->call.function, &v->call.version, &v->call.revision, &v->call.resource,
		&v->call.invoked_arn, &v->call.request_id, &v->call.payload, &v->call.client_context, &v->call.trace};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		*texts[i] = arena_dup(a, *texts[i]);
	buf_init(&v->tail, NULL, 0);
	return v;
}

void engine_invoke(const struct engine_call *k, engine_done done, void *arg)
{
	(void)runtime_server();
	struct function *f = function_of(k);
	const char *reason = NULL;
	if (k->reserved >= 0 && f->running >= (size_t)k->reserved)
		reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
	else if (engine.running >= ACCOUNT_CONCURRENCY)
		reason = "ConcurrentInvocationLimitExceeded";
	if (reason != NULL) {
		report_throttle(k);
		if (f->pools == NULL && f->running == 0) {
			map_del(&engine.functions, f->key);
			free(f);
		}
		done(arg, &(struct engine_result){.throttled = reason});
		return;
	}
	f->running++; /* before pools come and go: it keeps f */
	engine.running++;
	struct pool *p = pool_of(f, k);
	struct invocation *v = invocation_new(k, done, arg);
	v->function = f;
	report_concurrency(k, f->running);
	*p->last = v;
	p->last = &v->next;
	p->queued++;
	pool_pump(p);
}

void invocation_finish(struct invocation *v, const struct engine_result *r)
{
	ASSERT(v->next == NULL && v->done != NULL); /* it waits in no queue any more */
	ASSERT(v->function->running > 0 && engine.running > 0);
	v->function->running--;
	engine.running--;
	struct engine_result out = *r;
	if (v->call.want_log) {
		struct str tail = buf_view(&v->tail);
		out.log_tail = tail.n > TAIL_MAX ? str_slice(tail, tail.n - TAIL_MAX, tail.n) : tail;
	}
	v->done(v->arg, &out);
	buf_free(&v->tail);
	arena_free(v->arena);
}

static struct invocation *queue_take(struct pool *p)
{
	struct invocation *v = p->first;
	if (v == NULL)
		return NULL;
	ASSERT(p->queued > 0);
	p->first = v->next;
	if (p->first == NULL)
		p->last = &p->first;
	p->queued--;
	ASSERT((p->first == NULL) == (p->queued == 0));
	v->next = NULL;
	return v;
}

static void on_time_out(uv_timer_t *t)
{
	struct instance *i = t->data;
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	if (i->state != INSTANCE_BUSY && i->state != INSTANCE_INIT)
		return;
	ASSERT(i->process != NULL);
	i->timed_out = true;
	process_kill(i->process);
}

static bool usable(const struct instance *i)
{
	ASSERT(i->state == INSTANCE_IDLE && i->inv == NULL);
	int64_t needed_ms = i->plan->config->Timeout.v * 1000 + 60000;
	return !i->retire && i->waiting != NULL && i->plan->expires_ms - clock_now_ms() > needed_ms;
}

static void assign(struct instance *i, struct invocation *v)
{
	ASSERT(i->state == INSTANCE_IDLE && i->inv == NULL && i->waiting != NULL);
	if (i->frozen)
		process_thaw(i->process);
	i->frozen = false;
	i->state = INSTANCE_BUSY;
	i->inv = v;
	v->started_us = os.monotonic_us();
	log_tail_to(i->log, v->call.want_log ? &v->tail : NULL);
	report_start(i);
	uv_timer_start(&i->timer, on_time_out, (uint64_t)i->plan->config->Timeout.v * 1000, 0);
	runtime_send(i);
}

static struct instance *idle_of(struct pool *p)
{
	ASSERT(p->first != NULL); /* somebody waits for one */
	struct instance *found = NULL;
	for (struct instance *i = p->instances, *next; i != NULL; i = next) {
		next = i->next;
		if (i->state != INSTANCE_IDLE)
			continue;
		if (!usable(i))
			instance_end(i);
		else if (found == NULL || i->idle_us > found->idle_us)
			found = i; /* the one that was busy last: its caches are warm, the others may end */
	}
	return found;
}

/* Those that have answered a moment ago and will ask for the next at once: cheaper to wait for than to start one. */
static size_t returning(const struct pool *p)
{
	size_t n = 0;
	for (const struct instance *i = p->instances; i != NULL; i = i->next)
		n += i->state == INSTANCE_BUSY && i->inv == NULL && !i->slow && !i->retire;
	return n;
}

static void on_slow_return(uv_timer_t *t)
{
	struct instance *i = t->data;
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	i->slow = true;
	pool_pump(i->pool);
}

void pool_pump(struct pool *p)
{
	CHECK_MAGIC(p, POOL_MAGIC);
	while (p->first != NULL) {
		struct instance *i = idle_of(p);
		if (i == NULL)
			break;
		assign(i, queue_take(p));
	}
	while (p->starting + returning(p) < p->queued && engine.starting < engine.starting_max)
		(void)instance_start(p);
}

void pump_all(void)
{
	size_t at = 0;
	for (struct map_entry *e; engine.starting < engine.starting_max && (e = map_next(&engine.functions, &at)) != NULL;) {
		struct function *f = e->value;
		for (struct pool *p = f->pools, *next; p != NULL; p = next) {
			next = p->next;
			if (p->first != NULL)
				pool_pump(p);
		}
	}
}

/* ---- what instances tell ---- */

static void started_no_more(struct instance *i)
{
	if (!i->starting_counted)
		return;
	ASSERT(i->pool->starting > 0 && engine.starting > 0);
	i->starting_counted = false;
	i->pool->starting--;
	engine.starting--;
}

static void on_idle(uv_timer_t *t)
{
	struct instance *i = t->data;
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	if (i->state != INSTANCE_IDLE)
		return;
	if (i->frozen) {
		instance_end(i);
		return;
	}
	i->frozen = true;
	process_freeze(i->process);
	uv_timer_start(t, on_idle, IDLE_END_MS, 0);
}

void instance_ready(struct instance *i)
{
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	if (i->state == INSTANCE_DYING)
		return;
	ASSERT(i->waiting != NULL);
	if (i->state == INSTANCE_INIT) {
		started_no_more(i);
		i->init_ms = (double)(os.monotonic_us() - i->started_us) / 1000.0;
		uv_timer_stop(&i->timer);
	}
	ASSERT(i->inv == NULL);
	i->state = INSTANCE_IDLE;
	i->idle_us = os.monotonic_us();
	if (i->retire) {
		instance_end(i);
		return;
	}
	/* Frozen a little later, not at once: the next invocation often follows on its heels. */
	uv_timer_start(&i->timer, on_idle, FREEZE_AFTER_MS, 0);
	pool_pump(i->pool);
	if (engine.starting < engine.starting_max)
		pump_all();
}

void instance_responded(struct instance *i, struct str body, struct str error_type, bool is_error)
{
	struct invocation *v = i->inv;
	ASSERT(v != NULL && i->state == INSTANCE_BUSY);
	(void)error_type;
	process_drain(i->process); /* what it printed before it answered belongs before END */
	report_end(i, NULL, NULL, is_error);
	i->slow = false;
	uv_timer_start(&i->timer, on_slow_return, RETURN_MS, 0);
	i->inv = NULL;
	log_tail_to(i->log, NULL);
	struct engine_result r = {.payload = body, .error = is_error ? S("Unhandled") : STR_NONE};
	if (body.n > PAYLOAD_MAX) {
		char text[200];
		int n = snprintf(text, sizeof text, "{\"errorMessage\":\"Response payload size exceeded maximum allowed payload size (%d bytes).\","
			"\"errorType\":\"Function.ResponseSizeTooLarge\"}", PAYLOAD_MAX);
		r.payload = str_of(text, (size_t)n);
		r.error = S("Unhandled");
		invocation_finish(v, &r);
		return;
	}
	invocation_finish(v, &r);
}

void instance_init_failed(struct instance *i, struct str body)
{
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	ASSERT(i->plan != NULL);
	i->init_error = arena_dup(i->plan->arena, body);
}

/* "exited with error: signal: killed", as AWS words a runtime's end. */
static void exit_words(int status, char how[60])
{
	if (WIFSIGNALED(status))
		snprintf(how, 60, "exited with error: signal: %s", WTERMSIG(status) == SIGKILL ? "killed" : strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 0)
		snprintf(how, 60, "exited without providing a reason");
	else
		snprintf(how, 60, "exited with error: exit status %d", WEXITSTATUS(status));
}

/* Its sandbox ended while it ran v (or was to run it first). */
static void fail_invocation(struct instance *i, struct invocation *v, int status, bool oom)
{
	struct arena *a = arena_new(1024);
	struct str id = v->call.request_id, said;
	const char *type = i->timed_out ? "Sandbox.Timedout" : oom ? "Runtime.OutOfMemory" : "Runtime.ExitError";
	char how[60];
	if (i->timed_out) {
		said = arena_printf(a, "Task timed out after %.2f seconds", (double)i->plan->config->Timeout.v);
	} else {
		exit_words(status, how);
		said = arena_printf(a, "Runtime %s", how);
	}
	if (i->inv == v && i->log != NULL) {
		if (i->timed_out)
			log_line(i->log, arena_printf(a, "%.*s %.*s\n\n", STR_ARG(id), STR_ARG(said)));
		else if (!str_present(i->init_error))
			log_line(i->log, arena_printf(a, "RequestId: %.*s Error: %.*s\n%s\n", STR_ARG(id), STR_ARG(said), type));
		report_end(i, i->timed_out ? "timeout" : "error", i->timed_out ? NULL : type, true);
	}
	struct engine_result r = {.error = S("Unhandled"), .payload = arena_printf(a, "{\"errorType\":\"%s\","
		"\"errorMessage\":\"RequestId: %.*s Error: %.*s\"}", type, STR_ARG(id), STR_ARG(said))};
	if (!i->timed_out && str_present(i->init_error))
		r.payload = i->init_error;
	if (i->log != NULL)
		log_tail_to(i->log, NULL);
	invocation_finish(v, &r);
	arena_free(a);
}

void instance_gone(struct instance *i, int status, bool oom)
{
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	CHECK_MAGIC(i->pool, POOL_MAGIC);
	struct pool *p = i->pool;
	bool in_init = i->starting_counted;
	started_no_more(i);
	struct invocation *v = i->inv;
	if (v == NULL && in_init)
		v = queue_take(p); /* an init that fails is told to the one who waits longest */
	if (v != NULL && i->inv == NULL && i->log != NULL) {
		i->inv = v;
		v->started_us = i->started_us;
		log_tail_to(i->log, v->call.want_log ? &v->tail : NULL);
		report_start(i);
	}
	if (v != NULL)
		fail_invocation(i, v, status, oom);
	i->inv = NULL;
	instance_free(i);
	pool_pump(p);
	pool_maybe_free(p);
	pump_all();
}

void instance_failed_to_start(struct instance *i, const char *why)
{
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	ASSERT(i->process == NULL && i->inv == NULL && why != NULL);
	struct pool *p = i->pool;
	started_no_more(i);
	log_warn("lambda: %.*s cannot be started: %s", STR_ARG(p->function->name), why);
	struct invocation *v = queue_take(p);
	struct arena *a = arena_new(0);
	struct json *o = json_new_object(a);
	json_set_str(a, o, "errorType", S("Runtime.InvalidEntrypoint"));
	struct str id = v != NULL ? v->call.request_id : S("");
	json_set_str(a, o, "errorMessage", arena_printf(a, "RequestId: %.*s Error: %s", STR_ARG(id), why));
	struct engine_result r = {.payload = json_text(a, o), .error = S("Unhandled")};
	if (v != NULL) {
		if (i->log != NULL)
			log_line(i->log, r.payload);
		invocation_finish(v, &r);
	}
	arena_free(a);
	instance_free(i);
	pool_pump(p);
	pool_maybe_free(p);
	pump_all();
}

void instance_end(struct instance *i)
{
	ASSERT(i->state == INSTANCE_IDLE);
	i->state = INSTANCE_DYING;
	uv_timer_stop(&i->timer);
	process_kill(i->process);
}
