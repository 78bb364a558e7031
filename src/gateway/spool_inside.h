/* What the files of the spool share: spool.c (the loop's side), spool_work.c (the workers'), spool_start.c (what the headers ask
 * for). Nobody else includes it.
 *
 * A body goes through lanes, each of which sees its buffers in order, one at a time, on a worker of its own:
 *
 *      filled ──► decode (aws-chunked only) ──┬──► md5
 *                                             ├──► sha (SHA or XXH wanted)
 *                                             └──► store: CRCs, encryption, the file
 *
 * so that a large body costs the time of the slowest lane, not of all together. What always holds:
 * - lane[k].at buffers have been through lane k; none is ahead of decode, decode is not ahead of `filled`; a buffer is given
 *   back when the last lane has left it.
 * - The bytes of a buffer change only in decode; the other lanes read.
 * - A field below "of lane k" is touched by that lane's worker only, by the loop never while a lane works, and by the final
 *   job, which runs when none does. */
#ifndef TSUBO_SPOOL_INSIDE_H
#define TSUBO_SPOOL_INSIDE_H

#include "gateway/awschunk.h"
#include "gateway/buffers.h"
#include "gateway/spool.h"
#include "store/blob.h"

#include <stdatomic.h>

/* RING: buffers that a request has on their way through the lanes; BATCH: that a lane takes in one go, so that a worker need not
 * ask the loop after each. TURNS: those that a request which moves fills again before others get theirs. */
enum { SPOOL_MAGIC = 0x5b001001, RING = 8, BATCH = 4, TURNS = 32 };
#define SPOOL_LARGEST (INT64_C(5) << 30)

/* Those from SUM_SHA1 on are digests of the lane sha; SUM_MD5 is what the lane md5 computes anyway. */
enum sum { SUM_CRC32, SUM_CRC32C, SUM_CRC64, SUM_MD5, SUM_SHA1, SUM_SHA256, SUM_SHA512, SUM_XXH64, SUM_XXH3, SUM_XXH128, N_SUMS };
struct sum_kind { const char *header, *name; size_t bytes; enum digest_kind digest; };
extern const struct sum_kind spool_sums[N_SUMS];

enum lane_kind { LANE_DECODE, LANE_MD5, LANE_SHA, LANE_STORE, N_LANES };

struct lane {
	struct spool *spool;
	enum lane_kind kind;
	bool used, working;
	uint64_t at;   /* buffers that have been through it */
	uint64_t upto; /* while it works: where it stops */
};

struct spool_buffer {
	char *p;
	size_t n;     /* after decode: of the body's own bytes */
	int64_t at;   /* where they stand in the body; from decode on */
	bool pooled;  /* of buffers.h; else of the heap */
};

enum failing { FAILING_NOT, FAILING_NOW, FAILED };

struct spool {
	unsigned magic;
	struct request *request;
	struct buffer_user user;
	/* the loop's */
	struct spool_buffer ring[RING], fill; /* fill.p NULL: nothing can be received now */
	size_t fill_cap;
	uint64_t filled, freed;
	struct lane lane[N_LANES];
	bool ended, gone, paused, started, final_working, done;
	bool wants_fill;          /* but has as many buffers as it may */
	unsigned turns;
	/* of all, set before the start */
	size_t inline_max;
	int64_t expected;         /* decoded bytes; -1: not told */
	bool wants[N_SUMS], encrypt;
	unsigned char key[32];
	struct str content_md5;   /* raw; absent: not sent */
	struct str declared[N_SUMS]; /* base64, as sent in a header; absent: not sent */
	/* of decode; of the loop where there is none */
	struct awschunk *chunks;  /* NULL: plain */
	struct spool_buffer *decoding;
	size_t n_decoded;
	int64_t got;
	struct arena *memory;     /* of trailers and results */
	struct param *trailers;
	size_t n_trailers;
	/* of md5, of sha */
	struct digest *md5, *digest[N_SUMS]; /* NULL: not wanted */
	/* of store */
	uint32_t crc32, crc32c;
	uint64_t crc64;
	struct buf bytes;         /* heap */
	struct blob_writer *blob;
	bool sealed;
	struct blob_id id;
	/* of the final job */
	unsigned char result[N_SUMS][64]; /* of MD5 always */
	bool wrong_md5;           /* it is what the failure is about */
	/* the first failure: written once, by who got it from FAILING_NOT to FAILING_NOW */
	_Atomic int failing;
	int status;
	const char *code;
	char message[300];
};

/* spool_start.c: framing and digests as the headers ask. */
enum next spool_read_headers(struct spool *s);

/* spool_work.c: any thread. */
bool spool_fail(struct spool *s, int status, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5); /* returns false */
static inline bool spool_failed(const struct spool *s) { return atomic_load(&s->failing) == FAILED; }
void spool_add_trailer(void *arg, struct str name, struct str value);
bool spool_decoded(void *arg, char *p, size_t n); /* aws-chunked's data callback */
/* b's bytes are the body's next ones. */
void spool_place(struct spool *s, struct spool_buffer *b);
/* One buffer through one lane. */
void spool_lane_work(struct spool *s, enum lane_kind kind, struct spool_buffer *b);
/* After the last: check what the client said, seal the file; drop it when anything has failed. */
void spool_final_work(struct spool *s);
void spool_drop_blob(struct spool *s);

#endif
