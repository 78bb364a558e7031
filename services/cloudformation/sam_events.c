/* Event sources that push: Schedule, CloudWatchEvent / EventBridgeRule, SNS, S3, CloudWatchLogs. Api events are in
 * sam_api_event.c, sources that are polled in sam_pull.c. Each makes its own resources and a Lambda permission. */
#include "sam.h"

#include <stdlib.h>

void *sam_event_fail(struct sam *s, const struct event *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str message = arena_vprintf(s->a, fmt, ap);
	va_end(ap);
	return sam_fail(s, "Event with id [%.*s] is invalid. %.*s", STR_ARG(e->name), STR_ARG(message));
}

struct made *sam_permission(struct sam *s, const struct target *t, struct str prefix, struct str suffix, const char *principal,
	const struct json *source_arn)
{
	struct str tail = suffix.n == 0 || sam_alphanumeric(suffix) ? suffix : sam_hash(s, suffix, 10);
	struct made *m = sam_make(s, arena_join(s->a, prefix, S("Permission"), tail), "AWS::Lambda::Permission", s->passed);
	sam_set(s, m->properties, S("Action"), sam_text(s, S("lambda:InvokeFunction")));
	sam_set(s, m->properties, S("FunctionName"), t->name);
	sam_set(s, m->properties, S("Principal"), sam_text(s, str_c(principal)));
	sam_put(s, m->properties, "SourceArn", source_arn);
	return m;
}

static bool only(struct sam *s, const struct event *e, const char *const *names)
{
	for (uint32_t i = 0; i < e->properties->n; i++) {
		const char *const *n = names;
		while (*n != NULL && !str_eq(e->properties->members[i].key, str_c(*n)))
			n++;
		if (*n == NULL)
			return sam_event_fail(s, e, "property %.*s not defined for resource of type %.*s",
			                      STR_ARG(e->properties->members[i].key), STR_ARG(e->type)) != NULL;
	}
	return true;
}

static const struct json *need(struct sam *s, const struct event *e, const char *name)
{
	const struct json *v = json_get(e->properties, str_c(name));
	return v != NULL ? v : sam_event_fail(s, e, "Missing required property '%s'.", name);
}

/* ---- rules ---- */

/* State of the rule from State and Enabled; false: both are there. */
static bool rule_state(struct sam *s, const struct event *e, struct made *rule)
{
	const struct json *state = json_get(e->properties, S("State")), *enabled = json_get(e->properties, S("Enabled"));
	if (sam_truthy(state) && enabled != NULL)
		return sam_event_fail(s, e, "State and Enabled Properties cannot both be specified.") != NULL;
	if (sam_truthy(state))
		sam_put(s, rule->properties, "State", state);
	if (enabled != NULL)
		sam_set(s, rule->properties, S("State"), sam_text(s, sam_truthy(enabled) ? S("ENABLED") : S("DISABLED")));
	return true;
}

/* The ARN of the rule's dead-letter queue, made with its policy when only Type is given. NULL: none, or failed. */
static const struct json *rule_dead_letters(struct sam *s, const struct event *e, const struct json *rule_arn)
{
	const struct json *config = json_get(e->properties, S("DeadLetterConfig"));
	const struct json *arn = json_get(config, S("Arn")), *type = json_get(config, S("Type"));
	if (config == NULL)
		return NULL;
	if (arn != NULL && type != NULL)
		return sam_event_fail(s, e, "You can either define 'Arn' or 'Type' property of DeadLetterConfig.");
	if (arn != NULL)
		return arn;
	if (type == NULL)
		return sam_event_fail(s, e, "No 'Arn' or 'Type' property provided for DeadLetterConfig.");
	if (!str_eq(json_str(type), S("SQS")))
		return sam_event_fail(s, e, "The only valid value for 'Type' property of DeadLetterConfig is 'SQS'.");
	struct str id = json_get_str(config, "QueueLogicalId");
	if (id.n == 0)
		id = arena_join(s->a, e->id, S("Queue"));
	sam_make(s, id, "AWS::SQS::Queue", s->passed);
	struct made *policy = sam_make(s, arena_join(s->a, e->id, S("QueuePolicy")), "AWS::SQS::QueuePolicy", s->passed);
	struct json *document = sam_lit(s, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Action\":\"sqs:SendMessage\",\"Effect\":\"Allow\","
		"\"Principal\":{\"Service\":\"events.amazonaws.com\"}}]}");
	struct json *statement = json_at(json_get(document, S("Statement")), 0);
	ASSERT(json_is(statement, JSON_OBJECT));
	sam_set(s, statement, S("Resource"), sam_get_att(s, id, "Arn"));
	sam_set(s, statement, S("Condition"), sam_one(s, "ArnEquals", sam_one(s, "aws:SourceArn", rule_arn)));
	sam_set(s, policy->properties, S("PolicyDocument"), document);
	sam_set(s, policy->properties, S("Queues"), sam_list(s, sam_ref(s, id)));
	return sam_get_att(s, id, "Arn");
}

