/* Names and ARNs of functions, and the errors every operation shares. Source: the FunctionName parameter of the Lambda
 * API reference ("Name formats": name, partial ARN, ARN; a version or alias may be appended). */
#include "lambda.h"

#include "base/time.h"
#include "os/os.h"

#include <stdarg.h>

void lambda_fail(struct call *c, const struct shape *error, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	void *detail = call_fail(c, error, "%.*s", STR_ARG(text));
	const struct member *type = shape_member(error, S("Type"));
	if (type != NULL)
		*(struct str *)((char *)detail + type->offset) = S("User");
}

struct str function_arn(struct call *c, struct str name, struct str qualifier)
{
	struct str resource = str_present(qualifier) ? arena_join(c->arena, S("function:"), name, S(":"), qualifier)
	                                             : arena_join(c->arena, S("function:"), name);
	return arn_make(c->arena, "lambda", c->region, c->account, resource);
}

struct str layer_arn(struct call *c, struct str name)
{
	return arn_make(c->arena, "lambda", c->region, c->account, arena_join(c->arena, S("layer:"), name));
}

void function_missing(struct call *c, struct str name, struct str qualifier)
{
	struct str arn = function_arn(c, name, qualifier);
	lambda_fail(c, &lambda_err_ResourceNotFoundException, "Function not found: %.*s", STR_ARG(arn));
}

struct str new_uuid(struct call *c)
{
	char text[37];
	random_uuid(text);
	return arena_dup(c->arena, str_c(text));
}

struct str lambda_time(struct call *c)
{
	struct str t = time_iso8601_ms(c->arena, c->now_ms);
	return arena_join(c->arena, str_slice(t, 0, t.n - 1), S("+0000"));
}

bool is_version_number(struct str s)
{
	uint64_t n;
	return str_to_u64(s, &n) && s.p[0] >= '1' && s.p[0] <= '9'; /* "01" is no version's name */
}

/* Cut "name[:qualifier]". */
static void split_name(struct str rest, struct function_ref *out)
{
	out->name = str_cut(&rest, ':');
	out->qualifier = rest;
}

bool function_ref_of(struct call *c, struct str name, struct str qualifier, struct function_ref *out)
{
	*out = (struct function_ref){0};
	struct arn arn;
	if (str_starts(name, S("arn:"))) {
		if (!arn_parse(name, &arn) || !str_eq(arn.service, S("lambda")) || !str_starts(arn.resource, S("function:"))) {
			lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid function ARN: %.*s", STR_ARG(name));
			return false;
		}
		if (!str_eq(arn.region, c->region)) {
			lambda_fail(c, &lambda_err_ResourceNotFoundException, "Functions from '%.*s' are not reachable in this region ('%.*s')",
				STR_ARG(arn.region), STR_ARG(c->region));
			return false;
		}
		split_name(str_slice(arn.resource, sizeof "function:" - 1, arn.resource.n), out);
	} else if (str_find_str(name, S(":function:")) >= 0) {
		size_t at = (size_t)str_find_str(name, S(":function:")) + sizeof ":function:" - 1;
		split_name(str_slice(name, at, name.n), out);
	} else if (str_starts(name, S("function:"))) {
		split_name(str_slice(name, sizeof "function:" - 1, name.n), out);
	} else {
		split_name(name, out);
	}
	if (str_present(qualifier) && str_present(out->qualifier) && !str_eq(qualifier, out->qualifier)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException,
			"The derived qualifier from the function name does not match the specified qualifier.");
		return false;
	}
	if (str_present(qualifier))
		out->qualifier = qualifier;
	if (out->name.n == 0 || out->name.n > 64) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid function name: %.*s", STR_ARG(name));
		return false;
	}
	return true;
}

void access_function(struct call *c, struct str name, struct str qualifier)
{
	struct function_ref ref;
	if (function_ref_of(c, name, qualifier, &ref))
		authorize(c, NULL, function_arn(c, ref.name, ref.qualifier), NULL);
}

struct str queue_url(struct arena *a, struct str arn_text)
{
	struct arn arn;
	bool ok = arn_parse(arn_text, &arn);
	ASSERT(ok);
	return arn_queue_url(a, &arn);
}
