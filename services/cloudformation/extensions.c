/* AWS::LanguageExtensions: Fn::ForEach, expanded before anything else looks at the template.
 *
 * Pure. Source: "Fn::ForEach" (CloudFormation template language reference). Bounded by TEMPLATE_NODES_MAX. */
#include "intrinsics.h"
#include "template.h"

struct binding {
	struct str name, value;
	const struct binding *outer;
};

struct expansion {
	struct arena *a;
	const struct json *parameters, *template;
	size_t nodes;
	struct str *why;
};

static struct json *expand(struct expansion *e, const struct json *node, const struct binding *b, unsigned depth);

static struct json *fail(struct expansion *e, const char *what)
{
	*e->why = arena_printf(e->a, "Template error: Fn::ForEach: %s", what);
	return NULL;
}

static const struct binding *bound(const struct binding *b, struct str name)
{
	for (; b != NULL; b = b->outer)
		if (str_eq(b->name, name))
			return b;
	return NULL;
}

/* ${Name} as it is, &{Name} with everything but letters and digits taken out, for logical ids. */
static struct str substitute(struct expansion *e, struct str s, const struct binding *b)
{
	struct buf out;
	if (b == NULL || (str_find_str(s, S("${")) < 0 && str_find_str(s, S("&{")) < 0))
		return s;
	buf_init(&out, e->a, TEMPLATE_URL_MAX);
	for (size_t i = 0; i < s.n; i++) {
		bool plain = s.p[i] == '$', amp = s.p[i] == '&';
		if ((!plain && !amp) || i + 1 >= s.n || s.p[i + 1] != '{') {
			buf_putc(&out, s.p[i]);
			continue;
		}
		struct str rest = str_slice(s, i + 2, s.n);
		ptrdiff_t end = str_find(rest, '}');
		const struct binding *hit = end < 0 ? NULL : bound(b, str_slice(rest, 0, (size_t)end));
		if (hit == NULL) {
			buf_putc(&out, s.p[i]);
			continue;
		}
		for (size_t k = 0; k < hit->value.n; k++) {
			char c = hit->value.p[k];
			bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
			if (plain || alnum)
				buf_putc(&out, c);
		}
		i += (size_t)end + 2;
	}
	return buf_view(&out);
}

/* The values that a loop runs over: texts, and lists that Ref gives. */
static struct json *collection(struct expansion *e, const struct json *node, const struct binding *b)
{
	struct json *out = json_new_array(e->a);
	struct str name;
	const struct json *arg;
	if (intrinsics_function(node, &name, &arg) && str_eq(name, S("Ref"))) {
		const struct json *list = json_get(e->parameters, json_str(arg));
		if (!json_is(list, JSON_ARRAY))
			return fail(e, "a collection must be a list");
		return json_copy(e->a, list);
	}
	if (intrinsics_function(node, &name, &arg)) {
		struct intrinsics x;
		intrinsics_init(&x, e->a, e->template);
		x.parameters = (struct json *)e->parameters;
		x.language_extensions = true;
		struct json *list = intrinsics_eval(&x, node);
		return json_is(list, JSON_ARRAY) ? list : fail(e, "a collection must be a list");
	}
	if (!json_is(node, JSON_ARRAY))
		return fail(e, "a collection must be a list");
	for (uint32_t i = 0; i < node->n; i++) {
		struct str s = intrinsics_scalar(&node->items[i]);
		if (str_present(s)) {
			json_push(e->a, out, json_new_str(e->a, substitute(e, s, b)));
			continue;
		}
		struct json *inner = collection(e, &node->items[i], b);
		for (uint32_t k = 0; inner != NULL && k < inner->n; k++)
			json_push(e->a, out, &inner->items[k]);
		if (inner == NULL)
			return NULL;
	}
	return out;
}

static bool loop(struct expansion *e, struct json *into, const struct json *arg, const struct binding *outer, unsigned depth)
{
	if (!json_is(arg, JSON_ARRAY) || arg->n != 3 || arg->items[0].type != JSON_STRING || arg->items[2].type != JSON_OBJECT)
		return fail(e, "needs an identifier, a collection and a fragment") != NULL;
	struct json *values = collection(e, &arg->items[1], outer);
	for (uint32_t i = 0; values != NULL && i < values->n; i++) {
		struct binding b = {arg->items[0].text, intrinsics_scalar(&values->items[i]), outer};
		struct json *part = expand(e, &arg->items[2], &b, depth + 1);
		if (part == NULL)
			return false;
		for (uint32_t k = 0; k < part->n; k++)
			json_set(e->a, into, part->members[k].key, &part->members[k].value);
	}
	return values != NULL;
}

static struct json *expand_object(struct expansion *e, const struct json *node, const struct binding *b, unsigned depth)
{
	struct json *o = json_new_object(e->a);
	struct str name;
	const struct json *arg;
	if (intrinsics_function(node, &name, &arg) && str_eq(name, S("Ref")) && bound(b, json_str(arg)) != NULL)
		return json_new_str(e->a, bound(b, json_str(arg))->value);
	for (uint32_t i = 0; i < node->n; i++) {
		if (str_starts(node->members[i].key, S("Fn::ForEach::"))) {
			if (!loop(e, o, &node->members[i].value, b, depth))
				return NULL;
			continue;
		}
		struct json *v = expand(e, &node->members[i].value, b, depth + 1);
		if (v == NULL)
			return NULL;
		json_set(e->a, o, substitute(e, node->members[i].key, b), v);
	}
	return o;
}

static struct json *expand(struct expansion *e, const struct json *node, const struct binding *b, unsigned depth)
{
	if (++e->nodes > TEMPLATE_NODES_MAX || depth > TEMPLATE_DEPTH_MAX)
		return fail(e, "the template is too large");
	if (node->type == JSON_OBJECT)
		return expand_object(e, node, b, depth);
	if (node->type == JSON_STRING)
		return json_new_str(e->a, substitute(e, node->text, b));
	if (node->type != JSON_ARRAY)
		return json_copy(e->a, node);
	struct json *array = json_new_array(e->a);
	for (uint32_t i = 0; i < node->n; i++) {
		struct json *v = expand(e, &node->items[i], b, depth + 1);
		if (v == NULL)
			return NULL;
		json_push(e->a, array, v);
	}
	return array;
}

struct json *extensions_expand(struct arena *a, const struct json *template, const struct json *parameters, struct str *why)
{
	struct expansion e = {.a = a, .parameters = parameters, .template = template, .why = why};
	ASSERT(json_is(template, JSON_OBJECT) && why != NULL);
	return expand(&e, template, NULL, 1);
}
