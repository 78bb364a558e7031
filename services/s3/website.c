/* Websites: index and error documents, redirects, routing rules; anonymous, read by the bucket's policy and ACLs.
 * Source: "Hosting a static website using Amazon S3", "Configuring a webpage redirect" (S3 User Guide). */
#include "raw.h"

#include "base/time.h"
#include "base/xml.h"

enum { HEADERS_MAX = 16 };

struct page {
	struct call *c;
	struct param headers[HEADERS_MAX];
	size_t n;
};

static void add(struct page *p, const char *name, struct str value)
{
	ASSERT(p->n < HEADERS_MAX);
	if (str_present(value))
		p->headers[p->n++] = (struct param){str_c(name), value, true};
}

static bool is_head(struct call *c) { return str_eq(c->http->method, S("HEAD")); }

static void redirect(struct call *c, int status, struct str to)
{
	struct page p = {.c = c};
	add(&p, "Location", to);
	call_reply(c, status, p.headers, p.n, S(""));
}

/* One line of the page. */
static void item(struct buf *b, const char *name, struct str value)
{
	buf_printf(b, "<li>%s: ", name);
	xml_write_text(b, value);
	buf_lit(b, "</li>\n");
}

/* What is wrong, and two lines more about it (names NULL: none). */
struct trouble { const char *code; struct str message; const char *name, *name2; struct str value, value2; };

static void items(struct buf *b, const struct trouble *t)
{
	item(b, "Code", str_c(t->code));
	item(b, "Message", t->message);
	if (t->name != NULL)
		item(b, t->name, t->value);
	if (t->name2 != NULL)
		item(b, t->name2, t->value2);
}

/* The page that S3 shows when the site has none. own: what stands against showing the site's; NULL: it names none. */
static void plain_error(struct call *c, int status, const struct trouble *t, const struct trouble *own)
{
	struct buf b;
	struct page p = {.c = c};
	const char *title = status == 403 ? "403 Forbidden" : status == 404 ? "404 Not Found" : status == 405 ? "405 Method Not Allowed"
		: "400 Bad Request";
	ASSERT(t->code != NULL && str_present(t->message));
	buf_init(&b, c->arena, 0);
	buf_printf(&b, "<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n<ul>\n", title, title);
	items(&b, t);
	item(&b, "RequestId", c->request_id);
	item(&b, "HostId", sha256_hex(c->arena, c->request_id));
	buf_lit(&b, "</ul>\n");
	if (own != NULL) {
		buf_lit(&b, "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n");
		items(&b, own);
		buf_lit(&b, "</ul>\n");
	}
	buf_lit(&b, "<hr/>\n</body>\n</html>\n");
	add(&p, "Content-Type", S("text/html; charset=utf-8"));
	add(&p, "x-amz-error-code", str_c(t->code));
	add(&p, "x-amz-error-message", t->message);
	call_reply(c, status, p.headers, p.n, buf_view(&b));
}

static struct trouble trouble_of(int status, struct str key)
{
	if (status == 400)
		return (struct trouble){"InvalidArgument", S("Requests specifying Server Side Encryption require AWS Signature Version 4."), NULL, NULL,
			STR_NONE, STR_NONE};
	if (status == 403)
		return (struct trouble){"AccessDenied", S("Access Denied"), NULL, NULL, STR_NONE, STR_NONE};
	ASSERT(status == 404);
	return (struct trouble){"NoSuchKey", S("The specified key does not exist."), "Key", NULL, key, STR_NONE};
}

static bool readable(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o)
{
	return !o->Marker.v && may_object(c, b, o, "s3:GetObject", ACL_READ);
}

/* Whoever asks a website is nobody, whom KMS gives no key; and nobody brings one. */
static bool needs_key(const struct s3_StoredObject *o) { return str_present(o->CustomerKey) || o->Kms != NULL; }

