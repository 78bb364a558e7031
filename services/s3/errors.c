/* S3's errors, in its own words. Source: "Error responses" (S3 API Reference). */
#include "s3.h"

void fail_no_bucket(struct call *c, struct str name)
{
	(void)name;
	call_fail_code(c, 404, "NoSuchBucket", "The specified bucket does not exist");
}

void fail_no_key(struct call *c, struct str key)
{
	(void)key;
	call_fail_code(c, 404, "NoSuchKey", "The specified key does not exist.");
}

static void fail_with(struct call *c, const char *code, const char *fmt, va_list ap)
{
	struct str text = arena_vprintf(c->arena, fmt, ap);
	call_fail_code(c, 400, code, "%.*s", STR_ARG(text));
}

void fail_argument(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fail_with(c, "InvalidArgument", fmt, ap);
	va_end(ap);
}

void fail_request(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fail_with(c, "InvalidRequest", fmt, ap);
	va_end(ap);
}

void fail_xml(struct call *c)
{
	call_fail_code(c, 400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema");
}

void fail_denied(struct call *c) { call_fail_code(c, 403, "AccessDenied", "Access Denied"); }
