/* Helpers for the CloudFormation types of services; cfn.h says what each does.
 *
 * Pure but for the call's arena: nothing here reads or writes the store. */
#include "svc/cfn.h"

#include "base/enc.h"
#include "svc/call.h"

struct str cfn_make_name(struct cfn_resource *r, size_t max, bool lower)
{
	struct arena *a = r->c->arena;
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	char tail[12];
	ASSERT(max > sizeof(tail) + 4);
	/* the same at every poll of one operation */
	struct sha256 h = sha256(arena_join(a, r->client_token, r->logical_id, r->stack_id));
	for (size_t i = 0; i < sizeof(tail); i++)
		tail[i] = upper[h.b[i] % 32];
	size_t room = max - sizeof(tail) - 2, stack = r->stack_name.n, logical = r->logical_id.n;
	if (stack + logical > room) {
		logical = logical < room / 2 ? logical : room / 2;
		stack = stack < room - logical ? stack : room - logical;
	}
	struct str name = arena_join(a, str_slice(r->stack_name, 0, stack), S("-"), str_slice(r->logical_id, 0, logical), S("-"),
	                             str_of(tail, sizeof(tail)));
	char *p = (char *)name.p;
	for (size_t i = 0; lower && i < name.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] + 32);
	ASSERT(name.n <= max);
	return name;
}

enum cfn_status cfn_fail(struct cfn_resource *r, const char *fmt, ...)
{
	ASSERT(r->c != NULL && fmt != NULL);
	va_list ap;
	va_start(ap, fmt);
	r->reason = arena_vprintf(r->c->arena, fmt, ap);
	va_end(ap);
	return CFN_FAILED;
}

/* CloudFormation's own name for what went wrong. Source: "Resource type handler error codes". */
static const char *handler_code(const struct wire_error *e)
{
	static const struct { const char *part, *code; } known[] = {
		{"AlreadyExists", "AlreadyExists"}, {"Conflict", "AlreadyExists"}, {"InUse", "AlreadyExists"},
		{"NotFound", "NotFound"}, {"NoSuch", "NotFound"}, {"NonExistent", "NotFound"}, {"DoesNotExist", "NotFound"},
		{"AccessDenied", "AccessDenied"}, {"Unauthorized", "AccessDenied"}, {"Throttl", "Throttling"},
		{"LimitExceeded", "ServiceLimitExceeded"}};
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_find_str(e->code, str_c(known[i].part)) >= 0)
			return known[i].code;
	return e->status >= 500 ? "GeneralServiceException" : "InvalidRequest";
}

enum cfn_status cfn_fail_as(struct cfn_resource *r, const struct wire_error *e)
{
	ASSERT(e->code.n > 0);
	/* the "Lambda" of AWS::Lambda::Function */
	struct str rest = str_c(r->type);
	str_cut(&rest, ':');
	if (rest.n > 0)
		rest = str_slice(rest, 1, rest.n);
	struct str service = str_cut(&rest, ':');
	return cfn_fail(r, "Resource handler returned message: \"%.*s (Service: %.*s, Status Code: %d, Request ID: %.*s)\" "
	                "(RequestToken: %.*s, HandlerErrorCode: %s)", STR_ARG(e->message.n > 0 ? e->message : e->code),
	                STR_ARG(service), e->status, STR_ARG(r->c->request_id), STR_ARG(r->client_token), handler_code(e));
}

enum cfn_status cfn_done(struct cfn_resource *r, const struct invoked *i)
{
	return i->ok ? CFN_DONE : i->parked ? CFN_PARKED : cfn_fail_as(r, &i->error);
}

enum cfn_status cfn_gone(struct cfn_resource *r, const struct invoked *i, struct str gone)
{
	ASSERT(str_present(gone));
	return !i->ok && !i->parked && str_eq(i->error.code, gone) ? CFN_DONE : cfn_done(r, i);
}

/* Only what the template gives: an absent property must stay absent for the service's default to hold. */
struct json *cfn_input(struct cfn_resource *r, const char *const *pairs)
{
	ASSERT(r->c != NULL && pairs != NULL);
	struct json *in = json_new_object(r->c->arena);
	for (; pairs[0] != NULL; pairs += 2) {
		const struct json *v = json_get(r->properties, str_c(pairs[0]));
		if (v != NULL)
			json_set(r->c->arena, in, str_c(pairs[1]), v);
	}
	return in;
}

void cfn_put(struct arena *a, struct json *to, const char *name, const struct json *v)
{
	ASSERT(json_is(to, JSON_OBJECT) && name != NULL);
	if (v != NULL)
		json_set(a, to, str_c(name), v);
}

