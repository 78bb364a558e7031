/* How S3 words a header or a query parameter that its model does not allow: each in its own way, unlike other services. Those that the
 * model lets pass (codec.json of S3) are the service's to judge.
 *
 * Source: the messages that S3 answers with, as its API reference, SDK issues and the test suites of S3's clients quote them. */
#include "wire/codec.h"

#include <string.h>

static const struct { const char *name, *code, *message; } words[] = {
	{"x-amz-server-side-encryption", "InvalidArgument", "The encryption method specified is not supported"},
	{"x-amz-metadata-directive", "InvalidArgument", "Unknown metadata directive."},
	{"x-amz-tagging-directive", "InvalidArgument", "Unknown tagging directive."},
	{"x-amz-object-lock-legal-hold", "InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'"},
	{"x-amz-object-attributes", "InvalidArgument", "Invalid attribute name specified."},
	{"x-amz-optional-object-attributes", "InvalidArgument", "Invalid attribute name specified."},
	{"x-amz-sdk-checksum-algorithm", "InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid."},
	{"max-buckets", "InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000"},
	{"x-amz-checksum-type", "InvalidRequest", "Value for x-amz-checksum-type header is invalid."},
};

/* The next in the order of the alphabet, which the model need not keep; NULL: there is none. */
static const char *kind_after(const struct shape *kinds, const char *last)
{
	const char *next = NULL, *one;
	for (size_t i = 0; (one = shape_value(kinds, i)) != NULL; i++)
		if ((last == NULL || strcmp(one, last) > 0) && (next == NULL || strcmp(one, next) < 0))
			next = one;
	return next;
}

static struct str kinds_text(struct arena *a, const struct shape *kinds)
{
	struct buf b;
	buf_init(&b, a, 0);
	buf_lit(&b, "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [");
	for (const char *one = kind_after(kinds, NULL); one != NULL; one = kind_after(kinds, one)) {
		if (b.p[b.n - 1] != '[')
			buf_lit(&b, ", ");
		buf_str(&b, str_c(one));
	}
	buf_putc(&b, ']');
	return buf_view(&b);
}

bool s3_words(struct arena *a, const struct member *m, struct str value, struct wire_error *err)
{
	const char *name = member_wire_name(m);
	ASSERT(m->location != LOC_BODY);
	if (strcmp(name, "x-amz-checksum-algorithm") == 0 && shape_value(member_shape(m), 0) != NULL) {
		err->code = S("InvalidRequest");
		err->message = kinds_text(a, member_shape(m));
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcmp(name, words[i].name) != 0)
			continue;
		err->code = str_c(words[i].code);
		err->message = str_c(words[i].message);
		if (str_eq(err->code, S("InvalidArgument"))) {
			wire_error_more(a, err, "ArgumentName", str_c(name));
			wire_error_more(a, err, "ArgumentValue", value);
		}
		return true;
	}
	return false;
}

void s3_missing_words(struct arena *a, const struct member *m, struct wire_error *err)
{
	const char *name = member_wire_name(m);
	ASSERT(m->location != LOC_BODY && m->required);
	if (strcmp(name, "x-amz-object-attributes") == 0) {
		err->code = S("InvalidRequest");
		err->message = S("The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty");
	} else if (strcmp(name, "uploadId") == 0) { /* a POST to an object that is none of the three there are */
		err->status = 405;
		err->code = S("MethodNotAllowed");
		err->message = S("The specified method is not allowed against this resource.");
		wire_error_more(a, err, "Method", S("POST"));
		wire_error_more(a, err, "ResourceType", S("OBJECT"));
	}
}

bool s3_number_words(struct arena *a, const char *name, struct str value, struct wire_error *err)
{
	bool part = strcmp(name, "partNumber") == 0;
	*err = (struct wire_error){.status = 400, .sender = true, .code = S("InvalidArgument")};
	if (strcmp(name, "x-amz-mp-object-size") == 0) {
		err->code = S("InvalidRequest");
		err->message = arena_join(a, S("Value for x-amz-mp-object-size header is invalid: '"), value, S("'"));
		return false;
	}
	err->message = part ? S("Part number must be an integer between 1 and 10000, inclusive")
	                    : arena_printf(a, "Provided %s not an integer or within integer range", name);
	wire_error_more(a, err, "ArgumentName", str_c(name));
	wire_error_more(a, err, "ArgumentValue", value);
	return false;
}
