/* The lines that Lambda itself writes into a function's log, and its metrics.
 *
 * Source of the lines: logs of real functions (INIT_START, START, END, REPORT); of the metrics: "Types of metrics for
 * Lambda functions" (developer guide). */
#include "engine.h"

#include "os/os.h"
#include "telemetry/metric.h"

#include <stdio.h>

static void metric(const struct engine_call *k, const char *name, double value, const char *unit)
{
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
	struct str ns = S("AWS/Lambda"), name = S("ConcurrentExecutions");
	const struct metric_dim dim = {S("FunctionName"), k->function};
	metric_add(k->account, k->region, ns, name, NULL, 0, (double)engine.running, "Count", clock_now_ms());
	metric_add(k->account, k->region, ns, name, &dim, 1, (double)function_running, "Count", clock_now_ms());
}

static void line(struct instance *i, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void line(struct instance *i, const char *fmt, ...)
{
	struct arena *a = arena_new(512);
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(a, fmt, ap);
	va_end(ap);
	log_line(i->log, text);
	arena_free(a);
}

void report_init_start(struct instance *i)
{
	struct str runtime = i->plan->config->Runtime;
	struct interpreter in;
	/* AWS names its own build here, "python:3.12.v38"; this names what really runs. */
	if (str_starts(runtime, S("provided")) || !interpreter_find(runtime, &in))
		line(i, "INIT_START Runtime Version: provided:%.*s\tRuntime Version ARN: arn:aws:lambda:%.*s::runtime:tsubo\n",
			(int)(runtime.n > 9 ? runtime.n - 9 : 0), runtime.n > 9 ? runtime.p + 9 : "", STR_ARG(i->plan->region));
	else
		line(i, "INIT_START Runtime Version: %s:%s\tRuntime Version ARN: arn:aws:lambda:%.*s::runtime:tsubo\n",
			str_starts(runtime, S("python")) ? "python" : "nodejs", in.version, STR_ARG(i->plan->region));
}

void report_start(struct instance *i)
{
	line(i, "START RequestId: %.*s Version: %.*s\n", STR_ARG(i->inv->call.request_id), STR_ARG(i->inv->call.version));
}

void report_end(struct instance *i, const char *status, bool error)
{
	const struct engine_call *k = &i->inv->call;
	double ms = (double)(os.monotonic_us() - i->inv->started_us) / 1000.0;
	if (i->timed_out)
		ms = (double)i->plan->config->Timeout.v * 1000;
	char init[60] = "", ended[40] = "";
	double billed = ms;
	if (i->init_ms > 0) {
		snprintf(init, sizeof init, "Init Duration: %.2f ms\t", i->init_ms);
		i->init_ms = -1;
	}
	if (status != NULL)
		snprintf(ended, sizeof ended, "Status: %s\t", status);
	uint64_t peak = i->process != NULL ? process_memory_peak(i->process) : 0;
	uint64_t peak_mb = (peak + (1 << 20) - 1) >> 20;
	if ((int64_t)peak_mb > i->plan->config->MemorySize.v)
		peak_mb = (uint64_t)i->plan->config->MemorySize.v;
	log_cut(i->log);
	line(i, "END RequestId: %.*s\n", STR_ARG(k->request_id));
	int64_t whole = (int64_t)billed;
	line(i, "REPORT RequestId: %.*s\tDuration: %.2f ms\tBilled Duration: %lld ms\tMemory Size: %lld MB\tMax Memory Used: %llu MB\t%s%s\n",
		STR_ARG(k->request_id), ms, (long long)((double)whole < billed ? whole + 1 : whole), (long long)i->plan->config->MemorySize.v,
		(unsigned long long)peak_mb, init, ended);
	metric(k, "Invocations", 1, "Count");
	metric(k, "Errors", error ? 1 : 0, "Count");
	metric(k, "Duration", ms, "Milliseconds");
}
