/* Tags of rules and buses. */
#include "events.h"

#include "svc/arn.h"

enum { TAGS_MAX = 50 };

void tags_add(struct call *c, struct list *tags, const struct list *add)
{
	struct events_Tag *all = arena_array(c->arena, struct events_Tag, tags->n + add->n);
	uint32_t n = tags->n;
	if (n > 0)
		memcpy(all, tags->v, n * sizeof *all);
	for (uint32_t i = 0; i < add->n; i++) {
		const struct events_Tag *t = LIST_AT(*add, struct events_Tag, i);
		uint32_t at = 0;
		while (at < n && !str_eq(all[at].Key, t->Key))
			at++;
		all[at] = *t;
		n += at == n;
	}
	if (n > TAGS_MAX)
		call_fail(c, &events_err_LimitExceededException, "The requested resource exceeds the maximum number allowed.");
	*tags = (struct list){all, n, true};
}

/* A tagged thing: a rule or a bus. */
struct tagged { struct events_RuleRecord *rule; struct events_BusRecord *bus; struct list *tags; };

static bool find(struct call *c, struct str text, struct tagged *t)
{
	struct arn arn;
	*t = (struct tagged){0};
	bool ok = arn_parse(text, &arn) && str_eq(arn.service, S("events")) && str_eq(arn.account, c->account) && str_eq(arn.region, c->region);
	if (ok && str_starts(arn.resource, S("event-bus/"))) {
		t->bus = bus_need(c, str_slice(arn.resource, sizeof "event-bus/" - 1, arn.resource.n));
		t->tags = t->bus != NULL ? &t->bus->Tags : NULL;
	} else if (ok && str_starts(arn.resource, S("rule/"))) {
		struct str rest = str_slice(arn.resource, sizeof "rule/" - 1, arn.resource.n);
		struct str first = str_cut(&rest, '/');
		t->rule = str_present(rest) ? rule_need(c, first, rest) : rule_need(c, S("default"), first);
		t->tags = t->rule != NULL ? &t->rule->Tags : NULL;
	} else {
		call_fail(c, &events_err_ResourceNotFoundException, "The resource %.*s does not exist.", STR_ARG(text));
	}
	return t->tags != NULL;
}

static void save(struct call *c, const struct tagged *t)
{
	if (c->failed)
		return;
	if (t->bus != NULL)
		bus_put(c, t->bus);
	else
		call_put(c, rule_key(c, t->rule->Bus, t->rule->Name), &events_shape_RuleRecord, t->rule);
}

void access_tags(struct call *c)
{
	const struct member *m = shape_member(c->op->model->input, S("ResourceARN"));
	ASSERT(m != NULL);
	authorize(c, NULL, *(const struct str *)((const char *)c->in + m->offset), NULL);
}

void op_tag_resource(struct call *c)
{
	const struct events_TagResourceRequest *in = c->in;
	struct tagged t;
	if (!find(c, in->ResourceARN, &t))
		return;
	tags_add(c, t.tags, &in->Tags);
	save(c, &t);
}

void op_untag_resource(struct call *c)
{
	const struct events_UntagResourceRequest *in = c->in;
	struct tagged t;
	if (!find(c, in->ResourceARN, &t))
		return;
	struct events_Tag *v = t.tags->v;
	uint32_t n = 0;
	for (uint32_t i = 0; i < t.tags->n; i++) {
		bool drop = false;
		for (uint32_t k = 0; k < in->TagKeys.n; k++)
			drop |= str_eq(v[i].Key, *LIST_AT(in->TagKeys, struct str, k));
		if (!drop)
			v[n++] = v[i];
	}
	t.tags->n = n;
	save(c, &t);
}

void op_list_tags_for_resource(struct call *c)
{
	const struct events_ListTagsForResourceRequest *in = c->in;
	struct tagged t;
	if (find(c, in->ResourceARN, &t))
		((struct events_ListTagsForResourceResponse *)c->out)->Tags = (struct list){t.tags->v, t.tags->n, true};
}
