/* Amazon Resource Names: arn:partition:service:region:account:resource. */
#ifndef TSUBO_ARN_H
#define TSUBO_ARN_H

#include "base/arena.h"

struct arn { struct str partition, service, region, account, resource; };
/* false when it is not of that form. Views into text. */
bool arn_parse(struct str text, struct arn *out);
/* The URL that names a queue to sqs's operations (which read its last two parts only), from the queue's ARN. */
struct str arn_queue_url(struct arena *a, const struct arn *queue);
struct str arn_make(struct arena *a, const char *service, struct str region, struct str account, struct str resource);

/* Does AWS have a Region of this name? */
bool is_region(struct str name);
struct str regions_text(struct arena *a); /* "us-east-1, ..." */

#endif
