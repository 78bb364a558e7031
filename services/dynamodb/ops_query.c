/* Query and Scan: one run over a range of keys of a table or an index.
 *
 * Both are made into a `search`: bounds, filter, projection, what to return. A page ends at Limit items looked at, at
 * 1 MB of them, or at the end of the range; a page that ended at a limit has a LastEvaluatedKey. */
#include "ops_query.h"
#include "insights.h"
#include "seal.h"
#include "throttle.h"
#include "vector.h"

enum { PAGE_BYTES_MAX = 1024 * 1024 };

/* ---- reading the shared parameters ---- */

struct search_input {
	struct str table, index, select, projection, filter;
	struct list attributes_to_get;
	struct opt_i64 limit;
	struct opt_bool consistent;
};

static bool check_start_values(struct request *r, const struct json *start, struct av *out)
{
	struct fault f = {.arena = r->c->arena};
	if (start == NULL || item_from_json(start, out, &f))
		return true;
	if (f.code == FAULT_SERIALIZATION)
		return fault_serialization(&r->fault, "%.*s", STR_ARG(f.message));
	/* Some of the messages about values come with an introduction. */
	static const char *const bare[] = {"contains duplicates", "number set", "numeric value", "significant digits",
	                                   "number with magnitude"};
	for (size_t i = 0; i < COUNT_OF(bare); i++)
		if (str_find_str(f.message, str_c(bare[i])) >= 0)
			return fault(&r->fault, "%.*s", STR_ARG(f.message));
	return fault(&r->fault, "The provided starting key is invalid: %.*s", STR_ARG(f.message));
}

static bool check_select(struct request *r, const struct search_input *in)
{
	const char *intro = r->c->op->model == &dynamodb_op_Query ? "1 validation error detected: " : "";
	bool picks = in->attributes_to_get.set || str_present(in->projection);
	const char *which = in->attributes_to_get.set ? "AttributesToGet" : "ProjectionExpression";
	if (str_eq(in->select, S("ALL_PROJECTED_ATTRIBUTES")) && !str_present(in->index))
		return fault(&r->fault, "%sALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName", intro);
	if (str_eq(in->select, S("SPECIFIC_ATTRIBUTES")) && !picks)
		return fault(&r->fault, "%sMust specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES", intro);
	if (!str_present(in->select) || str_eq(in->select, S("SPECIFIC_ATTRIBUTES")) || !picks)
		return true;
	if (str_eq(in->select, S("COUNT")))
		return fault(&r->fault, "%sCannot specify the %s when choosing to get only the Count", intro, which);
	return fault(&r->fault, "%sCannot specify the %s when choosing to get %.*s", intro, which, STR_ARG(in->select));
}

/* The table and index, and what of the parameters depends on them. */
static bool open_target(struct search *s, struct request *r, const struct search_input *in)
{
	ASSERT(s->t == NULL);
	struct call *c = s->c;
	s->t = table_open(c, in->table);
	if (s->t == NULL)
		return false;
	s->schema = &s->t->key;
	s->consistent = in->consistent.v;
	s->limit = in->limit.set ? in->limit.v : 0;
	s->count_only = str_eq(in->select, S("COUNT"));
	consumed_init(c, s->t, &s->used, true);
	if (!str_present(in->index))
		return true;
	s->x = table_index(s->t, in->index);
	if (s->x == NULL && vector_index(s->t, in->index) != NULL)
		return fault(&r->fault, c->op->model == &dynamodb_op_Query ? "Query operation not supported on this index type." :
		                                                             "Scan operation not supported on this index type");
	if (s->x == NULL)
		return fault(&r->fault, "The table does not have the specified index: %.*s", STR_ARG(in->index));
	if (!s->x->active)
		return fault(&r->fault, "Cannot read from backfilling global secondary index: %.*s", STR_ARG(in->index));
	if (!s->x->local && s->consistent)
		return fault(&r->fault, "Consistent reads are not supported on global secondary indexes");
	s->schema = &s->x->key;
	return true;
}

