/* OpenAPI 3.0 and Swagger 2.0 documents, JSON or YAML, into an API: its settings and its tree of resources.
 *
 * Overwriting keeps the ids of paths that stay. Source: "Working with API Gateway extensions to OpenAPI" and "Import a REST
 * API" (API Gateway developer guide). */
#include "import.h"

#include "base/yaml.h"

const struct json *import_resolve(const struct import *im, const struct json *j)
{
	for (unsigned hops = 0; hops < 16; hops++) {
		struct str ref = json_get_str(j, "$ref");
		if (!str_present(ref))
			return j;
		if (!str_starts(ref, S("#/")))
			return NULL;
		struct str parts[8];
		size_t n = patch_parts(im->c->arena, str_slice(ref, 1, ref.n), parts, 8);
		j = im->doc;
		for (size_t i = 0; i < n; i++)
			j = json_get(j, parts[i]);
		if (n == 0)
			return NULL;
	}
	return NULL;
}

void import_warn(struct import *im, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(im->c->arena, fmt, ap);
	va_end(ap);
	struct list *w = &im->api->warnings;
	w->v = arena_grow(im->c->arena, w->v, sizeof(struct str), w->n, w->n + 1);
	((struct str *)w->v)[w->n++] = text;
	w->set = true;
}

static const struct json *parse(struct call *c, struct str body)
{
	struct str text = str_trim(body), why = STR_NONE;
	if (!utf8_valid(text)) {
		bad_request(c, "Invalid OpenAPI input.");
		return NULL;
	}
	const struct json *doc = str_starts(text, S("{")) ? json_parse(c->arena, text, NULL) : NULL;
	if (doc == NULL)
		doc = yaml_parse(c->arena, text, NULL, &why);
	if (!json_is(doc, JSON_OBJECT)) {
		bad_request(c, "Invalid OpenAPI input.");
		return NULL;
	}
	struct str version = json_get_str(doc, "openapi"), swagger = json_get_str(doc, "swagger");
	const struct json *number = json_get(doc, S("swagger"));
	if (str_starts(version, S("3.0")) || str_starts(version, S("3.1")) || str_eq(swagger, S("2.0")) || json_is(number, JSON_NUMBER))
		return doc;
	bad_request(c, "Invalid OpenAPI input: the document must be Swagger 2.0 or OpenAPI 3.0.x");
	return NULL;
}

static struct list strings_of(struct arena *a, const struct json *array)
{
	struct list out = LIST_OF(a, struct str, array->n);
	for (uint32_t i = 0; i < array->n; i++)
		((struct str *)out.v)[i] = json_str(&array->items[i]).p != NULL ? json_str(&array->items[i]) : S("");
	return out;
}

static bool settings(struct import *im, const struct map_of *parameters)
{
	struct call *c = im->c;
	struct apigateway_RestApi *api = im->api;
	const struct json *doc = im->doc, *info = json_get(doc, S("info")), *v;
	if (str_present(json_get_str(info, "title")))
		api->name = json_get_str(info, "title");
	if (!str_present(api->name) || api->name.n == 0) {
		bad_request(c, "Unable to create the API: the document has no title");
		return false;
	}
	if (str_present(json_get_str(info, "description")))
		api->description = json_get_str(info, "description");
	if (str_present(json_get_str(info, "version")))
		api->version = json_get_str(info, "version");
	if (str_present(json_get_str(doc, "x-amazon-apigateway-api-key-source")))
		api->apiKeySource = json_get_str(doc, "x-amazon-apigateway-api-key-source");
	if (json_is(v = json_get(doc, S("x-amazon-apigateway-binary-media-types")), JSON_ARRAY))
		api->binaryMediaTypes = strings_of(c->arena, v);
	if (json_is(v = json_get(doc, S("x-amazon-apigateway-policy")), JSON_OBJECT))
		api->policy = json_text(c->arena, v);
	int64_t least;
	if (json_to_i64(json_get(doc, S("x-amazon-apigateway-minimum-compression-size")), &least))
		api->minimumCompressionSize = SOME_I64(least);
	const struct json *endpoint = json_get(doc, S("x-amazon-apigateway-endpoint-configuration"));
	if (endpoint != NULL)
		api->disableExecuteApiEndpoint = SOME_BOOL(json_get_bool(endpoint, "disableExecuteApiEndpoint", false));
	struct str types = map_text(parameters, S("endpointConfigurationTypes"));
	if (str_present(types)) {
		api->endpointConfiguration->types = LIST_OF(c->arena, struct str, 1);
		*LIST_AT(api->endpointConfiguration->types, struct str, 0) = types;
		if (!str_eq(types, S("REGIONAL")) && !str_eq(types, S("EDGE")) && !str_eq(types, S("PRIVATE"))) {
			bad_request(c, "Invalid endpoint configuration type: %.*s", STR_ARG(types));
			return false;
		}
	}
	if (!str_eq(api->apiKeySource, S("HEADER")) && !str_eq(api->apiKeySource, S("AUTHORIZER"))) {
		bad_request(c, "Invalid API key source: %.*s", STR_ARG(api->apiKeySource));
		return false;
	}
	return policy_ok(c, api->policy);
}

