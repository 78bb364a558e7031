/* Maps: what was put is found, what was deleted is not, order is that of insertion. */
#include "base/map.h"
#include "../check.h"

static void basics(struct arena *a)
{
	struct map m;
	int one = 1, two = 2;
	map_init(&m, a);
	assert_null(map_get(&m, S("k")));
	assert_null(map_del(&m, S("k")));
	assert_null(map_put(&m, S("k"), &one));
	assert_ptr_equal(map_put(&m, S("k"), &two), &one);
	assert_ptr_equal(map_get(&m, S("k")), &two);
	assert_null(map_put(&m, S(""), &one));
	assert_ptr_equal(map_get(&m, S("")), &one);
	assert_int_equal(map_count(&m), 2);
	assert_ptr_equal(map_del(&m, S("k")), &two);
	assert_null(map_get(&m, S("k")));
	assert_int_equal(map_count(&m), 1);
	map_free(&m);
	assert_int_equal(map_count(&m), 0);
}

static void on_the_heap(void **state UNUSED) { basics(NULL); }
static void in_an_arena(void **state UNUSED) { basics(arena); }

/* Bits that an earlier hash carried through unchanged whatever the seed: two words and their twins had one hash. */
static void hash_is_not_for_clients_to_choose(void **state UNUSED)
{
	unsigned equal = 0;
	for (unsigned i = 0; i < 64; i++) {
		unsigned char one[16] = {(unsigned char)i}, two[16];
		memcpy(two, one, sizeof two);
		two[7] ^= 0x80;
		two[11] ^= 0x80;
		two[15] ^= 0x80;
		equal += str_hash(str_of((const char *)one, 16)) == str_hash(str_of((const char *)two, 16));
	}
	assert_int_equal(equal, 0);
	assert_true(str_hash(S("a")) != str_hash(S("a\0")));
	assert_true(str_hash(S("12345678")) != str_hash(S("12345678\0")));
	assert_true(str_hash(S("")) == str_hash(STR_NONE));
}

static void iterates_in_order_of_insertion(void **state UNUSED)
{
	static int values[1000];
	struct map m;
	map_init(&m, NULL);
	for (int i = 0; i < 1000; i++)
		map_put(&m, arena_printf(arena, "%d", i), &values[i]);
	for (int i = 0; i < 1000; i += 3)
		assert_ptr_equal(map_del(&m, arena_printf(arena, "%d", i)), &values[i]);
	size_t at = 0, seen = 0;
	int last = -1;
	struct map_entry *e;
	while ((e = map_next(&m, &at)) != NULL) {
		int i = (int)((int *)e->value - values);
		assert_true(i > last && i % 3 != 0);
		last = i;
		seen++;
		assert_ptr_equal(map_del(&m, e->key), &values[i]); /* deleting the current one is allowed */
	}
	assert_int_equal(seen, 666);
	assert_int_equal(map_count(&m), 0);
	map_free(&m);
}

/* Against a plain array: many puts and deletes, few live entries, so that holes are closed again and again. */
static void churn(void **state UNUSED)
{
	enum { KEYS = 200 };
	struct str keys[KEYS];
	int *live[KEYS] = {0}, values[KEYS];
	struct map m;
	unsigned seed = 1;
	map_init(&m, NULL);
	for (int i = 0; i < KEYS; i++)
		keys[i] = arena_printf(arena, "key-%d", i);
	for (int step = 0; step < 100000; step++) {
		seed = seed * 1664525 + 1013904223;
		unsigned k = (seed >> 8) % KEYS;
		if (seed >> 30 != 0) {
			assert_ptr_equal(map_del(&m, keys[k]), live[k]);
			live[k] = NULL;
		} else {
			assert_ptr_equal(map_put(&m, keys[k], &values[k]), live[k]);
			live[k] = &values[k];
		}
	}
	size_t n = 0;
	for (int i = 0; i < KEYS; i++) {
		assert_ptr_equal(map_get(&m, keys[i]), live[i]);
		n += live[i] != NULL;
	}
	assert_int_equal(map_count(&m), n);
	assert_true(m.cap <= 1024);
	map_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(on_the_heap), TEST(in_an_arena), TEST(hash_is_not_for_clients_to_choose),
	                                   TEST(iterates_in_order_of_insertion), TEST(churn)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
