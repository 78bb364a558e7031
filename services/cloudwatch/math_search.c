/* SEARCH: the metrics that a search expression finds. Source: "CloudWatch search expression syntax" (User Guide).
 *
 * {Namespace, DimensionName...} restricts to metrics of exactly these dimensions; then terms: Property="exact", Property=part, "exact", part,
 * with AND (which may be left out), OR, NOT and parentheses. A part matches in any case, anywhere in the text. */
#include "math.h"

enum { DEPTH_MAX = 32 };

struct search { struct math *m; struct str s; size_t at; unsigned depth; const struct cloudwatch_SeriesRecord *r; bool broken; };

static void spaces(struct search *x)
{
	while (x->at < x->s.n && (unsigned char)x->s.p[x->at] <= ' ')
		x->at++;
}

static bool peek(struct search *x, char ch)
{
	spaces(x);
	return x->at < x->s.n && x->s.p[x->at] == ch;
}

static bool take(struct search *x, char ch)
{
	bool is = peek(x, ch);
	x->at += is;
	return is;
}

static bool ends_word(char ch) { return (unsigned char)ch <= ' ' || ch == '(' || ch == ')' || ch == '=' || ch == '"' || ch == ',' || ch == '}'; }

static struct str word(struct search *x, bool *quoted)
{
	*quoted = take(x, '"');
	size_t from = x->at;
	while (x->at < x->s.n && (*quoted ? x->s.p[x->at] != '"' : !ends_word(x->s.p[x->at])))
		x->at++;
	struct str w = str_slice(x->s, from, x->at);
	if (*quoted && x->at++ >= x->s.n)
		x->broken = true;
	ASSERT(from <= x->at && w.n <= x->s.n);
	return w;
}

static bool take_word(struct search *x, const char *text)
{
	size_t at = x->at;
	bool quoted;
	if (str_eq(word(x, &quoted), str_c(text)) && !quoted)
		return true;
	x->at = at;
	return false;
}

static bool text_matches(struct search *x, struct str text, struct str pattern, bool exact)
{
	return exact ? str_eq(text, pattern) : str_find_str(arena_lower(x->m->c->arena, text), arena_lower(x->m->c->arena, pattern)) >= 0;
}

/* Of one property, or (property absent) of any. */
static bool matches(struct search *x, struct str property, struct str pattern, bool exact)
{
	const struct cloudwatch_SeriesRecord *r = x->r;
	bool any = !str_present(property), hit = false;
	if (any || str_eq(property, S("Namespace")))
		hit |= text_matches(x, r->Namespace, pattern, exact);
	if (any || str_eq(property, S("MetricName")))
		hit |= text_matches(x, r->Name, pattern, exact);
	for (uint32_t i = 0; i < r->Dimensions.n; i++) {
		const struct cloudwatch_Dimension *d = LIST_AT(r->Dimensions, struct cloudwatch_Dimension, i);
		if (any)
			hit |= text_matches(x, d->Name, pattern, exact);
		if (any || str_eq(property, d->Name))
			hit |= text_matches(x, d->Value, pattern, exact);
	}
	return hit;
}

static bool either(struct search *x);

static bool one(struct search *x)
{
	bool quoted;
	if (take_word(x, "NOT"))
		return !one(x);
	if (take(x, '(')) {
		x->broken |= ++x->depth > DEPTH_MAX;
		bool is = !x->broken && either(x);
		ASSERT(x->depth > 0);
		x->depth--;
		x->broken |= !take(x, ')');
		return is;
	}
	struct str first = word(x, &quoted);
	if (first.n == 0)
		x->broken = true;
	if (!take(x, '='))
		return matches(x, STR_NONE, first, quoted);
	if (take(x, '(')) { /* Property=(a OR b) */
		bool hit = false;
		do {
			struct str value = word(x, &quoted);
			hit |= matches(x, first, value, quoted);
		} while (!x->broken && take_word(x, "OR"));
		x->broken |= !take(x, ')');
		return hit;
	}
	struct str value = word(x, &quoted);
	return matches(x, first, value, quoted);
}