static bool projects(const struct search *s, struct str name)
{
	ASSERT(s->x != NULL);
	const struct table_index *x = s->x;
	if (x->projection == PROJECT_ALL || key_has(&s->t->key, name) || key_has(&x->key, name))
		return true;
	for (uint32_t i = 0; x->projection == PROJECT_INCLUDE && i < x->n_include; i++)
		if (str_eq(name, x->include[i]))
			return true;
	return false;
}

/* May the index answer, or must (and may) the table's item be fetched? */
static bool check_projected(struct search *s, struct request *r, const struct search_input *in)
{
	ASSERT(s->t != NULL);
	if (s->x == NULL || s->x->projection == PROJECT_ALL)
		return true;
	if (str_eq(in->select, S("ALL_ATTRIBUTES"))) {
		s->fetch = s->x->local;
		return s->x->local || fault(&r->fault, "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not "
		                                       "supported for global secondary index %.*s because its projection type is not ALL",
		                            STR_ARG(s->x->name));
	}
	struct buf missing;
	buf_init(&missing, s->c->arena, 0);
	for (uint32_t i = 0; i < s->projection.n; i++)
		if (!projects(s, s->projection.paths[i].parts[0].name))
			buf_printf(&missing, "%s%.*s", missing.n > 0 ? ", " : "", STR_ARG(s->projection.paths[i].parts[0].name));
	if (missing.n == 0)
		return true;
	s->fetch = s->x->local;
	return s->x->local || fault(&r->fault, "One or more parameter values were invalid: Global secondary index %.*s does not project "
	                                       "[%.*s]", STR_ARG(s->x->name), STR_ARG(buf_view(&missing)));
}

/* ---- where a page starts ---- */

/* The names that the key of a position has: the table's, and the index's beyond them. */
static uint32_t start_names(const struct search *s, struct str *names)
{
	ASSERT(s->t != NULL);
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->t->key.n; i++)
		names[n++] = s->t->key.parts[i].name;
	for (uint32_t i = 0; s->x != NULL && i < s->x->key.n; i++)
		if (!key_has(&s->t->key, s->x->key.parts[i].name))
			names[n++] = s->x->key.parts[i].name;
	return n;
}

/* ExclusiveStartKey is looked at part by part: first how many attributes it has, then those of the keys that are read by, and only
 * when the rest of the request is in order those of the table. Scan says of a table's key in one sentence what is wrong with it. */
static bool bad_start(struct search *s, struct request *r, bool query)
{
	return fault(&r->fault, "The provided starting key is invalid%s",
	             query || s->x != NULL ? "" : ": The provided key element does not match the schema");
}

static bool check_start_count(struct search *s, struct request *r, const struct av *start, bool query)
{
	ASSERT(s->t != NULL && s->schema != NULL);
	struct str names[2 + KEY_PARTS_MAX];
	return start->n == start_names(s, names) || bad_start(s, r, query);
}

static bool check_start_part(struct search *s, struct request *r, const struct av *start, const struct key_part *part, bool query)
{
	const struct av *v = av_get(start, part->name);
	if (v == NULL)
		return bad_start(s, r, query);
	return (!query && s->x == NULL) || v->type == part->type || fault(&r->fault, "The provided key element does not match the schema");
}

static bool check_start(struct search *s, struct request *r, const struct av *start, bool query)
{
	if (!check_start_count(s, r, start, query))
		return false;
	for (uint32_t i = 0; i < s->schema->n; i++)
		if (!check_start_part(s, r, start, &s->schema->parts[i], query))
			return false;
	return s->x == NULL || check_key_filled(s->schema, start, &r->fault);
}

/* The store's key of ExclusiveStartKey, whose part of the search's keys has been checked; absent with a fault when it is none. */
static struct str start_position(struct search *s, struct request *r, const struct av *start)
{
	ASSERT(start->type == AV_M);
	struct fault why = {.arena = s->c->arena};
	for (uint32_t i = 0; i < s->t->key.n; i++)
		if (av_get(start, s->t->key.parts[i].name) == NULL) {
			fault(&r->fault, "The provided starting key is invalid: The provided key element does not match the schema");
			return STR_NONE;
		}
	struct av key = key_of_item(s->c->arena, &s->t->key, start);
	if (!check_key(s->t, &key, &why)) {
		fault(&r->fault, "The provided starting key is invalid: %.*s", STR_ARG(why.message));
		return STR_NONE;
	}
	return s->x != NULL ? index_key(s->c, s->t, s->x, start) : item_key(s->c, s->t, start);
}

