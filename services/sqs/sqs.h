/* Amazon Simple Queue Service: what its files share.
 *
 * A queue's record holds its box (counters and cursors) and its configuration together: every call that moves a message
 * rewrites it, so it is in memory and one read opens a queue. Messages lie below the record's data number; README.md
 * draws all keys. A run loads the record once and stores it once, at its end. Invariants, checked where they are cheap:
 *   n_fresh + n_returned + n_delayed + n_inflight is the number of messages;
 *   every delayed or in-flight message has one entry in the timed index, at its due time;
 *   entries due at or before settled_ms are counted as returned, later ones as delayed or in flight. */
#ifndef TSUBO_SQS_H
#define TSUBO_SQS_H

#include "sqs.model.h"
#include "svc/service.h"

enum {
	NAME_MAX_CHARS = 80,
	BATCH_MAX = 10,
	RECEIVE_MAX = 10,
	SIZE_MAX_BYTES = 1 << 20,         /* of a message and of a batch */
	INFLIGHT_MAX = 120000,
	VISIBILITY_MAX_S = 43200,
	WAIT_MAX_S = 20,
	DELAY_MAX_S = 900,
	DEDUP_MS = 5 * 60 * 1000,
	PURGE_EVERY_MS = 60 * 1000,
	NAME_REUSE_MS = 60 * 1000
};

/* Counters and cursors; lies in the store as it is. */
struct box {
	uint64_t seq;         /* of the newest message */
	uint64_t fresh;       /* standard: messages from here on have never been received */
	uint64_t low;         /* no message below it: where a search for the oldest starts */
	int64_t n_fresh, n_returned, n_delayed, n_inflight;
	int64_t settled_ms;   /* see above */
	int64_t next_due_ms;  /* nothing unsettled is due before; INT64_MAX: nothing unsettled */
	int64_t floor_ms;     /* no returned message (FIFO: no group) is due before */
	int64_t dedup_floor_ms; /* FIFO: no deduplication record is older */
	int64_t retain_due_ms;  /* when the retention job runs; 0: there is none */
	int64_t gauge_due_ms;   /* when the gauges' job runs; 0: there is none */
	int64_t used_ms;        /* last use, for the gauges */
};

enum { QUEUE_MAGIC = 0x59a5 };

/* A queue within one run. */
struct queue {
	unsigned magic;
	struct call *c;
	struct str account, region, name, arn;
	struct sqs_Queue *rec;
	struct sqs_QueueMore *more; /* NULL until asked for */
	struct box box;
	struct str packed;    /* rec as it lies in the store */
	bool box_dirty, fifo;
	bool must_keep;       /* messages were dropped or moved away: this run must not end parked */
	int64_t retention_ms;
	struct queue *dead;   /* the dead-letter queue, once looked for */
	bool dead_looked_for;
};

struct message {
	uint64_t seq;
	struct str id;            /* 36 characters */
	int64_t sent_ms, delay_until_ms, first_ms; /* 0: not delayed; never received before it came here */
	uint32_t count;           /* receives before it came here (dead letters) */
	struct str sender, body, group, dedup, trace, source_arn; /* source_arn: whose dead letter it is */
	struct str attributes;    /* packed; "" when none */
	unsigned char body_md5[16], attributes_md5[16];
	bool moved;               /* dead letter or redriven: not in order of sent_ms */
};

/* What a message that has been received or delayed carries beside its body. */
struct hold {
	uint64_t seq;
	int64_t due_ms, first_ms, received_ms;
	int64_t sent_ms;          /* its entry in the age index; 0: it has none */
	uint32_t count, nonce;
	uint32_t apart;           /* the body lies in table "h" */
	uint32_t kind;            /* enum hold_kind */
};
enum hold_kind { HOLD_DELAYED = 1, HOLD_INFLIGHT = 2 };

/* A receipt handle, opened. */
struct receipt { uint64_t queue, data, seq; uint32_t nonce; struct str group; };

struct taken { struct message m; struct hold hold; };

enum outcome { DONE, GONE /* deleted meanwhile */, STALE /* received again since */, NOT_INFLIGHT, TOO_LONG };

/* ---- queue.c: finding and keeping queues ---- */

