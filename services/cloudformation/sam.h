/* The SAM transform (AWS::Serverless-2016-10-31): a template with serverless resources becomes one without.
 *
 * sam_transform is the whole interface for the rest of the service; what follows it is shared by the sam_*.c files only.
 * Pure. The output is compared with AWS's translator in test/test_sam.py. Sources: "AWS SAM specification" (SAM
 * Developer Guide) and the translator's published behaviour (logical ids, order of lists). */
#ifndef CLOUDFORMATION_SAM_H
#define CLOUDFORMATION_SAM_H

#include "base/json.h"

/* Transform a copy of the template. parameters: {name: text or list} as given and by default; region for Ref
 * AWS::Region. NULL with AWS's message ("Invalid Serverless Application Specification document. ...") in *why. */
struct json *sam_transform(struct arena *a, const struct json *template, const struct json *parameters, struct str region, struct str *why);

/* ---- inside the transform ---- */

/* A CloudFormation resource being made. */
struct made {
	struct str id;
	const char *type;
	struct json *attributes; /* Condition, DeletionPolicy, ... beside Properties */
	struct json *depends_on; /* NULL: none */
	struct json *properties;
	struct made *next;
};

struct sam {
	struct arena *a;
	struct json *in;          /* the input after the plug-ins; api definitions grow in it while functions are done */
	struct json *resources;   /* in's Resources, at a place of their own */
	struct json *out;         /* output Resources */
	struct json *parameters;  /* for resolving Ref in fields whose value the transform must know */
	struct json *changed_ids; /* {old id: new id} */
	struct json *refs;        /* {"Function.Alias": id} */
	struct made *made, **made_end; /* of the resource being done */
	struct str id;            /* the resource being done */
	struct json *properties;  /* its properties */
	struct json *attributes;  /* its own attributes */
	struct json *passed;      /* those that derived resources get too */
	struct json *function_names; /* {api id: names}, part of a deployment's hash */
	struct json *shared_depends, *shared_stages, *shared_keys; /* the shared usage plan */
	struct json *shared_conditions; /* array */
	bool shared_unconditional;
	struct json *shared_policies;   /* DeletionPolicy, UpdateReplacePolicy so far */
	struct buf errors;
	unsigned n_errors;
	bool failed;              /* the resource being done has an error */
};

