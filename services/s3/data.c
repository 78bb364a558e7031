/* Bytes of objects: small ones as rows, those of a kilobyte and more apart from the store's tree, large ones as blobs;
 * always encrypted, each under a key of its own.
 *
 * The key of the bytes is kept wrapped (RFC 3394): by the store's master key (SSE-S3), or by the customer's (SSE-C), which
 * is never stored: its MD5 is. A wrapped key opens only under the right one. A copy shares a blob by claiming it again.
 * Under
 * aws:kms:dsse they lie in two layers, each under a key of its own: the inner one is wrapped by KMS's, the outer one by ours
 * (layers.c makes the outer one). Source: "Protecting data with encryption" (S3 User Guide). */
#include "s3.h"

#include "os/os.h"
#include "svc/body.h"
#include "svc/master.h"

#include <stdlib.h>

enum { KEY_BYTES = 32, WRAPPED_BYTES = KEY_BYTES + WRAP_EXTRA, APART_MIN = 1 << 10 };

/* ---- keys ---- */

/* What the key of the bytes is wrapped by: the customer's, or the store's own. */
static void wrapping_key(struct call *c, const struct sse_key *k, unsigned char kek[KEY_BYTES])
{
	if (k != NULL && k->set)
		memcpy(kek, k->key, KEY_BYTES);
	else
		master_key(c, table(c, "master"), kek);
}

static struct str wrapped_key(struct call *c, const unsigned char key[KEY_BYTES], const struct sse_key *k)
{
	unsigned char kek[KEY_BYTES];
	wrapping_key(c, k, kek);
	return key_wrap(c->arena, kek, str_of((const char *)key, KEY_BYTES));
}

static bool unwrapped_key(struct call *c, struct str wrapped, const struct sse_key *k, unsigned char key[KEY_BYTES])
{
	unsigned char kek[KEY_BYTES];
	ASSERT(wrapped.n == WRAPPED_BYTES);
	wrapping_key(c, k, kek);
	struct str raw = key_unwrap(c->arena, kek, wrapped);
	if (!str_present(raw)) {
		fail_denied(c);
		return false;
	}
	memcpy(key, raw.p, KEY_BYTES);
	return true;
}

#define CUSTOMER_KEYS "Requests specifying Server Side Encryption with Customer provided keys must provide "

static bool bad_customer_key(struct call *c, const char *why)
{
	fail_value(c, "x-amz-server-side-encryption", STR_NONE, "%s", why);
	return false;
}

bool customer_key(struct call *c, struct str algorithm, struct str key, struct str md5_text, struct sse_key *out)
{
	*out = (struct sse_key){0};
	if (!str_present(algorithm) && !str_present(key) && !str_present(md5_text))
		return true;
	if (!str_present(algorithm))
		return bad_customer_key(c, CUSTOMER_KEYS "a valid encryption algorithm.");
	if (!str_eq(algorithm, S("AES256"))) {
		fail_with(c, 400, "InvalidEncryptionAlgorithmError", "ArgumentName", S("x-amz-server-side-encryption"),
			"The Encryption request you specified is not valid. Supported value: AES256.");
		call_fail_more(c, "ArgumentValue", algorithm);
		return false;
	}
	if (!str_present(key))
		return bad_customer_key(c, CUSTOMER_KEYS "an appropriate secret key.");
	struct str raw = base64_decode(c->arena, key);
	if (raw.n != KEY_BYTES || !str_present(md5_text))
		return bad_customer_key(c, "The secret key was invalid for the specified algorithm.");
	struct md5 sum = md5(raw);
	struct str computed = base64_encode(c->arena, str_of((const char *)sum.b, sizeof sum.b));
	if (!str_eq(computed, md5_text))
		return bad_customer_key(c, "The calculated MD5 hash of the key did not match the hash that was provided.");
	out->set = true;
	out->md5 = md5_text;
	memcpy(out->key, raw.p, KEY_BYTES);
	return true;
}

