/* SearchVectors: the nearest vectors of an index, exactly.
 *
 * All entries of the index, or of one partition of it, are read in a row; the best so far are kept, at most TopK of them, so
 * memory does not grow with the index. What AWS finds is approximate. Source: the operation's reference, "Creating and searching
 * vector indexes", "SearchConditionExpression reference for vector indexes" (Developer Guide); sentences as the service gives
 * them. */
#include "ops_vector.h"

#include "request.h"
#include "seal.h"
#include "vector.h"

#include <math.h>

enum { ANSWER_BYTES_MAX = 16 * 1024 * 1024, SCRATCH_BYTES = 16 * 1024 };

#define IN_CONDITION "Invalid SearchConditionExpression: "

struct vector_search {
	struct call *c;
	const struct table *t;
	const struct vector_index *v;
	struct projection projection;
	struct vector_query query;
	const struct av *hash;    /* the partition; NULL: the index has none */
	const struct expr *filter; /* on inline filters; NULL: none */
	struct arena *scratch;    /* of one entry */
	struct near *best;        /* the nearest first */
	uint32_t n, top;
	double examined;          /* bytes of vectors */
};

/* One of the nearest: where it lies, in memory that is used again. */
struct near { double rank; struct buf *key; };

/* ---- the condition ---- */

static const struct key_part *part_of(const struct vector_index *v, struct str name)
{
	for (uint32_t i = 0; i < v->x.key.n; i++)
		if (str_eq(v->x.key.parts[i].name, name))
			return &v->x.key.parts[i];
	return NULL;
}

static bool is_hash(const struct vector_index *v, const struct key_part *p)
{
	return v->x.key.n_hash == 1 && p == v->x.key.parts;
}

/* Some functions may be used; which ones is not said where we could read it. */
static bool function_refused(struct request *r, const struct expr *e)
{
	call_unsupported(r->c, "SearchVectors: the function %.*s in a SearchConditionExpression is not supported", STR_ARG(e->name));
	return false;
}

/* attribute op :value... */
static bool check_comparison(struct request *r, const struct vector_index *v, const struct expr *e)
{
	ASSERT(e->n >= 2);
	for (uint32_t i = 0; i < e->n; i++)
		if (e->args[i]->kind == EXPR_FUNCTION)
			return function_refused(r, e->args[i]);
	if (e->args[0]->kind != EXPR_PATH)
		return fault(&r->fault, IN_CONDITION "The first operand must be an attribute of the search schema");
	const struct path *path = &e->args[0]->path;
	const struct key_part *p = part_of(v, path->parts[0].name);
	if (p == NULL)
		return fault(&r->fault, "SearchConditionExpression must not contain any attributes that is not in SearchSchema. Invalid attribute: %.*s",
		             STR_ARG(path->parts[0].name));
	if (path->n > 1)
		return fault(&r->fault, IN_CONDITION "SearchConditionExpression cannot have conditions on nested attributes");
	if (is_hash(v, p) && e->kind != EXPR_EQ)
		return fault(&r->fault, IN_CONDITION "Invalid %s used in SearchConditionExpression",
		             e->kind == EXPR_BETWEEN || e->kind == EXPR_IN ? "operator" : "comparator");
	for (uint32_t i = 1; i < e->n; i++) {
		if (e->args[i]->kind != EXPR_VALUE)
			return fault(&r->fault, IN_CONDITION "An attribute can be compared with values only");
		const struct av *value = e->args[i]->value;
		if (value->type != p->type)
			return fault(&r->fault, "Type of '%.*s' attribute in SearchConditionExpression (%s) does not match type in search schema (%s)",
			             STR_ARG(p->name), av_type_name(value->type), av_type_name(p->type));
		if (is_hash(v, p) && p->type != AV_N && value->s.n == 0)
			return fault(&r->fault, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
			                        "%s value. Key: %.*s", p->type == AV_S ? "string" : "binary", STR_ARG(p->name));
	}
	return true;
}

static bool is_comparison(enum expr_kind k) { return k >= EXPR_EQ && k <= EXPR_IN; }

static bool check_condition(struct request *r, const struct vector_index *v, const struct expr *e)
{
	if (is_comparison(e->kind))
		return check_comparison(r, v, e);
	if (e->kind == EXPR_FUNCTION)
		return function_refused(r, e);
	for (uint32_t i = 0; i < e->n; i++)
		if (!check_condition(r, v, e->args[i]))
			return false;
	return true;
}

static bool names_hash(const struct vector_index *v, const struct expr *e)
{
	if (e->kind == EXPR_PATH)
		return str_eq(e->path.parts[0].name, v->x.key.parts[0].name);
	for (uint32_t i = 0; i < e->n; i++)
		if (names_hash(v, e->args[i]))
			return true;
	return false;
}