static bool all(struct search *x)
{
	bool is = one(x);
	for (;;) {
		spaces(x);
		size_t at = x->at;
		bool stop = x->broken || x->at >= x->s.n || x->s.p[x->at] == ')' || take_word(x, "OR");
		if (stop) {
			x->at = at;
			return is;
		}
		(void)take_word(x, "AND");
		is &= one(x);
	}
}

static bool either(struct search *x)
{
	bool is = all(x);
	while (!x->broken && take_word(x, "OR"))
		is |= all(x);
	return is;
}

/* {Namespace, Dim, Dim}: this namespace, and exactly these dimensions. */
static bool schema(struct search *x)
{
	bool quoted, ok = true;
	if (!take(x, '{'))
		return true;
	struct str ns = word(x, &quoted);
	uint32_t n = 0;
	ok &= str_eq(ns, x->r->Namespace);
	while (take(x, ',')) {
		spaces(x);
		struct str name = word(x, &quoted);
		bool has = false;
		for (uint32_t i = 0; i < x->r->Dimensions.n; i++)
			has |= str_eq(LIST_AT(x->r->Dimensions, struct cloudwatch_Dimension, i)->Name, name);
		ok &= has;
		n++;
	}
	x->broken |= !take(x, '}');
	return ok && n == x->r->Dimensions.n;
}

/* false: it does not match, or is broken. */
static bool found(struct search *x, struct str expression, const struct cloudwatch_SeriesRecord *r)
{
	ASSERT(x->m != NULL && str_present(r->Namespace) && str_present(r->Name));
	*x = (struct search){.m = x->m, .s = expression, .r = r};
	bool ok = schema(x);
	spaces(x);
	if (!x->broken && x->at < x->s.n)
		ok &= either(x);
	spaces(x);
	x->broken |= x->at < x->s.n;
	return ok && !x->broken;
}

static struct str label_of(struct call *c, const struct cloudwatch_SeriesRecord *r)
{
	struct buf b;
	buf_init(&b, c->arena, 0);
	for (uint32_t i = 0; i < r->Dimensions.n; i++)
		buf_printf(&b, "%.*s ", STR_ARG(LIST_AT(r->Dimensions, struct cloudwatch_Dimension, i)->Value));
	buf_str(&b, r->Name);
	return buf_view(&b);
}

bool math_search(struct math *m, struct str expression, struct str stat, struct math_value *out)
{
	struct call *c = m->c;
	struct search x = {.m = m};
	const struct cloudwatch_SeriesRecord nobody = {.Namespace = S(""), .Name = S("")};
	(void)found(&x, expression, &nobody);
	if (x.broken || !stat_known(stat)) {
		math_fail(m, "SEARCH: the search expression or the statistic is not valid");
		return false;
	}
	*out = math_array(m, NULL, 0);
	if (m->dry)
		return true;
	out->v = arena_array(c->arena, struct math_series, SEARCH_MAX);
	struct str key, value;
	struct scan *s = call_scan(c, call_key(c, "series"), STR_NONE, false);
	while (out->n < SEARCH_MAX && scan_next(s, &key, &value)) {
		const struct cloudwatch_SeriesRecord *r = record_decode(c, &cloudwatch_shape_SeriesRecord, value);
		if (r->LastMs.v < c->now_ms - 14 * DAY_MS || !found(&x, expression, r))
			continue;
		struct cloudwatch_Metric metric = {.Namespace = r->Namespace, .MetricName = r->Name, .Dimensions = r->Dimensions};
		const struct cloudwatch_MetricStat q = {.Metric = &metric, .Stat = stat, .Unit = r->Unit};
		struct math_series *one = &out->v[out->n++];
		*one = (struct math_series){.id = r->Name, .label = label_of(c, r), .raw = true};
		if (!math_load(m, &q, one))
			break;
	}
	scan_close(s);
	ASSERT(out->kind == MATH_ARRAY && out->n <= SEARCH_MAX);
	return !c->failed;
}
