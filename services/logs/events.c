/* Events in and out: PutLogEvents with AWS's batch rules, GetLogEvents with tokens that go both ways, FilterLogEvents.
 *
 * A token of GetLogEvents is "f/" or "b/" and a position: the time and serial after (before) which to go on. At the
 * end of a stream the same token comes back, as callers rely on. */
#include "logs.h"

#include "svc/measure.h"
#include "svc/page.h"

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS, PAGE_BYTES = 1 << 20, PAGE_EVENTS = 10000, SCAN_MAX = 200000 };

static void access_stream_of(struct call *c, struct str group, struct str stream)
{
	authorize(c, NULL, arena_join(c->arena, group_arn(c, group), S(":log-stream:"), stream), NULL);
}

void access_put_log_events(struct call *c)
{
	const struct logs_PutLogEventsRequest *in = c->in;
	access_stream_of(c, in->logGroupName, in->logStreamName);
}

void access_get_log_events(struct call *c)
{
	const struct logs_GetLogEventsRequest *in = c->in;
	struct str group = group_named(c, in->logGroupName, in->logGroupIdentifier);
	if (!c->failed)
		access_stream_of(c, group, in->logStreamName);
}

void access_filter_log_events(struct call *c)
{
	const struct logs_FilterLogEventsRequest *in = c->in;
	struct str group = group_named(c, in->logGroupName, in->logGroupIdentifier);
	if (!c->failed)
		access_group(c, group);
}

/* ---- in ---- */

