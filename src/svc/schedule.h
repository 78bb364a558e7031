/* Schedule expressions: rate(5 minutes), cron(0 12 * * ? *). Pure.
 *
 * Source: "Cron expressions reference" and "Rate expressions reference" (EventBridge User Guide). All times are UTC.
 * For every service that takes such expressions. */
#ifndef TSUBO_SVC_SCHEDULE_H
#define TSUBO_SVC_SCHEDULE_H

#include "base/str.h"

enum { YEAR_FIRST = 1970, YEAR_LAST = 2199 };

struct schedule {
	int64_t period_ms;     /* rate; 0: cron */
	uint64_t minutes;      /* bit n: minute n */
	uint32_t hours, months; /* months: bit 1..12 */
	uint32_t days;         /* of the month, bit 1..31; 0: the weekday decides */
	uint32_t weekdays;     /* bit 1 (Sunday)..7; 0: the day of the month decides */
	bool last_day;         /* L in the day of the month */
	uint8_t near_weekday;  /* nW: the weekday nearest to day n */
	uint8_t last_weekday;  /* nL: the last such weekday of the month */
	uint8_t nth_weekday, nth; /* n#k */
	uint64_t years[4];     /* bit year - YEAR_FIRST */
};

/* false: not a valid expression. */
bool schedule_parse(struct str expression, struct schedule *out);
/* The first time after after_ms: for a rate after_ms plus the period, for cron the next minute that fits. INT64_MAX: never. */
int64_t schedule_next(const struct schedule *s, int64_t after_ms);

#endif