static struct str target_id(struct sam *s, struct str id)
{
	static const char suffix[] = "LambdaTarget";
	size_t room = 64 - (sizeof(suffix) - 1);
	struct str made = arena_join(s->a, str_slice(id, 0, room), S("LambdaTarget"));
	ASSERT(made.n <= 64);
	return made;
}

static void rule_event(struct sam *s, const struct target *t, const struct event *e, bool schedule)
{
	static const char *const names[] = {"Schedule", "RuleName", "Input", "Enabled", "State", "Name", "Description", "DeadLetterConfig",
		"RetryPolicy", "EventBusName", "Pattern", "InputPath", "Target", "InputTransformer", NULL};
	const struct json *p = e->properties;
	if (!only(s, e, names) || (schedule && need(s, e, "Schedule") == NULL))
		return;
	ASSERT(!s->failed && sam_alphanumeric(e->id)); /* one_event */
	struct made *rule = sam_make(s, e->id, "AWS::Events::Rule", s->passed);
	struct json *arn = sam_get_att(s, e->id, "Arn");
	sam_put(s, rule->properties, "ScheduleExpression", schedule ? json_get(p, S("Schedule")) : NULL);
	sam_put(s, rule->properties, "Name", json_get(p, schedule ? S("Name") : S("RuleName")));
	sam_put(s, rule->properties, "Description", json_get(p, S("Description")));
	sam_put(s, rule->properties, "EventBusName", json_get(p, S("EventBusName")));
	sam_put(s, rule->properties, "EventPattern", json_get(p, S("Pattern")));
	const struct json *dead = rule_dead_letters(s, e, arn);
	if (s->failed || !rule_state(s, e, rule))
		return;
	struct json *target = sam_one(s, "Arn", t->arn);
	struct str own_id = json_get_str(json_get(p, S("Target")), "Id");
	sam_set(s, target, S("Id"), sam_text(s, str_present(own_id) ? own_id : target_id(s, e->id)));
	sam_put(s, target, "Input", json_get(p, S("Input")));
	sam_put(s, target, "InputPath", json_get(p, S("InputPath")));
	if (dead != NULL)
		sam_set(s, target, S("DeadLetterConfig"), sam_one(s, "Arn", dead));
	sam_put(s, target, "RetryPolicy", json_get(p, S("RetryPolicy")));
	sam_put(s, target, "InputTransformer", json_get(p, S("InputTransformer")));
	sam_set(s, rule->properties, S("Targets"), sam_list(s, target));
	sam_permission(s, t, e->id, S(""), "events.amazonaws.com", arn);
}

static void schedule_event(struct sam *s, const struct target *t, const struct event *e) { rule_event(s, t, e, true); }
static void pattern_event(struct sam *s, const struct target *t, const struct event *e) { rule_event(s, t, e, false); }

/* ---- SNS ---- */

