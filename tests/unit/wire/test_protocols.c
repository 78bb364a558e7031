/* AWS's published protocol cases, all of them, seen from the server.
 *
 * input: the request of the case is decoded and must give the case's parameters. output: the case's result is
 * encoded; what a client reads from that must be the result again, and so must what it reads from the published answer.
 * The suites lie outside the repository (../shared/suites or $TSUBO_SUITES); without them this skips and says so. Cases
 * that do not apply to a server are listed with their reasons in protocol_exceptions.txt; each must be met, so that the
 * list cannot grow stale. Tables are made from the suites by tools/modelc at build time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/xml.h"
#include "wire/codec.h"

#include "../../op_copy.h"

struct suite {
	const char *kind, *file; /* "input", "rest-json.json" */
	const struct model *const *models;
};
extern const struct suite suites[];
extern const char *const suites_dir;

static struct str read_file(struct arena *a, const char *path)
{
	struct buf b;
	char piece[65536];
	size_t n;
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return STR_NONE;
	buf_init(&b, a, 0);
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buf_put(&b, piece, n);
	fclose(f);
	return buf_view(&b);
}

/* ---- exceptions: "input/query.json CaseId reason..." ---- */

struct exception { struct str file, id; bool met; };
static struct exception exceptions[128];
static size_t n_exceptions;

static void read_exceptions(struct arena *a)
{
	struct str text = read_file(a, "tests/unit/wire/protocol_exceptions.txt");
	assert_non_null(text.p);
	while (text.p != NULL) {
		struct str line = str_cut(&text, '\n');
		if (line.n == 0 || line.p[0] == '#')
			continue;
		struct str file = str_cut(&line, ' '), id = str_cut(&line, ' ');
		assert_true(line.n > 0);
		assert_true(n_exceptions < COUNT_OF(exceptions));
		exceptions[n_exceptions++] = (struct exception){file, id, false};
	}
}

static struct exception *find_exception(struct str file, struct str id)
{
	for (size_t i = 0; i < n_exceptions; i++)
		if (str_eq(exceptions[i].file, file) && str_eq(exceptions[i].id, id))
			return &exceptions[i];
	return NULL;
}

/* ---- the case's values in our form: blobs are base64 in a tree, absent is absent ---- */

static void normalize(struct arena *a, const struct shape *s, const struct json *j, bool raw, struct json *out)
{
	*out = *j;
	if (s->type == SHAPE_BLOB && j->type == JSON_STRING && !raw)
		*out = *json_new_str(a, base64_encode(a, j->text));
	if (shape_is_struct(s) && j->type == JSON_OBJECT) {
		*out = *json_new_object(a);
		for (uint32_t i = 0; i < j->n; i++) {
			const struct member *m = shape_member(s, j->members[i].key);
			struct json v;
			if (m == NULL || j->members[i].value.type == JSON_NULL)
				continue;
			normalize(a, member_shape(m), &j->members[i].value, m->streaming, &v);
			json_set(a, out, j->members[i].key, &v);
		}
	}
	if (s->type == SHAPE_LIST && j->type == JSON_ARRAY) {
		*out = *json_new_array(a);
		for (uint32_t i = 0; i < j->n; i++) {
			struct json v;
			normalize(a, item_shape(s), &j->items[i], false, &v);
			json_push(a, out, &v);
		}
	}
	if (s->type == SHAPE_MAP && j->type == JSON_OBJECT) {
		*out = *json_new_object(a);
		for (uint32_t i = 0; i < j->n; i++) {
			struct json v;
			normalize(a, item_shape(s), &j->members[i].value, false, &v);
			json_set(a, out, j->members[i].key, &v);
		}
	}
}

static struct json *expected(struct arena *a, const struct shape *s, const struct json *j)
{
	static const struct json empty = {.type = JSON_OBJECT};
	struct json *out = json_new_null(a);
	normalize(a, s, j != NULL ? j : &empty, false, out);
	return out;
}

/* ---- requests ---- */

