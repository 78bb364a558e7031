/* Published versions and aliases. A version is a copy of $LATEST that never changes; ("alias", name, alias) holds aliases. */
#include "lambda.h"

#include "functions.h"

#include <stdio.h>

enum { PAGE_MOST = 50 };

/* How a list of what a function has begins: where, and how many at most. 0: c has failed. */
static uint32_t page_of(struct call *c, struct str function, struct str marker, struct opt_i64 max_items, struct function_ref *ref, struct str *after)
{
	if (!function_ref_of(c, function, STR_NONE, ref))
		return 0;
	if (meta_get(c, ref->name) == NULL) {
		function_missing(c, ref->name, STR_NONE);
		return 0;
	}
	if (!page_position(c->arena, marker, after)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid marker");
		return 0;
	}
	ASSERT(!max_items.set || max_items.v > 0); /* the model's constraint */
	return max_items.set && max_items.v < PAGE_MOST ? (uint32_t)max_items.v : PAGE_MOST;
}

/* ---- versions ---- */

struct lambda_FunctionRecord *version_publish(struct call *c, struct str name, struct str description)
{
	struct lambda_FunctionRecord *f = function_get(c, name, S("$LATEST"));
	struct lambda_FunctionMeta *meta = meta_get(c, name);
	ASSERT(f != NULL && meta != NULL);
	struct lambda_FunctionConfiguration *k = f->Config;
	struct str newest = arena_printf(c->arena, "%lld", (long long)meta->NextVersion.v - 1);
	struct lambda_FunctionRecord *last = meta->NextVersion.v > 1 ? function_get(c, name, newest) : NULL;
	/* Nothing published twice: the record remembers which state of $LATEST it copies. */
	if (last != NULL && str_eq(last->Source, k->RevisionId))
		return last;
	f->Source = k->RevisionId;
	k->Version = arena_printf(c->arena, "%lld", (long long)meta->NextVersion.v);
	k->FunctionArn = function_arn(c, name, k->Version);
	if (str_present(description))
		k->Description = description;
	ASSERT(meta->NextVersion.v > 0 && function_get(c, name, k->Version) == NULL); /* a version never changes */
	meta->NextVersion.v++;
	call_put(c, meta_key(c, name), &lambda_shape_FunctionMeta, meta);
	function_save(c, f);
	return f;
}

void access_publish_version(struct call *c)
{
	const struct lambda_PublishVersionRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_publish_version(struct call *c)
{
	const struct lambda_PublishVersionRequest *in = c->in;
	struct function_ref ref;
	if (str_present(in->PublishTo)) {
		call_unsupported(c, "PublishTo is not supported");
		return;
	}
	if (!function_ref_of(c, in->FunctionName, STR_NONE, &ref))
		return;
	struct lambda_FunctionRecord *f = function_get(c, ref.name, S("$LATEST"));
	if (f == NULL) {
		function_missing(c, ref.name, STR_NONE);
		return;
	}
	if (str_present(in->CodeSha256) && in->CodeSha256.n > 0 && !str_eq(in->CodeSha256, f->Config->CodeSha256)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "CodeSHA256 (%.*s) is different from current CodeSHA256 in $LATEST (%.*s). "
			"Please try again with the CodeSHA256 in $LATEST.", STR_ARG(in->CodeSha256), STR_ARG(f->Config->CodeSha256));
		return;
	}
	if (str_present(in->RevisionId) && !str_eq(in->RevisionId, f->Config->RevisionId)) {
		lambda_fail(c, &lambda_err_PreconditionFailedException, "The Revision Id provided does not match the latest Revision Id.");
		return;
	}
	f = version_publish(c, ref.name, in->Description);
	*(struct lambda_FunctionConfiguration *)c->out = *f->Config;
}

