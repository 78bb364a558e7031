/* YAML documents as trees: what each scalar becomes, aliases and merges, and the bounds. Source: YAML 1.1, "Language-Independent
 * Types for YAML Version 1.1". */
#include "base/yaml.h"
#include "../check.h"

#define assert_present(got) assert_true(str_present(got))

static struct json *tagged(struct arena *a, struct str tag, struct json *value)
{
	if (!str_eq(tag, S("!Wrap")))
		return NULL;
	struct json *o = json_new_object(a);
	json_set(a, o, S("Wrap"), value);
	return o;
}

static struct str read_as_json(struct str text)
{
	struct str why = STR_NONE;
	struct json *j = yaml_parse(arena, text, tagged, &why);
	if (j == NULL) {
		assert_true(str_present(why));
		return STR_NONE;
	}
	struct str out = json_text(arena, j);
	assert_non_null(json_parse(arena, out, NULL)); /* always */
	return out;
}

#define READS(yaml, json) assert_str(read_as_json(S(yaml)), S(json))

static void scalars(void **state UNUSED)
{
	READS("[1, -2, +3, 0x1f, 0b101, 017, 1_000, 08]", "[1,-2,3,31,5,15,1000,\"08\"]");
	READS("[1.5, -.5, 1., 1.e+5, 1.5e-3, .]", "[1.5,-0.5,1.0,1.0e+5,1.5e-3,\".\"]");
	READS("[true, No, ~, null, '', \"1\"]", "[true,false,null,null,\"\",\"1\"]");
	READS("[2012-10-17, 22:22, 1.2.3]", "[\"2012-10-17\",\"22:22\",\"1.2.3\"]");
	/* an underscore is no digit: these were numbers without one behind the point, which is not JSON */
	READS("[1._, ._, -._, 1._5]", "[1.0,\"._\",\"-._\",1.5]");
	READS("!Wrap x", "{\"Wrap\":\"x\"}");
	assert_absent(read_as_json(S("!Other x")));
}

static void mappings(void **state UNUSED)
{
	READS("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", "{\"a\":{\"b\":1,\"c\":2},\"d\":{\"c\":3,\"b\":1}}");
	READS("{a: 1, a: 2}", "{\"a\":2}");
	/* the same once there are many */
	struct buf in, out;
	buf_init(&in, arena, 0);
	buf_init(&out, arena, 0);
	for (int turn = 1; turn <= 2; turn++)
		for (int i = 0; i < 100; i++)
			buf_printf(&in, "k%d: %d\n", i, turn);
	for (int i = 0; i < 100; i++)
		buf_printf(&out, "%s\"k%d\":2", i > 0 ? "," : "{", i);
	buf_putc(&out, '}');
	assert_str(read_as_json(buf_view(&in)), buf_view(&out));
}

static struct str repeated(const char *before, size_t n, const char *after)
{
	struct buf b;
	buf_init(&b, arena, 0);
	for (size_t i = 0; i < n; i++)
		buf_str(&b, str_c(before));
	buf_str(&b, str_c("x"));
	for (size_t i = 0; i < n; i++)
		buf_str(&b, str_c(after));
	return buf_view(&b);
}

static void depth(void **state UNUSED)
{
	assert_present(read_as_json(repeated("[", 90, "]")));
	assert_absent(read_as_json(repeated("[", 110, "]")));
	assert_absent(read_as_json(repeated("!Wrap [", 60, "]"))); /* 120 levels when it is read */
	/* aliases that each hold the one before, ninety levels deep */
	struct buf b;
	buf_init(&b, arena, 0);
	buf_printf(&b, "a0: &a0 %.*s\n", STR_ARG(repeated("[", 50, "]")));
	for (int i = 1; i < 20; i++) {
		struct str deep = repeated("[", 49, "]");
		buf_printf(&b, "a%d: &a%d %.*s*a%d %.*s\n", i, i, 49, deep.p, i - 1, 49, deep.p + 50);
	}
	assert_absent(read_as_json(buf_view(&b)));
}

static void many_members(void **state UNUSED)
{
	struct buf b;
	buf_init(&b, arena, 0);
	for (int i = 0; i < YAML_MEMBERS_MAX; i++)
		buf_printf(&b, "key%05d: 1\n", i);
	assert_present(read_as_json(buf_view(&b)));
	buf_lit(&b, "one more: 1\n");
	assert_absent(read_as_json(buf_view(&b)));
	/* a merge makes no larger one */
	buf_clear(&b);
	buf_lit(&b, "<<:\n");
	for (int k = 0; k < 3; k++) {
		buf_lit(&b, "- {a: 1");
		for (int i = 0; i < 15000; i++)
			buf_printf(&b, ", k%d%05d: 1", k, i);
		buf_lit(&b, "}\n");
	}
	assert_absent(read_as_json(buf_view(&b)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(scalars), TEST(mappings), TEST(depth), TEST(many_members)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