struct str cfn_scalar(const struct json *v)
{
	if (json_is(v, JSON_STRING) || json_is(v, JSON_NUMBER))
		return v->text;
	return json_is(v, JSON_TRUE) ? S("true") : json_is(v, JSON_FALSE) ? S("false") : S("");
}

static void add_tag(struct arena *a, struct json *tags, struct str key, const struct json *value)
{
	ASSERT(json_is(tags, JSON_OBJECT) && str_present(key));
	json_set(a, tags, key, value != NULL ? value : json_new_str(a, S("")));
}

/* A resource's own tags win over the stack's of the same name. */
struct json *cfn_tags(struct cfn_resource *r, bool as_map)
{
	ASSERT(r->stack_tags == NULL || json_is(r->stack_tags, JSON_OBJECT));
	struct arena *a = r->c->arena;
	struct json *map = json_new_object(a), *own = json_get(r->properties, S("Tags")), *list = json_new_array(a);
	for (uint32_t i = 0; r->stack_tags != NULL && i < r->stack_tags->n; i++)
		if (!str_starts(r->stack_tags->members[i].key, S("aws:"))) /* reserved: services refuse them from callers */
			add_tag(a, map, r->stack_tags->members[i].key, &r->stack_tags->members[i].value);
	for (uint32_t i = 0; json_is(own, JSON_ARRAY) && i < own->n; i++)
		add_tag(a, map, cfn_scalar(json_get(&own->items[i], S("Key"))), json_get(&own->items[i], S("Value")));
	for (uint32_t i = 0; json_is(own, JSON_OBJECT) && i < own->n; i++)
		json_set(a, map, own->members[i].key, &own->members[i].value);
	if (as_map)
		return map;
	for (uint32_t i = 0; i < map->n; i++) {
		struct json *tag = json_push(a, list, json_new_object(a));
		json_set_str(a, tag, "Key", map->members[i].key);
		json_set(a, tag, S("Value"), &map->members[i].value);
	}
	return list;
}

/* A key that was there and is not wanted any more; once, though the resource and its stack had it. */
static void add_gone(struct arena *a, struct json *gone, const struct json *now, struct str key)
{
	ASSERT(json_is(gone, JSON_ARRAY) && json_is(now, JSON_OBJECT));
	bool there = !str_present(key) || json_get(now, key) != NULL;
	for (uint32_t i = 0; i < gone->n; i++)
		there |= str_eq(gone->items[i].text, key);
	if (!there)
		json_push(a, gone, json_new_str(a, key));
}

enum cfn_status cfn_tags_update(struct cfn_resource *r, const struct cfn_tagging *t, struct str resource)
{
	struct arena *a = r->c->arena;
	struct json *now = cfn_tags(r, true), *old = json_get(r->old_properties, S("Tags")), *gone = json_new_array(a);
	struct json *tags = cfn_tags(r, t->as_map), *in = json_new_object(a);
	ASSERT(str_present(resource));
	for (uint32_t i = 0; json_is(old, JSON_ARRAY) && i < old->n; i++)
		add_gone(a, gone, now, cfn_scalar(json_get(&old->items[i], S("Key"))));
	for (uint32_t i = 0; json_is(old, JSON_OBJECT) && i < old->n; i++)
		add_gone(a, gone, now, old->members[i].key);
	for (uint32_t i = 0; json_is(r->old_stack_tags, JSON_OBJECT) && i < r->old_stack_tags->n; i++)
		add_gone(a, gone, now, r->old_stack_tags->members[i].key);
	struct invoked done = {.ok = true};
	if (gone->n > 0) {
		json_set(a, in, str_c(t->resource), json_new_str(a, resource));
		json_set(a, in, str_c(t->keys), gone);
		done = invoke(r->c, t->service, t->untag, in, NULL);
	}
	if (done.ok && tags != NULL && tags->n > 0) {
		in = json_new_object(a);
		json_set(a, in, str_c(t->resource), json_new_str(a, resource));
		json_set(a, in, str_c(t->tags), tags);
		done = invoke(r->c, t->service, t->tag, in, NULL);
	}
	return cfn_done(r, &done);
}

struct json *cfn_attribute(struct arena *a, const struct json *v)
{
	switch (v->type) {
	case JSON_TRUE: return json_new_str(a, S("true"));
	case JSON_FALSE: return json_new_str(a, S("false"));
	case JSON_STRING: case JSON_NUMBER: return json_new_str(a, v->text);
	default: return json_new_str(a, json_text(a, v));
	}
}

bool cfn_true(const struct json *v)
{
	return json_is(v, JSON_TRUE) || str_eq_nocase(json_str(v), S("true"));
}
