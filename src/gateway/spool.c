/* Streaming bodies on their way in, as the loop sees them. See spool.h, and spool_inside.h for the lanes.
 *
 * What comes is read into a buffer, or copied there; workers take full ones through the lanes while the next fills. A request that has
 * RING buffers, or finds none to be had, pauses its client, so all uploads together hold BUFFERS_MAX buffers and what small
 * bodies are kept in memory, never more.
 * What always holds: while bytes may come there is a buffer with room for one read of the connection; what is sealed and was not
 * claimed by a call that succeeded is removed with the request. */
#include "gateway/spool_inside.h"

#include "os/os.h"

#include <stddef.h>
#include <stdlib.h>

enum { SMALL_BYTES = 16 << 10 }; /* a body up to this needs no pooled buffer, and is not worth the way to a worker */

static bool working(const struct spool *s)
{
	bool any = s->final_working;
	for (size_t k = 0; k < N_LANES; k++)
		any |= s->lane[k].working;
	return any;
}

/* ---- buffers ---- */

static void drop_buffer(struct spool_buffer *b)
{
	char *p = b->p;
	b->p = NULL;
	b->n = 0;
	if (p != NULL && b->pooled)
		buffer_give(p);
	else
		free(p);
}

/* Give back the one that fills, or the place in line. */
static void drop_fill(struct spool *s)
{
	buffer_leave(&s->user);
	s->wants_fill = false;
	drop_buffer(&s->fill);
	s->fill_cap = 0;
}

static void drop_all_buffers(struct spool *s)
{
	ASSERT(!working(s));
	drop_fill(s);
	for (; s->freed < s->filled; s->freed++)
		drop_buffer(&s->ring[s->freed % RING]);
}

static void fill_next(struct spool *s, char *p)
{
	ASSERT(p != NULL && s->fill.p == NULL);
	s->fill = (struct spool_buffer){.p = p, .pooled = true};
	s->fill_cap = BUFFER_BYTES;
	if (s->request->http == NULL)
		return;
	if (!s->started) {
		s->started = true;
		http_read_body(s->request->http);
	} else if (s->paused) {
		s->paused = false;
		http_resume_body(s->request->http);
	}
}

static void given(struct buffer_user *u, char *p)
{
	struct spool *s = (struct spool *)(void *)((char *)u - offsetof(struct spool, user));
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	s->turns = 0;
	fill_next(s, p);
}

/* Have a buffer to fill, now or later; until then the client waits. */
static void get_fill(struct spool *s)
{
	ASSERT(s->fill.p == NULL && !s->ended && s->user.place == BUFFER_NOWHERE);
	s->wants_fill = s->filled - s->freed == RING;
	char *p = s->wants_fill ? NULL : buffer_take(&s->user);
	if (p != NULL) {
		fill_next(s, p);
	} else if (s->started && !s->paused && s->request->http != NULL) {
		s->paused = true;
		http_pause_body(s->request->http);
	}
}

/* ---- lanes ---- */

static void lane_done(void *arg);
static void final_done(void *arg);
static void final_work(void *arg) { spool_final_work(arg); }

static void lane_work(void *arg)
{
	struct lane *l = arg;
	ASSERT(l->working && l->at < l->upto);
	for (uint64_t i = l->at; i < l->upto && !spool_failed(l->spool); i++)
		spool_lane_work(l->spool, l->kind, &l->spool->ring[i % RING]);
}

/* How far the lanes behind decode may go. */
static uint64_t decoded(const struct spool *s) { return s->lane[LANE_DECODE].used ? s->lane[LANE_DECODE].at : s->filled; }

static bool all_through(const struct spool *s)
{
	for (size_t k = 0; k < N_LANES; k++)
		if (s->lane[k].used && s->lane[k].at != s->filled)
			return false;
	return true;
}

