/* Is the definition of a table sound? DynamoDB's rules and sentences, in its order. */
#include "ops_table.h"
#include "vector.h"

static const int64_t units_max = 1000000000000;

static bool is_name_char(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-' || ch == '.';
}

bool ddb_check_table_name(struct call *c, struct str name)
{
	if (name.n < 3 || name.n > 255) {
		fail_validation(c, "TableName must be at least 3 characters long and at most 255 characters long");
		return false;
	}
	for (size_t i = 0; i < name.n; i++) {
		if (is_name_char(name.p[i]))
			continue;
		fail_validation(c, "1 validation error detected: Value '%.*s' at 'tableName' failed to satisfy constraint: Member must satisfy "
		                   "regular expression pattern: [a-zA-Z0-9_.-]+", STR_ARG(name));
		return false;
	}
	return true;
}

static bool refuse(struct call *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static bool refuse(struct call *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct str message = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	fail_validation(c, "%.*s", STR_ARG(message));
	return false;
}

#define INVALID "One or more parameter values were invalid: "

bool ddb_check_units(struct call *c, const struct dynamodb_ProvisionedThroughput *p, struct str index)
{
	ASSERT(p->ReadCapacityUnits.set && p->WriteCapacityUnits.set);
	bool reads = p->ReadCapacityUnits.v > units_max;
	if (!reads && p->WriteCapacityUnits.v <= units_max)
		return true;
	int64_t given = reads ? p->ReadCapacityUnits.v : p->WriteCapacityUnits.v;
	return refuse(c, "Given value %lld for %sCapacityUnits is out of bounds%s%.*s", (long long)given, reads ? "Read" : "Write",
	              str_present(index) ? " for index " : "", STR_ARG(str_present(index) ? index : S("")));
}

static bool check_billing(struct call *c, const struct table_definition *d)
{
	ASSERT(d != NULL);
	if (str_eq(d->billing_mode, S("PAY_PER_REQUEST"))) {
		if (d->throughput != NULL)
			return refuse(c, INVALID "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
			                         "PAY_PER_REQUEST");
		return true;
	}
	if (d->throughput == NULL)
		return refuse(c, INVALID "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED");
	return ddb_check_units(c, d->throughput, STR_NONE);
}

static bool in_range(struct opt_i64 units)
{
	return !units.set || units.v == -1 || units.v > 0;
}

bool ddb_check_most(struct call *c, const struct dynamodb_OnDemandThroughput *t, struct str index, bool on_demand)
{
	ASSERT(t != NULL);
	struct str of = str_present(index) ? arena_join(c->arena, S(" for index : "), index) : S("");
	if (!on_demand && (t->MaxReadRequestUnits.set || t->MaxWriteRequestUnits.set))
		return refuse(c, INVALID "%s for OnDemandThroughput%.*s cannot be specified when the table BillingMode is PROVISIONED",
		              t->MaxReadRequestUnits.set ? "MaxReadRequestUnits" : "MaxWriteRequestUnits", STR_ARG(of));
	if (!in_range(t->MaxReadRequestUnits) || !in_range(t->MaxWriteRequestUnits))
		return refuse(c, INVALID "Requested %s for OnDemandThroughput for table%.*s is outside of valid range",
		              in_range(t->MaxReadRequestUnits) ? "MaxWriteRequestUnits" : "MaxReadRequestUnits", STR_ARG(of));
	return true;
}

bool ddb_check_encryption(struct call *c, const struct dynamodb_SSESpecification *s, struct dynamodb_SSEDescription **out)
{
	ASSERT(out != NULL);
	*out = NULL;
	if (s == NULL)
		return true;
	bool off = s->Enabled.set && !s->Enabled.v;
	if (off && str_present(s->SSEType))
		return refuse(c, INVALID "SSEType can not be specified if Enabled is false");
	if (off && str_present(s->KMSMasterKeyId))
		return refuse(c, INVALID "KMSMasterKeyId can not be specified if Enabled is false");
	if (str_eq(s->SSEType, S("AES256")))
		return refuse(c, INVALID "SSEType AES256 is not supported");
	if (str_present(s->KMSMasterKeyId) && !str_present(s->SSEType))
		return refuse(c, INVALID "SSEType KMS is required if KMSMasterKeyId is specified");
	if (off || (!s->Enabled.set && !str_present(s->SSEType)))
		return true;
	*out = arena_new_of(c->arena, struct dynamodb_SSEDescription);
	**out = (struct dynamodb_SSEDescription){.Status = S("ENABLED"), .SSEType = S("KMS"), .KMSMasterKeyArn = s->KMSMasterKeyId};
	return true;
}

bool ddb_check_name_form(struct call *c, struct str name)
{
	const char *why = name.n < 3 ? "Member must have length greater than or equal to 3" :
	                  name.n > 255 ? "Member must have length less than or equal to 255" : NULL;
	for (size_t i = 0; why == NULL && i < name.n; i++)
		if (!is_name_char(name.p[i]))
			why = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
	if (why != NULL)
		return refuse(c, "1 validation error detected: Value '%.*s' at 'tableName' failed to satisfy constraint: %s", STR_ARG(name), why);
	return true;
}

static struct str show_names(struct arena *a, struct list l, bool keys)
{
	struct buf b;
	buf_init(&b, a, 0);
	buf_putc(&b, '[');
	for (uint32_t i = 0; i < l.n; i++) {
		struct str name = keys ? LIST_AT(l, struct dynamodb_KeySchemaElement, i)->AttributeName :
		                         LIST_AT(l, struct dynamodb_AttributeDefinition, i)->AttributeName;
		buf_printf(&b, "%s%.*s", i > 0 ? ", " : "", STR_ARG(name));
	}
	buf_putc(&b, ']');
	return buf_view(&b);
}

static bool defined(struct list attributes, struct str name)
{
	for (uint32_t i = 0; i < attributes.n; i++)
		if (str_eq(LIST_AT(attributes, struct dynamodb_AttributeDefinition, i)->AttributeName, name))
			return true;
	return false;
}

static const struct dynamodb_KeySchemaElement *element(struct list schema, uint32_t i)
{
	ASSERT(i < schema.n);
	return LIST_AT(schema, struct dynamodb_KeySchemaElement, i);
}

/* Of a global index: up to four attributes of each kind. */
static bool check_wide_schema(struct call *c, struct list schema)
{
	uint32_t n_hash = 0;
	for (uint32_t i = 0; i < schema.n; i++) {
		bool hash = str_eq(element(schema, i)->KeyType, S("HASH"));
		if (hash && n_hash < i)
			return refuse(c, INVALID "All HASH key attributes must precede RANGE key attributes in the KeySchema");
		n_hash += hash;
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(element(schema, i)->AttributeName, element(schema, j)->AttributeName))
				return refuse(c, "The KeySchema contains multiple key attributes with the same name");
	}
	if (n_hash > KEY_PARTS_MAX / 2)
		return refuse(c, INVALID "The KeySchema exceeds the maximum allowed number of HASH key attributes");
	return schema.n - n_hash <= KEY_PARTS_MAX / 2 ||
	       refuse(c, INVALID "The KeySchema exceeds the maximum allowed number of RANGE key attributes");
}

