/* Any text as a schedule's expression: refused, or a time that it happens at, or one that goes forward. */
#include "../scheduler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schedule s;
	int64_t at_ms;
	struct str text = str_of((const char *)data, size);
	if (!expression_parse(text, &s, &at_ms))
		return 0;
	bool once = str_starts(text, S("at("));
	ASSERT(once == (at_ms >= 0));
	ASSERT(once || schedule_next(&s, 1700000000123) > 1700000000123);
	return 0;
}
