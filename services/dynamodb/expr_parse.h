/* What the parsers of the five grammars share: the token cursor, paths, operands, and collected mistakes.
 *
 * The service reads the whole text first (a syntax error wins over everything) and then reports one of the other
 * mistakes in a fixed order of kinds. So semantic mistakes are noted here, the first of each kind, while parsing
 * goes on. Only expr_*.c include this. */
#ifndef DYNAMODB_EXPR_PARSE_H
#define DYNAMODB_EXPR_PARSE_H

#include "expr.h"
#include "expr_lex.h"

enum mistake {
	MISTAKE_PARENS, MISTAKE_UNKNOWN_FUNCTION, MISTAKE_MISUSED_FUNCTION, MISTAKE_RESERVED, MISTAKE_SECTION,
	MISTAKE_NAME, MISTAKE_VALUE, MISTAKE_COUNT, MISTAKE_DISTINCT, MISTAKE_TYPE, MISTAKE_CONDITION, MISTAKE_OVERLAP,
	MISTAKE_CONFLICT, MISTAKE_OPERAND, MISTAKE_LIMIT, N_MISTAKES
};

struct parser {
	struct expr_context *x;
	const char *what;            /* "UpdateExpression" */
	struct str text;
	struct token before, t;      /* the one passed last, the current one */
	bool broken;                 /* a syntax error was met */
	bool update;                 /* the update grammar's functions */
	struct str mistakes[N_MISTAKES];
	int depth, operators;
	const struct expr *in_parens; /* the node that parentheses were last closed around */
};

/* false: empty or too long (with a fault). */
bool parser_start(struct parser *p, struct expr_context *x, const char *what, struct str text);
void parser_advance(struct parser *p);
/* Fault at the current token; always false. */
bool parser_syntax(struct parser *p);
bool parser_expect(struct parser *p, const char *symbol);
void parser_count_operator(struct parser *p);
/* One level further down; false with a fault when that is deeper than `most`. */
bool parser_deeper(struct parser *p, int most);
void parser_note(struct parser *p, enum mistake kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The fault of the first kind in order (ended by N_MISTAKES) that was noted; true when there was none. */
bool parser_finish(struct parser *p, const enum mistake *order);

bool parse_path(struct parser *p, struct path *out);
/* A path, a value, a function call, or one of them in parentheses. */
struct expr *parse_operand(struct parser *p);
struct expr *parse_function(struct parser *p);
struct expr *parser_node(struct parser *p, enum expr_kind kind, struct expr *first, struct expr *second);
void expr_add_arg(struct arena *a, struct expr *e, struct expr *arg);
bool path_equal(const struct path *a, const struct path *b);
/* Note overlaps and conflicts of a path with those before it. */
void parser_check_overlap(struct parser *p, const struct path *paths, uint32_t n, const struct path *path);

#endif
