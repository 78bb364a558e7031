/* Bodies of dashboards: what the console could not draw is an error, what it would pass over a warning.
 *
 * Source: "Dashboard Body Structure and Syntax" (CloudWatch API Reference), limits included; messages and paths are worded as AWS does. */
#include "dashboard.h"

enum { WIDGETS_MAX = 500, METRICS_MAX = 500, ALARMS_MAX = 100, VARIABLES_MAX = 25, FINDINGS_MAX = 100, GRID = 24, HEIGHT_MAX = 1000 };

/* Where in the body: a member, or (name NULL) an element, of what is above. up NULL: the body itself. */
struct place { const struct place *up; const char *name; uint32_t i; };

static struct place at_member(const struct place *p, const char *name) { return (struct place){p, name, 0}; }

static struct place at_index(const struct place *p, uint32_t i) { return (struct place){p, NULL, i}; }

static struct str path_of(struct arena *a, const struct place *p)
{
	if (p->up == NULL)
		return S("");
	struct str up = path_of(a, p->up);
	return p->name != NULL ? arena_printf(a, "%.*s/%s", STR_ARG(up), p->name) : arena_printf(a, "%.*s/%u", STR_ARG(up), p->i);
}

static void note(struct findings *f, bool error, const struct place *p, struct str message)
{
	struct cloudwatch_DashboardValidationMessage **v = error ? &f->errors : &f->warnings;
	uint32_t *n = error ? &f->n_errors : &f->n_warnings;
	if (*n == FINDINGS_MAX)
		return;
	*v = arena_grow(f->arena, *v, sizeof **v, *n, (size_t)*n + 1);
	(*v)[(*n)++] = (struct cloudwatch_DashboardValidationMessage){path_of(f->arena, p), message};
}

static void wrong(struct findings *f, const struct place *p, const char *message) { note(f, true, p, str_c(message)); }

static void missing(struct findings *f, const struct place *p, const char *name)
{
	note(f, true, p, arena_printf(f->arena, "Should have required property '%s'", name));
}

static bool among(struct str s, const char *const *names)
{
	for (; *names != NULL; names++)
		if (str_eq(s, str_c(*names)))
			return true;
	return false;
}

/* Members nobody knows are passed over. */
static void warn_unknown(struct findings *f, const struct place *p, const struct json *o, const char *const *known)
{
	for (uint32_t i = 0; i < o->n; i++)
		if (!among(o->members[i].key, known))
			note(f, false, p, arena_printf(f->arena, "Should NOT have additional properties: %.*s", STR_ARG(o->members[i].key)));
}

/* ---- members ---- */

static void check_integer(struct findings *f, const struct place *p, const struct json *o, const char *name, int64_t least, int64_t most)
{
	const struct json *v = json_get(o, str_c(name));
	struct place at = at_member(p, name);
	int64_t n;
	if (v == NULL)
		return;
	if (v->type != JSON_NUMBER || !json_to_i64(v, &n))
		wrong(f, &at, "Should be integer");
	else if (n < least)
		note(f, true, &at, arena_printf(f->arena, "Should be >= %lld", (long long)least));
	else if (n > most)
		note(f, true, &at, arena_printf(f->arena, "Should be <= %lld", (long long)most));
}

static void check_string(struct findings *f, const struct place *p, const struct json *o, const char *name, bool needed, const char *const *allowed)
{
	const struct json *v = json_get(o, str_c(name));
	struct place at = at_member(p, name);
	if (v == NULL && needed)
		missing(f, p, name);
	else if (v != NULL && v->type != JSON_STRING)
		wrong(f, &at, "Should be string");
	else if (v != NULL && allowed != NULL && !among(v->text, allowed))
		wrong(f, &at, "Should be equal to one of the allowed values");
}

static void check_boolean(struct findings *f, const struct place *p, const struct json *o, const char *name)
{
	const struct json *v = json_get(o, str_c(name));
	struct place at = at_member(p, name);
	if (v != NULL && v->type != JSON_TRUE && v->type != JSON_FALSE)
		wrong(f, &at, "Should be boolean");
}

static void check_texts(struct findings *f, const struct place *p, const struct json *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		struct place one = at_index(p, i);
		if (v->items[i].type != JSON_STRING)
			wrong(f, &one, "Should be string");
	}
}

