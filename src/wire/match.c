/* Which REST operation a method and path ask for, and what the path's labels hold.
 *
 * A template is the model's requestUri: "/{Bucket}/{Key+}?uploads". A label takes one segment, a greedy one ({Key+})
 * all that is left, slashes kept as they are. What stands after '?' must be in the query string. Several operations
 * may fit: more literal segments win, then more literal query keys, then an operation whose required query and header
 * members are all there (S3 tells CopyObject from PutObject by them), then the one named by the hint x-id.
 * Source: Smithy's http trait; S3's API reference. */
#include "wire/rest.h"

/* The template's path, without the query part. */
static struct str template_path(struct str uri)
{
	ptrdiff_t q = str_find(uri, '?');
	return q < 0 ? uri : str_slice(uri, 0, (size_t)q);
}

static struct str template_query(struct str uri)
{
	ptrdiff_t q = str_find(uri, '?');
	return q < 0 ? STR_NONE : str_slice(uri, (size_t)q + 1, uri.n);
}

static bool is_label(struct str segment) { return segment.n >= 3 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}'; }

static bool is_greedy(struct str segment) { return is_label(segment) && segment.p[segment.n - 2] == '+'; }

static struct str label_name(struct str segment)
{
	ASSERT(is_label(segment));
	return str_slice(segment, 1, segment.n - (is_greedy(segment) ? 2 : 1));
}

/* One slash in front, all at the end: "/queues//" asks for what "/queues" does. */
static struct str without_slashes(struct str path)
{
	struct str p = path;
	if (p.n > 0 && p.p[0] == '/')
		p = str_slice(p, 1, p.n);
	while (p.n > 0 && p.p[p.n - 1] == '/')
		p.n--;
	return p;
}

static size_t count_segments(struct str s)
{
	size_t n = 1;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '/';
	return n;
}

/* All but the last `keep` segments of *path: what a greedy label in front of them takes. */
static bool cut_greedy(struct str *path, size_t keep, struct str *taken)
{
	ASSERT(taken != NULL);
	size_t end = path->n;
	for (size_t k = 0; k < keep; k++) {
		ptrdiff_t slash = str_rfind(str_slice(*path, 0, end), '/');
		if (slash < 0)
			return false;
		end = (size_t)slash;
	}
	*taken = str_slice(*path, 0, end);
	*path = keep == 0 ? STR_NONE : str_slice(*path, end + 1, path->n);
	return true;
}

bool rest_match_path(const char *uri, struct str path, struct rest_labels *out)
{
	struct str t = template_path(str_c(uri));
	bool greedy = str_find(t, '+') >= 0; /* no literal has one */
	struct str p = path.n > 0 && path.p[0] == '/' ? str_slice(path, 1, path.n) : path;
	*out = (struct rest_labels){0};
	t = without_slashes(t);
	/* A trailing slash means nothing, except to a greedy label that has one before it. */
	if (!greedy)
		p = without_slashes(path);
	if (t.n == 0)
		return p.n == 0;
	while (t.p != NULL) {
		struct str ts = str_cut(&t, '/'), ps;
		if (p.p == NULL)
			return false;
		if (is_greedy(ts)) {
			if (!cut_greedy(&p, t.p != NULL ? count_segments(t) : 0, &ps))
				return false;
		} else {
			ps = str_cut(&p, '/');
		}
		if (is_label(ts)) {
			ASSERT(out->n < COUNT_OF(out->v));
			if (ps.n == 0)
				return false;
			out->v[out->n++] = (struct rest_label){label_name(ts), ps};
		} else {
			if (!str_eq(ts, ps))
				return false;
			out->literals++;
		}
	}
	return p.p == NULL;
}

static const struct param *find_query(const struct wire_request *r, struct str name)
{
	for (size_t i = 0; i < r->query.n; i++)
		if (str_eq(r->query.v[i].name, name))
			return &r->query.v[i];
	return NULL;
}

/* The template's literal query keys are all there: their number, or -1. */
static int match_query(const char *uri, const struct wire_request *r)
{
	ASSERT(uri[0] == '/');
	int n = 0;
	for (struct str rest = template_query(str_c(uri)); rest.p != NULL;) {
		struct str one = str_cut(&rest, '&'), name = str_cut(&one, '=');
		const struct param *p = find_query(r, name);
		if (p == NULL || (one.p != NULL && !str_eq(p->value, one)))
			return -1;
		n++;
	}
	return n;
}

