/* The intrinsic functions, conditions, parameters and rules of a template, evaluated.
 *
 * Pure: what lies outside (resources that exist, exports) comes in through the context. Results are new trees in the
 * arena. The first failure stays in ctx->error, in AWS's words, and NULL is returned; AWS::NoValue gives a value for
 * which intrinsics_is_no_value() holds. Source: "Intrinsic function reference" (CloudFormation User Guide). */
#ifndef CLOUDFORMATION_INTRINSICS_H
#define CLOUDFORMATION_INTRINSICS_H

#include "base/json.h"
#include "base/map.h"

/* What stands for a value that is known only when the change is made (change sets show it so). */
#define CFN_LATER "{{changeSet:KNOWN_AFTER_APPLY}}"

struct intrinsics {
	struct arena *a;
	const struct json *template;
	struct json *parameters;   /* object: name -> text, or an array of texts for lists; from parameters_resolve */
	struct str account, region, stack_name, stack_id;
	const struct json *notification_arns; /* array; NULL: none */
	/* A resource's Ref or attribute ("Ref" or the attribute's name). NULL without an error: there is no such
	 * attribute. NULL function: everything is known later. */
	struct json *(*resource)(struct intrinsics *x, struct str logical_id, struct str attribute);
	/* The value of an export; NULL: there is none. NULL function: every export is known later. */
	struct json *(*export_value)(struct intrinsics *x, struct str name);
	void *user;                /* of the two functions */
	bool language_extensions;
	struct map conditions;     /* name -> int*: 0 being evaluated, 1 false, 2 true */
	unsigned depth;
	size_t budget;             /* nodes that may still be made */
	struct str error;
};

void intrinsics_init(struct intrinsics *x, struct arena *a, const struct json *template);
/* The value of a node. */
struct json *intrinsics_eval(struct intrinsics *x, const struct json *node);
/* A node that must give a text; absent with error set when it does not. */
struct str intrinsics_text(struct intrinsics *x, const struct json *node);
bool intrinsics_is_no_value(const struct json *value);
/* A named condition. false with error set when it is not there or loops. */
bool intrinsics_condition(struct intrinsics *x, struct str name);
/* A member that says whether something is there: absent "Condition" is true. */
bool intrinsics_present(struct intrinsics *x, const struct json *resource_or_output);
/* Evaluate every condition; false with error. */
bool intrinsics_conditions(struct intrinsics *x);
/* {"Fn::X": ...}, {"Ref": ...}: the function's name and argument; false when the node is none. */
bool intrinsics_function(const struct json *node, struct str *name, const struct json **argument);
/* Texts of scalars: numbers as written, true and false; absent for the rest. */
struct str intrinsics_scalar(const struct json *value);
/* Set the error unless one is set; returns NULL. */
struct json *intrinsics_fail(struct intrinsics *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The next "${name}" of an Fn::Sub's text: what stands before it, and the name as written; *text goes on behind it. false: none is left. */
bool intrinsics_sub_next(struct str *text, struct str *before, struct str *name);
/* Fn::Cidr on texts. */
struct json *intrinsics_cidr(struct intrinsics *x, struct str block, int64_t count, int64_t bits);

/* ---- parameters.c ---- */

/* Values for the template's parameters: given {name: text}, previous {name: text} (UsePreviousValue puts them in
 * given already), then defaults; checked against type and constraints. NULL with AWS's message in *why. */
struct json *parameters_resolve(struct arena *a, const struct json *template, const struct json *given, struct str *why);
/* The rules' assertions; false with error set. */
bool parameters_rules(struct intrinsics *x);
bool parameters_no_echo(const struct json *template, struct str name);

/* ---- references.c ---- */

/* Every name that the template refers to exists, and so do sections that depend on one another. false with *why. */
bool references_check(struct arena *a, const struct json *template, struct str *why);
/* The logical ids that a resource (in its evaluated branches) needs, without itself: DependsOn, Ref, GetAtt, Sub. */
struct json *references_of(struct intrinsics *x, struct str logical_id, const struct json *resource);
/* {id: [ids it needs]} in an order where each comes after what it needs; NULL with "Circular dependency between
 * resources: [A, B]" in *why. */
struct json *references_order(struct arena *a, const struct json *needs, struct str *why);

/* ---- extensions.c: AWS::LanguageExtensions ---- */

/* Expand Fn::ForEach everywhere; false with *why. Length and ToJsonString are evaluated like any function. */
struct json *extensions_expand(struct arena *a, const struct json *template, const struct json *parameters, struct str *why);

#endif