/* ---- resources ---- */

/* Take the API's resources into the map; overwriting leaves only the root, and remembers ids. */
static void load_resources(struct import *im, bool overwrite)
{
	struct call *c = im->c;
	struct list all = all_records(c, part_key(c, "resource", im->api->id, STR_NONE), &apigateway_shape_Resource);
	for (uint32_t i = 0; i < all.n; i++) {
		struct apigateway_Resource *r = LIST_AT(all, struct apigateway_Resource, i);
		if (overwrite) {
			map_put(&im->old_ids, r->path, &r->id);
			r->resourceMethods = (struct map_of){0};
		}
		if (!overwrite || !str_present(r->parentId))
			map_put(&im->resources, r->path, r);
	}
	if (overwrite) {
		static const char *const tables[] = {"resource", "model", "validator", "authorizer", "response"};
		for (size_t i = 0; i < COUNT_OF(tables); i++)
			delete_below(c, part_key(c, tables[i], im->api->id, STR_NONE));
	}
}

/* The resource at a path, made with all above it when it is not there. */
static struct apigateway_Resource *resource_at(struct import *im, struct str path)
{
	struct call *c = im->c;
	struct apigateway_Resource *r = map_get(&im->resources, path);
	if (r != NULL)
		return r;
	ptrdiff_t slash = str_rfind(path, '/');
	ASSERT(slash >= 0);
	struct apigateway_Resource *parent = resource_at(im, slash == 0 ? S("/") : str_slice(path, 0, (size_t)slash));
	const struct str *old = map_get(&im->old_ids, path);
	r = arena_new_of(c->arena, struct apigateway_Resource);
	*r = (struct apigateway_Resource){.id = old != NULL ? *old : new_id(c, 6), .parentId = parent->id,
		.pathPart = str_slice(path, (size_t)slash + 1, path.n), .path = path};
	ASSERT(r->pathPart.n > 0 && map_get(&im->resources, parent->path) == parent);
	map_put(&im->resources, path, r);
	return r;
}

/* The path with no slash at its end and none doubled. */
static struct str tidy(struct arena *a, struct str base, struct str path)
{
	struct buf b;
	buf_init(&b, a, 0);
	struct str parts[] = {base, path};
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		for (struct str rest = parts[i]; str_present(rest);) {
			struct str part = str_cut(&rest, '/');
			if (part.n > 0) {
				buf_putc(&b, '/');
				buf_str(&b, part);
			}
		}
	return b.n > 0 ? buf_view(&b) : S("/");
}

static bool one_path(struct import *im, struct str path, const struct json *item)
{
	static const struct { const char *key, *method; } verbs[] = {{"get", "GET"}, {"put", "PUT"}, {"post", "POST"}, {"delete", "DELETE"},
		{"options", "OPTIONS"}, {"head", "HEAD"}, {"patch", "PATCH"}, {"x-amazon-apigateway-any-method", "ANY"}};
	struct apigateway_Resource *r = resource_at(im, path);
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		const struct json *operation = json_get(item, str_c(verbs[i].key));
		if (json_is(operation, JSON_OBJECT) && !import_method(im, r, str_c(verbs[i].method), operation, json_get(item, S("parameters"))))
			return false;
	}
	return true;
}