static struct str next_key(struct arena *a, struct str key)
{
	return arena_join(a, key, str_of("\0", 1));
}

void search_start_after(struct search *s, struct str position)
{
	if (s->reverse)
		s->to = position;
	else
		s->from = next_key(s->c->arena, position);
}

/* ---- running ---- */

static void keep(struct search *s, struct json *item)
{
	ASSERT(item != NULL && s->n <= s->cap);
	if (s->n == s->cap) {
		uint32_t cap = s->cap == 0 ? 16 : s->cap * 2;
		s->items = arena_grow(s->c->arena, s->items, sizeof *s->items, s->cap, cap);
		s->cap = cap;
	}
	s->items[s->n++] = item;
}

/* The whole item of an index entry. */
static struct str fetch_item(struct search *s, const struct av *entry)
{
	ASSERT(s->fetch && s->x != NULL && s->x->local);
	struct str bytes, key = item_key(s->c, s->t, entry);
	if (!txn_get(s->c->txn, key, s->c->arena, &bytes)) {
		ASSERT(txn_incomplete(s->c->txn)); /* entries and items change together */
		return STR_NONE;
	}
	bytes = open_value(s->c, s->t, key, bytes);
	size_t size;
	bool ok = item_bytes_size(bytes, &size);
	ASSERT(ok);
	s->fetched_units += read_units(size, s->consistent);
	return bytes;
}

static bool filtered(const struct search *s) { return s->filter.expr != NULL || s->filter.legacy.n > 0; }

/* Entries are given as they lie: no tree is made of them. */
static bool as_stored(const struct search *s)
{
	return !filtered(s) && s->projection.n == 0 && !s->fetch && !s->count_only;
}

static void take_entry(struct search *s, struct str bytes)
{
	ASSERT(!as_stored(s));
	struct av item;
	if (filtered(s) || s->projection.n > 0 || s->fetch) {
		bytes = arena_dup(s->c->arena, bytes); /* the tree keeps views, and the scan moves on */
		bool ok = item_decode(s->c->arena, bytes, &item);
		ASSERT(ok);
		if (s->fetch) {
			bytes = fetch_item(s, &item);
			if (!str_present(bytes))
				return;
			ok = item_decode(s->c->arena, bytes, &item);
			ASSERT(ok);
		}
		if (filtered(s) && !item_condition_holds(&s->filter, &item, s->c->arena))
			return;
	}
	s->matched++;
	if (s->count_only)
		return;
	if (s->projection.n == 0) {
		keep(s, item_document_of_bytes(s->c, bytes));
		return;
	}
	struct av picked = projection_apply(s->c->arena, &s->projection, &item);
	keep(s, item_document(s->c, &picked));
}

static struct json *position_of(struct search *s, struct str bytes)
{
	struct av item;
	bool ok = item_decode(s->c->arena, arena_dup(s->c->arena, bytes), &item);
	ASSERT(ok);
	struct av key = key_of_item(s->c->arena, &s->t->key, &item);
	if (s->x != NULL) {
		struct av more = key_of_item(s->c->arena, &s->x->key, &item);
		for (uint32_t i = 0; i < more.n; i++)
			av_set(s->c->arena, &key, more.members[i].name, &more.members[i].value);
	}
	return item_document(s->c, &key);
}

