/* Times as text. A time is int64_t milliseconds since 1970-01-01T00:00:00Z, without leap seconds. */
#ifndef TSUBO_TIME_H
#define TSUBO_TIME_H

#include "base/buf.h"

struct civil { int year, month, day, hour, minute, second, ms, weekday /* 0 = Sunday */, yearday /* 0.. */; };
struct civil civil_of(int64_t ms);
/* Milliseconds of a civil date; fields out of range are carried (month 13, day 0). weekday and yearday ignored. */
int64_t civil_ms(struct civil c);

struct str time_iso8601(struct arena *a, int64_t ms);    /* 2026-11-21T07:35:00Z */
struct str time_iso8601_ms(struct arena *a, int64_t ms); /* 2026-11-21T07:35:00.123Z */
struct str time_rfc1123(struct arena *a, int64_t ms);    /* Sat, 21 Nov 2026 07:35:00 GMT */
struct str time_amz_date(struct arena *a, int64_t ms);   /* 20261121T073500Z */
/* ISO 8601 with 'T', optional fraction, 'Z' or an offset; also a date alone. */
bool time_parse_iso8601(struct str s, int64_t *ms);
bool time_parse_rfc1123(struct str s, int64_t *ms); /* also RFC 850 and asctime, as HTTP asks */
bool time_parse_amz_date(struct str s, int64_t *ms);
/* Whichever of the above, or epoch seconds with fraction. */
bool time_parse_any(struct str s, int64_t *ms);

#endif
