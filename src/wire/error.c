/* Errors on their way to a client, in the words of each protocol.
 *
 * json: {"__type": "namespace#Code", "message": ...}, and x-amzn-query-error where a service came from query.
 * rest-json: x-amzn-ErrorType. query and rest-xml: <ErrorResponse><Error>. ec2: <Response><Errors><Error>.
 * S3: <Error> unwrapped. cbor: as json. Members of the modelled error follow its message.
 * Source: error serialization in each of Smithy's AWS protocol documents; S3's "Error responses".
 *
 * What always holds: an error has a code and a status between 300 and 599; nothing of a principal's secrets is
 * ever in a message. */
#include "base/cbor.h"
#include "base/xml.h"
#include "wire/codec.h"

/* query's and S3's code: the model may give another one than the shape's name. */
static struct str query_code(const struct wire_error *e)
{
	return e->shape != NULL && shape_error_code(e->shape) != NULL ? str_c(shape_error_code(e->shape)) : e->code;
}

static struct str type_name(const struct wire_error *e)
{
	return e->shape != NULL ? str_c(shape_name(e->shape)) : e->code;
}

void java_package(struct buf *b, const struct model *m)
{
	ASSERT(b != NULL);
	const char *prefix = m != NULL ? model_target_prefix(m) : NULL;
	struct str target = prefix != NULL ? str_c(prefix) : S("");
	ptrdiff_t cut = str_rfind(target, '_');
	struct str name = cut > 0 ? str_slice(target, 0, (size_t)cut) : m != NULL ? str_c(model_service(m)) : S("service");
	buf_lit(b, "com.amazonaws.");
	for (size_t i = 0; i < name.n; i++)
		buf_putc(b, name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i]);
	if (cut > 0) {
		buf_lit(b, ".v");
		buf_str(b, str_slice(target, (size_t)cut + 1, target.n));
	}
}

/* "com.amazonaws.dynamodb.v20120810#": as JSON 1.0 services qualify their types. Clients cut it off. */
static void write_namespace(struct buf *b, const struct model *m, const struct wire_error *e)
{
	ASSERT(e->code.n > 0);
	if (e->shape == NULL) {
		buf_str(b, str_eq(e->code, S("ValidationException")) ? S("com.amazon.coral.validate#") : S("com.amazon.coral.service#"));
		return;
	}
	java_package(b, m);
	buf_putc(b, '#');
}

/* The message to send: the error's own, or what its structure holds. */
static struct str message_of(const struct wire_error *e)
{
	const struct member *m = error_message_member(e->shape);
	if (e->message.p != NULL)
		return e->message;
	const void *v = e->detail != NULL && m != NULL ? member_get(m, e->detail) : NULL;
	return v != NULL ? *(const struct str *)v : S("");
}

/* Clients look for the name the model has; common errors have none and are found under "message". */
static struct str message_name(const struct wire_error *e, bool rest)
{
	const struct member *m = error_message_member(e->shape);
	if (m == NULL)
		return S("message");
	return str_c(rest ? member_wire_name(m) : member_name(m));
}

/* Two common errors have theirs under "Message" (so recorded of DynamoDB, Kinesis, ECS and others). */
static struct str json_message_name(const struct wire_error *e, bool rest)
{
	bool upper = str_eq(e->code, S("SerializationException")) || str_eq(e->code, S("AccessDeniedException"));
	return e->shape == NULL && upper && !rest ? S("Message") : message_name(e, rest);
}

/* A copy of the detail without its message and header members: what is left goes into the body after the message. */
static const void *rest_of_detail(struct arena *a, const struct wire_error *e)
{
	ASSERT(e != NULL);
	if (e->detail == NULL || e->shape == NULL)
		return NULL;
	const struct member *m = error_message_member(e->shape);
	ASSERT(shape_is_struct(e->shape));
	char *copy = arena_alloc(a, e->shape->size);
	memcpy(copy, e->detail, e->shape->size);
	if (m != NULL)
		memset(copy + m->offset, 0, sizeof(struct str));
	return copy;
}

