/* Starting a sandbox for a version of a function: read its records, unpack its code, set its environment, launch.
 *
 * Order: instance_start > plan_read (reader thread) > make_dirs (worker, when something is not unpacked yet) > launch >
 * on_started > the runtime asks for its first invocation. Each step is asynchronous; an instance without a process
 * cannot go, so the plan may point at it. */
#include "engine.h"

#include "auth/session.h"
#include "base/time.h"
#include "os/os.h"
#include "telemetry/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ENV_ROOM = 160, SESSION_MS = 12 * 3600 * 1000, INIT_LIMIT_MS = 10 * 1000 };

/* ---- reading ---- */

static void plan_read(struct call *c)
{
	struct plan *p = c->user;
	struct lambda_FunctionRecord *f = function_get(c, p->name, p->version);
	if (f == NULL) {
		p->missing = true;
		return;
	}
	p->config = typed_copy(p->arena, &lambda_shape_FunctionConfiguration, f->Config);
	p->n_zips = 1 + f->LayerZips.n;
	p->zips = arena_array(p->arena, struct str, p->n_zips);
	p->zips[0] = arena_dup(p->arena, f->Zip);
	for (uint32_t i = 0; i < f->LayerZips.n; i++)
		p->zips[1 + i] = arena_dup(p->arena, *LIST_AT(f->LayerZips, struct str, i));
	const struct principal *role = assume_role(c, f->Config->Role, "lambda.amazonaws.com", p->name, true);
	if (role == NULL || !session_fits(role)) {
		p->no_role = true;
		return;
	}
	p->expires_ms = c->now_ms + SESSION_MS;
	struct session s = session_issue(p->arena, role, c->now_ms, p->expires_ms);
	p->access_key = s.access_key;
	p->secret = s.secret;
	p->token = s.token;
}

static void launch(struct plan *p);

static void make_dirs(void *arg)
{
	ASSERT(((struct plan *)arg)->config != NULL && ((struct plan *)arg)->n_zips > 0);
	struct plan *p = arg;
	struct interpreter in;
	(void)interpreter_find(p->config->Runtime, &in);
	if (code_make_dir(p->zips, 1, p->why, sizeof p->why) && p->n_zips > 1)
		(void)code_make_dir(p->zips + 1, p->n_zips - 1, p->why, sizeof p->why);
}

static void dirs_made(void *arg)
{
	struct plan *p = arg;
	CHECK_MAGIC(p->instance, INSTANCE_MAGIC);
	if (p->why[0] != '\0')
		instance_failed_to_start(p->instance, p->why);
	else
		launch(p);
}

static void plan_done(void *arg, const struct wire_error *error)
{
	struct plan *p = arg;
	struct instance *i = p->instance;
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	ASSERT(i->plan == p && i->log == NULL); /* one without a process cannot go */
	if (error != NULL || p->missing) {
		instance_failed_to_start(i, "the function is gone");
		return;
	}
	if (p->no_role) {
		instance_failed_to_start(i, "The role defined for the function cannot be assumed by Lambda.");
		return;
	}
	struct arena *a = p->arena;
	struct civil t = civil_of(clock_now_ms());
	char hex[33];
	random_hex(hex, 32);
	hex[32] = '\0';
	i->stream_name = arena_printf(a, "%04d/%02d/%02d/[%.*s]%s", t.year, t.month, t.day, STR_ARG(p->version), hex);
	i->log = log_stream_new(p->account, p->region, p->config->Role, p->config->LoggingConfig->LogGroup, i->stream_name, p->name);
	char *task = code_dir(p->zips, 1), *opt = p->n_zips > 1 ? code_dir(p->zips + 1, p->n_zips - 1) : NULL;
	bool there = interpreter_known(p->config->Runtime) && access(task, R_OK) == 0 && (opt == NULL || access(opt, R_OK) == 0);
	free(task);
	free(opt);
	if (there)
		launch(p);
	else
		worker_run(make_dirs, dirs_made, p);
}

