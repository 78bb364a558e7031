/* gzip (RFC 1952) in one piece, through libdeflate. See enc.h. At the fastest level: what is packed here goes over a loop-back
 * connection or into a local file. */
#include "base/enc.h"

#include <libdeflate.h>

struct str gzip_compress(struct arena *a, struct str bytes)
{
	enum { LEVEL = 1 };
	struct libdeflate_compressor *z = libdeflate_alloc_compressor(LEVEL);
	if (z == NULL)
		die("out of memory for a compressor");
	size_t room = libdeflate_gzip_compress_bound(z, bytes.n);
	char *out = arena_bytes(a, room);
	size_t n = libdeflate_gzip_compress(z, bytes.p, bytes.n, out, room);
	ASSERT(n > 0 && n <= room); /* the bound is one */
	libdeflate_free_compressor(z);
	return str_of(out, n);
}