bool customer_key_to_read(struct call *c, struct str algorithm, struct str key, struct str md5_text, struct sse_key *out)
{
	if (!str_eq(algorithm, S("AES256")) || !str_present(key) || str_present(md5_text))
		return customer_key(c, algorithm, key, md5_text, out);
	*out = (struct sse_key){.set = true, .md5 = S("")};
	return true;
}

bool customer_key_fits(struct call *c, const struct s3_StoredObject *o, const struct sse_key *k)
{
	if (str_present(o->CustomerKey) && !k->set) {
		fail_request(c, "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the "
			"object.");
		return false;
	}
	if (!str_present(o->CustomerKey) && k->set) {
		fail_request(c, "The encryption parameters are not applicable to this object.");
		return false;
	}
	if (k->set && !str_eq(o->CustomerKey, k->md5)) {
		call_fail_code(c, 403, "AccessDenied", CUSTOMER_KEYS "the correct secret key.");
		return false;
	}
	return true;
}

/* ---- keeping ---- */

static struct key *row_key(struct call *c, int64_t row) { return key_u64(table(c, "data"), (uint64_t)row); }

static struct blob_id blob_of(const struct s3_StoredPart *p)
{
	struct blob_id id;
	ASSERT(p->Blob.n == sizeof id.hex - 1);
	memcpy(id.hex, p->Blob.p, p->Blob.n);
	id.hex[p->Blob.n] = '\0';
	return id;
}

void data_keep_row(struct call *c, struct s3_StoredPart *p, struct str plain, const struct sse_key *k)
{
	unsigned char key[KEY_BYTES], outer[KEY_BYTES];
	ASSERT(plain.n > 0 && !p->Row.set && !str_present(p->Blob)); /* what other services put may be larger than INLINE_MAX */
	p->Row = SOME_I64((int64_t)call_serial(c, "row"));
	struct str where = key_bytes(row_key(c, p->Row.v));
	bool apart = plain.n >= APART_MIN && plain.n <= INLINE_MAX;
	char *copy = apart ? txn_put_apart(c->txn, where, plain.n) : arena_bytes(c->arena, plain.n);
	if (apart)
		p->Apart = SOME_BOOL(true);
	random_bytes(key, KEY_BYTES);
	body_cipher(key, 0, plain, copy);
	p->Wrapped = wrapped_key(c, key, k);
	if (k->twice) {
		random_bytes(outer, KEY_BYTES);
		body_cipher(outer, 0, str_of(copy, plain.n), copy);
		p->Outer = wrapped_key(c, outer, NULL);
	}
	if (!apart)
		txn_put(c->txn, where, str_of(copy, plain.n));
}

static void discard_now(void *arg)
{
	blob_discard(service_store(), *(const struct blob_id *)arg);
	free(arg);
}

static void discard(void *block)
{
	struct blob_id *id = malloc(sizeof *id);
	if (id == NULL)
		die("out of memory");
	memcpy(id->hex, block, sizeof id->hex);
	worker_run(discard_now, NULL, id);
}

void data_discard(struct call *c, const struct body *b)
{
	ASSERT(b->blob[0] != '\0');
	memcpy(call_effect(c, discard, sizeof b->blob), b->blob, sizeof b->blob);
}

void data_keep_keys(struct call *c, struct s3_StoredPart *p, const unsigned char key[KEY_BYTES], const unsigned char outer[KEY_BYTES],
                    const struct sse_key *k)
{
	ASSERT(str_present(p->Blob) && k->twice);
	p->Wrapped = wrapped_key(c, key, k);
	p->Outer = wrapped_key(c, outer, NULL);
}

