/* Publish and PublishBatch: a message is checked, stored in its topic's `out`, and sent by a job.
 *
 * What always holds: an answer with a MessageId means that the message is stored; of messages published under one
 * deduplication id within five minutes one is. Source: Publish and PublishBatch (SNS API Reference), "Message deduplication for
 * FIFO topics", "Amazon SNS message attributes". */
#include "sns.h"

#include "base/enc.h"
#include "os/os.h"

enum { DEDUP_MS = 5 * 60 * 1000, BATCH_MAX = 10, SUBJECT_MAX = 100, DEDUP_ID_MAX = 128, ENTRY_ID_MAX = 80, NAME_MAX_BYTES = 256 };

/* What is wrong with a message. shape NULL: nothing. */
struct complaint { const struct shape *shape; struct str message; };

static bool wrong(struct call *c, struct complaint *k, const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool wrong(struct call *c, struct complaint *k, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	*k = (struct complaint){&sns_err_InvalidParameterException, arena_join(c->arena, S("Invalid parameter: "), arena_vprintf(c->arena, fmt, ap))};
	va_end(ap);
	return false;
}

static bool wrong_value(struct complaint *k, struct str message)
{
	*k = (struct complaint){&sns_err_InvalidParameterValueException, message};
	return false;
}

/* ---- checks ---- */

static bool attribute_ok(struct call *c, const struct sns_MessageAttributeMap_entry *e, struct complaint *k)
{
	struct str type = e->value.DataType, text = e->value.StringValue;
	double number;
	bool binary = str_starts(type, S("Binary")), is_number = str_starts(type, S("Number"));
	if (e->key.n == 0 || e->key.n > NAME_MAX_BYTES)
		return wrong_value(k, S("Length of message attribute name must be between 1 and 256 bytes."));
	if (type.n == 0)
		return wrong_value(k, arena_printf(c->arena, "The message attribute '%.*s' must contain non-empty message attribute type.", STR_ARG(e->key)));
	if (!binary && !is_number && !str_starts(type, S("String")))
		return wrong_value(k, arena_printf(c->arena, "The message attribute '%.*s' has an invalid message attribute type, the set of supported type "
			"prefixes is Binary, Number, and String.", STR_ARG(e->key)));
	if (binary ? e->value.BinaryValue.n == 0 : text.n == 0)
		return wrong_value(k, arena_printf(c->arena, "The message attribute '%.*s' must contain non-empty message attribute value for message "
			"attribute type '%.*s'.", STR_ARG(e->key), STR_ARG(type)));
	if (is_number && !str_to_f64(text, &number))
		return wrong_value(k, arena_printf(c->arena, "Could not cast message attribute '%.*s' value to number.", STR_ARG(e->key)));
	return true;
}

static size_t size_of(const struct sns_MessageRecord *m)
{
	const struct sns_MessageAttributeMap_entry *v = m->Attributes.v;
	size_t n = m->Message.n;
	for (uint32_t i = 0; i < m->Attributes.n; i++)
		n += v[i].key.n + v[i].value.DataType.n + v[i].value.StringValue.n + v[i].value.BinaryValue.n;
	return n;
}

static bool subject_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] == 0x7f)
			return false;
	return s.n <= SUBJECT_MAX && (!str_present(s) || s.n > 0);
}

static bool id_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] > 0x7e)
			return false;
	return s.n > 0 && s.n <= DEDUP_ID_MAX;
}

static bool fifo_ok(struct call *c, const struct topic *t, const struct sns_MessageRecord *m, struct complaint *k)
{
	if (!t->fifo)
		return !str_present(m->Dedup) || wrong(c, k, "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that "
			"is not valid for this topic type");
	if (!str_present(m->Group))
		return wrong(c, k, "The MessageGroupId parameter is required for FIFO topics");
	if (!str_present(m->Dedup) && !attribute_is(&t->rec->Attributes, "ContentBasedDeduplication", "true"))
		return wrong(c, k, "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly");
	return !str_present(m->Dedup) || id_ok(m->Dedup) || wrong(c, k, "MessageDeduplicationId");
}

