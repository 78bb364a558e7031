/* Which service, which protocol, which operation: from the head where it tells, from the body where only that does.
 *
 * Order: credential scope; X-Amz-Target; rpcv2Cbor path; Action and Version; host; path; S3 last. A signing name is
 * shared by few services (dynamodb and its streams, API Gateway v1 and v2, SES v1 and v2): the target prefix, the
 * Version or the path decides between them.
 *
 * What always holds: nothing is believed but what routing needs; the signature is checked against the service that
 * was claimed, so a wrong claim leads to a refusal, not to another service's rights. */
#include "gateway/request.h"

/* ---- candidates ---- */

static bool speaks(const struct service *s, enum protocol p) { return (s->model->protocols & (1u << p)) != 0; }

static struct str header(struct request *r, const char *name) { return wire_header(&r->wire, str_c(name)); }

/* The prefix before the last dot and the name after it. */
static void split_target(struct str target, struct str *prefix, struct str *op)
{
	ptrdiff_t dot = str_rfind(target, '.');
	*prefix = dot < 0 ? S("") : str_slice(target, 0, (size_t)dot);
	*op = dot < 0 ? target : str_slice(target, (size_t)dot + 1, target.n);
}

/* CloudTrail's prefix differs between SDKs: what ends in the other's prefix is the same. */
static bool target_is(const struct service *s, struct str prefix)
{
	if (s->model == NULL || model_target_prefix(s->model) == NULL)
		return false;
	struct str own = str_c(model_target_prefix(s->model));
	return str_eq(own, prefix) || (own.n > prefix.n && prefix.n > 0 && str_ends(own, prefix) && own.p[own.n - prefix.n - 1] == '.');
}

static const struct service *by_target(struct str prefix)
{
	for (size_t i = 0; i < n_services; i++)
		if (target_is(services[i], prefix))
			return services[i];
	return NULL;
}

/* /service/<target prefix>/operation/<name>, as rpcv2Cbor's clients ask. */
static const struct service *by_cbor_path(struct request *r)
{
	struct str rest = r->wire.raw_path;
	if (!str_starts(rest, S("/service/")))
		return NULL;
	rest = str_slice(rest, sizeof "/service/" - 1, rest.n);
	struct str name = str_cut(&rest, '/');
	const struct service *s = by_target(name);
	return s != NULL && speaks(s, PROTO_CBOR) ? s : NULL;
}

/* For unsigned and unscoped forms: Version tells the services of the query protocol apart, but for two that share
 * a date. */
static const struct service *by_version(struct str version, struct str action)
{
	for (size_t i = 0; i < n_services; i++)
		if (services[i]->model != NULL && (speaks(services[i], PROTO_QUERY) || speaks(services[i], PROTO_EC2)) &&
		    str_eq(str_c(model_api_version(services[i]->model)), version) &&
		    (!str_present(action) || model_op_find(services[i]->model, action) != NULL))
			return services[i];
	return NULL;
}

static bool rest(const struct service *s) { return speaks(s, PROTO_REST_JSON) || speaks(s, PROTO_REST_XML); }

/* Among services of one signing name: by target, else the one whose REST path is the closest fit, else the first. What that path
 * asks of the service is kept: most often it is the operation. */
static const struct service *by_signing_name(struct request *r, struct str name, struct str target_prefix)
{
	ASSERT(name.n > 0);
	const struct service *first = NULL, *match = NULL;
	int closest = -1;
	size_t n = 0;
	for (size_t i = 0; i < n_services; i++) {
		const struct service *s = services[i];
		if (s->model == NULL || !str_eq(str_c(model_signing_name(s->model)), name))
			continue;
		n++;
		if (first == NULL)
			first = s;
		if (str_present(target_prefix) && target_is(s, target_prefix))
			return s;
		const struct model_op *op = rest(s) ? wire_match_rest(s->model, &r->wire) : NULL;
		int close = op != NULL ? wire_match_closeness(op, &r->wire) : -1;
		if (close > closest) {
			closest = close;
			match = s;
			r->matched = op;
		}
	}
	return n > 1 && match != NULL ? match : first;
}

/* "sqs.us-east-1.localhost", "events.s3.localhost": a label is the endpoint prefix, the last one when there are several: what is in front of it is a
 * name inside the service. */
