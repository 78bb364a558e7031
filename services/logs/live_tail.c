/* StartLiveTail: what is put into log groups, told to whoever watches them, once a second.
 *
 * A session is an answer that is made while it is sent (svc/stream.h). A PutLogEvents that commits while sessions are open hands its
 * events to the loop, which gives each session those of its groups and streams; each second a worker picks the ones that match its
 * pattern and makes them one update. What always holds: sessions are the loop's, but for `watched`, by which a put knows whether it
 * has anybody to tell; while a worker makes an update, `taken` and `out` are its own, and the session does not end; what waits for a
 * client that reads slowly is bounded, the oldest goes first. Source: StartLiveTail, LiveTailSessionUpdate (API Reference). */
#include "logs.h"

#include "os/os.h"
#include "svc/arn.h"
#include "svc/stream.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
	SESSION_MAGIC = 0x7a111f0e, SESSIONS_MAX = 15, TICK_MS = 1000, SESSION_MS = 3 * 3600 * 1000, SHOWN_MAX = 500, WAITING_EVENTS = 20000,
	WAITING_BYTES = 16 << 20, UPDATE_MAX = 64 << 20
};

/* The events of one PutLogEvents; group, stream and messages follow it. */
struct told {
	struct told *next;
	char account[13], region[40];
	size_t group_n, stream_n, bytes;
	int64_t ingested_ms;
	uint32_t n;
	struct { int64_t ms; size_t n; } event[];
};

struct session {
	unsigned magic;
	struct session *next;
	struct outgoing *to;
	struct stream_source source;
	struct logs_LiveTailSessionStart about; /* what was asked for */
	struct str account, region;
	struct str *groups;
	size_t n_groups;
	struct told *waiting, **last;
	size_t events, bytes;      /* that wait */
	int64_t until_ms;
	struct loop_timer *timer;
	bool full, working, gone, dropped;
	/* the worker's */
	struct told *taken;
	bool taken_sampled;        /* some were dropped before */
	struct buf out;
};

static struct session *sessions;
static atomic_uint watched;

/* ---- events on their way ---- */

static const char *told_text(const struct told *t) { return (const char *)&t->event[t->n]; }
static struct str told_group(const struct told *t) { return str_of(told_text(t), t->group_n); }
static struct str told_stream(const struct told *t) { return str_of(told_text(t) + t->group_n, t->stream_n); }

static void told_free(struct told *t)
{
	while (t != NULL) {
		struct told *next = t->next;
		free(t);
		t = next;
	}
}

static bool named(const struct list *names, struct str stream, bool prefixes)
{
	for (uint32_t i = 0; i < names->n; i++) {
		struct str name = *LIST_AT(*names, struct str, i);
		if (prefixes ? str_starts(stream, name) : str_eq(stream, name))
			return true;
	}
	return false;
}

static bool watches(const struct session *s, const struct told *t)
{
	bool group = false;
	if (!str_eq(s->account, str_c(t->account)) || !str_eq(s->region, str_c(t->region)))
		return false;
	for (size_t i = 0; i < s->n_groups; i++)
		group |= str_eq(s->groups[i], told_group(t));
	if (!group)
		return false;
	if (s->about.logStreamNames.n > 0)
		return named(&s->about.logStreamNames, told_stream(t), false);
	return s->about.logStreamNamePrefixes.n == 0 || named(&s->about.logStreamNamePrefixes, told_stream(t), true);
}

static void give(struct session *s, const struct told *t, size_t size)
{
	struct told *own = malloc(size);
	if (own == NULL)
		die("out of memory");
	memcpy(own, t, size);
	own->next = NULL;
	*s->last = own;
	s->last = &own->next;
	s->events += own->n;
	s->bytes += own->bytes;
	while (s->waiting != own && (s->events > WAITING_EVENTS || s->bytes > WAITING_BYTES)) {
		struct told *oldest = s->waiting;
		s->waiting = oldest->next;
		s->events -= oldest->n;
		s->bytes -= oldest->bytes;
		s->dropped = true;
		free(oldest);
	}
}

static size_t told_size(const struct told *t)
{
	return sizeof *t + t->n * sizeof t->event[0] + t->group_n + t->stream_n + t->bytes;
}

static void tell(void *block)
{
	const struct told *t = block;
	for (struct session *s = sessions; s != NULL; s = s->next) {
		CHECK_MAGIC(s, (unsigned)SESSION_MAGIC);
		if (!s->gone && watches(s, t))
			give(s, t, told_size(t));
	}
}

