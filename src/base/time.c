/* Times as text and back: see time.h. The proleptic Gregorian calendar, without tables and without the C library's
 * locale, time zone or errno.
 *
 * Days are counted in eras of 400 years (146,097 days) that begin on 1 March, so that the leap day comes last.
 *
 * What always holds: every time in 64 bits of milliseconds has a civil date and comes back from it; a text that
 * names no date of the calendar is refused, never bent into one. */
#include "base/time.h"

#include <math.h>

enum { MS_PER_DAY = 86400000, DAYS_PER_ERA = 146097, EPOCH_DAY = 719468 /* 0000-03-01 to 1970-01-01 */ };

static const char weekday_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
	ASSERT(month >= 1 && month <= 12);
	int64_t y = month <= 2 ? year - 1 : year, era = floor_div(y, 400), year_of_era = y - era * 400;
	int64_t month_from_march = (month + 9) % 12, day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * DAYS_PER_ERA + day_of_era - EPOCH_DAY;
}

/* The inverse of days_from_civil: the era by division, the year of the era corrected for leap days (one in 4, none
 * in 100, one in 400), then the month by the 153-day rhythm of March to July. */
struct civil civil_of(int64_t ms)
{
	int64_t days = floor_div(ms, MS_PER_DAY), rest = ms - days * MS_PER_DAY;
	ASSERT(rest >= 0 && rest < MS_PER_DAY);
	int64_t z = days + EPOCH_DAY, era = floor_div(z, DAYS_PER_ERA), doe = z - era * DAYS_PER_ERA;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	struct civil c = {.day = (int)(doy - (153 * mp + 2) / 5 + 1), .month = (int)(mp < 10 ? mp + 3 : mp - 9)};
	c.year = (int)(yoe + era * 400 + (c.month <= 2));
	c.weekday = (int)(((days + 4) % 7 + 7) % 7);
	c.yearday = (int)(days - days_from_civil(c.year, 1, 1));
	c.hour = (int)(rest / 3600000);
	c.minute = (int)(rest / 60000 % 60);
	c.second = (int)(rest / 1000 % 60);
	c.ms = (int)(rest % 1000);
	ASSERT(c.day >= 1 && c.day <= 31 && c.yearday >= 0 && c.yearday <= 365);
	ASSERT(c.month >= 1 && c.month <= 12 && c.weekday >= 0 && c.weekday <= 6);
	ASSERT(c.hour <= 23 && c.minute <= 59 && c.second <= 59 && c.ms <= 999);
	return c;
}

/* Fields are carried by arithmetic, not by loops: month 14 is February of the next year, day 0 the last of the
 * month before. */
int64_t civil_ms(struct civil c)
{
	int64_t months = (int64_t)c.month - 1, year = c.year + floor_div(months, 12);
	int64_t month = months - floor_div(months, 12) * 12 + 1;
	ASSERT(year > -300000000 && year < 300000000); /* what milliseconds in 64 bits can say */
	int64_t days = days_from_civil(year, month, 1) + c.day - 1;
	return days * MS_PER_DAY + (int64_t)c.hour * 3600000 + (int64_t)c.minute * 60000 + (int64_t)c.second * 1000 + c.ms;
}

/* v in at least `width` digits. Returns the end. */
static char *put_digits(char *to, int v, int width)
{
	ASSERT(v >= 0 && width <= 9);
	char text[10];
	int n = 0;
	for (; v > 0 || n < width; v /= 10)
		text[n++] = (char)('0' + v % 10);
	while (n > 0)
		*to++ = text[--n];
	return to;
}

static char *put_year(char *to, int year)
{
	ASSERT(year > -1000000000 && year < 1000000000);
	if (year < 0)
		*to++ = '-';
	return put_digits(to, year < 0 ? -year : year, 4);
}

static struct str done(struct arena *a, const char *text, const char *end) { return arena_dup(a, str_of(text, (size_t)(end - text))); }

static char *put_clock(char *p, const struct civil *c)
{
	ASSERT(c->hour <= 23 && c->minute <= 59 && c->second <= 59);
	p = put_digits(p, c->hour, 2);
	*p++ = ':';
	p = put_digits(p, c->minute, 2);
	*p++ = ':';
	return put_digits(p, c->second, 2);
}

static struct str iso8601(struct arena *a, int64_t ms, bool fraction)
{
	ASSERT(a != NULL);
	struct civil c = civil_of(ms);
	char text[48], *p = put_year(text, c.year);
	*p++ = '-';
	p = put_digits(p, c.month, 2);
	*p++ = '-';
	p = put_digits(p, c.day, 2);
	*p++ = 'T';
	p = put_clock(p, &c);
	if (fraction) {
		*p++ = '.';
		p = put_digits(p, c.ms, 3);
	}
	*p++ = 'Z';
	return done(a, text, p);
}