static bool check_schema(struct call *c, struct list attributes, struct list schema, bool global)
{
	if (schema.n < 1 || (schema.n > 2 && !global))
		return refuse(c, "1 validation error detected: Value at 'keySchema' failed to satisfy constraint: Member must have length less "
		                 "than or equal to 2");
	for (uint32_t i = 0; i < schema.n; i++)
		if (!defined(attributes, element(schema, i)->AttributeName))
			return refuse(c, INVALID "Some index key attributes are not defined in AttributeDefinitions. Keys: %.*s, "
			                         "AttributeDefinitions: %.*s", STR_ARG(show_names(c->arena, schema, true)),
			              STR_ARG(show_names(c->arena, attributes, false)));
	if (schema.n == 2 && str_eq(element(schema, 0)->AttributeName, element(schema, 1)->AttributeName))
		return refuse(c, "Both the Hash Key and the Range Key element in the KeySchema have the same name");
	if (!str_eq(element(schema, 0)->KeyType, S("HASH")))
		return refuse(c, "Invalid KeySchema: The first KeySchemaElement is not a HASH key type");
	if (global)
		return check_wide_schema(c, schema);
	if (schema.n == 2 && !str_eq(element(schema, 1)->KeyType, S("RANGE")))
		return refuse(c, "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type");
	return true;
}

