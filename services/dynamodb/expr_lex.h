/* Tokens of expressions. Only the expression parser includes this. */
#ifndef DYNAMODB_EXPR_LEX_H
#define DYNAMODB_EXPR_LEX_H

#include "base/str.h"

enum token_type {
	TOKEN_END, TOKEN_WORD, TOKEN_NAME /* #x */, TOKEN_VALUE /* :x */, TOKEN_INDEX /* digits */,
	TOKEN_SYMBOL /* punctuation; comparators are one token */, TOKEN_BAD
};

struct token { enum token_type type; struct str text; size_t at; };

/* The token that starts at or after `at`; skips white space. */
struct token token_next(struct str text, size_t at);
static inline size_t token_end(const struct token *t) { return t->at + t->text.n; }
/* A symbol, or a key word in any case. */
static inline bool token_is(const struct token *t, const char *symbol)
{
	return t->type == TOKEN_SYMBOL && str_eq(t->text, str_c(symbol));
}
static inline bool token_is_word(const struct token *t, const char *word)
{
	return t->type == TOKEN_WORD && str_eq_nocase(t->text, str_c(word));
}

#endif
