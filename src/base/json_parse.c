/* JSON text to tree (RFC 8259): one pass, strings stay views into the text where they hold no escape.
 *
 * Invariants: `at` never passes `end`; sixteen bytes are read at once only where sixteen are left. Elements of open
 * containers lie on one byte stack and move to the arena, at their exact size, when their container closes.
 * This is on the path of every request: UTF-8 is checked only for strings in which a byte over 0x7f was seen. */
#include "base/enc.h"
#include "base/json.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct parser {
	const char *at, *end;
	struct arena *arena;
	char *stack; /* elements of the containers that are still open */
	size_t n, cap;
	const char *what;
	_Alignas(16) char first[2048]; /* the stack of small documents */
};

static bool fail(struct parser *p, const char *what)
{
	ASSERT(what != NULL && p->at <= p->end);
	p->what = what;
	return false;
}

static void *push_slow(struct parser *p, size_t size)
{
	ASSERT(p->n <= p->cap && size <= p->cap); /* elements are far smaller than the first stack */
	size_t cap = p->cap * 2;
	char *fresh = p->stack == p->first ? malloc(cap) : realloc(p->stack, cap);
	if (fresh == NULL)
		die("out of memory (%zu bytes)", cap);
	if (p->stack == p->first)
		memcpy(fresh, p->first, p->n);
	p->stack = fresh;
	p->cap = cap;
	ASSERT(size <= p->cap - p->n);
	p->n += size;
	return p->stack + p->n - size;
}

static inline void *push(struct parser *p, size_t size)
{
	if (UNLIKELY(size > p->cap - p->n))
		return push_slow(p, size);
	p->n += size;
	return p->stack + p->n - size;
}

/* Move the elements from `base` on to the arena. */
static void *close_container(struct parser *p, size_t base)
{
	ASSERT(base <= p->n);
	size_t size = p->n - base;
	void *v = NULL;
	if (size > 0) {
		v = arena_alloc(p->arena, size);
		memcpy(v, p->stack + base, size);
	}
	p->n = base;
	return v;
}

static inline void skip_space(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
		p->at++;
}

/* The first byte from `at` that ends plain text: a quote, a backslash or a control byte; `end` when there is none. *high
 * is set when a byte over 0x7f was passed. */
static inline const char *scan_plain(const char *at, const char *end, bool *high)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
	unsigned seen = 0;
	while (end - at >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
		__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
		stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
		unsigned stops = (unsigned)_mm_movemask_epi8(stop), highs = (unsigned)_mm_movemask_epi8(v);
		if (stops != 0) {
			unsigned i = (unsigned)__builtin_ctz(stops);
			*high |= (seen | (highs & ((1u << i) - 1))) != 0;
			return at + i;
		}
		seen |= highs;
		at += 16;
	}
	*high |= seen != 0;
#endif
	for (; at < end; at++) {
		unsigned char c = (unsigned char)*at;
		if (c == '"' || c == '\\' || c < 0x20)
			return at;
		*high |= c >= 0x80;
	}
	return end;
}

