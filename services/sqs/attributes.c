/* Queue attributes: their rules, defaults, and the answer of GetQueueAttributes.
 *
 * A row says where an attribute lies in the record and what it may be. Source: CreateQueue and SetQueueAttributes (SQS
 * API Reference). */
#include "sqs.h"

#include <stddef.h>

enum kind { KIND_NUMBER, KIND_BOOL, KIND_CHOICE, KIND_POLICY, KIND_REDRIVE, KIND_REDRIVE_ALLOW, KIND_FIFO, KIND_KMS_KEY, KIND_KMS_REUSE,
	KIND_READ_ONLY };

struct attribute {
	const char *name;
	enum kind kind;
	size_t at; /* in struct sqs_Queue */
	int64_t min, max;
	const char *choices[2];
	bool fifo_only;
};

#define AT(member) offsetof(struct sqs_Queue, member)

static const struct attribute attributes[] = {
	{"Policy", KIND_POLICY, 0, 0, 0, {0}, false},
	{"VisibilityTimeout", KIND_NUMBER, AT(VisibilityTimeout), 0, VISIBILITY_MAX_S, {0}, false},
	{"MaximumMessageSize", KIND_NUMBER, AT(MaximumMessageSize), 1024, SIZE_MAX_BYTES, {0}, false},
	{"MessageRetentionPeriod", KIND_NUMBER, AT(MessageRetentionPeriod), 60, 1209600, {0}, false},
	{"ApproximateNumberOfMessages", KIND_READ_ONLY, 0, 0, 0, {0}, false},
	{"ApproximateNumberOfMessagesNotVisible", KIND_READ_ONLY, 0, 0, 0, {0}, false},
	{"ApproximateNumberOfMessagesDelayed", KIND_READ_ONLY, 0, 0, 0, {0}, false},
	{"CreatedTimestamp", KIND_READ_ONLY, 0, 0, 0, {0}, false},
	{"LastModifiedTimestamp", KIND_READ_ONLY, 0, 0, 0, {0}, false},
	{"QueueArn", KIND_READ_ONLY, 0, 0, 0, {0}, false},
	{"DelaySeconds", KIND_NUMBER, AT(DelaySeconds), 0, DELAY_MAX_S, {0}, false},
	{"ReceiveMessageWaitTimeSeconds", KIND_NUMBER, AT(ReceiveMessageWaitTimeSeconds), 0, WAIT_MAX_S, {0}, false},
	{"RedrivePolicy", KIND_REDRIVE, AT(RedrivePolicy), 0, 0, {0}, false},
	{"RedriveAllowPolicy", KIND_REDRIVE_ALLOW, 0, 0, 0, {0}, false},
	{"FifoQueue", KIND_FIFO, AT(Fifo), 0, 0, {0}, true},
	{"ContentBasedDeduplication", KIND_BOOL, AT(ContentBasedDeduplication), 0, 0, {0}, true},
	{"DeduplicationScope", KIND_CHOICE, AT(DeduplicationScope), 0, 0, {"queue", "messageGroup"}, true},
	{"FifoThroughputLimit", KIND_CHOICE, AT(FifoThroughputLimit), 0, 0, {"perQueue", "perMessageGroupId"}, true},
	{"KmsMasterKeyId", KIND_KMS_KEY, AT(KmsMasterKeyId), 0, 0, {0}, false},
	{"KmsDataKeyReusePeriodSeconds", KIND_KMS_REUSE, AT(KmsDataKeyReusePeriodSeconds), 60, 86400, {0}, false},
	{"SqsManagedSseEnabled", KIND_BOOL, AT(SqsManagedSseEnabled), 0, 0, {0}, false},
};

static const struct attribute *attribute_find(struct str name)
{
	for (size_t i = 0; i < COUNT_OF(attributes); i++)
		if (str_eq(str_c(attributes[i].name), name))
			return &attributes[i];
	return NULL;
}

bool attribute_known(struct str name) { return str_eq(name, S("All")) || attribute_find(name) != NULL; }

static void *place(const struct sqs_Queue *rec, const struct attribute *a) { return (char *)rec + a->at; }

