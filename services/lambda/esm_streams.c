/* Reading streams of DynamoDB and Kinesis for functions: shards, iterators, checkpoints.
 *
 * A shard is read after its parent is finished; its next batch after the one before is done. ("checkpoint", uuid, shard)
 * holds the last sequence number done, written when a batch is, so after a crash a batch may come again and none is
 * lost. Sources: "Using Lambda with Amazon DynamoDB", "Using Lambda with Kinesis" (developer guide). */
#include "esm_streams.h"

#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

/* A batch is as large as an invocation may be, less what an event has around its records. */
enum { RETRY_MS = 1000, MISSING_MS = 5000, DISCOVER_MS = 10000, BATCH_BYTES = 6 * 1024 * 1024 - 64 * 1024, AROUND_DATA = 768 };

struct streams {
	struct mapping *mapping;
	const struct stream_kind *kind;
	struct shard *shards;
	struct loop_timer *timer;
	int64_t discovered_ms;
	bool discovering;
};

static struct key *checkpoint_key(struct call *c, const struct mapping *m, const char *shard)
{
	ASSERT(shard[0] != '\0');
	return key_str(key_str(call_key(c, "checkpoint"), str_c(m->uuid)), str_c(shard));
}

static void tick(void *arg);

static void tick_later(struct streams *p, int64_t ms)
{
	if (p->mapping->stopped)
		return;
	loop_timer_cancel(p->timer);
	p->timer = loop_timer_start(clock_now_ms() + ms, tick, p);
}

void streams_poller_free(struct mapping *m)
{
	struct streams *p = m->poller;
	ASSERT(!p->discovering); /* that would hold the mapping */
	loop_timer_cancel(p->timer);
	while (p->shards != NULL) {
		struct shard *s = p->shards;
		ASSERT(!s->reading && !s->saving && s->lanes_left == 0);
		p->shards = s->next;
		arena_free(s->arena);
		free(s->iterator);
		free(s);
	}
	free(p);
}

static struct invoked ask(struct call *c, const struct target *t, const char *op, struct json *in)
{
	struct arn arn;
	bool ok = arn_parse(t->source, &arn);
	ASSERT(ok);
	const struct invoke_options o = {.who = target_role(c, t), .account = arn.account, .region = arn.region};
	if (o.who == NULL)
		return (struct invoked){.error = {.code = S("AccessDenied"), .message = S("the role cannot be assumed")}};
	return invoke(c, stream_kind_of(t->source)->service, op, in, &o);
}

/* ---- discovering shards ---- */

struct discovery {
	struct arena *arena;
	struct mapping *mapping;
	struct target target;
	bool enabled, failed;
	struct { struct str id, parent, adjacent; bool finished; } *v;
	size_t n;
};

static bool discover_page(struct call *c, struct discovery *d, struct str *after)
{
	ASSERT(d->enabled && !d->failed);
	struct json *in = json_new_object(c->arena);
	const struct stream_kind *kind = stream_kind_of(d->target.source);
	json_set(c->arena, in, kind->arn_member, json_new_str(c->arena, d->target.source));
	if (str_present(*after))
		json_set_str(c->arena, in, "ExclusiveStartShardId", *after);
	struct invoked got = ask(c, &d->target, kind->list, in);
	if (!got.ok)
		return false;
	struct json *about = json_get(got.out, S("StreamDescription")), *shards = json_get(about != NULL ? about : got.out, S("Shards"));
	bool more = str_present(json_get_str(about, "LastEvaluatedShardId")) || str_present(json_get_str(got.out, "NextToken"));
	for (size_t i = 0; shards != NULL && i < shards->n; i++) {
		struct json *s = json_at(shards, i);
		d->v = arena_grow(d->arena, d->v, sizeof *d->v, d->n, d->n + 1);
		d->v[d->n].id = arena_dup(d->arena, json_get_str(s, "ShardId"));
		d->v[d->n].parent = arena_dup(d->arena, json_get_str(s, "ParentShardId"));
		d->v[d->n].adjacent = arena_dup(d->arena, json_get_str(s, "AdjacentParentShardId"));
		const char *id = arena_cstr(c->arena, d->v[d->n].id);
		struct lambda_Checkpoint *k = call_get(c, checkpoint_key(c, d->mapping, id), &lambda_shape_Checkpoint);
		d->v[d->n++].finished = k != NULL && k->Finished.v;
	}
	*after = more && d->n > 0 ? d->v[d->n - 1].id : STR_NONE;
	return true;
}