static struct param *headers_of(struct arena *a, const struct json *object, size_t *n)
{
	struct param *v = arena_array(a, struct param, object != NULL ? object->n : 0);
	*n = object != NULL ? object->n : 0;
	for (size_t i = 0; i < *n; i++)
		v[i] = (struct param){object->members[i].key, json_str(&object->members[i].value), true};
	return v;
}

static struct wire_request request_of(struct arena *a, const struct model *m, const struct json *s)
{
	struct wire_request r = {.method = json_get_str(s, "method"), .protocol = m->protocol};
	struct str uri = json_get_str(s, "uri"), host = json_get_str(s, "host");
	r.raw_path = str_cut(&uri, '?');
	r.path_params_base = r.raw_path;
	r.raw_query = uri;
	r.host = host.p != NULL ? host : S("localhost");
	r.headers = headers_of(a, json_get(s, S("headers")), &r.n_headers);
	assert_true(uri.p == NULL || params_parse(a, uri, 1000, &r.query));
	r.body = json_get_str(s, "body");
	if (r.body.p == NULL)
		r.body = S("");
	if (m->protocol == PROTO_CBOR)
		r.body = base64_decode(a, r.body);
	return r;
}

/* Clients fill idempotency tokens in, which the case's parameters do not show. */
static void drop_tokens(struct json *got, const struct shape *s, const struct json *want)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (shape_members(s)[i].idempotency_token && json_get(want, str_c(member_name(&shape_members(s)[i]))) == NULL)
			json_unset(got, str_c(member_name(&shape_members(s)[i])));
}

static bool run_input(struct arena *a, const struct model_op *op, const struct json *c, struct str *why)
{
	struct wire_request r = request_of(a, model_op_model(op), json_get(c, S("serialized")));
	struct wire_error err = {0};
	bool rest = r.protocol == PROTO_REST_JSON || r.protocol == PROTO_REST_XML;
	if (model_op_input(op) == NULL)
		return true;
	if (shape_payload(model_op_input(op)) != NULL && shape_payload(model_op_input(op))->streaming) {
		r.stream = arena_new_of(a, struct body);
		r.stream->bytes = r.body;
	}
	if (rest && wire_match_rest(model_op_model(op), &r) == NULL) {
		*why = S("no operation matches");
		return false;
	}
	void *in = wire_decode(a, op, &r, &err);
	if (in == NULL) {
		*why = arena_join(a, S("not decoded: "), err.message);
		return false;
	}
	struct json *got = typed_to_json(a, model_op_input(op), in), *want = expected(a, model_op_input(op), json_get(c, S("params")));
	drop_tokens(got, model_op_input(op), want);
	*why = arena_join(a, S("want "), json_text(a, want), S("\n    got  "), json_text(a, got));
	return json_equal(got, want);
}

/* ---- answers, as a client reads them ---- */

struct reply { int status; const struct param *headers; size_t n_headers; struct str body; };

static void *parse_xml_reply(struct arena *a, const struct model_op *op, const struct shape *s, struct str body)
{
	struct wire_error err;
	const char *why = NULL;
	void *v = arena_alloc(a, s->size);
	if (body.n == 0)
		return v;
	const struct xml *x = xml_parse(a, body, &why);
	if (x != NULL && model_op_model(op)->protocol == PROTO_QUERY && model_op_result_wrapper(op) != NULL)
		x = xml_child(x, str_c(model_op_result_wrapper(op)));
	return x == NULL ? NULL : xml_decode(a, s, x, false, v, &err) ? v : NULL;
}

/* An operation whose input is this: answers carry in the body what a request has in its URI. */
static const struct model_op *as_input(struct arena *a, const struct model_op *op, const struct shape *s)
{
	struct model_op *copy = op_copy(a, op);
	const struct shape *in = op_copy_part(copy, op, s);
	copy->input_at = (int32_t)((const char *)in - (const char *)copy);
	struct member *members = s->n_members > 0 ? op_copy_part(copy, op, shape_members(s)) : NULL;
	for (size_t i = 0; i < s->n_members; i++)
		if (members[i].location == LOC_URI || members[i].location == LOC_QUERY)
			members[i].location = LOC_BODY;
	return copy;
}

