/* CloudFormation: AWS::SNS::Topic, AWS::SNS::Subscription, AWS::SNS::TopicPolicy. Source: the three types in the CloudFormation
 * Template Reference. Everything goes through the service's own operations. */
#include "sns.h"

static enum cfn_status ask(struct cfn_resource *r, const char *op, const struct json *in, struct json **out)
{
	struct invoked i = invoke(r->c, "sns", op, in, NULL);
	if (!i.ok)
		return cfn_done(r, &i);
	if (out != NULL)
		*out = i.out;
	return CFN_DONE;
}

static enum cfn_status ask_gone(struct cfn_resource *r, const char *op, const struct json *in)
{
	struct invoked i = invoke(r->c, "sns", op, in, NULL);
	return !i.ok && i.error.status == 404 ? CFN_DONE : cfn_done(r, &i);
}

static struct json *topic_input(struct cfn_resource *r, struct str arn)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "TopicArn", arn);
	return in;
}

/* Set what is given; what was given before and is no more goes back to its default. */
static enum cfn_status set_attributes(struct cfn_resource *r, const char *const *names, const char *op,
                                      struct json *(*input)(struct cfn_resource *, struct str))
{
	struct arena *a = r->c->arena;
	for (; *names != NULL; names++) {
		const struct json *v = json_get(r->properties, str_c(*names)), *old = json_get(r->old_properties, str_c(*names));
		if ((v == NULL && old == NULL) || (v != NULL && old != NULL && json_equal(v, old)))
			continue;
		struct json *in = input(r, r->physical_id);
		json_set_str(a, in, "AttributeName", str_c(*names));
		json_set(a, in, S("AttributeValue"), v != NULL ? cfn_attribute(a, v) : json_new_str(a, S("")));
		enum cfn_status s = ask(r, op, in, NULL);
		if (s != CFN_DONE)
			return s;
	}
	return CFN_DONE;
}

/* ---- topics ---- */

static const char *const topic_settable[] = {"ContentBasedDeduplication", "DeliveryPolicy", "DisplayName", "FifoThroughputScope", "SignatureVersion",
	"TracingConfig", NULL};
static const char *const topic_properties[] = {"ContentBasedDeduplication", "DeliveryPolicy", "DisplayName", "FifoThroughputScope", "FifoTopic",
	"SignatureVersion", "Subscription", "Tags", "TopicName", "TracingConfig", NULL};
static const char *const topic_replaces[] = {"FifoTopic", "TopicName", NULL};

static enum cfn_status subscribe_listed(struct cfn_resource *r)
{
	const struct json *list = json_get(r->properties, S("Subscription"));
	for (size_t i = 0; list != NULL && i < list->n; i++) {
		struct json *in = topic_input(r, r->physical_id);
		json_set_str(r->c->arena, in, "Protocol", json_get_str(json_at(list, i), "Protocol"));
		json_set_str(r->c->arena, in, "Endpoint", json_get_str(json_at(list, i), "Endpoint"));
		enum cfn_status s = ask(r, "Subscribe", in, NULL);
		if (s != CFN_DONE)
			return s;
	}
	return CFN_DONE;
}

static enum cfn_status topic_create(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a), *attributes = json_new_object(a), *out = NULL;
	bool fifo = cfn_true(json_get(r->properties, S("FifoTopic")));
	struct str name = json_get_str(r->properties, "TopicName");
	if (!str_present(name)) {
		name = cfn_make_name(r, fifo ? TOPIC_NAME_MAX - 5 : TOPIC_NAME_MAX, false);
		name = fifo ? arena_join(a, name, S(".fifo")) : name;
	}
	json_set_str(a, in, "Name", name);
	for (const char *const *p = topic_settable; *p != NULL; p++)
		if (json_get(r->properties, str_c(*p)) != NULL)
			json_set(a, attributes, str_c(*p), cfn_attribute(a, json_get(r->properties, str_c(*p))));
	if (fifo)
		json_set_str(a, attributes, "FifoTopic", S("true"));
	json_set(a, in, S("Attributes"), attributes);
	json_set(a, in, S("Tags"), cfn_tags(r, false));
	enum cfn_status s = ask(r, "CreateTopic", in, &out);
	if (s != CFN_DONE)
		return s;
	r->physical_id = json_get_str(out, "TopicArn");
	json_set_str(a, r->attributes, "TopicArn", r->physical_id);
	json_set_str(a, r->attributes, "TopicName", name);
	return subscribe_listed(r);
}

static enum cfn_status topic_tags(struct cfn_resource *r)
{
	static const struct cfn_tagging tagging = {"sns", "TagResource", "UntagResource", "ResourceArn", "Tags", "TagKeys", false};
	return cfn_tags_update(r, &tagging, r->physical_id);
}

static enum cfn_status topic_update(struct cfn_resource *r)
{
	const struct json *list = json_get(r->properties, S("Subscription")), *old = json_get(r->old_properties, S("Subscription"));
	enum cfn_status s = set_attributes(r, topic_settable, "SetTopicAttributes", topic_input);
	if (s == CFN_DONE)
		s = topic_tags(r);
	/* As on AWS, one taken out of the list is not ended. */
	return s == CFN_DONE && list != NULL && (old == NULL || !json_equal(list, old)) ? subscribe_listed(r) : s;
}

