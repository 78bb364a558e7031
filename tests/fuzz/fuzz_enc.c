/* Any bytes through every decoder; what a decoder takes, its encoder gives back. */
#include "base/enc.h"
#include "base/pattern.h"
#include "base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str in = str_of((const char *)data, size), d;
	struct params params;
	int64_t ms;
	ASSERT(str_eq(base64_decode(a, base64_encode(a, in)), in));
	ASSERT(str_eq(base64url_decode(a, base64url_encode(a, in)), in));
	ASSERT(str_eq(hex_decode(a, hex_encode(a, in)), in));
	ASSERT(str_eq(uri_decode(a, uri_encode(a, in, false), true), in));
	d = base64url_decode(a, in);
	ASSERT(!str_present(d) || str_eq(base64url_encode(a, d), in));
	d = base64_decode(a, in);
	ASSERT(!str_present(d) || base64_encode(a, d).n == in.n);
	d = hex_decode(a, in);
	ASSERT(!str_present(d) || str_eq_nocase(hex_encode(a, d), in));
	d = uri_decode(a, in, false);
	ASSERT(!str_present(d) || d.n <= in.n);
	if (params_parse(a, in, 100, &params))
		ASSERT(params.n <= 100 && (params.n == 0 || str_present(params_get(&params, params.v[0].name))));
	if (time_parse_any(in, &ms) && ms > -60000000000000 && ms < 200000000000000) {
		int64_t again;
		ASSERT(time_parse_iso8601(time_iso8601_ms(a, ms), &again) && again == ms);
	}
	ASSERT(crc64nvme(0, in) == crc64nvme(crc64nvme(0, str_slice(in, 0, size / 2)), str_slice(in, size / 2, size)));
	ASSERT(utf8_length(in) <= size);
	(void)utf8_valid(in);
	ASSERT(glob_match(in, in));
	arena_free(a);
	return 0;
}