struct str time_iso8601(struct arena *a, int64_t ms) { return iso8601(a, ms, false); }
struct str time_iso8601_ms(struct arena *a, int64_t ms) { return iso8601(a, ms, true); }

struct str time_rfc1123(struct arena *a, int64_t ms)
{
	struct civil c = civil_of(ms);
	char text[48], *p = text;
	memcpy(p, weekday_names[c.weekday], 3);
	memcpy(p + 3, ", ", 2);
	p = put_digits(p + 5, c.day, 2);
	*p++ = ' ';
	memcpy(p, month_names[c.month - 1], 3);
	p[3] = ' ';
	p = put_year(p + 4, c.year);
	*p++ = ' ';
	p = put_clock(p, &c);
	memcpy(p, " GMT", 4);
	return done(a, text, p + 4);
}

struct str time_amz_date(struct arena *a, int64_t ms)
{
	struct civil c = civil_of(ms);
	char text[48], *p = put_year(text, c.year);
	p = put_digits(p, c.month, 2);
	p = put_digits(p, c.day, 2);
	*p++ = 'T';
	p = put_digits(p, c.hour, 2);
	p = put_digits(p, c.minute, 2);
	p = put_digits(p, c.second, 2);
	*p++ = 'Z';
	return done(a, text, p);
}

/* ---- reading: a cursor; each take_ function moves it only when it succeeds ---- */

static bool take_char(struct str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_of(s->p + 1, s->n - 1);
	return true;
}

/* Exactly `width` digits. */
static bool take_digits(struct str *s, size_t width, int *out)
{
	ASSERT(width >= 1 && width <= 9); /* fits an int */
	int v = 0;
	if (s->n < width)
		return false;
	for (size_t i = 0; i < width; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (s->p[i] - '0');
	}
	*out = v;
	*s = str_of(s->p + width, s->n - width);
	return true;
}

static bool take_clock(struct str *s, struct civil *c)
{
	return take_digits(s, 2, &c->hour) && take_char(s, ':') && take_digits(s, 2, &c->minute) && take_char(s, ':') &&
	       take_digits(s, 2, &c->second);
}

/* By its three-letter English name, the only one HTTP and AWS use. */
static bool take_month(struct str *s, int *month)
{
	for (int m = 0; m < 12; m++)
		if (str_starts_nocase(*s, str_of(month_names[m], 3))) {
			*month = m + 1;
			*s = str_of(s->p + 3, s->n - 3);
			return true;
		}
	return false;
}

