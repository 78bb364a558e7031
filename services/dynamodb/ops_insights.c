/* UpdateContributorInsights, DescribeContributorInsights, ListContributorInsights.
 *
 * What always holds: a table's rules are there exactly while it is enabled: they are put and deleted in the transaction that says so.
 * Source: the operations' pages (API Reference); rule names: "How it works" (Developer Guide, contributor insights). */
#include "insights.h"

#include "ops_table.h"
#include "svc/arn.h"
#include "svc/page.h"

enum { KINDS = 4, RULE_NAME_MAX = 128, LIST_PAGE = 100, NAME_TRIES = 16 };

static const struct { const char *letters; bool item, throttled; } kinds[KINDS] = {
	{"PKC", false, false}, {"PKT", false, true}, {"SKC", true, false}, {"SKT", true, true}};

static const struct str both_kinds = STR_INIT("ACCESSED_AND_THROTTLED_KEYS"), throttled_only = STR_INIT("THROTTLED_KEYS");

static struct dynamodb_Insights *entry_of(const struct dynamodb_Table *r, struct str index)
{
	for (uint32_t i = 0; i < r->Insights.n; i++) {
		struct dynamodb_Insights *s = LIST_AT(r->Insights, struct dynamodb_Insights, i);
		if (str_present(s->IndexName) == str_present(index) && str_eq(s->IndexName, index))
			return s;
	}
	return NULL;
}

/* ---- rules ---- */

static struct invoked ask(struct call *c, const char *op, const struct json *in)
{
	const struct invoke_options o = {.who = service_principal(c, "contributorinsights.dynamodb.amazonaws.com", STR_NONE)};
	return invoke(c, "cloudwatch", op, in, &o);
}

/* DynamoDBContributorInsights-PKC-[resource name]-[creation time], of what there is room for. */
static struct str rule_name(struct call *c, size_t kind, const struct dynamodb_Table *r, struct str index, int64_t at_ms)
{
	struct str head = arena_printf(c->arena, "DynamoDBContributorInsights-%s-", kinds[kind].letters);
	struct str tail = arena_printf(c->arena, "-%lld", (long long)at_ms);
	struct str name = r->Description->TableName;
	if (str_present(index))
		name = arena_join(c->arena, name, S("-"), index);
	ASSERT(head.n + tail.n < RULE_NAME_MAX);
	return arena_join(c->arena, head, str_slice(name, 0, RULE_NAME_MAX - head.n - tail.n), tail);
}

static struct str definition(struct call *c, size_t kind, const struct dynamodb_Table *r, struct str index)
{
	struct arena *a = c->arena;
	struct json *o = json_new_object(a), *schema = json_set(a, o, S("Schema"), json_new_object(a));
	json_set_str(a, schema, "Name", S("ServiceLogRule"));
	json_set_i64(a, schema, "Version", 1);
	json_set_str(a, o, "AggregateOn", S("Sum"));
	json_set_str(a, o, "ResourceArn", str_present(index) ? index_arn(c, r->Description->TableName, index) : r->Description->TableArn);
	struct json *contribution = json_set(a, o, S("Contribution"), json_new_object(a));
	json_set_str(a, contribution, "ValueOf", kinds[kind].throttled ? S("ThrottleCount") : S("ConsumedThroughputUnits"));
	struct json *keys = json_set(a, contribution, S("Keys"), json_new_array(a));
	json_push(a, keys, json_new_str(a, S("PartitionKey")));
	if (kinds[kind].item)
		json_push(a, keys, json_new_str(a, S("SortKey")));
	return json_text(a, o);
}

/* The time in a name sets it apart from one that was there before; a name that is taken gets a later one. */
static struct str put_rule(struct call *c, size_t kind, const struct dynamodb_Table *r, struct str index)
{
	for (int64_t at = c->now_ms; at < c->now_ms + NAME_TRIES; at++) {
		struct json *in = json_new_object(c->arena);
		struct str name = rule_name(c, kind, r, index, at);
		json_set_str(c->arena, in, "RuleName", name);
		json_set_str(c->arena, in, "RuleState", S("ENABLED"));
		json_set_str(c->arena, in, "RuleDefinition", definition(c, kind, r, index));
		struct invoked i = ask(c, "PutInsightRule", in);
		if (i.ok)
			return name;
		if (!str_starts(i.error.code, S("InvalidParameter"))) {
			call_fail_as(c, &i.error);
			return STR_NONE;
		}
	}
	call_fail(c, &dynamodb_err_InternalServerError, "Failed to create Amazon CloudWatch Contributor Insights rules. Please retry request.");
	return STR_NONE;
}

