/* Observations that wait for the commit: see measure.h. An effect's block is bytes without an arena, so the texts lie behind
 * the struct in one piece. */
#include "svc/measure.h"

struct waiting {
	struct str account, region, ns, name;
	struct metric_dim *dims; /* behind this struct, then the texts */
	size_t n_dims;
	double value;
	const char *unit;
	int64_t at_ms;
};

static void count(void *block)
{
	const struct waiting *w = block;
	metric_add(w->account, w->region, w->ns, w->name, w->dims, w->n_dims, w->value, w->unit, w->at_ms);
}

/* Copies from to *at, moves it on. */
static struct str keep(char **at, struct str from)
{
	ASSERT(at != NULL && *at != NULL);
	struct str to = str_of(*at, from.n);
	if (from.n > 0)
		memcpy(*at, from.p, from.n);
	*at += from.n;
	return to;
}

static void wait_for_commit(struct call *c, const struct measure *m)
{
	struct str account = str_present(m->account) ? m->account : c->account, region = str_present(m->region) ? m->region : c->region;
	struct str unit = str_c(m->unit != NULL ? m->unit : "Count");
	size_t texts = account.n + region.n + m->ns.n + m->name.n + unit.n + 1;
	ASSERT(m->name.n > 0 && m->n_dims <= MEASURE_DIMS_MAX);
	for (size_t i = 0; i < m->n_dims; i++)
		texts += m->dims[i].name.n + m->dims[i].value.n;
	struct waiting *w = call_effect(c, count, sizeof *w + m->n_dims * sizeof *m->dims + texts);
	w->dims = (struct metric_dim *)(w + 1);
	w->n_dims = m->n_dims;
	char *at = (char *)(w->dims + m->n_dims), *end = at + texts;
	w->account = keep(&at, account);
	w->region = keep(&at, region);
	w->ns = keep(&at, m->ns);
	w->name = keep(&at, m->name);
	for (size_t i = 0; i < m->n_dims; i++)
		w->dims[i] = (struct metric_dim){keep(&at, m->dims[i].name), keep(&at, m->dims[i].value)};
	w->unit = keep(&at, unit).p;
	ASSERT(at + 1 == end && *at == '\0'); /* the block is zeroed: the unit ends as a C string does */
	w->value = m->value;
	w->at_ms = m->at_ms != 0 ? m->at_ms : c->now_ms;
}

void measure(struct call *c, const struct measure *m)
{
	ASSERT(m->ns.n > 0); /* no namespace: a contribution */
	wait_for_commit(c, m);
}

/* The keys as dimensions, whose names keep them in order. */
static size_t key_dims(const struct contribution *x, struct metric_dim *dims)
{
	static const struct str names[CONTRIBUTION_KEYS_MAX] = {STR_INIT("1"), STR_INIT("2"), STR_INIT("3"), STR_INIT("4")};
	ASSERT(str_present(x->rule) && x->n_keys > 0 && x->n_keys <= CONTRIBUTION_KEYS_MAX);
	for (uint32_t i = 0; i < x->n_keys; i++)
		dims[i] = (struct metric_dim){names[i], x->keys[i]};
	return x->n_keys;
}

void contribute(struct call *c, const struct contribution *x)
{
	struct metric_dim dims[CONTRIBUTION_KEYS_MAX];
	size_t n = key_dims(x, dims);
	wait_for_commit(c, &(struct measure){.ns = S(""), .name = x->rule, .dims = dims, .n_dims = n, .value = x->value, .at_ms = x->at_ms});
}

void contribute_now(struct call *c, const struct contribution *x)
{
	struct metric_dim dims[CONTRIBUTION_KEYS_MAX];
	size_t n = key_dims(x, dims);
	metric_add(c->account, c->region, S(""), x->rule, dims, n, x->value, "Count", x->at_ms != 0 ? x->at_ms : c->now_ms);
}
