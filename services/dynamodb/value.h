/* Attribute values in memory: what expressions are evaluated on.
 *
 * An item is a value of type M. Always holds: map members are sorted by name without duplicates; sets are sorted
 * without duplicates; number text is canonical (number.h). So equal values have equal bytes in the item codec.
 * Strings are views: into the request, the stored item, or the arena. */
#ifndef DYNAMODB_VALUE_H
#define DYNAMODB_VALUE_H

#include "fault.h"
#include "number.h"

#include "base/json.h"

/* The order is that of the item codec's tags; do not renumber. */
enum av_type { AV_NONE, AV_S, AV_N, AV_B, AV_BOOL, AV_NULL, AV_SS, AV_NS, AV_BS, AV_L, AV_M };

struct av_member;

struct av {
	uint8_t type;
	bool truth;  /* BOOL */
	uint32_t n;  /* items or members */
	union {
		struct str s;             /* S, N (canonical text), B (raw bytes) */
		struct av *items;         /* SS, NS, BS (of S, N, B), L */
		struct av_member *members; /* M */
	};
};

struct av_member {
	struct str name;
	struct av value;
};

enum { ITEM_SIZE_MAX = 400 * 1024, ITEM_DEPTH_MAX = 32, KEY_HASH_MAX = 2048, KEY_RANGE_MAX = 1024 };

const char *av_type_name(enum av_type t);           /* "SS" */
enum av_type av_type_of_name(struct str name);      /* AV_NONE: no such type */
static inline bool av_is_set(enum av_type t) { return t == AV_SS || t == AV_NS || t == AV_BS; }
/* The type of a set's elements. */
enum av_type av_element_type(enum av_type set);

struct av av_string(struct str s);
struct av av_number(struct arena *a, const struct number *n);
struct av av_integer(struct arena *a, int64_t v);
/* The number of an AV_N (ASSERTs that its text is one). */
struct number av_to_number(const struct av *v);

/* The member's value, or NULL; m may be NULL or of another type. */
struct av *av_get(const struct av *m, struct str name);
/* Set a member (replacing). Returns its place, valid until the map changes. */
struct av *av_set(struct arena *a, struct av *m, struct str name, const struct av *v);
bool av_unset(struct av *m, struct str name);
bool av_equal(const struct av *x, const struct av *y);
/* Order of two values of the same type S, N or B. */
int av_cmp(const struct av *x, const struct av *y);
/* A copy that shares only strings. */
struct av av_copy(struct arena *a, const struct av *v);
/* Sort a set's elements; false when two are equal (duplicates are dropped). */
bool av_sort_set(struct av *set);
bool av_set_has(const struct av *set, const struct av *element);

/* Bytes as DynamoDB counts them: of a value, and of an item (names and values). */
size_t av_size(const struct av *v);
size_t item_size(const struct av *item);

/* ---- AWS JSON ---- */

/* {"S": "x"} to a value. Wrong JSON types are serialization faults, the rest validation faults in DynamoDB's words.
 * Strings are views into j's text where they can be. */
bool av_from_json(const struct json *j, struct av *out, struct fault *f);
/* An object of named values to a map; NULL or JSON null gives an empty map. */
bool item_from_json(const struct json *j, struct av *out, struct fault *f);
struct json *av_to_json(struct arena *a, const struct av *v);
struct json *item_to_json(struct arena *a, const struct av *item);
/* As text. item_write_json writes {"name": {"S": "x"}, ...}. */
void av_write_json(struct buf *b, const struct av *v);
void item_write_json(struct buf *b, const struct av *item);

/* ---- the item codec ---- */

/* One byte of version, then the map. See item_codec.c. */
void item_encode(struct buf *b, const struct av *item);
/* Strings are views into bytes. false: not an item of ours. */
bool item_decode(struct arena *a, struct str bytes, struct av *out);
/* item_size of stored bytes. */
bool item_bytes_size(struct str bytes, size_t *size);
/* Straight from stored bytes to AWS JSON text; item_size comes with it. */
bool item_bytes_write_weighed(struct buf *b, struct str bytes, size_t *size);
bool item_bytes_write_json(struct buf *b, struct str bytes);

#endif
