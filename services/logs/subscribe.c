/* Subscription filters: what is put into a group and matches goes to a Lambda function or a Kinesis stream, packed as AWS packs it.
 *
 * What always holds: a delivery is an asynchronous invocation made in the transaction of the put, so an event that is acknowledged is
 * on its way; a stored pattern parses and a stored destination is a function's or a stream's ARN, for the put of the filter has let it in.
 * Source: "Real-time processing of log data with subscriptions" (CloudWatch Logs User Guide), PutSubscriptionFilter (API Reference). */
#include "logs.h"

#include "base/enc.h"
#include "svc/arn.h"
#include "svc/measure.h"
#include "svc/page.h"

enum { SUBSCRIPTIONS_PER_GROUP = 2, PAYLOAD_MAX = 200 * 1024 };

static struct key *subscription_key(struct call *c, struct str group, struct str name)
{
	return key_str(key_str(call_key(c, "sub"), group), name);
}

void access_subscription(struct call *c)
{
	access_group(c, call_input_text(c, "logGroupName"));
}

/* ---- to the function ---- */

static struct invoked call_function(struct call *c, struct str group, const struct arn *to, struct str function, const char *how, struct str payload)
{
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "FunctionName", function);
	json_set_str(c->arena, in, "InvocationType", str_c(how));
	json_set_str(c->arena, in, "Payload", base64_encode(c->arena, payload));
	struct str source = arena_join(c->arena, group_arn(c, group), S(":*")); /* as functions' policies name the caller's group */
	const struct invoke_options o = {.who = service_principal(c, "logs.amazonaws.com", source), .account = to->account, .region = to->region};
	return invoke(c, "lambda", "Invoke", in, &o);
}

static bool to_kinesis(const struct logs_SubscriptionFilter *f)
{
	struct arn to;
	return arn_parse(f->destinationArn, &to) && str_eq(to.service, S("kinesis"));
}

static void count(struct call *c, const struct logs_SubscriptionFilter *f, const char *name, double value, const char *unit)
{
	ASSERT(str_present(f->filterName) && str_present(f->logGroupName));
	const struct metric_dim dims[] = {{S("DestinationType"), to_kinesis(f) ? S("Kinesis") : S("Lambda")}, {S("FilterName"), f->filterName},
		{S("LogGroupName"), f->logGroupName}};
	measure(c, &(struct measure){.ns = S("AWS/Logs"), .name = str_c(name), .dims = dims, .n_dims = COUNT_OF(dims), .value = value, .unit = unit});
}

/* The gzipped message of n events. */
static struct str message_of(struct call *c, const struct logs_SubscriptionFilter *f, const struct put *p, const uint32_t *which, size_t n)
{
	struct buf b;
	struct jw w;
	buf_init(&b, c->arena, 0);
	jw_init(&w, &b);
	jw_begin_object(&w);
	jw_kv_str(&w, "messageType", S("DATA_MESSAGE"));
	jw_kv_str(&w, "owner", c->account);
	jw_kv_str(&w, "logGroup", f->logGroupName);
	jw_kv_str(&w, "logStream", p->stream);
	jw_key(&w, S("subscriptionFilters"));
	jw_begin_array(&w);
	jw_str(&w, f->filterName);
	jw_end_array(&w);
	jw_key(&w, S("logEvents"));
	jw_begin_array(&w);
	for (size_t i = 0; i < n; i++) {
		const struct logs_InputLogEvent *e = &p->events[which[i]];
		jw_begin_object(&w);
		jw_kv_str(&w, "id", event_id(c->arena, e->timestamp.v, p->serials[which[i]]));
		jw_key(&w, S("timestamp"));
		jw_i64(&w, e->timestamp.v);
		jw_kv_str(&w, "message", e->message);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_end_object(&w);
	return gzip_compress(c->arena, buf_view(&b));
}

/* What is too much for one invocation goes in halves. */
static void deliver(struct call *c, const struct logs_SubscriptionFilter *f, const struct put *p, const uint32_t *which, size_t n)
{
	struct arn to;
	bool ok = arn_parse(f->destinationArn, &to);
	ASSERT(ok && n > 0);
	struct str gzipped = message_of(c, f, p, which, n);
	struct str payload = arena_join(c->arena, S("{\"awslogs\": {\"data\": \""), base64_encode(c->arena, gzipped), S("\"}}"));
	if (payload.n > PAYLOAD_MAX && n > 1) {
		deliver(c, f, p, which, n / 2);
		deliver(c, f, p, which + n / 2, n - n / 2);
		return;
	}
	if (to_kinesis(f)) {
		bool sent = kinesis_deliver(c, f, p->stream, gzipped);
		count(c, f, sent ? "ForwardedLogEvents" : "DeliveryThrottling", (double)n, "Count");
		if (sent)
			count(c, f, "ForwardedBytes", (double)gzipped.n, "Bytes");
		return;
	}
	struct invoked i = call_function(c, f->logGroupName, &to, f->destinationArn, "Event", payload);
	ASSERT(!i.parked); /* an asynchronous invocation only writes */
	count(c, f, i.ok ? "ForwardedLogEvents" : "DeliveryErrors", (double)n, "Count");
	if (i.ok)
		count(c, f, "ForwardedBytes", (double)payload.n, "Bytes");
}

static void apply(struct call *c, const struct logs_SubscriptionFilter *f, const struct put *p)
{
	const char *why;
	const struct log_filter *filter = log_filter_parse(c->arena, f->filterPattern, &why);
	uint32_t *which = arena_array(c->arena, uint32_t, p->n);
	size_t n = 0;
	ASSERT(filter != NULL);
	for (uint32_t i = 0; i < p->n; i++)
		if (log_filter_matches(filter, c->arena, p->events[i].message))
			which[n++] = i;
	if (n > 0)
		deliver(c, f, p, which, n);
}

void subscriptions_apply(struct call *c, const struct put *p)
{
	struct str key, value;
	ASSERT(p->n == 0 || (p->events != NULL && p->serials != NULL));
	struct scan *s = call_scan(c, key_str(call_key(c, "sub"), p->group), STR_NONE, false);
	while (p->n > 0 && scan_next(s, &key, &value))
		apply(c, record_decode(c, &logs_shape_SubscriptionFilter, value), p);
	scan_close(s);
}

/* ---- operations ---- */

static bool destination_ok(struct call *c, struct str group, struct str text, struct str role_arn)
{
	struct arn to;
	if (!arn_parse(text, &to)) {
		call_fail(c, &logs_err_InvalidParameterException, "destinationArn is not an ARN.");
		return false;
	}
	if (str_eq(to.service, S("kinesis")) && str_starts(to.resource, S("stream/")))
		return kinesis_destination_ok(c, text, role_arn);
	if (!str_eq(to.service, S("lambda"))) {
		call_unsupported(c, "subscription filters to %.*s", STR_ARG(to.service));
		return false;
	}
	/* AWS tries the function, too, before it takes the filter. */
	struct invoked i = call_function(c, group, &to, text, "DryRun", S("{}"));
	if (!i.ok && !i.parked)
		call_fail(c, &logs_err_InvalidParameterException, "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
			"permission to execute your function.");
	return i.ok;
}

static size_t subscriptions_count(struct call *c, struct str group)
{
	size_t n = 0;
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "sub"), group), STR_NONE, false);
	while (scan_next(s, &key, &value))
		n++;
	scan_close(s);
	return n;
}