static bool message_ok(struct call *c, const struct topic *t, const struct sns_MessageRecord *m, struct str structure, struct complaint *k)
{
	const struct sns_MessageAttributeMap_entry *v = m->Attributes.v;
	if (m->Message.n == 0)
		return wrong(c, k, "Empty message");
	if (size_of(m) > MESSAGE_MAX)
		return wrong(c, k, "Message too long");
	if (!subject_ok(m->Subject))
		return wrong(c, k, "Subject");
	if (structure.n > 0 && !str_eq(structure, S("json")))
		return wrong(c, k, "MessageStructure");
	if (m->Structured.v) {
		struct json *j = json_parse(c->arena, m->Message, NULL);
		if (!json_is(j, JSON_OBJECT))
			return wrong(c, k, "Message Structure - JSON message body failed to parse");
		if (!str_present(json_get_str(j, "default")))
			return wrong(c, k, "Message Structure - No default entry in JSON message body");
	}
	for (uint32_t i = 0; i < m->Attributes.n; i++)
		if (!attribute_ok(c, &v[i], k))
			return false;
	if (str_present(m->Group) && !id_ok(m->Group))
		return wrong(c, k, "MessageGroupId");
	return fifo_ok(c, t, m, k);
}

/* ---- one message ---- */

/* The record of what was published under the same id, not longer ago than five minutes. The key is for the next one. */
static struct sns_SeenRecord *seen(struct call *c, const struct topic *t, const struct sns_MessageRecord *m, struct key **k)
{
	bool by_group = attribute_is(&t->rec->Attributes, "FifoThroughputScope", "MessageGroup");
	*k = key_str(key_str(topic_key(c, t, "seen"), by_group ? m->Group : S("")), m->Dedup);
	struct sns_SeenRecord *s = call_get(c, *k, &sns_shape_SeenRecord);
	return s != NULL && s->UntilMs.v > c->now_ms ? s : NULL;
}

void job_forget(struct call *c, struct str id, struct str payload)
{
	(void)id;
	txn_del(c->txn, payload);
}

/* Store a good message; its id and sequence number are filled. */
static void put(struct call *c, const struct topic *t, struct sns_MessageRecord *m)
{
	char uuid[37];
	uint64_t serial = call_serial(c, "out");
	ASSERT(!str_present(m->Id));
	if (t->fifo) {
		if (!str_present(m->Dedup))
			m->Dedup = sha256_hex(c->arena, m->Message);
		struct key *k;
		const struct sns_SeenRecord *s = seen(c, t, m, &k);
		if (s != NULL) {
			m->Id = s->Id;
			m->Sequence = s->Sequence;
			return;
		}
		m->Sequence = arena_printf(c->arena, "%llu", (unsigned long long)(10000000000000000000ULL + serial));
		random_uuid(uuid);
		m->Id = arena_dup(c->arena, str_c(uuid));
		struct sns_SeenRecord now = {m->Id, m->Sequence, SOME_I64(c->now_ms + DEDUP_MS)};
		call_put(c, k, &sns_shape_SeenRecord, &now);
		job_put(c, "forget", m->Id, c->now_ms + DEDUP_MS, key_bytes(k));
	} else {
		random_uuid(uuid);
		m->Id = arena_dup(c->arena, str_c(uuid));
	}
	m->SentMs = SOME_I64(c->now_ms);
	call_put(c, key_u64(topic_key(c, t, "out"), serial), &sns_shape_MessageRecord, m);
	count_metric(c, t, "NumberOfMessagesPublished", 1, "Count");
	count_metric(c, t, "PublishSize", (double)size_of(m), "Bytes");
}

