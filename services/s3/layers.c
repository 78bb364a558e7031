/* The second layer of aws:kms:dsse: bytes written anew, encrypted under two keys, one around the other.
 *
 * A body comes in, or lies there, under one key; which bucket and which request it belongs to, and so that it wants two, is known
 * only when its call runs. So its bytes are read on the worker pool, encrypted under a new inner and a new outer key, and
 * written to a new file; the call waits and runs again with what came out. What always holds: no record names the new file
 * before it is sealed; the one it was made from is not changed; when the client has left, or one of them fails, the new files go.
 * Source: "Using dual-layer server-side encryption with AWS KMS keys (DSSE-KMS)" (S3 User Guide). */
#include "s3.h"

#include "os/os.h"
#include "store/blob.h"
#include "svc/body.h"
#include "svc/chain.h"

#include <errno.h>

enum { LAYERING_MAGIC = 0x4a540002, KEY_BYTES = 32, MANY = 100000 };

/* What comes back for each body: the new file and its keys. */
struct layered { struct blob_id id; unsigned char key[KEY_BYTES], outer[KEY_BYTES]; };
struct outcome { unsigned magic; bool ok, full; int64_t serial; };

struct layering {
	unsigned magic;
	struct arena *a;
	const struct body *const *bodies;
	size_t n, at;              /* bodies; the one that is written */
	struct chain chain;
	struct steps steps;
	struct blob_writer *writer; /* NULL: between two bodies */
	int64_t written;
	struct layered *done;      /* [at] is under way */
	struct txn *snapshot;      /* keeps the files until they are read */
	struct ticket ticket;
	struct outcome outcome;
	char *block;
};

struct start { const struct body *const *bodies; size_t n; int64_t serial; };

static bool fail(struct layering *l)
{
	l->outcome.full = errno == ENOSPC || errno == EDQUOT;
	l->outcome.ok = false;
	return false;
}

static bool write_piece(struct layering *l, struct str piece)
{
	const struct layered *to = &l->done[l->at];
	ASSERT(piece.n <= STEP_BYTES && l->writer != NULL);
	body_cipher(to->key, l->written, piece, l->block);
	body_cipher(to->outer, l->written, str_of(l->block, piece.n), l->block);
	l->written += (int64_t)piece.n;
	return blob_write(l->writer, str_of(l->block, piece.n)) || fail(l);
}

static bool begin_one(struct layering *l)
{
	struct layered *to = &l->done[l->at];
	ASSERT(l->writer == NULL && l->bodies[l->at]->length > 0);
	random_bytes(to->key, KEY_BYTES);
	random_bytes(to->outer, KEY_BYTES);
	steps_start(&l->steps, l->a, l->bodies[l->at]);
	l->written = 0;
	l->writer = blob_create(service_store());
	return l->writer != NULL || fail(l);
}

/* A few megabytes more; false: it cannot be. */
static bool layer_some(struct layering *l)
{
	struct str piece;
	ASSERT(l->at < l->n && l->outcome.ok);
	if (l->writer == NULL && !begin_one(l))
		return false;
	if (!steps_next(&l->steps, &piece))
		return fail(l);
	if (!write_piece(l, piece))
		return false;
	if (!steps_over(&l->steps))
		return true;
	ASSERT(l->written == l->bodies[l->at]->length);
	struct blob_writer *w = l->writer;
	l->writer = NULL;
	if (!blob_seal(w, &l->done[l->at].id))
		return fail(l);
	steps_end(&l->steps);
	l->at++;
	return true;
}

static bool work(void *arg)
{
	struct layering *l = arg;
	CHECK_MAGIC(l, (unsigned)LAYERING_MAGIC);
	return !layer_some(l) || l->at == l->n;
}

static void free_all(void *arg)
{
	struct layering *l = arg;
	if (l->writer != NULL)
		blob_abandon(l->writer);
	for (size_t i = 0; i < l->at; i++)
		blob_discard(service_store(), l->done[i].id);
	steps_end(&l->steps);
	explicit_bzero(l->done, l->n * sizeof *l->done);
	l->magic = 0;
	arena_free(l->a); /* l lives in it */
}

