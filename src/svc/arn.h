/* Amazon Resource Names: arn:partition:service:region:account:resource. */
#ifndef TSUBO_ARN_H
#define TSUBO_ARN_H

#include "base/arena.h"

struct arn { struct str partition, service, region, account, resource; };
/* false when it is not of that form. Views into text. */
bool arn_parse(struct str text, struct arn *out);
struct str arn_make(struct arena *a, const char *service, struct str region, struct str account, struct str resource);

#endif