static void subscription(struct sam *s, const struct event *e, const char *protocol, const struct json *endpoint)
{
	static const char *const same[] = {"Region", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy"};
	struct made *m = sam_make(s, e->id, "AWS::SNS::Subscription", s->passed);
	sam_set(s, m->properties, S("Protocol"), sam_text(s, str_c(protocol)));
	sam_set(s, m->properties, S("Endpoint"), endpoint);
	sam_put(s, m->properties, "TopicArn", json_get(e->properties, S("Topic")));
	for (size_t i = 0; i < COUNT_OF(same); i++)
		sam_put(s, m->properties, same[i], json_get(e->properties, str_c(same[i])));
}

static void topic_queue_policy(struct sam *s, const struct event *e, struct str id, const struct json *arn, const struct json *url)
{
	struct made *m = sam_make(s, id, "AWS::SQS::QueuePolicy", s->passed);
	struct json *document = sam_lit(s, "{\"Version\":\"2012-10-17\",\"Statement\":["
		"{\"Action\":\"sqs:SendMessage\",\"Effect\":\"Allow\",\"Principal\":\"*\"}]}");
	struct json *statement = json_at(json_get(document, S("Statement")), 0);
	sam_set(s, statement, S("Resource"), arn);
	sam_set(s, statement, S("Condition"), sam_one(s, "ArnEquals", sam_one(s, "aws:SourceArn", json_get(e->properties, S("Topic")))));
	sam_set(s, m->properties, S("PolicyDocument"), document);
	sam_set(s, m->properties, S("Queues"), sam_list(s, url));
}

static bool is_fifo_topic(struct sam *s, const struct json *topic)
{
	struct str id = sam_is_function(topic, "Ref") ? json_str(&topic->members[0].value) : STR_NONE;
	const struct json *p = str_present(id) ? json_get(json_get(s->resources, id), S("Properties")) : NULL;
	return sam_truthy(sam_resolve(s, json_get(p, S("FifoTopic"))));
}

static void sns_event(struct sam *s, const struct target *t, const struct event *e)
{
	static const char *const names[] = {"Topic", "Region", "FilterPolicy", "FilterPolicyScope", "SqsSubscription", "RedrivePolicy", NULL};
	const struct json *topic, *queue = json_get(e->properties, S("SqsSubscription")), *arn, *url, *size = NULL;
	if (!only(s, e, names) || (topic = need(s, e, "Topic")) == NULL)
		return;
	if (!sam_truthy(queue)) {
		sam_permission(s, t, e->id, S(""), "sns.amazonaws.com", topic);
		subscription(s, e, "lambda", t->arn);
		return;
	}
	struct str policy_id = json_get_str(queue, "QueuePolicyLogicalId"), queue_id = arena_join(s->a, e->id, S("Queue"));
	if (queue->type == JSON_TRUE) {
		struct made *made = sam_make(s, queue_id, "AWS::SQS::Queue", s->passed);
		if (is_fifo_topic(s, topic))
			sam_set(s, made->properties, S("FifoQueue"), json_new_bool(s->a, true));
		arn = sam_get_att(s, queue_id, "Arn");
		url = sam_ref(s, queue_id);
	} else {
		arn = json_get(queue, S("QueueArn"));
		url = json_get(queue, S("QueueUrl"));
		size = json_get(queue, S("BatchSize"));
		if (!sam_truthy(arn) || !sam_truthy(url)) {
			sam_event_fail(s, e, "No QueueARN or QueueURL provided.");
			return;
		}
	}
	sam_sqs_mapping(s, t, arena_join(s->a, e->id, S("EventSourceMapping")), arn, size);
	topic_queue_policy(s, e, policy_id.n > 0 ? policy_id : arena_join(s->a, e->id, S("QueuePolicy")), arn, url);
	subscription(s, e, "sqs", arn);
}

/* ---- S3 ---- */

static void depend_on_permission(struct sam *s, struct json *bucket, struct str permission)
{
	struct json *properties = sam_ensure(s, bucket, S("Properties"), JSON_OBJECT), *depends = json_get(bucket, S("DependsOn"));
	struct str condition = json_get_str(s->passed, "Condition");
	if (str_present(condition)) {
		/* DependsOn cannot be conditional: a tag that refers to the permission makes the bucket wait for it */
		struct json *three = sam_list(s, sam_text(s, condition)), *tag;
		sam_push(s, three, sam_ref(s, permission));
		sam_push(s, three, sam_text(s, S("no dependency")));
		tag = sam_one(s, "Key", sam_text(s, arena_join(s->a, S("sam:ConditionalDependsOn:"), permission)));
		sam_set(s, tag, S("Value"), sam_one(s, "Fn::If", three));
		sam_push(s, sam_ensure(s, properties, S("Tags"), JSON_ARRAY), tag);
		return;
	}
	struct json *list = json_is(depends, JSON_ARRAY) ? json_copy(s->a, depends) : json_new_array(s->a);
	if (json_is(depends, JSON_STRING))
		sam_push(s, list, depends);
	if (!sam_contains(list, sam_text(s, permission)))
		sam_push(s, list, sam_text(s, permission));
	ASSERT(list->n > 0);
	sam_set(s, bucket, S("DependsOn"), list);
}

static void s3_event(struct sam *s, const struct target *t, const struct event *e)
{
	static const char *const names[] = {"Bucket", "Events", "Filter", NULL};
	const struct json *ref = json_get(e->properties, S("Bucket")), *events, *filter = json_get(e->properties, S("Filter"));
	struct str id = sam_is_function(ref, "Ref") ? json_str(&ref->members[0].value) : STR_NONE;
	struct json *bucket = str_present(id) ? json_get(s->resources, id) : NULL;
	if (!only(s, e, names) || (events = need(s, e, "Events")) == NULL)
		return;
	if (bucket == NULL) {
		sam_event_fail(s, e, "S3 events must reference an S3 bucket in the same template.");
		return;
	}
	ASSERT(!s->failed && str_present(id));
	struct made *permission = sam_permission(s, t, e->id, S(""), "s3.amazonaws.com", NULL);
	sam_set(s, permission->properties, S("SourceAccount"), sam_ref(s, S("AWS::AccountId")));
	depend_on_permission(s, bucket, permission->id);
	struct json *properties = sam_ensure(s, bucket, S("Properties"), JSON_OBJECT);
	struct json *config = sam_ensure(s, properties, S("NotificationConfiguration"), JSON_OBJECT);
	struct json *list = sam_ensure(s, config, S("LambdaConfigurations"), JSON_ARRAY);
	if (json_is(events, JSON_STRING))
		events = sam_list(s, events);
	for (uint32_t i = 0; json_is(events, JSON_ARRAY) && i < events->n; i++) {
		struct json *one = sam_one(s, "Function", t->arn);
		sam_put(s, one, "Filter", filter);
		sam_set(s, one, S("Event"), &events->items[i]);
		struct str condition = json_get_str(s->passed, "Condition");
		if (str_present(condition))
			one = sam_if(s, condition, one);
		if (!sam_contains(list, one))
			sam_push(s, list, one);
	}
	sam_set(s, s->out, id, json_copy(s->a, bucket));
}

/* ---- CloudWatch Logs ---- */

static void logs_event(struct sam *s, const struct target *t, const struct event *e)
{
	static const char *const names[] = {"LogGroupName", "FilterPattern", NULL};
	const struct json *group, *pattern;
	if (!only(s, e, names) || (group = need(s, e, "LogGroupName")) == NULL || (pattern = need(s, e, "FilterPattern")) == NULL)
		return;
	struct json *arn = sam_sub(s, S("arn:aws:logs:${AWS::Region}:${AWS::AccountId}:log-group:${__LogGroupName__}:*"),
	                           sam_one(s, "__LogGroupName__", group));
	struct made *permission = sam_permission(s, t, e->id, S(""), "logs.amazonaws.com", arn);
	struct made *filter = sam_make(s, e->id, "AWS::Logs::SubscriptionFilter", s->passed);
	sam_depends(s, filter, permission->id);
	sam_put(s, filter->properties, "LogGroupName", group);
	sam_put(s, filter->properties, "FilterPattern", pattern);
	sam_put(s, filter->properties, "DestinationArn", t->arn);
}

/* ---- all of a function's ---- */

static const struct source {
	const char *type;
	void (*run)(struct sam *s, const struct target *t, const struct event *e);
} sources[] = {
	{"Api", sam_api_event}, {"CloudWatchEvent", pattern_event}, {"CloudWatchLogs", logs_event}, {"DynamoDB", sam_pull_event},
	{"EventBridgeRule", pattern_event}, {"Kinesis", sam_pull_event}, {"S3", s3_event}, {"SNS", sns_event},
	{"SQS", sam_pull_event}, {"Schedule", schedule_event},
};

/* In the translator's order: by Path, or by name where there is none. */
static struct str order_key(const struct json_member *event)
{
	struct str path = json_get_str(json_get(&event->value, S("Properties")), "Path");
	return str_present(path) ? path : event->key;
}

static int by_order(const void *x, const void *y)
{
	const struct json_member *const *l = x, *const *r = y;
	int c = str_cmp(order_key(*l), order_key(*r));
	return c != 0 ? c : (*l > *r) - (*l < *r);
}

static void one_event(struct sam *s, const struct target *t, const struct json_member *m)
{
	struct event e = {.name = m->key, .id = arena_join(s->a, s->id, m->key), .type = json_get_str(&m->value, "Type")};
	struct json *properties = json_get(&m->value, S("Properties"));
	e.properties = json_is(properties, JSON_OBJECT) ? properties : json_new_object(s->a);
	if (!sam_alphanumeric(e.id)) {
		sam_event_fail(s, &e, "Logical ids must be alphanumeric.");
		return;
	}
	for (size_t i = 0; i < COUNT_OF(sources); i++) {
		if (str_eq(e.type, str_c(sources[i].type))) {
			sources[i].run(s, t, &e);
			return;
		}
	}
	sam_event_fail(s, &e, "Event type '%.*s' is not supported.", STR_ARG(e.type));
}

void sam_events(struct sam *s, const struct target *t)
{
	const struct json *events = sam_property(s, "Events");
	if (!json_is(events, JSON_OBJECT))
		return;
	struct json_member **order = arena_array(s->a, struct json_member *, events->n);
	for (uint32_t i = 0; i < events->n; i++)
		order[i] = &events->members[i];
	qsort(order, events->n, sizeof(struct json_member *), by_order);
	for (uint32_t i = 0; i < events->n && !s->failed; i++)
		one_event(s, t, order[i]);
}