static void json_body(struct arena *a, const struct model *m, const struct wire_error *e, enum protocol p, struct wire_response *out)
{
	ASSERT(p != PROTO_QUERY && p != PROTO_EC2 && p != PROTO_REST_XML);
	struct buf b, members;
	bool rest = p == PROTO_REST_JSON;
	buf_init(&b, a, 0);
	buf_init(&members, a, 0);
	buf_putc(&b, '{');
	if (!rest) {
		struct buf type;
		buf_init(&type, a, 0);
		if (p == PROTO_JSON_1_0)
			write_namespace(&type, m, e);
		buf_str(&type, type_name(e));
		buf_lit(&b, "\"__type\":");
		json_write_str(&b, buf_view(&type));
		buf_putc(&b, ',');
	}
	json_write_str(&b, json_message_name(e, rest));
	buf_putc(&b, ':');
	json_write_str(&b, message_of(e));
	const void *detail = rest_of_detail(a, e);
	if (detail != NULL) {
		json_encode(&members, a, e->shape, detail, rest);
		if (members.n > 2) {
			buf_putc(&b, ',');
			buf_put(&b, members.p + 1, members.n - 2);
		}
	}
	buf_putc(&b, '}');
	out->body = buf_view(&b);
}

static void cbor_body(struct arena *a, const struct model *m, const struct wire_error *e, struct wire_response *out)
{
	ASSERT(e->code.n > 0);
	struct buf b, type;
	const void *detail = rest_of_detail(a, e);
	buf_init(&b, a, 0);
	buf_init(&type, a, 0);
	write_namespace(&type, m, e);
	buf_str(&type, type_name(e));
	cbor_map(&b, 2 + (detail != NULL ? cbor_count_members(e->shape, detail) : 0));
	cbor_text(&b, S("__type"));
	cbor_text(&b, buf_view(&type));
	cbor_text(&b, message_name(e, false));
	cbor_text(&b, message_of(e));
	if (detail != NULL)
		cbor_encode_members(&b, e->shape, detail);
	out->body = buf_view(&b);
}

static void xml_error(struct arena *a, struct buf *b, const struct wire_error *e, bool with_type)
{
	if (with_type)
		xml_leaf(b, S("Type"), e->sender ? S("Sender") : S("Receiver"));
	xml_leaf(b, S("Code"), query_code(e));
	xml_leaf(b, S("Message"), message_of(e));
	const void *detail = rest_of_detail(a, e);
	if (detail != NULL)
		xml_encode_members(b, a, e->shape, detail, true);
}

void wire_error_more(struct arena *a, struct wire_error *e, const char *name, struct str value)
{
	ASSERT(e->code.n > 0 && name[0] != '\0');
	if (!str_present(value))
		return;
	struct param *all = arena_array(a, struct param, e->n_more + 1);
	if (e->n_more > 0)
		memcpy(all, e->more, e->n_more * sizeof *all);
	all[e->n_more] = (struct param){str_c(name), value, true};
	e->more = all;
	e->n_more++;
}

static void xml_body(struct arena *a, const struct model *m, const struct wire_error *e, struct str request_id, struct wire_response *out)
{
	ASSERT(request_id.n > 0);
	struct buf b;
	buf_init(&b, a, 0);
	buf_lit(&b, "<ErrorResponse");
	if (m != NULL && model_xml_namespace(m) != NULL) {
		buf_lit(&b, " xmlns=\"");
		xml_write_attr(&b, str_c(model_xml_namespace(m)));
		buf_putc(&b, '"');
	}
	buf_lit(&b, "><Error>");
	xml_error(a, &b, e, true);
	buf_lit(&b, "</Error>");
	xml_leaf(&b, S("RequestId"), request_id);
	buf_lit(&b, "</ErrorResponse>");
	out->body = buf_view(&b);
}

