/* The account's settings, and tags of APIs, stages, keys and plans: five kinds of records, found by an ARN without an account
 * ("arn:aws:apigateway:<region>::/restapis/<id>"), so tags are of the caller's account always. */
#include "method.h"

#include "svc/arn.h"
#include "svc/tags.h"

static struct apigateway_Account *account_get(struct call *c)
{
	struct apigateway_Account *a = call_get(c, call_key(c, "account"), &apigateway_shape_Account);
	if (a == NULL)
		a = arena_new_of(c->arena, struct apigateway_Account);
	a->throttleSettings = arena_new_of(c->arena, struct apigateway_ThrottleSettings);
	*a->throttleSettings = (struct apigateway_ThrottleSettings){.burstLimit = SOME_I64(5000), .rateLimit = SOME_F64(10000)};
	a->features = LIST_OF(c->arena, struct str, 1);
	*LIST_AT(a->features, struct str, 0) = S("UsagePlans");
	a->apiKeyVersion = S("4");
	return a;
}

void op_get_account(struct call *c) { *(struct apigateway_Account *)c->out = *account_get(c); }

void op_update_account(struct call *c)
{
	static const char *const paths[] = {"/cloudwatchRoleArn", NULL};
	const struct apigateway_UpdateAccountRequest *in = c->in;
	struct apigateway_Account *a = patched(c, &apigateway_shape_Account, account_get(c), &in->patchOperations, paths);
	if (a == NULL)
		return;
	if (str_present(a->cloudwatchRoleArn) && a->cloudwatchRoleArn.n > 0 &&
	    assume_role(c, a->cloudwatchRoleArn, "apigateway.amazonaws.com", S("check"), true) == NULL) {
		bad_request(c, "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and add the "
			"required role policy.");
		return;
	}
	call_put(c, call_key(c, "account"), &apigateway_shape_Account, a);
	*(struct apigateway_Account *)c->out = *account_get(c);
}

/* ---- tags ---- */

struct tagged { const struct shape *shape; struct key *key; void *record; struct map_of *tags; };

/* The record that an ARN (arn:aws:apigateway:region::/restapis/id/...) names, and where its tags are. */
static bool tagged_find(struct call *c, struct str text, struct tagged *t)
{
	struct arn arn;
	struct str parts[5];
	size_t n = arn_parse(text, &arn) && str_eq(arn.service, S("apigateway")) ? patch_parts(c->arena, arn.resource, parts, 5) : 0;
	if (n == 2 && str_eq(parts[0], S("restapis"))) {
		*t = (struct tagged){&apigateway_shape_RestApi, part_key(c, "api", parts[1], STR_NONE), api_need(c, parts[1]), NULL};
		t->tags = t->record != NULL ? &((struct apigateway_RestApi *)t->record)->tags : NULL;
	} else if (n == 4 && str_eq(parts[0], S("restapis")) && str_eq(parts[2], S("stages"))) {
		*t = (struct tagged){&apigateway_shape_Stage, part_key(c, "stage", parts[1], parts[3]), stage_need(c, parts[1], parts[3]), NULL};
		t->tags = t->record != NULL ? &((struct apigateway_Stage *)t->record)->tags : NULL;
	} else if (n == 2 && str_eq(parts[0], S("apikeys"))) {
		struct key *k = key_str(call_key(c, "key"), parts[1]);
		*t = (struct tagged){&apigateway_shape_ApiKey, k, call_get(c, k, &apigateway_shape_ApiKey), NULL};
		t->tags = t->record != NULL ? &((struct apigateway_ApiKey *)t->record)->tags : NULL;
	} else if (n == 2 && str_eq(parts[0], S("usageplans"))) {
		struct key *k = plan_key(c, parts[1]);
		*t = (struct tagged){&apigateway_shape_UsagePlan, k, call_get(c, k, &apigateway_shape_UsagePlan), NULL};
		t->tags = t->record != NULL ? &((struct apigateway_UsagePlan *)t->record)->tags : NULL;
	}
	if (t->record == NULL && !c->failed)
		not_found(c, "Invalid resource ARN specified: %.*s", STR_ARG(text));
	return t->record != NULL;
}

bool tags_add(struct call *c, struct map_of *into, const struct map_of *more)
{
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .reserved = c->parent != NULL};
	struct tags have = TAGS_OF(*into, struct apigateway_MapOfStringToString_entry), add = TAGS_OF(*more, struct apigateway_MapOfStringToString_entry);
	enum tags_fault fault = tags_put(c->arena, &have, add, &rules);
	if (fault == TAGS_TOO_MANY)
		bad_request(c, "The number of tags is over the limit of %d", TAGS_OF_RESOURCE);
	else if (fault != TAGS_OK)
		bad_request(c, "The tag key %.*s is %s", STR_ARG(tags_culprit(add, &rules)),
			fault == TAGS_RESERVED ? "reserved: keys must not begin with aws:" : "given twice");
	else if (have.n > 0)
		*into = (struct map_of){have.v, have.n, true};
	return fault == TAGS_OK;
}

void op_tag_resource(struct call *c)
{
	const struct apigateway_TagResourceRequest *in = c->in;
	struct tagged t = {0};
	if (!tagged_find(c, in->resourceArn, &t))
		return;
	if (!tags_add(c, t.tags, &in->tags))
		return;
	call_put(c, t.key, t.shape, t.record);
}

void op_untag_resource(struct call *c)
{
	const struct apigateway_UntagResourceRequest *in = c->in;
	struct tagged t = {0};
	if (!tagged_find(c, in->resourceArn, &t))
		return;
	struct tags have = TAGS_OF(*t.tags, struct apigateway_MapOfStringToString_entry);
	tags_drop(&have, &in->tagKeys, false);
	t.tags->n = have.n;
	call_put(c, t.key, t.shape, t.record);
}

void op_get_tags(struct call *c)
{
	const struct apigateway_GetTagsRequest *in = c->in;
	struct tagged t = {0};
	if (tagged_find(c, in->resourceArn, &t)) {
		((struct apigateway_Tags *)c->out)->tags = *t.tags;
		((struct apigateway_Tags *)c->out)->tags.set = true;
	}
}