bool ddb_check_projection(struct call *c, const struct dynamodb_Projection *p)
{
	if (p == NULL || !str_present(p->ProjectionType))
		return refuse(c, INVALID "Unknown ProjectionType: null");
	if (p->NonKeyAttributes.n > 0 && !str_eq(p->ProjectionType, S("INCLUDE")))
		return refuse(c, INVALID "ProjectionType is %.*s, but NonKeyAttributes is specified", STR_ARG(p->ProjectionType));
	if (p->NonKeyAttributes.n == 0 && str_eq(p->ProjectionType, S("INCLUDE")))
		return refuse(c, INVALID "ProjectionType is INCLUDE, but NonKeyAttributes is not specified");
	for (uint32_t i = 0; i < p->NonKeyAttributes.n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(*LIST_AT(p->NonKeyAttributes, struct str, i), *LIST_AT(p->NonKeyAttributes, struct str, j)))
				return refuse(c, INVALID "Duplicate element in NonKeyAttributes: %.*s", STR_ARG(*LIST_AT(p->NonKeyAttributes, struct str, i)));
	return true;
}

static bool check_local(struct call *c, const struct table_definition *d)
{
	ASSERT(d->local_indexes.set && d->key_schema.n > 0);
	struct str table_hash = element(d->key_schema, 0)->AttributeName;
	if (d->local_indexes.n == 0)
		return refuse(c, INVALID "List of LocalSecondaryIndexes is empty");
	if (d->key_schema.n != 2)
		return refuse(c, INVALID "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex");
	for (uint32_t i = 0; i < d->local_indexes.n; i++) {
		const struct dynamodb_LocalSecondaryIndex *x = LIST_AT(d->local_indexes, struct dynamodb_LocalSecondaryIndex, i);
		if (!check_schema(c, d->attributes, x->KeySchema, false))
			return false;
		if (x->KeySchema.n != 2)
			return refuse(c, INVALID "Index KeySchema does not have a range key for index: %.*s", STR_ARG(x->IndexName));
		if (!str_eq(element(x->KeySchema, 0)->AttributeName, table_hash))
			return refuse(c, INVALID "Index KeySchema does not have the same leading hash key as table KeySchema for index: %.*s. index "
			                         "hash key: %.*s, table hash key: %.*s", STR_ARG(x->IndexName),
			              STR_ARG(element(x->KeySchema, 0)->AttributeName), STR_ARG(table_hash));
		if (!ddb_check_projection(c, x->Projection))
			return false;
	}
	if (d->local_indexes.n > LSI_MAX)
		return refuse(c, INVALID "Number of LocalSecondaryIndexes exceeds per-table limit of 5");
	return true;
}

bool ddb_check_global_index(struct call *c, struct list attributes, struct str name, struct list key_schema,
                        const struct dynamodb_Projection *p)
{
	(void)name;
	return check_schema(c, attributes, key_schema, true) && ddb_check_projection(c, p);
}

static bool check_global(struct call *c, const struct table_definition *d)
{
	ASSERT(d->global_indexes.set);
	bool on_demand = str_eq(d->billing_mode, S("PAY_PER_REQUEST"));
	if (d->global_indexes.n == 0)
		return refuse(c, INVALID "List of GlobalSecondaryIndexes is empty");
	for (uint32_t i = 0; i < d->global_indexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndex *x = LIST_AT(d->global_indexes, struct dynamodb_GlobalSecondaryIndex, i);
		if (!ddb_check_global_index(c, d->attributes, x->IndexName, x->KeySchema, x->Projection))
			return false;
		if (on_demand && x->ProvisionedThroughput != NULL)
			return refuse(c, INVALID "ProvisionedThroughput should not be specified for index: %.*s when BillingMode is PAY_PER_REQUEST",
			              STR_ARG(x->IndexName));
		if (!on_demand && x->ProvisionedThroughput == NULL)
			return refuse(c, INVALID "ProvisionedThroughput is not specified for index: %.*s", STR_ARG(x->IndexName));
		if (x->OnDemandThroughput != NULL && !ddb_check_most(c, x->OnDemandThroughput, x->IndexName, on_demand))
			return false;
		if (x->ProvisionedThroughput != NULL && !ddb_check_units(c, x->ProvisionedThroughput, STR_NONE))
			return false;
	}
	if (d->global_indexes.n > GSI_MAX)
		return refuse(c, INVALID "GlobalSecondaryIndex count exceeds the per-table limit of 20");
	return true;
}

