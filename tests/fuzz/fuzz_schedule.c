/* Any text as a schedule: refused, or one that always goes forward. */
#include "svc/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schedule s;
	int64_t at_ms = 1700000000123;
	if (!schedule_parse(str_of((const char *)data, size), &s))
		return 0;
	for (int i = 0; i < 3 && at_ms != INT64_MAX; i++) {
		int64_t next_ms = schedule_next(&s, at_ms);
		ASSERT(next_ms > at_ms);
		at_ms = next_ms;
	}
	return 0;
}
