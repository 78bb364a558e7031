/* The model's constraints, checked and worded as AWS's front ends do:
 * "2 validation errors detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null; ...".
 *
 * Paths are lower-camel, elements of lists of structures are ".1.member". Scalars in lists and maps are reported at their
 * container: "Member must satisfy constraint: [...]", "Map keys must satisfy constraint: [...]".
 * Lengths of strings are code points, of blobs bytes. Patterns match the whole value. Documents are not looked into.
 * Source: messages of DynamoDB, CloudWatch Logs, Lambda and IAM as their API references and SDK issues quote them.
 *
 * What always holds: the input is only read; checking ends after ten errors in lists and maps; the path is the
 * same again when a function returns. */
#include "base/enc.h"
#include "base/pattern.h"
#include "wire/codec.h"

enum { ERRORS_SHOWN_MAX = 10, VALUE_SHOWN_MAX = 1000, FAILURES_MAX = 5 };

struct check {
	struct arena *a;
	struct buf path;  /* "keySchema.1.member.keyType" */
	struct buf errors;
	size_t n;
	int depth;
	bool required_only; /* every error so far is a missing member */
	struct str first_missing;
	bool in_body;
	const struct member *first; /* of the input, that something is wrong about */
};

struct failures {
	struct str v[FAILURES_MAX];
	size_t n;
};

static void value_text(struct check *c, struct buf *b, const struct shape *s, const void *v);

/* Members are called as in Java. */
static void lower_first(struct buf *b, struct str name)
{
	ASSERT(name.n > 0);
	size_t at = b->n;
	buf_str(b, name);
	if (name.p[0] >= 'A' && name.p[0] <= 'Z')
		b->p[at] = (char)(name.p[0] + 32);
}

static void list_text(struct check *c, struct buf *b, const struct shape *s, const struct list *l)
{
	ASSERT(l->n == 0 || l->v != NULL);
	buf_putc(b, '[');
	for (uint32_t i = 0; i < l->n && b->n < VALUE_SHOWN_MAX; i++) {
		if (i > 0)
			buf_lit(b, ", ");
		value_text(c, b, item_shape(s), list_at(l, value_size(item_shape(s)), i));
	}
	buf_putc(b, ']');
}

static void map_text(struct check *c, struct buf *b, const struct shape *s, const struct map_of *m)
{
	ASSERT(m->n == 0 || m->v != NULL);
	buf_putc(b, '{');
	for (uint32_t i = 0; i < m->n && b->n < VALUE_SHOWN_MAX; i++) {
		if (i > 0)
			buf_lit(b, ", ");
		buf_str(b, map_key_at(s, m, i));
		buf_putc(b, '=');
		value_text(c, b, item_shape(s), map_value_at(s, m, i));
	}
	buf_putc(b, '}');
}

static void struct_text(struct check *c, struct buf *b, const struct shape *s, const void *v)
{
	const char *comma = "";
	buf_str(b, str_c(shape_name(s)));
	buf_putc(b, '(');
	for (uint16_t i = 0; i < s->n_members && b->n < VALUE_SHOWN_MAX; i++) {
		const struct member *m = shape_member_at(s, i);
		const void *field = m->streaming ? NULL : member_get(m, v);
		if (field == NULL)
			continue;
		buf_str(b, str_c(comma));
		lower_first(b, str_c(member_name(m)));
		buf_putc(b, '=');
		value_text(c, b, member_shape(m), field);
		comma = ", ";
	}
	buf_putc(b, ')');
}

static void value_text(struct check *c, struct buf *b, const struct shape *s, const void *v)
{
	if (s->sensitive) {
		buf_lit(b, "***Sensitive Data Redacted***");
		return;
	}
	if (!value_present(s, v)) {
		buf_lit(b, "null");
		return;
	}
	switch (s->type) {
	case SHAPE_STRUCT:
	case SHAPE_UNION: struct_text(c, b, s, v); break;
	case SHAPE_LIST: list_text(c, b, s, v); break;
	case SHAPE_MAP: map_text(c, b, s, v); break;
	case SHAPE_BLOB: buf_lit(b, "java.nio.HeapByteBuffer"); break;
	case SHAPE_DOCUMENT: json_write(b, *(struct json *const *)v); break;
	default: buf_str(b, str_slice(scalar_to_text(c->a, s, TIME_EPOCH, v), 0, VALUE_SHOWN_MAX)); break;
	}
}

