/* Values of S3 Select: comparing, converting, timestamps.
 *
 * Numbers are 64-bit integers or doubles. A timestamp knows how exactly it was written and in which zone, as Ion's do.
 * Source: "Data types", "Conversion functions", "Date functions" (S3 User Guide); Amazon Ion, "Timestamps". */
#include "select.h"

#include "base/time.h"

#include <math.h>
#include <stdio.h>

enum { DAY_MS = 86400000, ZONE_MAX = 24 * 60 };

struct value value_string(struct str s) { return (struct value){.type = V_STRING, .s = s}; }
struct value value_int(int64_t i) { return (struct value){.type = V_INT, .i = i}; }
struct value value_bool(bool b) { return (struct value){.type = V_BOOL, .b = b}; }
bool is_nothing(const struct value *v) { return v->type == V_NULL || v->type == V_MISSING; }

struct value value_of_json(const struct json *j)
{
	struct value v = {.type = V_MISSING, .j = j};
	if (j == NULL)
		return v;
	switch (j->type) {
	case JSON_NULL: v.type = V_NULL; break;
	case JSON_FALSE: case JSON_TRUE:
		v.type = V_BOOL;
		v.b = j->type == JSON_TRUE;
		break;
	case JSON_NUMBER:
		v.type = str_to_i64(j->text, &v.i) ? V_INT : V_FLOAT;
		if (v.type == V_FLOAT && !str_to_f64(j->text, &v.f))
			v.type = V_NULL;
		break;
	case JSON_STRING:
		v.type = V_STRING;
		v.s = j->text;
		break;
	default: v.type = V_JSON; break;
	}
	return v;
}

bool value_number(const struct value *v, struct value *out)
{
	*out = *v;
	if (v->type == V_INT || v->type == V_FLOAT)
		return true;
	struct str s = v->type == V_STRING ? str_trim(v->s) : S("");
	if (s.n == 0)
		return false;
	if (s.p[0] == '+')
		s = str_slice(s, 1, s.n);
	*out = (struct value){.type = V_INT};
	if (str_to_i64(s, &out->i))
		return true;
	out->type = V_FLOAT;
	return str_to_f64(s, &out->f) && isfinite(out->f);
}

static int order_of(double a, double b) { return a < b ? -1 : a > b; }

bool value_compare(const struct value *a, const struct value *b, int *order)
{
	struct value x, y;
	if (a->type == V_STRING && b->type == V_STRING) {
		*order = str_cmp(a->s, b->s);
		return true;
	}
	if (a->type == V_BOOL && b->type == V_BOOL) {
		*order = (int)a->b - (int)b->b;
		return true;
	}
	if (a->type == V_TIME && b->type == V_TIME) {
		*order = a->i < b->i ? -1 : a->i > b->i;
		return true;
	}
	/* A CSV's fields are strings: beside a number or a timestamp they are read as one. */
	if ((a->type == V_TIME && b->type == V_STRING) || (a->type == V_STRING && b->type == V_TIME)) {
		x = *a;
		y = *b;
		if ((a->type == V_STRING && !time_of_text(a->s, &x)) || (b->type == V_STRING && !time_of_text(b->s, &y)))
			return false;
		*order = x.i < y.i ? -1 : x.i > y.i;
		return true;
	}
	if (!value_number(a, &x) || !value_number(b, &y))
		return false;
	if (x.type == V_INT && y.type == V_INT)
		*order = x.i < y.i ? -1 : x.i > y.i;
	else
		*order = order_of(x.type == V_INT ? (double)x.i : x.f, y.type == V_INT ? (double)y.i : y.f);
	return true;
}

static struct str float_text(struct arena *a, double f)
{
	struct buf b;
	struct jw w;
	buf_init(&b, a, 64);
	jw_init(&w, &b);
	jw_f64(&w, f);
	return buf_view(&b);
}

struct str value_text(struct arena *a, const struct value *v)
{
	switch (v->type) {
	case V_BOOL: return v->b ? S("true") : S("false");
	case V_INT: return arena_printf(a, "%lld", (long long)v->i);
	case V_FLOAT: return v->j != NULL && v->j->type == JSON_NUMBER ? v->j->text : float_text(a, v->f);
	case V_STRING: return v->s;
	case V_TIME: return time_text(a, v);
	case V_JSON: return json_text(a, v->j);
	default: return S("");
	}
}

/* ---- CAST ---- */

static bool to_bool(const struct value *v, struct value *out)
{
	*out = value_bool(v->type == V_BOOL ? v->b : v->type == V_INT ? v->i != 0 : v->f != 0);
	if (v->type == V_STRING) {
		out->b = str_eq_nocase(v->s, S("true"));
		return out->b || str_eq_nocase(v->s, S("false"));
	}
	return v->type != V_TIME && v->type != V_JSON;
}

