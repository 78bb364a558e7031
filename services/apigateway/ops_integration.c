/* Integrations of methods and their responses.
 *
 * What always holds: a stored integration is of a type that serve.c runs, its templates say nothing that substitute() does not know, and
 * its mappings are well made: what does not run here is refused when it is put, not when a client of the API waits. */
#include "method.h"

#include "base/pattern.h"

static struct str upper(struct arena *a, struct str s)
{
	char *p = arena_bytes(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 32) : s.p[i];
	return str_of(p, s.n);
}

/* What of a mapping template is understood: text, $context and $stageVariables. Directives and functions are refused. */
static bool templates_ok(struct call *c, const struct map_of *templates, struct str where)
{
	static const char *const unknown[] = {"#set", "#if", "#foreach", "#define", "#macro", "#{", "$input", "$util", "$!", "$method"};
	const struct apigateway_MapOfStringToString_entry *e = templates->v;
	for (uint32_t i = 0; i < templates->n; i++)
		for (size_t k = 0; k < COUNT_OF(unknown); k++)
			if (str_find_str(e[i].value, str_c(unknown[k])) >= 0) {
				call_unsupported(c, "mapping templates with '%s' are not there yet%.*s", unknown[k], STR_ARG(where));
				return false;
			}
	return true;
}

static bool response_ok(struct call *c, const struct apigateway_IntegrationResponse *r, struct str where)
{
	if (str_present(r->selectionPattern) && pattern_of_client(c->arena, r->selectionPattern) == NULL) {
		bad_request(c, "Invalid regular expression specified for selectionPattern: %.*s%.*s", STR_ARG(r->selectionPattern), STR_ARG(where));
		return false;
	}
	return templates_ok(c, &r->responseTemplates, where);
}

static bool responses_ok(struct call *c, const struct apigateway_Integration *i, struct str where)
{
	const struct apigateway_MapOfIntegrationResponse_entry *e = i->integrationResponses.v;
	for (uint32_t k = 0; k < i->integrationResponses.n; k++)
		if (!response_ok(c, &e[k].value, where))
			return false;
	return true;
}

static bool uri_ok(struct call *c, const struct apigateway_Integration *i, struct str where)
{
	if (str_eq(i->type, S("AWS_PROXY"))) {
		if (!str_starts(i->uri, S("arn:")) || str_find_str(i->uri, S(":lambda:path/")) < 0 || str_find_str(i->uri, S("/functions/")) < 0) {
			bad_request(c, "Invalid ARN specified in the request%.*s", STR_ARG(where));
			return false;
		}
		if (str_ends(i->uri, S("/response-streaming-invocations"))) {
			call_unsupported(c, "integrations that stream their response are not there yet%.*s", STR_ARG(where));
			return false;
		}
		return true;
	}
	bool http = str_starts_nocase(i->uri, S("http://")) || str_starts_nocase(i->uri, S("https://")) || str_starts(i->uri, S("${"));
	if (!http)
		bad_request(c, "Invalid HTTP endpoint specified for URI%.*s", STR_ARG(where));
	return http;
}

/* "integration.request.<place>.<name>" from what a mapping may say. */
static bool parameters_ok(struct call *c, const struct apigateway_Integration *i, struct str where)
{
	static const char *const places[] = {"integration.request.path.", "integration.request.querystring.", "integration.request.header."};
	static const char *const sources[] = {"method.request.", "context.", "stageVariables.", "'"};
	const struct apigateway_MapOfStringToString_entry *e = i->requestParameters.v;
	for (uint32_t k = 0; k < i->requestParameters.n; k++) {
		bool place = false, source = false;
		for (size_t p = 0; p < COUNT_OF(places); p++)
			place |= str_starts(e[k].key, str_c(places[p])) && e[k].key.n > strlen(places[p]);
		for (size_t p = 0; p < COUNT_OF(sources); p++)
			source |= str_starts(e[k].value, str_c(sources[p]));
		if (!place || !source) {
			bad_request(c, "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression "
				"specified: %.*s]%.*s", STR_ARG(place ? e[k].value : e[k].key), STR_ARG(where));
			return false;
		}
	}
	return true;
}

/* What integrate() of serve.c runs. */
static bool type_known(struct str type)
{
	static const char *const known[] = {"AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"};
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (str_eq(type, str_c(known[i])))
			return true;
	return false;
}

