/* Inside the S3 service: what its files share. Nobody else includes it.
 *
 * How records lie in the store (README.md tells why):
 *   (s3, "bucket", name)                      a bucket; names are one space for all accounts
 *   (s3, "object", bucket, key)               the current version, when it is not a delete marker
 *   (s3, "version", bucket, key, ~serial)     the versions behind it, newest first, and delete markers
 *   (s3, "data", row)                         the bytes of a small body, encrypted
 *   (s3, "parts", row)                        the parts of an object made of several
 *   (s3, "annotation", row, name)             the annotations of an object that has some
 *   (s3, "upload", bucket, key, id)           a multipart upload under way
 *   (s3, "piece", id, number)                 its parts
 *   (s3, "config", bucket, kind, id)          configurations that a bucket may have many of */
#ifndef TSUBO_S3_H
#define TSUBO_S3_H

#include "s3.model.h"
#include "base/pattern.h"
#include "svc/service.h"

enum { BUCKET_TAGS_MAX = 50 };
enum { KEY_MAX = 1024, LIST_MAX = 1000, PARTS_MAX = 10000, PART_SMALLEST = 5 << 20, INLINE_MAX = 64 << 10, LOCK_YEARS_MAX = 100 };

struct s3_StoredBucket;
struct s3_StoredObject;
struct s3_StoredAnnotation;
struct s3_Tag;
struct s3_LifecycleRule;
struct s3_ReplicationRule;
struct s3_LoggingEnabled;

