/* Tags of rules and buses: two kinds of records, found by their ARN. Their rules are svc/tags.h's; only the words of the refusals
 * are EventBridge's. */
#include "events.h"

#include "svc/arn.h"
#include "svc/tags.h"

void tags_add(struct call *c, struct list *tags, const struct list *add)
{
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .reserved = c->parent != NULL};
	struct tags have = TAGS_OF(*tags, struct events_Tag), more = TAGS_OF(*add, struct events_Tag);
	enum tags_fault fault = tags_put(c->arena, &have, more, &rules);
	if (fault == TAGS_TOO_MANY)
		call_fail(c, &events_err_LimitExceededException, "The requested resource exceeds the maximum number allowed.");
	else if (fault != TAGS_OK)
		call_fail_code(c, 400, "ValidationException", "The tag key %.*s is %s.", STR_ARG(tags_culprit(more, &rules)),
			fault == TAGS_RESERVED ? "reserved: keys must not begin with aws:" : "given twice");
	else
		*tags = (struct list){have.v, have.n, true};
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
	struct str arn = call_input_text(c, "ResourceARN");
	struct access_extra x = {0};
	struct tagged t = {0};
	if (c->who->type != PRINCIPAL_ROOT && !find(c, arn, &t))
		return;
	tags_conditions(c, &x, t.tags != NULL ? TAGS_OF(*t.tags, struct events_Tag) : (struct tags){0});
	authorize(c, NULL, arn, &x);
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
	struct tags have = TAGS_OF(*t.tags, struct events_Tag);
	tags_drop(&have, &in->TagKeys, false);
	t.tags->n = have.n;
	save(c, &t);
}

void op_list_tags_for_resource(struct call *c)
{
	const struct events_ListTagsForResourceRequest *in = c->in;
	struct tagged t;
	if (find(c, in->ResourceARN, &t))
		((struct events_ListTagsForResourceResponse *)c->out)->Tags = (struct list){t.tags->v, t.tags->n, true};
}
