/* What comes to S3 without being an operation of its model: preflights, websites, browsers' forms.
 *
 * claims() looks at host, path, method and content type, nothing else. Source: "Hosting a static website using Amazon S3",
 * "Website endpoints" (S3 User Guide); "POST Object" (S3 API Reference). */
#include "raw.h"

static struct str without_port(struct str host)
{
	ptrdiff_t colon = str_rfind(host, ':');
	return colon >= 0 ? str_slice(host, 0, (size_t)colon) : host;
}

/* "bucket.s3-website-us-east-1.amazonaws.com", "bucket.s3-website.us-east-1...", "bucket.s3-website.localhost". */
struct str raw_website(struct str host)
{
	host = without_port(host);
	ptrdiff_t at = str_find_str(host, S(".s3-website-"));
	if (at < 0)
		at = str_find_str(host, S(".s3-website."));
	return at > 0 ? str_slice(host, 0, (size_t)at) : STR_NONE;
}

/* The bucket of a virtual host; absent: the path names it. */
static struct str host_bucket(struct str host)
{
	host = without_port(host);
	if (str_ends(host, S(".localhost")) && !str_starts(host, S("s3."))) {
		struct str name = str_slice(host, 0, host.n - (sizeof ".localhost" - 1));
		if (str_ends(name, S(".s3")))
			name = str_slice(name, 0, name.n - 3);
		return str_eq(name, S("s3")) ? STR_NONE : name;
	}
	ptrdiff_t at = str_find_str(host, S(".s3."));
	if (at < 0)
		at = str_find_str(host, S(".s3-"));
	return at > 0 ? str_slice(host, 0, (size_t)at) : STR_NONE;
}

struct str raw_bucket(struct call *c)
{
	struct str name = host_bucket(c->http->host);
	if (str_present(name))
		return name;
	struct str path = str_slice(c->http->raw_path, 1, c->http->raw_path.n);
	return uri_decode(c->arena, str_cut(&path, '/'), false);
}

static bool is_preflight(const struct wire_request *r)
{
	return str_eq(r->method, S("OPTIONS")) && str_present(wire_header(r, S("origin"))) && !str_starts(r->raw_path, S("/_"));
}

static bool is_form(const struct wire_request *r)
{
	if (!str_eq(r->method, S("POST")) || !str_starts_nocase(wire_header(r, S("content-type")), S("multipart/form-data")))
		return false;
	if (str_starts(r->raw_path, S("/_")) || str_present(wire_header(r, S("authorization"))))
		return false;
	struct str path = str_slice(r->raw_path, 1, r->raw_path.n);
	bool host = str_present(host_bucket(r->host));
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	return host ? path.n == 0 : path.n > 0 && str_find(path, '/') < 0;
}

bool s3_claims(const struct wire_request *r)
{
	return str_present(raw_website(r->host)) || is_preflight(r) || is_form(r);
}

void raw_run(struct call *c)
{
	struct str site = raw_website(c->http->host);
	if (str_present(site))
		website_run(c, site);
	else if (str_eq(c->http->method, S("OPTIONS")))
		cors_preflight(c, raw_bucket(c));
	else
		form_run(c, raw_bucket(c));
}
