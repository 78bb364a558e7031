/* Replication: versions of a bucket's objects, made again in other buckets, in any region and account.
 *
 * What is to be replicated is put down as a job in the transaction that made or changed the version; the job acts as the
 * configuration's role, which must be allowed both ends. A replica has its source's version id and serial, so versions
 * keep their order whatever order they come in; it shares its source's stored bytes. What always holds: a replica is not
 * replicated again (but for changes of it, where a rule asks), and neither is what was there before the rule.
 * Source: "Replicating objects within and across Regions" (S3 User Guide), "PutBucketReplication" (S3 API Reference). */
#include "s3.h"

#include "os/os.h"
#include "svc/arn.h"
#include "svc/datakey.h"
#include "telemetry/metric.h"

enum { RULES_MAX = 1000, TARGETS_MAX = 64 };

static bool on(struct str status) { return str_eq(status, S("Enabled")); }

static struct str bucket_of_arn(struct str arn)
{
	return str_starts(arn, S("arn:aws:s3:::")) ? str_slice(arn, sizeof "arn:aws:s3:::" - 1, arn.n) : STR_NONE;
}

/* ---- which rules want a version ---- */

static bool filter_fits(const struct s3_ReplicationRule *r, const struct s3_StoredObject *o)
{
	const struct s3_ReplicationRuleFilter *f = r->Filter;
	struct str prefix = f == NULL ? r->Prefix : f->And != NULL ? f->And->Prefix : f->Prefix;
	if (str_present(prefix) && !str_starts(o->Key, prefix))
		return false;
	if (f == NULL)
		return true;
	if (f->Tag != NULL && !object_has_tag(o, f->Tag))
		return false;
	for (uint32_t i = 0; f->And != NULL && i < f->And->Tags.n; i++)
		if (!object_has_tag(o, LIST_AT(f->And->Tags, struct s3_Tag, i)))
			return false;
	return true;
}

/* What lies under a KMS key is passed over unless the rule says otherwise. */
static bool takes_kms(const struct s3_ReplicationRule *r)
{
	const struct s3_SourceSelectionCriteria *s = r->SourceSelectionCriteria;
	return s != NULL && s->SseKmsEncryptedObjects != NULL && on(s->SseKmsEncryptedObjects->Status);
}

static bool rule_wants(const struct s3_ReplicationRule *r, const struct s3_StoredObject *o)
{
	if (!on(r->Status) || !filter_fits(r, o) || (o->Kms != NULL && !takes_kms(r)))
		return false;
	/* Without a filter it is the configuration's first form, which takes delete markers along unasked. */
	if (o->Marker.v && r->Filter != NULL && (r->DeleteMarkerReplication == NULL || !on(r->DeleteMarkerReplication->Status)))
		return false;
	if (!str_eq(o->ReplicationStatus, S("REPLICA")))
		return true;
	const struct s3_SourceSelectionCriteria *s = r->SourceSelectionCriteria;
	return s != NULL && s->ReplicaModifications != NULL && on(s->ReplicaModifications->Status);
}

/* One rule for each destination: of several the one of the highest priority. */
static size_t chosen(const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const struct s3_ReplicationRule *out[TARGETS_MAX])
{
	size_t n = 0;
	for (uint32_t i = 0; b->Replication != NULL && i < b->Replication->Rules.n; i++) {
		const struct s3_ReplicationRule *r = LIST_AT(b->Replication->Rules, struct s3_ReplicationRule, i);
		if (!rule_wants(r, o))
			continue;
		size_t k = 0;
		while (k < n && !str_eq(out[k]->Destination->Bucket, r->Destination->Bucket))
			k++;
		ASSERT(k < TARGETS_MAX); /* a configuration with more is refused */
		if (k == n)
			out[n++] = r;
		else if (r->Priority.v > out[k]->Priority.v)
			out[k] = r;
	}
	return n;
}

/* ---- putting it down ---- */

static void queue(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, bool change)
{
	ASSERT(str_present(o->Version) && o->Serial.set);
	struct json *j = json_new_object(c->arena);
	json_set_str(c->arena, j, "bucket", b->Name);
	json_set_str(c->arena, j, "key", o->Key);
	json_set_str(c->arena, j, "version", o->Version);
	json_set_bool(c->arena, j, "change", change);
	job_put(c, "replicate", arena_join(c->arena, o->Version, change ? S("/change") : S("/new"), S("/"), b->Name), c->now_ms,
		json_text(c->arena, j));
}

