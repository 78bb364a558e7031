/* Topics: their names, records, attributes and policy.
 *
 * What always holds: a FIFO topic's name ends in ".fifo", no other's does. Source: CreateTopic, GetTopicAttributes and
 * SetTopicAttributes (SNS API Reference). */
#include "sns.h"

#include "auth/policy.h"
#include "svc/measure.h"
#include "svc/page.h"
#include "svc/tags.h"

enum { PAGE = 100, SWEEP = 500 };

bool fail_parameter(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	call_fail(c, &sns_err_InvalidParameterException, "Invalid parameter: %.*s", STR_ARG(text));
	return false;
}

struct key *sns_key(struct call *c, struct str account, const char *table)
{
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	key_str(key_str(key_str(k, S("sns")), account), c->region);
	return key_str(k, str_c(table));
}

struct key *topic_key(struct call *c, const struct topic *t, const char *table)
{
	ASSERT(t->rec->Number.v > 0);
	return key_i64(sns_key(c, t->account, table), t->rec->Number.v);
}

/* ---- attribute maps: those of topics and of subscriptions lie alike ---- */

_Static_assert(sizeof(struct sns_TopicAttributesMap_entry) == sizeof(struct sns_SubscriptionAttributesMap_entry), "pairs of strings");

static struct sns_TopicAttributesMap_entry *entry_of(const struct map_of *m, struct str name)
{
	struct sns_TopicAttributesMap_entry *v = m->v;
	for (uint32_t i = 0; i < m->n; i++)
		if (str_eq(v[i].key, name))
			return &v[i];
	return NULL;
}

struct str attribute_get(const struct map_of *m, const char *name)
{
	const struct sns_TopicAttributesMap_entry *e = entry_of(m, str_c(name));
	return e != NULL ? e->value : STR_NONE;
}

bool attribute_is(const struct map_of *m, const char *name, const char *value)
{
	return str_eq_nocase(attribute_get(m, name), str_c(value));
}

void attribute_set(struct arena *a, struct map_of *m, struct str name, struct str value)
{
	ASSERT(name.n > 0);
	struct sns_TopicAttributesMap_entry *e = entry_of(m, name), *v = m->v;
	if (!str_present(value)) {
		if (e != NULL)
			*e = v[--m->n];
		return;
	}
	if (e == NULL) {
		m->v = arena_grow(a, m->v, sizeof *e, m->n, m->n + 1u);
		m->set = true;
		e = (struct sns_TopicAttributesMap_entry *)m->v + m->n++;
		e->key = name;
	}
	e->value = value;
}

/* ---- opening ---- */

static bool name_ok(struct str name)
{
	struct str stem = str_ends(name, S(".fifo")) ? str_slice(name, 0, name.n - 5) : name;
	for (size_t i = 0; i < stem.n; i++) {
		char ch = stem.p[i];
		if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_'))
			return false;
	}
	return stem.n > 0 && name.n <= TOPIC_NAME_MAX;
}

static struct str topic_arn(struct call *c, struct str account, struct str name) { return arn_make(c->arena, "sns", c->region, account, name); }

static struct topic *topic_of(struct call *c, struct str account, struct str name)
{
	struct sns_TopicRecord *rec = call_get(c, key_str(sns_key(c, account, "topic"), name), &sns_shape_TopicRecord);
	if (rec == NULL)
		return NULL;
	struct topic *t = arena_new_of(c->arena, struct topic);
	*t = (struct topic){arena_dup(c->arena, account), rec->Name, topic_arn(c, account, name), rec, str_ends(rec->Name, S(".fifo"))};
	ASSERT(str_eq(rec->Name, name));
	return t;
}

struct topic *topic_find(struct call *c, struct str text)
{
	struct arn arn;
	if (!arn_parse(text, &arn) || !str_eq(arn.service, S("sns")) || !str_eq(arn.region, c->region) || !name_ok(arn.resource))
		return NULL;
	return topic_of(c, arn.account, arn.resource);
}

struct topic *topic_open(struct call *c, struct str text)
{
	struct arn arn;
	size_t parts = 1;
	for (size_t i = 0; i < text.n; i++)
		parts += text.p[i] == ':';
	if (parts < 6) {
		fail_parameter(c, "TopicArn Reason: An ARN must have at least 6 elements, not %zu", parts);
		return NULL;
	}
	if (!arn_parse(text, &arn) || !str_eq(arn.service, S("sns")) || !str_eq(arn.region, c->region) || !name_ok(arn.resource)) {
		fail_parameter(c, "TopicArn");
		return NULL;
	}
	struct topic *t = topic_of(c, arn.account, arn.resource);
	if (t == NULL)
		call_fail(c, &sns_err_NotFoundException, "Topic does not exist");
	return t;
}

