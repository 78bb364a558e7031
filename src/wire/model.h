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

/* ---- tables
 *
 * All tables of a service are one object, <svc>_tables, and say where another part of it is by how far it lies from their own
 * beginning (an `int32_t ..._at`; 0: nothing). So nothing in them depends on where the program is loaded: they need no relocation
 * at start, stay on the disk until they are looked at, and take no memory of the process's own. The functions below read them. */

/* What few members have. */
struct member_rare {
	int32_t xml_namespace_at, xml_prefix_at;
	int32_t query_name_at; /* ec2 queryName */
};

/* There are some ten thousand of them: what few have, and what is a bit, takes little room. */
struct member {
	int32_t name_at;       /* the model's name: JSON's, CBOR's */
	int32_t wire_name_at;  /* locationName: XML's, query's, the header's; same as name when the model gives none */
	int32_t shape_at;
	int32_t rare_at;       /* 0 mostly */
	uint32_t offset;       /* in the C struct */
	uint8_t location;      /* enum location */
	uint8_t time_format;
	bool required : 1, flattened : 1, xml_attribute : 1, payload : 1, host_label : 1, idempotency_token : 1, json_value : 1, streaming : 1;
	bool event_payload : 1, event_header : 1;
};

struct shape {
	int32_t name_at;
	uint8_t type;          /* enum shape_type */
	uint8_t bits;          /* INT: 8, 16, 32, 64; FLOAT: 32, 64 */
	uint8_t time_format;
	bool flattened : 1, sensitive : 1, eventstream : 1, has_min : 1, has_max : 1, is_error : 1, fault : 1;
	bool no_constraints : 1; /* nothing below it has a constraint: checks can be passed over */
	uint16_t http_status;    /* errors */
	uint16_t n_members;
	/* Each pair is of shapes of different types. */
	union {
		int32_t members_at;  /* STRUCT, UNION: sorted by name; model order in `order` */
		int32_t item_at;     /* LIST: the element; MAP: the value (name "value") */
	};
	union {
		int32_t order_at;
		int32_t key_at;      /* MAP: the key */
	};
	union {
		int32_t payload_at;  /* STRUCT: the payload member, or 0 */
		int32_t pattern_at;  /* STRING: or 0 */
	};
	union {
		int32_t error_code_at; /* STRUCT: query's and awsQueryError code of an error; 0: the name */
		int32_t values_at;     /* STRING: enum, sorted, texts from the shape's own beginning, 0 at the end; 0: not an enum */
	};
	uint32_t size;         /* STRUCT, UNION: sizeof the C struct; MAP: sizeof the entry */
	uint32_t value_offset; /* MAP: of value in the entry */
	int32_t xml_name_at;   /* the root element when it is one */
	int32_t xml_namespace_at;
	double min, max;       /* lengths or values */
};

struct model_op {
	int32_t name_at;
	int32_t model_at;
	int32_t http_method_at, http_uri_at; /* REST; "POST" "/" otherwise */
	uint16_t http_status;               /* REST success; 0: 200 */
	bool no_auth;                       /* authtype none, or auth: smithy.api#noAuth */
	bool checksum_required;
	int32_t input_at, output_at;        /* 0: none */
	int32_t input_xml_name_at, input_xml_namespace_at; /* rest-xml */
	int32_t result_wrapper_at;          /* query; 0: none */
	int32_t errors_at;                  /* shapes from the operation's own beginning, 0 at the end */
	int32_t host_prefix_at;             /* endpoint.hostPrefix */
	int32_t checksum_algorithm_member_at; /* httpChecksum.requestAlgorithmMember */
};

enum protocol {
	PROTO_NONE, PROTO_JSON_1_0, PROTO_JSON_1_1, PROTO_QUERY, PROTO_EC2, PROTO_REST_JSON, PROTO_REST_XML, PROTO_CBOR,
	PROTO_RAW /* a data plane's own HTTP */
};