static bool check_array(struct findings *f, const struct place *p, const struct json *v, uint32_t least, uint32_t most)
{
	if (v->type != JSON_ARRAY)
		wrong(f, p, "Should be array");
	else if (v->n < least)
		note(f, true, p, arena_printf(f->arena, "Should NOT have less than %u items", least));
	else if (v->n > most)
		note(f, true, p, arena_printf(f->arena, "Should NOT have more than %u items", most));
	else
		return true;
	return false;
}

/* ---- metric widgets ---- */

/* [namespace, name, dimension, value..., {options}], or [{"expression": ...}]. "." and "..." repeat what was above. */
static void check_metric(struct findings *f, const struct place *p, const struct json *m)
{
	static const char *const known[] = {"accountId", "color", "expression", "id", "label", "period", "region", "stat", "visible", "yAxis",
		"hidden", "query", NULL};
	static const char *const sides[] = {"left", "right", NULL};
	if (!check_array(f, p, m, 1, 2 + 2 * DIMENSIONS_MAX + 1))
		return;
	for (uint32_t i = 0; i < m->n; i++) {
		struct place at = at_index(p, i);
		const struct json *x = &m->items[i];
		bool options = x->type == JSON_OBJECT && i + 1 == m->n;
		if (x->type != JSON_STRING && !options)
			wrong(f, &at, "Should be string");
		if (!options)
			continue;
		warn_unknown(f, &at, x, known);
		check_string(f, &at, x, "expression", m->n == 1 && json_get(x, S("query")) == NULL, NULL);
		check_string(f, &at, x, "label", false, NULL);
		check_string(f, &at, x, "stat", false, NULL);
		check_string(f, &at, x, "yAxis", false, sides);
		check_boolean(f, &at, x, "visible");
		check_integer(f, &at, x, "period", 1, INT32_MAX);
	}
	uint32_t words = m->n - (m->items[m->n - 1].type == JSON_OBJECT);
	bool repeats = false;
	for (uint32_t i = 0; i < words; i++)
		repeats |= str_eq(json_str(&m->items[i]), S("..."));
	if (words == 1 && !repeats)
		wrong(f, p, "Should NOT have less than 2 items");
	else if (words % 2 != 0 && !repeats)
		note(f, true, p, arena_printf(f->arena, "Should NOT have more than %u items", words - 1));
}

static void check_metric_widget(struct findings *f, const struct place *p, const struct json *o)
{
	static const char *const known[] = {"accountId", "annotations", "end", "labels", "legend", "liveData", "metrics", "period", "region",
		"setPeriodToTimeRange", "singleValueFullPrecision", "sparkline", "stacked", "start", "stat", "table", "timezone", "title", "trend", "view",
		"width", "height", "yAxis", "theme", NULL};
	static const char *const views[] = {"timeSeries", "singleValue", "gauge", "bar", "pie", "table", NULL};
	const struct json *metrics = json_get(o, S("metrics")), *alarms = json_path(o, "annotations.alarms");
	struct place at = at_member(p, "metrics"), at_alarms = at_member(p, "annotations/alarms");
	warn_unknown(f, p, o, known);
	check_string(f, p, o, "region", metrics != NULL, NULL);
	check_string(f, p, o, "view", false, views);
	check_string(f, p, o, "title", false, NULL);
	check_string(f, p, o, "stat", false, NULL);
	check_integer(f, p, o, "period", 1, INT32_MAX);
	check_boolean(f, p, o, "stacked");
	check_boolean(f, p, o, "liveData");
	if (metrics == NULL && alarms == NULL)
		missing(f, p, "metrics");
	for (uint32_t i = 0; metrics != NULL && check_array(f, &at, metrics, 0, METRICS_MAX) && i < metrics->n; i++) {
		struct place one = at_index(&at, i);
		check_metric(f, &one, &metrics->items[i]);
	}
	if (alarms != NULL && check_array(f, &at_alarms, alarms, 1, 1))
		check_texts(f, &at_alarms, alarms);
}

/* ---- the other widgets ---- */

static void check_text_widget(struct findings *f, const struct place *p, const struct json *o)
{
	static const char *const known[] = {"markdown", "background", NULL}, *const backgrounds[] = {"transparent", "solid", NULL};
	warn_unknown(f, p, o, known);
	check_string(f, p, o, "markdown", true, NULL);
	check_string(f, p, o, "background", false, backgrounds);
}

static void check_log_widget(struct findings *f, const struct place *p, const struct json *o)
{
	static const char *const views[] = {"table", "timeSeries", "bar", "pie", NULL};
	check_string(f, p, o, "region", true, NULL);
	check_string(f, p, o, "query", true, NULL);
	check_string(f, p, o, "title", false, NULL);
	check_string(f, p, o, "view", false, views);
	check_boolean(f, p, o, "stacked");
}

