/* What a template must look like before anything is evaluated: its sections, resources, parameters and outputs.
 *
 * Source: "Template anatomy" and "CloudFormation quotas" (CloudFormation User Guide); messages as the service words
 * them. Pure. Called by the operations, and by the transform's test program. */
#include "template.h"

static bool fail(struct str *why, struct str message)
{
	*why = message;
	return false;
}

static struct str line_and_column(struct arena *a, struct str text, size_t at)
{
	size_t line = 1, column = 1;
	for (size_t i = 0; i < at && i < text.n; i++) {
		column++;
		if (text.p[i] == '\n') {
			line++;
			column = 1;
		}
	}
	return arena_printf(a, "(line %zu, column %zu)", line, column);
}

struct json *template_parse(struct arena *a, struct str text, struct str *why)
{
	ASSERT(a != NULL && why != NULL);
	struct str body = str_trim(text);
	struct json *t = NULL;
	ASSERT(why != NULL);
	if (body.n > TEMPLATE_URL_MAX) {
		*why = S("Template format error: template is too large.");
		return NULL;
	}
	if (body.n > 0 && body.p[0] == '{') {
		struct json_error err;
		t = json_parse(a, body, &err);
		struct str ignored;
		/* a YAML flow mapping begins with a brace too */
		if (t == NULL && (t = template_parse_yaml(a, text, &ignored)) == NULL)
			*why = arena_printf(a, "Template format error: JSON not well-formed. %.*s",
			                    STR_ARG(line_and_column(a, body, err.at)));
	} else {
		t = template_parse_yaml(a, text, why);
	}
	if (t != NULL && t->type != JSON_OBJECT) {
		*why = S("Template format error: unsupported structure.");
		return NULL;
	}
	return t;
}

static bool alphanumeric(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	return s.n > 0 && s.n <= 255;
}

static bool known(struct str key, const char *const *names)
{
	for (; *names != NULL; names++)
		if (str_eq(key, str_c(*names)))
			return true;
	return false;
}

/* The members of j that `names` does not have, as "[A, B]"; absent when there are none. */
static struct str strangers(struct arena *a, const struct json *j, const char *const *names)
{
	ASSERT(json_is(j, JSON_OBJECT) && names != NULL);
	struct buf b;
	buf_init(&b, a, 4096);
	for (uint32_t i = 0; i < j->n; i++) {
		if (known(j->members[i].key, names))
			continue;
		buf_str(&b, b.n == 0 ? S("[") : S(", "));
		buf_str(&b, j->members[i].key);
	}
	if (b.n == 0)
		return STR_NONE;
	buf_putc(&b, ']');
	return buf_view(&b);
}

static bool find_null(struct arena *a, const struct json *j, struct str path, struct str *where)
{
	if (j->type == JSON_NULL) {
		*where = path;
		return true;
	}
	if (j->type == JSON_OBJECT)
		for (uint32_t i = 0; i < j->n; i++)
			if (find_null(a, &j->members[i].value, arena_join(a, path, S("/"), j->members[i].key), where))
				return true;
	if (j->type == JSON_ARRAY)
		for (uint32_t i = 0; i < j->n; i++)
			if (find_null(a, &j->items[i], arena_printf(a, "%.*s/%u", STR_ARG(path), i), where))
				return true;
	return false;
}

static bool check_resource(struct arena *a, struct str name, const struct json *r, bool raw, struct str *why)
{
	ASSERT(str_present(name) && r != NULL && why != NULL);
	static const char *const members[] = {"Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy",
		"UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy", "Description", NULL};
	static const char *const policies[] = {"Delete", "Retain", "Snapshot", "RetainExceptOnCreate", NULL};
	if (!alphanumeric(name))
		return fail(why, arena_printf(a, "Template format error: Resource name %.*s is non alphanumeric.", STR_ARG(name)));
	if (!json_is(r, JSON_OBJECT))
		return fail(why, arena_printf(a, "Template format error: [/Resources/%.*s] resource definition is malformed", STR_ARG(name)));
	if (!str_present(json_get_str(r, "Type")))
		return fail(why, arena_printf(a, "Template format error: [/Resources/%.*s] Every Resources object must contain a Type member.",
			STR_ARG(name)));
	struct str odd = raw ? STR_NONE : strangers(a, r, members);
	if (str_present(odd))
		return fail(why, arena_printf(a, "Invalid template resource property '%.*s'", STR_ARG(str_slice(odd, 1, odd.n - 1))));
	const struct json *p = json_get(r, S("Properties"));
	if (p != NULL && p->type != JSON_OBJECT)
		return fail(why, arena_printf(a, "Template format error: [/Resources/%.*s/Properties] 'Properties' must be an object", STR_ARG(name)));
	const struct json *condition = json_get(r, S("Condition"));
	if (condition != NULL && condition->type != JSON_STRING)
		return fail(why, arena_printf(a, "Template format error: [/Resources/%.*s/Condition] 'Condition' must be a string", STR_ARG(name)));
	const char *const both[] = {"DeletionPolicy", "UpdateReplacePolicy", NULL};
	for (int i = 0; both[i] != NULL; i++) {
		struct str policy = json_get_str(r, both[i]);
		if (str_present(policy) && !known(policy, policies))
			return fail(why, arena_printf(a, "Template error: Unrecognized %s %.*s for resource %.*s", both[i], STR_ARG(policy), STR_ARG(name)));
	}
	return true;
}

