/* Any bytes as a gzip body of a query or JSON request, and packed first, so that what comes out is any bytes, too. */
#include "base/enc.h"
#include "cloudwatch.model.h"
#include "wire/wire.h"

static void decode(struct arena *a, struct str body, enum protocol protocol)
{
	struct param headers[] = {{S("Content-Encoding"), S("gzip"), true}};
	struct wire_request r = {.method = S("POST"), .raw_path = S("/"), .body = body, .headers = headers, .n_headers = COUNT_OF(headers),
	                         .protocol = protocol};
	struct wire_error err = {0};
	void *in = wire_decode(a, &cloudwatch_op_PutMetricData, &r, &err);
	ASSERT((in != NULL) == !str_present(err.code));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum protocol protocols[] = {PROTO_JSON_1_0, PROTO_QUERY, PROTO_CBOR};
	struct arena *a = arena_new(0);
	struct str text = str_of((const char *)data, size), packed = gzip_compress(a, text);
	for (size_t i = 0; i < COUNT_OF(protocols); i++) {
		decode(a, text, protocols[i]);
		decode(a, packed, protocols[i]);
		decode(a, str_slice(packed, 0, packed.n - size % packed.n), protocols[i]);
	}
	arena_free(a);
	return 0;
}
