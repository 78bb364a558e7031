/* Expressions: grammar, messages, evaluation (expr.h). Messages are those the service gives. */
#include "../expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;
static struct fault flt;
static struct expr_context context;

static struct av item(const char *text)
{
	struct av v;
	flt = (struct fault){.arena = arena};
	struct json *j = json_parse(arena, str_c(text), NULL);
	assert_non_null(j);
	assert_true(item_from_json(j, &v, &flt));
	return v;
}

/* Placeholders: #n is name, #o is other; :one 1, :two 2, :s "s", :set {"x"}, :list ["x"], :map {}. */
static struct expr_context *fresh(void)
{
	flt = (struct fault){.arena = arena};
	static const char *const keys[] = {":one", ":two", ":s", ":set", ":list", ":map", ":type", ":bool"};
	struct av values = item("{\":one\":{\"N\":\"1\"},\":two\":{\"N\":\"2\"},\":s\":{\"S\":\"s\"},\":set\":{\"SS\":[\"x\"]},"
	                        "\":list\":{\"L\":[{\"S\":\"x\"}]},\":map\":{\"M\":{}},\":type\":{\"S\":\"N\"},\":bool\":{\"BOOL\":true}}");
	context = (struct expr_context){.arena = arena, .fault = &flt};
	context.names = arena_array(arena, struct expr_name, 2);
	context.names[0] = (struct expr_name){S("#n"), S("name"), false};
	context.names[1] = (struct expr_name){S("#o"), S("other"), false};
	context.n_names = 2;
	context.values = arena_array(arena, struct expr_value, COUNT_OF(keys));
	context.n_values = COUNT_OF(keys);
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		context.values[i] = (struct expr_value){str_c(keys[i]), *av_get(&values, str_c(keys[i])), false};
	return &context;
}

static void holds(const char *condition, bool expected)
{
	struct av v = item("{\"a\":{\"N\":\"1\"},\"b\":{\"S\":\"abs\"},\"name\":{\"M\":{\"x\":{\"L\":[{\"N\":\"2\"},{\"S\":\"s\"}]}}},"
	                   "\"tags\":{\"SS\":[\"s\",\"t\"]},\"nul\":{\"NULL\":true}}");
	struct expr *e = expr_parse_condition(fresh(), "ConditionExpression", str_c(condition));
	if (e == NULL)
		fail_msg("%s: %.*s", condition, STR_ARG(flt.message));
	if (expr_matches(e, &v, arena) != expected)
		fail_msg("%s should be %d", condition, expected);
}

static void test_conditions(void **state)
{
	(void)state;
	holds("a = :one", true);
	holds("a <> :one", false);
	holds("nowhere <> :one", true);
	holds("nowhere = :one", false);
	holds("a < :two AND a <= :one AND a >= :one", true);
	holds("a > :two OR NOT a > :two", true);
	holds("a < :s", false);
	holds("a BETWEEN :one AND :two", true);
	holds("a IN (:s, :two, :one)", true);
	holds("a IN (:s)", false);
	holds("attribute_exists(#n.x[1]) AND attribute_not_exists(#n.x[2])", true);
	holds("#n.x[0] = :two", true);
	holds("begins_with(b, :s)", false);
	holds("contains(b, :s)", true);
	holds("contains(tags, :s)", true);
	holds("contains(#n.x, :two)", true);
	holds("attribute_type(a, :type)", true);
	holds("size(b) > :two", true);
	holds("size(#n.x) = :two", true);
	holds("size(a) = :one", false);
	holds("(a = :one OR a = :two) AND (b = :s)", false);
	holds("(a) = :one and not (b = :s or (size(b) = :two))", true);
	holds("a = :one OR a = :two AND b = :s", true);
	holds("nul = :bool", false);
}

static void condition_fails(const char *condition, const char *message)
{
	assert_null(expr_parse_condition(fresh(), "ConditionExpression", str_c(condition)));
	assert_string_equal(arena_cstr(arena, flt.message), message);
}

