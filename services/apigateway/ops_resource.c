/* Resources and their methods. A resource is one record with all its methods inside.
 *
 * What always holds: a resource's path is its parent's and its own part; below a parent no part is there twice. Made one
 * by one, at most one of them is a variable; imported ones are told apart by match.c's order. */
#include "method.h"

static bool path_part_ok(struct call *c, struct str part)
{
	bool braces = part.n > 2 && part.p[0] == '{' && part.p[part.n - 1] == '}', ok = part.n > 0;
	struct str inner = braces ? str_slice(part, 1, part.n - 1) : part;
	if (braces && str_ends(inner, S("+")))
		inner.n--;
	for (size_t i = 0; i < inner.n && ok; i++) {
		char ch = inner.p[i];
		ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || strchr("._-:$~", ch) != NULL ||
		     (!braces && (ch == ',' || ch == '@' || ch == '+' || ch == '\'' || ch == '%'));
	}
	if (!ok || inner.n == 0)
		bad_request(c, "Resource's path part only allow "
			"a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.");
	return ok && inner.n > 0;
}

struct sibling { struct str parent, part, self; };

static bool is_sibling(const void *record, const void *arg)
{
	const struct apigateway_Resource *r = record;
	const struct sibling *s = arg;
	return str_eq(r->parentId, s->parent) && !str_eq(r->id, s->self) && (!str_present(s->part) || str_eq(r->pathPart, s->part));
}

static bool is_variable(struct str part) { return str_starts(part, S("{")); }

static bool is_variable_sibling(const void *record, const void *arg)
{
	const struct apigateway_Resource *r = record;
	const struct sibling *s = arg;
	return str_eq(r->parentId, s->parent) && !str_eq(r->id, s->self) && is_variable(r->pathPart);
}

/* Which of two variables a request means could not be said. */
static bool variable_alone(struct call *c, struct str api, const struct sibling *s)
{
	struct list found;
	struct str next = STR_NONE;
	if (!is_variable(s->part))
		return true;
	list_records(c, part_key(c, "resource", api, STR_NONE), &apigateway_shape_Resource, STR_NONE, SOME_I64(1), is_variable_sibling, s, &found, &next);
	if (found.n > 0)
		bad_request(c, "A sibling (%.*s) of this resource already has a variable path part -- only one is allowed",
			STR_ARG(LIST_AT(found, struct apigateway_Resource, 0)->pathPart));
	return found.n == 0;
}

static bool name_free(struct call *c, struct str api, struct str parent, struct str part, struct str self)
{
	struct list found;
	struct str next = STR_NONE;
	const struct sibling s = {parent, part, self};
	list_records(c, part_key(c, "resource", api, STR_NONE), &apigateway_shape_Resource, STR_NONE, SOME_I64(1), is_sibling, &s, &found, &next);
	if (found.n > 0)
		call_fail(c, &apigateway_err_ConflictException, "Another resource with the same parent already has this name: %.*s", STR_ARG(part));
	return found.n == 0 && variable_alone(c, api, &s);
}

void op_create_resource(struct call *c)
{
	const struct apigateway_CreateResourceRequest *in = c->in;
	struct apigateway_Resource *out = c->out, *parent = resource_need(c, in->restApiId, in->parentId);
	if (parent == NULL || !path_part_ok(c, in->pathPart) || !name_free(c, in->restApiId, in->parentId, in->pathPart, S("")))
		return;
	if (str_ends(parent->path, S("+}"))) {
		bad_request(c, "Cannot create a child of a resource with a greedy path variable: %.*s", STR_ARG(parent->path));
		return;
	}
	out->id = new_id(c, 6);
	out->parentId = in->parentId;
	out->pathPart = in->pathPart;
	out->path = arena_join(c->arena, str_eq(parent->path, S("/")) ? S("") : parent->path, S("/"), in->pathPart);
	resource_save(c, in->restApiId, out);
}

static bool embeds(const struct list *embed, struct str what)
{
	for (uint32_t i = 0; i < embed->n; i++)
		if (str_eq(*LIST_AT(*embed, struct str, i), what))
			return true;
	return false;
}