static void check_alarm_widget(struct findings *f, const struct place *p, const struct json *o)
{
	static const char *const known[] = {"alarms", "sortBy", "states", "title", NULL};
	static const char *const orders[] = {"default", "stateUpdatedTimestamp", "timestamp", NULL};
	const struct json *alarms = json_get(o, S("alarms"));
	struct place at = at_member(p, "alarms");
	warn_unknown(f, p, o, known);
	check_string(f, p, o, "sortBy", false, orders);
	check_string(f, p, o, "title", false, NULL);
	if (alarms == NULL)
		missing(f, p, "alarms");
	else if (check_array(f, &at, alarms, 1, ALARMS_MAX))
		check_texts(f, &at, alarms);
}

static void check_explorer_widget(struct findings *f, const struct place *p, const struct json *o)
{
	static const char *const needed[] = {"metrics", "labels"};
	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		const struct json *v = json_get(o, str_c(needed[i]));
		struct place at = at_member(p, needed[i]);
		if (v == NULL)
			missing(f, p, needed[i]);
		else
			(void)check_array(f, &at, v, 0, METRICS_MAX);
	}
}

static void check_custom_widget(struct findings *f, const struct place *p, const struct json *o)
{
	check_string(f, p, o, "endpoint", true, NULL);
	check_string(f, p, o, "title", false, NULL);
}

static const struct { const char *type; void (*check)(struct findings *f, const struct place *p, const struct json *o); } kinds[] = {
	{"metric", check_metric_widget}, {"text", check_text_widget}, {"log", check_log_widget}, {"alarm", check_alarm_widget},
	{"explorer", check_explorer_widget}, {"custom", check_custom_widget}};

static void check_widget(struct findings *f, const struct place *p, const struct json *w)
{
	static const char *const known[] = {"type", "x", "y", "width", "height", "properties", "id", NULL};
	if (w->type != JSON_OBJECT) {
		wrong(f, p, "Should be object");
		return;
	}
	struct str type = json_get_str(w, "type");
	const struct json *properties = json_get(w, S("properties"));
	struct place at = at_member(p, "properties"), at_type = at_member(p, "type");
	warn_unknown(f, p, w, known);
	check_integer(f, p, w, "x", 0, GRID - 1);
	check_integer(f, p, w, "y", 0, INT32_MAX);
	check_integer(f, p, w, "width", 1, GRID);
	check_integer(f, p, w, "height", 1, HEIGHT_MAX);
	if (!str_present(type))
		missing(f, p, "type");
	if (properties == NULL)
		missing(f, p, "properties");
	else if (properties->type != JSON_OBJECT)
		wrong(f, &at, "Should be object");
	size_t i = 0;
	while (i < COUNT_OF(kinds) && !str_eq(type, str_c(kinds[i].type)))
		i++;
	if (i == COUNT_OF(kinds) && str_present(type))
		wrong(f, &at_type, "Should be equal to one of the allowed values");
	else if (i < COUNT_OF(kinds) && json_is(properties, JSON_OBJECT))
		kinds[i].check(f, &at, properties);
}

/* ---- the whole ---- */

void dashboard_check(struct findings *f, const struct json *body)
{
	static const char *const known[] = {"start", "end", "periodOverride", "widgets", "variables", NULL};
	static const char *const overrides[] = {"auto", "inherit", NULL};
	struct place root = {0}, at = at_member(&root, "widgets"), at_variables = at_member(&root, "variables");
	const struct json *widgets = json_get(body, S("widgets")), *variables = json_get(body, S("variables"));
	ASSERT(json_is(body, JSON_OBJECT));
	warn_unknown(f, &root, body, known);
	check_string(f, &root, body, "start", json_get(body, S("end")) != NULL, NULL); /* an end needs a start */
	check_string(f, &root, body, "end", false, NULL);
	check_string(f, &root, body, "periodOverride", false, overrides);
	if (variables != NULL)
		(void)check_array(f, &at_variables, variables, 0, VARIABLES_MAX);
	if (widgets == NULL)
		missing(f, &root, "widgets");
	for (uint32_t i = 0; widgets != NULL && check_array(f, &at, widgets, 0, WIDGETS_MAX) && i < widgets->n; i++) {
		struct place one = at_index(&at, i);
		check_widget(f, &one, &widgets->items[i]);
	}
}
