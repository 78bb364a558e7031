/* Any bytes as an object to import, in each format: read to its end; an item that was read is written as Ion and read again
 * as the same. */
#include "../import_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(struct arena *a, const struct av *item)
{
	struct buf b, first, again;
	struct av back;
	buf_init(&b, a, 0);
	buf_init(&first, a, 0);
	buf_init(&again, a, 0);
	ion_write_item(&b, item);
	struct ion_reader r = ion_open(a, buf_view(&b));
	bool ok = ion_next(&r, &back);
	ASSERT(ok && back.type == AV_M);
	item_encode(&first, item);
	item_encode(&again, &back);
	ASSERT(str_eq(buf_view(&first), buf_view(&again)));
	ok = ion_next(&r, &back);
	ASSERT(!ok && r.wrong == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const formats[] = {"DYNAMODB_JSON", "ION", "CSV"}, *const types[] = {"NONE", "GZIP", "ZSTD"};
	struct arena *a = arena_new(0);
	struct dynamodb_AttributeDefinition keys[] = {{.AttributeName = S("n"), .AttributeType = S("N")},
	                                              {.AttributeName = S("b"), .AttributeType = S("B")}};
	const struct dynamodb_TableDescription table = {.AttributeDefinitions = {keys, COUNT_OF(keys), true}};
	struct str text = str_of(size > 0 ? (const char *)data : "", size);
	for (size_t i = 0; i < COUNT_OF(types); i++)
		(void)import_inflate(a, text, str_c(types[i]), 1 << 20);
	for (size_t i = 0; i < COUNT_OF(formats); i++) {
		const struct dynamodb_ImportTableDescription d = {.InputFormat = str_c(formats[i])};
		struct import_reader r;
		enum import_result result;
		import_open(&r, a, &d, &table, text);
		do {
			struct fault f = {.arena = a};
			struct av item;
			result = import_next(&r, &item, &f);
			ASSERT((f.code != FAULT_NONE) == (result == IMPORT_BAD || result == IMPORT_BROKEN));
			if (result == IMPORT_ITEM)
				same_again(a, &item);
		} while (result == IMPORT_ITEM || result == IMPORT_BAD);
	}
	arena_free(a);
	return 0;
}
