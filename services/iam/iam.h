/* What the files of the iam service share. Only services/iam/ includes this.
 *
 * Users, roles, groups, instance profiles and the root user are one record, an Entity, in a table of their kind; what
 * can be done to all of them (policies, tags, boundaries) is written once. */
#ifndef TSUBO_IAM_H
#define TSUBO_IAM_H

#include "base/map.h"
#include "iam.model.h"
#include "svc/service.h"

enum kind { KIND_USER, KIND_ROLE, KIND_GROUP, KIND_PROFILE, KIND_ROOT };

/* ---- entities (entity.c) ---- */

/* NULL with NoSuchEntity in AWS's words. */
struct iam_Entity *entity_get(struct call *c, enum kind kind, struct str name);
/* NULL without failing. */
struct iam_Entity *entity_find(struct call *c, enum kind kind, struct str name);
void entity_put(struct call *c, enum kind kind, const struct iam_Entity *e);
void entity_del(struct call *c, enum kind kind, struct str name);
/* A new one with name, path, id, date and tags; NULL: EntityAlreadyExists or bad tags. */
struct iam_Entity *entity_new(struct call *c, enum kind kind, struct str name, struct str path, struct list tags);
/* Give a user or group another name (its record is not put back yet). false: EntityAlreadyExists. */
bool entity_rename(struct call *c, enum kind kind, struct iam_Entity *e, struct str name);
struct str entity_arn(struct call *c, enum kind kind, const struct iam_Entity *e);
struct key *entity_table(struct call *c, enum kind kind);
const char *kind_word(enum kind kind); /* "role" */
struct str made_id(struct arena *a, const char *prefix);

void fail_no_such(struct call *c, enum kind kind, struct str name);
/* IAM answers documents percent-encoded. */
struct str document_out(struct call *c, struct str document);
/* MalformedPolicyDocument when it does not parse. */
bool document_ok(struct call *c, struct str document, enum policy_kind kind);
/* Characters without white space outside of strings: what IAM's size quotas count. */
size_t document_size(struct str document);

/* The boundary names a policy that is there, or none: else fails. */
bool boundary_ok(struct call *c, struct str arn);
/* In full: with what lists leave out (PermissionsBoundary, Tags). */
void role_out(struct call *c, const struct iam_Entity *e, struct iam_Role *out, bool in_full);
/* Is the trust policy one: its grammar, STS actions only, principals that are? MalformedPolicyDocument when not. */
bool trust_ok(struct call *c, struct str document);
/* Of the role that CreateServiceLinkedRole makes for a service; "*" for one that is not known. */
struct str linked_role_arn(struct call *c, struct str service, struct str suffix);
/* iam_AttachedPolicy of an entity, below a path. */
struct list attached_out(struct call *c, const struct iam_Entity *e, struct str path_prefix);
/* iam_InstanceProfile of those that hold a role. */
struct list profiles_of_role(struct call *c, struct str role);

/* ---- lists ---- */

void texts_add(struct arena *a, struct list *l, struct str s);
bool texts_remove(struct list *l, struct str s);
bool texts_have(const struct list *l, struct str s);

/* Where a page starts and how long it is; what of it is done. */
struct page { struct str after; size_t start, max, seen, taken; bool more; };
/* false: the marker is not ours. Numbered pages, for what is a list in one record. */
bool page_open(struct call *c, struct str marker, struct opt_i64 max_items, struct page *p);
/* Cut items [start, start + max) out of n; sets what the output says. */
struct list page_cut(struct call *c, struct page p, struct list all, size_t item_size, struct opt_bool *truncated, struct str *marker);
/* The same for several lists one after the other: each is cut to its part of the page, then page_close says what follows. */
void page_part(struct page *p, struct list *l, size_t item_size);
void page_close(struct call *c, const struct page *p, struct opt_bool *truncated, struct str *marker);

/* Entities of a kind, in order of names, below a path; visit returns false when the page is full. */
typedef void (*visit_fn)(struct call *c, const struct iam_Entity *e, void *arg);
bool entity_page(struct call *c, enum kind kind, struct str path_prefix, struct str marker, struct opt_i64 max_items,
                 visit_fn visit, void *arg, struct opt_bool *truncated, struct str *next_marker);
void entity_each(struct call *c, enum kind kind, visit_fn visit, void *arg);

/* ---- tags ---- */

/* Keys are the same in any case. false: InvalidInput or LimitExceeded, in which `word` names the kind of resource. */
bool tags_merge(struct call *c, struct list *into, struct list tags, const char *word);
void tags_remove(struct list *from, struct list keys);

/* ---- managed policies (managed.c, ops_policy.c) ---- */

