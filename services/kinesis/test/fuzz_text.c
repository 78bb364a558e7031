/* Any text as an iterator, a sequence number, a hash key, an ARN's resource: what is taken is what we would have written. */
#include "../kinesis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str in = str_of((const char *)data, size), account, name, stream, consumer;
	struct position p, again;
	uint64_t sequence, shard;
	int64_t made_s;
	u128 hash;
	if (iterator_open(a, in, &p, &account, &name)) {
		struct str account2, name2;
		ASSERT(iterator_open(a, iterator_text(a, &p, account, name), &again, &account2, &name2));
		ASSERT(memcmp(&p, &again, sizeof p) == 0 && str_eq(account, account2) && str_eq(name, name2));
	}
	if (sequence_parse(in, &sequence, &shard))
		ASSERT(str_eq(sequence_text(a, sequence, shard), in));
	if (shard_number(in, &shard))
		ASSERT(str_eq(shard_id(a, shard), in));
	if (hash_parse(in, &hash) && (in.p[0] != '0' || in.n == 1))
		ASSERT(str_eq(hash_text(a, hash), in));
	if (resource_parse(in, &stream, &consumer, &made_s))
		ASSERT(stream.n > 0 && (!str_present(consumer) || consumer.n > 0));
	arena_free(a);
	return 0;
}
