/* Any JSON as an item, any bytes as a stored one. What is taken comes back the same. */
#include "../value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct arena *a, const struct av *item)
{
	struct buf bytes, text, direct;
	buf_init(&bytes, a, 0);
	buf_init(&text, a, 0);
	buf_init(&direct, a, 0);
	item_encode(&bytes, item);
	struct av back;
	size_t weight;
	bool ok = item_decode(a, buf_view(&bytes), &back) && item_bytes_size(buf_view(&bytes), &weight);
	ASSERT(ok && av_equal(item, &back) && weight == item_size(item));
	item_write_json(&text, &back);
	ok = item_bytes_write_json(&direct, buf_view(&bytes));
	ASSERT(ok && str_eq(buf_view(&text), buf_view(&direct)));
	struct fault f = {.arena = a};
	struct json *j = json_parse(a, buf_view(&text), NULL);
	ok = j != NULL && item_from_json(j, &back, &f);
	ASSERT(ok && av_equal(item, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 4096)
		return 0;
	struct arena *a = arena_new(0);
	struct str text = str_of(size > 0 ? (const char *)data : "", size);
	struct fault f = {.arena = a};
	struct json *j = json_parse(a, text, NULL);
	struct av item;
	if (j != NULL && item_from_json(j, &item, &f))
		round_trip(a, &item);
	struct buf b;
	buf_init(&b, a, 0);
	(void)item_decode(a, text, &item);
	(void)item_bytes_write_json(&b, text);
	struct number n;
	if (number_parse(text, &n) == NUMBER_OK) {
		struct number again;
		enum number_fault nf = number_parse(number_text(a, &n), &again);
		ASSERT(nf == NUMBER_OK && number_cmp(&n, &again) == 0);
		nf = number_sub(&n, &again, &again);
		ASSERT(nf == NUMBER_OK && again.digits == 0);
		buf_clear(&b);
		number_write_key(&b, &n);
	}
	arena_free(a);
	return 0;
}