struct aws_policy {
	struct str arn, name, path, id, version, document;
	int64_t created_ms, updated_ms;
	_Atomic(struct policy *) *parsed; /* see aws_policy_parsed */
};
/* All of AWS's, sorted by ARN. Any thread. */
const struct aws_policy *aws_policies(size_t *n);
const struct aws_policy *aws_policy_find(struct str arn);
/* Its document parsed: once, for good. Any thread. */
struct policy *aws_policy_parsed(const struct aws_policy *p);
/* The account's own by ARN; NULL without failing. */
struct iam_Managed *managed_find(struct call *c, struct str arn);
/* The default version's document of either; absent when there is none. */
struct str managed_document(struct call *c, struct str arn);
struct str managed_arn(struct call *c, const struct iam_Managed *m);
/* How often each policy is attached and is a boundary, by ARN: one look at every user, role and group. */
struct usage { int64_t attached, boundaries; };
struct map usages(struct call *c);
/* Never NULL: made when there is none. */
struct usage *usage_in(struct call *c, struct map *all, struct str arn);

/* ---- documents as text (document.c) ---- */

/* Where the i-th statement of a document stands: line and column of its first and last character, from 1. */
void document_statement(struct str document, size_t i, struct iam_Position *start, struct iam_Position *end);
/* Add the condition keys a document uses, in conditions and as variables; each once, in any case. */
void document_keys(struct arena *a, struct str document, struct list *into);

/* ---- access keys (keys.c) ---- */

void keys_start(void);
void keys_stop(void);
bool keys_secret_of(struct str access_key, struct arena *a, struct principal *who, struct str *secret);
/* The user's keys (or name, path, tags) change with this call: after the commit the table is told. */
void keys_changed(struct call *c, enum kind kind, struct str name);
/* The user a call is about: as named, or the caller. NULL: failed. *kind is KIND_USER or KIND_ROOT. */
struct iam_Entity *user_or_caller(struct call *c, struct str name, enum kind *kind);

/* ---- policies of a principal (resolve.c) ---- */

void resolve_policies(struct call *c, const struct principal *who, struct policy_input *in);
bool resolve_role(struct call *c, struct str role_arn, struct principal *role, struct str *trust);
/* All documents that apply to a user, role or group by ARN; for simulation. false: NoSuchEntity. */
struct documents { struct str *v, *names; struct policy **parsed /* where it is kept parsed, else NULL */; size_t n; struct str boundary; };
bool resolve_documents(struct call *c, struct str arn, struct documents *d);

/* ---- passwords (ops_password.c) ---- */

/* What the account asks of passwords; NULL: it has said nothing. */
const struct iam_PasswordPolicy *password_policy(struct call *c);

/* ---- multi-factor devices (device.c, qr.c) ---- */

enum { SEED_BYTES = 40, MFA_PER_USER = 8 };

/* NULL without failing: no device of this account has the serial number. */
struct iam_Device *device_find(struct call *c, struct str serial);
/* Is there one at this path and name, in any case? */
bool device_taken(struct call *c, struct str path, struct str name);
void device_put(struct call *c, const struct iam_Device *d);
void device_del(struct call *c, const struct iam_Device *d);
struct str device_arn(struct call *c, const struct iam_Device *d);
/* Seal a seed (SEED_BYTES) for the record; it is opened nowhere but in device.c. */
struct str seed_seal(struct call *c, struct str seed);
/* Are these two codes that follow one another, near enough to now and not spent? Then the device is in step with them, and they are spent. */
bool device_sync(struct call *c, struct iam_Device *d, struct str first, struct str second);
/* The hook: see mfa_spend (svc/call.h). */
enum mfa_check device_spend(struct call *c, const struct principal *who, struct str serial, struct str code);
/* The user has another name: its devices are told. */
void devices_renamed(struct call *c, const struct iam_Entity *user);
/* Visit every device of the account, in order of path and name. */
void device_each(struct call *c, void (*visit)(struct call *c, const struct iam_Device *d, void *arg), void *arg);
/* A QR code of the text as a PNG picture, in the arena; text is at most QR_TEXT_MAX bytes. */
enum { QR_TEXT_MAX = 2000 };
struct str qr_png(struct arena *a, struct str text);

void user_out(struct call *c, enum kind kind, const struct iam_Entity *e, struct iam_User *out, bool in_full);

/* The entity or policy an operation is about, and its condition keys (access.c). */
void access_iam(struct call *c);

/* ---- operations ---- */

#define IAM_OPERATION(name, mode) void op_##name(struct call *c);
#include "operations.h"
#undef IAM_OPERATION

enum { IAM_CFN_TYPES = 14 };
extern const struct cfn_type iam_cfn_types[IAM_CFN_TYPES];

#endif