void replicate_new(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o)
{
	const struct s3_ReplicationRule *rules[TARGETS_MAX];
	o->ReplicationStatus = STR_NONE;
	if (b->Replication == NULL || !on(b->Versioning) || chosen(b, o, rules) == 0)
		return;
	o->ReplicationStatus = S("PENDING");
	queue(c, b, o, false);
}

void replicate_change(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o)
{
	const struct s3_ReplicationRule *rules[TARGETS_MAX];
	if (b->Replication == NULL || !str_present(o->ReplicationStatus) || !str_present(o->Version) || chosen(b, o, rules) == 0)
		return;
	if (!str_eq(o->ReplicationStatus, S("REPLICA")))
		o->ReplicationStatus = S("PENDING");
	queue(c, b, o, true);
}

/* ---- making a replica ---- */

static bool clone_data(struct call *c, struct s3_StoredObject *o)
{
	struct list parts = object_parts(c, o);
	struct s3_StoredParts all = {.Parts = LIST_OF(c->arena, struct s3_StoredPart, parts.n)};
	for (uint32_t i = 0; i < parts.n; i++)
		*LIST_AT(all.Parts, struct s3_StoredPart, i) = *data_again(c, LIST_AT(parts, struct s3_StoredPart, i));
	if (!o->PartsRow.set) {
		o->Part = parts.n > 0 ? LIST_AT(all.Parts, struct s3_StoredPart, 0) : NULL;
		return parts.n <= 1;
	}
	o->PartsRow = SOME_I64((int64_t)call_serial(c, "row"));
	call_put(c, key_u64(table(c, "parts"), (uint64_t)o->PartsRow.v), &s3_shape_StoredParts, &all);
	return true;
}

/* The keys of the replica's bytes, under the destination's KMS key: the role must be allowed kms:Decrypt of the source's, and
 * kms:Encrypt with the destination's. NULL: done; else why not. Source: "Replicating encrypted objects" (S3 User Guide). */
static const char *encrypt_replica(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredBucket *d,
                                   const struct s3_ReplicationRule *r, struct s3_StoredObject *o)
{
	struct sse_key from = {.set = true}, to = {.set = true};
	struct datakey key;
	struct wire_error error;
	const struct s3_ServerSideEncryptionRule *own = NULL;
	if (d->Encryption != NULL)
		own = LIST_AT(d->Encryption->Rules, struct s3_ServerSideEncryptionRule, 0);
	bool bucket_key = own != NULL && own->BucketKeyEnabled.v && !o->Kms->Twice.v;
	const struct json *context = json_parse(c->arena, o->Kms->Context, NULL), *new_context = encryption_context(c, d, o->Key, bucket_key);
	ASSERT(context != NULL && r->Destination->EncryptionConfiguration != NULL);
	if (!datakey_open(c, o->Kms->Sealed, context, b->Region, from.key, &error))
		return str_eq(error.code, S("AccessDeniedException")) ? "SrcKmsKeyNotPermitted" : "SrcKmsKeyInvalidState";
	random_bytes(to.key, sizeof to.key);
	if (!datakey_seal(c, r->Destination->EncryptionConfiguration->ReplicaKmsKeyID, new_context, d->Region, to.key, &key, &error))
		return str_eq(error.code, S("NotFoundException")) ? "DstKmsKeyNotFound" : str_eq(error.code, S("AccessDeniedException")) ?
			"DstKmsKeyNotPermitted" : "DstKmsKeyInvalidState";
	struct s3_StoredParts all = {.Parts = object_parts(c, o)};
	for (uint32_t i = 0; i < all.Parts.n; i++) {
		bool fits = data_rewrap(c, LIST_AT(all.Parts, struct s3_StoredPart, i), &from, &to);
		ASSERT(fits); /* KMS has opened what it sealed itself */
	}
	bool fit = annotations_rewrap(c, o, &from, &to);
	ASSERT(fit);
	if (o->PartsRow.set)
		call_put(c, key_u64(table(c, "parts"), (uint64_t)o->PartsRow.v), &s3_shape_StoredParts, &all);
	struct s3_StoredKms *kms = arena_new_of(c->arena, struct s3_StoredKms);
	*kms = (struct s3_StoredKms){.KeyArn = key.key_arn, .Sealed = key.sealed, .Context = json_text(c->arena, new_context),
		.BucketKey = SOME_BOOL(bucket_key), .Twice = o->Kms->Twice};
	o->Kms = kms;
	return NULL;
}

