/* Lambda authorizers: the function says who the caller is and what they may call; answers are kept for a while.
 *
 * Kept answers are the loop's; a request asks for one by an await, and leaves one by an effect after its own answer. Source: "Use
 * API Gateway Lambda authorizers" (developer guide). */
#include "authorizer.h"

#include "base/map.h"
#include "base/pattern.h"
#include "os/os.h"

#include <stdlib.h>

enum { CACHE_MAX = 20000 };

/* ---- kept answers: loop thread ---- */

struct kept { int64_t until_ms; size_t n_name, n_bytes; char text[]; };

static struct map cache;

static void cache_drop(struct kept *k)
{
	map_del(&cache, str_of(k->text, k->n_name));
	free(k);
}

static struct kept *cache_get(struct str name)
{
	struct kept *k = map_get(&cache, name);
	if (k == NULL || k->until_ms > clock_now_ms())
		return k;
	cache_drop(k);
	return NULL;
}

struct look_arg { struct str name; };

static void look(struct ticket t, void *arg)
{
	const struct kept *k = cache_get(((struct look_arg *)arg)->name);
	const struct answer a = {.ok = k != NULL, .bytes = k != NULL ? str_of(k->text + k->n_name, k->n_bytes) : S("")};
	ticket_answer(t, &a);
}

static void store(void *block)
{
	const struct kept *from = block;
	struct kept *k = malloc(sizeof *k + from->n_name + from->n_bytes);
	if (k == NULL)
		die("out of memory");
	memcpy(k, from, sizeof *k + from->n_name + from->n_bytes);
	struct kept *old = map_get(&cache, str_of(k->text, k->n_name));
	if (old != NULL)
		cache_drop(old);
	size_t at = 0;
	struct map_entry *e;
	while (map_count(&cache) >= CACHE_MAX && (e = map_next(&cache, &at)) != NULL)
		cache_drop(e->value);
	map_put(&cache, str_of(k->text, k->n_name), k);
}

static void forget(void *block)
{
	const struct kept *from = block;
	struct str prefix = str_of(from->text, from->n_name);
	size_t at = 0;
	for (struct map_entry *e; (e = map_next(&cache, &at)) != NULL;)
		if (str_starts(e->key, prefix))
			cache_drop(e->value);
}

static struct kept *leave(struct call *c, void (*fn)(void *), struct str name, struct str bytes)
{
	ASSERT(name.n > 0);
	struct kept *k = call_effect(c, fn, sizeof *k + name.n + bytes.n);
	k->n_name = name.n;
	k->n_bytes = bytes.n;
	memcpy(k->text, name.p, name.n);
	if (bytes.n > 0)
		memcpy(k->text + name.n, bytes.p, bytes.n);
	return k;
}

void authorizer_cache_flush(struct call *c, struct str api, struct str stage)
{
	leave(c, forget, arena_join(c->arena, api, S("/"), stage, S("/")), S(""));
}

/* ---- what identifies the caller ---- */

/* The values that the identity sources name, with lengths, so that no two lists are the same; false: one is missing. */
static bool identity_of(struct exchange *x, const struct apigateway_Authorizer *a, struct buf *out, struct str *token)
{
	struct str rest = a->identitySource;
	while (str_present(rest) && rest.n > 0) {
		struct str name = str_trim(str_cut(&rest, ','));
		struct str v = context_value(x, name);
		if (!str_present(v) || v.n == 0)
			return false;
		*token = v;
		buf_printf(out, "%zu:", v.n);
		buf_str(out, v);
	}
	return true;
}

static struct json *event_of(struct exchange *x, const struct apigateway_Authorizer *a, struct str token, struct str method_arn)
{
	struct arena *arena = x->c->arena;
	struct json *e = json_new_object(arena);
	json_set_str(arena, e, "type", a->type);
	json_set_str(arena, e, "methodArn", method_arn);
	if (str_eq(a->type, S("TOKEN"))) {
		json_set_str(arena, e, "authorizationToken", token);
		return e;
	}
	struct json *proxy = proxy_event(x);
	for (uint32_t i = 0; i < proxy->n; i++)
		if (!str_eq(proxy->members[i].key, S("body")) && !str_eq(proxy->members[i].key, S("isBase64Encoded")))
			json_set(arena, e, proxy->members[i].key, &proxy->members[i].value);
	return e;
}

/* ---- its answer ---- */

static bool refuse(struct exchange *x, const char *type, const char *message)
{
	ASSERT(type != NULL);
	gateway_answer(x, type, message);
	return false;
}

static bool unauthorized(struct exchange *x) { return refuse(x, "UNAUTHORIZED", "Unauthorized"); }

/* Context values go on as text. */
static bool take_context(struct exchange *x, const struct json *answer)
{
	struct arena *a = x->c->arena;
	const struct json *context = json_get(answer, S("context"));
	x->authorizer = json_new_object(a);
	x->principal_id = json_get_str(answer, "principalId");
	json_set_str(a, x->authorizer, "principalId", str_present(x->principal_id) ? x->principal_id : S(""));
	for (uint32_t i = 0; json_is(context, JSON_OBJECT) && i < context->n; i++) {
		const struct json *v = &context->members[i].value;
		if (v->type == JSON_ARRAY || v->type == JSON_OBJECT)
			return false;
		if (v->type != JSON_NULL)
			json_set(a, x->authorizer, context->members[i].key, json_new_str(a, v->type == JSON_STRING ? v->text : json_text(a, v)));
	}
	if (str_present(json_get_str(answer, "usageIdentifierKey")))
		x->usage_key = json_get_str(answer, "usageIdentifierKey");
	return true;
}

