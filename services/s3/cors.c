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

/* "X-One,X-Two" as "x-one, x-two". */
static struct str listed(struct call *c, struct str asked)
{
	struct buf b;
	buf_init(&b, c->arena, 2 * asked.n + 8); /* a space behind each comma */
	while (str_present(asked)) {
		struct str one = str_trim(str_cut(&asked, ','));
		ASSERT(!b.overflow);
		if (one.n > 0 && b.n > 0)
			buf_lit(&b, ", ");
		buf_str(&b, arena_lower(c->arena, one));
	}
	return buf_view(&b);
}

static void allow_headers(struct call *c, const struct s3_CORSRule *r, struct str origin, struct str asked, struct param *out, size_t *n)
{
	ASSERT(r->AllowedOrigins.n > 0 && r->AllowedMethods.n > 0); /* cors_ok */
	bool anyone = false;
	for (uint32_t i = 0; i < r->AllowedOrigins.n; i++)
		anyone |= str_eq(*LIST_AT(r->AllowedOrigins, struct str, i), S("*"));
	add(c, out, n, "Access-Control-Allow-Origin", anyone ? S("*") : origin);
	if (!anyone)
		add(c, out, n, "Access-Control-Allow-Credentials", S("true"));
	add(c, out, n, "Access-Control-Allow-Methods", joined(c, &r->AllowedMethods));
	if (str_present(asked))
		add(c, out, n, "Access-Control-Allow-Headers", listed(c, asked));
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
	/* What asks as a preflight does is judged as one. */
	struct str method = wire_header(c->http, S("access-control-request-method")), asked = wire_header(c->http, S("access-control-request-headers"));
	const struct s3_CORSRule *r = rule_for(c, b, origin, str_present(method) ? method : c->http->method, asked);
	if (r != NULL)
		allow_headers(c, r, origin, asked, NULL, NULL);
}

static void forbid(struct call *c, struct str method, bool object, const char *why)
{
	fail_with(c, 403, "AccessForbidden", "Method", method, "CORSResponse: %s", why);
	call_fail_more(c, "ResourceType", object ? S("OBJECT") : S("BUCKET"));
}

/* Does the path name more than the bucket? */
static bool names_object(const struct wire_request *r)
{
	struct str path = str_slice(r->raw_path, 1, r->raw_path.n);
	if (!str_present(host_bucket(r->host)))
		(void)str_cut(&path, '/');
	return str_present(path) && path.n > 0;
}

/* Source: answers of AWS, as recorded in versitygw's integration tests. */
static bool asks_ok(struct call *c, struct str method, struct str asked)
{
	static const char *const methods[] = {"GET", "PUT", "HEAD", "POST", "DELETE"};
	bool known = false;
	for (size_t i = 0; i < COUNT_OF(methods); i++)
		known |= str_eq(method, str_c(methods[i]));
	if (!known) {
		call_fail_code(c, 400, "BadRequest", "Invalid Access-Control-Request-Method: %.*s", STR_ARG(str_present(method) ? method : S("null")));
		return false;
	}
	while (str_present(asked)) {
		struct str one = str_trim(str_cut(&asked, ','));
		if (header_name_ok(one, false))
			continue;
		call_fail_code(c, 400, "BadRequest", "Access-Control-Request-Headers \"%.*s\" contains invalid character.", STR_ARG(one));
		return false;
	}
	return true;
}

void cors_preflight(struct call *c, struct str bucket)
{
	struct str origin = wire_header(c->http, S("origin")), method = wire_header(c->http, S("access-control-request-method"));
	struct str asked = wire_header(c->http, S("access-control-request-headers"));
	if (!str_present(origin)) {
		call_fail_code(c, 400, "BadRequest", "Insufficient information. Origin request header needed.");
		return;
	}
	if (!asks_ok(c, method, asked))
		return;
	const struct s3_StoredBucket *b = call_get(c, bucket_key(c, bucket), &s3_shape_StoredBucket);
	if (b == NULL || b->Cors == NULL) {
		forbid(c, method, false, b == NULL ? "Bucket not found" : "CORS is not enabled for this bucket.");
		return;
	}
	const struct s3_CORSRule *r = rule_for(c, b, origin, method, asked);
	if (r == NULL) {
		forbid(c, method, names_object(c->http), "This CORS request is not allowed. This is usually because the evalution of Origin, request method "
			"/ Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."); /* so spelt */
		return;
	}
	struct param out[8];
	size_t n = 0;
	allow_headers(c, r, origin, asked, out, &n);
	ASSERT(n <= COUNT_OF(out));
	call_reply(c, 200, out, n, S(""));
}