/* Whose the replica is, and who may read it. */
static void own_replica(const struct s3_StoredBucket *d, const struct s3_ReplicationRule *r, struct s3_StoredObject *o)
{
	bool theirs = r->Destination->AccessControlTranslation != NULL || acls_off(d);
	if (!theirs)
		return;
	o->Account = d->Account;
	o->Grants = (struct list){0};
}

/* Why the role may not; NULL: it may. The words are those of "Amazon S3 replication failure reasons". */
static const char *not_permitted(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredBucket *d, const struct s3_StoredObject *o,
                                 const struct s3_ReplicationRule *r)
{
	if (!may(c, b, STR_NONE, "s3:GetReplicationConfiguration", NULL, ACL_NONE))
		return "InitiateReplicationNotPermitted";
	if (!o->Marker.v && !may(c, b, o->Key, "s3:GetObjectVersionForReplication", NULL, ACL_NONE))
		return "SrcGetObjectNotPermitted";
	if (!o->Marker.v && !may(c, b, o->Key, "s3:GetObjectVersionAcl", NULL, ACL_NONE))
		return "SrcGetAclNotPermitted";
	if (o->Labels.n > 0 && !may(c, b, o->Key, "s3:GetObjectVersionTagging", NULL, ACL_NONE))
		return "SrcGetTagsNotPermitted";
	if (!may(c, d, o->Key, o->Marker.v ? "s3:ReplicateDelete" : "s3:ReplicateObject", NULL, ACL_NONE))
		return o->Marker.v ? "DstDelObjNotPermitted" : "DstPutObjectNotPermitted";
	if (o->Labels.n > 0 && !may(c, d, o->Key, "s3:ReplicateTags", NULL, ACL_NONE))
		return "DstPutTagsNotPermitted";
	bool override = r->Destination->AccessControlTranslation != NULL && !acls_off(d);
	if (override && !may(c, d, o->Key, "s3:ObjectOwnerOverrideToBucketOwner", NULL, ACL_NONE))
		return "DstPutAclNotPermitted";
	return NULL;
}

/* The replica's annotations become the source's, under the replica's own key. NULL: done; else why not. */
static const char *change_annotations(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredBucket *d,
                                      const struct s3_StoredObject *from, struct s3_StoredObject *o)
{
	struct sse_key from_key = {.set = true}, to_key = {.set = true};
	struct wire_error error;
	annotations_drop(c, o);
	annotations_again(c, from, o);
	if (!o->AnnotationsRow.set || from->Kms == NULL || o->Kms == NULL)
		return NULL;
	if (!datakey_open(c, from->Kms->Sealed, json_parse(c->arena, from->Kms->Context, NULL), b->Region, from_key.key, &error))
		return "SrcKmsKeyNotPermitted";
	if (!datakey_open(c, o->Kms->Sealed, json_parse(c->arena, o->Kms->Context, NULL), d->Region, to_key.key, &error))
		return "DstKmsKeyNotPermitted";
	bool fit = annotations_rewrap(c, o, &from_key, &to_key);
	ASSERT(fit);
	return NULL;
}

static const char *change_replica(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredBucket *d,
                                  const struct s3_StoredObject *from, const struct s3_ReplicationRule *r)
{
	struct s3_StoredObject *o = object_version(c, d->Name, from->Key, from->Version);
	if (o == NULL)
		return "DstObjectHardDeleted";
	o->Labels = from->Labels;
	o->Grants = from->Grants;
	o->Hold = from->Hold;
	bool weaker = o->LockUntil.set && (!from->LockUntil.set || from->LockUntil.ms < o->LockUntil.ms) && str_eq(o->LockMode, S("COMPLIANCE"));
	if (!weaker) {
		o->LockMode = from->LockMode;
		o->LockUntil = from->LockUntil;
	}
	struct str account = o->Account;
	own_replica(d, r, o);
	o->Account = account;
	const char *why = o->AnnotationsRow.set || from->AnnotationsRow.set ? change_annotations(c, b, d, from, o) : NULL;
	object_update(c, d, o);
	return why;
}

