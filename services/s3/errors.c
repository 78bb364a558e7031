/* S3's errors, in its own words, with the elements it adds after the message.
 * Source: "Error responses" (S3 API Reference); which elements come with which code: answers of AWS, as recorded in LocalStack's tests. */
#include "s3.h"

#include "base/time.h"

void fail_with(struct call *c, int status, const char *code, const char *name, struct str value, const char *fmt, ...)
{
	va_list ap;
	ASSERT(name != NULL || !str_present(value));
	if (c->failed)
		return;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	call_fail_code(c, status, code, "%.*s", STR_ARG(text));
	if (name != NULL)
		call_fail_more(c, name, value);
}

void fail_no_bucket(struct call *c, struct str name)
{
	fail_with(c, 404, "NoSuchBucket", "BucketName", name, "The specified bucket does not exist");
}

void fail_no_key(struct call *c, struct str key)
{
	fail_with(c, 404, "NoSuchKey", "Key", key, "The specified key does not exist.");
}

void fail_not_set(struct call *c, const char *code, struct str bucket, const char *message)
{
	fail_with(c, 404, code, "BucketName", bucket, "%s", message);
}

void fail_method(struct call *c, const char *resource)
{
	if (c->failed)
		return;
	struct str method = c->http != NULL ? c->http->method : STR_NONE;
	fail_with(c, 405, "MethodNotAllowed", "Method", method, "The specified method is not allowed against this resource.");
	call_fail_more(c, "ResourceType", str_c(resource));
}

void fail_condition(struct call *c, const char *condition)
{
	fail_with(c, 412, "PreconditionFailed", "Condition", str_c(condition), "At least one of the pre-conditions you specified did not hold");
}

void fail_value(struct call *c, const char *name, struct str value, const char *fmt, ...)
{
	va_list ap;
	ASSERT(name != NULL && fmt != NULL);
	if (c->failed)
		return;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	fail_with(c, 400, "InvalidArgument", "ArgumentName", str_c(name), "%.*s", STR_ARG(text));
	call_fail_more(c, "ArgumentValue", value);
}

bool limit_ok(struct call *c, const char *name, const char *parameter, struct opt_i64 n)
{
	ASSERT(name != NULL && parameter != NULL);
	struct str sent = arena_printf(c->arena, "%lld", (long long)n.v);
	if (n.set && n.v > INT32_MAX)
		fail_value(c, parameter, sent, "Provided %s not an integer or within integer range", parameter);
	else if (n.set && n.v < 0)
		fail_value(c, name, sent, "Argument %s must be an integer between 0 and 2147483647", name);
	return !c->failed;
}

/* As S3 prints it: "Tue Dec 31 16:00:00 PST 2019", the time of its home. */
static struct str pacific_text(struct arena *a, int64_t ms)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const int64_t hour = 3600000;
	struct civil t = civil_of(ms);
	/* The second Sunday of March and the first of November, 02:00 there. */
	struct civil march = civil_of(civil_ms((struct civil){.year = t.year, .month = 3, .day = 8}));
	struct civil november = civil_of(civil_ms((struct civil){.year = t.year, .month = 11, .day = 1}));
	int64_t from = civil_ms(march) + (7 - march.weekday) % 7 * 24 * hour + 10 * hour;
	int64_t to = civil_ms(november) + (7 - november.weekday) % 7 * 24 * hour + 9 * hour;
	bool summer = ms >= from && ms < to;
	t = civil_of(ms - (summer ? 7 : 8) * hour);
	ASSERT(t.weekday >= 0 && t.weekday < 7 && t.month >= 1 && t.month <= 12);
	return arena_printf(a, "%.3s %.3s %02d %02d:%02d:%02d %s %d", days + 3 * t.weekday, months + 3 * (t.month - 1), t.day, t.hour, t.minute, t.second,
		summer ? "PDT" : "PST", t.year);
}

void fail_retention_past(struct call *c, const char *name, struct opt_time until)
{
	ASSERT(until.set);
	fail_value(c, name, pacific_text(c->arena, until.ms), "The retain until date must be in the future!");
}

static void fail_400(struct call *c, const char *code, const char *fmt, va_list ap)
{
	struct str text = arena_vprintf(c->arena, fmt, ap);
	call_fail_code(c, 400, code, "%.*s", STR_ARG(text));
}

void fail_argument(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fail_400(c, "InvalidArgument", fmt, ap);
	va_end(ap);
}

void fail_request(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fail_400(c, "InvalidRequest", fmt, ap);
	va_end(ap);
}

void fail_xml(struct call *c)
{
	call_fail_code(c, 400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema");
}

void fail_denied(struct call *c) { call_fail_code(c, 403, "AccessDenied", "Access Denied"); }
