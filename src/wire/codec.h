/* Inside the wire room: how codecs reach typed values through the tables. Only src/wire/ includes this.
 *
 * A "value pointer" points at a value as it lies in a list: a structure itself, or the C field of any other type
 * (struct str, struct opt_i64, struct json *, ...). In a structure the only difference is that a member structure
 * lies behind a pointer; member_get and member_put bridge it. */
#ifndef TSUBO_CODEC_H
#define TSUBO_CODEC_H

#include "wire/wire.h"

enum {
	WIRE_DEPTH_MAX = 64,          /* nested typed values */
	WIRE_MEMORY_MAX = 128 << 20,  /* bytes that a request may come to while lists and maps of it still grow */
	WIRE_STATUS_DEFAULT = 200
};
/* Times beyond this many milliseconds (some 300,000 years) are refused wherever they come in: what one codec takes another
 * must be able to give back. */
#define WIRE_TIME_MAX INT64_C(10000000000000000)
static inline bool time_in_range(int64_t ms) { return ms > -WIRE_TIME_MAX && ms < WIRE_TIME_MAX; }

static inline bool shape_is_struct(const struct shape *s) { return s->type == SHAPE_STRUCT || s->type == SHAPE_UNION; }

/* Size of a value in a list. */
size_t value_size(const struct shape *s);
/* Is the value at this value pointer there? A structure always is. */
bool value_present(const struct shape *s, const void *v);
/* The value pointer of a member of the structure at `base`, NULL when the value is absent. Not for streams. */
const void *member_get(const struct member *m, const void *base);
/* The value pointer to decode a member into; a member structure is made (zeroed) when it is not there yet. */
void *member_put(struct arena *a, const struct member *m, void *base);
static inline struct body **member_stream(const struct member *m, void *base)
{
	ASSERT(m->streaming);
	return (struct body **)(void *)((char *)base + m->offset);
}
static inline const struct body *member_stream_get(const struct member *m, const void *base)
{
	ASSERT(m->streaming);
	return *(struct body *const *)(const void *)((const char *)base + m->offset);
}
/* Member by its wire name; NULL: none. */
const struct member *shape_member_wire(const struct shape *s, struct str wire_name);
/* Member whose name is "message" in any case, of an error; NULL: none. */
const struct member *error_message_member(const struct shape *s);

/* Lists and maps that grow while they are decoded: `cap` is the caller's. Gives the value pointer of the new element. */
void *list_push(struct arena *a, struct list *l, uint32_t *cap, size_t size);
/* As list_push for a map entry: sets the key, gives the value pointer. */
void *map_push(struct arena *a, const struct shape *s, struct map_of *m, uint32_t *cap, struct str key);

/* Before a push: has a request become so large that a list or map with no room left may not grow? Three bytes on the wire
 * ("{},") can be a structure of hundreds, so the bound on the body does not bound the memory. Costs nothing while there is
 * room. */
static inline bool list_too_large(const struct arena *a, uint32_t n, uint32_t cap)
{
	return UNLIKELY(n == cap) && UNLIKELY(arena_used(a) > WIRE_MEMORY_MAX);
}

static inline const void *list_at(const struct list *l, size_t size, uint32_t i)
{
	ASSERT(i < l->n);
	return (const char *)l->v + (size_t)i * size;
}
static inline struct str map_key_at(const struct shape *s, const struct map_of *m, uint32_t i)
{
	ASSERT(s->type == SHAPE_MAP && i < m->n);
	return *(const struct str *)(const void *)((const char *)m->v + (size_t)i * s->size);
}
static inline const void *map_value_at(const struct shape *s, const struct map_of *m, uint32_t i)
{
	ASSERT(s->type == SHAPE_MAP && i < m->n);
	return (const char *)m->v + (size_t)i * s->size + s->value_offset;
}

/* Answers have no URI and no query string: members bound there go into the body. */
static inline bool in_answer_body(const struct member *m)
{
	return m->location == LOC_BODY || m->location == LOC_URI || m->location == LOC_QUERY;
}