struct s3_StoredPart *data_keep(struct call *c, const struct body *body, const struct sse_key *k)
{
	struct s3_StoredPart *p = arena_new_of(c->arena, struct s3_StoredPart);
	bool came_as_blob = body != NULL && body->blob[0] != '\0', in_blob = came_as_blob && body->length > 0; /* a form's file may be empty */
	p->Modified = SOME_TIME(c->now_ms);
	p->Start = SOME_I64(body != NULL && in_blob ? body->offset : 0);
	struct str md5_raw = body != NULL ? body->md5 : STR_NONE;
	if (md5_raw.n == 0) { /* invoked: nobody has hashed it */
		struct md5 sum = md5(body != NULL ? body->bytes : S(""));
		md5_raw = arena_dup(c->arena, str_of((const char *)sum.b, sizeof sum.b));
	}
	p->Digest = hex_encode(c->arena, md5_raw);
	p->Size = SOME_I64(in_blob ? body->length : body != NULL && !came_as_blob ? (int64_t)body->bytes.n : 0);
	if (came_as_blob && !in_blob)
		data_discard(c, body);
	if (in_blob && k->twice) {
		if (!data_layer(c, &body, 1, 0, k, p))
			return NULL;
		data_discard(c, body); /* what came in, in one layer */
		return p;
	}
	if (in_blob) {
		ASSERT(body->encrypted && p->Size.v > 0);
		p->Blob = arena_dup(c->arena, str_c(body->blob));
		p->Wrapped = wrapped_key(c, body->key, k);
		blob_claim(c->txn, blob_of(p));
	} else if (p->Size.v > 0) {
		data_keep_row(c, p, body->bytes, k);
	}
	return p;
}

static void sweep_now(void *arg) { blob_sweep_released(arg); }
static void sweep(void *block)
{
	(void)block;
	worker_run(sweep_now, NULL, service_store());
}

static void sweep_if_wanted(void *block)
{
	if (store_sweep_wanted(service_store()))
		sweep(block);
}

static void row_drop(struct call *c, const struct s3_StoredPart *p)
{
	struct str where = key_bytes(row_key(c, p->Row.v));
	if (p->Apart.set) {
		txn_del_apart(c->txn, where);
		call_effect(c, sweep_if_wanted, 0);
	} else {
		txn_del(c->txn, where);
	}
}

void data_drop(struct call *c, const struct s3_StoredPart *p)
{
	for (uint32_t i = 0; i < p->Pieces.n; i++)
		data_drop(c, LIST_AT(p->Pieces, struct s3_StoredPart, i));
	if (p->Row.set)
		row_drop(c, p);
	if (!str_present(p->Blob))
		return;
	blob_release(c->txn, blob_of(p));
	call_effect(c, sweep, 0);
}

/* Parts that lie one after the other, cut to [start, start+length). */
static bool share_pieces(struct call *c, const struct list *parts, const struct sse_key *from_key, const struct sse_key *k, int64_t start,
                         int64_t length, struct s3_StoredPart *p)
{
	int64_t at = 0, end = start + length;
	p->Pieces = LIST_OF(c->arena, struct s3_StoredPart, parts->n);
	p->Pieces.n = 0;
	for (uint32_t i = 0; i < parts->n; i++) {
		const struct s3_StoredPart *one = LIST_AT(*parts, struct s3_StoredPart, i);
		int64_t from = start > at ? start - at : 0, to = end - at < one->Size.v ? end - at : one->Size.v;
		at += one->Size.v;
		if (from >= to)
			continue;
		const struct s3_StoredPart *copy = data_share(c, one, from_key, k, from, to - from);
		if (copy == NULL)
			return false;
		((struct s3_StoredPart *)p->Pieces.v)[p->Pieces.n++] = *copy;
	}
	return true;
}

struct s3_StoredPart *data_share_parts(struct call *c, const struct list *parts, const struct sse_key *from_key, const struct sse_key *k,
                                       int64_t start, int64_t length)
{
	struct s3_StoredPart *p = arena_new_of(c->arena, struct s3_StoredPart);
	p->Modified = SOME_TIME(c->now_ms);
	p->Size = SOME_I64(length);
	p->Start = SOME_I64(0);
	return share_pieces(c, parts, from_key, k, start, length, p) ? p : NULL;
}

