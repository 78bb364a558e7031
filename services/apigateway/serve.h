/* One request to a deployed API, on its way through the data plane. Lives in the call's arena; made anew at each run of
 * the handler, from the request, the store and earlier answers only. */
#ifndef TSUBO_APIGW_SERVE_H
#define TSUBO_APIGW_SERVE_H

#include "apigw.h"
#include "base/map.h"

struct exchange {
	struct call *c;
	struct str api, stage_name;
	struct str path;            /* after the stage, as it was sent; "/" at least */
	struct str full_path;       /* with the stage, without our own prefix */
	struct str domain;          /* host without its port */
	struct str request_id, extended_id, trace;
	struct apigateway_Stage *stage;
	struct apigateway_DeploymentRecord *deployment;
	struct apigateway_Resource *resource;
	struct apigateway_Method *method;
	struct param *path_params;
	size_t n_path_params;
	struct str key_value, key_id, plan_id; /* API key, when one was asked for */
	struct str principal_id;    /* of a Lambda authorizer */
	struct str usage_key;       /* the API key that it named */
	struct json *authorizer;    /* its context: object of scalars; NULL: none */
	struct str error_message, error_type; /* gateway responses */
	struct str validation_error;
	int integration_status;     /* 0: no integration ran */
	bool parked;                /* waits: return at once */
	/* the answer */
	int status;
	struct param headers[64];
	size_t n_headers;
	struct str body;
};

/* ---- match.c ---- */
/* The resource of the deployment for the path, into x; false: there is none. */
bool match_resource(struct exchange *x);

/* ---- event.c ---- */
struct json *request_context(struct exchange *x); /* of payload format 1.0 */
struct json *proxy_event(struct exchange *x);
/* Headers as the integration sees them: as sent, and X-Forwarded-*, X-Amzn-Trace-Id. */
struct param *request_headers(struct exchange *x, size_t *n);
/* The name under which a header goes out that API Gateway keeps for itself ("x-amzn-Remapped-Server"), or the name. */
struct str remapped(struct arena *a, struct str name);
bool is_binary_type(const struct exchange *x, struct str content_type);

/* ---- context.c ---- */
/* The text of "context.identity.sourceIp", "stageVariables.x", "method.request.header.X"; absent when there is none. */
struct str context_value(struct exchange *x, struct str name);
/* The scalar at a path ("a.b[0]") of a JSON text, as text; absent when there is none. */
struct str json_text_at(struct arena *a, struct str text, struct str path);
/* A template with $context.x, $stageVariables.x and $method.request.x put in. */
struct str substitute(struct exchange *x, struct str template, struct str missing);
/* "${stageVariables.x}" put in. */
struct str with_stage_variables(struct exchange *x, struct str text);

/* ---- answer.c ---- */
void add_header(struct exchange *x, struct str name, struct str value);
void set_header(struct exchange *x, struct str name, struct str value); /* instead of those of the name */
/* The gateway response of a type ("THROTTLED"), as the API has put it or AWS's own. message NULL: null, as AWS says it. */
void gateway_answer(struct exchange *x, const char *type, const char *message);
/* With another status than the type's own. */
void gateway_answer_as(struct exchange *x, const char *type, int status, const char *message);
void send_answer(struct exchange *x);

/* ---- integrate.c: templates and parameters of integrations ---- */
/* What an integration's endpoint has answered. */
struct backend { const struct param *headers; size_t n_headers; struct str body; };
/* The request's template, filled; absent: the body goes on as it is. false: answered, the type is not supported. */
bool integration_template(struct exchange *x, const struct apigateway_Integration *i, struct str *template);
/* A mapping's value: 'text', context, stageVariables, method.request, and of the endpoint's answer integration.response (b not
 * NULL). Absent when there is none. */
struct str mapped_value(struct exchange *x, const struct backend *b, struct str expression);
/* Answer with the integration response that fits the endpoint's status (b NULL: there was no endpoint). */
void integration_answer(struct exchange *x, const struct apigateway_Integration *i, int status, const struct backend *b);

/* ---- proxy.c, mock.c, http.c ---- */
void run_lambda_proxy(struct exchange *x, const struct apigateway_Integration *i);
/* Invoke a function by the URI of an integration or authorizer. false: answered (or parked); else *payload. */
bool invoke_function(struct exchange *x, struct str uri, struct str credentials, struct str source_arn, struct str payload, struct str *out,
                     struct wire_error *error);
void run_mock(struct exchange *x, const struct apigateway_Integration *i);
/* HTTP and HTTP_PROXY. */
void run_http(struct exchange *x, const struct apigateway_Integration *i);

/* ---- keys.c: API keys, usage plans, throttling. false: answered or parked. ---- */
bool admit_key(struct exchange *x);
/* ---- authorize.c ---- */
bool admit_caller(struct exchange *x);
/* ---- validate.c ---- */
bool admit_request(struct exchange *x);
/* ---- served.c: metrics and access logs, after the answer ---- */
void record_served(struct exchange *x);

#endif