void search_run(struct search *s)
{
	ASSERT(str_cmp(s->from, s->to) <= 0 || !str_present(s->to));
	struct scan *scan = scan_open(s->c->txn, s->from, s->to, s->reverse);
	struct str key, bytes, last = STR_NONE, last_place = STR_NONE;
	bool plain = as_stored(s);
	while (scan_next(scan, &key, &bytes)) {
		size_t size;
		bytes = open_value(s->c, s->t, key, bytes);
		struct json *whole = plain ? item_document_weighed(s->c, bytes, &size) : NULL;
		bool ok = plain || item_bytes_size(bytes, &size);
		ASSERT(ok);
		if (s->scanned > 0 && s->bytes + size > PAGE_BYTES_MAX) {
			s->last_key = position_of(s, last);
			s->last_place = last_place;
			break;
		}
		s->bytes += size;
		s->scanned++;
		/* Only the entry before the page's end is needed again; its bytes are copied when that may come now. */
		if (s->bytes + ITEM_SIZE_MAX + 4096 > PAGE_BYTES_MAX) {
			last = arena_dup(s->c->arena, bytes);
			last_place = arena_dup(s->c->arena, key);
		}
		if (plain) {
			s->matched++;
			keep(s, whole);
		} else {
			take_entry(s, bytes);
		}
		if (s->limit > 0 && s->scanned >= s->limit) {
			s->last_key = position_of(s, str_present(last) ? last : bytes);
			s->last_place = arena_dup(s->c->arena, key);
			break;
		}
	}
	scan_close(scan);
	double units = s->scanned == 0 ? read_units(0, s->consistent) : read_units(s->bytes, s->consistent);
	if (s->x != NULL) {
		s->used.indexes[s->x - s->t->indexes] = units;
		s->used.table = s->fetched_units;
	} else {
		s->used.table = units;
	}
}

static struct list items_of(const struct search *s)
{
	if (s->count_only)
		return (struct list){0};
	return (struct list){s->items, s->n, true};
}

/* keys: a tree that says conditions on keys, read into k when all texts have been; NULL: none. */
static bool read_common(struct search *s, struct request *r, const struct search_input *in, const struct expr *keys, struct key_conditions *k)
{
	return check_select(r, in) && request_condition(r, "FilterExpression", in->filter, &s->filter) &&
	       request_projection(r, in->projection, &s->projection) && (keys == NULL || expr_read_key(&r->x, keys, k)) &&
	       expr_check_unused(&r->x);
}

static bool read_attributes(struct search *s, struct request *r, struct list names)
{
	return !names.set || request_attributes_to_get(r, names, &s->projection);
}

bool search_check_paths(struct search *s, struct request *r)
{
	return check_key_paths(s->t, s->projection.paths, s->projection.n, &r->fault) &&
	       check_condition_paths(s->t, s->filter.expr, &r->fault);
}

/* From what was read and checked to the page; false when c has failed. */
static bool run_search(struct search *s, struct request *r, bool ok, const char *operation)
{
	ASSERT(ok || s->c->failed || r->fault.code != FAULT_NONE);
	if (!ok) {
		if (!s->c->failed)
			request_failed(r);
		return false;
	}
	if (!throttle_admit(s->c, s->t, s->x, true))
		return false;
	search_run(s);
	if (txn_incomplete(s->c->txn))
		return false; /* comes again, and is counted then */
	count_metrics(s->c, s->t, &s->used, operation, (double)s->matched);
	return true;
}

/* What the inputs, and the answers, of both have in common, by the same names in two types. */
#define SEARCH_INPUT(in) \
	{.table = (in)->TableName, .index = (in)->IndexName, .select = (in)->Select, .projection = (in)->ProjectionExpression, \
	 .filter = (in)->FilterExpression, .attributes_to_get = (in)->AttributesToGet, .limit = (in)->Limit, .consistent = (in)->ConsistentRead}
#define SEARCH_OUTPUT(s, asked) \
	{.Items = items_of(&(s)), .Count = SOME_I64((s).matched), .ScannedCount = SOME_I64((s).scanned), .LastEvaluatedKey = (s).last_key, \
	 .ConsumedCapacity = consumed_answer((s).c, (s).t, &(s).used, (asked))}

/* ---- Query ---- */

static const struct key_condition *condition_on(const struct key_conditions *k, struct str name)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (str_eq(k->v[i].name, name))
			return &k->v[i];
	return NULL;
}

