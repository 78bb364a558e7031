/* Requests that the model reads as one operation while they ask for another, or for none: S3 refuses them by what gives them away.
 *
 * Looked at before anything else, for what they would do otherwise is not what was meant: a part whose upload was forgotten would become an object.
 * Source: answers of AWS, as recorded in versitygw's tests, which are also run against it. */
#include "s3.h"

static bool asks(struct call *c, const char *name)
{
	for (size_t i = 0; i < c->http->query.n; i++)
		if (str_eq(c->http->query.v[i].name, str_c(name)))
			return true;
	return false;
}

static bool copies(struct call *c)
{
	struct str from = wire_header(c->http, S("x-amz-copy-source"));
	if (str_present(from))
		fail_value(c, "x-amz-copy-source", from, "You can only specify a copy source header for copy requests.");
	return str_present(from);
}

bool odd_put(struct call *c)
{
	if (c->http == NULL || c->http->raw_query.n == 0)
		return false;
	if (asks(c, "uploadId") && !asks(c, "partNumber")) {
		call_header(c, "Allow", S("DELETE, POST, GET"));
		fail_method(c, "UPLOAD");
	}
	else if (asks(c, "partNumber"))
		fail_value(c, "partNumber", S("partNumber"), "This operation does not accept partNumber without uploadId");
	return c->failed;
}

bool odd_read(struct call *c)
{
	if (c->http == NULL || copies(c))
		return c->failed;
	if (c->http->raw_query.n > 0 && asks(c, "uploads"))
		fail_request(c, "Key is not expected for the GET method ?uploads subresource");
	else if (c->http->raw_query.n > 0 && asks(c, "versions"))
		fail_request(c, "There is no such thing as the ?versions sub-resource for a key");
	return c->failed;
}

bool odd_delete(struct call *c) { return c->http != NULL && copies(c); }
