/* How a service offers CloudFormation resource types; the cloudformation service drives them.
 *
 * Each function runs in the stack's transaction and works through invoke() on its own service with the stack's
 * principal. It may be run again until it says CFN_DONE: CFN_AGAIN asks to be polled (not before again_ms). */
#ifndef TSUBO_CFN_H
#define TSUBO_CFN_H

#include "base/json.h"

struct call;

enum cfn_status { CFN_DONE, CFN_AGAIN, CFN_FAILED, CFN_PARKED /* an invoke parked the call: return */ };

struct cfn_resource {
	struct call *c;
	const char *type;
	struct str stack_name, stack_id, logical_id;
	struct str client_token;          /* the same for every poll of one operation */
	struct json *properties;          /* resolved; no intrinsics left */
	struct json *old_properties;      /* update */
	struct json *stack_tags;          /* object of strings: stack tags and aws:cloudformation:* */
	struct json *old_stack_tags;      /* update: the stack's tags that the resource has by now; NULL: none */
	struct str physical_id;           /* what Ref gives; set by create (or replaced by update) */
	struct json *attributes;          /* object: what GetAtt gives ("Arn", "Outputs.x"); filled by create and update */
	struct json *state;               /* object kept between polls of one operation */
	int64_t again_ms;
	struct str reason;                /* CFN_FAILED: as it is shown in the events */
};

struct cfn_type {
	const char *name;                 /* "AWS::SQS::Queue" */
	const char *const *properties;    /* supported, NULL-terminated; another one fails the stack by name */
	const char *const *replaces;      /* a change of these makes a new resource; NULL-terminated or NULL */
	enum cfn_status (*create)(struct cfn_resource *r);
	enum cfn_status (*update)(struct cfn_resource *r); /* NULL: every change replaces */
	enum cfn_status (*remove)(struct cfn_resource *r); /* a resource that is gone already is CFN_DONE */
	/* NULL: attributes are those kept from create/update. */
	const char *name_property;        /* "QueueName": when absent a name is made: stack-logical-RANDOM */
};

/* Helpers, svc/cfn.c. A generated name of at most max characters: <stack>-<logical>-<12 upper-case>, as AWS does. */
struct str cfn_make_name(struct cfn_resource *r, size_t max, bool lower);
/* Fail with the invoked error as AWS words it: 'Resource handler returned message: "..." (RequestToken: ..., HandlerErrorCode: ...)'. */
enum cfn_status cfn_fail(struct cfn_resource *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct wire_error;
enum cfn_status cfn_fail_as(struct cfn_resource *r, const struct wire_error *e);
/* What an invoked operation makes of the resource: done, waiting with it, or failed as it did. */
struct invoked;
enum cfn_status cfn_done(struct cfn_resource *r, const struct invoked *i);
/* The same of a removal, which is done too when the error is `gone`: the resource is not there. */
enum cfn_status cfn_gone(struct cfn_resource *r, const struct invoked *i, struct str gone);
/* Properties in the shape a service wants: the named members of r->properties copied (NULL-terminated pairs from, to). */
struct json *cfn_input(struct cfn_resource *r, const char *const *pairs);
/* Set a member where the template has a value for it: NULL is none. Whether it must have one the service's operation says. */
void cfn_put(struct arena *a, struct json *to, const char *name, const struct json *v);
/* A scalar as it is written, for where the API wants a text: names and keys may be numbers. Empty: there is none. */
struct str cfn_scalar(const struct json *v);
/* Tags of the resource and the stack as [{Key, Value}] (or an object when as_map). */
struct json *cfn_tags(struct cfn_resource *r, bool as_map);
/* How a service tags: its operations, and what their members are called. */
struct cfn_tagging { const char *service, *tag, *untag, *resource, *tags, *keys; bool as_map; };
/* Bring the tags of a resource (by its ARN or name, as the service wants it) from old to new: gone ones go, the others are put. */
enum cfn_status cfn_tags_update(struct cfn_resource *r, const struct cfn_tagging *t, struct str resource);
/* A property as the text of an attribute: objects as JSON, everything else as it is written. */
struct json *cfn_attribute(struct arena *a, const struct json *v);
/* true, or "true" in any case: templates write both. */
bool cfn_true(const struct json *v);

#endif
