/* CloudFormation types of the parts of an API: resources, methods, models, validators, authorizers, gateway responses; and
 * the account's settings. Each is the service's own operation with the property names in small letters. */
#include "cfn_internal.h"

/* What a type is made of: operations, and the names of its ids. */
struct part {
	const char *create, *update, *remove;
	const char *id_in;   /* the operation's member that names one */
	const char *id_out;  /* the output's member that is the physical id */
	const char *attribute; /* GetAtt's name for the id; NULL: none */
};

static const struct part resource = {"CreateResource", NULL, "DeleteResource", "resourceId", "id", "ResourceId"};
static const struct part model = {"CreateModel", "UpdateModel", "DeleteModel", "modelName", "name", NULL};
static const struct part validator = {"CreateRequestValidator", "UpdateRequestValidator", "DeleteRequestValidator", "requestValidatorId", "id",
	"RequestValidatorId"};
static const struct part authorizer = {"CreateAuthorizer", "UpdateAuthorizer", "DeleteAuthorizer", "authorizerId", "id", "AuthorizerId"};

static struct json *small(struct cfn_resource *r) { return cfn_lowered(r->c->arena, r->properties); }

static enum cfn_status part_create(struct cfn_resource *r, const struct part *p, struct json *in)
{
	struct invoked i = cfn_ask(r, p->create, in);
	if (!i.ok)
		return cfn_fail_as(r, &i.error);
	r->physical_id = json_get_str(i.out, p->id_out);
	if (p->attribute != NULL)
		json_set(r->c->arena, r->attributes, str_c(p->attribute), json_new_str(r->c->arena, r->physical_id));
	return CFN_DONE;
}

static struct json *named(struct cfn_resource *r, const struct part *p)
{
	struct json *in = cfn_object1(r, S("restApiId"), json_get_str(r->properties, "RestApiId"));
	json_set(r->c->arena, in, str_c(p->id_in), json_new_str(r->c->arena, r->physical_id));
	return in;
}

static enum cfn_status part_remove(struct cfn_resource *r, const struct part *p)
{
	struct invoked i = cfn_ask(r, p->remove, named(r, p));
	return i.ok || str_eq(i.error.code, S("NotFoundException")) ? CFN_DONE : cfn_fail_as(r, &i.error);
}

/* Scalars of the properties as patches on members of the same name. */
static enum cfn_status part_update(struct cfn_resource *r, const struct part *p)
{
	struct arena *a = r->c->arena;
	struct json *list = json_new_array(a), *in = named(r, p), *all = small(r);
	for (uint32_t i = 0; i < all->n; i++) {
		struct str name = all->members[i].key;
		if (str_eq(name, S("restApiId")) || (p == &model && str_eq(name, S("name"))) || str_eq(name, S("contentType")) ||
		    all->members[i].value.type == JSON_ARRAY)
			continue;
		const struct json *v = str_eq(name, S("schema")) ? json_get(r->properties, S("Schema")) : &all->members[i].value;
		cfn_patch(r, list, "replace", arena_join(a, S("/"), name), v);
	}
	json_set(a, in, S("patchOperations"), list);
	struct invoked i = cfn_ask(r, p->update, in);
	return i.ok ? CFN_DONE : cfn_fail_as(r, &i.error);
}

enum cfn_status cfn_resource_create(struct cfn_resource *r) { return part_create(r, &resource, small(r)); }
enum cfn_status cfn_resource_remove(struct cfn_resource *r) { return part_remove(r, &resource); }
enum cfn_status cfn_validator_create(struct cfn_resource *r) { return part_create(r, &validator, small(r)); }
enum cfn_status cfn_validator_update(struct cfn_resource *r) { return part_update(r, &validator); }
enum cfn_status cfn_validator_remove(struct cfn_resource *r) { return part_remove(r, &validator); }
enum cfn_status cfn_authorizer_update(struct cfn_resource *r) { return part_update(r, &authorizer); }
enum cfn_status cfn_authorizer_remove(struct cfn_resource *r) { return part_remove(r, &authorizer); }
enum cfn_status cfn_model_update(struct cfn_resource *r) { return part_update(r, &model); }
enum cfn_status cfn_model_remove(struct cfn_resource *r) { return part_remove(r, &model); }