/* Without "methods" embedded, methods are only named. */
static void only_names(struct call *c, struct apigateway_Resource *r)
{
	struct apigateway_MapOfMethod_entry *from = r->resourceMethods.v;
	struct map_of names = MAP_OF(c->arena, struct apigateway_MapOfMethod_entry, r->resourceMethods.n);
	struct apigateway_MapOfMethod_entry *to = names.v;
	ASSERT(names.n == r->resourceMethods.n);
	for (uint32_t i = 0; i < names.n; i++)
		to[i].key = from[i].key;
	if (names.n > 0)
		r->resourceMethods = names;
	else
		r->resourceMethods = (struct map_of){0};
}

void op_get_resource(struct call *c)
{
	const struct apigateway_GetResourceRequest *in = c->in;
	struct apigateway_Resource *r = resource_need(c, in->restApiId, in->resourceId);
	if (r == NULL)
		return;
	if (!embeds(&in->embed, S("methods")))
		only_names(c, r);
	*(struct apigateway_Resource *)c->out = *r;
}

void op_get_resources(struct call *c)
{
	const struct apigateway_GetResourcesRequest *in = c->in;
	struct apigateway_Resources *out = c->out;
	if (api_need(c, in->restApiId) == NULL)
		return;
	list_records(c, part_key(c, "resource", in->restApiId, STR_NONE), &apigateway_shape_Resource, in->position, in->limit, NULL, NULL,
		&out->items, &out->position);
	for (uint32_t i = 0; i < out->items.n && !embeds(&in->embed, S("methods")); i++)
		only_names(c, LIST_AT(out->items, struct apigateway_Resource, i));
}

/* The paths of everything below a resource that has got another one. */
static void rename_below(struct call *c, struct str api, const struct apigateway_Resource *r, const struct list *all, uint32_t depth)
{
	ASSERT(depth < all->n); /* each is below another: a tree */
	for (uint32_t i = 0; i < all->n; i++) {
		struct apigateway_Resource *child = LIST_AT(*all, struct apigateway_Resource, i);
		if (!str_eq(child->parentId, r->id))
			continue;
		child->path = arena_join(c->arena, r->path, S("/"), child->pathPart);
		resource_save(c, api, child);
		rename_below(c, api, child, all, depth + 1);
	}
}

void op_update_resource(struct call *c)
{
	static const char *const paths[] = {"/pathPart", NULL};
	const struct apigateway_UpdateResourceRequest *in = c->in;
	struct apigateway_Resource *r = resource_need(c, in->restApiId, in->resourceId);
	if (r == NULL || (r = patched(c, &apigateway_shape_Resource, r, &in->patchOperations, paths)) == NULL)
		return;
	if (!str_present(r->parentId)) {
		bad_request(c, "Root resource cannot update its pathPart.");
		return;
	}
	struct apigateway_Resource *parent = resource_need(c, in->restApiId, r->parentId);
	ASSERT(parent != NULL); /* it goes after what is below it */
	if (!path_part_ok(c, r->pathPart) || !name_free(c, in->restApiId, r->parentId, r->pathPart, r->id))
		return;
	r->path = arena_join(c->arena, str_eq(parent->path, S("/")) ? S("") : parent->path, S("/"), r->pathPart);
	resource_save(c, in->restApiId, r);
	struct list all = all_records(c, part_key(c, "resource", in->restApiId, STR_NONE), &apigateway_shape_Resource);
	rename_below(c, in->restApiId, r, &all, 0);
	*(struct apigateway_Resource *)c->out = *r;
}

static void delete_tree(struct call *c, struct str api, struct str id, const struct list *all, uint32_t depth)
{
	ASSERT(depth < all->n);
	for (uint32_t i = 0; i < all->n; i++) {
		const struct apigateway_Resource *r = LIST_AT(*all, struct apigateway_Resource, i);
		if (str_eq(r->parentId, id))
			delete_tree(c, api, r->id, all, depth + 1);
	}
	call_del(c, part_key(c, "resource", api, id));
}

void op_delete_resource(struct call *c)
{
	const struct apigateway_DeleteResourceRequest *in = c->in;
	const struct apigateway_Resource *r = resource_need(c, in->restApiId, in->resourceId);
	if (r == NULL)
		return;
	if (!str_present(r->parentId)) {
		bad_request(c, "Cannot delete root resource.");
		return;
	}
	struct list all = all_records(c, part_key(c, "resource", in->restApiId, STR_NONE), &apigateway_shape_Resource);
	delete_tree(c, in->restApiId, in->resourceId, &all, 0);
}
