/* To web servers: a notification as a POST, and how often one that was not taken is tried again.
 *
 * A subscription's DeliveryPolicy wins over its topic's, unless that forbids it. An answer of 2xx within 15 seconds is success; no answer,
 * 1xx, 429 and 5xx are tried again by the policy; any other answer is final.
 * Source: "HTTP/HTTPS headers", "Creating an HTTP/S delivery policy" and "Amazon SNS message delivery retries" (SNS Developer Guide). How
 * the four back-off functions curve AWS shows by a picture only; they are told where they are reckoned. */
#include "sns.h"

#include "svc/fetch.h"

#include <math.h>

enum { ANSWER_MS = 15000, RETRIES_MAX = 100, DELAY_MAX_S = 3600, TOTAL_MAX_S = 3600, URL_MAX = 2048 };

bool is_web(const struct sns_SubscriptionRecord *r) { return str_eq(r->Protocol, S("http")) || str_eq(r->Protocol, S("https")); }

bool web_endpoint_ok(struct call *c, struct str protocol, struct str endpoint)
{
	struct str scheme = arena_join(c->arena, protocol, S("://"));
	bool fits = str_starts(endpoint, scheme) && endpoint.n > scheme.n && endpoint.n <= URL_MAX;
	for (size_t i = 0; fits && i < endpoint.n; i++)
		fits = endpoint.p[i] > ' ' && endpoint.p[i] < 127;
	return fits || fail_parameter(c, "Endpoint must match the specified protocol");
}

/* ---- the policy ---- */

struct retry_policy { int64_t min_s, max_s, retries, at_once, at_min, at_max; struct str curve; };

static struct retry_policy policy_of(const struct json *j)
{
	struct retry_policy p = {.min_s = json_get_i64(j, "minDelayTarget", 20), .max_s = json_get_i64(j, "maxDelayTarget", 20),
		.retries = json_get_i64(j, "numRetries", 3), .at_once = json_get_i64(j, "numNoDelayRetries", 0),
		.at_min = json_get_i64(j, "numMinDelayRetries", 0), .at_max = json_get_i64(j, "numMaxDelayRetries", 0),
		.curve = json_get_str(j, "backoffFunction")};
	if (!str_present(p.curve))
		p.curve = S("linear");
	return p;
}

/* Between min_s at i = 0 and max_s at i = n - 1: evenly; by steps that grow evenly; by a constant factor; by doubled steps. */
static double backoff_s(const struct retry_policy *p, int64_t i, int64_t n)
{
	ASSERT(i >= 0 && i < n && p->min_s <= p->max_s);
	double low = (double)p->min_s, high = (double)p->max_s, x = n > 1 ? (double)i / (double)(n - 1) : 0;
	if (str_eq(p->curve, S("arithmetic")))
		return low + (high - low) * x * ((double)i + 1) / (double)n;
	if (str_eq(p->curve, S("geometric")))
		return low * pow(high / low, x);
	if (str_eq(p->curve, S("exponential")) && n > 1)
		return low + (high - low) * (exp2((double)i) - 1) / (exp2((double)(n - 1)) - 1);
	return low + (high - low) * x;
}

/* Before the i-th time again. */
static double delay_s(const struct retry_policy *p, int64_t i)
{
	ASSERT(i >= 0 && i < p->retries);
	int64_t curved = p->retries - p->at_once - p->at_min - p->at_max;
	if (i < p->at_once)
		return 0;
	i -= p->at_once;
	if (i < p->at_min)
		return (double)p->min_s;
	i -= p->at_min;
	return i < curved ? backoff_s(p, i, curved) : (double)p->max_s;
}

static bool retry_policy_ok(struct call *c, const struct json *j)
{
	static const char *const curves[] = {"linear", "arithmetic", "geometric", "exponential"};
	static const char *const names[] = {"minDelayTarget", "maxDelayTarget", "numRetries", "numNoDelayRetries", "numMinDelayRetries",
		"numMaxDelayRetries"};
	struct retry_policy p = policy_of(j);
	double total = 0;
	bool known = false;
	int64_t v;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (json_get(j, str_c(names[i])) != NULL && (!json_to_i64(json_get(j, str_c(names[i])), &v) || v < 0 || v > DELAY_MAX_S))
			return fail_parameter(c, "DeliveryPolicy: healthyRetryPolicy.%s must be a whole number that is not too large", names[i]);
	for (size_t i = 0; i < COUNT_OF(curves); i++)
		known |= str_eq(p.curve, str_c(curves[i]));
	if (!known)
		return fail_parameter(c, "DeliveryPolicy: healthyRetryPolicy.backoffFunction must be one of linear, arithmetic, geometric, exponential");
	if (p.min_s < 1 || p.min_s > p.max_s)
		return fail_parameter(c, "DeliveryPolicy: healthyRetryPolicy.minDelayTarget must be between 1 and maxDelayTarget");
	if (p.retries > RETRIES_MAX)
		return fail_parameter(c, "DeliveryPolicy: healthyRetryPolicy.numRetries must be less than or equal to %d", RETRIES_MAX);
	if (p.at_once + p.at_min + p.at_max > p.retries)
		return fail_parameter(c, "DeliveryPolicy: healthyRetryPolicy.numRetries must be greater than or equal to the sum of numMinDelayRetries, "
			"numNoDelayRetries and numMaxDelayRetries");
	for (int64_t i = 0; i < p.retries; i++)
		total += delay_s(&p, i);
	return total <= TOTAL_MAX_S || fail_parameter(c, "DeliveryPolicy: the total time of all retries must not exceed %d seconds", TOTAL_MAX_S);
}

