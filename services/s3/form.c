/* See form.h. What always holds: nothing behind `head` is read; every view lies inside it.
 * Source: RFC 7578; "POST Object" (S3 API Reference). */
#include "form.h"

struct str form_boundary(struct str content_type)
{
	while (str_present(content_type)) {
		struct str one = str_trim(str_cut(&content_type, ';'));
		if (!str_starts_nocase(one, S("boundary=")))
			continue;
		one = str_slice(one, sizeof "boundary=" - 1, one.n);
		if (one.n >= 2 && one.p[0] == '"' && one.p[one.n - 1] == '"')
			one = str_slice(one, 1, one.n - 1);
		return one.n > 0 && one.n <= 200 ? one : STR_NONE;
	}
	return STR_NONE;
}

static bool refuse(struct form_head *f, const char *code, const char *message)
{
	f->code = code;
	f->message = message;
	return false;
}

static bool malformed(struct form_head *f)
{
	return refuse(f, "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.");
}

/* name="x" out of a Content-Disposition. */
static struct str parameter(struct str line, struct str name)
{
	while (str_present(line)) {
		struct str value = str_trim(str_cut(&line, ';')), key = str_trim(str_cut(&value, '='));
		if (!str_present(value) || !str_eq_nocase(key, name))
			continue;
		value = str_trim(value);
		return value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"' ? str_slice(value, 1, value.n - 1) : value;
	}
	return STR_NONE;
}

struct part { struct str name, filename, type; };

/* The header lines of one part; *rest is behind the empty line. */
static bool part_headers(struct str *rest, struct part *p)
{
	*p = (struct part){0};
	for (int lines = 0; lines < 20; lines++) {
		ptrdiff_t end = str_find_str(*rest, S("\r\n"));
		if (end < 0)
			return false;
		struct str line = str_slice(*rest, 0, (size_t)end);
		*rest = str_slice(*rest, (size_t)end + 2, rest->n);
		if (line.n == 0)
			return str_present(p->name);
		struct str value = line, name = str_cut(&value, ':');
		if (str_eq_nocase(name, S("content-disposition"))) {
			p->name = parameter(value, S("name"));
			p->filename = parameter(value, S("filename"));
		} else if (str_eq_nocase(name, S("content-type"))) {
			p->type = str_trim(value);
		}
	}
	return false;
}

bool form_parse(struct str head, struct str boundary, struct form_head *out)
{
	char line[256];
	size_t n = 0, bytes = 0;
	*out = (struct form_head){0};
	if (!str_present(boundary) || boundary.n + 4 > sizeof line)
		return malformed(out);
	memcpy(line, "\r\n--", 4);
	memcpy(line + 4, boundary.p, boundary.n);
	n = boundary.n + 4;
	ASSERT(n <= sizeof line);
	struct str rest = head, first = str_of(line + 2, n - 2), between = str_of(line, n);
	if (!str_starts(rest, first))
		return malformed(out);
	rest = str_slice(rest, first.n, rest.n);
	for (;;) {
		struct part p;
		if (str_starts(rest, S("--")))
			return refuse(out, "InvalidArgument", "POST requires exactly one file upload per request.");
		if (!str_starts(rest, S("\r\n")))
			return malformed(out);
		rest = str_slice(rest, 2, rest.n);
		if (!part_headers(&rest, &p))
			return malformed(out);
		if (str_eq_nocase(p.name, S("file"))) {
			out->filename = p.filename;
			out->file_type = p.type;
			out->start = (size_t)(rest.p - head.p);
			ASSERT(out->start <= head.n);
			return true;
		}
		ptrdiff_t end = str_find_str(rest, between);
		if (end < 0)
			return malformed(out);
		bytes += (size_t)end;
		if (out->n == FORM_FIELDS_MAX || bytes > FORM_FIELDS_BYTES_MAX)
			return refuse(out, "MaxPostPreDataLengthExceededError", "Your POST request fields preceding the upload file were too large.");
		ASSERT(str_present(p.name) && (size_t)end + between.n <= rest.n);
		out->fields[out->n++] = (struct param){p.name, str_slice(rest, 0, (size_t)end), true};
		rest = str_slice(rest, (size_t)end + between.n, rest.n);
	}
}

struct str form_field(const struct form_head *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_eq_nocase(f->fields[i].name, str_c(name)))
			return f->fields[i].value;
	return STR_NONE;
}
