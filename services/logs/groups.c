/* Log groups and streams: made, listed, deleted. Messages as the API gives them ("The specified log group does not exist.").
 *
 * What always holds: a stream's group is there; what hangs on a group (streams, events, filters, its count of bytes, its job) goes with it
 * in one transaction. Groups are named by ARN with ":*" everywhere but where tags are concerned. */
#include "logs.h"

#include "svc/arn.h"
#include "svc/page.h"
#include "svc/tags.h"

#include <stdlib.h>

struct key *group_key(struct call *c, struct str group) { return key_str(call_key(c, "group"), group); }

struct key *stream_key(struct call *c, struct str group, struct str stream)
{
	return key_str(key_str(call_key(c, "stream"), group), stream);
}

struct str group_arn(struct call *c, struct str group)
{
	return arn_make(c->arena, "logs", c->region, c->account, arena_join(c->arena, S("log-group:"), group));
}

struct logs_GroupRecord *group_find(struct call *c, struct str group)
{
	return call_get(c, group_key(c, group), &logs_shape_GroupRecord);
}

struct logs_GroupRecord *group_need(struct call *c, struct str group)
{
	struct logs_GroupRecord *g = group_find(c, group);
	if (g == NULL)
		call_fail(c, &logs_err_ResourceNotFoundException, "The specified log group does not exist.");
	return g;
}

struct logs_StreamRecord *stream_need(struct call *c, struct str group, struct str stream)
{
	if (group_need(c, group) == NULL)
		return NULL;
	struct logs_StreamRecord *s = call_get(c, stream_key(c, group, stream), &logs_shape_StreamRecord);
	if (s == NULL)
		call_fail(c, &logs_err_ResourceNotFoundException, "The specified log stream does not exist.");
	return s;
}

struct str group_named(struct call *c, struct str name, struct str identifier)
{
	if (str_present(name) == str_present(identifier)) {
		call_fail(c, &logs_err_InvalidParameterException,
			"Exactly one of LogGroupName and LogGroupIdentifier must be specified.");
		return STR_NONE;
	}
	if (str_present(name))
		return name;
	struct arn arn;
	if (!arn_parse(identifier, &arn))
		return identifier;
	if (!str_starts(arn.resource, S("log-group:"))) {
		call_fail(c, &logs_err_InvalidParameterException, "The specified ARN is not of a log group.");
		return STR_NONE;
	}
	if (!str_eq(arn.account, c->account) || !str_eq(arn.region, c->region)) {
		call_fail(c, &logs_err_ResourceNotFoundException, "The specified log group does not exist.");
		return STR_NONE;
	}
	struct str group = str_slice(arn.resource, sizeof "log-group:" - 1, arn.resource.n);
	return str_ends(group, S(":*")) ? str_slice(group, 0, group.n - 2) : group;
}

/* ---- permission ---- */

void access_group(struct call *c, struct str group)
{
	if (c->failed)
		return;
	struct access_extra x = {0};
	const struct logs_GroupRecord *g = c->who->type == PRINCIPAL_ROOT ? NULL : group_find(c, group);
	tags_conditions(c, &x, g != NULL ? TAGS_OF(g->Tags, struct logs_Tags_entry) : (struct tags){0});
	authorize(c, NULL, arena_join(c->arena, group_arn(c, group), S(":*")), &x);
}

/* The ARN is what AWS names in its denials of DescribeLogGroups. */
void access_groups(struct call *c) { authorize(c, NULL, arena_join(c->arena, group_arn(c, S("")), S(":log-stream:")), NULL); }

static void access_stream(struct call *c, struct str group, struct str stream)
{
	authorize(c, NULL, arena_join(c->arena, group_arn(c, group), S(":log-stream:"), stream), NULL);
}

void access_create_log_group(struct call *c) { access_group(c, ((const struct logs_CreateLogGroupRequest *)c->in)->logGroupName); }
void access_delete_log_group(struct call *c) { access_group(c, ((const struct logs_DeleteLogGroupRequest *)c->in)->logGroupName); }

void access_create_log_stream(struct call *c)
{
	const struct logs_CreateLogStreamRequest *in = c->in;
	access_group(c, in->logGroupName);
}

void access_delete_log_stream(struct call *c)
{
	const struct logs_DeleteLogStreamRequest *in = c->in;
	access_stream(c, in->logGroupName, in->logStreamName);
}

void access_describe_log_streams(struct call *c)
{
	const struct logs_DescribeLogStreamsRequest *in = c->in;
	struct str group = group_named(c, in->logGroupName, in->logGroupIdentifier);
	if (!c->failed)
		access_group(c, group);
}

/* ---- stored bytes ---- */

static struct key *bytes_key(struct call *c, struct str group) { return key_str(call_key(c, "bytes"), group); }

static int64_t stored_bytes(struct call *c, struct str group)
{
	ASSERT(str_present(group));
	struct str value;
	int64_t n = 0;
	if (txn_get(c->txn, key_bytes(bytes_key(c, group)), c->arena, &value) && value.n == sizeof n)
		memcpy(&n, value.p, sizeof n);
	return n;
}