/* Points for the required query and header members that are there; -1 when one is missing. */
static int match_required(const struct shape *input, const struct wire_request *r)
{
	int n = 0;
	for (size_t i = 0; input != NULL && i < input->n_members; i++) {
		const struct member *m = &shape_members(input)[i];
		if (!m->required || (m->location != LOC_QUERY && m->location != LOC_HEADER))
			continue;
		struct str name = str_c(member_wire_name(m));
		bool there = m->location == LOC_QUERY ? find_query(r, name) != NULL : wire_header(r, name).p != NULL;
		if (!there)
			return -1;
		n++;
	}
	return n;
}

/* What the request has, so that most operations fall without a look at their templates. */
struct wanted {
	const struct wire_request *r;
	struct str path;
	uint64_t query_initials; /* a bit for the first byte of each query name, modulo 64 */
};

static uint64_t initial_bit(char c) { return 1ull << ((unsigned char)c & 63); }

static struct wanted wanted_of(const struct wire_request *r)
{
	struct wanted w = {.r = r, .path = r->path_params_base.p != NULL ? r->path_params_base : r->raw_path};
	for (size_t i = 0; i < r->query.n; i++)
		w.query_initials |= initial_bit(r->query.v[i].name.n > 0 ? r->query.v[i].name.p[0] : '\0');
	return w;
}

/* Another method, another first segment, a query key that cannot be there. */
static bool cannot_match(const struct model_op *op, const struct wanted *w)
{
	const char *own = model_op_http_method(op), *uri = model_op_http_uri(op);
	struct str method = w->r->method;
	ASSERT(uri[0] == '/' && method.n > 0);
	if (own[0] != method.p[0] || !str_eq(str_c(own), method))
		return true;
	char first = uri[1];
	if (first != '{' && first != '?' && first != '\0' && (w->path.n < 2 || w->path.p[1] != first))
		return true;
	const char *query = strchr(uri, '?');
	return query != NULL && (w->query_initials & initial_bit(query[1])) == 0;
}

const struct model_op *wire_match_rest(const struct model *m, const struct wire_request *r)
{
	const struct model_op *best = NULL;
	int best_score = -1;
	const struct param *hint = find_query(r, S("x-id"));
	ASSERT(m != NULL);
	if (r->method.n == 0)
		return NULL;
	const struct wanted wanted = wanted_of(r);
	for (size_t i = 0; i < m->n_ops; i++) {
		const struct model_op *op = &model_ops(m)[i];
		struct rest_labels labels;
		if (cannot_match(op, &wanted))
			continue;
		int query = match_query(model_op_http_uri(op), r);
		if (query < 0 || !rest_match_path(model_op_http_uri(op), wanted.path, &labels))
			continue;
		int required = match_required(model_op_input(op), r);
		/* Labels weigh too: "/{Bucket}/{Key+}" beats nothing, but fewer labels with the same literals is the closer fit. */
		int score = labels.literals * 100000 + query * 1000 + (required >= 0 ? 100 + required * 10 : 0) +
		            (hint != NULL && str_eq(hint->value, str_c(model_op_name(op))) ? 1 : 0);
		if (score > best_score) {
			best = op;
			best_score = score;
		}
	}
	ASSERT((best != NULL) == (best_score >= 0));
	return best;
}

int wire_match_closeness(const struct model_op *op, const struct wire_request *r)
{
	struct rest_labels labels;
	bool fits = rest_match_path(model_op_http_uri(op), r->path_params_base.p != NULL ? r->path_params_base : r->raw_path, &labels);
	return fits && match_required(model_op_input(op), r) >= 0 ? (int)labels.literals : -1;
}

/* Literals choose the operation and are no input to it. */
bool rest_is_literal_query(const char *uri, struct str name)
{
	for (struct str rest = template_query(str_c(uri)); rest.p != NULL;) {
		struct str one = str_cut(&rest, '&');
		if (str_eq(str_cut(&one, '='), name))
			return true;
	}
	return false;
}
