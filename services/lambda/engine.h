/* The engine: functions running in sandboxes, kept warm. Loop thread only, all of it.
 *
 * function (account, region, name) > pool (one version in one revision) > instance (one sandbox). An invocation waits in
 * its pool until an instance is free or a new one is ready; an instance runs one at a time. */
#ifndef TSUBO_LAMBDA_ENGINE_H
#define TSUBO_LAMBDA_ENGINE_H

#include "base/map.h"
#include "http/http.h"
#include "launcher/launcher.h"
#include "lambda.h"

/* Where an answer goes that is streamed: lives until `done` is called. */
struct engine_sink {
	void (*begin)(void *arg, struct str type); /* the runtime begins to answer; its content type, absent: not named */
	bool (*piece)(void *arg, struct str piece); /* false: enough, until engine_sink_resume */
	void *arg;
	struct http_request *paused; /* runtime_api.c's */
};
void engine_sink_resume(struct engine_sink *s);

/* What to run. Strings are copied. */
struct engine_call {
	struct str account, region, function, version, revision;
	struct str resource;     /* "name" or "name:alias": a metric dimension */
	struct str invoked_arn, request_id, payload, client_context, trace;
	int64_t reserved;        /* concurrency; -1: none */
	bool want_log;
	struct engine_sink *sink; /* for an answer that the runtime streams; NULL, or a runtime that does not: it is whole in the result */
};

struct engine_result {
	const char *throttled;   /* the Reason, or NULL: it ran (or failed to) */
	struct str payload;
	struct str error;        /* FunctionError; absent: none */
	struct str log_tail;     /* last 4 KB */
};

typedef void (*engine_done)(void *arg, const struct engine_result *r);

void engine_start(void);
void engine_stop(void);
/* done is called once, on the loop, later or at once. */
void engine_invoke(const struct engine_call *call, engine_done done, void *arg);

/* Effect: a function (version "": all of them) is gone; its idle sandboxes end. */
struct retire_effect { char account[16], region[40], name[72], version[40]; };
void engine_retire(void *block);
void retire_effect_fill(struct retire_effect *e, struct call *c, struct str name, struct str version);

/* ---- inside ---- */

enum { INSTANCE_MAGIC = 0x696e7374, POOL_MAGIC = 0x706f6f6c, TAIL_MAX = 4096, RESPONSE_MAX = PAYLOAD_MAX + 1024 };

struct function {
	struct str key, account, region, name;
	size_t running;
	struct pool *pools;
	char text[160];
};

struct pool {
	unsigned magic;
	struct function *function;
	struct pool *next; /* of the function */
	struct str version, revision;
	struct instance *instances;
	struct invocation *first, **last;
	size_t queued, starting;
	bool retired;
	char text[128];
};

struct invocation {
	struct invocation *next;
	struct arena *arena;
	struct engine_call call;
	engine_done done;
	void *arg;
	struct function *function;
	int64_t started_us;
	struct buf tail;
};

enum instance_state { INSTANCE_STARTING, INSTANCE_INIT, INSTANCE_IDLE, INSTANCE_BUSY, INSTANCE_DYING };

/* All that a sandbox needs, read from the store before it starts. */
struct plan {
	struct arena *arena;
	struct instance *instance; /* NULL: it has gone */
	uint64_t instance_id;
	struct lambda_FunctionConfiguration *config;
	struct str *zips;          /* the code's, then the layers' */
	size_t n_zips;
	struct str access_key, secret, token;
	int64_t expires_ms;
	struct str account, region, name, version;
	bool missing, no_role;
	char why[200];
	char *task_dir, *opt_dir;
};

struct instance {
	unsigned magic;
	uint64_t id;
	struct pool *pool;
	struct instance *next; /* of the pool */
	struct instance *all_next;
	enum instance_state state;
	struct plan *plan;
	struct process *process;
	struct http_listener *listeners[4];
	size_t n_listeners;
	struct http_request *waiting; /* its runtime's unanswered GET next */
	struct http_request *streaming; /* its runtime's answer to inv, under way */
	struct invocation *inv;
	struct log_stream *log;
	struct str stream_name;
	uv_timer_t timer;   /* init or invocation time-out; when idle: freeze, then end */
	int64_t started_us, idle_us;
	double init_ms;     /* < 0: reported already */
	bool frozen, retire, timed_out, starting_counted, slow;
	struct str init_error; /* posted by the runtime; in plan->arena */
};

extern struct engine {
	uv_loop_t *loop;
	struct map functions;
	size_t running, starting, starting_max, instances;
	uint64_t next_id;
	struct instance *all;
	struct http_server *runtime;
	bool stopping;
} engine;

struct instance *instance_by_id(uint64_t id); /* NULL: gone */
/* pool.c */
void pool_pump(struct pool *p);
void pump_all(void);
void pool_maybe_free(struct pool *p);
void invocation_finish(struct invocation *v, const struct engine_result *r);
void instance_ready(struct instance *i);                  /* it asks for the next invocation */
void instance_responded(struct instance *i, struct str body, struct str error_type, bool is_error);
void instance_init_failed(struct instance *i, struct str body);
void instance_gone(struct instance *i, int status, bool oom);
void instance_failed_to_start(struct instance *i, const char *why);
void instance_end(struct instance *i);                    /* kill it, when nothing runs in it */
/* sandbox.c */
struct instance *instance_start(struct pool *p);
void instance_free(struct instance *i);
/* runtime_api.c */
extern const struct http_handler runtime_api;
void runtime_send(struct instance *i);                    /* answer its waiting `next` with i->inv */
/* logs.c */
struct log_stream *log_stream_new(struct str account, struct str region, struct str role, struct str group, struct str stream, struct str function);
void log_stream_end(struct log_stream *s);                /* flush and free */
void log_write(struct log_stream *s, struct str bytes);   /* output: cut into lines */
void log_line(struct log_stream *s, struct str line);     /* one event, after what was cut so far */
void log_tail_to(struct log_stream *s, struct buf *tail); /* copy what comes; NULL: no more */
void log_cut(struct log_stream *s);                       /* what is left of an unfinished line is an event */
void logs_flush_all(void);
/* report.c */
void report_init_start(struct instance *i);
void report_start(struct instance *i);
/* status NULL: it answered. error_type: why it did not, "Runtime.ExitError"; NULL: none. */
void report_end(struct instance *i, const char *status, const char *error_type, bool error);
void report_throttle(const struct engine_call *k);
void report_async(struct str account, struct str region, struct str function, const char *metric, double value, const char *unit);
void report_concurrency(const struct engine_call *k, size_t function_running);
/* assets.c */
const char *assets_dir(void); /* where our bootstraps lie; written at first use. NULL: the disk refuses */
/* The interpreter for a runtime: a path in the sandbox, with mounts for what lies elsewhere. false: none installed. */
struct interpreter { char path[300], from[300], to[300], version[40]; };
bool interpreter_find(struct str runtime, struct interpreter *out);
bool interpreter_known(struct str runtime); /* asking does not start a process: else do it on a worker */
const char *python_packages(void); /* directory with boto3, or NULL */
const char *node_packages(void);   /* node_modules with AWS's SDK, or NULL */

#endif
