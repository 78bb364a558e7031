/* The SAM transform from top to bottom: plug-ins over the whole template, each serverless resource in turn (functions
 * first, for their events extend APIs), then references to what was made or renamed.
 *
 * Always holds: the caller's template is not touched; errors are gathered, and any makes the whole fail. */
#include "sam.h"

#include "intrinsics.h"

static const struct macro {
	const char *type;
	void (*run)(struct sam *s);
	const char *refers[8][2]; /* !Ref Id.Name stands for the resource of this type */
} macros[] = {
	{"AWS::Serverless::Function", sam_function, {{"Alias", "AWS::Lambda::Alias"}, {"Version", "AWS::Lambda::Version"},
		{"DestinationTopic", "AWS::SNS::Topic"}, {"DestinationQueue", "AWS::SQS::Queue"}}},
	{"AWS::Serverless::Api", sam_api, {{"Stage", "AWS::ApiGateway::Stage"}, {"Deployment", "AWS::ApiGateway::Deployment"},
		{"UsagePlan", "AWS::ApiGateway::UsagePlan"}, {"UsagePlanKey", "AWS::ApiGateway::UsagePlanKey"}, {"ApiKey", "AWS::ApiGateway::ApiKey"}}},
	{"AWS::Serverless::SimpleTable", sam_simple_table, {{NULL}}},
	{"AWS::Serverless::LayerVersion", sam_layer, {{NULL}}},
};

static const struct macro *macro_of(struct str type)
{
	for (size_t i = 0; i < COUNT_OF(macros); i++)
		if (str_eq(type, str_c(macros[i].type)))
			return &macros[i];
	return NULL;
}

/* ---- output ---- */

static void write_made(struct sam *s, const struct macro *macro)
{
	for (struct made *m = s->made; m != NULL; m = m->next) {
		struct json *r = sam_one(s, "Type", sam_text(s, str_c(m->type)));
		if (m->depends_on != NULL)
			sam_set(s, r, S("DependsOn"), m->depends_on);
		for (uint32_t i = 0; i < m->attributes->n; i++)
			sam_set(s, r, m->attributes->members[i].key, &m->attributes->members[i].value);
		sam_set(s, r, S("Properties"), m->properties);
		sam_set(s, s->out, m->id, r);
		for (size_t i = 0; macro->refers[i][0] != NULL; i++)
			if (str_eq(str_c(m->type), str_c(macro->refers[i][1])))
				sam_set(s, s->refs, arena_printf(s->a, "%.*s.%s", STR_ARG(s->id), macro->refers[i][0]), sam_text(s, m->id));
	}
}

/* Attributes beside Properties that the resource keeps, and those that derived resources get too. */
static void read_attributes(struct sam *s, const struct json *resource)
{
	static const char *const own[] = {"DeletionPolicy", "UpdatePolicy", "Condition", "UpdateReplacePolicy", "Metadata"};
	static const char *const passed[] = {"Condition", "DeletionPolicy", "UpdateReplacePolicy"};
	s->attributes = json_new_object(s->a);
	s->passed = json_new_object(s->a);
	for (size_t i = 0; i < COUNT_OF(own); i++)
		sam_put(s, s->attributes, own[i], json_get(resource, str_c(own[i])));
	for (size_t i = 0; i < COUNT_OF(passed); i++)
		sam_put(s, s->passed, passed[i], json_get(resource, str_c(passed[i])));
}

static void run_macro(struct sam *s, const struct macro *macro, struct str id, struct json *resource)
{
	s->id = id;
	s->failed = false;
	s->made = NULL;
	s->made_end = &s->made;
	s->properties = sam_ensure(s, resource, S("Properties"), JSON_OBJECT);
	read_attributes(s, resource);
	const struct json *depends = json_get(resource, S("DependsOn"));
	macro->run(s);
	if (s->failed)
		return;
	ASSERT(s->made != NULL);
	if (depends != NULL && s->made->depends_on == NULL)
		s->made->depends_on = json_copy(s->a, depends);
	if (!str_eq(s->made->id, id))
		sam_set(s, s->changed_ids, id, sam_text(s, s->made->id));
	json_unset(s->out, id);
	write_made(s, macro);
}

