/* Editing the API definition (Swagger 2.0 or OpenAPI 3.0) that the transform writes or extends. Definitions are edited
 * where they lie; an item may be wrapped in Fn::If when its function has a condition. */
#include "sam.h"

#include <stdlib.h>

struct json *swagger_skeleton(struct sam *s)
{
	return sam_lit(s, "{\"swagger\":\"2.0\",\"info\":{\"version\":\"1.0\",\"title\":{\"Ref\":\"AWS::StackName\"}},\"paths\":{}}");
}

bool swagger_is_openapi3(const struct json *version)
{
	struct str v = json_is(version, JSON_STRING) || json_is(version, JSON_NUMBER) ? version->text : STR_NONE;
	if (v.n == 0 || v.p[0] != '3' || (v.n != 1 && v.n != 3 && v.n != 5))
		return false;
	for (size_t i = 1; i < v.n; i++)
		if (i % 2 == 1 ? v.p[i] != '.' : v.p[i] < '0' || v.p[i] > '9')
			return false;
	return true;
}

bool swagger_valid(const struct json *doc)
{
	if (!json_is(doc, JSON_OBJECT) || !json_is(json_get(doc, S("paths")), JSON_OBJECT))
		return false;
	return sam_truthy(json_get(doc, S("swagger"))) || swagger_is_openapi3(json_get(doc, S("openapi")));
}

struct str swagger_method(struct sam *s, struct str method)
{
	struct str lower = arena_dup(s->a, method);
	char *p = (char *)lower.p;
	for (size_t i = 0; i < lower.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] + 32);
	return str_eq(lower, S("any")) ? S("x-amazon-apigateway-any-method") : lower;
}

size_t swagger_contents(struct json *item, struct json *out[2])
{
	size_t n = 0;
	if (item == NULL)
		return 0;
	struct json *branches = json_is(item, JSON_OBJECT) ? json_get(item, S("Fn::If")) : NULL;
	if (branches == NULL) {
		out[0] = item;
		return 1;
	}
	for (uint32_t i = 1; json_is(branches, JSON_ARRAY) && i < branches->n && n < 2; i++)
		if (!sam_is_no_value(&branches->items[i]))
			out[n++] = &branches->items[i];
	return n;
}

void swagger_add_path(struct sam *s, struct json *doc, struct str path, struct str method)
{
	struct json *paths = json_get(doc, S("paths")), *items[2];
	ASSERT(json_is(paths, JSON_OBJECT));
	struct json *item = json_get(paths, path);
	if (item == NULL)
		item = sam_set(s, paths, path, json_new_object(s->a));
	size_t n = swagger_contents(item, items);
	for (size_t i = 0; i < n; i++)
		if (json_is(items[i], JSON_OBJECT) && json_get(items[i], swagger_method(s, method)) == NULL)
			sam_set(s, items[i], swagger_method(s, method), json_new_object(s->a));
}

static bool integrated(const struct json *definition)
{
	return sam_truthy(json_get(definition, S("x-amazon-apigateway-integration")));
}

bool swagger_has_integration(struct json *doc, struct str path, struct str method)
{
	struct json *items[2], *definitions[2];
	size_t n = swagger_contents(json_get(json_get(doc, S("paths")), path), items);
	bool all = n > 0;
	for (size_t i = 0; i < n && all; i++) {
		size_t k = swagger_contents(json_get(items[i], method), definitions);
		all = false;
		while (k-- > 0)
			all = all || integrated(definitions[k]);
	}
	return all;
}

size_t swagger_definitions(struct json *doc, struct str path, struct str method, struct json *out[4])
{
	struct json *items[2], *definitions[2];
	size_t count = 0, n = swagger_contents(json_get(json_get(doc, S("paths")), path), items);
	for (size_t i = 0; i < n; i++) {
		size_t k = swagger_contents(json_get(items[i], method), definitions);
		for (size_t d = 0; d < k && count < 4; d++)
			if (integrated(definitions[d]))
				out[count++] = definitions[d];
	}
	return count;
}

void swagger_each_method(struct sam *s, struct json *doc, struct str path,
                         void (*fn)(struct sam *s, struct json *definition, struct str method, void *arg), void *arg)
{
	struct json *items[2], *definitions[2];
	size_t n = swagger_contents(json_get(json_get(doc, S("paths")), path), items);
	for (size_t i = 0; i < n; i++) {
		for (uint32_t m = 0; json_is(items[i], JSON_OBJECT) && m < items[i]->n; m++) {
			struct str name = items[i]->members[m].key;
			if (str_eq(name, S("summary")) || str_eq(name, S("description")) || str_eq(name, S("parameters")))
				continue;
			size_t k = swagger_contents(&items[i]->members[m].value, definitions);
			for (size_t d = 0; d < k; d++)
				if (integrated(definitions[d]))
					fn(s, definitions[d], swagger_method(s, name), arg);
		}
	}
}

