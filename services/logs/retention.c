/* How long events live: retention policies, a daily job that deletes what is too old, deletion of whole groups; tags.
 *
 * What always holds: an event and its place in the group's index are written and deleted together, and the group's count of bytes
 * follows; a group has an "expire" job exactly when it has a retention. Source: PutRetentionPolicy, TagResource (API Reference). */
#include "logs.h"

#include "svc/arn.h"
#include "svc/tags.h"

enum { DAY_MS = 86400 * 1000, EXPIRE_STEP = 5000 };

void access_put_retention_policy(struct call *c) { access_group(c, ((const struct logs_PutRetentionPolicyRequest *)c->in)->logGroupName); }

void access_delete_retention_policy(struct call *c)
{
	access_group(c, ((const struct logs_DeleteRetentionPolicyRequest *)c->in)->logGroupName);
}

/* PutRetentionPolicy, "Possible values are". */
static bool days_allowed(int64_t days)
{
	static const int allowed[] = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653};
	for (size_t i = 0; i < COUNT_OF(allowed); i++)
		if (allowed[i] == days)
			return true;
	return false;
}

void op_put_retention_policy(struct call *c)
{
	const struct logs_PutRetentionPolicyRequest *in = c->in;
	if (!days_allowed(in->retentionInDays.v)) {
		call_fail(c, &logs_err_InvalidParameterException,
			"1 validation error detected: Value '%lld' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum "
			"value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]",
			(long long)in->retentionInDays.v);
		return;
	}
	struct logs_GroupRecord *g = group_need(c, in->logGroupName);
	if (g == NULL)
		return;
	g->RetentionDays = in->retentionInDays;
	call_put(c, group_key(c, in->logGroupName), &logs_shape_GroupRecord, g);
	job_put(c, "expire", in->logGroupName, c->now_ms + DAY_MS, S(""));
}

void op_delete_retention_policy(struct call *c)
{
	const struct logs_DeleteRetentionPolicyRequest *in = c->in;
	struct logs_GroupRecord *g = group_need(c, in->logGroupName);
	if (g == NULL)
		return;
	g->RetentionDays = (struct opt_i64){0};
	call_put(c, group_key(c, in->logGroupName), &logs_shape_GroupRecord, g);
	job_drop(c, "expire", in->logGroupName);
}

static struct key *event_key(struct call *c, struct str group, struct str stream, int64_t ms, uint64_t serial)
{
	return key_u64(key_i64(key_str(key_str(call_key(c, "event"), group), stream), ms), serial);
}

bool events_delete(struct call *c, struct str group, struct str only_stream, int64_t before_ms, size_t max)
{
	struct key *prefix = key_str(call_key(c, "index"), group);
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	struct str key, stream;
	size_t skip = key_bytes(prefix).n, n = 0;
	int64_t freed = 0;
	bool done = true;
	while (scan_next(s, &key, &stream)) {
		struct key_reader r = key_reader_of(str_slice(key, skip, key.n));
		int64_t ms;
		uint64_t serial;
		bool ok = key_read_i64(&r, &ms) && key_read_u64(&r, &serial);
		ASSERT(ok);
		if (ms >= before_ms)
			break;
		if (str_present(only_stream) && !str_eq(stream, only_stream))
			continue;
		if (n++ == max) {
			done = false;
			break;
		}
		struct key *k = event_key(c, group, stream, ms, serial);
		struct logs_EventRecord *e = call_get(c, k, &logs_shape_EventRecord);
		ASSERT(e != NULL); /* event and index lie in one transaction */
		if (e != NULL)
			freed += (int64_t)e->Message.n + EVENT_OVERHEAD;
		call_del(c, k);
		txn_del(c->txn, key);
	}
	scan_close(s);
	group_count_bytes(c, group, -freed);
	return done;
}

/* Daily, and again at once while there is more than a step can delete. */
void job_expire(struct call *c, struct str id, struct str payload)
{
	(void)payload;
	struct logs_GroupRecord *g = call_get(c, group_key(c, id), &logs_shape_GroupRecord);
	if (g == NULL || g->RetentionDays.v == 0)
		return;
	bool done = events_delete(c, id, STR_NONE, c->now_ms - g->RetentionDays.v * DAY_MS, EXPIRE_STEP);
	job_put(c, "expire", id, done ? c->now_ms + DAY_MS : c->now_ms, S(""));
}