/* Names of functions whose Api events name an API explicitly: a change of one makes a new deployment. */
static void note_function_names(struct sam *s, const struct json *resource)
{
	const struct json *p = json_get(resource, S("Properties")), *events = json_get(p, S("Events"));
	struct str name = intrinsics_scalar(sam_resolve(s, json_get(p, S("FunctionName"))));
	for (uint32_t i = 0; str_present(name) && json_is(events, JSON_OBJECT) && i < events->n; i++) {
		const struct json *event = &events->members[i].value;
		const struct json *api = json_get(json_get(event, S("Properties")), S("RestApiId"));
		struct str id = sam_is_function(api, "Ref") ? json_str(&api->members[0].value) : json_str(api);
		if (!str_eq(json_get_str(event, "Type"), S("Api")) || !str_present(id))
			continue;
		struct str before = json_str(json_get(s->function_names, id));
		sam_set(s, s->function_names, id, sam_text(s, arena_join(s->a, before, name)));
	}
}

static void run_type(struct sam *s, const struct macro *only)
{
	for (uint32_t i = 0; i < s->resources->n; i++) {
		struct str id = s->resources->members[i].key;
		struct json *resource = &s->resources->members[i].value;
		if (macro_of(json_get_str(resource, "Type")) != only)
			continue;
		if (only->run == sam_function)
			note_function_names(s, resource);
		run_macro(s, only, id, resource);
	}
}

static void refuse_unknown(struct sam *s)
{
	for (uint32_t i = 0; i < s->resources->n; i++) {
		struct json *resource = &s->resources->members[i].value;
		struct str type = json_get_str(resource, "Type");
		s->failed = false;
		if (str_starts(type, S("AWS::Serverless::")) && macro_of(type) == NULL)
			sam_fail_at(s, s->resources->members[i].key, "Resource type %.*s is not supported.", STR_ARG(type));
		else if (json_get(resource, S("Connectors")) != NULL)
			sam_fail_at(s, s->resources->members[i].key, "Resource attribute 'Connectors' is not supported.");
	}
}

/* ---- references afterwards ---- */

static struct str renamed(struct sam *s, struct str id)
{
	struct str to = json_str(json_get(s->changed_ids, id));
	return str_present(to) ? to : id;
}

/* "Fn.Alias" to the alias's id; "Fn.Alias.Arn" to it and the rest; "Layer.Arn" to the renamed layer. */
static struct str rewrite(struct sam *s, struct str name)
{
	struct str rest = name;
	struct str id = str_cut(&rest, '.');
	if (!str_present(rest))
		return renamed(s, id);
	struct str tail = rest;
	struct str property = str_cut(&tail, '.');
	struct str derived = json_str(json_get(s->refs, arena_printf(s->a, "%.*s.%.*s", STR_ARG(id), STR_ARG(property))));
	if (str_present(derived))
		return str_present(tail) ? arena_join(s->a, derived, S("."), tail) : derived;
	return arena_join(s->a, renamed(s, id), S("."), rest);
}

static struct str rewrite_sub(struct sam *s, struct str text)
{
	struct str before, name;
	struct buf b;
	buf_init(&b, s->a, 0);
	while (intrinsics_sub_next(&text, &before, &name)) {
		buf_str(&b, before);
		buf_lit(&b, "${");
		buf_str(&b, rewrite(s, name));
		buf_putc(&b, '}');
	}
	buf_str(&b, text);
	return buf_view(&b);
}

static void rewrite_get_att(struct sam *s, struct json *arg)
{
	if (arg->type == JSON_STRING)
		arg->text = rewrite(s, arg->text);
	if (arg->type != JSON_ARRAY || arg->n < 2 || arg->items[0].type != JSON_STRING || arg->items[1].type != JSON_STRING)
		return;
	struct str full = rewrite(s, arena_join(s->a, arg->items[0].text, S("."), arg->items[1].text));
	arg->items[0].text = str_cut(&full, '.');
	if (str_present(full))
		arg->items[1].text = full;
}

static void rewrite_depends(struct sam *s, struct json *d)
{
	if (d->type == JSON_STRING)
		d->text = renamed(s, d->text);
	for (uint32_t i = 0; d->type == JSON_ARRAY && i < d->n; i++)
		if (d->items[i].type == JSON_STRING)
			d->items[i].text = renamed(s, d->items[i].text);
}

