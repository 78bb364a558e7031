/* What is wrong with a request, found in the pure parts: a code and DynamoDB's sentence. The first fault stays. */
#ifndef DYNAMODB_FAULT_H
#define DYNAMODB_FAULT_H

#include "base/arena.h"

enum { NAME_SIZE_MAX = 65535, PLACEHOLDER_MAX = 255 };

/* LONE: a validation error whose sentence is not put into another. */
enum fault_code { FAULT_NONE, FAULT_VALIDATION, FAULT_LONE, FAULT_SERIALIZATION };

struct fault {
	struct arena *arena;
	enum fault_code code;
	struct str message;
};

/* Set it unless it is set; always false, so that `return fault(...)` reads well. */
bool fault(struct fault *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* An attribute's name of more than NAME_SIZE_MAX bytes, wherever it is: the sentence stands alone. */
bool fault_long_name(struct fault *f);
bool fault_serialization(struct fault *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