static bool check_key_condition(struct request *r, const struct key_conditions *all, struct str name, enum av_type type, bool hash)
{
	const struct key_condition *k = condition_on(all, name);
	if (k == NULL) {
		if (hash || all->n > 1)
			return fault(&r->fault, "Query condition missed key schema element: %.*s", STR_ARG(name));
		return true;
	}
	if (k->op == KEY_NONE)
		return fault(&r->fault, "Attempted conditional constraint is not an indexable operation");
	if (k->low->type != type || (k->high != NULL && k->high->type != type))
		return fault(&r->fault, "One or more parameter values were invalid: Condition parameter type does not match schema type");
	if (hash && k->op != KEY_EQ)
		return fault(&r->fault, "Query key condition not supported");
	if (k->op == KEY_BEGINS_WITH && type == AV_N)
		return fault(&r->fault, "Query key condition not supported");
	if (type != AV_N && k->low->s.n == 0 && k->op != KEY_BEGINS_WITH)
		return fault(&r->fault, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
		                        "empty %s value. Key: %.*s", type == AV_S ? "string" : "binary", STR_ARG(name));
	return true;
}

/* A key of several attributes: all of the hash by equality; of the range from the left, and only the last one asked for
 * otherwise than by equality. */
static bool check_wide_conditions(struct search *s, struct request *r, const struct key_conditions *k)
{
	ASSERT(s->schema->n > 1);
	const struct key_schema *key = s->schema;
	const struct key_part *open = NULL; /* a range attribute behind which none may be asked for */
	for (uint32_t i = 0; i < key->n; i++) {
		const struct key_condition *one = condition_on(k, key->parts[i].name);
		if (one != NULL && !check_key_condition(r, k, key->parts[i].name, key->parts[i].type, false))
			return false;
		if (i < key->n_hash && (one == NULL || one->op != KEY_EQ))
			return fault(&r->fault, "Query key condition not supported: all HASH key attributes must be specified with equality conditions: %.*s",
			             STR_ARG(key->parts[i].name));
		if (one != NULL && open != NULL)
			return fault(&r->fault, "Query key condition not supported: RANGE key attribute %.*s requires an equality condition on RANGE key "
			                        "attribute %.*s", STR_ARG(key->parts[i].name), STR_ARG(open->name));
		if (open == NULL && i >= key->n_hash && (one == NULL || one->op != KEY_EQ))
			open = &key->parts[i];
	}
	for (uint32_t i = 0; i < k->n; i++)
		if (!key_has(key, k->v[i].name))
			return fault(&r->fault, "Query key condition not supported");
	return true;
}

/* start: NULL when there is none. */
static bool check_key_conditions(struct search *s, struct request *r, const struct key_conditions *k, const struct av *start)
{
	if (s->schema->n > 1 + (s->schema->n_hash == 1))
		return (start == NULL || check_start(s, r, start, true)) && check_wide_conditions(s, r, k);
	if (k->n > 2)
		return fault(&r->fault, "Conditions can be of length 1 or 2 only");
	if (start != NULL && !check_start_count(s, r, start, true))
		return false;
	for (uint32_t i = 0; i < s->schema->n; i++) {
		const struct key_part *part = &s->schema->parts[i];
		if (start != NULL && !check_start_part(s, r, start, part, true))
			return false;
		if (s->schema->n == 1 && k->n > 1)
			return fault(&r->fault, "Query key condition not supported");
		if (!check_key_condition(r, k, part->name, part->type, i == 0))
			return false;
	}
	return start == NULL || s->x == NULL || check_key_filled(s->schema, start, &r->fault);
}

static struct str with_element(struct search *s, const struct buf *prefix, const struct av *v, bool begins)
{
	ASSERT(v != NULL);
	struct buf b;
	buf_init(&b, s->c->arena, 0);
	buf_str(&b, buf_view(prefix));
	if (begins)
		put_key_prefix(&b, v);
	else
		put_key_element(&b, v);
	return buf_view(&b);
}

