/* REST requests into typed values: labels, query string, headers and body, as the model binds them.
 *
 * Source: Smithy's HTTP bindings; restJson1 and restXml. What does not fit its type is the client's mistake.
 *
 * What always holds: labels, query and headers are decoded before the body, so that a request that cannot be meant
 * costs no parsing of it. */
#include "base/xml.h"
#include "wire/rest.h"

struct rin {
	struct arena *a;
	const struct model_op *op;
	const struct wire_request *r;
	struct wire_error *err;
	bool xml;
};

static bool bad_value(struct rin *x, const struct member *m, struct str text)
{
	const char *code = model_op_model(x->op)->s3_signer ? "InvalidArgument" : "SerializationException";
	if (model_op_model(x->op)->s3_signer && member_shape(m)->type == SHAPE_INT)
		return s3_number_words(x->a, member_wire_name(m), text, x->err);
	if (model_op_model(x->op)->s3_signer && strcmp(member_wire_name(m), "x-amz-object-lock-retain-until-date") == 0) {
		wire_fail(x->err, code, 400, S("The retain until date must be provided in ISO 8601 format"));
		wire_error_more(x->a, x->err, "ArgumentName", str_c(member_wire_name(m)));
		wire_error_more(x->a, x->err, "ArgumentValue", text);
		return false;
	}
	return wire_fail(x->err, code, 400, arena_printf(x->a, "Invalid value for %s", member_wire_name(m)));
}

/* The name of a query parameter that is taken as a map's key. */
static bool bad_name(struct rin *x)
{
	const char *code = model_op_model(x->op)->s3_signer ? "InvalidArgument" : "SerializationException";
	return wire_fail(x->err, code, 400, S("The name of a query parameter is not UTF-8"));
}

static bool scalar(struct rin *x, const struct member *m, int fmt, struct str text, void *v)
{
	return scalar_from_text(x->a, member_shape(m), fmt, text.p != NULL ? text : S(""), v) || bad_value(x, m, text);
}

static bool labels_in(struct rin *x, void *v)
{
	struct rest_labels labels;
	struct str path = x->r->path_params_base.p != NULL ? x->r->path_params_base : x->r->raw_path;
	if (!rest_match_path(model_op_http_uri(x->op), path, &labels))
		return wire_fail(x->err, "UnknownOperationException", 404, S(""));
	for (size_t i = 0; i < model_op_input(x->op)->n_members; i++) {
		const struct member *m = &shape_members(model_op_input(x->op))[i];
		for (size_t k = 0; m->location == LOC_URI && k < labels.n; k++) {
			if (!str_eq(labels.v[k].name, str_c(member_wire_name(m))))
				continue;
			struct str text = uri_decode(x->a, labels.v[k].raw, false);
			if (text.p == NULL || !utf8_valid(text))
				return wire_fail(x->err, x->xml ? "InvalidURI" : "SerializationException", 400, S("Couldn't parse the specified URI."));
			if (!scalar(x, m, member_time_format(m, TIME_ISO8601), text, member_put(x->a, m, v)))
				return false;
		}
	}
	return true;
}

/* A key that comes several times is a list with so many elements. */
static bool query_list(struct rin *x, const struct member *m, struct list *l)
{
	ASSERT(m->location == LOC_QUERY && member_shape(m)->type == SHAPE_LIST);
	const struct shape *s = member_shape(m);
	uint32_t cap = 0;
	for (size_t i = 0; i < x->r->query.n; i++)
		if (str_eq(x->r->query.v[i].name, str_c(member_wire_name(m))) &&
		    !scalar(x, shape_item(s), member_time_format(shape_item(s), TIME_ISO8601), x->r->query.v[i].value,
		            list_push(x->a, l, &cap, value_size(item_shape(s)))))
			return false;
	return true;
}

static bool is_bound(const struct shape *s, const struct model_op *op, struct str name)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (shape_members(s)[i].location == LOC_QUERY && member_shape(&shape_members(s)[i])->type != SHAPE_MAP &&
		    str_eq(str_c(member_wire_name(&shape_members(s)[i])), name))
			return true;
	return rest_is_literal_query(model_op_http_uri(op), name);
}