static void test_condition_messages(void **state)
{
	(void)state;
	condition_fails("", "Invalid ConditionExpression: The expression can not be empty;");
	condition_fails("a =", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"=\"");
	condition_fails("a = = :one", "Invalid ConditionExpression: Syntax error; token: \"=\", near: \"= = :one\"");
	condition_fails("foo-bar = :one", "Invalid ConditionExpression: Syntax error; token: \"-\", near: \"foo-bar\"");
	condition_fails("a", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"a\"");
	condition_fails("size = :one", "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: size");
	condition_fails("((a = :one))", "Invalid ConditionExpression: The expression has redundant parentheses;");
	condition_fails("#x = :one", "Invalid ConditionExpression: An expression attribute name used in the document path is not "
	                             "defined; attribute name: #x");
	condition_fails("a = :x", "Invalid ConditionExpression: An expression attribute value used in expression is not defined; "
	                          "attribute value: :x");
	condition_fails("foo(a)", "Invalid ConditionExpression: Invalid function name; function: foo");
	condition_fails("size(a)", "Invalid ConditionExpression: The function is not allowed to be used this way in an expression; "
	                           "function: size");
	condition_fails("attribute_exists(a) = :one", "Invalid ConditionExpression: The function is not allowed to be used this way "
	                                              "in an expression; function: attribute_exists");
	condition_fails("attribute_exists(a, b)", "Invalid ConditionExpression: Incorrect number of operands for operator or "
	                                          "function; operator or function: attribute_exists, number of operands: 2");
	condition_fails("attribute_exists(:one)", "Invalid ConditionExpression: Operator or function requires a document path; "
	                                          "operator or function: attribute_exists");
	condition_fails("begins_with(a, :one)", "Invalid ConditionExpression: Incorrect operand type for operator or function; "
	                                        "operator or function: begins_with, operand type: N");
	condition_fails("attribute_type(a, :s)", "Invalid ConditionExpression: Invalid attribute type name found; type: s, valid "
	                                         "types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}");
	condition_fails("a = a", "Invalid ConditionExpression: The first operand must be distinct from the remaining operands for "
	                         "this operator or function; operator: =, first operand: [a]");
	condition_fails("a BETWEEN :two AND :one",
	                "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower "
	                "bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}");
	condition_fails("a BETWEEN :two AND :s",
	                "Invalid ConditionExpression: The BETWEEN operator requires same data type for lower and upper bounds; lower "
	                "bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {S:s}");
}

static void updates(const char *before, const char *expression, const char *after)
{
	struct update u;
	if (!expr_parse_update(fresh(), str_c(expression), &u))
		fail_msg("%s: %.*s", expression, STR_ARG(flt.message));
	struct av v = item(before);
	bool ok = update_apply(&u, &v, &flt);
	struct buf b;
	buf_init(&b, arena, 0);
	if (ok)
		item_write_json(&b, &v);
	else
		buf_str(&b, flt.message);
	assert_string_equal(arena_cstr(arena, buf_view(&b)), after);
}

