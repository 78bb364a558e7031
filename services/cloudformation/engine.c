/* Operations on stacks as durable state machines.
 *
 * A stack in an operation has a phase; each of its resources that is still to be worked on has a task. engine_advance
 * starts every task whose neighbours are done (each as a job of its own: work.c) and, when none is left, goes to the
 * next phase:
 *
 *   CREATE ------------------------------> done        UPDATE -> CLEANUP (delete what is gone or replaced) -> done
 *     | failed: ROLLBACK (delete all) ---> done          | failed: RESTORE (old properties) -> RESTORE_CLEANUP -> done
 *   DELETE ------------------------------> done
 *
 * Always holds: a phase ends only when no task is left; a stack whose status ends in _IN_PROGRESS has a phase. Runs in
 * write transactions only. */
#include "engine.h"

/* ---- tasks ---- */

static bool needed_by_pending(struct stack_resources all, const struct cloudformation_ResourceRecord *r)
{
	for (size_t i = 0; i < all.n; i++) {
		const struct cloudformation_ResourceRecord *other = all.v[i];
		if (other == r || !is(other->Task, "DELETE") || yes(other->Failed))
			continue;
		for (uint32_t k = 0; other->Needs != NULL && k < other->Needs->n; k++)
			if (str_eq(other->Needs->items[k].text, r->LogicalId))
				return true;
	}
	return false;
}

static bool needs_pending(struct stack_resources all, const struct cloudformation_ResourceRecord *r)
{
	for (uint32_t k = 0; r->Needs != NULL && k < r->Needs->n; k++) {
		const struct cloudformation_ResourceRecord *other = stack_resource_of(all, r->Needs->items[k].text);
		if (other != NULL && other != r && str_present(other->Task))
			return true;
	}
	return false;
}

static void start_task(struct call *c, const struct cloudformation_StackRecord *s, struct cloudformation_ResourceRecord *r)
{
	ASSERT(str_present(r->Task) && !yes(r->Running) && !yes(r->Failed));
	r->Running = SOME_BOOL(true);
	r->Announced = SOME_BOOL(false);
	r->State = NULL;
	r->Token = operation_token(c);
	stack_resource_save(c, s->Id, r);
	engine_wake(c, s->Id, r->Key);
}

void engine_wake(struct call *c, struct str stack_id, struct str key)
{
	ASSERT(str_present(stack_id) && str_present(key) && str_find(key, '#') < 0);
	job_put(c, "resource", arena_join(c->arena, stack_id, S("#"), key), c->now_ms, S(""));
}

static void start_ready(struct call *c, const struct cloudformation_StackRecord *s, struct stack_resources all)
{
	for (size_t i = 0; i < all.n; i++) {
		struct cloudformation_ResourceRecord *r = all.v[i];
		if (!str_present(r->Task) || yes(r->Running) || yes(r->Failed))
			continue;
		bool blocked = is(r->Task, "DELETE") ? needed_by_pending(all, r) : needs_pending(all, r);
		if (!blocked)
			start_task(c, s, r);
	}
}

/* Ids of the resources that failed, "[A, B]"; absent: none. */
static struct str failed_names(struct call *c, struct stack_resources all)
{
	struct buf b;
	buf_init(&b, c->arena, 65536);
	for (size_t i = 0; i < all.n; i++)
		if (yes(all.v[i]->Failed))
			buf_printf(&b, "%s%.*s", b.n > 0 ? ", " : "", STR_ARG(all.v[i]->LogicalId));
	return b.n > 0 ? buf_view(&b) : STR_NONE;
}

/* "The following resource(s) failed to create: [A]. The following resource(s) failed to update: [B]. " */
static struct str failed_sentence(struct call *c, struct stack_resources all)
{
	static const char *const verbs[] = {"create", "update"};
	struct buf out;
	buf_init(&out, c->arena, 131072);
	for (size_t v = 0; v < COUNT_OF(verbs); v++) {
		size_t n = 0;
		for (size_t i = 0; i < all.n; i++) {
			const struct cloudformation_ResourceRecord *r = all.v[i];
			if (!yes(r->Failed) || !is(r->Status, v == 0 ? "CREATE_FAILED" : "UPDATE_FAILED"))
				continue;
			if (n++ == 0)
				buf_printf(&out, "The following resource(s) failed to %s: [%.*s", verbs[v], STR_ARG(r->LogicalId));
			else
				buf_printf(&out, ", %.*s", STR_ARG(r->LogicalId));
		}
		if (n > 0)
			buf_lit(&out, "]. ");
	}
	return out.n > 0 ? buf_view(&out) : STR_NONE;
}

