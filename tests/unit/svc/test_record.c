/* Records read from a scan outlive its step: store.h promises its views until the next step only. */
#include "svc/call.h"
#include "sqs.model.h"
#include "../check.h"

static void a_record_keeps_no_view_of_the_bytes(void **state UNUSED)
{
	struct call c = {.arena = arena};
	const struct sqs_CreateQueueRequest in = {.QueueName = S("a-name-that-is-kept")};
	struct str bytes = typed_to_cbor(arena, &sqs_shape_CreateQueueRequest, &in);
	char *block = malloc(bytes.n);
	assert_non_null(block);
	memcpy(block, bytes.p, bytes.n);
	const struct sqs_CreateQueueRequest *out = record_decode(&c, &sqs_shape_CreateQueueRequest, str_of(block, bytes.n));
	memset(block, '#', bytes.n); /* the scan went on */
	free(block);
	check_str(out->QueueName, S("a-name-that-is-kept"), __FILE__, __LINE__);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(a_record_keeps_no_view_of_the_bytes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
