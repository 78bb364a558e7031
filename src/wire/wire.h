/* The protocol engine: HTTP requests into typed inputs, typed outputs and errors into HTTP answers, and typed values
 * to and from JSON and CBOR, all driven by the tables of model.h. No service contains protocol code.
 *
 * Sources: AWS's protocol documents in the Smithy specification (awsJson1_0, awsJson1_1, awsQuery, ec2Query,
 * restJson1, restXml, rpcv2Cbor), and the published protocol cases. */
#ifndef TSUBO_WIRE_H
#define TSUBO_WIRE_H

#include "base/enc.h"
#include "wire/model.h"

/* One stretch of a body: bytes in memory, or [offset, offset+length) of a sealed blob. A blob may be encrypted:
 * AES-256 in counter mode under a key of its own, the counter 0 at the file's first byte (svc/body.h reads it). */
struct body_part {
	struct str bytes;
	char blob[33];
	int64_t offset, length;
	bool encrypted;
	unsigned char key[32];
	bool twice;               /* encrypted once more, under a second key */
	unsigned char outer[32];
};

struct stream_source; /* svc/stream.h */

/* A streaming body: received before the handler runs, or produced by it. Filled by the gateway (input) or by a
 * handler (output). Exactly one of bytes, blob, parts and source is used. */
struct body {
	struct str bytes;     /* held in memory */
	char blob[33];        /* or a sealed blob's id (store/blob.h); "" when in memory */
	int64_t offset;       /* output: first byte to send of the blob */
	int64_t length;       /* bytes; for an output blob the length to send; with parts their sum */
	bool encrypted;       /* the blob is, under key */
	unsigned char key[32];
	const struct body_part *parts; /* output: several stretches, one after the other */
	size_t n_parts;
	const struct stream_source *source; /* output: made while it is sent; of no length that is known */
	/* input: digests of the decoded bytes, raw; n == 0 when not computed */
	struct str md5, sha256, sha1, crc32, crc32c, crc64nvme, sha512, xxhash64, xxhash3, xxhash128;
	/* input: trailing headers (aws-chunked trailers, HTTP trailers), lower-case names */
	struct param *trailers;
	size_t n_trailers;
};

/* What came in, apart from the socket. Header names are compared in any case. */
struct wire_request {
	struct str method, raw_path, raw_query, host;
	const struct param *headers; /* name, value */
	size_t n_headers;
	struct str body;          /* whole, when the operation does not stream */
	struct body *stream;      /* when the input's payload is a streaming blob */
	enum protocol protocol;   /* decided by route */
	struct str path_params_base; /* REST: the path to match the operation's template against (bucket put in front
	                                for virtual hosts); same as raw_path mostly */
	struct params query;      /* decoded raw_query */
};

struct wire_response {
	int status;
	struct buf headers_text; /* not used on the wire: see headers */
	struct param *headers;   /* name, value; in the arena */
	size_t n_headers, cap_headers;
	struct str body;
	struct body *stream;     /* when the output's payload is a streaming blob */
};

/* An error on its way to a client: one written rule. `code` is what AWS calls it; `shape` is the modelled error or
 * NULL; `detail` is a struct of the shape's C type to be sent with it, or NULL. */
struct wire_error {
	struct str code, message;
	int status;
	bool sender;  /* the client's fault (4xx) or ours */
	const struct shape *shape;
	const void *detail;
	const struct param *more; /* elements beyond the model, in the order of their addition: S3's XML only */
	size_t n_more;
};

struct str wire_header(const struct wire_request *r, struct str name);

/* Match method and path (and literal query keys) against the model's REST templates. NULL: none. Discriminates S3's
 * operations that share one method and path by query keys and headers. */
const struct model_op *wire_match_rest(const struct model *m, const struct wire_request *r);

/* How closely a matched operation fits: its template's literal segments; -1: a required query or header member is not there. */
int wire_match_closeness(const struct model_op *op, const struct wire_request *r);

/* Decode into a fresh zeroed C struct of op->input (in the arena), or fill *err (SerializationException,
 * MalformedQueryString, ... as the protocol has it) and return NULL. Does not check constraints. An operation
 * without input gives a pointer to nothing (not NULL). */
void *wire_decode(struct arena *a, const struct model_op *op, const struct wire_request *r, struct wire_error *err);

/* Required members, lengths, ranges, patterns, enums, as AWS front ends check them; false with the AWS-style message
 * ("1 validation error detected: Value ... at 'x' failed to satisfy constraint: ...") in *err. Code depends on the
 * service's protocol (ValidationException, ValidationError, MissingParameter...). */
bool wire_validate(struct arena *a, const struct model_op *op, const void *input, enum protocol p, struct wire_error *err);

/* Encode an answer. `request_id` goes where the protocol wants it. ASSERTs what services guarantee. */
void wire_encode(struct arena *a, const struct model_op *op, const void *output, enum protocol p, struct str request_id,
                 struct wire_response *out);
/* Encode an error. op may be NULL (nothing was routed); model may be NULL too. query_mode: the client sent
 * x-amzn-query-mode: true. S3 gets its own XML with HostId. */
void wire_encode_error(struct arena *a, const struct model *m, const struct model_op *op, const struct wire_error *err,
                       enum protocol p, bool query_mode, struct str request_id, struct wire_response *out);

/* One more element; an absent value is left out. `name` outlives the error; the value is the arena's. */
void wire_error_more(struct arena *a, struct wire_error *e, const char *name, struct str value);

void wire_add_header(struct arena *a, struct wire_response *r, struct str name, struct str value);

/* Typed <-> JSON tree and CBOR bytes, for invoke(), records, tests and CloudFormation. Timestamps are epoch seconds
 * in JSON, blobs base64, as in AWS JSON. from_json: false with text in *err (wrong types; unknown members too when
 * `strict`). */
struct json *typed_to_json(struct arena *a, const struct shape *s, const void *v);
void *typed_from_json(struct arena *a, const struct shape *s, const struct json *j, bool strict, struct str *err);
/* A copy of j (sharing what needs no change) with scalars in the JSON type that the shape wants where their text says the
 * same ("12" and 12, "true" and true), as AWS reads CloudFormation properties. Never fails: the rest is left as it is. */
struct json *typed_coerce(struct arena *a, const struct shape *s, const struct json *j);
struct str typed_to_cbor(struct arena *a, const struct shape *s, const void *v);
void *typed_from_cbor(struct arena *a, const struct shape *s, struct str cbor); /* NULL: malformed; unknown members are skipped */
/* Deep copy of a typed value into another arena. */
void *typed_copy(struct arena *a, const struct shape *s, const void *v);

/* application/vnd.amazon.eventstream framing: one message with string headers (":message-type" ...) and a payload. */
void eventstream_message(struct buf *b, const struct param *headers, size_t n, struct str payload);
/* An event of the model's event stream; content: of the payload, NULL: it has none. */
void eventstream_event(struct buf *b, const char *type, const char *content, struct str payload);
/* A modelled exception in place of an event: the stream's last message. */
void eventstream_exception(struct buf *b, const char *type, const char *content, struct str payload);
/* An error that the model does not have: the stream's last message. */
void eventstream_error(struct buf *b, const char *code, struct str message);

#endif
