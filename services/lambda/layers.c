/* Layers: ("layer", name, version) is a LayerRecord; ("layermeta", name) remembers the next number, which is never
 * used twice; ("layerpolicy", name, version) holds who may use it. */
#include "lambda.h"

static struct key *layer_key(struct call *c, struct str name, int64_t version)
{
	ASSERT(str_present(name));
	return key_u64(key_str(call_key(c, "layer"), name), (uint64_t)version);
}

/* A bare name or an ARN, with or without a version. */
static bool layer_ref(struct call *c, struct str text, struct str *name, int64_t *version)
{
	struct arn arn;
	*version = 0;
	*name = text;
	if (!str_starts(text, S("arn:")))
		return true;
	if (!arn_parse(text, &arn) || !str_starts(arn.resource, S("layer:"))) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid layer arn: %.*s", STR_ARG(text));
		return false;
	}
	struct str rest = str_slice(arn.resource, sizeof "layer:" - 1, arn.resource.n);
	*name = str_cut(&rest, ':');
	if (str_present(rest) && !str_to_i64(rest, version)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid layer version arn: %.*s", STR_ARG(text));
		return false;
	}
	return true;
}

static struct str version_arn(struct call *c, struct str name, int64_t version)
{
	return arena_printf(c->arena, "%.*s:%lld", STR_ARG(layer_arn(c, name)), (long long)version);
}

bool layers_resolve(struct call *c, const struct list *arns, struct list *layers, struct list *zips)
{
	if (arns->n > LAYERS_MAX) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Cannot reference more than 5 layers.");
		return false;
	}
	*layers = LIST_OF(c->arena, struct lambda_Layer, arns->n);
	*zips = LIST_OF(c->arena, struct str, arns->n);
	for (uint32_t i = 0; i < arns->n; i++) {
		struct str arn = *LIST_AT(*arns, struct str, i), name;
		int64_t version;
		if (!layer_ref(c, arn, &name, &version))
			return false;
		struct lambda_LayerRecord *l = version > 0 ? call_get(c, layer_key(c, name, version), &lambda_shape_LayerRecord) : NULL;
		if (l == NULL) {
			lambda_fail(c, &lambda_err_InvalidParameterValueException, "Layer version %.*s does not exist.", STR_ARG(arn));
			return false;
		}
		*LIST_AT(*layers, struct lambda_Layer, i) = (struct lambda_Layer){.Arn = arn, .CodeSize = l->Layer->Content->CodeSize};
		ASSERT(l->Zip.n == 64); /* a digest */
		*LIST_AT(*zips, struct str, i) = l->Zip;
	}
	return true;
}

static void authorize_layer(struct call *c, struct str text, int64_t version)
{
	struct str name;
	int64_t in_arn;
	if (!layer_ref(c, text, &name, &in_arn))
		return;
	authorize(c, NULL, version > 0 ? version_arn(c, name, version) : layer_arn(c, name), NULL);
}

void access_publish_layer_version(struct call *c)
{
	authorize_layer(c, ((const struct lambda_PublishLayerVersionRequest *)c->in)->LayerName, 0);
}

void op_publish_layer_version(struct call *c)
{
	const struct lambda_PublishLayerVersionRequest *in = c->in;
	struct lambda_PublishLayerVersionResponse *out = c->out;
	struct str name;
	int64_t version;
	struct code_stored code;
	const struct code_source source = {in->Content->ZipFile, in->Content->S3Bucket, in->Content->S3Key, in->Content->S3ObjectVersion};
	if (!layer_ref(c, in->LayerName, &name, &version) || !code_store(c, &source, &code))
		return;
	struct key *meta_at = key_str(call_key(c, "layermeta"), name);
	struct lambda_LayerMeta *meta = call_get(c, meta_at, &lambda_shape_LayerMeta);
	version = meta != NULL ? meta->NextVersion.v : 1;
	ASSERT(version > 0 && !txn_has(c->txn, key_bytes(layer_key(c, name, version)))); /* no number is used twice */
	struct lambda_LayerMeta next = {SOME_I64(version + 1)};
	call_put(c, meta_at, &lambda_shape_LayerMeta, &next);
	out->Content = arena_new_of(c->arena, struct lambda_LayerVersionContentOutput);
	out->Content->CodeSha256 = code.sha_base64;
	out->Content->CodeSize = SOME_I64(code.size);
	out->LayerArn = layer_arn(c, name);
	out->LayerVersionArn = version_arn(c, name, version);
	out->Description = str_present(in->Description) ? in->Description : S("");
	out->CreatedDate = lambda_time(c);
	out->Version = SOME_I64(version);
	out->CompatibleArchitectures = in->CompatibleArchitectures;
	out->CompatibleRuntimes = in->CompatibleRuntimes;
	out->LicenseInfo = in->LicenseInfo;
	struct lambda_LayerRecord record = {out, arena_dup(c->arena, str_c(code.sha_hex))};
	call_put(c, layer_key(c, name, version), &lambda_shape_LayerRecord, &record);
	out->Content->Location = code_url(c, record.Zip);
}

