/* APIs that the transform writes itself: the implicit one (ServerlessRestApi, stage Prod), made of the Api events that
 * name no API, and explicit ones without a definition. Functions' conditions go onto paths and the API. */
#include "sam.h"

void sam_default_bodies(struct sam *s)
{
	for (uint32_t i = 0; i < s->resources->n; i++) {
		struct json *resource = &s->resources->members[i].value;
		if (!str_eq(json_get_str(resource, "Type"), S("AWS::Serverless::Api")))
			continue;
		struct json *p = sam_ensure(s, resource, S("Properties"), JSON_OBJECT);
		if (sam_truthy(json_get(p, S("DefinitionBody"))) || sam_truthy(json_get(p, S("DefinitionUri"))))
			continue;
		sam_set(s, p, S("DefinitionBody"), swagger_skeleton(s));
		sam_set(s, p, S("__MANAGE_SWAGGER"), json_new_bool(s->a, true));
	}
}

/* What one function says about the APIs that its events belong to. */
struct implicit {
	struct json *conditions; /* {api: {path: {method: condition or null}}} */
	struct json *policies;   /* {api: {"DeletionPolicy": [...], "UpdateReplacePolicy": [...]}} */
};

static struct str api_id_of(const struct json *event_properties)
{
	const struct json *id = json_get(event_properties, S("RestApiId"));
	return sam_is_function(id, "Ref") ? json_str(&id->members[0].value) : json_str(id);
}

/* Tags of a function that propagates them go to the implicit API too. */
static void share_tags(struct sam *s, struct json *function)
{
	const struct json *globals = json_get(json_get(s->in, S("Globals")), S("Function"));
	const struct json *p = json_get(function, S("Properties"));
	const struct json *tags = json_get(p, S("Tags")), *propagate = json_get(p, S("PropagateTags"));
	if (!sam_truthy(tags))
		tags = json_get(globals, S("Tags"));
	if (!sam_truthy(propagate))
		propagate = json_get(globals, S("PropagateTags"));
	struct json *api = json_get(s->resources, S("ServerlessRestApi"));
	if (!sam_truthy(tags) || !sam_truthy(propagate) || api == NULL)
		return;
	struct json *properties = json_get(api, S("Properties"));
	struct json *own = sam_ensure(s, properties, S("Tags"), JSON_OBJECT);
	for (uint32_t i = 0; json_is(tags, JSON_OBJECT) && i < tags->n; i++)
		sam_set(s, own, tags->members[i].key, &tags->members[i].value);
	sam_set(s, properties, S("PropagateTags"), json_new_bool(s->a, true));
}

static void note(struct sam *s, struct implicit *x, struct json *function, struct str api, struct str path, struct str method)
{
	static const char *const policies[] = {"DeletionPolicy", "UpdateReplacePolicy"};
	struct json *paths = sam_ensure(s, x->conditions, api, JSON_OBJECT);
	struct json *methods = sam_ensure(s, paths, path, JSON_OBJECT);
	struct str condition = json_get_str(function, "Condition");
	sam_set(s, methods, method, str_present(condition) ? sam_text(s, condition) : json_new_null(s->a));
	struct json *of_api = sam_ensure(s, x->policies, api, JSON_OBJECT);
	for (size_t i = 0; i < COUNT_OF(policies); i++) {
		struct json *list = sam_ensure(s, of_api, str_c(policies[i]), JSON_ARRAY);
		if (json_get(function, str_c(policies[i])) != NULL)
			sam_push(s, list, json_get(function, str_c(policies[i])));
	}
}

static void add_event(struct sam *s, struct implicit *x, struct str function_id, struct json *function, struct str event_id, struct json *event)
{
	struct json *p = json_get(event, S("Properties"));
	if (!json_is(p, JSON_OBJECT) || p->n == 0)
		return;
	if (json_get(p, S("RestApiId")) == NULL) {
		share_tags(s, function);
		sam_set(s, p, S("RestApiId"), sam_ref(s, S("ServerlessRestApi")));
	}
	struct str api_id = api_id_of(p), path = json_get_str(p, "Path"), method = json_get_str(p, "Method");
	if (!str_present(path) || !str_present(method)) {
		sam_fail_at(s, function_id, "Event with id [%.*s] is invalid. Property '%s' is required.", STR_ARG(event_id), str_present(path)
			? "Method" : "Path");
		return;
	}
	struct json *api = str_present(api_id) ? json_get(s->resources, api_id) : NULL;
	if (api == NULL || str_eq(json_get_str(api, "Type"), S("AWS::Serverless::HttpApi"))) {
		sam_fail_at(s, function_id, "Event with id [%.*s] is invalid. RestApiId must be a valid reference to an 'AWS::Serverless::Api' "
			"resource in same template.", STR_ARG(event_id));
		return;
	}
	note(s, x, function, api_id, path, method);
	struct json *properties = json_get(api, S("Properties")), *body = json_get(properties, S("DefinitionBody"));
	if (swagger_valid(body) && json_get(properties, S("__MANAGE_SWAGGER")) != NULL)
		swagger_add_path(s, body, path, method);
}

/* The distinct conditions of some methods; absent (NULL) when one has none. */
static struct json *distinct(struct sam *s, const struct json *methods, struct json *into)
{
	for (uint32_t i = 0; into != NULL && i < methods->n; i++) {
		const struct json *c = &methods->members[i].value;
		if (c->type == JSON_NULL)
			return NULL;
		if (!sam_contains(into, c))
			sam_push(s, into, c);
	}
	return into;
}