static bool known_members(struct call *c, const struct json *j, const char *const *names)
{
	for (uint32_t i = 0; i < j->n; i++) {
		bool known = false;
		for (const char *const *name = names; *name != NULL; name++)
			known |= str_eq(j->members[i].key, str_c(*name));
		if (str_ends(j->members[i].key, S("hrottlePolicy")) && j->members[i].value.type == JSON_OBJECT && j->members[i].value.n > 0) {
			call_unsupported(c, "the %.*s of a delivery policy", STR_ARG(j->members[i].key));
			return false;
		}
		if (!known)
			return fail_parameter(c, "DeliveryPolicy: unexpected member %.*s", STR_ARG(j->members[i].key));
	}
	return true;
}

/* A value of a header, so no more than one line. */
static bool content_type_ok(struct call *c, const struct json *request)
{
	struct str v = json_get_str(request, "headerContentType");
	bool ok = json_get(request, S("headerContentType")) == NULL || (str_present(v) && v.n < 128 && str_find(v, '/') > 0);
	for (size_t i = 0; str_present(v) && i < v.n; i++)
		ok = ok && v.p[i] >= ' ' && v.p[i] < 127;
	return ok || fail_parameter(c, "DeliveryPolicy: headerContentType is not a content type");
}

bool delivery_policy_ok(struct call *c, struct str text, bool of_topic)
{
	static const char *const own[] = {"healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed", NULL},
		*const topics[] = {"defaultHealthyRetryPolicy", "defaultSicklyRetryPolicy", "defaultThrottlePolicy", "defaultRequestPolicy",
		                   "disableSubscriptionOverrides", NULL};
	const struct json *j = json_parse(c->arena, text, NULL);
	if (of_topic && json_is(j, JSON_OBJECT))
		j = json_get(j, S("http"));
	if (!json_is(j, JSON_OBJECT))
		return fail_parameter(c, "DeliveryPolicy: failed to parse JSON");
	if (!known_members(c, j, of_topic ? topics : own))
		return false;
	const struct json *retry = json_get(j, of_topic ? S("defaultHealthyRetryPolicy") : S("healthyRetryPolicy"));
	if (retry != NULL && retry->type != JSON_NULL && (!json_is(retry, JSON_OBJECT) || !retry_policy_ok(c, retry)))
		return c->failed ? false : fail_parameter(c, "DeliveryPolicy: failed to parse JSON");
	return content_type_ok(c, json_get(j, of_topic ? S("defaultRequestPolicy") : S("requestPolicy")));
}

/* A part of the policy in force: the subscription's, else the topic's. NULL: neither says. */
static const struct json *part(struct arena *a, const struct notification *n, const char *own, const char *topics)
{
	const struct json *t = json_get(json_parse(a, attribute_get(&n->topic->rec->Attributes, "DeliveryPolicy"), NULL), S("http"));
	const struct json *s = json_parse(a, attribute_get(&n->sub->Attributes, "DeliveryPolicy"), NULL);
	const struct json *first = json_get_bool(t, "disableSubscriptionOverrides", false) ? NULL : json_get(s, str_c(own));
	return json_is(first, JSON_OBJECT) ? first : json_get(t, str_c(topics));
}

int64_t web_retry_after_ms(struct arena *a, const struct notification *n, int64_t attempts)
{
	ASSERT(is_web(n->sub) && attempts >= 0);
	struct retry_policy p = policy_of(part(a, n, "healthyRetryPolicy", "defaultHealthyRetryPolicy"));
	return attempts < p.retries ? (int64_t)(delay_s(&p, attempts) * 1000) : -1;
}

/* ---- the request ---- */

struct invoked post(struct call *c, const struct notification *n, bool raw)
{
	ASSERT(is_web(n->sub) && str_present(n->text));
	bool asks = n->sub->Token.n > 0;
	struct str type = json_get_str(part(c->arena, n, "requestPolicy", "defaultRequestPolicy"), "headerContentType");
	struct param headers[8];
	size_t count = 0;
	headers[count++] = (struct param){S("x-amz-sns-message-type"), asks ? S("SubscriptionConfirmation") : S("Notification"), true};
	headers[count++] = (struct param){S("x-amz-sns-message-id"), n->message->Id, true};
	headers[count++] = (struct param){S("x-amz-sns-topic-arn"), n->topic->arn, true};
	headers[count++] = (struct param){S("Content-Type"), !asks && str_present(type) ? type : S("text/plain; charset=UTF-8"), true};
	headers[count++] = (struct param){S("User-Agent"), S("Amazon Simple Notification Service Agent"), true};
	if (!asks)
		headers[count++] = (struct param){S("x-amz-sns-subscription-arn"), n->sub->Arn, true};
	if (raw)
		headers[count++] = (struct param){S("x-amz-sns-rawdelivery"), S("true"), true};
	const struct fetched *f = fetch(c, &(struct fetch){.method = S("POST"), .url = n->sub->Endpoint, .headers = headers, .n_headers = count,
		.body = raw ? n->text : envelope_document(c, n), .deadline_ms = c->started_ms + ANSWER_MS});
	if (f == NULL)
		return (struct invoked){.parked = true};
	if (f->ok && f->status >= 200 && f->status < 300)
		return (struct invoked){.ok = true};
	bool final = f->ok && f->status >= 300 && f->status < 500 && f->status != 429;
	return (struct invoked){.error = {.code = f->ok ? arena_printf(c->arena, "%d", f->status) : f->timed_out ? S("Timeout") : S("ConnectionError"),
		.message = f->ok ? S("The endpoint did not take the notification") : f->why, .status = final ? 400 : 503}};
}