/* Fill *err; the codecs' "return false". */
bool wire_fail(struct wire_error *err, const char *code, int status, struct str message);
/* A whole number in the range of the shape's bits. */
bool int_in_range(const struct shape *s, int64_t v);
/* Text of scalar values as query strings, headers and XML have it (NaN, Infinity, true). fmt: enum time_format. */
bool scalar_from_text(struct arena *a, const struct shape *s, int fmt, struct str text, void *v);
struct str scalar_to_text(struct arena *a, const struct shape *s, int fmt, const void *v);
/* The time format of a member: its own, or what the place asks for. NULL: of a value that is no member. */
static inline int member_time_format(const struct member *m, int otherwise)
{
	return m != NULL && m->time_format != TIME_DEFAULT ? m->time_format : otherwise;
}
struct str f64_text(struct arena *a, double v, int bits);
struct str epoch_text(struct arena *a, int64_t ms); /* seconds; fraction only when there is one */
bool f64_from_text(struct str s, double *v);        /* also NaN, Infinity, -Infinity */

/* "com.amazonaws.dynamodb.v20120810": where the classes of AWS's front end for a model lie, as its errors name them. m may be NULL. */
void java_package(struct buf *b, const struct model *m);

/* JSON, both with the model's names (rest false) and with wire names and body members only (rest true). m: of the shape, for the words of
 * errors; NULL: they do without. */
bool json_decode(struct arena *a, const struct model *m, const struct shape *s, struct str text, bool rest, void *v, struct wire_error *err);
void json_encode(struct buf *b, struct arena *a, const struct shape *s, const void *v, bool rest);

/* S3's own words for a member of a request's head whose value the model does not allow; false: it has none. */
bool s3_words(struct arena *a, const struct member *m, struct str value, struct wire_error *err);
/* For a member of the head that must be there and is not, where S3 has words of its own. */
void s3_missing_words(struct arena *a, const struct member *m, struct wire_error *err);
/* For what should be an integer; returns false. */
bool s3_number_words(struct arena *a, const char *name, struct str value, struct wire_error *err);

bool cbor_decode(struct arena *a, const struct shape *s, struct str bytes, void *v, struct wire_error *err);
void cbor_encode(struct buf *b, const struct shape *s, const void *v);
/* The members of a structure as map entries without the map's head; for errors, which have more. */
void cbor_encode_members(struct buf *b, const struct shape *s, const void *v);
uint32_t cbor_count_members(const struct shape *s, const void *v);

bool query_decode(struct arena *a, const struct shape *s, const struct params *form, bool ec2, void *v, struct wire_error *err);

/* XML below an element. rest: only body members count. */
struct xml;
bool xml_decode(struct arena *a, const struct shape *s, const struct xml *x, bool rest, void *v, struct wire_error *err);
/* The members that are attributes, to be written into a start tag. */
void xml_encode_attributes(struct buf *b, struct arena *a, const struct shape *s, const void *v);
/* Writes the members of a structure (children only). */
void xml_encode_members(struct buf *b, struct arena *a, const struct shape *s, const void *v, bool rest);
/* One element `name` with the value in it; m gives traits (namespace, flattening is not looked at). */
void xml_encode_value(struct buf *b, struct arena *a, const struct member *m, struct str name, const void *v);
/* The same of a document's root, which is in this namespace unless m says another; NULL: in none. */
void xml_encode_root(struct buf *b, struct arena *a, const struct member *m, struct str name, const char *xml_namespace, const void *v);

void query_encode(struct arena *a, const struct model_op *op, const void *output, bool ec2, struct str request_id,
                  struct wire_response *out);

bool rest_decode(struct arena *a, const struct model_op *op, const struct wire_request *r, enum protocol p, void *v,
                 struct wire_error *err);
void rest_encode(struct arena *a, const struct model_op *op, const void *output, enum protocol p, struct wire_response *out);
/* Headers of a structure's header members, and its status member (0: none). */
int rest_encode_headers(struct arena *a, const struct shape *s, const void *v, struct wire_response *out);

#endif
