/* Custom resources: a Lambda function is told what is wanted and answers by a PUT to a URL that only it knows.
 *
 * The URL is a route of this service, /_aws/cloudformation/response/<account>/<region>/<token>; the answer is kept with
 * the token until the resource's next poll. Source: "Custom resource reference" (CloudFormation User Guide). */
#include "custom.h"

#include "stack.h"
#include "svc/arn.h"

enum { ANSWER_MAX = 4096, TIMEOUT_SECONDS = 3600 };
static const char route[] = "/_aws/cloudformation/response/";

static struct key *response_key(struct call *c, struct str token) { return key_str(call_key(c, "response"), token); }

/* ---- asking ---- */

static struct str response_url(struct cfn_resource *r, struct str token)
{
	struct call *c = r->c;
	struct str endpoint = c->endpoint;
	if (!str_present(endpoint) || endpoint.n == 0)
		endpoint = arena_printf(c->arena, "http://localhost:%d", service_config()->port);
	return arena_printf(c->arena, "%.*s%s%.*s/%.*s/%.*s", STR_ARG(endpoint), route, STR_ARG(c->account), STR_ARG(c->region), STR_ARG(token));
}

static struct json *event_of(struct cfn_resource *r, const char *request, struct str token)
{
	ASSERT(str_present(token) && r->properties != NULL);
	struct arena *a = r->c->arena;
	struct json *e = json_new_object(a);
	json_set_str(a, e, "RequestType", str_c(request));
	json_set_str(a, e, "ResponseURL", response_url(r, token));
	json_set_str(a, e, "StackId", r->stack_id);
	json_set_str(a, e, "RequestId", r->client_token);
	json_set_str(a, e, "ResourceType", str_c(r->type));
	json_set_str(a, e, "LogicalResourceId", r->logical_id);
	if (*request != 'C')
		json_set_str(a, e, "PhysicalResourceId", r->physical_id);
	json_set(a, e, S("ResourceProperties"), r->properties);
	if (*request == 'U' && r->old_properties != NULL)
		json_set(a, e, S("OldResourceProperties"), r->old_properties);
	return e;
}

static enum cfn_status ask(struct cfn_resource *r, const char *request)
{
	struct call *c = r->c;
	struct str function = json_get_str(r->properties, "ServiceToken"), token = operation_token(c);
	struct arn arn;
	if (!str_present(function))
		return cfn_fail(r, "Missing required property ServiceToken");
	int64_t seconds = json_get_i64(r->properties, "ServiceTimeout", TIMEOUT_SECONDS);
	if (seconds < 1 || seconds > TIMEOUT_SECONDS)
		return cfn_fail(r, "Invalid ServiceTimeout: it must be between 1 and %d seconds", TIMEOUT_SECONDS);
	if (!arn_parse(function, &arn) || !is(arn.service, "lambda"))
		return cfn_fail(r, "Invalid service token: only Lambda functions are supported");
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "FunctionName", function);
	json_set_str(c->arena, in, "InvocationType", S("Event"));
	json_set_str(c->arena, in, "Payload", base64_encode(c->arena, json_text(c->arena, event_of(r, request, token))));
	struct invoked sent = invoke(c, "lambda", "Invoke", in, NULL);
	if (sent.parked)
		return CFN_PARKED;
	if (!sent.ok)
		return cfn_fail_as(r, &sent.error);
	struct cloudformation_ResponseRecord record = {.StackId = r->stack_id, .Token = r->client_token};
	call_put(c, response_key(c, token), &cloudformation_shape_ResponseRecord, &record);
	json_set_str(c->arena, r->state, "Token", token);
	json_set_i64(c->arena, r->state, "Deadline", c->now_ms + seconds * 1000);
	r->again_ms = c->now_ms + seconds * 1000 + 1;
	return CFN_AGAIN;
}

/* ---- the answer ---- */

