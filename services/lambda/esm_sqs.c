/* Polling queues of SQS for functions.
 *
 * One long poll of a mapping is parked at a time; a batch goes to the engine as soon as it is full or its window is over,
 * and up to `concurrency` batches run at once. What the function took is deleted; what it did not comes back when its
 * visibility ends. Source: "Using Lambda with Amazon SQS" (developer guide). */
#include "esm.h"

#include "os/os.h"

#include <stdlib.h>

enum { RETRY_MS = 1000, MISSING_MS = 5000, THROTTLE_TRIES = 30 };

struct batch {
	struct arena *arena;
	struct mapping *mapping;
	struct target target;
	struct json *records;   /* array, in the event's form */
	int64_t first_ms;
	int tries;
	struct json *done_with; /* records to delete, once the function has answered */
	const char *result;
};

struct poller {
	struct mapping *mapping;
	struct batch *gathering; /* NULL: none */
	size_t running;
	int64_t concurrency;
	bool polling;
	struct loop_timer *timer;
};

struct poll {
	struct arena *arena;
	struct mapping *mapping;
	struct target target;
	int64_t wanted, wait_s;
	struct json *records; /* NULL: nothing read */
	bool enabled, failed;
};

static void poll_next(struct poller *p);

void sqs_poller_free(struct mapping *m)
{
	struct poller *p = m->poller;
	ASSERT(p->running == 0 && !p->polling);
	if (p->gathering != NULL)
		arena_free(p->gathering->arena);
	loop_timer_cancel(p->timer);
	free(p);
}

static struct invoke_options options_of(const struct target *t, const struct principal *role)
{
	struct arn arn;
	bool ok = arn_parse(t->source, &arn);
	ASSERT(ok);
	return (struct invoke_options){.who = role, .account = arn.account, .region = arn.region};
}

/* ---- deleting ---- */

static bool delete_records(struct call *c, const struct target *t, const struct principal *role, const struct json *records)
{
	ASSERT(role != NULL && json_is(records, JSON_ARRAY));
	const struct invoke_options o = options_of(t, role);
	for (size_t from = 0; from < records->n; from += 10) {
		struct json *in = json_new_object(c->arena), *entries = json_new_array(c->arena);
		json_set_str(c->arena, in, "QueueUrl", queue_url(c->arena, t->source));
		for (size_t i = from; i < records->n && i < from + 10; i++) {
			struct json *e = json_new_object(c->arena);
			json_set_str(c->arena, e, "Id", arena_printf(c->arena, "%zu", i - from));
			json_set_str(c->arena, e, "ReceiptHandle", json_get_str(json_at(records, i), "receiptHandle"));
			json_push(c->arena, entries, e);
		}
		json_set(c->arena, in, S("Entries"), entries);
		if (!invoke(c, "sqs", "DeleteMessageBatch", in, &o).ok)
			return false;
	}
	return true;
}

static void settle_run(struct call *c)
{
	struct batch *b = c->user;
	const struct principal *role = target_role(c, &b->target);
	if (role != NULL && b->done_with->n > 0)
		(void)delete_records(c, &b->target, role, b->done_with);
	mapping_result(c, b->mapping, b->result);
}

static void settle_done(void *arg, const struct wire_error *error)
{
	(void)error;
	struct batch *b = arg;
	struct mapping *m = b->mapping;
	struct poller *p = m->poller;
	ASSERT(p->running > 0);
	p->running--;
	arena_free(b->arena);
	poll_next(p);
	mapping_release(m);
}

static void settle(struct batch *b)
{
	ASSERT(b->result != NULL && b->done_with != NULL); /* the function has answered */
	const struct submit s = {.service = &service_lambda, .account = b->target.call.account, .region = b->target.call.region,
		.run = settle_run, .write = true, .arg = b, .done = settle_done};
	call_submit(&s);
}

/* ---- invoking ---- */

static void batch_invoke(void *arg);

static bool failed_id(const struct json *ids, struct str id)
{
	for (size_t i = 0; i < ids->n; i++) {
		if (str_eq(json_str(json_at(ids, i)), id))
			return true;
	}
	return false;
}