/* What stands between the ANDs at the top, without the conditions on the HASH attribute. */
static bool take_partition(struct request *r, struct vector_search *s, const struct expr *e, struct expr *rest)
{
	ASSERT(s->v->x.key.n_hash == 1);
	if (e->kind == EXPR_AND) {
		for (uint32_t i = 0; i < e->n; i++)
			if (!take_partition(r, s, e->args[i], rest))
				return false;
		return true;
	}
	if (!names_hash(s->v, e)) {
		rest->args = arena_grow(s->c->arena, rest->args, sizeof(struct expr *), rest->n, (size_t)rest->n + 1);
		rest->args[rest->n++] = (struct expr *)e;
		return true;
	}
	if (e->kind != EXPR_EQ)
		return fault(&r->fault, IN_CONDITION "Invalid operator used in SearchConditionExpression");
	if (s->hash != NULL)
		return fault(&r->fault, IN_CONDITION "SearchConditionExpression must only contain one condition per attribute");
	s->hash = e->args[1]->value;
	return true;
}

static bool read_condition(struct request *r, struct vector_search *s, const struct expr *e)
{
	if (s->v->x.key.n_hash == 0) {
		s->filter = e;
		return e == NULL || check_condition(r, s->v, e);
	}
	if (e == NULL)
		return fault(&r->fault, "SearchConditionExpression must be provided when SearchSchema has a HASH key");
	struct expr *rest = arena_new_of(s->c->arena, struct expr);
	rest->kind = EXPR_AND;
	if (!check_condition(r, s->v, e) || !take_partition(r, s, e, rest))
		return false;
	if (s->hash == NULL)
		return fault(&r->fault, IN_CONDITION "SearchConditionExpression must have all HASH attributes in configured SearchSchema");
	s->filter = rest->n > 0 ? rest : NULL;
	return true;
}

/* ---- the request ---- */

static bool read_vector(struct request *r, struct vector_search *s, struct list vector)
{
	ASSERT(s->v != NULL);
	float *v = arena_array(s->c->arena, float, vector.n);
	for (uint32_t i = 0; i < vector.n; i++) {
		struct av value;
		if (!av_from_json(*LIST_AT(vector, struct json *, i), &value, &r->fault))
			return false;
		v[i] = value.type == AV_N ? vector_float(value.s) : INFINITY;
		if (!isfinite(v[i]))
			return fault(&r->fault, "Search vector contains invalid values. All values in the search vector must be a 32-bit floating-point number "
			                        "attribute");
	}
	if (vector.n != s->v->dimensions)
		return fault(&r->fault, "Input search vector dimension %u does not match vector index dimension %u", vector.n, s->v->dimensions);
	vector_query_init(&s->query, s->c->arena, s->v->distance, v, vector.n);
	return true;
}

static bool open_index(struct request *r, struct vector_search *s, const struct dynamodb_SearchVectorsInput *in)
{
	s->t = table_open(s->c, in->TableName);
	if (s->t == NULL)
		return false;
	s->v = vector_index(s->t, in->IndexName);
	if (s->v == NULL)
		return fault(&r->fault, "The table does not have the specified index: %.*s", STR_ARG(in->IndexName));
	return s->v->x.active || fault(&r->fault, "Cannot search backfilling vector index: %.*s", STR_ARG(in->IndexName));
}

static bool read_search(struct request *r, struct vector_search *s, const struct dynamodb_SearchVectorsInput *in)
{
	const struct given expressions[] = {{"ProjectionExpression", str_present(in->ProjectionExpression)},
	                                    {"SearchConditionExpression", str_present(in->SearchConditionExpression)}};
	struct condition condition = {0};
	if (in->TopK.v > VECTOR_TOP_MAX)
		return fault(&r->fault, "Provided TopK value '%lld' is out of valid range. The value must be between 1 and %d inclusive",
		             (long long)in->TopK.v, VECTOR_TOP_MAX);
	s->top = (uint32_t)in->TopK.v;
	return request_check_given(r, expressions, 2, NULL, 0, in->ExpressionAttributeNames, in->ExpressionAttributeValues) &&
	       request_placeholders(r, in->ExpressionAttributeNames, in->ExpressionAttributeValues) &&
	       request_condition(r, "SearchConditionExpression", in->SearchConditionExpression, &condition) &&
	       request_projection(r, in->ProjectionExpression, &s->projection) && expr_check_unused(&r->x) && open_index(r, s, in) &&
	       read_vector(r, s, in->SearchVector) && read_condition(r, s, condition.expr);
}

/* ---- the search ---- */

static bool passes(struct vector_search *s, const struct vector_entry *e)
{
	struct av filters = {.type = AV_M};
	bool ok = e->filters.n == 0 || item_decode(s->scratch, e->filters, &filters);
	ASSERT(ok);
	return expr_matches(s->filter, &filters, s->scratch);
}

/* Keeps a vector that is nearer than the last of the best; of two that are as near, the one met first. */
static void consider(struct vector_search *s, double rank, struct str key)
{
	ASSERT(s->n <= s->top);
	if (s->n == s->top && rank >= s->best[s->n - 1].rank)
		return;
	uint32_t at = s->n < s->top ? s->n++ : s->n - 1;
	struct buf *place = s->best[at].key;
	for (; at > 0 && s->best[at - 1].rank > rank; at--)
		s->best[at] = s->best[at - 1];
	if (place == NULL) {
		place = arena_new_of(s->c->arena, struct buf);
		buf_init(place, s->c->arena, 0);
	}
	buf_clear(place);
	buf_str(place, key);
	s->best[at] = (struct near){rank, place};
}

