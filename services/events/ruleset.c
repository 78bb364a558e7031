/* The patterns of a bus, compiled once and indexed.
 *
 * Each rule with a field that must be one of some strings hangs on those (path, value) pairs; an event looks up its own
 * strings at the paths in use and tries the rules it finds, and the rules that have no such field. So the cost of an event
 * grows with the rules that could match, not with all of them.
 *
 * Compiled sets are kept between calls. That is sound because a set is named by the random bytes that the store holds for
 * the bus and that change with every change of a rule: the name says the content, whatever was committed or dropped. */
#include "events.h"

#include "base/map.h"
#include "svc/event_pattern.h"

#include <pthread.h>
#include <stdlib.h>

enum { SETS_MAX = 64, NAME_SIZE = 16 };

struct compiled { struct str name; struct event_pattern *pattern; };
struct rule_list { uint32_t *v; uint32_t n, cap; };
struct path { struct str text; struct map by_value; /* string -> struct rule_list */ };

struct ruleset {
	char name[NAME_SIZE];
	struct str key;
	struct arena *arena;
	struct compiled *rules;
	struct path *paths;
	size_t n_rules, n_paths;
	struct rule_list always;
	uint64_t used; /* when last asked, for throwing out */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ruleset *sets[SETS_MAX]; /* under lock */
static uint64_t turn;

static void set_free(struct ruleset *s)
{
	if (s != NULL)
		arena_free(s->arena); /* the set itself lives in it */
}

void rulesets_free(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < SETS_MAX; i++) {
		set_free(sets[i]);
		sets[i] = NULL;
	}
	pthread_mutex_unlock(&lock);
}

static void list_add(struct arena *a, struct rule_list *l, uint32_t rule)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap > 0 ? l->cap * 2 : 4;
		l->v = arena_grow(a, l->v, sizeof *l->v, l->cap, cap);
		l->cap = cap;
	}
	l->v[l->n++] = rule;
}

static struct path *path_of(struct ruleset *s, struct str text)
{
	for (size_t i = 0; i < s->n_paths; i++)
		if (str_eq(s->paths[i].text, text))
			return &s->paths[i];
	s->paths = arena_grow(s->arena, s->paths, sizeof *s->paths, s->n_paths, s->n_paths + 1);
	struct path *p = &s->paths[s->n_paths++];
	p->text = text;
	map_init(&p->by_value, s->arena);
	return p;
}

static void index_rule(struct ruleset *s, uint32_t rule)
{
	ASSERT(rule < RULES_PER_BUS && s->rules[rule].pattern != NULL);
	struct pattern_anchor anchor;
	if (!event_pattern_anchor(s->arena, s->rules[rule].pattern, &anchor)) {
		list_add(s->arena, &s->always, rule);
		return;
	}
	struct path *p = path_of(s, anchor.path);
	for (size_t i = 0; i < anchor.n; i++) {
		struct rule_list *l = map_get(&p->by_value, anchor.values[i]);
		if (l == NULL) {
			l = arena_new_of(s->arena, struct rule_list);
			map_put(&p->by_value, anchor.values[i], l);
		}
		list_add(s->arena, l, rule);
	}
}

static struct ruleset *compile(struct call *c, struct str bus, struct str key, struct str name)
{
	struct arena *a = arena_new(0);
	struct ruleset *s = arena_new_of(a, struct ruleset);
	*s = (struct ruleset){.arena = a, .key = arena_dup(a, key)};
	ASSERT(name.n == NAME_SIZE);
	memcpy(s->name, name.p, NAME_SIZE);
	s->rules = arena_array(a, struct compiled, RULES_PER_BUS);
	struct str k, value, why;
	struct scan *scan = call_scan(c, key_str(call_key(c, "rule"), bus), STR_NONE, false);
	while (scan_next(scan, &k, &value)) {
		const struct events_RuleRecord *r = record_decode(c, &events_shape_RuleRecord, value);
		if (!rule_enabled(r) || !str_present(r->EventPattern))
			continue;
		ASSERT(s->n_rules < RULES_PER_BUS);
		struct compiled *one = &s->rules[s->n_rules];
		one->name = arena_dup(a, r->Name);
		one->pattern = event_pattern_parse(a, arena_dup(a, r->EventPattern), &why);
		ASSERT(one->pattern != NULL); /* PutRule has let it in */
		index_rule(s, (uint32_t)s->n_rules++);
	}
	scan_close(scan);
	return s;
}

/* The set for the bus as this call sees it; under lock. NULL: the bus never had a rule. */
static struct ruleset *set_of(struct call *c, struct str bus)
{
	struct key *set_key = key_str(call_key(c, "set"), bus);
	struct str name, key = key_bytes(set_key);
	if (!txn_get(c->txn, key, c->arena, &name))
		return NULL;
	size_t place = 0;
	for (size_t i = 0; i < SETS_MAX; i++) {
		if (sets[i] != NULL && str_eq(sets[i]->key, key)) {
			place = i;
			if (str_eq(str_of(sets[i]->name, NAME_SIZE), name)) {
				sets[i]->used = ++turn;
				return sets[i];
			}
			break;
		}
		if (sets[place] != NULL && (sets[i] == NULL || sets[i]->used < sets[place]->used))
			place = i;
	}
	set_free(sets[place]);
	sets[place] = compile(c, bus, key, name);
	sets[place]->used = ++turn;
	return sets[place];
}

struct search { struct ruleset *set; struct path *path; bool *found; };

static void found_value(void *arg, struct str value)
{
	struct search *s = arg;
	const struct rule_list *l = map_get(&s->path->by_value, value);
	for (uint32_t i = 0; l != NULL && i < l->n; i++)
		s->found[l->v[i]] = true;
}

size_t rules_matching(struct call *c, struct str bus, const struct json *event, const struct str **names)
{
	pthread_mutex_lock(&lock);
	struct ruleset *set = set_of(c, bus);
	size_t n = 0;
	struct str *out = arena_array(c->arena, struct str, set != NULL ? set->n_rules : 0);
	bool *found = arena_array(c->arena, bool, set != NULL ? set->n_rules : 0);
	struct search s = {set, NULL, found};
	for (size_t i = 0; set != NULL && i < set->n_paths; i++) {
		s.path = &set->paths[i];
		event_strings_at(event, s.path->text, found_value, &s);
	}
	for (uint32_t i = 0; set != NULL && i < set->always.n; i++)
		found[set->always.v[i]] = true;
	for (size_t i = 0; set != NULL && i < set->n_rules; i++)
		if (found[i] && event_pattern_matches(set->rules[i].pattern, event))
			out[n++] = arena_dup(c->arena, set->rules[i].name);
	ASSERT(set == NULL || n <= set->n_rules);
	pthread_mutex_unlock(&lock);
	*names = out;
	return n;
}
