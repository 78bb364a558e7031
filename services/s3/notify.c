/* Notifications of events in a bucket. */
#include "s3.h"

void notify(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *event)
{
	(void)c; (void)b; (void)o; (void)event;
}
