/* What belongs to a function but not to its configuration: tags, reserved concurrency, recursion, event invoke
 * configurations; and the account's limits. */
#include "lambda.h"

static bool need_function(struct call *c, struct str name, struct str qualifier, struct function_ref *ref, struct lambda_FunctionMeta **meta)
{
	if (!function_ref_of(c, name, qualifier, ref))
		return false;
	*meta = meta_get(c, ref->name);
	if (*meta == NULL)
		function_missing(c, ref->name, ref->qualifier);
	return *meta != NULL;
}

static void meta_put(struct call *c, struct str name, const struct lambda_FunctionMeta *meta)
{
	ASSERT(name.n > 0 && name.n <= 64 && (!meta->Reserved.set || (meta->Reserved.v >= 0 && meta->Reserved.v <= ACCOUNT_CONCURRENCY)));
	call_put(c, meta_key(c, name), &lambda_shape_FunctionMeta, meta);
}

/* ---- tags, of functions and event source mappings ---- */

struct tagged { struct key *key; struct map_of *tags; const struct shape *shape; void *record; };

static bool tagged_get(struct call *c, struct str arn, struct tagged *t)
{
	ptrdiff_t at = str_find_str(arn, S(":event-source-mapping:"));
	if (at >= 0) {
		size_t from = (size_t)at + sizeof ":event-source-mapping:" - 1;
		t->key = key_str(call_key(c, "mapping"), str_slice(arn, from, arn.n));
		t->shape = &lambda_shape_MappingRecord;
		struct lambda_MappingRecord *m = call_get(c, t->key, t->shape);
		t->record = m;
		t->tags = m != NULL ? &m->Tags : NULL;
		if (m == NULL)
			lambda_fail(c, &lambda_err_ResourceNotFoundException, "The resource you requested does not exist.");
		return m != NULL;
	}
	struct function_ref ref;
	struct lambda_FunctionMeta *meta;
	if (!need_function(c, arn, STR_NONE, &ref, &meta))
		return false;
	*t = (struct tagged){meta_key(c, ref.name), &meta->Tags, &lambda_shape_FunctionMeta, meta};
	return true;
}

void access_tag_resource(struct call *c)
{
	const struct lambda_TagResourceRequest *in = c->in;
	authorize(c, NULL, in->Resource, NULL);
}

void op_tag_resource(struct call *c)
{
	const struct lambda_TagResourceRequest *in = c->in;
	struct tagged t;
	if (!tagged_get(c, in->Resource, &t))
		return;
	uint32_t n = t.tags->n;
	struct lambda_Tags_entry *all = arena_array(c->arena, struct lambda_Tags_entry, n + in->Tags.n);
	if (n > 0)
		memcpy(all, t.tags->v, n * sizeof *all);
	const struct lambda_Tags_entry *more = in->Tags.v;
	for (uint32_t i = 0; i < in->Tags.n; i++) {
		uint32_t at = 0;
		while (at < n && !str_eq(all[at].key, more[i].key))
			at++;
		all[at] = more[i];
		n += at == n;
	}
	if (n > 50) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Number of tags exceeds resource tag limit.");
		return;
	}
	ASSERT(t.key != NULL && t.record != NULL);
	*t.tags = (struct map_of){all, n, true};
	call_put(c, t.key, t.shape, t.record);
}

void access_untag_resource(struct call *c)
{
	const struct lambda_UntagResourceRequest *in = c->in;
	authorize(c, NULL, in->Resource, NULL);
}

void op_untag_resource(struct call *c)
{
	const struct lambda_UntagResourceRequest *in = c->in;
	struct tagged t;
	if (!tagged_get(c, in->Resource, &t))
		return;
	struct lambda_Tags_entry *v = t.tags->v;
	uint32_t n = 0;
	for (uint32_t i = 0; i < t.tags->n; i++) {
		bool drop = false;
		for (uint32_t k = 0; k < in->TagKeys.n; k++)
			drop = drop || str_eq(v[i].key, *LIST_AT(in->TagKeys, struct str, k));
		if (!drop)
			v[n++] = v[i];
	}
	ASSERT(n <= t.tags->n);
	t.tags->n = n;
	call_put(c, t.key, t.shape, t.record);
}

void access_list_tags(struct call *c)
{
	const struct lambda_ListTagsRequest *in = c->in;
	authorize(c, NULL, in->Resource, NULL);
}

void op_list_tags(struct call *c)
{
	const struct lambda_ListTagsRequest *in = c->in;
	struct tagged t;
	if (tagged_get(c, in->Resource, &t)) {
		((struct lambda_ListTagsResponse *)c->out)->Tags = *t.tags;
		((struct lambda_ListTagsResponse *)c->out)->Tags.set = true;
	}
}