struct model {
	int32_t service_at;      /* the folder's name */
	int32_t service_id_at;   /* "SQS" */
	int32_t source_at;       /* "botocore 1.43.117 sqs/2012-11-05" */
	int32_t api_version_at;
	int32_t target_prefix_at;   /* X-Amz-Target's, without the last dot; 0: none */
	int32_t endpoint_prefix_at; /* "sqs", "monitoring" */
	int32_t signing_name_at;
	int32_t xml_namespace_at;
	uint32_t protocols;       /* bit 1 << enum protocol */
	enum protocol protocol;   /* the first one of the model */
	bool query_compatible;    /* awsQueryCompatible */
	bool s3_signer;
	int32_t ops_at;           /* sorted by name */
	uint16_t n_ops;
	uint16_t n_shapes;
	int32_t shapes_at;        /* all, sorted by name; is_error tells the errors */
	uint32_t size;            /* of all tables; they begin with this one */
};

/* ---- reading them */

/* What lies so far from the beginning of something that has it always; NULL for 0 where it may have none. */
static inline const void *table_at(const void *from, int32_t at)
{
	return (const char *)from + at;
}
static inline const void *table_maybe(const void *from, int32_t at)
{
	return at != 0 ? table_at(from, at) : NULL;
}
#define TEXT_AT(of, what) \
	static inline const char *of##_##what(const struct of *x) { return table_at(x, x->what##_at); }
#define TEXT_MAYBE(of, what) \
	static inline const char *of##_##what(const struct of *x) { return table_maybe(x, x->what##_at); }
#define PART_AT(of, type, what) \
	static inline const struct type *of##_##what(const struct of *x) { return table_at(x, x->what##_at); }
#define PART_MAYBE(of, type, what) \
	static inline const struct type *of##_##what(const struct of *x) { return table_maybe(x, x->what##_at); }

TEXT_AT(member, name)
TEXT_AT(member, wire_name)
PART_AT(member, shape, shape)
PART_MAYBE(member, member_rare, rare)
TEXT_MAYBE(member_rare, xml_namespace)
TEXT_MAYBE(member_rare, xml_prefix)
TEXT_MAYBE(member_rare, query_name)
TEXT_AT(shape, name)
PART_AT(shape, member, members)
PART_AT(shape, member, item)
PART_AT(shape, member, key)
PART_MAYBE(shape, member, payload)
TEXT_MAYBE(shape, pattern)
TEXT_MAYBE(shape, error_code)
TEXT_MAYBE(shape, xml_name)
TEXT_MAYBE(shape, xml_namespace)
TEXT_AT(model_op, name)
PART_AT(model_op, model, model)
TEXT_AT(model_op, http_method)
TEXT_AT(model_op, http_uri)
PART_MAYBE(model_op, shape, input)
PART_MAYBE(model_op, shape, output)
TEXT_MAYBE(model_op, input_xml_name)
TEXT_MAYBE(model_op, input_xml_namespace)
TEXT_MAYBE(model_op, result_wrapper)
TEXT_MAYBE(model_op, host_prefix)
TEXT_MAYBE(model_op, checksum_algorithm_member)
TEXT_AT(model, service)
TEXT_AT(model, service_id)
TEXT_AT(model, source)
TEXT_AT(model, api_version)
TEXT_MAYBE(model, target_prefix)
TEXT_AT(model, endpoint_prefix)
TEXT_AT(model, signing_name)
TEXT_MAYBE(model, xml_namespace)
PART_AT(model, model_op, ops)
PART_AT(model, shape, shapes)
#undef TEXT_AT
#undef TEXT_MAYBE
#undef PART_AT
#undef PART_MAYBE

/* Of a list's items, of a map's values. */
static inline const struct shape *item_shape(const struct shape *s)
{
	return member_shape(shape_item(s));
}
/* Member i of a structure in the model's order. */
static inline const struct member *shape_member_at(const struct shape *s, size_t i)
{
	const uint16_t *order = table_at(s, s->order_at);
	ASSERT(i < s->n_members);
	return &shape_members(s)[order[i]];
}
/* An enum's text i; NULL behind the last one, and of what is no enum. */
static inline const char *shape_value(const struct shape *s, size_t i)
{
	const int32_t *values = table_maybe(s, s->values_at);
	return values != NULL ? table_maybe(s, values[i]) : NULL;
}
/* An operation's error i; NULL behind the last one. */
static inline const struct shape *model_op_error(const struct model_op *op, size_t i)
{
	const int32_t *errors = table_at(op, op->errors_at);
	return table_maybe(op, errors[i]);
}

const struct model_op *model_op_find(const struct model *m, struct str name);
const struct member *shape_member(const struct shape *s, struct str name);

#endif
