/* Event buses: made, described, listed, deleted.
 *
 * What always holds: the default bus is there without a record, which is written when it is first changed; a bus with rules cannot be
 * deleted, so no rule is without its bus. Source: CreateEventBus, DeleteEventBus (API Reference). */
#include "events.h"

#include "svc/arn.h"
#include "svc/page.h"
#include "svc/tags.h"

static struct key *bus_key(struct call *c, struct str name) { return key_str(call_key(c, "bus"), name); }

struct str bus_arn(struct call *c, struct str bus)
{
	return arn_make(c->arena, "events", c->region, c->account, arena_join(c->arena, S("event-bus/"), bus));
}

struct events_BusRecord *bus_get(struct call *c, struct str name)
{
	struct events_BusRecord *b = call_get(c, bus_key(c, name), &events_shape_BusRecord);
	if (b == NULL && str_eq(name, S("default"))) {
		b = arena_new_of(c->arena, struct events_BusRecord);
		b->Name = name;
	}
	return b;
}

struct events_BusRecord *bus_need(struct call *c, struct str name)
{
	struct events_BusRecord *b = c->failed ? NULL : bus_get(c, name);
	if (b == NULL)
		call_fail(c, &events_err_ResourceNotFoundException, "Event bus %.*s does not exist.", STR_ARG(name));
	return b;
}

void bus_put(struct call *c, struct events_BusRecord *b)
{
	ASSERT(str_present(b->Name) && b->Tags.n <= TAGS_OF_RESOURCE);
	b->ModifiedMs = SOME_I64(c->now_ms);
	call_put(c, bus_key(c, b->Name), &events_shape_BusRecord, b);
}

struct str bus_named(struct call *c, struct str text)
{
	struct arn arn;
	if (!str_present(text))
		return S("default");
	if (!str_starts(text, S("arn:")))
		return text;
	if (!arn_parse(text, &arn) || !str_starts(arn.resource, S("event-bus/"))) {
		call_fail_code(c, 400, "ValidationException", "Parameter EventBusName is not valid.");
		return S("");
	}
	struct str name = str_slice(arn.resource, sizeof "event-bus/" - 1, arn.resource.n);
	if (!str_eq(arn.account, c->account) || !str_eq(arn.region, c->region))
		call_fail(c, &events_err_ResourceNotFoundException, "Event bus %.*s does not exist.", STR_ARG(name));
	return name;
}

void access_bus(struct call *c)
{
	struct str name = call_input_text(c, "EventBusName");
	name = bus_named(c, str_present(name) ? name : call_input_text(c, "Name"));
	if (c->failed)
		return;
	struct access_extra x = {0};
	const struct events_BusRecord *b = c->who->type == PRINCIPAL_ROOT ? NULL : bus_get(c, name);
	tags_conditions(c, &x, b != NULL ? TAGS_OF(b->Tags, struct events_Tag) : (struct tags){0});
	authorize(c, NULL, bus_arn(c, name), &x);
}

static bool dead_letter_ok(struct call *c, const struct events_DeadLetterConfig *d)
{
	if (d == NULL || !str_present(d->Arn) || d->Arn.n == 0)
		return true;
	struct arn arn;
	if (arn_parse(d->Arn, &arn) && str_eq(arn.service, S("sqs")))
		return true;
	call_fail_code(c, 400, "ValidationException", "Parameter DeadLetterConfig.Arn is not valid. Reason: Provided Arn is not in correct format.");
	return false;
}

/* What would be ignored although it matters. */
static bool settings_ok(struct call *c, struct str kms, const struct events_LogConfig *log, const struct events_DeadLetterConfig *d)
{
	if (kms.n > 0)
		call_unsupported(c, "event buses encrypted with a KMS key (KmsKeyIdentifier) are not there yet");
	else if (log != NULL && str_present(log->Level) && !str_eq(log->Level, S("OFF")))
		call_unsupported(c, "logs of an event bus (LogConfig) are not there yet");
	else if (d != NULL && d->Arn.n > 0)
		call_unsupported(c, "a dead-letter queue of an event bus (DeadLetterConfig) matters only with KMS keys, which are not there yet");
	return !c->failed && dead_letter_ok(c, d);
}

static size_t buses_count(struct call *c)
{
	size_t n = 0;
	struct str key, value;
	struct scan *s = call_scan(c, call_key(c, "bus"), STR_NONE, false);
	while (scan_next(s, &key, &value))
		n++;
	scan_close(s);
	return n;
}

void op_create_event_bus(struct call *c)
{
	const struct events_CreateEventBusRequest *in = c->in;
	struct events_CreateEventBusResponse *out = c->out;
	if (str_present(in->EventSourceName)) {
		call_unsupported(c, "partner event buses (EventSourceName) are not there");
		return;
	}
	if (str_find(in->Name, '/') >= 0) {
		call_fail_code(c, 400, "ValidationException", "Event bus name must not contain '/'.");
		return;
	}
	if (!settings_ok(c, in->KmsKeyIdentifier, in->LogConfig, in->DeadLetterConfig))
		return;
	if (bus_get(c, in->Name) != NULL) {
		call_fail(c, &events_err_ResourceAlreadyExistsException, "Event bus %.*s already exists.", STR_ARG(in->Name));
		return;
	}
	if (buses_count(c) >= BUSES_MAX) {
		call_fail(c, &events_err_LimitExceededException, "The requested resource exceeds the maximum number allowed.");
		return;
	}
	struct events_BusRecord b = {.Name = in->Name, .Description = in->Description, .CreatedMs = SOME_I64(c->now_ms)};
	tags_add(c, &b.Tags, &in->Tags);
	if (c->failed)
		return;
	bus_put(c, &b);
	out->EventBusArn = bus_arn(c, in->Name);
	out->Description = in->Description;
}

