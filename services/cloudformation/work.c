/* One resource's task: a job that evaluates its properties, calls its type and writes down what came of it.
 *
 * The job runs under the stack's principal. It may run many times (a type that says CFN_AGAIN is polled), each time in
 * its own transaction; what a failed call of a type wrote is taken back. Nothing here decides about the stack: that is
 * engine_advance, called when a task ends. */
#include "engine.h"

struct work {
	struct call *c;
	struct cloudformation_StackRecord *s;
	struct cloudformation_ResourceRecord *r;
	const struct cfn_type *type;
	bool ended; /* the task is over: go on with the stack */
};

enum { POLL_MS = 500 };

static struct str default_reason(struct str reason) { return reason.n > 0 ? reason : S("The resource's handler failed"); }

static void end_task(struct work *w)
{
	ASSERT(!w->ended && str_present(w->r->Task) && yes(w->r->Running));
	w->r->Task = STR_NONE;
	w->r->Running = SOME_BOOL(false);
	w->r->State = NULL;
	w->ended = true;
	stack_resource_save(w->c, w->s->Id, w->r);
}

static void fail_task(struct work *w, const char *status, struct str reason)
{
	ASSERT(!w->ended && str_ends(str_c(status), S("_FAILED")));
	resource_set_status(w->c, w->s, w->r, status, default_reason(reason));
	w->r->Failed = SOME_BOOL(true);
	w->r->Running = SOME_BOOL(false);
	w->ended = true;
	stack_resource_save(w->c, w->s->Id, w->r);
}

/* ---- calling the type ---- */

static struct json *all_tags(struct work *w)
{
	struct arena *a = w->c->arena;
	struct json *tags = w->s->Tags != NULL ? json_copy(a, w->s->Tags) : json_new_object(a);
	json_set_str(a, tags, "aws:cloudformation:stack-name", w->s->Name);
	json_set_str(a, tags, "aws:cloudformation:stack-id", w->s->Id);
	json_set_str(a, tags, "aws:cloudformation:logical-id", w->r->LogicalId);
	return tags;
}

static struct cfn_resource resource_for(struct work *w, struct str physical_id, struct json *properties, struct json *old)
{
	struct arena *a = w->c->arena;
	return (struct cfn_resource){.c = w->c, .type = arena_cstr(a, w->r->Type), .stack_name = w->s->Name, .stack_id = w->s->Id,
		.logical_id = w->r->LogicalId, .client_token = w->r->Token,
		.properties = properties != NULL ? json_copy(a, properties) : json_new_object(a), .old_properties = old,
		.stack_tags = all_tags(w), .old_stack_tags = w->r->Tags, .physical_id = physical_id,
		.attributes = w->r->Attributes != NULL ? json_copy(a, w->r->Attributes) : json_new_object(a),
		.state = w->r->State != NULL ? json_copy(a, w->r->State) : json_new_object(a)};
}

/* Call the type under a save point: a failed call leaves nothing. */
static enum cfn_status run_type(struct work *w, enum cfn_status (*fn)(struct cfn_resource *), struct cfn_resource *res)
{
	ASSERT(fn != NULL && res->c == w->c && txn_writable(w->c->txn));
	struct str physical = res->physical_id;
	txn_save(w->c->txn);
	enum cfn_status status = fn(res);
	if (status == CFN_FAILED) {
		txn_restore(w->c->txn);
		res->physical_id = physical;
	} else {
		txn_release(w->c->txn);
	}
	ASSERT(status != CFN_PARKED || w->c->parked);
	return status;
}

static void poll_later(struct work *w, const struct cfn_resource *res)
{
	int64_t due_ms = res->again_ms > w->c->now_ms ? res->again_ms : w->c->now_ms + (res->again_ms > 0 && res->again_ms < 86400000
		? res->again_ms : POLL_MS);
	ASSERT(due_ms > w->c->now_ms && !w->ended);
	w->r->State = res->state;
	stack_resource_save(w->c, w->s->Id, w->r);
	job_put(w->c, "resource", arena_join(w->c->arena, w->s->Id, S("#"), w->r->Key), due_ms, S(""));
}