void search_key_bounds(struct search *s, const struct key_conditions *k)
{
	ASSERT(s->schema != NULL && k->n > 0);
	struct arena *a = s->c->arena;
	struct buf prefix;
	space_key(s->c, &prefix, s->x != NULL ? s->x->space : s->t->space);
	const struct av *values[KEY_PARTS_MAX];
	for (uint32_t i = 0; i < s->schema->n_hash; i++)
		values[i] = condition_on(k, s->schema->parts[i].name)->low;
	put_partition_of(&prefix, s->schema, values);
	const struct key_condition *range = NULL, *next;
	for (uint32_t i = s->schema->n_hash; i < s->schema->n && (next = condition_on(k, s->schema->parts[i].name)) != NULL; i++) {
		if (range != NULL)
			put_key_element(&prefix, range->low); /* of the attributes before the last one, each has one value */
		range = next;
	}
	s->from = buf_view(&prefix);
	s->to = key_after(a, s->from);
	if (range == NULL)
		return;
	struct str low = with_element(s, &prefix, range->low, range->op == KEY_BEGINS_WITH);
	switch (range->op) {
	case KEY_EQ: case KEY_BEGINS_WITH:
		s->from = low;
		s->to = key_after(a, low);
		return;
	case KEY_LT:
		s->to = low;
		return;
	case KEY_LE:
		s->to = key_after(a, low);
		return;
	case KEY_GT:
		s->from = key_after(a, low);
		return;
	case KEY_GE:
		s->from = low;
		return;
	case KEY_BETWEEN:
		s->from = low;
		s->to = key_after(a, with_element(s, &prefix, range->high, false));
		return;
	case KEY_NONE:
		break;
	}
	ASSERT(range->op != KEY_NONE); /* refused before */
}

static bool range_holds(const struct key_condition *k, const struct av *v)
{
	ASSERT(v != NULL && v->type == k->low->type);
	int low = av_cmp(v, k->low);
	switch (k->op) {
	case KEY_EQ: return low == 0;
	case KEY_LT: return low < 0;
	case KEY_LE: return low <= 0;
	case KEY_GT: return low > 0;
	case KEY_GE: return low >= 0;
	case KEY_BETWEEN: return low >= 0 && av_cmp(v, k->high) <= 0;
	case KEY_BEGINS_WITH: return value_begins_with(v, k->low);
	case KEY_NONE: break;
	}
	return false;
}

/* A start key outside the bounds is refused. */
static bool apply_start(struct search *s, struct request *r, const struct key_conditions *k, const struct av *start)
{
	ASSERT(str_present(s->from) && str_present(s->to));
	struct str position = start_position(s, r, start);
	if (!str_present(position))
		return false;
	const struct key_condition *range = str_present(s->schema->range) ? condition_on(k, s->schema->range) : NULL;
	bool same = true;
	for (uint32_t i = 0; i < s->schema->n_hash; i++)
		same = same && av_equal(av_get(start, s->schema->parts[i].name), condition_on(k, s->schema->parts[i].name)->low);
	if (str_cmp(position, s->from) < 0 || str_cmp(position, s->to) >= 0)
		return fault(&r->fault, range == NULL ? "The provided starting key is outside query boundaries based on provided conditions" :
		                        same || !range_holds(range, av_get(start, range->name)) ?
		                                        "The provided starting key does not match the range key predicate" :
		                                        "The query can return at most one row and cannot be restarted");
	search_start_after(s, position);
	return true;
}

/* Keys have conditions of their own. */
static bool check_filter_keys(struct search *s, struct request *r, bool legacy)
{
	ASSERT(s->schema != NULL);
	for (uint32_t i = 0; i < s->schema->n; i++)
		if (item_condition_names(&s->filter, s->schema->parts[i].name))
			return fault(&r->fault, "%s can only contain non-primary key attributes: Primary key attribute: %.*s",
			             legacy ? "QueryFilter" : "Filter Expression", STR_ARG(s->schema->parts[i].name));
	return true;
}

bool search_check_keys(struct search *s, struct request *r, const struct key_conditions *k)
{
	ASSERT(s->t != NULL && s->schema != NULL);
	return check_key_conditions(s, r, k, NULL) && check_filter_keys(s, r, false);
}

