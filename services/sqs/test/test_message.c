/* Messages as bytes, receipts as text, queue URLs: what goes in comes out, and what was touched is refused. */
#include "../../../tests/unit/check.h"
#include "../sqs.h"

static struct message sample(void)
{
	return (struct message){.seq = 7, .id = S("0db14fa3-7700-45a9-988d-b42f000e1773"), .sent_ms = 1795254485806, .delay_until_ms = 5,
		.first_ms = 1795254488370, .count = 3, .sender = S("AROAX:session"), .body = S("a body"), .group = S("g"), .dedup = S("d"),
		.trace = S("Root=1-2"), .source_arn = S("arn:aws:sqs:us-east-1:000000000000:q"), .attributes = S("\0"),
		.body_md5 = "0123456789abcde", .attributes_md5 = "fedcba987654321", .moved = true};
}

static void test_message_round_trip(void **state UNUSED)
{
	struct message m = sample(), back;
	message_unpack(message_pack(arena, &m), 9, &back);
	assert_int_equal(back.seq, 9); /* the key's, not the value's */
	assert_true(back.sent_ms == m.sent_ms && back.delay_until_ms == m.delay_until_ms && back.first_ms == m.first_ms);
	assert_true(back.count == m.count && back.moved);
	assert_memory_equal(back.body_md5, m.body_md5, 16);
	assert_memory_equal(back.attributes_md5, m.attributes_md5, 16);
	const struct str want[] = {m.id, m.sender, m.body, m.group, m.dedup, m.trace, m.source_arn, m.attributes};
	const struct str got[] = {back.id, back.sender, back.body, back.group, back.dedup, back.trace, back.source_arn, back.attributes};
	for (size_t i = 0; i < COUNT_OF(want); i++)
		assert_true(str_eq(got[i], want[i]));
}

static void test_message_without_anything(void **state UNUSED)
{
	struct message m = {.seq = 1}, back;
	message_unpack(message_pack(arena, &m), 1, &back);
	assert_true(back.body.n == 0 && back.group.n == 0 && back.attributes.n == 0 && !back.moved && back.delay_until_ms == 0);
}

static void test_receipt_round_trip(void **state UNUSED)
{
	struct receipt r = {.queue = 1, .data = 2, .seq = UINT64_MAX, .nonce = 0xdeadbeef, .group = S("group")}, back;
	struct str text = receipt_text(arena, &r);
	assert_true(receipt_open(arena, text, &back));
	assert_true(back.queue == 1 && back.data == 2 && back.seq == UINT64_MAX && back.nonce == 0xdeadbeef);
	assert_true(str_eq(back.group, r.group));
}

static void test_a_touched_receipt_is_refused(void **state UNUSED)
{
	struct receipt r = {.queue = 1, .data = 2, .seq = 3, .nonce = 4, .group = S("")}, back;
	struct str bytes = base64_decode(arena, receipt_text(arena, &r));
	for (size_t bit = 0; bit < bytes.n * 8; bit++) {
		struct str other = arena_dup(arena, bytes);
		((char *)other.p)[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(receipt_open(arena, base64_encode(arena, other), &back));
	}
	for (size_t n = 0; n < bytes.n; n++)
		assert_false(receipt_open(arena, base64_encode(arena, str_slice(bytes, 0, n)), &back));
	assert_false(receipt_open(arena, S("not base64!"), &back));
}

/* The digest of one String attribute, as botocore computes it (services/sqs/test/test_messages.py checks the rest). */
static void test_attribute_digest(void **state UNUSED)
{
	struct sqs_MessageBodyAttributeMap_entry e = {.key = S("k"), .value = {.DataType = S("String"), .StringValue = S("v")}};
	unsigned char md5_out[16];
	attributes_md5(arena, &e, 1, md5_out);
	struct str hex = hex_encode(arena, str_of((const char *)md5_out, 16));
	assert_true(str_eq(hex, S("0a77b0642718c3d9dd47090567d11e0d")));
}

static void test_queue_urls(void **state UNUSED)
{
	struct str account, name;
	assert_true(queue_url_parse(S("http://localhost:4566/000000000000/q.fifo"), &account, &name));
	assert_true(str_eq(account, S("000000000000")) && str_eq(name, S("q.fifo")));
	assert_true(queue_url_parse(S("/111122223333/q"), &account, &name));
	const char *const bad[] = {"", "q", "/", "http://localhost:4566/q", "http://h/00000000000/q", "http://h/00000000000x/q",
		"http://h/000000000000/"};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(queue_url_parse(str_c(bad[i]), &account, &name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_message_round_trip), TEST(test_message_without_anything), TEST(test_receipt_round_trip),
		TEST(test_a_touched_receipt_is_refused), TEST(test_attribute_digest), TEST(test_queue_urls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