/* ---- tags ---- */

static struct str group_of_arn(struct call *c, struct str text)
{
	struct arn arn;
	if (arn_parse(text, &arn))
		return group_named(c, STR_NONE, text);
	call_fail(c, &logs_err_InvalidParameterException, "The specified ARN is not of a log group.");
	return STR_NONE;
}

/* For tags IAM has the group's ARN without ":*" (LogGroup, logGroupArn, in the API Reference). */
void access_tags(struct call *c)
{
	struct str arn = call_input_text(c, "resourceArn"), group = group_of_arn(c, arn);
	const struct logs_GroupRecord *g = c->failed ? NULL : group_find(c, group);
	struct access_extra x = {0};
	if (c->failed)
		return;
	tags_conditions(c, &x, g != NULL ? TAGS_OF(g->Tags, struct logs_Tags_entry) : (struct tags){0});
	authorize(c, NULL, group_arn(c, group), &x);
}

void access_group_tags(struct call *c)
{
	access_group(c, call_input_text(c, "logGroupName"));
}

void tags_add(struct call *c, struct map_of *into, const struct map_of *more)
{
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .reserved = c->parent != NULL};
	struct tags have = TAGS_OF(*into, struct logs_Tags_entry), add = TAGS_OF(*more, struct logs_Tags_entry);
	enum tags_fault fault = tags_put(c->arena, &have, add, &rules);
	if (fault == TAGS_TOO_MANY)
		call_fail(c, &logs_err_TooManyTagsException, "A log group can have at most %d tags.", TAGS_OF_RESOURCE);
	else if (fault != TAGS_OK)
		call_fail(c, &logs_err_InvalidParameterException, "The tag key %.*s is %s.", STR_ARG(tags_culprit(add, &rules)),
			fault == TAGS_RESERVED ? "reserved: keys must not begin with aws:" : "given twice");
	else
		*into = (struct map_of){have.v, have.n, true};
}

static void add_tags(struct call *c, struct str group, const struct map_of *tags)
{
	struct logs_GroupRecord *g = c->failed ? NULL : group_need(c, group);
	if (g == NULL)
		return;
	tags_add(c, &g->Tags, tags);
	if (!c->failed)
		call_put(c, group_key(c, group), &logs_shape_GroupRecord, g);
}

static void remove_tags(struct call *c, struct str group, const struct list *names)
{
	struct logs_GroupRecord *g = c->failed ? NULL : group_need(c, group);
	if (g == NULL)
		return;
	struct tags have = TAGS_OF(g->Tags, struct logs_Tags_entry);
	tags_drop(&have, names, false);
	g->Tags.n = have.n;
	call_put(c, group_key(c, group), &logs_shape_GroupRecord, g);
}

static struct map_of tags_of(struct call *c, struct str group)
{
	struct logs_GroupRecord *g = c->failed ? NULL : group_need(c, group);
	return g == NULL ? (struct map_of){0} : (struct map_of){g->Tags.v, g->Tags.n, true};
}

void op_tag_resource(struct call *c)
{
	const struct logs_TagResourceRequest *in = c->in;
	add_tags(c, group_of_arn(c, in->resourceArn), &in->tags);
}

void op_untag_resource(struct call *c)
{
	const struct logs_UntagResourceRequest *in = c->in;
	remove_tags(c, group_of_arn(c, in->resourceArn), &in->tagKeys);
}

void op_list_tags_for_resource(struct call *c)
{
	const struct logs_ListTagsForResourceRequest *in = c->in;
	((struct logs_ListTagsForResourceResponse *)c->out)->tags = tags_of(c, group_of_arn(c, in->resourceArn));
}

void op_tag_log_group(struct call *c)
{
	const struct logs_TagLogGroupRequest *in = c->in;
	add_tags(c, in->logGroupName, &in->tags);
}

void op_untag_log_group(struct call *c)
{
	const struct logs_UntagLogGroupRequest *in = c->in;
	remove_tags(c, in->logGroupName, &in->tags);
}

void op_list_tags_log_group(struct call *c)
{
	const struct logs_ListTagsLogGroupRequest *in = c->in;
	((struct logs_ListTagsLogGroupResponse *)c->out)->tags = tags_of(c, in->logGroupName);
}