void live_tail_apply(struct call *c, const struct put *p)
{
	if (atomic_load(&watched) == 0 || p->n == 0)
		return;
	struct told head = {.group_n = p->group.n, .stream_n = p->stream.n, .ingested_ms = c->now_ms, .n = p->n};
	for (uint32_t i = 0; i < p->n; i++)
		head.bytes += p->events[i].message.n;
	struct told *t = call_effect(c, tell, told_size(&head));
	*t = head;
	ASSERT(c->account.n < sizeof t->account && c->region.n < sizeof t->region);
	memcpy(t->account, c->account.p, c->account.n);
	memcpy(t->region, c->region.p, c->region.n);
	char *at = (char *)&t->event[t->n];
	memcpy(at, p->group.p, p->group.n);
	memcpy(at + p->group.n, p->stream.p, p->stream.n);
	at += p->group.n + p->stream.n;
	for (uint32_t i = 0; i < p->n; i++) {
		t->event[i].ms = p->events[i].timestamp.v;
		t->event[i].n = p->events[i].message.n;
		memcpy(at, p->events[i].message.p, p->events[i].message.n);
		at += p->events[i].message.n;
	}
}

/* ---- an update ---- */

static void put_event(struct buf *b, const char *type, const struct shape *shape, const void *v, struct arena *a)
{
	eventstream_event(b, type, "application/json", json_text(a, typed_to_json(a, shape, v)));
	ASSERT(!b->overflow);
}

static struct str arn_of(struct arena *a, const struct session *s, struct str group)
{
	return arn_make(a, "logs", s->region, s->account, arena_join(a, S("log-group:"), group));
}

/* Those that match, in the order in which they came; of too many every so manieth. */
static void make_update(void *arg)
{
	struct session *s = arg;
	struct arena *a = arena_new(64 << 10);
	struct logs_LiveTailSessionLogEvent *v = NULL;
	const char *why;
	uint32_t n = 0, cap = 0, shown;
	struct str pattern = s->about.logEventFilterPattern;
	struct log_filter *f = log_filter_parse(a, str_present(pattern) ? pattern : S(""), &why);
	ASSERT(f != NULL); /* the call has parsed it before */
	for (const struct told *t = s->taken; t != NULL; t = t->next) {
		const char *at = told_text(t) + t->group_n + t->stream_n;
		struct str group = arn_of(a, s, told_group(t));
		for (uint32_t i = 0; i < t->n; at += t->event[i++].n) {
			struct str message = str_of(at, t->event[i].n);
			if (!log_filter_matches(f, a, message))
				continue;
			if (n == cap) {
				v = arena_grow(a, v, sizeof *v, cap, cap > 0 ? cap * 2 : 64);
				cap = cap > 0 ? cap * 2 : 64;
			}
			v[n++] = (struct logs_LiveTailSessionLogEvent){.logStreamName = told_stream(t), .logGroupIdentifier = group, .message = message,
				.timestamp = SOME_I64(t->event[i].ms), .ingestionTime = SOME_I64(t->ingested_ms)};
		}
	}
	shown = n < SHOWN_MAX ? n : SHOWN_MAX;
	for (uint32_t i = 0; i < shown; i++)
		v[i] = v[(size_t)i * n / shown];
	struct logs_LiveTailSessionMetadata meta = {.sampled = SOME_BOOL(n > shown || s->taken_sampled)};
	const struct logs_LiveTailSessionUpdate update = {.sessionMetadata = &meta, .sessionResults = {v, shown, true}};
	put_event(&s->out, "sessionUpdate", &logs_shape_LiveTailSessionUpdate, &update, a);
	arena_free(a);
}

/* ---- a session ---- */

