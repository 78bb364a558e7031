/* The kinds of gateway responses and what AWS says for each by itself. Source: "Gateway response types for API Gateway". */
#ifndef TSUBO_APIGW_RESPONSES_H
#define TSUBO_APIGW_RESPONSES_H

#include "apigw.h"

#define GATEWAY_TEMPLATE "{\"message\":$context.error.messageString}"

struct gateway_response { const char *type; int status; const char *error_type; /* x-amzn-ErrorType */ };
const struct gateway_response *gateway_response_known(struct str type); /* NULL: there is no such type */

#endif
