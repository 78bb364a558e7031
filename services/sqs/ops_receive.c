/* ReceiveMessage, DeleteMessage, ChangeMessageVisibility, and the batches of the two.
 *
 * A receive that finds nothing waits on the queue's topic, until its time is up or the next delayed or hidden message
 * is due. Source: ReceiveMessage (SQS API Reference), "Long polling", "Visibility timeout" (Developer Guide). */
#include "sqs.h"

/* ---- receive ---- */

struct wanted { size_t max; int64_t visibility_ms, deadline_ms; };

static bool check_range(struct call *c, struct opt_i64 v, int64_t low, int64_t high, const char *name, const char *reason)
{
	if (!v.set || (v.v >= low && v.v <= high))
		return true;
	fail_invalid(c, "Value %lld for parameter %s is invalid. Reason: %s", (long long)v.v, name, reason);
	return false;
}

static bool check_receive(struct queue *q, const struct sqs_ReceiveMessageRequest *in, struct wanted *w)
{
	struct call *c = q->c;
	if (!check_range(c, in->MaxNumberOfMessages, 1, RECEIVE_MAX, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.") ||
	    !check_range(c, in->VisibilityTimeout, 0, VISIBILITY_MAX_S, "VisibilityTimeout", "Must be between 0 and 43200, if provided.") ||
	    !check_range(c, in->WaitTimeSeconds, 0, WAIT_MAX_S, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided."))
		return false;
	if (str_present(in->ReceiveRequestAttemptId) && !q->fifo) {
		fail_invalid(c, "Value %.*s for parameter ReceiveRequestAttemptId is invalid. Reason: The request includes a parameter that is "
			"not valid for this queue type.", STR_ARG(str_slice(in->ReceiveRequestAttemptId, 0, 200)));
		return false;
	}
	if (str_present(in->ReceiveRequestAttemptId) && (in->ReceiveRequestAttemptId.n == 0 || in->ReceiveRequestAttemptId.n > 128)) {
		fail_invalid(c, "Value for parameter ReceiveRequestAttemptId is invalid. Reason: ReceiveRequestAttemptId can only include "
			"alphanumeric and punctuation characters. 1 to 128 in length.");
		return false;
	}
	w->max = in->MaxNumberOfMessages.set ? (size_t)in->MaxNumberOfMessages.v : 1;
	w->visibility_ms = 1000 * (in->VisibilityTimeout.set ? in->VisibilityTimeout.v : q->rec->VisibilityTimeout.v);
	int64_t wait_s = in->WaitTimeSeconds.set ? in->WaitTimeSeconds.v : q->rec->ReceiveMessageWaitTimeSeconds.v;
	w->deadline_ms = c->started_ms + wait_s * 1000;
	return true;
}

static const char *const system_attributes[] = {"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
	"SequenceNumber", "MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn"};

/* AttributeNames is the old name of MessageSystemAttributeNames, and its list of values in the model is that of queues. */
static bool names_ok(struct call *c, const struct list *names)
{
	for (uint32_t i = 0; i < names->n; i++) {
		struct str name = *LIST_AT(*names, struct str, i);
		bool known = attribute_known(name);
		for (size_t k = 0; k < COUNT_OF(system_attributes) && !known; k++)
			known = str_eq(name, str_c(system_attributes[k]));
		if (!known) {
			call_fail(c, &sqs_err_InvalidAttributeName, "Unknown Attribute %.*s.", STR_ARG(name));
			return false;
		}
	}
	return true;
}

struct wishes { const struct list *a, *b; };

static bool wished(struct wishes w, const char *name)
{
	const struct list *lists[] = {w.a, w.b};
	for (size_t k = 0; k < 2; k++) {
		const struct str *v = lists[k]->v;
		for (size_t i = 0; i < lists[k]->n; i++)
			if (str_eq(v[i], S("All")) || str_eq(v[i], str_c(name)))
				return true;
	}
	return false;
}

static struct str number(struct arena *a, int64_t v) { return arena_printf(a, "%lld", (long long)v); }

static void describe(struct queue *q, const struct taken *t, struct wishes w, struct map_of *out)
{
	enum { NAMES = COUNT_OF(system_attributes) };
	struct arena *a = q->c->arena;
	if (w.a->n == 0 && w.b->n == 0)
		return;
	struct sqs_MessageSystemAttributeMap_entry *v = arena_array(a, struct sqs_MessageSystemAttributeMap_entry, NAMES);
	uint32_t n = 0;
#define ADD(name, condition, text) if ((condition) && wished(w, name)) { v[n].key = S(name); v[n++].value = (text); }
	ADD("SenderId", true, t->m.sender)
	ADD("ApproximateFirstReceiveTimestamp", true, number(a, t->hold.first_ms))
	ADD("ApproximateReceiveCount", true, number(a, t->hold.count))
	ADD("SentTimestamp", true, number(a, t->m.sent_ms))
	ADD("SequenceNumber", q->fifo, arena_printf(a, "188%017llu", (unsigned long long)t->m.seq))
	ADD("MessageDeduplicationId", t->m.dedup.n > 0, t->m.dedup)
	ADD("MessageGroupId", t->m.group.n > 0, t->m.group)
	ADD("AWSTraceHeader", t->m.trace.n > 0, t->m.trace)
	ADD("DeadLetterQueueSourceArn", t->m.source_arn.n > 0, t->m.source_arn)
#undef ADD
	ASSERT(n <= NAMES);
	if (n > 0)
		*out = (struct map_of){v, n, true};
}

static void answer(struct queue *q, struct taken *v, size_t n)
{
	struct call *c = q->c;
	const struct sqs_ReceiveMessageRequest *in = c->in;
	struct sqs_ReceiveMessageResult *out = c->out;
	if (n == 0)
		return;
	out->Messages = LIST_OF(c->arena, struct sqs_Message, n);
	for (size_t i = 0; i < n; i++) {
		struct sqs_Message *m = LIST_AT(out->Messages, struct sqs_Message, i);
		struct receipt r = {(uint64_t)q->rec->Id.v, (uint64_t)q->rec->Data.v, v[i].m.seq, v[i].hold.nonce,
			q->fifo ? v[i].m.group : S("")};
		unsigned char digest[16];
		if (!body_open(q, &v[i].m))
			return;
		m->MessageId = v[i].m.id;
		m->ReceiptHandle = receipt_text(c->arena, &r);
		m->Body = v[i].m.body;
		m->MD5OfBody = hex_encode(c->arena, str_of((const char *)v[i].m.body_md5, 16));
		describe(q, &v[i], (struct wishes){&in->AttributeNames, &in->MessageSystemAttributeNames}, &m->Attributes);
		m->MessageAttributes = attributes_select(c->arena, v[i].m.attributes, &in->MessageAttributeNames, digest);
		if (m->MessageAttributes.n > 0)
			m->MD5OfMessageAttributes = hex_encode(c->arena, str_of((const char *)digest, 16));
	}
}

/* Park until something may have changed for this receive. */
static void wait_for_more(struct queue *q, int64_t deadline_ms)
{
	int64_t due_ms = message_next_due(q);
	ASSERT(due_ms > q->c->now_ms && deadline_ms > q->c->now_ms);
	call_wait(q->c, queue_topic(q), due_ms < deadline_ms ? due_ms : deadline_ms);
}

void op_receive_message(struct call *c)
{
	const struct sqs_ReceiveMessageRequest *in = c->in;
	struct queue *q = run_queue(c);
	struct wanted w;
	struct taken v[RECEIVE_MAX];
	if (!check_receive(q, in, &w) || !names_ok(c, &in->AttributeNames) || !names_ok(c, &in->MessageSystemAttributeNames))
		return;
	size_t n = 0;
	bool attempt = str_present(in->ReceiveRequestAttemptId);
	settle(q);
	if (attempt)
		n = attempt_again(q, in->ReceiveRequestAttemptId, w.visibility_ms, v);
	if (n == 0 && !q->fifo && q->box.n_inflight >= INFLIGHT_MAX) {
		call_fail(c, &sqs_err_OverLimit, "Too many messages in flight: %d.", INFLIGHT_MAX);
		return;
	}
	if (n == 0) {
		n = message_take(q, w.max, w.visibility_ms, v);
		if (n > 0 && attempt)
			attempt_put(q, in->ReceiveRequestAttemptId, v, n);
	}
	/* Dead letters were moved: that must be kept, and a parked call keeps nothing. */
	if (n == 0 && c->now_ms < w.deadline_ms && !q->must_keep) {
		wait_for_more(q, w.deadline_ms);
		return;
	}
	answer(q, v, n);
	box_store(q);
	count_metric(q, n > 0 ? "NumberOfMessagesReceived" : "NumberOfEmptyReceives", n > 0 ? (double)n : 1, "Count");
}

/* ---- delete ---- */

static bool open_receipt(struct queue *q, struct str text, struct receipt *r)
{
	struct call *c = q->c;
	if (!str_present(text)) {
		fail_missing(c, "ReceiptHandle");
		return false;
	}
	if (receipt_open(c->arena, text, r) && r->queue == (uint64_t)q->rec->Id.v)
		return true;
	call_fail(c, &sqs_err_ReceiptHandleIsInvalid, "The input receipt handle \"%.*s\" is not a valid receipt handle.",
		STR_ARG(str_slice(text, 0, 1024)));
	return false;
}

/* A handle of a message that is gone, or (standard) has been received again, deletes nothing, and that is no error. */
static bool delete_one(struct queue *q, struct str handle)
{
	struct receipt r;
	if (!open_receipt(q, handle, &r))
		return false;
	enum outcome o = message_delete(q, &r);
	if (o == STALE && q->fifo) {
		fail_invalid(q->c, "Value %.*s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", STR_ARG(handle));
		return false;
	}
	if (o == DONE)
		count_metric(q, "NumberOfMessagesDeleted", 1, "Count");
	return true;
}

void op_delete_message(struct call *c)
{
	const struct sqs_DeleteMessageRequest *in = c->in;
	struct queue *q = run_queue(c);
	if (delete_one(q, in->ReceiptHandle))
		box_store(q);
}

void op_delete_message_batch(struct call *c)
{
	const struct sqs_DeleteMessageBatchRequest *in = c->in;
	struct sqs_DeleteMessageBatchResult *out = c->out;
	struct queue *q = run_queue(c);
	const struct sqs_DeleteMessageBatchRequestEntry *v = in->Entries.v;
	struct str ids[BATCH_MAX];
	for (size_t i = 0; i < in->Entries.n && i < BATCH_MAX; i++)
		ids[i] = v[i].Id;
	if (!batch_check(c, "DeleteMessageBatchRequestEntry", ids, in->Entries.n))
		return;
	struct batch b;
	batch_init(&b, c, in->Entries.n);
	struct sqs_DeleteMessageBatchResultEntry *ok = arena_array(c->arena, struct sqs_DeleteMessageBatchResultEntry, in->Entries.n);
	for (size_t i = 0; i < in->Entries.n; i++) {
		if (delete_one(q, v[i].ReceiptHandle))
			ok[b.n_ok++].Id = v[i].Id;
		else
			batch_failed(&b, v[i].Id);
	}
	box_store(q);
	out->Successful = (struct list){ok, b.n_ok, true};
	out->Failed = batch_failures(&b);
}

/* ---- visibility ---- */

static bool hide_one(struct queue *q, struct str handle, struct opt_i64 timeout)
{
	struct call *c = q->c;
	struct receipt r;
	if (!timeout.set) {
		fail_missing(c, "VisibilityTimeout");
		return false;
	}
	if (!check_range(c, timeout, 0, VISIBILITY_MAX_S, "VisibilityTimeout", "VisibilityTimeout must be an integer between 0 and 43200.") ||
	    !open_receipt(q, handle, &r))
		return false;
	switch (message_hide(q, &r, timeout.v * 1000)) {
	case DONE:
		return true;
	case NOT_INFLIGHT:
		call_fail(c, &sqs_err_MessageNotInflight, "The specified message isn't in flight.");
		return false;
	case TOO_LONG:
		fail_invalid(c, "Value %lld for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is "
			"beyond the limit [43200 seconds].", (long long)timeout.v);
		return false;
	default:
		fail_invalid(c, "Value %.*s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for "
			"visibility timeout change.", STR_ARG(handle));
		return false;
	}
}

void op_change_message_visibility(struct call *c)
{
	const struct sqs_ChangeMessageVisibilityRequest *in = c->in;
	struct queue *q = run_queue(c);
	if (hide_one(q, in->ReceiptHandle, in->VisibilityTimeout))
		box_store(q);
}

void op_change_message_visibility_batch(struct call *c)
{
	const struct sqs_ChangeMessageVisibilityBatchRequest *in = c->in;
	struct sqs_ChangeMessageVisibilityBatchResult *out = c->out;
	struct queue *q = run_queue(c);
	const struct sqs_ChangeMessageVisibilityBatchRequestEntry *v = in->Entries.v;
	struct str ids[BATCH_MAX];
	for (size_t i = 0; i < in->Entries.n && i < BATCH_MAX; i++)
		ids[i] = v[i].Id;
	if (!batch_check(c, "ChangeMessageVisibilityBatchRequestEntry", ids, in->Entries.n))
		return;
	struct batch b;
	batch_init(&b, c, in->Entries.n);
	struct sqs_ChangeMessageVisibilityBatchResultEntry *ok = arena_array(c->arena, struct sqs_ChangeMessageVisibilityBatchResultEntry,
		in->Entries.n);
	for (size_t i = 0; i < in->Entries.n; i++) {
		if (hide_one(q, v[i].ReceiptHandle, v[i].VisibilityTimeout))
			ok[b.n_ok++].Id = v[i].Id;
		else
			batch_failed(&b, v[i].Id);
	}
	box_store(q);
	out->Successful = (struct list){ok, b.n_ok, true};
	out->Failed = batch_failures(&b);
}