struct instance *instance_start(struct pool *pool)
{
	ASSERT(pool->queued > 0 && engine.starting < engine.starting_max);
	struct arena *a = arena_new(4096);
	struct instance *i = calloc(1, sizeof *i);
	struct plan *p = arena_new_of(a, struct plan);
	if (i == NULL)
		die("out of memory");
	*i = (struct instance){.magic = INSTANCE_MAGIC, .id = ++engine.next_id, .pool = pool, .next = pool->instances,
		.all_next = engine.all, .plan = p, .started_us = os.monotonic_us(), .starting_counted = true};
	pool->instances = i;
	engine.all = i;
	engine.instances++;
	pool->starting++;
	engine.starting++;
	uv_timer_init(engine.loop, &i->timer);
	i->timer.data = i;
	const struct function *f = pool->function;
	*p = (struct plan){.arena = a, .instance = i, .account = arena_dup(a, f->account), .region = arena_dup(a, f->region),
		.name = arena_dup(a, f->name), .version = arena_dup(a, pool->version)};
	const struct submit s = {.service = &service_lambda, .account = p->account, .region = p->region, .run = plan_read,
		.arg = p, .done = plan_done};
	call_submit(&s);
	return i;
}

static void instance_closed(uv_handle_t *h)
{
	struct instance *i = h->data;
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	i->magic = 0;
	arena_free(i->plan->arena);
	free(i);
}

void instance_free(struct instance *i)
{
	ASSERT(i->inv == NULL && !i->starting_counted);
	for (struct instance **at = &i->pool->instances; *at != NULL; at = &(*at)->next) {
		if (*at == i) {
			*at = i->next;
			break;
		}
	}
	for (struct instance **at = &engine.all; *at != NULL; at = &(*at)->all_next) {
		if (*at == i) {
			*at = i->all_next;
			break;
		}
	}
	ASSERT(engine.instances > 0);
	engine.instances--;
	for (size_t n = 0; n < i->n_listeners; n++)
		http_listener_close(i->listeners[n]);
	if (i->log != NULL)
		log_stream_end(i->log);
	i->log = NULL;
	uv_close((uv_handle_t *)&i->timer, instance_closed);
}

/* ---- the environment ---- */

struct env { struct arena *arena; const char **v; size_t n; };

static void env_add(struct env *e, const char *name, struct str value)
{
	ASSERT(e->n + 1 < ENV_ROOM);
	e->v[e->n++] = arena_cstr(e->arena, arena_join(e->arena, str_c(name), S("="), value));
}

static bool is_python(struct str runtime) { return str_starts(runtime, S("python")); }
static bool is_node(struct str runtime) { return str_starts(runtime, S("nodejs")); }

