/* Decimal arithmetic on 128-bit integers: see number.h.
 *
 * Always holds: digits < 10^38 < 2^128 / 3, so a sum of two aligned values fits once the larger is at most 2 * 10^38. */
#include "number.h"

typedef unsigned __int128 u128;

static u128 power10(int n)
{
	ASSERT(n >= 0 && n <= 38);
	u128 p = 1;
	while (n-- > 0)
		p *= 10;
	return p;
}

static int count_digits(u128 v)
{
	int n = 0;
	for (; v > 0; v /= 10)
		n++;
	return n;
}

int number_digits(const struct number *n)
{
	return count_digits(n->digits);
}

int number_magnitude(const struct number *n)
{
	return n->exponent + count_digits(n->digits) - 1;
}

/* Make normal and check the limits. */
static enum number_fault settle(struct number *n)
{
	ASSERT(n->exponent > -100000 && n->exponent < 100000);
	if (n->digits == 0) {
		*n = (struct number){0};
		return NUMBER_OK;
	}
	while (n->digits % 10 == 0) {
		n->digits /= 10;
		n->exponent++;
	}
	int count = count_digits(n->digits), magnitude = n->exponent + count - 1;
	if (magnitude > NUMBER_MAGNITUDE_MAX)
		return NUMBER_OVERFLOW;
	if (magnitude < NUMBER_MAGNITUDE_MIN)
		return NUMBER_UNDERFLOW;
	return count > NUMBER_DIGITS_MAX ? NUMBER_PRECISION : NUMBER_OK;
}

/* The exponent part, "[+-]digits"; clamped, so that any length is read. false when it is not one. */
static bool parse_exponent(struct str s, int *out)
{
	size_t at = 0;
	bool negative = false;
	if (s.n > 0 && (s.p[0] == '+' || s.p[0] == '-'))
		negative = s.p[at++] == '-';
	if (at == s.n)
		return false;
	int v = 0;
	for (; at < s.n; at++) {
		if (s.p[at] < '0' || s.p[at] > '9')
			return false;
		if (v < 1000000)
			v = v * 10 + (s.p[at] - '0');
	}
	*out = negative ? -v : v;
	return true;
}

/* Digits with at most one point. Trailing zeros are held back in `zeros` so that "1000…0" never counts as long. */
struct mantissa {
	u128 digits;
	int64_t zeros, scale; /* zeros seen and not yet multiplied in; digits after the point */
	int count;
	bool any, long_;
};

static void take_digit(struct mantissa *m, int d, bool after_point)
{
	ASSERT(d >= 0 && d <= 9);
	m->any = true;
	m->scale += after_point;
	if (d == 0) {
		m->zeros += m->count > 0;
		return;
	}
	if (m->count + m->zeros + 1 > NUMBER_DIGITS_MAX) {
		m->long_ = true;
		m->count++; /* the rest is only counted, for the magnitude */
		m->count += (int)(m->zeros < 100000 ? m->zeros : 100000);
		m->zeros = 0;
		return;
	}
	m->digits = m->digits * power10((int)m->zeros + 1) + (u128)d;
	m->count += (int)m->zeros + 1;
	m->zeros = 0;
}