static void delete_rule(struct call *c, struct str name)
{
	struct json *in = json_new_object(c->arena), *names = json_set(c->arena, in, S("RuleNames"), json_new_array(c->arena));
	json_push(c->arena, names, json_new_str(c->arena, name));
	struct invoked i = ask(c, "DeleteInsightRules", in);
	if (!i.ok)
		call_fail_as(c, &i.error);
}

/* Bring the rules to what is wanted; those that go on are left as they are. */
static void set_rules(struct call *c, const struct dynamodb_Table *r, struct dynamodb_Insights *s, bool ranged)
{
	ASSERT(s->Rules.n == KINDS);
	for (size_t i = 0; i < KINDS && !c->failed; i++) {
		struct str *name = LIST_AT(s->Rules, struct str, i);
		bool wanted = s->Enabled.v && (ranged || !kinds[i].item) && (kinds[i].throttled || !str_eq(s->Mode, throttled_only));
		if (wanted && name->n == 0) {
			*name = put_rule(c, i, r, s->IndexName);
		} else if (!wanted && name->n > 0) {
			delete_rule(c, *name);
			*name = S("");
		}
	}
}

void insights_drop(struct call *c, struct dynamodb_Table *r, struct str index)
{
	struct dynamodb_Insights *s = entry_of(r, index);
	if (s == NULL)
		return;
	s->Enabled = SOME_BOOL(false);
	set_rules(c, r, s, true);
	*s = *LIST_AT(r->Insights, struct dynamodb_Insights, r->Insights.n - 1);
	r->Insights.n--;
}

/* ---- operations ---- */

/* The keys of the table or of the global index; NULL with c failed when there is no such index. */
static const struct list *keys_of(struct call *c, const struct dynamodb_Table *r, struct str index)
{
	const struct dynamodb_TableDescription *d = r->Description;
	if (!str_present(index))
		return &d->KeySchema;
	for (uint32_t i = 0; i < d->GlobalSecondaryIndexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *x =
			LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		if (str_eq(x->IndexName, index))
			return &x->KeySchema;
	}
	call_fail(c, &dynamodb_err_ResourceNotFoundException, "Requested resource not found: Index: %.*s not found", STR_ARG(index));
	return NULL;
}

static struct dynamodb_Insights *entry_made(struct call *c, struct dynamodb_Table *r, struct str index)
{
	struct dynamodb_Insights *s = entry_of(r, index);
	if (s != NULL)
		return s;
	uint32_t n = r->Insights.n;
	s = arena_grow(c->arena, r->Insights.v, sizeof *s, n, (size_t)n + 1);
	r->Insights = (struct list){s, n + 1, true};
	s[n] = (struct dynamodb_Insights){.IndexName = index, .Rules = LIST_OF(c->arena, struct str, KINDS)};
	for (size_t i = 0; i < KINDS; i++)
		*LIST_AT(s[n].Rules, struct str, i) = S("");
	return &s[n];
}

void ddb_update_contributor_insights(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_UpdateContributorInsights);
	const struct dynamodb_UpdateContributorInsightsInput *in = c->in;
	struct dynamodb_UpdateContributorInsightsOutput *out = c->out;
	struct dynamodb_Table *r = table_required(c, in->TableName);
	const struct list *keys = r != NULL ? keys_of(c, r, in->IndexName) : NULL;
	if (keys == NULL)
		return;
	bool enable = str_eq(in->ContributorInsightsAction, S("ENABLE"));
	struct dynamodb_Insights *s = entry_made(c, r, in->IndexName);
	s->Enabled = SOME_BOOL(enable);
	if (enable)
		s->Mode = str_present(in->ContributorInsightsMode) ? in->ContributorInsightsMode : both_kinds;
	s->Updated = SOME_TIME(c->now_ms);
	set_rules(c, r, s, keys->n > 1);
	table_save(c, r);
	out->TableName = r->Description->TableName;
	out->IndexName = in->IndexName;
	out->ContributorInsightsStatus = enable ? S("ENABLING") : S("DISABLING");
	out->ContributorInsightsMode = s->Mode;
}

