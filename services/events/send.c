/* How each kind of target is called: as EventBridge itself on the rule's behalf, so that the target's own policy decides,
 * or as the role that the target names. */
#include "events.h"

#include "base/enc.h"
#include "svc/arn.h"

struct target_kind {
	struct str service;
	const char *prefix;  /* of the ARN's resource; NULL: any */
	const char *op;      /* the target service's operation */
	const char *needs;   /* an operation without which the target's permission could not be given; NULL: none */
};

static const struct target_kind kinds[] = {
	{STR_INIT("lambda"), "function:", "Invoke", NULL},
	{STR_INIT("sqs"), NULL, "SendMessage", NULL},
	{STR_INIT("sns"), NULL, "Publish", NULL},
	{STR_INIT("logs"), "log-group:/aws/events/", "PutLogEvents", "PutResourcePolicy"},
	{STR_INIT("events"), "event-bus/", "PutEvents", NULL},
	{STR_INIT("states"), "stateMachine:", "StartExecution", NULL},
	{STR_INIT("kinesis"), "stream/", "PutRecord", NULL},
	{STR_INIT("firehose"), "deliverystream/", "PutRecord", NULL},
};

static const struct target_kind *kind_of(const struct arn *arn)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (str_eq(kinds[i].service, arn->service) && (kinds[i].prefix == NULL || str_starts(arn->resource, str_c(kinds[i].prefix))))
			return &kinds[i];
	return NULL;
}

static bool offers(const char *service, const char *op)
{
	const struct service *s = service_find(str_c(service));
	return s != NULL && service_op(s, str_c(op)) != NULL;
}

const char *target_unsupported(struct call *c, const struct events_Target *t)
{
	struct arn arn;
	bool ok = arn_parse(t->Arn, &arn);
	ASSERT(ok); /* checked before */
	const struct target_kind *k = kind_of(&arn);
	const char *service = arena_cstr(c->arena, arn.service);
	if (k == NULL || !offers(service, k->op))
		return arena_cstr(c->arena, t->Arn);
	if (k->needs != NULL && !offers(service, k->needs))
		return arena_cstr(c->arena, arena_printf(c->arena, "%s yet: its resource policy cannot be put (%s)", arena_cstr(c->arena, t->Arn), k->needs));
	if (str_eq(arn.service, S("events")) && (!str_eq(arn.account, c->account) || !str_eq(arn.region, c->region)))
		return "an event bus of another account or region";
	return NULL;
}

/* ---- who asks, and what came of it ---- */

static const struct principal *sender(struct call *c, const struct events_Target *t, struct sending *s)
{
	if (t->RoleArn.n == 0)
		return service_principal(c, "events.amazonaws.com", s->rule_arn);
	const struct principal *role = assume_role(c, t->RoleArn, "events.amazonaws.com", S("EventBridge"), true);
	if (role == NULL) {
		s->code = S("NO_PERMISSIONS");
		s->message = arena_printf(c->arena, "Provided role '%.*s' cannot be assumed by principal 'events.amazonaws.com'.", STR_ARG(t->RoleArn));
	}
	return role;
}

static bool contains(struct str s, const char *part) { return str_find_str(s, str_c(part)) >= 0; }

static enum sent outcome(struct sending *s, const struct invoked *i)
{
	if (i->ok)
		return SENT;
	if (i->parked)
		return SENT_PARKED;
	struct str code = i->error.code;
	s->message = i->error.message.n > 0 ? i->error.message : code;
	if (contains(code, "AccessDenied") || contains(code, "NotAuthorized") || contains(code, "AuthorizationError")) {
		s->code = S("NO_PERMISSIONS");
		return SENT_NEVER;
	}
	if (contains(code, "NotFound") || contains(code, "NonExistent") || contains(code, "DoesNotExist")) {
		s->code = S("NO_RESOURCE");
		return SENT_NEVER;
	}
	s->code = contains(code, "Throttl") || contains(code, "TooManyRequests") ? S("THROTTLING")
	        : i->error.status >= 500 ? S("INTERNAL_ERROR") : S("SDK_CLIENT_ERROR");
	return SENT_RETRY;
}

static enum sent call_target(struct call *c, const struct arn *arn, const char *op, const struct json *in, const struct principal *who,
                             struct sending *s)
{
	const struct invoke_options o = {.who = who, .account = arn->account, .region = arn->region};
	struct invoked i = invoke(c, arena_cstr(c->arena, arn->service), op, in, &o);
	return outcome(s, &i);
}

/* ---- each kind ---- */

static struct json *queue_input(struct call *c, const struct arn *arn, struct str body)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "QueueUrl", arn_queue_url(c->arena, arn));
	json_set_str(c->arena, in, "MessageBody", body);
	return in;
}

/* A stream of a name of its own for each event, as EventBridge makes them. */
static enum sent to_log_group(struct call *c, const struct events_DeliveryRecord *d, const struct arn *arn, const struct principal *who,
                              struct sending *s)
{
	struct arena *a = c->arena;
	struct str group = str_slice(arn->resource, sizeof "log-group:" - 1, arn->resource.n);
	if (str_ends(group, S(":*")))
		group = str_slice(group, 0, group.n - 2);
	struct json *stream = json_new_object(a), *in = json_new_object(a), *events = json_new_array(a), *e = json_new_object(a);
	json_set_str(a, stream, "logGroupName", group);
	json_set_str(a, stream, "logStreamName", d->EventId);
	enum sent made = call_target(c, arn, "CreateLogStream", stream, who, s);
	if (made != SENT)
		return made;
	json_set_i64(a, e, "timestamp", c->now_ms);
	json_set_str(a, e, "message", s->body);
	json_push(a, events, e);
	json_set_str(a, in, "logGroupName", group);
	json_set_str(a, in, "logStreamName", d->EventId);
	json_set(a, in, S("logEvents"), events);
	return call_target(c, arn, "PutLogEvents", in, who, s);
}