enum number_fault number_parse(struct str text, struct number *out)
{
	*out = (struct number){0};
	size_t at = 0;
	bool negative = false, point = false;
	if (text.n > 0 && (text.p[0] == '+' || text.p[0] == '-'))
		negative = text.p[at++] == '-';
	struct mantissa m = {0};
	for (; at < text.n; at++) {
		char c = text.p[at];
		if (c == '.' && !point)
			point = true;
		else if (c >= '0' && c <= '9')
			take_digit(&m, c - '0', point);
		else
			break;
	}
	if (!m.any)
		return NUMBER_MALFORMED;
	int exponent = 0;
	if (at < text.n && (text.p[at] == 'e' || text.p[at] == 'E')) {
		if (!parse_exponent(str_slice(text, at + 1, text.n), &exponent))
			return NUMBER_MALFORMED;
	} else if (at < text.n) {
		return NUMBER_MALFORMED;
	}
	if (m.count == 0)
		return NUMBER_OK;
	int64_t e = (int64_t)exponent + m.zeros - m.scale;
	if (e + m.count - 1 > NUMBER_MAGNITUDE_MAX)
		return NUMBER_OVERFLOW;
	if (e + m.count - 1 < NUMBER_MAGNITUDE_MIN)
		return NUMBER_UNDERFLOW;
	if (m.long_)
		return NUMBER_PRECISION;
	*out = (struct number){.digits = m.digits, .exponent = (int)e, .negative = negative};
	return settle(out);
}

void number_write(struct buf *b, const struct number *n)
{
	char text[40];
	size_t at = sizeof text;
	u128 v = n->digits;
	do {
		text[--at] = (char)('0' + (int)(v % 10));
		v /= 10;
	} while (v > 0);
	size_t count = sizeof text - at;
	if (n->negative)
		buf_putc(b, '-');
	if (n->exponent > 0 && (size_t)n->exponent + count > NUMBER_DIGITS_MAX) {
		buf_putc(b, text[at]);
		if (count > 1) {
			buf_putc(b, '.');
			buf_put(b, text + at + 1, count - 1);
		}
		buf_lit(b, "E+");
		buf_u64(b, (uint64_t)number_magnitude(n));
		return;
	}
	if (n->exponent >= 0) {
		buf_put(b, text + at, count);
		for (int i = 0; i < n->exponent; i++)
			buf_putc(b, '0');
		return;
	}
	size_t fraction = (size_t)-n->exponent;
	if (fraction < count) {
		buf_put(b, text + at, count - fraction);
		buf_putc(b, '.');
		buf_put(b, text + at + count - fraction, fraction);
		return;
	}
	buf_lit(b, "0.");
	for (size_t i = count; i < fraction; i++)
		buf_putc(b, '0');
	buf_put(b, text + at, count);
}

struct str number_text(struct arena *a, const struct number *n)
{
	struct buf b;
	buf_init(&b, a, 0);
	number_write(&b, n);
	return buf_view(&b);
}

struct str number_message(struct arena *a, enum number_fault f, struct str text)
{
	switch (f) {
	case NUMBER_OVERFLOW:
		return S("Number overflow. Attempting to store a number with magnitude larger than supported range");
	case NUMBER_UNDERFLOW:
		return S("Number underflow. Attempting to store a number with magnitude smaller than supported range");
	case NUMBER_PRECISION:
		return S("Attempting to store more than 38 significant digits in a Number");
	case NUMBER_OK:
	case NUMBER_MALFORMED:
		break;
	}
	ASSERT(f == NUMBER_MALFORMED);
	if (text.n == 0)
		return S("The parameter cannot be converted to a numeric value");
	return arena_printf(a, "The parameter cannot be converted to a numeric value: %.*s", STR_ARG(text));
}

static int cmp_magnitudes(const struct number *a, const struct number *b)
{
	ASSERT(a->digits != 0 && b->digits != 0);
	int ma = number_magnitude(a), mb = number_magnitude(b);
	if (ma != mb)
		return ma < mb ? -1 : 1;
	u128 x = a->digits, y = b->digits;
	int shift = a->exponent - b->exponent; /* same magnitude: at most 37 apart */
	if (shift > 0)
		x *= power10(shift);
	else
		y *= power10(-shift);
	return x < y ? -1 : x > y;
}

int number_cmp(const struct number *a, const struct number *b)
{
	int sa = a->digits == 0 ? 0 : a->negative ? -1 : 1, sb = b->digits == 0 ? 0 : b->negative ? -1 : 1;
	if (sa != sb)
		return sa < sb ? -1 : 1;
	if (sa == 0)
		return 0;
	int c = cmp_magnitudes(a, b);
	return sa > 0 ? c : -c;
}