void swagger_key_definition(struct sam *s, struct json *doc)
{
	struct json *security = sam_ensure(s, doc, S("securityDefinitions"), JSON_OBJECT);
	if (json_get(security, S("api_key")) == NULL)
		sam_set(s, security, S("api_key"), sam_lit(s, "{\"type\":\"apiKey\",\"name\":\"x-api-key\",\"in\":\"header\"}"));
}

void swagger_iam_definition(struct sam *s, struct json *doc)
{
	struct json *security = sam_ensure(s, doc, S("securityDefinitions"), JSON_OBJECT);
	if (json_get(security, S("AWS_IAM")) == NULL)
		sam_set(s, security, S("AWS_IAM"), sam_lit(s, "{\"x-amazon-apigateway-authtype\":\"awsSigv4\",\"type\":\"apiKey\","
		         "\"name\":\"Authorization\",\"in\":\"header\"}"));
}

/* ---- CORS ---- */

static int by_text(const void *x, const void *y)
{
	const struct str *l = x, *r = y;
	return str_cmp(*l, *r);
}

/* "'GET,OPTIONS'": the methods of a path item, sorted, quoted as API Gateway wants static values. */
static struct json *allowed_methods(struct sam *s, const struct json *item)
{
	static const char *const every[] = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"};
	struct str *names = arena_array(s->a, struct str, item->n + 8);
	size_t n = 0;
	struct buf b;
	if (json_get(item, S("x-amazon-apigateway-any-method")) != NULL) {
		for (size_t i = 0; i < COUNT_OF(every); i++)
			names[n++] = str_c(every[i]);
	} else {
		for (uint32_t i = 0; i < item->n; i++)
			names[n++] = item->members[i].key;
		names[n++] = S("OPTIONS");
	}
	for (size_t i = 0; i < n; i++) {
		names[i] = arena_dup(s->a, names[i]);
		for (size_t k = 0; k < names[i].n; k++)
			if (names[i].p[k] >= 'a' && names[i].p[k] <= 'z')
				((char *)names[i].p)[k] = (char)(names[i].p[k] - 32);
	}
	qsort(names, n, sizeof(*names), by_text);
	buf_init(&b, s->a, 4096);
	buf_putc(&b, '\'');
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && str_eq(names[i], names[i - 1]))
			continue;
		if (i > 0)
			buf_putc(&b, ',');
		buf_str(&b, names[i]);
	}
	buf_putc(&b, '\'');
	return sam_text(s, buf_view(&b));
}

static void cors_header(struct sam *s, struct json *parameters, struct json *headers, const char *name, const struct json *value, const char *type)
{
	sam_set(s, parameters, arena_printf(s->a, "method.response.header.%s", name), value);
	sam_set(s, headers, str_c(name), sam_one(s, "type", sam_text(s, str_c(type))));
}

static struct json *options_method(struct sam *s, const struct json *cors, const struct json *methods)
{
	struct json *o = sam_lit(s, "{\"summary\":\"CORS support\",\"consumes\":[\"application/json\"],\"produces\":[\"application/json\"],"
		"\"x-amazon-apigateway-integration\":{\"type\":\"mock\",\"requestTemplates\":{\"application/json\":"
		"\"{\\n  \\\"statusCode\\\" : 200\\n}\\n\"},\"responses\":{\"default\":{\"statusCode\":\"200\",\"responseTemplates\":"
		"{\"application/json\":\"{}\\n\"}}}},\"responses\":{\"200\":{\"description\":\"Default response for CORS method\"}}}");
	struct json *parameters = json_new_object(s->a), *headers = json_new_object(s->a);
	const struct json *age = json_get(cors, S("MaxAge"));
	cors_header(s, parameters, headers, "Access-Control-Allow-Origin", json_get(cors, S("AllowOrigin")), "string");
	if (sam_truthy(json_get(cors, S("AllowHeaders"))))
		cors_header(s, parameters, headers, "Access-Control-Allow-Headers", json_get(cors, S("AllowHeaders")), "string");
	cors_header(s, parameters, headers, "Access-Control-Allow-Methods", methods, "string");
	if (age != NULL && age->type != JSON_NULL)
		cors_header(s, parameters, headers, "Access-Control-Max-Age", age, "integer");
	if (json_is(json_get(cors, S("AllowCredentials")), JSON_TRUE))
		cors_header(s, parameters, headers, "Access-Control-Allow-Credentials", sam_text(s, S("'true'")), "string");
	struct json *answer = json_get(json_get(json_get(o, S("x-amazon-apigateway-integration")), S("responses")), S("default"));
	sam_set(s, answer, S("responseParameters"), parameters);
	sam_set(s, json_get(json_get(o, S("responses")), S("200")), S("headers"), headers);
	return o;
}