/* Of the chunked transfer coding; those of aws-chunked come with the decoding. */
static void take_trailers(struct spool *s)
{
	const struct http_request *h = s->request->http;
	for (size_t i = 0; h != NULL && i < h->n_trailers; i++)
		if (h->trailers[i].name.n > 0)
			spool_add_trailer(s, h->trailers[i].name, h->trailers[i].value);
}

/* Start what can be done now. */
static void go_on(struct spool *s)
{
	ASSERT(!s->gone && !s->done);
	bool failed = spool_failed(s);
	for (enum lane_kind k = 0; k < N_LANES && !failed; k++) {
		struct lane *l = &s->lane[k];
		uint64_t there = k == LANE_DECODE ? s->filled : decoded(s);
		ASSERT(!l->used || (l->at <= there && l->at >= s->freed));
		if (!l->used || l->working || l->at == there)
			continue;
		l->upto = there - l->at < BATCH ? there : l->at + BATCH;
		l->working = true;
		worker_run(lane_work, lane_done, l);
	}
	if (working(s) || !(failed || (s->ended && all_through(s))))
		return;
	drop_fill(s);
	take_trailers(s);
	s->final_working = true;
	worker_run(final_work, final_done, s);
}

/* Give back what all lanes have left behind. */
static void release(struct spool *s)
{
	uint64_t last = s->filled;
	for (size_t k = 0; k < N_LANES; k++)
		if (s->lane[k].used && s->lane[k].at < last)
			last = s->lane[k].at;
	for (; s->freed < last; s->freed++) {
		struct spool_buffer *b = &s->ring[s->freed % RING];
		if (s->user.place == BUFFER_WAITING && b->pooled && s->turns < TURNS) {
			char *p = b->p;
			b->p = NULL;
			s->turns++;
			buffer_keep(&s->user);
			fill_next(s, p);
		} else {
			drop_buffer(b);
		}
	}
	if (s->wants_fill && s->freed + RING > s->filled && !s->ended)
		get_fill(s);
}

/* ---- the end ---- */

static void free_spool(struct spool *s)
{
	ASSERT(s->user.place == BUFFER_NOWHERE && s->fill.p == NULL && s->freed == s->filled);
	if (s->blob != NULL || s->sealed)
		spool_drop_blob(s); /* only from a worker: see dispose */
	if (s->md5 != NULL)
		digest_drop(s->md5);
	for (size_t k = 0; k < N_SUMS; k++)
		digest_drop(s->digest[k]);
	if (s->chunks != NULL)
		awschunk_free(s->chunks);
	free(s->chunks);
	buf_free(&s->bytes);
	arena_free(s->memory);
	explicit_bzero(s->key, sizeof s->key);
	s->magic = 0;
	free(s);
}

static void free_work(void *arg) { free_spool(arg); }

/* Free it, on a worker when there is a file to remove. */
static void dispose(struct spool *s)
{
	drop_all_buffers(s);
	s->request = NULL;
	if (s->blob != NULL || s->sealed)
		worker_run(free_work, NULL, s);
	else
		free_spool(s);
}

static struct str result_of(struct spool *s, enum sum k)
{
	return s->wants[k] ? str_of((const char *)s->result[k], spool_sums[k].bytes) : STR_NONE;
}

static void fill_body(struct spool *s, struct body *b)
{
	ASSERT(!s->sealed || s->got > 0);
	b->bytes = s->sealed ? STR_NONE : buf_view(&s->bytes);
	if (s->sealed)
		memcpy(b->blob, s->id.hex, sizeof b->blob);
	b->length = s->got;
	b->encrypted = s->sealed && s->encrypt;
	memcpy(b->key, s->key, sizeof b->key);
	b->md5 = str_of((const char *)s->result[SUM_MD5], spool_sums[SUM_MD5].bytes);
	b->crc32 = result_of(s, SUM_CRC32);
	b->crc32c = result_of(s, SUM_CRC32C);
	b->crc64nvme = result_of(s, SUM_CRC64);
	b->sha1 = result_of(s, SUM_SHA1);
	b->sha256 = result_of(s, SUM_SHA256);
	b->sha512 = result_of(s, SUM_SHA512);
	b->xxhash64 = result_of(s, SUM_XXH64);
	b->xxhash3 = result_of(s, SUM_XXH3);
	b->xxhash128 = result_of(s, SUM_XXH128);
	b->trailers = s->trailers;
	b->n_trailers = s->n_trailers;
}

