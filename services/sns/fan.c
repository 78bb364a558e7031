/* From a topic's `out` to its subscribers: the job that sends, and the one that tries again.
 *
 * A run of "fan" sends at most SENDS notifications and comes again when there is more; how far a message has come is in its
 * record (After). What always holds: a message leaves `out` in the transaction in which it was given to the last subscription, or in
 * which what could not be given went to a retry or a dead-letter queue; so nothing is lost and, queues being written in
 * the same transaction, nothing comes twice to them. What goes to a web server is a job of its own each ("retry", the first time too): none
 * waits for another's answer.
 * Source: "Amazon SNS message delivery retries", "Amazon SNS dead-letter queues", "Amazon SNS message filtering". */
#include "sns.h"

#include "base/enc.h"

enum { SENDS = 100, MESSAGES = 20 };

struct sending {
	const struct sns_MessageRecord *m;
	const struct sns_SubscriptionRecord *sub;
	struct str id, text;
	size_t signature; /* its place among the texts to sign; SIZE_MAX: raw */
};

/* What one run sends. */
struct round {
	struct call *c;
	const struct topic *t;
	struct sending *sends;
	size_t n_sends;
	struct str *texts;
	size_t n_texts;
	bool more;
};

/* A round that waits for its signatures is still in the store, and looks at `out` again when it has them: put anew, another would
 * sign the same texts beside it. */
void fan_out(struct call *c, const struct topic *t)
{
	int64_t due_ms;
	if (!job_due(c, "fan", t->arn, &due_ms) || due_ms > c->now_ms)
		job_put(c, "fan", t->arn, c->now_ms, S(""));
}

static bool is_raw(const struct sns_SubscriptionRecord *r) { return attribute_is(&r->Attributes, "RawMessageDelivery", "true"); }

/* ---- giving one notification ---- */

static struct json *sqs_attributes(struct arena *a, const struct map_of *attributes)
{
	const struct sns_MessageAttributeMap_entry *v = attributes->v;
	struct json *all = json_new_object(a);
	for (uint32_t i = 0; i < attributes->n; i++) {
		struct json *one = json_set(a, all, v[i].key, json_new_object(a));
		json_set_str(a, one, "DataType", v[i].value.DataType);
		if (str_starts(v[i].value.DataType, S("Binary")))
			json_set_str(a, one, "BinaryValue", base64_encode(a, v[i].value.BinaryValue));
		else
			json_set_str(a, one, "StringValue", v[i].value.StringValue);
	}
	return all;
}

static struct json *queue_input(struct call *c, const struct arn *queue, const struct sns_MessageRecord *m, struct str body)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "QueueUrl", arn_queue_url(c->arena, queue));
	json_set_str(c->arena, in, "MessageBody", body);
	if (m->Group.n > 0)
		json_set_str(c->arena, in, "MessageGroupId", m->Group);
	if (m->Dedup.n > 0 && str_ends(queue->resource, S(".fifo")))
		json_set_str(c->arena, in, "MessageDeduplicationId", m->Dedup);
	return in;
}

static struct invoked give(struct call *c, const struct notification *n)
{
	struct arn to;
	bool raw = is_raw(n->sub) && n->sub->Token.n == 0;
	if (is_web(n->sub))
		return post(c, n, raw);
	bool ok = arn_parse(n->sub->Endpoint, &to);
	ASSERT(ok);
	const struct invoke_options o = {.who = service_principal(c, NULL, n->topic->arn), .account = to.account, .region = to.region};
	if (str_eq(n->sub->Protocol, S("lambda"))) {
		struct json *in = json_new_object(c->arena);
		json_set_str(c->arena, in, "FunctionName", n->sub->Endpoint);
		json_set_str(c->arena, in, "InvocationType", S("Event"));
		json_set_str(c->arena, in, "Payload", base64_encode(c->arena, envelope_event(c, n)));
		return invoke(c, "lambda", "Invoke", in, &o);
	}
	ASSERT(str_eq(n->sub->Protocol, S("sqs")));
	struct json *in = queue_input(c, &to, n->message, raw ? n->text : envelope_document(c, n));
	if (raw && n->message->Attributes.n > 0)
		json_set(c->arena, in, S("MessageAttributes"), sqs_attributes(c->arena, &n->message->Attributes));
	return invoke(c, "sqs", "SendMessage", in, &o);
}