/* A row's bytes, in the arena. Absent for a reader that shall not wait for the disk. */
static struct str row_get(struct call *c, const struct s3_StoredPart *p)
{
	struct str value = STR_NONE, where = key_bytes(row_key(c, p->Row.v));
	bool there = p->Apart.set ? txn_get_apart(c->txn, where, c->arena, &value) : txn_get(c->txn, where, c->arena, &value);
	ASSERT(there || txn_incomplete(c->txn));
	return there ? value : STR_NONE;
}

/* The bytes of a row under another number. */
static void row_again(struct call *c, const struct s3_StoredPart *from, struct s3_StoredPart *p)
{
	struct str value = row_get(c, from);
	p->Row = SOME_I64((int64_t)call_serial(c, "row"));
	struct str where = key_bytes(row_key(c, p->Row.v));
	if (p->Apart.set)
		memcpy(txn_put_apart(c->txn, where, value.n), value.p, value.n);
	else
		txn_put(c->txn, where, value);
}

struct s3_StoredPart *data_again(struct call *c, const struct s3_StoredPart *from)
{
	struct s3_StoredPart *p = arena_new_of(c->arena, struct s3_StoredPart);
	*p = *from;
	if (from->Pieces.n > 0) {
		p->Pieces = LIST_OF(c->arena, struct s3_StoredPart, from->Pieces.n);
		for (uint32_t i = 0; i < from->Pieces.n; i++)
			*LIST_AT(p->Pieces, struct s3_StoredPart, i) = *data_again(c, LIST_AT(from->Pieces, struct s3_StoredPart, i));
	} else if (str_present(from->Blob)) {
		blob_claim(c->txn, blob_of(from));
	} else if (from->Row.set) {
		row_again(c, from, p);
	}
	return p;
}

struct s3_StoredPart *data_share(struct call *c, const struct s3_StoredPart *from, const struct sse_key *from_key, const struct sse_key *k,
                                 int64_t start, int64_t length)
{
	struct s3_StoredPart *p = arena_new_of(c->arena, struct s3_StoredPart);
	unsigned char key[KEY_BYTES];
	ASSERT(start >= 0 && length >= 0 && start + length <= from->Size.v);
	ASSERT(!k->twice); /* their bytes are written anew: data_layer */
	*p = *from;
	p->Modified = SOME_TIME(c->now_ms);
	p->Size = SOME_I64(length);
	if (from->Pieces.n > 0)
		return share_pieces(c, &from->Pieces, from_key, k, start, length, p) ? p : NULL;
	p->Start = SOME_I64(from->Start.v + start);
	if (from->Size.v == 0)
		return p;
	if (!unwrapped_key(c, from->Wrapped, from_key, key))
		return NULL;
	p->Wrapped = wrapped_key(c, key, k);
	if (str_present(from->Blob)) {
		blob_claim(c->txn, blob_of(p));
		return p;
	}
	row_again(c, from, p);
	return p;
}

bool data_rewrap(struct call *c, struct s3_StoredPart *p, const struct sse_key *from_key, const struct sse_key *k)
{
	unsigned char key[KEY_BYTES];
	for (uint32_t i = 0; i < p->Pieces.n; i++)
		if (!data_rewrap(c, LIST_AT(p->Pieces, struct s3_StoredPart, i), from_key, k))
			return false;
	if (!str_present(p->Wrapped)) /* no bytes, or they are its pieces' */
		return true;
	if (!unwrapped_key(c, p->Wrapped, from_key, key))
		return false;
	p->Wrapped = wrapped_key(c, key, k);
	return true;
}

/* ---- reading ---- */

