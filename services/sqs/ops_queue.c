/* Making, finding, listing, changing, emptying and deleting queues; tags.
 *
 * Deleting and purging take one step whatever the queue holds: its record goes, or points to a new data number, and a job
 * sweeps what is left behind (upkeep.c). */
#include "sqs.h"

#include "svc/page.h"
#include "svc/tags.h"

enum { LIST_MAX = 1000 };

static bool name_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_'))
			return false;
	}
	return s.n > 0;
}

static bool wants_fifo(const struct map_of *in)
{
	const struct sqs_QueueAttributeMap_entry *v = in->v;
	for (size_t i = 0; i < in->n; i++)
		if (str_eq(v[i].key, S("FifoQueue")))
			return str_eq_nocase(v[i].value, S("true"));
	return false;
}

static bool check_name(struct call *c, struct str name, bool fifo)
{
	bool suffix = str_ends(name, S(".fifo"));
	struct str stem = fifo && suffix ? str_slice(name, 0, name.n - 5) : name;
	if (name.n <= NAME_MAX_CHARS && name_plain(stem) && suffix == fifo)
		return true;
	if (fifo)
		fail_invalid(c, "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with "
			".fifo suffix and be 1 to 80 in length.");
	else
		fail_invalid(c, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
	return false;
}

/* ---- tags ---- */

/* The lengths that the model does not bound. */
static bool tag_lengths_ok(struct tags tags)
{
	for (uint32_t i = 0; i < tags.n; i++) {
		size_t key = utf8_length(tags.v[i].key), value = utf8_length(tags.v[i].value);
		if (key < 1 || key > 128 || value > 256)
			return false;
	}
	return true;
}

static bool tags_merge(struct call *c, struct map_of *into, const struct map_of *more)
{
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .reserved = c->parent != NULL};
	struct tags have = TAGS_OF(*into, struct sqs_TagMap_entry), add = TAGS_OF(*more, struct sqs_TagMap_entry);
	enum tags_fault fault = tag_lengths_ok(add) ? tags_put(c->arena, &have, add, &rules) : TAGS_RESERVED;
	if (fault == TAGS_TOO_MANY)
		fail_invalid(c, "Too many tags added for queue. Maximum allowed tags are %d.", TAGS_OF_RESOURCE);
	else if (fault != TAGS_OK)
		fail_invalid(c, "Tag keys must be between 1 and 128 characters in length, tag values at most 256, and must not start with aws:.");
	else
		*into = (struct map_of){have.v, have.n, true};
	return fault == TAGS_OK;
}

void op_tag_queue(struct call *c)
{
	const struct sqs_TagQueueRequest *in = c->in;
	struct queue *q = run_queue(c);
	if (in->Tags.n == 0) {
		fail_missing(c, "Tags");
		return;
	}
	if (tags_merge(c, &queue_more(q)->Tags, &in->Tags))
		queue_store(q);
}

void op_untag_queue(struct call *c)
{
	const struct sqs_UntagQueueRequest *in = c->in;
	struct queue *q = run_queue(c);
	if (in->TagKeys.n == 0) {
		fail_invalid(c, "Tag keys must not be empty.");
		return;
	}
	struct map_of *have = &queue_more(q)->Tags;
	struct tags tags = TAGS_OF(*have, struct sqs_TagMap_entry);
	tags_drop(&tags, &in->TagKeys, false);
	have->n = tags.n;
	queue_store(q);
}

void op_list_queue_tags(struct call *c)
{
	struct sqs_ListQueueTagsResult *out = c->out;
	struct queue *q = run_queue(c);
	if (queue_more(q)->Tags.n > 0)
		out->Tags = queue_more(q)->Tags;
}

/* ---- making and finding ---- */

static bool deleted_recently(struct call *c, struct str name)
{
	struct str value;
	int64_t gone_ms;
	if (!txn_get(c->txn, key_bytes(gone_key(c, name)), c->arena, &value))
		return false;
	ASSERT(value.n == sizeof gone_ms);
	memcpy(&gone_ms, value.p, sizeof gone_ms);
	if (gone_ms + NAME_REUSE_MS <= c->now_ms)
		return false;
	call_fail(c, &sqs_err_QueueDeletedRecently, "You must wait 60 seconds after deleting a queue before you can create another with "
		"the same name.");
	return true;
}

