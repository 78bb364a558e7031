/* Statements of a topic's policy by their label, and tags.
 *
 * Source: AddPermission, RemovePermission, TagResource (SNS API Reference). */
#include "sns.h"

enum { TAGS_MAX = 50, TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256 };

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

static struct json *statements_of(struct call *c, const struct topic *t, struct json **policy)
{
	*policy = json_parse(c->arena, topic_policy(c, t), NULL);
	struct json *s = json_get(*policy, S("Statement"));
	if (json_is(s, JSON_ARRAY))
		return s;
	struct json *list = json_new_array(c->arena);
	if (s != NULL)
		json_push(c->arena, list, s);
	return json_set(c->arena, *policy, S("Statement"), list);
}

static ptrdiff_t labelled(const struct json *statements, struct str label)
{
	for (size_t i = 0; i < statements->n; i++)
		if (str_eq(json_get_str(json_at(statements, i), "Sid"), label))
			return (ptrdiff_t)i;
	return -1;
}

void op_add_permission(struct call *c)
{
	const struct sns_AddPermissionInput *in = c->in;
	struct topic *t = run_topic(c);
	struct arena *a = c->arena;
	for (uint32_t i = 0; i < in->ActionName.n; i++)
		if (!action_known(c, *LIST_AT(in->ActionName, struct str, i)))
			return;
	struct json *policy, *statements = statements_of(c, t, &policy), *s = json_new_object(a), *who = json_new_object(a);
	if (labelled(statements, in->Label) >= 0) {
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
	struct json *policy, *statements = statements_of(c, t, &policy);
	ptrdiff_t at = labelled(statements, in->Label);
	if (at < 0)
		return; /* AWS says nothing */
	memmove(&statements->items[at], &statements->items[at + 1], (statements->n - (size_t)at - 1) * sizeof statements->items[0]);
	statements->n--;
	attribute_set(c->arena, &t->rec->Attributes, S("Policy"), json_text(c->arena, policy));
	topic_save(c, t);
}

/* ---- tags ---- */

bool tags_ok(struct call *c, const struct list *tags)
{
	if (tags->n > TAGS_MAX) {
		call_fail(c, &sns_err_TagLimitExceededException, "Could not complete request: tag quota of per resource exceeded");
		return false;
	}
	for (uint32_t i = 0; i < tags->n; i++) {
		const struct sns_Tag *t = LIST_AT(*tags, struct sns_Tag, i);
		if (t->Key.n == 0 || t->Key.n > TAG_KEY_MAX || t->Value.n > TAG_VALUE_MAX || str_starts_nocase(t->Key, S("aws:")))
			return fail_parameter(c, "Tags Reason: Invalid tag key or value");
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(LIST_AT(*tags, struct sns_Tag, k)->Key, t->Key))
				return fail_parameter(c, "Duplicated keys are not allowed.");
	}
	return true;
}

static struct sns_Tag *tag_find(const struct list *tags, struct str key)
{
	for (uint32_t i = 0; i < tags->n; i++)
		if (str_eq(LIST_AT(*tags, struct sns_Tag, i)->Key, key))
			return LIST_AT(*tags, struct sns_Tag, i);
	return NULL;
}

void op_tag_resource(struct call *c)
{
	const struct sns_TagResourceRequest *in = c->in;
	struct topic *t = run_topic(c);
	struct list all = LIST_OF(c->arena, struct sns_Tag, t->rec->Tags.n + in->Tags.n);
	if (!tags_ok(c, &in->Tags))
		return;
	all.n = t->rec->Tags.n;
	if (all.n > 0)
		memcpy(all.v, t->rec->Tags.v, all.n * sizeof(struct sns_Tag));
	for (uint32_t i = 0; i < in->Tags.n; i++) {
		const struct sns_Tag *tag = LIST_AT(in->Tags, struct sns_Tag, i);
		struct sns_Tag *same = tag_find(&all, tag->Key);
		if (same == NULL)
			same = &((struct sns_Tag *)all.v)[all.n++];
		*same = *tag;
	}
	t->rec->Tags = all;
	if (tags_ok(c, &all))
		topic_save(c, t);
}

void op_untag_resource(struct call *c)
{
	const struct sns_UntagResourceRequest *in = c->in;
	struct topic *t = run_topic(c);
	struct list *tags = &t->rec->Tags;
	for (uint32_t i = 0; i < in->TagKeys.n; i++) {
		struct sns_Tag *tag = tag_find(tags, *LIST_AT(in->TagKeys, struct str, i));
		if (tag != NULL)
			*tag = ((struct sns_Tag *)tags->v)[--tags->n];
	}
	topic_save(c, t);
}

void op_list_tags_for_resource(struct call *c)
{
	struct sns_ListTagsForResourceResponse *out = c->out;
	out->Tags = run_topic(c)->rec->Tags;
	out->Tags.set = true;
}
