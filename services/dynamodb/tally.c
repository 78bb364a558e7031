/* See tally.h. */
#include "tally.h"

void tally_init(struct call *c, struct tally *y, uint32_t room, bool read)
{
	ASSERT(room > 0);
	*y = (struct tally){.tables = arena_array(c->arena, const struct table *, room), .used = arena_array(c->arena, struct consumed, room),
	                    .room = room, .read = read};
}

struct consumed *tally_of(struct call *c, struct tally *y, const struct table *t)
{
	ASSERT(t != NULL && y->n <= y->room);
	for (uint32_t i = 0; i < y->n; i++)
		if (y->tables[i]->space == t->space)
			return &y->used[i];
	ASSERT(y->n < y->room);
	y->tables[y->n] = t;
	consumed_init(c, t, &y->used[y->n], y->read);
	return &y->used[y->n++];
}

void tally_add(struct call *c, struct tally *y, const struct table *t, const struct consumed *u, double times)
{
	ASSERT(u->indexes != NULL && times > 0);
	struct consumed *sum = tally_of(c, y, t);
	sum->table += times * u->table;
	for (uint32_t i = 0; i < t->n_indexes; i++)
		sum->indexes[i] += times * u->indexes[i];
	for (uint32_t i = 0; i < t->n_vectors; i++)
		sum->vectors[i] += u->vectors[i]; /* a transaction does not write them twice */
}

void tally_count(struct call *c, const struct tally *y, const char *operation, double returned)
{
	ASSERT(operation != NULL);
	for (uint32_t i = 0; i < y->n; i++)
		count_metrics(c, y->tables[i], &y->used[i], operation, returned);
}

void tally_answer(struct call *c, const struct tally *y, struct str asked, bool detailed, struct list *out)
{
	if (y->n == 0 || (!str_eq(asked, S("TOTAL")) && !str_eq(asked, S("INDEXES"))))
		return;
	*out = LIST_OF(c->arena, struct dynamodb_ConsumedCapacity, y->n);
	for (uint32_t i = 0; i < y->n; i++)
		consumed_fill(c, y->tables[i], &y->used[i], asked, detailed, LIST_AT(*out, struct dynamodb_ConsumedCapacity, i));
}
