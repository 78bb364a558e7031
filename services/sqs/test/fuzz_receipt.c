/* Any text as a receipt handle: what is taken is what we would have written. */
#include "../sqs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str in = str_of((const char *)data, size), account, name;
	struct receipt r, again;
	if (receipt_open(a, in, &r)) {
		ASSERT(receipt_open(a, receipt_text(a, &r), &again));
		ASSERT(again.queue == r.queue && again.data == r.data && again.seq == r.seq && again.nonce == r.nonce);
		ASSERT(str_eq(again.group, r.group));
	}
	if (queue_url_parse(in, &account, &name))
		ASSERT(account.n == 12 && name.n > 0 && str_find(name, '/') < 0);
	arena_free(a);
	return 0;
}