/* The queue of a URL, opened; NULL with c failed. */
struct queue *queue_of_url(struct call *c, struct str url);
/* The queue of an ARN in this region; NULL when there is none (c does not fail). */
struct queue *queue_of_arn(struct call *c, struct str arn);
struct queue *queue_open(struct call *c, struct str account, struct str name);
struct queue *queue_new(struct call *c, struct str account, struct str name, struct sqs_Queue *rec);
/* Account and name of a queue URL or path; false when it is none. */
bool queue_url_parse(struct str url, struct str *account, struct str *name);
struct str queue_url(struct call *c, struct str account, struct str name);
struct str queue_arn(struct call *c, struct str account, struct str name);
struct key *queue_key(struct call *c, struct str account, struct str name);
/* Below ("sqs", "#", number, table): everything of a queue that goes with it. */
struct key *data_key(struct call *c, uint64_t number, const char *table);
/* What few calls need: policies and tags. Changes are kept by queue_store. */
struct sqs_QueueMore *queue_more(struct queue *q);
struct str queue_policy(struct queue *q);
void queue_store(struct queue *q);  /* everything, after a change of the configuration */
void box_store(struct queue *q);    /* when dirty; at the end of a run */
void queue_forget(struct queue *q);
/* value lives as long as the record: it is in the arena. */
struct sqs_Queue *queue_decode(struct call *c, struct str value, struct box *box);
struct str queue_topic(const struct queue *q);
void *fail_no_queue(struct call *c);

/* ---- permission: access.c. The `access` of operations on one queue; the queue is then run_queue(c). ---- */
void access_queue(struct call *c);
void access_name(struct call *c);
void access_source_arn(struct call *c);
void access_task(struct call *c);
void access_list(struct call *c);
void access_create(struct call *c);
struct queue *run_queue(struct call *c);
struct str resource_policy(struct call *c, struct str arn);

/* ---- message.c ---- */
struct str message_pack(struct arena *a, const struct message *m);
void message_unpack(struct str bytes, uint64_t seq, struct message *out); /* views into bytes */
/* Attributes of the request, checked; false with c failed. Fills packed form, MD5 and size in bytes. */
bool attributes_pack(struct call *c, const struct map_of *in, struct message *m, size_t *size);
/* As many as the names ask for ("All", ".*", "bar.*", exact). */
struct map_of attributes_select(struct arena *a, struct str packed, const struct list *names, unsigned char md5_out[16]);
void attributes_md5(struct arena *a, const struct sqs_MessageBodyAttributeMap_entry *v, size_t n, unsigned char out[16]);
struct str receipt_text(struct arena *a, const struct receipt *r);
bool receipt_open(struct arena *a, struct str text, struct receipt *out);

/* ---- seal.c: bodies under a KMS key ---- */

/* Seal the body of a new message, where the queue has a KMS key. false: KMS refused (c failed). */
bool body_seal(struct queue *q, struct message *m);
/* Open a sealed body as c->who; others are left as they are. */
bool body_open(struct queue *q, struct message *m);

/* ---- the moves of a message. standard.c and fifo.c; moves.c chooses ---- */

/* A message comes in: now, or delayed until m->delay_until_ms. Sets m->seq. Wakes receivers. */
void message_insert(struct queue *q, struct message *m);
/* Up to max messages go in flight until now + visibility. Expired ones vanish, spent ones go to the dead-letter queue. */
size_t message_take(struct queue *q, size_t max, int64_t visibility_ms, struct taken *out);
enum outcome message_delete(struct queue *q, const struct receipt *r);
enum outcome message_hide(struct queue *q, const struct receipt *r, int64_t visibility_ms);
/* The oldest message's time of sending, dropping what is expired (at most max); INT64_MAX: empty. */
int64_t messages_expire(struct queue *q, size_t max);
/* When something not visible now becomes so; INT64_MAX: never. */
int64_t message_next_due(struct queue *q);

void standard_insert(struct queue *q, struct message *m);
size_t standard_take(struct queue *q, size_t max, int64_t visibility_ms, struct taken *out);
enum outcome standard_delete(struct queue *q, const struct receipt *r);
enum outcome standard_hide(struct queue *q, const struct receipt *r, int64_t visibility_ms);
bool standard_drop(struct queue *q, uint64_t seq); /* wherever it is */
/* Visible messages leave for good, at most max: each is first offered to accept, which says no to stop. Returns how many left. */
typedef bool pull_fn(struct message *m, void *arg);
size_t standard_pull(struct queue *q, size_t max, pull_fn *accept, void *arg);
size_t fifo_pull(struct queue *q, size_t max, pull_fn *accept, void *arg);
void fifo_insert(struct queue *q, struct message *m);
size_t fifo_take(struct queue *q, size_t max, int64_t visibility_ms, struct taken *out);
enum outcome fifo_delete(struct queue *q, const struct receipt *r);
enum outcome fifo_hide(struct queue *q, const struct receipt *r, int64_t visibility_ms);
bool fifo_drop(struct queue *q, uint64_t seq, struct str group);
int64_t fifo_next_due(struct queue *q);
/* The clock was turned back from was_ms: groups that were free by then must not wait for that time to come again. */
void fifo_clock_back(struct queue *q, int64_t was_ms);
/* A message in flight under this very receipt is given again, hidden anew; false when something happened to it. */
bool fifo_take_again(struct queue *q, const struct receipt *r, int64_t visibility_ms, struct taken *out);

