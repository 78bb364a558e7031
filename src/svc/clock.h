/* Turning the service clock: everything that follows it is woken. Loop thread only. */
#ifndef TSUBO_SVC_CLOCK_H
#define TSUBO_SVC_CLOCK_H

#include "base/str.h"

/* "+30s", "-5m", "2h", "1d", "1w", "500ms", and sums "1d2h": milliseconds. */
bool clock_parse_span(struct str text, int64_t *ms);
/* Turn by ms, keep the offset in the store, re-arm timers, waits and jobs. */
void clock_turn_all(int64_t ms);
/* At start: the offset kept in the store. */
void clock_load(void);

#endif