/* ---- reading ---- */

static void give_layer(struct call *c, struct str text, int64_t version)
{
	struct str name;
	int64_t in_arn;
	if (!layer_ref(c, text, &name, &in_arn))
		return;
	struct lambda_LayerRecord *l = call_get(c, layer_key(c, name, version > 0 ? version : in_arn), &lambda_shape_LayerRecord);
	if (l == NULL) {
		lambda_fail(c, &lambda_err_ResourceNotFoundException, "The resource you requested does not exist.");
		return;
	}
	ASSERT(l->Layer != NULL && l->Layer->Content != NULL && l->Zip.n == 64);
	const struct lambda_PublishLayerVersionResponse *from = l->Layer;
	from->Content->Location = code_url(c, l->Zip);
	*(struct lambda_GetLayerVersionResponse *)c->out = (struct lambda_GetLayerVersionResponse){.Content = from->Content,
		.LayerArn = from->LayerArn, .LayerVersionArn = from->LayerVersionArn, .Description = from->Description,
		.CreatedDate = from->CreatedDate, .Version = from->Version, .CompatibleArchitectures = from->CompatibleArchitectures,
		.CompatibleRuntimes = from->CompatibleRuntimes, .LicenseInfo = from->LicenseInfo};
}

void access_get_layer_version(struct call *c)
{
	const struct lambda_GetLayerVersionRequest *in = c->in;
	authorize_layer(c, in->LayerName, in->VersionNumber.v);
}

void op_get_layer_version(struct call *c)
{
	const struct lambda_GetLayerVersionRequest *in = c->in;
	give_layer(c, in->LayerName, in->VersionNumber.v);
}

void access_get_layer_version_by_arn(struct call *c)
{
	authorize(c, "lambda:GetLayerVersion", ((const struct lambda_GetLayerVersionByArnRequest *)c->in)->Arn, NULL);
}

void op_get_layer_version_by_arn(struct call *c) { give_layer(c, ((const struct lambda_GetLayerVersionByArnRequest *)c->in)->Arn, 0); }

void access_delete_layer_version(struct call *c)
{
	const struct lambda_DeleteLayerVersionRequest *in = c->in;
	authorize_layer(c, in->LayerName, in->VersionNumber.v);
}

void op_delete_layer_version(struct call *c)
{
	const struct lambda_DeleteLayerVersionRequest *in = c->in;
	struct str name;
	int64_t version;
	/* Functions that use it keep running: they know their zips. One that is not there is deleted. */
	if (layer_ref(c, in->LayerName, &name, &version))
		call_del(c, layer_key(c, name, in->VersionNumber.v));
}

static bool compatible(const struct lambda_PublishLayerVersionResponse *l, struct str runtime, struct str architecture)
{
	bool fits = !str_present(runtime);
	for (uint32_t i = 0; !fits && i < l->CompatibleRuntimes.n; i++)
		fits = str_eq(*LIST_AT(l->CompatibleRuntimes, struct str, i), runtime);
	if (!fits || !str_present(architecture))
		return fits;
	for (uint32_t i = 0; i < l->CompatibleArchitectures.n; i++) {
		if (str_eq(*LIST_AT(l->CompatibleArchitectures, struct str, i), architecture))
			return true;
	}
	return false;
}

