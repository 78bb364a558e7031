/* Ordered tuple keys: each element keeps its order when compared as bytes.
 *
 * Encoding: strings and bytes: tag 0x02, the bytes with 0x00 as 0x00 0xff, then 0x00 0x01. Unsigned integers:
 * tag 0x03, 8 bytes big-endian. Signed: tag 0x04, 8 bytes big-endian, sign flipped. A prefix of elements is a
 * prefix of bytes, so "all keys below" is [key, key_after(key)). */
#ifndef TSUBO_KEY_H
#define TSUBO_KEY_H

#include "base/buf.h"

struct key {
	struct buf b;
};

struct key key_new(struct arena *a);
/* Builders return their argument, to be chained. */
struct key *key_str(struct key *k, struct str s);
struct key *key_u64(struct key *k, uint64_t v);
struct key *key_i64(struct key *k, int64_t v);
struct key *key_raw(struct key *k, struct str ordered); /* bytes that are ordered already; only as the last element */
static inline struct str key_bytes(const struct key *k) { return buf_view(&k->b); }
/* The first key after every key that starts with these bytes; absent (no bound) for all-0xff. */
struct str key_after(struct arena *a, struct str prefix);

/* Reading back, element by element; false when the next one is of another type or broken. */
struct key_reader { struct str rest; };
static inline struct key_reader key_reader_of(struct str key) { return (struct key_reader){key}; }
bool key_read_str(struct key_reader *r, struct arena *a, struct str *out);
bool key_read_u64(struct key_reader *r, uint64_t *out);
bool key_read_i64(struct key_reader *r, int64_t *out);
static inline struct str key_read_raw(struct key_reader *r) { return r->rest; }

#endif
