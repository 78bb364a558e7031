/* Templates, intrinsic functions and the SAM transform, without a server.
 *
 * `test_template process FILE [NAME=VALUE...]` prints the template in FILE after its transforms as JSON: the pytest in
 * test_sam.py compares that with what AWS's own translator makes of it. */
#include "../intrinsics.h"
#include "../sam.h"
#include "../template.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct json *parse(struct arena *a, const char *text)
{
	struct str why = STR_NONE;
	struct json *t = template_parse(a, str_c(text), &why);
	if (t == NULL)
		fail_msg("%.*s", STR_ARG(why));
	return t;
}

/* The value of a node in a template with the given parameters; the error's text when it fails. */
static const char *eval_in(struct arena *a, const char *template, const char *node)
{
	struct str why;
	struct json *t = parse(a, template), *n = parse(a, node);
	struct intrinsics x;
	intrinsics_init(&x, a, t);
	x.account = S("000000000000");
	x.region = S("us-east-1");
	x.stack_name = S("shop");
	x.stack_id = S("arn:aws:cloudformation:us-east-1:000000000000:stack/shop/1");
	x.parameters = parameters_resolve(a, t, NULL, &why);
	assert_non_null(x.parameters);
	struct json *v = intrinsics_eval(&x, json_get(n, S("v")));
	return arena_cstr(a, v != NULL ? json_text(a, v) : x.error);
}

static const char *eval(struct arena *a, const char *node)
{
	return eval_in(a, "Parameters: {Env: {Type: String, Default: dev}, List: {Type: CommaDelimitedList, Default: 'a, b,c'}}\n"
		"Mappings: {M: {dev: {Size: small, Ports: [1, 2]}}}\n"
		"Conditions: {Dev: !Equals [!Ref Env, dev], Prod: !Not [!Condition Dev], Both: !And [!Condition Dev, !Condition Prod]}\n"
		"Resources: {Q: {Type: 'AWS::SQS::Queue'}}\n", node);
}

static void yaml_scalars_are_read_as_yaml_1_1(void **unused)
{
	struct arena *a = arena_new(0);
	struct json *t = parse(a, "a: [yes, No, on, 010, 0x1F, 1_000, 1.50, '12', 22:22, 2012-10-17, 1e3, -5, +5, .5, null, ~, 012345678901, y]\n");
	assert_string_equal(arena_cstr(a, json_text(a, json_get(t, S("a")))),
		"[true,false,true,8,31,1000,1.50,\"12\",\"22:22\",\"2012-10-17\",\"1e3\",-5,5,0.5,null,null,\"012345678901\",\"y\"]");
	(void)unused;
	arena_free(a);
}

static void short_forms_become_long_forms(void **unused)
{
	struct arena *a = arena_new(0);
	struct json *t = parse(a, "a: !GetAtt Q.Arn\nb: !Sub ['${X}', {X: !Ref Q}]\nc: !If [C, !Ref 'AWS::NoValue', 1]\nd: !Base64 x\ne: !Not "
		"[!Condition C]\n");
	assert_string_equal(arena_cstr(a, json_text(a, t)),
		"{\"a\":{\"Fn::GetAtt\":[\"Q\",\"Arn\"]},\"b\":{\"Fn::Sub\":[\"${X}\",{\"X\":{\"Ref\":\"Q\"}}]},"
		"\"c\":{\"Fn::If\":[\"C\",{\"Ref\":\"AWS::NoValue\"},1]},\"d\":{\"Fn::Base64\":\"x\"},\"e\":{\"Fn::Not\":[{\"Condition\":\"C\"}]}}");
	(void)unused;
	arena_free(a);
}

static void anchors_and_merge_keys(void **unused)
{
	struct arena *a = arena_new(0);
	struct json *t = parse(a, "a: &x {k: 1, l: [2]}\nb: {<<: *x, m: 3}\nc: *x\n");
	assert_string_equal(arena_cstr(a, json_text(a, t)), "{\"a\":{\"k\":1,\"l\":[2]},\"b\":{\"m\":3,\"k\":1,\"l\":[2]},\"c\":{\"k\":1,\"l\":[2]}}");
	(void)unused;
	arena_free(a);
}

