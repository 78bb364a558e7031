/* Stacks as they lie in the store, and what all parts of the service do with them.
 *
 * Keys, each below (cloudformation, account, region):
 *   ("name", name)                    -> the id of the stack that has the name now
 *   ("stack", id)                     -> StackRecord; deleted stacks stay, as on AWS
 *   ("resource", id, key)             -> ResourceRecord; key is the logical id, and more for a replaced one to be removed
 *   ("event", id, serial)             -> EventRecord
 *   ("changeset", stack id, name)     -> ChangeSetRecord
 *   ("export", name)                  -> ExportRecord
 *   ("import", name, stack id), ("imported", stack id, name) -> "" : who uses an export
 *   ("response", token)               -> ResponseRecord: what a custom resource is asked */
#ifndef CLOUDFORMATION_STACK_H
#define CLOUDFORMATION_STACK_H

#include "cloudformation.model.h"
#include "intrinsics.h"
#include "svc/service.h"

struct stack_resources { struct cloudformation_ResourceRecord **v; size_t n; };

/* stack.c */
struct str stack_new_id(struct call *c, struct str name);
struct cloudformation_StackRecord *stack_load(struct call *c, struct str id); /* NULL: not there */
void stack_save(struct call *c, const struct cloudformation_StackRecord *s);
/* By name (the one that is not deleted) or id; NULL: not there. */
struct cloudformation_StackRecord *stack_find(struct call *c, struct str name_or_id);
/* The same; fails c with ValidationError when it is not there. */
struct cloudformation_StackRecord *stack_need(struct call *c, struct str name_or_id);
void stack_name_take(struct call *c, const struct cloudformation_StackRecord *s);
void stack_name_free(struct call *c, const struct cloudformation_StackRecord *s);
bool stack_is_deleted(const struct cloudformation_StackRecord *s);
bool stack_in_progress(const struct cloudformation_StackRecord *s);
/* Change the status and say so in the events; the record is not saved. */
void stack_set_status(struct call *c, struct cloudformation_StackRecord *s, const char *status, struct str reason);
struct stack_resources stack_resources(struct call *c, struct str stack_id);
struct cloudformation_ResourceRecord *stack_resource(struct call *c, struct str stack_id, struct str key); /* NULL: not there */
void stack_resource_save(struct call *c, struct str stack_id, const struct cloudformation_ResourceRecord *r);
void stack_resource_drop(struct call *c, struct str stack_id, const struct cloudformation_ResourceRecord *r);
struct cloudformation_ResourceRecord *stack_resource_of(struct stack_resources all, struct str logical_id);
/* The resource's status, with an event. The record is not saved. */
void resource_set_status(struct call *c, const struct cloudformation_StackRecord *s, struct cloudformation_ResourceRecord *r,
                         const char *status, struct str reason);
/* The processed template as a tree. */
struct json *stack_template(struct call *c, const struct cloudformation_StackRecord *s);
struct json *stack_principal_save(struct call *c, const struct principal *p);
const struct principal *stack_principal(struct call *c, const struct cloudformation_StackRecord *s); /* NULL: role not to be assumed */
struct str operation_token(struct call *c);
static inline bool yes(struct opt_bool b) { return b.set && b.v; }
static inline bool is(struct str s, const char *word) { return str_eq(s, str_c(word)); }
#define ONE_OF(s, ...) stack_word_in((s), (const char *const[]){__VA_ARGS__, NULL})
bool stack_word_in(struct str s, const char *const *words);

/* ---- scope.c: a stack's template, evaluated against what exists ---- */
struct scope {
	struct intrinsics x;
	struct call *c;
	const struct cloudformation_StackRecord *stack;
	struct stack_resources resources;
	const struct json *later; /* object: logical ids whose values are not known yet; NULL: none */
	bool planning;            /* what does not exist is known later, and uses of exports are not noted */
};
/* false: the parameters do not fit the template; c has failed or x.error says it. */
bool scope_init(struct scope *sc, struct call *c, const struct cloudformation_StackRecord *s, const struct json *template,
                const struct json *parameters, struct stack_resources resources);
/* The type of a resource; NULL: no service has it. Custom::* is the custom resource type. */
const struct cfn_type *type_find(struct str type);
bool type_has_property(const struct cfn_type *t, struct str property);
/* Properties of a logical resource, evaluated; NULL with x.error. */
struct json *scope_properties(struct scope *sc, struct str logical_id);
struct str scope_policy(struct scope *sc, const struct json *resource, const char *name); /* DeletionPolicy, ...; absent: none */

/* ---- plan.c: what an update would do ---- */
/* [{LogicalId, Type, PhysicalId, Action: Add|Modify|Remove, Replacement, Changes: [names], Tags, ...}]; nothing for
 * what stays. NULL with x.error in *why. */
struct json *plan_make(struct scope *sc, struct str *why);
/* Is there anything to do, counting outputs, tags and attributes beside properties? */
bool plan_changes_nothing(struct scope *sc, const struct json *plan, const struct json *old_template, const struct json *tags);