/* ---- concurrency ---- */

static int64_t reserved_total(struct call *c, struct str but)
{
	int64_t total = 0;
	struct str key, value, name;
	struct key *prefix = call_key(c, "meta");
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		struct key_reader r = key_reader_of(str_slice(key, key_bytes(prefix).n, key.n));
		struct lambda_FunctionMeta *m = record_decode(c, &lambda_shape_FunctionMeta, value);
		if (key_read_str(&r, c->arena, &name) && !str_eq(name, but) && m->Reserved.set)
			total += m->Reserved.v;
	}
	return total;
}

void access_put_concurrency(struct call *c)
{
	const struct lambda_PutFunctionConcurrencyRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_put_concurrency(struct call *c)
{
	const struct lambda_PutFunctionConcurrencyRequest *in = c->in;
	struct function_ref ref;
	struct lambda_FunctionMeta *meta;
	if (!need_function(c, in->FunctionName, STR_NONE, &ref, &meta))
		return;
	if (ACCOUNT_CONCURRENCY - reserved_total(c, ref.name) - in->ReservedConcurrentExecutions.v < 100) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Specified ReservedConcurrentExecutions for function decreases account's "
			"UnreservedConcurrentExecution below its minimum value of [100].");
		return;
	}
	meta->Reserved = in->ReservedConcurrentExecutions;
	meta_put(c, ref.name, meta);
	((struct lambda_Concurrency *)c->out)->ReservedConcurrentExecutions = meta->Reserved;
}