static bool any_task(struct stack_resources all)
{
	for (size_t i = 0; i < all.n; i++)
		if (str_present(all.v[i]->Task) && !yes(all.v[i]->Failed))
			return true;
	return false;
}

/* What is still being done is given up, because something else failed. */
static void cancel_running(struct call *c, const struct cloudformation_StackRecord *s, struct stack_resources all)
{
	for (size_t i = 0; i < all.n; i++) {
		struct cloudformation_ResourceRecord *r = all.v[i];
		if (yes(r->Running) && !yes(r->Failed)) {
			bool update = is(r->Task, "UPDATE");
			job_drop(c, "resource", arena_join(c->arena, s->Id, S("#"), r->Key));
			resource_set_status(c, s, r, update ? "UPDATE_FAILED" : "CREATE_FAILED",
			                    update ? S("Resource update cancelled") : S("Resource creation cancelled"));
			r->Failed = SOME_BOOL(true);
		}
		r->Running = SOME_BOOL(false);
		stack_resource_save(c, s->Id, r);
	}
}

static void set_task(struct call *c, const struct cloudformation_StackRecord *s, struct cloudformation_ResourceRecord *r, const char *task)
{
	ASSERT(task == NULL || is(str_c(task), "CREATE") || is(str_c(task), "UPDATE") || is(str_c(task), "RESTORE") || is(str_c(task), "DELETE"));
	r->Task = task != NULL ? str_c(task) : STR_NONE;
	r->Running = SOME_BOOL(false);
	r->Failed = SOME_BOOL(false);
	stack_resource_save(c, s->Id, r);
}

/* ---- phases: beginning ---- */

static void begin_phase(struct call *c, struct cloudformation_StackRecord *s, const char *phase)
{
	ASSERT(phase != NULL && str_ends(s->Status, S("_IN_PROGRESS")));
	s->Phase = str_c(phase);
	stack_save(c, s);
	engine_advance(c, s);
}

/* A resource of the template: its record, made when it is not there. */
static void enlist(struct scope *sc, struct str id, const struct json *resource, const char *task)
{
	struct call *c = sc->c;
	struct cloudformation_ResourceRecord *r = stack_resource_of(sc->resources, id);
	bool fresh = r == NULL || !str_present(r->PhysicalId) || str_starts(r->Status, S("DELETE_"));
	if (fresh) {
		r = arena_new_of(c->arena, struct cloudformation_ResourceRecord);
		r->Key = r->LogicalId = id;
		r->Type = json_get_str(resource, "Type");
		r->Needs = references_of(&sc->x, id, resource);
		r->Change = S("ADDED");
	} else {
		r->Change = S("");
		/* old Needs stay until the update is done; new ones order it */
		r->Before = NULL;
		r->Wanted = json_new_object(c->arena);
		json_set(c->arena, r->Wanted, S("Needs"), r->Needs != NULL ? r->Needs : json_new_array(c->arena));
		r->Needs = references_of(&sc->x, id, resource);
	}
	set_task(c, sc->stack, r, fresh ? "CREATE" : task);
}

/* Every resource of the template gets a task. false: x.error. */
static bool enlist_all(struct scope *sc)
{
	const struct json *resources = json_get(sc->x.template, S("Resources"));
	for (uint32_t i = 0; i < resources->n; i++)
		if (intrinsics_present(&sc->x, &resources->members[i].value))
			enlist(sc, resources->members[i].key, &resources->members[i].value, "UPDATE");
	return !str_present(sc->x.error);
}

