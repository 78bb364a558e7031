/* After the answer: CloudWatch metrics of the API and its stage, and the line of the access log.
 *
 * A line is written by a call of its own, behind the answer, as the role of the account's settings; what that role may not
 * write is lost, as on AWS.
 * Source: "Amazon API Gateway dimensions and metrics" (developer guide). Metrics are kept by API and by API and stage. */
#include "serve.h"

#include "telemetry/log.h"
#include "telemetry/metric.h"

#include <stdlib.h>

struct served {
	int64_t at_ms;
	double latency_ms;
	int status;
	bool integrated;
	struct str account, region, api, stage; /* behind this struct */
	char text[];
};

static void add(const struct served *s, const char *name, double value, const char *unit)
{
	struct metric_dim dims[2] = {{S("ApiName"), s->api}, {S("Stage"), s->stage}};
	metric_add(s->account, s->region, S("AWS/ApiGateway"), str_c(name), dims, 1, value, unit, s->at_ms);
	metric_add(s->account, s->region, S("AWS/ApiGateway"), str_c(name), dims, 2, value, unit, s->at_ms);
}

static void count(void *block)
{
	const struct served *s = block;
	add(s, "Count", 1, "Count");
	add(s, "4XXError", s->status >= 400 && s->status < 500 ? 1 : 0, "Count");
	add(s, "5XXError", s->status >= 500 ? 1 : 0, "Count");
	add(s, "Latency", s->latency_ms, "Milliseconds");
	if (s->integrated)
		add(s, "IntegrationLatency", s->latency_ms, "Milliseconds");
}

static char *keep(char *at, struct str from, struct str *to)
{
	memcpy(at, from.p != NULL ? from.p : "", from.n);
	*to = str_of(at, from.n);
	return at + from.n;
}

/* ---- access logs ---- */

struct line { int64_t at_ms; struct str account, region, role, group, stream, message; char text[]; };

/* true: written, or not to be tried again. */
static bool put_line(struct call *c, const struct line *l, const struct invoke_options *o)
{
	struct arena *a = c->arena;
	struct json *in = json_new_object(a), *events = json_new_array(a), *event = json_push(a, events, json_new_object(a));
	json_set_i64(a, event, "timestamp", l->at_ms);
	json_set_str(a, event, "message", l->message);
	json_set_str(a, in, "logGroupName", l->group);
	json_set_str(a, in, "logStreamName", l->stream);
	json_set(a, in, S("logEvents"), events);
	struct invoked i = invoke(c, "logs", "PutLogEvents", in, o);
	if (!i.ok && !str_eq(i.error.code, S("ResourceNotFoundException")))
		log_warn("apigateway: the access log %.*s is not written: %.*s", STR_ARG(l->group), STR_ARG(i.error.message));
	return i.ok || !str_eq(i.error.code, S("ResourceNotFoundException"));
}

static void write_line(struct call *c)
{
	const struct line *l = c->user;
	ASSERT(str_present(l->role) && str_present(l->group) && str_present(l->stream));
	const struct principal *who = assume_role(c, l->role, "apigateway.amazonaws.com", S("AccessLogs"), true);
	if (who == NULL) {
		log_warn("apigateway: the access log %.*s is not written: %.*s cannot be assumed", STR_ARG(l->group), STR_ARG(l->role));
		return;
	}
	const struct invoke_options o = {.who = who};
	if (put_line(c, l, &o))
		return;
	struct json *in = json_new_object(c->arena);
	json_set_str(c->arena, in, "logGroupName", l->group);
	(void)invoke(c, "logs", "CreateLogGroup", in, &o); /* there already, mostly */
	json_set_str(c->arena, in, "logStreamName", l->stream);
	if (invoke(c, "logs", "CreateLogStream", in, &o).ok)
		put_line(c, l, &o);
}

static void line_done(void *arg, const struct wire_error *error)
{
	(void)error;
	free(arg);
}

/* The block is freed after this; the line lives until it is written. */
static void copy_and_submit(void *block)
{
	const struct line *from = block;
	const struct str *parts[] = {&from->account, &from->region, &from->role, &from->group, &from->stream, &from->message};
	size_t n = 0;
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		n += parts[i]->n;
	struct line *l = malloc(sizeof *l + n);
	if (l == NULL)
		die("out of memory");
	*l = *from;
	struct str *to[] = {&l->account, &l->region, &l->role, &l->group, &l->stream, &l->message};
	char *at = l->text;
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		at = keep(at, *parts[i], to[i]);
	const struct submit s = {.service = service_find(S("apigateway")), .account = l->account, .region = l->region, .run = write_line,
		.write = true, .arg = l, .done = line_done};
	call_submit(&s);
}

static void log_access(struct exchange *x)
{
	struct call *c = x->c;
	const struct apigateway_AccessLogSettings *settings = x->stage->accessLogSettings;
	if (settings == NULL || settings->destinationArn.n == 0 || settings->format.n == 0)
		return;
	const struct apigateway_Account *account = call_get(c, call_key(c, "account"), &apigateway_shape_Account);
	ptrdiff_t at = str_find_str(settings->destinationArn, S(":log-group:"));
	if (account == NULL || account->cloudwatchRoleArn.n == 0 || at < 0)
		return;
	struct str group = str_slice(settings->destinationArn, (size_t)at + 11, settings->destinationArn.n);
	if (str_ends(group, S(":*")))
		group.n -= 2;
	struct str stream = md5_hex(c->arena, arena_join(c->arena, x->api, S("/"), x->stage_name));
	struct str message = substitute(x, settings->format, S("-"));
	size_t n = c->account.n + c->region.n + account->cloudwatchRoleArn.n + group.n + stream.n + message.n;
	struct line *l = call_effect(c, copy_and_submit, sizeof *l + n);
	l->at_ms = c->now_ms;
	char *end = keep(keep(l->text, c->account, &l->account), c->region, &l->region);
	end = keep(keep(end, account->cloudwatchRoleArn, &l->role), group, &l->group);
	keep(keep(end, stream, &l->stream), message, &l->message);
}

void record_served(struct exchange *x)
{
	ASSERT(x->stage != NULL && x->deployment != NULL && x->status > 0);
	log_access(x);
	struct call *c = x->c;
	struct str api = x->deployment->Api->name;
	struct served *s = call_effect(c, count, sizeof *s + c->account.n + c->region.n + api.n + x->stage_name.n);
	s->at_ms = c->now_ms;
	s->latency_ms = (double)(c->now_ms - c->started_ms);
	s->status = x->status;
	s->integrated = x->integration_status > 0;
	char *at = keep(keep(s->text, c->account, &s->account), c->region, &s->region);
	keep(keep(at, api, &s->api), x->stage_name, &s->stage);
}
