/* What the files of this service share: names, records, code on disk, the engine's door. Nothing else includes it.
 *
 * Handlers run on reader and writer threads and touch the store only; the engine (engine.h) lives on the loop thread. */
#ifndef TSUBO_LAMBDA_H
#define TSUBO_LAMBDA_H

#include "svc/arn.h"
#include "svc/page.h"
#include "svc/service.h"

#include "lambda.model.h"

enum {
	ZIP_MAX = 50 << 20,                /* uploaded directly */
	UNZIPPED_MAX = 250 << 20,
	PAYLOAD_MAX = 6 << 20,
	ASYNC_PAYLOAD_MAX = 1 << 20,       /* raised from 256 KB in 2025 */
	ENV_MAX = 4096,
	POLICY_MAX = 20480,                /* a resource policy's text */
	LAYERS_MAX = 5,
	ACCOUNT_CONCURRENCY = 1000
};

extern const struct service service_lambda;

/* ---- names (names.c) ---- */

/* A function as a request names it: bare, partial ARN or ARN, perhaps with a qualifier. */
struct function_ref { struct str name, qualifier; /* qualifier absent: none given */ };

/* Parse; fails c (InvalidParameterValueException, or not found for another region) and returns false. A Qualifier
 * parameter must agree with the name's. */
bool function_ref_of(struct call *c, struct str name, struct str qualifier, struct function_ref *out);
/* arn:aws:lambda:R:A:function:name[:qualifier] */
struct str function_arn(struct call *c, struct str name, struct str qualifier);
struct str layer_arn(struct call *c, struct str name);
/* Fail with a modelled error whose Type member is "User". */
void lambda_fail(struct call *c, const struct shape *error, const char *fmt, ...) PRINTF_LIKE(3, 4);
void function_missing(struct call *c, struct str name, struct str qualifier);
struct str new_uuid(struct call *c);
/* "2026-11-21T07:35:00.123+0000", as the service writes times in strings. */
struct str lambda_time(struct call *c);

/* The URL of a queue of SQS, from its well-formed ARN. */
struct str queue_url(struct arena *a, struct str arn_text);

/* ---- records (functions.c) ---- */

struct key *function_key(struct call *c, struct str name, struct str version);
struct key *meta_key(struct call *c, struct str name);
struct lambda_FunctionRecord *function_get(struct call *c, struct str name, struct str version); /* NULL: none */
struct lambda_FunctionMeta *meta_get(struct call *c, struct str name); /* NULL: no such function */
/* The record of a version or alias (absent: $LATEST). Fails c when there is none. *version is what was found. */
struct lambda_FunctionRecord *function_resolve(struct call *c, const struct function_ref *ref, struct str *version);
struct lambda_AliasConfiguration *alias_get(struct call *c, struct str name, struct str alias);
/* The alias's version for this request: the weights decide by the request's id, the same in every run. */
struct str alias_pick(struct call *c, const struct lambda_AliasConfiguration *a);
struct str policy_document(struct call *c, struct str name, struct str qualifier); /* absent: none */
/* Authorize the operation's action on the function that `name` and `qualifier` name. */
void access_function(struct call *c, struct str name, struct str qualifier);
bool is_version_number(struct str s);
/* A new version from $LATEST's record; the last one when nothing has changed. NULL: c has failed. */
struct lambda_FunctionRecord *version_publish(struct call *c, struct str name, struct str description);
/* Free all that a function's name has in the store. */
void function_forget(struct call *c, struct str name);
/* Check layers' ARNs and fill *layers (list of lambda_Layer) and *zips; false: c has failed. */
bool layers_resolve(struct call *c, const struct list *arns, struct list *layers, struct list *zips);

/* ---- resource policies, of functions and of layers (permission.c) ---- */

/* The record, empty when there is none yet. NULL: revision (absent: any) is not its own; c has failed. */
struct lambda_PolicyRecord *statements_get(struct call *c, const struct key *k, struct str revision);
/* Add and store. false: the id is taken, the statement is none, or the policy grows too long; c has failed. */
bool statement_add(struct call *c, const struct key *k, struct lambda_PolicyRecord *p, struct str sid, struct str text);
/* Remove and store; the last one takes the record along. */
void statement_remove(struct call *c, const struct key *k, struct lambda_PolicyRecord *p, struct str sid);
struct str policy_text(struct call *c, const struct lambda_PolicyRecord *p);

/* ---- code on disk (code.c, zip.c) ---- */

/* Where code comes from: inline bytes, or an object in S3. */
struct code_source { struct str zip, bucket, key, version; };
struct code_stored { bool parked; char sha_hex[65]; int64_t size; struct str sha_base64; };
/* Fetch, check, unpack and make durable, on a worker. Returns false when parked (return at once) or failed. One
 * call_await inside. */