/* NULL: it is there; else why not. */
static const char *send(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *from, const struct s3_ReplicationRule *r,
                        bool change)
{
	const struct s3_StoredBucket *d = call_get(c, bucket_key(c, bucket_of_arn(r->Destination->Bucket)), &s3_shape_StoredBucket);
	if (d == NULL || (str_present(r->Destination->Account) && !str_eq(r->Destination->Account, d->Account)))
		return "DstBucketNotFound";
	if (!on(d->Versioning))
		return "DstBucketUnversioned";
	if ((str_present(from->LockMode) || str_present(from->Hold)) && !d->Lock.v)
		return "DstBucketObjectLockConfigMissing";
	const char *why = not_permitted(c, b, d, from, r);
	if (why != NULL)
		return why;
	if (change)
		return change_replica(c, b, d, from, r);
	if (object_version(c, d->Name, from->Key, from->Version) != NULL)
		return NULL;
	ASSERT(!str_eq(from->ReplicationStatus, S("REPLICA"))); /* replicas send changes only */
	struct s3_StoredObject *o = arena_new_of(c->arena, struct s3_StoredObject);
	*o = *from;
	o->ReplicationStatus = S("REPLICA");
	o->RestoredUntil = (struct opt_time){0};
	if (str_present(r->Destination->StorageClass) && !o->Marker.v)
		o->StorageClass = r->Destination->StorageClass;
	own_replica(d, r, o);
	bool cloned = clone_data(c, o);
	ASSERT(cloned);
	annotations_again(c, from, o);
	if (o->Kms != NULL && (why = encrypt_replica(c, b, d, r, o)) != NULL) {
		object_drop_data(c, o);
		return why;
	}
	object_add_replica(c, d, o);
	notify(c, d, o, o->Marker.v ? "s3:ObjectRemoved:DeleteMarkerCreated" : "s3:ObjectCreated:Put");
	return NULL;
}

/* ---- the job ---- */

struct measured { char account[16], region[32], source[64], destination[64], rule[256]; double seconds; bool failed; int64_t at_ms; };

static struct str held(char *to, size_t size, struct str s)
{
	ASSERT(size > 0);
	size_t n = s.n < size ? s.n : size - 1;
	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
	return str_of(to, n);
}

static void measure(void *block)
{
	const struct measured *m = block;
	const struct metric_dim dims[] = {{S("SourceBucket"), str_c(m->source)}, {S("DestinationBucket"), str_c(m->destination)},
		{S("RuleId"), str_c(m->rule)}};
	if (!m->failed)
		metric_add(str_c(m->account), str_c(m->region), S("AWS/S3"), S("ReplicationLatency"), dims, COUNT_OF(dims), m->seconds, "Seconds", m->at_ms);
	metric_add(str_c(m->account), str_c(m->region), S("AWS/S3"), S("OperationsFailedReplication"), dims, COUNT_OF(dims), m->failed, "Count",
		m->at_ms);
}

static void measure_later(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const struct s3_ReplicationRule *r,
                          bool failed)
{
	const struct s3_Metrics *wanted = r->Destination->Metrics;
	if (wanted == NULL || !on(wanted->Status))
		return;
	struct measured *m = call_effect(c, measure, sizeof *m);
	held(m->account, sizeof m->account, b->Account);
	held(m->region, sizeof m->region, b->Region);
	held(m->source, sizeof m->source, b->Name);
	held(m->destination, sizeof m->destination, bucket_of_arn(r->Destination->Bucket));
	held(m->rule, sizeof m->rule, r->ID);
	m->seconds = (double)(c->now_ms - o->Modified.ms) / 1000;
	m->failed = failed;
	m->at_ms = c->now_ms;
}