/* ---- errors (errors.c) ---- */
/* code, and one more element after the message (name NULL: none; value absent: left out); call_fail_more adds others. */
void fail_with(struct call *c, int status, const char *code, const char *name, struct str value, const char *fmt, ...) PRINTF_LIKE(6, 7);
void fail_no_bucket(struct call *c, struct str name);
void fail_no_key(struct call *c, struct str key);
void fail_not_set(struct call *c, const char *code, struct str bucket, const char *message); /* a configuration that a bucket does not have */
void fail_method(struct call *c, const char *resource); /* 405 for the request's method on this kind of thing, as S3 calls it */
void fail_condition(struct call *c, const char *condition); /* 412; condition: the header's name */
/* InvalidArgument with the argument's name, and its value unless absent. */
void fail_value(struct call *c, const char *name, struct str value, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* How many a listing may show, or where it goes on: parameter is its name on the wire, name the one that S3 tells. */
bool limit_ok(struct call *c, const char *name, const char *parameter, struct opt_i64 n);
void fail_retention_past(struct call *c, const char *name, struct opt_time until);
void fail_argument(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void fail_request(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void fail_xml(struct call *c);
void fail_denied(struct call *c);

/* ---- what a handler leaves for the log and the measures of its request ---- */
struct s3_note {
	struct str bucket, point; /* the bucket behind an access point, and the point's ARN; absent: it came straight */
	struct list labels;       /* the tags of the object it was about */
	bool acl;                 /* without an ACL's word it would have been denied */
};
struct s3_note *note_of(struct call *c); /* NULL: not a client's request */
void note_labels(struct call *c, const struct s3_StoredObject *o);
enum { FILTER_TAGS_MAX = 10 };

/* ---- buckets (bucket.c) ---- */
struct key *table(struct call *c, const char *name);
struct key *bucket_key(struct call *c, struct str name);
/* The bucket, or NULL with c failed: it is not there, or not of the expected owner. Wherever it is: the source of a copy. */
struct s3_StoredBucket *bucket_anywhere(struct call *c, struct str name, struct str expected_owner);
/* As bucket_anywhere, and the client has signed for its Region; its CORS headers are in the answer. */
struct s3_StoredBucket *bucket_get(struct call *c, struct str name, struct str expected_owner);
bool bucket_spelt_ok(struct str name); /* could it name a bucket, even one of the old days? */
/* As bucket_get, and c->who may do `action` on the bucket itself. */
struct s3_StoredBucket *bucket_open(struct call *c, struct str name, struct str expected_owner, const char *action);
void bucket_put(struct call *c, const struct s3_StoredBucket *b);
bool ownership_known(struct str rule);
bool bucket_versioned(const struct s3_StoredBucket *b); /* Enabled or Suspended */
struct s3_Owner *owner_of(struct call *c, struct str account);
struct str canonical_id(struct call *c, struct str account);
struct str canonical_of(struct arena *a, struct str account);

/* ---- permission (access.c) ---- */
enum acl { ACL_NONE, ACL_READ, ACL_WRITE, ACL_READ_ACP, ACL_WRITE_ACP };
/* May c->who do `action` on the bucket (key absent) or an object? grants: the ACL that may allow it too, of the object or
 * the bucket. Fails c when not. */
bool allow(struct call *c, const struct s3_StoredBucket *b, struct str key, const char *action, const struct list *grants, enum acl need);
/* The same question without failing. */
bool may(struct call *c, const struct s3_StoredBucket *b, struct str key, const char *action, const struct list *grants, enum acl need);
/* The same two about an object that is there: its ACL and its tags count. */
bool allow_object(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *action, enum acl need);
bool may_object(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *action, enum acl need);
/* The grants of a canned ACL and of grant headers; false: refused. `object`: its own canned ones are allowed. */
bool acl_from_request(struct call *c, const struct s3_StoredBucket *b, struct str canned, const struct str grant[5], bool object, struct list *out);
struct s3_AccessControlPolicy;
bool acl_check(struct call *c, const struct s3_StoredBucket *b, const struct list *grants, bool header); /* header: they came in headers */
bool acls_off(const struct s3_StoredBucket *b);
bool grants_public(const struct list *grants);
struct list owner_grants(struct call *c, struct str account);

/* ---- what conditions may ask for (conditions.c) ---- */
/* Kept in c->memo. `fields`, of a browser's form, stand for headers; `tags` are its. */
struct s3_said { const struct param *fields; size_t n_fields; const struct list *tags; struct condition_key *keys; size_t n, cap; bool made; };
struct s3_said *said_of(struct call *c);
/* With S3's own condition keys; none when no client asks. */
const struct s3_said *request_says(struct call *c);

/* ---- host names (host.c) ---- */
enum host_kind { HOST_NONE, HOST_BUCKET, HOST_WEBSITE, HOST_ACCELERATE };
/* bucket: absent where the path names it. own_website: the bucket's name is the whole host, and it has a website. */
struct host { enum host_kind kind; struct str bucket; bool own_website; };
/* Any thread; views into the text. */
struct host host_read(struct str host);
struct str host_bucket(struct str host);
/* The bucket whose website a request is for; absent: none. A signed request to a bucket that is a domain name is for its API. */
struct str host_website(const struct wire_request *r);
/* Does the bucket take a request that may have come to the accelerated endpoint? b NULL: the operation is about no bucket that is there. Fails c
 * when not. */
bool accelerated_ok(struct call *c, const struct s3_StoredBucket *b);
/* A bucket is there, is gone, or has another website, with this call. */
void host_changed(struct call *c, struct str bucket);
void hosts_start(void); /* the loop's, both */
void hosts_stop(void);

/* ---- MFA delete (mfa.c) ---- */
bool mfa_on(const struct s3_StoredBucket *b);
/* Spend the code of an x-amz-mfa header; without one it is good when none is needed. false: c failed. */
bool mfa_given(struct call *c, const struct s3_StoredBucket *b, struct str header, bool needed);

/* ---- access points (point.c) ---- */
/* The bucket behind an access point, with Via; NULL: there is none (c may have failed: not to be done through a point). */
struct s3_StoredBucket *bucket_by_point(struct call *c, struct str text);
/* Does the point of b->Via consent? by_identity: the asker's own policies alone are enough, in the bucket's account. */
bool point_allows(struct call *c, const struct s3_StoredBucket *b, struct str key, const char *action, const struct access_extra *x,
                  bool *by_identity);
bool bucket_has_points(struct call *c, const struct s3_StoredBucket *b);
/* Does the public access block of the bucket's account have this on? Asked only where something public is at stake. */
bool account_blocks(struct call *c, const struct s3_StoredBucket *b, const char *what);

/* ---- requests that are no operation's (odd.c); true: c has failed ---- */
bool odd_put(struct call *c);
bool odd_read(struct call *c);
bool odd_delete(struct call *c);

/* ---- CORS (cors.c) ---- */
bool header_name_ok(struct str s, bool star); /* a token of HTTP; star: "*" may be in it */
/* Add the headers of an actual request that a rule allows. */
void cors_answer(struct call *c, const struct s3_StoredBucket *b);
bool cors_claims(const struct wire_request *r);
void cors_preflight(struct call *c, struct str bucket);

/* ---- bytes (data.c) ---- */
/* What wraps the keys of the bytes, when it is not the store's own: a customer's (md5: base64, as sent), or KMS's data key. */
struct sse_key { bool set, twice; unsigned char key[32]; struct str md5; struct s3_StoredKms *kms; };
/* A customer's key out of the request's three members; false: refused. */
bool customer_key(struct call *c, struct str algorithm, struct str key, struct str md5, struct sse_key *out);
/* As it, of a request to read: without a digest it is just the wrong key (customer_key_fits). */
bool customer_key_to_read(struct call *c, struct str algorithm, struct str key, struct str md5, struct sse_key *out);
/* Keep a received body as a part: claims the blob, or writes a row. Wraps its key with the customer's, or with ours. NULL: c is
 * parked or has failed (two layers of a large body only). */
struct s3_StoredPart *data_keep(struct call *c, const struct body *body, const struct sse_key *k);
/* The same bytes a second time (a copy), under the other key. */
struct s3_StoredPart *data_share(struct call *c, const struct s3_StoredPart *from, const struct sse_key *from_key, const struct sse_key *k,
                                 int64_t start, int64_t length);
/* The same bytes once more under the same wrapped key, whoever holds it. */
struct s3_StoredPart *data_again(struct call *c, const struct s3_StoredPart *from);
/* A stretch of several parts that lie one after the other, as one part without a digest. */
struct s3_StoredPart *data_share_parts(struct call *c, const struct list *parts, const struct sse_key *from_key, const struct sse_key *k,
                                       int64_t start, int64_t length);
/* Its bytes as a row, encrypted under a new key, or two. */
void data_keep_row(struct call *c, struct s3_StoredPart *p, struct str plain, const struct sse_key *k);
/* The keys of a blob in two layers, wrapped. */
void data_keep_keys(struct call *c, struct s3_StoredPart *p, const unsigned char key[32], const unsigned char outer[32], const struct sse_key *k);
/* Its keys, wrapped by one key, wrapped by another; the bytes stay. false: the key does not fit (c failed). */
bool data_rewrap(struct call *c, struct s3_StoredPart *p, const struct sse_key *from_key, const struct sse_key *k);
/* Write the bytes of bodies anew in two layers, as parts (layers.c): sets where their bytes are. serial: of the version they belong
 * to, or 0. false: c is parked or has failed. */
bool data_layer(struct call *c, const struct body *const *bodies, size_t n, int64_t serial, const struct sse_key *k, struct s3_StoredPart *out);
/* The file that a body came in as is not kept, whatever its request makes of it. */
void data_discard(struct call *c, const struct body *b);
/* Give a part's bytes back. */
void data_drop(struct call *c, const struct s3_StoredPart *p);
/* The stretch [start, start+length) of a part, ready to be sent. false: the key does not fit (c failed). */
bool data_part(struct call *c, const struct s3_StoredPart *p, const struct sse_key *k, int64_t start, int64_t length, struct body_part *out);
/* The stretch of an object as a body to send. */
struct body *data_body(struct call *c, const struct s3_StoredObject *o, const struct sse_key *k, int64_t start, int64_t length);
struct body *data_body_of(struct call *c, const struct list *parts, const struct sse_key *k, int64_t start, int64_t length);
/* The parts of an object, one or many. */
struct list object_parts(struct call *c, const struct s3_StoredObject *o);
void object_drop_data(struct call *c, const struct s3_StoredObject *o);
/* Is the customer's key in the request the one of the object? Fails c when not. */
bool customer_key_fits(struct call *c, const struct s3_StoredObject *o, const struct sse_key *k);

/* ---- KMS (kms.c) ---- */
struct sse_ask { struct str algorithm, kms_key, context; struct opt_bool bucket_key; };
#define SSE_ASK(in) ((struct sse_ask){(in)->ServerSideEncryption, (in)->SSEKMSKeyId, (in)->SSEKMSEncryptionContext, (in)->BucketKeyEnabled})
/* A data key for a new object, where the request or the bucket wants KMS; nothing otherwise. k has the customer's key or
 * nothing. false: KMS refused (c failed). */
bool encryption_choose(struct call *c, const struct s3_StoredBucket *b, struct str key, struct sse_ask ask, struct sse_key *k);
/* Does the bucket take no more objects under a customer's key, and is this one? Then c has failed. */
bool encryption_blocked(struct call *c, const struct s3_StoredBucket *b, const struct sse_key *k);
struct json *encryption_context(struct call *c, const struct s3_StoredBucket *b, struct str key, bool bucket_key);
void fail_kms(struct call *c, const struct wire_error *e);
/* The data key of an object that is to be read. true, with k untouched, when it is not KMS's. */
bool encryption_open(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, struct sse_key *k);
/* What a new object remembers of it. */
void encryption_keep(struct s3_StoredObject *o, const struct sse_key *k);
/* How it is encrypted, in an answer. */
#define SSE_OUT(out, o) do { \
	if (str_present((o)->CustomerKey)) { \
		(out)->SSECustomerAlgorithm = S("AES256"); (out)->SSECustomerKeyMD5 = (o)->CustomerKey; \
	} else { \
		SSE_OUT_OURS(out, o); \
	} } while (0)
#define SSE_OUT_OURS(out, o) do { \
	if ((o)->Kms == NULL) { \
		(out)->ServerSideEncryption = S("AES256"); \
	} else { \
		(out)->ServerSideEncryption = (o)->Kms->Twice.v ? S("aws:kms:dsse") : S("aws:kms"); (out)->SSEKMSKeyId = (o)->Kms->KeyArn; \
		(out)->BucketKeyEnabled = (o)->Kms->BucketKey.v ? (o)->Kms->BucketKey : (struct opt_bool){0}; \
	} } while (0)

/* ---- stored bytes in steps, on the pool (hashing.c) ---- */
struct steps { const struct body_part *parts; size_t n, at; int64_t in_part; struct buf buf; };
enum { STEP_BYTES = 4 << 20 };
/* Copies what it needs of the body into the arena. steps_end frees its buffer. */
void steps_start(struct steps *w, struct arena *a, const struct body *b);
static inline bool steps_over(const struct steps *w) { return w->at == w->n; }
/* The next piece, until the next call; at most STEP_BYTES. Blocks. false: it cannot be read. */
bool steps_next(struct steps *w, struct str *piece);
void steps_end(struct steps *w);

/* ---- checksums (sums.c) ---- */
enum { N_SUMS = 10 };
struct sums { struct str v[N_SUMS]; }; /* base64, in the order of SUM_IN */
/* Which one the body was checked by or has by default, and its value; kind absent: none. */
void sum_of_body(struct call *c, const struct body *b, struct str *kind, struct str *value);
struct str sum_default(struct call *c, const struct body *b); /* its CRC64NVME; absent: nobody has computed it */
size_t sum_bytes(struct str kind); /* 0: there is no such kind */
const char *sum_header(struct str kind); /* the name of the one that brings it */
struct str sum_of_header(struct str name); /* the kind that a header of this name brings; absent: it brings none */
/* Can that of an object be told from those of its parts? CRCs only. */
bool sum_combines(struct str kind);
struct str sum_of_bytes(struct call *c, struct str kind, struct str bytes); /* base64 */
/* Set the output's member of that kind. */
#define SUM_OUT(out, kind, value) do { struct sums s_; sum_spread((kind), (value), &s_); \
	(out)->ChecksumCRC32 = s_.v[0]; (out)->ChecksumCRC32C = s_.v[1]; (out)->ChecksumCRC64NVME = s_.v[2]; (out)->ChecksumSHA1 = s_.v[3]; \
	(out)->ChecksumSHA256 = s_.v[4]; (out)->ChecksumSHA512 = s_.v[5]; (out)->ChecksumMD5 = s_.v[6]; (out)->ChecksumXXHASH64 = s_.v[7]; \
	(out)->ChecksumXXHASH3 = s_.v[8]; (out)->ChecksumXXHASH128 = s_.v[9]; } while (0)