static bool read_query(struct request *r, const struct dynamodb_QueryInput *in, struct search *s, const struct search_input *common,
                       struct key_conditions *k, struct av *start)
{
	const struct given expressions[] = {{"ProjectionExpression", str_present(in->ProjectionExpression)},
	                                    {"FilterExpression", str_present(in->FilterExpression)},
	                                    {"KeyConditionExpression", str_present(in->KeyConditionExpression)}};
	struct given legacy[] = {{"AttributesToGet", in->AttributesToGet.set}, {"QueryFilter", in->QueryFilter.set},
	                         {"ConditionalOperator", str_present(in->ConditionalOperator)}, {"KeyConditions", in->KeyConditions.set}};
	/* KeyConditions may stand beside expressions other than its own. */
	size_t n_legacy = in->KeyConditions.set && !str_present(in->KeyConditionExpression) ? 3 : 4;
	if (!request_check_given(r, expressions, 3, legacy, n_legacy, in->ExpressionAttributeNames, in->ExpressionAttributeValues) ||
	    !request_check_joined(r, in->ConditionalOperator, in->QueryFilter))
		return false;
	if (in->QueryFilter.set && !request_filter(r, in->QueryFilter, in->ConditionalOperator, &s->filter))
		return false;
	if (!read_attributes(s, r, in->AttributesToGet) || !check_start_values(r, in->ExclusiveStartKey, start))
		return false;
	if (!in->KeyConditions.set && !str_present(in->KeyConditionExpression))
		return fault(&r->fault, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
	if (!request_placeholders(r, in->ExpressionAttributeNames, in->ExpressionAttributeValues))
		return false;
	struct expr *keys = NULL;
	if (str_present(in->KeyConditionExpression))
		keys = expr_parse_condition(&r->x, "KeyConditionExpression", in->KeyConditionExpression);
	if (str_present(in->KeyConditionExpression) ? keys == NULL : !request_key_conditions(r, in->KeyConditions, k))
		return false;
	return read_common(s, r, common, keys, k);
}

/* "A Query operation always results in 1 event, regardless of the number of items returned." */
static void tell_partition(struct search *s, const struct av *partition, bool throttled)
{
	ASSERT(s->schema != NULL && partition != NULL);
	struct av item = {.type = AV_M};
	bool global = s->x != NULL && !s->x->local;
	av_set(s->c->arena, &item, s->schema->hash, partition);
	if (throttled)
		insights_throttle(s->c, s->t, global ? s->x : NULL, &item, false);
	else
		insights_read(s->c, s->t, global ? s->x : NULL, &item, false,
		              global ? s->used.indexes[s->x - s->t->indexes] : s->used.table + (s->x != NULL ? s->used.indexes[s->x - s->t->indexes] : 0));
}

void ddb_query(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_Query);
	const struct dynamodb_QueryInput *in = c->in;
	const struct search_input common = SEARCH_INPUT(in);
	struct search s = {.c = c, .reverse = in->ScanIndexForward.set && !in->ScanIndexForward.v};
	struct key_conditions keys;
	struct av start = {.type = AV_M};
	struct request r;
	request_init(&r, c);
	bool ok = read_query(&r, in, &s, &common, &keys, &start) && open_target(&s, &r, &common);
	if (ok && in->KeyConditions.set && (s.schema->n_hash > 1 || s.schema->n > 2))
		ok = fault(&r.fault, "KeyConditions cannot be used with an index whose key has several attributes of one type: use KeyConditionExpression");
	ok = ok && check_key_conditions(&s, &r, &keys, in->ExclusiveStartKey != NULL ? &start : NULL);
	if (ok) {
		search_key_bounds(&s, &keys);
		ok = in->ExclusiveStartKey == NULL || apply_start(&s, &r, &keys, &start);
	}
	ok = ok && check_key_paths(s.t, s.projection.paths, s.projection.n, &r.fault) && check_filter_keys(&s, &r, in->QueryFilter.set) &&
	     check_projected(&s, &r, &common) && check_condition_paths(s.t, s.filter.expr, &r.fault);
	bool done = run_search(&s, &r, ok, "Query");
	if (ok && !txn_incomplete(c->txn) && insights_kept(s.t))
		tell_partition(&s, condition_on(&keys, s.schema->hash)->low, !done);
	if (done)
		*(struct dynamodb_QueryOutput *)c->out = (struct dynamodb_QueryOutput)SEARCH_OUTPUT(s, in->ReturnConsumedCapacity);
}

/* ---- Scan ---- */