void job_replicate(struct call *c, struct str id, struct str payload)
{
	const struct json *j = json_parse(c->arena, payload, NULL);
	(void)id;
	ASSERT(j != NULL);
	const struct s3_ReplicationRule *rules[TARGETS_MAX];
	const struct s3_StoredBucket *b = call_get(c, bucket_key(c, json_get_str(j, "bucket")), &s3_shape_StoredBucket);
	struct s3_StoredObject *o = b != NULL ? object_version(c, b->Name, json_get_str(j, "key"), json_get_str(j, "version")) : NULL;
	if (o == NULL)
		return; /* gone for good meanwhile: that is not replicated */
	size_t n = chosen(b, o, rules);
	c->account = b->Account; /* whoever wrote it, the bucket's owner has it replicated */
	const struct principal *service = c->who, *role = b->Replication != NULL ?
		assume_role(c, b->Replication->Role, "s3.amazonaws.com", S("s3-replication"), true) : NULL;
	bool failed = n == 0, change = json_get_bool(j, "change", false);
	for (size_t i = 0; i < n; i++) {
		c->who = role != NULL ? role : service;
		const char *why = role != NULL ? send(c, b, o, rules[i], change) : "AssumeRoleNotPermitted";
		c->who = service;
		ASSERT(!c->failed);
		failed |= why != NULL;
		measure_later(c, b, o, rules[i], why != NULL);
		if (why != NULL)
			notify_not_replicated(c, b, o, rules[i], why);
	}
	if (str_eq(o->ReplicationStatus, S("REPLICA")))
		return;
	o->ReplicationStatus = failed ? S("FAILED") : S("COMPLETED");
	object_update(c, b, o);
}

/* ---- the configuration ---- */

#define NEW_FORM "must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for " \
	"more information."

static bool destination_ok(struct call *c, const struct s3_StoredBucket *b, const struct s3_Destination *d)
{
	struct str name = bucket_of_arn(d->Bucket);
	if (!str_present(name) || name.n == 0) {
		fail_argument(c, "Invalid bucket ARN.");
		return false;
	}
	if (str_eq(name, b->Name)) {
		fail_request(c, "Destination bucket cannot be the same as the source bucket.");
		return false;
	}
	const struct s3_StoredBucket *to = call_get(c, bucket_key(c, name), &s3_shape_StoredBucket);
	if (to == NULL) {
		fail_request(c, "Destination bucket must exist.");
		return false;
	}
	if (!on(to->Versioning)) {
		fail_request(c, "Destination bucket must have versioning enabled.");
		return false;
	}
	if (str_present(d->StorageClass) && !storage_class_known(d->StorageClass)) {
		fail_xml(c);
		return false;
	}
	if (d->AccessControlTranslation != NULL && !str_present(d->Account)) {
		fail_request(c, "Destination account must be specified when AccessControlTranslation is specified.");
		return false;
	}
	if (!storage_class_ok(c, d->StorageClass))
		return false;
	bool timed = d->ReplicationTime != NULL && on(d->ReplicationTime->Status), measured = d->Metrics != NULL && on(d->Metrics->Status);
	if (timed && (!measured || d->ReplicationTime->Time == NULL || d->ReplicationTime->Time->Minutes.v != 15)) {
		fail_request(c, measured ? "Replication time control supports 15 minutes only." : "Metrics must be enabled when ReplicationTime is enabled.");
		return false;
	}
	return true;
}

static bool rule_ok(struct call *c, const struct s3_StoredBucket *b, const struct s3_ReplicationRule *r)
{
	const struct s3_ReplicationRuleFilter *f = r->Filter;
	if (r->ID.n > 255) {
		fail_argument(c, "ID length should not exceed allowed limit of 255");
		return false;
	}
	if (f == NULL && !str_present(r->Prefix)) {
		fail_xml(c);
		return false;
	}
	if (f != NULL && (str_present(r->Prefix) || str_present(f->Prefix) + (f->Tag != NULL) + (f->And != NULL) > 1)) {
		fail_xml(c);
		return false;
	}
	if (f != NULL && !r->Priority.set) {
		fail_request(c, "Priority " NEW_FORM);
		return false;
	}
	if (f != NULL && r->DeleteMarkerReplication == NULL) {
		fail_request(c, "DeleteMarkerReplication " NEW_FORM);
		return false;
	}
	bool tags = f != NULL && (f->Tag != NULL || (f->And != NULL && f->And->Tags.n > 0));
	if (tags && on(r->DeleteMarkerReplication->Status)) {
		fail_request(c, "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer Guide for more "
			"information.");
		return false;
	}
	if (r->ExistingObjectReplication != NULL && on(r->ExistingObjectReplication->Status)) {
		call_unsupported(c, "tsubo does not replicate objects that were there before the rule (ExistingObjectReplication)");
		return false;
	}
	const struct s3_EncryptionConfiguration *e = r->Destination->EncryptionConfiguration;
	if (takes_kms(r) && (e == NULL || !str_present(e->ReplicaKmsKeyID) || e->ReplicaKmsKeyID.n == 0)) {
		fail_request(c, "EncryptionConfiguration must be specified if SseKmsEncryptedObjects tag is present");
		return false;
	}
	if (e != NULL && !takes_kms(r)) {
		fail_request(c, "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present");
		return false;
	}
	return destination_ok(c, b, r->Destination);
}