#define SUM_IN(in) ((struct sums){{(in)->ChecksumCRC32, (in)->ChecksumCRC32C, (in)->ChecksumCRC64NVME, (in)->ChecksumSHA1, \
	(in)->ChecksumSHA256, (in)->ChecksumSHA512, (in)->ChecksumMD5, (in)->ChecksumXXHASH64, (in)->ChecksumXXHASH3, (in)->ChecksumXXHASH128}})
void sum_spread(struct str kind, struct str value, struct sums *out);
struct str sum_pick(const struct sums *s, struct str kind);
struct str sum_sent(const struct sums *s); /* the kind of the first that is there; absent: none is */
/* Did the client ask for this one, in a header, a trailer, or by name? */
bool sum_asked(struct call *c, struct str kind);
/* At most one, which is base64 of so many bytes as its kind has. */
bool sums_readable(struct arena *a, const struct sums *s);
/* That of a body by this kind, where it was computed or the bytes are at hand; absent: neither. */
struct str sum_of_kind(struct call *c, const struct body *b, struct str kind);
/* A kind that S3 has, or none. */
bool sum_kind_ok(struct call *c, struct str kind);
struct str sum_composite(struct call *c, struct str kind, const struct s3_StoredPart *const *parts, size_t n);
struct str sum_full(struct call *c, struct str kind, const struct s3_StoredPart *const *parts, size_t n);
/* One checksum in pieces; kind is one that sum_bytes knows. */
struct sum_run;
struct sum_run *sum_run_new(struct arena *a, struct str kind);
void sum_run_add(struct sum_run *r, struct str bytes);
size_t sum_run_end(struct sum_run *r, unsigned char out[64]); /* raw bytes; once, also when nobody wants it */
/* The MD5 (raw) of a stretch of an object and its checksum of a kind (base64; kind absent: none), read on the pool
 * (hashing.c). false: c is parked or has failed: return. */
