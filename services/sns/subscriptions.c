/* Subscriptions: made, confirmed, listed, ended.
 *
 * What always holds: `sub`, `end` and `mine` name the same subscriptions, and the topic's counters tell how many wait (with a
 * Token) and how many are confirmed. Source: Subscribe, ConfirmSubscription, Unsubscribe (SNS API Reference); "Subscribing an
 * Amazon SQS queue to a topic in a different account". */
#include "sns.h"

#include "os/os.h"
#include "svc/page.h"

enum { PAGE = 100, TOKEN_HEX = 64 };

struct key *sub_key(struct call *c, const struct topic *t, struct str id) { return key_str(topic_key(c, t, "sub"), id); }

static struct key *end_key(struct call *c, const struct topic *t, struct str protocol, struct str endpoint)
{
	return key_str(key_str(topic_key(c, t, "end"), protocol), endpoint);
}

static struct key *mine_key(struct call *c, const struct sns_SubscriptionRecord *r) { return key_str(sns_key(c, r->Owner, "mine"), r->Arn); }

static bool pending(const struct sns_SubscriptionRecord *r) { return r->Token.n > 0; }

struct subscription *subscription_of_id(struct call *c, const struct topic *t, struct str id)
{
	struct sns_SubscriptionRecord *rec = call_get(c, sub_key(c, t, id), &sns_shape_SubscriptionRecord);
	if (rec == NULL)
		return NULL;
	struct subscription *s = arena_new_of(c->arena, struct subscription);
	*s = (struct subscription){id, rec};
	return s;
}

struct subscription *subscription_find(struct call *c, struct str arn, struct topic **t)
{
	ptrdiff_t colon = str_rfind(arn, ':');
	*t = colon > 0 ? topic_find(c, str_slice(arn, 0, (size_t)colon)) : NULL;
	return *t != NULL ? subscription_of_id(c, *t, str_slice(arn, (size_t)colon + 1, arn.n)) : NULL;
}

static void save(struct call *c, const struct topic *t, const struct subscription *s)
{
	call_put(c, sub_key(c, t, s->id), &sns_shape_SubscriptionRecord, s->rec);
}

void subscription_remove(struct call *c, struct topic *t, const struct subscription *s)
{
	const struct sns_SubscriptionRecord *r = s->rec;
	struct opt_i64 *count = pending(r) ? &t->rec->Pending : &t->rec->Confirmed;
	ASSERT(count->v > 0);
	*count = SOME_I64(count->v - 1);
	t->rec->Deleted = SOME_I64(t->rec->Deleted.v + 1);
	call_del(c, sub_key(c, t, s->id));
	call_del(c, end_key(c, t, r->Protocol, r->Endpoint));
	call_del(c, mine_key(c, r));
	topic_save(c, t);
}

/* ---- subscribe ---- */

static bool endpoint_ok(struct call *c, const struct topic *t, const struct sns_SubscribeInput *in, struct arn *to)
{
	static const char *const elsewhere[] = {"email", "email-json", "sms", "application", "firehose"};
	bool queue = str_eq(in->Protocol, S("sqs")), function = str_eq(in->Protocol, S("lambda"));
	for (size_t i = 0; i < COUNT_OF(elsewhere); i++) {
		if (!str_eq(in->Protocol, str_c(elsewhere[i])))
			continue;
		if (t->fifo)
			return fail_parameter(c, "Invalid protocol type: %s", elsewhere[i]);
		call_unsupported(c, "subscriptions of protocol %s: queues (sqs), functions (lambda) and web servers (http, https) are", elsewhere[i]);
		return false;
	}
	*to = (struct arn){0};
	if (str_eq(in->Protocol, S("http")) || str_eq(in->Protocol, S("https")))
		return t->fifo ? fail_parameter(c, "Invalid protocol type: %.*s", STR_ARG(in->Protocol)) : web_endpoint_ok(c, in->Protocol, in->Endpoint);
	if (!queue && !function)
		return fail_parameter(c, "Amazon SNS does not support this protocol string: %.*s", STR_ARG(in->Protocol));
	if (!arn_parse(in->Endpoint, to) || !str_eq(to->service, in->Protocol))
		return fail_parameter(c, queue ? "SQS endpoint ARN" : "Lambda endpoint ARN");
	if (function && t->fifo)
		return fail_parameter(c, "Invalid protocol type: lambda");
	if (queue && !t->fifo && str_ends(to->resource, S(".fifo")))
		return fail_parameter(c, "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics");
	return true;
}

