/* Tags of resources: merging, removing, the rules every service has for them, and the condition keys they give.
 *
 * Models have them as lists of {Key, Value} or as maps of texts; both lie in memory as pairs of two texts, so a view serves
 * either, and one piece of code all services. What a fault is called is the service's own affair.
 * Source: "Tag naming limits and requirements" (Tagging AWS Resources User Guide). */
#ifndef TSUBO_SVC_TAGS_H
#define TSUBO_SVC_TAGS_H

#include "svc/call.h"

enum { TAGS_OF_RESOURCE = 50 }; /* the limit nearly everywhere */

struct tag { struct str key, value; };
struct tags { struct tag *v; uint32_t n; };

/* A view of a struct list of T, or of a struct map_of with entries T. */
#define TAGS_OF(x, T) ((struct tags){(x).v, (x).n + 0 * (uint32_t)sizeof(char[sizeof(T) == sizeof(struct tag) ? 1 : -1])})

enum tags_fault {
	TAGS_OK,
	TAGS_RESERVED, /* a key begins with aws:, which only AWS itself may use */
	TAGS_TWICE,    /* the request has a key twice */
	TAGS_TOO_MANY
};

struct tags_rules {
	uint32_t max;
	bool nocase;   /* are "Team" and "team" one key? (IAM only) */
	bool reserved; /* AWS itself asks (CloudFormation): aws: is allowed */
};

/* Put `more` over what is there: a key that is there gets the new value, and the new spelling. *have is made anew in the
 * arena; unchanged on a fault. */
enum tags_fault tags_put(struct arena *a, struct tags *have, struct tags more, const struct tags_rules *rules);
/* The key that tags_put found at fault, for the message: the first reserved or repeated one; absent otherwise. */
struct str tags_culprit(struct tags more, const struct tags_rules *rules);
/* Take away the keys of a list of texts; those that are not there do not matter. In place. */
void tags_drop(struct tags *have, const struct list *keys, bool nocase);

/* Append to x's keys what the resource has: aws:ResourceTag/.... (What the request says of tags, authorize() adds by itself.)
 * The keys live in the call's arena. Nothing is built where no policy could ask: for root, when the resource has no policy. */
void tags_conditions(struct call *c, struct access_extra *x, struct tags resource);

#endif
