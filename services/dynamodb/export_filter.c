/* See export_filter.h. */
#include "export_filter.h"

static struct str behind_space(struct call *c, const struct table *t, struct str key)
{
	struct buf b;
	space_key(c, &b, t->space);
	return key.n > b.n ? str_slice(key, b.n, key.n) : STR_NONE;
}

bool export_filter_read(struct request *r, const struct table *t, const struct dynamodb_FilterSpecification *spec, struct export_filter *out)
{
	*out = (struct export_filter){.s = {.c = r->c, .t = t, .schema = &t->key}};
	if (spec == NULL)
		return true;
	struct key_conditions keys = {.n = 0};
	const struct given given[] = {{"ProjectionExpression", str_present(spec->ProjectionExpression)},
	                              {"FilterExpression", str_present(spec->FilterExpression)},
	                              {"KeyConditionExpression", str_present(spec->KeyConditionExpression)}};
	if (!request_check_given(r, given, COUNT_OF(given), NULL, 0, spec->ExpressionAttributeNames, spec->ExpressionAttributeValues) ||
	    !request_placeholders(r, spec->ExpressionAttributeNames, spec->ExpressionAttributeValues))
		return false;
	if (str_present(spec->KeyConditionExpression) && !expr_parse_key(&r->x, spec->KeyConditionExpression, &keys))
		return false;
	if (!request_condition(r, "FilterExpression", spec->FilterExpression, &out->s.filter) ||
	    !request_projection(r, spec->ProjectionExpression, &out->s.projection) || !expr_check_unused(&r->x))
		return false;
	if (str_present(spec->KeyConditionExpression)) {
		if (!search_check_keys(&out->s, r, &keys))
			return false;
		search_key_bounds(&out->s, &keys);
		out->from = behind_space(r->c, t, out->s.from);
		out->to = behind_space(r->c, t, out->s.to);
		ASSERT(str_present(out->from));
	}
	return true;
}

struct str export_filter_start(struct call *c, const struct export_filter *f)
{
	if (!str_present(f->from))
		return STR_NONE;
	/* The text before it in order, or one that only keys lie behind which are not covered. */
	struct str before = arena_dup(c->arena, f->from);
	ASSERT(before.n > 0);
	char *last = (char *)before.p + before.n - 1;
	if (*last == 0)
		return str_slice(before, 0, before.n - 1);
	(*last)--;
	return before;
}

bool export_filter_covers(const struct export_filter *f, struct str own_key, bool *end)
{
	*end = false;
	if (!str_present(f->from))
		return true;
	*end = str_present(f->to) && str_cmp(own_key, f->to) >= 0;
	return !*end && str_cmp(own_key, f->from) >= 0;
}

bool export_filter_takes(struct call *c, const struct export_filter *f, struct str bytes)
{
	struct av item;
	if (f->s.filter.expr == NULL)
		return true;
	bool ok = item_decode(c->arena, bytes, &item);
	ASSERT(ok);
	return item_condition_holds(&f->s.filter, &item, c->arena);
}

struct str export_filter_project(struct call *c, const struct export_filter *f, struct str bytes)
{
	struct av item;
	struct buf b;
	if (f->s.projection.n == 0)
		return bytes;
	bool ok = item_decode(c->arena, bytes, &item);
	ASSERT(ok);
	struct av picked = projection_apply(c->arena, &f->s.projection, &item);
	buf_init(&b, c->arena, 0);
	item_encode(&b, &picked);
	return buf_view(&b);
}