/* ---- engine.c: operations as durable state machines ---- */
/* Begin: the record is saved, its first tasks are started. */
void engine_create(struct call *c, struct cloudformation_StackRecord *s);
void engine_update(struct call *c, struct cloudformation_StackRecord *s);
void engine_delete(struct call *c, struct cloudformation_StackRecord *s);
void engine_cancel_update(struct call *c, struct cloudformation_StackRecord *s);
void engine_continue_rollback(struct call *c, struct cloudformation_StackRecord *s, const struct json *skip);
/* Start what can be started; go to the next phase when nothing is left. Saves the record. */
void engine_advance(struct call *c, struct cloudformation_StackRecord *s);
void engine_job_resource(struct call *c, struct str id, struct str payload);
void engine_job_timeout(struct call *c, struct str id, struct str payload);
/* Poll a resource's operation now: something it waits for has happened. */
void engine_wake(struct call *c, struct str stack_id, struct str key);

/* ---- finish.c: outputs and exports ---- */
/* Evaluate outputs, take and give back exports. false with the reason: the operation fails. */
bool finish_outputs(struct call *c, struct cloudformation_StackRecord *s, struct str *why);
void finish_drop_exports(struct call *c, const struct cloudformation_StackRecord *s);
/* Name of an export of this stack that another stack uses, with that stack's name; absent: none. */
struct str finish_export_in_use(struct call *c, const struct cloudformation_StackRecord *s, struct str *user);
struct json *export_value(struct call *c, struct str name);
void import_note(struct call *c, struct str name, struct str stack_id);
void imports_drop(struct call *c, struct str stack_id);

/* ---- input.c: what a request gives ---- */
struct given {
	struct str text;            /* the template as given */
	struct json *template;      /* after transforms */
	struct str processed;       /* its text */
	struct json *parameters;    /* {name: text}: every parameter's */
	struct json *tags;          /* {key: value} */
	struct json *capabilities;  /* [text] */
	struct json *transforms;    /* [name] */
	bool transform_failed;      /* why says how; for change sets, that fail later than the request */
	struct str why;
};
struct request_template { struct str body, url; bool use_previous; };
/* Read, transform and check a template and parameters; false: c has failed (or transform_failed). previous: the stack
 * that is updated, or NULL. */
bool given_read(struct call *c, const struct request_template *from, const struct list *parameters, const struct list *tags,
                const struct list *capabilities, const struct cloudformation_StackRecord *previous, bool change_set, struct given *g);
/* The text of a template from its body, URL or the stack before; absent: c has failed. */
struct str given_text(struct call *c, const struct request_template *from, const struct cloudformation_StackRecord *previous);
/* Parse and transform without values for parameters; for GetTemplateSummary and ValidateTemplate. */
struct json *given_parse(struct call *c, struct str text, bool raw);
/* The capabilities that a template needs: array of names, and why. */
struct json *capabilities_needed(struct call *c, const struct json *template, const struct json *transforms, struct str *reason);
struct str text_of_url(struct call *c, struct str url, size_t max);

/* ---- own.c: the service's own resource types ---- */
extern const struct cfn_type own_types[4];
/* Custom resources: the answer route. */
bool custom_claims(const struct wire_request *r);
void custom_response(struct call *c);

/* ops_*.c */
void op_create_stack(struct call *c);
void op_update_stack(struct call *c);
void op_delete_stack(struct call *c);
void op_cancel_update_stack(struct call *c);
void op_continue_update_rollback(struct call *c);
void op_update_termination_protection(struct call *c);
void op_create_change_set(struct call *c);
void op_describe_change_set(struct call *c);
void op_execute_change_set(struct call *c);
void op_delete_change_set(struct call *c);
void op_list_change_sets(struct call *c);
void op_describe_stacks(struct call *c);
void op_list_stacks(struct call *c);
void op_describe_stack_events(struct call *c);
void op_describe_stack_resource(struct call *c);
void op_describe_stack_resources(struct call *c);
void op_list_stack_resources(struct call *c);
void op_get_template(struct call *c);
void op_get_template_summary(struct call *c);
void op_validate_template(struct call *c);
void op_list_exports(struct call *c);
void op_list_imports(struct call *c);
void op_describe_account_limits(struct call *c);
void access_stack(struct call *c);

/* Shared by operations: fill a new or updated record from a request. */
struct json *tree_of_strings(struct call *c, const struct list *l); /* list of str as a JSON array; NULL list: empty */
struct list list_of_strings(struct call *c, const struct json *j);
/* Put what a request gave into the record; what was is kept for a rollback. */
void stack_take_given(struct call *c, struct cloudformation_StackRecord *s, const struct given *g, struct str role, struct str failure);
/* The plan of an update (plan_make); NULL: c has failed. *nothing: there is nothing to do at all. */
struct json *stack_plan(struct call *c, const struct cloudformation_StackRecord *s, const struct given *g, bool *nothing);
/* Refuse what is not done; false: c has failed. */
bool refuse_inputs(struct call *c, const void *rollback_configuration, const struct list *notification_arns);

#endif