static int days_in_month(int year, int month)
{
	ASSERT(month >= 1 && month <= 12);
	static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

/* A date that is on the calendar; second 60 is a leap second and counts as the next second. */
static bool real_date(const struct civil *c)
{
	return c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= days_in_month(c->year, c->month) && c->hour <= 23 &&
	       c->minute <= 59 && c->second <= 60;
}

/* 'Z', or the minutes to take off. */
static bool take_zone(struct str *s, int *minutes)
{
	ASSERT(minutes != NULL);
	*minutes = 0;
	if (take_char(s, 'Z') || take_char(s, 'z'))
		return true;
	bool west = s->n > 0 && s->p[0] == '-';
	int hour, minute = 0;
	if (!take_char(s, west ? '-' : '+') || !take_digits(s, 2, &hour))
		return false;
	(void)take_char(s, ':');
	if (!take_digits(s, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*minutes = (west ? -1 : 1) * (hour * 60 + minute);
	ASSERT(*minutes > -24 * 60 && *minutes < 24 * 60);
	return true;
}

/* Any number of digits after the point; below the millisecond they are dropped. */
static bool take_fraction(struct str *s, int *ms)
{
	*ms = 0;
	int scale = 100, digit;
	if (!take_char(s, '.'))
		return true;
	if (!take_digits(s, 1, &digit))
		return false;
	do {
		*ms += digit * scale;
		scale /= 10;
	} while (take_digits(s, 1, &digit));
	ASSERT(*ms >= 0 && *ms <= 999);
	return true;
}

bool time_parse_iso8601(struct str s, int64_t *ms)
{
	ASSERT(ms != NULL);
	struct civil c = {0};
	int zone = 0;
	if (!take_digits(&s, 4, &c.year) || !take_char(&s, '-') || !take_digits(&s, 2, &c.month) || !take_char(&s, '-') ||
	    !take_digits(&s, 2, &c.day))
		return false;
	if (s.n > 0) {
		if (!take_char(&s, 'T') && !take_char(&s, 't'))
			return false;
		if (!take_digits(&s, 2, &c.hour) || !take_char(&s, ':') || !take_digits(&s, 2, &c.minute))
			return false;
		if (take_char(&s, ':') && (!take_digits(&s, 2, &c.second) || !take_fraction(&s, &c.ms)))
			return false;
		if (!take_zone(&s, &zone))
			return false;
	}
	if (s.n > 0 || !real_date(&c))
		return false;
	*ms = civil_ms(c) - (int64_t)zone * 60000;
	return true;
}

/* A weekday's name of any length up to sep, which is taken too. */
static bool take_weekday(struct str *s, char sep)
{
	ASSERT(sep == ' ' || sep == ',');
	for (int d = 0; d < 7; d++) {
		if (!str_starts_nocase(*s, str_of(weekday_names[d], 3)))
			continue;
		ptrdiff_t at = str_find(*s, sep);
		if (at < 3 || at > 9) /* "Wednesday" */
			return false;
		*s = str_slice(*s, (size_t)at + 1, s->n);
		return true;
	}
	return false;
}

/* asctime: "Sat Nov 21 07:35:00 2026", the day with a space for a first digit 0. */
static bool parse_asctime(struct str s, struct civil *c)
{
	if (!take_weekday(&s, ' ') || !take_month(&s, &c->month) || !take_char(&s, ' '))
		return false;
	bool day = take_char(&s, ' ') ? take_digits(&s, 1, &c->day) : take_digits(&s, 2, &c->day);
	return day && take_char(&s, ' ') && take_clock(&s, c) && take_char(&s, ' ') && take_digits(&s, 4, &c->year) && s.n == 0;
}

bool time_parse_rfc1123(struct str s, int64_t *ms)
{
	struct civil c = {0};
	if (str_find(s, ',') < 0) {
		if (!parse_asctime(s, &c) || !real_date(&c))
			return false;
		*ms = civil_ms(c);
		return true;
	}
	if (!take_weekday(&s, ',') || !take_char(&s, ' '))
		return false;
	bool two = take_digits(&s, 2, &c.day);
	if (!two && !take_digits(&s, 1, &c.day))
		return false;
	char sep = s.n > 0 && s.p[0] == '-' ? '-' : ' '; /* RFC 850 has dashes and a year of two digits */
	if (!take_char(&s, sep) || !take_month(&s, &c.month) || !take_char(&s, sep))
		return false;
	if (!take_digits(&s, 4, &c.year)) {
		if (!take_digits(&s, 2, &c.year))
			return false;
		c.year += c.year < 70 ? 2000 : 1900;
	}
	int zone = 0;
	if (!take_char(&s, ' ') || !take_clock(&s, &c) || !take_char(&s, ' '))
		return false;
	if (!str_eq(s, S("GMT")) && !str_eq(s, S("UTC")) && (!take_zone(&s, &zone) || s.n > 0))
		return false;
	if (!real_date(&c))
		return false;
	*ms = civil_ms(c) - (int64_t)zone * 60000;
	return true;
}

/* Of signatures: exactly 16 characters, always UTC. */
bool time_parse_amz_date(struct str s, int64_t *ms)
{
	struct civil c = {0};
	if (!take_digits(&s, 4, &c.year) || !take_digits(&s, 2, &c.month) || !take_digits(&s, 2, &c.day) || !take_char(&s, 'T') ||
	    !take_digits(&s, 2, &c.hour) || !take_digits(&s, 2, &c.minute) || !take_digits(&s, 2, &c.second) ||
	    !take_char(&s, 'Z') || s.n > 0 || !real_date(&c))
		return false;
	*ms = civil_ms(c);
	return true;
}

/* Numbers first: "20261121" is a number of seconds, not a date, for the services that take both. */
bool time_parse_any(struct str s, int64_t *ms)
{
	ASSERT(ms != NULL);
	double seconds;
	int64_t whole;
	if (str_to_i64(s, &whole))
		return !__builtin_mul_overflow(whole, 1000, ms);
	if (str_to_f64(s, &seconds)) {
		if (!(fabs(seconds) < 9e15))
			return false;
		*ms = (int64_t)llround(seconds * 1000);
		return true;
	}
	return time_parse_iso8601(s, ms) || time_parse_amz_date(s, ms) || time_parse_rfc1123(s, ms);
}