static void to_dead_letters(struct call *c, const struct notification *n, const struct wire_error *e)
{
	struct arena *a = c->arena;
	struct str target = json_get_str(json_parse(a, attribute_get(&n->sub->Attributes, "RedrivePolicy"), NULL), "deadLetterTargetArn");
	struct arn to;
	if (!arn_parse(target, &to))
		return;
	struct json *in = queue_input(c, &to, n->message, is_raw(n->sub) ? n->text : envelope_document(c, n));
	struct json *attributes = json_set(a, in, S("MessageAttributes"), json_new_object(a));
	const struct { const char *name; struct str value; } told[] = {{"RequestID", n->message->Id}, {"ErrorCode", e->code},
		{"ErrorMessage", e->message}};
	for (size_t i = 0; i < COUNT_OF(told); i++) {
		struct json *one = json_set(a, attributes, str_c(told[i].name), json_new_object(a));
		json_set_str(a, one, "DataType", S("String"));
		json_set_str(a, one, "StringValue", told[i].value.n > 0 ? told[i].value : S("-"));
	}
	struct invoked i = invoke(c, "sqs", "SendMessage", in,
		&(struct invoke_options){.who = service_principal(c, NULL, n->topic->arn), .account = to.account, .region = to.region});
	count_metric(c, n->topic, i.ok ? "NumberOfNotificationsRedrivenToDlq" : "NumberOfNotificationsFailedToRedriveToDlq", 1, "Count");
}

/* When to try for the n-th time again; -1: never. As for SQS and Lambda: three times at once, twice after a second, ten times with
 * longer and longer pauses, then every 20 s, 23 days in all. */
static int64_t retry_after_ms(int64_t attempts)
{
	enum { AT_ONCE = 3, SOON = 5, BACKOFF = 15, ATTEMPTS_MAX = 100015 };
	if (attempts < AT_ONCE)
		return 0;
	if (attempts < SOON)
		return 1000;
	if (attempts < BACKOFF)
		return 1000 + (attempts - SOON) * 2000;
	return attempts < ATTEMPTS_MAX ? 20000 : -1;
}

static void again(struct call *c, const struct notification *n, struct str sub_id, int64_t attempts, int64_t after_ms)
{
	struct sns_AttemptRecord r = {n->topic->arn, sub_id, (struct sns_MessageRecord *)(uintptr_t)n->message, SOME_I64(attempts)};
	job_put(c, "retry", arena_join(c->arena, n->message->Id, S(" "), sub_id), c->now_ms + after_ms,
		typed_to_cbor(c->arena, &sns_shape_AttemptRecord, &r));
}

/* A refusal is final; what the other side could not do may work later. */
static void deliver(struct call *c, const struct notification *n, struct str sub_id, int64_t attempts)
{
	struct invoked i = give(c, n);
	ASSERT(!i.parked || is_web(n->sub)); /* sending to a queue and an event to a function are writes */
	if (i.parked)
		return;
	if (i.ok) {
		count_metric(c, n->topic, "NumberOfNotificationsDelivered", 1, "Count");
		return;
	}
	bool later = i.error.status == 429 || (i.error.status >= 500 && i.error.status != 501);
	int64_t after_ms = !later ? -1 : is_web(n->sub) ? web_retry_after_ms(c->arena, n, attempts) : retry_after_ms(attempts);
	if (after_ms < 0) {
		count_metric(c, n->topic, "NumberOfNotificationsFailed", 1, "Count");
		if (n->sub->Token.n == 0) /* a request to confirm is no message */
			to_dead_letters(c, n, &i.error);
		return;
	}
	again(c, n, sub_id, attempts + 1, after_ms);
}

/* ---- a round ---- */

static size_t place_of(struct round *r, struct str text)
{
	for (size_t i = 0; i < r->n_texts; i++)
		if (str_eq(r->texts[i], text))
			return i;
	r->texts[r->n_texts] = text;
	return r->n_texts++;
}

static void add(struct round *r, const struct sns_MessageRecord *m, const struct sns_SubscriptionRecord *sub, struct str id)
{
	struct sending *s = &r->sends[r->n_sends++];
	ASSERT(r->n_sends <= SENDS);
	*s = (struct sending){m, sub, id, message_for(r->c->arena, m, sub->Protocol), SIZE_MAX};
	if (!is_raw(sub) && !is_web(sub))
		s->signature = place_of(r, envelope_to_sign(r->c, &(struct notification){r->t, sub, m, s->text, STR_NONE}));
}