static void condition_of_api(struct sam *s, const struct implicit *x, struct json *api)
{
	const struct json *paths = json_get(x->conditions, S("ServerlessRestApi"));
	struct json *all = json_new_array(s->a);
	for (uint32_t i = 0; paths != NULL && i < paths->n; i++)
		all = distinct(s, &paths->members[i].value, all);
	if (all == NULL || all->n == 0)
		return;
	struct str name = all->n == 1 ? all->items[0].text : S("ServerlessRestApiCondition");
	sam_set(s, api, S("Condition"), sam_text(s, name));
	if (all->n > 1)
		sam_combine_conditions(s, all, name);
}

static void policy_of_api(struct sam *s, const struct implicit *x, struct json *api, const char *policy, const char *const *order)
{
	const struct json *list = json_get(json_get(x->policies, S("ServerlessRestApi")), str_c(policy));
	for (; *order != NULL; order++) {
		struct json *value = sam_text(s, str_c(*order));
		if (sam_contains(list, value)) {
			sam_set(s, api, str_c(policy), value);
			return;
		}
	}
}

static struct str path_condition_name(struct sam *s, struct str api, struct str path)
{
	struct buf b;
	buf_init(&b, s->a, 8192);
	buf_str(&b, api);
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '/')
			buf_lit(&b, "SLASH");
		else if (path.p[i] == '{')
			buf_lit(&b, "OB");
		else if (path.p[i] == '}')
			buf_lit(&b, "CB");
		else
			buf_putc(&b, path.p[i]);
	}
	buf_lit(&b, "PathCondition");
	return buf_view(&b);
}

/* A path whose methods all have conditions is there only when one of them holds. */
static void condition_paths(struct sam *s, const struct implicit *x, struct str api_id, struct json *api)
{
	struct json *properties = json_get(api, S("Properties"));
	struct json *paths = json_get(json_get(properties, S("DefinitionBody")), S("paths"));
	if (json_get(properties, S("__MANAGE_SWAGGER")) == NULL || !json_is(paths, JSON_OBJECT))
		return;
	for (uint32_t i = 0; i < paths->n; i++) {
		struct str path = paths->members[i].key;
		const struct json *methods = json_get(json_get(x->conditions, api_id), path);
		struct json *all = methods != NULL ? distinct(s, methods, json_new_array(s->a)) : NULL;
		if (all == NULL || all->n == 0)
			continue;
		struct str name = all->n == 1 ? all->items[0].text : path_condition_name(s, api_id, path);
		if (all->n > 1)
			sam_combine_conditions(s, all, name);
		paths->members[i].value = *sam_if(s, name, &paths->members[i].value);
	}
}

static void add_function(struct sam *s, struct implicit *x, struct str id, struct json *function)
{
	struct json *events = json_get(json_get(function, S("Properties")), S("Events"));
	s->failed = false;
	for (uint32_t i = 0; json_is(events, JSON_OBJECT) && i < events->n; i++)
		if (str_eq(json_get_str(&events->members[i].value, "Type"), S("Api")))
			add_event(s, x, id, function, events->members[i].key, &events->members[i].value);
}

void sam_implicit_api(struct sam *s)
{
	static const char *const deletion[] = {"Retain", "Delete", NULL};
	static const char *const replace[] = {"Retain", "Snapshot", "Delete", NULL};
	struct implicit x = {.conditions = json_new_object(s->a), .policies = json_new_object(s->a)};
	const struct json *theirs = json_get(s->resources, S("ServerlessRestApi"));
	struct json *saved = theirs != NULL ? json_copy(s->a, theirs) : NULL;
	struct json *made = sam_lit(s, "{\"Type\":\"AWS::Serverless::Api\",\"Properties\":{\"StageName\":\"Prod\",\"__MANAGE_SWAGGER\":true}}");
	sam_set(s, json_get(made, S("Properties")), S("DefinitionBody"), swagger_skeleton(s));
	sam_set(s, s->resources, S("ServerlessRestApi"), made);
	for (uint32_t i = 0; i < s->resources->n; i++)
		if (str_eq(json_get_str(&s->resources->members[i].value, "Type"), S("AWS::Serverless::Function")))
			add_function(s, &x, s->resources->members[i].key, &s->resources->members[i].value);
	struct json *api = json_get(s->resources, S("ServerlessRestApi"));
	const struct json *body = json_get(json_get(api, S("Properties")), S("DefinitionBody"));
	if (json_get(body, S("paths"))->n == 0) {
		if (saved != NULL)
			sam_set(s, s->resources, S("ServerlessRestApi"), saved);
		else
			json_unset(s->resources, S("ServerlessRestApi"));
	} else {
		condition_of_api(s, &x, api);
		policy_of_api(s, &x, api, "DeletionPolicy", deletion);
		policy_of_api(s, &x, api, "UpdateReplacePolicy", replace);
	}
	for (uint32_t i = 0; i < s->resources->n; i++)
		if (str_eq(json_get_str(&s->resources->members[i].value, "Type"), S("AWS::Serverless::Api")))
			condition_paths(s, &x, s->resources->members[i].key, &s->resources->members[i].value);
}
