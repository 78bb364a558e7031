/* Working on a batch of a stream: lanes, retries, bisecting, partial failures, what is given up.
 *
 * A lane's stack says what is left of it, the earliest on top; a lane runs one range at a time, in order. A range ends by
 * success, by having been tried too often, or by being too old; then its failure goes to the on-failure destination. */
#include "esm_streams.h"

#include "base/time.h"
#include "os/os.h"

#include <stdlib.h>

enum { BACKOFF_FIRST_MS = 200, BACKOFF_MOST_MS = 60 * 1000 };

static void lane_go(struct lane *l);

/* Which lane: all changes of one item, all records of one partition key share one. */
static size_t lane_of(struct arena *a, const struct json *record, size_t n)
{
	ASSERT(n <= LANES_MAX);
	if (n < 2)
		return 0;
	return (size_t)(str_hash(record_order(a, record)) % n);
}

static void age_metric(const struct shard *s)
{
	ASSERT(s->records != NULL);
	const struct json *last = s->records->n > 0 ? json_at(s->records, s->records->n - 1) : NULL;
	if (last == NULL)
		return;
	double age = (double)(clock_now_ms() - record_ms(last));
	report_async(s->target.call.account, s->target.call.region, s->target.call.function, "IteratorAge", age > 0 ? age : 0, "Milliseconds");
}

void shard_work(struct shard *s)
{
	ASSERT(s->arena != NULL && s->records != NULL && s->lanes_left == 0); /* one batch at a time */
	s->n_lanes = s->target.factor < 1 ? 1 : s->target.factor > LANES_MAX ? LANES_MAX : (size_t)s->target.factor;
	s->result = s->records->n > 0 ? "OK" : NULL;
	age_metric(s);
	for (size_t i = 0; i < s->n_lanes; i++)
		s->lanes[i] = (struct lane){.shard = s, .records = json_new_array(s->arena)};
	for (size_t i = 0; i < s->records->n; i++) {
		struct json *one = json_at(s->records, i);
		json_push(s->arena, s->lanes[lane_of(s->arena, one, s->n_lanes)].records, one);
	}
	s->lanes_left = 0;
	for (size_t i = 0; i < s->n_lanes; i++)
		s->lanes_left += s->lanes[i].records->n > 0;
	if (s->lanes_left == 0) {
		shard_done(s);
		return;
	}
	mapping_hold(s->mapping); /* until the last lane is done */
	size_t n = s->n_lanes;
	for (size_t i = 0; i < n; i++) {
		struct lane *l = &s->lanes[i];
		if (l->records->n == 0)
			continue;
		l->depth = 1;
		l->stack[0].from = 0;
		l->stack[0].to = l->records->n;
		lane_go(l);
	}
}

static void lane_done(struct lane *l)
{
	ASSERT(!l->busy && l->timer == NULL);
	struct shard *s = l->shard;
	struct mapping *m = s->mapping;
	ASSERT(s->lanes_left > 0);
	if (--s->lanes_left > 0)
		return;
	shard_done(s);
	mapping_release(m);
}

static void on_backoff(void *arg)
{
	struct lane *l = arg;
	ASSERT(!l->busy && l->timer != NULL);
	l->timer = NULL;
	lane_go(l);
}

/* ---- giving up ---- */

struct given_up { struct arena *arena; struct lane *lane; struct json *record; };

static void give_up_run(struct call *c)
{
	struct given_up *g = c->user;
	const struct target *t = &g->lane->shard->target;
	bool parked;
	struct str why;
	if (!destination_send(c, t->role, t->on_failure, g->record, "", t->function_arn, &parked, &why) && !parked)
		report_async(c->account, c->region, t->call.function, "DestinationDeliveryFailures", 1, "Count");
}

static void give_up_done(void *arg, const struct wire_error *error)
{
	(void)error;
	struct given_up *g = arg;
	struct lane *l = g->lane;
	arena_free(g->arena); /* g lives in it */
	lane_go(l);
}