static bool to_int(const struct value *v, struct value *out)
{
	struct value n;
	if (v->type == V_BOOL) {
		*out = value_int(v->b);
		return true;
	}
	if (!value_number(v, &n))
		return false;
	if (n.type == V_FLOAT) {
		double whole = trunc(n.f);
		if (!(whole >= -9.2233720368547758e18 && whole < 9.2233720368547758e18))
			return false;
		n = value_int((int64_t)whole);
	}
	*out = value_int(n.i);
	return true;
}

static bool to_float(const struct value *v, struct value *out)
{
	struct value n;
	if (v->type == V_BOOL)
		n = value_int(v->b);
	else if (!value_number(v, &n))
		return false;
	*out = (struct value){.type = V_FLOAT, .f = n.type == V_INT ? (double)n.i : n.f};
	return true;
}

bool value_cast(struct evaluation *e, const struct value *v, enum value_type to, struct value *out)
{
	bool ok = true;
	*out = *v;
	if (is_nothing(v))
		return true;
	switch (to) {
	case V_BOOL: ok = to_bool(v, out); break;
	case V_INT: ok = to_int(v, out); break;
	case V_FLOAT: ok = to_float(v, out); break;
	case V_STRING: *out = value_string(value_text(e->a, v)); break;
	case V_TIME: ok = v->type == V_TIME || (v->type == V_STRING && time_of_text(v->s, out)); break;
	default: ok = false; break;
	}
	return ok || sql_fail(e, "CastFailed", "Attempt to convert from one data type to another using CAST failed in the SQL expression.");
}

/* ---- timestamps ---- */

static bool digits(struct str *s, size_t n, int least, int most, int *out)
{
	*out = 0;
	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		*out = *out * 10 + (s->p[i] - '0');
	}
	*s = str_slice(*s, n, s->n);
	return *out >= least && *out <= most;
}

static bool skip(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_slice(*s, 1, s->n);
	return true;
}

static bool zone(struct str *s, int *minutes)
{
	int h, m;
	*minutes = 0;
	if (skip(s, 'Z'))
		return true;
	bool minus = s->n > 0 && s->p[0] == '-';
	if (!minus && (s->n == 0 || s->p[0] != '+'))
		return false;
	*s = str_slice(*s, 1, s->n);
	if (!digits(s, 2, 0, 23, &h) || !skip(s, ':') || !digits(s, 2, 0, 59, &m))
		return false;
	*minutes = minus ? -(h * 60 + m) : h * 60 + m;
	return true;
}

static bool fraction(struct str *s, int *ms)
{
	int scale = 100, seen = 0;
	*ms = 0;
	for (; s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9' && seen < 9; seen++, scale /= 10) {
		*ms += (s->p[0] - '0') * scale;
		*s = str_slice(*s, 1, s->n);
	}
	return seen > 0;
}

/* 2007T, 2007-02T, 2007-02-23[T], 2007-02-23T12:14[:33[.079]](Z|+hh:mm) */
bool time_of_text(struct str s, struct value *out)
{
	struct civil t = {.month = 1, .day = 1};
	*out = (struct value){.type = V_TIME, .precision = PART_YEAR};
	s = str_trim(s);
	if (!digits(&s, 4, 1, 9999, &t.year))
		return false;
	if (skip(&s, '-')) {
		out->precision = PART_MONTH;
		if (!digits(&s, 2, 1, 12, &t.month))
			return false;
		if (skip(&s, '-')) {
			out->precision = PART_DAY;
			if (!digits(&s, 2, 1, 31, &t.day))
				return false;
		}
	}
	int day = t.day;
	bool parted = skip(&s, 'T');
	if (!parted && out->precision != PART_DAY)
		return false;
	if (parted && s.n > 0) {
		out->precision = PART_MINUTE;
		if (day == 0 || !digits(&s, 2, 0, 23, &t.hour) || !skip(&s, ':') || !digits(&s, 2, 0, 59, &t.minute))
			return false;
		if (skip(&s, ':')) {
			out->precision = PART_SECOND;
			if (!digits(&s, 2, 0, 59, &t.second))
				return false;
			if (skip(&s, '.')) {
				out->precision = PART_MS;
				if (!fraction(&s, &t.ms))
					return false;
			}
		}
		if (!zone(&s, &out->offset_minutes))
			return false;
	}
	int64_t local = civil_ms(t);
	out->i = local - (int64_t)out->offset_minutes * 60000;
	return s.n == 0 && civil_of(local).day == day;
}

