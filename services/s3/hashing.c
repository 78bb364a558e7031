/* Digests of bytes that are stored already: what a copy needs that its source does not tell.
 *
 * The bytes are read on the worker pool in steps, never on the writer's thread: the call waits and runs again. What always
 * holds: the digests belong to the version that has the serial they are given with; a source that changed meanwhile is read
 * again. Source: "CopyObject", "UploadPartCopy" (S3 API Reference). */
#include "s3.h"

#include "svc/body.h"

enum { HASHING_MAGIC = 0x4a540001, STEP_BYTES = 4 << 20, TRIES = 3 };

struct hashing {
	unsigned magic;
	struct arena *a;
	const struct body_part *parts;
	size_t n_parts, at;
	int64_t in_part;
	struct buf buf;
	struct txn *snapshot;      /* keeps the files until they are read */
	struct ticket ticket;
	int64_t serial;            /* of the version that is read */
	bool gone, failed;
	struct sum_run *sum;       /* NULL: only the MD5 is wanted */
	struct digest *md5;
};

struct outcome { bool ok; int64_t serial; unsigned char md5[16], sum[64]; size_t sum_n; };
struct start { struct str kind; const struct body *body; int64_t serial; };

/* A few megabytes more; in h->at == h->n_parts when all is read. */
static void work(void *arg)
{
	struct hashing *h = arg;
	for (int64_t left = STEP_BYTES; left > 0 && h->at < h->n_parts && !h->failed;) {
		ASSERT(h->in_part <= h->parts[h->at].length);
		struct body_part now = h->parts[h->at];
		int64_t rest = now.length - h->in_part;
		now.length = rest < left ? rest : left;
		now.offset += h->in_part;
		if (now.blob[0] == '\0')
			now.bytes = str_slice(now.bytes, (size_t)h->in_part, (size_t)(h->in_part + now.length));
		const struct body piece = {.parts = &now, .n_parts = 1, .length = now.length};
		buf_clear(&h->buf);
		h->failed = !body_load(service_store(), &piece, &h->buf) || (int64_t)h->buf.n != now.length;
		digest_add(h->md5, buf_view(&h->buf));
		if (h->sum != NULL)
			sum_run_add(h->sum, buf_view(&h->buf));
		left -= now.length;
		h->in_part += now.length;
		if (h->in_part == h->parts[h->at].length) {
			h->at++;
			h->in_part = 0;
		}
	}
}

static void end(struct hashing *h)
{
	unsigned char md5_out[64];
	struct outcome o = {.ok = !h->failed, .serial = h->serial};
	digest_end(h->md5, md5_out);
	memcpy(o.md5, md5_out, sizeof o.md5);
	if (h->sum != NULL)
		o.sum_n = sum_run_end(h->sum, o.sum);
	if (!h->gone)
		ticket_answer(h->ticket, &(struct answer){.ok = true, .bytes = str_of((const char *)&o, sizeof o)});
	buf_free(&h->buf);
	txn_end(h->snapshot);
	h->magic = 0;
	arena_free(h->a); /* h lives in it */
}

static void worked(void *arg)
{
	struct hashing *h = arg;
	CHECK_MAGIC(h, (unsigned)HASHING_MAGIC);
	if (h->at < h->n_parts && !h->failed && !h->gone)
		worker_run(work, worked, h); /* behind what others have queued meanwhile */
	else
		end(h);
}

static void client_gone(struct ticket t, void *arg)
{
	(void)t;
	((struct hashing *)arg)->gone = true;
}

static void begin(struct ticket t, void *arg)
{
	const struct start *from = arg;
	struct arena *a = arena_new(8192);
	struct hashing *h = arena_new_of(a, struct hashing);
	*h = (struct hashing){.magic = HASHING_MAGIC, .a = a, .ticket = t, .serial = from->serial, .snapshot = store_read(service_store()),
		.md5 = digest_new(DIGEST_MD5)};
	h->sum = str_present(from->kind) ? sum_run_new(a, from->kind) : NULL;
	buf_init(&h->buf, NULL, STEP_BYTES);
	const struct body_part *parts = body_parts(a, from->body, &h->n_parts);
	struct body_part *own = arena_array(a, struct body_part, h->n_parts);
	for (size_t i = 0; i < h->n_parts; i++) {
		own[i] = parts[i];
		own[i].bytes = parts[i].blob[0] != '\0' ? STR_NONE : arena_dup(a, parts[i].bytes);
	}
	h->parts = own;
	ticket_on_gone(t, client_gone, h);
	worker_run(work, worked, h);
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
		ASSERT(a->ok && a->bytes.n == sizeof done); /* there is no deadline */
		memcpy(&done, a->bytes.p, sizeof done);
		if (!done.ok || done.serial != o->Serial.v)
			continue; /* it changed, or its files went, while it was read */
		out->md5 = arena_dup(c->arena, str_of((const char *)done.md5, sizeof done.md5));
		out->sum = done.sum_n > 0 ? base64_encode(c->arena, str_of((const char *)done.sum, done.sum_n)) : STR_NONE;
		return true;
	}
	call_fail_code(c, 503, "SlowDown", "Please reduce your request rate.");
	return false;
}
