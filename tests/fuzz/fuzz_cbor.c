/* Any bytes as CBOR: reading head by head and skipping item by item end, within bounds, and agree. */
#include "base/cbor.h"

/* Copy one item through reader and writer; false when it is malformed. */
static bool copy(struct cbor_reader *r, struct cbor_item item, struct buf *out, int depth)
{
	bool opens = item.type == CBOR_TAG || item.type == CBOR_ARRAY || item.type == CBOR_MAP;
	if (opens && depth == 64)
		return false;
	switch (item.type) {
	case CBOR_UINT: cbor_uint(out, item.u); return true;
	case CBOR_NINT:
		if (item.u <= INT64_MAX)
			cbor_int(out, (int64_t)~item.u);
		else
			cbor_null(out);
		return true;
	case CBOR_BYTES: cbor_bytes(out, item.s); return true;
	case CBOR_TEXT: cbor_text(out, item.s); return true;
	case CBOR_FALSE: case CBOR_TRUE: cbor_bool(out, item.type == CBOR_TRUE); return true;
	case CBOR_NULL: case CBOR_UNDEFINED: cbor_null(out); return true;
	case CBOR_FLOAT: cbor_f64(out, item.f); return true;
	case CBOR_TAG: cbor_tag(out, item.u); return copy(r, cbor_next(r), out, depth + 1);
	case CBOR_ARRAY: case CBOR_MAP: break;
	default: return false;
	}
	struct buf inner;
	uint64_t n = 0, want = item.type == CBOR_MAP ? item.u * 2 : item.u;
	buf_init(&inner, r->arena, 0);
	for (; item.indefinite || n < want; n++) {
		struct cbor_item next = cbor_next(r);
		if (item.indefinite && next.type == CBOR_BREAK)
			break;
		if (!copy(r, next, &inner, depth + 1))
			return false;
	}
	if (item.type == CBOR_MAP && n % 2 != 0)
		return false;
	if (item.type == CBOR_MAP)
		cbor_map(out, n / 2);
	else
		cbor_array(out, n);
	buf_str(out, buf_view(&inner));
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str in = str_of((const char *)data, size);
	struct cbor_reader skipped = cbor_reader_of(a, in), read = cbor_reader_of(a, in);
	struct buf out;
	buf_init(&out, a, 0);
	bool skip_ok = cbor_skip(&skipped, cbor_next(&skipped)), copy_ok = copy(&read, cbor_next(&read), &out, 0);
	ASSERT(skip_ok == copy_ok && skipped.at <= size);
	if (copy_ok) {
		ASSERT(skipped.at == read.at);
		struct cbor_reader again = cbor_reader_of(a, buf_view(&out));
		ASSERT(cbor_skip(&again, cbor_next(&again)) && again.at == out.n);
	}
	arena_free(a);
	return 0;
}