/* REST answers bind like REST requests: decode them as one. */
static void *parse_rest_reply(struct arena *a, const struct model_op *op, const struct shape *s, const struct reply *r, struct str *why)
{
	struct wire_request q = {.method = S("GET"), .raw_path = S("/"), .body = r->body, .headers = r->headers,
	                         .n_headers = r->n_headers, .protocol = model_op_model(op)->protocol};
	struct wire_error err = {0};
	struct body *stream = arena_new_of(a, struct body);
	stream->bytes = r->body;
	q.stream = stream;
	char *v = wire_decode(a, as_input(a, op, s), &q, &err);
	*why = err.message;
	for (size_t i = 0; v != NULL && i < s->n_members; i++)
		if (shape_members(s)[i].location == LOC_STATUS)
			*(struct opt_i64 *)(void *)(v + shape_members(s)[i].offset) = SOME_I64(r->status);
	return v;
}

static void *parse_reply(struct arena *a, const struct model_op *op, const struct shape *s, const struct reply *r, struct str *why)
{
	struct wire_error err = {0};
	void *v = arena_alloc(a, s->size);
	bool ok = true;
	switch (model_op_model(op)->protocol) {
	case PROTO_CBOR: ok = r->body.n == 0 || cbor_decode(a, s, r->body, v, &err); break;
	case PROTO_JSON_1_0:
	case PROTO_JSON_1_1: ok = r->body.n == 0 || json_decode(a, NULL, s, r->body, false, v, &err); break;
	case PROTO_QUERY:
	case PROTO_EC2: return parse_xml_reply(a, op, s, r->body);
	default: return parse_rest_reply(a, op, s, r, why);
	}
	*why = err.message;
	return ok ? v : NULL;
}

static struct reply published_reply(struct arena *a, const struct model *m, const struct json *c)
{
	const struct json *r = json_get(c, S("response"));
	struct reply out = {.status = (int)json_get_i64(r, "status_code", 0), .body = json_get_str(r, "body")};
	out.headers = headers_of(a, json_get(r, S("headers")), &out.n_headers);
	if (out.body.p == NULL)
		out.body = S("");
	if (m->protocol == PROTO_CBOR)
		out.body = base64_decode(a, out.body);
	return out;
}

static struct reply our_reply(const struct wire_response *w)
{
	return (struct reply){w->status, w->headers, w->n_headers, w->stream != NULL ? w->stream->bytes : w->body.p != NULL ? w->body : S("")};
}

static bool same(struct arena *a, const char *who, const struct model_op *op, const struct shape *s, const struct reply *r,
                 const struct json *want, struct str *why)
{
	struct str text = STR_NONE;
	void *v = parse_reply(a, op, s, r, &text);
	if (v == NULL) {
		*why = arena_join(a, str_c(who), S(" answer not read: "), text, S("\n"), r->body);
		return false;
	}
	struct json *got = typed_to_json(a, s, v);
	*why = arena_join(a, str_c(who), S(" answer: want "), json_text(a, want), S("\n    got  "), json_text(a, got), S("\n"), r->body);
	return json_equal(got, want);
}

static bool run_output(struct arena *a, const struct model_op *op, const struct json *c, struct str *why)
{
	struct reply theirs = published_reply(a, model_op_model(op), c);
	struct wire_response w;
	if (model_op_output(op) == NULL) {
		wire_encode(a, op, NULL, model_op_model(op)->protocol, S("id"), &w);
		return w.status == theirs.status;
	}
	struct json *want = expected(a, model_op_output(op), json_get(c, S("result")));
	void *v = typed_from_json(a, model_op_output(op), want, true, why);
	if (v == NULL)
		return false;
	want = typed_to_json(a, model_op_output(op), v);
	wire_encode(a, op, v, model_op_model(op)->protocol, S("id"), &w);
	struct reply ours = our_reply(&w);
	if (ours.status != theirs.status) {
		*why = arena_printf(a, "status %d, want %d", ours.status, theirs.status);
		return false;
	}
	return same(a, "published", op, model_op_output(op), &theirs, want, why) && same(a, "our", op, model_op_output(op), &ours, want, why);
}