struct hashes { struct str md5, sum; };
bool object_hash(struct call *c, const struct s3_StoredObject *o, const struct sse_key *k, int64_t start, int64_t length, struct str kind,
                 struct hashes *out);
/* Of operations whose body does not stream: Content-MD5 and checksum headers against the body. */
bool body_digests_ok(struct call *c, bool required);

/* ---- objects and versions (object.c) ---- */
bool key_ok(struct call *c, struct str key);
struct key *object_key(struct call *c, struct str bucket, struct str key);
struct s3_StoredObject *object_current(struct call *c, struct str bucket, struct str key);
/* The current version, or the named one; a marker too. NULL with c failed as S3 does. */
struct s3_StoredObject *object_find(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str version);
/* Fails c with 405 and the headers that tell a marker; what does something else than delete it comes to this. */
void fail_marker(struct call *c, const struct s3_StoredObject *o);
/* Write back a changed record in its place. */
void object_update(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o);
/* Make it the current version by the bucket's versioning rules. Sets Version and Serial. */
void object_add(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o);
struct deletion { struct str version; bool marker; bool done; };
/* Delete: without version by the bucket's rules, with one for good. bypass: governance. false: c failed (lock, ...). */
bool object_delete(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str version, bool bypass, struct deletion *out);
struct str version_shown(const struct s3_StoredBucket *b, const struct s3_StoredObject *o); /* absent: never versioned */
int64_t version_serial(struct call *c, struct str version); /* that its id holds; -1: "null", or no id */
struct scan *versions_scan(struct call *c, struct str bucket, struct str key);
struct str etag_quoted(struct call *c, struct str etag);
struct str etag_bare(struct str etag); /* without its quotes, and W/ */
static inline struct opt_time whole_second(struct opt_time t) { return (struct opt_time){t.ms / 1000 * 1000, t.set}; }
bool etag_matches(struct str header, struct str etag);
/* If-Match and If-None-Match of writes against what is there. */
bool write_conditions(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str if_match, struct str if_none_match);
/* If-Match of a delete, against the current version. Fails c when it does not hold. */
bool delete_condition(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str if_match);
bool locked(struct call *c, const struct s3_StoredObject *o, bool bypass);
/* One version by its id, current or not, a marker too; NULL: it is not there. Never fails c. */
struct s3_StoredObject *object_version(struct call *c, struct str bucket, struct str key, struct str version);
/* Put a version, or a marker, made elsewhere in its place by its serial: it is the current one when none is newer. */
void object_add_replica(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o);
/* An object that S3 itself delivers into a bucket (logs, inventories): its owner's, readable by these grants too. */
struct s3_StoredObject *object_deliver(struct call *c, const struct s3_StoredBucket *b, struct str key, struct str type, const struct body *body,
                                       const struct list *grants);
