/* Deliveries: one event on its way to one target is one job, tried until it is there, or given up.
 *
 * Source: "Event retry policy and using dead-letter queues" (EventBridge User Guide): 24 hours and 185 attempts unless the
 * target says less; what cannot succeed (no permission, no such resource) is not tried again. The waits are ours: 1 s,
 * doubled, at most 8 minutes, which makes 185 attempts a day. */
#include "events.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MOST_MS = 480 * 1000, ATTEMPTS_MAX = 185, AGE_MAX_S = 86400 };

static void put_job(struct call *c, const struct events_DeliveryRecord *d, int64_t due_ms)
{
	ASSERT(d->Target != NULL && str_present(d->EventId) && d->Hops.v >= 0 && d->Hops.v <= HOPS_MAX);
	struct str id = arena_printf(c->arena, "%.*s/%lld/%.*s/%.*s/%.*s", STR_ARG(d->EventId), (long long)d->Hops.v, STR_ARG(d->Bus),
		STR_ARG(d->Rule), STR_ARG(d->Target->Id));
	job_put(c, "deliver", id, due_ms, typed_to_cbor(c->arena, &events_shape_DeliveryRecord, d));
}

size_t deliveries_put(struct call *c, struct str bus, struct str rule, struct str event_id, struct str text, bool shared, int64_t hops)
{
	size_t n = 0;
	struct str key, value;
	struct scan *s = call_scan(c, key_str(key_str(call_key(c, "target"), bus), rule), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		struct events_DeliveryRecord d = {.Bus = bus, .Rule = rule, .EventId = event_id, .Event = shared ? STR_NONE : text,
			.FirstMs = SOME_I64(c->now_ms), .Attempts = SOME_I64(0), .Hops = SOME_I64(hops),
			.Target = record_decode(c, &events_shape_Target, value)};
		put_job(c, &d, c->now_ms);
		n++;
	}
	scan_close(s);
	return n;
}

/* ---- the texts of long events ---- */

static struct key *text_key(struct call *c, const char *table, struct str event_id, struct str bus, int64_t hops)
{
	return key_i64(key_str(key_str(call_key(c, table), event_id), bus), hops);
}

void text_share(struct call *c, struct str event_id, struct str bus, int64_t hops, struct str text, uint64_t refs)
{
	ASSERT(refs > 0);
	txn_put(c->txn, key_bytes(text_key(c, "body", event_id, bus, hops)), text);
	txn_put(c->txn, key_bytes(text_key(c, "refs", event_id, bus, hops)), str_of((const char *)&refs, sizeof refs));
}

static struct str text_of(struct call *c, const struct events_DeliveryRecord *d)
{
	struct str text = d->Event;
	if (str_present(text))
		return text;
	bool there = txn_get(c->txn, key_bytes(text_key(c, "body", d->EventId, d->Bus, d->Hops.v)), c->arena, &text);
	ASSERT(there);
	return text;
}

static void text_done(struct call *c, const struct events_DeliveryRecord *d)
{
	if (str_present(d->Event))
		return;
	struct key *k = text_key(c, "refs", d->EventId, d->Bus, d->Hops.v);
	struct str value;
	uint64_t refs = 0;
	bool there = txn_get(c->txn, key_bytes(k), c->arena, &value);
	ASSERT(there && value.n == sizeof refs);
	memcpy(&refs, value.p, sizeof refs);
	ASSERT(refs > 0);
	if (--refs > 0) {
		txn_put(c->txn, key_bytes(k), str_of((const char *)&refs, sizeof refs));
		return;
	}
	call_del(c, k);
	call_del(c, text_key(c, "body", d->EventId, d->Bus, d->Hops.v));
}

/* ---- giving up ---- */

static void attribute(struct arena *a, struct json *all, const char *name, struct str value)
{
	struct json *o = json_new_object(a);
	json_set_str(a, o, "DataType", S("String"));
	json_set_str(a, o, "StringValue", value.n > 0 ? value : S("-"));
	json_set(a, all, str_c(name), o);
}

