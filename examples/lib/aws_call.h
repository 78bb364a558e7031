/* One signed call to an AWS JSON service from a function: environment credentials, AWS_ENDPOINT_URL or the regional
 * endpoint's name over plain HTTP. For examples: small, blocking, one connection kept alive. */
#ifndef EXAMPLES_AWS_CALL_H
#define EXAMPLES_AWS_CALL_H

#include <stddef.h>

/* POST body to service (signing name, "dynamodb") with X-Amz-Target target. The answer's body is malloc'ed into *answer
 * (NUL-terminated); returns the HTTP status, or -1 when no answer came (one reconnect is tried). */
int aws_call_json(const char *service, const char *target, const char *json_version, const char *body, char **answer);

#endif
