/* Statements of a topic's policy by their label, and tags.
 *
 * Source: AddPermission, RemovePermission, TagResource (SNS API Reference). */
#include "sns.h"

#include "svc/statements.h"
#include "svc/tags.h"

static const char *const actions_known[] = {"AddPermission", "DeleteTopic", "GetDataProtectionPolicy", "GetTopicAttributes",
	"ListSubscriptionsByTopic", "ListTagsForResource", "Publish", "PutDataProtectionPolicy", "Receive", "RemovePermission",
	"SetTopicAttributes", "Subscribe"};

static bool action_known(struct call *c, struct str action)
{
	for (size_t i = 0; i < COUNT_OF(actions_known); i++)
		if (str_eq(str_c(actions_known[i]), action))
			return true;
	return fail_parameter(c, "Policy statement action out of service scope!");
}

static struct json *strings(struct arena *a, const struct list *l, struct str before, struct str after)
{
	struct json *list = json_new_array(a);
	for (uint32_t i = 0; i < l->n; i++)
		json_push(a, list, json_new_str(a, arena_join(a, before, *LIST_AT(*l, struct str, i), after)));
	return l->n == 1 ? json_at(list, 0) : list;
}

void op_add_permission(struct call *c)
{
	const struct sns_AddPermissionInput *in = c->in;
	struct topic *t = run_topic(c);
	struct arena *a = c->arena;
	for (uint32_t i = 0; i < in->ActionName.n; i++)
		if (!action_known(c, *LIST_AT(in->ActionName, struct str, i)))
			return;
	struct json *policy = json_parse(a, topic_policy(c, t), NULL), *statements = statements_in(a, policy);
	struct json *s = json_new_object(a), *who = json_new_object(a);
	if (statement_find(statements, in->Label) >= 0) {
		fail_parameter(c, "Statement already exists");
		return;
	}
	json_set_str(a, s, "Sid", in->Label);
	json_set_str(a, s, "Effect", S("Allow"));
	json_set(a, who, S("AWS"), strings(a, &in->AWSAccountId, S("arn:aws:iam::"), S(":root")));
	json_set(a, s, S("Principal"), who);
	json_set(a, s, S("Action"), strings(a, &in->ActionName, S("SNS:"), S("")));
	json_set_str(a, s, "Resource", t->arn);
	json_push(a, statements, s);
	attribute_set(a, &t->rec->Attributes, S("Policy"), json_text(a, policy));
	topic_save(c, t);
}

void op_remove_permission(struct call *c)
{
	const struct sns_RemovePermissionInput *in = c->in;
	struct topic *t = run_topic(c);
	struct json *policy = json_parse(c->arena, topic_policy(c, t), NULL), *statements = statements_in(c->arena, policy);
	ptrdiff_t at = statement_find(statements, in->Label);
	if (at < 0)
		return; /* AWS says nothing */
	statement_drop(statements, (size_t)at);
	attribute_set(c->arena, &t->rec->Attributes, S("Policy"), json_text(c->arena, policy));
	topic_save(c, t);
}

/* ---- tags ---- */

bool tags_add(struct call *c, struct list *tags, const struct list *add)
{
	const struct tags_rules rules = {.max = TAGS_OF_RESOURCE, .reserved = c->parent != NULL};
	struct tags have = TAGS_OF(*tags, struct sns_Tag), more = TAGS_OF(*add, struct sns_Tag);
	switch (tags_put(c->arena, &have, more, &rules)) {
	case TAGS_OK:
		*tags = (struct list){have.v, have.n, true};
		return true;
	case TAGS_TOO_MANY:
		call_fail(c, &sns_err_TagLimitExceededException, "Could not complete request: tag quota of per resource exceeded");
		return false;
	case TAGS_TWICE:
		return fail_parameter(c, "Duplicated keys are not allowed.");
	default:
		return fail_parameter(c, "Tags Reason: The tag key %.*s is reserved", STR_ARG(tags_culprit(more, &rules)));
	}
}

void op_tag_resource(struct call *c)
{
	const struct sns_TagResourceRequest *in = c->in;
	struct topic *t = run_topic(c);
	if (tags_add(c, &t->rec->Tags, &in->Tags))
		topic_save(c, t);
}

void op_untag_resource(struct call *c)
{
	const struct sns_UntagResourceRequest *in = c->in;
	struct topic *t = run_topic(c);
	struct tags have = TAGS_OF(t->rec->Tags, struct sns_Tag);
	tags_drop(&have, &in->TagKeys, false);
	t->rec->Tags.n = have.n;
	topic_save(c, t);
}

void op_list_tags_for_resource(struct call *c)
{
	struct sns_ListTagsForResourceResponse *out = c->out;
	out->Tags = run_topic(c)->rec->Tags;
	out->Tags.set = true;
}
