/* YAML text into a struct json tree, as CloudFormation reads it: base/yaml.h and the short forms of the intrinsic functions.
 *
 * Always holds: the tree is no deeper than TEMPLATE_DEPTH_MAX. Called by template.c only. */
#include "template.h"

#include "base/yaml.h"

static bool one_of(struct str s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (str_eq(s, str_c(*words)))
			return true;
	return false;
}

/* The long form's name of a short form's tag; absent when the tag is none. */
static struct str function_of_tag(struct arena *a, struct str tag)
{
	static const char *const functions[] = {"Base64", "Cidr", "FindInMap", "GetAtt", "GetAZs", "If", "ImportValue", "Join", "Select",
		"Split", "Sub", "Transform", "And", "Equals", "Not", "Or", "Length", "ToJsonString", "Contains", "EachMemberEquals",
		"EachMemberIn", "RefAll", "ValueOf", "ValueOfAll", NULL};
	if (tag.n < 2 || tag.p[0] != '!')
		return STR_NONE;
	struct str name = str_slice(tag, 1, tag.n);
	if (str_eq(name, S("Ref")) || str_eq(name, S("Condition")))
		return arena_dup(a, name);
	if (one_of(name, functions))
		return arena_join(a, S("Fn::"), name);
	return STR_NONE;
}

/* Wrap a tagged value: !GetAtt A.B becomes {"Fn::GetAtt": ["A", "B"]}. */
static struct json *wrap_function(struct arena *a, struct str tag, struct json *value)
{
	struct str function = function_of_tag(a, tag);
	if (!str_present(function))
		return NULL;
	if (str_eq(function, S("Fn::GetAtt")) && json_is(value, JSON_STRING)) {
		struct str rest = value->text;
		struct json *pair = json_new_array(a);
		struct str first = str_cut(&rest, '.');
		json_push(a, pair, json_new_str(a, first));
		if (str_present(rest))
			json_push(a, pair, json_new_str(a, rest));
		value = pair;
	}
	struct json *o = json_new_object(a);
	json_set(a, o, function, value);
	return o;
}

static bool deeper_than(const struct json *j, unsigned most)
{
	if (j->type != JSON_ARRAY && j->type != JSON_OBJECT)
		return false;
	for (uint32_t i = 0; most > 0 && i < j->n; i++)
		if (deeper_than(j->type == JSON_ARRAY ? &j->items[i] : &j->members[i].value, most - 1))
			return true;
	return most == 0;
}

struct json *template_parse_yaml(struct arena *a, struct str text, struct str *why)
{
	ASSERT(a != NULL && why != NULL);
	struct json *root = yaml_parse(a, text, wrap_function, why);
	if (root == NULL) {
		struct str what = str_eq(*why, S(YAML_EMPTY)) ? S("unsupported structure.") : *why;
		*why = arena_join(a, S("Template format error: "), what);
		return NULL;
	}
	if (deeper_than(root, TEMPLATE_DEPTH_MAX)) { /* aliases and short forms make it deeper than its text */
		*why = S("Template format error: template is too large.");
		return NULL;
	}
	return root;
}