/* What basepath=prepend or split puts before (or cuts from) each path. */
static struct str base_of(struct import *im, const struct map_of *parameters, bool *fail)
{
	struct str mode = map_text(parameters, S("basepath")), base = S("");
	if (!str_present(mode) || str_eq(mode, S("ignore")))
		return base;
	const struct json *server = json_at(json_get(im->doc, S("servers")), 0);
	if (im->swagger) {
		base = json_get_str(im->doc, "basePath");
	} else if (server != NULL) {
		struct str url = json_get_str(server, "url");
		ptrdiff_t at = str_find_str(url, S("://"));
		url = at >= 0 ? str_slice(url, (size_t)at + 3, url.n) : url;
		at = str_find(url, '/');
		base = at >= 0 ? str_slice(url, (size_t)at, url.n) : S("");
		struct str variable = json_get_str(json_path(server, "variables.basePath"), "default");
		if (str_find_str(base, S("{basePath}")) >= 0)
			base = str_present(variable) ? variable : S("");
	}
	if (!str_present(base))
		return S("");
	if (str_eq(mode, S("prepend")))
		return base;
	if (str_eq(mode, S("split"))) {
		struct str rest = str_starts(base, S("/")) ? str_slice(base, 1, base.n) : base;
		(void)str_cut(&rest, '/');
		return str_present(rest) ? rest : S("");
	}
	*fail = true;
	bad_request(im->c, "Invalid basepath parameter: %.*s", STR_ARG(mode));
	return S("");
}

/* Each part of a path is a resource. */
static size_t parts_of(struct str path)
{
	size_t n = 0;
	for (size_t i = 0; i < path.n; i++)
		n += path.p[i] == '/';
	return n;
}

static bool import_paths(struct import *im, const struct map_of *parameters)
{
	bool fail = false;
	struct str base = base_of(im, parameters, &fail);
	const struct json *paths = json_get(im->doc, S("paths"));
	for (uint32_t i = 0; !fail && json_is(paths, JSON_OBJECT) && i < paths->n; i++) {
		const struct json *item = import_resolve(im, &paths->members[i].value);
		if (!json_is(item, JSON_OBJECT) || !str_starts(paths->members[i].key, S("/")))
			continue; /* "x-..." and empty items */
		struct str path = tidy(im->c->arena, base, paths->members[i].key);
		bool too_many = parts_of(path) > RESOURCES_MAX;
		if (!too_many && !one_path(im, path, item))
			return false;
		if (too_many || map_count(&im->resources) > RESOURCES_MAX) {
			call_fail(im->c, &apigateway_err_LimitExceededException, "Maximum number of resources for this API has been reached.");
			return false;
		}
	}
	return !fail;
}

static void save_resources(struct import *im)
{
	size_t at = 0;
	const struct map_entry *e;
	while ((e = map_next(&im->resources, &at)) != NULL)
		resource_save(im->c, im->api->id, e->value);
}

bool import_body(struct call *c, struct apigateway_RestApi *api, struct str body, const struct map_of *parameters, bool overwrite,
                 bool fail_on_warnings)
{
	struct import im = {.c = c, .api = api, .doc = parse(c, body)};
	if (im.doc == NULL)
		return false;
	im.swagger = json_get(im.doc, S("openapi")) == NULL;
	map_init(&im.resources, c->arena);
	map_init(&im.old_ids, c->arena);
	map_init(&im.authorizers, c->arena);
	map_init(&im.validators, c->arena);
	if (!settings(&im, parameters))
		return false;
	load_resources(&im, overwrite);
	if (!import_parts(&im) || !import_paths(&im, parameters))
		return false;
	if (fail_on_warnings && api->warnings.n > 0) {
		bad_request(c, "Warnings found during import:\n\t%.*s", STR_ARG(*LIST_AT(api->warnings, struct str, 0)));
		return false;
	}
	ASSERT(!c->failed && map_get(&im.resources, S("/")) != NULL); /* an API's root stays */
	save_resources(&im);
	return true;
}
