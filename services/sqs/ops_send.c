/* SendMessage and SendMessageBatch.
 *
 * A send is two small puts beside the queue's box: the message and, for FIFO, its deduplication. Source: SendMessage,
 * SendMessageBatch (SQS API Reference), "Exactly-once processing" (Developer Guide). */
#include "sqs.h"

#include "os/os.h"

#include <stdio.h>

/* One message as asked for, by either operation. */
struct send {
	struct str body, dedup, group;
	struct opt_i64 delay_s;
	const struct map_of *attributes, *system;
};

struct sent {
	struct message m;
	size_t size;
	unsigned char system_md5[16];
	char sequence[24]; /* "" for standard queues */
};

/* Characters of XML 1.0. Continuation bytes of valid UTF-8 need no look: only U+FFFE and U+FFFF are left out. */
static bool text_allowed(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char ch = (unsigned char)s.p[i];
		if (ch < 0x20 && ch != '\t' && ch != '\n' && ch != '\r')
			return false;
		if (ch == 0xef && i + 2 < s.n && (unsigned char)s.p[i + 1] == 0xbf && (unsigned char)s.p[i + 2] >= 0xbe)
			return false;
	}
	return true;
}

/* Letters, digits and punctuation; 1 to 128 of them. */
static bool id_allowed(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0 && s.n <= 128;
}

static bool check_id(struct call *c, const char *name, struct str value)
{
	if (!str_present(value) || id_allowed(value))
		return true;
	fail_invalid(c, "Value %.*s for parameter %s is invalid. Reason: %s can only include alphanumeric and punctuation characters. "
		"1 to 128 in length.", STR_ARG(str_slice(value, 0, 200)), name, name);
	return false;
}

static bool check_body(struct call *c, struct str body)
{
	if (str_empty(body)) {
		fail_missing(c, "MessageBody");
		return false;
	}
	if (text_allowed(body))
		return true;
	call_fail(c, &sqs_err_InvalidMessageContents, "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
		"#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF");
	return false;
}

static bool check_fifo(struct queue *q, const struct send *s)
{
	struct call *c = q->c;
	if (!q->fifo && str_present(s->dedup)) {
		fail_invalid(c, "Value %.*s for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is "
			"not valid for this queue type.", STR_ARG(s->dedup));
		return false;
	}
	if (!q->fifo)
		return true;
	if (str_empty(s->group)) {
		fail_missing(c, "MessageGroupId");
		return false;
	}
	if (str_empty(s->dedup) && !q->rec->ContentBasedDeduplication.v) {
		fail_invalid(c, "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly");
		return false;
	}
	if (s->delay_s.set && s->delay_s.v != q->rec->DelaySeconds.v) {
		fail_invalid(c, "Value %lld for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for "
			"this queue type.", (long long)s->delay_s.v);
		return false;
	}
	return true;
}

static bool check_delay(struct call *c, struct opt_i64 delay_s)
{
	if (!delay_s.set || (delay_s.v >= 0 && delay_s.v <= DELAY_MAX_S))
		return true;
	fail_invalid(c, "Value %lld for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= %d.",
		(long long)delay_s.v, DELAY_MAX_S);
	return false;
}

static bool take_system(struct call *c, const struct map_of *in, struct sent *out)
{
	const struct sqs_MessageBodySystemAttributeMap_entry *v = in->v;
	for (size_t i = 0; i < in->n; i++) {
		if (!str_eq(v[i].key, S("AWSTraceHeader"))) {
			fail_invalid(c, "Value '%.*s' at 'messageSystemAttributes' failed to satisfy constraint: Map keys must satisfy constraint: "
				"[Member must satisfy enum value set: [AWSTraceHeader]]", STR_ARG(v[i].key));
			return false;
		}
		if (!str_eq(v[i].value.DataType, S("String")) || str_empty(v[i].value.StringValue)) {
			fail_invalid(c, "The message system attribute 'AWSTraceHeader' must use field 'String'.");
			return false;
		}
		out->m.trace = v[i].value.StringValue;
		struct sqs_MessageBodyAttributeMap_entry e = {.key = v[i].key,
			.value = {.DataType = v[i].value.DataType, .StringValue = v[i].value.StringValue}};
		attributes_md5(c->arena, &e, 1, out->system_md5);
	}
	return true;
}

