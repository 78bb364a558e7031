/* Any text as any of the five expressions: parsed or refused, and what is parsed can be evaluated. */
#include "../expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void setup(struct expr_context *x, struct fault *f, struct arena *a)
{
	static const char *const values = "{\":a\":{\"N\":\"1\"},\":b\":{\"S\":\"s\"},\":c\":{\"SS\":[\"x\"]},\":d\":{\"L\":[{\"N\":\"2\"}]},"
	                                  "\":e\":{\"M\":{\"k\":{\"B\":\"AAEC\"}}},\":f\":{\"NULL\":true}}";
	*f = (struct fault){.arena = a};
	*x = (struct expr_context){.arena = a, .fault = f, .names = arena_new_of(a, struct expr_name), .n_names = 1,
	                           .values = arena_array(a, struct expr_value, 6)};
	x->names[0] = (struct expr_name){.key = S("#n"), .name = S("m")};
	struct av map;
	bool ok = item_from_json(json_parse(a, str_c(values), NULL), &map, f);
	ASSERT(ok);
	for (; x->n_values < map.n; x->n_values++)
		x->values[x->n_values] = (struct expr_value){.key = map.members[x->n_values].name, .value = map.members[x->n_values].value};
}

static struct av some_item(struct arena *a, struct fault *f)
{
	struct av item;
	bool ok = item_from_json(json_parse(a, S("{\"a\":{\"N\":\"1\"},\"b\":{\"S\":\"ss\"},\"m\":{\"M\":{\"x\":{\"L\":[{\"N\":\"2\"},{\"M\":{}}]}}},"
	                                         "\"t\":{\"SS\":[\"x\",\"y\"]}}"), NULL), &item, f);
	ASSERT(ok);
	return item;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(0);
	struct str text = str_of(size > 0 ? (const char *)data : "", size);
	struct expr_context x;
	struct fault f;
	setup(&x, &f, a);
	struct av item = some_item(a, &f);
	struct expr *e = expr_parse_condition(&x, "ConditionExpression", text);
	ASSERT((e != NULL) == (f.code == FAULT_NONE));
	if (e != NULL)
		(void)expr_matches(e, &item, a);
	setup(&x, &f, a);
	struct key_conditions k;
	(void)expr_parse_key(&x, text, &k);
	setup(&x, &f, a);
	struct projection p;
	if (expr_parse_projection(&x, text, &p)) {
		struct av picked = projection_apply(a, &p, &item);
		ASSERT(picked.type == AV_M);
	}
	setup(&x, &f, a);
	struct update u;
	if (expr_parse_update(&x, text, &u) && update_apply(&u, &item, &f)) {
		struct buf b;
		buf_init(&b, a, 0);
		item_encode(&b, &item);
		struct av back;
		bool ok = item_decode(a, buf_view(&b), &back);
		ASSERT(ok && av_equal(&item, &back));
	}
	arena_free(a);
	return 0;
}