/* -1 for anything but four hex digits. */
static int hex4(const char *p)
{
	int v = 0;
	for (int i = 0; i < 4; i++) {
		int d = hex_digit(p[i]);
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* \uXXXX at p->at (on the 'u'); surrogates must come in pairs, as nothing else is UTF-8. */
static bool unicode_escape(struct parser *p, char **out)
{
	ASSERT(p->at < p->end && *p->at == 'u');
	int cp = p->end - p->at >= 5 ? hex4(p->at + 1) : -1;
	if (cp < 0)
		return fail(p, "bad \\u escape");
	p->at += 5;
	if (cp >= 0xdc00 && cp <= 0xdfff)
		return fail(p, "lone surrogate");
	if (cp >= 0xd800 && cp <= 0xdbff) {
		int low = p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u' ? hex4(p->at + 2) : -1;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(p, "lone surrogate");
		p->at += 6;
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	}
	*out = utf8_put(*out, (uint32_t)cp);
	return true;
}

static bool escape(struct parser *p, char **out)
{
	ASSERT(p->at < p->end && *p->at == '\\');
	p->at++;
	if (p->at == p->end)
		return fail(p, "unterminated string");
	char c;
	switch (*p->at) {
	case '"': case '\\': case '/': c = *p->at; break;
	case 'b': c = '\b'; break;
	case 'f': c = '\f'; break;
	case 'n': c = '\n'; break;
	case 'r': c = '\r'; break;
	case 't': c = '\t'; break;
	case 'u': return unicode_escape(p, out);
	default: return fail(p, "bad escape");
	}
	*(*out)++ = c;
	p->at++;
	return true;
}

/* A string with at least one escape; `start` is after the quote, p->at on the first backslash. An escape is never
 * shorter than what it stands for, so the text up to the closing quote bounds the output. */
static bool string_escaped(struct parser *p, const char *start, bool high, struct str *out)
{
	ASSERT(p->at < p->end && *p->at == '\\' && start <= p->at);
	const char *end = p->at;
	while (end < p->end && *end == '\\')
		end = p->end - end >= 2 ? scan_plain(end + 2, p->end, &high) : p->end;
	if (end == p->end)
		return fail(p, "unterminated string");
	if (*end != '"') {
		p->at = end;
		return fail(p, "control character in a string");
	}
	char *bytes = arena_bytes(p->arena, (size_t)(end - start) + 1), *to = bytes;
	const char *plain = start;
	while (p->at < end) {
		memcpy(to, plain, (size_t)(p->at - plain));
		to += p->at - plain;
		if (!escape(p, &to))
			return false;
		plain = p->at;
		p->at = scan_plain(p->at, end, &high);
	}
	memcpy(to, plain, (size_t)(p->at - plain));
	to += p->at - plain;
	ASSERT(p->at == end && to - bytes <= end - start);
	*to = '\0';
	*out = str_of(bytes, (size_t)(to - bytes));
	p->at++;
	return !high || utf8_valid(*out) || fail(p, "invalid UTF-8");
}

static inline bool string(struct parser *p, struct str *out)
{
	const char *start = ++p->at;
	bool high = false;
	p->at = scan_plain(start, p->end, &high);
	if (UNLIKELY(p->at == p->end))
		return fail(p, "unterminated string");
	if (UNLIKELY(*p->at == '\\'))
		return string_escaped(p, start, high, out);
	if (UNLIKELY(*p->at != '"'))
		return fail(p, "control character in a string");
	*out = str_of(start, (size_t)(p->at - start));
	if (UNLIKELY(high) && !utf8_valid(*out))
		return fail(p, "invalid UTF-8");
	p->at++;
	return true;
}

static inline bool digits(struct parser *p)
{
	const char *from = p->at;
	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return p->at > from;
}

/* Only the grammar: the text is kept as it is, and whoever wants a value converts it. */
static bool number(struct parser *p, struct str *out)
{
	ASSERT(p->at < p->end);
	const char *from = p->at;
	if (*p->at == '-')
		p->at++;
	const char *whole = p->at;
	if (!digits(p) || (*whole == '0' && p->at - whole > 1))
		return fail(p, "bad number");
	if (p->at < p->end && *p->at == '.') {
		p->at++;
		if (!digits(p))
			return fail(p, "bad number");
	}
	if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
		p->at++;
		if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
			p->at++;
		if (!digits(p))
			return fail(p, "bad number");
	}
	*out = str_of(from, (size_t)(p->at - from));
	return true;
}

static bool word(struct parser *p, struct json *out, struct str name, enum json_type type)
{
	if ((size_t)(p->end - p->at) < name.n || memcmp(p->at, name.p, name.n) != 0)
		return fail(p, "unexpected word");
	p->at += name.n;
	out->type = type;
	return true;
}

static bool value(struct parser *p, struct json *out, unsigned depth);

static bool array(struct parser *p, struct json *out, unsigned depth)
{
	ASSERT(p->at < p->end && *p->at == '[' && depth <= JSON_DEPTH_MAX);
	size_t base = p->n;
	uint32_t n = 0;
	p->at++;
	skip_space(p);
	if (p->at < p->end && *p->at == ']') {
		p->at++;
		return true;
	}
	for (;; p->at++) {
		struct json item = {0};
		if (!value(p, &item, depth))
			return false;
		*(struct json *)push(p, sizeof item) = item;
		n++;
		skip_space(p);
		if (p->at < p->end && *p->at == ']')
			break;
		if (p->at == p->end || *p->at != ',')
			return fail(p, "expected ',' or ']'");
	}
	p->at++;
	out->n = out->cap = n;
	out->items = close_container(p, base);
	return true;
}

static bool object(struct parser *p, struct json *out, unsigned depth)
{
	ASSERT(p->at < p->end && *p->at == '{' && depth <= JSON_DEPTH_MAX);
	size_t base = p->n;
	uint32_t n = 0;
	p->at++;
	skip_space(p);
	if (p->at < p->end && *p->at == '}') {
		p->at++;
		return true;
	}
	for (;; p->at++) {
		struct json_member m = {0};
		skip_space(p);
		if (p->at == p->end || *p->at != '"')
			return fail(p, "expected a member name");
		if (!string(p, &m.key))
			return false;
		skip_space(p);
		if (p->at == p->end || *p->at != ':')
			return fail(p, "expected ':'");
		p->at++;
		if (!value(p, &m.value, depth))
			return false;
		*(struct json_member *)push(p, sizeof m) = m;
		n++;
		skip_space(p);
		if (p->at < p->end && *p->at == '}')
			break;
		if (p->at == p->end || *p->at != ',')
			return fail(p, "expected ',' or '}'");
	}
	p->at++;
	out->n = out->cap = n;
	out->members = close_container(p, base);
	return true;
}

/* depth: containers open around this value. */
static bool value(struct parser *p, struct json *out, unsigned depth)
{
	skip_space(p);
	if (p->at == p->end)
		return fail(p, "unexpected end");
	switch (*p->at) {
	case '"':
		out->type = JSON_STRING;
		return string(p, &out->text);
	case '{':
		out->type = JSON_OBJECT;
		return depth < JSON_DEPTH_MAX ? object(p, out, depth + 1) : fail(p, "too deep");
	case '[':
		out->type = JSON_ARRAY;
		return depth < JSON_DEPTH_MAX ? array(p, out, depth + 1) : fail(p, "too deep");
	case 't': return word(p, out, S("true"), JSON_TRUE);
	case 'f': return word(p, out, S("false"), JSON_FALSE);
	case 'n': return word(p, out, S("null"), JSON_NULL);
	case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		out->type = JSON_NUMBER;
		return number(p, &out->text);
	default: return fail(p, "unexpected character");
	}
}

/* The value at the front; used NULL: nothing but white space may follow it. The parser
 * lies on the C stack and is not zeroed: its own stack of 2 KiB would cost more than a small document takes to parse. */
static struct json *parse(struct arena *a, struct str text, size_t *used, struct json_error *err)
{
	struct parser p;
	p.at = text.p != NULL ? text.p : "";
	p.end = p.at + text.n;
	p.arena = a;
	p.stack = p.first;
	p.n = 0;
	p.cap = sizeof p.first;
	p.what = NULL;
	const char *start = p.at;
	struct json *root = arena_new_of(a, struct json);
	bool ok = text.n < UINT32_MAX ? value(&p, root, 0) : fail(&p, "too long");
	if (ok && used != NULL) {
		*used = (size_t)(p.at - start);
	} else if (ok) {
		skip_space(&p);
		if (p.at != p.end)
			ok = fail(&p, "text after the value");
	}
	if (p.stack != p.first)
		free(p.stack);
	if (ok)
		return root;
	ASSERT(p.what != NULL && p.at <= p.end);
	if (err != NULL)
		*err = (struct json_error){(size_t)(p.at - start), p.what};
	return NULL;
}

struct json *json_parse(struct arena *a, struct str text, struct json_error *err)
{
	return parse(a, text, NULL, err);
}

struct json *json_parse_front(struct arena *a, struct str text, size_t *used, struct json_error *err)
{
	ASSERT(used != NULL && err != NULL);
	return parse(a, text, used, err);
}