/* Everything is in, or it has failed: the request goes on. */
static void deliver(struct spool *s)
{
	struct request *r = s->request;
	ASSERT(s->done && !working(s) && !r->body_done);
	drop_all_buffers(s);
	if (spool_failed(s))
		request_fail(r, s->status, s->code, "%s", s->message);
	else
		fill_body(s, &r->stream);
	if (s->wrong_md5) {
		wire_error_more(r->arena, &r->error, "ExpectedDigest", hex_encode(r->arena, s->content_md5));
		struct str sum = str_of((const char *)s->result[SUM_MD5], spool_sums[SUM_MD5].bytes);
		wire_error_more(r->arena, &r->error, "CalculatedDigest", base64_encode(r->arena, sum));
	}
	r->body_done = true;
	if (s->paused && r->http != NULL)
		http_resume_body(r->http); /* what is left of a refused body is drained */
	if (r->reading_now)
		return;
	r->receiving = false;
	request_go_on(r);
}

/* The client has left while a worker was busy. */
static bool left(struct spool *s)
{
	if (!s->gone)
		return false;
	if (!working(s)) {
		struct request *r = s->request;
		r->spool = NULL;
		dispose(s);
		request_free(r);
	}
	return true;
}

static void lane_done(void *arg)
{
	struct lane *l = arg;
	struct spool *s = l->spool;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	ASSERT(l->working && l->at < l->upto && l->upto <= s->filled);
	l->working = false;
	l->at = l->upto;
	if (left(s))
		return;
	release(s);
	go_on(s);
}

static void final_done(void *arg)
{
	struct spool *s = arg;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	ASSERT(s->final_working && s->done);
	s->final_working = false;
	if (!left(s))
		deliver(s);
}

/* All of the body lies in one buffer: all that is to be done with it in one go. */
static void whole_work(void *arg)
{
	struct spool *s = arg;
	ASSERT(s->filled == 1 && s->ended);
	for (enum lane_kind k = 0; k < N_LANES && !spool_failed(s); k++)
		if (s->lane[k].used)
			spool_lane_work(s, k, &s->ring[0]);
	spool_final_work(s);
}

/* ---- bytes ---- */

/* What has been filled goes into the lanes. */
static void push(struct spool *s)
{
	ASSERT(s->fill.p != NULL && s->fill.n > 0 && s->filled - s->freed < RING);
	struct spool_buffer *b = &s->ring[s->filled % RING];
	buffer_leave(&s->user);
	*b = s->fill;
	s->fill = (struct spool_buffer){0};
	if (s->chunks == NULL)
		spool_place(s, b);
	s->filled++;
}

/* Others wait for what this client is slow to fill. */
static void asked(struct buffer_user *u)
{
	struct spool *s = (struct spool *)(void *)((char *)u - offsetof(struct spool, user));
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	ASSERT(s->fill.pooled && !s->ended);
	s->turns = TURNS; /* it is the others' turn */
	if (s->fill.n > 0) {
		push(s);
		get_fill(s); /* behind those who wait */
		go_on(s);
		return;
	}
	struct spool_buffer empty = s->fill;
	s->fill = (struct spool_buffer){0};
	get_fill(s);
	drop_buffer(&empty);
}

/* Are bytes of the body still of use? */
static bool receives(const struct spool *s)
{
	return !s->request->body_done && !s->final_working && !s->done && !spool_failed(s); /* while that works, `done` is its own */
}

char *spool_room(struct request *r, size_t *n)
{
	struct spool *s = r->spool;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	ASSERT(s->request == r);
	if (!receives(s) || s->fill.p == NULL || s->fill.n == s->fill_cap)
		return NULL;
	*n = s->fill_cap - s->fill.n;
	return s->fill.p + s->fill.n;
}