static struct civil local_of(const struct value *t)
{
	ASSERT(t->type == V_TIME && t->offset_minutes > -ZONE_MAX && t->offset_minutes < ZONE_MAX);
	return civil_of(t->i + (int64_t)t->offset_minutes * 60000);
}

static struct str zone_text(struct arena *a, int minutes, bool colon, bool z, bool short_form)
{
	int m = minutes < 0 ? -minutes : minutes;
	if (minutes == 0 && z)
		return S("Z");
	if (short_form && m % 60 == 0)
		return arena_printf(a, "%c%02d", minutes < 0 ? '-' : '+', m / 60);
	return arena_printf(a, colon ? "%c%02d:%02d" : "%c%02d%02d", minutes < 0 ? '-' : '+', m / 60, m % 60);
}

struct str time_text(struct arena *a, const struct value *t)
{
	struct civil c = local_of(t);
	struct str z = zone_text(a, t->offset_minutes, true, true, false);
	switch (t->precision) {
	case PART_YEAR: return arena_printf(a, "%04dT", c.year);
	case PART_MONTH: return arena_printf(a, "%04d-%02dT", c.year, c.month);
	case PART_DAY: return arena_printf(a, "%04d-%02d-%02dT", c.year, c.month, c.day);
	case PART_MS:
		return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%.*s", c.year, c.month, c.day, c.hour, c.minute, c.second, c.ms, STR_ARG(z));
	case PART_SECOND:
		return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d%.*s", c.year, c.month, c.day, c.hour, c.minute, c.second, STR_ARG(z));
	default: return arena_printf(a, "%04d-%02d-%02dT%02d:%02d%.*s", c.year, c.month, c.day, c.hour, c.minute, STR_ARG(z));
	}
}

int64_t time_extract(const struct value *t, enum time_part part)
{
	struct civil c = local_of(t);
	switch (part) {
	case PART_YEAR: return c.year;
	case PART_MONTH: return c.month;
	case PART_DAY: return c.day;
	case PART_HOUR: return c.hour;
	case PART_MINUTE: return c.minute;
	case PART_SECOND: return c.second;
	case PART_ZONE_HOUR: return t->offset_minutes / 60;
	case PART_ZONE_MINUTE: return t->offset_minutes % 60;
	default: return c.ms;
	}
}

static int days_in_month(int year, int month)
{
	return civil_of(civil_ms((struct civil){.year = year, .month = month + 1, .day = 1}) - DAY_MS).day;
}

struct value time_add(const struct value *t, enum time_part part, int64_t n)
{
	static const int64_t spans[] = {[PART_DAY] = DAY_MS, [PART_HOUR] = 3600000, [PART_MINUTE] = 60000, [PART_SECOND] = 1000};
	struct value out = *t;
	out.j = NULL;
	if (out.precision < part)
		out.precision = part == PART_HOUR ? PART_MINUTE : part;
	if (part >= PART_DAY) {
		ASSERT(part <= PART_SECOND);
		out.i += n * spans[part];
		return out;
	}
	struct civil c = local_of(t);
	int64_t months = (int64_t)c.year * 12 + c.month - 1 + (part == PART_YEAR ? n * 12 : n);
	c.year = (int)(months / 12);
	c.month = (int)(months % 12) + 1;
	int last = days_in_month(c.year, c.month);
	c.day = c.day > last ? last : c.day;
	out.i = civil_ms(c) - (int64_t)t->offset_minutes * 60000;
	return out;
}

/* Whole units from one to the other; a started one does not count. */
int64_t time_difference(const struct value *from, const struct value *to, enum time_part part)
{
	static const int64_t spans[] = {[PART_DAY] = DAY_MS, [PART_HOUR] = 3600000, [PART_MINUTE] = 60000, [PART_SECOND] = 1000};
	if (part >= PART_DAY) {
		ASSERT(part <= PART_SECOND);
		return (to->i - from->i) / spans[part];
	}
	struct civil a = civil_of(from->i), b = civil_of(to->i);
	int64_t months = ((int64_t)b.year - a.year) * 12 + b.month - a.month;
	struct value back = time_add(from, PART_MONTH, months);
	if (months > 0 && back.i > to->i)
		months--;
	else if (months < 0 && back.i < to->i)
		months++;
	return part == PART_MONTH ? months : months / 12;
}

/* ---- TO_STRING ---- */