/* The message's subscriptions from where it has come. false: the round is full before their end. */
static bool gather(struct round *r, struct sns_MessageRecord *m)
{
	struct call *c = r->c;
	struct str key, value, after = STR_NONE;
	if (m->After.n > 0)
		after = key_bytes(sub_key(c, r->t, m->After));
	struct scan *s = call_scan(c, topic_key(c, r->t, "sub"), after, false);
	while (scan_next(s, &key, &value)) {
		if (r->n_sends == SENDS)
			return false;
		const struct sns_SubscriptionRecord *sub = record_decode(c, &sns_shape_SubscriptionRecord, arena_dup(c->arena, value));
		struct str id = str_slice(sub->Arn, r->t->arn.n + 1, sub->Arn.n);
		m->After = id;
		if (sub->Token.n > 0)
			continue;
		if (filter_passes(c->arena, sub, m))
			add(r, m, sub, id);
		else
			count_metric(c, r->t, "NumberOfNotificationsFilteredOut", 1, "Count");
	}
	return true;
}

static void collect(struct round *r)
{
	struct call *c = r->c;
	struct str key, value;
	struct scan *s = call_scan(c, topic_key(c, r->t, "out"), STR_NONE, false);
	for (size_t n = 0; scan_next(s, &key, &value); n++) {
		if (n == MESSAGES) {
			r->more = true;
			return;
		}
		struct str kept = arena_dup(c->arena, key);
		struct sns_MessageRecord *m = record_decode(c, &sns_shape_MessageRecord, arena_dup(c->arena, value));
		if (!gather(r, m)) {
			txn_put(c->txn, kept, typed_to_cbor(c->arena, &sns_shape_MessageRecord, m));
			r->more = true;
			return;
		}
		txn_del(c->txn, kept);
	}
}

static bool is_version_2(const struct topic *t) { return attribute_is(&t->rec->Attributes, "SignatureVersion", "2"); }

void job_fan(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	struct round r = {.c = c, .t = topic_find(c, id), .sends = arena_array(c->arena, struct sending, SENDS),
		.texts = arena_array(c->arena, struct str, SENDS)};
	if (r.t == NULL)
		return; /* deleted, with what it had to send */
	collect(&r);
	const struct str *signatures = NULL;
	if (r.n_texts > 0 && (signatures = sign_await(c, &(struct signing){r.texts, r.n_texts, is_version_2(r.t)})) == NULL)
		return;
	for (size_t i = 0; i < r.n_sends; i++) {
		const struct sending *s = &r.sends[i];
		const struct notification n = {r.t, s->sub, s->m, s->text, s->signature != SIZE_MAX ? signatures[s->signature] : STR_NONE};
		if (is_web(s->sub))
			again(c, &n, s->id, 0, 0);
		else
			deliver(c, &n, s->id, 0);
	}
	if (r.more)
		fan_out(c, r.t);
}

void job_retry(struct call *c, struct str id, struct str payload)
{
	(void)id;
	const struct sns_AttemptRecord *r = typed_from_cbor(c->arena, &sns_shape_AttemptRecord, payload);
	ASSERT(r != NULL && r->Message != NULL);
	const struct topic *t = topic_find(c, r->TopicArn);
	const struct subscription *s = t != NULL ? subscription_of_id(c, t, r->SubscriptionId) : NULL;
	if (s == NULL)
		return; /* ended meanwhile */
	if (!str_present(r->Message->Message) && s->rec->Token.n == 0)
		return; /* a request to confirm, and it has been: perhaps before the web server had answered this */
	struct notification n = {t, s->rec, r->Message, STR_NONE, STR_NONE};
	n.text = s->rec->Token.n == 0 ? message_for(c->arena, r->Message, s->rec->Protocol)
		: arena_printf(c->arena, "You have chosen to subscribe to the topic %.*s.\nTo confirm the subscription, visit the SubscribeURL included in "
			"this message.", STR_ARG(t->arn));
	if (!is_raw(s->rec) || s->rec->Token.n > 0) {
		struct str text = envelope_to_sign(c, &n);
		bool first = !str_present(signing_cert(c));
		const struct str *signature = sign_await(c, &(struct signing){&text, 1, is_version_2(t)});
		if (signature == NULL)
			return;
		if (first) { /* the key is on disk before anybody is told to ask for its certificate, which may be while he is told */
			again(c, &n, s->id, r->Attempts.v, 0);
			return;
		}
		n.signature = *signature;
	}
	deliver(c, &n, s->id, r->Attempts.v);
}
