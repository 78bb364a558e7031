/* Between engine.c (phases) and work.c (one resource's task). */
#ifndef CLOUDFORMATION_ENGINE_H
#define CLOUDFORMATION_ENGINE_H

#include "stack.h"

/* What a resource is now, to come back to: {Type, PhysicalId, Properties, Attributes, Tags, ...}. */
struct json *resource_snapshot(struct call *c, const struct cloudformation_ResourceRecord *r);

#endif