/* ---- what the template wants ---- */

struct wanted {
	struct json *properties;
	struct str reason; /* why not */
	struct str deletion, replace;
	struct json *metadata;
	struct str type, description;
};

static bool want(struct work *w, struct wanted *out)
{
	struct scope sc;
	*out = (struct wanted){.reason = STR_NONE};
	if (!scope_init(&sc, w->c, w->s, stack_template(w->c, w->s), w->s->Parameters, stack_resources(w->c, w->s->Id))) {
		out->reason = sc.x.error;
		return false;
	}
	const struct json *resource = json_get(json_get(sc.x.template, S("Resources")), w->r->LogicalId);
	ASSERT(resource != NULL);
	out->properties = scope_properties(&sc, w->r->LogicalId);
	out->deletion = scope_policy(&sc, resource, "DeletionPolicy");
	out->replace = scope_policy(&sc, resource, "UpdateReplacePolicy");
	out->type = json_get_str(resource, "Type");
	out->description = json_get_str(resource, "Description");
	const struct json *metadata = json_get(resource, S("Metadata"));
	out->metadata = metadata != NULL ? intrinsics_eval(&sc.x, metadata) : NULL;
	out->reason = sc.x.error;
	w->type = type_find(out->type);
	if (w->type == NULL)
		out->reason = arena_printf(w->c->arena, "Unrecognized resource type: %.*s", STR_ARG(out->type));
	for (uint32_t i = 0; w->type != NULL && out->properties != NULL && i < out->properties->n; i++)
		if (!type_has_property(w->type, out->properties->members[i].key))
			out->reason = arena_printf(w->c->arena, "Encountered unsupported property %.*s", STR_ARG(out->properties->members[i].key));
	if (out->properties != NULL && str_find_str(json_text(w->c->arena, out->properties), S("{{resolve:")) >= 0)
		out->reason = S("Dynamic references ({{resolve:...}}) are not supported");
	return !str_present(out->reason);
}

static void take_attributes(struct work *w, const struct wanted *wanted)
{
	w->r->DeletionPolicy = wanted->deletion;
	w->r->ReplacePolicy = wanted->replace;
	w->r->Metadata = wanted->metadata;
	w->r->Description = wanted->description;
}

/* ---- CREATE ---- */

static void work_create(struct work *w)
{
	struct wanted wanted;
	bool had_id = str_present(w->r->PhysicalId);
	if (!yes(w->r->Announced)) {
		bool ok = want(w, &wanted);
		w->r->Properties = wanted.properties;
		w->r->Announced = SOME_BOOL(true);
		take_attributes(w, &wanted);
		resource_set_status(w->c, w->s, w->r, "CREATE_IN_PROGRESS", STR_NONE);
		if (!ok) {
			fail_task(w, "CREATE_FAILED", wanted.reason);
			return;
		}
	}
	struct cfn_resource res = resource_for(w, w->r->PhysicalId, w->r->Properties, NULL);
	enum cfn_status status = run_type(w, w->type->create, &res);
	if (status == CFN_PARKED)
		return;
	w->r->PhysicalId = res.physical_id;
	w->r->Attributes = res.attributes;
	if (status == CFN_FAILED) {
		fail_task(w, "CREATE_FAILED", res.reason);
		return;
	}
	if (!had_id && str_present(res.physical_id))
		resource_set_status(w->c, w->s, w->r, "CREATE_IN_PROGRESS", S("Resource creation Initiated"));
	if (status == CFN_AGAIN) {
		poll_later(w, &res);
		return;
	}
	ASSERT(str_present(res.physical_id));
	w->r->Tags = w->s->Tags;
	resource_set_status(w->c, w->s, w->r, "CREATE_COMPLETE", STR_NONE);
	end_task(w);
}

/* ---- UPDATE ---- */