enum number_fault number_add(const struct number *a, const struct number *b, struct number *out)
{
	if (a->digits == 0 || b->digits == 0) {
		*out = a->digits == 0 ? *b : *a;
		return NUMBER_OK;
	}
	if (a->exponent < b->exponent) {
		const struct number *t = a;
		a = b;
		b = t;
	}
	/* a is brought to b's exponent. Where it passes 2 * 10^38 the result keeps 39 digits whatever b is. */
	int shift = a->exponent - b->exponent;
	if (shift > 38 || (shift > 0 && a->digits > 2 * power10(38) / power10(shift)))
		return NUMBER_PRECISION;
	u128 x = a->digits * power10(shift), y = b->digits;
	struct number sum = {.exponent = b->exponent};
	if (a->negative == b->negative) {
		sum.digits = x + y;
		sum.negative = a->negative;
	} else if (x >= y) {
		sum.digits = x - y;
		sum.negative = a->negative;
	} else {
		sum.digits = y - x;
		sum.negative = b->negative;
	}
	enum number_fault f = settle(&sum);
	if (f == NUMBER_OK)
		*out = sum;
	return f;
}

enum number_fault number_sub(const struct number *a, const struct number *b, struct number *out)
{
	struct number minus = *b;
	if (minus.digits != 0)
		minus.negative = !minus.negative;
	return number_add(a, &minus, out);
}

void number_write_key(struct buf *b, const struct number *n)
{
	if (n->digits == 0) {
		buf_putc(b, 0x02);
		return;
	}
	char flip = n->negative ? (char)0xff : 0;
	int magnitude = number_magnitude(n), count = number_digits(n);
	ASSERT(magnitude >= NUMBER_MAGNITUDE_MIN && magnitude <= NUMBER_MAGNITUDE_MAX);
	buf_putc(b, n->negative ? 0x01 : 0x03);
	buf_putc(b, (char)((magnitude - NUMBER_MAGNITUDE_MIN) ^ flip));
	u128 v = n->digits;
	if (count % 2 != 0) {
		v *= 10;
		count++;
	}
	for (u128 p = power10(count - 2); count > 0; count -= 2, p /= 100) {
		int pair = (int)(v / p);
		v %= p;
		buf_putc(b, (char)((pair + 1) ^ flip));
		if (count == 2)
			break;
	}
	buf_putc(b, flip);
}

size_t number_size(const struct number *n)
{
	if (n->digits == 0)
		return 1;
	int count = number_digits(n);
	bool odd = count % 2 != 0 || number_magnitude(n) % 2 != 0;
	return 1 + (size_t)(count + 1) / 2 + !odd + n->negative;
}

size_t number_text_size(struct str canonical)
{
	bool negative = canonical.n > 0 && canonical.p[0] == '-', point = false;
	int count = 0, zeros = 0;     /* digits that count; zeros after them so far */
	int whole = 0, leading = 0;   /* of those, before the point; zeros between the point and the first */
	size_t at = negative;         /* there may be nothing behind: stored bytes are not trusted to be numbers */
	for (; at < canonical.n && canonical.p[at] != 'E'; at++) {
		char c = canonical.p[at];
		if (c == '.') {
			point = true;
		} else if (count == 0 && c == '0') {
			leading += point;
		} else {
			whole += !point;
			count += c != '0' ? zeros + 1 : 0;
			zeros = c != '0' ? 0 : zeros + 1;
		}
	}
	if (count == 0)
		return 1;
	int magnitude = whole > 0 ? whole - 1 : -leading - 1;
	if (at < canonical.n)
		magnitude += canonical.p[canonical.n - 1] - '0'; /* "1.5E+125": all that matters is whether it is odd */
	bool odd = count % 2 != 0 || magnitude % 2 != 0;
	return 1 + (size_t)(count + 1) / 2 + !odd + negative;
}