void group_count_bytes(struct call *c, struct str group, int64_t by)
{
	int64_t n = stored_bytes(c, group) + by;
	if (n < 0)
		n = 0;
	txn_put(c->txn, key_bytes(bytes_key(c, group)), str_of((const char *)&n, sizeof n));
}

/* ---- groups ---- */

void op_create_log_group(struct call *c)
{
	const struct logs_CreateLogGroupRequest *in = c->in;
	if (str_present(in->kmsKeyId)) {
		call_unsupported(c, "log groups encrypted with a KMS key (kmsKeyId) are not there yet");
		return;
	}
	if (call_get(c, group_key(c, in->logGroupName), &logs_shape_GroupRecord) != NULL) {
		call_fail(c, &logs_err_ResourceAlreadyExistsException, "The specified log group already exists");
		return;
	}
	if (str_starts_nocase(in->logGroupName, S("aws/"))) {
		call_fail(c, &logs_err_InvalidParameterException, "Log groups starting with AWS/ are reserved for AWS.");
		return;
	}
	struct logs_GroupRecord g = {.Name = in->logGroupName, .CreatedMs = SOME_I64(c->now_ms),
		.Class = str_present(in->logGroupClass) ? in->logGroupClass : S("STANDARD"),
		.Protected = SOME_BOOL(in->deletionProtectionEnabled.v)};
	tags_add(c, &g.Tags, &in->tags);
	if (c->failed)
		return;
	call_put(c, group_key(c, in->logGroupName), &logs_shape_GroupRecord, &g);
}

static void delete_below(struct call *c, struct key *prefix)
{
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	struct str key, value;
	while (scan_next(s, &key, &value))
		txn_del(c->txn, key);
	scan_close(s);
}

void op_delete_log_group(struct call *c)
{
	const struct logs_DeleteLogGroupRequest *in = c->in;
	struct logs_GroupRecord *g = group_need(c, in->logGroupName);
	if (g == NULL)
		return;
	if (g->Protected.v) {
		call_fail(c, &logs_err_ValidationException, "The log group is protected from deletion");
		return;
	}
	events_delete(c, in->logGroupName, STR_NONE, INT64_MAX, SIZE_MAX);
	delete_below(c, key_str(call_key(c, "stream"), in->logGroupName));
	delete_below(c, key_str(call_key(c, "filter"), in->logGroupName));
	delete_below(c, key_str(call_key(c, "sub"), in->logGroupName));
	call_del(c, bytes_key(c, in->logGroupName));
	call_del(c, group_key(c, in->logGroupName));
	job_drop(c, "expire", in->logGroupName);
}

static void show_group(struct call *c, const struct logs_GroupRecord *g, struct logs_LogGroup *out)
{
	out->logGroupName = g->Name;
	out->creationTime = g->CreatedMs;
	if (g->RetentionDays.v > 0)
		out->retentionInDays = g->RetentionDays;
	out->metricFilterCount = SOME_I64((int64_t)metric_filters_count(c, g->Name));
	out->logGroupArn = group_arn(c, g->Name);
	out->arn = arena_join(c->arena, out->logGroupArn, S(":*"));
	out->storedBytes = SOME_I64(stored_bytes(c, g->Name));
	out->logGroupClass = g->Class;
	out->deletionProtectionEnabled = SOME_BOOL(g->Protected.v);
}

static bool group_wanted(const struct logs_DescribeLogGroupsRequest *in, const struct logs_GroupRecord *g)
{
	if (str_present(in->logGroupNamePrefix) && !str_starts(g->Name, in->logGroupNamePrefix))
		return false;
	if (str_present(in->logGroupNamePattern) && str_find_str(g->Name, in->logGroupNamePattern) < 0)
		return false;
	return !str_present(in->logGroupClass) || str_eq(in->logGroupClass, g->Class);
}

