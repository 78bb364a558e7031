/* Patch operations: op, path and value on a record, driven by the record's shape.
 *
 * The record is turned into a tree, changed, and read back, so that a value of the wrong type cannot get in. Which paths
 * may be changed is the caller's list. Source: "PatchOperation" and "Patch operations" (API Gateway API reference). */
#include "apigw.h"

#include "base/pattern.h"

enum { PARTS_MAX = 8 };

static struct str unescape(struct arena *a, struct str part)
{
	struct buf b;
	buf_init(&b, a, 0);
	for (size_t i = 0; i < part.n; i++) {
		if (part.p[i] == '~' && i + 1 < part.n && (part.p[i + 1] == '0' || part.p[i + 1] == '1'))
			buf_putc(&b, part.p[++i] == '1' ? '/' : '~');
		else
			buf_putc(&b, part.p[i]);
	}
	return buf_view(&b);
}

size_t patch_parts(struct arena *a, struct str path, struct str *parts, size_t max)
{
	size_t n = 0;
	struct str rest = str_starts(path, S("/")) ? str_slice(path, 1, path.n) : path;
	while (str_present(rest)) {
		struct str part = str_cut(&rest, '/');
		if (n == max)
			return 0;
		parts[n++] = unescape(a, part);
		ASSERT(parts[n - 1].n <= part.n);
	}
	return n;
}

void patch_refuse(struct call *c, const struct apigateway_PatchOperation *p, const char *const *paths)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	for (size_t i = 0; paths[i] != NULL; i++)
		buf_printf(&b, "%s%s", i > 0 ? ", " : "", paths[i]);
	bad_request(c, "Invalid patch path  '%.*s' specified for op '%.*s'. Must be one of: [%.*s]", STR_ARG(p->path), STR_ARG(p->op),
		STR_ARG(buf_view(&b)));
}

/* Each '*' of the pattern stands for one part, which may not be empty. */
static bool path_allowed(struct str path, const char *const *paths)
{
	for (; *paths != NULL; paths++) {
		struct str want = str_c(*paths), got = path;
		bool same = true;
		while (same && str_present(want) && str_present(got)) {
			struct str w = str_cut(&want, '/'), g = str_cut(&got, '/');
			same = str_eq(w, S("*")) ? g.n > 0 : str_eq(w, g);
		}
		if (same && !str_present(want) && !str_present(got))
			return true;
	}
	return false;
}

static ptrdiff_t item_index(const struct json *list, struct str value)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (str_eq(json_str(&list->items[i]), value))
			return (ptrdiff_t)i;
	uint64_t at;
	return str_to_u64(value, &at) && at < list->n ? (ptrdiff_t)at : -1;
}

static void list_remove(struct json *list, ptrdiff_t at)
{
	ASSERT(json_is(list, JSON_ARRAY) && at < (ptrdiff_t)list->n);
	if (at < 0)
		return;
	for (uint32_t i = (uint32_t)at; i + 1 < list->n; i++)
		list->items[i] = list->items[i + 1];
	list->n--;
}

static void list_change(struct call *c, struct json *list, const struct apigateway_PatchOperation *p, struct str part)
{
	struct str value = str_present(p->value) && p->value.n > 0 ? p->value : part;
	if (str_eq(p->op, S("remove"))) {
		list_remove(list, item_index(list, str_present(part) ? part : value));
		return;
	}
	ptrdiff_t at = str_eq(p->op, S("replace")) && str_present(part) ? item_index(list, part) : -1;
	if (at >= 0)
		list->items[at] = *json_new_str(c->arena, value);
	else if (item_index(list, value) < 0)
		json_push(c->arena, list, json_new_str(c->arena, value));
}

static bool enum_ok(struct call *c, const struct shape *s, struct str value)
{
	const char *allowed;
	if (s->values_at == 0)
		return true;
	for (size_t i = 0; (allowed = shape_value(s, i)) != NULL; i++)
		if (str_eq(value, str_c(allowed)))
			return true;
	bad_request(c, "Invalid value '%.*s' for %s", STR_ARG(value), shape_name(s));
	return false;
}

