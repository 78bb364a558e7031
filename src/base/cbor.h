/* CBOR (RFC 8949): a pull reader and a writer, for rpcv2Cbor on the wire and for records in the store.
 *
 * The writer gives definite lengths and the shortest heads. The reader takes indefinite lengths too, bounded
 * in depth (64); text must be UTF-8. Strings are views into the input unless they came in chunks. */
#ifndef TSUBO_CBOR_H
#define TSUBO_CBOR_H

#include "base/buf.h"

enum cbor_type {
	CBOR_ERROR, CBOR_UINT, CBOR_NINT, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_TAG,
	CBOR_FALSE, CBOR_TRUE, CBOR_NULL, CBOR_UNDEFINED, CBOR_FLOAT, CBOR_BREAK, CBOR_END
};

struct cbor_item {
	enum cbor_type type;
	uint64_t u;      /* UINT: value; NINT: -1 - value; ARRAY, MAP: count; TAG: number */
	double f;        /* FLOAT (half, single and double) */
	struct str s;    /* BYTES, TEXT */
	bool indefinite; /* ARRAY, MAP: items follow until CBOR_BREAK */
};

struct cbor_reader {
	struct str in;
	size_t at;
	struct arena *arena; /* for joined chunks */
};

static inline struct cbor_reader cbor_reader_of(struct arena *a, struct str in) { return (struct cbor_reader){in, 0, a}; }
/* The next head (and the whole of a string). CBOR_END when all is read, CBOR_ERROR when malformed. */
struct cbor_item cbor_next(struct cbor_reader *r);
/* Pass over one whole item whose head has been read. false when malformed or too deep. */
bool cbor_skip(struct cbor_reader *r, struct cbor_item head);

void cbor_uint(struct buf *b, uint64_t v);
void cbor_int(struct buf *b, int64_t v);
void cbor_bytes(struct buf *b, struct str s);
void cbor_text(struct buf *b, struct str s);
void cbor_array(struct buf *b, uint64_t count);
void cbor_map(struct buf *b, uint64_t count);
void cbor_tag(struct buf *b, uint64_t tag);
void cbor_bool(struct buf *b, bool v);
void cbor_null(struct buf *b);
void cbor_f64(struct buf *b, double v);

#endif
