/* Event patterns: what matches, what does not, what is refused and in which words.
 *
 * Source: "Comparison operators for use in event patterns" (EventBridge User Guide); the reasons are those that
 * TestEventPattern answers. */
#include "svc/event_pattern.h"
#include "../check.h"

struct match { const char *pattern, *event; bool yes; };

static bool matches(const char *pattern, const char *event)
{
	struct str why = STR_NONE;
	const struct event_pattern *p = event_pattern_parse(arena, str_c(pattern), &why);
	if (p == NULL)
		print_error("%s: %.*s\n", pattern, STR_ARG(why));
	assert_non_null(p);
	const struct json *e = json_parse(arena, str_c(event), NULL);
	assert_non_null(e);
	return event_pattern_matches(p, event_normal(arena, e));
}

static void check_all(const struct match *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (matches(v[i].pattern, v[i].event) != v[i].yes)
			print_error("%s on %s\n", v[i].pattern, v[i].event);
		assert_true(matches(v[i].pattern, v[i].event) == v[i].yes);
	}
}

static void values_and_nesting(void **state UNUSED)
{
	static const struct match all[] = {
		{"{\"a\":[\"x\",\"y\"]}", "{\"a\":\"y\",\"b\":1}", true}, {"{\"a\":[\"x\"]}", "{\"a\":\"X\"}", false},
		{"{\"a\":[\"x\"]}", "{\"A\":\"x\"}", false}, {"{\"a\":[\"\"]}", "{\"a\":\"\"}", true},
		{"{\"a\":[\"x\"],\"b\":[1]}", "{\"a\":\"x\",\"b\":1}", true}, {"{\"a\":[\"x\"],\"b\":[1]}", "{\"a\":\"x\"}", false},
		{"{\"a\":{\"b\":{\"c\":[true]}}}", "{\"a\":{\"b\":{\"c\":true}}}", true}, {"{\"a\":{\"b\":[1]}}", "{\"a\":\"b\"}", false},
		{"{\"a\":[null]}", "{\"a\":null}", true}, {"{\"a\":[null]}", "{}", false}, {"{\"a\":[null]}", "{\"a\":[]}", false},
		{"{\"a\":[300]}", "{\"a\":300.0}", true}, {"{\"a\":[\"300\"]}", "{\"a\":300}", false},
		{"{\"a\":[false]}", "{\"a\":\"false\"}", false},
		{"{\"a.b\":[1]}", "{\"a\":{\"b\":1}}", true}, {"{\"a\":{\"b\":[1]}}", "{\"a.b\":1}", true},
		{"{\"a\":{\"b\":[1],\"c\":[2]}}", "{\"a.b\":1,\"a\":{\"c\":2}}", true},
	};
	check_all(all, COUNT_OF(all));
}

