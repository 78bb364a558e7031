/* What a request says that a policy's conditions may ask for: S3's own condition keys.
 *
 * A header gives the key of its name; so does a field of a browser's form, which stands for one; what only a body says comes from the
 * typed input. They are made once a run, for one request may ask for permission a thousand times.
 * Source: "Actions, resources, and condition keys for Amazon S3" (Service Authorization Reference), "Bucket policy examples using condition
 * keys", "Tagging and access control policies" (S3 User Guide), "Amazon S3 Signature Version 4 Authentication Specific Policy Keys" (S3 API
 * Reference). */
#include "s3.h"

#include "base/time.h"
#include "os/os.h"

enum { TAGS_READ_MAX = 100, DAY_MS = 86400000 };

static void say(struct call *c, struct s3_said *s, struct str key, struct str value)
{
	if (!str_present(value))
		return;
	if (s->n == s->cap) {
		s->keys = arena_grow(c->arena, s->keys, sizeof *s->keys, s->cap, s->cap * 2 + 16);
		s->cap = s->cap * 2 + 16;
	}
	struct str *one = arena_new_of(c->arena, struct str);
	*one = value;
	s->keys[s->n++] = (struct condition_key){key, one, 1};
	ASSERT(s->n <= s->cap);
}

/* ---- tags that the request brings ---- */

static void say_tags(struct call *c, struct s3_said *s, const struct list *tags)
{
	if (tags->n == 0)
		return;
	struct str *names = arena_array(c->arena, struct str, tags->n);
	for (uint32_t i = 0; i < tags->n; i++) {
		const struct s3_Tag *t = LIST_AT(*tags, struct s3_Tag, i);
		names[i] = t->Key;
		say(c, s, arena_join(c->arena, S("s3:RequestObjectTag/"), t->Key), str_present(t->Value) ? t->Value : S(""));
	}
	ASSERT(str_present(names[0]));
	say(c, s, S("s3:RequestObjectTagKeys"), names[0]);
	s->keys[s->n - 1].values = names;
	s->keys[s->n - 1].n = tags->n;
}

/* What cannot be read is refused later, and says nothing here. */
static void say_tagging_header(struct call *c, struct s3_said *s, struct str text)
{
	struct params p = {0};
	if (!params_parse(c->arena, text, TAGS_READ_MAX, &p) || p.n == 0)
		return;
	struct list tags = LIST_OF(c->arena, struct s3_Tag, p.n);
	for (size_t i = 0; i < p.n; i++)
		*LIST_AT(tags, struct s3_Tag, i) = (struct s3_Tag){p.v[i].name, p.v[i].value};
	say_tags(c, s, &tags);
}

/* ---- locks ---- */

static void say_retention(struct call *c, struct s3_said *s, int64_t until_ms)
{
	say(c, s, S("s3:object-lock-retain-until-date"), time_iso8601(c->arena, until_ms));
	say(c, s, S("s3:object-lock-remaining-retention-days"), arena_printf(c->arena, "%lld", (long long)((until_ms - c->now_ms) / DAY_MS)));
}

/* ---- headers, and the fields that stand for them ---- */

static void say_copy_source(struct call *c, struct s3_said *s, struct str value)
{
	struct str plain = uri_decode(c->arena, value, false);
	if (str_starts(plain, S("/"))) /* policies name it "bucket/key" */
		plain = str_slice(plain, 1, plain.n);
	say(c, s, S("s3:x-amz-copy-source"), plain);
}

static void say_header(struct call *c, struct s3_said *s, struct str name, struct str value)
{
	static const char *const alike[] = {"x-amz-acl", "x-amz-content-sha256", "x-amz-storage-class", "x-amz-server-side-encryption",
		"x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm", "x-amz-metadata-directive",
		"x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write", "x-amz-grant-write-acp",
		"x-amz-website-redirect-location", "x-amz-object-ownership", "if-match", "if-none-match"};
	int64_t until;
	if (!str_starts_nocase(name, S("x-amz-")) && !str_starts_nocase(name, S("if-")))
		return;
	for (size_t i = 0; i < COUNT_OF(alike); i++)
		if (str_eq_nocase(name, str_c(alike[i]))) {
			say(c, s, arena_join(c->arena, S("s3:"), str_c(alike[i])), value);
			return;
		}
	if (str_eq_nocase(name, S("x-amz-copy-source")))
		say_copy_source(c, s, value);
	else if (str_eq_nocase(name, S("x-amz-tagging")))
		say_tagging_header(c, s, value);
	else if (str_eq_nocase(name, S("x-amz-object-lock-mode")))
		say(c, s, S("s3:object-lock-mode"), value);
	else if (str_eq_nocase(name, S("x-amz-object-lock-legal-hold")))
		say(c, s, S("s3:object-lock-legal-hold"), value);
	else if (str_eq_nocase(name, S("x-amz-object-lock-retain-until-date")) && time_parse_any(value, &until))
		say_retention(c, s, until);
}

