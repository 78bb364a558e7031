/* rate() and cron(): see schedule.h.
 *
 * What always holds: a schedule that was parsed has a period or at least one value for each field; the next time
 * is after the given one. */
#include "svc/schedule.h"

#include "base/time.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

/* ---- rate ---- */

static bool parse_rate(struct str s, struct schedule *out)
{
	static const struct { struct str one, many; int64_t ms; } units[] = {
		{STR_INIT("minute"), STR_INIT("minutes"), MINUTE_MS}, {STR_INIT("hour"), STR_INIT("hours"), HOUR_MS},
		{STR_INIT("day"), STR_INIT("days"), DAY_MS}};
	struct str unit = s;
	struct str number = str_cut(&unit, ' ');
	uint64_t n;
	if (!str_present(unit) || number.n > 9 || !str_to_u64(number, &n) || n == 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (str_eq(unit, n == 1 ? units[i].one : units[i].many)) {
			out->period_ms = (int64_t)n * units[i].ms;
			ASSERT(out->period_ms > 0);
			return true;
		}
	return false;
}

/* ---- cron: one field ---- */

static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
static const char *const day_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

struct field_kind { unsigned low, high; const char *const *names; size_t n_names; };

static const struct field_kind minute_kind = {0, 59, NULL, 0}, hour_kind = {0, 23, NULL, 0}, day_kind = {1, 31, NULL, 0},
	month_kind = {1, 12, month_names, 12}, weekday_kind = {1, 7, day_names, 7}, year_kind = {YEAR_FIRST, YEAR_LAST, NULL, 0};

/* By name or number; names in any case. */
static bool value_of(const struct field_kind *k, struct str s, unsigned *out)
{
	ASSERT(k->n_names == 0 || k->names != NULL);
	for (size_t i = 0; i < k->n_names; i++)
		if (str_eq_nocase(s, str_c(k->names[i]))) {
			*out = k->low + (unsigned)i;
			return true;
		}
	uint64_t n;
	if (s.n > 4 || !str_to_u64(s, &n) || n < k->low || n > k->high)
		return false;
	*out = (unsigned)n;
	return true;
}

static void set_bit(uint64_t *bits, const struct field_kind *k, unsigned v)
{
	unsigned bit = k == &year_kind ? v - YEAR_FIRST : v;
	ASSERT(bit < (k == &year_kind ? 256 : 64));
	bits[bit / 64] |= 1ULL << (bit % 64);
}

/* "5", "5-10", "*", "5/15", "5-30/5", "*" "/5"; a range may go over the end (FRI-MON), years not. */
static bool part(const struct field_kind *k, struct str s, uint64_t *bits)
{
	ASSERT(k->low <= k->high && bits != NULL);
	struct str step_text = s, range = str_cut(&step_text, '/');
	uint64_t step = 1;
	bool stepped = str_present(step_text);
	if (stepped && (step_text.n > 4 || !str_to_u64(step_text, &step) || step == 0 || step > k->high))
		return false;
	unsigned from = k->low, to = k->high;
	if (!str_eq(range, S("*"))) {
		struct str end = range, start = str_cut(&end, '-');
		if (!value_of(k, start, &from))
			return false;
		to = stepped ? k->high : from;
		if (str_present(end) && !value_of(k, end, &to))
			return false;
	}
	if (to < from && k == &year_kind)
		return false;
	unsigned span = to >= from ? to - from : to + (k->high - k->low + 1) - from;
	for (unsigned i = 0; i <= span; i += (unsigned)step) {
		unsigned v = from + i;
		set_bit(bits, k, v > k->high ? v - (k->high - k->low + 1) : v);
	}
	return true;
}

static bool field(const struct field_kind *k, struct str s, uint64_t *bits)
{
	ASSERT(bits != NULL);
	if (s.n == 0)
		return false;
	for (struct str rest = s; str_present(rest);)
		if (!part(k, str_cut(&rest, ','), bits))
			return false;
	return true;
}

/* L is the last day, 15W the weekday nearest to the 15th. */
static bool day_of_month(struct str s, struct schedule *out)
{
	uint64_t bits = 0;
	unsigned n;
	if (str_eq(s, S("L"))) {
		out->last_day = true;
		return true;
	}
	if (s.n >= 2 && s.p[s.n - 1] == 'W') {
		if (!value_of(&day_kind, str_slice(s, 0, s.n - 1), &n))
			return false;
		out->near_weekday = (uint8_t)n;
		return true;
	}
	bool ok = field(&day_kind, s, &bits);
	out->days = (uint32_t)bits;
	return ok;
}

static bool day_of_week(struct str s, struct schedule *out)
{
	uint64_t bits = 0, nth;
	unsigned n;
	ptrdiff_t hash = str_find(s, '#');
	if (str_eq(s, S("L"))) {
		out->weekdays = 1u << 7;
		return true;
	}
	if (hash >= 0) {
		if (!value_of(&weekday_kind, str_slice(s, 0, (size_t)hash), &n) || !str_to_u64(str_slice(s, (size_t)hash + 1, s.n), &nth) ||
		    nth < 1 || nth > 5)
			return false;
		out->nth_weekday = (uint8_t)n;
		out->nth = (uint8_t)nth;
		return true;
	}
	if (s.n >= 2 && s.p[s.n - 1] == 'L' && value_of(&weekday_kind, str_slice(s, 0, s.n - 1), &n)) {
		out->last_weekday = (uint8_t)n;
		return true;
	}
	bool ok = field(&weekday_kind, s, &bits);
	out->weekdays = (uint32_t)bits;
	return ok;
}

/* Years after YEAR_LAST are taken and never come: AWS does not hold them to the range it documents. */
static bool years(struct str s, struct schedule *out)
{
	uint64_t n;
	if (s.n == 4 && str_to_u64(s, &n) && n > YEAR_LAST)
		return true;
	return field(&year_kind, s, out->years);
}

static bool parse_cron(struct str s, struct schedule *out)
{
	ASSERT(out->period_ms == 0);
	struct str f[6];
	size_t n = 0;
	for (struct str rest = s; str_present(rest);) {
		struct str one = str_cut(&rest, ' ');
		if (one.n == 0)
			continue;
		if (n == COUNT_OF(f))
			return false;
		f[n++] = one;
	}
	if (n != COUNT_OF(f))
		return false;
	uint64_t hours = 0, months = 0;
	bool any_day = str_eq(f[2], S("?")), any_weekday = str_eq(f[4], S("?"));
	if (any_day == any_weekday)
		return false;
	if (!field(&minute_kind, f[0], &out->minutes) || !field(&hour_kind, f[1], &hours) || !field(&month_kind, f[3], &months) || !years(f[5], out))
		return false;
	out->hours = (uint32_t)hours;
	out->months = (uint32_t)months;
	return any_day ? day_of_week(f[4], out) : day_of_month(f[2], out);
}

bool schedule_parse(struct str expression, struct schedule *out)
{
	*out = (struct schedule){0};
	if (!str_ends(expression, S(")")))
		return false;
	if (str_starts(expression, S("rate(")))
		return parse_rate(str_slice(expression, 5, expression.n - 1), out);
	return str_starts(expression, S("cron(")) && parse_cron(str_slice(expression, 5, expression.n - 1), out);
}

/* ---- when next ---- */

static int month_length(int year, int month)
{
	ASSERT(month >= 1 && month <= 12);
	struct civil next = {.year = year, .month = month + 1, .day = 0};
	return civil_of(civil_ms(next)).day;
}

/* 1 (Sunday) to 7. */
static int weekday_of(int year, int month, int day)
{
	return civil_of(civil_ms((struct civil){.year = year, .month = month, .day = day})).weekday + 1;
}

/* The weekday nearest to a day, within its month. */
static int nearest_weekday(int year, int month, int day, int length)
{
	ASSERT(day >= 1 && length >= 28 && length <= 31);
	if (day > length)
		return 0;
	int w = weekday_of(year, month, day);
	if (w == 7)
		return day > 1 ? day - 1 : day + 2;
	if (w == 1)
		return day < length ? day + 1 : day - 2;
	return day;
}

static bool day_fits(const struct schedule *s, int year, int month, int day, int length)
{
	ASSERT(day >= 1 && day <= length);
	if (s->last_day)
		return day == length;
	if (s->near_weekday != 0)
		return day == nearest_weekday(year, month, s->near_weekday, length);
	if (s->days != 0)
		return (s->days >> day & 1) != 0;
	int w = weekday_of(year, month, day);
	if (s->last_weekday != 0)
		return w == s->last_weekday && day + 7 > length;
	if (s->nth != 0)
		return w == s->nth_weekday && (day - 1) / 7 + 1 == s->nth;
	return (s->weekdays >> w & 1) != 0;
}

/* The first minute of the day at or after `from` (minutes since midnight), or -1. */
static int minute_of_day(const struct schedule *s, int from)
{
	ASSERT(from >= 0 && from <= 24 * 60);
	for (int m = from; m < 24 * 60; m++) {
		if ((s->hours >> (m / 60) & 1) == 0)
			m += 59 - m % 60;
		else if ((s->minutes >> (m % 60) & 1) != 0)
			return m;
	}
	return -1;
}

/* Whole years and months that do not fit are passed over at once; within a fitting one each day is looked at: at
 * most some thousands of steps for the rarest schedule. */
int64_t schedule_next(const struct schedule *s, int64_t after_ms)
{
	ASSERT(s->period_ms >= 0);
	if (s->period_ms > 0)
		return after_ms + s->period_ms;
	struct civil t = civil_of((after_ms / MINUTE_MS + 1) * MINUTE_MS);
	int from = t.hour * 60 + t.minute, day = t.day, month = t.month;
	for (int year = t.year; year <= YEAR_LAST; year++, month = 1, day = 1, from = 0) {
		if (year < YEAR_FIRST || (s->years[(year - YEAR_FIRST) / 64] >> ((year - YEAR_FIRST) % 64) & 1) == 0)
			continue;
		for (; month <= 12; month++, day = 1, from = 0) {
			int length = month_length(year, month);
			for (; (s->months >> month & 1) != 0 && day <= length; day++, from = 0) {
				int m = day_fits(s, year, month, day, length) ? minute_of_day(s, from) : -1;
				if (m >= 0)
					return civil_ms((struct civil){.year = year, .month = month, .day = day, .hour = m / 60, .minute = m % 60});
			}
		}
	}
	return INT64_MAX;
}
