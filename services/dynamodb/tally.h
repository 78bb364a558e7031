/* What one request consumes of several tables: transactions, batches of statements. */
#ifndef DYNAMODB_TALLY_H
#define DYNAMODB_TALLY_H

#include "write.h"

struct tally { const struct table **tables; struct consumed *used; uint32_t n, room; bool read; };

/* room: the most tables there can be. */
void tally_init(struct call *c, struct tally *y, uint32_t room, bool read);
/* Where a table's units are counted; structs of one table are told apart by space only. */
struct consumed *tally_of(struct call *c, struct tally *y, const struct table *t);
/* Add units to a table and its indexes, a number of times over (transactions: twice). */
void tally_add(struct call *c, struct tally *y, const struct table *t, const struct consumed *u, double times);
/* Take it from the tables' throughput, and count metrics. */
void tally_count(struct call *c, const struct tally *y, const char *operation, double returned);
/* The answer's ConsumedCapacity, a table an element, when it was asked for. detailed: with Read/WriteCapacityUnits. */
void tally_answer(struct call *c, const struct tally *y, struct str asked, bool detailed, struct list *out);

#endif