bool data_part(struct call *c, const struct s3_StoredPart *p, const struct sse_key *k, int64_t start, int64_t length, struct body_part *out)
{
	ASSERT(start >= 0 && length > 0 && start + length <= p->Size.v);
	*out = (struct body_part){.length = length, .offset = p->Start.v + start};
	out->twice = str_present(p->Outer);
	if (!unwrapped_key(c, p->Wrapped, k, out->key) || (out->twice && !unwrapped_key(c, p->Outer, NULL, out->outer)))
		return false;
	out->encrypted = true;
	if (str_present(p->Blob)) {
		memcpy(out->blob, p->Blob.p, p->Blob.n);
		return true;
	}
	struct str value = row_get(c, p);
	if (!str_present(value))
		return false;
	ASSERT(out->offset + length <= (int64_t)value.n);
	char *bytes = (char *)(uintptr_t)value.p; /* the arena's copy is ours */
	body_part_decrypt(out, out->offset, bytes + out->offset, (size_t)length);
	*out = (struct body_part){.bytes = str_of(bytes + out->offset, (size_t)length), .length = length};
	return true;
}

struct list object_parts(struct call *c, const struct s3_StoredObject *o)
{
	if (!o->PartsRow.set)
		return (struct list){o->Part, o->Part != NULL ? 1 : 0, true};
	const struct s3_StoredParts *all = call_get(c, key_u64(table(c, "parts"), (uint64_t)o->PartsRow.v), &s3_shape_StoredParts);
	ASSERT(all != NULL || txn_incomplete(c->txn));
	return all != NULL ? all->Parts : (struct list){0};
}

/* The stretch [start, end) of parts that lie one after the other, added to the body. */
struct stretch { struct body_part *v; size_t n, cap; int64_t at, start, end; };

static bool add_parts(struct call *c, const struct list *parts, const struct sse_key *k, struct stretch *s)
{
	for (uint32_t i = 0; i < parts->n; i++) {
		const struct s3_StoredPart *p = LIST_AT(*parts, struct s3_StoredPart, i);
		if (p->Pieces.n > 0) {
			if (!add_parts(c, &p->Pieces, k, s))
				return false;
			continue;
		}
		int64_t from = s->start > s->at ? s->start - s->at : 0, to = s->end - s->at < p->Size.v ? s->end - s->at : p->Size.v;
		s->at += p->Size.v;
		if (from >= to)
			continue;
		if (s->n == s->cap) {
			s->v = arena_grow(c->arena, s->v, sizeof *s->v, s->cap, s->cap * 2 + 4);
			s->cap = s->cap * 2 + 4;
		}
		if (!data_part(c, p, k, from, to - from, &s->v[s->n]))
			return false;
		s->n++;
	}
	return true;
}

struct body *data_body(struct call *c, const struct s3_StoredObject *o, const struct sse_key *k, int64_t start, int64_t length)
{
	struct list parts = object_parts(c, o);
	return data_body_of(c, &parts, k, start, length);
}

struct body *data_body_of(struct call *c, const struct list *parts, const struct sse_key *k, int64_t start, int64_t length)
{
	struct body *b = arena_new_of(c->arena, struct body);
	struct stretch s = {.start = start, .end = start + length};
	b->bytes = S("");
	if (length > 0 && !add_parts(c, parts, k, &s))
		return NULL;
	b->length = length;
	if (s.n == 1 && s.v[0].blob[0] == '\0') {
		b->bytes = s.v[0].bytes;
	} else if (s.n > 0) {
		b->parts = s.v;
		b->n_parts = s.n;
		b->bytes = STR_NONE;
	}
	return b;
}

void object_drop_data(struct call *c, const struct s3_StoredObject *o)
{
	struct list parts = object_parts(c, o);
	for (uint32_t i = 0; i < parts.n; i++)
		data_drop(c, LIST_AT(parts, struct s3_StoredPart, i));
	if (o->PartsRow.set)
		call_del(c, key_u64(table(c, "parts"), (uint64_t)o->PartsRow.v));
	if (o->AnnotationsRow.set)
		annotations_drop(c, o);
}
