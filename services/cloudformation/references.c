/* Who refers to whom: names that must exist, what each resource needs, and an order without circles.
 *
 * Pure. Called by the operations (checks) and the engine (order). */
#include "intrinsics.h"
#include "template.h"

/* Called for each reference: a name (parameter, pseudo parameter or resource), or attribute.resource. */
struct walk {
	struct arena *a;
	struct intrinsics *x; /* follow only the branches taken; NULL: all */
	void (*found)(struct walk *w, struct str name, bool attribute);
	struct json *names;   /* array, collected */
	const struct json *template;
};

static void walk(struct walk *w, const struct json *node);

static bool in_array(const struct json *names, struct str name)
{
	for (uint32_t i = 0; i < names->n; i++)
		if (str_eq(names->items[i].text, name))
			return true;
	return false;
}

static void add_name(struct arena *a, struct json *names, struct str name)
{
	ASSERT(json_is(names, JSON_ARRAY));
	if (!in_array(names, name))
		json_push(a, names, json_new_str(a, name));
}

static void walk_sub(struct walk *w, const struct json *arg)
{
	const struct json *variables = NULL;
	if (json_is(arg, JSON_ARRAY)) {
		variables = json_at(arg, 1);
		if (variables != NULL)
			walk(w, variables);
		arg = json_at(arg, 0);
	}
	struct str s = json_str(arg), before, written;
	while (intrinsics_sub_next(&s, &before, &written)) {
		struct str name = str_trim(written);
		if (name.n == 0 || name.p[0] == '!' || json_get(variables, name) != NULL)
			continue;
		struct str rest = name;
		struct str id = str_cut(&rest, '.');
		w->found(w, id, str_present(rest));
	}
}

static void walk_function(struct walk *w, struct str name, const struct json *arg)
{
	if (str_eq(name, S("Ref")) && arg->type == JSON_STRING) {
		w->found(w, arg->text, false);
	} else if (str_eq(name, S("Fn::GetAtt"))) {
		struct str rest = arg->type == JSON_STRING ? arg->text : json_str(json_at(arg, 0));
		w->found(w, str_cut(&rest, '.'), true);
		if (arg->type == JSON_ARRAY && arg->n > 1)
			walk(w, &arg->items[1]);
	} else if (str_eq(name, S("Fn::Sub"))) {
		walk_sub(w, arg);
	} else if (str_eq(name, S("Fn::If")) && w->x != NULL && json_is(arg, JSON_ARRAY) && arg->n == 3) {
		walk(w, &arg->items[intrinsics_condition(w->x, json_str(&arg->items[0])) ? 1 : 2]);
	} else {
		walk(w, arg);
	}
}

static void walk(struct walk *w, const struct json *node)
{
	struct str name;
	const struct json *arg;
	if (intrinsics_function(node, &name, &arg)) {
		walk_function(w, name, arg);
		return;
	}
	if (json_is(node, JSON_ARRAY))
		for (uint32_t i = 0; i < node->n; i++)
			walk(w, &node->items[i]);
	if (json_is(node, JSON_OBJECT))
		for (uint32_t i = 0; i < node->n; i++)
			walk(w, &node->members[i].value);
}

