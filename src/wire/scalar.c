/* Scalars as text: query strings, headers, URIs, forms and XML all write them the same way.
 *
 * Source: Smithy's HTTP binding and XML traits: booleans "true"/"false", "NaN"/"Infinity"/"-Infinity", timestamps by
 * format. Text that does not fit is the client's mistake: false.
 *
 * What always holds: what scalar_from_text has taken, scalar_to_text writes so that it is taken again: text is
 * UTF-8, times are in their range. */
#include "base/time.h"
#include "wire/codec.h"

#include <math.h>

bool wire_fail(struct wire_error *err, const char *code, int status, struct str message)
{
	ASSERT(code != NULL && status >= 400 && status < 600);
	*err = (struct wire_error){.code = str_c(code), .message = message, .status = status, .sender = status < 500};
	return false;
}

bool int_in_range(const struct shape *s, int64_t v)
{
	ASSERT(s->type == SHAPE_INT);
	if (s->bits == 0 || s->bits >= 64)
		return true;
	int64_t top = (int64_t)1 << (s->bits - 1);
	return v >= -top && v < top;
}

bool f64_from_text(struct str s, double *v)
{
	if (str_eq(s, S("NaN")))
		*v = (double)NAN;
	else if (str_eq(s, S("Infinity")))
		*v = (double)INFINITY;
	else if (str_eq(s, S("-Infinity")))
		*v = -(double)INFINITY;
	else
		return str_to_f64(s, v);
	return true;
}

/* A whole number has ".0", so that readers with types see a float again. */
struct str f64_text(struct arena *a, double v, int bits)
{
	if (isnan(v))
		return S("NaN");
	if (isinf(v))
		return v > 0 ? S("Infinity") : S("-Infinity");
	if (v == floor(v) && fabs(v) < 1e15)
		return arena_printf(a, "%.1f", v);
	/* The fewest digits that read back the same. */
	for (int digits = bits == 32 ? 6 : 15; ; digits++) {
		struct str s = arena_printf(a, "%.*g", digits, v);
		double back = 0;
		bool ok = str_to_f64(s, &back);
		ASSERT(ok);
		if (digits >= 17 || back == v || (bits == 32 && (float)back == (float)v))
			return s;
	}
}

struct str epoch_text(struct arena *a, int64_t ms)
{
	ASSERT(a != NULL);
	int64_t s = ms / 1000, f = ms % 1000;
	if (f == 0)
		return arena_printf(a, "%lld", (long long)s);
	const char *sign = ms < 0 ? "-" : "";
	struct str t = arena_printf(a, "%s%lld.%03lld", sign, (long long)(s < 0 ? -s : s), (long long)(f < 0 ? -f : f));
	while (t.p[t.n - 1] == '0')
		t.n--;
	return t;
}

static bool time_from_text(struct str text, int fmt, int64_t *ms)
{
	ASSERT(fmt >= TIME_DEFAULT && fmt <= TIME_EPOCH);
	switch (fmt) {
	case TIME_ISO8601:
		if (time_parse_iso8601(text, ms))
			return true;
		break;
	case TIME_RFC822:
		if (time_parse_rfc1123(text, ms))
			return true;
		break;
	default:
		break;
	}
	/* Servers take the other formats too; some clients send them. */
	return time_parse_any(text, ms);
}

bool scalar_from_text(struct arena *a, const struct shape *s, int fmt, struct str text, void *v)
{
	ASSERT(text.p != NULL);
	struct opt_i64 *i = v;
	struct opt_f64 *f = v;
	struct opt_time *t = v;
	switch (s->type) {
	case SHAPE_STRING:
		/* Percent-escapes and header bytes can spell anything; every answer and record that shows the text is UTF-8. */
		*(struct str *)v = text;
		return utf8_valid(text);
	case SHAPE_BIG: {
		double ignored;
		*(struct str *)v = text;
		return str_to_f64(text, &ignored);
	}
	case SHAPE_BLOB:
		*(struct str *)v = base64_decode(a, text);
		return ((struct str *)v)->p != NULL;
	case SHAPE_BOOL:
		if (str_eq_nocase(text, S("true")))
			*(struct opt_bool *)v = SOME_BOOL(true);
		else if (str_eq_nocase(text, S("false")))
			*(struct opt_bool *)v = SOME_BOOL(false);
		else
			return false;
		return true;
	case SHAPE_INT:
		i->set = str_to_i64(text, &i->v) && int_in_range(s, i->v);
		return i->set;
	case SHAPE_FLOAT:
		f->set = f64_from_text(text, &f->v);
		return f->set;
	case SHAPE_TIME:
		t->set = time_from_text(text, fmt, &t->ms) && time_in_range(t->ms);
		return t->set;
	default:
		assert_failed("a scalar", __FILE__, __LINE__);
	}
}

static struct str time_to_text(struct arena *a, int64_t ms, int fmt)
{
	ASSERT(fmt >= TIME_DEFAULT && fmt <= TIME_EPOCH);
	switch (fmt) {
	case TIME_RFC822: return time_rfc1123(a, ms);
	case TIME_EPOCH: return epoch_text(a, ms);
	default: return ms % 1000 == 0 ? time_iso8601(a, ms) : time_iso8601_ms(a, ms);
	}
}

struct str scalar_to_text(struct arena *a, const struct shape *s, int fmt, const void *v)
{
	ASSERT(value_present(s, v));
	switch (s->type) {
	case SHAPE_STRING:
	case SHAPE_BIG: return *(const struct str *)v;
	case SHAPE_BLOB: return base64_encode(a, *(const struct str *)v);
	case SHAPE_BOOL: return ((const struct opt_bool *)v)->v ? S("true") : S("false");
	case SHAPE_INT: return arena_printf(a, "%lld", (long long)((const struct opt_i64 *)v)->v);
	case SHAPE_FLOAT: return f64_text(a, ((const struct opt_f64 *)v)->v, s->bits);
	case SHAPE_TIME: return time_to_text(a, ((const struct opt_time *)v)->ms, fmt);
	default:
		assert_failed("a scalar", __FILE__, __LINE__);
	}
}