static const struct service *by_host(struct request *r)
{
	const struct service *found = NULL;
	for (struct str host = r->wire.host, label = str_cut(&host, '.'); str_present(host); label = str_cut(&host, '.'))
		for (size_t i = 0; i < n_services; i++)
			if (services[i]->model != NULL && str_eq(str_c(model_endpoint_prefix(services[i]->model)), label))
				found = services[i];
	return found;
}

/* /<account>/<queue> is SQS's; any other path of REST services that fits; the rest is S3's. */
static const struct service *by_path(struct request *r)
{
	const struct service *s3 = NULL;
	for (size_t i = 0; i < n_services; i++) {
		const struct service *s = services[i];
		if (s->model == NULL || !rest(s))
			continue;
		if (s->model->s3_signer) {
			s3 = s;
			continue;
		}
		if (wire_match_rest(s->model, &r->wire) != NULL)
			return s;
	}
	return s3;
}

/* A service that knows host names may have the bucket in one: it then stands before the path. */
static void put_bucket_in_path(struct request *r)
{
	ASSERT(r->service != NULL);
	r->bucket_host = r->service->host_bucket != NULL ? r->service->host_bucket(r->wire.host) : STR_NONE;
	if (str_present(r->bucket_host))
		r->wire.path_params_base = arena_join(r->arena, S("/"), r->bucket_host, r->wire.raw_path);
}

/* Does S3 take this parameter of a presigned URL's query for a header? Not what is of the signature itself, and not a checksum: SDKs
 * put one there that is of an empty body, and S3 heeds it not. */
static bool stands_for_header(struct str name)
{
	static const char *const not_those[] = {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
		"X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-Region-Set", "x-amz-sdk-checksum-algorithm"};
	static const char *const of_checksums[] = {"x-amz-checksum-mode", "x-amz-checksum-algorithm", "x-amz-checksum-type"};
	if (!str_starts_nocase(name, S("x-amz-")))
		return false;
	for (size_t i = 0; i < COUNT_OF(not_those); i++)
		if (str_eq_nocase(name, str_c(not_those[i])))
			return false;
	bool sum = str_starts_nocase(name, S("x-amz-checksum-"));
	for (size_t i = 0; i < COUNT_OF(of_checksums); i++)
		sum &= !str_eq_nocase(name, str_c(of_checksums[i]));
	return !sum;
}

/* Whoever presigns a URL can move x-amz-... headers into its query (some SDKs move all they can). What is sent as a header counts. */
static void headers_from_query(struct request *r)
{
	struct wire_request *w = &r->wire;
	struct param *all = arena_array(r->arena, struct param, w->n_headers + w->query.n);
	size_t n = w->n_headers;
	ASSERT(r->claim.kind == SIG_V4_QUERY);
	if (n > 0)
		memcpy(all, w->headers, n * sizeof *all);
	for (size_t i = 0; i < w->query.n; i++)
		if (stands_for_header(w->query.v[i].name) && !str_present(wire_header(w, w->query.v[i].name)))
			all[n++] = w->query.v[i];
	if (n > w->n_headers)
		r->matched = NULL; /* headers tell operations apart, too */
	w->headers = all;
	w->n_headers = n;
}

/* ---- the stage ---- */

static bool is_form(struct request *r)
{
	return str_starts_nocase(header(r, "content-type"), S("application/x-www-form-urlencoded"));
}

static bool is_cbor(struct request *r) { return str_eq(header(r, "smithy-protocol"), S("rpc-v2-cbor")); }

static enum protocol protocol_of(struct request *r, const struct service *s, struct str target)
{
	ASSERT(s->model != NULL);
	const struct model *m = s->model;
	if (is_cbor(r) && speaks(s, PROTO_CBOR))
		return PROTO_CBOR;
	if (str_present(target)) {
		bool one_one = str_starts_nocase(header(r, "content-type"), S("application/x-amz-json-1.1"));
		if (speaks(s, PROTO_JSON_1_0) && speaks(s, PROTO_JSON_1_1))
			return one_one ? PROTO_JSON_1_1 : PROTO_JSON_1_0;
		if (speaks(s, PROTO_JSON_1_0))
			return PROTO_JSON_1_0;
		if (speaks(s, PROTO_JSON_1_1))
			return PROTO_JSON_1_1;
	}
	bool action = str_present(params_get(&r->wire.query, S("Action")));
	if (speaks(s, PROTO_EC2) && (is_form(r) || action))
		return PROTO_EC2;
	if (speaks(s, PROTO_QUERY) && (is_form(r) || action || m->protocol == PROTO_QUERY || m->query_compatible))
		return PROTO_QUERY;
	return m->protocol;
}