void topic_save(struct call *c, const struct topic *t)
{
	ASSERT(t->rec->Confirmed.v >= 0 && t->rec->Pending.v >= 0);
	call_put(c, key_str(sns_key(c, t->account, "topic"), t->name), &sns_shape_TopicRecord, t->rec);
}

void count_metric(struct call *c, const struct topic *t, const char *name, double value, const char *unit)
{
	const struct metric_dim dim = {S("TopicName"), t->name};
	measure(c, &(struct measure){.ns = S("AWS/SNS"), .name = str_c(name), .dims = &dim, .n_dims = 1, .value = value, .unit = unit,
		.account = t->account, .region = c->region});
}

/* ---- permission ---- */

struct str topic_policy(struct call *c, const struct topic *t)
{
	struct str own = attribute_get(&t->rec->Attributes, "Policy");
	if (str_present(own))
		return own;
	return arena_printf(c->arena, "{\"Version\":\"2008-10-17\",\"Id\":\"__default_policy_ID\",\"Statement\":[{\"Sid\":\"__default_statement_ID\","
		"\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},\"Action\":[\"SNS:GetTopicAttributes\",\"SNS:SetTopicAttributes\",\"SNS:AddPermission\","
		"\"SNS:RemovePermission\",\"SNS:DeleteTopic\",\"SNS:Subscribe\",\"SNS:ListSubscriptionsByTopic\",\"SNS:Publish\"],"
		"\"Resource\":\"%.*s\",\"Condition\":{\"StringEquals\":{\"AWS:SourceOwner\":\"%.*s\"}}}]}", STR_ARG(t->arn), STR_ARG(t->account));
}

struct str resource_policy(struct call *c, struct str arn)
{
	struct topic *t = topic_find(c, arn);
	return t != NULL ? topic_policy(c, t) : STR_NONE;
}

static bool allow(struct call *c, struct topic *t, const struct condition_key *keys, size_t n)
{
	struct access_extra x = {.keys = keys, .n_keys = n, .resource_policy = attribute_get(&t->rec->Attributes, "Policy")};
	if (!str_eq(t->account, c->account))
		x.resource_account = t->account;
	tags_conditions(c, &x, TAGS_OF(t->rec->Tags, struct sns_Tag));
	if (!authorize(c, NULL, t->arn, &x))
		return false;
	c->user = t;
	return true;
}

struct topic *run_topic(struct call *c)
{
	struct topic *t = c->user;
	ASSERT(t != NULL && t->rec != NULL && t->arn.n > 0);
	return t;
}

void access_create(struct call *c)
{
	const struct sns_CreateTopicInput *in = c->in;
	if (authorize(c, NULL, topic_arn(c, c->account, in->Name.n > 0 ? in->Name : S("*")), NULL) && in->Tags.n > 0)
		authorize(c, "sns:TagResource", topic_arn(c, c->account, in->Name), NULL);
}

void access_topic(struct call *c)
{
	struct topic *t = topic_open(c, call_input_text(c, "TopicArn"));
	if (t == NULL)
		return;
	struct str protocol = STR_NONE, endpoint = STR_NONE;
	if (c->op->run == op_subscribe) {
		protocol = ((const struct sns_SubscribeInput *)c->in)->Protocol;
		endpoint = ((const struct sns_SubscribeInput *)c->in)->Endpoint;
	}
	const struct condition_key keys[] = {{S("sns:Protocol"), &protocol, 1}, {S("sns:Endpoint"), &endpoint, 1}};
	allow(c, t, keys, str_present(endpoint) ? 2 : str_present(protocol) ? 1 : 0);
}

void access_publish(struct call *c)
{
	const struct sns_PublishInput *in = c->in;
	if (str_present(in->PhoneNumber)) {
		call_unsupported(c, "SMS messages: there is no telephone network here");
		return;
	}
	if (!str_present(in->TopicArn) && !str_present(in->TargetArn)) {
		fail_parameter(c, "TopicArn or TargetArn Reason: no value for required parameter");
		return;
	}
	struct topic *t = topic_open(c, str_present(in->TopicArn) ? in->TopicArn : in->TargetArn);
	if (t != NULL)
		allow(c, t, NULL, 0);
}

