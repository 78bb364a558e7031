/* Any bytes as a YAML document: refused with a sentence, or a tree that can be written as JSON and read again. */
#include "base/yaml.h"

#include "base/enc.h"

/* As a template's tags do, this one adds a level or two. */
static struct json *tagged(struct arena *a, struct str tag, struct json *value)
{
	if (tag.n > 3)
		return NULL;
	struct json *o = json_new_object(a), *list = json_new_array(a);
	json_push(a, list, value);
	json_set(a, o, tag, tag.n == 2 ? value : list);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str why = STR_NONE;
	struct json *j = yaml_parse(a, str_of((const char *)data, size), size % 2 == 0 ? tagged : NULL, &why);
	ASSERT(j != NULL || str_present(why));
	if (j != NULL) {
		struct str text = json_text(a, j);
		struct json_error err;
		if (json_parse(a, text, &err) == NULL)
			die("not JSON at %zu: %s: %.*s", err.at, err.what, STR_ARG(text));
	}
	arena_free(a);
	return 0;
}