void op_put_subscription_filter(struct call *c)
{
	const struct logs_PutSubscriptionFilterRequest *in = c->in;
	const char *why = NULL;
	if (in->applyOnTransformedLogs.v || str_present(in->fieldSelectionCriteria) || in->emitSystemFields.n > 0) {
		call_unsupported(c, "subscription filters on transformed logs or system fields");
		return;
	}
	if (log_filter_parse(c->arena, in->filterPattern, &why) == NULL) {
		call_fail(c, &logs_err_InvalidParameterException, "Invalid filter pattern: %s", why);
		return;
	}
	if (group_need(c, in->logGroupName) == NULL || !destination_ok(c, in->logGroupName, in->destinationArn, in->roleArn))
		return;
	struct key *k = subscription_key(c, in->logGroupName, in->filterName);
	if (!txn_has(c->txn, key_bytes(k)) && subscriptions_count(c, in->logGroupName) >= SUBSCRIPTIONS_PER_GROUP) {
		call_fail(c, &logs_err_LimitExceededException, "Resource limit exceeded.");
		return;
	}
	const struct logs_SubscriptionFilter f = {.filterName = in->filterName, .logGroupName = in->logGroupName, .filterPattern = in->filterPattern,
		.destinationArn = in->destinationArn, .roleArn = in->roleArn, .creationTime = SOME_I64(c->now_ms),
		.distribution = str_present(in->distribution) ? in->distribution : S("ByLogStream")};
	call_put(c, k, &logs_shape_SubscriptionFilter, &f);
}

void op_describe_subscription_filters(struct call *c)
{
	const struct logs_DescribeSubscriptionFiltersRequest *in = c->in;
	struct logs_DescribeSubscriptionFiltersResponse *out = c->out;
	struct str after, key, value;
	if (!page_position(c->arena, in->nextToken, &after)) {
		call_fail(c, &logs_err_InvalidParameterException, "The specified nextToken is invalid.");
		return;
	}
	if (group_need(c, in->logGroupName) == NULL)
		return;
	uint32_t limit = in->limit.set ? (uint32_t)in->limit.v : 50;
	out->subscriptionFilters = LIST_OF(c->arena, struct logs_SubscriptionFilter, limit);
	out->subscriptionFilters.n = 0;
	struct scan *s = call_scan(c, key_str(call_key(c, "sub"), in->logGroupName), after, false);
	while (scan_next(s, &key, &value)) {
		const struct logs_SubscriptionFilter *f = record_decode(c, &logs_shape_SubscriptionFilter, value);
		if (str_present(in->filterNamePrefix) && !str_starts(f->filterName, in->filterNamePrefix))
			continue;
		if (out->subscriptionFilters.n == limit) {
			out->nextToken = page_token(c->arena, after);
			break;
		}
		after = arena_dup(c->arena, key);
		((struct logs_SubscriptionFilter *)out->subscriptionFilters.v)[out->subscriptionFilters.n++] = *f;
	}
	scan_close(s);
}

void op_delete_subscription_filter(struct call *c)
{
	const struct logs_DeleteSubscriptionFilterRequest *in = c->in;
	if (group_need(c, in->logGroupName) == NULL)
		return;
	struct key *k = subscription_key(c, in->logGroupName, in->filterName);
	if (txn_has(c->txn, key_bytes(k)))
		call_del(c, k);
	else
		call_fail(c, &logs_err_ResourceNotFoundException, "The specified subscription filter does not exist.");
}
