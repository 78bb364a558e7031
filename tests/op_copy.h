/* Operations that no model has, for tests of src/wire: a copy of one to change. */
#ifndef TSUBO_TESTS_OP_COPY_H
#define TSUBO_TESTS_OP_COPY_H

#include <string.h>

#include "wire/model.h"

/* All tables are copied, for they tell each other's places by distances. The copy's path is "/". */
static inline struct model_op *op_copy(struct arena *a, const struct model_op *op)
{
	const struct model *m = model_op_model(op);
	char *copy = arena_alloc(a, m->size + 2);
	memcpy(copy, m, m->size);
	copy[m->size] = '/';
	char *at = copy + ((const char *)op - (const char *)m);
	struct model_op *out = (struct model_op *)(void *)at;
	out->http_uri_at = (int32_t)(copy + m->size - at);
	return out;
}
/* What lies in the copy where this lies in the tables of op. */
static inline void *op_copy_part(struct model_op *copy, const struct model_op *op, const void *part)
{
	return (char *)copy + ((const char *)part - (const char *)op);
}

#endif
