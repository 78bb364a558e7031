/* A call: one operation asked of one service, and all that its handler may use.
 *
 * A handler is `static void op_x(struct call *c)`: it reads c->in, reads and writes the store through c, fills c->out or
 * fails. It sees one snapshot, commits as a whole or leaves nothing, takes no locks, and may be run again: it must
 * have no side effect outside c. Three ways to deal with time, and no fourth:
 *   call  now, in a transaction;
 *   wait  call_wait: park until something commits to a topic (or a deadline), then the handler runs again from the top;
 *         call_await: park until something started outside answers;
 *   job   job_put: a durable record due at a time, run at least once.
 * Handlers of OP_WRITE run on the writer thread, of OP_READ on reader threads: no global mutable state in services,
 * except state owned by the loop thread and touched only in effects, start/stop and loop callbacks. */
#ifndef TSUBO_CALL_H
#define TSUBO_CALL_H

#include "auth/policy.h"
#include "store/blob.h"
#include "store/key.h"
#include "store/store.h"
#include "wire/wire.h"

struct service;
struct op;
struct call_state; /* the executor's side, svc/call.c */

struct call {
	unsigned magic;
	struct arena *arena;       /* this run's memory; a run again starts with an empty one */
	const struct service *service;
	const struct op *op;       /* NULL: job or internal */
	const void *in;            /* typed input; lives through reruns */
	void *out;                 /* typed output, zeroed; NULL when the operation has none */
	struct txn *txn;
	const struct principal *who;
	struct str account, region; /* where the call works: of who, of the credential scope */
	struct str request_id;      /* a UUID */
	int64_t now_ms;             /* service clock at this run */
	int64_t started_ms;         /* service clock at the first run: deadlines count from here */
	const struct wire_request *http; /* as it came in; NULL for invokes, jobs and internal calls */
	bool tls;
	struct str endpoint;        /* "http://localhost:4566": what the client used; for URLs in answers */
	struct str source_ip, user_agent, trace_header;
	enum protocol protocol;
	bool failed, parked;
	struct wire_error error;
	struct call *parent;        /* invoke: who invokes */
	void *user;                 /* internal calls: call_submit's arg */
	void *memo;                 /* the service's own, from access to run; NULL at the start of each run */
	void *note;                 /* the service's own, for its answered(): in call_keep memory, kept through reruns */
	struct call_state *state;
};

/* ---- failing. A handler returns after it. The first failure stays. ---- */

/* A modelled error of the service (&sqs_err_QueueDoesNotExist). Returns its zeroed struct, to fill members beyond the
 * message (the message member is set). */
