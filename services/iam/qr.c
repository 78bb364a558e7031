/* QR codes as PNG pictures: what an authenticator's camera reads a new device's seed from.
 *
 * A module is eight pixels wide, so it is one byte of a black and white picture; four modules of white go round it, as readers
 * want. Sources: ISO/IEC 18004 (through libqrencode), PNG Specification (W3C). */
#include "iam.h"

#include "base/enc.h"

#include <libdeflate.h>
#include <qrencode.h>

enum { QUIET = 4, PIXELS = 8, LEVEL = 6 };

static void put_chunk(struct buf *b, const char type[4], struct str data)
{
	ASSERT(data.n < INT32_MAX);
	buf_be32(b, (uint32_t)data.n);
	size_t from = b->n;
	buf_put(b, type, 4);
	buf_str(b, data);
	buf_be32(b, crc32_ieee(0, str_slice(buf_view(b), from, b->n)));
}

/* Rows from the top; each begins with its filter (none). */
static struct str picture(struct arena *a, const QRcode *code, size_t side)
{
	ASSERT(code->width > 0 && side == (size_t)code->width + 2 * QUIET);
	size_t row = 1 + side, n = side * PIXELS * row;
	char *all = arena_bytes(a, n);
	memset(all, 0xff, n);
	for (size_t y = 0; y < side * PIXELS; y++) {
		char *at = all + y * row;
		size_t line = y / PIXELS;
		*at++ = 0;
		if (line < QUIET || line >= side - QUIET)
			continue;
		for (size_t x = 0; x < (size_t)code->width; x++)
			if (code->data[(line - QUIET) * (size_t)code->width + x] & 1)
				at[QUIET + x] = 0;
	}
	return str_of(all, n);
}

static struct str deflated(struct arena *a, struct str bytes)
{
	struct libdeflate_compressor *z = libdeflate_alloc_compressor(LEVEL);
	if (z == NULL)
		die("out of memory");
	size_t room = libdeflate_zlib_compress_bound(z, bytes.n);
	char *out = arena_bytes(a, room);
	size_t n = libdeflate_zlib_compress(z, bytes.p, bytes.n, out, room);
	libdeflate_free_compressor(z);
	ASSERT(n > 0 && n <= room);
	return str_of(out, n);
}

struct str qr_png(struct arena *a, struct str text)
{
	ASSERT(text.n > 0 && text.n <= QR_TEXT_MAX);
	QRcode *code = QRcode_encodeData((int)text.n, (const unsigned char *)text.p, 0, QR_ECLEVEL_M);
	if (code == NULL) /* it fits, so only memory can be missing */
		die("out of memory");
	size_t side = (size_t)code->width + 2 * QUIET;
	struct buf head, out;
	buf_init(&head, a, 0);
	buf_be32(&head, (uint32_t)(side * PIXELS));
	buf_be32(&head, (uint32_t)(side * PIXELS));
	buf_put(&head, "\x01\x00\x00\x00\x00", 5); /* one bit of grey; deflate, filters by row, not interlaced */
	struct str rows = deflated(a, picture(a, code, side));
	QRcode_free(code);
	buf_init(&out, a, 0);
	buf_lit(&out, "\x89PNG\r\n\x1a\n");
	put_chunk(&out, "IHDR", buf_view(&head));
	put_chunk(&out, "IDAT", rows);
	put_chunk(&out, "IEND", S(""));
	return buf_view(&out);
}