static void count(struct call *c, const struct events_DeliveryRecord *d, const char *name)
{
	count_metric(c, d->Bus, d->Rule, name, 1);
}

/* The dead-letter queue gets the event and why. condition NULL: it was not for the retry policy. false: parked. */
static bool give_up(struct call *c, const struct events_DeliveryRecord *d, const struct sending *s, const char *condition)
{
	struct arena *a = c->arena;
	const struct events_DeadLetterConfig *dlq = d->Target->DeadLetterConfig;
	ASSERT(str_present(s->code) && d->Attempts.v > 0);
	count(c, d, "FailedInvocations");
	if (dlq == NULL || dlq->Arn.n == 0)
		return true;
	struct json *attributes = json_new_object(a);
	attribute(a, attributes, "RULE_ARN", s->rule_arn);
	attribute(a, attributes, "TARGET_ARN", d->Target->Arn);
	attribute(a, attributes, "ERROR_CODE", s->code);
	attribute(a, attributes, "ERROR_MESSAGE", str_slice(s->message, 0, 1024));
	if (condition != NULL)
		attribute(a, attributes, "EXHAUSTED_RETRY_CONDITION", str_c(condition));
	attribute(a, attributes, "RETRY_ATTEMPTS", arena_printf(a, "%lld", (long long)(d->Attempts.v > 0 ? d->Attempts.v - 1 : 0)));
	struct sending to_queue = {.rule_arn = s->rule_arn};
	enum sent sent = send_dead_letter(c, dlq->Arn, text_of(c, d), attributes, &to_queue);
	if (sent != SENT_PARKED)
		count(c, d, sent == SENT ? "InvocationsSentToDlq" : "InvocationsFailedToBeSentToDlq");
	return sent != SENT_PARKED;
}

static int64_t delay_ms(int64_t attempts)
{
	ASSERT(attempts > 0);
	int64_t ms = RETRY_FIRST_MS;
	for (int64_t i = 1; i < attempts && ms < RETRY_MOST_MS; i++)
		ms *= 2;
	return ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS;
}

/* Again later, or not: NULL when the job has been put again, else the condition that ends it. */
static const char *try_again(struct call *c, const struct events_DeliveryRecord *d)
{
	const struct events_RetryPolicy *p = d->Target->RetryPolicy;
	int64_t attempts = p != NULL && p->MaximumRetryAttempts.set ? p->MaximumRetryAttempts.v : ATTEMPTS_MAX;
	int64_t age_ms = (p != NULL && p->MaximumEventAgeInSeconds.set ? p->MaximumEventAgeInSeconds.v : AGE_MAX_S) * 1000;
	if (d->Attempts.v > attempts)
		return "MaximumRetryAttempts";
	int64_t due_ms = c->now_ms + delay_ms(d->Attempts.v);
	if (due_ms - d->FirstMs.v > age_ms)
		return "MaximumEventAgeInSeconds";
	put_job(c, d, due_ms);
	return NULL;
}

void job_deliver(struct call *c, struct str id, struct str payload)
{
	(void)id;
	struct events_DeliveryRecord *d = typed_from_cbor(c->arena, &events_shape_DeliveryRecord, payload);
	ASSERT(d != NULL && d->Target != NULL);
	struct sending s = {.rule_arn = rule_arn(c, d->Bus, d->Rule)};
	s.event = text_of(c, d);
	s.body = target_input(c, d->Target, s.event, d->Rule, s.rule_arn);
	enum sent sent = send_to_target(c, d, &s);
	if (sent == SENT_PARKED)
		return;
	d->Attempts = SOME_I64(d->Attempts.v + 1);
	count(c, d, "InvocationAttempts");
	if (d->Attempts.v > 1)
		count(c, d, "RetryInvocationAttempts");
	if (sent == SENT) {
		count(c, d, "Invocations");
		count(c, d, "SuccessfulInvocationAttempts");
		text_done(c, d);
		return;
	}
	const char *condition = NULL;
	if (sent == SENT_RETRY && (condition = try_again(c, d)) == NULL)
		return;
	if (give_up(c, d, &s, condition))
		text_done(c, d);
}