void op_publish(struct call *c)
{
	const struct sns_PublishInput *in = c->in;
	struct sns_PublishResponse *out = c->out;
	struct topic *t = run_topic(c);
	struct sns_MessageRecord m = {.Subject = in->Subject, .Message = in->Message, .Structured = SOME_BOOL(str_eq(in->MessageStructure, S("json"))),
		.Attributes = in->MessageAttributes, .Group = in->MessageGroupId, .Dedup = in->MessageDeduplicationId};
	struct complaint k = {0};
	if (!message_ok(c, t, &m, in->MessageStructure, &k)) {
		call_fail(c, k.shape, "%.*s", STR_ARG(k.message));
		return;
	}
	put(c, t, &m);
	fan_out(c, t);
	out->MessageId = m.Id;
	out->SequenceNumber = m.Sequence;
}

/* ---- batches ---- */

static bool entry_id_ok(struct str id)
{
	for (size_t i = 0; i < id.n; i++) {
		char ch = id.p[i];
		if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_'))
			return false;
	}
	return id.n > 0 && id.n <= ENTRY_ID_MAX;
}

static bool batch_ok(struct call *c, const struct list *entries)
{
	size_t bytes = 0;
	if (entries->n == 0)
		return call_fail(c, &sns_err_EmptyBatchRequestException, "The batch request doesn't contain any entries."), false;
	if (entries->n > BATCH_MAX)
		return call_fail(c, &sns_err_TooManyEntriesInBatchRequestException, "The batch request contains more entries than permissible (more than "
			"%d).", BATCH_MAX), false;
	for (uint32_t i = 0; i < entries->n; i++) {
		const struct sns_PublishBatchRequestEntry *e = LIST_AT(*entries, struct sns_PublishBatchRequestEntry, i);
		if (!entry_id_ok(e->Id))
			return call_fail(c, &sns_err_InvalidBatchEntryIdException, "The Id of a batch entry in a batch request doesn't abide by the "
				"specification."), false;
		for (uint32_t n = 0; n < i; n++)
			if (str_eq(LIST_AT(*entries, struct sns_PublishBatchRequestEntry, n)->Id, e->Id))
				return call_fail(c, &sns_err_BatchEntryIdsNotDistinctException, "Two or more batch entries in the request have the same Id."), false;
		bytes += e->Message.n;
	}
	if (bytes > MESSAGE_MAX)
		return call_fail(c, &sns_err_BatchRequestTooLongException, "The length of all the batch messages put together is more than the limit."),
		       false;
	return true;
}

void op_publish_batch(struct call *c)
{
	const struct sns_PublishBatchInput *in = c->in;
	struct sns_PublishBatchResponse *out = c->out;
	struct topic *t = run_topic(c);
	const struct list *entries = &in->PublishBatchRequestEntries;
	if (!batch_ok(c, entries))
		return;
	out->Successful = LIST_OF(c->arena, struct sns_PublishBatchResultEntry, entries->n);
	out->Failed = LIST_OF(c->arena, struct sns_BatchResultErrorEntry, entries->n);
	out->Successful.n = out->Failed.n = 0;
	for (uint32_t i = 0; i < entries->n; i++) {
		const struct sns_PublishBatchRequestEntry *e = LIST_AT(*entries, struct sns_PublishBatchRequestEntry, i);
		struct sns_MessageRecord m = {.Subject = e->Subject, .Message = e->Message, .Structured = SOME_BOOL(str_eq(e->MessageStructure, S("json"))),
			.Attributes = e->MessageAttributes, .Group = e->MessageGroupId, .Dedup = e->MessageDeduplicationId};
		struct complaint k = {0};
		if (message_ok(c, t, &m, e->MessageStructure, &k)) {
			put(c, t, &m);
			((struct sns_PublishBatchResultEntry *)out->Successful.v)[out->Successful.n++] =
				(struct sns_PublishBatchResultEntry){.Id = e->Id, .MessageId = m.Id, .SequenceNumber = m.Sequence};
		} else {
			((struct sns_BatchResultErrorEntry *)out->Failed.v)[out->Failed.n++] = (struct sns_BatchResultErrorEntry){
				.Id = e->Id, .Code = str_c(shape_error_code(k.shape) != NULL ? shape_error_code(k.shape) : shape_name(k.shape)), .Message = k.message,
				.SenderFault = SOME_BOOL(true)};
		}
	}
	if (out->Successful.n > 0)
		fan_out(c, t);
}
