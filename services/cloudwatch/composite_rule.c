/* Rules of composite alarms: ALARM(), OK(), INSUFFICIENT_DATA(), TRUE and FALSE, joined by AND, OR, NOT and parentheses.
 *
 * What always holds: a parsed rule names at most RULE_ALARMS_MAX alarms and has at most RULE_ELEMENTS_MAX elements, so its tree is no
 * deeper than that; NOT binds closer than AND, AND closer than OR. */
#include "composite.h"

#include "svc/arn.h"

enum rule_kind { RULE_TRUE, RULE_FALSE, RULE_STATE, RULE_NOT, RULE_AND, RULE_OR };

struct rule_node {
	enum rule_kind kind;
	struct str state, alarm;
	struct rule_node *left, *right;
};

struct reader { struct arena *a; struct str s; size_t at; struct alarm_rule *rule; const char *why; };

static void *bad(struct reader *r, const char *why)
{
	if (r->why == NULL)
		r->why = why;
	return NULL;
}

static void spaces(struct reader *r)
{
	while (r->at < r->s.n && (r->s.p[r->at] == ' ' || r->s.p[r->at] == '\t' || r->s.p[r->at] == '\n' || r->s.p[r->at] == '\r'))
		r->at++;
}

static bool take(struct reader *r, char ch)
{
	spaces(r);
	if (r->at >= r->s.n || r->s.p[r->at] != ch)
		return false;
	r->at++;
	return true;
}

static bool in_word(char ch) { return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || ch == '_'; }

/* The word that comes next, without taking it. */
static struct str next_word(struct reader *r)
{
	spaces(r);
	size_t end = r->at;
	while (end < r->s.n && in_word(r->s.p[end]))
		end++;
	return str_slice(r->s, r->at, end);
}

static bool take_word(struct reader *r, struct str word)
{
	struct str next = next_word(r);
	if (!str_eq_nocase(next, word))
		return false;
	r->at += next.n;
	return true;
}

static struct rule_node *node(struct reader *r, enum rule_kind kind, struct rule_node *left, struct rule_node *right)
{
	struct rule_node *n = arena_new_of(r->a, struct rule_node);
	*n = (struct rule_node){.kind = kind, .left = left, .right = right};
	return n;
}

static bool count_element(struct reader *r)
{
	return ++r->rule->n_elements <= RULE_ELEMENTS_MAX || bad(r, "it has more than 500 elements") != NULL;
}

static void name_alarm(struct reader *r, struct str name)
{
	for (uint32_t i = 0; i < r->rule->n_alarms; i++)
		if (str_eq(r->rule->alarms[i], name))
			return;
	if (r->rule->n_alarms == RULE_ALARMS_MAX)
		bad(r, "it names more than 100 alarms");
	else
		r->rule->alarms[r->rule->n_alarms++] = name;
}

struct str alarm_name_of(struct str text)
{
	struct arn arn;
	if (arn_parse(text, &arn) && str_eq(arn.service, S("cloudwatch")) && str_starts(arn.resource, S("alarm:")))
		return str_slice(arn.resource, sizeof "alarm:" - 1, arn.resource.n);
	return text;
}

/* (name), ("name") */
static struct rule_node *parse_alarm(struct reader *r, struct str state)
{
	if (!take(r, '('))
		return bad(r, "a function needs an alarm in parentheses");
	bool quoted = take(r, '"');
	spaces(r);
	size_t from = r->at;
	while (r->at < r->s.n && r->s.p[r->at] != (quoted ? '"' : ')'))
		r->at++;
	struct str name = alarm_name_of(str_trim(str_slice(r->s, from, r->at)));
	if ((quoted && !take(r, '"')) || !take(r, ')'))
		return bad(r, "a function does not end");
	if (name.n == 0)
		return bad(r, "an alarm's name is missing");
	name_alarm(r, name);
	struct rule_node *n = node(r, RULE_STATE, NULL, NULL);
	n->state = state;
	n->alarm = name;
	return n;
}

static struct rule_node *parse_or(struct reader *r);

static struct rule_node *parse_one(struct reader *r)
{
	static const struct str states[] = {STR_INIT("ALARM"), STR_INIT("OK"), STR_INIT("INSUFFICIENT_DATA")};
	if (!count_element(r))
		return NULL;
	if (take_word(r, S("NOT"))) {
		struct rule_node *of = parse_one(r);
		return of != NULL ? node(r, RULE_NOT, of, NULL) : NULL;
	}
	if (take(r, '(')) {
		struct rule_node *n = parse_or(r);
		return take(r, ')') ? n : bad(r, "a parenthesis does not end");
	}
	if (take_word(r, S("TRUE")))
		return node(r, RULE_TRUE, NULL, NULL);
	if (take_word(r, S("FALSE")))
		return node(r, RULE_FALSE, NULL, NULL);
	for (size_t i = 0; i < COUNT_OF(states); i++)
		if (take_word(r, states[i]))
			return parse_alarm(r, states[i]);
	return bad(r, "ALARM, OK, INSUFFICIENT_DATA, TRUE, FALSE, NOT or a parenthesis is missing");
}

static struct rule_node *parse_and(struct reader *r)
{
	struct rule_node *left = parse_one(r);
	while (r->why == NULL && take_word(r, S("AND")))
		left = node(r, RULE_AND, left, parse_one(r));
	return left;
}

static struct rule_node *parse_or(struct reader *r)
{
	struct rule_node *left = parse_and(r);
	while (r->why == NULL && take_word(r, S("OR")))
		left = node(r, RULE_OR, left, parse_and(r));
	return left;
}

bool alarm_rule_parse(struct arena *a, struct str text, struct alarm_rule *out, const char **why)
{
	*out = (struct alarm_rule){0};
	struct reader r = {a, text, 0, out, NULL};
	out->root = parse_or(&r);
	spaces(&r);
	if (r.why == NULL && r.at < r.s.n)
		bad(&r, "there is text after its end");
	*why = r.why;
	ASSERT(r.why != NULL || (out->root != NULL && out->n_alarms <= RULE_ALARMS_MAX));
	return r.why == NULL;
}

/* ---- what it says now ---- */

struct str alarm_state(struct call *c, struct str name)
{
	const struct cloudwatch_AlarmRecord *m = alarm_get(c, name);
	if (m != NULL)
		return m->Alarm->StateValue;
	const struct cloudwatch_CompositeRecord *r = composite_get(c, name);
	return r != NULL ? r->Alarm->StateValue : STR_NONE;
}

static bool holds(struct call *c, const struct rule_node *n)
{
	ASSERT(n != NULL);
	switch (n->kind) {
	case RULE_TRUE: return true;
	case RULE_FALSE: return false;
	case RULE_STATE: return str_eq(alarm_state(c, n->alarm), n->state);
	case RULE_NOT: return !holds(c, n->left);
	case RULE_AND: return holds(c, n->left) && holds(c, n->right);
	case RULE_OR: return holds(c, n->left) || holds(c, n->right);
	}
	return false;
}

bool alarm_rule_holds(struct call *c, const struct alarm_rule *r) { return holds(c, r->root); }
