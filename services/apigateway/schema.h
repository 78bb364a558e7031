/* JSON schema, draft 4: what request bodies are checked against.
 *
 * Known: type, enum, allOf, anyOf, oneOf, not, $ref (to definitions and to models), properties, required, additionalProperties,
 * patternProperties, dependencies, min/maxProperties, items, additionalItems, min/maxItems, uniqueItems, minLength, maxLength,
 * pattern, minimum, maximum, exclusive*, multipleOf. `format` is not looked at, as on AWS. */
#ifndef TSUBO_APIGW_SCHEMA_H
#define TSUBO_APIGW_SCHEMA_H

#include "base/json.h"

struct schema_check {
	struct arena *a;
	/* The schema of another model by its name; NULL: there is none. */
	const struct json *(*model)(struct schema_check *s, struct str name);
	void *arg;
	struct buf faults; /* what is wrong, joined by ", " */
	size_t steps;      /* bounds the work */
};

/* Does v hold to the schema? Faults are added when not. */
bool schema_valid(struct schema_check *s, const struct json *schema, const struct json *root, const struct json *v);

#endif