bool integration_check(struct call *c, struct apigateway_Integration *i, struct str where)
{
	i->type = upper(c->arena, i->type);
	if (!str_present(i->passthroughBehavior))
		i->passthroughBehavior = S("WHEN_NO_MATCH");
	i->passthroughBehavior = upper(c->arena, i->passthroughBehavior);
	if (!i->timeoutInMillis.set)
		i->timeoutInMillis = SOME_I64(TIMEOUT_DEFAULT_MS);
	if (i->timeoutInMillis.v < 50 || i->timeoutInMillis.v > TIMEOUT_DEFAULT_MS) {
		bad_request(c, "Timeout should be between 50 ms and 29000 ms%.*s", STR_ARG(where));
		return false;
	}
	if (str_eq(i->connectionType, S("VPC_LINK"))) {
		call_unsupported(c, "integrations through a VPC link are not there yet%.*s", STR_ARG(where));
		return false;
	}
	if (str_eq(i->responseTransferMode, S("STREAM"))) {
		call_unsupported(c, "integrations that stream their response are not there yet%.*s", STR_ARG(where));
		return false;
	}
	if (str_eq(i->type, S("AWS"))) {
		call_unsupported(c, "integrations of type AWS are not there yet%.*s", STR_ARG(where));
		return false;
	}
	if (!type_known(i->type)) { /* an imported document may say anything */
		bad_request(c, "Invalid integration type specified: %.*s%.*s", STR_ARG(i->type), STR_ARG(where));
		return false;
	}
	bool lambda = str_eq(i->type, S("AWS_PROXY")); /* whose templates and responses are not looked at, on AWS neither */
	if (!lambda && (!templates_ok(c, &i->requestTemplates, where) || !responses_ok(c, i, where)))
		return false;
	if (!parameters_ok(c, i, where))
		return false;
	if (str_eq(i->type, S("MOCK")))
		return true;
	if (!str_present(i->httpMethod)) {
		bad_request(c, "Enumeration value for HttpMethod must be non-empty%.*s", STR_ARG(where));
		return false;
	}
	if (!lambda && !http_method_ok(i->httpMethod)) {
		bad_request(c, "Invalid HttpMethod specified%.*s", STR_ARG(where));
		return false;
	}
	return uri_ok(c, i, where);
}

void op_put_integration(struct call *c)
{
	const struct apigateway_PutIntegrationRequest *in = c->in;
	struct apigateway_Resource *r;
	struct apigateway_Method *m = method_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	if (m == NULL)
		return;
	struct apigateway_Integration *i = arena_new_of(c->arena, struct apigateway_Integration);
	*i = (struct apigateway_Integration){.type = in->type, .httpMethod = in->integrationHttpMethod, .uri = in->uri,
		.connectionType = in->connectionType, .connectionId = in->connectionId, .credentials = in->credentials,
		.requestParameters = in->requestParameters, .requestTemplates = in->requestTemplates, .passthroughBehavior = in->passthroughBehavior,
		.contentHandling = in->contentHandling, .timeoutInMillis = in->timeoutInMillis,
		.cacheNamespace = str_present(in->cacheNamespace) ? in->cacheNamespace : in->resourceId, .cacheKeyParameters = in->cacheKeyParameters,
		.tlsConfig = in->tlsConfig, .responseTransferMode = in->responseTransferMode, .integrationTarget = in->integrationTarget};
	if (!i->cacheKeyParameters.set)
		i->cacheKeyParameters = (struct list){.set = true};
	if (!integration_check(c, i, S("")))
		return;
	if (m->methodIntegration != NULL)
		i->integrationResponses = m->methodIntegration->integrationResponses;
	m->methodIntegration = i;
	resource_save(c, in->restApiId, r);
	*(struct apigateway_Integration *)c->out = *i;
}

static struct apigateway_Integration *integration_find(struct call *c, struct str api, struct str resource, struct str http_method,
                                                       struct apigateway_Resource **r)
{
	const struct apigateway_Method *m = method_find(c, api, resource, http_method, r);
	if (m != NULL && m->methodIntegration == NULL)
		not_found(c, "Invalid Integration identifier specified");
	ASSERT(m == NULL || m->methodIntegration == NULL || type_known(m->methodIntegration->type)); /* integration_check */
	return m != NULL ? m->methodIntegration : NULL;
}

void op_get_integration(struct call *c)
{
	const struct apigateway_GetIntegrationRequest *in = c->in;
	struct apigateway_Resource *r;
	const struct apigateway_Integration *i = integration_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	if (i != NULL)
		*(struct apigateway_Integration *)c->out = *i;
}

void op_update_integration(struct call *c)
{
	static const char *const paths[] = {"/type", "/httpMethod", "/uri", "/credentials", "/passthroughBehavior", "/contentHandling",
		"/timeoutInMillis", "/requestParameters/*", "/requestTemplates/*", "/cacheNamespace", "/cacheKeyParameters/*", "/connectionType",
		"/connectionId", "/tlsConfig/insecureSkipVerification", NULL};
	const struct apigateway_UpdateIntegrationRequest *in = c->in;
	struct apigateway_Resource *r;
	struct apigateway_Integration *i = integration_find(c, in->restApiId, in->resourceId, in->httpMethod, &r), *made;
	if (i == NULL || (made = patched(c, &apigateway_shape_Integration, i, &in->patchOperations, paths)) == NULL)
		return;
	if (!integration_check(c, made, S("")))
		return;
	*i = *made;
	resource_save(c, in->restApiId, r);
	*(struct apigateway_Integration *)c->out = *made;
}