static bool check_resources(struct arena *a, const struct json *resources, bool raw, struct str *why)
{
	if (!json_is(resources, JSON_OBJECT) || resources->n == 0)
		return fail(why, S("Template format error: At least one Resources member must be defined."));
	if (resources->n > TEMPLATE_RESOURCES_MAX)
		return fail(why, arena_printf(a, "Template format error: Number of resources, %u, is greater than maximum allowed, %d",
		                              resources->n, TEMPLATE_RESOURCES_MAX));
	for (uint32_t i = 0; i < resources->n; i++) {
		struct str name = resources->members[i].key;
		if (raw && str_starts(name, S("Fn::")))
			continue;
		if (!check_resource(a, name, &resources->members[i].value, raw, why))
			return false;
	}
	return true;
}

static bool check_parameters(struct arena *a, const struct json *parameters, struct str *why)
{
	static const char *const members[] = {"Type", "Default", "NoEcho", "AllowedValues", "AllowedPattern", "MaxLength", "MinLength",
		"MaxValue", "MinValue", "Description", "ConstraintDescription", NULL};
	if (parameters == NULL)
		return true;
	if (parameters->type != JSON_OBJECT)
		return fail(why, S("Template format error: [/Parameters] 'Parameters' must be an object"));
	if (parameters->n > TEMPLATE_PARAMETERS_MAX)
		return fail(why, arena_printf(a, "Template format error: Number of parameters, %u, is greater than maximum allowed, %d",
		                              parameters->n, TEMPLATE_PARAMETERS_MAX));
	for (uint32_t i = 0; i < parameters->n; i++) {
		struct str name = parameters->members[i].key;
		const struct json *p = &parameters->members[i].value;
		if (!alphanumeric(name))
			return fail(why, arena_printf(a, "Template format error: Parameter name %.*s is non alphanumeric.", STR_ARG(name)));
		if (p->type != JSON_OBJECT || !str_present(json_get_str(p, "Type")))
			return fail(why, S("Template format error: Every Parameters object must contain a Type member."));
		struct str odd = strangers(a, p, members);
		if (str_present(odd))
			return fail(why, arena_printf(a, "Invalid template parameter property '%.*s'", STR_ARG(str_slice(odd, 1, odd.n - 1))));
		const struct json *def = json_get(p, S("Default"));
		if (def != NULL && (def->type == JSON_ARRAY || def->type == JSON_OBJECT))
			return fail(why, S("Template format error: Every Default member must be a string."));
	}
	return true;
}

static bool check_outputs(struct arena *a, const struct json *outputs, struct str *why)
{
	static const char *const members[] = {"Value", "Description", "Export", "Condition", NULL};
	if (outputs == NULL)
		return true;
	if (outputs->type != JSON_OBJECT)
		return fail(why, S("Template format error: [/Outputs] 'Outputs' must be an object"));
	if (outputs->n > TEMPLATE_OUTPUTS_MAX)
		return fail(why, arena_printf(a, "Template format error: Number of outputs, %u, is greater than maximum allowed, %d",
		                              outputs->n, TEMPLATE_OUTPUTS_MAX));
	for (uint32_t i = 0; i < outputs->n; i++) {
		struct str name = outputs->members[i].key;
		const struct json *o = &outputs->members[i].value;
		if (str_starts(name, S("Fn::ForEach::")))
			continue;
		if (!alphanumeric(name))
			return fail(why, arena_printf(a, "Template format error: Output name %.*s is non alphanumeric.", STR_ARG(name)));
		if (o->type != JSON_OBJECT || json_get(o, S("Value")) == NULL)
			return fail(why, arena_printf(a, "Template format error: Output %.*s is malformed. The Value member is required.", STR_ARG(name)));
		struct str odd = strangers(a, o, members);
		if (str_present(odd))
			return fail(why, arena_printf(a, "Invalid template output property '%.*s'", STR_ARG(str_slice(odd, 1, odd.n - 1))));
	}
	return true;
}

