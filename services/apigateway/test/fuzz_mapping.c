/* Any text where an API may say where a value comes from: a template, a mapping and a path into a body, over a request and an endpoint's answer;
 * and as patch operations on a stage. Apart by NULs: text, path, the request's body, path of the patch, its value. A template without a '$' is
 * itself; a record that was patched can be kept. */
#include "../serve.h"

#include "../../../tests/fuzz/bare_call.h"

enum { PARTS = 5 };

static void map(struct call *c, const struct str *in)
{
	static const struct param headers[] = {{STR_INIT("X-H"), STR_INIT("v"), true}, {STR_INIT("content-type"), STR_INIT("application/json"), true}};
	struct wire_request r = {.method = S("POST"), .raw_path = S("/s/a"), .host = S("api.execute-api.localhost:4566"), .headers = headers,
		.n_headers = COUNT_OF(headers), .body = in[2]};
	struct apigateway_MapOfStringToString_entry variable = {S("v"), S("value")};
	struct apigateway_Stage stage = {.stageName = S("s"), .variables = {&variable, 1, true}};
	struct apigateway_Method method = {.httpMethod = S("POST"), .authorizationType = S("NONE")};
	struct apigateway_Resource resource = {.id = S("r"), .path = S("/{p}")};
	struct param path = {S("p"), S("a"), true};
	struct exchange x = {.c = c, .api = S("api"), .stage_name = S("s"), .path = S("/a"), .full_path = S("/s/a"), .domain = S("d"),
		.request_id = c->request_id, .extended_id = S("e"), .trace = S("Root=1"), .stage = &stage, .resource = &resource, .method = &method,
		.path_params = &path, .n_path_params = 1, .authorizer = json_new_object(c->arena), .body = S("")};
	const struct backend b = {headers, COUNT_OF(headers), in[2]};
	ASSERT(params_parse(c->arena, S("q=1&q=2&e"), 8, &r.query));
	c->http = &r;
	struct str filled = substitute(&x, in[0], S("-"));
	ASSERT(str_find(in[0], '$') >= 0 || in[0].n > 1 << 20 || str_eq(filled, in[0]));
	(void)mapped_value(&x, &b, in[0]);
	(void)mapped_value(&x, NULL, in[0]);
	(void)mapped_value(&x, &b, arena_join(c->arena, S("integration.response.body."), in[1]));
	(void)context_value(&x, arena_join(c->arena, S("context."), in[1]));
	(void)json_text_at(c->arena, in[2], in[1]);
	struct str with = with_stage_variables(&x, in[0]);
	ASSERT(str_find_str(in[0], S("${stageVariables.")) >= 0 || in[0].n > 65536 || str_eq(with, in[0]));
}

static void patch(struct call *c, struct str path, struct str value)
{
	static const char *const ops[] = {"add", "replace", "remove"};
	static const char *const paths[] = {"/description", "/variables/*", "/tracingEnabled", "/cacheClusterSize", "/methodSettings/*/*/*", "/*/*/*/*",
	                                    NULL};
	for (size_t i = 0; i < COUNT_OF(ops); i++) {
		struct apigateway_PatchOperation p[] = {{.op = str_c(ops[i]), .path = path, .value = value}, {.op = S("add"), .path = path, .value = S("1")}};
		const struct list all = {p, COUNT_OF(p), true};
		const struct apigateway_Stage stage = {.stageName = S("s"), .deploymentId = S("d")};
		const void *made = patched(c, &apigateway_shape_Stage, &stage, &all, paths);
		ASSERT((made != NULL) == !c->failed);
		if (made != NULL)
			ASSERT(typed_from_cbor(c->arena, &apigateway_shape_Stage, typed_to_cbor(c->arena, &apigateway_shape_Stage, made)) != NULL);
		c->failed = false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct task t;
	struct call *c = bare_call(&t, a, "apigateway");
	struct str rest = str_of((const char *)data, size), in[PARTS];
	for (size_t i = 0; i < PARTS; i++)
		in[i] = str_present(rest) ? str_cut(&rest, '\0') : S("");
	map(c, in);
	bare_call_end(&t);
	patch(c, in[3], in[4]);
	bare_call_end(&t);
	arena_free(a);
	return 0;
}
