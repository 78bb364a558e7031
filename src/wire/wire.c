/* The door of the wire room: which codec an operation's request and answer go through.
 *
 * Envelopes of the protocols that have one body and no bindings (JSON 1.0 and 1.1, CBOR) are here; REST is in rest_*.c,
 * query and EC2 in query_*.c, errors in error.c.
 *
 * What always holds: an input that is given back has been decoded whole; nothing here looks at constraints or at
 * the store. */
#include "wire/codec.h"

#include <libdeflate.h>

struct str wire_header(const struct wire_request *r, struct str name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (str_eq_nocase(r->headers[i].name, name))
			return r->headers[i].value;
	return STR_NONE;
}

void wire_add_header(struct arena *a, struct wire_response *r, struct str name, struct str value)
{
	ASSERT(name.n > 0 && r->n_headers <= r->cap_headers);
	if (r->n_headers == r->cap_headers) {
		size_t cap = r->cap_headers == 0 ? 8 : r->cap_headers * 2;
		r->headers = arena_grow(a, r->headers, sizeof(r->headers[0]), r->cap_headers, cap);
		r->cap_headers = cap;
	}
	r->headers[r->n_headers++] = (struct param){.name = name, .value = value, .has_value = true};
}

static bool decode_json(struct arena *a, const struct model_op *op, const struct wire_request *r, void *in, struct wire_error *err)
{
	/* Some clients send nothing where the input has no members. */
	if (str_empty(str_trim(r->body)))
		return true;
	return json_decode(a, model_op_model(op), model_op_input(op), r->body, false, in, err);
}

/* The body wins over the query string: what the signature covers is both, and the operation may be named in
 * either. */
static bool decode_form(struct arena *a, const struct shape *s, const struct wire_request *r, bool ec2, void *in,
                        struct wire_error *err)
{
	ASSERT(shape_is_struct(s));
	enum { FIELDS_MAX = 100000 };
	struct params form = {0};
	/* GET requests carry the same fields in the query string. */
	struct str text = str_empty(r->body) ? r->raw_query : r->body;
	if (text.n > 0 && !params_parse(a, text, FIELDS_MAX, &form))
		return wire_fail(err, "MalformedQueryString", 400, S("Malformed query string"));
	return query_decode(a, s, &form, ec2, in, err);
}

/* Clients compress large bodies of CloudWatch and others ("Content-Encoding: gzip"). S3 keeps its encodings as they are:
 * there they belong to the object. false: malformed, or over INFLATED_MAX. */
static bool inflate_body(struct arena *a, const struct wire_request *r, struct str *body)
{
	ASSERT(r->body.n > 0);
	enum { INFLATED_MAX = 16 << 20 };
	size_t cap = r->body.n * 4 + 4096, n = 0;
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	enum libdeflate_result res = LIBDEFLATE_INSUFFICIENT_SPACE;
	char *p = NULL;
	if (d == NULL)
		die("out of memory");
	while (res == LIBDEFLATE_INSUFFICIENT_SPACE && cap <= 4 * (size_t)INFLATED_MAX) {
		cap = cap < INFLATED_MAX ? cap : INFLATED_MAX;
		p = arena_bytes(a, cap);
		res = libdeflate_gzip_decompress(d, r->body.p, r->body.n, p, cap, &n);
		cap = cap == INFLATED_MAX ? SIZE_MAX : cap * 4;
	}
	libdeflate_free_decompressor(d);
	ASSERT(n <= INFLATED_MAX);
	*body = str_of(p, n);
	return res == LIBDEFLATE_SUCCESS;
}

/* The coding nearest to the body is the last one named; the others, if there are any, are the client's mistake and
 * show as malformed input. */
static bool is_gzip(const struct model_op *op, const struct wire_request *r)
{
	ASSERT(op != NULL);
	return !model_op_model(op)->s3_signer && r->body.n > 0 && r->stream == NULL &&
	       str_ends(wire_header(r, S("Content-Encoding")), S("gzip"));
}