static bool rules_distinct(struct call *c, const struct list *rules)
{
	size_t destinations = 0;
	for (uint32_t i = 0; i < rules->n; i++) {
		const struct s3_ReplicationRule *r = LIST_AT(*rules, struct s3_ReplicationRule, i);
		bool known = false;
		for (uint32_t k = 0; k < i; k++) {
			const struct s3_ReplicationRule *before = LIST_AT(*rules, struct s3_ReplicationRule, k);
			known |= str_eq(before->Destination->Bucket, r->Destination->Bucket);
			if (str_present(r->ID) && r->ID.n > 0 && str_eq(before->ID, r->ID)) {
				fail_argument(c, "Rule Id must be unique. Found same Id for more than one rule");
				return false;
			}
			if (r->Priority.set && before->Priority.set && before->Priority.v == r->Priority.v) {
				fail_request(c, "Found duplicate priority %lld. Priority must be unique.", (long long)r->Priority.v);
				return false;
			}
		}
		destinations += !known;
	}
	if (destinations <= TARGETS_MAX)
		return true;
	call_unsupported(c, "tsubo replicates a bucket to at most %d others", TARGETS_MAX);
	return false;
}

void op_PutBucketReplication(struct call *c)
{
	const struct s3_PutBucketReplicationRequest *in = c->in;
	struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutReplicationConfiguration");
	struct s3_ReplicationConfiguration *r = in->ReplicationConfiguration;
	struct arn role;
	if (b == NULL || !body_digests_ok(c, true))
		return;
	if (!on(b->Versioning)) {
		fail_request(c, "Versioning must be 'Enabled' on the bucket to apply a replication configuration");
		return;
	}
	if (r->Rules.n == 0 || r->Rules.n > RULES_MAX) {
		fail_xml(c);
		return;
	}
	if (!arn_parse(r->Role, &role) || !str_eq(role.service, S("iam")) || !str_starts(role.resource, S("role/"))) {
		fail_argument(c, "Invalid Amazon Resource Name (ARN) for Role");
		return;
	}
	for (uint32_t i = 0; i < r->Rules.n; i++) {
		struct s3_ReplicationRule *one = LIST_AT(r->Rules, struct s3_ReplicationRule, i);
		if (!rule_ok(c, b, one))
			return;
		if (!str_present(one->ID) || one->ID.n == 0)
			one->ID = arena_printf(c->arena, "rule-%llu", (unsigned long long)call_serial(c, "rule"));
	}
	struct str service = S("s3.amazonaws.com");
	const struct condition_key passed = {S("iam:PassedToService"), &service, 1};
	const struct access_extra x = {.keys = &passed, .n_keys = 1};
	if (!rules_distinct(c, &r->Rules) || !authorize(c, "iam:PassRole", r->Role, &x))
		return;
	b->Replication = r;
	bucket_put(c, b);
}

void op_GetBucketReplication(struct call *c)
{
	const struct s3_GetBucketReplicationRequest *in = c->in;
	struct s3_GetBucketReplicationOutput *out = c->out;
	const struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:GetReplicationConfiguration");
	if (b == NULL)
		return;
	out->ReplicationConfiguration = b->Replication;
	if (b->Replication == NULL)
		fail_not_set(c, "ReplicationConfigurationNotFoundError", b->Name, "The replication configuration was not found");
}

void op_DeleteBucketReplication(struct call *c)
{
	const struct s3_DeleteBucketReplicationRequest *in = c->in;
	struct s3_StoredBucket *b = bucket_open(c, in->Bucket, in->ExpectedBucketOwner, "s3:PutReplicationConfiguration");
	if (b == NULL)
		return;
	b->Replication = NULL;
	bucket_put(c, b);
}