static void enlist_template(struct call *c, struct cloudformation_StackRecord *s)
{
	struct scope sc;
	/* what the request checked cannot fail now */
	bool ok = scope_init(&sc, c, s, stack_template(c, s), s->Parameters, stack_resources(c, s->Id)) && enlist_all(&sc);
	if (!ok)
		s->Reason = sc.x.error;
	ASSERT(ok);
}

void engine_create(struct call *c, struct cloudformation_StackRecord *s)
{
	ASSERT(str_present(s->Id) && !str_present(s->Phase));
	s->Operation = operation_token(c);
	stack_set_status(c, s, "CREATE_IN_PROGRESS", str_present(s->ParentId) ? STR_NONE : S("User Initiated"));
	enlist_template(c, s);
	if (s->TimeoutMinutes.set)
		job_put(c, "timeout", s->Id, c->now_ms + s->TimeoutMinutes.v * 60000, s->Operation);
	begin_phase(c, s, "CREATE");
}

void engine_update(struct call *c, struct cloudformation_StackRecord *s)
{
	ASSERT(str_present(s->Id) && !str_present(s->Phase) && s->Before != NULL);
	s->Operation = operation_token(c);
	s->Updated = SOME_TIME(c->now_ms);
	stack_set_status(c, s, "UPDATE_IN_PROGRESS", str_present(s->ParentId) ? STR_NONE : S("User Initiated"));
	struct stack_resources all = stack_resources(c, s->Id);
	for (size_t i = 0; i < all.n; i++) {
		all.v[i]->Change = STR_NONE; /* of the operation before */
		all.v[i]->Before = all.v[i]->Wanted = NULL;
		stack_resource_save(c, s->Id, all.v[i]);
	}
	enlist_template(c, s);
	begin_phase(c, s, "UPDATE");
}

static bool retained(const struct cloudformation_StackRecord *s, const struct cloudformation_ResourceRecord *r)
{
	for (uint32_t i = 0; s->Retain != NULL && i < s->Retain->n; i++)
		if (str_eq(json_str(&s->Retain->items[i]), r->LogicalId))
			return true;
	return false;
}

/* Every resource that is there is to be deleted. */
static void delete_all(struct call *c, struct cloudformation_StackRecord *s)
{
	struct stack_resources all = stack_resources(c, s->Id);
	for (size_t i = 0; i < all.n; i++) {
		struct cloudformation_ResourceRecord *r = all.v[i];
		if (!str_present(r->Status)) {
			stack_resource_drop(c, s->Id, r);
		} else if (retained(s, r)) {
			resource_set_status(c, s, r, "DELETE_SKIPPED", STR_NONE);
			set_task(c, s, r, NULL);
		} else {
			set_task(c, s, r, is(r->Status, "DELETE_COMPLETE") || is(r->Status, "DELETE_SKIPPED") ? NULL : "DELETE");
		}
	}
}

void engine_delete(struct call *c, struct cloudformation_StackRecord *s)
{
	ASSERT(str_present(s->Id) && str_present(s->Name));
	struct str user, name;
	s->Operation = operation_token(c);
	stack_set_status(c, s, "DELETE_IN_PROGRESS", str_present(s->ParentId) ? STR_NONE : S("User Initiated"));
	name = finish_export_in_use(c, s, &user);
	if (str_present(name)) {
		stack_set_status(c, s, "DELETE_FAILED", arena_printf(c->arena, "Export %.*s cannot be deleted as it is in use by %.*s",
			STR_ARG(name), STR_ARG(user)));
		s->Phase = STR_NONE;
		stack_save(c, s);
		return;
	}
	delete_all(c, s);
	begin_phase(c, s, "DELETE");
}

/* ---- failure ---- */

static void tell_parent(struct call *c, const struct cloudformation_StackRecord *s)
{
	if (str_present(s->ParentId) && str_present(s->ParentKey))
		engine_wake(c, s->ParentId, s->ParentKey);
}

static void end_operation(struct call *c, struct cloudformation_StackRecord *s, const char *status, struct str reason)
{
	ASSERT(!str_ends(str_c(status), S("_IN_PROGRESS")) && str_present(s->Phase));
	s->Phase = STR_NONE;
	stack_set_status(c, s, status, reason);
	job_drop(c, "timeout", s->Id);
	tell_parent(c, s);
	stack_save(c, s);
}

