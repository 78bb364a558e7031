/* Session tokens: what went in comes out, and nothing else opens. */
#include "auth/session.h"

#include "base/enc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static const unsigned char key[32] = "an example key of 32 bytes......", other_key[32] = "another key of 32 bytes.........";

static const struct param_tag tags[] = {{STR_INIT("team"), STR_INIT("blue"), true}, {STR_INIT("empty"), STR_INIT(""), false}};
static const struct principal who = {
	.type = PRINCIPAL_ASSUMED_ROLE, .account = STR_INIT("111122223333"),
	.arn = STR_INIT("arn:aws:sts::111122223333:assumed-role/worker/one"), .role_arn = STR_INIT("arn:aws:iam::111122223333:role/worker"),
	.name = STR_INIT("worker"), .user_id = STR_INIT("AROADBQP57FF2AEXAMPLE:one"), .session_name = STR_INIT("one"),
	.session_policy = STR_INIT("{}"), .source_identity = STR_INIT("saanvi"), .tags = tags, .n_tags = 2, .mfa = true,
};

static void test_round_trip(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	session_set_key(key);
	struct session s = session_issue(a, &who, 1000, 2000);
	struct principal p;
	struct str secret;
	assert_true(str_starts(s.access_key, S("ASIA")) && s.access_key.n == 20 && s.secret.n == 40);
	assert_true(session_open(a, s.token, &p, &secret));
	assert_true(str_eq(secret, s.secret) && str_eq(p.access_key, s.access_key));
	assert_true(p.type == who.type && p.mfa && p.token_issued_ms == 1000 && p.token_expires_ms == 2000);
	assert_true(str_eq(p.arn, who.arn) && str_eq(p.role_arn, who.role_arn) && str_eq(p.session_policy, S("{}")));
	assert_true(str_eq(p.source_identity, S("saanvi")) && !str_present(p.source_arn));
	assert_true(p.n_tags == 2 && str_eq(p.tags[0].value, S("blue")) && p.tags[0].transitive && !p.tags[1].transitive);
	struct session again = session_issue(a, &who, 1000, 2000);
	assert_false(str_eq(again.secret, s.secret) || str_eq(again.access_key, s.access_key) || str_eq(again.token, s.token));
	arena_free(a);
}

/* As much as may be sealed can be opened again; what is more does not fit. */
static void test_the_largest(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	session_set_key(key);
	struct principal p = who, back;
	struct str secret, value = str_of(arena_alloc(a, 200), 160);
	struct param_tag *many = arena_array(a, struct param_tag, SESSION_TAGS_MAX + 1);
	for (size_t i = 0; i <= SESSION_TAGS_MAX; i++)
		many[i] = (struct param_tag){S("k"), value, false};
	p.tags = many;
	p.n_tags = SESSION_TAGS_MAX;
	assert_true(session_fits(&p));
	assert_true(session_open(a, session_issue(a, &p, 1000, 2000).token, &back, &secret));
	assert_int_equal(back.n_tags, SESSION_TAGS_MAX);
	p.n_tags++;
	assert_false(session_fits(&p));
	p.n_tags = SESSION_TAGS_MAX;
	p.session_policy = str_of(arena_alloc(a, SESSION_TEXT_MAX), SESSION_TEXT_MAX - 100);
	assert_false(session_fits(&p));
	arena_free(a);
}

static void test_tampering(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	session_set_key(key);
	struct session s = session_issue(a, &who, 1000, 2000);
	struct str sealed = base64_decode(a, s.token), secret;
	struct principal p;
	for (size_t i = 0; i < sealed.n; i += 7) {
		struct str copy = arena_dup(a, sealed);
		((char *)copy.p)[i] ^= 1;
		assert_false(session_open(a, base64_encode(a, copy), &p, &secret));
	}
	for (size_t n = 0; n < s.token.n; n += 5)
		assert_false(session_open(a, str_slice(s.token, 0, n), &p, &secret));
	session_set_key(other_key);
	assert_false(session_open(a, s.token, &p, &secret));
	arena_free(a);
}

/* AWS's own ids tell the account in the same way; this pair is published (GetAccessKeyInfo's examples circulate it). */
static void test_access_key_ids(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	assert_true(str_eq(access_key_account(a, S("ASIAQNZGKIQY56JQ7WML")), S("029608264753")));
	for (int i = 0; i < 100; i++) {
		struct str id = access_key_make(a, "AKIA", S("999999999999"));
		assert_true(id.n == 20 && str_starts(id, S("AKIA")));
		assert_true(str_eq(access_key_account(a, id), S("999999999999")));
	}
	assert_true(str_eq(access_key_account(a, access_key_make(a, "ASIA", S("000000000000"))), S("000000000000")));
	assert_false(str_present(access_key_account(a, S("AKIA"))));
	assert_false(str_present(access_key_account(a, S("AKIA0000000000000000"))));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_access_key_ids), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_the_largest),
	                                   cmocka_unit_test(test_tampering)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