void op_create_queue(struct call *c)
{
	const struct sqs_CreateQueueRequest *in = c->in;
	struct sqs_CreateQueueResult *out = c->out;
	if (!str_present(in->QueueName)) {
		fail_missing(c, "QueueName");
		return;
	}
	bool fifo = wants_fifo(&in->Attributes);
	struct map_of tags = {0};
	if (!check_name(c, in->QueueName, fifo) || !tags_merge(c, &tags, &in->tags))
		return;
	struct sqs_Queue *rec = arena_new_of(c->arena, struct sqs_Queue);
	rec->Fifo = SOME_BOOL(fifo);
	attributes_default(rec);
	struct queue *q = queue_new(c, c->account, in->QueueName, rec);
	q->more = arena_new_of(c->arena, struct sqs_QueueMore);
	if (!attributes_apply(c, q, &in->Attributes, true))
		return;
	out->QueueUrl = queue_url(c, c->account, in->QueueName);
	struct queue *have = queue_open(c, c->account, in->QueueName);
	if (have != NULL) {
		struct str name = attributes_differ(have, q, &in->Attributes);
		if (str_present(name))
			call_fail(c, &sqs_err_QueueNameExists, "A queue already exists with the same name and a different value for attribute %.*s",
				STR_ARG(name));
		return;
	}
	if (deleted_recently(c, in->QueueName))
		return;
	rec->Id = SOME_I64((int64_t)call_serial(c, "queue"));
	rec->Data = SOME_I64((int64_t)call_serial(c, "queue"));
	rec->CreatedMs = rec->ModifiedMs = SOME_I64(c->now_ms);
	q->more->Tags = tags;
	q->box = (struct box){.fresh = 1, .low = 1, .next_due_ms = INT64_MAX, .settled_ms = c->now_ms};
	queue_store(q);
	call_del(c, gone_key(c, in->QueueName));
}

void op_get_queue_url(struct call *c)
{
	struct sqs_GetQueueUrlResult *out = c->out;
	if (c->user == NULL) {
		fail_no_queue(c);
		return;
	}
	struct queue *q = run_queue(c);
	out->QueueUrl = queue_url(c, q->account, q->name);
}

static bool check_page(struct call *c, struct opt_i64 max, struct str token, struct str *position, size_t *limit)
{
	if (max.set && (max.v < 1 || max.v > LIST_MAX)) {
		fail_invalid(c, "Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.");
		return false;
	}
	*limit = max.set ? (size_t)max.v : LIST_MAX;
	if (page_position(c->arena, token, position))
		return true;
	fail_invalid(c, "Invalid or expired next token.");
	return false;
}

static struct str last_name(struct call *c, struct str key)
{
	struct key_reader r = key_reader_of(key);
	struct str part, name = STR_NONE;
	while (key_read_str(&r, c->arena, &part))
		name = part;
	ASSERT(str_present(name));
	return name;
}

static struct key *queues_key(struct call *c)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	return key_str(key_str(key_str(key_str(k, S("sqs")), c->account), c->region), S("queue"));
}

/* Names from a position on that `fits`; the page's end in *token. */
static struct list list_names(struct call *c, struct str position, size_t limit, bool (*fits)(struct call *c, struct str name,
                              struct str value, const void *arg), const void *arg, bool paged, struct str *token)
{
	struct str *v = arena_array(c->arena, struct str, limit), key, value, last = STR_NONE;
	uint32_t n = 0;
	struct scan *s = call_scan(c, queues_key(c), position, false);
	while (scan_next(s, &key, &value)) {
		struct str name = last_name(c, key);
		if (!fits(c, name, value, arg))
			continue;
		if (n == limit) {
			if (paged)
				*token = page_token(c->arena, last);
			break;
		}
		v[n++] = queue_url(c, c->account, name);
		last = arena_dup(c->arena, key);
	}
	scan_close(s);
	return (struct list){v, n, true};
}

static bool has_prefix(struct call *c, struct str name, struct str value, const void *arg)
{
	(void)c;
	(void)value;
	return str_starts(name, *(const struct str *)arg);
}