/* ---- errors ---- */

static struct str reply_header(const struct reply *r, struct str name)
{
	struct wire_request q = {.headers = r->headers, .n_headers = r->n_headers};
	return wire_header(&q, name);
}

/* "ns#Code:uri" -> "Code" */
static struct str bare_code(struct str code)
{
	ptrdiff_t hash = str_find(code, '#');
	struct str rest = hash >= 0 ? str_slice(code, (size_t)hash + 1, code.n) : code;
	return str_cut(&rest, ':');
}

static const struct xml *error_element(struct arena *a, struct str body)
{
	const char *why;
	const struct xml *x = xml_parse(a, body, &why);
	if (xml_child(x, S("Errors")) != NULL)
		x = xml_child(x, S("Errors"));
	return xml_child(x, S("Error")) != NULL ? xml_child(x, S("Error")) : x;
}

static struct str cbor_type(struct arena *a, struct str body)
{
	struct tables { struct shape s, text; struct member m; uint16_t order[1]; char name[8]; };
	static const struct tables t = {
		.s = {.type = SHAPE_STRUCT, .n_members = 1, .size = sizeof(struct str),
		      .members_at = offsetof(struct tables, m), .order_at = offsetof(struct tables, order)},
		.text = {.type = SHAPE_STRING},
		.m = {.name_at = offsetof(struct tables, name) - offsetof(struct tables, m),
		      .shape_at = (int32_t)offsetof(struct tables, text) - (int32_t)offsetof(struct tables, m)},
		.name = "__type",
	};
	struct wire_error err;
	struct str out = STR_NONE;
	return cbor_decode(a, &t.s, body, &out, &err) ? out : STR_NONE;
}

static struct str reply_code(struct arena *a, enum protocol p, const struct reply *r)
{
	struct str query = reply_header(r, S("x-amzn-query-error")), type = reply_header(r, S("x-amzn-errortype"));
	if (query.p != NULL)
		return str_cut(&query, ';');
	if (type.p != NULL)
		return bare_code(type);
	if (p == PROTO_CBOR)
		return bare_code(cbor_type(a, r->body));
	if (p == PROTO_QUERY || p == PROTO_EC2 || p == PROTO_REST_XML)
		return xml_child_text(error_element(a, r->body), S("Code"));
	struct json *j = json_parse(a, r->body, NULL);
	type = json_get_str(j, "__type");
	return bare_code(type.p != NULL ? type : json_get_str(j, "code"));
}

static struct json *reply_error(struct arena *a, const struct model_op *op, const struct shape *s, const struct reply *r)
{
	struct str why = STR_NONE;
	struct wire_error err;
	enum protocol p = model_op_model(op)->protocol;
	if (p != PROTO_QUERY && p != PROTO_EC2 && p != PROTO_REST_XML) {
		void *v = parse_reply(a, op, s, r, &why);
		return v == NULL ? NULL : typed_to_json(a, s, v);
	}
	/* Header members of rest-xml's errors, then the element. */
	struct reply head = *r;
	head.body = S("");
	void *v = p == PROTO_REST_XML ? parse_reply(a, op, s, &head, &why) : arena_alloc(a, s->size);
	return v != NULL && xml_decode(a, s, error_element(a, r->body), true, v, &err) ? typed_to_json(a, s, v) : NULL;
}

static const struct shape *error_shape(const struct model_op *op, struct str code)
{
	const struct shape *e = NULL;
	for (size_t i = 0; (e = model_op_error(op, i)) != NULL; i++)
		if (str_eq(str_c(shape_name(e)), code) || str_eq(str_c(shape_error_code(e)), code))
			return e;
	return NULL;
}

