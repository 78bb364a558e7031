/* application/vnd.amazon.eventstream framing.
 *
 * prelude (total length, headers length, CRC of both), headers, payload, CRC of all before. Big-endian.
 * Source: "Amazon event stream specification" (Smithy).
 *
 * What always holds: a message is written whole or the buffer says overflow; sizes were bounded before by whoever
 * made the headers. */
#include "wire/wire.h"

enum { PRELUDE = 12, TRAILER = 4, TYPE_STRING = 7, HEADER_NAME_MAX = 255, HEADER_VALUE_MAX = 32767 };

void eventstream_message(struct buf *b, const struct param *headers, size_t n, struct str payload)
{
	size_t start = b->n, headers_size = 0;
	for (size_t i = 0; i < n; i++) {
		ASSERT(headers[i].name.n > 0 && headers[i].name.n <= HEADER_NAME_MAX && headers[i].value.n <= HEADER_VALUE_MAX);
		headers_size += 1 + headers[i].name.n + 1 + 2 + headers[i].value.n;
	}
	size_t total = PRELUDE + headers_size + payload.n + TRAILER;
	ASSERT(total <= UINT32_MAX);
	buf_be32(b, (uint32_t)total);
	buf_be32(b, (uint32_t)headers_size);
	if (b->overflow)
		return;
	buf_be32(b, crc32_ieee(0, str_of(b->p + start, 8)));
	for (size_t i = 0; i < n; i++) {
		buf_putc(b, (char)headers[i].name.n);
		buf_str(b, headers[i].name);
		buf_putc(b, TYPE_STRING);
		buf_putc(b, (char)(headers[i].value.n >> 8));
		buf_putc(b, (char)(headers[i].value.n & 0xff));
		buf_str(b, headers[i].value);
	}
	buf_str(b, payload);
	if (b->overflow)
		return;
	buf_be32(b, crc32_ieee(0, str_of(b->p + start, b->n - start)));
	ASSERT(b->overflow || b->n - start == total);
}

static void typed(struct buf *b, const char *message, const char *name, const char *type, const char *content, struct str payload)
{
	struct param headers[3] = {{S(":message-type"), str_c(message), true}, {str_c(name), str_c(type), true}};
	size_t n = 2;
	if (content != NULL)
		headers[n++] = (struct param){S(":content-type"), str_c(content), true};
	eventstream_message(b, headers, n, payload);
}

void eventstream_event(struct buf *b, const char *type, const char *content, struct str payload)
{
	typed(b, "event", ":event-type", type, content, payload);
}

void eventstream_exception(struct buf *b, const char *type, const char *content, struct str payload)
{
	typed(b, "exception", ":exception-type", type, content, payload);
}

void eventstream_error(struct buf *b, const char *code, struct str message)
{
	const struct param headers[] = {{S(":message-type"), S("error"), true}, {S(":error-code"), str_c(code), true},
		{S(":error-message"), str_slice(message, 0, HEADER_VALUE_MAX), true}};
	eventstream_message(b, headers, COUNT_OF(headers), S(""));
}