static enum cfn_status topic_remove(struct cfn_resource *r) { return ask_gone(r, "DeleteTopic", topic_input(r, r->physical_id)); }

/* ---- subscriptions ---- */

static const char *const sub_settable[] = {"FilterPolicyScope", "FilterPolicy", "RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy", NULL};
static const char *const sub_properties[] = {"DeliveryPolicy", "Endpoint", "FilterPolicy", "FilterPolicyScope", "Protocol", "RawMessageDelivery",
	"RedrivePolicy", "Region", "TopicArn", NULL};
static const char *const sub_replaces[] = {"Endpoint", "Protocol", "TopicArn", NULL};

static enum cfn_status sub_create(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *in = topic_input(r, json_get_str(r->properties, "TopicArn")), *attributes = json_new_object(a), *out = NULL;
	json_set_str(a, in, "Protocol", json_get_str(r->properties, "Protocol"));
	json_set_str(a, in, "Endpoint", json_get_str(r->properties, "Endpoint"));
	json_set_bool(a, in, "ReturnSubscriptionArn", true);
	for (const char *const *p = sub_settable; *p != NULL; p++)
		if (json_get(r->properties, str_c(*p)) != NULL)
			json_set(a, attributes, str_c(*p), cfn_attribute(a, json_get(r->properties, str_c(*p))));
	json_set(a, in, S("Attributes"), attributes);
	enum cfn_status s = ask(r, "Subscribe", in, &out);
	if (s == CFN_DONE) {
		r->physical_id = json_get_str(out, "SubscriptionArn");
		json_set_str(a, r->attributes, "Arn", r->physical_id);
	}
	return s;
}

static struct json *sub_input(struct cfn_resource *r, struct str arn)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "SubscriptionArn", arn);
	return in;
}

static enum cfn_status sub_update(struct cfn_resource *r) { return set_attributes(r, sub_settable, "SetSubscriptionAttributes", sub_input); }

static enum cfn_status sub_remove(struct cfn_resource *r) { return ask_gone(r, "Unsubscribe", sub_input(r, r->physical_id)); }

/* ---- policies ---- */

static const char *const policy_properties[] = {"PolicyDocument", "Topics", NULL};

static enum cfn_status policy_set(struct cfn_resource *r, const struct json *topics, struct json *text)
{
	for (size_t i = 0; topics != NULL && i < topics->n; i++) {
		struct json *in = topic_input(r, json_str(json_at(topics, i)));
		json_set_str(r->c->arena, in, "AttributeName", S("Policy"));
		json_set(r->c->arena, in, S("AttributeValue"), text);
		enum cfn_status s = text->text.n > 0 ? ask(r, "SetTopicAttributes", in, NULL) : ask_gone(r, "SetTopicAttributes", in);
		if (s != CFN_DONE)
			return s;
	}
	return CFN_DONE;
}

static enum cfn_status policy_create(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	const struct json *document = json_get(r->properties, S("PolicyDocument"));
	if (document == NULL)
		return cfn_fail(r, "A topic policy needs a PolicyDocument");
	if (!str_present(r->physical_id))
		r->physical_id = cfn_make_name(r, TOPIC_NAME_MAX, false);
	json_set_str(a, r->attributes, "Id", r->physical_id);
	return policy_set(r, json_get(r->properties, S("Topics")), cfn_attribute(a, document));
}

static enum cfn_status policy_update(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	const struct json *now = json_get(r->properties, S("Topics")), *before = json_get(r->old_properties, S("Topics"));
	struct json *left = json_new_array(a);
	for (size_t i = 0; json_is(before, JSON_ARRAY) && i < before->n; i++) {
		bool kept = false;
		for (size_t k = 0; json_is(now, JSON_ARRAY) && k < now->n && !kept; k++)
			kept = json_equal(json_at(now, k), json_at(before, i));
		if (!kept)
			json_push(a, left, json_at(before, i));
	}
	enum cfn_status s = policy_set(r, left, json_new_str(a, S("")));
	return s == CFN_DONE ? policy_create(r) : s;
}

static enum cfn_status policy_remove(struct cfn_resource *r)
{
	return policy_set(r, json_get(r->properties, S("Topics")), json_new_str(r->c->arena, S("")));
}

const struct cfn_type sns_cfn_types[] = {
	{"AWS::SNS::Subscription", sub_properties, sub_replaces, sub_create, sub_update, sub_remove, NULL},
	{"AWS::SNS::Topic", topic_properties, topic_replaces, topic_create, topic_update, topic_remove, "TopicName"},
	{"AWS::SNS::TopicPolicy", policy_properties, NULL, policy_create, policy_update, policy_remove, NULL},
};
_Static_assert(COUNT_OF(sns_cfn_types) == SNS_CFN_TYPES, "as sns.h says");