static bool run_error(struct arena *a, const struct model_op *op, const struct json *c, struct str *why)
{
	struct str code = json_get_str(c, "errorCode"), message = json_get_str(c, "errorMessage");
	const struct shape *s = error_shape(op, code);
	struct reply theirs = published_reply(a, model_op_model(op), c);
	struct wire_response w;
	if (s == NULL) {
		*why = arena_join(a, S("no error shape for "), code);
		return false;
	}
	struct json *want = expected(a, s, json_get(c, S("error")));
	void *detail = typed_from_json(a, s, want, false, why);
	if (detail == NULL)
		return false;
	struct wire_error err = {.code = str_c(shape_name(s)), .message = message, .status = theirs.status, .sender = !s->fault,
	                         .shape = s, .detail = detail};
	wire_encode_error(a, model_op_model(op), op, &err, model_op_model(op)->protocol, true, S("id"), &w);
	struct reply ours = our_reply(&w);
	struct json *got = reply_error(a, op, s, &ours), *published = reply_error(a, op, s, &theirs);
	struct str got_code = reply_code(a, model_op_model(op)->protocol, &ours);
	*why = arena_join(a, S("error: want "), code, S(" "), json_text(a, want), S("\n    got  "), got_code, S(" "),
	                  got != NULL ? json_text(a, got) : S("unreadable"), S("\n"), w.body);
	if (got == NULL || published == NULL || !json_equal(published, want))
		return false;
	/* We always send the message, be it empty. */
	const struct member *m = error_message_member(s);
	if (m != NULL && json_get(want, str_c(member_name(m))) == NULL && json_get(got, str_c(member_name(m))) != NULL)
		json_unset(got, str_c(member_name(m)));
	return str_eq(got_code, code) && json_equal(got, want) && w.status == theirs.status;
}

/* ---- running ---- */

static bool run_case(struct arena *a, const char *kind, const struct model_op *op, const struct json *c, struct str *why)
{
	if (strcmp(kind, "input") == 0)
		return run_input(a, op, c, why);
	if (json_get(c, S("errorCode")) != NULL)
		return run_error(a, op, c, why);
	return run_output(a, op, c, why);
}

static size_t run_suite(const struct suite *s, size_t *ran)
{
	struct arena *a = arena_new(1 << 20);
	struct str path = arena_printf(a, "%s/%s/%s", suites_dir, s->kind, s->file);
	struct str file = arena_printf(a, "%s/%s", s->kind, s->file);
	struct json *entries = json_parse(a, read_file(a, path.p), NULL);
	size_t failed = 0;
	assert_non_null(entries);
	for (uint32_t i = 0; i < entries->n; i++) {
		struct json *cases = json_get(json_at(entries, i), S("cases"));
		for (uint32_t k = 0; cases != NULL && k < cases->n; k++) {
			struct json *c = json_at(cases, k);
			struct str id = json_get_str(c, "id"), why = STR_NONE;
			struct exception *e = find_exception(file, id);
			bool ok = run_case(a, s->kind, &model_ops(s->models[i])[k], c, &why);
			++*ran;
			if (e != NULL)
				e->met = true;
			if (ok == (e == NULL))
				continue;
			failed++;
			printf("%.*s %.*s %s\n    %.*s\n", STR_ARG(file), STR_ARG(id), ok ? "passes, but is listed as an exception" : "FAILS",
			       STR_ARG(why));
		}
	}
	arena_free(a);
	return failed;
}

static void published_cases(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	size_t ran = 0, failed = 0;
	if (suites[0].kind == NULL) {
		printf("the protocol suites are not there (../shared/suites or $TSUBO_SUITES): skipped\n");
		arena_free(a);
		skip();
	}
	read_exceptions(a);
	for (const struct suite *s = suites; s->kind != NULL; s++)
		failed += run_suite(s, &ran);
	for (size_t i = 0; i < n_exceptions; i++)
		if (!exceptions[i].met) {
			printf("no case %.*s %.*s\n", STR_ARG(exceptions[i].file), STR_ARG(exceptions[i].id));
			failed++;
		}
	printf("%zu cases, %zu listed exceptions, %zu failures\n", ran, n_exceptions, failed);
	arena_free(a);
	assert_int_equal(failed, 0);
	assert_true(ran > 700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(published_cases)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
