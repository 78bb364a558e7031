/* Policy documents as text: where their statements stand and which condition keys they use. For simulation, whose
 * answers point into the document. Documents are known to parse. */
#include "iam.h"

/* ---- places ---- */

/* The end of the JSON value that starts at `at`: one past its last character. */
static size_t value_end(struct str s, size_t at)
{
	int depth = 0;
	bool inside = false;
	for (size_t i = at; i < s.n; i++) {
		char c = s.p[i];
		if (inside) {
			i += c == '\\';
			inside = c != '"';
		} else if (c == '"') {
			inside = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			depth--;
		}
		if (depth == 0 && !inside)
			return i + 1;
	}
	return s.n;
}

/* Where the value of the top-level member "Statement" starts. */
static size_t statements_start(struct str s)
{
	int depth = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '{' || s.p[i] == '[')
			depth++;
		else if (s.p[i] == '}' || s.p[i] == ']')
			depth--;
		if (s.p[i] != '"')
			continue;
		size_t end = value_end(s, i);
		bool found = depth == 1 && str_eq(str_slice(s, i, end), S("\"Statement\""));
		i = end - 1;
		if (!found)
			continue;
		while (end < s.n && s.p[end] != '{' && s.p[end] != '[')
			end++;
		return end;
	}
	return s.n;
}

static struct iam_Position position(struct str s, size_t at)
{
	int64_t line = 1, column = 1;
	for (size_t i = 0; i < at && i < s.n; i++) {
		column = s.p[i] == '\n' ? 1 : column + 1;
		line += s.p[i] == '\n';
	}
	return (struct iam_Position){SOME_I64(line), SOME_I64(column)};
}

void document_statement(struct str document, size_t i, struct iam_Position *start, struct iam_Position *end)
{
	size_t at = statements_start(document);
	ASSERT(at < document.n); /* it has parsed */
	if (at < document.n && document.p[at] == '[') {
		for (at++; at < document.n; at++) {
			if (document.p[at] != '{')
				continue;
			if (i-- == 0)
				break;
			at = value_end(document, at) - 1;
		}
	}
	*start = position(document, at);
	*end = position(document, value_end(document, at));
}

/* ---- keys ---- */

static void add_once(struct arena *a, struct list *into, struct str key)
{
	ASSERT(str_present(key));
	for (uint32_t i = 0; i < into->n; i++)
		if (str_eq_nocase(*LIST_AT(*into, struct str, i), key))
			return;
	texts_add(a, into, key);
}

static void add_variables(struct arena *a, struct list *into, struct str s)
{
	for (ptrdiff_t at; (at = str_find_str(s, S("${"))) >= 0;) {
		s = str_slice(s, (size_t)at + 2, s.n);
		struct str rest = s, name = str_cut(&rest, '}');
		if (!str_present(rest))
			return;
		struct str key = str_trim(str_cut(&name, ','));
		if (str_find(key, ':') > 0)
			add_once(a, into, key);
		s = rest;
	}
}

static void add_from(struct arena *a, struct list *into, const struct json *j)
{
	if (json_is(j, JSON_STRING))
		add_variables(a, into, j->text);
	for (uint32_t i = 0; json_is(j, JSON_ARRAY) && i < j->n; i++)
		add_from(a, into, &j->items[i]);
	for (uint32_t i = 0; json_is(j, JSON_OBJECT) && i < j->n; i++)
		add_from(a, into, &j->members[i].value);
}

static void add_statement(struct arena *a, struct list *into, const struct json *statement)
{
	const struct json *conditions = json_get(statement, S("Condition"));
	for (uint32_t i = 0; json_is(conditions, JSON_OBJECT) && i < conditions->n; i++) {
		const struct json *op = &conditions->members[i].value;
		for (uint32_t k = 0; json_is(op, JSON_OBJECT) && k < op->n; k++)
			add_once(a, into, op->members[k].key);
	}
	add_from(a, into, statement);
}

void document_keys(struct arena *a, struct str document, struct list *into)
{
	const struct json *statements = json_get(json_parse(a, document, NULL), S("Statement"));
	if (json_is(statements, JSON_OBJECT))
		add_statement(a, into, statements);
	for (uint32_t i = 0; json_is(statements, JSON_ARRAY) && i < statements->n; i++)
		add_statement(a, into, &statements->items[i]);
}