void op_delete_integration(struct call *c)
{
	const struct apigateway_DeleteIntegrationRequest *in = c->in;
	struct apigateway_Resource *r;
	struct apigateway_Method *m = method_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	if (m == NULL || integration_find(c, in->restApiId, in->resourceId, in->httpMethod, &r) == NULL)
		return;
	m = method_of(r, in->httpMethod); /* of the record as it was read last */
	ASSERT(m != NULL && m->methodIntegration != NULL);
	m->methodIntegration = NULL;
	resource_save(c, in->restApiId, r);
}

/* ---- responses of integrations ---- */

static struct apigateway_IntegrationResponse *response_need(struct call *c, const struct apigateway_Integration *i, struct str status)
{
	struct apigateway_MapOfIntegrationResponse_entry *e = i->integrationResponses.v;
	for (uint32_t k = 0; k < i->integrationResponses.n; k++)
		if (str_eq(e[k].key, status))
			return &e[k].value;
	not_found(c, "Invalid Response status code specified");
	return NULL;
}

/* What is mapped to the client must be declared by the method's response of the status. */
static bool mappings_ok(struct call *c, const struct apigateway_Method *m, const struct apigateway_IntegrationResponse *r)
{
	const struct apigateway_MapOfMethodResponse_entry *e = m->methodResponses.v;
	const struct map_of *declared = NULL;
	for (uint32_t i = 0; i < m->methodResponses.n; i++)
		if (str_eq(e[i].key, r->statusCode))
			declared = &e[i].value.responseParameters;
	const struct apigateway_MapOfStringToString_entry *mapped = r->responseParameters.v;
	for (uint32_t i = 0; i < r->responseParameters.n; i++) {
		bool there = false;
		const struct apigateway_MapOfStringToBoolean_entry *d = declared != NULL ? declared->v : NULL;
		for (uint32_t k = 0; d != NULL && k < declared->n; k++)
			there |= str_eq_nocase(d[k].key, mapped[i].key);
		if (!there) {
			bad_request(c, "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression "
				"parameter specified: %.*s]", STR_ARG(mapped[i].key));
			return false;
		}
	}
	return true;
}

void op_put_integration_response(struct call *c)
{
	const struct apigateway_PutIntegrationResponseRequest *in = c->in;
	struct apigateway_Resource *r;
	struct apigateway_Integration *i = integration_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	const struct apigateway_IntegrationResponse made = {in->statusCode, in->selectionPattern, in->responseParameters, in->responseTemplates,
		in->contentHandling};
	if (i == NULL || !response_ok(c, &made, S("")) || !mappings_ok(c, method_of(r, in->httpMethod), &made))
		return;
	struct apigateway_MapOfIntegrationResponse_entry *e = map_entry(c->arena, &i->integrationResponses, sizeof *e, in->statusCode);
	ASSERT(str_eq(e->key, in->statusCode));
	e->value = made;
	resource_save(c, in->restApiId, r);
	*(struct apigateway_IntegrationResponse *)c->out = made;
}

void op_get_integration_response(struct call *c)
{
	const struct apigateway_GetIntegrationResponseRequest *in = c->in;
	struct apigateway_Resource *r;
	const struct apigateway_Integration *i = integration_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	const struct apigateway_IntegrationResponse *found = i != NULL ? response_need(c, i, in->statusCode) : NULL;
	if (found != NULL)
		*(struct apigateway_IntegrationResponse *)c->out = *found;
}

void op_update_integration_response(struct call *c)
{
	static const char *const paths[] = {"/selectionPattern", "/responseParameters/*", "/responseTemplates/*", "/contentHandling", NULL};
	const struct apigateway_UpdateIntegrationResponseRequest *in = c->in;
	struct apigateway_Resource *r;
	const struct apigateway_Integration *i = integration_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	struct apigateway_IntegrationResponse *found = i != NULL ? response_need(c, i, in->statusCode) : NULL, *made;
	if (found == NULL || (made = patched(c, &apigateway_shape_IntegrationResponse, found, &in->patchOperations, paths)) == NULL)
		return;
	if (!response_ok(c, made, S("")))
		return;
	*found = *made;
	resource_save(c, in->restApiId, r);
	*(struct apigateway_IntegrationResponse *)c->out = *made;
}

void op_delete_integration_response(struct call *c)
{
	const struct apigateway_DeleteIntegrationResponseRequest *in = c->in;
	struct apigateway_Resource *r;
	struct apigateway_Integration *i = integration_find(c, in->restApiId, in->resourceId, in->httpMethod, &r);
	if (i == NULL || response_need(c, i, in->statusCode) == NULL)
		return;
	bool gone = map_remove(&i->integrationResponses, sizeof(struct apigateway_MapOfIntegrationResponse_entry), in->statusCode);
	ASSERT(gone); /* response_need has found it */
	resource_save(c, in->restApiId, r);
}
