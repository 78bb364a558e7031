/* The tokens of S3 Select's SQL. A hand-written lexer.
 *
 * What always holds: a token's text is a view of the query's, but for strings with doubled quotes; at the end, and after a failure,
 * the token is T_END. Source: "SQL reference for Amazon S3 Select" (S3 User Guide). */
#include "select_parse.h"

#include <stdio.h>

struct expr *parse_fail(struct parser *p, const char *code, const char *fmt, ...)
{
	va_list ap;
	if (p->failed)
		return NULL;
	ASSERT(code != NULL);
	p->failed = true;
	va_start(ap, fmt);
	*p->e = (struct sql_error){code, arena_vprintf(p->a, fmt, ap)};
	va_end(ap);
	return NULL;
}

/* ---- tokens ---- */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || (unsigned char)c >= 0x80; }

static char peek(const struct parser *p, size_t ahead) { return p->at + ahead < p->text.n ? p->text.p[p->at + ahead] : '\0'; }

static void skip_space(struct parser *p)
{
	for (;;) {
		while (p->at < p->text.n && is_space(p->text.p[p->at]))
			p->at++;
		if (peek(p, 0) != '-' || peek(p, 1) != '-')
			return;
		while (p->at < p->text.n && p->text.p[p->at] != '\n') /* a comment */
			p->at++;
	}
}

/* What stands between two quotes; a doubled one stands for itself. */
static bool read_quoted(struct parser *p, char quote)
{
	struct buf b;
	size_t start = ++p->at;
	bool doubled = false;
	ASSERT(p->text.p[start - 1] == quote);
	while (p->at < p->text.n) {
		if (p->text.p[p->at] == quote && peek(p, 1) != quote)
			break;
		if (p->text.p[p->at] == quote) {
			doubled = true;
			p->at++;
		}
		p->at++;
	}
	if (p->at >= p->text.n) {
		parse_fail(p, "LexerInvalidLiteral", "The SQL expression contains an invalid literal.");
		return false;
	}
	p->s = str_slice(p->text, start, p->at);
	p->at++;
	if (!doubled)
		return true;
	buf_init(&b, p->a, p->s.n + 1);
	for (size_t i = 0; i < p->s.n; i++) {
		buf_putc(&b, p->s.p[i]);
		i += p->s.p[i] == quote;
	}
	p->s = buf_view(&b);
	return true;
}

static void read_number(struct parser *p)
{
	size_t start = p->at;
	p->token = T_INT;
	ASSERT(is_digit(peek(p, 0)) || peek(p, 0) == '.');
	while (is_digit(peek(p, 0)))
		p->at++;
	if (peek(p, 0) == '.' && is_digit(peek(p, 1))) {
		p->token = T_FLOAT;
		for (p->at++; is_digit(peek(p, 0)); p->at++)
			;
	}
	size_t sign = peek(p, 1) == '+' || peek(p, 1) == '-' ? 1 : 0;
	if ((peek(p, 0) == 'e' || peek(p, 0) == 'E') && is_digit(peek(p, 1 + sign))) {
		p->token = T_FLOAT;
		for (p->at += 1 + sign; is_digit(peek(p, 0)); p->at++)
			;
	}
	ASSERT(p->at > start && p->at <= p->text.n);
	p->s = str_slice(p->text, start, p->at);
}

void parse_next(struct parser *p)
{
	static const char *const two[] = {"<=", ">=", "<>", "!=", "||"};
	skip_space(p);
	char c = peek(p, 0);
	if (p->failed || p->at >= p->text.n) {
		p->token = T_END;
		p->s = S("");
		return;
	}
	if (c == '\'' || c == '"' || c == '`') {
		p->token = c == '\'' ? T_STRING : c == '"' ? T_QUOTED : T_TIME;
		if (!read_quoted(p, c))
			p->token = T_END;
		return;
	}
	if (is_digit(c) || (c == '.' && is_digit(peek(p, 1)))) {
		read_number(p);
		return;
	}
	size_t start = p->at;
	if (is_letter(c)) {
		while (is_letter(peek(p, 0)) || is_digit(peek(p, 0)))
			p->at++;
		p->token = T_WORD;
		p->s = str_slice(p->text, start, p->at);
		return;
	}
	p->token = T_SYMBOL;
	p->at++;
	for (size_t i = 0; i < COUNT_OF(two); i++)
		if (c == two[i][0] && peek(p, 0) == two[i][1]) {
			p->at++;
			break;
		}
	p->s = str_slice(p->text, start, p->at);
	if (strchr("+-*/%=<>!|(),.[];", c) == NULL || str_eq(p->s, S("!")) || str_eq(p->s, S("|")))
		parse_fail(p, "LexerInvalidChar", "The SQL expression contains an invalid character.");
}

bool parse_is_word(const struct parser *p, const char *word) { return p->token == T_WORD && str_eq_nocase(p->s, str_c(word)); }
bool parse_is_symbol(const struct parser *p, const char *symbol) { return p->token == T_SYMBOL && str_eq(p->s, str_c(symbol)); }

bool parse_accept_word(struct parser *p, const char *word)
{
	if (!parse_is_word(p, word))
		return false;
	parse_next(p);
	return true;
}

bool parse_accept(struct parser *p, const char *symbol)
{
	if (!parse_is_symbol(p, symbol))
		return false;
	parse_next(p);
	return true;
}

void parse_unexpected(struct parser *p)
{
	struct str found = p->token == T_END ? S("end of expression") : p->s;
	parse_fail(p, "ParseUnexpectedToken", "The SQL expression contains an unexpected token: %.*s", STR_ARG(found));
}

bool parse_expect(struct parser *p, const char *symbol)
{
	if (!parse_accept(p, symbol))
		parse_unexpected(p);
	return !p->failed;
}

bool parse_expect_word(struct parser *p, const char *word)
{
	if (!parse_accept_word(p, word))
		parse_fail(p, "ParseExpectedKeyword", "Did not find the expected keyword in the SQL expression: %s", word);
	return !p->failed;
}

bool parse_is_reserved(const struct parser *p)
{
	static const char *const words[] = {"select", "from", "where", "limit", "and", "or", "not", "in", "like", "between", "is", "as", "case", "when",
		"then", "else", "end", "null", "missing", "escape", "order", "group", "having", "join", "union"};
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (parse_is_word(p, words[i]))
			return true;
	return false;
}
