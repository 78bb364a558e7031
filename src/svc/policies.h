/* What services ask about resource policies before they keep them. Pure; any thread. */
#ifndef TSUBO_POLICIES_H
#define TSUBO_POLICIES_H

#include "base/arena.h"

/* Does the policy let everyone in? Source: "The meaning of public" (S3 User Guide). */
bool policy_public(struct arena *a, struct str text);
/* Is every Resource of its statements `whole`, or something that begins with `below` (wildcards may stand in it)? */
bool policy_resources_within(struct arena *a, struct str text, struct str whole, struct str below);

#endif