static bool check_mappings(struct arena *a, const struct json *mappings, struct str *why)
{
	if (mappings == NULL)
		return true;
	if (mappings->type != JSON_OBJECT)
		return fail(why, S("Template format error: [/Mappings] 'Mappings' must be an object"));
	if (mappings->n > TEMPLATE_MAPPINGS_MAX)
		return fail(why, arena_printf(a, "Template format error: Number of mappings, %u, is greater than maximum allowed, %d",
		                              mappings->n, TEMPLATE_MAPPINGS_MAX));
	for (uint32_t i = 0; i < mappings->n; i++) {
		const struct json *top = &mappings->members[i].value;
		if (str_starts(mappings->members[i].key, S("Fn::")))
			continue;
		if (top->type != JSON_OBJECT)
			return fail(why, S("Template format error: Every Mappings attribute must be a String or a List."));
		for (uint32_t k = 0; k < top->n; k++)
			if (top->members[k].value.type != JSON_OBJECT)
				return fail(why, S("Template format error: Every Mappings attribute must be a String or a List."));
	}
	return true;
}

bool template_check(struct arena *a, const struct json *t, bool raw, struct str *why)
{
	ASSERT(t != NULL && why != NULL);
	static const char *const sections[] = {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings",
		"Conditions", "Transform", "Resources", "Outputs", "Rules", "Hooks", NULL};
	struct str where;
	ASSERT(json_is(t, JSON_OBJECT));
	if (find_null(a, t, STR_NONE, &where))
		return fail(why, arena_printf(a, "Template format error: [%.*s] 'null' values are not allowed in templates", STR_ARG(where)));
	struct str odd = raw ? STR_NONE : strangers(a, t, sections);
	if (str_present(odd))
		return fail(why, arena_printf(a, "Invalid template property or properties %.*s", STR_ARG(odd)));
	const struct json *version = json_get(t, S("AWSTemplateFormatVersion"));
	if (version != NULL && !str_eq(json_str(version), S("2010-09-09")))
		return fail(why, S("Template format error: unsupported value for AWSTemplateFormatVersion."));
	const struct json *description = json_get(t, S("Description"));
	if (description != NULL && description->type != JSON_STRING)
		return fail(why, S("Template format error: 'Description' must be a string."));
	if (json_str(description).n > 1024)
		return fail(why, S("Template format error: 'Description' length is greater than 1024."));
	const struct json *conditions = json_get(t, S("Conditions"));
	if (conditions != NULL && conditions->type != JSON_OBJECT)
		return fail(why, S("Template format error: [/Conditions] 'Conditions' must be an object"));
	if (json_get(t, S("Hooks")) != NULL)
		return fail(why, S("Template format error: the Hooks section is not supported."));
	return check_parameters(a, json_get(t, S("Parameters")), why) && check_mappings(a, json_get(t, S("Mappings")), why)
	       && check_resources(a, json_get(t, S("Resources")), raw, why) && check_outputs(a, json_get(t, S("Outputs")), why);
}

struct json *template_transforms(struct arena *a, const struct json *t, struct str *why)
{
	const struct json *declared = json_get(t, S("Transform"));
	struct json *names = json_new_array(a);
	if (declared == NULL)
		return names;
	if (declared->type == JSON_STRING) {
		json_push(a, names, declared);
		return names;
	}
	if (declared->type == JSON_ARRAY) {
		for (uint32_t i = 0; i < declared->n; i++) {
			if (declared->items[i].type != JSON_STRING) {
				*why = S("Template format error: Transform of the template is malformed.");
				return NULL;
			}
			json_push(a, names, &declared->items[i]);
		}
		return names;
	}
	*why = S("Template format error: Transform of the template is malformed.");
	return NULL;
}

bool template_has_transform(const struct json *transforms, struct str name)
{
	for (uint32_t i = 0; transforms != NULL && i < transforms->n; i++)
		if (str_eq(json_str(&transforms->items[i]), name))
			return true;
	return false;
}