static bool format_letter(struct buf *b, struct arena *a, const struct value *t, const struct civil *c, char letter, int n)
{
	static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
		"December"};
	int hour12 = c->hour % 12 == 0 ? 12 : c->hour % 12;
	switch (letter) {
	case 'y':
		buf_printf(b, n == 2 ? "%02d" : n == 4 ? "%04d" : "%d", n == 2 ? c->year % 100 : c->year);
		return n <= 4;
	case 'M':
		ASSERT(c->month >= 1 && c->month <= 12);
		if (n <= 2)
			buf_printf(b, n == 2 ? "%02d" : "%d", c->month);
		else
			buf_put(b, months[c->month - 1], n == 3 ? 3 : n == 5 ? 1 : strlen(months[c->month - 1]));
		return n <= 5;
	case 'd': buf_printf(b, n == 2 ? "%02d" : "%d", c->day); return n <= 2;
	case 'a': buf_printf(b, "%s", c->hour < 12 ? "AM" : "PM"); return n == 1;
	case 'h': buf_printf(b, n == 2 ? "%02d" : "%d", hour12); return n <= 2;
	case 'H': buf_printf(b, n == 2 ? "%02d" : "%d", c->hour); return n <= 2;
	case 'm': buf_printf(b, n == 2 ? "%02d" : "%d", c->minute); return n <= 2;
	case 's': buf_printf(b, n == 2 ? "%02d" : "%d", c->second); return n <= 2;
	case 'S': {
		struct str nine = arena_printf(a, "%03d000000", c->ms);
		buf_str(b, str_slice(nine, 0, (size_t)n));
		return n <= 9;
	}
	case 'n': buf_printf(b, "%d", c->ms * 1000000); return n == 1;
	case 'X': buf_str(b, zone_text(a, t->offset_minutes, n == 3 || n == 5, true, n == 1)); return n <= 5;
	case 'x': buf_str(b, zone_text(a, t->offset_minutes, n == 3 || n == 5, false, n == 1)); return n <= 5;
	default: return false;
	}
}

bool time_format(struct arena *a, const struct value *t, struct str pattern, struct str *out)
{
	struct civil c = local_of(t);
	struct buf b;
	buf_init(&b, a, RECORD_MAX);
	for (size_t i = 0; i < pattern.n;) {
		char ch = pattern.p[i];
		bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
		if (ch == '\'') { /* as it stands */
			size_t end = i + 1;
			while (end < pattern.n && pattern.p[end] != '\'')
				end++;
			buf_str(&b, str_slice(pattern, i + 1, end));
			i = end + 1;
			continue;
		}
		int n = 1;
		while (letter && i + (size_t)n < pattern.n && pattern.p[i + (size_t)n] == ch)
			n++;
		if (!letter)
			buf_putc(&b, ch);
		else if (!format_letter(&b, a, t, &c, ch, n))
			return false;
		i += (size_t)n;
	}
	*out = buf_view(&b);
	return !b.overflow;
}

/* ---- LIKE ---- */

static size_t point_size(struct str s, size_t at)
{
	unsigned char c = (unsigned char)s.p[at];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return at + n <= s.n ? n : s.n - at;
}

bool like(struct str text, struct str pattern, struct str escape, bool *matches)
{
	size_t t = 0, p = 0, star = SIZE_MAX, from = 0;
	if (str_present(escape) && (escape.n == 0 || point_size(escape, 0) != escape.n))
		return false;
	for (size_t i = 0; str_present(escape) && i < pattern.n; i++) { /* an escape stands before %, _ or itself */
		if (!str_starts(str_slice(pattern, i, pattern.n), escape))
			continue;
		i += escape.n;
		bool ok = i < pattern.n && (pattern.p[i] == '%' || pattern.p[i] == '_' || str_starts(str_slice(pattern, i, pattern.n), escape));
		if (!ok)
			return false;
	}
	while (t < text.n) {
		bool escaped = str_present(escape) && p < pattern.n && str_starts(str_slice(pattern, p, pattern.n), escape);
		size_t at = p + (escaped ? escape.n : 0);
		if (!escaped && at < pattern.n && pattern.p[at] == '%') {
			star = p = at + 1;
			from = t;
			continue;
		}
		size_t here = at < pattern.n ? point_size(pattern, at) : 0, own = point_size(text, t);
		bool any = !escaped && here == 1 && pattern.p[at] == '_';
		if (here > 0 && (any || str_eq(str_slice(pattern, at, at + here), str_slice(text, t, t + own)))) {
			p = at + here;
			t += own;
		} else if (star != SIZE_MAX) {
			from += point_size(text, from);
			t = from;
			p = star;
		} else {
			*matches = false;
			return true;
		}
	}
	while (p < pattern.n && pattern.p[p] == '%')
		p++;
	*matches = p >= pattern.n;
	return true;
}