static void test_updates(void **state)
{
	(void)state;
	updates("{}", "SET a = :one, b = :s", "{\"a\":{\"N\":\"1\"},\"b\":{\"S\":\"s\"}}");
	updates("{\"a\":{\"N\":\"1\"}}", "SET a = a + :two", "{\"a\":{\"N\":\"3\"}}");
	updates("{\"a\":{\"N\":\"1\"}}", "set a = a - :two", "{\"a\":{\"N\":\"-1\"}}");
	updates("{\"a\":{\"N\":\"1\"}}", "SET b = a, a = :two", "{\"a\":{\"N\":\"2\"},\"b\":{\"N\":\"1\"}}");
	updates("{}", "SET a = if_not_exists(a, :one) + :two", "{\"a\":{\"N\":\"3\"}}");
	updates("{}", "ADD a :two REMOVE b", "{\"a\":{\"N\":\"2\"}}");
	updates("{\"a\":{\"SS\":[\"y\"]}}", "ADD a :set", "{\"a\":{\"SS\":[\"x\",\"y\"]}}");
	updates("{\"a\":{\"SS\":[\"x\",\"y\"]}}", "DELETE a :set", "{\"a\":{\"SS\":[\"y\"]}}");
	updates("{\"a\":{\"SS\":[\"x\"]}}", "DELETE a :set", "{}");
	updates("{\"a\":{\"L\":[{\"N\":\"0\"}]}}", "SET a = list_append(:list, a)", "{\"a\":{\"L\":[{\"S\":\"x\"},{\"N\":\"0\"}]}}");
	updates("{\"a\":{\"L\":[{\"N\":\"0\"},{\"N\":\"1\"},{\"N\":\"2\"}]}}", "REMOVE a[0], a[2]", "{\"a\":{\"L\":[{\"N\":\"1\"}]}}");
	updates("{\"a\":{\"L\":[{\"N\":\"0\"}]}}", "SET a[9] = :two, a[5] = :one REMOVE a[0]",
	        "{\"a\":{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"}]}}");
	updates("{\"a\":{\"M\":{\"b\":{\"N\":\"0\"}}}}", "SET a.b = :s, a.c = :one", "{\"a\":{\"M\":{\"b\":{\"S\":\"s\"},\"c\":{\"N\":\"1\"}}}}");
	updates("{\"a\":{\"M\":{}}}", "SET b = a, a.x = :one", "{\"a\":{\"M\":{\"x\":{\"N\":\"1\"}}},\"b\":{\"M\":{}}}");
	updates("{}", "SET a.b = :one", "The document path provided in the update expression is invalid for update");
	updates("{}", "SET a = b", "The provided expression refers to an attribute that does not exist in the item");
	updates("{\"a\":{\"S\":\"x\"}}", "SET a = a + :one", "An operand in the update expression has an incorrect data type");
	updates("{\"a\":{\"S\":\"x\"}}", "ADD a :one", "An operand in the update expression has an incorrect data type");
}

static void update_fails(const char *expression, const char *message)
{
	struct update u;
	assert_false(expr_parse_update(fresh(), str_c(expression), &u));
	assert_string_equal(arena_cstr(arena, flt.message), message);
}

static void test_update_messages(void **state)
{
	(void)state;
	update_fails("", "Invalid UpdateExpression: The expression can not be empty;");
	update_fails("SET", "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \"SET\"");
	update_fails("a = :one", "Invalid UpdateExpression: Syntax error; token: \"a\", near: \"a =\"");
	update_fails("SET a = :one SET b = :two",
	             "Invalid UpdateExpression: The \"SET\" section can only be used once in an update expression;");
	update_fails("SET a = :one, a.b = :two", "Invalid UpdateExpression: Two document paths overlap with each other; must remove "
	                                         "or rewrite one of these paths; path one: [a], path two: [a, b]");
	update_fails("SET a.b = :one, a[0] = :two", "Invalid UpdateExpression: Two document paths conflict with each other; must "
	                                            "remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]");
	update_fails("SET size = :one", "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: size");
	update_fails("SET a = foo(:one)", "Invalid UpdateExpression: Invalid function name; function: foo");
	update_fails("ADD a :s", "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand "
	                         "type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND");
	update_fails("SET a = :s + :one", "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or "
	                                  "function: +, operand type: S");
	update_fails("SET a = if_not_exists(:one, :two)", "Invalid UpdateExpression: Operator or function requires a document path; "
	                                                  "operator or function: if_not_exists");
}