static bool scalar_ok(struct call *c, const struct shape *s, const struct apigateway_PatchOperation *p)
{
	int64_t i;
	double d;
	bool ok = true;
	if (s->type == SHAPE_BOOL)
		ok = str_eq_nocase(p->value, S("true")) || str_eq_nocase(p->value, S("false"));
	else if (s->type == SHAPE_INT)
		ok = str_to_i64(p->value, &i);
	else if (s->type == SHAPE_FLOAT)
		ok = str_to_f64(p->value, &d);
	if (!ok)
		bad_request(c, "Invalid patch value '%.*s' specified for path '%.*s'", STR_ARG(p->value), STR_ARG(p->path));
	return ok && enum_ok(c, s, p->value);
}

static void set_value(struct call *c, struct json *parent, struct str name, const struct shape *s, const struct apigateway_PatchOperation *p)
{
	if (str_eq(p->op, S("remove"))) {
		json_unset(parent, name);
		return;
	}
	if (!str_present(p->value)) {
		bad_request(c, "Invalid patch operation specified: a value is needed for path '%.*s'", STR_ARG(p->path));
		return;
	}
	if (s->type == SHAPE_LIST) {
		struct json *list = json_get(parent, name);
		if (list == NULL)
			list = json_set(c->arena, parent, name, json_new_array(c->arena));
		list_change(c, list, p, STR_NONE);
		return;
	}
	if (!scalar_ok(c, s, p))
		return;
	const struct json *v = s->type == SHAPE_BOOL ? json_new_bool(c->arena, str_eq_nocase(p->value, S("true")))
		: s->type == SHAPE_INT || s->type == SHAPE_FLOAT ? json_new_number(c->arena, p->value) : json_new_str(c->arena, p->value);
	json_set(c->arena, parent, name, v);
}

/* Walk to the path's last part and change what is there. */
static void apply(struct call *c, const struct shape *s, struct json *at, const struct apigateway_PatchOperation *p)
{
	struct str parts[PARTS_MAX];
	size_t n = patch_parts(c->arena, p->path, parts, PARTS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (s->type == SHAPE_LIST) {
			list_change(c, at, p, parts[i]);
			return;
		}
		const struct member *m = s->type == SHAPE_MAP ? shape_item(s) : s->type == SHAPE_STRUCT ? shape_member(s, parts[i]) : NULL;
		if (m == NULL) {
			bad_request(c, "Invalid patch path '%.*s'", STR_ARG(p->path));
			return;
		}
		s = member_shape(m);
		if (i + 1 == n) {
			set_value(c, at, parts[i], s, p);
			return;
		}
		struct json *child = json_get(at, parts[i]);
		if (child == NULL)
			child = json_set(c->arena, at, parts[i], s->type == SHAPE_LIST ? json_new_array(c->arena) : json_new_object(c->arena));
		at = child;
	}
}

static bool known_op(struct call *c, const struct apigateway_PatchOperation *p)
{
	if (str_eq(p->op, S("add")) || str_eq(p->op, S("replace")) || str_eq(p->op, S("remove")))
		return true;
	if (str_eq(p->op, S("copy")) || str_eq(p->op, S("move")) || str_eq(p->op, S("test")))
		call_unsupported(c, "the patch operation '%.*s' is not supported", STR_ARG(p->op));
	else
		bad_request(c, "Invalid patch operation specified. Must be 'add'|'remove'|'replace'|'copy'|'test'|'move'");
	return false;
}

void *patched(struct call *c, const struct shape *shape, const void *record, const struct list *operations, const char *const *paths)
{
	struct json *tree = typed_to_json(c->arena, shape, record);
	for (uint32_t i = 0; i < operations->n && !c->failed; i++) {
		const struct apigateway_PatchOperation *p = LIST_AT(*operations, struct apigateway_PatchOperation, i);
		if (!known_op(c, p))
			return NULL;
		if (!path_allowed(p->path, paths))
			patch_refuse(c, p, paths);
		else
			apply(c, shape, tree, p);
	}
	if (c->failed)
		return NULL;
	ASSERT(json_is(tree, JSON_OBJECT));
	struct str why = STR_NONE;
	void *made = typed_from_json(c->arena, shape, typed_coerce(c->arena, shape, tree), true, &why);
	if (made == NULL)
		bad_request(c, "Invalid patch operation: %.*s", STR_ARG(why));
	return made;
}
