/* AWS::Events::Rule, EventBus, EventBusPolicy and Archive. */
#include "events.h"

#include "svc/cfn.h"

static struct json *member(struct cfn_resource *r, const char *name) { return json_get(r->properties, str_c(name)); }

static struct invoked call_events(struct cfn_resource *r, const char *op, const struct json *in) { return invoke(r->c, "events", op, in, NULL); }

/* A property that is a JSON object here and text in the API. */
static void set_text(struct cfn_resource *r, struct json *in, const char *property, const char *to)
{
	const struct json *v = member(r, property);
	if (v != NULL)
		json_set(r->c->arena, in, str_c(to), json_is(v, JSON_STRING) ? v : json_new_str(r->c->arena, json_text(r->c->arena, v)));
}

static enum cfn_status update_tags(struct cfn_resource *r, struct str arn)
{
	static const struct cfn_tagging tagging = {"events", "TagResource", "UntagResource", "ResourceARN", "Tags", "TagKeys", false};
	return cfn_tags_update(r, &tagging, arn);
}

/* ---- AWS::Events::Rule ---- */

/* Ref of a rule on a bus of one's own is "bus|rule". */
static struct json *rule_input(struct cfn_resource *r, const char *name_member)
{
	struct arena *a = r->c->arena;
	struct json *in = json_new_object(a);
	ptrdiff_t bar = str_rfind(r->physical_id, '|');
	json_set(a, in, str_c(name_member), json_new_str(a, str_slice(r->physical_id, (size_t)(bar + 1), r->physical_id.n)));
	if (bar >= 0)
		json_set_str(a, in, "EventBusName", str_slice(r->physical_id, 0, (size_t)bar));
	return in;
}

static enum cfn_status put_rule(struct cfn_resource *r)
{
	static const char *const same[] = {"Description", "RoleArn", "ScheduleExpression", "State"};
	struct arena *a = r->c->arena;
	struct json *in = rule_input(r, "Name");
	for (size_t i = 0; i < COUNT_OF(same); i++)
		if (member(r, same[i]) != NULL)
			json_set(a, in, str_c(same[i]), member(r, same[i]));
	set_text(r, in, "EventPattern", "EventPattern");
	if (r->old_properties == NULL && cfn_tags(r, false) != NULL)
		json_set(a, in, S("Tags"), cfn_tags(r, false));
	struct invoked i = call_events(r, "PutRule", in);
	if (i.ok)
		json_set_str(a, r->attributes, "Arn", json_get_str(i.out, "RuleArn"));
	return cfn_done(r, &i);
}

static enum cfn_status remove_targets(struct cfn_resource *r, const struct json *ids)
{
	if (ids->n == 0)
		return CFN_DONE;
	struct json *in = rule_input(r, "Rule");
	json_set(r->c->arena, in, S("Ids"), ids);
	struct invoked i = call_events(r, "RemoveTargets", in);
	return cfn_done(r, &i);
}

static enum cfn_status put_targets(struct cfn_resource *r)
{
	const struct json *targets = member(r, "Targets");
	if (!json_is(targets, JSON_ARRAY) || targets->n == 0)
		return CFN_DONE;
	struct json *in = rule_input(r, "Rule");
	json_set(r->c->arena, in, S("Targets"), targets);
	struct invoked i = call_events(r, "PutTargets", in);
	const struct json *failed = json_at(json_get(i.out, S("FailedEntries")), 0);
	if (i.ok && failed != NULL)
		return cfn_fail(r, "Target %.*s: %.*s", STR_ARG(json_get_str(failed, "TargetId")), STR_ARG(json_get_str(failed, "ErrorMessage")));
	return cfn_done(r, &i);
}

static enum cfn_status rule_create(struct cfn_resource *r)
{
	struct str name = json_get_str(r->properties, "Name"), bus = json_get_str(r->properties, "EventBusName");
	if (!str_present(name))
		name = cfn_make_name(r, 64, false);
	bool plain = bus.n == 0 || str_eq(bus, S("default")) || str_ends(bus, S(":event-bus/default"));
	ptrdiff_t slash = str_rfind(bus, '/');
	r->physical_id = plain ? name : arena_join(r->c->arena, str_slice(bus, (size_t)(slash + 1), bus.n), S("|"), name);
	enum cfn_status s = put_rule(r);
	return s == CFN_DONE ? put_targets(r) : s;
}

static bool has_id(const struct json *targets, struct str id)
{
	for (uint32_t i = 0; json_is(targets, JSON_ARRAY) && i < targets->n; i++)
		if (str_eq(json_get_str(json_at(targets, i), "Id"), id))
			return true;
	return false;
}

