/* What a subscription may be set to. Source: SetSubscriptionAttributes (SNS API Reference), "Amazon SNS dead-letter queues". */
#include "sns.h"

bool subscription_attribute_known(struct call *c, struct str name, struct str value)
{
	static const char *const known[] = {"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"};
	static const char *const refused[] = {"ReplayPolicy", "SubscriptionRoleArn"};
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(name, str_c(known[i])))
			return true;
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		if (str_eq(name, str_c(refused[i])) && value.n > 0) {
			call_unsupported(c, "the subscription attribute %s", refused[i]);
			return false;
		}
	return fail_parameter(c, "AttributeName");
}

/* A dead-letter queue lies in the subscription's account and region, and is FIFO when the topic is. */
static bool redrive_ok(struct call *c, const struct topic *t, struct str text)
{
	struct json *j = json_parse(c->arena, text, NULL);
	struct str target = json_get_str(j, "deadLetterTargetArn");
	struct arn arn;
	if (!json_is(j, JSON_OBJECT))
		return fail_parameter(c, "RedrivePolicy: failed to parse JSON.");
	if (!arn_parse(target, &arn) || !str_eq(arn.service, S("sqs")))
		return fail_parameter(c, "RedrivePolicy: deadLetterTargetArn is an invalid arn");
	if (!str_eq(arn.region, c->region) || !str_eq(arn.account, c->account))
		return fail_parameter(c, "RedrivePolicy: deadLetterTargetArn must be in the same account and region as the subscription");
	if (str_ends(arn.resource, S(".fifo")) && !t->fifo)
		return fail_parameter(c, "RedrivePolicy: must use a standard queue as DLQ for a subscription of a standard topic");
	return true;
}

bool subscription_attributes_ok(struct call *c, const struct topic *t, const struct sns_SubscriptionRecord *r)
{
	const struct map_of *m = &r->Attributes;
	struct str raw = attribute_get(m, "RawMessageDelivery"), scope = attribute_get(m, "FilterPolicyScope"), filter = attribute_get(m, "FilterPolicy"),
	           redrive = attribute_get(m, "RedrivePolicy");
	if (str_present(raw) && !str_eq_nocase(raw, S("true")) && !str_eq_nocase(raw, S("false")))
		return fail_parameter(c, "Attributes Reason: RawMessageDelivery: Invalid value [%.*s]. Must be true or false.", STR_ARG(raw));
	if (str_eq_nocase(raw, S("true")) && str_eq(r->Protocol, S("lambda")))
		return fail_parameter(c, "Attributes Reason: Delivery protocol [lambda] does not support raw message delivery.");
	struct str delivery = attribute_get(m, "DeliveryPolicy");
	if (delivery.n > 0 && !is_web(r))
		return fail_parameter(c, "Attributes Reason: DeliveryPolicy: Delivery protocol [%.*s] does not support delivery policy",
			STR_ARG(r->Protocol));
	if (delivery.n > 0 && !delivery_policy_ok(c, delivery, false))
		return false;
	if (str_present(scope) && !str_eq(scope, S("MessageAttributes")) && !str_eq(scope, S("MessageBody")))
		return fail_parameter(c, "Attributes Reason: FilterPolicyScope: Invalid value [%.*s]. Please use either MessageBody or MessageAttributes",
			STR_ARG(scope));
	if (filter.n > 0 && !filter_policy_ok(c, filter, scope))
		return false;
	return redrive.n == 0 || redrive_ok(c, t, redrive);
}