static struct str index_name_at(const struct table_definition *d, uint32_t i)
{
	ASSERT(i < d->local_indexes.n + d->global_indexes.n + d->vector_indexes.n);
	if (i < d->local_indexes.n)
		return LIST_AT(d->local_indexes, struct dynamodb_LocalSecondaryIndex, i)->IndexName;
	i -= d->local_indexes.n;
	if (i < d->global_indexes.n)
		return LIST_AT(d->global_indexes, struct dynamodb_GlobalSecondaryIndex, i)->IndexName;
	return LIST_AT(d->vector_indexes, struct dynamodb_VectorIndex, i - d->global_indexes.n)->IndexName;
}

bool schema_names(struct list schema, struct str name)
{
	for (uint32_t i = 0; i < schema.n; i++)
		if (str_eq(element(schema, i)->AttributeName, name))
			return true;
	return false;
}

/* Each defined attribute is a key of something. */
static bool check_used(struct call *c, const struct table_definition *d)
{
	for (uint32_t i = 0; i < d->attributes.n; i++) {
		struct str name = LIST_AT(d->attributes, struct dynamodb_AttributeDefinition, i)->AttributeName;
		bool used = schema_names(d->key_schema, name) || vector_schema_names(d->vector_indexes, name);
		for (uint32_t j = 0; j < d->local_indexes.n; j++)
			used = used || schema_names(LIST_AT(d->local_indexes, struct dynamodb_LocalSecondaryIndex, j)->KeySchema, name);
		for (uint32_t j = 0; j < d->global_indexes.n; j++)
			used = used || schema_names(LIST_AT(d->global_indexes, struct dynamodb_GlobalSecondaryIndex, j)->KeySchema, name);
		if (!used)
			return refuse(c, INVALID "Some AttributeDefinitions are not used. AttributeDefinitions: %.*s, keys used: %.*s",
			              STR_ARG(show_names(c->arena, d->attributes, false)), STR_ARG(show_names(c->arena, d->key_schema, true)));
	}
	return true;
}

static bool check_index_names(struct call *c, const struct table_definition *d)
{
	uint32_t n = d->local_indexes.n + d->global_indexes.n + d->vector_indexes.n;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(index_name_at(d, i), index_name_at(d, j)))
				return refuse(c, INVALID "Duplicate index name: %.*s", STR_ARG(index_name_at(d, i)));
	return true;
}

bool ddb_check_definition(struct call *c, const struct table_definition *d)
{
	struct dynamodb_SSEDescription *encryption;
	bool on_demand = str_eq(d->billing_mode, S("PAY_PER_REQUEST"));
	if (!ddb_check_table_name(c, d->name) || !check_billing(c, d) || !ddb_check_encryption(c, d->sse, &encryption))
		return false;
	if (d->on_demand != NULL && !ddb_check_most(c, d->on_demand, STR_NONE, on_demand))
		return false;
	if (!d->attributes.set)
		return refuse(c, "1 validation error detected: Value null at 'attributeDefinitions' failed to satisfy constraint: Member must not be null");
	if (d->key_schema.n < 1 || d->key_schema.n > 2)
		return refuse(c, "1 validation error detected: Value at 'keySchema' failed to satisfy constraint: Member must have length less "
		                 "than or equal to 2");
	if (d->key_schema.n > d->attributes.n)
		return refuse(c, "Invalid KeySchema: Some index key attribute have no definition");
	for (uint32_t i = 0; i < d->attributes.n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(LIST_AT(d->attributes, struct dynamodb_AttributeDefinition, i)->AttributeName,
			           LIST_AT(d->attributes, struct dynamodb_AttributeDefinition, j)->AttributeName))
				return refuse(c, "Attribute Name is duplicated: %.*s",
				              STR_ARG(LIST_AT(d->attributes, struct dynamodb_AttributeDefinition, i)->AttributeName));
	if (!check_schema(c, d->attributes, d->key_schema, false))
		return false;
	if (!d->local_indexes.set && !d->global_indexes.set && !d->vector_indexes.set && d->key_schema.n != d->attributes.n)
		return refuse(c, INVALID "Number of attributes in KeySchema does not exactly match number of attributes defined in "
		                         "AttributeDefinitions");
	return (!d->local_indexes.set || check_local(c, d)) && (!d->global_indexes.set || check_global(c, d)) &&
	       (!d->vector_indexes.set || vector_check_definition(c, d)) && check_index_names(c, d) && check_used(c, d);
}