static void end(void *arg)
{
	struct layering *l = arg;
	struct arena *a = arena_new(1024);
	struct buf b;
	CHECK_MAGIC(l, (unsigned)LAYERING_MAGIC);
	bool keep = l->outcome.ok && !l->chain.stopped;
	buf_init(&b, a, sizeof l->outcome + l->n * sizeof *l->done);
	buf_str(&b, str_of((const char *)&l->outcome, sizeof l->outcome));
	if (keep)
		buf_str(&b, str_of((const char *)l->done, l->n * sizeof *l->done));
	if (!l->chain.stopped)
		ticket_answer(l->ticket, &(struct answer){.ok = true, .bytes = buf_view(&b)});
	arena_free(a);
	txn_end(l->snapshot);
	if (keep)
		l->at = 0; /* they are the call's now */
	worker_run(free_all, NULL, l);
}

/* A body of the call's run, in our memory. */
static const struct body *own_body(struct arena *a, const struct body *from)
{
	struct body *b = arena_new_of(a, struct body);
	struct steps parts;
	steps_start(&parts, a, from);
	*b = (struct body){.parts = parts.parts, .n_parts = parts.n, .length = from->length};
	steps_end(&parts);
	return b;
}

static void begin(struct ticket t, void *arg)
{
	const struct start *from = arg;
	struct arena *a = arena_new(8192);
	struct layering *l = arena_new_of(a, struct layering);
	const struct body **bodies = arena_array(a, const struct body *, from->n);
	*l = (struct layering){.magic = LAYERING_MAGIC, .a = a, .ticket = t, .n = from->n, .bodies = bodies, .snapshot = store_read(service_store()),
		.outcome = {.magic = LAYERING_MAGIC, .ok = true, .serial = from->serial}};
	for (size_t i = 0; i < from->n; i++)
		bodies[i] = own_body(a, from->bodies[i]);
	l->done = arena_array(a, struct layered, from->n);
	l->block = arena_bytes(a, STEP_BYTES);
	chain_init(&l->chain, work, NULL, end, l);
	chain_run_for(&l->chain, t);
}

/* ---- the call's side ---- */

static bool in_memory(const struct body *b) { return b->blob[0] == '\0' && b->parts == NULL && b->bytes.n <= INLINE_MAX; }

static void keep_blob(struct call *c, const struct layered *from, int64_t size, const struct sse_key *k, struct s3_StoredPart *p)
{
	p->Size = SOME_I64(size);
	p->Start = SOME_I64(0);
	p->Blob = arena_dup(c->arena, str_of(from->id.hex, sizeof from->id.hex - 1));
	data_keep_keys(c, p, from->key, from->outer, k);
	blob_claim(c->txn, from->id);
}

bool data_layer(struct call *c, const struct body *const *bodies, size_t n, int64_t serial, const struct sse_key *k, struct s3_StoredPart *out)
{
	ASSERT(k->twice && n > 0 && n <= MANY);
	struct start s = {.serial = serial};
	const struct body **large = arena_array(c->arena, const struct body *, n);
	for (size_t i = 0; i < n; i++)
		if (!in_memory(bodies[i]))
			large[s.n++] = bodies[i];
	s.bodies = large; /* in this run's memory, which is there until the call runs again */
	const struct answer *a = s.n > 0 ? call_await(c, begin, &s, sizeof s, INT64_MAX) : NULL;
	if (s.n > 0 && a == NULL)
		return false;
	struct outcome o = {.magic = LAYERING_MAGIC, .ok = true, .serial = serial};
	if (a != NULL && a->bytes.n >= sizeof o)
		memcpy(&o, a->bytes.p, sizeof o);
	if (o.magic != LAYERING_MAGIC || !o.ok || o.serial != serial || (a != NULL && a->bytes.n != sizeof o + s.n * sizeof(struct layered))) {
		/* what is there now is another version than what was read, or it cannot be written */
		call_fail_code(c, 503, o.full ? "ServiceUnavailable" : "SlowDown", o.full ? "There is no space left on the disk. Please try again."
			: "Please reduce your request rate.");
		return false;
	}
	for (size_t i = 0, at = 0; i < n; i++) {
		struct layered one;
		out[i].Modified = SOME_TIME(c->now_ms);
		if (!in_memory(bodies[i])) {
			memcpy(&one, a->bytes.p + sizeof o + at++ * sizeof one, sizeof one);
			keep_blob(c, &one, bodies[i]->length, k, &out[i]);
			continue;
		}
		out[i].Size = SOME_I64((int64_t)bodies[i]->bytes.n);
		out[i].Start = SOME_I64(0);
		if (bodies[i]->bytes.n > 0)
			data_keep_row(c, &out[i], bodies[i]->bytes, k);
	}
	return true;
}