void attributes_default(struct sqs_Queue *rec)
{
	rec->VisibilityTimeout = SOME_I64(30);
	rec->MaximumMessageSize = SOME_I64(SIZE_MAX_BYTES);
	rec->MessageRetentionPeriod = SOME_I64(345600);
	rec->DelaySeconds = SOME_I64(0);
	rec->ReceiveMessageWaitTimeSeconds = SOME_I64(0);
	rec->SqsManagedSseEnabled = SOME_BOOL(true);
	rec->KmsDataKeyReusePeriodSeconds = SOME_I64(300);
	if (!rec->Fifo.v)
		return;
	rec->ContentBasedDeduplication = SOME_BOOL(false);
	rec->DeduplicationScope = S("queue");
	rec->FifoThroughputLimit = S("perQueue");
}

/* ---- setting ---- */

static bool bad_value(struct call *c, const char *name)
{
	call_fail(c, &sqs_err_InvalidAttributeValue, "Invalid value for the parameter %s.", name);
	return false;
}

static bool unknown(struct call *c, struct str name)
{
	call_fail(c, &sqs_err_InvalidAttributeName, "Unknown Attribute %.*s.", STR_ARG(name));
	return false;
}

static bool set_policy(struct call *c, struct queue *q, struct str text)
{
	struct str why;
	if (text.n == 0) {
		queue_more(q)->Policy = STR_NONE;
		return true;
	}
	if (policy_parse(c->arena, text, POLICY_RESOURCE, &why) == NULL)
		return bad_value(c, "Policy");
	queue_more(q)->Policy = text;
	return true;
}

static bool set_bool(struct call *c, const struct attribute *a, struct str text, struct opt_bool *out)
{
	bool yes = str_eq_nocase(text, S("true"));
	if (!yes && !str_eq_nocase(text, S("false")))
		return bad_value(c, a->name);
	*out = SOME_BOOL(yes);
	return true;
}

static bool set_number(struct call *c, const struct attribute *a, struct str text, struct opt_i64 *out)
{
	int64_t v;
	if (!str_to_i64(text, &v) || v < a->min || v > a->max)
		return bad_value(c, a->name);
	*out = SOME_I64(v);
	return true;
}

static bool set_choice(struct call *c, const struct attribute *a, struct str text, struct str *out)
{
	for (size_t i = 0; i < COUNT_OF(a->choices); i++)
		if (str_eq(text, str_c(a->choices[i]))) {
			*out = str_c(a->choices[i]);
			return true;
		}
	return bad_value(c, a->name);
}

static bool set_fifo(struct call *c, struct queue *q, struct str text, bool creating)
{
	if (!str_eq_nocase(text, S("true")))
		return q->fifo ? bad_value(c, "FifoQueue") : unknown(c, S("FifoQueue"));
	if (!creating && !q->fifo)
		return unknown(c, S("FifoQueue"));
	return true;
}

/* One kind of encryption at a time; an empty text takes the key away. The key is looked for when it is used, as on AWS. */
static bool set_kms_key(struct queue *q, struct str text)
{
	q->rec->KmsMasterKeyId = text.n > 0 ? text : STR_NONE;
	if (text.n > 0)
		q->rec->SqsManagedSseEnabled = SOME_BOOL(false);
	return true;
}

static bool set_one(struct call *c, struct queue *q, const struct attribute *a, struct str text, bool creating)
{
	switch (a->kind) {
	case KIND_NUMBER: return set_number(c, a, text, place(q->rec, a));
	case KIND_BOOL: return set_bool(c, a, text, place(q->rec, a));
	case KIND_CHOICE: return set_choice(c, a, text, place(q->rec, a));
	case KIND_POLICY: return set_policy(c, q, text);
	case KIND_REDRIVE: return redrive_policy_apply(c, q, text);
	case KIND_REDRIVE_ALLOW: return redrive_allow_apply(c, q, text);
	case KIND_FIFO: return set_fifo(c, q, text, creating);
	case KIND_KMS_KEY: return set_kms_key(q, text);
	case KIND_KMS_REUSE: return set_number(c, a, text, place(q->rec, a));
	case KIND_READ_ONLY: break;
	}
	return unknown(c, str_c(a->name));
}

