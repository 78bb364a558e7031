/* Any bytes as an aws-chunked body, in pieces of any size: what comes out does not depend on how the bytes were cut. */
#include "gateway/awschunk.h"

struct sink {
	struct buf bytes;
	size_t trailers;
};

static bool take(void *arg, char *p, size_t n)
{
	buf_put(&((struct sink *)arg)->bytes, p, n);
	return true;
}

static void trailer(void *arg, struct str name, struct str value)
{
	ASSERT(name.n > 0 && str_present(value));
	((struct sink *)arg)->trailers++;
}

static bool run(const uint8_t *data, size_t size, size_t step, bool is_signed, struct arena *a, struct sink *out)
{
	struct sig_chunks seed = {.scope_and_date = "20260101T000000Z\n20260101/us-east-1/s3/aws4_request"};
	memset(seed.previous, '0', 64);
	struct awschunk *c = arena_new_of(a, struct awschunk);
	*c = (struct awschunk){.is_signed = is_signed, .has_trailer = true, .signatures = &seed, .data = take, .trailer = trailer, .arg = out};
	buf_init(&out->bytes, a, 0);
	char *copy = arena_bytes(a, size + 1);
	memcpy(copy, data, size);
	bool ok = true;
	for (size_t at = 0; at < size && ok; at += step)
		ok = awschunk_feed(c, copy + at, size - at < step ? size - at : step);
	ok = ok && awschunk_end(c);
	ASSERT(ok || c->code != NULL);
	awschunk_free(c);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct arena *a = arena_new(0);
	struct sink whole = {0}, cut = {0};
	size_t step = (size_t)data[0] % 31 + 1;
	bool is_signed = (data[1] & 1) != 0;
	bool one = run(data + 2, size - 2, size, is_signed, a, &whole), two = run(data + 2, size - 2, step, is_signed, a, &cut);
	ASSERT(one == two && whole.trailers == cut.trailers);
	ASSERT(!one || str_eq(buf_view(&whole.bytes), buf_view(&cut.bytes)));
	arena_free(a);
	return 0;
}