static enum cfn_status rule_update(struct cfn_resource *r)
{
	enum cfn_status s = put_rule(r);
	const struct json *old = json_get(r->old_properties, S("Targets")), *now = member(r, "Targets");
	struct json *gone = json_new_array(r->c->arena);
	for (uint32_t i = 0; json_is(old, JSON_ARRAY) && i < old->n; i++) {
		struct str id = json_get_str(json_at(old, i), "Id");
		if (!has_id(now, id))
			json_push(r->c->arena, gone, json_new_str(r->c->arena, id));
	}
	if (s == CFN_DONE)
		s = remove_targets(r, gone);
	if (s == CFN_DONE)
		s = put_targets(r);
	return s == CFN_DONE ? update_tags(r, json_get_str(r->attributes, "Arn")) : s;
}

static enum cfn_status rule_remove(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct invoked listed = call_events(r, "ListTargetsByRule", rule_input(r, "Rule"));
	if (!listed.ok)
		return str_eq(listed.error.code, S("ResourceNotFoundException")) ? CFN_DONE : cfn_done(r, &listed);
	const struct json *targets = json_get(listed.out, S("Targets"));
	struct json *ids = json_new_array(a);
	for (uint32_t i = 0; json_is(targets, JSON_ARRAY) && i < targets->n; i++)
		json_push(a, ids, json_new_str(a, json_get_str(json_at(targets, i), "Id")));
	enum cfn_status s = remove_targets(r, ids);
	if (s != CFN_DONE)
		return s;
	struct invoked i = call_events(r, "DeleteRule", rule_input(r, "Name"));
	return cfn_done(r, &i);
}

/* ---- AWS::Events::EventBus ---- */

static enum cfn_status bus_policy(struct cfn_resource *r)
{
	if (member(r, "Policy") == NULL)
		return CFN_DONE;
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "EventBusName", r->physical_id);
	set_text(r, in, "Policy", "Policy");
	struct invoked i = call_events(r, "PutPermission", in);
	return cfn_done(r, &i);
}

static const char *const bus_pairs[] = {"Name", "Name", "Description", "Description", "EventSourceName", "EventSourceName", "KmsKeyIdentifier",
	"KmsKeyIdentifier", "DeadLetterConfig", "DeadLetterConfig", "LogConfig", "LogConfig", NULL};

static enum cfn_status bus_create(struct cfn_resource *r)
{
	struct json *in = cfn_input(r, bus_pairs), *tags = cfn_tags(r, false);
	if (tags != NULL && tags->n > 0)
		json_set(r->c->arena, in, S("Tags"), tags);
	r->physical_id = json_get_str(r->properties, "Name");
	struct invoked i = call_events(r, "CreateEventBus", in);
	if (!i.ok)
		return cfn_done(r, &i);
	json_set_str(r->c->arena, r->attributes, "Arn", json_get_str(i.out, "EventBusArn"));
	json_set_str(r->c->arena, r->attributes, "Name", r->physical_id);
	return bus_policy(r);
}

static enum cfn_status bus_update(struct cfn_resource *r)
{
	struct json *in = cfn_input(r, bus_pairs);
	struct invoked i = call_events(r, "UpdateEventBus", in);
	if (!i.ok)
		return cfn_done(r, &i);
	if (member(r, "Policy") == NULL && json_get(r->old_properties, S("Policy")) != NULL) {
		struct json *all = json_new_object(r->c->arena);
		json_set_str(r->c->arena, all, "EventBusName", r->physical_id);
		json_set_bool(r->c->arena, all, "RemoveAllPermissions", true);
		struct invoked removed = call_events(r, "RemovePermission", all);
		if (!removed.ok)
			return cfn_done(r, &removed);
	}
	enum cfn_status s = bus_policy(r);
	return s == CFN_DONE ? update_tags(r, json_get_str(i.out, "Arn")) : s;
}

static enum cfn_status bus_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "Name", r->physical_id);
	struct invoked i = call_events(r, "DeleteEventBus", in);
	return cfn_done(r, &i);
}

/* ---- AWS::Events::EventBusPolicy ---- */

static void set_bus(struct cfn_resource *r, struct json *in)
{
	if (member(r, "EventBusName") != NULL)
		json_set(r->c->arena, in, S("EventBusName"), member(r, "EventBusName"));
}

/* A statement of one's own goes into the bus's document beside the others. */
static enum cfn_status put_statement(struct cfn_resource *r, const struct json *given)
{
	struct arena *a = r->c->arena;
	struct json *name = json_new_object(a), *in = json_new_object(a), *document = json_new_object(a), *all = json_new_array(a);
	if (member(r, "EventBusName") != NULL)
		json_set(a, name, S("Name"), member(r, "EventBusName"));
	struct invoked i = call_events(r, "DescribeEventBus", name);
	if (!i.ok)
		return cfn_done(r, &i);
	struct str policy = json_get_str(i.out, "Policy");
	const struct json *old = str_present(policy) ? json_get(json_parse(a, policy, NULL), S("Statement")) : NULL;
	for (uint32_t k = 0; json_is(old, JSON_ARRAY) && k < old->n; k++)
		if (!str_eq(json_get_str(json_at(old, k), "Sid"), r->physical_id))
			json_push(a, all, json_at(old, k));
	struct json *mine = json_copy(a, given);
	json_set_str(a, mine, "Sid", r->physical_id);
	json_push(a, all, mine);
	json_set_str(a, document, "Version", S("2012-10-17"));
	json_set(a, document, S("Statement"), all);
	set_bus(r, in);
	json_set_str(a, in, "Policy", json_text(a, document));
	struct invoked put = call_events(r, "PutPermission", in);
	return cfn_done(r, &put);
}