void op_describe_event_bus(struct call *c)
{
	const struct events_DescribeEventBusRequest *in = c->in;
	struct events_DescribeEventBusResponse *out = c->out;
	struct events_BusRecord *b = bus_need(c, bus_named(c, in->Name));
	if (b == NULL)
		return;
	out->Name = b->Name;
	out->Arn = bus_arn(c, b->Name);
	out->Description = b->Description;
	out->Policy = b->Policy;
	if (b->CreatedMs.set)
		out->CreationTime = SOME_TIME(b->CreatedMs.v);
	if (b->ModifiedMs.set)
		out->LastModifiedTime = SOME_TIME(b->ModifiedMs.v);
}

void op_update_event_bus(struct call *c)
{
	const struct events_UpdateEventBusRequest *in = c->in;
	struct events_UpdateEventBusResponse *out = c->out;
	struct events_BusRecord *b = bus_need(c, bus_named(c, in->Name));
	if (b == NULL || !settings_ok(c, in->KmsKeyIdentifier, in->LogConfig, in->DeadLetterConfig))
		return;
	if (str_present(in->Description))
		b->Description = in->Description;
	bus_put(c, b);
	out->Arn = bus_arn(c, b->Name);
	out->Name = b->Name;
	out->Description = b->Description;
}

static void show_bus(struct call *c, const struct events_BusRecord *b, struct events_EventBus *out)
{
	out->Name = b->Name;
	out->Arn = bus_arn(c, b->Name);
	out->Description = b->Description;
	out->Policy = b->Policy;
	if (b->CreatedMs.set)
		out->CreationTime = SOME_TIME(b->CreatedMs.v);
	if (b->ModifiedMs.set)
		out->LastModifiedTime = SOME_TIME(b->ModifiedMs.v);
}

/* The position in a listing is the last name shown; the default bus has its place even without a record. */
void op_list_event_buses(struct call *c)
{
	const struct events_ListEventBusesRequest *in = c->in;
	struct events_ListEventBusesResponse *out = c->out;
	struct str after, key, value;
	if (!page_position(c->arena, in->NextToken, &after)) {
		call_fail_code(c, 400, "ValidationException", "Parameter NextToken is not valid.");
		return;
	}
	uint32_t limit = in->Limit.set ? (uint32_t)in->Limit.v : 100;
	struct events_EventBus *v = arena_array(c->arena, struct events_EventBus, limit);
	uint32_t n = 0;
	struct str prefix = str_present(in->NamePrefix) ? in->NamePrefix : S("");
	bool more = false, seen_default = false;
	struct scan *s = call_scan(c, call_key(c, "bus"), STR_NONE, false);
	for (bool there = true; there && !more;) {
		there = scan_next(s, &key, &value);
		const struct events_BusRecord *b = there ? record_decode(c, &events_shape_BusRecord, value) : NULL;
		const struct events_BusRecord *show[2] = {NULL, b};
		if (!seen_default && (b == NULL || str_cmp(b->Name, S("default")) >= 0)) {
			seen_default = true;
			if (b == NULL || !str_eq(b->Name, S("default")))
				show[0] = bus_get(c, S("default"));
		}
		for (size_t i = 0; i < 2 && !more; i++) {
			if (show[i] == NULL || !str_starts(show[i]->Name, prefix) || (str_present(after) && str_cmp(show[i]->Name, after) <= 0))
				continue;
			more = n == limit;
			if (!more)
				show_bus(c, show[i], &v[n++]);
		}
	}
	scan_close(s);
	ASSERT(n <= limit && (!more || n > 0));
	out->EventBuses = (struct list){v, n, true};
	if (more)
		out->NextToken = page_token(c->arena, v[n - 1].Name);
}

void op_delete_event_bus(struct call *c)
{
	const struct events_DeleteEventBusRequest *in = c->in;
	struct str name = bus_named(c, in->Name), key, value;
	if (c->failed)
		return;
	if (str_eq(name, S("default"))) {
		call_fail_code(c, 400, "ValidationException", "Cannot delete event bus default.");
		return;
	}
	struct scan *s = call_scan(c, key_str(call_key(c, "rule"), name), STR_NONE, false);
	bool has_rules = scan_next(s, &key, &value);
	scan_close(s);
	if (has_rules) {
		call_fail_code(c, 400, "ValidationException", "Event bus %.*s can't be deleted since it has rules.", STR_ARG(name));
		return;
	}
	call_del(c, bus_key(c, name));
	call_del(c, key_str(call_key(c, "set"), name));
}
