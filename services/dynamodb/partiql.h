/* PartiQL for DynamoDB: statements to the same conditions, updates and items that the other operations use.
 *
 * Source: "PartiQL - a SQL-compatible query language for Amazon DynamoDB" (Developer Guide). */
#ifndef DYNAMODB_PARTIQL_H
#define DYNAMODB_PARTIQL_H

#include "expr.h"

enum { PARTIQL_LENGTH_MAX = 8192 };

enum partiql_kind { PARTIQL_SELECT, PARTIQL_INSERT, PARTIQL_UPDATE, PARTIQL_DELETE, PARTIQL_EXISTS };

struct partiql {
	enum partiql_kind kind;
	struct str table, index;      /* index absent: the table */
	struct projection projection; /* SELECT; n == 0: all */
	struct expr *where;           /* NULL: none */
	struct av item;               /* INSERT */
	struct update update;         /* UPDATE */
	struct str returning;         /* "ALL_OLD", "UPDATED_NEW"...; absent: nothing */
	struct str order_by;
	bool descending;
};

/* Parameters take the places of '?', in order. false with a fault. */
bool partiql_parse(struct arena *a, struct str text, const struct av *parameters, uint32_t n, struct partiql *out, struct fault *f);

#endif
