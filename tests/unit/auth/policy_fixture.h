/* Shared by the tests of policy evaluation: principals, condition keys and one-line questions. Included by tests only. */
#ifndef TSUBO_POLICY_FIXTURE_H
#define TSUBO_POLICY_FIXTURE_H

#include "auth/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define ALICE "arn:aws:iam::111122223333:user/alice"
#define WORKER "arn:aws:iam::111122223333:role/worker"
#define SESSION "arn:aws:sts::111122223333:assumed-role/worker/one"

static struct arena *a;

static const struct param_tag alice_tags[] = {{S("team"), S("blue"), false}, {S("Star"), S("*"), false}};
static const struct principal alice = {
	.type = PRINCIPAL_USER, .account = STR_INIT("111122223333"), .arn = STR_INIT(ALICE), .name = STR_INIT("alice"),
	.user_id = STR_INIT("AIDACKCEVSQ6C2EXAMPLE"), .tags = alice_tags, .n_tags = 2,
};
static const struct principal worker = {
	.type = PRINCIPAL_ASSUMED_ROLE, .account = STR_INIT("111122223333"), .arn = STR_INIT(SESSION), .role_arn = STR_INIT(WORKER),
	.name = STR_INIT("worker"), .user_id = STR_INIT("AROADBQP57FF2AEXAMPLE:one"), .session_name = STR_INIT("one"),
	.token_issued_ms = 1763700000000, .token_expires_ms = 1763703600000, .source_identity = STR_INIT("saanvi"),
};
static const struct principal root = {
	.type = PRINCIPAL_ROOT, .account = STR_INIT("111122223333"), .arn = STR_INIT("arn:aws:iam::111122223333:root"),
	.user_id = STR_INIT("111122223333"),
};
static const struct principal lambda = {
	.type = PRINCIPAL_SERVICE, .name = STR_INIT("lambda.amazonaws.com"),
	.source_arn = STR_INIT("arn:aws:lambda:us-east-1:111122223333:function:f"), .source_account = STR_INIT("111122223333"),
};
static const struct principal anonymous = {.type = PRINCIPAL_ANONYMOUS};

static UNUSED int setup(void **state)
{
	(void)state;
	a = arena_new(0);
	return 0;
}

static UNUSED int teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

/* Tests write documents with single quotes. */
static UNUSED struct policy *parse(const char *text, enum policy_kind kind)
{
	char *json = arena_bytes(a, strlen(text) + 1);
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++)
		json[i] = (char)(text[i] == '\'' ? '"' : text[i] == '`' ? '\'' : text[i]);
	struct str why = STR_NONE;
	struct policy *p = policy_parse(a, str_of(json, n), kind, &why);
	if (p == NULL)
		fail_msg("%s\n%.*s", text, STR_ARG(why));
	return p;
}

struct question {
	const struct principal *who;
	const char *action, *resource, *account;
	const char *identity, *boundary, *session, *resource_policy;
	const struct condition_key *keys;
	size_t n_keys;
	bool resource_decides;
};

static UNUSED struct verdict decide(struct question q)
{
	const struct policy_request r = {
		.who = q.who, .action = str_c(q.action), .resource = str_c(q.resource), .resource_account = str_c(q.account),
		.keys = q.keys, .n_keys = q.n_keys,
	};
	struct policy *identity[1] = {NULL};
	struct policy_input in = {.resource_decides = q.resource_decides};
	if (q.identity != NULL) {
		identity[0] = parse(q.identity, POLICY_IDENTITY);
		in.identity = (struct policy_set){identity, 1};
	}
	if (q.boundary != NULL)
		in.boundary = parse(q.boundary, POLICY_IDENTITY);
	if (q.session != NULL)
		in.session = parse(q.session, POLICY_IDENTITY);
	if (q.resource_policy != NULL)
		in.resource = parse(q.resource_policy, POLICY_RESOURCE);
	return policy_evaluate(a, &r, &in);
}

#define DOCUMENT(statements) "{'Version':'2012-10-17','Statement':[" statements "]}"
#define ALLOW_ALL DOCUMENT("{'Effect':'Allow','Action':'*','Resource':'*'}")
#define ALLOW(action, resource) DOCUMENT("{'Effect':'Allow','Action':'" action "','Resource':'" resource "'}")
#define DENY(action, resource) DOCUMENT("{'Effect':'Deny','Action':'" action "','Resource':'" resource "'}")
#define GRANT(principal) DOCUMENT("{'Effect':'Allow','Principal':" principal ",'Action':'s3:*','Resource':'*'}")

#define allowed(...) assert_int_equal(decide((struct question){__VA_ARGS__}).decision, DECISION_ALLOW)
#define not_allowed(...) assert_int_equal(decide((struct question){__VA_ARGS__}).decision, DECISION_IMPLICIT_DENY)
#define denied(...) assert_int_equal(decide((struct question){__VA_ARGS__}).decision, DECISION_EXPLICIT_DENY)
#define allowed_by(words, ...) assert_string_equal(decide((struct question){__VA_ARGS__}).by, words)

#endif