static void discover_run(struct call *c)
{
	struct discovery *d = c->user;
	d->enabled = target_read(c, d->mapping, d->arena, &d->target);
	struct str after = STR_NONE;
	while (d->enabled && !d->failed) {
		d->failed = !discover_page(c, d, &after);
		if (!str_present(after))
			return;
	}
}

static struct shard *shard_find(struct streams *p, struct str id)
{
	for (struct shard *s = p->shards; s != NULL; s = s->next) {
		if (str_eq(str_c(s->id), id))
			return s;
	}
	return NULL;
}

static void discover_done(void *arg, const struct wire_error *error)
{
	struct discovery *d = arg;
	struct mapping *m = d->mapping;
	struct streams *p = m->poller;
	ASSERT(p->discovering);
	p->discovering = false;
	p->discovered_ms = clock_now_ms();
	for (size_t i = 0; i < d->n; i++) {
		struct shard *s = shard_find(p, d->v[i].id);
		if (s != NULL)
			continue;
		s = calloc(1, sizeof *s);
		if (s == NULL)
			die("out of memory");
		s->mapping = m;
		snprintf(s->id, sizeof s->id, "%.*s", STR_ARG(d->v[i].id));
		snprintf(s->parent, sizeof s->parent, "%.*s", STR_ARG(d->v[i].parent));
		snprintf(s->adjacent, sizeof s->adjacent, "%.*s", STR_ARG(d->v[i].adjacent));
		s->finished = d->v[i].finished;
		s->next = p->shards;
		p->shards = s;
	}
	if (error != NULL || d->failed || (d->enabled && d->n == 0))
		tick_later(p, RETRY_MS);
	else if (d->enabled)
		tick_later(p, 0);
	else if (d->target.later)
		tick_later(p, MISSING_MS);
	arena_free(d->arena); /* d lives in it */
	mapping_release(m);
}

static void discover(struct streams *p)
{
	ASSERT(!p->discovering && !p->mapping->stopped);
	struct arena *a = arena_new(4096);
	struct discovery *d = arena_new_of(a, struct discovery);
	*d = (struct discovery){.arena = a, .mapping = p->mapping};
	p->discovering = true;
	mapping_hold(p->mapping);
	const struct submit s = {.service = &service_lambda, .account = str_c(p->mapping->account), .region = str_c(p->mapping->region),
		.run = discover_run, .arg = d, .done = discover_done};
	call_submit(&s);
}

/* ---- reading a shard ---- */

struct reading {
	struct arena *arena;
	struct shard *shard;
	struct target target;
	bool enabled, failed, lost; /* lost: the iterator is too old; ask for another */
	struct str iterator, next;
	struct json *records;
	int64_t wanted;
	size_t room, bytes; /* of the batch: what it may still have, and what was read */
	bool full;          /* there were more records than room */
	struct str last;
};

static bool iterator_get(struct call *c, struct reading *r)
{
	ASSERT(r->enabled && r->shard->id[0] != '\0');
	if (str_present(r->iterator))
		return true;
	struct json *in = json_new_object(c->arena);
	struct lambda_Checkpoint *k = call_get(c, checkpoint_key(c, r->shard->mapping, r->shard->id), &lambda_shape_Checkpoint);
	if (k != NULL && k->Sequence.n == 0)
		k = NULL;
	const struct stream_kind *kind = stream_kind_of(r->target.source);
	json_set(c->arena, in, kind->arn_member, json_new_str(c->arena, r->target.source));
	json_set_str(c->arena, in, "ShardId", str_c(r->shard->id));
	bool by_time = k == NULL && r->target.from_ms >= 0;
	json_set_str(c->arena, in, "ShardIteratorType", k != NULL ? S("AFTER_SEQUENCE_NUMBER") : by_time ? S("AT_TIMESTAMP") : S("TRIM_HORIZON"));
	if (k != NULL)
		json_set(c->arena, in, kind->sequence_member, json_new_str(c->arena, k->Sequence));
	if (by_time)
		json_set(c->arena, in, S("Timestamp"), json_new_f64(c->arena, (double)r->target.from_ms / 1000));
	struct invoked got = ask(c, &r->target, "GetShardIterator", in);
	r->iterator = arena_dup(r->arena, json_get_str(got.out, "ShardIterator"));
	return got.ok;
}