void op_list_queues(struct call *c)
{
	const struct sqs_ListQueuesRequest *in = c->in;
	struct sqs_ListQueuesResult *out = c->out;
	struct str position, prefix = str_present(in->QueueNamePrefix) ? in->QueueNamePrefix : S("");
	size_t limit;
	if (!check_page(c, in->MaxResults, in->NextToken, &position, &limit))
		return;
	struct list urls = list_names(c, position, limit, has_prefix, &prefix, in->MaxResults.set, &out->NextToken);
	if (urls.n > 0)
		out->QueueUrls = urls;
}

static bool is_source(struct call *c, struct str name, struct str value, const void *arg)
{
	(void)name;
	struct box box;
	const struct sqs_Queue *rec = queue_decode(c, arena_dup(c->arena, value), &box);
	return str_eq(rec->DeadLetterArn, *(const struct str *)arg);
}

void op_list_dead_letter_source_queues(struct call *c)
{
	const struct sqs_ListDeadLetterSourceQueuesRequest *in = c->in;
	struct sqs_ListDeadLetterSourceQueuesResult *out = c->out;
	struct queue *q = run_queue(c);
	struct str position;
	size_t limit;
	if (check_page(c, in->MaxResults, in->NextToken, &position, &limit))
		out->queueUrls = list_names(c, position, limit, is_source, &q->arn, in->MaxResults.set, &out->NextToken);
}

/* ---- attributes ---- */

void op_get_queue_attributes(struct call *c)
{
	const struct sqs_GetQueueAttributesRequest *in = c->in;
	struct sqs_GetQueueAttributesResult *out = c->out;
	attributes_describe(run_queue(c), &in->AttributeNames, &out->Attributes);
}

void op_set_queue_attributes(struct call *c)
{
	const struct sqs_SetQueueAttributesRequest *in = c->in;
	struct queue *q = run_queue(c);
	if (in->Attributes.n == 0) {
		fail_missing(c, "Attribute.Name");
		return;
	}
	int64_t retention_ms = q->retention_ms;
	if (!attributes_apply(c, q, &in->Attributes, false))
		return;
	q->rec->ModifiedMs = SOME_I64(c->now_ms);
	q->retention_ms = q->rec->MessageRetentionPeriod.v * 1000;
	if (q->retention_ms < retention_ms && q->box.retain_due_ms != 0)
		retain_arm(q, c->now_ms - q->retention_ms); /* look at once which are too old now */
	queue_store(q);
}

/* ---- emptying and deleting ---- */

void op_purge_queue(struct call *c)
{
	struct queue *q = run_queue(c);
	if (q->rec->PurgedMs.set && q->rec->PurgedMs.v + PURGE_EVERY_MS > c->now_ms) {
		call_fail(c, &sqs_err_PurgeQueueInProgress, "Only one PurgeQueue operation on %.*s is allowed every 60 seconds.", STR_ARG(q->name));
		return;
	}
	uint64_t data = call_serial(c, "queue");
	sweep_start(c, (uint64_t)q->rec->Data.v, STR_NONE);
	q->rec->Data = SOME_I64((int64_t)data);
	q->rec->PurgedMs = SOME_I64(c->now_ms);
	struct box *b = &q->box;
	*b = (struct box){.seq = b->seq, .fresh = b->seq + 1, .low = b->seq + 1, .next_due_ms = INT64_MAX, .settled_ms = c->now_ms,
		.dedup_floor_ms = b->dedup_floor_ms, .retain_due_ms = b->retain_due_ms, .gauge_due_ms = b->gauge_due_ms};
	queue_store(q);
}

void op_delete_queue(struct call *c)
{
	struct queue *q = run_queue(c);
	queue_forget(q);
	int64_t now_ms = c->now_ms;
	txn_put(c->txn, key_bytes(gone_key(c, q->name)), str_of((const char *)&now_ms, sizeof now_ms));
	sweep_start(c, (uint64_t)q->rec->Data.v, STR_NONE);
	sweep_start(c, (uint64_t)q->rec->Id.v, q->name);
	struct str id = arena_printf(c->arena, "%lld", (long long)q->rec->Id.v);
	job_drop(c, "retain", id);
	job_drop(c, "gauge", id);
	call_notify(c, queue_topic(q));
}
