/* The mappings that poll: started from the store, changed by effects, stopped when their record goes. Loop thread only;
 * the functions that take a call run on its thread. */
#include "esm.h"

#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

static struct mapping *mappings;

void mapping_hold(struct mapping *m)
{
	CHECK_MAGIC(m, MAPPING_MAGIC);
	ASSERT(m->holds > 0); /* who holds it may hold it again; nobody finds a free one */
	m->holds++;
}

void mapping_release(struct mapping *m)
{
	CHECK_MAGIC(m, MAPPING_MAGIC);
	ASSERT(m->holds > 0);
	if (--m->holds > 0)
		return;
	ASSERT(m->stopped); /* the list lets go last when it is stopped */
	if (m->streams)
		streams_poller_free(m);
	else
		sqs_poller_free(m);
	m->magic = 0;
	free(m);
}

static void mapping_stop(struct mapping **at)
{
	struct mapping *m = *at;
	CHECK_MAGIC(m, MAPPING_MAGIC);
	ASSERT(!m->stopped);
	*at = m->next;
	m->stopped = true;
	mapping_release(m);
}

static void mapping_begin(struct str account, struct str region, struct str uuid, struct str source)
{
	ASSERT(account.n == 12 && uuid.n == 36 && !engine.stopping);
	struct mapping *m = calloc(1, sizeof *m);
	if (m == NULL)
		die("out of memory");
	*m = (struct mapping){.magic = MAPPING_MAGIC, .next = mappings, .holds = 1};
	snprintf(m->account, sizeof m->account, "%.*s", STR_ARG(account));
	snprintf(m->region, sizeof m->region, "%.*s", STR_ARG(region));
	snprintf(m->uuid, sizeof m->uuid, "%.*s", STR_ARG(uuid));
	snprintf(m->source, sizeof m->source, "%.*s", STR_ARG(source));
	m->streams = !str_starts(source, S("arn:aws:sqs:"));
	mappings = m;
	if (m->streams)
		streams_poller_start(m);
	else
		sqs_poller_start(m);
}

/* ---- changes ---- */

struct change { char account[16], region[40], uuid[40], source[600]; bool polls; };

static void on_change(void *block)
{
	const struct change *e = block;
	for (struct mapping **at = &mappings; *at != NULL; at = &(*at)->next) {
		if (strcmp((*at)->uuid, e->uuid) == 0) {
			mapping_stop(at);
			break;
		}
	}
	if (e->polls && !engine.stopping)
		mapping_begin(str_c(e->account), str_c(e->region), str_c(e->uuid), str_c(e->source));
}

void esm_changed(struct call *c, struct str uuid)
{
	ASSERT(uuid.n == 36 && txn_writable(c->txn));
	struct lambda_MappingRecord *m = call_get(c, key_str(call_key(c, "mapping"), uuid), &lambda_shape_MappingRecord);
	struct change *e = call_effect(c, on_change, sizeof *e);
	snprintf(e->account, sizeof e->account, "%.*s", STR_ARG(c->account));
	snprintf(e->region, sizeof e->region, "%.*s", STR_ARG(c->region));
	snprintf(e->uuid, sizeof e->uuid, "%.*s", STR_ARG(uuid));
	if (m == NULL)
		return;
	snprintf(e->source, sizeof e->source, "%.*s", STR_ARG(m->Config->EventSourceArn));
	e->polls = str_eq(m->Config->State, S("Enabled"));
}

/* ---- the start ---- */

struct found { struct arena *arena; struct change *v; size_t n; };

static void find_all(struct call *c)
{
	struct found *f = c->user;
	struct key k = key_new(c->arena);
	key_str(key_str(key_str(key_str(&k, S("lambda")), S("")), S("")), S("mappings"));
	struct str key, source;
	struct scan *s = call_scan(c, &k, STR_NONE, false);
	while (scan_next(s, &key, &source)) {
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(&k).n, key.n));
		struct str account, region, uuid;
		if (!key_read_str(&r, c->arena, &account) || !key_read_str(&r, c->arena, &region) || !key_read_str(&r, c->arena, &uuid))
			continue;
		f->v = arena_grow(f->arena, f->v, sizeof *f->v, f->n, f->n + 1);
		struct change *e = &f->v[f->n++];
		snprintf(e->account, sizeof e->account, "%.*s", STR_ARG(account));
		snprintf(e->region, sizeof e->region, "%.*s", STR_ARG(region));
		snprintf(e->uuid, sizeof e->uuid, "%.*s", STR_ARG(uuid));
		snprintf(e->source, sizeof e->source, "%.*s", STR_ARG(source));
		e->polls = true;
	}
}

static void all_found(void *arg, const struct wire_error *error)
{
	struct found *f = arg;
	(void)error;
	for (size_t i = 0; i < f->n; i++)
		on_change(&f->v[i]); /* a disabled one finds that out at its first poll */
	arena_free(f->arena);
}

void esm_start(void)
{
	struct arena *a = arena_new(1024);
	struct found *f = arena_new_of(a, struct found);
	f->arena = a;
	const struct submit s = {.service = &service_lambda, .account = str_c(service_config()->account), .region = S("us-east-1"),
		.run = find_all, .arg = f, .done = all_found};
	call_submit(&s);
}

void esm_stop(void)
{
	while (mappings != NULL)
		mapping_stop(&mappings);
}

