/* What hangs on a table beside its items: tags, resource policies; and the account's limits and endpoints. */
#ifndef DYNAMODB_OPS_SETTINGS_H
#define DYNAMODB_OPS_SETTINGS_H

#include "table.h"

/* Keys of tags to be set: none twice, none reserved, at most 50. false: c failed. */
bool tags_check(struct call *c, struct list tags);
void ddb_tag_resource(struct call *c);
void ddb_untag_resource(struct call *c);
void ddb_list_tags_of_resource(struct call *c);
void ddb_put_resource_policy(struct call *c);
void ddb_get_resource_policy(struct call *c);
void ddb_delete_resource_policy(struct call *c);
void ddb_describe_limits(struct call *c);
void ddb_describe_endpoints(struct call *c);

#endif
