/* Annotations: named texts beside an object's version, of up to 1 MiB each.
 *
 * An object that has any names a row of its record; under it lies one record a name, in the order of their bytes, as they are listed.
 * Their bytes are rows of up to 64 KiB under the key of the object's bytes, and come and go with the version: copied, replicated and
 * deleted with it, never versions of their own. What always holds: an object without annotations costs nothing more.
 * Source: "PutObjectAnnotation", "GetObjectAnnotation", "ListObjectAnnotations", "DeleteObjectAnnotation" (S3 API Reference). */
#include "s3.h"

static struct key *annotations_key(struct call *c, int64_t row) { return key_u64(table(c, "annotation"), (uint64_t)row); }

static struct key *annotation_key(struct call *c, const struct s3_StoredObject *o, struct str name)
{
	ASSERT(o->AnnotationsRow.set && name.n > 0 && name.n <= ANNOTATION_NAME_MAX);
	return key_str(annotations_key(c, o->AnnotationsRow.v), name);
}

struct s3_StoredAnnotation *annotation_get(struct call *c, const struct s3_StoredObject *o, struct str name)
{
	return o->AnnotationsRow.set ? call_get(c, annotation_key(c, o, name), &s3_shape_StoredAnnotation) : NULL;
}

/* All of them at once: at most ANNOTATIONS_MAX, so that what follows may write. */
struct annotations annotations_of(struct call *c, const struct s3_StoredObject *o)
{
	struct annotations all = {.v = arena_array(c->arena, struct s3_StoredAnnotation *, ANNOTATIONS_MAX)};
	if (!o->AnnotationsRow.set)
		return all;
	struct str key, value;
	struct scan *s = call_scan(c, annotations_key(c, o->AnnotationsRow.v), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		ASSERT(all.n < ANNOTATIONS_MAX);
		all.v[all.n++] = record_decode(c, &s3_shape_StoredAnnotation, arena_dup(c->arena, value));
	}
	scan_close(s);
	return all;
}

void annotation_put(struct call *c, struct s3_StoredObject *o, const struct s3_StoredAnnotation *one)
{
	ASSERT(one->Part != NULL && one->Part->Size.v > 0 && one->Part->Size.v <= ANNOTATION_MAX);
	if (!o->AnnotationsRow.set)
		o->AnnotationsRow = SOME_I64((int64_t)call_serial(c, "row"));
	call_put(c, annotation_key(c, o, one->Name), &s3_shape_StoredAnnotation, one);
}

void annotation_drop(struct call *c, const struct s3_StoredObject *o, const struct s3_StoredAnnotation *one)
{
	data_drop(c, one->Part);
	call_del(c, annotation_key(c, o, one->Name));
}

void annotations_drop(struct call *c, const struct s3_StoredObject *o)
{
	struct annotations all = annotations_of(c, o);
	for (size_t i = 0; i < all.n; i++)
		annotation_drop(c, o, all.v[i]);
}

struct s3_StoredPart *annotation_keep(struct call *c, struct str bytes, const struct sse_key *k)
{
	struct s3_StoredPart *p = arena_new_of(c->arena, struct s3_StoredPart);
	struct md5 digest = md5(bytes);
	size_t n = (bytes.n + INLINE_MAX - 1) / INLINE_MAX;
	ASSERT(bytes.n > 0 && bytes.n <= ANNOTATION_MAX);
	p->Modified = SOME_TIME(c->now_ms);
	p->Size = SOME_I64((int64_t)bytes.n);
	p->Start = SOME_I64(0);
	p->Digest = hex_encode(c->arena, str_of((const char *)digest.b, sizeof digest.b));
	p->Pieces = LIST_OF(c->arena, struct s3_StoredPart, n);
	for (size_t i = 0; i < n; i++) {
		struct s3_StoredPart *piece = LIST_AT(p->Pieces, struct s3_StoredPart, i);
		struct str part = str_slice(bytes, i * INLINE_MAX, (i + 1) * INLINE_MAX);
		piece->Size = SOME_I64((int64_t)part.n);
		piece->Start = SOME_I64(0);
		data_keep_row(c, piece, part, k);
	}
	return p;
}

static struct str annotation_bytes(struct call *c, const struct s3_StoredAnnotation *one, const struct sse_key *k)
{
	const struct list parts = {one->Part, 1, true};
	const struct body *b = data_body_of(c, &parts, k, 0, one->Part->Size.v);
	if (b == NULL)
		return STR_NONE;
	if (b->parts == NULL)
		return b->bytes;
	struct buf all;
	buf_init(&all, c->arena, ANNOTATION_MAX);
	for (size_t i = 0; i < b->n_parts; i++)
		buf_str(&all, b->parts[i].bytes);
	ASSERT(!all.overflow && (int64_t)all.n == b->length);
	return buf_view(&all);
}

bool annotations_copy(struct call *c, const struct s3_StoredObject *from, const struct sse_key *from_key, const struct sse_key *k,
                      struct s3_StoredObject *to)
{
	struct annotations all = annotations_of(c, from);
	ASSERT(!to->AnnotationsRow.set);
	for (size_t i = 0; i < all.n; i++) {
		struct str bytes = annotation_bytes(c, all.v[i], from_key);
		if (!str_present(bytes))
			return false;
		struct s3_StoredAnnotation copy = *all.v[i];
		copy.Modified = SOME_TIME(c->now_ms);
		copy.Part = annotation_keep(c, bytes, k);
		annotation_put(c, to, &copy);
	}
	return true;
}

void annotations_again(struct call *c, const struct s3_StoredObject *from, struct s3_StoredObject *to)
{
	struct annotations all = annotations_of(c, from);
	to->AnnotationsRow = (struct opt_i64){0};
	for (size_t i = 0; i < all.n; i++) {
		struct s3_StoredAnnotation copy = *all.v[i];
		copy.Part = data_again(c, copy.Part);
		annotation_put(c, to, &copy);
	}
}

bool annotations_rewrap(struct call *c, struct s3_StoredObject *o, const struct sse_key *from_key, const struct sse_key *k)
{
	struct annotations all = annotations_of(c, o);
	for (size_t i = 0; i < all.n; i++) {
		if (!data_rewrap(c, all.v[i]->Part, from_key, k))
			return false;
		annotation_put(c, o, all.v[i]);
	}
	return true;
}