/* In an archive, and not restored. */
bool object_archived(struct call *c, const struct s3_StoredObject *o);
bool object_has_tag(const struct s3_StoredObject *o, const struct s3_Tag *t);

/* ---- annotations (annotations.c) ---- */
enum { ANNOTATION_MAX = 1 << 20, ANNOTATION_NAME_MAX = 512, ANNOTATIONS_MAX = 1000 };
struct annotations { struct s3_StoredAnnotation **v; size_t n; };
struct s3_StoredAnnotation *annotation_get(struct call *c, const struct s3_StoredObject *o, struct str name); /* NULL: it has none so named */
struct annotations annotations_of(struct call *c, const struct s3_StoredObject *o);
/* Its bytes as rows under the object's key: a part of pieces. */
struct s3_StoredPart *annotation_keep(struct call *c, struct str bytes, const struct sse_key *k);
/* Write one; the object gets a row for them when it is the first: object_update or object_add after it. */
void annotation_put(struct call *c, struct s3_StoredObject *o, const struct s3_StoredAnnotation *one);
void annotation_drop(struct call *c, const struct s3_StoredObject *o, const struct s3_StoredAnnotation *one);
void annotations_drop(struct call *c, const struct s3_StoredObject *o);
/* Those of one object for another, under its key. false: the key does not fit (c failed). */
bool annotations_copy(struct call *c, const struct s3_StoredObject *from, const struct sse_key *from_key, const struct sse_key *k,
                      struct s3_StoredObject *to);