/* An error of the resource being done (the first one counts), or of the one named. Returns NULL. */
void *sam_fail(struct sam *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void *sam_fail_at(struct sam *s, struct str id, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* sam_util.c: small trees */
/* json_set and json_push; a NULL value becomes null, which is refused when the result is checked as a template. */
struct json *sam_set(struct sam *s, struct json *object, struct str key, const struct json *value);
struct json *sam_push(struct sam *s, struct json *array, const struct json *value);
struct json *sam_lit(struct sam *s, const char *json);       /* parse a literal of ours */
struct json *sam_text(struct sam *s, struct str text);
struct json *sam_ref(struct sam *s, struct str id);
struct json *sam_get_att(struct sam *s, struct str id, const char *attribute);
struct json *sam_one(struct sam *s, const char *key, const struct json *value); /* {key: value} */
struct json *sam_sub(struct sam *s, struct str text, struct json *variables);   /* variables NULL: the short form */
struct json *sam_if(struct sam *s, struct str condition, const struct json *value); /* else AWS::NoValue */
struct json *sam_list(struct sam *s, const struct json *only);
bool sam_truthy(const struct json *j);                       /* present, and not null, false, 0, "" or empty */
bool sam_is_intrinsic(const struct json *j);
bool sam_is_function(const struct json *j, const char *name); /* {"Fn::If": ...} */
bool sam_is_no_value(const struct json *j);
struct json *sam_property(struct sam *s, const char *name);
/* A member's object or array, made when it is not there. */
struct json *sam_ensure(struct sam *s, struct json *object, struct str key, enum json_type type);
void sam_put(struct sam *s, struct json *object, const char *key, const struct json *value); /* nothing when NULL */
bool sam_contains(const struct json *array, const struct json *value);
struct str sam_hash(struct sam *s, struct str text, size_t length);  /* hexadecimal sha1, cut */
struct str sam_hash_json(struct sam *s, const struct json *j, size_t length);
struct json *sam_tags(struct sam *s, const struct json *tags, bool sam_tag); /* {k: v} as [{Key, Value}] */
bool sam_alphanumeric(struct str s);
/* Parameter references (Ref, Fn::Sub) replaced by values, in a copy. */
struct json *sam_resolve(struct sam *s, const struct json *j);
/* {Bucket, Key, Version} of an s3 URI or such an object, under the names that the target uses. NULL: failed. */
struct json *sam_s3_location(struct sam *s, const struct json *uri, const char *property, const char *bucket, const char *key, const char *version);
struct made *sam_make(struct sam *s, struct str id, const char *type, const struct json *attributes);
void sam_depends(struct sam *s, struct made *m, struct str id);
/* Combine conditions by Fn::Or under `name`, in the template's Conditions. */
void sam_combine_conditions(struct sam *s, struct json *names, struct str name);

/* sam_globals.c, sam_implicit.c: plug-ins before the transform */
bool sam_globals(struct sam *s);
void sam_default_bodies(struct sam *s);
void sam_implicit_api(struct sam *s);

/* The resources */
void sam_function(struct sam *s);
void sam_api(struct sam *s);
void sam_simple_table(struct sam *s);
void sam_layer(struct sam *s);

/* sam_role.c */
struct made *sam_role(struct sam *s, const struct json *extra_policies);
void sam_convert_policy_templates(struct sam *s);
struct json *sam_destination_policy(struct sam *s, struct str type, const struct json *arn, struct str logical_id);

/* sam_events.c, sam_pull.c. What an event is connected to: the function, or its alias. */
struct target {
	struct made *resource;
	struct json *arn, *name; /* what stands for them in templates */
	struct made *role;       /* NULL: the user's own */
};
struct event {
	struct str name;         /* in the function's Events */
	struct str id;           /* logical id: function + name */
	struct str type;
	struct json *properties;
};
void sam_events(struct sam *s, const struct target *t);
void sam_pull_event(struct sam *s, const struct target *t, const struct event *e);
void sam_sqs_mapping(struct sam *s, const struct target *t, struct str id, const struct json *queue, const struct json *batch_size);
void sam_api_event(struct sam *s, const struct target *t, const struct event *e);
void *sam_event_fail(struct sam *s, const struct event *e, const char *fmt, ...) PRINTF_LIKE(3, 4);
struct made *sam_permission(struct sam *s, const struct target *t, struct str prefix, struct str suffix, const char *principal,
	const struct json *source_arn);

/* sam_swagger.c */
struct json *swagger_skeleton(struct sam *s);
bool swagger_valid(const struct json *doc);
struct str swagger_method(struct sam *s, struct str method);
/* What an item holds: itself, or the branches of its Fn::If that are there; at most 2. */
size_t swagger_contents(struct json *item, struct json *out[2]);
void swagger_add_path(struct sam *s, struct json *doc, struct str path, struct str method);
bool swagger_has_integration(struct json *doc, struct str path, struct str method);
/* Definitions of a method (with an integration) below a path; at most 4. */
size_t swagger_definitions(struct json *doc, struct str path, struct str method, struct json *out[4]);
/* Call fn for each method with an integration. */
void swagger_each_method(struct sam *s, struct json *doc, struct str path,
                         void (*fn)(struct sam *s, struct json *definition, struct str method, void *arg), void *arg);
void swagger_key_definition(struct sam *s, struct json *doc);
void swagger_iam_definition(struct sam *s, struct json *doc);
void swagger_cors(struct sam *s, struct json *doc, const struct json *cors);
void swagger_openapi(struct sam *s, struct json *doc, const struct json *version);
bool swagger_is_openapi3(const struct json *version);

/* sam_auth.c */
void sam_api_auth(struct sam *s, struct json *doc, const struct json *auth);
void sam_api_authorizer_permissions(struct sam *s, const struct json *auth);
void sam_method_auth(struct sam *s, const struct event *e, struct json *doc, const struct json *api, struct str path, struct str method);

/* sam_usage.c */
void sam_usage_plan(struct sam *s, const struct json *auth, struct str stage_id);

#endif