bool code_store(struct call *c, const struct code_source *s, struct code_stored *out);
/* The directory of unpacked code: one zip, or several laid over one another (layers). Heap text. */
char *code_dir(const struct str *zips, size_t n);
/* Its name there: the zip's, or one made from all of them. */
void code_dir_name(const struct str *zips, size_t n, char out[65]);
/* Is it there? Then it counts as new, and is not swept. On a worker. */
bool code_use(const char *path);
void code_remove_tree(const char *path);
/* Remove code that nothing names, now and every hour (sweep.c). */
void sweep_start(void);
void sweep_stop(void);
/* Make it from the zips when it is not there. On a worker; false with a message (static or in why). */
bool code_make_dir(const struct str *zips, size_t n, char *why, size_t why_n);
/* A URL that gives the zip for ten minutes. */
struct str code_url(struct call *c, struct str sha_hex);
/* Raw route of those URLs. */
bool code_claims(const struct wire_request *r);
void code_serve(struct call *c);
void code_start(void);

/* Unpack below dir, which exists. False with a message. Entries that leave dir, links out of it and more than
 * UNZIPPED_MAX bytes are refused. */
bool zip_unpack(struct str zip, const char *dir, char *why, size_t why_n);

/* ---- invocation (invoke.c) ---- */

/* To whom an answer that the function streams is passed on while it is made. */
enum stream_form {
	STREAM_NONE,   /* nobody: it is gathered */
	STREAM_EVENTS, /* InvokeWithResponseStream: an event stream */
	STREAM_HTTP    /* a function URL: the bytes; status and headers stand before them */
};

struct invoke_spec {
	const struct lambda_FunctionConfiguration *config;
	struct str resource, invoked_arn, request_id, payload, client_context, trace;
	int64_t reserved;
	bool want_log;
	enum stream_form stream;
};
/* Let the engine run it. NULL: parked. ok: bytes is what the function answered, error_code its FunctionError (absent:
 * none), error_message the log's tail. ok with detail: it streams its answer, see flow_start. Not ok: throttled, error_code is the reason. */
const struct answer *invoke_await(struct call *c, const struct invoke_spec *s);
struct str trace_of(struct call *c);
void throttled(struct call *c, struct str reason);

/* ---- asynchronous invocation (async.c) ---- */

/* Queue an event in this (write) call. */
void async_queue(struct call *c, const struct lambda_AsyncEvent *e, int64_t due_ms);
void async_job(struct call *c, struct str id, struct str payload);
void async_due(struct call *c);
struct lambda_FunctionEventInvokeConfig *event_config_get(struct call *c, struct str name, struct str qualifier);
/* Send text to an SQS queue, SNS topic, Lambda function or event bus as the function's role. false: refused, *why says. */
bool destination_send(struct call *c, struct str role, struct str arn, struct json *record, const char *detail_type,
                      struct str function_arn, bool *parked, struct str *why);

/* ---- event source mappings (esm_*.c) ---- */

void esm_start(void);
void esm_stop(void);
/* After a commit: the mapping has changed or gone. */
void esm_changed(struct call *c, struct str uuid);

/* ---- operations ---- */

#define OPERATION(name) void op_##name(struct call *c); void access_##name(struct call *c)
OPERATION(create_function);
OPERATION(get_function);
OPERATION(get_function_configuration);
OPERATION(list_functions);
OPERATION(delete_function);
OPERATION(update_function_code);
OPERATION(update_function_configuration);
OPERATION(publish_version);
OPERATION(list_versions);
OPERATION(create_alias);
OPERATION(get_alias);
OPERATION(update_alias);
OPERATION(delete_alias);
OPERATION(list_aliases);
OPERATION(add_permission);
OPERATION(remove_permission);
OPERATION(get_policy);
OPERATION(publish_layer_version);
OPERATION(get_layer_version);
OPERATION(get_layer_version_by_arn);
OPERATION(delete_layer_version);
OPERATION(list_layers);
OPERATION(list_layer_versions);
OPERATION(add_layer_permission);
OPERATION(remove_layer_permission);
OPERATION(get_layer_policy);
OPERATION(tag_resource);
OPERATION(untag_resource);
OPERATION(list_tags);
OPERATION(put_concurrency);
OPERATION(get_concurrency);
OPERATION(delete_concurrency);
OPERATION(get_account_settings);
OPERATION(put_event_config);
OPERATION(update_event_config);
OPERATION(get_event_config);
OPERATION(delete_event_config);
OPERATION(list_event_configs);
OPERATION(put_recursion);
OPERATION(get_recursion);
OPERATION(get_runtime_management);
OPERATION(invoke);
OPERATION(invoke_stream);
OPERATION(create_mapping);
OPERATION(get_mapping);
OPERATION(update_mapping);
OPERATION(delete_mapping);
OPERATION(list_mappings);
OPERATION(create_url);
OPERATION(get_url);
OPERATION(update_url);
OPERATION(delete_url);
OPERATION(list_urls);

/* The function's URLs, of all its aliases. */
void urls_forget(struct call *c, struct str name);
bool url_claims(const struct wire_request *r);
void url_serve(struct call *c);

enum { LAMBDA_CFN_TYPES = 9 };
extern const struct cfn_type lambda_cfn_types[LAMBDA_CFN_TYPES];

#endif