/* A map takes the pairs that no other member is bound to. */
static bool query_map(struct rin *x, const struct shape *s, struct map_of *m)
{
	ASSERT(s->type == SHAPE_MAP);
	uint32_t cap = 0;
	for (size_t i = 0; i < x->r->query.n; i++) {
		const struct param *p = &x->r->query.v[i];
		void *v = NULL;
		uint32_t list_cap = 0;
		if (is_bound(model_op_input(x->op), x->op, p->name))
			continue;
		for (uint32_t k = 0; k < m->n && v == NULL; k++)
			if (str_eq(map_key_at(s, m, k), p->name))
				v = (char *)m->v + (size_t)k * s->size + s->value_offset;
		if (v == NULL && !utf8_valid(p->name))
			return bad_name(x);
		if (v == NULL)
			v = map_push(x->a, s, m, &cap, p->name);
		const struct member *item = shape_item(s);
		if (item_shape(s)->type == SHAPE_LIST) {
			/* Lists grow by one; its capacity is what list_push would have made it. */
			struct list *l = v;
			item = shape_item(item_shape(s));
			for (list_cap = l->n == 0 ? 0 : 4; list_cap < l->n;)
				list_cap *= 2;
			v = list_push(x->a, l, &list_cap, value_size(member_shape(item)));
		}
		if (!scalar(x, item, member_time_format(item, TIME_ISO8601), p->value, v))
			return false;
	}
	return true;
}

static bool query_in(struct rin *x, const struct member *m, void *v)
{
	if (member_shape(m)->type == SHAPE_MAP)
		return query_map(x, member_shape(m), member_put(x->a, m, v));
	if (member_shape(m)->type == SHAPE_LIST)
		return query_list(x, m, member_put(x->a, m, v));
	for (size_t i = 0; i < x->r->query.n; i++)
		if (str_eq(x->r->query.v[i].name, str_c(member_wire_name(m)))) {
			if (model_op_model(x->op)->s3_signer && x->r->query.v[i].value.n == 0 && member_shape(m)->type != SHAPE_STRING)
				return true; /* S3 passes over a number without digits */
			return scalar(x, m, member_time_format(m, TIME_ISO8601), x->r->query.v[i].value, member_put(x->a, m, v));
		}
	return true;
}

/* One element of a comma-separated header: quoted strings keep their commas, HTTP dates have one inside. */
static struct str header_item(struct arena *a, struct str *rest, bool http_date)
{
	ASSERT(str_present(*rest));
	*rest = str_trim(*rest);
	if (rest->n == 0 || rest->p[0] != '"') {
		size_t end = 0, commas = http_date ? 2 : 1;
		while (end < rest->n && (rest->p[end] != ',' || --commas > 0))
			end++;
		struct str item = str_trim(str_slice(*rest, 0, end));
		*rest = end < rest->n ? str_slice(*rest, end + 1, rest->n) : STR_NONE;
		return item;
	}
	char *text = arena_bytes(a, rest->n), *o = text;
	size_t i = 1;
	for (; i < rest->n && rest->p[i] != '"'; i++) {
		if (rest->p[i] == '\\' && i + 1 < rest->n)
			i++;
		*o++ = rest->p[i];
	}
	while (i < rest->n && rest->p[i] != ',')
		i++;
	*rest = i < rest->n ? str_slice(*rest, i + 1, rest->n) : STR_NONE;
	return str_of(text, (size_t)(o - text));
}

/* A list may come in one header or in several of one name (RFC 9110, 5.2); the SDK for Go sends a header an element. */
static bool header_list(struct rin *x, const struct member *m, struct list *l)
{
	const struct shape *s = member_shape(m);
	ASSERT(s->type == SHAPE_LIST);
	int fmt = member_time_format(shape_item(s), TIME_RFC822);
	uint32_t cap = 0;
	l->set = true;
	for (size_t i = 0; i < x->r->n_headers; i++) {
		if (!str_eq_nocase(x->r->headers[i].name, str_c(member_wire_name(m))))
			continue;
		for (struct str rest = str_trim(x->r->headers[i].value); rest.n > 0;) {
			struct str item = header_item(x->a, &rest, item_shape(s)->type == SHAPE_TIME && fmt == TIME_RFC822);
			if (!scalar(x, shape_item(s), fmt, item, list_push(x->a, l, &cap, value_size(item_shape(s)))))
				return false;
		}
	}
	return true;
}

