/* What a service is, and how to add one.
 *
 * A service is a folder services/<name>/; the build finds it, nothing else knows its name. To add one:
 *   1. tools/newservice <name> <botocore-dir> writes the skeleton: model.json (trimmed), service.c, README.md, test/.
 *   2. For each operation write `static void op_create_queue(struct call *c)` (ops_*.c) and a row in service.c.
 *   3. Describe what you store in records.json (shapes as in a model): modelc makes structs `<name>_<Shape>` for them,
 *      and call_put / call_get read and write them.
 *   4. CloudFormation types go into cfn.c, tests into test/ (pytest, real SDKs), known differences into README.md.
 * What has no row answers 501 and names itself. Nothing here includes another service: services call one another
 * through invoke() (svc/call.h). */
#ifndef TSUBO_SERVICE_H
#define TSUBO_SERVICE_H

#include "auth/sigv4.h"
#include "svc/call.h"
#include "svc/cfn.h"

enum op_mode {
	OP_PURE,  /* on the loop, no store: c->txn is NULL. Only for answers from memory */
	OP_READ,  /* on a reader thread, on a snapshot */
	OP_WRITE  /* on the writer thread, in a group commit */
};

struct op {
	const struct model_op *model; /* &<svc>_op_<Name>; NULL for a raw route */
	void (*run)(struct call *c);
	enum op_mode mode;
	const char *action;           /* IAM action; NULL: "<iam_prefix>:<operation name>" */
	/* Says what is touched by calling authorize() once or more. NULL: authorize(c, action, "*"). */
	void (*access)(struct call *c);
	/* OP_READ of a few keys, or of a short range: tried first on the loop, against what is in memory. A record missing there may be on disk, so its
	 * handler must not take one for granted (no ASSERT); what it made of that is thrown away, and it runs again. */
	bool look;
	/* OP_WRITE: does this input only read? Then it runs as OP_READ would (a statement that is a SELECT). On the loop, from the
	 * input alone. NULL: no. */
	bool (*reads)(const void *in);
};

struct job_kind {
	const char *name;
	/* Runs as a write call under the service's own principal; may run again after a crash. */
	void (*run)(struct call *c, struct str id, struct str payload);
};

/* A request that has been answered, well or not: what came, who asked, how it ended. Views, valid during the call. */
struct answered {
	const struct wire_request *request;
	const struct model_op *op;         /* NULL: a raw route, or nothing was routed */
	const struct principal *who;
	const struct wire_error *error;    /* NULL: success */
	const struct wire_response *response;
	struct str request_id, source_ip;
	enum sig_kind signature;
	bool tls;
	const char *tls_version, *tls_cipher; /* OpenSSL's names; NULL: plain */
	const void *note;                  /* what the handler left in c->note; NULL: nothing */
	int64_t started_ms;                /* service clock */
	int64_t took_us, turn_around_us;   /* until the answer was handed over; until its head was, without the time to receive the body */
	int64_t bytes_in, bytes_out;       /* of bodies */
};

struct service {
	const char *name;        /* the folder's */
	const struct model *model; /* NULL: a data plane only */
	const char *iam_prefix;  /* "sqs"; NULL: the signing name */
	const char *principal;   /* "lambda.amazonaws.com": who its jobs and invokes act as; NULL: <name>.amazonaws.com */
	bool global;             /* one namespace for all regions (iam, s3's buckets) */
	bool body_crc32;         /* answers have x-amz-crc32, the CRC-32 of their bodies, which its SDKs check */
	bool any_page;           /* pages of browsers may call it (CORS), without anything being set up */
	const struct op *ops;
	size_t n_ops;
	const struct job_kind *jobs;
	size_t n_jobs;
	const struct cfn_type *cfn_types;
	size_t n_cfn_types;
	/* A data plane of its own: true when the request (host, path) is for it. Asked before API routing, in the order of
	 * names; it must look at host and path only. The request then runs `raw`, with c->http and call_reply. */
	bool (*claims)(const struct wire_request *r);
	const struct op *raw;
	/* What a host name stands for in front of the path (a bucket of S3): a view into it; absent: nothing. Any thread. */
	struct str (*host_bucket)(struct str host);
	/* On the loop thread: at start (store open, before the first request; must be quick: nothing starts before it is
	 * used), and before the end. */
	void (*start)(void);
	void (*stop)(void);
	/* The policies of a principal; only iam has it. Fills the sets from the store through c->txn. */
	void (*policies)(struct call *c, const struct principal *who, struct policy_input *in);
	/* Long-term access keys; only iam has it: from memory, any thread. false: no such key. */
	bool (*secret_of)(struct str access_key, struct arena *a, struct principal *who, struct str *secret);
	/* A role by ARN; only iam has it. Fills what a session of it carries (role_arn, name, user_id without session, account,
	 * tags; token_expires_ms is the longest session, a span) and its trust policy. false: no such role. */
	bool (*role_of)(struct call *c, struct str role_arn, struct principal *role, struct str *trust);
	/* A code of a principal's multi-factor device; only iam has it. See mfa_spend (svc/call.h). */
	enum mfa_check (*mfa_spend)(struct call *c, const struct principal *who, struct str serial, struct str code);
	/* On the loop thread after each of the service's requests; must be quick. For logs and measures of its own. */
	void (*answered)(const struct answered *a);
	size_t body_max;    /* largest request body that does not stream; 0: 16 MiB */
	size_t stream_inline; /* streaming bodies up to this stay in memory, larger ones become blobs; 0: 128 KiB */
	bool raw_streams;     /* bodies of the data plane stream too: c->http->stream */
	bool encrypt_streams; /* blobs of streaming bodies are encrypted, each under a new key in body.key */
	/* A resource's own policy by ARN, for services that other services' grants ask (lambda, sqs, s3): NULL when none. */
	struct str (*resource_policy)(struct call *c, struct str arn);
};

/* Every service of the build, sorted by name; generated. */
extern const struct service *const services[];
extern const size_t n_services;
const struct service *service_find(struct str name);
const struct op *service_op(const struct service *s, struct str op_name); /* NULL: not there: 501 */

#endif