/* Ten are looked for, as AWS does. */
static void report(struct check *c, const struct shape *s, const void *v, struct str constraint)
{
	ASSERT(constraint.n > 0 && c->path.n > 0);
	if (c->n == ERRORS_SHOWN_MAX)
		return;
	c->n++;
	buf_str(&c->errors, c->n > 1 ? S("; Value ") : S("Value "));
	if (v == NULL) {
		buf_lit(&c->errors, "null");
	} else {
		struct buf text;
		buf_init(&text, c->a, 0);
		value_text(c, &text, s, v);
		buf_putc(&c->errors, '\'');
		buf_str(&c->errors, buf_view(&text));
		buf_putc(&c->errors, '\'');
		c->required_only = false;
	}
	buf_lit(&c->errors, " at '");
	buf_str(&c->errors, buf_view(&c->path));
	buf_lit(&c->errors, "' failed to satisfy constraint: ");
	buf_str(&c->errors, constraint);
}

static void fail(struct failures *f, struct str text)
{
	ASSERT(f->n < FAILURES_MAX);
	f->v[f->n++] = text;
}

/* A double is exact for every length there is, and for integers up to 2^53; limits of models are below. */
static double measure(const struct shape *s, const void *v)
{
	struct str text;
	switch (s->type) {
	case SHAPE_STRING:
		text = *(const struct str *)v;
		return (double)(utf8_valid(text) ? utf8_length(text) : text.n);
	case SHAPE_BLOB: return (double)((const struct str *)v)->n;
	case SHAPE_LIST: return ((const struct list *)v)->n;
	case SHAPE_MAP: return ((const struct map_of *)v)->n;
	case SHAPE_INT: return (double)((const struct opt_i64 *)v)->v;
	case SHAPE_FLOAT: return ((const struct opt_f64 *)v)->v;
	default: return 0;
	}
}

/* Lists are short; the tables hold them sorted for the message, not for the search. */
static bool in_enum(const struct shape *s, struct str text)
{
	const char *value;
	for (size_t i = 0; (value = shape_value(s, i)) != NULL; i++)
		if (str_eq(str_c(value), text))
			return true;
	return false;
}

static struct str enum_text(struct check *c, const struct shape *s)
{
	ASSERT(s->values_at != 0);
	const char *value;
	struct buf b;
	buf_init(&b, c->a, 0);
	buf_lit(&b, "Member must satisfy enum value set: [");
	for (size_t i = 0; (value = shape_value(s, i)) != NULL; i++) {
		if (i > 0)
			buf_lit(&b, ", ");
		buf_str(&b, str_c(value));
	}
	buf_putc(&b, ']');
	return buf_view(&b);
}

/* What one value itself fails, without what is below it; all: every constraint that it has to meet, failed or not. */
static struct failures own_failures(struct check *c, const struct shape *s, const void *v, bool all)
{
	struct failures f = {.n = 0};
	const char *what = s->type == SHAPE_INT || s->type == SHAPE_FLOAT ? "value" : "length";
	if (s->has_min || s->has_max) {
		double n = measure(s, v);
		if (s->has_max && (all || n > s->max))
			fail(&f, arena_printf(c->a, "Member must have %s less than or equal to %.15g", what, s->max));
		if (s->has_min && (all || n < s->min))
			fail(&f, arena_printf(c->a, "Member must have %s greater than or equal to %.15g", what, s->min));
	}
	if (s->type != SHAPE_STRING)
		return f;
	struct str text = *(const struct str *)v;
	if (s->values_at != 0 && (all || !in_enum(s, text)))
		fail(&f, enum_text(c, s));
	if (shape_pattern(s) != NULL) {
		const struct pattern *p = pattern_get(str_c(shape_pattern(s)));
		if (p != NULL && (all || !pattern_matches(p, text)))
			fail(&f, arena_printf(c->a, "Member must satisfy regular expression pattern: %s", shape_pattern(s)));
	}
	return f;
}