static void show(struct call *c, const struct s3_StoredObject *o, int status)
{
	struct page p = {.c = c};
	struct wire_response *w = c->out;
	const struct sse_key none = {0};
	struct str if_none = wire_header(c->http, S("if-none-match"));
	if (str_present(o->WebsiteRedirectLocation)) {
		redirect(c, 301, o->WebsiteRedirectLocation);
		return;
	}
	ASSERT(!o->Marker.v && !needs_key(o));
	int64_t start = 0, length = o->Size.v;
	struct str range = wire_header(c->http, S("range"));
	bool same = status == 200 && str_present(if_none) && etag_matches(if_none, o->Tag);
	bool partial = status == 200 && !same && str_present(range) && range_of(c, range, o->Size.v, &start, &length);
	c->failed = false; /* a range that cannot be had gives all */
	add(&p, "Content-Type", o->ContentType.n > 0 ? o->ContentType : S("binary/octet-stream"));
	add(&p, "ETag", etag_quoted(c, o->Tag));
	add(&p, "Last-Modified", time_rfc1123(c->arena, o->Modified.ms));
	add(&p, "Cache-Control", o->CacheControl);
	add(&p, "Content-Encoding", o->ContentEncoding);
	add(&p, "Content-Disposition", o->ContentDisposition);
	add(&p, "Content-Language", o->ContentLanguage);
	if (partial)
		add(&p, "Content-Range", arena_printf(c->arena, "bytes %lld-%lld/%lld", (long long)start, (long long)(start + length - 1),
			(long long)o->Size.v));
	if (is_head(c))
		add(&p, "Content-Length", arena_printf(c->arena, "%lld", (long long)length));
	call_reply(c, same ? 304 : partial ? 206 : status, p.headers, p.n, S(""));
	if (!same && !is_head(c))
		w->stream = data_body(c, o, &none, start, length);
}

/* ---- routing rules ---- */

static struct str redirect_target(struct call *c, const struct s3_Redirect *r, struct str key, struct str prefix)
{
	struct str protocol = str_present(r->Protocol) ? r->Protocol : c->tls ? S("https") : S("http");
	struct str host = str_present(r->HostName) ? r->HostName : c->http->host;
	if (str_present(r->ReplaceKeyWith))
		key = r->ReplaceKeyWith;
	else if (str_present(r->ReplaceKeyPrefixWith))
		key = arena_join(c->arena, r->ReplaceKeyPrefixWith, str_slice(key, prefix.n, key.n));
	return arena_join(c->arena, protocol, S("://"), host, S("/"), uri_encode(c->arena, key, true));
}

/* The rule for a key, before it is looked up (status 0) or after it failed so. */
static bool routed(struct call *c, const struct s3_StoredBucket *b, struct str key, int status)
{
	for (uint32_t i = 0; i < b->Website->RoutingRules.n; i++) {
		const struct s3_RoutingRule *r = LIST_AT(b->Website->RoutingRules, struct s3_RoutingRule, i);
		const struct s3_Condition *when = r->Condition;
		struct str prefix = when != NULL && str_present(when->KeyPrefixEquals) ? when->KeyPrefixEquals : S("");
		int64_t want = 0, code = 301;
		if (when != NULL && str_present(when->HttpErrorCodeReturnedEquals) && !str_to_i64(when->HttpErrorCodeReturnedEquals, &want))
			continue;
		if (want != status || !str_starts(key, prefix) || r->Redirect == NULL)
			continue;
		if (str_present(r->Redirect->HttpRedirectCode) && (!str_to_i64(r->Redirect->HttpRedirectCode, &code) || code < 301 || code > 308))
			code = 301;
		redirect(c, (int)code, redirect_target(c, r->Redirect, key, prefix));
		return true;
	}
	return false;
}

/* What is at the key: 200, 400 (not without a key), 403 or 404. */
static int look_up(struct call *c, const struct s3_StoredBucket *b, struct str key, const struct s3_StoredObject **out)
{
	const struct s3_StoredObject *o = *out = object_current(c, b->Name, key);
	if (o == NULL)
		return may(c, b, STR_NONE, "s3:ListBucket", &b->Grants, ACL_READ) ? 404 : 403;
	return !readable(c, b, o) ? 403 : needs_key(o) ? 400 : 200;
}

