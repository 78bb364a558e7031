/* REST answers: status, headers and body, as the model binds them.
 *
 * Header values come from stored data, so control characters never get into them.
 * Source: Smithy's HTTP bindings; restJson1 and restXml; S3's s3UnwrappedXmlOutput. */
#include "base/xml.h"
#include "wire/rest.h"

static struct str header_safe(struct arena *a, struct str s)
{
	bool clean = true;
	for (size_t i = 0; i < s.n && clean; i++)
		clean = (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f;
	if (clean)
		return s;
	char *p = arena_bytes(a, s.n);
	for (size_t i = 0; i < s.n; i++)
		p[i] = (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f ? s.p[i] : ' ';
	return str_of(p, s.n);
}

/* Strings in a list are quoted when a comma or a quote would break them apart. */
static void list_item_out(struct buf *b, const struct shape *s, struct str text)
{
	ASSERT(str_present(text));
	if (s->type != SHAPE_STRING || (str_find(text, ',') < 0 && str_find(text, '"') < 0)) {
		buf_str(b, text);
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_putc(b, '\\');
		buf_putc(b, text.p[i]);
	}
	buf_putc(b, '"');
}

static struct str header_text(struct arena *a, const struct member *m, const void *v)
{
	ASSERT(m->location == LOC_HEADER);
	if (m->json_value)
		return base64_encode(a, *(const struct str *)v);
	if (member_shape(m)->type != SHAPE_LIST)
		return scalar_to_text(a, member_shape(m), member_time_format(m, TIME_RFC822), v);
	const struct shape *item = item_shape(member_shape(m));
	const struct list *l = v;
	struct buf b;
	buf_init(&b, a, 0);
	for (uint32_t i = 0; i < l->n; i++) {
		if (i > 0)
			buf_lit(&b, ", ");
		list_item_out(&b, item, scalar_to_text(a, item, member_time_format(shape_item(member_shape(m)), TIME_RFC822),
		                                       list_at(l, value_size(item), i)));
	}
	return buf_view(&b);
}

int rest_encode_headers(struct arena *a, const struct shape *s, const void *v, struct wire_response *out)
{
	int status = 0;
	ASSERT(shape_is_struct(s) && v != NULL);
	for (uint16_t i = 0; i < s->n_members; i++) {
		const struct member *m = shape_member_at(s, i);
		const void *field = in_answer_body(m) || m->streaming ? NULL : member_get(m, v);
		if (field == NULL)
			continue;
		if (m->location == LOC_STATUS) {
			status = (int)((const struct opt_i64 *)field)->v;
		} else if (m->location == LOC_HEADER) {
			struct str text = header_text(a, m, field);
			if (text.n > 0 || member_shape(m)->type != SHAPE_LIST)
				wire_add_header(a, out, str_c(member_wire_name(m)), header_safe(a, text));
		} else if (m->location == LOC_HEADERS) {
			const struct map_of *map = field;
			struct str prefix = str_c(member_wire_name(m));
			for (uint32_t k = 0; k < map->n; k++)
				wire_add_header(a, out, arena_join(a, prefix, header_safe(a, map_key_at(member_shape(m), map, k))),
				                header_safe(a, *(const struct str *)map_value_at(member_shape(m), map, k)));
		}
	}
	return status;
}

static bool has_header(const struct wire_response *out, struct str name)
{
	for (size_t i = 0; i < out->n_headers; i++)
		if (str_eq_nocase(out->headers[i].name, name))
			return true;
	return false;
}

/* A handler that set one (S3's objects have their own) knows better. */
static void content_type(struct arena *a, struct wire_response *out, struct str value)
{
	if (!has_header(out, S("Content-Type")))
		wire_add_header(a, out, S("Content-Type"), value);
}

static void xml_root(struct buf *b, struct arena *a, const struct model_op *op, struct str name, const void *v)
{
	ASSERT(name.n > 0 && model_op_output(op) != NULL);
	const struct shape *s = model_op_output(op);
	const char *ns = shape_xml_namespace(s) != NULL ? shape_xml_namespace(s) : model_xml_namespace(model_op_model(op));
	buf_lit(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<");
	buf_str(b, name);
	if (ns != NULL) {
		buf_lit(b, " xmlns=\"");
		xml_write_attr(b, str_c(ns));
		buf_putc(b, '"');
	}
	xml_encode_attributes(b, a, s, v);
	buf_putc(b, '>');
}

/* Payloads that are one structure (or union): the member is the document. */
static void xml_payload(struct buf *b, struct arena *a, const struct model *model, const struct member *m, const void *v)
{
	buf_lit(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	xml_encode_root(b, a, m, str_c(member_wire_name(m)), model_xml_namespace(model), v);
}

/* The last one found and how many there are: one is a special case for XML roots, none is no body. */
static const struct member *only_body_member(const struct shape *s, size_t *n)
{
	const struct member *found = NULL;
	*n = 0;
	for (size_t i = 0; i < s->n_members; i++)
		if (in_answer_body(&shape_members(s)[i]) && !shape_members(s)[i].streaming) {
			found = &shape_members(s)[i];
			++*n;
		}
	return found;
}

static void xml_document(struct buf *b, struct arena *a, const struct model_op *op, const void *v)
{
	ASSERT(shape_is_struct(model_op_output(op)));
	const struct shape *s = model_op_output(op);
	size_t n;
	const struct member *m = only_body_member(s, &n);
	struct str name = str_c(shape_xml_name(s) != NULL ? shape_xml_name(s) : shape_name(s));
	if (n == 0)
		return;
	xml_root(b, a, op, name, v);
	/* A root that has its only member's name is that member: GetBucketLocation's <LocationConstraint>. */
	if (n == 1 && shape_xml_name(s) != NULL && strcmp(shape_xml_name(s), member_wire_name(m)) == 0 && member_shape(m)->type == SHAPE_STRING) {
		const void *text = member_get(m, v);
		if (text != NULL)
			xml_write_text(b, *(const struct str *)text);
	} else {
		xml_encode_members(b, a, s, v, true);
	}
	xml_close(b, name);
}

static void payload_out(struct arena *a, const struct model_op *op, const void *v, bool xml, struct wire_response *out)
{
	ASSERT(model_op_output(op) != NULL);
	const struct member *m = shape_payload(model_op_output(op));
	struct buf b;
	ASSERT(m != NULL && v != NULL);
	buf_init(&b, a, 0);
	if (m->streaming) {
		out->stream = *member_stream(m, (void *)(uintptr_t)v);
		content_type(a, out, member_shape(m)->eventstream ? S("application/vnd.amazon.eventstream") : S("application/octet-stream"));
		return;
	}
	const void *field = member_get(m, v);
	if (field == NULL) {
		/* An absent structure in JSON is an empty document; everything else is an empty body. */
		if (!xml && member_shape(m)->type == SHAPE_STRUCT) {
			content_type(a, out, S("application/json"));
			out->body = S("{}");
		}
		return;
	}
	if (member_shape(m)->type == SHAPE_BLOB || member_shape(m)->type == SHAPE_STRING) {
		content_type(a, out, member_shape(m)->type == SHAPE_BLOB ? S("application/octet-stream") : S("text/plain"));
		out->body = *(const struct str *)field;
		return;
	}
	content_type(a, out, xml ? S("application/xml") : S("application/json"));
	if (xml)
		xml_payload(&b, a, model_op_model(op), m, field);
	else
		json_encode(&b, a, member_shape(m), field, true);
	out->body = buf_view(&b);
}

void rest_encode(struct arena *a, const struct model_op *op, const void *output, enum protocol p, struct wire_response *out)
{
	const struct shape *s = model_op_output(op);
	struct buf b;
	size_t n;
	bool xml = p == PROTO_REST_XML;
	buf_init(&b, a, 0);
	if (s == NULL)
		return;
	int status = rest_encode_headers(a, s, output, out);
	if (status != 0)
		out->status = status;
	if (shape_payload(s) != NULL) {
		payload_out(a, op, output, xml, out);
		return;
	}
	only_body_member(s, &n);
	if (n == 0 || out->status == 204 || out->status == 304)
		return;
	content_type(a, out, xml ? S("application/xml") : S("application/json"));
	if (xml)
		xml_document(&b, a, op, output);
	else
		json_encode(&b, a, s, output, true);
	out->body = buf_view(&b);
}