static bool allowed(struct exchange *x, const struct json *document, struct str arn)
{
	struct arena *a = x->c->arena;
	struct str why = STR_NONE;
	struct policy *policy = policy_parse(a, json_text(a, document), POLICY_IDENTITY, &why);
	if (policy == NULL)
		return refuse(x, "AUTHORIZER_CONFIGURATION_ERROR", NULL);
	const struct principal who = {.type = PRINCIPAL_USER, .account = x->c->account, .name = x->principal_id,
		.arn = arena_printf(a, "arn:aws:iam::%.*s:user/%.*s", STR_ARG(x->c->account), STR_ARG(x->principal_id))};
	const struct condition_key ip = {S("aws:SourceIp"), &x->c->source_ip, 1};
	const struct policy_request r = {.who = &who, .action = S("execute-api:Invoke"), .resource = arn, .resource_account = x->c->account,
		.keys = &ip, .n_keys = 1};
	const struct policy_input in = {.identity = {&policy, 1}};
	struct verdict v = policy_evaluate(a, &r, &in);
	if (v.decision == DECISION_ALLOW)
		return true;
	return refuse(x, "ACCESS_DENIED", v.decision == DECISION_EXPLICIT_DENY
		? "User is not authorized to access this resource with an explicit deny in an identity-based policy"
		: "User is not authorized to access this resource");
}

static bool judge(struct exchange *x, struct str text, struct str method_arn)
{
	const struct json *answer = json_parse(x->c->arena, text, NULL), *document = json_get(answer, S("policyDocument"));
	if (!json_is(document, JSON_OBJECT) || !str_present(json_get_str(answer, "principalId"))) {
		if (str_eq(json_get_str(answer, "errorMessage"), S("Unauthorized")))
			return unauthorized(x);
		return refuse(x, json_get(answer, S("errorType")) != NULL ? "AUTHORIZER_FAILURE" : "AUTHORIZER_CONFIGURATION_ERROR", NULL);
	}
	if (!take_context(x, answer))
		return refuse(x, "AUTHORIZER_CONFIGURATION_ERROR", NULL);
	return allowed(x, document, method_arn);
}

static const struct apigateway_Authorizer *authorizer_of(const struct exchange *x)
{
	for (uint32_t i = 0; i < x->deployment->Authorizers.n; i++) {
		const struct apigateway_Authorizer *a = LIST_AT(x->deployment->Authorizers, struct apigateway_Authorizer, i);
		if (str_eq(a->id, x->method->authorizerId))
			return a;
	}
	return NULL;
}

/* The kept answer. false: parked. */
static bool kept_answer(struct exchange *x, struct str name, struct str *out)
{
	const struct look_arg arg = {arena_dup(call_keep(x->c), name)};
	const struct answer *a = call_await(x->c, look, &arg, sizeof arg, INT64_MAX);
	if (a == NULL) {
		x->parked = true;
		return false;
	}
	*out = a->ok ? a->bytes : STR_NONE;
	return true;
}

bool admit_by_authorizer(struct exchange *x, struct str method_arn)
{
	struct call *c = x->c;
	const struct apigateway_Authorizer *a = authorizer_of(x);
	if (a == NULL)
		return refuse(x, "AUTHORIZER_CONFIGURATION_ERROR", NULL);
	struct buf name;
	struct str token = STR_NONE, text = STR_NONE;
	buf_init(&name, c->arena, 65536);
	buf_printf(&name, "%.*s/%.*s/%.*s/", STR_ARG(x->api), STR_ARG(x->stage_name), STR_ARG(a->id));
	bool identified = identity_of(x, a, &name, &token), token_kind = str_eq(a->type, S("TOKEN"));
	int64_t ttl = a->authorizerResultTtlInSeconds.v;
	if (!identified && (token_kind || ttl > 0))
		return unauthorized(x);
	const struct pattern *p = str_present(a->identityValidationExpression) && a->identityValidationExpression.n > 0
		? pattern_of_client(x->c->arena, a->identityValidationExpression) : NULL;
	if (token_kind && p != NULL && !pattern_matches(p, token))
		return unauthorized(x);
	if (ttl > 0 && !kept_answer(x, buf_view(&name), &text))
		return false;
	if (!str_present(text)) {
		struct wire_error error = {0};
		struct str source = execute_api_arn(c, x->api, arena_join(c->arena, S("authorizers/"), a->id));
		struct str payload = json_text(c->arena, event_of(x, a, token, method_arn));
		if (!invoke_function(x, a->authorizerUri, a->authorizerCredentials, source, payload, &text, &error))
			return x->parked ? false : refuse(x, "AUTHORIZER_CONFIGURATION_ERROR", NULL);
		if (ttl > 0 && json_get(json_parse(c->arena, text, NULL), S("policyDocument")) != NULL)
			leave(c, store, buf_view(&name), text)->until_ms = c->now_ms + ttl * 1000;
	}
	return judge(x, text, method_arn);
}