/* As data_again: under the same wrapped keys. */
void annotations_again(struct call *c, const struct s3_StoredObject *from, struct s3_StoredObject *to);
bool annotations_rewrap(struct call *c, struct s3_StoredObject *o, const struct sse_key *from_key, const struct sse_key *k);

/* ---- operations ---- */
#define S3_OPERATION(name, ...) void op_##name(struct call *c);
#include "operations.h"
#undef S3_OPERATION
/* What a request wants set with the object that it writes, beside its bytes. */
struct write_asks { bool acl, tags, retention, hold; };
#define WRITE_ASKS(in) ((struct write_asks){ \
	.acl = str_present((in)->ACL) || str_present((in)->GrantFullControl) || str_present((in)->GrantRead) || str_present((in)->GrantReadACP) || \
		str_present((in)->GrantWriteACP), \
	.tags = str_present((in)->Tagging), .retention = str_present((in)->ObjectLockMode) || (in)->ObjectLockRetainUntilDate.set, \
	.hold = str_present((in)->ObjectLockLegalHoldStatus)})
/* May c->who write it so? Fails c when not. */
bool write_allowed(struct call *c, const struct s3_StoredBucket *b, struct str key, struct write_asks asks);
/* The entity tag of bytes that have this MD5 (hex), kept under k. */
struct str tag_of(struct call *c, const struct sse_key *k, struct str digest);
struct s3_StoredObject *object_from_put(struct call *c, const struct s3_StoredBucket *b, const struct s3_PutObjectRequest *in, struct sse_key *k);
bool tags_from_text(struct call *c, struct str text, struct list *out);
bool storage_class_known(struct str s);
bool storage_class_ok(struct call *c, struct str s);
bool tags_ok(struct call *c, const struct list *tags, size_t max);
/* Has the client said how long the body is, be it empty? Fails c when not. */
bool length_said(struct call *c, const struct body *body);
struct copy_conditions { struct str match, none_match; struct opt_time modified, unmodified; };
#define COPY_CONDITIONS(in) {(in)->CopySourceIfMatch, (in)->CopySourceIfNoneMatch, (in)->CopySourceIfModifiedSince, (in)->CopySourceIfUnmodifiedSince}
/* Do the conditions of a copy hold for its source? Fails c when not. */
bool copy_conditions(struct call *c, const struct copy_conditions *in, const struct s3_StoredObject *from);
struct str decode_copy_source(struct call *c, struct str source, struct str *key, struct str *version);
/* The bytes that a Range header means; true: a part of them. Fails c with 416. */
bool range_of(struct call *c, struct str header, int64_t size, int64_t *start, int64_t *length);
void read_conditions(struct call *c, const struct s3_StoredObject *o, struct str if_match, struct str if_none_match,
                     struct opt_time modified, struct opt_time unmodified);
