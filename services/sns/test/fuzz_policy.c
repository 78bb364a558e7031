/* Any text as what a subscription or a topic says about delivery, over any message: filter policy, delivery policy, attributes and body, apart
 * by NULs. Each is refused with an error, or can be used: the filter asked, the retries reckoned to their end. */
#include "../sns.h"

#include "../../../tests/fuzz/bare_call.h"

static void attribute(struct arena *a, struct map_of *m, const char *name, struct str value)
{
	struct sns_SubscriptionAttributesMap_entry *v = m->v;
	if (v == NULL)
		m->v = v = arena_array(a, struct sns_SubscriptionAttributesMap_entry, 3);
	v[m->n++] = (struct sns_SubscriptionAttributesMap_entry){str_c(name), value};
}

static void filter(struct task *t, struct arena *a, struct str policy, const struct sns_MessageRecord *m)
{
	static const char *const scopes[] = {"MessageAttributes", "MessageBody"};
	for (size_t i = 0; i < COUNT_OF(scopes); i++) {
		struct sns_SubscriptionRecord r = {0};
		if (filter_policy_ok(&t->call, policy, str_c(scopes[i]))) {
			attribute(a, &r.Attributes, "FilterPolicy", policy);
			attribute(a, &r.Attributes, "FilterPolicyScope", str_c(scopes[i]));
			(void)filter_passes(a, &r, m);
		}
		bare_call_end(t);
	}
}

static void retries(struct arena *a, struct str subscriptions, struct str topics)
{
	struct sns_TopicRecord record = {0};
	struct sns_SubscriptionRecord r = {.Protocol = S("https")};
	struct topic topic = {.rec = &record};
	struct notification n = {.topic = &topic, .sub = &r};
	if (str_present(subscriptions))
		attribute(a, &r.Attributes, "DeliveryPolicy", subscriptions);
	if (str_present(topics))
		attribute(a, &record.Attributes, "DeliveryPolicy", topics);
	int64_t total_ms = 0, tries = 0;
	for (int64_t ms; (ms = web_retry_after_ms(a, &n, tries)) >= 0; tries++) {
		ASSERT(ms <= 3600 * 1000);
		total_ms += ms;
	}
	ASSERT(tries <= 100 && total_ms <= 3600 * 1000);
}

static void message_of(struct arena *a, struct str attributes, struct str body, struct sns_MessageRecord *m)
{
	const struct json *j = json_parse(a, attributes, NULL);
	struct sns_MessageAttributeMap_entry *v = arena_array(a, struct sns_MessageAttributeMap_entry, 10);
	*m = (struct sns_MessageRecord){.Message = body, .Attributes = {v, 0, true}};
	for (uint32_t i = 0; json_is(j, JSON_OBJECT) && i < j->n && i < 10; i++) {
		struct str text = json_str(&j->members[i].value);
		const char *type = str_starts(text, S("[")) ? "String.Array" : text.n > 0 && text.p[0] < ':' ? "Number" : "String";
		if (str_present(text))
			v[m->Attributes.n++] = (struct sns_MessageAttributeMap_entry){.key = j->members[i].key,
				.value = {.DataType = str_c(type), .StringValue = text}};
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str rest = str_of((const char *)data, size), policy = str_cut(&rest, '\0'), delivery = str_present(rest) ? str_cut(&rest, '\0') : S("");
	struct str attributes = str_present(rest) ? str_cut(&rest, '\0') : S(""), body = str_present(rest) ? rest : S("");
	struct task t;
	struct call *c = bare_call(&t, a, "sns");
	struct sns_MessageRecord m;
	message_of(a, attributes, body, &m);
	filter(&t, a, policy, &m);
	bool own = delivery_policy_ok(c, delivery, false);
	ASSERT(own == !c->failed);
	bare_call_end(&t);
	bool topics = delivery_policy_ok(c, delivery, true);
	ASSERT(topics == !c->failed);
	bare_call_end(&t);
	retries(a, own ? delivery : STR_NONE, topics ? delivery : STR_NONE);
	arena_free(a);
	return 0;
}