static bool check_segments(struct request *r, const struct dynamodb_ScanInput *in)
{
	if (in->Segment.set && !in->TotalSegments.set)
		return fault(&r->fault, "The TotalSegments parameter is required but was not present in the request when Segment parameter is "
		                        "present");
	if (!in->TotalSegments.set)
		return true;
	if (!in->Segment.set)
		return fault(&r->fault, "The Segment parameter is required but was not present in the request when parameter TotalSegments is "
		                        "present");
	if (in->Segment.v >= in->TotalSegments.v)
		return fault(&r->fault, "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %lld is not "
		                        "less than TotalSegments: %lld", (long long)in->Segment.v, (long long)in->TotalSegments.v);
	return true;
}

static bool read_scan(struct request *r, const struct dynamodb_ScanInput *in, struct search *s, const struct search_input *common,
                      struct av *start)
{
	const struct given expressions[] = {{"ProjectionExpression", str_present(in->ProjectionExpression)},
	                                    {"FilterExpression", str_present(in->FilterExpression)}};
	const struct given legacy[] = {{"AttributesToGet", in->AttributesToGet.set}, {"ScanFilter", in->ScanFilter.set},
	                               {"ConditionalOperator", str_present(in->ConditionalOperator)}};
	if (!request_check_given(r, expressions, 2, legacy, 3, in->ExpressionAttributeNames, in->ExpressionAttributeValues) ||
	    !request_check_joined(r, in->ConditionalOperator, in->ScanFilter))
		return false;
	if (!read_attributes(s, r, in->AttributesToGet) ||
	    (in->ScanFilter.set && !request_filter(r, in->ScanFilter, in->ConditionalOperator, &s->filter)))
		return false;
	return check_start_values(r, in->ExclusiveStartKey, start) && check_segments(r, in) &&
	       request_placeholders(r, in->ExpressionAttributeNames, in->ExpressionAttributeValues) && read_common(s, r, common, NULL, NULL);
}

/* A segment is an equal part of the hashes. */
static struct str segment_edge(struct search *s, int64_t segment, int64_t total)
{
	ASSERT(segment >= 0 && segment <= total);
	struct buf b;
	space_key(s->c, &b, s->x != NULL ? s->x->space : s->t->space);
	if (segment == total)
		return key_after(s->c->arena, buf_view(&b));
	uint32_t hash = __builtin_bswap32((uint32_t)(((unsigned __int128)segment << 32) / (unsigned __int128)total));
	buf_put(&b, &hash, sizeof hash);
	return buf_view(&b);
}

void ddb_scan(struct call *c)
{
	ASSERT(c->op->model == &dynamodb_op_Scan);
	const struct dynamodb_ScanInput *in = c->in;
	const struct search_input common = SEARCH_INPUT(in);
	struct search s = {.c = c};
	struct av start = {.type = AV_M};
	struct request r;
	request_init(&r, c);
	bool ok = read_scan(&r, in, &s, &common, &start) && open_target(&s, &r, &common) &&
	          (in->ExclusiveStartKey == NULL || check_start(&s, &r, &start, false)) && check_projected(&s, &r, &common);
	if (ok) {
		int64_t total = in->TotalSegments.set ? in->TotalSegments.v : 1, segment = in->Segment.set ? in->Segment.v : 0;
		s.from = segment_edge(&s, segment, total);
		s.to = segment_edge(&s, segment + 1, total);
		struct str position = in->ExclusiveStartKey != NULL ? start_position(&s, &r, &start) : STR_NONE;
		if (str_present(position) && (str_cmp(position, s.from) < 0 || str_cmp(position, s.to) >= 0))
			fault(&r.fault, "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct "
			                "Segment. TotalSegments: %lld Segment: %lld", (long long)total, (long long)segment);
		else if (str_present(position))
			search_start_after(&s, position);
		ok = r.fault.code == FAULT_NONE && search_check_paths(&s, &r);
	}
	if (run_search(&s, &r, ok, "Scan"))
		*(struct dynamodb_ScanOutput *)c->out = (struct dynamodb_ScanOutput)SEARCH_OUTPUT(s, in->ReturnConsumedCapacity);
}