/* AWSTraceHeader, too, comes from the X-Ray header of the request. */
static void take_trace(struct call *c, struct message *m)
{
	if (!str_present(m->trace) && str_present(c->trace_header) && c->trace_header.n <= 512)
		m->trace = c->trace_header;
}

static void make_id(struct call *c, struct message *m)
{
	char uuid[37];
	random_uuid(uuid);
	m->id = arena_dup(c->arena, str_of(uuid, 36));
}

static struct str sender_of(const struct call *c)
{
	const struct principal *who = c->who;
	if (who->user_id.n > 0)
		return who->user_id;
	return who->type == PRINCIPAL_SERVICE ? who->name : who->type == PRINCIPAL_ANONYMOUS ? S("anonymous") : who->account;
}

/* Check a request and make the message of it. false with c failed. */
static bool send_prepare(struct queue *q, const struct send *s, struct sent *out)
{
	struct call *c = q->c;
	*out = (struct sent){.size = s->body.n};
	struct message *m = &out->m;
	m->body = s->body;
	if (!check_body(c, s->body) || !check_delay(c, s->delay_s) || !check_id(c, "MessageGroupId", s->group) ||
	    !check_id(c, "MessageDeduplicationId", s->dedup) || !check_fifo(q, s) ||
	    !attributes_pack(c, s->attributes, m, &out->size) || !take_system(c, s->system, out))
		return false;
	int64_t limit = q->rec->MaximumMessageSize.v;
	if ((int64_t)out->size > limit) {
		fail_invalid(c, "One or more parameters are invalid. Reason: Message must be shorter than %lld bytes.", (long long)limit);
		return false;
	}
	m->group = s->group;
	m->dedup = s->dedup;
	if (q->fifo && str_empty(s->dedup))
		m->dedup = sha256_hex(c->arena, s->body);
	struct md5 d = md5(s->body);
	memcpy(m->body_md5, d.b, sizeof d.b);
	m->sender = sender_of(c);
	take_trace(c, m);
	m->sent_ms = c->now_ms;
	int64_t delay_s = s->delay_s.set ? s->delay_s.v : q->rec->DelaySeconds.v;
	m->delay_until_ms = delay_s > 0 ? c->now_ms + delay_s * 1000 : 0;
	return true;
}

/* false: KMS refused (c failed). */
static bool send_put(struct queue *q, struct sent *s)
{
	ASSERT(!q->c->failed && s->m.body.n > 0);
	struct sent_before before;
	if (q->fifo && dedup_find(q, &s->m, &before)) {
		s->m.id = arena_dup(q->c->arena, str_of(before.id, sizeof before.id));
		s->m.seq = before.seq;
	} else {
		make_id(q->c, &s->m);
		if (!body_seal(q, &s->m))
			return false;
		message_insert(q, &s->m);
		if (q->fifo)
			dedup_put(q, &s->m);
	}
	count_metric(q, "NumberOfMessagesSent", 1, "Count");
	count_metric(q, "SentMessageSize", (double)s->size, "Bytes");
	if (q->fifo)
		snprintf(s->sequence, sizeof s->sequence, "188%017llu", (unsigned long long)s->m.seq);
	return true;
}

static struct str hex16(struct arena *a, const unsigned char md5[16])
{
	return hex_encode(a, str_of((const char *)md5, 16));
}