/* Elements and keys are told of at their container, with all that is asked of them. false: v fails nothing. */
static bool report_part(struct check *c, const struct shape *container, const void *whole, const char *lead, const struct shape *s, const void *v)
{
	if (own_failures(c, s, v, false).n == 0)
		return false;
	struct failures f = own_failures(c, s, v, true);
	ASSERT(f.n > 0 && f.n <= FAILURES_MAX);
	struct buf b;
	buf_init(&b, c->a, 0);
	buf_str(&b, str_c(lead));
	buf_lit(&b, " must satisfy constraint: [");
	for (size_t i = 0; i < f.n; i++) {
		if (i > 0)
			buf_lit(&b, ", ");
		buf_str(&b, f.v[i]);
	}
	buf_putc(&b, ']');
	report(c, container, whole, buf_view(&b));
	return true;
}

static bool is_scalar(const struct shape *s)
{
	return !shape_is_struct(s) && s->type != SHAPE_LIST && s->type != SHAPE_MAP && s->type != SHAPE_DOCUMENT;
}

static void enter(struct check *c, struct str name)
{
	ASSERT(name.n > 0);
	if (c->path.n > 0)
		buf_putc(&c->path, '.');
	lower_first(&c->path, name);
}

static void check_value(struct check *c, const struct shape *s, const void *v);
static void check_below(struct check *c, const struct shape *s, const void *v);

static void check_struct(struct check *c, const struct shape *s, const void *v)
{
	size_t was = c->path.n;
	for (uint16_t i = 0; i < s->n_members; i++) {
		const struct member *m = shape_member_at(s, i);
		if (m->streaming)
			continue;
		const void *field = member_get(m, v);
		if (field == NULL && !m->required)
			continue;
		if (field != NULL && member_shape(m)->no_constraints)
			continue;
		size_t before = c->n;
		enter(c, str_c(member_name(m)));
		if (field != NULL)
			check_value(c, member_shape(m), field);
		else
			report(c, member_shape(m), NULL, S("Member must not be null"));
		c->path.n = was;
		if (field == NULL && c->first_missing.p == NULL)
			c->first_missing = str_c(member_name(m));
		if (before == 0 && c->n > 0) {
			c->in_body = m->location == LOC_BODY;
			c->first = m;
		}
	}
}

static void check_list(struct check *c, const struct shape *s, const struct list *l)
{
	ASSERT(s->type == SHAPE_LIST && (l->n == 0 || l->v != NULL));
	const struct shape *item = item_shape(s);
	size_t was = c->path.n;
	for (uint32_t i = 0; i < l->n && c->n < ERRORS_SHOWN_MAX && !item->no_constraints; i++) {
		const void *v = list_at(l, value_size(item), i);
		if (!value_present(item, v))
			continue;
		if (is_scalar(item)) {
			if (report_part(c, s, l, "Member", item, v))
				return;
			continue;
		}
		buf_printf(&c->path, ".%u.member", i + 1);
		check_value(c, item, v);
		c->path.n = was;
	}
}

static void check_map(struct check *c, const struct shape *s, const struct map_of *m)
{
	ASSERT(s->type == SHAPE_MAP && (m->n == 0 || m->v != NULL));
	const struct shape *item = item_shape(s);
	size_t was = c->path.n;
	for (uint32_t i = 0; i < m->n && c->n < ERRORS_SHOWN_MAX; i++) {
		struct str key = map_key_at(s, m, i);
		const void *v = map_value_at(s, m, i);
		(void)report_part(c, s, m, "Map keys", member_shape(shape_key(s)), &key);
		if (item->no_constraints || !value_present(item, v))
			continue;
		(void)report_part(c, s, m, "Map value", item, v);
		if (is_scalar(item))
			continue;
		buf_putc(&c->path, '.');
		buf_str(&c->path, key);
		buf_lit(&c->path, ".member");
		check_below(c, item, v);
		c->path.n = was;
	}
}

