/* Tags of what has them: alarms, Contributor Insights rules, dashboards. Source: TagResource, UntagResource, ListTagsForResource (API Reference). */
#include "composite.h"
#include "dashboard.h"
#include "insight.h"

#include "svc/arn.h"
#include "svc/tags.h"

/* What an ARN names; one of the four is there. */
struct tagged {
	struct cloudwatch_AlarmRecord *alarm;
	struct cloudwatch_CompositeRecord *composite;
	struct cloudwatch_InsightRecord *rule;
	struct cloudwatch_DashboardRecord *dashboard;
	struct list *tags; /* NULL: c failed, there is no such thing */
};

static struct tagged find(struct call *c, struct str text)
{
	struct arn arn;
	struct tagged t = {0};
	bool ok = arn_parse(text, &arn) && str_eq(arn.service, S("cloudwatch"));
	struct str name = STR_NONE;
	if (ok && str_starts(arn.resource, S("alarm:"))) {
		name = str_slice(arn.resource, sizeof "alarm:" - 1, arn.resource.n);
		t.alarm = alarm_get(c, name);
		t.composite = t.alarm == NULL ? composite_get(c, name) : NULL;
		t.tags = t.alarm != NULL ? &t.alarm->Tags : t.composite != NULL ? &t.composite->Tags : NULL;
	} else if (ok && str_starts(arn.resource, S("insight-rule/"))) {
		name = str_slice(arn.resource, sizeof "insight-rule/" - 1, arn.resource.n);
		t.rule = insight_get(c, name);
		t.tags = t.rule != NULL ? &t.rule->Tags : NULL;
	} else if (ok && str_starts(arn.resource, S("dashboard/"))) {
		name = str_slice(arn.resource, sizeof "dashboard/" - 1, arn.resource.n);
		t.dashboard = dashboard_get(c, name);
		t.tags = t.dashboard != NULL ? &t.dashboard->Tags : NULL;
	}
	if (t.tags == NULL)
		call_fail(c, &cloudwatch_err_ResourceNotFoundException, "Resource %.*s does not exist", STR_ARG(text));
	return t;
}

static void save(struct call *c, const struct tagged *t, struct tags now)
{
	ASSERT(t->tags != NULL);
	*t->tags = (struct list){now.v, now.n, true};
	if (t->alarm != NULL)
		alarm_save(c, t->alarm);
	else if (t->composite != NULL)
		composite_save(c, t->composite);
	else if (t->rule != NULL)
		insight_save(c, t->rule);
	else
		dashboard_save(c, t->dashboard);
}

void access_tag_resource(struct call *c) { authorize(c, NULL, ((const struct cloudwatch_TagResourceInput *)c->in)->ResourceARN, NULL); }

void op_tag_resource(struct call *c)
{
	const struct cloudwatch_TagResourceInput *in = c->in;
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .reserved = c->parent != NULL};
	struct tagged t = find(c, in->ResourceARN);
	if (t.tags == NULL)
		return;
	struct tags now = TAGS_OF(*t.tags, struct cloudwatch_Tag);
	switch (tags_put(c->arena, &now, TAGS_OF(in->Tags, struct cloudwatch_Tag), &rules)) {
	case TAGS_OK:
		save(c, &t, now);
		return;
	case TAGS_TOO_MANY:
		call_fail(c, &cloudwatch_err_InvalidParameterValueException, "A resource has at most %d tags", TAGS_OF_RESOURCE);
		return;
	case TAGS_RESERVED: case TAGS_TWICE:
		call_fail(c, &cloudwatch_err_InvalidParameterValueException, "The tag key %.*s is reserved, or there twice",
			STR_ARG(tags_culprit(TAGS_OF(in->Tags, struct cloudwatch_Tag), &rules)));
		return;
	}
}

void access_untag_resource(struct call *c) { authorize(c, NULL, ((const struct cloudwatch_UntagResourceInput *)c->in)->ResourceARN, NULL); }

void op_untag_resource(struct call *c)
{
	const struct cloudwatch_UntagResourceInput *in = c->in;
	struct tagged t = find(c, in->ResourceARN);
	if (t.tags == NULL)
		return;
	struct tags now = TAGS_OF(*t.tags, struct cloudwatch_Tag);
	tags_drop(&now, &in->TagKeys, false);
	save(c, &t, now);
}

void access_list_tags(struct call *c) { authorize(c, NULL, ((const struct cloudwatch_ListTagsForResourceInput *)c->in)->ResourceARN, NULL); }

void op_list_tags(struct call *c)
{
	const struct cloudwatch_ListTagsForResourceInput *in = c->in;
	struct tagged t = find(c, in->ResourceARN);
	if (t.tags != NULL)
		((struct cloudwatch_ListTagsForResourceOutput *)c->out)->Tags = (struct list){t.tags->v, t.tags->n, true};
}