static void end(struct session *s)
{
	CHECK_MAGIC(s, (unsigned)SESSION_MAGIC);
	struct outgoing *to = s->to;
	ASSERT(!s->working && to != NULL);
	for (struct session **at = &sessions; *at != NULL; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	atomic_fetch_sub(&watched, 1);
	loop_timer_cancel(s->timer);
	s->timer = NULL;
	told_free(s->waiting);
	buf_free(&s->out);
	s->to = NULL;
	s->magic = 0;
	outgoing_end(to); /* s lives in the call's memory */
}

static void on_tick(void *arg);

static void made_update(void *arg)
{
	struct session *s = arg;
	CHECK_MAGIC(s, (unsigned)SESSION_MAGIC);
	ASSERT(s->working);
	s->working = false;
	told_free(s->taken);
	s->taken = NULL;
	if (s->gone) {
		end(s);
		return;
	}
	s->full = !outgoing_write(s->to, buf_view(&s->out));
	buf_free(&s->out);
	s->timer = loop_timer_start(clock_now_ms() + TICK_MS, on_tick, s);
}

static void on_tick(void *arg)
{
	struct session *s = arg;
	CHECK_MAGIC(s, (unsigned)SESSION_MAGIC);
	ASSERT(!s->working && !s->gone);
	s->timer = NULL;
	if (clock_now_ms() >= s->until_ms) {
		eventstream_exception(&s->out, "SessionTimeoutException", "application/json", S("{\"message\":\"The Live Tail session timed out.\"}"));
		(void)outgoing_write(s->to, buf_view(&s->out));
		end(s);
		return;
	}
	if (s->full) {
		s->timer = loop_timer_start(clock_now_ms() + TICK_MS, on_tick, s);
		return;
	}
	s->working = true;
	s->taken = s->waiting;
	s->taken_sampled = s->dropped;
	s->dropped = false;
	s->waiting = NULL;
	s->last = &s->waiting;
	s->events = s->bytes = 0;
	worker_run(make_update, made_update, s);
}

static void begin(struct outgoing *o, void *arg)
{
	struct session *s = arg;
	struct arena *a = arena_new(1024);
	s->to = o;
	s->last = &s->waiting;
	s->next = sessions;
	sessions = s;
	atomic_fetch_add(&watched, 1);
	s->until_ms = clock_now_ms() + SESSION_MS;
	eventstream_event(&s->out, "initial-response", "application/json", S("{}"));
	put_event(&s->out, "sessionStart", &logs_shape_LiveTailSessionStart, &s->about, a);
	s->full = !outgoing_write(o, buf_view(&s->out));
	buf_free(&s->out);
	arena_free(a);
	s->timer = loop_timer_start(clock_now_ms() + TICK_MS, on_tick, s);
}

static void more(void *arg) { ((struct session *)arg)->full = false; }

static void gone(void *arg)
{
	struct session *s = arg;
	CHECK_MAGIC(s, (unsigned)SESSION_MAGIC);
	s->gone = true;
	if (!s->working)
		end(s);
}

/* ---- the operation ---- */

/* The group of an ARN of this account and region; absent: it is not one, and c has failed. */
static struct str group_of_arn(struct call *c, struct str text)
{
	struct arn arn;
	const size_t n = sizeof "log-group:" - 1;
	if (arn_parse(text, &arn) && str_eq(arn.service, S("logs")) && str_starts(arn.resource, S("log-group:")) && arn.resource.n > n &&
	    str_find(arn.resource, '*') < 0 && str_eq(arn.account, c->account) && str_eq(arn.region, c->region))
		return str_slice(arn.resource, n, arn.resource.n);
	call_fail(c, &logs_err_InvalidParameterException, "%.*s is not the ARN of a log group of this account and Region.", STR_ARG(text));
	return STR_NONE;
}

void access_start_live_tail(struct call *c)
{
	const struct logs_StartLiveTailRequest *in = c->in;
	for (uint32_t i = 0; i < in->logGroupIdentifiers.n && !c->failed; i++) {
		struct str group = group_of_arn(c, *LIST_AT(in->logGroupIdentifiers, struct str, i));
		if (!c->failed)
			access_group(c, group);
	}
}

static bool request_ok(struct call *c)
{
	const struct logs_StartLiveTailRequest *in = c->in;
	bool names = in->logStreamNames.n > 0, prefixes = in->logStreamNamePrefixes.n > 0;
	const char *why = NULL;
	if (names && prefixes)
		call_fail(c, &logs_err_InvalidParameterException, "Either logStreamNames or logStreamNamePrefixes may be given, not both.");
	else if ((names || prefixes) && in->logGroupIdentifiers.n > 1)
		call_fail(c, &logs_err_InvalidParameterException, "Log streams may be named when there is only one log group.");
	else if (str_present(in->logEventFilterPattern) && log_filter_parse(c->arena, in->logEventFilterPattern, &why) == NULL)
		call_fail(c, &logs_err_InvalidParameterException, "Invalid filter pattern: %s", why);
	else if (atomic_load(&watched) >= SESSIONS_MAX)
		call_fail(c, &logs_err_LimitExceededException, "There are %d Live Tail sessions, which is the limit.", SESSIONS_MAX);
	return !c->failed;
}

void op_start_live_tail(struct call *c)
{
	const struct logs_StartLiveTailRequest *in = c->in;
	struct logs_StartLiveTailResponse *out = c->out;
	struct arena *keep = call_keep(c);
	if (!request_ok(c))
		return;
	struct session *s = arena_new_of(keep, struct session);
	char id[37];
	random_uuid(id);
	*s = (struct session){.magic = SESSION_MAGIC, .source = {begin, more, gone, s}, .account = arena_dup(keep, c->account),
		.region = arena_dup(keep, c->region), .n_groups = in->logGroupIdentifiers.n};
	s->groups = arena_array(keep, struct str, s->n_groups);
	for (uint32_t i = 0; i < s->n_groups; i++) {
		s->groups[i] = arena_dup(keep, group_of_arn(c, *LIST_AT(in->logGroupIdentifiers, struct str, i)));
		if (group_need(c, s->groups[i]) == NULL)
			return;
	}
	const struct logs_LiveTailSessionStart about = {.requestId = c->request_id, .sessionId = str_c(id), .logGroupIdentifiers =
		in->logGroupIdentifiers, .logStreamNames = in->logStreamNames, .logStreamNamePrefixes = in->logStreamNamePrefixes,
		.logEventFilterPattern = in->logEventFilterPattern};
	s->about = *(struct logs_LiveTailSessionStart *)typed_copy(keep, &logs_shape_LiveTailSessionStart, &about);
	buf_init(&s->out, NULL, UPDATE_MAX);
	out->responseStream = arena_new_of(c->arena, struct body);
	out->responseStream->source = &s->source;
}
