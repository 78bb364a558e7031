/* Inside the S3 service: what the configurations by id share with what they set going. */
#ifndef TSUBO_S3_CONFIGS_H
#define TSUBO_S3_CONFIGS_H

#include "s3.h"

/* (s3, "config", bucket, kind, id); id absent: all of a kind. */
struct key *config_key(struct call *c, struct str bucket, const char *kind, struct str id);

/* ---- inventory.c ---- */
bool inventory_ok(struct call *c, const struct s3_StoredBucket *b, struct s3_InventoryConfiguration *i);
void inventory_changed(struct call *c, const struct s3_StoredBucket *b, struct str id);

/* ---- metrics.c ---- */
bool metrics_ok(struct call *c, const struct s3_StoredBucket *b, struct s3_MetricsConfiguration *m);
void metrics_changed(struct call *c, const struct s3_StoredBucket *b, struct str id);
void metrics_removed(struct call *c, const struct s3_StoredBucket *b, struct str id);

#endif