static void create_failed(struct call *c, struct cloudformation_StackRecord *s, struct stack_resources all, struct str reason)
{
	ASSERT(is(s->Phase, "CREATE"));
	struct str names = failed_sentence(c, all);
	if (str_present(names))
		reason = names;
	cancel_running(c, s, all);
	if (is(s->OnFailure, "DO_NOTHING")) {
		for (size_t i = 0; i < all.n; i++)
			set_task(c, s, all.v[i], NULL);
		end_operation(c, s, "CREATE_FAILED", reason);
		return;
	}
	bool delete = is(s->OnFailure, "DELETE");
	stack_set_status(c, s, delete ? "DELETE_IN_PROGRESS" : "ROLLBACK_IN_PROGRESS",
	                 arena_join(c->arena, reason, delete ? S("Delete requested by user.") : S("Rollback requested by user.")));
	delete_all(c, s);
	begin_phase(c, s, delete ? "DELETE" : "ROLLBACK");
}

/* Template, parameters and all as they were before the update. */
static void take_back_record(struct cloudformation_StackRecord *s)
{
	static const struct { const char *name; size_t at; } texts[] = {
		{"Template", offsetof(struct cloudformation_StackRecord, Template)},
		{"Processed", offsetof(struct cloudformation_StackRecord, Processed)},
		{"Description", offsetof(struct cloudformation_StackRecord, Description)},
		{"RoleARN", offsetof(struct cloudformation_StackRecord, RoleARN)}};
	ASSERT(s->Before != NULL);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		*(struct str *)((char *)s + texts[i].at) = json_get_str(s->Before, texts[i].name);
	s->Parameters = json_get(s->Before, S("Parameters"));
	s->Tags = json_get(s->Before, S("Tags"));
	s->Capabilities = json_get(s->Before, S("Capabilities"));
}

static void begin_restore(struct call *c, struct cloudformation_StackRecord *s, struct stack_resources all, struct str reason)
{
	ASSERT(s->Before != NULL);
	cancel_running(c, s, all);
	stack_set_status(c, s, "UPDATE_ROLLBACK_IN_PROGRESS", reason);
	take_back_record(s);
	for (size_t i = 0; i < all.n; i++) {
		struct cloudformation_ResourceRecord *r = all.v[i];
		const struct json *needs = json_get(r->Wanted, S("Needs"));
		bool touched = is(r->Change, "UPDATED") || is(r->Change, "REPLACED");
		if (is(r->Change, "ADDED")) {
			if (!str_present(r->Status))
				stack_resource_drop(c, s->Id, r);
			else
				set_task(c, s, r, NULL);
			continue;
		}
		if (!touched && needs != NULL)
			r->Needs = json_copy(c->arena, needs);
		set_task(c, s, r, touched ? "RESTORE" : NULL);
	}
	begin_phase(c, s, "RESTORE");
}

static void update_failed(struct call *c, struct cloudformation_StackRecord *s, struct stack_resources all, struct str reason)
{
	ASSERT(is(s->Phase, "UPDATE"));
	struct str names = failed_sentence(c, all);
	if (str_present(names))
		reason = names;
	if (is(s->OnFailure, "DO_NOTHING")) {
		cancel_running(c, s, all);
		for (size_t i = 0; i < all.n; i++)
			set_task(c, s, all.v[i], NULL);
		end_operation(c, s, "UPDATE_FAILED", reason);
		return;
	}
	begin_restore(c, s, all, reason);
}

void engine_cancel_update(struct call *c, struct cloudformation_StackRecord *s)
{
	begin_restore(c, s, stack_resources(c, s->Id), S("User Initiated"));
}

