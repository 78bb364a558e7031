/* Keys and records of the service: where they lie, the words for what is not there, pages of lists. apigw.h lists the records. */
#include "apigw.h"

#include "os/os.h"
#include "svc/arn.h"
#include "svc/page.h"

struct key *place_key(struct call *c, struct str api)
{
	ASSERT(str_present(api));
	struct key *k = arena_new_of(c->arena, struct key);
	*k = key_new(c->arena);
	key_str(key_str(key_str(k, S("apigateway")), S("")), S(""));
	return key_str(key_str(k, S("place")), api);
}

struct key *part_key(struct call *c, const char *table, struct str api, struct str id)
{
	ASSERT(table != NULL && str_present(api));
	struct key *k = key_str(call_key(c, table), api);
	return str_present(id) ? key_str(k, id) : k;
}

struct str new_id(struct call *c, size_t n)
{
	ASSERT(n >= 4 && n <= 64);
	char *p = arena_bytes(c->arena, n + 1);
	random_lower(p, n);
	return str_of(p, n);
}

void bad_request(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	call_fail(c, &apigateway_err_BadRequestException, "%.*s", STR_ARG(text));
}

void not_found(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	call_fail(c, &apigateway_err_NotFoundException, "%.*s", STR_ARG(text));
}

struct apigateway_RestApi *api_need(struct call *c, struct str api)
{
	struct apigateway_RestApi *r = call_get(c, part_key(c, "api", api, STR_NONE), &apigateway_shape_RestApi);
	if (r == NULL)
		not_found(c, "Invalid API identifier specified %.*s:%.*s", STR_ARG(c->account), STR_ARG(api));
	return r;
}

struct apigateway_Resource *resource_need(struct call *c, struct str api, struct str id)
{
	if (api_need(c, api) == NULL)
		return NULL;
	struct apigateway_Resource *r = call_get(c, part_key(c, "resource", api, id), &apigateway_shape_Resource);
	if (r == NULL)
		not_found(c, "Invalid Resource identifier specified");
	return r;
}

struct apigateway_Stage *stage_need(struct call *c, struct str api, struct str name)
{
	if (api_need(c, api) == NULL)
		return NULL;
	struct apigateway_Stage *s = call_get(c, part_key(c, "stage", api, name), &apigateway_shape_Stage);
	if (s == NULL)
		not_found(c, "Invalid stage identifier specified");
	return s;
}

struct key *plan_key(struct call *c, struct str id) { return key_str(call_key(c, "plan"), id); }

struct apigateway_UsagePlan *plan_need(struct call *c, struct str id)
{
	struct apigateway_UsagePlan *p = call_get(c, plan_key(c, id), &apigateway_shape_UsagePlan);
	if (p == NULL)
		not_found(c, "Invalid Usage Plan ID specified");
	ASSERT(p == NULL || str_eq(p->id, id));
	return p;
}

struct apigateway_Method *method_of(const struct apigateway_Resource *r, struct str http_method)
{
	ASSERT(r != NULL && str_present(http_method));
	struct apigateway_MapOfMethod_entry *e = r->resourceMethods.v;
	for (uint32_t i = 0; i < r->resourceMethods.n; i++)
		if (str_eq(e[i].key, http_method))
			return &e[i].value;
	return NULL;
}

static void push(struct call *c, struct list *items, uint32_t *cap, const struct shape *shape, const void *record)
{
	ASSERT(items->n <= *cap && shape->size > 0);
	if (items->n == *cap) {
		uint32_t more = *cap > 0 ? *cap * 2 : 16;
		items->v = arena_grow(c->arena, items->v, shape->size, *cap, more);
		*cap = more;
	}
	memcpy((char *)items->v + (size_t)items->n++ * shape->size, record, shape->size);
}

void list_records(struct call *c, struct key *prefix, const struct shape *shape, struct str position, struct opt_i64 limit,
                  bool (*keep)(const void *record, const void *arg), const void *arg, struct list *items, struct str *next)
{
	ASSERT(items != NULL && next != NULL && shape != NULL);
	struct str after = STR_NONE, key, value;
	int64_t max = limit.set && limit.v > 0 ? limit.v : PAGE_DEFAULT;
	uint32_t cap = 0;
	*items = (struct list){.set = true};
	if (!page_position(c->arena, position, &after)) {
		bad_request(c, "Invalid position parameter specified");
		return;
	}
	struct scan *s = call_scan(c, prefix, after, false);
	while (scan_next(s, &key, &value)) {
		void *record = record_decode(c, shape, value);
		if (keep != NULL && !keep(record, arg))
			continue;
		if (items->n == (max < PAGE_MAX ? max : PAGE_MAX)) {
			*next = page_token(c->arena, after);
			break;
		}
		after = arena_dup(c->arena, key);
		push(c, items, &cap, shape, record);
	}
	scan_close(s);
}

struct list all_records(struct call *c, struct key *prefix, const struct shape *shape)
{
	struct list items = {.set = true};
	struct str key, value;
	uint32_t cap = 0;
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	while (scan_next(s, &key, &value))
		push(c, &items, &cap, shape, record_decode(c, shape, value));
	scan_close(s);
	return items;
}

void delete_below(struct call *c, struct key *prefix)
{
	ASSERT(txn_writable(c->txn));
	struct str key, value;
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	while (scan_next(s, &key, &value))
		txn_del(c->txn, key);
	scan_close(s);
}

struct str map_text(const struct map_of *m, struct str key)
{
	const struct apigateway_MapOfStringToString_entry *e = m->v;
	for (uint32_t i = 0; i < m->n; i++)
		if (str_eq(e[i].key, key))
			return e[i].value;
	return STR_NONE;
}

struct str execute_api_arn(struct call *c, struct str api, struct str rest)
{
	ASSERT(str_present(api) && str_present(rest));
	return arn_make(c->arena, "execute-api", c->region, c->account, arena_join(c->arena, api, S("/"), rest));
}
