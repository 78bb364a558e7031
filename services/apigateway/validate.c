/* Request validation: parameters that must be there, bodies against their model's schema.
 *
 * Source: "Request validation for REST APIs in API Gateway" (developer guide). */
#include "schema.h"
#include "serve.h"

static const struct apigateway_RequestValidator *validator_of(const struct exchange *x)
{
	ASSERT(x->deployment != NULL && x->method != NULL);
	for (uint32_t i = 0; i < x->deployment->Validators.n; i++) {
		const struct apigateway_RequestValidator *v = LIST_AT(x->deployment->Validators, struct apigateway_RequestValidator, i);
		if (str_eq(v->id, x->method->requestValidatorId))
			return v;
	}
	return NULL;
}

static bool parameters_there(struct exchange *x)
{
	const struct apigateway_MapOfStringToBoolean_entry *e = x->method->requestParameters.v;
	struct buf missing;
	buf_init(&missing, x->c->arena, 4096);
	for (uint32_t i = 0; i < x->method->requestParameters.n; i++) {
		struct str v = e[i].value.v ? context_value(x, e[i].key) : S("x");
		if (str_present(v) && v.n > 0)
			continue;
		struct str rest = str_slice(e[i].key, 15, e[i].key.n);
		(void)str_cut(&rest, '.');
		if (missing.n > 0)
			buf_lit(&missing, ", ");
		buf_str(&missing, str_present(rest) ? rest : e[i].key);
	}
	if (missing.n == 0)
		return true;
	struct str text = arena_printf(x->c->arena, "Missing required request parameters: [%.*s]", STR_ARG(buf_view(&missing)));
	gateway_answer(x, "BAD_REQUEST_PARAMETERS", arena_cstr(x->c->arena, text));
	return false;
}

static const struct json *model_named(struct schema_check *s, struct str name)
{
	const struct exchange *x = s->arg;
	ASSERT(x->stage != NULL && str_present(name));
	const struct apigateway_Model *m =
		call_get(x->c, key_str(part_key(x->c, "schema", x->api, x->stage->deploymentId), name), &apigateway_shape_Model);
	return m != NULL && str_present(m->schema) ? json_parse(s->a, m->schema, NULL) : NULL;
}

static bool bad_body(struct exchange *x, struct str why)
{
	x->validation_error = arena_join(x->c->arena, S("["), why, S("]"));
	gateway_answer(x, "BAD_REQUEST_BODY", "Invalid request body");
	return false;
}

static bool body_valid(struct exchange *x)
{
	struct str type = wire_header(x->c->http, S("content-type")), rest = type;
	type = str_present(rest) ? str_trim(str_cut(&rest, ';')) : S("application/json");
	struct str name = map_text(&x->method->requestModels, type);
	if (!str_present(name))
		name = map_text(&x->method->requestModels, S("$default"));
	if (!str_present(name))
		return true;
	struct schema_check s = {.a = x->c->arena, .model = model_named, .arg = x};
	const struct json *schema = model_named(&s, name);
	if (schema == NULL)
		return true; /* an empty model takes all */
	const struct json *body = json_parse(x->c->arena, x->c->http->body, NULL);
	if (body == NULL)
		return bad_body(x, S("Unable to parse the request body as JSON"));
	buf_init(&s.faults, x->c->arena, 16384);
	return schema_valid(&s, schema, schema, body) ? true : bad_body(x, buf_view(&s.faults));
}

bool admit_request(struct exchange *x)
{
	ASSERT(x->method != NULL && x->deployment != NULL);
	const struct apigateway_RequestValidator *v = validator_of(x);
	if (v == NULL)
		return true;
	if (v->validateRequestParameters.v && !parameters_there(x))
		return false;
	return !v->validateRequestBody.v || body_valid(x);
}
