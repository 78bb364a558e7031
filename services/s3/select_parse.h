/* Inside the parser of S3 Select's SQL: what its three files share. select_lex.c makes tokens, select_parse.c expressions,
 * select_query.c the query. Nobody else includes it. */
#ifndef TSUBO_S3_SELECT_PARSE_H
#define TSUBO_S3_SELECT_PARSE_H

#include "select.h"

enum token { T_END, T_WORD, T_QUOTED, T_STRING, T_INT, T_FLOAT, T_TIME, T_SYMBOL };

struct parser {
	struct arena *a;
	struct str text;
	size_t at;
	enum token token;
	struct str s;              /* the token's text; strings and names without their quotes */
	struct sql_error *e;
	struct query *q;
	unsigned nesting;
	bool in_aggregate, failed;
};

/* Room for one more in an array of n; its size doubles. */
#define GROW(p, v, n) \
	(((n) & ((n) - 1)) == 0 ? (v) = arena_grow((p)->a, (v), sizeof *(v), (n), (n) == 0 ? 1 : (n) * 2) : (v))

/* The first failure stays. Returns NULL. */
struct expr *parse_fail(struct parser *p, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* ---- tokens (select_lex.c) ---- */
void parse_next(struct parser *p);
bool parse_is_word(const struct parser *p, const char *word);
bool parse_is_symbol(const struct parser *p, const char *symbol);
/* Is it that? Then on to the next. */
bool parse_accept_word(struct parser *p, const char *word);
bool parse_accept(struct parser *p, const char *symbol);
/* It must be that. false: p has failed. */
bool parse_expect(struct parser *p, const char *symbol);
bool parse_expect_word(struct parser *p, const char *word);
void parse_unexpected(struct parser *p); /* fails p for the token that stands there */
bool parse_is_reserved(const struct parser *p);

/* ---- expressions (select_parse.c) ---- */
struct expr *parse_expression(struct parser *p); /* NULL: p has failed */
/* .name, ."name", .*, [3], [*], ['name'] */
bool parse_steps(struct parser *p, struct step **v, size_t *n);

#endif