void engine_continue_rollback(struct call *c, struct cloudformation_StackRecord *s, const struct json *skip)
{
	struct stack_resources all = stack_resources(c, s->Id);
	stack_set_status(c, s, "UPDATE_ROLLBACK_IN_PROGRESS", S("User Initiated"));
	for (size_t i = 0; i < all.n; i++) {
		struct cloudformation_ResourceRecord *r = all.v[i];
		bool skipped = false;
		for (uint32_t k = 0; skip != NULL && k < skip->n; k++)
			skipped = skipped || str_eq(json_str(&skip->items[k]), r->LogicalId);
		if (!yes(r->Failed))
			continue;
		if (skipped)
			resource_set_status(c, s, r, "UPDATE_COMPLETE", S("Resource was skipped"));
		set_task(c, s, r, skipped ? NULL : "RESTORE");
	}
	begin_phase(c, s, "RESTORE");
}

/* ---- phases: ending ---- */

/* What the update replaced, as a record of its own to be deleted. */
static void make_garbage(struct call *c, const struct cloudformation_StackRecord *s, const struct cloudformation_ResourceRecord *r,
                         const struct json *was, struct str policy)
{
	ASSERT(was != NULL && !yes(r->Garbage));
	struct str physical = json_get_str(was, "PhysicalId");
	if (!str_present(physical) || is(policy, "Retain"))
		return;
	struct cloudformation_ResourceRecord *g = arena_new_of(c->arena, struct cloudformation_ResourceRecord);
	g->Key = arena_join(c->arena, r->LogicalId, S("~"), operation_token(c));
	g->LogicalId = r->LogicalId;
	g->Type = json_get_str(was, "Type");
	g->PhysicalId = physical;
	g->Status = S("UPDATE_COMPLETE");
	g->Properties = json_get(was, S("Properties"));
	g->Attributes = json_get(was, S("Attributes"));
	g->Needs = json_get(was, S("Needs"));
	g->Garbage = SOME_BOOL(true);
	set_task(c, s, g, "DELETE");
}

struct json *resource_snapshot(struct call *c, const struct cloudformation_ResourceRecord *r)
{
	ASSERT(str_present(r->Type));
	struct json *was = json_new_object(c->arena);
	json_set_str(c->arena, was, "Type", r->Type);
	json_set_str(c->arena, was, "PhysicalId", r->PhysicalId);
	json_set_str(c->arena, was, "DeletionPolicy", str_present(r->DeletionPolicy) ? r->DeletionPolicy : S(""));
	json_set_str(c->arena, was, "ReplacePolicy", str_present(r->ReplacePolicy) ? r->ReplacePolicy : S(""));
	if (r->Properties != NULL)
		json_set(c->arena, was, S("Properties"), r->Properties);
	if (r->Attributes != NULL)
		json_set(c->arena, was, S("Attributes"), r->Attributes);
	if (r->Tags != NULL)
		json_set(c->arena, was, S("Tags"), r->Tags);
	if (r->Metadata != NULL)
		json_set(c->arena, was, S("Metadata"), r->Metadata);
	return was;
}