void access_subscription(struct call *c)
{
	struct str arn = call_input_text(c, "SubscriptionArn");
	struct topic *t = NULL;
	struct subscription *s = subscription_find(c, arn, &t);
	if (s == NULL) {
		c->user = NULL;
		authorize(c, NULL, arn.n > 0 ? arn : S("*"), NULL);
		return;
	}
	/* Who subscribed may end it, whoever has the topic. */
	struct access_extra x = {.resource_account = str_eq(s->rec->Owner, c->account) ? STR_NONE : t->account};
	if (authorize(c, NULL, t->arn, &x))
		c->user = t;
}

void access_resource(struct call *c)
{
	struct topic *t = topic_find(c, call_input_text(c, "ResourceArn"));
	if (t == NULL)
		call_fail(c, &sns_err_ResourceNotFoundException, "Resource does not exist");
	else
		allow(c, t, NULL, 0);
}

/* ---- attributes ---- */

struct attribute {
	const char *name;
	bool fifo;         /* only of FIFO topics */
	bool readable;     /* CreateTopic compares and GetTopicAttributes shows it */
};

static const struct attribute attributes[] = {
	{"ContentBasedDeduplication", true, true}, {"DeliveryPolicy", false, true}, {"DisplayName", false, true},
	{"FifoThroughputScope", true, true}, {"FifoTopic", true, true}, {"Policy", false, true}, {"SignatureVersion", false, true},
	{"TracingConfig", false, true},
};

/* Known on AWS, and without effect here: refused instead of kept. */
static bool attribute_refused(struct call *c, struct str name, struct str value)
{
	static const char *const refused[] = {"KmsMasterKeyId", "ArchivePolicy"};
	bool feedback = str_find_str(name, S("FeedbackRoleArn")) > 0 || str_find_str(name, S("FeedbackSampleRate")) > 0;
	for (size_t i = 0; i < COUNT_OF(refused) && !feedback; i++)
		feedback = str_eq(name, str_c(refused[i]));
	if (!feedback || value.n == 0)
		return false;
	call_unsupported(c, "the topic attribute %.*s: nothing here would act on it", STR_ARG(name));
	return true;
}

static bool attribute_known(struct call *c, struct str name, struct str value, bool fifo)
{
	for (size_t i = 0; i < COUNT_OF(attributes); i++)
		if (str_eq(name, str_c(attributes[i].name)))
			return !attributes[i].fifo || fifo || str_eq(value, S("false")) ||
			       fail_parameter(c, "Attributes Reason: %.*s is only valid for FIFO topics", STR_ARG(name));
	return !attribute_refused(c, name, value) && !c->failed && fail_parameter(c, "AttributeName");
}

static bool flag_ok(struct call *c, struct str name, struct str value)
{
	return str_eq_nocase(value, S("true")) || str_eq_nocase(value, S("false")) ||
	       fail_parameter(c, "Attributes Reason: %.*s must be 'true' or 'false'", STR_ARG(name));
}

static bool one_of(struct call *c, struct str name, struct str value, const char *a, const char *b)
{
	return str_eq(value, str_c(a)) || str_eq(value, str_c(b)) ||
	       fail_parameter(c, "Attributes Reason: Invalid value for %.*s: %.*s", STR_ARG(name), STR_ARG(value));
}

static bool attribute_ok(struct call *c, struct str name, struct str value, bool fifo)
{
	enum { DISPLAY_NAME_MAX = 100 };
	struct str why;
	if (!attribute_known(c, name, value, fifo))
		return false;
	if (str_eq(name, S("Policy")) && value.n > 0)
		return policy_parse(c->arena, value, POLICY_RESOURCE, &why) != NULL || fail_parameter(c, "Policy Error: %.*s", STR_ARG(why));
	if (str_eq(name, S("ContentBasedDeduplication")) || str_eq(name, S("FifoTopic")))
		return flag_ok(c, name, value);
	if (str_eq(name, S("SignatureVersion")))
		return one_of(c, name, value, "1", "2");
	if (str_eq(name, S("TracingConfig")))
		return one_of(c, name, value, "PassThrough", "Active");
	if (str_eq(name, S("FifoThroughputScope")))
		return one_of(c, name, value, "Topic", "MessageGroup");
	if (str_eq(name, S("DeliveryPolicy")) && value.n > 0)
		return delivery_policy_ok(c, value, true);
	return !str_eq(name, S("DisplayName")) || value.n <= DISPLAY_NAME_MAX || fail_parameter(c, "DisplayName");
}