void *call_fail(struct call *c, const struct shape *error, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* An error the model does not have (common errors: ValidationException, AccessDenied...). */
void call_fail_code(struct call *c, int status, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* As another call's error. */
void call_fail_as(struct call *c, const struct wire_error *e);
/* One more element of the failure that c has, beyond its model (S3: ArgumentName, BucketName ...). An absent value is left out. `name`
 * outlives the call; the value is the arena's. */
void call_fail_more(struct call *c, const char *name, struct str value);
/* 501: this operation, or this use of it, is not there. Names what. */
void call_unsupported(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Undo all writes and fail. Used by the executor; handlers need not undo anything: a failed call's writes vanish.
 * call_keep_writes: commit although failing (DynamoDB's throttling counters; rare). */
void call_keep_writes(struct call *c);

/* ---- the store ---- */

/* (service, account, region, table): where a service keeps its records; global services have region "". */
struct key *call_key(struct call *c, const char *table);
/* A record described by a shape of records.json. NULL: not there (a record that does not decode is an ASSERT). */
void *call_get(struct call *c, const struct key *k, const struct shape *shape);
/* The same for records that many calls read and few change: decoded once for as long as their bytes stay. Not to be changed. */
const void *call_get_shared(struct call *c, const struct key *k, const struct shape *shape);
/* The same for bytes that are no record. Absent: not there. */
struct str call_get_shared_bytes(struct call *c, const struct key *k);
/* A key that is too long for the store fails c: the name in it was the client's. */
void call_put(struct call *c, const struct key *k, const struct shape *shape, const void *v);
void call_del(struct call *c, const struct key *k);
/* Scan of all keys below a prefix; start_after absent, or the last key of the page before. Ends with c. */
struct scan *call_scan(struct call *c, const struct key *prefix, struct str start_after, bool reverse);
/* A record from a scan's value. The bytes are copied: they are the scan's until its next step only. */
void *record_decode(struct call *c, const struct shape *shape, struct str value);
/* A never-repeating, growing number from the store (order of commits); OP_WRITE only. */
uint64_t call_serial(struct call *c, const char *name);

/* A text of the input by its member's name, for what many operations name alike (permission, mostly). Absent: not given, or the
 * operation has no such text. */
struct str call_input_text(const struct call *c, const char *name);

/* ---- permission ---- */

struct access_extra {
	const struct condition_key *keys; /* service condition keys */
	size_t n_keys;
	struct str resource_policy;       /* the resource's document; absent: none */
	struct str resource_account;      /* absent: c->account */
	bool resource_decides;            /* auth/policy.h: without a word of the resource's policy nobody is let in */
};
/* May c->who do this? Fails c with AccessDenied (in the service's own words and code) and returns false when not.
 * action NULL: the operation's. Service principals act within resource policies; invoke's own checks use it too. */
bool authorize(struct call *c, const char *action, struct str resource, const struct access_extra *x);
/* The decision alone. */
struct verdict authorize_as(struct call *c, const struct principal *who, struct str action, struct str resource,
                            const struct access_extra *x);
/* Who owns an access key (with its session token, or absent) and its secret: for signatures that only a service can read
 * (S3's POST form). Strings in the call's arena. false: no such key, a token of another one, or expired. */
bool principal_of_key(struct call *c, struct str access_key, struct str token, struct principal *who, struct str *secret);
/* Spend a code that the multi-factor device `serial` of a user or root shows, through iam's hook: a code is good once, so the call must be able to
 * write. Does not fail c; what a call that fails has spent may be used again. */
enum mfa_check { MFA_GOOD, MFA_NO_DEVICE /* no such device, or another's */, MFA_BAD_CODE /* wrong, too old, or used already */ };
enum mfa_check mfa_spend(struct call *c, const struct principal *who, struct str serial, struct str code);
/* iam:PassRole on the role for a service principal, and the role's trust in it. Fails c when not. */
bool authorize_pass_role(struct call *c, struct str role_arn, const char *service_principal);

/* ---- time: wait ---- */

/* Park: run again when something commits to the topic, or at deadline_ms (service clock). Return after it. The writes
 * of the run are dropped. May be called for several topics in one run. */
void call_wait(struct call *c, struct str topic, int64_t deadline_ms);
/* Tell a topic that this call, when it commits, has changed what waiters look at. */
void call_notify(struct call *c, struct str topic);

/* What something outside answered. */
struct answer { bool ok; struct str bytes; struct str error_code, error_message; void *detail; };
/* Who is to be answered; a value to keep and give back once. */
struct ticket { uint64_t call, slot; };
/* Start something outside and wait for it. In the first run: parks c and, once parked, runs start(ticket, arg) on
 * the loop (arg is copied: size bytes; pointers in it must live in call_keep memory). When the answer has come the
 * handler runs again and this returns it. NULL: parked (return at once). Awaits are matched by their order in the
 * handler, so the path to one must not depend on anything but the input, the store and earlier answers; where the store has changed and
 * another await comes in the place of one, c fails with 503 (and NULL is returned). Writes made
 * before an await are dropped with the run: write after it. At deadline_ms the answer is !ok, code "Timeout". */
const struct answer *call_await(struct call *c, void (*start)(struct ticket t, void *arg), const void *arg, size_t size,
                                int64_t deadline_ms);
/* On the loop: answer a ticket. Bytes are copied; unknown or gone tickets are ignored. */
void ticket_answer(struct ticket t, const struct answer *a);
/* On the loop: told when the call behind a ticket is gone before its answer (client left, deadline over); one per ticket. */
void ticket_on_gone(struct ticket t, void (*fn)(struct ticket t, void *arg), void *arg);
/* Memory that lives until the call is answered, through reruns. */
struct arena *call_keep(struct call *c);

/* ---- effects ---- */

/* After the commit, on the loop thread, run fn on `size` bytes (zeroed here, filled by the handler, freed after fn).
 * Dropped when the call fails or parks. Lost in a crash: what must happen is a job. */
void *call_effect(struct call *c, void (*fn)(void *block), size_t size);

/* ---- time: job ---- */

/* A durable record: at due_ms (service clock) the service's job kind runs with id and payload. The same kind and id
 * again replaces it. A job that is run is removed in its own transaction before its handler starts, so a handler
 * that wants to come again puts it again. A failing job is retried with back-off (1 s, doubled, at most 5 min). */
void job_put(struct call *c, const char *kind, struct str id, int64_t due_ms, struct str payload);
bool job_drop(struct call *c, const char *kind, struct str id); /* was it there? */
bool job_due(struct call *c, const char *kind, struct str id, int64_t *due_ms);

/* ---- invoke ---- */

struct invoke_options {
	const struct principal *who; /* NULL: c->who. Use service_principal() to act as the service */
	struct str account, region;  /* absent: c's */
};
struct invoked {
	bool ok;
	bool parked;             /* c is parked too: return at once; the handler will run again */
	struct json *out;        /* the output as AWS JSON; streaming payloads as a string of raw bytes */
	struct wire_error error; /* when !ok && !parked */
	void *typed_out;
};
/* Call another service's operation in the same transaction (its writes are taken back when it fails, c's own are
 * not). Input in AWS JSON; streaming payload members as a string of raw bytes; a number, boolean or string may be given
 * as another scalar that says the same ("12").
 * A streamed output (S3's GetObject) is a string of raw bytes up to 64 MiB, read here; a larger one
 * is an object that body_from_json (svc/body.h) turns into a
 * body, to be read by body_load or body_save on a worker. Constraints and permissions are checked as for a client. A
 * read call may only invoke read operations (an ASSERT). Depth at most 16. */
struct invoked invoke(struct call *c, const char *service, const char *op, const struct json *in, const struct invoke_options *o);
/* The principal of a service, acting on behalf of a resource (aws:SourceArn), in the arena. */
const struct principal *service_principal(struct call *c, const char *principal, struct str source_arn);
/* A role's principal (without session) and trust policy, through iam's hook. false: no such role. */
bool role_lookup(struct call *c, struct str role_arn, struct principal *role, struct str *trust);
/* Does a role's trust policy alone let a service or a federated principal do it? */
bool role_trusts(struct call *c, struct str role_arn, struct str trust, const struct principal *who, const char *action,
                 const struct access_extra *x);
/* The principal of a role's session as a service assumes it (checks the trust policy). NULL: not trusted, c fails unless quiet. */
const struct principal *assume_role(struct call *c, struct str role_arn, const char *service_principal_name, struct str session_name, bool quiet);

/* ---- answers of raw routes ---- */

/* Status, headers and body of a raw route's answer. */
void call_reply(struct call *c, int status, const struct param *headers, size_t n, struct str body);
/* The same with a body that is made while it is sent (svc/stream.h); the source lives in call_keep. */
void call_reply_stream(struct call *c, int status, const struct param *headers, size_t n, const struct stream_source *source);
/* Extra headers on a modelled answer (rare: CORS, x-amz-version-id of errors). */
void call_header(struct call *c, const char *name, struct str value);
/* Another status of success than the model's (S3's 206 for a range). */
void call_status(struct call *c, int status);

/* ---- from the loop ---- */

struct submit {
	const struct service *service;
	struct str account, region;
	void (*run)(struct call *c);  /* a handler; c->user is arg */
	bool write;
	void *arg;
	void (*done)(void *arg, const struct wire_error *error); /* on the loop; error NULL: committed. May be NULL */
	const struct principal *who;  /* NULL: the service's principal. Must live until done */
};
/* Queue an internal call. Loop thread only. */
void call_submit(const struct submit *s);
/* Run fn(arg) on the loop at due_ms of the service clock (follows `tsubo clock`). Returns a handle to cancel. */
struct loop_timer;
struct loop_timer *loop_timer_start(int64_t due_ms, void (*fn)(void *arg), void *arg);
void loop_timer_cancel(struct loop_timer *t); /* NULL is allowed */
/* Run work(arg) on the worker pool, then done(arg) on the loop. Safe from the loop only. */
void worker_run(void (*work)(void *arg), void (*done)(void *arg), void *arg);
struct uv_loop_s *service_loop(void);
struct store *service_store(void);
/* The API server of the main listener: http_listen_fd() on it gives a sandbox its own door to the API. */
struct http_server;
struct http_server *service_http(void);
/* What the command line said, for services: the port of the main listener, the data directory, the runtimes' directory, the
 * name it goes by beside localhost. */
struct service_config { int port; const char *data_dir; const char *runtime_dir; const char *region; const char *account; const char *base_name; };
const struct service_config *service_config(void);

#endif
