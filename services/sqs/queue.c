/* Queues by URL, ARN and name; their keys; loading and storing the configuration and the box.
 *
 * All keys of a queue's messages begin with ("sqs", "#", number): accounts are digits, so no account's records are there. */
#include "sqs.h"

#include "svc/arn.h"

void fail_missing(struct call *c, const char *parameter)
{
	call_fail_code(c, 400, "MissingParameter", "The request must contain the parameter %s.", parameter);
}

void fail_invalid(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	call_fail_code(c, 400, "InvalidParameterValue", "%.*s", STR_ARG(text));
}

void *fail_no_queue(struct call *c)
{
	return call_fail(c, &sqs_err_QueueDoesNotExist, "The specified queue does not exist.");
}

/* ---- names ---- */

static bool is_account(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n == 12;
}

bool queue_url_parse(struct str url, struct str *account, struct str *name)
{
	ptrdiff_t last = str_rfind(url, '/');
	if (last < 0)
		return false;
	*name = str_slice(url, (size_t)last + 1, url.n);
	struct str before = str_slice(url, 0, (size_t)last);
	ptrdiff_t first = str_rfind(before, '/');
	*account = str_slice(before, (size_t)(first + 1), before.n);
	return first >= 0 && is_account(*account) && name->n > 0;
}

struct str queue_url(struct call *c, struct str account, struct str name)
{
	struct str base = c->endpoint;
	if (str_empty(base))
		base = arena_printf(c->arena, "http://localhost:%d", service_config()->port);
	return arena_join(c->arena, base, S("/"), account, S("/"), name);
}

struct str queue_arn(struct call *c, struct str account, struct str name)
{
	return arena_join(c->arena, S("arn:aws:sqs:"), c->region, S(":"), account, S(":"), name);
}

/* ---- keys ---- */

struct key *queue_key(struct call *c, struct str account, struct str name)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	key_str(key_str(key_str(k, S("sqs")), account), c->region);
	return key_str(key_str(k, S("queue")), name);
}

struct key *data_key(struct call *c, uint64_t number, const char *table)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	ASSERT(number > 0);
	buf_reserve(&k->b, 48);
	return key_str(key_u64(key_str(key_str(k, S("sqs")), S("#")), number), str_c(table));
}

struct str queue_topic(const struct queue *q)
{
	ASSERT(q->rec->Id.v > 0);
	return arena_printf(q->c->arena, "sqs:%lld", (long long)q->rec->Id.v);
}

/* ---- opening ---- */

struct queue *queue_new(struct call *c, struct str account, struct str name, struct sqs_Queue *rec)
{
	ASSERT(rec->MessageRetentionPeriod.set && rec->VisibilityTimeout.set && rec->Fifo.set);
	struct queue *q = arena_new_of(c->arena, struct queue);
	*q = (struct queue){.magic = QUEUE_MAGIC, .c = c, .account = account, .region = c->region, .name = name, .rec = rec,
		.arn = queue_arn(c, account, name), .fifo = rec->Fifo.v,
		.retention_ms = rec->MessageRetentionPeriod.v * 1000};
	return q;
}

struct sqs_Queue *queue_decode(struct call *c, struct str value, struct box *box)
{
	ASSERT(value.n > sizeof *box);
	memcpy(box, value.p, sizeof *box);
	struct sqs_Queue *rec = typed_from_cbor(c->arena, &sqs_shape_Queue, str_slice(value, sizeof *box, value.n)); /* views into value */
	ASSERT(rec != NULL);
	return rec;
}

struct queue *queue_open(struct call *c, struct str account, struct str name)
{
	struct str value;
	struct box box;
	if (!txn_get(c->txn, key_bytes(queue_key(c, account, name)), c->arena, &value))
		return NULL;
	struct queue *q = queue_new(c, account, name, queue_decode(c, value, &box));
	q->box = box;
	q->packed = str_slice(value, sizeof box, value.n);
	return q;
}

void box_store(struct queue *q)
{
	CHECK_MAGIC(q, QUEUE_MAGIC);
	if (!q->box_dirty)
		return;
	const struct box *b = &q->box;
	ASSERT(b->n_fresh >= 0 && b->n_returned >= 0 && b->n_delayed >= 0 && b->n_inflight >= 0);
	ASSERT(b->fresh > 0 && b->fresh <= b->seq + 1 && b->low <= b->seq + 1);
	ASSERT(q->packed.n > 0);
	struct str box = str_of((const char *)b, sizeof *b);
	txn_put(q->c->txn, key_bytes(queue_key(q->c, q->account, q->name)), arena_join(q->c->arena, box, q->packed));
	q->box_dirty = false;
}

static struct key *more_key(struct queue *q)
{
	struct key *k = arena_new_of(q->c->arena, struct key);
	*k = key_new(q->c->arena);
	key_str(key_str(key_str(k, S("sqs")), q->account), q->region);
	return key_str(key_str(k, S("more")), q->name);
}

struct sqs_QueueMore *queue_more(struct queue *q)
{
	CHECK_MAGIC(q, QUEUE_MAGIC);
	if (q->more == NULL)
		q->more = call_get(q->c, more_key(q), &sqs_shape_QueueMore);
	if (q->more == NULL)
		q->more = arena_new_of(q->c->arena, struct sqs_QueueMore);
	return q->more;
}

struct str queue_policy(struct queue *q)
{
	return q->rec->HasPolicy.v ? queue_more(q)->Policy : STR_NONE;
}

void queue_store(struct queue *q)
{
	CHECK_MAGIC(q, QUEUE_MAGIC);
	if (q->more != NULL) {
		q->rec->HasPolicy = SOME_BOOL(str_present(q->more->Policy));
		q->rec->HasTags = SOME_BOOL(q->more->Tags.n > 0);
		call_put(q->c, more_key(q), &sqs_shape_QueueMore, q->more);
	}
	q->packed = typed_to_cbor(q->c->arena, &sqs_shape_Queue, q->rec);
	q->box_dirty = true;
	box_store(q);
}

void queue_forget(struct queue *q)
{
	CHECK_MAGIC(q, QUEUE_MAGIC);
	call_del(q->c, queue_key(q->c, q->account, q->name));
	call_del(q->c, more_key(q));
}

struct queue *queue_of_url(struct call *c, struct str url)
{
	struct str account, name;
	if (!str_present(url)) {
		/* Old clients name the queue by the path of the request. */
		url = c->http != NULL ? c->http->raw_path : S("");
		if (url.n <= 1) {
			fail_missing(c, "QueueUrl");
			return NULL;
		}
	}
	if (!queue_url_parse(url, &account, &name)) {
		call_fail(c, &sqs_err_InvalidAddress, "The address %.*s is not valid for this endpoint.", STR_ARG(url));
		return NULL;
	}
	struct queue *q = queue_open(c, account, name);
	if (q == NULL)
		fail_no_queue(c);
	return q;
}

struct queue *queue_of_arn(struct call *c, struct str arn)
{
	struct arn a;
	if (!arn_parse(arn, &a) || !str_eq(a.service, S("sqs")) || !str_eq(a.region, c->region))
		return NULL;
	return queue_open(c, a.account, a.resource);
}
