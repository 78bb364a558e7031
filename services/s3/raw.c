/* What comes to S3 without being an operation of its model: preflights, websites, browsers' forms.
 *
 * claims() looks at host, path, method and content type, nothing else. Source: "Hosting a static website using Amazon S3",
 * "Website endpoints" (S3 User Guide); "POST Object" (S3 API Reference). */
#include "raw.h"

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
	return str_eq(r->method, S("OPTIONS")) && !str_starts(r->raw_path, S("/_"));
}

/* What is posted to a bucket; by its path it is told, too, that it should have been a form. */
static bool is_form(const struct wire_request *r)
{
	bool form = str_starts_nocase(wire_header(r, S("content-type")), S("multipart/form-data"));
	if (!str_eq(r->method, S("POST")) || str_starts(r->raw_path, S("/_")) || str_present(wire_header(r, S("authorization"))))
		return false;
	if (!form && (r->raw_query.n > 0 || str_present(wire_header(r, S("x-amz-target")))))
		return false;
	struct str path = str_slice(r->raw_path, 1, r->raw_path.n);
	bool host = str_present(host_bucket(r->host));
	if (!form && host)
		return false; /* the host may be another service's */
	while (path.n > 0 && path.p[path.n - 1] == '/')
		path.n--;
	return host ? path.n == 0 : path.n > 0 && str_find(path, '/') < 0;
}

bool s3_claims(const struct wire_request *r)
{
	return str_present(host_website(r)) || is_preflight(r) || is_form(r);
}

void raw_run(struct call *c)
{
	ASSERT(c->protocol == PROTO_RAW && c->http != NULL);
	struct str site = host_website(c->http);
	bool preflight = str_eq(c->http->method, S("OPTIONS")), form = str_eq(c->http->method, S("POST"));
	if (!str_present(site) && preflight)
		cors_preflight(c, raw_bucket(c));
	else if (!str_present(site) && form)
		form_run(c, raw_bucket(c));
	else
		website_run(c, raw_bucket(c)); /* also when its website has just gone */
}
