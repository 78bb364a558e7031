/* Event source mappings: what the pollers share. Records are read and written in calls; pollers live on the loop. */
#ifndef TSUBO_LAMBDA_ESM_H
#define TSUBO_LAMBDA_ESM_H

#include "engine.h"

enum { MAPPING_MAGIC = 0x6d617070 };

/* A mapping that polls. Held by the list and by whatever is under way for it; freed when both have let go. */
struct mapping {
	unsigned magic;
	struct mapping *next;
	char account[16], region[40], uuid[40], source[600];
	bool streams;
	_Atomic bool stopped; /* polls look at it from their thread */
	int holds;
	void *poller; /* esm_sqs.c's or esm_streams.c's */
};

/* What a poll has read of the mapping and its function; strings in the poll's arena. */
struct filters;
struct target {
	struct engine_call call;     /* without payload and request id */
	struct str function_arn, role, source, on_failure;
	int64_t batch_size, window_ms, retries, max_age_s, factor, concurrency;
	bool bisect, report_failures, later; /* later: the function is missing; look again */
	int64_t from_ms; /* where a stream without a checkpoint is read from; -1: its beginning */
	const struct filters *filters;
};

void mapping_hold(struct mapping *m);
void mapping_release(struct mapping *m);

/* In a call: the mapping and its function. false: it does not poll (gone, disabled, function gone). */
bool target_read(struct call *c, const struct mapping *m, struct arena *a, struct target *t);
/* The role's principal to act as; NULL: not trusted any more. */
const struct principal *target_role(struct call *c, const struct target *t);
/* In a write call: what the last batch came to, when it has changed. */
void mapping_result(struct call *c, const struct mapping *m, const char *result);
/* An invocation for a batch. */
void target_invoke(const struct target *t, struct str event, engine_done done, void *arg);
/* Ids in {"batchItemFailures": [{"itemIdentifier": id}]}. NULL: the answer is not of that form: all of it failed. An
 * empty answer or list is an empty array. */
struct json *item_failures(struct arena *a, struct str answer);

/* The filters of a mapping (lambda_Filter, each through filter_check), compiled; they live in the arena. */
const struct filters *filters_compile(struct arena *a, const struct list *given);
/* Does a record pass? No filters: yes. */
bool filters_pass(struct arena *a, const struct filters *f, const struct json *record);
/* What a record's filters look at: of Kinesis the record itself, its data decoded (esm_source.c). */
const struct json *record_seen(struct arena *a, const struct json *record);
/* A pattern's grammar. NULL: good; else what is wrong, in the arena. */
const char *filter_check(struct arena *a, struct str text);

void sqs_poller_start(struct mapping *m);
void sqs_poller_free(struct mapping *m);
void streams_poller_start(struct mapping *m);
void streams_poller_free(struct mapping *m);

#endif