/* {AllowOrigin, ...} of what the property may be: a text, an intrinsic or a map. NULL: failed. */
static struct json *cors_properties(struct sam *s, const struct json *cors)
{
	static const char *const known[] = {"AllowMethods", "AllowHeaders", "AllowOrigin", "MaxAge", "AllowCredentials"};
	if (cors->type == JSON_STRING || sam_is_intrinsic(cors))
		return sam_one(s, "AllowOrigin", cors);
	if (cors->type != JSON_OBJECT)
		return sam_fail(s, "Invalid value for 'Cors' property");
	struct json *out = json_copy(s->a, cors);
	for (uint32_t i = 0; i < cors->n; i++) {
		bool found = false;
		for (size_t k = 0; k < COUNT_OF(known); k++)
			found = found || str_eq(cors->members[i].key, str_c(known[k]));
		if (!found)
			return sam_fail(s, "Invalid key '%.*s' for 'Cors' property.", STR_ARG(cors->members[i].key));
	}
	if (json_get(out, S("AllowOrigin")) == NULL)
		sam_set(s, out, S("AllowOrigin"), sam_text(s, S("'*'")));
	if (json_is(json_get(out, S("AllowCredentials")), JSON_TRUE) && str_eq(json_get_str(out, "AllowOrigin"), S("'*'")))
		return sam_fail(s, "Unable to add Cors configuration because 'AllowCredentials' can not be true when 'AllowOrigin' is \"'*'\" or not set");
	return out;
}

/* Has a path that differs by its trailing slash only been done before this one? */
static bool done_before(const struct json *paths, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++) {
		struct str l = paths->members[i].key, r = paths->members[at].key;
		while (l.n > 1 && l.p[l.n - 1] == '/')
			l.n--;
		while (r.n > 1 && r.p[r.n - 1] == '/')
			r.n--;
		if (str_eq(l, r))
			return true;
	}
	return false;
}

void swagger_cors(struct sam *s, struct json *doc, const struct json *cors)
{
	struct json *properties = cors_properties(s, cors), *paths = json_get(doc, S("paths")), *items[2];
	ASSERT(json_is(paths, JSON_OBJECT));
	for (uint32_t i = 0; properties != NULL && i < paths->n; i++) {
		size_t n = done_before(paths, i) ? 0 : swagger_contents(&paths->members[i].value, items);
		const struct json *methods = json_get(properties, S("AllowMethods"));
		for (size_t k = 0; k < n; k++) {
			if (!json_is(items[k], JSON_OBJECT) || json_get(items[k], S("options")) != NULL)
				continue;
			if (!sam_truthy(methods))
				methods = allowed_methods(s, items[k]);
			sam_set(s, items[k], S("options"), options_method(s, properties, methods));
		}
	}
}

/* ---- OpenAPI 3 ---- */

static void move(struct sam *s, struct json *doc, const char *from, const char *to)
{
	struct json *what = json_get(doc, str_c(from));
	if (!sam_truthy(what))
		return;
	struct json copy = *what;
	struct json *components = sam_ensure(s, doc, S("components"), JSON_OBJECT);
	sam_set(s, components, str_c(to), &copy);
	json_unset(doc, str_c(from));
}

void swagger_openapi(struct sam *s, struct json *doc, const struct json *version)
{
	if (json_get(doc, S("swagger")) != NULL)
		return;
	if (version == NULL)
		version = json_get(doc, S("openapi"));
	if (!swagger_is_openapi3(version))
		return;
	move(s, doc, "securityDefinitions", "securitySchemes");
	move(s, doc, "definitions", "schemas");
	struct json *paths = json_get(doc, S("paths"));
	for (uint32_t i = 0; json_is(paths, JSON_OBJECT) && i < paths->n; i++) {
		struct json *options = json_get(&paths->members[i].value, S("options"));
		if (!json_is(options, JSON_OBJECT))
			continue;
		json_unset(options, S("produces"));
		json_unset(options, S("consumes"));
		struct json *headers = json_get(json_get(json_get(options, S("responses")), S("200")), S("headers"));
		for (uint32_t k = 0; json_is(headers, JSON_OBJECT) && k < headers->n; k++)
			/* once more at every pass, as the translator does */
			headers->members[k].value = *sam_one(s, "schema", &headers->members[k].value);
	}
}
