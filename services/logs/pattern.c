/* Filter patterns: terms, JSON selectors, space-delimited words.
 *
 * Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail"
 * (CloudWatch Logs User Guide). A pattern is compiled to a small tree in the arena; matching allocates only for JSON. */
#include "logs.h"

#include "base/pattern.h"

enum kind { ALL, TERMS, JSON_TREE, WORDS };
enum test { TEST_EQ, TEST_NE, TEST_LT, TEST_LE, TEST_GT, TEST_GE, TEST_IS_TRUE, TEST_IS_FALSE, TEST_IS_NULL, TEST_NOT_EXISTS };

struct term { struct str text; char sign; /* 0, '?', '-' */ const struct pattern *regex; };

/* A condition, or two joined. */
struct node {
	char join; /* 0: a condition; '&', '|' */
	struct node *left, *right;
	struct str selector; /* "$.a.b" without "$", or a word's name */
	enum test test;
	struct str value;
	bool quoted;
	double number;
	bool is_number;
	const struct pattern *regex;
};

struct word { struct str name; struct node *test; /* NULL: anything */ bool rest; /* "...": any number of words */ };

struct log_filter {
	enum kind kind;
	struct term *terms;
	size_t n_terms;
	bool has_optional;
	struct node *root;
	struct word *words;
	size_t n_words;
};

struct reader { struct arena *a; struct str s; size_t at; const char *why; unsigned depth; };

static bool at_end(struct reader *r) { return r->at >= r->s.n; }
static char peek(struct reader *r) { return at_end(r) ? '\0' : r->s.p[r->at]; }