/* The names and values that AWS gives; see "Using Lambda environment variables" (developer guide). */
static void env_of_aws(struct env *e, const struct plan *p, const struct instance *i)
{
	ASSERT(str_present(p->access_key) && str_present(p->token) && str_present(i->stream_name));
	const struct lambda_FunctionConfiguration *k = p->config;
	struct arena *a = e->arena;
	env_add(e, "_HANDLER", k->Handler);
	env_add(e, "AWS_ACCESS_KEY_ID", p->access_key);
	env_add(e, "AWS_SECRET_ACCESS_KEY", p->secret);
	env_add(e, "AWS_SESSION_TOKEN", p->token);
	env_add(e, "AWS_REGION", p->region);
	env_add(e, "AWS_DEFAULT_REGION", p->region);
	if (!str_starts(k->Runtime, S("provided")))
		env_add(e, "AWS_EXECUTION_ENV", arena_join(a, S("AWS_Lambda_"), k->Runtime));
	env_add(e, "AWS_LAMBDA_FUNCTION_NAME", p->name);
	env_add(e, "AWS_LAMBDA_FUNCTION_VERSION", p->version);
	env_add(e, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", arena_printf(a, "%lld", (long long)k->MemorySize.v));
	env_add(e, "AWS_LAMBDA_LOG_GROUP_NAME", k->LoggingConfig->LogGroup);
	env_add(e, "AWS_LAMBDA_LOG_STREAM_NAME", i->stream_name);
	env_add(e, "AWS_LAMBDA_LOG_FORMAT", k->LoggingConfig->LogFormat);
	if (str_present(k->LoggingConfig->ApplicationLogLevel))
		env_add(e, "AWS_LAMBDA_LOG_LEVEL", k->LoggingConfig->ApplicationLogLevel);
	env_add(e, "AWS_LAMBDA_INITIALIZATION_TYPE", S("on-demand"));
	env_add(e, "AWS_LAMBDA_RUNTIME_API", S("169.254.100.1:9001"));
	env_add(e, "AWS_XRAY_CONTEXT_MISSING", S("LOG_ERROR"));
	env_add(e, "AWS_XRAY_DAEMON_ADDRESS", S("169.254.100.1:2000"));
	env_add(e, "_AWS_XRAY_DAEMON_ADDRESS", S("169.254.100.1"));
	env_add(e, "_AWS_XRAY_DAEMON_PORT", S("2000"));
	env_add(e, "LAMBDA_TASK_ROOT", S("/var/task"));
	env_add(e, "LAMBDA_RUNTIME_DIR", S("/var/runtime"));
	env_add(e, "AWS_ENDPOINT_URL", S("http://127.0.0.1:4566"));
	env_add(e, "LANG", S("en_US.UTF-8"));
	env_add(e, "TZ", S(":UTC"));
	env_add(e, "PATH", S("/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"));
	env_add(e, "LD_LIBRARY_PATH", S("/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"));
}

static void env_of_runtime(struct env *e, const struct plan *p, const struct interpreter *in)
{
	struct arena *a = e->arena;
	if (is_python(p->config->Runtime)) {
		struct str site = arena_printf(a, "/opt/python/lib/%.*s/site-packages", STR_ARG(p->config->Runtime));
		env_add(e, "PYTHONPATH", arena_join(a, S("/var/task:"), site, S(":/opt/python:/var/runtime:/var/lang/python")));
		env_add(e, "PYTHONDONTWRITEBYTECODE", S("1"));
	}
	if (is_node(p->config->Runtime)) {
		struct str major = str_slice(str_c(in->version), 0, (size_t)strcspn(in->version, "."));
		env_add(e, "NODE_PATH", arena_join(a, S("/opt/nodejs/node"), major,
			S("/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task")));
	}
}

static const char **environment(const struct plan *p, const struct instance *i, const struct interpreter *in)
{
	size_t own = p->config->Environment != NULL ? p->config->Environment->Variables.n : 0;
	struct env e = {.arena = p->arena, .v = arena_array(p->arena, const char *, ENV_ROOM + own)};
	env_of_aws(&e, p, i);
	env_of_runtime(&e, p, in);
	const struct lambda_EnvironmentVariables_entry *v = own > 0 ? p->config->Environment->Variables.v : NULL;
	for (size_t n = 0; n < own; n++) {
		/* The function's own value wins over a default of ours (TZ, PATH, AWS_ENDPOINT_URL). */
		const char *name = arena_cstr(p->arena, arena_join(p->arena, v[n].key, S("=")));
		size_t at = 0;
		while (at < e.n && strncmp(e.v[at], name, strlen(name)) != 0)
			at++;
		e.v[at] = arena_cstr(p->arena, arena_join(p->arena, v[n].key, S("="), v[n].value));
		e.n += at == e.n;
	}
	return e.v;
}

/* ---- launching ---- */

static void on_started(struct process *pr, int error, const int *fds, const int *ports, size_t n)
{
	(void)ports;
	struct instance *i = process_user(pr);
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	if (error != 0) {
		char why[160];
		snprintf(why, sizeof why, "the sandbox failed at %s: %s", process_failed_step(pr), strerror(error));
		i->process = NULL;
		instance_failed_to_start(i, why);
		return;
	}
	ASSERT(i->state == INSTANCE_STARTING && n <= COUNT_OF(i->listeners));
	i->state = INSTANCE_INIT;
	for (size_t k = 0; k < n; k++) {
		struct http_server *server = k == 0 ? engine.runtime : service_http();
		struct http_listener *l = http_listen_fd(server, fds[k], k == 0 ? (const void *)(uintptr_t)i->id : NULL);
		if (l != NULL)
			i->listeners[i->n_listeners++] = l;
	}
}

static void on_output(struct process *pr, bool is_stderr, struct str bytes)
{
	(void)is_stderr;
	struct instance *i = process_user(pr);
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	log_write(i->log, bytes);
}

static void on_exit_of(struct process *pr, int status, bool oom)
{
	struct instance *i = process_user(pr);
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	log_cut(i->log);
	instance_gone(i, status, oom);
}

static const struct process_events events = {on_started, on_output, on_exit_of};

static void on_init_time_out(uv_timer_t *t)
{
	struct instance *i = t->data;
	CHECK_MAGIC(i, INSTANCE_MAGIC);
	if (i->state != INSTANCE_INIT && i->state != INSTANCE_STARTING)
		return;
	i->timed_out = true;
	process_kill(i->process);
}

struct mounts { struct launch_mount v[8]; size_t n; };

static void mount_add(struct mounts *m, const char *from, const char *to)
{
	ASSERT(m->n < COUNT_OF(m->v));
	if (from != NULL && access(from, R_OK) == 0)
		m->v[m->n++] = (struct launch_mount){from, to};
}

/* argv of the runtime. false: *why says what is not there. */
static bool command(struct plan *p, struct interpreter *in, const char *argv[6], const char **why)
{
	struct str runtime = p->config->Runtime;
	size_t n = 0;
	if (!is_python(runtime) && !is_node(runtime)) {
		const char *in_task = arena_cstr(p->arena, arena_printf(p->arena, "%s/bootstrap", p->task_dir));
		argv[n++] = access(in_task, F_OK) == 0 || p->opt_dir == NULL ? "/var/task/bootstrap" : "/opt/bootstrap";
		argv[n] = NULL;
		return true;
	}
	if (!interpreter_find(runtime, in)) {
		*why = is_python(runtime) ? "no Python 3 is installed on this machine" : "no Node.js is installed on this machine";
		return false;
	}
	argv[n++] = in->path;
	if (is_python(runtime)) {
		argv[n++] = "-S"; /* the machine's own site packages are none of the function's */
		argv[n++] = "/var/runtime/bootstrap.py";
	} else {
		argv[n++] = "/var/runtime/bootstrap.mjs";
	}
	argv[n] = NULL;
	return true;
}

static void say_limits(void)
{
	static bool said;
	if (!said && launcher_limits()[0] != '\0')
		log_warn("functions run with less than a whole sandbox: %s", launcher_limits());
	said = true;
}

static void launch(struct plan *p)
{
	ASSERT(p->config != NULL && p->instance->state == INSTANCE_STARTING);
	struct instance *i = p->instance;
	struct interpreter in = {.version = ""};
	const char *argv[6], *why = "our runtimes cannot be written to the data directory";
	char *task = code_dir(p->zips, 1), *opt = p->n_zips > 1 ? code_dir(p->zips + 1, p->n_zips - 1) : NULL;
	arena_defer(p->arena, free, task);
	arena_defer(p->arena, free, opt);
	p->task_dir = task;
	p->opt_dir = opt;
	if (assets_dir() == NULL || !command(p, &in, argv, &why)) {
		instance_failed_to_start(i, why);
		return;
	}
	say_limits();
	struct mounts m = {0};
	mount_add(&m, task, "/var/task");
	mount_add(&m, opt, "/opt");
	mount_add(&m, assets_dir(), "/var/runtime");
	if (is_python(p->config->Runtime))
		mount_add(&m, python_packages(), "/var/lang/python");
	else if (node_packages() != NULL && is_node(p->config->Runtime)) /* where import looks from /var/task */
		mount_add(&m, node_packages(), "/var/node_modules");
	if (in.from[0] != '\0')
		mount_add(&m, in.from, in.to);
	int own_port = service_config()->port;
	const struct launch_listener listeners[] = {{"169.254.100.1", 9001}, {"127.0.0.1", 4566}, {"127.0.0.1", own_port}};
	int64_t mb = p->config->MemorySize.v;
	struct launch l = {.argv = argv, .env = environment(p, i, &in), .cwd = "/var/task", .mounts = m.v, .n_mounts = m.n,
		.listeners = listeners, .n_listeners = own_port == 4566 || own_port <= 0 ? 2 : 3,
		.tmp_bytes = (uint64_t)p->config->EphemeralStorage->Size.v << 20, .memory_bytes = (uint64_t)mb << 20,
		/* A share of a core below 1,769 MB would only slow development down; above it, as on AWS. */
		.cpu_millis = mb > 1769 ? (uint32_t)(mb * 1000 / 1769) : 1000, .files = 1024, .pids = 1024, .merge_output = true};
	ASSERT(i->process == NULL && i->log != NULL);
	report_init_start(i);
	i->process = process_start(&l, &events, i);
	if (i->process == NULL) {
		instance_failed_to_start(i, "the launcher is gone");
		return;
	}
	int64_t limit_ms = p->config->Timeout.v * 1000;
	uv_timer_start(&i->timer, on_init_time_out, (uint64_t)(limit_ms > INIT_LIMIT_MS ? limit_ms : INIT_LIMIT_MS), 0);
}