/* ---- in calls ---- */

bool target_read(struct call *c, const struct mapping *m, struct arena *a, struct target *t)
{
	*t = (struct target){.from_ms = -1};
	struct lambda_MappingRecord *r = call_get(c, key_str(call_key(c, "mapping"), str_c(m->uuid)), &lambda_shape_MappingRecord);
	if (r == NULL || !str_eq(r->Config->State, S("Enabled")))
		return false;
	struct str version = str_present(r->Qualifier) ? r->Qualifier : S("$LATEST");
	bool is_alias = !str_eq(version, S("$LATEST")) && !is_version_number(version);
	struct lambda_AliasConfiguration *alias = is_alias ? alias_get(c, r->FunctionName, version) : NULL;
	if (alias != NULL)
		version = alias_pick(c, alias);
	struct lambda_FunctionRecord *f = function_get(c, r->FunctionName, version);
	struct lambda_FunctionMeta *meta = meta_get(c, r->FunctionName);
	t->later = f == NULL || meta == NULL;
	if (t->later)
		return false;
	const struct lambda_EventSourceMappingConfiguration *k = typed_copy(a, &lambda_shape_EventSourceMappingConfiguration, r->Config);
	t->call = (struct engine_call){.account = str_c(m->account), .region = str_c(m->region), .function = arena_dup(a, r->FunctionName),
		.version = arena_dup(a, version), .revision = arena_dup(a, f->Config->RevisionId), .invoked_arn = k->FunctionArn,
		.resource = str_present(r->Qualifier) ? arena_join(a, r->FunctionName, S(":"), r->Qualifier) : arena_dup(a, r->FunctionName),
		.trace = arena_dup(a, trace_of(c)), .reserved = meta->Reserved.set ? meta->Reserved.v : -1};
	t->function_arn = k->FunctionArn;
	t->role = arena_dup(a, f->Config->Role);
	t->source = k->EventSourceArn;
	if (k->DestinationConfig != NULL && k->DestinationConfig->OnFailure != NULL)
		t->on_failure = k->DestinationConfig->OnFailure->Destination;
	t->batch_size = k->BatchSize.v;
	t->window_ms = k->MaximumBatchingWindowInSeconds.v * 1000;
	t->retries = k->MaximumRetryAttempts.set ? k->MaximumRetryAttempts.v : -1;
	t->max_age_s = k->MaximumRecordAgeInSeconds.set ? k->MaximumRecordAgeInSeconds.v : -1;
	t->factor = k->ParallelizationFactor.set ? k->ParallelizationFactor.v : 1;
	t->concurrency = k->ScalingConfig != NULL && k->ScalingConfig->MaximumConcurrency.set ? k->ScalingConfig->MaximumConcurrency.v : 5;
	t->bisect = k->BisectBatchOnFunctionError.v;
	/* LATEST: from when the mapping was made, whenever its first batch is. */
	if (str_eq(k->StartingPosition, S("LATEST")))
		t->from_ms = r->Created.set ? r->Created.ms : k->LastModified.ms;
	else if (str_eq(k->StartingPosition, S("AT_TIMESTAMP")))
		t->from_ms = k->StartingPositionTimestamp.ms;
	for (uint32_t i = 0; i < k->FunctionResponseTypes.n; i++)
		t->report_failures |= str_eq(*LIST_AT(k->FunctionResponseTypes, struct str, i), S("ReportBatchItemFailures"));
	t->filters = filters_compile(a, k->FilterCriteria != NULL ? &k->FilterCriteria->Filters : &(struct list){0});
	return true;
}

const struct principal *target_role(struct call *c, const struct target *t)
{
	return assume_role(c, t->role, "lambda.amazonaws.com", S("mapping"), true);
}

void mapping_result(struct call *c, const struct mapping *m, const char *result)
{
	struct key *k = key_str(call_key(c, "mapping"), str_c(m->uuid));
	struct lambda_MappingRecord *r = call_get(c, k, &lambda_shape_MappingRecord);
	if (r == NULL || str_eq(r->Config->LastProcessingResult, str_c(result)))
		return;
	r->Config->LastProcessingResult = str_c(result);
	call_put(c, k, &lambda_shape_MappingRecord, r);
}

void target_invoke(const struct target *t, struct str event, engine_done done, void *arg)
{
	ASSERT(t->call.function.n > 0 && event.n > 0 && done != NULL);
	char id[37];
	random_uuid(id);
	struct engine_call k = t->call;
	k.request_id = str_c(id);
	k.payload = event;
	engine_invoke(&k, done, arg);
}

struct json *item_failures(struct arena *a, struct str answer)
{
	struct json *empty = json_new_array(a);
	if (answer.n == 0)
		return empty;
	struct json *j = json_parse(a, answer, NULL);
	if (j == NULL)
		return NULL;
	struct json *list = json_get(j, S("batchItemFailures"));
	if (list == NULL || list->type == JSON_NULL)
		return empty;
	if (list->type != JSON_ARRAY)
		return NULL;
	struct json *ids = json_new_array(a);
	for (size_t i = 0; i < list->n; i++) {
		struct str id = json_get_str(json_at(list, i), "itemIdentifier");
		if (id.n == 0)
			return NULL;
		json_push(a, ids, json_new_str(a, id));
	}
	return ids;
}