/* An object of one member may be an intrinsic function that names resources. */
static void rewrite_function(struct sam *s, const struct json *j, struct json *arg)
{
	ASSERT(j->n == 1 && arg != NULL);
	if (sam_is_function(j, "Ref") && arg->type == JSON_STRING)
		arg->text = rewrite(s, arg->text);
	else if (sam_is_function(j, "Fn::GetAtt"))
		rewrite_get_att(s, arg);
	else if (sam_is_function(j, "Fn::Sub") && arg->type == JSON_STRING)
		arg->text = rewrite_sub(s, arg->text);
	else if (sam_is_function(j, "Fn::Sub") && arg->type == JSON_ARRAY && arg->n > 0 && arg->items[0].type == JSON_STRING)
		arg->items[0].text = rewrite_sub(s, arg->items[0].text);
}

static void rewrite_tree(struct sam *s, struct json *j)
{
	if (j->type == JSON_ARRAY)
		for (uint32_t i = 0; i < j->n; i++)
			rewrite_tree(s, &j->items[i]);
	if (j->type != JSON_OBJECT)
		return;
	if (j->n == 1)
		rewrite_function(s, j, &j->members[0].value);
	for (uint32_t i = 0; i < j->n; i++) {
		if (str_eq(j->members[i].key, S("DependsOn")))
			rewrite_depends(s, &j->members[i].value);
		rewrite_tree(s, &j->members[i].value);
	}
}

/* ---- the whole ---- */

static struct json *known_values(struct sam *s, const struct json *template, const struct json *given, struct str region)
{
	struct json *values = json_new_object(s->a);
	const struct json *declared = json_get(template, S("Parameters"));
	for (uint32_t i = 0; json_is(declared, JSON_OBJECT) && i < declared->n; i++)
		sam_put(s, values, arena_cstr(s->a, declared->members[i].key), json_get(&declared->members[i].value, S("Default")));
	for (uint32_t i = 0; given != NULL && i < given->n; i++)
		sam_set(s, values, given->members[i].key, &given->members[i].value);
	sam_set(s, values, S("AWS::Region"), sam_text(s, region));
	sam_set(s, values, S("AWS::Partition"), sam_text(s, S("aws")));
	return values;
}

static void transform(struct sam *s)
{
	sam_default_bodies(s);
	sam_implicit_api(s);
	if (s->n_errors > 0 || !sam_globals(s))
		return;
	refuse_unknown(s);
	s->out = json_copy(s->a, s->resources);
	for (size_t i = 0; i < COUNT_OF(macros); i++)
		run_type(s, &macros[i]);
}

struct json *sam_transform(struct arena *a, const struct json *template, const struct json *parameters, struct str region, struct str *why)
{
	struct sam s = {.a = a, .in = json_copy(a, template)};
	ASSERT(json_is(template, JSON_OBJECT) && why != NULL);
	buf_init(&s.errors, a, 65536);
	const struct json *resources = json_get(s.in, S("Resources"));
	if (!json_is(resources, JSON_OBJECT) || resources->n == 0) {
		*why = S("Invalid Serverless Application Specification document. Number of errors found: 1. 'Resources' section is required");
		return NULL;
	}
	/* a place of its own: s.in grows and shrinks (Conditions, Globals) while resources are pointed at */
	s.resources = arena_new_of(a, struct json);
	*s.resources = *resources;
	s.parameters = known_values(&s, template, parameters, region);
	s.changed_ids = json_new_object(a);
	s.refs = json_new_object(a);
	s.function_names = json_new_object(a);
	s.shared_depends = json_new_array(a);
	s.shared_stages = json_new_array(a);
	s.shared_keys = json_new_array(a);
	s.shared_conditions = json_new_array(a);
	s.shared_policies = json_new_object(a);
	transform(&s);
	if (s.n_errors > 0) {
		*why = arena_printf(a, "Invalid Serverless Application Specification document. Number of errors found: %u.%.*s",
		                    s.n_errors, STR_ARG(buf_view(&s.errors)));
		return NULL;
	}
	json_set(a, s.in, S("Resources"), s.out);
	json_unset(s.in, S("Transform"));
	struct json *out = json_copy(a, s.in); /* parts may be shared: each place gets its own */
	rewrite_tree(&s, out);
	return out;
}
