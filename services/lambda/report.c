/* The lines that Lambda itself writes into a function's log, and its metrics.
 *
 * Source of the lines: logs of real functions (INIT_START, START, END, REPORT); of the metrics: "Types of metrics for
 * Lambda functions" (developer guide). */
#include "engine.h"

#include "base/time.h"
#include "os/os.h"
#include "telemetry/metric.h"

#include <stdio.h>

static void metric(const struct engine_call *k, const char *name, double value, const char *unit)
{
	ASSERT(k->function.n > 0 && k->account.n > 0 && k->region.n > 0);
	struct str ns = S("AWS/Lambda"), text = str_c(name);
	int64_t now = clock_now_ms();
	const struct metric_dim dims[] = {{S("FunctionName"), k->function}, {S("Resource"), k->resource}};
	metric_add(k->account, k->region, ns, text, NULL, 0, value, unit, now);
	metric_add(k->account, k->region, ns, text, dims, 1, value, unit, now);
	metric_add(k->account, k->region, ns, text, dims, 2, value, unit, now);
}

void report_async(struct str account, struct str region, struct str function, const char *name, double value, const char *unit)
{
	const struct engine_call k = {.account = account, .region = region, .function = function, .resource = function};
	metric(&k, name, value, unit);
}

void report_throttle(const struct engine_call *k) { metric(k, "Throttles", 1, "Count"); }

void report_concurrency(const struct engine_call *k, size_t function_running)
{
	ASSERT(function_running > 0 && function_running <= engine.running);
	struct str ns = S("AWS/Lambda"), name = S("ConcurrentExecutions");
	const struct metric_dim dim = {S("FunctionName"), k->function};
	metric_add(k->account, k->region, ns, name, NULL, 0, (double)engine.running, "Count", clock_now_ms());
	metric_add(k->account, k->region, ns, name, &dim, 1, (double)function_running, "Count", clock_now_ms());
}