/* Which records the answer leaves done. A wrong answer leaves none. */
static void judge(struct batch *b, const struct engine_result *r)
{
	b->result = "PROBLEM: Function call failed";
	if (r->throttled != NULL || r->error.n > 0)
		return;
	struct json *ids = b->target.report_failures ? item_failures(b->arena, arena_dup(b->arena, r->payload)) : json_new_array(b->arena);
	if (ids == NULL)
		return;
	size_t found = 0;
	for (size_t i = 0; i < b->records->n; i++) {
		struct json *record = json_at(b->records, i);
		if (failed_id(ids, json_get_str(record, "messageId")))
			found++;
		else
			json_push(b->arena, b->done_with, record);
	}
	if (found < ids->n) /* it named one that it was not given */
		b->done_with = json_new_array(b->arena);
	b->result = ids->n > 0 ? "PROBLEM: Function call failed" : "OK";
}

static void on_answer(void *arg, const struct engine_result *r)
{
	struct batch *b = arg;
	if (r->throttled != NULL && ++b->tries < THROTTLE_TRIES && !b->mapping->stopped) {
		(void)loop_timer_start(clock_now_ms() + RETRY_MS, batch_invoke, b);
		return;
	}
	judge(b, r);
	settle(b);
}

static void batch_invoke(void *arg)
{
	struct batch *b = arg;
	struct json *event = json_new_object(b->arena);
	json_set(b->arena, event, S("Records"), b->records);
	target_invoke(&b->target, json_text(b->arena, event), on_answer, b);
}

static void dispatch(struct poller *p)
{
	ASSERT(p->gathering != NULL && p->gathering->records->n > 0);
	struct batch *b = p->gathering;
	p->gathering = NULL;
	p->running++;
	mapping_hold(p->mapping);
	b->done_with = json_new_array(b->arena);
	batch_invoke(b);
}

/* ---- polling ---- */

static void copy_member(struct arena *a, struct json *to, const char *name, const struct json *from, const char *from_name)
{
	const struct json *v = json_get(from, str_c(from_name));
	if (v != NULL)
		json_set(a, to, str_c(name), v);
}

/* A message as the event has it. */
static struct json *record_of(struct arena *a, const struct json *m, struct str source, struct str region)
{
	struct json *r = json_new_object(a), *attributes = json_new_object(a);
	copy_member(a, r, "messageId", m, "MessageId");
	copy_member(a, r, "receiptHandle", m, "ReceiptHandle");
	copy_member(a, r, "body", m, "Body");
	json_set(a, r, S("attributes"), json_get(m, S("Attributes")) != NULL ? json_get(m, S("Attributes")) : json_new_object(a));
	const struct json *given = json_get(m, S("MessageAttributes"));
	for (size_t i = 0; given != NULL && i < given->n; i++) {
		struct json *one = json_new_object(a);
		const struct json *v = &given->members[i].value;
		copy_member(a, one, "stringValue", v, "StringValue");
		copy_member(a, one, "binaryValue", v, "BinaryValue");
		json_set(a, one, S("stringListValues"), json_new_array(a));
		json_set(a, one, S("binaryListValues"), json_new_array(a));
		copy_member(a, one, "dataType", v, "DataType");
		json_set(a, attributes, given->members[i].key, one);
	}
	json_set(a, r, S("messageAttributes"), attributes);
	copy_member(a, r, "md5OfMessageAttributes", m, "MD5OfMessageAttributes");
	copy_member(a, r, "md5OfBody", m, "MD5OfBody");
	json_set_str(a, r, "eventSource", S("aws:sqs"));
	json_set_str(a, r, "eventSourceARN", source);
	json_set_str(a, r, "awsRegion", region);
	return r;
}

static struct json *receive_input(struct call *c, const struct poll *p)
{
	struct json *in = json_new_object(c->arena), *all = json_new_array(c->arena);
	json_push(c->arena, all, json_new_str(c->arena, S("All")));
	json_set_str(c->arena, in, "QueueUrl", queue_url(c->arena, p->target.source));
	json_set_i64(c->arena, in, "MaxNumberOfMessages", p->wanted);
	json_set_i64(c->arena, in, "WaitTimeSeconds", p->wait_s);
	json_set(c->arena, in, S("AttributeNames"), all);
	json_set(c->arena, in, S("MessageAttributeNames"), all);
	return in;
}