static void show_error(struct call *c, const struct s3_StoredBucket *b, struct str key, int status)
{
	ASSERT(status == 400 || status == 403 || status == 404); /* look_up's */
	if (routed(c, b, key, status))
		return;
	const struct s3_StoredObject *o;
	const struct trouble t = trouble_of(status, key);
	struct str own = b->Website->ErrorDocument != NULL ? b->Website->ErrorDocument->Key : STR_NONE;
	int found = str_present(own) ? look_up(c, b, own, &o) : 0;
	const struct trouble why = found > 200 ? trouble_of(found, own) : t;
	if (found == 200)
		show(c, o, status);
	else
		plain_error(c, status, &t, found > 200 ? &why : NULL);
}

static void serve(struct call *c, const struct s3_StoredBucket *b, struct str path)
{
	const struct s3_StoredObject *o;
	ASSERT(b->Website->IndexDocument != NULL); /* what is no redirect of everything has one */
	struct str index = b->Website->IndexDocument->Suffix, key = path;
	if (routed(c, b, path, 0))
		return;
	bool folder = path.n == 0 || path.p[path.n - 1] == '/';
	if (folder)
		key = arena_join(c->arena, path, index);
	int status = look_up(c, b, key, &o);
	if (status == 200) {
		show(c, o, 200);
		return;
	}
	/* "/docs" where there is "/docs/index.html": to the folder. */
	const struct s3_StoredObject *inner;
	if (!folder && o == NULL && look_up(c, b, arena_join(c->arena, path, S("/"), index), &inner) == 200) {
		redirect(c, 302, arena_join(c->arena, S("/"), uri_encode(c->arena, path, true), S("/")));
		return;
	}
	show_error(c, b, key, status);
}

void website_run(struct call *c, struct str bucket)
{
	static const struct principal anyone = {.type = PRINCIPAL_ANONYMOUS, .arn = STR_INIT("anonymous"), .name = STR_INIT("anonymous")};
	const struct s3_StoredBucket *b = call_get(c, bucket_key(c, bucket), &s3_shape_StoredBucket);
	c->who = &anyone; /* websites know no signatures */
	if (b == NULL) {
		const struct trouble t = {"NoSuchBucket", S("The specified bucket does not exist"), "BucketName", NULL, bucket, STR_NONE};
		plain_error(c, 404, &t, NULL);
		return;
	}
	if (b->Website == NULL) {
		const struct trouble t = {"NoSuchWebsiteConfiguration", S("The specified bucket does not have a website configuration"), "BucketName", NULL,
			bucket, STR_NONE};
		plain_error(c, 404, &t, NULL);
		return;
	}
	if (!str_eq(c->http->method, S("GET")) && !is_head(c)) {
		const struct trouble t = {"MethodNotAllowed", S("The specified method is not allowed against this resource."), "Method", "ResourceType",
			c->http->method, S("OBJECT")};
		plain_error(c, 405, &t, NULL);
		return;
	}
	struct str path = uri_decode(c->arena, str_slice(c->http->raw_path, 1, c->http->raw_path.n), false);
	if (!str_present(path) || !utf8_valid(path) || path.n > KEY_MAX) {
		const struct trouble t = {"InvalidURI", S("Couldn't parse the specified URI."), "URI", NULL, c->http->raw_path, STR_NONE};
		plain_error(c, 400, &t, NULL);
		return;
	}
	const struct s3_RedirectAllRequestsTo *all = b->Website->RedirectAllRequestsTo;
	if (all != NULL) {
		struct str protocol = str_present(all->Protocol) ? all->Protocol : c->tls ? S("https") : S("http");
		redirect(c, 301, arena_join(c->arena, protocol, S("://"), all->HostName, c->http->raw_path));
		return;
	}
	serve(c, b, path);
}
