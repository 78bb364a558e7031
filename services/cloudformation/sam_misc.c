/* AWS::Serverless::SimpleTable and AWS::Serverless::LayerVersion. */
#include "sam.h"

static bool only(struct sam *s, const char *type, const char *const *names)
{
	for (uint32_t i = 0; i < s->properties->n; i++) {
		const char *const *n = names;
		while (*n != NULL && !str_eq(s->properties->members[i].key, str_c(*n)))
			n++;
		if (*n == NULL)
			return sam_fail(s, "property %.*s not defined for resource of type %s", STR_ARG(s->properties->members[i].key), type) != NULL;
	}
	return true;
}

void sam_simple_table(struct sam *s)
{
	static const char *const names[] = {"PointInTimeRecoverySpecification", "PrimaryKey", "ProvisionedThroughput", "TableName", "Tags",
		"SSESpecification", NULL};
	static const struct { const char *name, *type; } types[] = {{"String", "S"}, {"Number", "N"}, {"Binary", "B"}};
	const struct json *key = sam_property(s, "PrimaryKey"), *throughput = sam_property(s, "ProvisionedThroughput");
	struct str name = S("id"), type = S("S");
	if (!only(s, "AWS::Serverless::SimpleTable", names))
		return;
	if (sam_truthy(key)) {
		struct str given = json_get_str(key, "Type");
		name = json_get_str(key, "Name");
		type = STR_NONE;
		for (size_t i = 0; i < COUNT_OF(types); i++)
			if (str_eq(given, str_c(types[i].name)))
				type = str_c(types[i].type);
		if (!str_present(name) || !str_present(given)) {
			sam_fail(s, "Property 'PrimaryKey.%s' is required.", str_present(name) ? "Type" : "Name");
			return;
		}
		if (!str_present(type)) {
			sam_fail(s, "Invalid 'Type' \"%.*s\".", STR_ARG(given));
			return;
		}
	}
	ASSERT(!s->failed && str_present(name) && type.n == 1);
	struct made *m = sam_make(s, s->id, "AWS::DynamoDB::Table", s->attributes);
	struct json *attribute = sam_one(s, "AttributeName", sam_text(s, name)), *hash = sam_one(s, "AttributeName", sam_text(s, name));
	sam_set(s, attribute, S("AttributeType"), sam_text(s, type));
	sam_set(s, hash, S("KeyType"), sam_text(s, S("HASH")));
	sam_set(s, m->properties, S("AttributeDefinitions"), sam_list(s, attribute));
	sam_set(s, m->properties, S("KeySchema"), sam_list(s, hash));
	if (sam_truthy(throughput))
		sam_put(s, m->properties, "ProvisionedThroughput", throughput);
	else
		sam_set(s, m->properties, S("BillingMode"), sam_text(s, S("PAY_PER_REQUEST")));
	sam_put(s, m->properties, "PointInTimeRecoverySpecification", sam_property(s, "PointInTimeRecoverySpecification"));
	sam_put(s, m->properties, "SSESpecification", sam_property(s, "SSESpecification"));
	sam_put(s, m->properties, "TableName", sam_property(s, "TableName"));
	if (sam_truthy(sam_property(s, "Tags")))
		sam_set(s, m->properties, S("Tags"), sam_tags(s, sam_property(s, "Tags"), false));
}

/* ---- layers ---- */

/* DeletionPolicy from RetentionPolicy; absent when it is not given. false: failed. */
static bool retention(struct sam *s, struct str *policy)
{
	const struct json *given = sam_resolve(s, sam_property(s, "RetentionPolicy"));
	*policy = STR_NONE;
	if (given == NULL)
		return true;
	if (str_eq_nocase(json_str(given), S("Retain")))
		*policy = S("Retain");
	if (str_eq_nocase(json_str(given), S("Delete")))
		*policy = S("Delete");
	if (!str_present(*policy))
		sam_fail(s, "'RetentionPolicy' must be one of the following options: ['Retain', 'Delete'].");
	ASSERT(s->failed || str_present(*policy));
	return !s->failed;
}