static void check_value(struct check *c, const struct shape *s, const void *v)
{
	if (s->no_constraints)
		return;
	ASSERT(value_present(s, v));
	struct failures f = own_failures(c, s, v, false);
	for (size_t i = 0; i < f.n; i++)
		report(c, s, v, f.v[i]);
	check_below(c, s, v);
}

static void check_below(struct check *c, const struct shape *s, const void *v)
{
	c->depth++;
	ASSERT(c->depth <= WIRE_DEPTH_MAX + 1); /* decode bounds it */
	if (shape_is_struct(s))
		check_struct(c, s, v);
	else if (s->type == SHAPE_LIST)
		check_list(c, s, v);
	else if (s->type == SHAPE_MAP)
		check_map(c, s, v);
	c->depth--;
}

static const struct shape *op_error(const struct model_op *op, const char *name)
{
	const struct shape *e;
	for (size_t i = 0; (e = model_op_error(op, i)) != NULL; i++)
		if (strcmp(shape_name(e), name) == 0)
			return e;
	return NULL;
}

/* JSON services name it by what the operation models; most have the common ValidationException, modelled or not. */
static void json_code(const struct model_op *op, struct wire_error *err)
{
	static const char *const names[] = {"ValidationException", "InvalidParameterException", "BadRequestException"};
	err->code = S("ValidationException");
	for (size_t i = 0; i < COUNT_OF(names) && err->shape == NULL; i++) {
		err->shape = op_error(op, names[i]);
		if (err->shape != NULL)
			err->code = str_c(names[i]);
	}
	if (err->shape != NULL && err->shape->http_status != 0)
		err->status = err->shape->http_status;
}

/* The value of a scalar of the request's head, as it was sent. */
static struct str head_value(struct check *c, const struct member *m, const void *input)
{
	const void *field = member_get(m, input);
	return field != NULL && is_scalar(member_shape(m)) ? scalar_to_text(c->a, member_shape(m), TIME_EPOCH, field) : STR_NONE;
}

static void word_error(struct check *c, const struct model_op *op, const void *input, enum protocol p, struct wire_error *err)
{
	ASSERT(c->n > 0 && c->depth == 0);
	*err = (struct wire_error){.status = 400, .sender = true};
	err->message = arena_printf(c->a, "%zu validation error%s detected: %.*s", c->n, c->n == 1 ? "" : "s",
	                            STR_ARG(buf_view(&c->errors)));
	bool missing = c->required_only && c->first_missing.p != NULL;
	switch (p) {
	case PROTO_QUERY:
		err->code = S("ValidationError");
		break;
	case PROTO_EC2:
		err->code = missing ? S("MissingParameter") : S("InvalidParameterValue");
		if (missing)
			err->message = arena_printf(c->a, "The request must contain the parameter %.*s", STR_ARG(c->first_missing));
		break;
	case PROTO_REST_XML:
		err->code = c->in_body ? S("MalformedXML") : S("InvalidArgument");
		if (c->in_body)
			err->message = S("The XML you provided was not well-formed or did not validate against our published schema");
		else if (model_op_model(op)->s3_signer && !missing)
			(void)s3_words(c->a, c->first, head_value(c, c->first, input), err);
		else if (model_op_model(op)->s3_signer && c->n == 1)
			s3_missing_words(c->a, c->first, err);
		break;
	default:
		json_code(op, err);
		break;
	}
}

bool wire_validate(struct arena *a, const struct model_op *op, const void *input, enum protocol p, struct wire_error *err)
{
	struct check c = {.a = a, .required_only = true};
	ASSERT(op != NULL && input != NULL && err != NULL);
	if (model_op_input(op) == NULL || model_op_input(op)->no_constraints)
		return true;
	buf_init(&c.path, a, 0);
	buf_init(&c.errors, a, 0);
	check_value(&c, model_op_input(op), input);
	if (c.n == 0)
		return true;
	word_error(&c, op, input, p, err);
	return false;
}
