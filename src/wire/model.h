/* Tables that tools/modelc makes from a service's model.json and records.json, and how typed values lie in memory.
 *
 * For each structure shape of service <svc> modelc writes `struct <svc>_<Shape>` with one member per model member,
 * under the model's own name (a trailing underscore where C forbids it), plus the tables that describe it:
 *
 *   model type            C member type                         absent
 *   string, enum          struct str                            .p == NULL
 *   blob                  struct str (raw bytes)                .p == NULL
 *   blob, streaming       struct body *                         NULL
 *   boolean               struct opt_bool                       !.set
 *   byte..long            struct opt_i64                        !.set
 *   float, double         struct opt_f64                        !.set
 *   bigInteger, bigDecimal struct str (number text)             .p == NULL
 *   timestamp             struct opt_time (ms since 1970)       !.set
 *   structure, union      struct <svc>_<Shape> *                NULL
 *   list                  struct list                           !.set
 *   map                   struct map_of                         !.set
 *   document              struct json *                         NULL
 *
 * A list's items are contiguous elements of the C type of the member shape; structures lie in lists by value:
 * `const struct sqs_Entry *e = in->Entries.v` indexes 0..n-1. LIST_AT below says it in one word. A map's entries are
 * contiguous `struct { struct str key; <value type> value; }`, named `struct <svc>_<Map>_entry`.
 * A member that is an event stream is a struct body * too: a handler puts framed messages into it
 * (eventstream_message). A member with jsonvalue is a struct str of JSON text.
 *
 * The service's `codec.json` may turn any shape into a document ("document": dynamodb's AttributeValue), and mend the
 * model with a merge patch ("merge": SQS's query names and error codes, S3's root elements). */
#ifndef TSUBO_MODEL_H
#define TSUBO_MODEL_H

#include "base/json.h"

struct opt_bool { bool set, v; };
struct opt_i64 { int64_t v; bool set; };
struct opt_f64 { double v; bool set; };
struct opt_time { int64_t ms; bool set; };
struct list { void *v; uint32_t n; bool set; };
struct map_of { void *v; uint32_t n; bool set; };

#define SOME_BOOL(x) ((struct opt_bool){true, (x)})
#define SOME_I64(x) ((struct opt_i64){(x), true})
#define SOME_F64(x) ((struct opt_f64){(x), true})
#define SOME_TIME(ms_) ((struct opt_time){(ms_), true})
/* Element i of a list as a pointer to type; ASSERTs the bound. */
#define LIST_AT(l, type, i) ((type *)(l).v + list_index((l).n, (i)))
static inline size_t list_index(uint32_t n, size_t i)
{
	ASSERT(i < n);
	return i;
}
/* An empty, present list with room for n zeroed elements of type. */
#define LIST_OF(a, type, count) ((struct list){arena_array((a), type, (count)), (uint32_t)(count), true})
#define MAP_OF(a, entry_type, count) ((struct map_of){arena_array((a), entry_type, (count)), (uint32_t)(count), true})

enum shape_type {
	SHAPE_STRUCT, SHAPE_UNION, SHAPE_LIST, SHAPE_MAP, SHAPE_STRING, SHAPE_BLOB, SHAPE_BOOL,
	SHAPE_INT, SHAPE_FLOAT, SHAPE_BIG, SHAPE_TIME, SHAPE_DOCUMENT
};
enum time_format { TIME_DEFAULT, TIME_ISO8601, TIME_RFC822, TIME_EPOCH };
enum location { LOC_BODY, LOC_URI, LOC_QUERY, LOC_HEADER, LOC_HEADERS /* prefix */, LOC_STATUS };

struct shape;
struct model;

/* What few members have. */
struct member_rare {
	const char *xml_namespace, *xml_prefix; /* either may be NULL */
	const char *query_name; /* ec2 queryName */
};

