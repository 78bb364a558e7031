/* Fuzzer: any bytes as a template, through the checks, the transforms, conditions, references and every function. */
#include "../intrinsics.h"
#include "../sam.h"
#include "../template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void evaluate(struct arena *a, const struct json *t)
{
	struct str why = STR_NONE;
	struct intrinsics x;
	struct json *parameters = parameters_resolve(a, t, NULL, &why), *needs = json_new_object(a);
	const struct json *resources = json_get(t, S("Resources"));
	if (parameters == NULL)
		return;
	intrinsics_init(&x, a, t);
	x.parameters = parameters;
	x.language_extensions = true;
	x.account = S("000000000000");
	x.region = S("us-east-1");
	x.stack_name = S("s");
	x.stack_id = S("arn:aws:cloudformation:us-east-1:000000000000:stack/s/1");
	if (!intrinsics_conditions(&x) || !parameters_rules(&x))
		return;
	for (uint32_t i = 0; i < resources->n; i++)
		if (intrinsics_present(&x, &resources->members[i].value))
			json_set(a, needs, resources->members[i].key, references_of(&x, resources->members[i].key, &resources->members[i].value));
	references_order(a, needs, &why);
	intrinsics_eval(&x, resources);
	intrinsics_eval(&x, json_get(t, S("Outputs")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(65536);
	struct str why = STR_NONE;
	struct json *t = size < 65536 ? template_parse(a, str_of((const char *)data, size), &why) : NULL;
	if (t != NULL && template_check(a, t, true, &why)) {
		struct json *expanded = extensions_expand(a, t, json_new_object(a), &why);
		if (expanded != NULL)
			t = expanded;
		struct json *plain = sam_transform(a, t, json_new_object(a), S("us-east-1"), &why);
		if (plain != NULL)
			t = plain;
		if (template_check(a, t, false, &why) && references_check(a, t, &why))
			evaluate(a, t);
	}
	arena_free(a);
	return 0;
}
