/* Any text as an expression of metric math over a metric, an array and a number, then as one that is only looked at: it is an error
 * of the call, or a value whose series lie on the grid. */
#include "../math.h"

#include "../../../tests/fuzz/bare_call.h"

enum { POINTS = 7, QUERIES = 3 };

static struct list queries(const struct cloudwatch_MetricDataQuery *v) { return (struct list){(void *)(uintptr_t)v, QUERIES, true}; }

static struct math_series series(struct arena *a, uint32_t seed)
{
	struct math_series s = {.id = S("m1"), .label = S("M"), .raw = true, .v = arena_array(a, double, POINTS), .there = arena_array(a, bool, POINTS)};
	for (uint32_t i = 0; i < POINTS; i++) {
		s.v[i] = (double)(i * seed % 5) - 1.5;
		s.there[i] = (seed >> i & 1) != 0;
	}
	return s;
}

static void on_grid(const struct math_value *v)
{
	ASSERT(v->kind != MATH_SERIES || v->n == 1);
	for (uint32_t i = 0; v->kind != MATH_NUMBER && i < v->n; i++)
		for (uint32_t k = 0; k < POINTS; k++)
			(void)(v->v[i].there[k] ? v->v[i].v[k] : 0);
}

static void evaluate(struct call *c, struct str text, bool dry)
{
	struct arena *a = c->arena;
	static const struct cloudwatch_Metric metric = {.Namespace = STR_INIT("N"), .MetricName = STR_INIT("M")};
	static const struct cloudwatch_MetricStat stat = {.Metric = (struct cloudwatch_Metric *)(uintptr_t)&metric, .Period = {60, true},
	                                                  .Stat = STR_INIT("Average")};
	struct cloudwatch_MetricDataQuery q[QUERIES] = {{.Id = S("m1"), .MetricStat = (struct cloudwatch_MetricStat *)(uintptr_t)&stat},
		{.Id = S("a1"), .Expression = S("METRICS()")}, {.Id = S("e1"), .Expression = text}};
	struct list all = queries(q);
	struct math m;
	math_init(&m, c, &all, 0, POINTS * 60000);
	ASSERT(m.grid.n == POINTS);
	m.dry = dry;
	if (!dry) { /* what math_load would have read */
		struct math_series *v = arena_array(a, struct math_series, 3);
		for (uint32_t i = 0; i < 3; i++)
			v[i] = series(a, i * 37 + 21);
		m.done[0] = (struct math_value){.kind = MATH_SERIES, .v = v, .n = 1};
		m.done[1] = math_array(&m, v, 3);
		m.state[0] = m.state[1] = 2;
	}
	const struct math_value *v = math_value_of(&m, 2);
	ASSERT((v != NULL) == !c->failed);
	if (v != NULL)
		on_grid(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_of((const char *)data, size);
	bool reads_store = str_find_str(text, S("SEARCH")) >= 0 || str_find_str(text, S("INSIGHT")) >= 0;
	if (size > 1024) /* as the model bounds it */
		return 0;
	for (int dry = 0; dry < 2; dry++) {
		struct arena *a = arena_new(0);
		struct task t;
		struct call *c = bare_call(&t, a, "cloudwatch");
		if (dry || !reads_store)
			evaluate(c, text, dry != 0);
		bare_call_end(&t);
		arena_free(a);
	}
	return 0;
}