static struct json *differing(struct work *w, const struct json *before, const struct json *after)
{
	ASSERT(json_is(after, JSON_OBJECT));
	struct json *names = json_new_array(w->c->arena);
	for (uint32_t i = 0; i < after->n; i++)
		if (!json_equal(json_get(before, after->members[i].key), &after->members[i].value))
			json_push(w->c->arena, names, json_new_str(w->c->arena, after->members[i].key));
	for (uint32_t i = 0; before != NULL && i < before->n; i++)
		if (json_get(after, before->members[i].key) == NULL)
			json_push(w->c->arena, names, json_new_str(w->c->arena, before->members[i].key));
	return names;
}

static bool must_replace(const struct work *w, const struct json *names)
{
	ASSERT(w->type != NULL && json_is(names, JSON_ARRAY));
	if (!str_eq(w->r->Type, str_c(w->type->name)) && !str_starts(w->r->Type, S("Custom::")))
		return true;
	if (w->type->update == NULL)
		return names->n > 0;
	for (uint32_t i = 0; w->type->replaces != NULL && i < names->n; i++)
		if (stack_word_in(names->items[i].text, w->type->replaces))
			return true;
	return false;
}

/* A resource whose name the template gives cannot be replaced while the name stays: both would have it. */
static bool name_in_the_way(const struct work *w, const struct wanted *wanted)
{
	if (w->type->name_property == NULL || !str_eq(w->r->Type, wanted->type))
		return false;
	const struct json *now = json_get(wanted->properties, str_c(w->type->name_property));
	const struct json *was = json_get(w->r->Properties, str_c(w->type->name_property));
	return now != NULL && was != NULL && json_equal(now, was);
}

/* Decide what the update does to this resource; true: there is something to call. */
static bool begin_update(struct work *w)
{
	struct wanted wanted;
	struct arena *a = w->c->arena;
	bool ok = want(w, &wanted);
	if (!ok) {
		fail_task(w, "UPDATE_FAILED", wanted.reason);
		return false;
	}
	struct json *names = differing(w, w->r->Properties, wanted.properties), *before = resource_snapshot(w->c, w->r);
	const struct json *needs = json_get(w->r->Wanted, S("Needs"));
	bool tags = !json_equal(w->r->Tags, w->s->Tags) && w->type->properties != NULL && type_has_property(w->type, S("Tags"))
		&& w->type->update != NULL;
	bool replace = must_replace(w, names) || !str_eq(wanted.type, w->r->Type);
	take_attributes(w, &wanted);
	if (needs != NULL)
		json_set(a, before, S("Needs"), needs);
	if (names->n == 0 && !tags && !replace) {
		end_task(w);
		return false;
	}
	struct json *plan = json_new_object(a);
	json_set(a, plan, S("Properties"), wanted.properties);
	json_set_str(a, plan, "Kind", replace ? S("REPLACE") : S("UPDATE"));
	json_set_str(a, plan, "Type", wanted.type);
	w->r->Wanted = plan;
	w->r->Before = before;
	w->r->Change = replace ? S("REPLACED") : S("UPDATED");
	w->r->Announced = SOME_BOOL(true);
	resource_set_status(w->c, w->s, w->r, "UPDATE_IN_PROGRESS",
		replace ? S("Requested update requires the creation of a new physical resource; hence creating one.") : STR_NONE);
	if (!replace || !name_in_the_way(w, &wanted))
		return true;
	fail_task(w, "UPDATE_FAILED", arena_printf(a, "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
		"Rename %.*s and update the stack again.", STR_ARG(w->r->PhysicalId)));
	return false;
}