/* Another bus of this account: the event goes on as it is, under its own id, through the bus's door for roles and rules. */
static enum sent to_bus(struct call *c, const struct events_DeliveryRecord *d, const struct arn *arn, const struct principal *who,
                        struct sending *s)
{
	struct str name = str_slice(arn->resource, sizeof "event-bus/" - 1, arn->resource.n);
	const struct events_BusRecord *b = bus_get(c, name);
	if (b == NULL) {
		s->code = S("NO_RESOURCE");
		s->message = arena_printf(c->arena, "Event bus %.*s does not exist.", STR_ARG(name));
		return SENT_NEVER;
	}
	const struct json *event = json_parse(c->arena, s->body, NULL);
	if (!json_is(event, JSON_OBJECT) || !json_is(json_get(event, S("detail")), JSON_OBJECT)) {
		s->code = S("SDK_CLIENT_ERROR");
		s->message = S("An event bus can only be sent events.");
		return SENT_NEVER;
	}
	struct access_extra x = {.resource_policy = b->Policy};
	/* Within an account a bus takes events of the account's own rules; with a role, the role must be allowed. */
	if (who->type != PRINCIPAL_SERVICE && authorize_as(c, who, S("events:PutEvents"), bus_arn(c, name), &x).decision != DECISION_ALLOW) {
		s->code = S("NO_PERMISSIONS");
		s->message = arena_printf(c->arena, "The role is not authorized to perform: events:PutEvents on resource: %.*s", STR_ARG(d->Target->Arn));
		return SENT_NEVER;
	}
	if (d->Hops.v >= HOPS_MAX) {
		s->code = S("SDK_CLIENT_ERROR");
		s->message = S("The event has passed through too many event buses.");
		return SENT_NEVER;
	}
	event_arrived(c, name, d->EventId, s->body, d->Hops.v + 1, NULL);
	return SENT;
}

/* What lies at the target's path, else the event's id. A key has at most 256 characters. */
static struct str partition_key(struct call *c, const struct events_DeliveryRecord *d, const struct sending *s)
{
	enum { KEY_BYTES_MAX = 256 };
	const struct events_KinesisParameters *p = d->Target->KinesisParameters;
	struct str key = p != NULL ? event_text_at(c, s->event, p->PartitionKeyPath) : STR_NONE;
	return str_present(key) && key.n > 0 && key.n <= KEY_BYTES_MAX ? key : d->EventId;
}

static struct json *simple_input(struct call *c, const struct events_DeliveryRecord *d, const struct arn *arn, const struct sending *s)
{
	struct arena *a = c->arena;
	struct str arn_text = d->Target->Arn;
	struct json *in = json_new_object(a);
	if (str_eq(arn->service, S("lambda"))) {
		json_set_str(a, in, "FunctionName", arn_text);
		json_set_str(a, in, "InvocationType", S("Event"));
		json_set_str(a, in, "Payload", base64_encode(a, s->body));
	} else if (str_eq(arn->service, S("sqs"))) {
		in = queue_input(c, arn, s->body);
		if (d->Target->SqsParameters != NULL && d->Target->SqsParameters->MessageGroupId.n > 0)
			json_set_str(a, in, "MessageGroupId", d->Target->SqsParameters->MessageGroupId);
	} else if (str_eq(arn->service, S("sns"))) {
		json_set_str(a, in, "TopicArn", arn_text);
		json_set_str(a, in, "Message", s->body);
	} else if (str_eq(arn->service, S("states"))) {
		json_set_str(a, in, "stateMachineArn", arn_text);
		json_set_str(a, in, "input", s->body);
	} else {
		bool kinesis = str_eq(arn->service, S("kinesis"));
		struct str name = str_slice(arn->resource, (size_t)str_find(arn->resource, '/') + 1, arn->resource.n);
		struct str bytes = base64_encode(a, s->body);
		if (kinesis) {
			json_set_str(a, in, "StreamName", name);
			json_set_str(a, in, "PartitionKey", partition_key(c, d, s));
			json_set_str(a, in, "Data", bytes);
		} else {
			struct json *record = json_new_object(a);
			json_set_str(a, record, "Data", bytes);
			json_set_str(a, in, "DeliveryStreamName", name);
			json_set(a, in, S("Record"), record);
		}
	}
	return in;
}

enum sent send_to_target(struct call *c, const struct events_DeliveryRecord *d, struct sending *s)
{
	struct arn arn;
	bool ok = arn_parse(d->Target->Arn, &arn);
	ASSERT(ok);
	const struct target_kind *k = kind_of(&arn);
	ASSERT(k != NULL); /* PutTargets has let it in */
	const struct principal *who = sender(c, d->Target, s);
	if (who == NULL)
		return SENT_NEVER;
	if (str_eq(arn.service, S("logs")))
		return to_log_group(c, d, &arn, who, s);
	if (str_eq(arn.service, S("events")))
		return to_bus(c, d, &arn, who, s);
	return call_target(c, &arn, k->op, simple_input(c, d, &arn, s), who, s);
}

enum sent send_dead_letter(struct call *c, struct str queue_arn, struct str body, struct json *attributes, struct sending *s)
{
	struct arn arn;
	bool ok = arn_parse(queue_arn, &arn);
	ASSERT(ok); /* PutTargets has let it in */
	struct json *in = queue_input(c, &arn, body);
	json_set(c->arena, in, S("MessageAttributes"), attributes);
	return call_target(c, &arn, "SendMessage", in, service_principal(c, "events.amazonaws.com", s->rule_arn), s);
}