void access_list_versions(struct call *c)
{
	const struct lambda_ListVersionsByFunctionRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_list_versions(struct call *c)
{
	const struct lambda_ListVersionsByFunctionRequest *in = c->in;
	struct lambda_ListVersionsByFunctionResponse *out = c->out;
	struct function_ref ref;
	struct str after = STR_NONE, key, value;
	uint32_t max = page_of(c, in->FunctionName, in->Marker, in->MaxItems, &ref, &after);
	if (max == 0)
		return;
	out->Versions = LIST_OF(c->arena, struct lambda_FunctionConfiguration, max);
	out->Versions.n = 0;
	struct scan *s = call_scan(c, key_str(call_key(c, "fn"), ref.name), after, false);
	while (scan_next(s, &key, &value)) {
		if (out->Versions.n == max) {
			out->NextMarker = page_token(c->arena, after);
			break;
		}
		struct lambda_FunctionRecord *f = record_decode(c, &lambda_shape_FunctionRecord, value);
		f->Config->FunctionArn = function_arn(c, ref.name, f->Config->Version);
		((struct lambda_FunctionConfiguration *)out->Versions.v)[out->Versions.n++] = *f->Config;
		after = arena_dup(c->arena, key);
	}
}

/* ---- aliases ---- */

static struct key *alias_key(struct call *c, struct str name, struct str alias)
{
	return key_str(key_str(call_key(c, "alias"), name), alias);
}

struct lambda_AliasConfiguration *alias_get(struct call *c, struct str name, struct str alias)
{
	return call_get(c, alias_key(c, name, alias), &lambda_shape_AliasConfiguration);
}

struct str alias_pick(struct call *c, const struct lambda_AliasConfiguration *a)
{
	if (a->RoutingConfig == NULL || a->RoutingConfig->AdditionalVersionWeights.n == 0)
		return a->FunctionVersion;
	/* Not str_hash: it may change; SHA-256 of a random id is uniform. */
	struct sha256 d = sha256(c->request_id);
	uint32_t v;
	memcpy(&v, d.b, sizeof v);
	double at = (double)v / 4294967296.0;
	const struct lambda_AdditionalVersionWeights_entry *w = a->RoutingConfig->AdditionalVersionWeights.v;
	for (uint32_t i = 0; i < a->RoutingConfig->AdditionalVersionWeights.n; i++) {
		if (at < w[i].value.v)
			return w[i].key;
		at -= w[i].value.v;
	}
	return a->FunctionVersion;
}

static struct lambda_AliasConfiguration *alias_need(struct call *c, struct str function, struct str alias, struct function_ref *ref)
{
	if (!function_ref_of(c, function, STR_NONE, ref))
		return NULL;
	struct lambda_AliasConfiguration *a = alias_get(c, ref->name, alias);
	if (a == NULL) {
		struct str arn = function_arn(c, ref->name, alias);
		lambda_fail(c, &lambda_err_ResourceNotFoundException, "Cannot find alias arn: %.*s", STR_ARG(arn));
	}
	return a;
}

static bool routing_check(struct call *c, struct str name, struct str version, const struct lambda_AliasRoutingConfiguration *r)
{
	if (function_get(c, name, version) == NULL) {
		function_missing(c, name, version);
		return false;
	}
	if (r == NULL || r->AdditionalVersionWeights.n == 0)
		return true;
	const struct lambda_AdditionalVersionWeights_entry *w = r->AdditionalVersionWeights.v;
	const char *wrong = NULL;
	if (r->AdditionalVersionWeights.n > 1)
		wrong = "Number of items in AdditionalVersionWeights cannot be greater than 1";
	else if (str_eq(version, S("$LATEST")) || str_eq(w[0].key, S("$LATEST")))
		wrong = "$LATEST is not supported for an alias pointing to more than 1 version";
	else if (str_eq(w[0].key, version))
		wrong = "Invalid function version. Function version should not be included in routing configuration.";
	if (wrong != NULL) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "%s", wrong);
		return false;
	}
	if (function_get(c, name, w[0].key) == NULL) {
		function_missing(c, name, w[0].key);
		return false;
	}
	return true;
}

static void alias_save(struct call *c, struct str name, struct lambda_AliasConfiguration *a)
{
	ASSERT(txn_writable(c->txn) && a->Name.n > 0 && str_present(a->FunctionVersion));
	a->RevisionId = new_uuid(c);
	if (a->RoutingConfig != NULL && a->RoutingConfig->AdditionalVersionWeights.n == 0)
		a->RoutingConfig = NULL;
	call_put(c, alias_key(c, name, a->Name), &lambda_shape_AliasConfiguration, a);
	*(struct lambda_AliasConfiguration *)c->out = *a;
}