void *wire_decode(struct arena *a, const struct model_op *op, const struct wire_request *r, struct wire_error *err)
{
	ASSERT(op != NULL && r != NULL && err != NULL);
	if (model_op_input(op) == NULL)
		return arena_alloc(a, 1);
	ASSERT(shape_is_struct(model_op_input(op)));
	void *in = arena_alloc(a, model_op_input(op)->size);
	bool ok = true;
	struct wire_request inflated = *r;
	if (is_gzip(op, r)) {
		if (!inflate_body(a, r, &inflated.body)) {
			wire_fail(err, "SerializationException", 400, S("The request's gzip body is malformed or too large"));
			return NULL;
		}
		r = &inflated;
	}
	switch (r->protocol) {
	case PROTO_JSON_1_0:
	case PROTO_JSON_1_1: ok = decode_json(a, op, r, in, err); break;
	case PROTO_CBOR: ok = str_empty(r->body) || cbor_decode(a, model_op_input(op), r->body, in, err); break;
	case PROTO_QUERY:
	case PROTO_EC2: ok = decode_form(a, model_op_input(op), r, r->protocol == PROTO_EC2, in, err); break;
	case PROTO_REST_JSON:
	case PROTO_REST_XML: ok = rest_decode(a, op, r, r->protocol, in, err); break;
	case PROTO_NONE:
	case PROTO_RAW: assert_failed("a protocol of the model", __FILE__, __LINE__); break;
	}
	return ok ? in : NULL;
}

/* An event stream answers in the place of a body (StartLiveTail): the member's body, when the handler has set it. */
static struct body *event_stream(const struct shape *output, const void *v)
{
	for (size_t i = 0; i < output->n_members; i++)
		if (shape_members(output)[i].streaming && member_shape(&shape_members(output)[i])->eventstream)
			return (struct body *)(uintptr_t)member_stream_get(&shape_members(output)[i], v);
	return NULL;
}

enum { GUESS_MAX = 2 << 20 };

static void encode_json(struct arena *a, const struct model_op *op, const void *output, enum protocol p, struct wire_response *out)
{
	struct buf b;
	buf_init(&b, a, 0);
	out->stream = model_op_output(op) != NULL ? event_stream(model_op_output(op), output) : NULL;
	if (out->stream != NULL) {
		wire_add_header(a, out, S("Content-Type"), S("application/vnd.amazon.eventstream"));
		return;
	}
	wire_add_header(a, out, S("Content-Type"), p == PROTO_JSON_1_0 ? S("application/x-amz-json-1.0") : S("application/x-amz-json-1.1"));
	if (model_op_output(op) == NULL)
		return;
	/* Its parts lie in this arena, and it is hardly longer than they are: room at once, or it is copied while it grows. */
	size_t made = arena_used(a);
	(void)buf_reserve(&b, made < GUESS_MAX ? made : GUESS_MAX);
	json_encode(&b, a, model_op_output(op), output, false);
	out->body = buf_view(&b);
}

/* An operation without output answers with no body and no type: that is how the protocol tells it from an empty
 * structure. */
static void encode_cbor(struct arena *a, const struct model_op *op, const void *output, struct wire_response *out)
{
	struct buf b;
	buf_init(&b, a, 0);
	wire_add_header(a, out, S("smithy-protocol"), S("rpc-v2-cbor"));
	if (model_op_output(op) == NULL)
		return;
	wire_add_header(a, out, S("Content-Type"), S("application/cbor"));
	cbor_encode(&b, model_op_output(op), output);
	out->body = buf_view(&b);
}

void wire_encode(struct arena *a, const struct model_op *op, const void *output, enum protocol p, struct str request_id,
                 struct wire_response *out)
{
	ASSERT(op != NULL && out != NULL && (model_op_output(op) == NULL || output != NULL));
	*out = (struct wire_response){.status = op->http_status != 0 ? op->http_status : WIRE_STATUS_DEFAULT, .body = S("")};
	bool s3 = model_op_model(op)->s3_signer;
	wire_add_header(a, out, s3 ? S("x-amz-request-id") : S("x-amzn-RequestId"), request_id);
	switch (p) {
	case PROTO_JSON_1_0:
	case PROTO_JSON_1_1: encode_json(a, op, output, p, out); break;
	case PROTO_CBOR: encode_cbor(a, op, output, out); break;
	case PROTO_QUERY:
	case PROTO_EC2: query_encode(a, op, output, p == PROTO_EC2, request_id, out); break;
	case PROTO_REST_JSON:
	case PROTO_REST_XML:
		if (s3)
			wire_add_header(a, out, S("x-amz-id-2"), sha256_hex(a, request_id));
		rest_encode(a, op, output, p, out);
		break;
	case PROTO_NONE:
	case PROTO_RAW: assert_failed("a protocol of the model", __FILE__, __LINE__); break;
	}
	ASSERT(out->status >= 100 && out->status <= 599);
}