static bool is_pseudo(struct str name)
{
	static const char *const names[] = {"AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region",
		"AWS::StackId", "AWS::StackName", "AWS::URLSuffix"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (str_eq(name, str_c(names[i])))
			return true;
	return false;
}

/* Collects names that are neither resources, parameters nor pseudo parameters. */
static void unresolved(struct walk *w, struct str name, bool attribute)
{
	if (!str_present(name) || json_get(json_get(w->template, S("Resources")), name) != NULL)
		return;
	if (!attribute && (is_pseudo(name) || json_get(json_get(w->template, S("Parameters")), name) != NULL))
		return;
	add_name(w->a, w->names, name);
}

static void resources_only(struct walk *w, struct str name, bool attribute)
{
	if (attribute || (!is_pseudo(name) && json_get(json_get(w->template, S("Parameters")), name) == NULL))
		add_name(w->a, w->names, name);
}

static struct str bracketed(struct arena *a, const struct json *names)
{
	struct buf b;
	buf_init(&b, a, 16384);
	buf_putc(&b, '[');
	for (uint32_t i = 0; i < names->n; i++) {
		if (i > 0)
			buf_lit(&b, ", ");
		buf_str(&b, names->items[i].text);
	}
	buf_putc(&b, ']');
	return buf_view(&b);
}

/* DependsOn as an array of texts, whatever its form. */
static struct json *depends_on(struct arena *a, const struct json *resource)
{
	const struct json *d = json_get(resource, S("DependsOn"));
	struct json *names = json_new_array(a);
	if (json_is(d, JSON_STRING))
		json_push(a, names, d);
	for (uint32_t i = 0; json_is(d, JSON_ARRAY) && i < d->n; i++)
		if (d->items[i].type == JSON_STRING)
			json_push(a, names, &d->items[i]);
	return names;
}

/* Fn::If's and Condition members' names must be conditions. */
static bool conditions_exist(struct arena *a, const struct json *template, const struct json *node, const char *block, struct str *why)
{
	struct str name;
	const struct json *arg;
	if (intrinsics_function(node, &name, &arg) && str_eq(name, S("Fn::If"))) {
		struct str condition = json_str(json_at(arg, 0));
		if (str_present(condition) && json_get(json_get(template, S("Conditions")), condition) == NULL) {
			*why = arena_printf(a, "Template format error: Unresolved condition dependency %.*s in the %s block of the template",
			                    STR_ARG(condition), block);
			return false;
		}
	}
	if (json_is(node, JSON_ARRAY))
		for (uint32_t i = 0; i < node->n; i++)
			if (!conditions_exist(a, template, &node->items[i], block, why))
				return false;
	if (json_is(node, JSON_OBJECT))
		for (uint32_t i = 0; i < node->n; i++)
			if (!conditions_exist(a, template, &node->members[i].value, block, why))
				return false;
	return true;
}

static bool check_block(struct arena *a, const struct json *template, const char *block, struct str *why)
{
	const struct json *things = json_get(template, str_c(block));
	struct walk w = {.a = a, .found = unresolved, .names = json_new_array(a), .template = template};
	for (uint32_t i = 0; things != NULL && i < things->n; i++) {
		const struct json *thing = &things->members[i].value;
		struct str condition = json_get_str(thing, "Condition");
		if (str_present(condition) && json_get(json_get(template, S("Conditions")), condition) == NULL) {
			*why = arena_printf(a, "Template format error: Unresolved condition dependency %.*s in the %s block of the template",
			                    STR_ARG(condition), block);
			return false;
		}
		struct json *on = depends_on(a, thing);
		for (uint32_t k = 0; k < on->n; k++)
			if (json_get(things, on->items[k].text) == NULL)
				add_name(a, w.names, on->items[k].text);
		const char *const parts[] = {"Properties", "Value", "Export"};
		for (size_t k = 0; k < COUNT_OF(parts); k++) {
			const struct json *part = json_get(thing, str_c(parts[k]));
			walk(&w, part);
			if (part != NULL && !conditions_exist(a, template, part, block, why))
				return false;
		}
	}
	if (w.names->n == 0)
		return true;
	*why = arena_printf(a, "Template format error: Unresolved resource dependencies %.*s in the %s block of the template",
	                    STR_ARG(bracketed(a, w.names)), block);
	return false;
}

bool references_check(struct arena *a, const struct json *template, struct str *why)
{
	ASSERT(json_is(template, JSON_OBJECT) && why != NULL);
	struct walk w = {.a = a, .found = resources_only, .names = json_new_array(a), .template = template};
	walk(&w, json_get(template, S("Conditions")));
	if (w.names->n > 0) {
		*why = arena_printf(a, "Template format error: Unresolved dependencies %.*s. "
		                    "Cannot reference resources in the Conditions block of the template",
		                    STR_ARG(bracketed(a, w.names)));
		return false;
	}
	return check_block(a, template, "Resources", why) && check_block(a, template, "Outputs", why);
}

struct json *references_of(struct intrinsics *x, struct str logical_id, const struct json *resource)
{
	ASSERT(str_present(logical_id) && resource != NULL);
	struct json *names = depends_on(x->a, resource), *out = json_new_array(x->a);
	struct walk w = {.a = x->a, .x = x, .found = resources_only, .names = names, .template = x->template};
	const struct json *resources = json_get(x->template, S("Resources"));
	walk(&w, json_get(resource, S("Properties")));
	for (uint32_t i = 0; i < names->n; i++) {
		const struct json *needed = json_get(resources, names->items[i].text);
		if (needed != NULL && !str_eq(names->items[i].text, logical_id) && intrinsics_present(x, needed))
			add_name(x->a, out, names->items[i].text);
	}
	for (uint32_t i = 0; i < names->n; i++)
		if (str_eq(names->items[i].text, logical_id) && json_get(resources, logical_id) != NULL)
			json_push(x->a, out, &names->items[i]); /* itself: a circle of one */
	return out;
}

struct json *references_order(struct arena *a, const struct json *needs, struct str *why)
{
	ASSERT(json_is(needs, JSON_OBJECT) && why != NULL);
	struct json *order = json_new_array(a), *left = json_new_array(a);
	struct map placed;
	map_init(&placed, a);
	bool moved = true;
	while (order->n < needs->n && moved) {
		moved = false;
		for (uint32_t i = 0; i < needs->n; i++) {
			const struct json *list = &needs->members[i].value;
			bool ready = map_get(&placed, needs->members[i].key) == NULL;
			for (uint32_t k = 0; ready && k < list->n; k++)
				ready = map_get(&placed, list->items[k].text) != NULL || json_get(needs, list->items[k].text) == NULL;
			if (!ready)
				continue;
			map_put(&placed, needs->members[i].key, (void *)needs);
			json_push(a, order, json_new_str(a, needs->members[i].key));
			moved = true;
		}
	}
	if (order->n == needs->n)
		return order;
	for (uint32_t i = 0; i < needs->n; i++)
		if (map_get(&placed, needs->members[i].key) == NULL)
			json_push(a, left, json_new_str(a, needs->members[i].key));
	*why = arena_printf(a, "Circular dependency between resources: %.*s", STR_ARG(bracketed(a, left)));
	return NULL;
}