void op_describe_log_groups(struct call *c)
{
	const struct logs_DescribeLogGroupsRequest *in = c->in;
	struct logs_DescribeLogGroupsResponse *out = c->out;
	if (str_present(in->logGroupNamePrefix) && str_present(in->logGroupNamePattern)) {
		call_fail(c, &logs_err_InvalidParameterException,
			"LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
		return;
	}
	if (in->accountIdentifiers.n > 0 || in->includeLinkedAccounts.v || in->logGroupIdentifiers.n > 0) {
		call_unsupported(c, "DescribeLogGroups of linked accounts or by logGroupIdentifiers");
		return;
	}
	struct str after = STR_NONE, key, value;
	if (!page_position(c->arena, in->nextToken, &after)) {
		call_fail(c, &logs_err_InvalidParameterException, "The specified nextToken is invalid.");
		return;
	}
	uint32_t limit = in->limit.set ? (uint32_t)in->limit.v : 50;
	out->logGroups = LIST_OF(c->arena, struct logs_LogGroup, limit);
	out->logGroups.n = 0;
	struct scan *s = call_scan(c, call_key(c, "group"), after, false);
	while (scan_next(s, &key, &value)) {
		const struct logs_GroupRecord *g = record_decode(c, &logs_shape_GroupRecord, value);
		if (!group_wanted(in, g))
			continue;
		if (out->logGroups.n == limit) {
			out->nextToken = page_token(c->arena, after);
			break;
		}
		after = arena_dup(c->arena, key);
		show_group(c, g, &((struct logs_LogGroup *)out->logGroups.v)[out->logGroups.n++]);
	}
	scan_close(s);
}

/* ---- streams ---- */

void op_create_log_stream(struct call *c)
{
	const struct logs_CreateLogStreamRequest *in = c->in;
	if (group_need(c, in->logGroupName) == NULL)
		return;
	struct key *k = stream_key(c, in->logGroupName, in->logStreamName);
	if (txn_has(c->txn, key_bytes(k))) {
		call_fail(c, &logs_err_ResourceAlreadyExistsException, "The specified log stream already exists");
		return;
	}
	struct logs_StreamRecord r = {.Group = in->logGroupName, .Name = in->logStreamName, .CreatedMs = SOME_I64(c->now_ms)};
	call_put(c, k, &logs_shape_StreamRecord, &r);
}

void op_delete_log_stream(struct call *c)
{
	const struct logs_DeleteLogStreamRequest *in = c->in;
	if (stream_need(c, in->logGroupName, in->logStreamName) == NULL)
		return;
	events_delete(c, in->logGroupName, in->logStreamName, INT64_MAX, SIZE_MAX);
	call_del(c, stream_key(c, in->logGroupName, in->logStreamName));
}

static void show_stream(struct call *c, const struct logs_StreamRecord *r, struct logs_LogStream *out)
{
	out->logStreamName = r->Name;
	out->creationTime = r->CreatedMs;
	out->firstEventTimestamp = r->FirstMs;
	out->lastEventTimestamp = r->LastMs;
	out->lastIngestionTime = r->IngestedMs;
	out->uploadSequenceToken = S("49039859592487412735420000000000000000000000000000000000");
	out->arn = arena_join(c->arena, group_arn(c, r->Group), S(":log-stream:"), r->Name);
	out->storedBytes = SOME_I64(0); /* AWS reports zero since 2019 */
}

static int by_last_event(const void *x, const void *y)
{
	const struct logs_StreamRecord *a = *(struct logs_StreamRecord *const *)x, *b = *(struct logs_StreamRecord *const *)y;
	if (a->LastMs.v != b->LastMs.v)
		return a->LastMs.v < b->LastMs.v ? -1 : 1;
	return str_cmp(a->Name, b->Name);
}

/* All streams of the group with the prefix, by name. */
static struct logs_StreamRecord **streams_of(struct call *c, struct str group, struct str prefix, size_t *n)
{
	struct logs_StreamRecord **v = NULL;
	size_t cap = 0;
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "stream"), group), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		struct logs_StreamRecord *r = record_decode(c, &logs_shape_StreamRecord, value);
		if (!str_starts(r->Name, prefix))
			continue;
		if (*n == cap) {
			v = arena_grow(c->arena, v, sizeof *v, cap, cap > 0 ? cap * 2 : 32);
			cap = cap > 0 ? cap * 2 : 32;
		}
		v[(*n)++] = r;
	}
	scan_close(s);
	return v;
}

void op_describe_log_streams(struct call *c)
{
	const struct logs_DescribeLogStreamsRequest *in = c->in;
	struct logs_DescribeLogStreamsResponse *out = c->out;
	struct str group = group_named(c, in->logGroupName, in->logGroupIdentifier);
	bool by_time = str_eq(in->orderBy, S("LastEventTime"));
	if (by_time && str_present(in->logStreamNamePrefix)) {
		call_fail(c, &logs_err_InvalidParameterException, "Cannot order by LastEventTime with a logStreamNamePrefix.");
		return;
	}
	if (c->failed || group_need(c, group) == NULL)
		return;
	size_t n = 0, skip = 0, limit = in->limit.set ? (size_t)in->limit.v : 50;
	struct logs_StreamRecord **v = streams_of(c, group, str_present(in->logStreamNamePrefix) ? in->logStreamNamePrefix : S(""), &n);
	if (by_time && n > 0)
		qsort(v, n, sizeof(struct logs_StreamRecord *), by_last_event);
	struct str position = STR_NONE;
	uint64_t at = 0;
	if (!page_position(c->arena, in->nextToken, &position) || (str_present(position) && !str_to_u64(position, &at))) {
		call_fail(c, &logs_err_InvalidParameterException, "The specified nextToken is invalid.");
		return;
	}
	skip = (size_t)at < n ? (size_t)at : n;
	size_t take = n - skip < limit ? n - skip : limit;
	ASSERT(skip + take <= n && take <= limit);
	out->logStreams = LIST_OF(c->arena, struct logs_LogStream, take);
	for (size_t i = 0; i < take; i++) {
		size_t from = in->descending.v ? n - 1 - skip - i : skip + i;
		show_stream(c, v[from], LIST_AT(out->logStreams, struct logs_LogStream, i));
	}
	if (skip + take < n)
		out->nextToken = page_token(c->arena, arena_printf(c->arena, "%zu", skip + take));
}