/* An empty header is an empty string, and nothing at all for other types. */
static bool header_in(struct rin *x, const struct member *m, void *v)
{
	ASSERT(m->location == LOC_HEADER);
	struct str value = wire_header(x->r, str_c(member_wire_name(m)));
	if (value.p == NULL)
		return true;
	void *field = member_put(x->a, m, v);
	if (member_shape(m)->type == SHAPE_LIST)
		return header_list(x, m, field);
	if (m->json_value) {
		struct str json = base64_decode(x->a, value);
		*(struct str *)field = json;
		return json.p != NULL || bad_value(x, m, STR_NONE);
	}
	if (value.n == 0 && member_shape(m)->type != SHAPE_STRING)
		return true;
	return scalar(x, m, member_time_format(m, TIME_RFC822), value, field);
}

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_bytes(a, s.n);
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
	return str_of(p, s.n);
}

/* Headers by prefix. S3's metadata keys are lower-case, whatever the client wrote. */
static bool headers_in(struct rin *x, const struct member *m, void *v)
{
	const struct shape *s = member_shape(m);
	ASSERT(s->type == SHAPE_MAP && m->location == LOC_HEADERS);
	struct str prefix = str_c(member_wire_name(m));
	struct map_of *map = member_put(x->a, m, v);
	uint32_t cap = 0;
	for (size_t i = 0; i < x->r->n_headers; i++) {
		const struct param *h = &x->r->headers[i];
		if (!str_starts_nocase(h->name, prefix))
			continue;
		struct str key = str_slice(h->name, prefix.n, h->name.n);
		if (model_op_model(x->op)->s3_signer)
			key = lower(x->a, key);
		if (!scalar(x, shape_item(s), TIME_RFC822, h->value, map_push(x->a, s, map, &cap, key)))
			return false;
	}
	return true;
}

static bool bindings_in(struct rin *x, void *v)
{
	const struct shape *s = model_op_input(x->op);
	for (size_t i = 0; i < s->n_members; i++) {
		const struct member *m = &shape_members(s)[i];
		bool ok = true;
		if (m->location == LOC_QUERY)
			ok = query_in(x, m, v);
		else if (m->location == LOC_HEADER)
			ok = header_in(x, m, v);
		else if (m->location == LOC_HEADERS)
			ok = headers_in(x, m, v);
		if (!ok)
			return false;
	}
	return true;
}

static bool xml_body_in(struct rin *x, const struct shape *s, bool rest, void *v)
{
	ASSERT(shape_is_struct(s));
	const char *why = NULL;
	const struct xml *root = xml_parse(x->a, x->r->body, &why);
	if (root == NULL)
		return wire_fail(x->err, "MalformedXML", 400,
		                 S("The XML you provided was not well-formed or did not validate against our published schema"));
	return xml_decode(x->a, s, root, rest, v, x->err);
}

/* A streaming payload was received before; an empty body leaves the member absent. */
static bool payload_in(struct rin *x, const struct member *m, void *v)
{
	ASSERT(m->payload);
	if (m->streaming) {
		*member_stream(m, v) = x->r->stream;
		return true;
	}
	if (x->r->body.n == 0)
		return true;
	void *field = member_put(x->a, m, v);
	if (member_shape(m)->type == SHAPE_BLOB || member_shape(m)->type == SHAPE_STRING) {
		*(struct str *)field = x->r->body;
		return member_shape(m)->type == SHAPE_BLOB || utf8_valid(x->r->body) || bad_value(x, m, STR_NONE);
	}
	if (!x->xml)
		return json_decode(x->a, NULL, member_shape(m), x->r->body, true, field, x->err);
	return xml_body_in(x, member_shape(m), false, field);
}

static bool has_body_members(const struct shape *s)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (shape_members(s)[i].location == LOC_BODY)
			return true;
	return false;
}

bool rest_decode(struct arena *a, const struct model_op *op, const struct wire_request *r, enum protocol p, void *v,
                 struct wire_error *err)
{
	struct rin x = {.a = a, .op = op, .r = r, .err = err, .xml = p == PROTO_REST_XML};
	ASSERT(model_op_input(op) != NULL && v != NULL);
	if (!labels_in(&x, v) || !bindings_in(&x, v))
		return false;
	if (shape_payload(model_op_input(op)) != NULL)
		return payload_in(&x, shape_payload(model_op_input(op)), v);
	if (str_trim(r->body).n == 0 || !has_body_members(model_op_input(op)))
		return true;
	if (x.xml)
		return xml_body_in(&x, model_op_input(op), true, v);
	return json_decode(a, model_op_model(op), model_op_input(op), r->body, true, v, err);
}
