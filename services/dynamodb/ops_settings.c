/* See ops_settings.h. */
#include "ops_settings.h"

#include "ops_table.h"
#include "write.h"

#define INVALID "One or more parameter values were invalid: "
enum { TAGS_MAX = 50, POLICY_BYTES_MAX = 20 * 1024 };

/* ---- tags ---- */

static struct dynamodb_Table *tagged_table(struct call *c, struct str arn)
{
	if (!resource_arn_check(c, arn))
		return NULL;
	struct str name = table_name_of(c, arn);
	struct dynamodb_Table *r = str_present(name) ? table_record(c, name) : NULL;
	if (r == NULL)
		call_fail(c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found: ResourcArn: %.*s not found", STR_ARG(arn));
	return r;
}

static uint32_t find_tag(const struct dynamodb_Tag *tags, uint32_t n, struct str key)
{
	uint32_t i = 0;
	while (i < n && !str_eq(tags[i].Key, key))
		i++;
	return i;
}

static bool too_many(struct call *c)
{
	fail_validation(c, "Number of Tags exceed the current limit for the provided ResourceArn");
	return false;
}

/* Letters of any script, digits, spaces, and a few signs. */
static bool tag_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		bool plain = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (unsigned char)ch >= 0x80;
		if (!plain && (ch == '\0' || strchr(" _.:/=+-@", ch) == NULL))
			return false;
	}
	return true;
}

bool tags_check(struct call *c, struct list tags)
{
	for (uint32_t i = 0; i < tags.n; i++) {
		struct str key = LIST_AT(tags, struct dynamodb_Tag, i)->Key;
		if (!tag_text(key) || !tag_text(LIST_AT(tags, struct dynamodb_Tag, i)->Value)) {
			fail_validation(c, "One or more parameter values were invalid: A tag has a character other than letters, digits, spaces and _.:/=+-@. "
			                   "Tag Key: %.*s", STR_ARG(key));
			return false;
		}
		if (str_starts(key, S("aws:")) && c->parent == NULL) {
			fail_validation(c, "Tag Key cannot be prefixed with aws:, Key: %.*s", STR_ARG(key));
			return false;
		}
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(key, LIST_AT(tags, struct dynamodb_Tag, j)->Key)) {
				fail_validation(c, "Duplicate Tag Keys provided as input: Duplicate Tag Key found %.*s", STR_ARG(key));
				return false;
			}
	}
	return tags.n <= TAGS_MAX || too_many(c);
}

void ddb_tag_resource(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_TagResource);
	const struct dynamodb_TagResourceInput *in = c->in;
	if (in->Tags.n == 0) {
		fail_validation(c, "Atleast one Tag needs to be provided as Input.");
		return;
	}
	if (!tags_check(c, in->Tags))
		return;
	struct dynamodb_Table *r = tagged_table(c, in->ResourceArn);
	if (r == NULL)
		return;
	uint32_t n = r->Tags.n;
	struct dynamodb_Tag *tags = arena_grow(c->arena, r->Tags.v, sizeof *tags, n, (size_t)n + in->Tags.n);
	for (uint32_t i = 0; i < in->Tags.n; i++) {
		const struct dynamodb_Tag *tag = LIST_AT(in->Tags, struct dynamodb_Tag, i);
		uint32_t at = find_tag(tags, n, tag->Key);
		tags[at] = *tag;
		n += at == n;
	}
	if (n > TAGS_MAX) {
		too_many(c);
		return;
	}
	r->Tags = (struct list){tags, n, true};
	table_save(c, r);
}

void ddb_untag_resource(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UntagResource);
	const struct dynamodb_UntagResourceInput *in = c->in;
	if (in->TagKeys.n == 0) {
		fail_validation(c, "Atleast one Tag Key needs to be provided as Input.");
		return;
	}
	struct dynamodb_Table *r = tagged_table(c, in->ResourceArn);
	if (r == NULL)
		return;
	struct dynamodb_Tag *tags = r->Tags.v;
	for (uint32_t i = 0; i < in->TagKeys.n; i++) {
		uint32_t at = find_tag(tags, r->Tags.n, *LIST_AT(in->TagKeys, struct str, i));
		if (at == r->Tags.n)
			continue;
		memmove(tags + at, tags + at + 1, (r->Tags.n - at - 1) * sizeof *tags);
		r->Tags.n--;
	}
	table_save(c, r);
}

void ddb_list_tags_of_resource(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ListTagsOfResource);
	const struct dynamodb_ListTagsOfResourceInput *in = c->in;
	struct dynamodb_ListTagsOfResourceOutput *out = c->out;
	struct dynamodb_Table *r = tagged_table(c, in->ResourceArn);
	if (r != NULL)
		out->Tags = (struct list){r->Tags.v, r->Tags.n, true};
}

/* ---- resource policies ---- */