void spool_piece(struct request *r, struct str piece)
{
	struct spool *s = r->spool;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	r->bytes_in += piece.n;
	if (piece.n == 0 || !receives(s))
		return;
	ASSERT(!s->ended && s->fill.p != NULL && s->fill.n + piece.n <= s->fill_cap);
	if (piece.p != s->fill.p + s->fill.n)
		memcpy(s->fill.p + s->fill.n, piece.p, piece.n);
	s->fill.n += piece.n;
	if (!s->fill.pooled)
		return;
	buffer_touch(&s->user);
	if (s->fill.n < BUFFER_FULL)
		return;
	push(s);
	get_fill(s);
	go_on(s);
}

void spool_end(struct request *r)
{
	struct spool *s = r->spool;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	if (s->ended || r->body_done || s->final_working || s->done)
		return;
	s->ended = true;
	bool whole = s->filled == 0, small = s->fill.n <= SMALL_BYTES && s->fill.n <= s->inline_max && s->expected <= (int64_t)s->inline_max;
	if (s->fill.n > 0)
		push(s);
	else
		drop_fill(s);
	if (whole && s->filled == 1 && !spool_failed(s)) {
		take_trailers(s);
		if (small) {
			whole_work(s);
			deliver(s);
			return;
		}
		s->final_working = true;
		worker_run(whole_work, final_done, s);
		return;
	}
	if (whole && s->filled == 0) { /* nothing came */
		take_trailers(s);
		spool_final_work(s);
		deliver(s);
		return;
	}
	go_on(s);
}

bool spool_gone(struct request *r)
{
	struct spool *s = r->spool;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	drop_fill(s);
	if (working(s)) {
		s->gone = true;
		return false;
	}
	r->spool = NULL;
	dispose(s);
	return true;
}

void spool_free(struct request *r)
{
	struct spool *s = r->spool;
	if (s == NULL)
		return;
	CHECK_MAGIC(s, (unsigned)SPOOL_MAGIC);
	r->spool = NULL;
	if (!r->failed && r->ran)
		s->sealed = false; /* it lives with the record now */
	dispose(s);
}

/* ---- the beginning ---- */

/* A buffer for what the client announces: of its size when it is small. */
static void first_fill(struct spool *s, const struct http_request *h)
{
	if (h->content_length < 0 || h->content_length > SMALL_BYTES) {
		get_fill(s);
		return;
	}
	s->fill = (struct spool_buffer){.p = malloc((size_t)h->content_length)};
	s->fill_cap = (size_t)h->content_length;
	if (s->fill.p == NULL)
		die("out of memory");
	s->started = true;
	http_read_body(s->request->http);
}

enum next spool_start(struct request *r)
{
	struct http_request *h = r->http;
	r->stream.bytes = S("");
	struct spool *s = calloc(1, sizeof *s);
	if (s == NULL)
		die("out of memory");
	s->magic = SPOOL_MAGIC;
	s->request = r;
	s->user.given = given;
	s->user.asked = asked;
	s->memory = arena_new(512);
	for (enum lane_kind k = 0; k < N_LANES; k++)
		s->lane[k] = (struct lane){.spool = s, .kind = k};
	r->spool = s;
	s->inline_max = r->service->stream_inline > 0 ? r->service->stream_inline : STREAM_INLINE;
	s->encrypt = r->service->encrypt_streams;
	if (s->encrypt)
		random_bytes(s->key, sizeof s->key);
	buf_init(&s->bytes, NULL, s->inline_max);
	if (spool_read_headers(s) == FAIL)
		return FAIL;
	r->receiving = r->reading_now = true;
	if (h->has_body)
		first_fill(s, h);
	else
		spool_end(r);
	r->reading_now = false;
	if (!r->body_done)
		return LATER;
	r->receiving = false; /* it was there already */
	return r->failed ? FAIL : NEXT;
}
