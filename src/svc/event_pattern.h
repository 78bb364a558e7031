/* Event patterns, compiled. Pure: text in, structure out; no call, no store.
 *
 * Source: "Comparison operators for use in event patterns" and "Amazon EventBridge event patterns" (EventBridge User
 * Guide). A compiled pattern lives in the arena it was given and points into the text's JSON tree there; it is never
 * changed after that and may be read from any thread. */
#ifndef TSUBO_EVENT_PATTERN_H
#define TSUBO_EVENT_PATTERN_H

#include "base/json.h"

struct event_pattern;

/* NULL and the reason in *why (without "Event pattern is not valid. Reason: ") when it is not a pattern. The text must
 * outlive the pattern. */
struct event_pattern *event_pattern_parse(struct arena *a, struct str text, struct str *why);
/* Does an event match? The event must have been through event_normal. */
bool event_pattern_matches(const struct event_pattern *p, const struct json *event);
/* An event as patterns see it: a key with dots is the same as objects one in another. Gives the tree itself when no key
 * has a dot. */
const struct json *event_normal(struct arena *a, const struct json *event);

/* A field that must be one of some strings for the pattern to match: what an index over many patterns hangs on. The path
 * is keys joined by dots. false when the pattern has none. */
struct pattern_anchor { struct str path; const struct str *values; size_t n; };
bool event_pattern_anchor(struct arena *a, const struct event_pattern *p, struct pattern_anchor *out);
/* All strings of an event at a path (several where arrays are passed); fn is called for each. */
void event_strings_at(const struct json *event, struct str path, void (*fn)(void *arg, struct str value), void *arg);

#endif