/* There are some ten thousand of them: what few have, and what is a bit, takes little room. */
struct member {
	const char *name;      /* the model's name: JSON's, CBOR's */
	const char *wire_name; /* locationName: XML's, query's, the header's; same as name when the model gives none */
	const struct shape *shape;
	uint32_t offset;       /* in the C struct */
	uint8_t location;      /* enum location */
	uint8_t time_format;
	bool required : 1, flattened : 1, xml_attribute : 1, payload : 1, host_label : 1, idempotency_token : 1, json_value : 1, streaming : 1;
	bool event_payload : 1, event_header : 1;
	const struct member_rare *rare; /* NULL mostly */
};

struct shape {
	const char *name;
	enum shape_type type;
	uint8_t bits;          /* INT: 8, 16, 32, 64; FLOAT: 32, 64 */
	uint8_t time_format;
	bool flattened : 1, sensitive : 1, eventstream : 1, has_min : 1, has_max : 1, is_error : 1, fault : 1;
	bool no_constraints : 1; /* nothing below it has a constraint: checks can be passed over */
	uint16_t http_status;    /* errors */
	uint16_t n_members;
	/* Each pair is of shapes of different types. */
	union {
		const struct member *members; /* STRUCT, UNION: sorted by name; model order in `order` */
		const struct member *item;    /* LIST: the element; MAP: the value (name "value") */
	};
	union {
		const uint16_t *order;
		const struct member *key;     /* MAP: the key */
	};
	union {
		const struct member *payload; /* STRUCT: the payload member, or NULL */
		const char *pattern;          /* STRING: or NULL */
	};
	union {
		const char *error_code;       /* STRUCT: query's and awsQueryError code of an error; NULL: the name */
		const char *const *values;    /* STRING: enum, sorted; NULL-terminated; NULL: not an enum */
	};
	uint32_t size;         /* STRUCT, UNION: sizeof the C struct; MAP: sizeof the entry */
	uint32_t value_offset; /* MAP: of value in the entry */
	double min, max;       /* lengths or values */
	const char *xml_name;  /* the root element when it is one */
	const char *xml_namespace;
};

struct model_op {
	const char *name;
	const struct model *model;
	const char *http_method, *http_uri; /* REST; "POST" "/" otherwise */
	uint16_t http_status;               /* REST success; 0: 200 */
	const struct shape *input, *output; /* NULL: none */
	const char *input_xml_name, *input_xml_namespace;  /* rest-xml */
	const char *result_wrapper;         /* query; NULL: none */
	const struct shape *const *errors;  /* NULL-terminated */
	const char *host_prefix;            /* endpoint.hostPrefix */
	bool no_auth;                       /* authtype none, or auth: smithy.api#noAuth */
	bool checksum_required;
	const char *checksum_algorithm_member; /* httpChecksum.requestAlgorithmMember */
};

enum protocol {
	PROTO_NONE, PROTO_JSON_1_0, PROTO_JSON_1_1, PROTO_QUERY, PROTO_EC2, PROTO_REST_JSON, PROTO_REST_XML, PROTO_CBOR,
	PROTO_RAW /* a data plane's own HTTP */
};

struct model {
	const char *service;      /* the folder's name */
	const char *service_id;   /* "SQS" */
	const char *source;       /* "botocore 1.43.117 sqs/2012-11-05" */
	const char *api_version;
	const char *target_prefix;   /* X-Amz-Target's, without the last dot; NULL */
	const char *endpoint_prefix; /* "sqs", "monitoring" */
	const char *signing_name;
	const char *xml_namespace;
	uint32_t protocols;       /* bit 1 << enum protocol */
	enum protocol protocol;   /* the first one of the model */
	bool query_compatible;    /* awsQueryCompatible */
	bool s3_signer;
	const struct model_op *ops; /* sorted by name */
	uint16_t n_ops;
	const struct shape *const *errors; /* every error of the service; NULL-terminated */
	const struct shape *const *shapes; /* all, sorted by name (tests); NULL-terminated */
};

const struct model_op *model_op_find(const struct model *m, struct str name);
const struct member *shape_member(const struct shape *s, struct str name);

#endif