static void malformed_text_says_where(void **unused)
{
	struct arena *a = arena_new(0);
	struct str why = STR_NONE;
	assert_null(template_parse(a, S("a: [1\nb: 2\n"), &why));
	assert_true(str_starts(why, S("Template format error: YAML not well-formed. (line ")));
	assert_null(template_parse(a, S("{\"a\": ]"), &why));
	assert_true(str_starts(why, S("Template format error: JSON not well-formed. (line 1, column ")));
	assert_null(template_parse(a, S("a: *nowhere\n"), &why));
	assert_null(template_parse(a, S("just text"), &why));
	assert_string_equal(arena_cstr(a, why), "Template format error: unsupported structure.");
	(void)unused;
	arena_free(a);
}

static void a_bomb_of_aliases_is_refused(void **unused)
{
	struct arena *a = arena_new(0);
	struct str why = STR_NONE;
	struct buf b;
	buf_init(&b, a, 65536);
	buf_lit(&b, "l0: &l0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++)
		buf_printf(&b, "l%d: &l%d [*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d,*l%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	assert_null(template_parse(a, buf_view(&b), &why));
	assert_true(str_find_str(why, S("too large")) > 0);
	(void)unused;
	arena_free(a);
}

/* "Intrinsic function reference" (CloudFormation User Guide): the examples' kinds, one line each. */
static void functions(void **unused)
{
	static const char *const cases[][2] = {
		{"v: !Ref Env", "\"dev\""},
		{"v: !Ref List", "[\"a\",\"b\",\"c\"]"},
		{"v: !Ref AWS::StackName", "\"shop\""},
		{"v: !Sub 'x-${Env}-${AWS::Region}-${!Literal}'", "\"x-dev-us-east-1-${Literal}\""},
		{"v: !Sub ['${A}.${Env}', {A: !Join ['', [q, 1]]}]", "\"q1.dev\""},
		{"v: !Join [',', [a, 1, true]]", "\"a,1,true\""},
		{"v: !Select [1, !Ref List]", "\"b\""},
		{"v: !Select ['0', [x]]", "\"x\""},
		{"v: !Split ['|', 'a||b']", "[\"a\",\"\",\"b\"]"},
		{"v: !FindInMap [M, !Ref Env, Size]", "\"small\""},
		{"v: !If [Dev, 1, 2]", "1"},
		{"v: [1, !If [Prod, 2, !Ref AWS::NoValue]]", "[1]"},
		{"v: {a: !If [Prod, 2, !Ref AWS::NoValue], b: 1}", "{\"b\":1}"},
		{"v: !Base64 'hi'", "\"aGk=\""},
		{"v: !GetAZs ''", "[\"us-east-1a\",\"us-east-1b\",\"us-east-1c\"]"},
		{"v: !Cidr ['192.168.0.0/24', 3, 5]", "[\"192.168.0.0/27\",\"192.168.0.32/27\",\"192.168.0.64/27\"]"},
		{"v: !Select [1, !Cidr ['2001:db8::/56', 2, 64]]", "\"2001:db8:0:1::/64\""},
		{"v: !Or [!Condition Dev, !Condition Prod]", "true"},
	};
	struct arena *a = arena_new(0);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(eval(a, cases[i][0]), cases[i][1]);
	(void)unused;
	arena_free(a);
}

static void mistakes_in_functions(void **unused)
{
	static const char *const cases[][2] = {
		{"v: !Select [5, [a]]", "Template error: Fn::Select cannot select nonexistent value at index 5"},
		{"v: !FindInMap [M, prod, Size]", "Template error: Unable to get mapping for M::prod::Size"},
		{"v: !FindInMap [N, a, b]", "Template error: Mapping named 'N' is not present in the 'Mappings' section of template."},
		{"v: !GetAtt Nope.Arn", "Template error: instance of Fn::GetAtt references undefined resource Nope"},
		{"v: !Ref Nope", "Template format error: Unresolved resource dependencies [Nope] in the Resources block of the template"},
		{"v: !Sub '${List}'", "Template error: variable List in Fn::Sub expression does not resolve to a string"},
		{"v: !If [Nope, 1, 2]", "Template format error: Unresolved condition dependency Nope in the Conditions block of the template"},
		{"v: !Cidr ['10.0.0.0/30', 8, 2]", "Template error: Fn::Cidr cannot make 8 subnets of 2 bits from 10.0.0.0/30"},
	};
	struct arena *a = arena_new(0);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(eval(a, cases[i][0]), cases[i][1]);
	(void)unused;
	arena_free(a);
}

static void what_is_unknown_stays_for_later(void **unused)
{
	struct arena *a = arena_new(0);
	assert_string_equal(eval(a, "v: !GetAtt Q.Arn"), "\"" CFN_LATER "\"");
	assert_string_equal(eval(a, "v: !Select [3, !Split [':', !GetAtt Q.Arn]]"), "\"" CFN_LATER "\"");
	(void)unused;
	arena_free(a);
}

static const char *check(struct arena *a, const char *text)
{
	struct str why = S("ok");
	struct json *t = parse(a, text);
	if (template_check(a, t, false, &why))
		references_check(a, t, &why);
	return arena_cstr(a, why);
}

static void the_shape_of_templates(void **unused)
{
	static const char *const cases[][2] = {
		{"Resources: {A: {Type: 'AWS::SQS::Queue'}}", "ok"},
		{"Resources: {}", "Template format error: At least one Resources member must be defined."},
		{"Resources: {A-b: {Type: X}}", "Template format error: Resource name A-b is non alphanumeric."},
		{"Resources: {A: {Type: X, Foo: 1}}", "Invalid template resource property 'Foo'"},
		{"Foo: 1\nResources: {A: {Type: X}}", "Invalid template property or properties [Foo]"},
		{"Resources: {A: {Type: X, Properties: {B: null}}}",
			"Template format error: [/Resources/A/Properties/B] 'null' values are not allowed in templates"},
		{"Resources: {A: {Type: X, Properties: {B: !Ref C}}}",
			"Template format error: Unresolved resource dependencies [C] in the Resources block of the template"},
		{"Resources: {A: {Type: X, DependsOn: Z}}", "Template format error: Unresolved resource dependencies [Z] in the Resources block of "
			"the template"},
		{"Resources: {A: {Type: X}}\nOutputs: {O: {Value: !GetAtt B.Arn}}",
			"Template format error: Unresolved resource dependencies [B] in the Outputs block of the template"},
		{"Resources: {A: {Type: X, Condition: C}}", "Template format error: Unresolved condition dependency C in the Resources block of "
			"the template"},
		{"AWSTemplateFormatVersion: 2011-01-01\nResources: {A: {Type: X}}", "Template format error: unsupported value for AWSTemplateFormatVersion."},
	};
	struct arena *a = arena_new(0);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(check(a, cases[i][0]), cases[i][1]);
	(void)unused;
	arena_free(a);
}

static const char *resolve(struct arena *a, const char *declared, const char *given)
{
	struct str why = STR_NONE;
	struct json *p = parameters_resolve(a, parse(a, declared), parse(a, given), &why);
	return arena_cstr(a, p != NULL ? json_text(a, p) : why);
}

static void parameters(void **unused)
{
	static const char declared[] = "Parameters:\n  N: {Type: Number, MinValue: 1, MaxValue: 9, Default: 3}\n"
		"  S: {Type: String, AllowedPattern: '[a-z]+', MaxLength: 4, Default: abc}\n  E: {Type: String, AllowedValues: [x, y], Default: x}\n"
		"  M: {Type: String}\n";
	struct arena *a = arena_new(0);
	assert_string_equal(resolve(a, declared, "{M: v}"), "{\"N\":\"3\",\"S\":\"abc\",\"E\":\"x\",\"M\":\"v\"}");
	assert_string_equal(resolve(a, declared, "{E: x}"), "Parameters: [M] must have values");
	assert_string_equal(resolve(a, declared, "{M: v, Z: 1}"), "Parameters: [Z] do not exist in the template");
	assert_string_equal(resolve(a, declared, "{M: v, N: 10}"), "Parameter 'N' must be a number not greater than 9");
	assert_string_equal(resolve(a, declared, "{M: v, N: ten}"), "Parameter 'N' must be a number.");
	assert_string_equal(resolve(a, declared, "{M: v, S: A}"), "Parameter 'S' must match pattern [a-z]+");
	assert_string_equal(resolve(a, declared, "{M: v, S: abcde}"), "Parameter 'S' must contain at most 4 characters");
	assert_string_equal(resolve(a, declared, "{M: v, E: z}"), "Parameter 'E' must be one of AllowedValues");
	(void)unused;
	arena_free(a);
}

static const char *order(struct arena *a, const char *text)
{
	struct str why = STR_NONE;
	struct json *t = parse(a, text), *needs = json_new_object(a), *resources = json_get(t, S("Resources"));
	struct intrinsics x;
	intrinsics_init(&x, a, t);
	x.parameters = json_new_object(a);
	for (uint32_t i = 0; i < resources->n; i++)
		json_set(a, needs, resources->members[i].key, references_of(&x, resources->members[i].key, &resources->members[i].value));
	struct json *o = references_order(a, needs, &why);
	return arena_cstr(a, o != NULL ? json_text(a, o) : why);
}

static void the_order_of_resources(void **unused)
{
	struct arena *a = arena_new(0);
	assert_string_equal(order(a, "Resources: {A: {Type: X, Properties: {P: !Sub '${B.Arn}'}}, B: {Type: X, DependsOn: [C]}, C: {Type: "
		"X}}"), "[\"C\",\"B\",\"A\"]");
	assert_string_equal(order(a, "Resources: {A: {Type: X, Properties: {P: !Ref B}}, B: {Type: X, Properties: {P: !GetAtt A.Arn}}}"),
		"Circular dependency between resources: [A, B]");
	assert_string_equal(order(a, "Resources: {A: {Type: X, Properties: {P: !Ref A}}}"), "Circular dependency between resources: [A]");
	(void)unused;
	arena_free(a);
}

/* "Fn::ForEach" (CloudFormation template language reference). */
static void loops_are_expanded(void **unused)
{
	struct arena *a = arena_new(0);
	struct str why = STR_NONE;
	struct json *t = parse(a, "Resources:\n  Fn::ForEach::Topics:\n    - Name\n    - [One, Two.x]\n    - 'Topic&{Name}': {Type: T, "
		"Properties: {N: !Sub '${Name}', R: !Ref Name}}\n");
	struct json *e = extensions_expand(a, t, json_new_object(a), &why);
	assert_non_null(e);
	assert_string_equal(arena_cstr(a, json_text(a, e)),
		"{\"Resources\":{\"TopicOne\":{\"Type\":\"T\",\"Properties\":{\"N\":{\"Fn::Sub\":\"One\"},\"R\":\"One\"}},"
		"\"TopicTwox\":{\"Type\":\"T\",\"Properties\":{\"N\":{\"Fn::Sub\":\"Two.x\"},\"R\":\"Two.x\"}}}}");
	(void)unused;
	arena_free(a);
}

static void sam_mistakes_are_named(void **unused)
{
	struct arena *a = arena_new(0);
	struct str why = STR_NONE;
	struct json *t = parse(a, "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Handler: h}}, G: {Type: "
		"'AWS::Serverless::StateMachine'}}\n");
	assert_null(sam_transform(a, t, json_new_object(a), S("us-east-1"), &why));
	assert_string_equal(arena_cstr(a, why), "Invalid Serverless Application Specification document. Number of errors found: 2. "
		"Resource with id [G] is invalid. Resource type AWS::Serverless::StateMachine is not supported. "
		"Resource with id [F] is invalid. Only one of 'InlineCode' or 'CodeUri' can be set.");
	(void)unused;
	arena_free(a);
}

static struct str text_of(struct arena *a, const char *path)
{
	struct buf b;
	buf_init(&b, a, TEMPLATE_URL_MAX);
	FILE *f = fopen(path, "r");
	char piece[4096];
	for (size_t n; f != NULL && (n = fread(piece, 1, sizeof(piece), f)) > 0;)
		buf_put(&b, piece, n);
	if (f != NULL)
		fclose(f);
	return buf_view(&b);
}

/* Put another value in the place with this number, counted from the root down. false: there is no such place. */
static bool put_at(struct json *j, uint32_t *place, const struct json *value)
{
	if ((*place)-- == 0) {
		*j = *value;
		return true;
	}
	bool object = json_is(j, JSON_OBJECT);
	for (uint32_t i = 0; (object || json_is(j, JSON_ARRAY)) && i < j->n; i++)
		if (put_at(object ? &j->members[i].value : &j->items[i], place, value))
			return true;
	return false;
}

/* Whatever stands in a place of a template that we know to be good is refused or taken, and breaks nothing. */
static void any_value_in_any_place(void **unused)
{
	static const char *const values[] = {"\"\"", "1", "[1,\"x\"]", "[{\"a\":1}]", "{\"a\":\"x\",\"b\":[1]}", "{\"Ref\":\"X\"}"};
	glob_t files;
	assert_int_equal(glob("services/cloudformation/test/sam/*.yaml", 0, NULL, &files), 0);
	for (size_t f = 0; f < files.gl_pathc; f++) {
		struct arena *whole = arena_new(0);
		struct json *good = parse(whole, arena_cstr(whole, text_of(whole, files.gl_pathv[f])));
		bool more = true;
		for (uint32_t n = 1; more; n++) {
			struct arena *a = arena_new(0);
			for (size_t v = 0; v < COUNT_OF(values); v++) {
				struct json *t = json_copy(a, good);
				struct str why = STR_NONE;
				uint32_t place = n;
				more = put_at(t, &place, json_parse(a, str_c(values[v]), NULL));
				if (more && template_check(a, t, true, &why) && sam_transform(a, t, json_new_object(a), S("us-east-1"), &why) == NULL)
					assert_true(why.n > 0);
			}
			arena_free(a);
		}
		arena_free(whole);
	}
	globfree(&files);
	(void)unused;
}

static int process(int argc, char **argv)
{
	struct arena *a = arena_new(0);
	struct json *given = json_new_object(a);
	struct str why = STR_NONE;
	for (int i = 3; i < argc; i++) {
		struct str value = str_c(argv[i]);
		struct str name = str_cut(&value, '=');
		json_set(a, given, name, json_new_str(a, value));
	}
	struct json *t = template_parse(a, text_of(a, argv[2]), &why);
	if (t != NULL)
		t = sam_transform(a, t, given, S("us-east-1"), &why);
	if (t == NULL)
		printf("{\"error\":%.*s}\n", STR_ARG(json_text(a, json_new_str(a, why))));
	else
		printf("%.*s\n", STR_ARG(json_text(a, t)));
	arena_free(a);
	return t == NULL;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_scalars_are_read_as_yaml_1_1), cmocka_unit_test(short_forms_become_long_forms),
		cmocka_unit_test(anchors_and_merge_keys), cmocka_unit_test(malformed_text_says_where),
		cmocka_unit_test(a_bomb_of_aliases_is_refused), cmocka_unit_test(functions), cmocka_unit_test(mistakes_in_functions),
		cmocka_unit_test(what_is_unknown_stays_for_later), cmocka_unit_test(the_shape_of_templates),
		cmocka_unit_test(parameters), cmocka_unit_test(the_order_of_resources), cmocka_unit_test(loops_are_expanded),
		cmocka_unit_test(sam_mistakes_are_named), cmocka_unit_test(any_value_in_any_place),
	};
	if (argc >= 3 && strcmp(argv[1], "process") == 0)
		return process(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