static struct lambda_LayerVersionsListItem list_item(const struct lambda_PublishLayerVersionResponse *l)
{
	return (struct lambda_LayerVersionsListItem){.LayerVersionArn = l->LayerVersionArn, .Version = l->Version,
		.Description = l->Description, .CreatedDate = l->CreatedDate, .CompatibleArchitectures = l->CompatibleArchitectures,
		.CompatibleRuntimes = l->CompatibleRuntimes, .LicenseInfo = l->LicenseInfo};
}

void access_list_layers(struct call *c) { authorize(c, NULL, S("*"), NULL); }

/* Layers are few: a page is made from all of them. */
void op_list_layers(struct call *c)
{
	const struct lambda_ListLayersRequest *in = c->in;
	struct lambda_ListLayersResponse *out = c->out;
	struct str after = STR_NONE, key, value;
	if (!page_position(c->arena, in->Marker, &after)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid marker");
		return;
	}
	uint32_t max = in->MaxItems.set && in->MaxItems.v < 50 ? (uint32_t)in->MaxItems.v : 50;
	out->Layers = LIST_OF(c->arena, struct lambda_LayersListItem, max);
	out->Layers.n = 0;
	struct lambda_LayersListItem *v = out->Layers.v;
	struct scan *s = call_scan(c, call_key(c, "layer"), after, false);
	while (scan_next(s, &key, &value)) {
		struct lambda_LayerRecord *l = record_decode(c, &lambda_shape_LayerRecord, value);
		bool same = out->Layers.n > 0 && str_eq(v[out->Layers.n - 1].LayerArn, l->Layer->LayerArn);
		if (compatible(l->Layer, in->CompatibleRuntime, in->CompatibleArchitecture)) {
			if (!same && out->Layers.n == max) {
				out->NextMarker = page_token(c->arena, after);
				break;
			}
			if (!same) {
				struct str rest = l->Layer->LayerArn;
				v[out->Layers.n].LayerArn = l->Layer->LayerArn;
				v[out->Layers.n].LayerName = str_slice(rest, (size_t)str_rfind(rest, ':') + 1, rest.n);
				v[out->Layers.n++].LatestMatchingVersion = arena_new_of(c->arena, struct lambda_LayerVersionsListItem);
			}
			*v[out->Layers.n - 1].LatestMatchingVersion = list_item(l->Layer); /* in the order of versions: the last one stays */
		}
		after = arena_dup(c->arena, key);
	}
}

void access_list_layer_versions(struct call *c)
{
	authorize_layer(c, ((const struct lambda_ListLayerVersionsRequest *)c->in)->LayerName, 0);
}

void op_list_layer_versions(struct call *c)
{
	const struct lambda_ListLayerVersionsRequest *in = c->in;
	struct lambda_ListLayerVersionsResponse *out = c->out;
	struct str after = STR_NONE, key, value, name;
	int64_t version;
	if (!layer_ref(c, in->LayerName, &name, &version))
		return;
	if (!page_position(c->arena, in->Marker, &after)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid marker");
		return;
	}
	uint32_t max = in->MaxItems.set && in->MaxItems.v < 50 ? (uint32_t)in->MaxItems.v : 50;
	out->LayerVersions = LIST_OF(c->arena, struct lambda_LayerVersionsListItem, max);
	out->LayerVersions.n = 0;
	struct scan *s = call_scan(c, key_str(call_key(c, "layer"), name), after, true); /* newest first */
	while (scan_next(s, &key, &value)) {
		struct lambda_LayerRecord *l = record_decode(c, &lambda_shape_LayerRecord, value);
		if (!compatible(l->Layer, in->CompatibleRuntime, in->CompatibleArchitecture))
			continue;
		if (out->LayerVersions.n == max) {
			out->NextMarker = page_token(c->arena, after);
			break;
		}
		((struct lambda_LayerVersionsListItem *)out->LayerVersions.v)[out->LayerVersions.n++] = list_item(l->Layer);
		after = arena_dup(c->arena, key);
	}
}

/* ---- who may use it ---- */