enum cfn_status cfn_authorizer_create(struct cfn_resource *r)
{
	struct json *in = small(r), *arns = json_get(r->properties, S("ProviderARNs"));
	if (arns != NULL) {
		json_unset(in, S("providerARNs"));
		json_set(r->c->arena, in, S("providerARNs"), arns);
	}
	return part_create(r, &authorizer, in);
}

enum cfn_status cfn_model_create(struct cfn_resource *r)
{
	struct arena *a = r->c->arena;
	struct json *in = small(r);
	const struct json *schema = json_get(r->properties, S("Schema"));
	if (json_is(schema, JSON_OBJECT))
		json_set_str(a, in, "schema", json_text(a, schema));
	if (json_get(in, S("name")) == NULL) { /* names are letters and digits only */
		struct str made = cfn_make_name(r, 64, false);
		struct buf b;
		buf_init(&b, a, 64);
		for (size_t i = 0; i < made.n; i++)
			if (made.p[i] != '-')
				buf_putc(&b, made.p[i]);
		json_set_str(a, in, "name", buf_view(&b));
	}
	if (json_get(in, S("contentType")) == NULL)
		json_set_str(a, in, "contentType", S("application/json"));
	return part_create(r, &model, in);
}

/* ---- Method ---- */

static enum cfn_status method_responses(struct cfn_resource *r, struct str api, struct str where, struct str method)
{
	struct arena *a = r->c->arena;
	const struct json *all = json_get(r->properties, S("MethodResponses"));
	const struct json *answers = json_path(r->properties, "Integration.IntegrationResponses");
	const struct { const struct json *list; const char *op; } both[] = {{all, "PutMethodResponse"}, {answers, "PutIntegrationResponse"}};
	for (size_t k = 0; k < COUNT_OF(both); k++)
		for (uint32_t i = 0; json_is(both[k].list, JSON_ARRAY) && i < both[k].list->n; i++) {
			struct json *in = json_new_object(a), *from = (struct json *)(uintptr_t)&both[k].list->items[i];
			for (uint32_t m = 0; from->type == JSON_OBJECT && m < from->n; m++) {
				struct str name = arena_dup(a, from->members[m].key);
				((char *)(uintptr_t)name.p)[0] = (char)(name.p[0] | 32);
				json_set(a, in, name, &from->members[m].value);
			}
			json_set_str(a, in, "restApiId", api);
			json_set_str(a, in, "resourceId", where);
			json_set_str(a, in, "httpMethod", method);
			struct invoked done = cfn_ask(r, both[k].op, in);
			if (!done.ok)
				return cfn_fail_as(r, &done.error);
		}
	return CFN_DONE;
}

static enum cfn_status method_integration(struct cfn_resource *r, struct str api, struct str where, struct str method)
{
	static const char *const pairs[] = {"Type", "Uri", "Credentials", "ConnectionType", "ConnectionId", "RequestParameters",
		"RequestTemplates", "PassthroughBehavior", "CacheNamespace", "CacheKeyParameters", "ContentHandling", "TimeoutInMillis"};
	struct arena *a = r->c->arena;
	const struct json *from = json_get(r->properties, S("Integration"));
	if (from == NULL)
		return CFN_DONE;
	struct json *in = json_new_object(a);
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		const struct json *v = json_get(from, str_c(pairs[i]));
		struct str name = arena_dup(a, str_c(pairs[i]));
		((char *)(uintptr_t)name.p)[0] = (char)(name.p[0] | 32);
		if (v != NULL)
			json_set(a, in, name, v);
	}
	if (json_get(from, S("IntegrationHttpMethod")) != NULL)
		json_set(a, in, S("integrationHttpMethod"), json_get(from, S("IntegrationHttpMethod")));
	json_set_str(a, in, "restApiId", api);
	json_set_str(a, in, "resourceId", where);
	json_set_str(a, in, "httpMethod", method);
	struct invoked done = cfn_ask(r, "PutIntegration", in);
	return done.ok ? CFN_DONE : cfn_fail_as(r, &done.error);
}