/* name: the table, absent when the resource is a stream of it. dynamodbstreams reads the policies of streams where they lie. */
static struct key *policy_key(struct call *c, struct str arn, struct str *name)
{
	if (!resource_arn_check(c, arn))
		return NULL;
	struct dynamodb_Table *r = table_required(c, arn);
	if (r == NULL)
		return NULL;
	struct str table = r->Description->TableName;
	ptrdiff_t at = str_find_str(arn, S("/stream/"));
	*name = at < 0 ? table : STR_NONE;
	if (at < 0)
		return key_str(call_key(c, "policy"), table);
	struct str label = str_slice(arn, (size_t)at + 8, arn.n);
	if (stream_is_there(c, table, label))
		return key_str(key_str(call_key(c, "policy"), table), label);
	call_fail(c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found: Stream: %.*s not found", STR_ARG(arn));
	return NULL;
}

/* So that tables without a policy, nearly all, are not asked for one in every call. */
static void mark_policy(struct call *c, struct str name, bool has)
{
	if (!str_present(name))
		return;
	struct dynamodb_Table *r = table_record(c, name);
	ASSERT(r != NULL);
	r->HasPolicy = SOME_BOOL(has);
	table_save(c, r);
}

static bool check_revision(struct call *c, const struct dynamodb_ResourcePolicyRecord *old, struct str expected, struct str arn)
{
	ASSERT(old == NULL || str_present(old->RevisionId));
	if (!str_present(expected))
		return true;
	struct str have = old != NULL ? old->RevisionId : S("NO_POLICY");
	if (str_eq(have, expected))
		return true;
	call_fail(c, &dynamodb_err_PolicyNotFoundException, "Resource-based policy not found for the provided ResourceArn: Requested policy "
	          "revision %.*s does not match that of %.*s", STR_ARG(expected), STR_ARG(arn));
	return false;
}

void ddb_put_resource_policy(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_PutResourcePolicy);
	const struct dynamodb_PutResourcePolicyInput *in = c->in;
	struct dynamodb_PutResourcePolicyOutput *out = c->out;
	struct str name, why;
	struct key *k = policy_key(c, in->ResourceArn, &name);
	if (k == NULL)
		return;
	if (in->Policy.n > POLICY_BYTES_MAX) {
		fail_validation(c, INVALID "Maximum policy size of %d bytes exceeded", POLICY_BYTES_MAX);
		return;
	}
	if (policy_parse(c->arena, in->Policy, POLICY_RESOURCE, &why) == NULL) {
		fail_validation(c, INVALID "Invalid policy document: %.*s", STR_ARG(why));
		return;
	}
	struct dynamodb_ResourcePolicyRecord *old = call_get(c, k, &dynamodb_shape_ResourcePolicyRecord);
	if (!check_revision(c, old, in->ExpectedRevisionId, in->ResourceArn))
		return;
	struct dynamodb_ResourcePolicyRecord fresh = {.Policy = in->Policy};
	fresh.RevisionId = arena_printf(c->arena, "%lld", (long long)c->now_ms * 1000 + (long long)(call_serial(c, "revision") % 1000));
	call_put(c, k, &dynamodb_shape_ResourcePolicyRecord, &fresh);
	mark_policy(c, name, true);
	out->RevisionId = fresh.RevisionId;
}

static struct dynamodb_ResourcePolicyRecord *required_policy(struct call *c, const struct key *k, struct str arn)
{
	struct dynamodb_ResourcePolicyRecord *r = call_get(c, k, &dynamodb_shape_ResourcePolicyRecord);
	if (r == NULL)
		call_fail(c, &dynamodb_err_PolicyNotFoundException, "Resource-based policy not found for the provided ResourceArn: %.*s", STR_ARG(arn));
	return r;
}

void ddb_get_resource_policy(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_GetResourcePolicy);
	const struct dynamodb_GetResourcePolicyInput *in = c->in;
	struct dynamodb_GetResourcePolicyOutput *out = c->out;
	struct str name;
	struct key *k = policy_key(c, in->ResourceArn, &name);
	struct dynamodb_ResourcePolicyRecord *r = k != NULL ? required_policy(c, k, in->ResourceArn) : NULL;
	if (r == NULL)
		return;
	out->Policy = r->Policy;
	out->RevisionId = r->RevisionId;
}

void ddb_delete_resource_policy(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DeleteResourcePolicy);
	const struct dynamodb_DeleteResourcePolicyInput *in = c->in;
	struct dynamodb_DeleteResourcePolicyOutput *out = c->out;
	struct str name;
	struct key *k = policy_key(c, in->ResourceArn, &name);
	if (k == NULL)
		return;
	struct dynamodb_ResourcePolicyRecord *r = call_get(c, k, &dynamodb_shape_ResourcePolicyRecord);
	if (r == NULL || !check_revision(c, r, in->ExpectedRevisionId, in->ResourceArn))
		return; /* deleting what is not there is no mistake */
	out->RevisionId = r->RevisionId;
	call_del(c, k);
	mark_policy(c, name, false);
}

/* ---- the account ---- */

/* The default quotas of an account ("Quotas in Amazon DynamoDB"). */
void ddb_describe_limits(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeLimits);
	struct dynamodb_DescribeLimitsOutput *out = c->out;
	out->AccountMaxReadCapacityUnits = SOME_I64(80000);
	out->AccountMaxWriteCapacityUnits = SOME_I64(80000);
	out->TableMaxReadCapacityUnits = SOME_I64(40000);
	out->TableMaxWriteCapacityUnits = SOME_I64(40000);
}

/* Where the client came in: it is told to stay there. */
void ddb_describe_endpoints(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeEndpoints);
	struct dynamodb_DescribeEndpointsResponse *out = c->out;
	out->Endpoints = LIST_OF(c->arena, struct dynamodb_Endpoint, 1);
	struct dynamodb_Endpoint *e = LIST_AT(out->Endpoints, struct dynamodb_Endpoint, 0);
	ptrdiff_t scheme = str_find_str(c->endpoint, S("://"));
	e->Address = scheme < 0 ? c->endpoint : str_slice(c->endpoint, (size_t)scheme + 3, c->endpoint.n);
	e->CachePeriodInMinutes = SOME_I64(1440);
}