static struct key *layer_policy_key(struct call *c, struct str name, int64_t version)
{
	return key_u64(key_str(call_key(c, "layerpolicy"), name), (uint64_t)version);
}

static bool need_layer(struct call *c, struct str text, int64_t version, struct str *name)
{
	int64_t in_arn;
	if (!layer_ref(c, text, name, &in_arn))
		return false;
	if (call_get(c, layer_key(c, *name, version), &lambda_shape_LayerRecord) != NULL)
		return true;
	lambda_fail(c, &lambda_err_ResourceNotFoundException, "Layer version %.*s does not exist.", STR_ARG(version_arn(c, *name, version)));
	return false;
}

void access_add_layer_permission(struct call *c)
{
	const struct lambda_AddLayerVersionPermissionRequest *in = c->in;
	authorize_layer(c, in->LayerName, in->VersionNumber.v);
}

void op_add_layer_permission(struct call *c)
{
	const struct lambda_AddLayerVersionPermissionRequest *in = c->in;
	struct lambda_AddLayerVersionPermissionResponse *out = c->out;
	struct arena *a = c->arena;
	struct str name;
	if (!need_layer(c, in->LayerName, in->VersionNumber.v, &name))
		return;
	struct key *k = layer_policy_key(c, name, in->VersionNumber.v);
	struct lambda_PolicyRecord *p = statements_get(c, k, in->RevisionId);
	if (p == NULL)
		return;
	struct str who = in->Principal.n == 12 ? arena_printf(a, "{\"AWS\":\"arn:aws:iam::%.*s:root\"}", STR_ARG(in->Principal))
		: str_eq(in->Principal, S("*")) ? S("\"*\"") : arena_printf(a, "{\"AWS\":\"%.*s\"}", STR_ARG(in->Principal));
	struct str org = str_present(in->OrganizationId)
		? arena_printf(a, ",\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"%.*s\"}}", STR_ARG(in->OrganizationId)) : S("");
	struct str text = arena_printf(a, "{\"Sid\":\"%.*s\",\"Effect\":\"Allow\",\"Principal\":%.*s,\"Action\":\"%.*s\",\"Resource\":\"%.*s\"%.*s}",
		STR_ARG(in->StatementId), STR_ARG(who), STR_ARG(in->Action), STR_ARG(version_arn(c, name, in->VersionNumber.v)), STR_ARG(org));
	if (!statement_add(c, k, p, in->StatementId, text))
		return;
	out->Statement = text;
	out->RevisionId = p->RevisionId;
}

void access_remove_layer_permission(struct call *c)
{
	const struct lambda_RemoveLayerVersionPermissionRequest *in = c->in;
	authorize_layer(c, in->LayerName, in->VersionNumber.v);
}

void op_remove_layer_permission(struct call *c)
{
	const struct lambda_RemoveLayerVersionPermissionRequest *in = c->in;
	struct str name;
	if (!need_layer(c, in->LayerName, in->VersionNumber.v, &name))
		return;
	struct key *k = layer_policy_key(c, name, in->VersionNumber.v);
	struct lambda_PolicyRecord *p = statements_get(c, k, in->RevisionId);
	if (p != NULL)
		statement_remove(c, k, p, in->StatementId);
}

void access_get_layer_policy(struct call *c)
{
	const struct lambda_GetLayerVersionPolicyRequest *in = c->in;
	authorize_layer(c, in->LayerName, in->VersionNumber.v);
}

void op_get_layer_policy(struct call *c)
{
	const struct lambda_GetLayerVersionPolicyRequest *in = c->in;
	struct lambda_GetLayerVersionPolicyResponse *out = c->out;
	struct str name;
	if (!need_layer(c, in->LayerName, in->VersionNumber.v, &name))
		return;
	struct lambda_PolicyRecord *p = call_get(c, layer_policy_key(c, name, in->VersionNumber.v), &lambda_shape_PolicyRecord);
	if (p == NULL) {
		lambda_fail(c, &lambda_err_ResourceNotFoundException, "No policy is associated with the given resource.");
		return;
	}
	out->Policy = policy_text(c, p);
	out->RevisionId = p->RevisionId;
}