enum cfn_status cfn_method_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"RestApiId", "restApiId", "ResourceId", "resourceId", "HttpMethod", "httpMethod", "AuthorizationType",
		"authorizationType", "AuthorizerId", "authorizerId", "ApiKeyRequired", "apiKeyRequired", "OperationName", "operationName",
		"RequestParameters", "requestParameters", "RequestModels", "requestModels", "RequestValidatorId", "requestValidatorId",
		"AuthorizationScopes", "authorizationScopes", NULL};
	struct json *in = cfn_input(r, pairs);
	struct str api = json_get_str(in, "restApiId"), where = json_get_str(in, "resourceId"), method = json_get_str(in, "httpMethod");
	if (json_get(in, S("authorizationType")) == NULL)
		json_set_str(r->c->arena, in, "authorizationType", S("NONE"));
	struct invoked done = cfn_ask(r, "PutMethod", in);
	if (!done.ok)
		return cfn_fail_as(r, &done.error);
	r->physical_id = arena_join(r->c->arena, api, S("|"), where, S("|"), method);
	enum cfn_status s = method_integration(r, api, where, method);
	return s == CFN_DONE ? method_responses(r, api, where, method) : s;
}

enum cfn_status cfn_method_remove(struct cfn_resource *r)
{
	static const char *const pairs[] = {"RestApiId", "restApiId", "ResourceId", "resourceId", "HttpMethod", "httpMethod", NULL};
	struct invoked i = cfn_ask(r, "DeleteMethod", cfn_input(r, pairs));
	return i.ok || str_eq(i.error.code, S("NotFoundException")) ? CFN_DONE : cfn_fail_as(r, &i.error);
}

/* The method again with what it is now; its place is the same. */
enum cfn_status cfn_method_update(struct cfn_resource *r)
{
	enum cfn_status s = cfn_method_remove(r);
	return s == CFN_DONE ? cfn_method_create(r) : s;
}

/* ---- GatewayResponse and Account ---- */

enum cfn_status cfn_response_create(struct cfn_resource *r)
{
	static const char *const pairs[] = {"RestApiId", "restApiId", "ResponseType", "responseType", "StatusCode", "statusCode",
		"ResponseParameters", "responseParameters", "ResponseTemplates", "responseTemplates", NULL};
	struct invoked i = cfn_ask(r, "PutGatewayResponse", cfn_input(r, pairs));
	r->physical_id = arena_join(r->c->arena, json_get_str(r->properties, "RestApiId"), S("|"), json_get_str(r->properties, "ResponseType"));
	return i.ok ? CFN_DONE : cfn_fail_as(r, &i.error);
}

enum cfn_status cfn_response_remove(struct cfn_resource *r)
{
	static const char *const pairs[] = {"RestApiId", "restApiId", "ResponseType", "responseType", NULL};
	struct invoked i = cfn_ask(r, "DeleteGatewayResponse", cfn_input(r, pairs));
	return i.ok || str_eq(i.error.code, S("NotFoundException")) ? CFN_DONE : cfn_fail_as(r, &i.error);
}

enum cfn_status cfn_account_put(struct cfn_resource *r)
{
	struct json *list = json_new_array(r->c->arena), *in = json_new_object(r->c->arena);
	const struct json *role = json_get(r->properties, S("CloudWatchRoleArn"));
	cfn_patch(r, list, role != NULL ? "replace" : "remove", S("/cloudwatchRoleArn"), role);
	json_set(r->c->arena, in, S("patchOperations"), list);
	struct invoked i = cfn_ask(r, "UpdateAccount", in);
	if (!str_present(r->physical_id))
		r->physical_id = cfn_make_name(r, 64, false);
	return i.ok ? CFN_DONE : cfn_fail_as(r, &i.error);
}

/* The account's settings stay, as on AWS. */
enum cfn_status cfn_account_remove(struct cfn_resource *r)
{
	(void)r;
	return CFN_DONE;
}
