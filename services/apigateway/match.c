/* Which resource a path means: literal parts before {parameters} before {greedy+}, decided at the first part that differs.
 *
 * Source: "Set up a proxy resource" and the route priority that the developer guide gives. A slash at the end counts for
 * nothing. */
#include "serve.h"

enum { SEGMENTS_MAX = 128 };

/* Parts between slashes, empty ones at the end dropped; the last one has the slashes of what is longer. */
static size_t split(struct str path, struct str *parts)
{
	size_t n = 0;
	struct str rest = str_starts(path, S("/")) ? str_slice(path, 1, path.n) : path;
	while (str_present(rest) && n < SEGMENTS_MAX - 1)
		parts[n++] = str_cut(&rest, '/');
	if (str_present(rest))
		parts[n++] = rest; /* a greedy parameter is the whole of it */
	while (n > 0 && parts[n - 1].n == 0)
		n--;
	return n;
}

enum { KIND_GREEDY, KIND_PARAMETER, KIND_LITERAL };

static int kind_of(struct str part)
{
	ASSERT(str_present(part));
	if (part.n < 3 || part.p[0] != '{' || part.p[part.n - 1] != '}')
		return KIND_LITERAL;
	return part.p[part.n - 2] == '+' ? KIND_GREEDY : KIND_PARAMETER;
}

static bool fits(struct arena *a, const struct str *want, size_t n_want, const struct str *got, size_t n_got)
{
	for (size_t i = 0; i < n_want; i++) {
		int kind = kind_of(want[i]);
		if (i >= n_got)
			return false;
		if (kind == KIND_GREEDY)
			return true;
		if (kind == KIND_PARAMETER ? got[i].n == 0 : !str_eq(want[i], got[i]) && !str_eq(want[i], uri_decode(a, got[i], false)))
			return false;
	}
	return n_want == n_got;
}

/* Is a the closer one of two that fit? */
static bool closer(const struct str *a, size_t n_a, const struct str *b, size_t n_b)
{
	for (size_t i = 0; i < n_a && i < n_b; i++)
		if (kind_of(a[i]) != kind_of(b[i]))
			return kind_of(a[i]) > kind_of(b[i]);
	return n_a > n_b;
}

static void take_parameters(struct exchange *x, const struct str *want, size_t n_want, const struct str *got, size_t n_got)
{
	ASSERT(n_want <= SEGMENTS_MAX && n_got <= SEGMENTS_MAX && n_want <= n_got); /* it fits */
	struct arena *a = x->c->arena;
	x->path_params = arena_array(a, struct param, n_want);
	for (size_t i = 0; i < n_want; i++) {
		int kind = kind_of(want[i]);
		if (kind == KIND_LITERAL)
			continue;
		struct str name = str_slice(want[i], 1, want[i].n - (kind == KIND_GREEDY ? 2 : 1)), value = got[i];
		if (kind == KIND_GREEDY)
			value = str_of(got[i].p, (size_t)(got[n_got - 1].p + got[n_got - 1].n - got[i].p));
		struct str decoded = uri_decode(a, value, false);
		x->path_params[x->n_path_params++] = (struct param){name, str_present(decoded) ? decoded : value, true};
	}
}

bool match_resource(struct exchange *x)
{
	ASSERT(x->stage != NULL && x->deployment != NULL && str_starts(x->path, S("/")));
	struct arena *a = x->c->arena;
	struct str got[SEGMENTS_MAX] = {0}, want[SEGMENTS_MAX], best[SEGMENTS_MAX];
	size_t n_got = split(x->path, got), n_best = 0;
	const struct apigateway_PathRecord *found = NULL;
	for (uint32_t i = 0; i < x->deployment->Paths.n; i++) {
		const struct apigateway_PathRecord *p = LIST_AT(x->deployment->Paths, struct apigateway_PathRecord, i);
		size_t n_want = split(p->Path, want);
		if (!fits(a, want, n_want, got, n_got) || (found != NULL && !closer(want, n_want, best, n_best)))
			continue;
		found = p;
		memcpy(best, want, n_want * sizeof *want);
		n_best = n_want;
	}
	if (found == NULL)
		return false;
	x->resource = call_get(x->c, key_str(part_key(x->c, "route", x->api, x->stage->deploymentId), found->Id), &apigateway_shape_Resource);
	ASSERT(x->resource != NULL); /* written with the deployment */
	ASSERT(n_got > 0 || n_best == 0);
	take_parameters(x, best, n_best, got, n_got);
	return true;
}