/* dedup.c: FIFO's five minutes. */
struct sent_before { int64_t sent_ms; uint64_t seq; char id[36]; };
bool dedup_find(struct queue *q, const struct message *m, struct sent_before *out);
void dedup_put(struct queue *q, const struct message *m);
/* The answer to a ReceiveRequestAttemptId that was given within five minutes, if it still holds. */
size_t attempt_again(struct queue *q, struct str attempt, int64_t visibility_ms, struct taken *out);
void attempt_put(struct queue *q, struct str attempt, const struct taken *v, size_t n);

/* The timed index and its counters. */
void timed_put(struct queue *q, const struct hold *h);
void timed_del(struct queue *q, const struct hold *h);
/* Count what has become due as returned. */
void settle(struct queue *q);
/* The same without writing: how many delayed and in-flight ones are due. Readers. */
void settle_counts(struct queue *q);
void age_put(struct queue *q, int64_t sent_ms, uint64_t seq, struct str group);
void age_del(struct queue *q, int64_t sent_ms, uint64_t seq);
/* Is it past its retention? */
static inline bool message_expired(const struct queue *q, const struct message *m)
{
	return m->sent_ms + q->retention_ms <= q->c->now_ms;
}

/* ---- redrive.c ---- */

/* Has it been received as often as the redrive policy allows, and is there a queue to move it to? Then it is put there. */
bool dead_letter(struct queue *q, struct message *m, uint32_t count, int64_t first_ms);
/* Task handles as given to clients. */
bool task_handle_open(struct call *c, struct str handle, struct str *source_arn, uint64_t *number);
void job_move(struct call *c, struct str id, struct str payload);

/* ---- attributes.c ---- */

/* Put the request's attributes into rec (a new one: defaults first). false with c failed. */
bool attributes_apply(struct call *c, struct queue *q, const struct map_of *in, bool creating);
void attributes_default(struct sqs_Queue *rec);
/* The map GetQueueAttributes answers; false with c failed. */
bool attributes_describe(struct queue *q, const struct list *names, struct map_of *out);
/* Is it the name of a queue attribute, or "All"? */
bool attribute_known(struct str name);
/* The first attribute in which a CreateQueue request differs from the queue; absent: none. */
struct str attributes_differ(struct queue *have, struct queue *want, const struct map_of *asked);
bool redrive_policy_apply(struct call *c, struct queue *q, struct str text);
bool redrive_allow_apply(struct call *c, struct queue *q, struct str text);

/* ---- upkeep.c: jobs ---- */
void retain_arm(struct queue *q, int64_t sent_ms);
void gauge_arm(struct queue *q);
void job_retain(struct call *c, struct str id, struct str payload);
void job_gauge(struct call *c, struct str id, struct str payload);
void job_sweep(struct call *c, struct str id, struct str payload);
/* Delete everything below a number, a little at a time; forget: a queue name that may be used again after 60 s. */
void sweep_start(struct call *c, uint64_t number, struct str forget_name);
struct key *gone_key(struct call *c, struct str name);

/* ---- metrics.c ---- */
void count_metric(struct queue *q, const char *name, double value, const char *unit);

/* ---- batch.c ---- */
struct batch { struct call *c; struct sqs_BatchResultErrorEntry *failed; uint32_t n_failed, n_ok, cap; };
/* Number and ids of the entries (the first BATCH_MAX ids are looked at); false with c failed. */
bool batch_check(struct call *c, const char *entry, const struct str *ids, size_t n);
void batch_init(struct batch *b, struct call *c, size_t n);
/* c has failed for this entry: the error goes into the answer, c is well again. */
void batch_failed(struct batch *b, struct str id);
struct list batch_failures(const struct batch *b);

/* ---- errors in SQS's words ---- */
void fail_missing(struct call *c, const char *parameter);
void fail_invalid(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3); /* InvalidParameterValue */

/* ---- operations ---- */
void op_add_permission(struct call *c);
void op_cancel_message_move_task(struct call *c);
void op_change_message_visibility(struct call *c);
void op_change_message_visibility_batch(struct call *c);
void op_create_queue(struct call *c);
void op_delete_message(struct call *c);
void op_delete_message_batch(struct call *c);
void op_delete_queue(struct call *c);
void op_get_queue_attributes(struct call *c);
void op_get_queue_url(struct call *c);
void op_list_dead_letter_source_queues(struct call *c);
void op_list_message_move_tasks(struct call *c);
void op_list_queue_tags(struct call *c);
void op_list_queues(struct call *c);
void op_purge_queue(struct call *c);
void op_receive_message(struct call *c);
void op_remove_permission(struct call *c);
void op_send_message(struct call *c);
void op_send_message_batch(struct call *c);
void op_set_queue_attributes(struct call *c);
void op_start_message_move_task(struct call *c);
void op_tag_queue(struct call *c);
void op_untag_queue(struct call *c);

extern const struct cfn_type sqs_cfn_types[2];

#endif
