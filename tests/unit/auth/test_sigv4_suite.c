/* The published signing cases (aws-c-auth, tests/aws-signing-test-suite): canonical request, string to sign and
 * signature of every case of versions 4 and 4A, signed by header and by query; requests as sent are parsed and verified
 * too.
 *
 * They lie in $TSUBO_SUITES/sigv4 or ../shared/suites/sigv4; without them the tests say that they skip. */
#include "auth/sig_internal.h"

#include "base/json.h"
#include "base/time.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

struct suite_case {
	struct arena *a;
	struct str dir;
	struct sig_request request;
	struct param headers[40];
	struct str body, region, service, access_key, secret, token, amz_date;
	bool normalize, sign_body, omit_token;
	int64_t wall_ms;
};

static struct str suites(struct arena *a, const char *version)
{
	const char *dir = getenv("TSUBO_SUITES");
	return arena_printf(a, "%s/sigv4/%s", dir != NULL ? dir : "../shared/suites", version);
}

static struct str file(struct arena *a, struct str dir, const char *name)
{
	FILE *f = fopen(arena_cstr(a, arena_printf(a, "%.*s/%s", STR_ARG(dir), name)), "rb");
	if (f == NULL)
		return STR_NONE;
	char *p = arena_bytes(a, 65536);
	size_t n = fread(p, 1, 65536, f);
	fclose(f);
	return str_of(p, n);
}

/* One request as text: folded lines are joined with a space, as an HTTP/1.1 recipient has to. */
static void read_request(struct suite_case *t, struct str text)
{
	t->request = (struct sig_request){.headers = t->headers};
	struct str rest = text, line = str_cut(&rest, '\n'), target = line;
	t->request.method = str_cut(&target, ' ');
	assert_true(str_ends(target, S(" HTTP/1.1")));
	target = str_slice(target, 0, target.n - 9);
	t->request.raw_path = str_cut(&target, '?');
	t->request.raw_query = str_present(target) ? target : S("");
	while (str_present(rest)) {
		line = str_cut(&rest, '\n');
		if (line.n == 0)
			break;
		struct param *h = &t->headers[t->request.n_headers];
		if (line.p[0] == ' ') {
			h[-1].value = arena_join(t->a, h[-1].value, S(" "), line);
			continue;
		}
		assert_true(t->request.n_headers < COUNT_OF(t->headers) - 4);
		h->name = str_cut(&line, ':');
		h->value = line;
		t->request.n_headers++;
	}
	t->body = str_present(rest) ? rest : S("");
}

static void add_header(struct suite_case *t, struct str name, struct str value)
{
	t->headers[t->request.n_headers++] = (struct param){name, value, true};
}

static void read_case(struct suite_case *t, struct arena *a, struct str dir)
{
	struct json *c = json_parse(a, file(a, dir, "context.json"), NULL);
	assert_non_null(c);
	*t = (struct suite_case){.a = a, .dir = dir};
	t->region = json_get_str(c, "region");
	t->service = json_get_str(c, "service");
	t->access_key = json_str(json_path(c, "credentials.access_key_id"));
	t->secret = json_str(json_path(c, "credentials.secret_access_key"));
	t->token = json_str(json_path(c, "credentials.token"));
	t->normalize = json_get_bool(c, "normalize", true);
	t->sign_body = json_get_bool(c, "sign_body", false);
	t->omit_token = json_get_bool(c, "omit_session_token", false);
	assert_true(time_parse_iso8601(json_get_str(c, "timestamp"), &t->wall_ms));
	t->amz_date = time_amz_date(a, t->wall_ms);
}

static void expect(const struct suite_case *t, const char *name, struct str got)
{
	struct str want = str_trim(file(t->a, t->dir, name));
	if (str_eq(want, str_trim(got)))
		return;
	fail_msg("%.*s/%s:\nwanted\n%.*s\ngot\n%.*s", STR_ARG(t->dir), name, STR_ARG(want), STR_ARG(got));
}

static void expect_signature(const struct suite_case *t, const struct sig_claim *c, const char *name, struct str text)
{
	struct hmac_key spare;
	unsigned char raw[32], mac[32];
	char hex[64];
	hmac_finish(signing_key(t->secret, c, &spare, raw), text.p, text.n, mac);
	sig_hex(mac, hex);
	expect(t, name, str_of(hex, 64));
}