/* scoped: the signature names a service that can be believed. */
static const struct service *find_service(struct request *r, struct str target_prefix, bool scoped)
{
	const struct service *s = NULL;
	if (scoped && str_present(r->claim.service) && r->claim.service.n > 0)
		s = by_signing_name(r, r->claim.service, target_prefix);
	if (s == NULL && str_present(target_prefix))
		s = by_target(target_prefix);
	if (s == NULL && is_cbor(r))
		s = by_cbor_path(r);
	if (s == NULL && str_present(params_get(&r->wire.query, S("Version"))))
		s = by_version(params_get(&r->wire.query, S("Version")), params_get(&r->wire.query, S("Action")));
	if (s == NULL && !is_cbor(r) && (!scoped || (r->claim.kind != SIG_V4_HEADER && r->claim.kind != SIG_V4_QUERY))) {
		s = by_host(r);
		if (s == NULL && !is_form(r))
			s = by_path(r);
	}
	return s;
}

/* Without a service the request's looks tell the protocol of the refusal. */
static void guess_protocol(struct request *r, struct str target)
{
	if (str_present(target)) {
		bool one_one = str_starts_nocase(header(r, "content-type"), S("application/x-amz-json-1.1"));
		r->protocol = one_one ? PROTO_JSON_1_1 : PROTO_JSON_1_0;
	} else if (is_cbor(r)) {
		r->protocol = PROTO_CBOR;
	} else if (is_form(r)) {
		r->protocol = PROTO_QUERY;
	}
}

/* In the protocol that the client seems to speak, so that its SDK can show the message. */
static enum next no_service(struct request *r)
{
	ASSERT(r->service == NULL);
	struct str name = r->claim.service;
	if (r->claim.kind == SIG_NONE && is_form(r)) { /* which service's it is only its body knows */
		r->protocol = r->wire.protocol = PROTO_QUERY;
		return NEXT;
	}
	if (str_present(name) && name.n > 0)
		return request_fail(r, 501, "NotImplemented", "tsubo does not implement the service '%.*s'", STR_ARG(name));
	return request_fail(r, 404, "UnknownService", "No service of tsubo answers to this request");
}

/* A signature of another service's: what AWS says of it, in the words of "Troubleshoot Signature Version 4". */
static enum next wrong_scope(struct request *r)
{
	const struct sig_error e = {.status = 403, .code = "SignatureDoesNotMatch", .message = arena_printf(r->arena,
		"Credential should be scoped to correct service: '%s'.", model_signing_name(r->service->model))};
	return request_fail_signature(r, &e);
}