void ddb_describe_contributor_insights(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_DescribeContributorInsights);
	const struct dynamodb_DescribeContributorInsightsInput *in = c->in;
	struct dynamodb_DescribeContributorInsightsOutput *out = c->out;
	const struct dynamodb_Table *r = table_required(c, in->TableName);
	if (r == NULL || keys_of(c, r, in->IndexName) == NULL)
		return;
	const struct dynamodb_Insights *s = entry_of(r, in->IndexName);
	out->TableName = r->Description->TableName;
	out->IndexName = in->IndexName;
	out->ContributorInsightsStatus = s != NULL && s->Enabled.v ? S("ENABLED") : S("DISABLED");
	if (s == NULL)
		return;
	out->LastUpdateDateTime = s->Updated;
	out->ContributorInsightsMode = s->Mode;
	struct str *names = arena_array(c->arena, struct str, KINDS);
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->Rules.n; i++)
		if (LIST_AT(s->Rules, struct str, i)->n > 0)
			names[n++] = *LIST_AT(s->Rules, struct str, i);
	out->ContributorInsightsRuleList = (struct list){names, n, true};
}

/* ---- listing: by table, a table before its indexes; a token names the last one told ---- */

struct listing {
	struct call *c;
	struct dynamodb_ContributorInsightsSummary *v;
	uint32_t n, most;
	struct str after, last; /* "<table>/<index>" */
	bool more;
};

static void list_one(struct listing *l, const struct dynamodb_Table *r, struct str index)
{
	struct str table = r->Description->TableName, place = arena_join(l->c->arena, table, S("/"), str_present(index) ? index : S(""));
	if (str_present(l->after)) { /* still before it; what it names may be gone */
		if (str_cmp(table, str_slice(l->after, 0, (size_t)str_find(l->after, '/'))) == 0 && !str_eq(place, l->after))
			return;
		bool same = str_eq(place, l->after);
		l->after = STR_NONE;
		if (same)
			return;
	}
	if (l->n == l->most) {
		l->more = true;
		return;
	}
	const struct dynamodb_Insights *s = entry_of(r, index);
	l->last = place;
	l->v[l->n++] = (struct dynamodb_ContributorInsightsSummary){.TableName = table, .IndexName = index,
		.ContributorInsightsStatus = s != NULL && s->Enabled.v ? S("ENABLED") : S("DISABLED"),
		.ContributorInsightsMode = s != NULL ? s->Mode : STR_NONE};
}

static void list_table(struct listing *l, const struct dynamodb_Table *r)
{
	const struct list *indexes = &r->Description->GlobalSecondaryIndexes;
	list_one(l, r, STR_NONE);
	for (uint32_t i = 0; i < indexes->n && !l->more; i++)
		list_one(l, r, LIST_AT(*indexes, struct dynamodb_GlobalSecondaryIndexDescription, i)->IndexName);
}

/* Tables from the one that the token names. */
static void list_tables(struct listing *l)
{
	struct str key, value;
	struct call *c = l->c;
	struct str from = key_bytes(call_key(c, "table")), to = key_after(c->arena, from);
	if (str_present(l->after))
		from = key_bytes(table_record_key(c, str_slice(l->after, 0, (size_t)str_find(l->after, '/'))));
	struct scan *s = scan_open(c->txn, from, to, false);
	while (!l->more && scan_next(s, &key, &value))
		list_table(l, record_decode(c, &dynamodb_shape_Table, value));
	scan_close(s);
}

void ddb_list_contributor_insights(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_ListContributorInsights);
	const struct dynamodb_ListContributorInsightsInput *in = c->in;
	struct dynamodb_ListContributorInsightsOutput *out = c->out;
	struct listing l = {.c = c, .most = in->MaxResults.set && in->MaxResults.v > 0 ? (uint32_t)in->MaxResults.v : LIST_PAGE};
	ASSERT(l.most <= LIST_PAGE); /* the model's bound */
	l.v = arena_array(c->arena, struct dynamodb_ContributorInsightsSummary, l.most);
	if (!page_position(c->arena, in->NextToken, &l.after) || (str_present(l.after) && str_find(l.after, '/') < 0)) {
		fail_validation(c, "Invalid NextToken");
		return;
	}
	const struct dynamodb_Table *r = str_present(in->TableName) ? table_required(c, in->TableName) : NULL;
	if (c->failed)
		return;
	if (r != NULL)
		list_table(&l, r);
	else
		list_tables(&l);
	out->ContributorInsightsSummaries = (struct list){l.v, l.n, true};
	if (l.more)
		out->NextToken = page_token(c->arena, l.last);
}