static void spaces(struct reader *r)
{
	while (!at_end(r) && (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n'))
		r->at++;
}

static void *bad(struct reader *r, const char *why)
{
	if (r->why == NULL)
		r->why = why;
	return NULL;
}

static bool take(struct reader *r, struct str what)
{
	if (!str_starts(str_slice(r->s, r->at, r->s.n), what))
		return false;
	r->at += what.n;
	return true;
}

/* "quoted" with \" inside. */
static struct str quoted(struct reader *r)
{
	struct buf b;
	buf_init(&b, r->a, 1024);
	r->at++;
	while (!at_end(r) && peek(r) != '"') {
		if (peek(r) == '\\' && r->at + 1 < r->s.n)
			r->at++;
		buf_putc(&b, r->s.p[r->at++]);
	}
	if (at_end(r))
		bad(r, "a quoted string does not end");
	r->at++;
	return buf_view(&b);
}

/* %regex% */
static const struct pattern *regex(struct reader *r)
{
	size_t from = ++r->at;
	while (!at_end(r) && peek(r) != '%')
		r->at++;
	if (at_end(r))
		return bad(r, "a regular expression does not end");
	const struct pattern *p = pattern_of_client(r->a, str_slice(r->s, from, r->at++));
	return p != NULL ? p : bad(r, "the regular expression is not valid");
}

/* ---- terms ---- */

static void parse_terms(struct reader *r, struct log_filter *f)
{
	f->kind = TERMS;
	f->terms = arena_array(r->a, struct term, r->s.n / 2 + 1);
	for (spaces(r); !at_end(r) && r->why == NULL; spaces(r)) {
		struct term t = {0};
		if (peek(r) == '?' || peek(r) == '-')
			t.sign = r->s.p[r->at++];
		if (peek(r) == '"') {
			t.text = quoted(r);
		} else if (peek(r) == '%') {
			t.regex = regex(r);
		} else {
			size_t from = r->at;
			while (!at_end(r) && peek(r) != ' ')
				r->at++;
			t.text = str_slice(r->s, from, r->at);
			if (t.text.n == 0)
				bad(r, "a term is missing");
		}
		f->has_optional |= t.sign == '?';
		f->terms[f->n_terms++] = t;
	}
}

static bool term_in(const struct term *t, struct str message)
{
	return t->regex != NULL ? pattern_search(t->regex, message) : str_find_str(message, t->text) >= 0;
}

static bool match_terms(const struct log_filter *f, struct str message)
{
	bool any = !f->has_optional, plain = false;
	for (size_t i = 0; i < f->n_terms; i++) {
		const struct term *t = &f->terms[i];
		bool there = term_in(t, message);
		plain |= t->sign == 0;
		if (t->sign == '?')
			any |= there;
		else if (there == (t->sign == '-'))
			return false;
	}
	/* with plain terms beside them, optional terms do not count (User Guide, "Match terms") */
	return any || plain;
}

/* ---- conditions ---- */

static enum test operator_of(struct reader *r)
{
	static const struct { struct str text; enum test test; } all[] = {
		{STR_INIT("!="), TEST_NE}, {STR_INIT("<="), TEST_LE}, {STR_INIT(">="), TEST_GE}, {STR_INIT("="), TEST_EQ},
		{STR_INIT("<"), TEST_LT}, {STR_INIT(">"), TEST_GT}, {STR_INIT("IS TRUE"), TEST_IS_TRUE},
		{STR_INIT("IS FALSE"), TEST_IS_FALSE}, {STR_INIT("IS NULL"), TEST_IS_NULL}, {STR_INIT("NOT EXISTS"), TEST_NOT_EXISTS},
	};
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (take(r, all[i].text))
			return all[i].test;
	bad(r, "an operator is missing");
	return TEST_EQ;
}

static bool ends_value(char ch) { return ch == ' ' || ch == ')' || ch == '}' || ch == '&' || ch == '|' || ch == ',' || ch == ']' || ch == '\0'; }

static void value_of(struct reader *r, struct node *n)
{
	if (n->test >= TEST_IS_TRUE)
		return;
	spaces(r);
	if (peek(r) == '"') {
		n->quoted = true;
		n->value = quoted(r);
	} else if (peek(r) == '%') {
		n->regex = regex(r);
	} else {
		size_t from = r->at;
		while (!ends_value(peek(r)))
			r->at++;
		n->value = str_slice(r->s, from, r->at);
		if (n->value.n == 0)
			bad(r, "a value is missing");
	}
	n->is_number = !n->quoted && n->regex == NULL && str_to_f64(n->value, &n->number);
	if (!n->is_number && n->test != TEST_EQ && n->test != TEST_NE)
		bad(r, "a number is needed");
}

static bool in_name(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || memchr("$._-[]*@#:", ch, 10) != NULL;
}

static struct node *parse_or(struct reader *r);

static struct node *parse_one(struct reader *r)
{
	spaces(r);
	if (take(r, S("("))) {
		if (++r->depth > 32)
			return bad(r, "too many parentheses");
		struct node *n = parse_or(r);
		r->depth--;
		spaces(r);
		return take(r, S(")")) ? n : bad(r, "a parenthesis does not end");
	}
	struct node *n = arena_new_of(r->a, struct node);
	size_t from = r->at;
	while (!at_end(r) && in_name(peek(r)))
		r->at++;
	n->selector = str_slice(r->s, from, r->at);
	if (n->selector.n == 0)
		return bad(r, "a selector is missing");
	spaces(r);
	n->test = operator_of(r);
	value_of(r, n);
	return n;
}

static struct node *join(struct reader *r, char how, struct node *left, struct node *right)
{
	ASSERT(how == '&' || how == '|');
	struct node *n = arena_new_of(r->a, struct node);
	*n = (struct node){.join = how, .left = left, .right = right};
	return n;
}

static struct node *parse_and(struct reader *r)
{
	struct node *left = parse_one(r);
	for (spaces(r); r->why == NULL && take(r, S("&&")); spaces(r))
		left = join(r, '&', left, parse_one(r));
	return left;
}

static struct node *parse_or(struct reader *r)
{
	struct node *left = parse_and(r);
	for (spaces(r); r->why == NULL && take(r, S("||")); spaces(r))
		left = join(r, '|', left, parse_and(r));
	return left;
}

static bool compare_number(enum test test, double a, double b)
{
	ASSERT(test < TEST_IS_TRUE);
	switch (test) {
	case TEST_EQ: return a == b;
	case TEST_NE: return a != b;
	case TEST_LT: return a < b;
	case TEST_LE: return a <= b;
	case TEST_GT: return a > b;
	case TEST_GE: return a >= b;
	default: return false;
	}
}

static bool compare_text(const struct node *n, struct str text)
{
	double number;
	if (n->is_number && str_to_f64(text, &number))
		return compare_number(n->test, number, n->number);
	bool same = n->regex != NULL ? pattern_search(n->regex, text) : glob_match(n->value, text);
	return n->test == TEST_EQ ? same : n->test == TEST_NE && !same;
}

const struct json *log_json_at(const struct json *j, struct str selector)
{
	size_t at = selector.n > 0 && selector.p[0] == '$' ? 1 : 0;
	while (j != NULL && at < selector.n) {
		size_t from = at + 1, end = from;
		if (selector.p[at] == '.') {
			while (end < selector.n && selector.p[end] != '.' && selector.p[end] != '[')
				end++;
			j = json_get(j, str_slice(selector, from, end));
			at = end;
		} else if (selector.p[at] == '[') {
			uint64_t i;
			while (end < selector.n && selector.p[end] != ']')
				end++;
			j = str_to_u64(str_slice(selector, from, end), &i) ? json_at(j, (size_t)i) : NULL;
			at = end + 1;
		} else {
			return NULL;
		}
	}
	return j;
}

static bool test_json(const struct node *n, const struct json *root)
{
	const struct json *j = log_json_at(root, n->selector);
	if (n->test == TEST_NOT_EXISTS || j == NULL)
		return n->test == TEST_NOT_EXISTS && j == NULL;
	switch (n->test) {
	case TEST_IS_TRUE: return j->type == JSON_TRUE;
	case TEST_IS_FALSE: return j->type == JSON_FALSE;
	case TEST_IS_NULL: return j->type == JSON_NULL;
	default: break;
	}
	if (j->type == JSON_NUMBER) {
		double number;
		return n->is_number && json_to_f64(j, &number) && compare_number(n->test, number, n->number);
	}
	return j->type == JSON_STRING && compare_text(n, j->text);
}

static bool match_json(const struct node *n, const struct json *root)
{
	ASSERT(n != NULL && (n->join == 0 || (n->left != NULL && n->right != NULL)));
	if (n->join == '&')
		return match_json(n->left, root) && match_json(n->right, root);
	if (n->join == '|')
		return match_json(n->left, root) || match_json(n->right, root);
	return test_json(n, root);
}

/* ---- space-delimited ---- */

static void parse_words(struct reader *r, struct log_filter *f)
{
	f->kind = WORDS;
	f->words = arena_array(r->a, struct word, r->s.n + 1);
	r->at++;
	for (;;) {
		spaces(r);
		struct word *w = &f->words[f->n_words++];
		if (take(r, S("..."))) {
			w->rest = true;
		} else {
			size_t from = r->at;
			while (!at_end(r) && in_name(peek(r)))
				r->at++;
			w->name = str_slice(r->s, from, r->at);
			spaces(r);
			if (peek(r) != ',' && peek(r) != ']') {
				r->at = from;
				w->test = parse_or(r);
			}
		}
		spaces(r);
		if (r->why != NULL || take(r, S("]")))
			return;
		if (!take(r, S(","))) {
			bad(r, "a comma or ] is missing");
			return;
		}
	}
}

size_t log_words(struct arena *a, struct str message, struct str **out)
{
	struct str *v = arena_array(a, struct str, message.n / 2 + 1);
	size_t n = 0, at = 0;
	while (at < message.n) {
		char open = message.p[at], close = open == '[' ? ']' : open == '"' ? '"' : ' ';
		if (open == ' ') {
			at++;
			continue;
		}
		size_t from = close == ' ' ? at : at + 1, end = from;
		while (end < message.n && message.p[end] != close)
			end++;
		v[n++] = str_slice(message, from, end);
		at = end + 1;
	}
	*out = v;
	return n;
}

static bool match_word(const struct node *n, struct str text)
{
	if (n == NULL)
		return true;
	ASSERT(n->join == 0 || (n->left != NULL && n->right != NULL));
	if (n->join == '&')
		return match_word(n->left, text) && match_word(n->right, text);
	if (n->join == '|')
		return match_word(n->left, text) || match_word(n->right, text);
	return compare_text(n, text);
}

/* Which word of the message each word of the pattern stands for; false when the numbers do not fit. */
static bool align(const struct log_filter *f, size_t n, size_t *from)
{
	size_t rest = SIZE_MAX;
	for (size_t i = 0; i < f->n_words; i++)
		if (f->words[i].rest)
			rest = i;
	if (rest == SIZE_MAX ? n != f->n_words : n < f->n_words - 1)
		return false;
	for (size_t i = 0; i < f->n_words; i++)
		from[i] = i <= rest ? i : n - (f->n_words - i);
	ASSERT(f->n_words == 0 || from[f->n_words - 1] <= n);
	return true;
}

static bool match_words(const struct log_filter *f, struct arena *a, struct str message)
{
	struct str *words;
	size_t n = log_words(a, message, &words), *from = arena_array(a, size_t, f->n_words);
	if (!align(f, n, from))
		return false;
	for (size_t i = 0; i < f->n_words; i++)
		if (!f->words[i].rest && !match_word(f->words[i].test, words[from[i]]))
			return false;
	return true;
}

/* ---- the whole ---- */

struct log_filter *log_filter_parse(struct arena *a, struct str pattern, const char **why)
{
	struct log_filter *f = arena_new_of(a, struct log_filter);
	struct reader r = {a, str_trim(pattern), 0, NULL, 0};
	if (r.s.n == 0)
		return f;
	if (peek(&r) == '{') {
		f->kind = JSON_TREE;
		r.at++;
		f->root = parse_or(&r);
		spaces(&r);
		if (r.why == NULL && !take(&r, S("}")))
			bad(&r, "} is missing");
	} else if (peek(&r) == '[') {
		parse_words(&r, f);
	} else {
		parse_terms(&r, f);
	}
	spaces(&r);
	if (r.why == NULL && !at_end(&r))
		bad(&r, "text after the end");
	*why = r.why;
	return r.why == NULL ? f : NULL;
}

bool log_filter_matches(const struct log_filter *f, struct arena *a, struct str message)
{
	switch (f->kind) {
	case ALL: return true;
	case TERMS: return match_terms(f, message);
	case WORDS: return match_words(f, a, message);
	case JSON_TREE: break;
	}
	const struct json *root = json_parse(a, message, NULL);
	return root != NULL && match_json(f->root, root);
}

struct str log_filter_value(const struct log_filter *f, struct arena *a, struct str message, struct str selector)
{
	if (f->kind == WORDS) {
		struct str *words;
		size_t n = log_words(a, message, &words), *from = arena_array(a, size_t, f->n_words);
		for (size_t i = 0; align(f, n, from) && i < f->n_words; i++)
			if (!f->words[i].rest && str_eq(f->words[i].name, str_slice(selector, 1, selector.n)))
				return words[from[i]];
		return STR_NONE;
	}
	const struct json *j = log_json_at(json_parse(a, message, NULL), selector);
	return j != NULL && (j->type == JSON_STRING || j->type == JSON_NUMBER) ? j->text : STR_NONE;
}

size_t log_filter_extract(const struct log_filter *f, struct arena *a, struct str message, struct param **pairs)
{
	*pairs = NULL;
	if (f->kind != WORDS)
		return 0;
	struct str *words;
	size_t n = log_words(a, message, &words), *from = arena_array(a, size_t, f->n_words), k = 0;
	if (!align(f, n, from))
		return 0;
	*pairs = arena_array(a, struct param, f->n_words);
	for (size_t i = 0; i < f->n_words; i++)
		if (!f->words[i].rest)
			(*pairs)[k++] = (struct param){arena_join(a, S("$"), f->words[i].name), words[from[i]], true};
	return k;
}