static bool same_attributes(struct call *c, const struct sns_SubscriptionRecord *r, const struct map_of *given)
{
	const struct sns_SubscriptionAttributesMap_entry *v = given->v;
	for (uint32_t i = 0; i < given->n; i++)
		if (!str_eq(attribute_get(&r->Attributes, arena_cstr(c->arena, v[i].key)), v[i].value))
			return fail_parameter(c, "Attributes Reason: Subscription already exists with different attributes");
	return true;
}

static void ask_to_confirm(struct call *c, const struct topic *t, const struct subscription *s)
{
	char uuid[37];
	random_uuid(uuid);
	struct sns_MessageRecord m = {.Id = arena_dup(c->arena, str_c(uuid)), .SentMs = SOME_I64(c->now_ms)};
	struct sns_AttemptRecord attempt = {t->arn, s->id, &m, SOME_I64(0)};
	job_put(c, "retry", m.Id, c->now_ms, typed_to_cbor(c->arena, &sns_shape_AttemptRecord, &attempt));
}

static struct subscription *subscribe_new(struct call *c, struct topic *t, const struct sns_SubscribeInput *in, bool confirmed)
{
	char id[37], token[TOKEN_HEX + 1] = {0};
	random_uuid(id);
	struct subscription *s = arena_new_of(c->arena, struct subscription);
	struct sns_SubscriptionRecord *r = arena_new_of(c->arena, struct sns_SubscriptionRecord);
	*s = (struct subscription){arena_dup(c->arena, str_c(id)), r};
	*r = (struct sns_SubscriptionRecord){.Arn = arena_join(c->arena, t->arn, S(":"), s->id), .TopicArn = t->arn, .Owner = c->account,
		.Protocol = in->Protocol, .Endpoint = in->Endpoint, .Authenticated = SOME_BOOL(confirmed), .CreatedMs = SOME_I64(c->now_ms),
		.Principal = c->who->arn};
	if (!confirmed) {
		random_hex(token, TOKEN_HEX);
		r->Token = arena_dup(c->arena, str_c(token));
	}
	const struct sns_SubscriptionAttributesMap_entry *v = in->Attributes.v;
	for (uint32_t i = 0; i < in->Attributes.n; i++)
		attribute_set(c->arena, &r->Attributes, v[i].key, v[i].value);
	return s;
}

void op_subscribe(struct call *c)
{
	const struct sns_SubscribeInput *in = c->in;
	struct sns_SubscribeResponse *out = c->out;
	struct topic *t = run_topic(c);
	const struct sns_SubscriptionAttributesMap_entry *v = in->Attributes.v;
	struct arn to;
	struct str id;
	if (!endpoint_ok(c, t, in, &to))
		return;
	for (uint32_t i = 0; i < in->Attributes.n; i++)
		if (!subscription_attribute_known(c, v[i].key, v[i].value))
			return;
	if (txn_get(c->txn, key_bytes(end_key(c, t, in->Protocol, in->Endpoint)), c->arena, &id)) {
		struct subscription *have = subscription_of_id(c, t, id);
		ASSERT(have != NULL);
		if (same_attributes(c, have->rec, &in->Attributes))
			out->SubscriptionArn = pending(have->rec) && !in->ReturnSubscriptionArn.v ? S("pending confirmation") : have->rec->Arn;
		return;
	}
	/* A web server, and a queue of somebody else, must be asked; a function says by its policy whom it lets in. */
	bool confirmed = str_eq(in->Protocol, S("lambda")) || str_eq(to.account, c->account);
	struct subscription *s = subscribe_new(c, t, in, confirmed);
	if (!subscription_attributes_ok(c, t, s->rec))
		return;
	save(c, t, s);
	txn_put(c->txn, key_bytes(end_key(c, t, in->Protocol, in->Endpoint)), s->id);
	txn_put(c->txn, key_bytes(mine_key(c, s->rec)), S(""));
	struct opt_i64 *count = confirmed ? &t->rec->Confirmed : &t->rec->Pending;
	*count = SOME_I64(count->v + 1);
	topic_save(c, t);
	if (!confirmed)
		ask_to_confirm(c, t, s);
	out->SubscriptionArn = confirmed || in->ReturnSubscriptionArn.v ? s->rec->Arn : S("pending confirmation");
}