/* The failure's record. Source: "Retaining records of failed batches" (developer guide). */
static struct json *failure_record(struct arena *a, const struct lane *l, size_t from, size_t to, int64_t attempts, const char *condition,
                                   struct str error)
{
	ASSERT(from < to && to <= l->records->n && attempts >= 0);
	const struct shard *s = l->shard;
	struct json *r = json_new_object(a), *request = json_new_object(a), *response = json_new_object(a), *batch = json_new_object(a);
	char id[37];
	random_uuid(id);
	json_set_str(a, request, "requestId", arena_dup(a, str_c(id)));
	json_set_str(a, request, "functionArn", s->target.function_arn);
	json_set_str(a, request, "condition", str_c(condition));
	json_set_i64(a, request, "approximateInvokeCount", attempts);
	json_set(a, r, S("requestContext"), request);
	json_set_i64(a, response, "statusCode", 200);
	json_set_str(a, response, "executedVersion", s->target.call.version);
	json_set_str(a, response, "functionError", error.n > 0 ? error : S("Unhandled"));
	json_set(a, r, S("responseContext"), response);
	json_set_str(a, r, "version", S("1.0"));
	json_set_str(a, r, "timestamp", time_iso8601_ms(a, clock_now_ms()));
	const struct json *first = json_at(l->records, from), *last = json_at(l->records, to - 1);
	json_set_str(a, batch, "shardId", str_c(s->id));
	json_set_str(a, batch, "startSequenceNumber", record_sequence(first));
	json_set_str(a, batch, "endSequenceNumber", record_sequence(last));
	json_set_str(a, batch, "approximateArrivalOfFirstRecord", time_iso8601(a, record_ms(first)));
	json_set_str(a, batch, "approximateArrivalOfLastRecord", time_iso8601(a, record_ms(last)));
	json_set_i64(a, batch, "batchSize", (int64_t)(to - from));
	json_set_str(a, batch, "streamArn", s->target.source);
	json_set(a, r, stream_kind_of(s->target.source)->batch_info, batch);
	return r;
}

static void give_up(struct lane *l, const char *condition, struct str error)
{
	ASSERT(l->depth > 0 && !l->busy);
	size_t from = l->stack[l->depth - 1].from, to = l->stack[l->depth - 1].to;
	ASSERT(from < to && to <= l->records->n);
	int64_t attempts = l->stack[l->depth - 1].attempts;
	l->depth--;
	if (l->shard->target.on_failure.n == 0) {
		lane_go(l);
		return;
	}
	struct arena *a = arena_new(2048);
	struct given_up *g = arena_new_of(a, struct given_up);
	*g = (struct given_up){a, l, failure_record(a, l, from, to, attempts, condition, error)};
	const struct submit s = {.service = &service_lambda, .account = l->shard->target.call.account, .region = l->shard->target.call.region,
		.run = give_up_run, .write = true, .arg = g, .done = give_up_done};
	call_submit(&s);
}

/* ---- an answer ---- */

static void backoff(struct lane *l, int64_t attempts)
{
	ASSERT(l->timer == NULL && !l->busy && l->depth > 0);
	int64_t ms = BACKOFF_FIRST_MS;
	for (int64_t i = 1; i < attempts && ms < BACKOFF_MOST_MS; i++)
		ms *= 2;
	l->timer = loop_timer_start(clock_now_ms() + (ms < BACKOFF_MOST_MS ? ms : BACKOFF_MOST_MS), on_backoff, l);
}