/* One more for the batch, unless the function's filters leave it out or the batch has no room for it. */
static void read_one(struct call *c, struct reading *r, const struct stream_kind *kind, const struct json *given)
{
	ASSERT(!r->full && r->room <= BATCH_BYTES);
	size_t size = AROUND_DATA + json_text(c->arena, given).n;
	bool some = r->bytes > 0 || r->room < BATCH_BYTES;
	r->full = some && r->bytes + size > r->room;
	if (r->full)
		return;
	struct json *one = record_event(r->arena, kind, &r->target, given, str_c(r->shard->id));
	r->last = record_sequence(one);
	if (!filters_pass(c->arena, r->target.filters, one))
		return;
	r->bytes += size;
	json_push(r->arena, r->records, one);
}

static void read_run(struct call *c)
{
	struct reading *r = c->user;
	r->enabled = target_read(c, r->shard->mapping, r->arena, &r->target);
	if (!r->enabled)
		return;
	r->failed = !iterator_get(c, r);
	if (r->failed)
		return;
	struct json *in = json_new_object(c->arena);
	const struct stream_kind *kind = stream_kind_of(r->target.source);
	json_set_str(c->arena, in, "ShardIterator", r->iterator);
	int64_t wanted = r->wanted > 0 ? r->wanted : r->target.batch_size;
	json_set_i64(c->arena, in, "Limit", wanted < kind->records_most ? wanted : kind->records_most);
	struct invoked got = ask(c, &r->target, "GetRecords", in);
	if (!got.ok) {
		r->failed = true;
		r->lost = !str_eq(got.error.code, S("ProvisionedThroughputExceededException"));
		return;
	}
	struct json *given = json_get(got.out, S("Records"));
	r->next = arena_dup(r->arena, json_get_str(got.out, "NextShardIterator"));
	r->records = json_new_array(r->arena);
	for (size_t i = 0; given != NULL && i < given->n && !r->full; i++)
		read_one(c, r, kind, json_at(given, i));
}

static void shard_take(struct shard *s, struct reading *r)
{
	ASSERT(r->records != NULL && (s->arena == NULL) == (s->records == NULL));
	free(s->iterator);
	/* What had no room is asked for by the checkpoint, when the batch is done. */
	s->iterator = str_present(r->next) && !r->full ? strdup(arena_cstr(r->arena, r->next)) : NULL;
	s->at_end = !str_present(r->next) && !r->full;
	s->bytes += r->bytes;
	if (str_present(r->last))
		snprintf(s->last, sizeof s->last, "%.*s", STR_ARG(r->last));
	if (s->arena == NULL && (r->records->n > 0 || s->at_end || str_present(r->last))) {
		s->arena = r->arena;
		s->target = r->target;
		s->records = r->records;
		s->first_ms = clock_now_ms();
		r->arena = NULL;
	} else if (s->arena != NULL) {
		for (size_t i = 0; i < r->records->n; i++)
			json_push(s->arena, s->records, json_copy(s->arena, json_at(r->records, i)));
	}
}

static void batch_drop(struct shard *s)
{
	arena_free(s->arena);
	s->arena = NULL;
	s->records = NULL;
	s->result = NULL;
	s->bytes = 0;
	s->last[0] = '\0';
}

static void read_done(void *arg, const struct wire_error *error)
{
	struct reading *r = arg;
	struct shard *s = r->shard;
	struct mapping *m = s->mapping;
	struct streams *p = m->poller;
	bool some = r->records != NULL && r->records->n > 0;
	ASSERT(s->reading && !s->saving);
	s->reading = false;
	if (r->lost) { /* what was gathered comes again, from the checkpoint on */
		free(s->iterator);
		s->iterator = NULL;
		batch_drop(s);
	}
	if (error != NULL || r->failed) {
		tick_later(p, RETRY_MS);
	} else if (!r->enabled) {
		if (r->target.later)
			tick_later(p, MISSING_MS);
	} else {
		shard_take(s, r);
		bool due = s->arena != NULL && (s->records->n == 0 || r->full || (int64_t)s->records->n >= s->target.batch_size || s->at_end ||
		                                clock_now_ms() >= s->first_ms + s->target.window_ms);
		if (due)
			shard_work(s);
		else
			tick_later(p, some ? 0 : p->kind->idle_ms);
	}
	arena_free(r->arena);
	free(r);
	mapping_release(m);
}