/* A key, prefix, marker or delimiter in a listing with encoding-type=url. Absent stays absent. */
struct str list_encoded(struct call *c, struct str s);
bool part_number_ok(struct call *c, struct opt_i64 n);
struct str upload_id_new(struct call *c, struct str key);
void upload_put(struct call *c, struct str bucket, const struct s3_StoredUpload *u);
void job_forget(struct call *c, struct str id, struct str payload);
void upload_abort(struct call *c, struct str bucket, const struct s3_StoredUpload *u);
bool uploads_abort_all(struct call *c, struct str bucket);

/* ---- replication (replicate.c) ---- */
/* A version that is about to be stored: sets its status, and puts down what is to be done. */
void replicate_new(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o);
/* Its tags, ACL or lock have changed, and are about to be stored. */
void replicate_change(struct call *c, const struct s3_StoredBucket *b, struct s3_StoredObject *o);
void job_replicate(struct call *c, struct str id, struct str payload);

/* ---- server access logs (access_log.c) ---- */
/* From the commit on, the bucket's requests are logged, or no more. */
void access_log_set(struct call *c, const struct s3_StoredBucket *b, bool on);
void access_log_start(void); /* the three are the loop's */
void access_log_stop(void);
bool access_log_any(void);
void access_log_answered(const struct answered *x, struct str bucket, struct str key);
const struct list *log_grants(struct call *c, const struct s3_LoggingEnabled *l);

/* ---- inventories and request metrics (inventory.c, metrics.c) ---- */
void job_inventory(struct call *c, struct str id, struct str payload);
void metrics_start(void); /* the three are the loop's */
void metrics_stop(void);
bool metrics_any(void);
void metrics_answered(const struct answered *x, struct str bucket, struct str key);
void metrics_forget(struct call *c, const struct s3_StoredBucket *b); /* the bucket goes */

/* ---- what happens after (notify.c, lifecycle.c) ---- */
void notify(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const char *event);
void notify_not_replicated(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o, const struct s3_ReplicationRule *r,
                           const char *why);
void job_deliver(struct call *c, struct str id, struct str payload);
void job_lifecycle(struct call *c, struct str id, struct str payload);
/* Is it a rule that S3 takes? (lifecycle_rule.c; what its form alone tells is checked before) */
bool lifecycle_rule_ok(struct call *c, const struct s3_LifecycleRule *r);
/* When the bucket's lifecycle lets the current version expire, and by which rule. false: it does not. */
bool expires_at(const struct s3_StoredBucket *b, const struct s3_StoredObject *o, int64_t *at_ms, struct str *id);
struct str expiration_text(struct call *c, const struct s3_StoredBucket *b, const struct s3_StoredObject *o);

extern const struct cfn_type s3_cfn_types[2];

#endif