/* Parse the request as it was sent, signed, and check every step on the way; then the whole. */
static void check_sent(struct suite_case *t, bool by_query)
{
	struct sig_claim c;
	struct sig_error err = {0};
	const char *const files[2][4] = {
		{"header-signed-request.txt", "header-canonical-request.txt", "header-string-to-sign.txt", "header-signature.txt"},
		{"query-signed-request.txt", "query-canonical-request.txt", "query-string-to-sign.txt", "query-signature.txt"},
	};
	const char *const *f = files[by_query];
	read_request(t, file(t->a, t->dir, f[0]));
	ptrdiff_t at = by_query && t->omit_token ? str_find_str(t->request.raw_query, S("&X-Amz-Security-Token=")) : -1;
	if (at >= 0) { /* added after signing, as some services ask: not part of what is verified */
		struct str rest = str_slice(t->request.raw_query, (size_t)at + 1, t->request.raw_query.n);
		(void)str_cut(&rest, '&');
		t->request.raw_query = arena_join(t->a, str_slice(t->request.raw_query, 0, (size_t)at + 1), rest);
	}
	if (!sig_parse(t->a, &t->request, &c, &err))
		fail_msg("%.*s: %s %.*s", STR_ARG(t->dir), err.code, STR_ARG(err.message));
	assert_int_equal(c.kind, by_query ? SIG_V4_QUERY : SIG_V4_HEADER);
	assert_true(str_eq(c.access_key, t->access_key));
	assert_true(t->omit_token || str_eq(c.session_token, t->token));
	/* by query only what the header would have said is signed: see the two form cases */
	struct str hash = t->sign_body ? sha256_hex(t->a, t->body) : sha256_hex(t->a, S(""));
	struct str canonical = sig_canonical_request(t->a, &t->request, &c, hash, t->normalize, true);
	if (t->sign_body && by_query && !str_ends(str_trim(file(t->a, t->dir, f[1])), hash))
		canonical = sig_canonical_request(t->a, &t->request, &c, hash = sha256_hex(t->a, S("")), t->normalize, true);
	/* the suite's paths are unencoded: encoding them once is our "again" */
	expect(t, f[1], canonical);
	struct str text = sig_string_to_sign(t->a, &c, canonical);
	expect(t, f[2], text);
	if (c.asymmetric) {
		assert_true(sigv4a_verify(t->access_key, t->secret, text, str_trim(file(t->a, t->dir, f[3]))));
		assert_false(sigv4a_verify(t->access_key, t->secret, canonical, str_trim(file(t->a, t->dir, f[3]))));
	} else {
		expect_signature(t, &c, f[3], text);
		expect(t, f[3], c.signature);
	}
	if (!t->normalize)
		return; /* only S3 signs paths as they are, and its own tests are in test_sigv4.c */
	if (!sig_verify(t->a, &t->request, &c, t->secret, hash, t->wall_ms + 1000, NULL, &err))
		fail_msg("%.*s: %s %.*s", STR_ARG(t->dir), err.code, STR_ARG(err.message));
	assert_false(sig_verify(t->a, &t->request, &c, S("another"), hash, t->wall_ms + 1000, NULL, &err));
	assert_string_equal(err.code, "SignatureDoesNotMatch");
}

/* Sign the bare request ourselves and compare with the Authorization header of the suite. */
static void check_signing(struct suite_case *t)
{
	if (!t->normalize || t->omit_token)
		return;
	read_request(t, file(t->a, t->dir, "request.txt"));
	add_header(t, S("X-Amz-Date"), t->amz_date);
	struct str hash = sha256_hex(t->a, t->sign_body ? t->body : S(""));
	if (t->sign_body)
		add_header(t, S("x-amz-content-sha256"), hash);
	if (str_present(t->token))
		add_header(t, S("X-Amz-Security-Token"), t->token);
	struct str value = sig_sign(t->a, &t->request, t->access_key, t->secret, t->region, t->service, t->amz_date, hash);
	read_request(t, file(t->a, t->dir, "header-signed-request.txt"));
	struct str wanted = sig_header(&t->request, S("authorization"));
	if (!str_eq(value, wanted))
		fail_msg("%.*s:\nwanted %.*s\ngot    %.*s", STR_ARG(t->dir), STR_ARG(wanted), STR_ARG(value));
}

static void each_case(const char *version, void (*check)(struct suite_case *t), size_t at_least)
{
	struct arena *a = arena_new(0);
	struct str root = suites(a, version);
	DIR *d = opendir(arena_cstr(a, root));
	size_t n = 0;
	if (d == NULL) {
		print_message("no signing suite at %.*s: skipped (set TSUBO_SUITES)\n", STR_ARG(root));
		arena_free(a);
		skip();
	}
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		struct suite_case t;
		if (e->d_name[0] == '.')
			continue;
		read_case(&t, a, arena_printf(a, "%.*s/%s", STR_ARG(root), e->d_name));
		check(&t);
		n++;
	}
	closedir(d);
	arena_free(a);
	print_message("%zu cases\n", n);
	assert_true(n >= at_least);
}

static void by_header(struct suite_case *t) { check_sent(t, false); }
static void by_query(struct suite_case *t) { check_sent(t, true); }

static void test_header_cases(void **state) { (void)state; each_case("v4", by_header, 38); }
static void test_query_cases(void **state) { (void)state; each_case("v4", by_query, 38); }
static void test_signing_cases(void **state) { (void)state; each_case("v4", check_signing, 38); }

/* Version 4A: signatures differ each time they are made, so the published ones are verified, and the key pair that is
 * derived from the secret is compared with the published one. */
static void v4a_by_header(struct suite_case *t)
{
	struct json *published = json_parse(t->a, file(t->a, t->dir, "public-key.json"), NULL);
	unsigned char x[32], y[32];
	if (published == NULL)
		return; /* two cases are a request and nothing else */
	assert_true(sigv4a_public_key(t->access_key, t->secret, x, y));
	assert_true(str_eq(hex_encode(t->a, str_of((const char *)x, 32)), json_get_str(published, "X")));
	assert_true(str_eq(hex_encode(t->a, str_of((const char *)y, 32)), json_get_str(published, "Y")));
	check_sent(t, false);
}

static void v4a_by_query(struct suite_case *t)
{
	if (str_present(file(t->a, t->dir, "query-signed-request.txt")))
		check_sent(t, true);
}

static void test_v4a_header_cases(void **state) { (void)state; each_case("v4a", v4a_by_header, 40); }
static void test_v4a_query_cases(void **state) { (void)state; each_case("v4a", v4a_by_query, 40); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_cases),
		cmocka_unit_test(test_query_cases),
		cmocka_unit_test(test_signing_cases),
		cmocka_unit_test(test_v4a_header_cases),
		cmocka_unit_test(test_v4a_query_cases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