static enum cfn_status policy_put(struct cfn_resource *r)
{
	static const char *const pairs[] = {"EventBusName", "EventBusName", "StatementId", "StatementId", "Action", "Action", "Principal", "Principal",
		"Condition", "Condition", NULL};
	r->physical_id = json_get_str(r->properties, "StatementId");
	if (json_is(member(r, "Statement"), JSON_OBJECT))
		return put_statement(r, member(r, "Statement"));
	struct invoked i = call_events(r, "PutPermission", cfn_input(r, pairs));
	return cfn_done(r, &i);
}

static enum cfn_status policy_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	set_bus(r, in);
	json_set_str(r->c->arena, in, "StatementId", r->physical_id);
	struct invoked i = call_events(r, "RemovePermission", in);
	return i.ok || str_eq(i.error.code, S("ResourceNotFoundException")) ? CFN_DONE : cfn_done(r, &i);
}

/* ---- AWS::Events::Archive ---- */

static enum cfn_status archive_call(struct cfn_resource *r, const char *op)
{
	static const char *const made[] = {"SourceArn", "EventSourceArn", "Description", "Description", "RetentionDays", "RetentionDays",
		"KmsKeyIdentifier", "KmsKeyIdentifier", NULL};
	struct json *in = cfn_input(r, str_eq(str_c(op), S("CreateArchive")) ? made : made + 2); /* the source stays */
	json_set_str(r->c->arena, in, "ArchiveName", r->physical_id);
	set_text(r, in, "EventPattern", "EventPattern");
	struct invoked i = call_events(r, op, in);
	if (i.ok)
		json_set_str(r->c->arena, r->attributes, "Arn", json_get_str(i.out, "ArchiveArn"));
	return cfn_done(r, &i);
}

static enum cfn_status archive_create(struct cfn_resource *r)
{
	enum { NAME_MAX_CHARS = 48 };
	r->physical_id = json_get_str(r->properties, "ArchiveName");
	if (!str_present(r->physical_id))
		r->physical_id = cfn_make_name(r, NAME_MAX_CHARS, false);
	return archive_call(r, "CreateArchive");
}

static enum cfn_status archive_update(struct cfn_resource *r) { return archive_call(r, "UpdateArchive"); }

static enum cfn_status archive_remove(struct cfn_resource *r)
{
	struct json *in = json_new_object(r->c->arena);
	json_set_str(r->c->arena, in, "ArchiveName", r->physical_id);
	struct invoked i = call_events(r, "DeleteArchive", in);
	return i.ok || str_eq(i.error.code, S("ResourceNotFoundException")) ? CFN_DONE : cfn_done(r, &i);
}

static const char *const archive_properties[] = {"ArchiveName", "SourceArn", "Description", "EventPattern", "RetentionDays", "KmsKeyIdentifier",
	NULL};
static const char *const archive_replaces[] = {"ArchiveName", "SourceArn", NULL};
static const char *const rule_properties[] = {"Description", "EventBusName", "EventPattern", "Name", "RoleArn", "ScheduleExpression", "State",
	"Tags", "Targets", NULL};
static const char *const rule_replaces[] = {"Name", "EventBusName", NULL};
static const char *const bus_properties[] = {"Name", "Description", "EventSourceName", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig", "Policy",
	"Tags", NULL};
static const char *const bus_replaces[] = {"Name", "EventSourceName", NULL};
static const char *const policy_properties[] = {"EventBusName", "StatementId", "Action", "Principal", "Condition", "Statement", NULL};
static const char *const policy_replaces[] = {"EventBusName", "StatementId", NULL};

const struct cfn_type events_cfn_types[] = {
	{.name = "AWS::Events::Rule", .properties = rule_properties, .replaces = rule_replaces, .create = rule_create, .update = rule_update,
	 .remove = rule_remove, .name_property = "Name"},
	{.name = "AWS::Events::EventBus", .properties = bus_properties, .replaces = bus_replaces, .create = bus_create, .update = bus_update,
	 .remove = bus_remove, .name_property = "Name"},
	{.name = "AWS::Events::EventBusPolicy", .properties = policy_properties, .replaces = policy_replaces, .create = policy_put,
	 .update = policy_put, .remove = policy_remove},
	{.name = "AWS::Events::Archive", .properties = archive_properties, .replaces = archive_replaces, .create = archive_create,
	 .update = archive_update, .remove = archive_remove, .name_property = "ArchiveName"},
};
_Static_assert(COUNT_OF(events_cfn_types) == 4, "service.c says how many");