/* ---- create, delete, list ---- */

static bool create_ok(struct call *c, const struct sns_CreateTopicInput *in, bool fifo)
{
	const struct sns_TopicAttributesMap_entry *v = in->Attributes.v;
	if (str_present(in->DataProtectionPolicy) && in->DataProtectionPolicy.n > 0) {
		call_unsupported(c, "DataProtectionPolicy");
		return false;
	}
	if (fifo && (!str_ends(in->Name, S(".fifo")) || !name_ok(in->Name)))
		return fail_parameter(c, "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, "
			"numbers, underscores, and hyphens, and must be between 1 and 256 characters long.");
	if (!fifo && (!name_ok(in->Name) || str_ends(in->Name, S(".fifo"))))
		return fail_parameter(c, "Topic Name");
	for (uint32_t i = 0; i < in->Attributes.n; i++)
		if (!attribute_ok(c, v[i].key, v[i].value, fifo))
			return false;
	return true;
}

/* A topic that is there already is what was asked for, unless something was asked for that it is not. */
static bool same_topic(struct call *c, const struct topic *t, const struct sns_CreateTopicInput *in)
{
	const struct sns_TopicAttributesMap_entry *v = in->Attributes.v;
	for (uint32_t i = 0; i < in->Attributes.n; i++)
		if (!str_eq(attribute_get(&t->rec->Attributes, arena_cstr(c->arena, v[i].key)), v[i].value))
			return fail_parameter(c, "Attributes Reason: Topic already exists with different attributes");
	for (uint32_t i = 0; i < in->Tags.n; i++) {
		const struct sns_Tag *want = LIST_AT(in->Tags, struct sns_Tag, i);
		bool found = false;
		for (uint32_t k = 0; k < t->rec->Tags.n && !found; k++) {
			const struct sns_Tag *have = LIST_AT(t->rec->Tags, struct sns_Tag, k);
			found = str_eq(have->Key, want->Key) && str_eq(have->Value, want->Value);
		}
		if (!found)
			return fail_parameter(c, "Tags Reason: Topic already exists with different tags");
	}
	return true;
}

void op_create_topic(struct call *c)
{
	const struct sns_CreateTopicInput *in = c->in;
	struct sns_CreateTopicResponse *out = c->out;
	bool fifo = attribute_is(&in->Attributes, "FifoTopic", "true");
	if (!create_ok(c, in, fifo))
		return;
	out->TopicArn = topic_arn(c, c->account, in->Name);
	struct topic *have = topic_of(c, c->account, in->Name);
	if (have != NULL) {
		(void)same_topic(c, have, in);
		return;
	}
	struct sns_TopicRecord rec = {.Name = in->Name, .Number = SOME_I64((int64_t)call_serial(c, "topic")), .CreatedMs = SOME_I64(c->now_ms),
		.Confirmed = SOME_I64(0), .Pending = SOME_I64(0), .Deleted = SOME_I64(0)};
	const struct sns_TopicAttributesMap_entry *v = in->Attributes.v;
	if (!tags_add(c, &rec.Tags, &in->Tags))
		return;
	for (uint32_t i = 0; i < in->Attributes.n; i++)
		attribute_set(c->arena, &rec.Attributes, v[i].key, v[i].value);
	topic_save(c, &(struct topic){c->account, in->Name, out->TopicArn, &rec, fifo});
}

/* Its subscriptions and what was not sent yet go in steps of a job: there may be many. */
void op_delete_topic(struct call *c)
{
	struct topic *t = run_topic(c);
	call_del(c, key_str(sns_key(c, t->account, "topic"), t->name));
	job_put(c, "sweep", arena_printf(c->arena, "%lld", (long long)t->rec->Number.v), c->now_ms, t->account);
}

/* false: there is more. */
static bool sweep_table(struct call *c, struct str account, int64_t number, const char *table)
{
	struct str key, value;
	size_t n = 0;
	struct scan *s = call_scan(c, key_i64(sns_key(c, account, table), number), STR_NONE, false);
	for (; n < SWEEP && scan_next(s, &key, &value); n++) {
		if (strcmp(table, "sub") == 0) {
			const struct sns_SubscriptionRecord *r = record_decode(c, &sns_shape_SubscriptionRecord, value);
			call_del(c, key_str(sns_key(c, r->Owner, "mine"), r->Arn));
		}
		txn_del(c->txn, arena_dup(c->arena, key));
	}
	return n < SWEEP;
}

