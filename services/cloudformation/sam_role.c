/* A function's execution role: trust, managed policies, inline documents and SAM policy templates.
 *
 * policy_templates.json and managed_policies.json are data of AWS's published translator (PyPI aws-sam-translator
 * 1.115.0), kept beside this file and linked in as text. */
#include "sam.h"

#define EMBED(symbol, file) \
	__asm__(".section .rodata\n.global " #symbol "\n" #symbol ":\n.incbin \"" file "\"\n" \
	        ".global " #symbol "_end\n" #symbol "_end:\n.byte 0\n.previous\n")
EMBED(cfn_policy_templates, "services/cloudformation/policy_templates.json");
EMBED(cfn_managed_policies, "services/cloudformation/managed_policies.json");
extern const char cfn_policy_templates[], cfn_policy_templates_end[], cfn_managed_policies[], cfn_managed_policies_end[];

static struct json *embedded(struct sam *s, const char *from, const char *to)
{
	struct json *j = json_parse(s->a, str_of(from, (size_t)(to - from)), NULL);
	ASSERT(j != NULL);
	return j;
}

/* ---- policy templates ---- */

enum policy_type { POLICY_UNKNOWN, POLICY_MANAGED, POLICY_STATEMENT, POLICY_TEMPLATE };

static enum policy_type type_of(const struct json *policy, const struct json *templates)
{
	if (json_is(policy, JSON_STRING))
		return POLICY_MANAGED;
	if (sam_is_function(policy, "Fn::If")) {
		const struct json *three = &policy->members[0].value;
		if (!json_is(three, JSON_ARRAY) || three->n != 3)
			return POLICY_UNKNOWN;
		enum policy_type then = type_of(&three->items[1], templates), other = type_of(&three->items[2], templates);
		if (then == other || sam_is_no_value(&three->items[2]))
			return then;
		return sam_is_no_value(&three->items[1]) ? other : POLICY_UNKNOWN;
	}
	if (sam_is_intrinsic(policy))
		return POLICY_MANAGED;
	if (json_get(policy, S("Statement")) != NULL)
		return POLICY_STATEMENT;
	if (json_is(policy, JSON_OBJECT) && policy->n == 1 && json_get(templates, policy->members[0].key) != NULL)
		return POLICY_TEMPLATE;
	return POLICY_UNKNOWN;
}

/* The definition with {"Ref": parameter} replaced by the given values; what comes in with a value is left alone. */
static struct json *fill(struct sam *s, const struct json *node, const struct json *values)
{
	if (sam_is_function(node, "Ref")) {
		const struct json *v = json_get(values, json_str(&node->members[0].value));
		return json_copy(s->a, v != NULL ? v : node);
	}
	struct json *copy = json_copy(s->a, node);
	for (uint32_t i = 0; copy->type == JSON_ARRAY && i < copy->n; i++)
		copy->items[i] = *fill(s, &node->items[i], values);
	for (uint32_t i = 0; copy->type == JSON_OBJECT && i < copy->n; i++)
		copy->members[i].value = *fill(s, &node->members[i].value, values);
	return copy;
}

static struct json *convert(struct sam *s, const struct json *policy, const struct json *templates)
{
	if (sam_is_no_value(policy))
		return json_copy(s->a, policy);
	struct str name = policy->members[0].key;
	const struct json *values = &policy->members[0].value, *template = json_get(templates, name);
	const struct json *needed = json_get(template, S("Parameters"));
	if (!json_is(values, JSON_OBJECT))
		return sam_fail(s, "Must specify valid parameter values for policy template '%.*s'", STR_ARG(name));
	for (uint32_t i = 0; i < needed->n; i++)
		if (json_get(values, needed->members[i].key) == NULL)
			return sam_fail(s, "Following required parameters of template '%.*s' don't have values: ['%.*s']", STR_ARG(name),
			                STR_ARG(needed->members[i].key));
	struct json *own = json_new_object(s->a);
	for (uint32_t i = 0; i < values->n; i++)
		if (json_get(needed, values->members[i].key) != NULL)
			sam_set(s, own, values->members[i].key, &values->members[i].value);
	return fill(s, json_get(template, S("Definition")), own);
}

void sam_convert_policy_templates(struct sam *s)
{
	struct json *policies = sam_property(s, "Policies");
	if (!sam_truthy(policies))
		return;
	if (policies->type != JSON_ARRAY)
		policies = sam_list(s, policies);
	const struct json *templates = NULL;
	struct json *out = json_new_array(s->a);
	for (uint32_t i = 0; i < policies->n; i++) {
		const struct json *p = &policies->items[i];
		if (json_is(p, JSON_OBJECT) && templates == NULL)
			templates = json_get(embedded(s, cfn_policy_templates, cfn_policy_templates_end), S("Templates"));
		if (type_of(p, templates) != POLICY_TEMPLATE) {
			sam_push(s, out, p);
			continue;
		}
		struct json *done = NULL;
		if (sam_is_function(p, "Fn::If")) {
			const struct json *three = &p->members[0].value;
			struct json *then = convert(s, &three->items[1], templates), *other = then != NULL ? convert(s, &three->items[2], templates) : NULL;
			if (other != NULL) {
				struct json *choice = sam_list(s, &three->items[0]);
				sam_push(s, choice, then);
				sam_push(s, choice, other);
				done = sam_one(s, "Fn::If", choice);
			}
		} else {
			done = convert(s, p, templates);
		}
		if (done == NULL)
			return;
		sam_push(s, out, done);
	}
	sam_set(s, s->properties, S("Policies"), out);
}

/* ---- documents ---- */

static struct json *inline_policy(struct sam *s, struct str name, struct json *statements)
{
	struct json *policy = sam_one(s, "PolicyName", sam_text(s, name));
	sam_set(s, policy, S("PolicyDocument"), sam_one(s, "Statement", statements));
	return policy;
}

static struct json *allow(struct sam *s, const char *action, const struct json *resource)
{
	struct json *statement = sam_one(s, "Action", sam_text(s, str_c(action)));
	sam_set(s, statement, S("Effect"), sam_text(s, S("Allow")));
	sam_set(s, statement, S("Resource"), resource);
	return statement;
}

struct json *sam_destination_policy(struct sam *s, struct str type, const struct json *arn, struct str logical_id)
{
	static const struct { const char *type, *suffix, *action; } kinds[] = {
		{"SQS", "SQSPolicy", "sqs:SendMessage"}, {"SNS", "SNSPolicy", "sns:publish"},
		{"EventBridge", "EventBridgePolicy", "events:PutEvents"}, {"Lambda", "LambdaPolicy", "lambda:InvokeFunction"}};
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (str_eq(type, str_c(kinds[i].type)))
			return inline_policy(s, arena_join(s->a, logical_id, str_c(kinds[i].suffix)), sam_list(s, allow(s, kinds[i].action, arn)));
	struct json *parts = sam_list(s, arn), *join = sam_list(s, sam_text(s, S("/")));
	sam_push(s, parts, sam_text(s, S("*")));
	sam_push(s, join, parts);
	struct json *statements = sam_list(s, allow(s, "s3:PutObject", sam_one(s, "Fn::Join", join)));
	sam_push(s, statements, allow(s, "s3:ListBucket", arn));
	return inline_policy(s, arena_join(s->a, logical_id, S("S3Policy")), statements);
}

static struct json *dead_letter_policy(struct sam *s, const struct json *queue)
{
	bool sqs = str_eq(json_get_str(queue, "Type"), S("SQS"));
	struct json *policy = inline_policy(s, S("DeadLetterQueuePolicy"),
	                                    sam_list(s, allow(s, sqs ? "sqs:SendMessage" : "sns:Publish", json_get(queue, S("TargetArn")))));
	sam_set(s, json_get(policy, S("PolicyDocument")), S("Version"), sam_text(s, S("2012-10-17")));
	return policy;
}

static struct json *managed_arn(struct sam *s, const char *path)
{
	return sam_text(s, arena_printf(s->a, "arn:aws:iam::aws:policy/%s", path));
}

/* The ARN of an AWS managed policy's name; anything else as it is. */
static struct json *arn_of_name(struct sam *s, const struct json *name)
{
	if (!json_is(name, JSON_STRING) || str_starts(name->text, S("arn:")))
		return json_copy(s->a, name);
	const struct json *known = json_get(embedded(s, cfn_managed_policies, cfn_managed_policies_end), name->text);
	return known != NULL ? managed_arn(s, arena_cstr(s->a, json_str(known))) : json_copy(s->a, name);
}

static struct json *wrap_document(struct sam *s, struct str name, const struct json *document)
{
	if (sam_is_no_value(document))
		return json_copy(s->a, document);
	struct json *policy = sam_one(s, "PolicyName", sam_text(s, name));
	sam_set(s, policy, S("PolicyDocument"), document);
	return policy;
}

/* Both branches of Fn::If through one conversion. */
static struct json *both_branches(struct sam *s, const struct json *choice, struct json *then, struct json *other)
{
	struct json *three = sam_list(s, &choice->members[0].value.items[0]);
	sam_push(s, three, then);
	sam_push(s, three, other);
	return sam_one(s, "Fn::If", three);
}

static bool add_policy(struct sam *s, struct made *role, const struct json *policy, uint32_t index, struct json *managed, struct json *documents)
{
	struct str name = arena_printf(s->a, "%.*sPolicy%u", STR_ARG(role->id), index);
	const struct json *three = sam_is_function(policy, "Fn::If") ? &policy->members[0].value : NULL;
	switch (type_of(policy, NULL)) {
	case POLICY_STATEMENT:
		if (three != NULL)
			sam_push(s, documents, both_branches(s, policy, wrap_document(s, name, &three->items[1]), wrap_document(s, name, &three->items[2])));
		else
			sam_push(s, documents, wrap_document(s, name, policy));
		return true;
	case POLICY_MANAGED: {
		struct json *arn = three != NULL ? both_branches(s, policy, arn_of_name(s, &three->items[1]), arn_of_name(s, &three->items[2]))
		                                 : arn_of_name(s, policy);
		if (!sam_contains(managed, arn))
			sam_push(s, managed, arn);
		return true;
	}
	default:
		return sam_fail(s, "Policy at index %u in the 'Policies' property is not valid", index) != NULL;
	}
}

struct made *sam_role(struct sam *s, const struct json *extra_policies)
{
	struct made *role = sam_make(s, arena_join(s->a, s->id, S("Role")), "AWS::IAM::Role", s->passed);
	const struct json *trust = sam_property(s, "AssumeRolePolicyDocument"), *tracing = sam_property(s, "Tracing");
	struct json *managed = sam_list(s, managed_arn(s, "service-role/AWSLambdaBasicExecutionRole"));
	struct json *documents = json_new_array(s->a), *policies = sam_property(s, "Policies");
	if (trust == NULL)
		trust = sam_lit(s, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Action\":[\"sts:AssumeRole\"],\"Effect\":\"Allow\","
		                "\"Principal\":{\"Service\":[\"lambda.amazonaws.com\"]}}]}");
	if (sam_truthy(tracing) && !str_eq(json_str(sam_resolve(s, tracing)), S("Disabled")))
		sam_push(s, managed, managed_arn(s, "AWSXrayWriteOnlyAccess"));
	if (sam_truthy(sam_property(s, "VpcConfig")))
		sam_push(s, managed, managed_arn(s, "service-role/AWSLambdaVPCAccessExecutionRole"));
	if (sam_property(s, "DeadLetterQueue") != NULL)
		sam_push(s, documents, dead_letter_policy(s, sam_property(s, "DeadLetterQueue")));
	for (uint32_t i = 0; i < extra_policies->n; i++)
		sam_push(s, documents, &extra_policies->items[i]);
	if (policies != NULL && policies->type != JSON_ARRAY && sam_truthy(policies))
		policies = sam_list(s, policies);
	for (uint32_t i = 0; json_is(policies, JSON_ARRAY) && i < policies->n; i++)
		if (!add_policy(s, role, &policies->items[i], i, managed, documents))
			return NULL;
	sam_set(s, role->properties, S("AssumeRolePolicyDocument"), trust);
	sam_set(s, role->properties, S("ManagedPolicyArns"), managed);
	if (documents->n > 0)
		sam_set(s, role->properties, S("Policies"), documents);
	sam_put(s, role->properties, "Path", sam_property(s, "RolePath"));
	sam_put(s, role->properties, "PermissionsBoundary", sam_property(s, "PermissionsBoundary"));
	sam_set(s, role->properties, S("Tags"), sam_tags(s, sam_property(s, "Tags"), true));
	return role;
}