bool attributes_apply(struct call *c, struct queue *q, const struct map_of *in, bool creating)
{
	const struct sqs_QueueAttributeMap_entry *v = in->v;
	for (size_t i = 0; i < in->n; i++) {
		const struct attribute *a = attribute_find(v[i].key);
		if (a == NULL || (a->fifo_only && !q->fifo && a->kind != KIND_FIFO))
			return unknown(c, v[i].key);
		if (!set_one(c, q, a, str_present(v[i].value) ? v[i].value : S(""), creating))
			return false;
	}
	if (str_present(q->rec->KmsMasterKeyId) && q->rec->SqsManagedSseEnabled.v) {
		call_fail(c, &sqs_err_InvalidAttributeValue, "You can use one type of server-side encryption (SSE) at one time. You can either enable "
			"KMS SSE or SQS SSE.");
		return false;
	}
	if (str_eq(q->rec->FifoThroughputLimit, S("perMessageGroupId")) && !str_eq(q->rec->DeduplicationScope, S("messageGroup"))) {
		call_fail(c, &sqs_err_InvalidAttributeValue, "The perMessageGroupId value is allowed only when the value for "
			"DeduplicationScope is messageGroup.");
		return false;
	}
	return true;
}

/* ---- reading ---- */

static struct str number(struct queue *q, int64_t v) { return arena_printf(q->c->arena, "%lld", (long long)v); }
static struct str yes_no(bool v) { return v ? S("true") : S("false"); }

static struct str read_only(struct queue *q, struct str name)
{
	const struct box *b = &q->box;
	if (str_eq(name, S("QueueArn")))
		return q->arn;
	if (str_eq(name, S("CreatedTimestamp")))
		return number(q, q->rec->CreatedMs.v / 1000);
	if (str_eq(name, S("LastModifiedTimestamp")))
		return number(q, q->rec->ModifiedMs.v / 1000);
	if (str_eq(name, S("ApproximateNumberOfMessages")))
		return number(q, b->n_fresh + b->n_returned);
	if (str_eq(name, S("ApproximateNumberOfMessagesNotVisible")))
		return number(q, b->n_inflight);
	ASSERT(str_eq(name, S("ApproximateNumberOfMessagesDelayed")));
	return number(q, b->n_delayed);
}

/* Absent: the queue does not have it. */
static struct str value_of(struct queue *q, const struct attribute *a)
{
	if (a->fifo_only && !q->fifo)
		return STR_NONE;
	switch (a->kind) {
	case KIND_NUMBER: return number(q, ((const struct opt_i64 *)place(q->rec, a))->v);
	case KIND_BOOL: case KIND_FIFO: return yes_no(((const struct opt_bool *)place(q->rec, a))->v);
	case KIND_POLICY: return queue_more(q)->Policy;
	case KIND_REDRIVE_ALLOW: return queue_more(q)->RedriveAllowPolicy;
	case KIND_CHOICE: case KIND_REDRIVE: return *(const struct str *)place(q->rec, a);
	case KIND_KMS_KEY: return q->rec->KmsMasterKeyId;
	case KIND_KMS_REUSE: return str_present(q->rec->KmsMasterKeyId) ? number(q, q->rec->KmsDataKeyReusePeriodSeconds.v) : STR_NONE;
	case KIND_READ_ONLY: break;
	}
	return read_only(q, str_c(a->name));
}

static bool asked_for(const struct list *names, const char *name)
{
	const struct str *v = names->v;
	for (size_t i = 0; i < names->n; i++)
		if (str_eq(v[i], S("All")) || str_eq(v[i], str_c(name)))
			return true;
	return false;
}

bool attributes_describe(struct queue *q, const struct list *names, struct map_of *out)
{
	const struct str *asked = names->v;
	for (size_t i = 0; i < names->n; i++)
		if (!attribute_known(asked[i]))
			return unknown(q->c, asked[i]);
	struct sqs_QueueAttributeMap_entry *v = arena_array(q->c->arena, struct sqs_QueueAttributeMap_entry, COUNT_OF(attributes));
	uint32_t n = 0;
	settle_counts(q);
	for (size_t i = 0; i < COUNT_OF(attributes); i++) {
		const struct attribute *a = &attributes[i];
		if (!asked_for(names, a->name))
			continue;
		struct str text = value_of(q, a);
		if (str_present(text))
			v[n++] = (struct sqs_QueueAttributeMap_entry){str_c(a->name), text};
	}
	if (n > 0)
		*out = (struct map_of){v, n, true};
	return true;
}

struct str attributes_differ(struct queue *have, struct queue *want, const struct map_of *asked)
{
	const struct sqs_QueueAttributeMap_entry *v = asked->v;
	for (size_t i = 0; i < asked->n; i++) {
		const struct attribute *a = attribute_find(v[i].key);
		ASSERT(a != NULL);
		struct str x = value_of(have, a), y = value_of(want, a);
		if (!str_eq(x, y))
			return v[i].key;
	}
	return STR_NONE;
}