void op_send_message(struct call *c)
{
	const struct sqs_SendMessageRequest *in = c->in;
	struct sqs_SendMessageResult *out = c->out;
	struct queue *q = run_queue(c);
	struct sent s;
	struct send asked = {in->MessageBody, in->MessageDeduplicationId, in->MessageGroupId, in->DelaySeconds,
		&in->MessageAttributes, &in->MessageSystemAttributes};
	if (!send_prepare(q, &asked, &s) || !send_put(q, &s))
		return;
	box_store(q);
	out->MessageId = s.m.id;
	out->MD5OfMessageBody = hex16(c->arena, s.m.body_md5);
	if (in->MessageAttributes.n > 0)
		out->MD5OfMessageAttributes = hex16(c->arena, s.m.attributes_md5);
	if (in->MessageSystemAttributes.n > 0)
		out->MD5OfMessageSystemAttributes = hex16(c->arena, s.system_md5);
	if (q->fifo)
		out->SequenceNumber = arena_dup(c->arena, str_c(s.sequence));
}

/* ---- batch ---- */

static size_t attributes_size(const struct map_of *in)
{
	size_t n = 0;
	const struct sqs_MessageBodyAttributeMap_entry *v = in->v;
	for (size_t i = 0; i < in->n; i++)
		n += v[i].key.n + v[i].value.DataType.n + v[i].value.StringValue.n + v[i].value.BinaryValue.n;
	return n;
}

static bool check_batch_size(struct call *c, const struct list *entries)
{
	const struct sqs_SendMessageBatchRequestEntry *v = entries->v;
	size_t total = 0;
	for (size_t i = 0; i < entries->n; i++)
		total += v[i].MessageBody.n + attributes_size(&v[i].MessageAttributes);
	if (total <= SIZE_MAX_BYTES)
		return true;
	call_fail(c, &sqs_err_BatchRequestTooLong, "Batch requests cannot be longer than %d bytes. You have sent %zu bytes.",
		SIZE_MAX_BYTES, total);
	return false;
}

static void send_entry(struct queue *q, const struct sqs_SendMessageBatchRequestEntry *e, struct sqs_SendMessageBatchResultEntry *ok,
                       struct batch *b)
{
	struct call *c = q->c;
	struct sent s;
	struct send asked = {e->MessageBody, e->MessageDeduplicationId, e->MessageGroupId, e->DelaySeconds,
		&e->MessageAttributes, &e->MessageSystemAttributes};
	if (!send_prepare(q, &asked, &s) || !send_put(q, &s)) {
		batch_failed(b, e->Id);
		return;
	}
	*ok = (struct sqs_SendMessageBatchResultEntry){.Id = e->Id, .MessageId = s.m.id, .MD5OfMessageBody = hex16(c->arena, s.m.body_md5)};
	if (e->MessageAttributes.n > 0)
		ok->MD5OfMessageAttributes = hex16(c->arena, s.m.attributes_md5);
	if (e->MessageSystemAttributes.n > 0)
		ok->MD5OfMessageSystemAttributes = hex16(c->arena, s.system_md5);
	if (q->fifo)
		ok->SequenceNumber = arena_dup(c->arena, str_c(s.sequence));
	b->n_ok++;
}

void op_send_message_batch(struct call *c)
{
	const struct sqs_SendMessageBatchRequest *in = c->in;
	struct sqs_SendMessageBatchResult *out = c->out;
	struct queue *q = run_queue(c);
	const struct sqs_SendMessageBatchRequestEntry *v = in->Entries.v;
	struct str ids[BATCH_MAX];
	for (size_t i = 0; i < in->Entries.n && i < BATCH_MAX; i++)
		ids[i] = v[i].Id;
	if (!batch_check(c, "SendMessageBatchRequestEntry", ids, in->Entries.n) || !check_batch_size(c, &in->Entries))
		return;
	struct batch b;
	batch_init(&b, c, in->Entries.n);
	struct sqs_SendMessageBatchResultEntry *ok = arena_array(c->arena, struct sqs_SendMessageBatchResultEntry, in->Entries.n);
	for (size_t i = 0; i < in->Entries.n; i++)
		send_entry(q, &v[i], &ok[b.n_ok], &b);
	box_store(q);
	out->Successful = (struct list){ok, b.n_ok, true};
	out->Failed = batch_failures(&b);
}