static void say_form(struct call *c, struct s3_said *s)
{
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct param *f = &s->fields[i];
		say_header(c, s, str_eq_nocase(f->name, S("acl")) ? S("x-amz-acl") : f->name, f->value);
	}
	if (s->tags != NULL)
		say_tags(c, s, s->tags);
}

static void say_query(struct call *c, struct s3_said *s)
{
	static const char *const params[][2] = {{"prefix", "s3:prefix"}, {"delimiter", "s3:delimiter"}, {"max-keys", "s3:max-keys"},
		{"versionId", "s3:VersionId"}};
	for (size_t i = 0; i < COUNT_OF(params) && c->http->query.n > 0; i++)
		say(c, s, str_c(params[i][1]), params_get(&c->http->query, str_c(params[i][0])));
}

/* ---- what only a body says ---- */

static void say_input(struct call *c, struct s3_said *s)
{
	const struct model_op *op = c->op != NULL ? c->op->model : NULL;
	if (op == &s3_op_PutObjectTagging) {
		const struct s3_PutObjectTaggingRequest *in = c->in;
		say_tags(c, s, &in->Tagging->TagSet);
	} else if (op == &s3_op_PutObjectRetention) {
		const struct s3_PutObjectRetentionRequest *in = c->in;
		say(c, s, S("s3:object-lock-mode"), in->Retention != NULL ? in->Retention->Mode : STR_NONE);
		if (in->Retention != NULL && in->Retention->RetainUntilDate.set)
			say_retention(c, s, in->Retention->RetainUntilDate.ms);
	} else if (op == &s3_op_PutObjectLegalHold) {
		const struct s3_PutObjectLegalHoldRequest *in = c->in;
		say(c, s, S("s3:object-lock-legal-hold"), in->LegalHold != NULL ? in->LegalHold->Status : STR_NONE);
	} else if (op == &s3_op_CreateBucket) {
		const struct s3_CreateBucketRequest *in = c->in;
		say(c, s, S("s3:locationconstraint"), in->CreateBucketConfiguration != NULL ? in->CreateBucketConfiguration->LocationConstraint : STR_NONE);
	}
}

/* ---- how it is signed ---- */

static struct str field_of(const struct s3_said *s, struct str name)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (str_eq_nocase(s->fields[i].name, name))
			return s->fields[i].value;
	return STR_NONE;
}

static void say_signature(struct call *c, struct s3_said *s)
{
	const struct wire_request *r = c->http;
	ASSERT(r != NULL);
	if (c->who->type == PRINCIPAL_ANONYMOUS)
		return;
	struct str header = wire_header(r, S("authorization")), date;
	bool form = s->fields != NULL, by_header = !form && str_present(header), v4;
	int64_t at;
	if (form) {
		v4 = str_present(field_of(s, S("x-amz-algorithm")));
		date = field_of(s, S("x-amz-date"));
	} else if (by_header) {
		v4 = str_starts(header, S("AWS4-"));
		date = wire_header(r, S("x-amz-date"));
	} else {
		v4 = str_present(params_get(&r->query, S("X-Amz-Algorithm")));
		date = params_get(&r->query, S("X-Amz-Date"));
	}
	say(c, s, S("s3:authType"), form ? S("POST") : by_header ? S("REST-HEADER") : S("REST-QUERY-STRING"));
	say(c, s, S("s3:signatureversion"), v4 ? S("AWS4-HMAC-SHA256") : S("AWS"));
	if (v4 && str_present(date) && time_parse_amz_date(date, &at)) /* as signatures: the machine's clock */
		say(c, s, S("s3:signatureAge"), arena_printf(c->arena, "%lld", (long long)(os.wall_ms() > at ? os.wall_ms() - at : 0)));
}

/* ---- all of it ---- */

struct s3_said *said_of(struct call *c)
{
	if (c->memo == NULL)
		c->memo = arena_new_of(c->arena, struct s3_said);
	return c->memo;
}

const struct s3_said *request_says(struct call *c)
{
	struct s3_said *s = said_of(c);
	if (s->made || c->http == NULL)
		return s;
	ASSERT(s->n == 0); /* nobody has said anything yet */
	s->made = true;
	say_query(c, s);
	for (size_t i = 0; i < c->http->n_headers && s->fields == NULL; i++)
		say_header(c, s, c->http->headers[i].name, c->http->headers[i].value);
	say_form(c, s);
	if (c->in != NULL)
		say_input(c, s);
	say_signature(c, s);
	return s;
}
