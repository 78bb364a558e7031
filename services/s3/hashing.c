/* Digests of bytes that are stored already: what a copy needs that its source does not tell.
 *
 * The bytes are read on the worker pool in steps, never on the writer's thread: the call waits and runs again. What always
 * holds: the digests belong to the version that has the serial they are given with; a source that changed meanwhile is read
 * again. Source: "CopyObject", "UploadPartCopy" (S3 API Reference). */
#include "s3.h"

#include "svc/body.h"
#include "svc/chain.h"

enum { HASHING_MAGIC = 0x4a540001, TRIES = 3 };

/* ---- in steps ---- */

void steps_start(struct steps *s, struct arena *a, const struct body *b)
{
	*s = (struct steps){0};
	buf_init(&s->buf, NULL, STEP_BYTES);
	const struct body_part *parts = body_parts(a, b, &s->n);
	struct body_part *own = arena_array(a, struct body_part, s->n);
	for (size_t i = 0; i < s->n; i++) {
		own[i] = parts[i];
		own[i].bytes = parts[i].blob[0] != '\0' ? STR_NONE : arena_dup(a, parts[i].bytes);
	}
	s->parts = own;
}

bool steps_next(struct steps *s, struct str *piece)
{
	ASSERT(!steps_over(s) && s->in_part <= s->parts[s->at].length);
	struct body_part now = s->parts[s->at];
	int64_t rest = now.length - s->in_part;
	now.length = rest < STEP_BYTES ? rest : STEP_BYTES;
	now.offset += s->in_part;
	if (now.blob[0] == '\0')
		now.bytes = str_slice(now.bytes, (size_t)s->in_part, (size_t)(s->in_part + now.length));
	const struct body one = {.parts = &now, .n_parts = 1, .length = now.length};
	buf_clear(&s->buf);
	if (!body_load(service_store(), &one, &s->buf) || (int64_t)s->buf.n != now.length)
		return false;
	*piece = buf_view(&s->buf);
	s->in_part += now.length;
	if (s->in_part == s->parts[s->at].length) {
		s->at++;
		s->in_part = 0;
	}
	return true;
}

void steps_end(struct steps *s) { buf_free(&s->buf); }

/* ---- hashing ---- */

struct hashing {
	unsigned magic;
	struct arena *a;
	struct chain chain;
	struct steps steps;
	struct txn *snapshot;      /* keeps the files until they are read */
	struct ticket ticket;
	int64_t serial;            /* of the version that is read */
	bool failed;
	struct sum_run *sum;       /* NULL: only the MD5 is wanted */
	struct digest *md5;
};

struct outcome { unsigned magic; bool ok; int64_t serial; unsigned char md5[16], sum[64]; size_t sum_n; };
struct start { struct str kind; const struct body *body; int64_t serial; };

/* A few megabytes more. */
static bool work(void *arg)
{
	struct hashing *h = arg;
	struct str piece;
	CHECK_MAGIC(h, (unsigned)HASHING_MAGIC);
	if (steps_over(&h->steps))
		return true;
	h->failed = !steps_next(&h->steps, &piece);
	if (h->failed)
		return true;
	digest_add(h->md5, piece);
	if (h->sum != NULL)
		sum_run_add(h->sum, piece);
	return steps_over(&h->steps);
}

static void end(void *arg)
{
	struct hashing *h = arg;
	CHECK_MAGIC(h, (unsigned)HASHING_MAGIC);
	unsigned char md5_out[64];
	struct outcome o = {.magic = HASHING_MAGIC, .ok = !h->failed, .serial = h->serial};
	digest_end(h->md5, md5_out);
	memcpy(o.md5, md5_out, sizeof o.md5);
	if (h->sum != NULL)
		o.sum_n = sum_run_end(h->sum, o.sum);
	if (!h->chain.stopped)
		ticket_answer(h->ticket, &(struct answer){.ok = true, .bytes = str_of((const char *)&o, sizeof o)});
	steps_end(&h->steps);
	txn_end(h->snapshot);
	h->magic = 0;
	arena_free(h->a); /* h lives in it */
}

static void begin(struct ticket t, void *arg)
{
	const struct start *from = arg;
	struct arena *a = arena_new(8192);
	struct hashing *h = arena_new_of(a, struct hashing);
	*h = (struct hashing){.magic = HASHING_MAGIC, .a = a, .ticket = t, .serial = from->serial, .snapshot = store_read(service_store()),
		.md5 = digest_new(DIGEST_MD5)};
	h->sum = str_present(from->kind) ? sum_run_new(a, from->kind) : NULL;
	steps_start(&h->steps, a, from->body);
	chain_init(&h->chain, work, NULL, end, h);
	chain_run_for(&h->chain, t);
}

bool object_hash(struct call *c, const struct s3_StoredObject *o, const struct sse_key *k, int64_t start, int64_t length, struct str kind,
                 struct hashes *out)
{
	struct arena *keep = call_keep(c);
	for (int i = 0; i < TRIES; i++) {
		struct body *body = data_body(c, o, k, start, length);
		if (body == NULL)
			return false;
		const struct start s = {.kind = arena_dup(keep, kind), .serial = o->Serial.v,
			.body = body /* in this run's memory, which is there until the call runs again */};
		const struct answer *a = call_await(c, begin, &s, sizeof s, INT64_MAX);
		if (a == NULL)
			return false;
		struct outcome done;
		ASSERT(a->ok); /* there is no deadline */
		if (a->bytes.n != sizeof done)
			break; /* what was read, before the source changed, was something else */
		memcpy(&done, a->bytes.p, sizeof done);
		if (done.magic != HASHING_MAGIC)
			break;
		if (!done.ok || done.serial != o->Serial.v)
			continue; /* it changed, or its files went, while it was read */
		out->md5 = arena_dup(c->arena, str_of((const char *)done.md5, sizeof done.md5));
		out->sum = done.sum_n > 0 ? base64_encode(c->arena, str_of((const char *)done.sum, done.sum_n)) : STR_NONE;
		return true;
	}
	call_fail_code(c, 503, "SlowDown", "Please reduce your request rate.");
	return false;
}