static enum cfn_status take_answer(struct cfn_resource *r, struct str text, bool removing)
{
	struct arena *a = r->c->arena;
	struct json *answer = json_parse(a, text, NULL);
	struct str id = json_get_str(answer, "PhysicalResourceId"), why = json_get_str(answer, "Reason");
	struct json *data = json_get(answer, S("Data"));
	if (!json_is(answer, JSON_OBJECT))
		return cfn_fail(r, "Invalid response object: it is not JSON");
	if (id.n > 0)
		r->physical_id = arena_dup(a, id);
	if (!is(json_get_str(answer, "Status"), "SUCCESS")) {
		struct str reason = arena_dup(a, why.n > 0 ? why : S("the function gave no reason"));
		return cfn_fail(r, "Received response status [FAILED] from custom resource. Message returned: %.*s (RequestId: %.*s)",
			STR_ARG(reason), STR_ARG(r->client_token));
	}
	if (removing)
		return CFN_DONE;
	if (!str_present(r->physical_id) || r->physical_id.n == 0)
		return cfn_fail(r, "Invalid PhysicalResourceId");
	r->attributes = json_is(data, JSON_OBJECT) ? json_copy(a, data) : json_new_object(a);
	return CFN_DONE;
}

static enum cfn_status ask_or_take(struct cfn_resource *r, const char *request)
{
	struct call *c = r->c;
	struct str token = json_get_str(r->state, "Token");
	if (!str_present(token))
		return ask(r, request);
	const struct cloudformation_ResponseRecord *record = call_get(c, response_key(c, token), &cloudformation_shape_ResponseRecord);
	int64_t deadline_ms = json_get_i64(r->state, "Deadline", 0);
	if (record != NULL && str_present(record->Answer)) {
		call_del(c, response_key(c, token));
		return take_answer(r, record->Answer, *request == 'D');
	}
	if (c->now_ms <= deadline_ms) {
		r->again_ms = deadline_ms + 1;
		return CFN_AGAIN;
	}
	call_del(c, response_key(c, token));
	return cfn_fail(r, "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
		"[%.*s].", STR_ARG(r->client_token));
}

enum cfn_status custom_create(struct cfn_resource *r) { return ask_or_take(r, "Create"); }
enum cfn_status custom_update(struct cfn_resource *r) { return ask_or_take(r, "Update"); }
enum cfn_status custom_remove(struct cfn_resource *r) { return ask_or_take(r, "Delete"); }

/* ---- the route ---- */

bool custom_claims(const struct wire_request *r) { return str_starts(r->raw_path, str_c(route)); }

void custom_response(struct call *c)
{
	ASSERT(str_starts(c->http->raw_path, str_c(route)));
	struct str rest = str_slice(c->http->raw_path, sizeof(route) - 1, c->http->raw_path.n), token;
	c->account = str_cut(&rest, '/');
	c->region = str_present(rest) ? str_cut(&rest, '/') : STR_NONE;
	token = rest;
	struct cloudformation_ResponseRecord *record = NULL;
	if (!is(c->http->method, "PUT")) {
		call_reply(c, 405, NULL, 0, S(""));
		return;
	}
	if (str_present(token) && token.n > 0 && str_find(token, '/') < 0)
		record = call_get(c, response_key(c, token), &cloudformation_shape_ResponseRecord);
	if (record == NULL) {
		call_reply(c, 403, NULL, 0, S(""));
		return;
	}
	if (c->http->body.n > ANSWER_MAX) {
		record->Answer = S("{\"Status\":\"FAILED\",\"Reason\":\"Response object is too long.\"}");
	} else {
		record->Answer = str_present(c->http->body) ? c->http->body : S("");
	}
	call_put(c, response_key(c, token), &cloudformation_shape_ResponseRecord, record);
	/* the operation that asked, be it of a resource or of what replaced one */
	struct stack_resources all = stack_resources(c, record->StackId);
	for (size_t i = 0; i < all.n; i++)
		if (str_eq(all.v[i]->Token, record->Token) && yes(all.v[i]->Running))
			engine_wake(c, record->StackId, all.v[i]->Key);
	call_reply(c, 200, NULL, 0, S(""));
}