void access_create_alias(struct call *c)
{
	const struct lambda_CreateAliasRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_create_alias(struct call *c)
{
	const struct lambda_CreateAliasRequest *in = c->in;
	struct function_ref ref;
	if (!function_ref_of(c, in->FunctionName, STR_NONE, &ref) || !routing_check(c, ref.name, in->FunctionVersion, in->RoutingConfig))
		return;
	struct str arn = function_arn(c, ref.name, in->Name);
	if (alias_get(c, ref.name, in->Name) != NULL) {
		lambda_fail(c, &lambda_err_ResourceConflictException, "Alias already exists: %.*s", STR_ARG(arn));
		return;
	}
	struct lambda_AliasConfiguration a = {.AliasArn = arn, .Name = in->Name, .FunctionVersion = in->FunctionVersion,
		.Description = str_present(in->Description) ? in->Description : S(""), .RoutingConfig = in->RoutingConfig};
	alias_save(c, ref.name, &a);
}

void access_get_alias(struct call *c)
{
	const struct lambda_GetAliasRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_get_alias(struct call *c)
{
	const struct lambda_GetAliasRequest *in = c->in;
	struct function_ref ref;
	struct lambda_AliasConfiguration *a = alias_need(c, in->FunctionName, in->Name, &ref);
	if (a != NULL)
		*(struct lambda_AliasConfiguration *)c->out = *a;
}

void access_update_alias(struct call *c)
{
	const struct lambda_UpdateAliasRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_update_alias(struct call *c)
{
	const struct lambda_UpdateAliasRequest *in = c->in;
	struct function_ref ref;
	struct lambda_AliasConfiguration *a = alias_need(c, in->FunctionName, in->Name, &ref);
	if (a == NULL)
		return;
	if (str_present(in->RevisionId) && !str_eq(in->RevisionId, a->RevisionId)) {
		lambda_fail(c, &lambda_err_PreconditionFailedException, "The Revision Id provided does not match the latest Revision Id.");
		return;
	}
	if (str_present(in->FunctionVersion))
		a->FunctionVersion = in->FunctionVersion;
	if (str_present(in->Description))
		a->Description = in->Description;
	if (in->RoutingConfig != NULL)
		a->RoutingConfig = in->RoutingConfig;
	if (routing_check(c, ref.name, a->FunctionVersion, a->RoutingConfig))
		alias_save(c, ref.name, a);
}

void access_delete_alias(struct call *c)
{
	const struct lambda_DeleteAliasRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_delete_alias(struct call *c)
{
	const struct lambda_DeleteAliasRequest *in = c->in;
	struct function_ref ref;
	if (!function_ref_of(c, in->FunctionName, STR_NONE, &ref))
		return;
	call_del(c, alias_key(c, ref.name, in->Name)); /* one that is not there is deleted: AWS answers 204 */
	call_del(c, key_str(key_str(call_key(c, "policy"), ref.name), in->Name));
}

void access_list_aliases(struct call *c)
{
	const struct lambda_ListAliasesRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_list_aliases(struct call *c)
{
	const struct lambda_ListAliasesRequest *in = c->in;
	struct lambda_ListAliasesResponse *out = c->out;
	struct function_ref ref;
	struct str after = STR_NONE, key, value;
	uint32_t max = page_of(c, in->FunctionName, in->Marker, in->MaxItems, &ref, &after);
	if (max == 0)
		return;
	out->Aliases = LIST_OF(c->arena, struct lambda_AliasConfiguration, max);
	out->Aliases.n = 0;
	struct scan *s = call_scan(c, key_str(call_key(c, "alias"), ref.name), after, false);
	while (scan_next(s, &key, &value)) {
		struct lambda_AliasConfiguration *a = record_decode(c, &lambda_shape_AliasConfiguration, value);
		if (str_present(in->FunctionVersion) && !str_eq(in->FunctionVersion, a->FunctionVersion))
			continue;
		if (out->Aliases.n == max) {
			out->NextMarker = page_token(c->arena, after);
			break;
		}
		((struct lambda_AliasConfiguration *)out->Aliases.v)[out->Aliases.n++] = *a;
		after = arena_dup(c->arena, key);
	}
}