/* The batch rules of PutLogEvents that refuse all of it. */
static bool batch_ok(struct call *c, const struct logs_PutLogEventsRequest *in)
{
	size_t bytes = 0;
	int64_t before = INT64_MIN, first = 0;
	for (uint32_t i = 0; i < in->logEvents.n; i++) {
		const struct logs_InputLogEvent *e = LIST_AT(in->logEvents, struct logs_InputLogEvent, i);
		bytes += e->message.n + EVENT_OVERHEAD;
		if (e->timestamp.v < before) {
			call_fail(c, &logs_err_InvalidParameterException,
				"Log events in a single PutLogEvents request must be in chronological order.");
			return false;
		}
		before = e->timestamp.v;
		if (i == 0)
			first = before;
	}
	if (before - first > DAY_MS) {
		call_fail(c, &logs_err_InvalidParameterException,
			"The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
		return false;
	}
	if (bytes > BATCH_MAX_BYTES) {
		call_fail(c, &logs_err_InvalidParameterException, "Upload too large: %zu bytes exceeds limit of %d", bytes, BATCH_MAX_BYTES);
		return false;
	}
	return true;
}

struct window { int64_t expired_ms, old_ms, new_ms; };

/* 0: keep; else which end of rejectedLogEventsInfo it belongs to. */
static int rejected(struct window w, int64_t ms, struct logs_RejectedLogEventsInfo *info, uint32_t i)
{
	ASSERT(w.old_ms < w.new_ms);
	if (ms < w.expired_ms)
		info->expiredLogEventEndIndex = SOME_I64(i + 1);
	else if (ms < w.old_ms)
		info->tooOldLogEventEndIndex = SOME_I64(i + 1);
	else if (ms > w.new_ms && !info->tooNewLogEventStartIndex.set)
		info->tooNewLogEventStartIndex = SOME_I64(i);
	return ms < w.expired_ms || ms < w.old_ms || ms > w.new_ms;
}

struct str event_id(struct arena *a, int64_t ms, uint64_t serial)
{
	return arena_printf(a, "%028lld%028llu", (long long)ms, (unsigned long long)serial);
}

/* Returns the event's serial. */
static uint64_t put_event(struct call *c, const struct logs_PutLogEventsRequest *in, const struct logs_InputLogEvent *e)
{
	uint64_t serial = call_serial(c, "event");
	struct logs_EventRecord r = {.Stream = in->logStreamName, .Message = e->message, .IngestedMs = SOME_I64(c->now_ms)};
	struct key *k = key_str(key_str(call_key(c, "event"), in->logGroupName), in->logStreamName);
	call_put(c, key_u64(key_i64(k, e->timestamp.v), serial), &logs_shape_EventRecord, &r);
	struct key *index = key_str(call_key(c, "index"), in->logGroupName);
	txn_put(c->txn, key_bytes(key_u64(key_i64(index, e->timestamp.v), serial)), in->logStreamName);
	return serial;
}

/* Source: "CloudWatch Logs metrics and dimensions" (CloudWatch Logs User Guide): of the account, and of the group. */
static void count_incoming(struct call *c, struct str group, uint32_t events, int64_t bytes)
{
	const struct metric_dim dim = {S("LogGroupName"), group};
	const struct { struct str name; double value; const char *unit; } told[] = {
		{S("IncomingLogEvents"), events, "Count"}, {S("IncomingBytes"), (double)bytes, "Bytes"}};
	for (size_t i = 0; events > 0 && i < COUNT_OF(told); i++)
		for (size_t n_dims = 0; n_dims <= 1; n_dims++)
			measure(c, &(struct measure){.ns = S("AWS/Logs"), .name = told[i].name, .dims = &dim, .n_dims = n_dims, .value = told[i].value,
				.unit = told[i].unit});
}

void op_put_log_events(struct call *c)
{
	const struct logs_PutLogEventsRequest *in = c->in;
	struct logs_PutLogEventsResponse *out = c->out;
	struct logs_StreamRecord *s = batch_ok(c, in) ? stream_need(c, in->logGroupName, in->logStreamName) : NULL;
	if (s == NULL)
		return;
	struct logs_GroupRecord *g = group_need(c, in->logGroupName);
	ASSERT(g != NULL); /* stream_need has looked */
	struct window w = {.old_ms = c->now_ms - 14 * (int64_t)DAY_MS, .new_ms = c->now_ms + 2 * HOUR_MS, .expired_ms = INT64_MIN};
	if (g->RetentionDays.v > 0)
		w.expired_ms = c->now_ms - g->RetentionDays.v * DAY_MS;
	struct logs_RejectedLogEventsInfo *info = arena_new_of(c->arena, struct logs_RejectedLogEventsInfo);
	struct logs_InputLogEvent *kept = arena_array(c->arena, struct logs_InputLogEvent, in->logEvents.n);
	uint64_t *serials = arena_array(c->arena, uint64_t, in->logEvents.n);
	uint32_t n = 0;
	int64_t bytes = 0;
	for (uint32_t i = 0; i < in->logEvents.n; i++) {
		const struct logs_InputLogEvent *e = LIST_AT(in->logEvents, struct logs_InputLogEvent, i);
		if (rejected(w, e->timestamp.v, info, i)) {
			out->rejectedLogEventsInfo = info;
			continue;
		}
		serials[n] = put_event(c, in, e);
		bytes += (int64_t)e->message.n + EVENT_OVERHEAD;
		if (!s->FirstMs.set || e->timestamp.v < s->FirstMs.v)
			s->FirstMs = e->timestamp;
		if (!s->LastMs.set || e->timestamp.v > s->LastMs.v)
			s->LastMs = e->timestamp;
		emf_apply(c, in->logGroupName, e->message);
		kept[n++] = *e;
	}
	ASSERT(n <= in->logEvents.n && bytes >= (int64_t)n * EVENT_OVERHEAD);
	s->IngestedMs = SOME_I64(c->now_ms);
	call_put(c, stream_key(c, in->logGroupName, in->logStreamName), &logs_shape_StreamRecord, s);
	group_count_bytes(c, in->logGroupName, bytes);
	struct list put = {kept, n, true};
	metric_filters_apply(c, in->logGroupName, &put);
	insights_apply(c, in->logGroupName, kept, n);
	const struct put what = {in->logGroupName, in->logStreamName, kept, serials, n};
	subscriptions_apply(c, &what);
	live_tail_apply(c, &what);
	count_incoming(c, in->logGroupName, n, bytes - (int64_t)n * EVENT_OVERHEAD);
	out->nextSequenceToken = S("49039859592487412735420000000000000000000000000000000000");
}

/* ---- out, one stream ---- */

/* The position of an event: what its key ends in. */
static struct str position_text(struct call *c, int64_t ms, uint64_t serial)
{
	return arena_printf(c->arena, "%lld.%llu", (long long)ms, (unsigned long long)serial);
}

static bool position_parse(struct str text, int64_t *ms, uint64_t *serial)
{
	struct str rest = text, first = str_cut(&rest, '.');
	return str_present(rest) && str_to_i64(first, ms) && str_to_u64(rest, serial);
}

struct cursor { bool forward, given; int64_t ms; uint64_t serial; };

static bool cursor_parse(struct call *c, const struct logs_GetLogEventsRequest *in, struct cursor *at)
{
	*at = (struct cursor){.forward = in->startFromHead.v};
	if (!str_present(in->nextToken))
		return true;
	struct str position;
	bool forward = str_starts(in->nextToken, S("f/"));
	if ((!forward && !str_starts(in->nextToken, S("b/"))) ||
	    !page_position(c->arena, str_slice(in->nextToken, 2, in->nextToken.n), &position) ||
	    !position_parse(position, &at->ms, &at->serial)) {
		call_fail(c, &logs_err_InvalidParameterException, "The specified nextToken is invalid.");
		return false;
	}
	at->forward = forward;
	at->given = true;
	return true;
}

static struct str cursor_token(struct call *c, bool forward, int64_t ms, uint64_t serial)
{
	return arena_join(c->arena, forward ? S("f/") : S("b/"), page_token(c->arena, position_text(c, ms, serial)));
}

/* Bounds of the scan: the stream's keys between startTime (inclusive), endTime (exclusive) and the cursor. */
static struct scan *scan_stream(struct call *c, const struct logs_GetLogEventsRequest *in, struct str group, const struct cursor *at)
{
	struct str base = key_bytes(key_str(key_str(call_key(c, "event"), group), in->logStreamName));
	struct key from = key_new(c->arena), to = key_new(c->arena);
	key_raw(&from, base);
	key_raw(&to, base);
	key_i64(&from, in->startTime.set ? in->startTime.v : INT64_MIN);
	key_i64(&to, in->endTime.set ? in->endTime.v : INT64_MAX);
	struct str first = key_bytes(&from), last = key_bytes(&to);
	if (at->given) {
		struct key here = key_new(c->arena);
		key_u64(key_i64(key_raw(&here, base), at->ms), at->serial);
		if (at->forward && str_cmp(key_bytes(&here), first) >= 0)
			first = arena_join(c->arena, key_bytes(&here), str_of("", 1));
		if (!at->forward && str_cmp(key_bytes(&here), last) < 0)
			last = key_bytes(&here);
	}
	return str_cmp(first, last) < 0 ? scan_open(c->txn, first, last, !at->forward) : NULL;
}

struct place { int64_t ms; uint64_t serial; };

static struct place place_of(struct str key)
{
	ASSERT(key.n > 18);
	struct str tail = str_slice(key, key.n - 18, key.n); /* a signed and an unsigned integer, nine bytes each */
	struct key_reader r = key_reader_of(tail);
	struct place p;
	bool ok = key_read_i64(&r, &p.ms) && key_read_u64(&r, &p.serial);
	ASSERT(ok);
	return p;
}

static void reverse_events(struct logs_OutputLogEvent *v, uint32_t n)
{
	for (uint32_t i = 0; i < n / 2; i++) {
		struct logs_OutputLogEvent t = v[i];
		v[i] = v[n - 1 - i];
		v[n - 1 - i] = t;
	}
}

void op_get_log_events(struct call *c)
{
	const struct logs_GetLogEventsRequest *in = c->in;
	struct logs_GetLogEventsResponse *out = c->out;
	struct cursor at;
	struct str group = group_named(c, in->logGroupName, in->logGroupIdentifier);
	if (c->failed || stream_need(c, group, in->logStreamName) == NULL || !cursor_parse(c, in, &at))
		return;
	uint32_t limit = in->limit.set ? (uint32_t)in->limit.v : PAGE_EVENTS;
	struct scan *s = scan_stream(c, in, group, &at);
	struct str key, value;
	struct logs_OutputLogEvent *v = NULL;
	uint32_t n = 0, cap = 0;
	size_t bytes = 0;
	struct place first = {0}, last = {0};
	while (s != NULL && n < limit && bytes < PAGE_BYTES && scan_next(s, &key, &value)) {
		const struct logs_EventRecord *e = record_decode(c, &logs_shape_EventRecord, value);
		struct place p = place_of(key);
		if (n == cap) {
			v = arena_grow(c->arena, v, sizeof *v, cap, cap > 0 ? cap * 2 : 64);
			cap = cap > 0 ? cap * 2 : 64;
		}
		v[n++] = (struct logs_OutputLogEvent){.timestamp = SOME_I64(p.ms), .message = e->Message, .ingestionTime = e->IngestedMs};
		bytes += e->Message.n + EVENT_OVERHEAD;
		if (n == 1)
			first = p;
		last = p;
	}
	if (!at.forward) {
		reverse_events(v, n);
		struct place t = first;
		first = last;
		last = t;
	}
	if (n == 0) /* at an end: the same position comes back */
		first = last = at.given ? (struct place){at.ms, at.serial} : (struct place){in->startTime.set ? in->startTime.v - 1 : 0, 0};
	ASSERT(n <= limit && n <= cap);
	out->events = (struct list){v, n, true};
	out->nextForwardToken = cursor_token(c, true, last.ms, last.serial);
	out->nextBackwardToken = cursor_token(c, false, first.ms, first.serial);
}

/* ---- out, a whole group ---- */

static bool stream_wanted(const struct logs_FilterLogEventsRequest *in, struct str stream)
{
	if (str_present(in->logStreamNamePrefix))
		return str_starts(stream, in->logStreamNamePrefix);
	if (in->logStreamNames.n == 0)
		return true;
	for (uint32_t i = 0; i < in->logStreamNames.n; i++)
		if (str_eq(((const struct str *)in->logStreamNames.v)[i], stream))
			return true;
	return false;
}

static struct log_filter *filter_of(struct call *c, struct str pattern)
{
	const char *why = NULL;
	struct log_filter *f = log_filter_parse(c->arena, str_present(pattern) ? pattern : S(""), &why);
	if (f == NULL)
		call_fail(c, &logs_err_InvalidParameterException, "Invalid filter pattern: %s", why);
	return f;
}

/* The group's index between the times, from the token's position on. */
static struct scan *scan_group(struct call *c, const struct logs_FilterLogEventsRequest *in, struct str group)
{
	struct str base = key_bytes(key_str(call_key(c, "index"), group)), after;
	struct key from = key_new(c->arena), to = key_new(c->arena);
	key_i64(key_raw(&from, base), in->startTime.set ? in->startTime.v : INT64_MIN);
	key_raw(&to, base);
	if (in->endTime.set && in->endTime.v < INT64_MAX) /* endTime is inclusive here */
		key_i64(&to, in->endTime.v + 1);
	struct str last = in->endTime.set ? key_bytes(&to) : key_after(c->arena, base), first = key_bytes(&from);
	if (!page_position(c->arena, in->nextToken, &after)) {
		call_fail(c, &logs_err_InvalidParameterException, "The specified nextToken is invalid.");
		return NULL;
	}
	if (str_present(after)) {
		if (!str_starts(after, base)) {
			call_fail(c, &logs_err_InvalidParameterException, "The specified nextToken is invalid.");
			return NULL;
		}
		first = arena_join(c->arena, after, str_of("", 1));
	}
	return str_cmp(first, last) < 0 ? scan_open(c->txn, first, last, false) : NULL;
}

void op_filter_log_events(struct call *c)
{
	const struct logs_FilterLogEventsRequest *in = c->in;
	struct logs_FilterLogEventsResponse *out = c->out;
	struct str group = group_named(c, in->logGroupName, in->logGroupIdentifier);
	if (in->logStreamNames.n > 0 && str_present(in->logStreamNamePrefix))
		call_fail(c, &logs_err_InvalidParameterException, "Either logStreamNamePrefix or logStreamNames may be given, not both.");
	if (c->failed || group_need(c, group) == NULL)
		return;
	struct log_filter *f = filter_of(c, in->filterPattern);
	struct scan *s = f != NULL ? scan_group(c, in, group) : NULL;
	uint32_t limit = in->limit.set ? (uint32_t)in->limit.v : PAGE_EVENTS, n = 0, cap = 0;
	struct logs_FilteredLogEvent *v = NULL;
	struct str key, stream, last = STR_NONE;
	size_t bytes = 0, seen = 0;
	bool more = false;
	while (s != NULL && scan_next(s, &key, &stream)) {
		if (n == limit || bytes >= PAGE_BYTES || ++seen > SCAN_MAX) {
			more = true;
			break;
		}
		last = arena_dup(c->arena, key);
		if (!stream_wanted(in, stream))
			continue;
		struct place p = place_of(key);
		struct key *k = key_str(key_str(call_key(c, "event"), group), stream);
		const struct logs_EventRecord *e = call_get(c, key_u64(key_i64(k, p.ms), p.serial), &logs_shape_EventRecord);
		ASSERT(e != NULL);
		if (!log_filter_matches(f, c->arena, e->Message))
			continue;
		if (n == cap) {
			v = arena_grow(c->arena, v, sizeof *v, cap, cap > 0 ? cap * 2 : 64);
			cap = cap > 0 ? cap * 2 : 64;
		}
		v[n++] = (struct logs_FilteredLogEvent){.logStreamName = e->Stream, .timestamp = SOME_I64(p.ms), .message = e->Message,
			.ingestionTime = e->IngestedMs,
			.eventId = event_id(c->arena, p.ms, p.serial)};
		bytes += e->Message.n + EVENT_OVERHEAD;
	}
	if (c->failed)
		return;
	ASSERT(n <= limit && n <= cap && (!more || str_present(last)));
	out->events = (struct list){v, n, true};
	out->searchedLogStreams = LIST_OF(c->arena, struct logs_SearchedLogStream, 0);
	if (more)
		out->nextToken = page_token(c->arena, last);
}
