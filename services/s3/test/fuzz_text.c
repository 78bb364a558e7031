/* Any text as what S3 reads out of a header: a line each, as tags, a range, a copy's source, entity tags, a version; then a browser's form with
 * its policy. What is taken keeps to its bounds, what is not is an error of S3's. */
#include "../form.h"
#include "../raw.h"

#include "../../../tests/fuzz/bare_call.h"
#include "os/os.h"

enum { SIZE = 1000 };

static int64_t still_ms(void) { return 1700000000000; }

static void tags(struct call *c, struct str text)
{
	struct list v;
	if (!tags_from_text(c, text, &v)) {
		ASSERT(c->failed);
		return;
	}
	ASSERT(!c->failed && v.n <= 10);
	for (uint32_t i = 0; i < v.n; i++) {
		const struct s3_Tag *t = LIST_AT(v, struct s3_Tag, i);
		ASSERT(t->Key.n > 0 && str_present(t->Value));
		for (uint32_t k = 0; k < i; k++)
			ASSERT(!str_eq(t->Key, LIST_AT(v, struct s3_Tag, k)->Key));
	}
}

static void range(struct call *c, struct str text, int64_t size)
{
	int64_t start, length;
	bool part = range_of(c, text, size, &start, &length);
	ASSERT(start >= 0 && length >= 0 && start + length <= size);
	ASSERT(!part || (length > 0 && !c->failed));
	ASSERT(part || (start == 0 && length == size));
}

static void source(struct call *c, struct str text)
{
	struct str key = STR_NONE, version, bucket = decode_copy_source(c, text, &key, &version);
	ASSERT(str_present(bucket) == !c->failed);
	ASSERT(c->failed || (bucket.n > 0 && key.n > 0));
}

static void form(struct call *c, struct str text)
{
	struct form_head f;
	if (!form_parse(text, S("b"), &f))
		return;
	bool ok = form_policy_ok(c, &f, (int64_t)(text.n - f.start), S("bucket"));
	ASSERT(ok == !c->failed);
}

/* The same form, its policy and fields written out by lines: the parser of forms is another fuzzer's. */
static void policy(struct call *c, struct str text)
{
	struct form_head f = {0};
	struct str document = str_cut(&text, '\n');
	f.fields[f.n++] = (struct param){S("policy"), base64_encode(c->arena, document), true};
	while (str_present(text) && f.n < 20) {
		struct str value = str_cut(&text, '\n'), name = str_cut(&value, '=');
		f.fields[f.n++] = (struct param){name, str_present(value) ? value : S(""), true};
	}
	bool ok = form_policy_ok(c, &f, 100, S("bucket"));
	ASSERT(ok == !c->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	os.wall_ms = still_ms;
	struct arena *a = arena_new(0);
	struct task t;
	struct call *c = bare_call(&t, a, "s3");
	struct str text = str_of((const char *)data + 1, size - 1);
	switch (data[0] % 7) {
	case 0: tags(c, text); break;
	case 1: range(c, text, SIZE); break;
	case 2: range(c, text, 0); break;
	case 3: source(c, text); break;
	case 4: form(c, text); break;
	case 5: policy(c, text); break;
	default:
		(void)etag_matches(text, S("0123456789abcdef0123456789abcdef"));
		ASSERT(version_serial(c, text) >= -1);
		(void)list_encoded(c, text);
	}
	bare_call_end(&t);
	arena_free(a);
	return 0;
}
