/* Cross-origin requests: the headers of an actual request, and preflights (OPTIONS).
 * Source: "Using cross-origin resource sharing (CORS)" (S3 User Guide). */
#include "s3.h"

static bool any_matches(const struct list *globs, struct str s, bool fold)
{
	for (uint32_t i = 0; i < globs->n; i++) {
		struct str g = *LIST_AT(*globs, struct str, i);
		if (glob_match(g, s) || (fold && str_eq_nocase(g, s)))
			return true;
	}
	return false;
}

static bool headers_allowed(struct call *c, const struct s3_CORSRule *rule, struct str asked)
{
	while (str_present(asked) && asked.n > 0) {
		struct str one = str_trim(str_cut(&asked, ','));
		char *lower = arena_bytes(c->arena, one.n + 1);
		for (size_t i = 0; i < one.n; i++)
			lower[i] = (char)(one.p[i] >= 'A' && one.p[i] <= 'Z' ? one.p[i] + 32 : one.p[i]);
		if (one.n > 0 && !any_matches(&rule->AllowedHeaders, str_of(lower, one.n), true))
			return false;
	}
	return true;
}

static const struct s3_CORSRule *rule_for(struct call *c, const struct s3_StoredBucket *b, struct str origin, struct str method, struct str headers)
{
	for (uint32_t i = 0; b->Cors != NULL && i < b->Cors->CORSRules.n; i++) {
		const struct s3_CORSRule *r = LIST_AT(b->Cors->CORSRules, struct s3_CORSRule, i);
		if (any_matches(&r->AllowedOrigins, origin, false) && any_matches(&r->AllowedMethods, method, false) && headers_allowed(c, r, headers))
			return r;
	}
	return NULL;
}

static struct str joined(struct call *c, const struct list *l)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	for (uint32_t i = 0; i < l->n; i++) {
		if (i > 0)
			buf_lit(&b, ", ");
		buf_str(&b, *LIST_AT(*l, struct str, i));
	}
	return buf_view(&b);
}

static void add(struct call *c, struct param *out, size_t *n, const char *name, struct str value)
{
	if (out != NULL)
		out[(*n)++] = (struct param){str_c(name), value, true};
	else
		call_header(c, name, value);
}

static void allow_headers(struct call *c, const struct s3_CORSRule *r, struct str origin, struct param *out, size_t *n)
{
	bool anyone = false;
	for (uint32_t i = 0; i < r->AllowedOrigins.n; i++)
		anyone |= str_eq(*LIST_AT(r->AllowedOrigins, struct str, i), S("*"));
	add(c, out, n, "Access-Control-Allow-Origin", anyone ? S("*") : origin);
	if (!anyone)
		add(c, out, n, "Access-Control-Allow-Credentials", S("true"));
	add(c, out, n, "Access-Control-Allow-Methods", joined(c, &r->AllowedMethods));
	if (r->ExposeHeaders.n > 0)
		add(c, out, n, "Access-Control-Expose-Headers", joined(c, &r->ExposeHeaders));
	if (r->MaxAgeSeconds.set)
		add(c, out, n, "Access-Control-Max-Age", arena_printf(c->arena, "%lld", (long long)r->MaxAgeSeconds.v));
	add(c, out, n, "Vary", S("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"));
}

void cors_answer(struct call *c, const struct s3_StoredBucket *b)
{
	struct str origin = c->http != NULL ? wire_header(c->http, S("origin")) : STR_NONE;
	if (!str_present(origin) || b->Cors == NULL || c->protocol == PROTO_RAW)
		return;
	struct str asked = wire_header(c->http, S("access-control-request-method")); /* S3 goes by it in any request */
	const struct s3_CORSRule *r = rule_for(c, b, origin, str_present(asked) ? asked : c->http->method, STR_NONE);
	if (r != NULL)
		allow_headers(c, r, origin, NULL, NULL);
}

void cors_preflight(struct call *c, struct str bucket)
{
	struct str origin = wire_header(c->http, S("origin")), method = wire_header(c->http, S("access-control-request-method"));
	struct str asked = wire_header(c->http, S("access-control-request-headers"));
	if (!str_present(origin) || !str_present(method)) {
		call_fail_code(c, 400, "BadRequest", "Insufficient information. Origin request header needed.");
		return;
	}
	const struct s3_StoredBucket *b = call_get(c, bucket_key(c, bucket), &s3_shape_StoredBucket);
	if (b == NULL) {
		fail_no_bucket(c, bucket);
		return;
	}
	const struct s3_CORSRule *r = rule_for(c, b, origin, method, asked);
	if (r == NULL) {
		call_fail_code(c, 403, "AccessForbidden", b->Cors == NULL ? "CORSResponse: CORS is not enabled for this bucket." :
			"CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request method / "
			"Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.");
		return;
	}
	struct param out[8];
	size_t n = 0;
	allow_headers(c, r, origin, out, &n);
	if (str_present(asked))
		out[n++] = (struct param){S("Access-Control-Allow-Headers"), asked, true};
	call_reply(c, 200, out, n, S(""));
}