/* ---- confirm, end ---- */

struct subscription *subscription_confirm(struct call *c, struct topic *t, struct str token, bool authenticated)
{
	struct str key, value;
	struct scan *scan = call_scan(c, topic_key(c, t, "sub"), STR_NONE, false);
	while (token.n > 0 && scan_next(scan, &key, &value)) {
		struct sns_SubscriptionRecord *r = record_decode(c, &sns_shape_SubscriptionRecord, value);
		if (!str_eq(r->Token, token))
			continue;
		struct subscription *s = arena_new_of(c->arena, struct subscription);
		*s = (struct subscription){str_slice(r->Arn, t->arn.n + 1, r->Arn.n), r};
		r->Token = STR_NONE;
		r->Authenticated = SOME_BOOL(authenticated);
		save(c, t, s);
		ASSERT(t->rec->Pending.v > 0);
		t->rec->Pending = SOME_I64(t->rec->Pending.v - 1);
		t->rec->Confirmed = SOME_I64(t->rec->Confirmed.v + 1);
		topic_save(c, t);
		return s;
	}
	return NULL;
}

void op_confirm_subscription(struct call *c)
{
	const struct sns_ConfirmSubscriptionInput *in = c->in;
	struct sns_ConfirmSubscriptionResponse *out = c->out;
	struct subscription *s = subscription_confirm(c, run_topic(c), in->Token, str_eq_nocase(in->AuthenticateOnUnsubscribe, S("true")));
	if (s == NULL)
		fail_parameter(c, "Token");
	else
		out->SubscriptionArn = s->rec->Arn;
}

/* An ARN of a subscription, whether it is there or not. */
static bool arn_ok(struct call *c, struct str text)
{
	struct arn arn;
	return (arn_parse(text, &arn) && str_eq(arn.service, S("sns")) && str_find(arn.resource, ':') > 0) || fail_parameter(c, "SubscriptionArn");
}

void op_unsubscribe(struct call *c)
{
	const struct sns_UnsubscribeInput *in = c->in;
	struct topic *t;
	if (!arn_ok(c, in->SubscriptionArn))
		return;
	struct subscription *s = subscription_find(c, in->SubscriptionArn, &t);
	if (s != NULL)
		subscription_remove(c, t, s); /* one that is gone is no error on AWS */
}

/* ---- list ---- */

static struct sns_Subscription shown(const struct sns_SubscriptionRecord *r)
{
	return (struct sns_Subscription){.SubscriptionArn = pending(r) ? S("PendingConfirmation") : r->Arn, .Owner = r->Owner, .Protocol = r->Protocol,
		.Endpoint = r->Endpoint, .TopicArn = r->TopicArn};
}

/* The page that a listing fills; false: c has failed. */
static bool list_begin(struct page_scan *p, struct call *c, struct key *prefix, struct str token, struct list *out, struct str *next_token)
{
	*out = LIST_OF(c->arena, struct sns_Subscription, PAGE);
	out->n = 0;
	*p = (struct page_scan){.c = c, .out = out, .max = PAGE, .next_token = next_token};
	return page_scan_open(p, prefix, token) || fail_parameter(c, "NextToken");
}

static void list_add(struct page_scan *p, const struct sns_SubscriptionRecord *r)
{
	ASSERT(p->out->n < PAGE);
	p->out->n++;
	*LIST_AT(*p->out, struct sns_Subscription, p->out->n - 1) = shown(r);
}