static void shard_read(struct shard *s)
{
	ASSERT(!s->reading && !s->saving && !s->finished && s->lanes_left == 0); /* one thing at a time */
	struct reading *r = calloc(1, sizeof *r);
	if (r == NULL)
		die("out of memory");
	*r = (struct reading){.arena = arena_new(4096), .shard = s, .room = s->bytes < BATCH_BYTES ? BATCH_BYTES - s->bytes : 0};
	if (s->iterator != NULL)
		r->iterator = arena_dup(r->arena, str_c(s->iterator));
	if (s->arena != NULL)
		r->wanted = s->target.batch_size - (int64_t)s->records->n;
	s->reading = true;
	mapping_hold(s->mapping);
	const struct submit sub = {.service = &service_lambda, .account = str_c(s->mapping->account), .region = str_c(s->mapping->region),
		.run = read_run, .arg = r, .done = read_done};
	call_submit(&sub);
}

/* ---- a batch is done ---- */

static void checkpoint_run(struct call *c)
{
	struct shard *s = c->user;
	struct lambda_Checkpoint k = {.Sequence = str_c(s->last), .Finished = SOME_BOOL(s->at_end)};
	struct key *at = checkpoint_key(c, s->mapping, s->id);
	ASSERT(s->saving);
	if (s->last[0] == '\0' && !s->at_end)
		return;
	if (s->last[0] == '\0') {
		struct lambda_Checkpoint *old = call_get(c, at, &lambda_shape_Checkpoint);
		k.Sequence = old != NULL ? old->Sequence : S("");
	}
	if (call_get(c, key_str(call_key(c, "mapping"), str_c(s->mapping->uuid)), &lambda_shape_MappingRecord) == NULL)
		return; /* deleted meanwhile */
	call_put(c, at, &lambda_shape_Checkpoint, &k);
	if (s->result != NULL)
		mapping_result(c, s->mapping, s->result);
}

static void checkpoint_done(void *arg, const struct wire_error *error)
{
	struct shard *s = arg;
	struct mapping *m = s->mapping;
	struct streams *p = m->poller;
	(void)error; /* not written: the batch may come again after a restart, which is allowed */
	ASSERT(s->saving);
	s->saving = false;
	batch_drop(s);
	if (s->at_end) {
		s->finished = true;
		p->discovered_ms = 0;
	}
	tick_later(p, 0);
	mapping_release(m);
}

void shard_done(struct shard *s)
{
	ASSERT(!s->saving);
	s->saving = true; /* read now, by another shard's beat, it would give the same batch again */
	mapping_hold(s->mapping);
	const struct submit sub = {.service = &service_lambda, .account = str_c(s->mapping->account), .region = str_c(s->mapping->region),
		.run = checkpoint_run, .write = true, .arg = s, .done = checkpoint_done};
	call_submit(&sub);
}

/* ---- the beat ---- */

static bool parent_open(struct streams *p, const struct shard *s)
{
	const struct shard *parent = s->parent[0] != '\0' ? shard_find(p, str_c(s->parent)) : NULL;
	const struct shard *adjacent = s->adjacent[0] != '\0' ? shard_find(p, str_c(s->adjacent)) : NULL;
	return (parent != NULL && !parent->finished) || (adjacent != NULL && !adjacent->finished);
}

static void tick(void *arg)
{
	struct streams *p = arg;
	p->timer = NULL;
	if (p->mapping->stopped || p->discovering)
		return;
	if (p->shards == NULL || p->discovered_ms == 0) {
		discover(p);
		return;
	}
	bool waiting = false;
	for (struct shard *s = p->shards; s != NULL; s = s->next) {
		if (s->finished || s->reading || s->saving || s->lanes_left > 0 || parent_open(p, s))
			continue;
		shard_read(s);
		waiting = true;
	}
	if (!waiting && clock_now_ms() - p->discovered_ms > DISCOVER_MS)
		p->discovered_ms = 0;
	if (!waiting)
		tick_later(p, p->kind->idle_ms);
}

void streams_poller_start(struct mapping *m)
{
	struct streams *p = calloc(1, sizeof *p);
	if (p == NULL)
		die("out of memory");
	ASSERT(m->streams && m->poller == NULL);
	p->mapping = m;
	p->kind = stream_kind_of(str_c(m->source));
	m->poller = p;
	tick_later(p, 0);
}