static void poll_run(struct call *c)
{
	struct poll *p = c->user;
	p->records = NULL;
	p->failed = false;
	arena_reset(p->arena); /* a run again starts anew; p itself is not in it */
	p->enabled = !p->mapping->stopped && target_read(c, p->mapping, p->arena, &p->target);
	if (!p->enabled)
		return;
	const struct principal *role = target_role(c, &p->target);
	p->failed = role == NULL;
	if (p->failed)
		return;
	if (p->wanted > p->target.batch_size)
		p->wanted = p->target.batch_size;
	const struct invoke_options o = options_of(&p->target, role);
	struct invoked got = invoke(c, "sqs", "ReceiveMessage", receive_input(c, p), &o);
	if (got.parked)
		return;
	if (!got.ok) {
		p->failed = true;
		mapping_result(c, p->mapping, "PROBLEM: The queue cannot be read");
		return;
	}
	struct json *messages = json_get(got.out, S("Messages")), *dropped = json_new_array(c->arena);
	p->records = json_new_array(p->arena);
	for (size_t i = 0; messages != NULL && i < messages->n; i++) {
		struct json *r = record_of(p->arena, json_copy(p->arena, json_at(messages, i)), p->target.source, p->target.call.region);
		bool wanted = filters_pass(c->arena, p->target.filters, r);
		json_push(wanted ? p->arena : c->arena, wanted ? p->records : dropped, r);
	}
	if (dropped->n > 0) /* what no filter wants is taken off the queue */
		(void)delete_records(c, &p->target, role, dropped);
}

static void on_timer(void *arg)
{
	struct poller *p = arg;
	p->timer = NULL;
	poll_next(p);
}

static void poll_later(struct poller *p, int64_t ms)
{
	if (p->timer == NULL && !p->mapping->stopped)
		p->timer = loop_timer_start(clock_now_ms() + ms, on_timer, p);
}

static void gather(struct poller *p, struct poll *q)
{
	ASSERT(q->enabled && !q->failed && q->records != NULL);
	if (p->gathering == NULL && q->records->n == 0)
		return;
	struct batch *b = p->gathering;
	if (b == NULL) {
		struct arena *a = arena_new(8192);
		b = p->gathering = arena_new_of(a, struct batch);
		*b = (struct batch){.arena = a, .mapping = p->mapping, .records = json_new_array(a), .first_ms = clock_now_ms()};
		b->target = q->target;
		/* The poll's arena goes with the batch: its strings are the target's. */
		arena_defer(a, (void (*)(void *))arena_free, q->arena);
		q->arena = NULL;
	}
	for (size_t i = 0; i < q->records->n; i++)
		json_push(b->arena, b->records, json_copy(b->arena, json_at(q->records, i)));
	if ((int64_t)b->records->n >= q->target.batch_size || clock_now_ms() >= b->first_ms + q->target.window_ms)
		dispatch(p);
}

static void poll_done(void *arg, const struct wire_error *error)
{
	struct poll *q = arg;
	struct mapping *m = q->mapping;
	struct poller *p = m->poller;
	ASSERT(p->polling);
	p->polling = false;
	p->concurrency = q->enabled ? q->target.concurrency : p->concurrency;
	if (error != NULL || q->failed)
		poll_later(p, RETRY_MS);
	else if (!q->enabled && q->target.later)
		poll_later(p, MISSING_MS);
	else if (q->enabled && q->records != NULL) {
		gather(p, q);
		poll_next(p);
	}
	arena_free(q->arena);
	free(q);
	mapping_release(m);
}

static void poll_next(struct poller *p)
{
	if (p->polling || p->mapping->stopped || p->timer != NULL || (int64_t)p->running >= p->concurrency)
		return;
	struct poll *q = calloc(1, sizeof *q);
	if (q == NULL)
		die("out of memory");
	*q = (struct poll){.arena = arena_new(4096), .mapping = p->mapping, .wanted = 10, .wait_s = 20};
	const struct batch *b = p->gathering;
	if (b != NULL) {
		int64_t left_ms = b->first_ms + b->target.window_ms - clock_now_ms(), room = b->target.batch_size - (int64_t)b->records->n;
		q->wait_s = left_ms <= 0 ? 0 : left_ms >= 20000 ? 20 : (left_ms + 999) / 1000;
		q->wanted = room < 10 ? room : 10;
	}
	p->polling = true;
	mapping_hold(p->mapping);
	const struct submit s = {.service = &service_lambda, .account = str_c(p->mapping->account), .region = str_c(p->mapping->region),
		.run = poll_run, .write = true, .arg = q, .done = poll_done};
	call_submit(&s);
}

void sqs_poller_start(struct mapping *m)
{
	struct poller *p = calloc(1, sizeof *p);
	if (p == NULL)
		die("out of memory");
	ASSERT(!m->streams && m->poller == NULL);
	*p = (struct poller){.mapping = m, .concurrency = 5};
	m->poller = p;
	poll_next(p);
}