void op_list_subscriptions(struct call *c)
{
	const struct sns_ListSubscriptionsInput *in = c->in;
	struct sns_ListSubscriptionsResponse *out = c->out;
	struct key *prefix = sns_key(c, c->account, "mine");
	struct page_scan p;
	struct str key, value;
	if (!list_begin(&p, c, prefix, in->NextToken, &out->Subscriptions, &out->NextToken))
		return;
	while (page_scan_next(&p, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		struct str arn;
		struct topic *t;
		bool ok = key_read_str(&r, c->arena, &arn);
		ASSERT(ok);
		struct subscription *one = subscription_find(c, arn, &t);
		if (one != NULL) /* its topic may be on the way out */
			list_add(&p, one->rec);
	}
}

void op_list_subscriptions_by_topic(struct call *c)
{
	const struct sns_ListSubscriptionsByTopicInput *in = c->in;
	struct sns_ListSubscriptionsByTopicResponse *out = c->out;
	struct page_scan p;
	struct str key, value;
	if (!list_begin(&p, c, topic_key(c, run_topic(c), "sub"), in->NextToken, &out->Subscriptions, &out->NextToken))
		return;
	while (page_scan_next(&p, &key, &value))
		list_add(&p, record_decode(c, &sns_shape_SubscriptionRecord, value));
}

/* ---- attributes ---- */

/* NULL: c has failed. */
static const struct subscription *subscription_need(struct call *c, struct str arn, struct topic **t)
{
	const struct subscription *s = arn_ok(c, arn) ? subscription_find(c, arn, t) : NULL;
	if (s == NULL)
		call_fail(c, &sns_err_NotFoundException, "Subscription does not exist"); /* unless the ARN was none */
	return s;
}

void op_get_subscription_attributes(struct call *c)
{
	const struct sns_GetSubscriptionAttributesInput *in = c->in;
	struct sns_GetSubscriptionAttributesResponse *out = c->out;
	struct topic *t;
	const struct subscription *s = subscription_need(c, in->SubscriptionArn, &t);
	if (s == NULL)
		return;
	const struct sns_SubscriptionRecord *r = s->rec;
	struct arena *a = c->arena;
	struct map_of *m = &out->Attributes;
	attribute_set(a, m, S("SubscriptionArn"), r->Arn);
	attribute_set(a, m, S("TopicArn"), r->TopicArn);
	attribute_set(a, m, S("Owner"), r->Owner);
	attribute_set(a, m, S("Protocol"), r->Protocol);
	attribute_set(a, m, S("Endpoint"), r->Endpoint);
	attribute_set(a, m, S("SubscriptionPrincipal"), r->Principal);
	attribute_set(a, m, S("PendingConfirmation"), pending(r) ? S("true") : S("false"));
	attribute_set(a, m, S("ConfirmationWasAuthenticated"), r->Authenticated.v ? S("true") : S("false"));
	attribute_set(a, m, S("RawMessageDelivery"), S("false"));
	if (attribute_get(&r->Attributes, "FilterPolicy").n > 0)
		attribute_set(a, m, S("FilterPolicyScope"), S("MessageAttributes"));
	const struct sns_SubscriptionAttributesMap_entry *v = r->Attributes.v;
	for (uint32_t i = 0; i < r->Attributes.n; i++)
		attribute_set(a, m, v[i].key, v[i].value);
}

void op_set_subscription_attributes(struct call *c)
{
	const struct sns_SetSubscriptionAttributesInput *in = c->in;
	struct str value = str_present(in->AttributeValue) ? in->AttributeValue : S("");
	struct topic *t;
	const struct subscription *s = subscription_need(c, in->SubscriptionArn, &t);
	if (s == NULL || !subscription_attribute_known(c, in->AttributeName, value))
		return;
	attribute_set(c->arena, &s->rec->Attributes, in->AttributeName, value.n > 0 ? value : STR_NONE);
	if (subscription_attributes_ok(c, t, s->rec))
		save(c, t, s);
}