static void line(struct instance *i, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void line(struct instance *i, const char *fmt, ...)
{
	ASSERT(i->log != NULL);
	struct arena *a = arena_new(512);
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(a, fmt, ap);
	va_end(ap);
	log_line(i->log, text);
	arena_free(a);
}

/* ---- in JSON: "Lambda Telemetry API Event schema reference" (developer guide) ---- */

static bool in_json(const struct instance *i) { return str_eq(i->plan->config->LoggingConfig->LogFormat, S("JSON")); }

/* At a system log level of WARN only what went wrong is told. */
typedef struct json *record_of(struct arena *a, struct instance *i, const void *arg);
static void json_event(struct instance *i, const char *type, record_of *fill, const void *arg, bool wrong)
{
	if (str_eq(i->plan->config->LoggingConfig->SystemLogLevel, S("WARN")) && !wrong)
		return;
	struct arena *a = arena_new(1024);
	struct json *o = json_new_object(a);
	json_set_str(a, o, "time", time_iso8601_ms(a, clock_now_ms()));
	json_set_str(a, o, "type", str_c(type));
	json_set(a, o, S("record"), fill(a, i, arg));
	line(i, "%.*s\n", STR_ARG(json_text(a, o)));
	arena_free(a);
}

/* ---- the start of a sandbox ---- */

/* AWS names its own build, "python:3.12.v38"; this names what really runs. */
static struct str runtime_version(struct arena *a, const struct instance *i)
{
	struct str runtime = i->plan->config->Runtime;
	struct interpreter in;
	if (str_starts(runtime, S("provided")) || !interpreter_find(runtime, &in))
		return arena_join(a, S("provided:"), str_slice(runtime, runtime.n > 9 ? 9 : runtime.n, runtime.n));
	return arena_printf(a, "%s:%s", str_starts(runtime, S("python")) ? "python" : "nodejs", in.version);
}

static struct str runtime_arn(struct arena *a, const struct instance *i)
{
	return arena_printf(a, "arn:aws:lambda:%.*s::runtime:tsubo", STR_ARG(i->plan->region));
}

static struct json *init_start_record(struct arena *a, struct instance *i, const void *arg)
{
	(void)arg;
	struct json *o = json_new_object(a);
	json_set_str(a, o, "initializationType", S("on-demand"));
	json_set_str(a, o, "phase", S("init"));
	json_set_str(a, o, "runtimeVersion", runtime_version(a, i));
	json_set_str(a, o, "runtimeVersionArn", runtime_arn(a, i));
	json_set_str(a, o, "functionName", i->plan->name);
	json_set_str(a, o, "functionVersion", i->plan->version);
	return o;
}

void report_init_start(struct instance *i)
{
	if (in_json(i)) {
		json_event(i, "platform.initStart", init_start_record, NULL, false);
		return;
	}
	struct arena *a = arena_new(512);
	line(i, "INIT_START Runtime Version: %.*s\tRuntime Version ARN: %.*s\n", STR_ARG(runtime_version(a, i)), STR_ARG(runtime_arn(a, i)));
	arena_free(a);
}

/* ---- an invocation ---- */

static struct json *start_record(struct arena *a, struct instance *i, const void *arg)
{
	(void)arg;
	struct json *o = json_new_object(a);
	json_set_str(a, o, "requestId", i->inv->call.request_id);
	json_set_str(a, o, "version", i->inv->call.version);
	return o;
}

void report_start(struct instance *i)
{
	ASSERT(i->inv != NULL);
	if (in_json(i))
		json_event(i, "platform.start", start_record, NULL, false);
	else
		line(i, "START RequestId: %.*s Version: %.*s\n", STR_ARG(i->inv->call.request_id), STR_ARG(i->inv->call.version));
}

/* What an invocation has taken. */
struct taken { double ms, init_ms; int64_t billed_ms, memory_mb; uint64_t peak_mb; const char *status, *error_type; bool error; };

static struct taken taken_by(struct instance *i, const char *status, const char *error_type)
{
	struct taken t = {.ms = (double)(os.monotonic_us() - i->inv->started_us) / 1000.0, .init_ms = i->init_ms,
		.memory_mb = i->plan->config->MemorySize.v, .status = status, .error_type = error_type};
	if (i->timed_out)
		t.ms = (double)i->plan->config->Timeout.v * 1000;
	t.billed_ms = (int64_t)t.ms + ((double)(int64_t)t.ms < t.ms);
	ASSERT(t.ms >= 0 && (double)t.billed_ms >= t.ms);
	uint64_t peak = i->process != NULL ? process_memory_peak(i->process) : 0;
	t.peak_mb = (peak + (1 << 20) - 1) >> 20;
	if ((int64_t)t.peak_mb > t.memory_mb)
		t.peak_mb = (uint64_t)t.memory_mb;
	return t;
}

static struct json *report_record(struct arena *a, struct instance *i, const void *arg)
{
	const struct taken *t = arg;
	struct json *o = json_new_object(a), *m = json_new_object(a);
	json_set_str(a, o, "requestId", i->inv->call.request_id);
	json_set(a, m, S("durationMs"), json_new_number(a, arena_printf(a, "%.3f", t->ms)));
	json_set_i64(a, m, "billedDurationMs", t->billed_ms);
	json_set_i64(a, m, "memorySizeMB", t->memory_mb);
	json_set_i64(a, m, "maxMemoryUsedMB", (int64_t)t->peak_mb);
	if (t->init_ms > 0)
		json_set(a, m, S("initDurationMs"), json_new_number(a, arena_printf(a, "%.3f", t->init_ms)));
	json_set(a, o, S("metrics"), m);
	json_set_str(a, o, "status", t->status != NULL ? str_c(t->status) : t->error ? S("error") : S("success"));
	if (t->error_type != NULL)
		json_set_str(a, o, "errorType", str_c(t->error_type));
	return o;
}

static void report_text(struct instance *i, const struct taken *t)
{
	const struct str id = i->inv->call.request_id;
	char init[60] = "", ended[120] = "";
	if (t->init_ms > 0)
		snprintf(init, sizeof init, "Init Duration: %.2f ms\t", t->init_ms);
	if (t->status != NULL)
		snprintf(ended, sizeof ended, "Status: %s\t%s%s", t->status, t->error_type != NULL ? "Error Type: " : "",
			t->error_type != NULL ? t->error_type : "");
	line(i, "END RequestId: %.*s\n", STR_ARG(id));
	line(i, "REPORT RequestId: %.*s\tDuration: %.2f ms\tBilled Duration: %lld ms\tMemory Size: %lld MB\tMax Memory Used: %llu MB\t%s%s\n",
		STR_ARG(id), t->ms, (long long)t->billed_ms, (long long)t->memory_mb, (unsigned long long)t->peak_mb, init, ended);
}

void report_end(struct instance *i, const char *status, const char *error_type, bool error)
{
	ASSERT(i->inv != NULL && (status != NULL || error_type == NULL));
	struct taken t = taken_by(i, status, error_type);
	t.error = error;
	log_cut(i->log);
	if (in_json(i))
		json_event(i, "platform.report", report_record, &t, error);
	else
		report_text(i, &t);
	if (t.init_ms > 0)
		i->init_ms = -1;
	const struct engine_call *k = &i->inv->call;
	metric(k, "Invocations", 1, "Count");
	metric(k, "Errors", error ? 1 : 0, "Count");
	metric(k, "Duration", t.ms, "Milliseconds");
}
