/* Finding services and operations; arenas of constants only, safe from any thread.
 *
 * What always holds: the list of services is made by the build, sorted by name, and never changes. */
#include "svc/service.h"

const struct service *service_find(struct str name)
{
	ASSERT(n_services > 0);
	for (size_t i = 0; i < n_services; i++)
		if (str_eq(str_c(services[i]->name), name))
			return services[i];
	return NULL;
}

const struct op *service_op(const struct service *s, struct str op_name)
{
	for (size_t i = 0; i < s->n_ops; i++)
		if (str_eq(str_c(model_op_name(s->ops[i].model)), op_name))
			return &s->ops[i];
	return NULL;
}