static bool architectures(struct sam *s)
{
	const struct json *list = sam_property(s, "CompatibleArchitectures");
	for (uint32_t i = 0; json_is(list, JSON_ARRAY) && i < list->n; i++) {
		struct str v = json_str(&list->items[i]);
		if (!sam_is_intrinsic(&list->items[i]) && !str_eq(v, S("arm64")) && !str_eq(v, S("x86_64")))
			return sam_fail(s, "CompatibleArchitectures needs to be a list of 'x86_64' or 'arm64'") != NULL;
	}
	return true;
}

/* A layer version is never updated: its content makes its logical id. */
static struct str layer_id(struct sam *s)
{
	static const char *const own[] = {"LayerName", "Description", "PublishLambdaVersion", "ContentUri", "CompatibleArchitectures",
		"CompatibleRuntimes", "LicenseInfo", "RetentionPolicy"};
	static const char *const resolved[] = {"LayerName", "LicenseInfo", "Description", "RetentionPolicy"};
	struct json *r = sam_one(s, "Type", sam_text(s, S("AWS::Serverless::LayerVersion"))), *p = json_new_object(s->a);
	const struct json *depends = json_get(json_get(s->resources, s->id), S("DependsOn"));
	sam_put(s, r, "DependsOn", depends);
	sam_put(s, r, "Condition", json_get(s->attributes, S("Condition")));
	sam_put(s, r, "UpdatePolicy", json_get(s->attributes, S("UpdatePolicy")));
	for (size_t i = 0; i < COUNT_OF(own); i++)
		sam_put(s, p, own[i], sam_property(s, own[i]));
	for (size_t i = 0; i < COUNT_OF(resolved); i++)
		sam_put(s, p, resolved[i], sam_resolve(s, json_get(p, str_c(resolved[i]))));
	sam_set(s, r, S("Properties"), p);
	return arena_join(s->a, s->id, sam_hash_json(s, sam_one(s, arena_cstr(s->a, s->id), r), 10));
}

void sam_layer(struct sam *s)
{
	static const char *const names[] = {"LayerName", "Description", "PublishLambdaVersion", "ContentUri", "CompatibleArchitectures",
		"CompatibleRuntimes", "LicenseInfo", "RetentionPolicy", NULL};
	struct str policy;
	if (!only(s, "AWS::Serverless::LayerVersion", names))
		return;
	if (sam_property(s, "ContentUri") == NULL) {
		sam_fail(s, "Missing required property 'ContentUri'.");
		return;
	}
	if (!retention(s, &policy) || !architectures(s))
		return;
	struct json *content = sam_s3_location(s, sam_property(s, "ContentUri"), "ContentUri", "S3Bucket", "S3Key", "S3ObjectVersion");
	if (content == NULL)
		return;
	ASSERT(!s->failed);
	struct made *m = sam_make(s, layer_id(s), "AWS::Lambda::LayerVersion", s->passed);
	ASSERT(str_starts(m->id, s->id) && m->id.n == s->id.n + 10); /* the hash of its content is behind */
	if (str_present(policy) || json_get(m->attributes, S("DeletionPolicy")) == NULL)
		sam_set(s, m->attributes, S("DeletionPolicy"), sam_text(s, str_present(policy) ? policy : S("Retain")));
	const struct json *name = sam_resolve(s, sam_property(s, "LayerName"));
	sam_set(s, m->properties, S("LayerName"), sam_truthy(name) ? name : sam_text(s, s->id));
	sam_set(s, m->properties, S("Content"), content);
	sam_put(s, m->properties, "Description", sam_resolve(s, sam_property(s, "Description")));
	sam_put(s, m->properties, "CompatibleArchitectures", sam_property(s, "CompatibleArchitectures"));
	sam_put(s, m->properties, "CompatibleRuntimes", sam_property(s, "CompatibleRuntimes"));
	sam_put(s, m->properties, "LicenseInfo", sam_resolve(s, sam_property(s, "LicenseInfo")));
}