static void work_update(struct work *w)
{
	if (!yes(w->r->Announced) && !begin_update(w))
		return;
	struct json *after = json_get(w->r->Wanted, S("Properties"));
	bool replace = is(json_get_str(w->r->Wanted, "Kind"), "REPLACE");
	struct str fresh = json_get_str(w->r->Wanted, "PhysicalId"), was = json_get_str(w->r->Before, "PhysicalId");
	w->type = type_find(json_get_str(w->r->Wanted, "Type"));
	ASSERT(w->type != NULL && after != NULL);
	struct cfn_resource res = resource_for(w, replace ? fresh : was, after, json_get(w->r->Before, S("Properties")));
	if (replace && !str_present(fresh))
		res.attributes = json_new_object(w->c->arena);
	enum cfn_status status = run_type(w, replace ? w->type->create : w->type->update, &res);
	if (status == CFN_PARKED)
		return;
	if (replace && str_present(res.physical_id))
		json_set_str(w->c->arena, w->r->Wanted, "PhysicalId", res.physical_id);
	if (status == CFN_FAILED) {
		fail_task(w, "UPDATE_FAILED", res.reason);
		return;
	}
	if (status == CFN_AGAIN) {
		poll_later(w, &res);
		return;
	}
	ASSERT(str_present(res.physical_id));
	w->r->PhysicalId = res.physical_id;
	w->r->Attributes = res.attributes;
	w->r->Properties = after;
	w->r->Type = json_get_str(w->r->Wanted, "Type");
	w->r->Tags = w->s->Tags;
	resource_set_status(w->c, w->s, w->r, "UPDATE_COMPLETE", STR_NONE);
	end_task(w);
}

/* ---- RESTORE ---- */

/* The record as it was; what is there now in its place is noted, to be removed in the cleanup. */
static void back_to(struct work *w, struct str physical_id, struct json *gone)
{
	ASSERT(w->r->Before != NULL && str_present(physical_id));
	struct json *was = json_copy(w->c->arena, w->r->Before);
	w->r->PhysicalId = physical_id;
	w->r->Type = json_get_str(was, "Type");
	w->r->Properties = json_get(was, S("Properties"));
	w->r->Attributes = json_get(was, S("Attributes"));
	w->r->Tags = json_get(was, S("Tags"));
	w->r->Needs = json_get(was, S("Needs"));
	w->r->Metadata = json_get(was, S("Metadata"));
	w->r->DeletionPolicy = json_get_str(was, "DeletionPolicy");
	w->r->ReplacePolicy = json_get_str(was, "ReplacePolicy");
	w->r->Wanted = json_new_object(w->c->arena);
	if (gone != NULL)
		json_set(w->c->arena, w->r->Wanted, S("Gone"), gone);
	resource_set_status(w->c, w->s, w->r, "UPDATE_COMPLETE", STR_NONE);
	end_task(w);
}

static void work_restore(struct work *w)
{
	struct str was = json_get_str(w->r->Before, "PhysicalId"), fresh = json_get_str(w->r->Wanted, "PhysicalId");
	if (is(w->r->Change, "REPLACED")) {
		struct json *gone = NULL;
		if (str_present(fresh)) {
			gone = resource_snapshot(w->c, w->r);
			json_set_str(w->c->arena, gone, "PhysicalId", fresh);
			json_set_str(w->c->arena, gone, "Type", json_get_str(w->r->Wanted, "Type"));
			json_set(w->c->arena, gone, S("Properties"), json_get(w->r->Wanted, S("Properties")));
		}
		back_to(w, was, gone);
		return;
	}
	w->type = type_find(w->r->Type);
	if (!yes(w->r->Announced)) {
		w->r->Announced = SOME_BOOL(true);
		resource_set_status(w->c, w->s, w->r, "UPDATE_IN_PROGRESS", STR_NONE);
	}
	ASSERT(w->type != NULL && w->type->update != NULL);
	struct cfn_resource res = resource_for(w, w->r->PhysicalId, json_get(w->r->Before, S("Properties")), json_get(w->r->Wanted, S("Properties")));
	enum cfn_status status = run_type(w, w->type->update, &res);
	if (status == CFN_PARKED)
		return;
	if (status == CFN_FAILED) {
		fail_task(w, "UPDATE_FAILED", res.reason);
	} else if (status == CFN_AGAIN) {
		poll_later(w, &res);
	} else {
		struct json *gone = str_eq(res.physical_id, w->r->PhysicalId) ? NULL : resource_snapshot(w->c, w->r);
		back_to(w, res.physical_id, gone);
	}
}

/* ---- DELETE ---- */

