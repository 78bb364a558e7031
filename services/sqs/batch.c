/* What the three batch operations share: the checks of the whole, and failures of single entries.
 *
 * An entry that fails does so through call_fail like a request of its own; batch_failed takes the error off the call and
 * puts it into the answer. What an entry checks it checks before it writes, so there is nothing to take back. */
#include "sqs.h"

static bool id_allowed(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_'))
			return false;
	}
	return s.n > 0 && s.n <= NAME_MAX_CHARS;
}

bool batch_check(struct call *c, const char *entry, const struct str *ids, size_t n)
{
	if (n == 0) {
		call_fail(c, &sqs_err_EmptyBatchRequest, "There should be at least one %s in the request.", entry);
		return false;
	}
	if (n > BATCH_MAX) {
		call_fail(c, &sqs_err_TooManyEntriesInBatchRequest, "Maximum number of entries per request are %d. You have sent %zu.",
			BATCH_MAX, n);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (!id_allowed(ids[i])) {
			call_fail(c, &sqs_err_InvalidBatchEntryId, "A batch entry id can only contain alphanumeric characters, hyphens and "
				"underscores. It can be at most 80 letters long.");
			return false;
		}
		for (size_t j = 0; j < i; j++)
			if (str_eq(ids[i], ids[j])) {
				call_fail(c, &sqs_err_BatchEntryIdsNotDistinct, "Id %.*s repeated.", STR_ARG(ids[i]));
				return false;
			}
	}
	return true;
}

void batch_init(struct batch *b, struct call *c, size_t n)
{
	ASSERT(n > 0 && n <= BATCH_MAX && !c->failed);
	*b = (struct batch){.c = c, .failed = arena_array(c->arena, struct sqs_BatchResultErrorEntry, n), .cap = (uint32_t)n};
}

void batch_failed(struct batch *b, struct str id)
{
	struct call *c = b->c;
	ASSERT(c->failed && b->n_failed < b->cap);
	struct str code = c->error.code;
	b->failed[b->n_failed++] = (struct sqs_BatchResultErrorEntry){.Id = id, .SenderFault = SOME_BOOL(c->error.sender), .Code = code,
		.Message = c->error.message};
	c->failed = false;
	c->error = (struct wire_error){0};
}

struct list batch_failures(const struct batch *b)
{
	ASSERT(b->n_failed <= b->cap);
	return (struct list){b->failed, b->n_failed, b->n_failed > 0};
}