static enum next no_operation(struct request *r, struct str name)
{
	ASSERT(r->service != NULL && r->model_op == NULL);
	switch (r->protocol) {
	case PROTO_REST_XML:
		return request_fail(r, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
	case PROTO_REST_JSON:
		return request_fail(r, 404, "UnknownOperationException", "The requested operation does not exist");
	default:
		return request_fail(r, 400, "UnknownOperationException", "The operation %.*s does not exist", STR_ARG(name));
	}
}

static struct str last_segment(struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/');
	return str_slice(path, (size_t)(slash + 1), path.n);
}

/* The operation, where the head names it. */
static void find_operation(struct request *r, struct str target_op)
{
	ASSERT(r->service != NULL && r->service->model != NULL);
	const struct model *m = r->service->model;
	switch (r->protocol) {
	case PROTO_JSON_1_0: case PROTO_JSON_1_1: case PROTO_CBOR:
		r->model_op = model_op_find(m, target_op);
		break;
	case PROTO_REST_JSON: case PROTO_REST_XML:
		if (r->matched != NULL && model_op_model(r->matched) == m && !str_present(r->bucket_host))
			r->model_op = r->matched;
		else
			r->model_op = wire_match_rest(m, &r->wire);
		break;
	default:
		break;
	}
}

/* A browser asks beforehand with the URL of the request to come: a signature in it is that one's. Source: Fetch Standard, "CORS-preflight
 * request". */
static bool is_preflight(struct request *r)
{
	return str_eq(r->wire.method, S("OPTIONS")) && str_present(header(r, "origin")) && str_present(header(r, "access-control-request-method"));
}

enum next stage_route(struct request *r)
{
	struct sig_request sig = {r->wire.method, r->wire.raw_path, r->wire.raw_query, r->wire.host, r->wire.headers, r->wire.n_headers};
	struct sig_error e = {0};
	bool well_formed = true;
	if (r->raw && is_preflight(r))
		ASSERT(r->claim.kind == SIG_NONE);
	else
		well_formed = sig_parse(r->arena, &sig, &r->claim, &e);
	if (r->raw)
		return well_formed ? NEXT : request_fail_signature(r, &e);
	struct str target = header(r, "x-amz-target"), prefix = STR_NONE, name = STR_NONE;
	if (str_present(target))
		split_target(target, &prefix, &name);
	const struct service *s = find_service(r, prefix, well_formed);
	if (s == NULL) {
		guess_protocol(r, target);
		return well_formed ? no_service(r) : request_fail_signature(r, &e);
	}
	r->service = s;
	r->protocol = r->wire.protocol = protocol_of(r, s, target);
	r->query_mode = str_eq_nocase(header(r, "x-amzn-query-mode"), S("true"));
	put_bucket_in_path(r);
	if (!well_formed)
		return request_fail_signature(r, &e);
	if (str_present(r->claim.service) && r->claim.service.n > 0 && !str_eq(r->claim.service, str_c(model_signing_name(s->model))))
		return wrong_scope(r);
	if (str_present(r->claim.region) && r->claim.region.n > 0)
		r->region = r->claim.region;
	if (r->claim.kind == SIG_V4_QUERY && s->model->s3_signer)
		headers_from_query(r);
	if (r->protocol == PROTO_CBOR)
		name = last_segment(r->wire.raw_path);
	find_operation(r, name);
	bool by_head = r->protocol != PROTO_QUERY && r->protocol != PROTO_EC2;
	if (by_head && r->model_op == NULL)
		return no_operation(r, name);
	if (r->model_op != NULL && model_op_input(r->model_op) != NULL && shape_payload(model_op_input(r->model_op)) != NULL)
		r->streams = shape_payload(model_op_input(r->model_op))->streaming;
	return NEXT;
}

/* An unsigned form whose head names no service: only an operation that wants no signature may be meant (sts:AssumeRoleWithWebIdentity). */
static enum next find_unsigned(struct request *r, const struct params *form)
{
	ASSERT(r->service == NULL && r->claim.kind == SIG_NONE);
	struct str action = params_get(form, S("Action")), version = params_get(form, S("Version"));
	const struct service *s = str_present(action) && str_present(version) ? by_version(version, action) : NULL;
	const struct model_op *op = s != NULL ? model_op_find(s->model, action) : NULL;
	if (op == NULL || !op->no_auth || !speaks(s, PROTO_QUERY))
		return request_fail(r, 403, "MissingAuthenticationToken", "Request is missing Authentication Token");
	r->service = s;
	return NEXT;
}

/* Where only the body names the operation: Action and Version of a form. */
enum next stage_select(struct request *r)
{
	ASSERT(r->raw || r->service != NULL || r->claim.kind == SIG_NONE);
	if (!r->raw && r->model_op == NULL) {
		struct params form = {0};
		if (!params_parse(r->arena, r->wire.body, 20000, &form))
			return request_fail(r, 400, "MalformedQueryString", "The request body is not a well-formed form");
		if (r->service == NULL && find_unsigned(r, &form) != NEXT)
			return FAIL;
		struct str action = params_get(&form, S("Action"));
		if (!str_present(action))
			action = params_get(&r->wire.query, S("Action"));
		if (!str_present(action))
			return request_fail(r, 400, "MissingAction", "The request is missing an action");
		r->model_op = model_op_find(r->service->model, action);
		if (r->model_op == NULL) {
			struct str version = params_get(&form, S("Version"));
			return request_fail(r, 400, "InvalidAction", "Could not find operation %.*s for version %.*s", STR_ARG(action),
				STR_ARG(str_present(version) ? version : S("NO_VERSION_SPECIFIED")));
		}
	}
	if (r->raw)
		return NEXT;
	r->op = service_op(r->service, str_c(model_op_name(r->model_op)));
	if (r->op == NULL)
		return request_fail(r, 501, "NotImplemented", "tsubo does not implement %s %s", r->service->name, model_op_name(r->model_op));
	return NEXT;
}