static void ec2_body(struct arena *a, const struct wire_error *e, struct str request_id, struct wire_response *out)
{
	ASSERT(request_id.n > 0);
	struct buf b;
	buf_init(&b, a, 0);
	buf_lit(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>");
	xml_error(a, &b, e, false);
	buf_lit(&b, "</Error></Errors>");
	xml_leaf(&b, S("RequestID"), request_id);
	buf_lit(&b, "</Response>");
	out->body = buf_view(&b);
}

/* No envelope and no namespace; HostId is a made-up support id of the right shape. */
static void s3_body(struct arena *a, const struct wire_error *e, struct str request_id, struct wire_response *out)
{
	ASSERT(request_id.n > 0);
	struct buf b;
	buf_init(&b, a, 0);
	buf_lit(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
	xml_error(a, &b, e, false);
	for (size_t i = 0; i < e->n_more; i++)
		xml_leaf(&b, e->more[i].name, e->more[i].value);
	xml_leaf(&b, S("RequestId"), request_id);
	xml_leaf(&b, S("HostId"), sha256_hex(a, request_id));
	buf_lit(&b, "</Error>");
	out->body = buf_view(&b);
}

/* What an SDK of the query days called the error, for code written against it
 * ("AWS.SimpleQueueService.NonExistentQueue"). */
static void query_error_header(struct arena *a, const struct wire_error *e, struct wire_response *out)
{
	wire_add_header(a, out, S("x-amzn-query-error"), arena_join(a, query_code(e), e->sender ? S(";Sender") : S(";Receiver")));
}

static struct str content_type(enum protocol p)
{
	switch (p) {
	case PROTO_JSON_1_0: return S("application/x-amz-json-1.0");
	case PROTO_JSON_1_1: return S("application/x-amz-json-1.1");
	case PROTO_CBOR: return S("application/cbor");
	case PROTO_QUERY: return S("text/xml");
	case PROTO_EC2: return S("text/xml;charset=UTF-8");
	case PROTO_REST_XML: return S("application/xml");
	default: return S("application/json");
	}
}

void wire_encode_error(struct arena *a, const struct model *m, const struct model_op *op, const struct wire_error *err,
                       enum protocol p, bool query_mode, struct str request_id, struct wire_response *out)
{
	ASSERT(err != NULL && err->code.n > 0);
	if (m == NULL && op != NULL)
		m = model_op_model(op);
	bool s3 = m != NULL && m->s3_signer;
	*out = (struct wire_response){.status = err->status};
	if (out->status == 0)
		out->status = err->shape != NULL ? err->shape->http_status : 400;
	wire_add_header(a, out, s3 ? S("x-amz-request-id") : S("x-amzn-RequestId"), request_id);
	wire_add_header(a, out, S("Content-Type"), content_type(p));
	if (m != NULL && m->query_compatible && query_mode && p != PROTO_QUERY)
		query_error_header(a, err, out);
	switch (p) {
	case PROTO_CBOR:
		wire_add_header(a, out, S("smithy-protocol"), S("rpc-v2-cbor"));
		cbor_body(a, m, err, out);
		break;
	case PROTO_QUERY: xml_body(a, m, err, request_id, out); break;
	case PROTO_EC2: ec2_body(a, err, request_id, out); break;
	case PROTO_REST_XML:
		if (err->detail != NULL && err->shape != NULL)
			rest_encode_headers(a, err->shape, err->detail, out);
		if (s3) {
			wire_add_header(a, out, S("x-amz-id-2"), sha256_hex(a, request_id));
			s3_body(a, err, request_id, out);
		} else {
			xml_body(a, m, err, request_id, out);
		}
		break;
	case PROTO_REST_JSON:
		wire_add_header(a, out, S("x-amzn-ErrorType"), type_name(err));
		if (err->detail != NULL && err->shape != NULL)
			rest_encode_headers(a, err->shape, err->detail, out);
		json_body(a, m, err, p, out);
		break;
	default: json_body(a, m, err, p == PROTO_NONE || p == PROTO_RAW ? PROTO_JSON_1_1 : p, out); break;
	}
	ASSERT(out->status >= 300 && out->status <= 599);
}