void access_get_concurrency(struct call *c)
{
	const struct lambda_GetFunctionConcurrencyRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_get_concurrency(struct call *c)
{
	const struct lambda_GetFunctionConcurrencyRequest *in = c->in;
	struct function_ref ref;
	struct lambda_FunctionMeta *meta;
	if (need_function(c, in->FunctionName, STR_NONE, &ref, &meta))
		((struct lambda_GetFunctionConcurrencyResponse *)c->out)->ReservedConcurrentExecutions = meta->Reserved;
}

void access_delete_concurrency(struct call *c)
{
	const struct lambda_DeleteFunctionConcurrencyRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_delete_concurrency(struct call *c)
{
	const struct lambda_DeleteFunctionConcurrencyRequest *in = c->in;
	struct function_ref ref;
	struct lambda_FunctionMeta *meta;
	if (!need_function(c, in->FunctionName, STR_NONE, &ref, &meta))
		return;
	meta->Reserved.set = false;
	meta_put(c, ref.name, meta);
}

void access_get_account_settings(struct call *c) { authorize(c, NULL, S("*"), NULL); }

void op_get_account_settings(struct call *c)
{
	struct lambda_GetAccountSettingsResponse *out = c->out;
	int64_t functions = 0, bytes = 0;
	struct str key, value;
	struct scan *s = call_scan(c, call_key(c, "fn"), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		struct lambda_FunctionRecord *f = record_decode(c, &lambda_shape_FunctionRecord, value);
		functions += str_eq(f->Config->Version, S("$LATEST"));
		bytes += f->Config->CodeSize.v;
	}
	out->AccountLimit = arena_new_of(c->arena, struct lambda_AccountLimit);
	*out->AccountLimit = (struct lambda_AccountLimit){SOME_I64(80530636800), SOME_I64(UNZIPPED_MAX), SOME_I64(ZIP_MAX),
		SOME_I64(ACCOUNT_CONCURRENCY), SOME_I64(ACCOUNT_CONCURRENCY - reserved_total(c, STR_NONE))};
	out->AccountUsage = arena_new_of(c->arena, struct lambda_AccountUsage);
	*out->AccountUsage = (struct lambda_AccountUsage){SOME_I64(bytes), SOME_I64(functions)};
}

/* ---- recursion, runtime management ---- */

void access_put_recursion(struct call *c)
{
	const struct lambda_PutFunctionRecursionConfigRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_put_recursion(struct call *c)
{
	const struct lambda_PutFunctionRecursionConfigRequest *in = c->in;
	if (str_eq(in->RecursiveLoop, S("Terminate"))) {
		call_unsupported(c, "loops are not detected; RecursiveLoop can only be Allow");
		return;
	}
	struct function_ref ref;
	struct lambda_FunctionMeta *meta;
	if (!need_function(c, in->FunctionName, STR_NONE, &ref, &meta))
		return;
	meta->RecursiveLoop = in->RecursiveLoop;
	meta_put(c, ref.name, meta);
	((struct lambda_PutFunctionRecursionConfigResponse *)c->out)->RecursiveLoop = in->RecursiveLoop;
}

void access_get_recursion(struct call *c)
{
	const struct lambda_GetFunctionRecursionConfigRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_get_recursion(struct call *c)
{
	const struct lambda_GetFunctionRecursionConfigRequest *in = c->in;
	struct function_ref ref;
	struct lambda_FunctionMeta *meta;
	if (need_function(c, in->FunctionName, STR_NONE, &ref, &meta)) /* loops are never ended here: that is Allow */
		((struct lambda_GetFunctionRecursionConfigResponse *)c->out)->RecursiveLoop = S("Allow");
}

void access_get_runtime_management(struct call *c)
{
	const struct lambda_GetRuntimeManagementConfigRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_get_runtime_management(struct call *c)
{
	const struct lambda_GetRuntimeManagementConfigRequest *in = c->in;
	struct lambda_GetRuntimeManagementConfigResponse *out = c->out;
	struct function_ref ref;
	struct lambda_FunctionMeta *meta;
	if (!need_function(c, in->FunctionName, in->Qualifier, &ref, &meta))
		return;
	out->UpdateRuntimeOn = S("Auto");
	out->FunctionArn = function_arn(c, ref.name, ref.qualifier);
}

/* ---- event invoke configurations: ("eventconfig", name, qualifier) ---- */

static struct key *event_config_key(struct call *c, struct str name, struct str qualifier)
{
	return key_str(key_str(call_key(c, "eventconfig"), name), str_present(qualifier) ? qualifier : S("$LATEST"));
}

struct lambda_FunctionEventInvokeConfig *event_config_get(struct call *c, struct str name, struct str qualifier)
{
	return call_get(c, event_config_key(c, name, qualifier), &lambda_shape_FunctionEventInvokeConfig);
}

static bool destination_ok(struct call *c, struct str arn)
{
	struct arn a;
	if (!str_present(arn) || arn.n == 0)
		return true;
	if (arn_parse(arn, &a) && (str_eq(a.service, S("sqs")) || str_eq(a.service, S("sns")) || str_eq(a.service, S("lambda")) ||
	                           str_eq(a.service, S("events"))))
		return true;
	if (arn_parse(arn, &a) && str_eq(a.service, S("s3")))
		call_unsupported(c, "S3 as a destination is not supported");
	else
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "The provided destination config DestinationConfig is invalid.");
	return false;
}

static void event_config_store(struct call *c, struct str function, struct str qualifier, struct opt_i64 retries, struct opt_i64 age,
                               const struct lambda_DestinationConfig *to, bool update)
{
	struct function_ref ref;
	struct str version;
	if (!function_ref_of(c, function, qualifier, &ref) || function_resolve(c, &ref, &version) == NULL)
		return;
	if (to != NULL && ((to->OnSuccess != NULL && !destination_ok(c, to->OnSuccess->Destination)) ||
	                   (to->OnFailure != NULL && !destination_ok(c, to->OnFailure->Destination))))
		return;
	struct lambda_FunctionEventInvokeConfig *k = update ? event_config_get(c, ref.name, ref.qualifier) : NULL;
	if (update && k == NULL) {
		struct str arn = function_arn(c, ref.name, str_present(ref.qualifier) ? ref.qualifier : S("$LATEST"));
		lambda_fail(c, &lambda_err_ResourceNotFoundException, "The function %.*s doesn't have an EventInvokeConfig", STR_ARG(arn));
		return;
	}
	if (k == NULL)
		k = arena_new_of(c->arena, struct lambda_FunctionEventInvokeConfig);
	k->LastModified = SOME_TIME(c->now_ms);
	k->FunctionArn = function_arn(c, ref.name, str_present(ref.qualifier) ? ref.qualifier : S("$LATEST"));
	if (retries.set)
		k->MaximumRetryAttempts = retries;
	if (age.set)
		k->MaximumEventAgeInSeconds = age;
	if (to != NULL)
		k->DestinationConfig = (struct lambda_DestinationConfig *)to;
	if (k->DestinationConfig == NULL)
		k->DestinationConfig = arena_new_of(c->arena, struct lambda_DestinationConfig);
	if (k->DestinationConfig->OnSuccess == NULL)
		k->DestinationConfig->OnSuccess = arena_new_of(c->arena, struct lambda_OnSuccess);
	if (k->DestinationConfig->OnFailure == NULL)
		k->DestinationConfig->OnFailure = arena_new_of(c->arena, struct lambda_OnFailure);
	ASSERT(k->DestinationConfig->OnSuccess != NULL && k->DestinationConfig->OnFailure != NULL); /* who delivers looks into both */
	call_put(c, event_config_key(c, ref.name, ref.qualifier), &lambda_shape_FunctionEventInvokeConfig, k);
	*(struct lambda_FunctionEventInvokeConfig *)c->out = *k;
}

void access_put_event_config(struct call *c)
{
	const struct lambda_PutFunctionEventInvokeConfigRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_put_event_config(struct call *c)
{
	const struct lambda_PutFunctionEventInvokeConfigRequest *in = c->in;
	event_config_store(c, in->FunctionName, in->Qualifier, in->MaximumRetryAttempts, in->MaximumEventAgeInSeconds, in->DestinationConfig, false);
}

void access_update_event_config(struct call *c)
{
	const struct lambda_UpdateFunctionEventInvokeConfigRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_update_event_config(struct call *c)
{
	const struct lambda_UpdateFunctionEventInvokeConfigRequest *in = c->in;
	event_config_store(c, in->FunctionName, in->Qualifier, in->MaximumRetryAttempts, in->MaximumEventAgeInSeconds, in->DestinationConfig, true);
}

static struct lambda_FunctionEventInvokeConfig *event_config_need(struct call *c, struct str function, struct str qualifier, struct function_ref *ref)
{
	struct str version;
	if (!function_ref_of(c, function, qualifier, ref) || function_resolve(c, ref, &version) == NULL)
		return NULL;
	struct lambda_FunctionEventInvokeConfig *k = event_config_get(c, ref->name, ref->qualifier);
	struct str arn = function_arn(c, ref->name, str_present(ref->qualifier) ? ref->qualifier : S("$LATEST"));
	if (k == NULL)
		lambda_fail(c, &lambda_err_ResourceNotFoundException, "The function %.*s doesn't have an EventInvokeConfig", STR_ARG(arn));
	return k;
}

void access_get_event_config(struct call *c)
{
	const struct lambda_GetFunctionEventInvokeConfigRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_get_event_config(struct call *c)
{
	const struct lambda_GetFunctionEventInvokeConfigRequest *in = c->in;
	struct function_ref ref;
	struct lambda_FunctionEventInvokeConfig *k = event_config_need(c, in->FunctionName, in->Qualifier, &ref);
	if (k != NULL)
		*(struct lambda_FunctionEventInvokeConfig *)c->out = *k;
}

void access_delete_event_config(struct call *c)
{
	const struct lambda_DeleteFunctionEventInvokeConfigRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

void op_delete_event_config(struct call *c)
{
	const struct lambda_DeleteFunctionEventInvokeConfigRequest *in = c->in;
	struct function_ref ref;
	if (event_config_need(c, in->FunctionName, in->Qualifier, &ref) != NULL)
		call_del(c, event_config_key(c, ref.name, ref.qualifier));
}

void access_list_event_configs(struct call *c)
{
	const struct lambda_ListFunctionEventInvokeConfigsRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_list_event_configs(struct call *c)
{
	const struct lambda_ListFunctionEventInvokeConfigsRequest *in = c->in;
	struct lambda_ListFunctionEventInvokeConfigsResponse *out = c->out;
	struct function_ref ref;
	struct lambda_FunctionMeta *meta;
	struct str after = STR_NONE, key, value;
	if (!need_function(c, in->FunctionName, STR_NONE, &ref, &meta))
		return;
	if (!page_position(c->arena, in->Marker, &after)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid marker");
		return;
	}
	uint32_t max = in->MaxItems.set && in->MaxItems.v < 50 ? (uint32_t)in->MaxItems.v : 50;
	out->FunctionEventInvokeConfigs = LIST_OF(c->arena, struct lambda_FunctionEventInvokeConfig, max);
	out->FunctionEventInvokeConfigs.n = 0;
	struct scan *s = call_scan(c, key_str(call_key(c, "eventconfig"), ref.name), after, false);
	while (scan_next(s, &key, &value)) {
		if (out->FunctionEventInvokeConfigs.n == max) {
			out->NextMarker = page_token(c->arena, after);
			break;
		}
		struct lambda_FunctionEventInvokeConfig *k = record_decode(c, &lambda_shape_FunctionEventInvokeConfig, value);
		((struct lambda_FunctionEventInvokeConfig *)out->FunctionEventInvokeConfigs.v)[out->FunctionEventInvokeConfigs.n++] = *k;
		after = arena_dup(c->arena, key);
	}
}
