/* Telling CloudWatch's rules which keys were used: see insights.h.
 *
 * What always holds: an enabled entry has its rules' names in the order of `kinds`, an absent one where the mode or the keys have none. */
#include "insights.h"

#include "base/enc.h"
#include "svc/measure.h"

enum kind { PARTITION_ACCESSED, PARTITION_THROTTLED, ITEM_ACCESSED, ITEM_THROTTLED };
enum { WRITE_WEIGHT = 3 }; /* ConsumedThroughputUnits: 3 x write units + read units */

static const struct dynamodb_Insights *kept_for(const struct table *t, const struct table_index *x)
{
	for (uint32_t i = 0; i < t->record->Insights.n; i++) {
		const struct dynamodb_Insights *s = LIST_AT(t->record->Insights, struct dynamodb_Insights, i);
		if (s->Enabled.v && (x == NULL ? !str_present(s->IndexName) : str_eq(s->IndexName, x->name)))
			return s;
	}
	return NULL;
}

static struct str rule_of(const struct dynamodb_Insights *s, enum kind kind)
{
	struct str name = *LIST_AT(s->Rules, struct str, kind);
	return name.n > 0 ? name : STR_NONE;
}

/* Keys are shown in plain text. */
static struct str text_of(struct call *c, const struct av *v)
{
	ASSERT(v->type == AV_S || v->type == AV_N || v->type == AV_B);
	return v->type == AV_B ? base64_encode(c->arena, v->s) : v->s;
}

static void tell(struct call *c, const struct table *t, const struct table_index *x, const struct av *item, bool whole_key, bool throttled,
                 double value)
{
	const struct dynamodb_Insights *s = kept_for(t, x);
	const struct key_schema *schema = x != NULL ? &x->key : &t->key;
	const struct av *hash = s != NULL ? av_get(item, schema->hash) : NULL, *range = av_get(item, schema->range);
	if (hash == NULL || value <= 0)
		return;
	void (*count)(struct call *c, const struct contribution *x) = throttled ? contribute_now : contribute;
	struct str keys[2] = {text_of(c, hash), range != NULL ? text_of(c, range) : STR_NONE};
	struct contribution one = {.rule = rule_of(s, throttled ? PARTITION_THROTTLED : PARTITION_ACCESSED), .keys = keys, .n_keys = 1, .value = value};
	if (str_present(one.rule))
		count(c, &one);
	one.rule = rule_of(s, throttled ? ITEM_THROTTLED : ITEM_ACCESSED);
	one.n_keys = 2;
	if (whole_key && range != NULL && str_present(one.rule))
		count(c, &one);
}

void insights_read(struct call *c, const struct table *t, const struct table_index *x, const struct av *item, bool whole_key, double units)
{
	ASSERT(insights_kept(t) && units >= 0);
	tell(c, t, x, item, whole_key, false, units);
}

void insights_write(struct call *c, const struct table *t, const struct av *key, const struct av *fresh, const struct av *old,
                    const struct consumed *used)
{
	double units = used->table;
	ASSERT(insights_kept(t) && units >= 0);
	for (uint32_t i = 0; i < t->n_indexes; i++) {
		const struct table_index *x = &t->indexes[i];
		if (x->local)
			units += used->indexes[i];
		else if (used->indexes[i] > 0 && (fresh != NULL || old != NULL))
			tell(c, t, x, fresh != NULL ? fresh : old, true, false, WRITE_WEIGHT * used->indexes[i]);
	}
	tell(c, t, NULL, key, true, false, WRITE_WEIGHT * units);
}

void insights_throttle(struct call *c, const struct table *t, const struct table_index *x, const struct av *item, bool whole_key)
{
	ASSERT(insights_kept(t));
	tell(c, t, x, item, whole_key, true, 1);
}