static void search_entries(struct vector_search *s, struct str from)
{
	struct call *c = s->c;
	struct str key, value;
	struct arena *home = c->arena;
	s->best = arena_array(home, struct near, s->top);
	s->scratch = arena_new(SCRATCH_BYTES);
	struct scan *scan = scan_open(c->txn, from, key_after(home, from), false);
	while (scan_next(scan, &key, &value)) {
		c->arena = s->scratch; /* where a sealed entry is opened */
		struct vector_entry e = vector_entry_read(s->v, open_value(c, s->t, key, value));
		c->arena = home;
		s->examined += (double)(sizeof(float) * s->v->dimensions);
		if (s->filter == NULL || passes(s, &e)) {
			double score = vector_score(&s->query, e.packed, e.squares);
			consider(s, s->v->distance == VECTOR_DOT_PRODUCT ? -score : score, str_slice(key, from.n, key.n));
		}
		arena_reset(s->scratch);
	}
	scan_close(scan);
	arena_free(s->scratch);
}

/* ---- the answer ---- */

/* The vector as the index has it. */
static struct av rounded(struct arena *a, const struct av *vector)
{
	struct av out = {.type = AV_L, .n = vector->n, .items = arena_array(a, struct av, vector->n)};
	for (uint32_t i = 0; i < vector->n; i++)
		out.items[i] = (struct av){.type = AV_N, .s = vector_float_text(a, vector_float(vector->items[i].s))};
	return out;
}

/* What the index has of an item and the request asks for: all but the vector, unless it is asked for by name. */
static struct av shown(struct vector_search *s, const struct av *item)
{
	struct arena *a = s->c->arena;
	struct av projected = index_project(a, s->t, &s->v->x, item);
	if (s->projection.n == 0) {
		av_unset(&projected, s->v->attribute);
		return projected;
	}
	struct av picked = projection_apply(a, &s->projection, &projected);
	if (av_get(&picked, s->v->attribute) == NULL)
		return picked;
	struct av vector = rounded(a, av_get(&projected, s->v->attribute));
	av_set(a, &projected, s->v->attribute, &vector);
	return projection_apply(a, &s->projection, &projected);
}

static struct list results(struct vector_search *s, size_t *bytes)
{
	struct call *c = s->c;
	struct list out = LIST_OF(c->arena, struct dynamodb_SearchResultItem, s->n);
	for (uint32_t i = 0; i < s->n && *bytes <= ANSWER_BYTES_MAX; i++) {
		struct buf space;
		struct str lies;
		struct av item;
		space_key(c, &space, s->t->space);
		struct str key = arena_join(c->arena, buf_view(&space), buf_view(s->best[i].key));
		bool found = txn_get(c->txn, key, c->arena, &lies) && item_decode(c->arena, open_value(c, s->t, key, lies), &item);
		ASSERT(found); /* entries and items change together */
		struct av answer = shown(s, &item);
		*bytes += item_size(&answer);
		*LIST_AT(out, struct dynamodb_SearchResultItem, i) = (struct dynamodb_SearchResultItem){
			.Item = item_document(c, &answer), .Score = SOME_F64(s->v->distance == VECTOR_DOT_PRODUCT ? -s->best[i].rank : s->best[i].rank)};
	}
	return out;
}

void ddb_search_vectors(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_SearchVectors);
	const struct dynamodb_SearchVectorsInput *in = c->in;
	struct dynamodb_SearchVectorsOutput *out = c->out;
	struct vector_search s = {.c = c};
	struct consumed used;
	struct request r;
	size_t bytes = 0;
	request_init(&r, c);
	if (!read_search(&r, &s, in)) {
		if (!c->failed)
			request_failed(&r);
		return;
	}
	search_entries(&s, vector_prefix(c, s.v, s.hash));
	out->SearchResults = results(&s, &bytes);
	if (bytes > ANSWER_BYTES_MAX) {
		fail_validation(c, "The response of SearchVectors exceeds the maximum of 16 MB; reduce TopK or the attributes that are projected");
		return;
	}
	double examined = s.examined + (double)bytes;
	consumed_init(c, s.t, &used, true);
	used.vectors[s.v - s.t->vectors] = examined < VECTOR_BYTES_MIN ? VECTOR_BYTES_MIN : examined;
	count_metrics(c, s.t, &used, "SearchVectors", s.n);
	if (str_eq(in->ReturnConsumedCapacity, S("TOTAL")) || str_eq(in->ReturnConsumedCapacity, S("INDEXES"))) {
		out->ConsumedCapacity = arena_new_of(c->arena, struct dynamodb_VectorCapacity);
		out->ConsumedCapacity->VectorSearchRequestBytes = SOME_F64(used.vectors[s.v - s.t->vectors]);
	}
}