static void arrays(void **state UNUSED)
{
	static const struct match all[] = {
		{"{\"a\":[\"x\"]}", "{\"a\":[\"y\",\"x\"]}", true}, {"{\"a\":[\"x\"]}", "{\"a\":[\"y\"]}", false},
		{"{\"a\":[\"x\"]}", "{\"a\":[[\"x\"]]}", true},
		{"{\"a\":{\"b\":[1],\"c\":[2]}}", "{\"a\":[{\"b\":1,\"c\":3},{\"b\":1,\"c\":2}]}", true},
		{"{\"a\":{\"b\":[1],\"c\":[2]}}", "{\"a\":[{\"b\":1},{\"c\":2}]}", false},
		{"{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":[\"x\",\"y\"]}", true},
		{"{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":[\"x\"]}", false},
	};
	check_all(all, COUNT_OF(all));
}

static void text_operators(void **state UNUSED)
{
	static const struct match all[] = {
		{"{\"a\":[{\"prefix\":\"ab\"}]}", "{\"a\":\"abc\"}", true}, {"{\"a\":[{\"prefix\":\"ab\"}]}", "{\"a\":\"Abc\"}", false},
		{"{\"a\":[{\"prefix\":{\"equals-ignore-case\":\"AB\"}}]}", "{\"a\":\"aBc\"}", true},
		{"{\"a\":[{\"prefix\":\"1\"}]}", "{\"a\":12}", false},
		{"{\"a\":[{\"suffix\":\".png\"}]}", "{\"a\":\"x.png\"}", true}, {"{\"a\":[{\"suffix\":\".png\"}]}", "{\"a\":\"png\"}", false},
		{"{\"a\":[{\"suffix\":{\"equals-ignore-case\":\".PNG\"}}]}", "{\"a\":\"x.pNg\"}", true},
		{"{\"a\":[{\"equals-ignore-case\":\"Alice\"}]}", "{\"a\":\"aLICE\"}", true},
		{"{\"a\":[{\"equals-ignore-case\":\"\"}]}", "{\"a\":\"x\"}", false},
		{"{\"a\":[{\"wildcard\":\"dir/*.png\"}]}", "{\"a\":\"dir/x.png\"}", true},
		{"{\"a\":[{\"wildcard\":\"dir/*.png\"}]}", "{\"a\":\"dir/x.jpg\"}", false},
		{"{\"a\":[{\"wildcard\":\"*a*b*\"}]}", "{\"a\":\"xxaxxbxx\"}", true},
		{"{\"a\":[{\"wildcard\":\"*a*b*\"}]}", "{\"a\":\"xxbxxaxx\"}", false},
		{"{\"a\":[{\"wildcard\":\"ab*ba\"}]}", "{\"a\":\"aba\"}", false},
		{"{\"a\":[{\"wildcard\":\"a\\\\*b\"}]}", "{\"a\":\"a*b\"}", true},
		{"{\"a\":[{\"wildcard\":\"a\\\\*b\"}]}", "{\"a\":\"axb\"}", false}, {"{\"a\":[{\"wildcard\":\"*\"}]}", "{\"a\":\"\"}", true},
		{"{\"a\":[{\"cidr\":\"10.0.0.0/24\"}]}", "{\"a\":\"10.0.0.255\"}", true},
		{"{\"a\":[{\"cidr\":\"10.0.0.0/24\"}]}", "{\"a\":\"10.0.1.0\"}", false},
		{"{\"a\":[{\"cidr\":\"10.0.0.0/31\"}]}", "{\"a\":\"10.0.0.2\"}", false},
		{"{\"a\":[{\"cidr\":\"0.0.0.0/0\"}]}", "{\"a\":\"1.2.3.4\"}", true},
		{"{\"a\":[{\"cidr\":\"2001:db8::/33\"}]}", "{\"a\":\"2001:db8:7fff::1\"}", true},
		{"{\"a\":[{\"cidr\":\"2001:db8::/33\"}]}", "{\"a\":\"2001:db8:8000::1\"}", false},
		{"{\"a\":[{\"cidr\":\"10.0.0.0/8\"}]}", "{\"a\":\"::1\"}", false},
	};
	check_all(all, COUNT_OF(all));
}

static void numbers_and_existence(void **state UNUSED)
{
	static const struct match all[] = {
		{"{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":5}", true},
		{"{\"a\":[{\"numeric\":[\">\",0,\"<=\",5]}]}", "{\"a\":0}", false},
		{"{\"a\":[{\"numeric\":[\"=\",3e2]}]}", "{\"a\":300}", true}, {"{\"a\":[{\"numeric\":[\"<\",-1.5]}]}", "{\"a\":-1.6}", true},
		{"{\"a\":[{\"numeric\":[\"<\",10]}]}", "{\"a\":\"5\"}", false}, {"{\"a\":[{\"numeric\":[\">=\",2]}]}", "{\"a\":2}", true},
		{"{\"a\":[{\"exists\":true}]}", "{\"a\":null}", true}, {"{\"a\":[{\"exists\":true}]}", "{}", false},
		{"{\"a\":[{\"exists\":true}]}", "{\"a\":{\"b\":1}}", false}, {"{\"a\":[{\"exists\":false}]}", "{\"b\":1}", true},
		{"{\"a\":[{\"exists\":false}]}", "{\"a\":1}", false}, {"{\"a\":{\"b\":[{\"exists\":false}]}}", "{}", true},
		{"{\"a\":[\"x\",{\"exists\":false}]}", "{}", true}, {"{\"a\":[\"x\",{\"exists\":false}]}", "{\"a\":\"y\"}", false},
	};
	check_all(all, COUNT_OF(all));
}

static void anything_but_and_or(void **state UNUSED)
{
	static const struct match all[] = {
		{"{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}", "{\"a\":\"z\"}", true},
		{"{\"a\":[{\"anything-but\":[\"x\",\"y\"]}]}", "{\"a\":\"y\"}", false},
		{"{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":null}", true}, {"{\"a\":[{\"anything-but\":\"x\"}]}", "{}", false},
		{"{\"a\":[{\"anything-but\":[1,2]}]}", "{\"a\":2.0}", false}, {"{\"a\":[{\"anything-but\":0}]}", "{\"a\":1}", true},
		{"{\"a\":[{\"anything-but\":{\"prefix\":\"x\"}}]}", "{\"a\":\"xy\"}", false},
		{"{\"a\":[{\"anything-but\":{\"prefix\":\"x\"}}]}", "{\"a\":5}", true},
		{"{\"a\":[{\"anything-but\":{\"prefix\":[\"x\",\"y\"]}}]}", "{\"a\":\"yz\"}", false},
		{"{\"a\":[{\"anything-but\":{\"suffix\":[\".a\",\".b\"]}}]}", "{\"a\":\"q.c\"}", true},
		{"{\"a\":[{\"anything-but\":{\"wildcard\":[\"*/x/*\",\"*.tmp\"]}}]}", "{\"a\":\"a/x/b\"}", false},
		{"{\"a\":[{\"anything-but\":{\"equals-ignore-case\":[\"X\",\"y\"]}}]}", "{\"a\":\"x\"}", false},
		{"{\"$or\":[{\"a\":[1]},{\"b\":[2]}]}", "{\"b\":2}", true}, {"{\"$or\":[{\"a\":[1]},{\"b\":[2]}]}", "{\"b\":1}", false},
		{"{\"c\":[0],\"$or\":[{\"a\":[1]},{\"b\":[2]}]}", "{\"b\":2,\"c\":1}", false},
		{"{\"d\":{\"$or\":[{\"a\":[1]},{\"a\":[{\"exists\":false}]}]}}", "{\"d\":{}}", true},
		{"{\"$or\":[{\"prefix\":\"x\"}]}", "{\"$or\":\"xy\"}", true},
	};
	check_all(all, COUNT_OF(all));
}

static void refused(void **state UNUSED)
{
	static const struct { const char *pattern, *why; } all[] = {
		{"{\"int\": 42}", "\"int\" must be an object or an array"}, {"[\"a\"]", "Filter is not an object"},
		{"{\"a\":[]}", "Empty arrays are not allowed"},
		{"{\"a\":[{\"EXISTS\":true}]}", "Unrecognized match type EXISTS"},
		{"{\"a\":[{\"numeric\":[\">\",0,\">\",0]}]}", "Bad numeric range operator: >"},
		{"{\"a\":[{\"numeric\":[\">\",0,\"<\"]}]}", "Value of < must be numeric"},
		{"{\"a\":[{\"numeric\":[\">\",5,\"<\",5]}]}", "Bottom must be less than top"},
		{"{\"a\":[{\"prefix\":5}]}", "prefix match pattern must be a string"},
		{"{\"a\":[{\"suffix\":[\"x\"]}]}", "suffix match pattern must be a string"},
		{"{\"a\":[{\"equals-ignore-case\":[\"x\"]}]}", "equals-ignore-case match pattern must be a string"},
		{"{\"a\":[{\"wildcard\":\"a**b\"}]}", "Consecutive wildcard characters at pos 2"},
		{"{\"a\":[{\"wildcard\":5}]}", "wildcard match pattern must be a string"},
		{"{\"a\":[{\"cidr\":\"10.0.0.0\"}]}", "Malformed CIDR, one '/' required"},
		{"{\"a\":[{\"cidr\":\"x/8\"}]}", "Nonstandard IP address: x"},
		{"{\"a\":[{\"cidr\":\"10.0.0.0/a\"}]}", "Malformed CIDR, mask bits must be an integer"},
		{"{\"a\":[{\"anything-but\":{\"equals-ignore-case\":123}}]}",
		 "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."},
		{"{\"a\":[{\"anything-but\":{\"prefix\":123}}]}", "prefix/suffix match pattern must be a string"},
		{"{\"a\":[{\"anything-but\":{\"prefix\":{\"equals-ignore-case\":\"f\"}}}]}",
		 "Value of anything-but must be an array or single string/number value."},
		{"{\"a\":[{\"anything-but\":{\"suffix\":\"\"}}]}", "Null prefix/suffix not allowed"},
		{"{\"a\":[{\"exists\":\"yes\"}]}", "exists match pattern must be either true or false."},
		{"{\"a\":[[1]]}", "Match value must be String, number, true, false, or null"},
	};
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct str why = STR_NONE;
		assert_null(event_pattern_parse(arena, str_c(all[i].pattern), &why));
		assert_str(why, str_c(all[i].why));
	}
}

/* A dot is a level, and a name may be all dots: the event once took a level of the C stack for each. */
static void dots(void **state UNUSED)
{
	assert_true(matches("{\"a\":{\"b\":{\"c\":[1]}}}", "{\"a.b\":{\"c\":1}}"));
	assert_true(matches("{\"a.b.c\":[1]}", "{\"a\":{\"b.c\":1}}"));
	struct buf b;
	buf_init(&b, arena, 0);
	buf_lit(&b, "{\"x\":1,\"");
	for (int i = 0; i < 200000; i++)
		buf_lit(&b, "a.");
	buf_lit(&b, "b\":1}");
	buf_putc(&b, '\0');
	assert_true(matches("{\"x\":[1]}", b.p));
	assert_false(matches("{\"a\":{\"b\":[1]}}", b.p));
}

static void anchors(void **state UNUSED)
{
	struct str why;
	struct pattern_anchor x;
	const char *deep = "{\"source\":[\"s\"],\"detail\":{\"kind\":[\"k\",\"l\"],\"n\":[1]}}";
	assert_true(event_pattern_anchor(arena, event_pattern_parse(arena, str_c(deep), &why), &x));
	assert_str(x.path, S("detail.kind"));
	assert_int_equal(x.n, 2);
	assert_false(event_pattern_anchor(arena, event_pattern_parse(arena, S("{\"a\":[{\"prefix\":\"x\"}],\"b\":[\"x\",1]}"), &why), &x));
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(values_and_nesting), TEST(arrays), TEST(text_operators), TEST(numbers_and_existence),
		TEST(anything_but_and_or), TEST(refused), TEST(dots), TEST(anchors)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