/* After an update: what was replaced and what is not in the template any more goes. */
static void begin_cleanup(struct call *c, struct cloudformation_StackRecord *s, struct stack_resources all)
{
	ASSERT(is(s->Phase, "UPDATE"));
	struct scope sc;
	bool ok = scope_init(&sc, c, s, stack_template(c, s), s->Parameters, all);
	ASSERT(ok);
	for (size_t i = 0; i < all.n; i++) {
		struct cloudformation_ResourceRecord *r = all.v[i];
		const struct json *resource = json_get(json_get(sc.x.template, S("Resources")), r->LogicalId);
		bool wanted = resource != NULL && intrinsics_present(&sc.x, resource);
		bool moved = r->Before != NULL && !str_eq(json_get_str(r->Before, "PhysicalId"), r->PhysicalId);
		if (!yes(r->Garbage) && wanted && moved)
			make_garbage(c, s, r, r->Before, json_get_str(r->Before, "ReplacePolicy"));
		r->Before = NULL;
		r->Wanted = NULL;
		r->Change = STR_NONE;
		set_task(c, s, r, wanted && !yes(r->Garbage) ? NULL : "DELETE");
	}
	stack_set_status(c, s, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", STR_NONE);
	begin_phase(c, s, "CLEANUP");
}

/* After a restore: what the update added goes, and what replaced something that is back. */
static void begin_restore_cleanup(struct call *c, struct cloudformation_StackRecord *s, struct stack_resources all)
{
	ASSERT(is(s->Phase, "RESTORE"));
	for (size_t i = 0; i < all.n; i++) {
		struct cloudformation_ResourceRecord *r = all.v[i];
		const struct json *gone = json_get(r->Wanted, S("Gone"));
		if (gone != NULL)
			make_garbage(c, s, r, gone, STR_NONE);
		bool added = is(r->Change, "ADDED");
		if (!added) {
			r->Before = NULL;
			r->Wanted = NULL;
			r->Change = STR_NONE;
		}
		set_task(c, s, r, added || yes(r->Garbage) ? "DELETE" : NULL);
	}
	stack_set_status(c, s, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", STR_NONE);
	begin_phase(c, s, "RESTORE_CLEANUP");
}

static void end_delete(struct call *c, struct cloudformation_StackRecord *s, struct stack_resources all)
{
	ASSERT(is(s->Phase, "DELETE"));
	struct str names = failed_names(c, all);
	if (str_present(names)) {
		end_operation(c, s, "DELETE_FAILED", arena_printf(c->arena, "The following resource(s) failed to delete: [%.*s]. ", STR_ARG(names)));
		return;
	}
	finish_drop_exports(c, s);
	imports_drop(c, s->Id);
	s->Deleted = SOME_TIME(c->now_ms);
	stack_name_free(c, s);
	end_operation(c, s, "DELETE_COMPLETE", STR_NONE);
}

static void end_phase(struct call *c, struct cloudformation_StackRecord *s, struct stack_resources all)
{
	ASSERT(!any_task(all));
	struct str names = failed_names(c, all), why = STR_NONE;
	if (is(s->Phase, "CREATE") || is(s->Phase, "UPDATE")) {
		bool create = is(s->Phase, "CREATE");
		if (!finish_outputs(c, s, &why))
			(create ? create_failed : update_failed)(c, s, all, arena_join(c->arena, why, S(". ")));
		else if (create)
			end_operation(c, s, "CREATE_COMPLETE", STR_NONE);
		else
			begin_cleanup(c, s, all);
	} else if (is(s->Phase, "DELETE")) {
		end_delete(c, s, all);
	} else if (is(s->Phase, "ROLLBACK")) {
		if (str_present(names))
			end_operation(c, s, "ROLLBACK_FAILED", arena_printf(c->arena, "The following resource(s) failed to delete: [%.*s]. ", STR_ARG(names)));
		else
			end_operation(c, s, "ROLLBACK_COMPLETE", STR_NONE);
	} else if (is(s->Phase, "RESTORE")) {
		if (str_present(names))
			end_operation(c, s, "UPDATE_ROLLBACK_FAILED", arena_printf(c->arena, "The following resource(s) failed to update: [%.*s]. ",
				STR_ARG(names)));
		else
			begin_restore_cleanup(c, s, all);
	} else {
		bool back = is(s->Phase, "RESTORE_CLEANUP");
		ASSERT(back || is(s->Phase, "CLEANUP"));
		s->Before = NULL;
		end_operation(c, s, back ? "UPDATE_ROLLBACK_COMPLETE" : "UPDATE_COMPLETE", STR_NONE);
	}
}

void engine_advance(struct call *c, struct cloudformation_StackRecord *s)
{
	struct stack_resources all = stack_resources(c, s->Id);
	bool failed = str_present(failed_names(c, all));
	ASSERT(str_present(s->Phase));
	if (failed && is(s->Phase, "CREATE"))
		create_failed(c, s, all, STR_NONE);
	else if (failed && is(s->Phase, "UPDATE"))
		update_failed(c, s, all, STR_NONE);
	else if (any_task(all))
		start_ready(c, s, all);
	else
		end_phase(c, s, all);
}

void engine_job_timeout(struct call *c, struct str id, struct str payload)
{
	struct cloudformation_StackRecord *s = stack_load(c, id);
	if (s == NULL || !is(s->Phase, "CREATE") || !str_eq(s->Operation, payload))
		return;
	create_failed(c, s, stack_resources(c, id), S("Stack creation time exceeded the specified timeout. "));
}