void job_sweep(struct call *c, struct str id, struct str payload)
{
	int64_t number;
	bool ok = str_to_i64(id, &number);
	ASSERT(ok && number > 0);
	static const char *const tables[] = {"sub", "end", "out", "seen"};
	size_t at = 0;
	while (at < COUNT_OF(tables) && sweep_table(c, payload, number, tables[at]))
		at++;
	if (at < COUNT_OF(tables))
		job_put(c, "sweep", id, c->now_ms, payload);
}

void op_list_topics(struct call *c)
{
	const struct sns_ListTopicsInput *in = c->in;
	struct sns_ListTopicsResponse *out = c->out;
	struct page_scan p = {.c = c, .out = &out->Topics, .max = PAGE, .next_token = &out->NextToken};
	struct str key, value;
	out->Topics = LIST_OF(c->arena, struct sns_Topic, PAGE);
	out->Topics.n = 0;
	if (!page_scan_open(&p, sns_key(c, c->account, "topic"), in->NextToken)) {
		fail_parameter(c, "NextToken");
		return;
	}
	while (page_scan_next(&p, &key, &value)) {
		const struct sns_TopicRecord *r = record_decode(c, &sns_shape_TopicRecord, value);
		out->Topics.n++;
		*LIST_AT(out->Topics, struct sns_Topic, out->Topics.n - 1) = (struct sns_Topic){topic_arn(c, c->account, r->Name)};
	}
}

/* ---- get and set ---- */

static struct str effective_delivery_policy(struct call *c, const struct topic *t)
{
	struct str own = attribute_get(&t->rec->Attributes, "DeliveryPolicy");
	if (own.n > 0)
		return own;
	return arena_printf(c->arena, "{\"http\":{\"defaultHealthyRetryPolicy\":{\"minDelayTarget\":20,\"maxDelayTarget\":20,\"numRetries\":3,"
		"\"numMaxDelayRetries\":0,\"numNoDelayRetries\":0,\"numMinDelayRetries\":0,\"backoffFunction\":\"linear\"},"
		"\"disableSubscriptionOverrides\":false,\"defaultRequestPolicy\":{\"headerContentType\":\"text/plain; charset=UTF-8\"}}}");
}

void op_get_topic_attributes(struct call *c)
{
	struct sns_GetTopicAttributesResponse *out = c->out;
	struct topic *t = run_topic(c);
	struct arena *a = c->arena;
	struct map_of *m = &out->Attributes;
	attribute_set(a, m, S("TopicArn"), t->arn);
	attribute_set(a, m, S("Owner"), t->account);
	attribute_set(a, m, S("Policy"), topic_policy(c, t));
	attribute_set(a, m, S("DisplayName"), S(""));
	attribute_set(a, m, S("SubscriptionsConfirmed"), arena_printf(a, "%lld", (long long)t->rec->Confirmed.v));
	attribute_set(a, m, S("SubscriptionsPending"), arena_printf(a, "%lld", (long long)t->rec->Pending.v));
	attribute_set(a, m, S("SubscriptionsDeleted"), arena_printf(a, "%lld", (long long)t->rec->Deleted.v));
	attribute_set(a, m, S("EffectiveDeliveryPolicy"), effective_delivery_policy(c, t));
	if (t->fifo)
		attribute_set(a, m, S("ContentBasedDeduplication"), S("false"));
	const struct sns_TopicAttributesMap_entry *v = t->rec->Attributes.v;
	for (uint32_t i = 0; i < t->rec->Attributes.n; i++)
		attribute_set(a, m, v[i].key, v[i].value);
}

void op_set_topic_attributes(struct call *c)
{
	const struct sns_SetTopicAttributesInput *in = c->in;
	struct topic *t = run_topic(c);
	struct str value = str_present(in->AttributeValue) ? in->AttributeValue : S("");
	if (str_eq(in->AttributeName, S("FifoTopic"))) {
		fail_parameter(c, "AttributeName");
		return;
	}
	if (!attribute_ok(c, in->AttributeName, value, t->fifo))
		return;
	bool gone = value.n == 0 && (str_eq(in->AttributeName, S("Policy")) || str_eq(in->AttributeName, S("DeliveryPolicy")));
	attribute_set(c->arena, &t->rec->Attributes, in->AttributeName, gone ? STR_NONE : value);
	topic_save(c, t);
}
