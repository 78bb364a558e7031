/* The definition of a table that is to be like another: what restores and new replicas start from. */
#include "ops_table.h"
#include "vector.h"

static struct dynamodb_ProvisionedThroughput *throughput_copy(struct call *c, const struct dynamodb_ProvisionedThroughputDescription *d)
{
	struct dynamodb_ProvisionedThroughput *p = arena_new_of(c->arena, struct dynamodb_ProvisionedThroughput);
	p->ReadCapacityUnits = d->ReadCapacityUnits;
	p->WriteCapacityUnits = d->WriteCapacityUnits;
	return p;
}

static void source_indexes(struct call *c, const struct dynamodb_TableDescription *d, bool on_demand, struct table_definition *def)
{
	ASSERT(!def->local_indexes.set && !def->global_indexes.set);
	def->vector_indexes = vector_definitions(c, d);
	if (d->LocalSecondaryIndexes.n > 0)
		def->local_indexes = LIST_OF(c->arena, struct dynamodb_LocalSecondaryIndex, d->LocalSecondaryIndexes.n);
	for (uint32_t i = 0; i < d->LocalSecondaryIndexes.n; i++) {
		const struct dynamodb_LocalSecondaryIndexDescription *x =
			LIST_AT(d->LocalSecondaryIndexes, struct dynamodb_LocalSecondaryIndexDescription, i);
		*LIST_AT(def->local_indexes, struct dynamodb_LocalSecondaryIndex, i) =
			(struct dynamodb_LocalSecondaryIndex){x->IndexName, x->KeySchema, x->Projection};
	}
	if (d->GlobalSecondaryIndexes.n > 0)
		def->global_indexes = LIST_OF(c->arena, struct dynamodb_GlobalSecondaryIndex, d->GlobalSecondaryIndexes.n);
	for (uint32_t i = 0; i < d->GlobalSecondaryIndexes.n; i++) {
		const struct dynamodb_GlobalSecondaryIndexDescription *x =
			LIST_AT(d->GlobalSecondaryIndexes, struct dynamodb_GlobalSecondaryIndexDescription, i);
		*LIST_AT(def->global_indexes, struct dynamodb_GlobalSecondaryIndex, i) = (struct dynamodb_GlobalSecondaryIndex){
			.IndexName = x->IndexName, .KeySchema = x->KeySchema, .Projection = x->Projection,
			.ProvisionedThroughput = on_demand ? NULL : throughput_copy(c, x->ProvisionedThroughput)};
	}
}

/* Attributes that no key of the new table names are not defined in it. */
void definition_drop_unused(struct call *c, struct table_definition *def)
{
	ASSERT(def->key_schema.n > 0);
	struct dynamodb_AttributeDefinition *kept = arena_array(c->arena, struct dynamodb_AttributeDefinition, def->attributes.n);
	uint32_t n = 0;
	for (uint32_t i = 0; i < def->attributes.n; i++) {
		const struct dynamodb_AttributeDefinition *a = LIST_AT(def->attributes, struct dynamodb_AttributeDefinition, i);
		bool used = schema_names(def->key_schema, a->AttributeName) || vector_schema_names(def->vector_indexes, a->AttributeName);
		for (uint32_t j = 0; j < def->local_indexes.n; j++)
			used = used || schema_names(LIST_AT(def->local_indexes, struct dynamodb_LocalSecondaryIndex, j)->KeySchema, a->AttributeName);
		for (uint32_t j = 0; j < def->global_indexes.n; j++)
			used = used || schema_names(LIST_AT(def->global_indexes, struct dynamodb_GlobalSecondaryIndex, j)->KeySchema, a->AttributeName);
		if (used)
			kept[n++] = *a;
	}
	def->attributes = (struct list){kept, n, true};
}

bool table_is_on_demand(const struct dynamodb_TableDescription *d)
{
	return d->BillingModeSummary != NULL && str_eq(d->BillingModeSummary->BillingMode, S("PAY_PER_REQUEST"));
}

struct table_definition table_definition_of(struct call *c, const struct dynamodb_TableDescription *d, struct str billing_mode)
{
	ASSERT(d->ProvisionedThroughput != NULL);
	struct table_definition def = {.name = d->TableName, .attributes = d->AttributeDefinitions, .key_schema = d->KeySchema,
		.billing_mode = str_present(billing_mode) ? billing_mode : table_is_on_demand(d) ? S("PAY_PER_REQUEST") : S("PROVISIONED")};
	bool on_demand = str_eq(def.billing_mode, S("PAY_PER_REQUEST"));
	if (!on_demand)
		def.throughput = throughput_copy(c, d->ProvisionedThroughput);
	source_indexes(c, d, on_demand, &def);
	return def;
}