/* The range on top failed as a whole. */
static void failed(struct lane *l, struct str error)
{
	const struct target *t = &l->shard->target;
	size_t top = l->depth - 1, from = l->stack[top].from, to = l->stack[top].to;
	ASSERT(l->depth > 0 && from < to && to <= l->records->n);
	l->shard->result = "PROBLEM: Function call failed";
	int64_t attempts = ++l->stack[top].attempts;
	bool split = t->bisect && to - from > 1 && l->depth < COUNT_OF(l->stack);
	if (!split && t->retries >= 0 && attempts > t->retries) {
		give_up(l, "RetryAttemptsExhausted", error);
		return;
	}
	if (split) {
		/* The first half on top; splitting is no retry. */
		size_t middle = from + (to - from) / 2;
		ASSERT(from < middle && middle < to);
		l->stack[top].from = middle;
		l->stack[top].attempts = 0;
		l->stack[l->depth].from = from;
		l->stack[l->depth].to = middle;
		l->stack[l->depth].attempts = 0;
		l->depth++;
	}
	backoff(l, attempts);
}

/* The function names the first record that it did not take; everything before it is done. */
static void failed_from(struct lane *l, const struct json *ids)
{
	ASSERT(l->depth > 0 && !l->busy && json_is(ids, JSON_ARRAY));
	size_t top = l->depth - 1, at = l->stack[top].to;
	for (size_t i = l->stack[top].from; i < l->stack[top].to && at == l->stack[top].to; i++) {
		for (size_t k = 0; k < ids->n; k++) {
			if (str_eq(json_str(json_at(ids, k)), record_sequence(json_at(l->records, i))))
				at = i;
		}
	}
	if (at == l->stack[top].to)
		at = l->stack[top].from; /* none of ours: all of it failed */
	ASSERT(at >= l->stack[top].from && at < l->stack[top].to);
	if (at > l->stack[top].from) {
		l->stack[top].from = at;
		l->stack[top].attempts = 0;
	}
	failed(l, S(""));
}

static void on_answer(void *arg, const struct engine_result *r)
{
	struct lane *l = arg;
	ASSERT(l->busy && l->depth > 0 && l->timer == NULL);
	l->busy = false;
	if (r->throttled != NULL) {
		backoff(l, 4); /* not the records' fault: no attempt */
		return;
	}
	if (r->error.n > 0) {
		failed(l, r->error);
		return;
	}
	if (l->shard->target.report_failures) {
		struct arena *a = l->shard->arena;
		struct json *ids = item_failures(a, arena_dup(a, r->payload));
		if (ids == NULL || ids->n > 0) {
			failed_from(l, ids != NULL ? ids : json_new_array(a));
			return;
		}
	}
	l->depth--;
	lane_go(l);
}

static bool too_old(const struct lane *l, const struct json *record)
{
	ASSERT(l->depth > 0 && record != NULL);
	int64_t max_s = l->shard->target.max_age_s;
	return max_s >= 0 && clock_now_ms() - record_ms(record) > max_s * 1000;
}

static void lane_go(struct lane *l)
{
	ASSERT(!l->busy && l->timer == NULL);
	struct shard *s = l->shard;
	if (l->depth == 0 || s->mapping->stopped) {
		if (s->mapping->stopped && l->depth > 0) {
			s->last[0] = '\0'; /* not done: a mapping that starts again reads it again */
			s->at_end = false;
		}
		lane_done(l);
		return;
	}
	size_t from = l->stack[l->depth - 1].from, to = l->stack[l->depth - 1].to;
	ASSERT(from < to && to <= l->records->n && l->depth <= COUNT_OF(l->stack));
	if (too_old(l, json_at(l->records, from)) && too_old(l, json_at(l->records, to - 1))) {
		give_up(l, "RecordAgeExceeded", S(""));
		return;
	}
	struct arena *a = arena_new(4096);
	struct json *event = json_new_object(a), *records = json_new_array(a);
	for (size_t i = from; i < to; i++)
		json_push(a, records, json_at(l->records, i));
	json_set(a, event, S("Records"), records);
	l->busy = true;
	target_invoke(&s->target, json_text(a, event), on_answer, l);
	arena_free(a);
}