static void projects(const char *expression, const char *expected)
{
	struct av v = item("{\"a\":{\"L\":[{\"N\":\"0\"},{\"N\":\"1\"},{\"M\":{\"x\":{\"N\":\"2\"},\"y\":{\"N\":\"3\"}}}]},"
	                   "\"b\":{\"S\":\"s\"},\"name\":{\"M\":{\"k\":{\"S\":\"v\"},\"l\":{\"S\":\"w\"}}}}");
	struct projection p;
	if (!expr_parse_projection(fresh(), str_c(expression), &p))
		fail_msg("%.*s", STR_ARG(flt.message));
	struct av picked = projection_apply(arena, &p, &v);
	struct buf b;
	buf_init(&b, arena, 0);
	item_write_json(&b, &picked);
	assert_string_equal(arena_cstr(arena, buf_view(&b)), expected);
}

static void test_projections(void **state)
{
	(void)state;
	projects("b", "{\"b\":{\"S\":\"s\"}}");
	projects("nowhere, b.x", "{}");
	projects("a[1], a[0]", "{\"a\":{\"L\":[{\"N\":\"0\"},{\"N\":\"1\"}]}}");
	projects("a[2].y, #n.k", "{\"a\":{\"L\":[{\"M\":{\"y\":{\"N\":\"3\"}}}]},\"name\":{\"M\":{\"k\":{\"S\":\"v\"}}}}");
	struct projection p;
	assert_false(expr_parse_projection(fresh(), S("a, a[0]"), &p));
	assert_string_equal(arena_cstr(arena, flt.message), "Invalid ProjectionExpression: Two document paths overlap with each other; "
	                                                    "must remove or rewrite one of these paths; path one: [a], path two: [a, [0]]");
}

static void key_fails(const char *expression, const char *message)
{
	struct key_conditions k;
	assert_false(expr_parse_key(fresh(), str_c(expression), &k));
	assert_string_equal(arena_cstr(arena, flt.message), message);
}

static void test_keys(void **state)
{
	(void)state;
	struct key_conditions k;
	assert_true(expr_parse_key(fresh(), S("pk = :s AND :one < sk"), &k));
	assert_int_equal(k.n, 2);
	assert_int_equal(k.v[0].op, KEY_EQ);
	assert_int_equal(k.v[1].op, KEY_GT);
	assert_true(expr_parse_key(fresh(), S("(pk = :s) AND (sk BETWEEN :one AND :two)"), &k));
	assert_int_equal(k.v[1].op, KEY_BETWEEN);
	assert_true(expr_parse_key(fresh(), S("pk = :s and begins_with(sk, :s)"), &k));
	key_fails("pk = :s OR sk = :one", "Invalid operator used in KeyConditionExpression: OR");
	key_fails("pk <> :s", "Invalid operator used in KeyConditionExpression: <>");
	key_fails("contains(pk, :s)", "Invalid operator used in KeyConditionExpression: contains");
	key_fails("pk.x = :s", "KeyConditionExpressions cannot have conditions on nested attributes");
	key_fails("pk = :s AND pk = :one", "KeyConditionExpressions must only contain one condition per key");
	key_fails(":s = :one", "Invalid condition in KeyConditionExpression: No key attribute specified");
	key_fails("size(pk) = :one", "KeyConditionExpressions cannot contain nested operations");
}

static void test_unused(void **state)
{
	(void)state;
	assert_non_null(expr_parse_condition(fresh(), "ConditionExpression", S("#n = :one")));
	assert_false(expr_check_unused(&context));
	assert_string_equal(arena_cstr(arena, flt.message), "Value provided in ExpressionAttributeNames unused in expressions: keys: {#o}");
}

static int start(void **state) { (void)state; arena = arena_new(0); return 0; }
static int stop(void **state) { (void)state; arena_free(arena); return 0; }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions), cmocka_unit_test(test_condition_messages), cmocka_unit_test(test_updates),
		cmocka_unit_test(test_update_messages), cmocka_unit_test(test_projections), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_unused),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