static void end_delete(struct work *w, const char *status)
{
	resource_set_status(w->c, w->s, w->r, status, STR_NONE);
	end_task(w);
	/* after an update nothing is left of it; after the end of a stack its last state can still be read */
	if (yes(w->r->Garbage) || is(w->s->Phase, "CLEANUP") || is(w->s->Phase, "RESTORE_CLEANUP"))
		stack_resource_drop(w->c, w->s->Id, w->r);
}

static bool keeps(const struct work *w)
{
	bool failed_create = is(w->s->Phase, "ROLLBACK") || is(w->s->Phase, "RESTORE_CLEANUP");
	return is(w->r->DeletionPolicy, "Retain") || (is(w->r->DeletionPolicy, "RetainExceptOnCreate") && !failed_create);
}

static void work_delete(struct work *w)
{
	ASSERT(is(w->r->Task, "DELETE"));
	w->type = type_find(w->r->Type);
	if (!str_present(w->r->PhysicalId)) {
		end_delete(w, "DELETE_COMPLETE");
		return;
	}
	if (keeps(w) && !yes(w->r->Garbage)) {
		end_delete(w, "DELETE_SKIPPED");
		return;
	}
	if (!yes(w->r->Announced)) {
		w->r->Announced = SOME_BOOL(true);
		resource_set_status(w->c, w->s, w->r, "DELETE_IN_PROGRESS", STR_NONE);
	}
	struct cfn_resource res = resource_for(w, w->r->PhysicalId, w->r->Properties, NULL);
	enum cfn_status status = CFN_FAILED;
	if (w->type == NULL)
		res.reason = arena_printf(w->c->arena, "Unrecognized resource type: %.*s", STR_ARG(w->r->Type));
	else
		status = w->type->remove != NULL ? run_type(w, w->type->remove, &res) : CFN_DONE;
	if (status == CFN_PARKED)
		return;
	if (status == CFN_AGAIN) {
		poll_later(w, &res);
	} else if (status == CFN_DONE) {
		end_delete(w, "DELETE_COMPLETE");
	} else if (is(w->s->Phase, "CLEANUP") || is(w->s->Phase, "RESTORE_CLEANUP")) {
		/* the update has succeeded: what cannot be removed is left behind, and the events say so */
		resource_set_status(w->c, w->s, w->r, "DELETE_FAILED", default_reason(res.reason));
		end_task(w);
		stack_resource_drop(w->c, w->s->Id, w->r);
	} else {
		fail_task(w, "DELETE_FAILED", res.reason);
	}
}

/* ---- the job ---- */

static void (*work_of(struct str task))(struct work *w)
{
	if (is(task, "CREATE"))
		return work_create;
	if (is(task, "UPDATE"))
		return work_update;
	if (is(task, "RESTORE"))
		return work_restore;
	ASSERT(is(task, "DELETE"));
	return work_delete;
}

void engine_job_resource(struct call *c, struct str id, struct str payload)
{
	ptrdiff_t at = str_rfind(id, '#');
	ASSERT(at > 0);
	struct work w = {.c = c, .s = stack_load(c, str_slice(id, 0, (size_t)at))};
	(void)payload;
	if (w.s == NULL)
		return;
	w.r = stack_resource(c, w.s->Id, str_slice(id, (size_t)at + 1, id.n));
	if (w.r == NULL || !yes(w.r->Running) || !str_present(w.r->Task) || !str_present(w.s->Phase))
		return; /* given up meanwhile */
	w.type = type_find(w.r->Type);
	const struct principal *who = stack_principal(c, w.s);
	if (str_present(w.s->Endpoint))
		c->endpoint = w.s->Endpoint;
	const struct principal *service = c->who;
	if (who == NULL) {
		const char *status = is(w.r->Task, "CREATE") ? "CREATE_FAILED" : is(w.r->Task, "DELETE") ? "DELETE_FAILED" : "UPDATE_FAILED";
		fail_task(&w, status, arena_printf(c->arena, "Role %.*s is invalid or cannot be assumed", STR_ARG(w.s->RoleARN)));
	} else {
		c->who = who;
		work_of(w.r->Task)(&w);
		c->who = service;
	}
	if (!c->parked && w.ended)
		engine_advance(c, w.s);
}
