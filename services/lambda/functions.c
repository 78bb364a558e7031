/* Functions: create, read, list, delete; and how their records lie in the store.
 *
 * ("fn", name, version) is a FunctionRecord, version "$LATEST" or a number as text of 20 digits kept in order;
 * ("meta", name) is what all versions share. A function is there exactly when its meta record is. */
#include "lambda.h"

#include "engine.h"
#include "functions.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- records ---- */

/* Numbers must lie in their order. */
static struct str version_order(struct call *c, struct str version)
{
	uint64_t n;
	return is_version_number(version) && str_to_u64(version, &n) ? arena_printf(c->arena, "%020llu", (unsigned long long)n) : version;
}

struct key *function_key(struct call *c, struct str name, struct str version)
{
	ASSERT(name.n > 0 && str_present(version));
	return key_str(key_str(call_key(c, "fn"), name), version_order(c, version));
}

struct key *meta_key(struct call *c, struct str name) { return key_str(call_key(c, "meta"), name); }

struct lambda_FunctionRecord *function_get(struct call *c, struct str name, struct str version)
{
	return call_get(c, function_key(c, name, version), &lambda_shape_FunctionRecord);
}

struct lambda_FunctionMeta *meta_get(struct call *c, struct str name)
{
	return call_get(c, meta_key(c, name), &lambda_shape_FunctionMeta);
}

struct lambda_FunctionRecord *function_resolve(struct call *c, const struct function_ref *ref, struct str *version)
{
	*version = str_present(ref->qualifier) ? ref->qualifier : S("$LATEST");
	if (!str_eq(*version, S("$LATEST")) && !is_version_number(*version)) {
		struct lambda_AliasConfiguration *alias = alias_get(c, ref->name, *version);
		if (alias == NULL) {
			function_missing(c, ref->name, ref->qualifier);
			return NULL;
		}
		*version = alias_pick(c, alias);
	}
	struct lambda_FunctionRecord *f = function_get(c, ref->name, *version);
	if (f == NULL)
		function_missing(c, ref->name, ref->qualifier);
	return f;
}

void function_save(struct call *c, struct lambda_FunctionRecord *f)
{
	ASSERT(txn_writable(c->txn) && f->Zip.n == 64 && f->Config->Timeout.v > 0 && f->Config->MemorySize.v > 0);
	f->Config->RevisionId = new_uuid(c);
	call_put(c, function_key(c, f->Config->FunctionName, f->Config->Version), &lambda_shape_FunctionRecord, f);
}

/* ---- checks ---- */

static const char *const runtimes[] = {"provided.al2", "provided.al2023", "python3.", "nodejs"};

static bool runtime_check(struct call *c, struct str runtime)
{
	for (size_t i = 0; i < COUNT_OF(runtimes); i++) {
		struct str known = str_c(runtimes[i]);
		if (i < 2 ? str_eq(runtime, known) : str_starts(runtime, known))
			return true;
	}
	call_unsupported(c, "functions with the runtime %.*s are not supported: provided.al2, provided.al2023, python3.x and nodejs2x.x are",
		STR_ARG(runtime));
	return false;
}

/* Parameters that would matter and are not done. */
bool config_refuse(struct call *c, const struct refused_parts *r)
{
	const char *what = NULL;
	if (r->VpcConfig != NULL && r->VpcConfig->SubnetIds.n > 0)
		what = "VpcConfig";
	else if (r->FileSystemConfigs != NULL && r->FileSystemConfigs->n > 0)
		what = "FileSystemConfigs";
	else if (r->ImageConfig != NULL)
		what = "ImageConfig";
	else if (r->SnapStart != NULL && str_eq(r->SnapStart->ApplyOn, S("PublishedVersions")))
		what = "SnapStart";
	else if (r->CapacityProviderConfig != NULL)
		what = "CapacityProviderConfig";
	else if (r->DurableConfig != NULL)
		what = "DurableConfig";
	else if (r->TenancyConfig != NULL)
		what = "TenancyConfig";
	else if (str_present(r->PublishTo))
		what = "PublishTo";
	else if (str_present(r->CodeSigningConfigArn) && r->CodeSigningConfigArn.n > 0)
		what = "CodeSigningConfigArn";
	else if (str_present(r->ImageUri))
		what = "ImageUri (functions from container images)";
	if (what != NULL)
		call_unsupported(c, "%s of a function is not supported", what);
	return what == NULL;
}

static bool reserved_name(struct str name)
{
	static const char *const names[] = {"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT",
		"LAMBDA_RUNTIME_DIR"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (str_eq(name, str_c(names[i])))
			return true;
	}
	return false;
}

static bool environment_check(struct call *c, const struct lambda_Environment *e)
{
	size_t total = 0;
	for (uint32_t i = 0; e != NULL && i < e->Variables.n; i++) {
		const struct lambda_EnvironmentVariables_entry *v = (const struct lambda_EnvironmentVariables_entry *)e->Variables.v + i;
		total += v->key.n + v->value.n;
		if (reserved_name(v->key)) {
			lambda_fail(c, &lambda_err_InvalidParameterValueException,
				"Lambda was unable to configure your environment variables because the environment variables you have provided "
				"contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %.*s",
				STR_ARG(v->key));
			return false;
		}
	}
	if (total > ENV_MAX)
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Lambda was unable to configure your environment variables "
			"because the environment variables you have provided exceeded the 4KB limit. String measured: %zu", total);
	return total <= ENV_MAX;
}

static bool dead_letter_check(struct call *c, const struct lambda_DeadLetterConfig *d)
{
	if (d == NULL || d->TargetArn.n == 0 || str_starts(d->TargetArn, S("arn:aws:sqs:")) || str_starts(d->TargetArn, S("arn:aws:sns:")))
		return true;
	lambda_fail(c, &lambda_err_InvalidParameterValueException, "The provided target is not supported: %.*s", STR_ARG(d->TargetArn));
	return false;
}

/* ---- configuration ---- */

/* Levels are of the JSON format only: "Log-level filtering" (developer guide). false: c has failed. */
static bool logging_apply(struct call *c, struct lambda_FunctionConfiguration *k, const struct lambda_LoggingConfig *in)
{
	struct lambda_LoggingConfig *l = arena_new_of(c->arena, struct lambda_LoggingConfig);
	ASSERT(k->LoggingConfig != NULL);
	*l = *k->LoggingConfig;
	if (str_present(in->LogFormat))
		l->LogFormat = in->LogFormat;
	if (str_present(in->LogGroup))
		l->LogGroup = in->LogGroup;
	bool json = str_eq(l->LogFormat, S("JSON"));
	if (!json && (str_present(in->ApplicationLogLevel) || str_present(in->SystemLogLevel))) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Log level is not supported when LogFormat is set to \"Text\". Remove log level "
			"from your request or change the LogFormat to \"JSON\" and try again.");
		return false;
	}
	const struct { struct str *to, from; } levels[] = {{&l->ApplicationLogLevel, in->ApplicationLogLevel},
		{&l->SystemLogLevel, in->SystemLogLevel}};
	for (size_t i = 0; i < COUNT_OF(levels); i++) {
		if (!json)
			*levels[i].to = STR_NONE;
		else if (str_present(levels[i].from))
			*levels[i].to = levels[i].from;
		else if (!str_present(*levels[i].to))
			*levels[i].to = S("INFO");
	}
	k->LoggingConfig = l;
	return true;
}

/* Put what the request gives into the record's configuration. false: c has failed. */
bool config_apply(struct call *c, struct lambda_FunctionRecord *f, const struct config_parts *p)
{
	struct lambda_FunctionConfiguration *k = f->Config;
	if (str_present(p->Runtime) && !runtime_check(c, p->Runtime))
		return false;
	if (!environment_check(c, p->Environment) || !dead_letter_check(c, p->DeadLetterConfig))
		return false;
	if (str_present(p->Role) && !authorize_pass_role(c, p->Role, "lambda.amazonaws.com"))
		return false;
	if (p->Layers->set && !layers_resolve(c, p->Layers, &k->Layers, &f->LayerZips))
		return false;
	const struct { struct str *to, from; } texts[] = {{&k->Runtime, p->Runtime}, {&k->Role, p->Role}, {&k->Handler, p->Handler},
		{&k->Description, p->Description}, {&k->KMSKeyArn, p->KMSKeyArn}};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (str_present(texts[i].from))
			*texts[i].to = texts[i].from;
	}
	if (p->Timeout.set)
		k->Timeout = p->Timeout;
	if (p->MemorySize.set)
		k->MemorySize = p->MemorySize;
	if (p->Environment != NULL) {
		k->Environment = arena_new_of(c->arena, struct lambda_EnvironmentResponse);
		k->Environment->Variables = p->Environment->Variables;
		if (p->Environment->Variables.n == 0)
			k->Environment = NULL;
	}
	if (p->DeadLetterConfig != NULL)
		k->DeadLetterConfig = p->DeadLetterConfig->TargetArn.n > 0 ? (struct lambda_DeadLetterConfig *)p->DeadLetterConfig : NULL;
	if (p->TracingConfig != NULL) {
		k->TracingConfig = arena_new_of(c->arena, struct lambda_TracingConfigResponse);
		k->TracingConfig->Mode = p->TracingConfig->Mode;
	}
	if (p->EphemeralStorage != NULL)
		k->EphemeralStorage = (struct lambda_EphemeralStorage *)p->EphemeralStorage;
	return p->LoggingConfig == NULL || logging_apply(c, k, p->LoggingConfig);
}

static void config_defaults(struct call *c, struct lambda_FunctionConfiguration *k)
{
	k->Description = S("");
	k->Timeout = SOME_I64(3);
	k->MemorySize = SOME_I64(128);
	k->Version = S("$LATEST");
	k->State = S("Active");
	k->LastUpdateStatus = S("Successful");
	k->PackageType = S("Zip");
	k->LastModified = lambda_time(c);
	k->TracingConfig = arena_new_of(c->arena, struct lambda_TracingConfigResponse);
	k->TracingConfig->Mode = S("PassThrough");
	k->EphemeralStorage = arena_new_of(c->arena, struct lambda_EphemeralStorage);
	k->EphemeralStorage->Size = SOME_I64(512);
	k->SnapStart = arena_new_of(c->arena, struct lambda_SnapStartResponse);
	k->SnapStart->ApplyOn = S("None");
	k->SnapStart->OptimizationStatus = S("Off");
	k->LoggingConfig = arena_new_of(c->arena, struct lambda_LoggingConfig);
	k->LoggingConfig->LogFormat = S("Text");
	k->LoggingConfig->LogGroup = arena_join(c->arena, S("/aws/lambda/"), k->FunctionName);
	k->Architectures = LIST_OF(c->arena, struct str, 1);
	*LIST_AT(k->Architectures, struct str, 0) = host_architecture();
}

struct str host_architecture(void)
{
#if defined(__aarch64__)
	return S("arm64");
#else
	return S("x86_64");
#endif
}

bool architectures_check(struct call *c, const struct list *l)
{
	for (uint32_t i = 0; l->set && i < l->n; i++) {
		if (str_eq(*LIST_AT(*l, struct str, i), host_architecture()))
			continue;
		call_unsupported(c, "functions of the architecture %.*s cannot run on this machine", STR_ARG(*LIST_AT(*l, struct str, i)));
		return false;
	}
	return true;
}

void config_set_code(struct lambda_FunctionRecord *f, struct call *c, const struct code_stored *code)
{
	ASSERT(strlen(code->sha_hex) == 64 && code->size > 0 && !code->parked);
	f->Zip = arena_dup(c->arena, str_c(code->sha_hex));
	f->Config->CodeSha256 = code->sha_base64;
	f->Config->CodeSize = SOME_I64(code->size);
}

void access_create_function(struct call *c)
{
	const struct lambda_CreateFunctionRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

static bool create_check(struct call *c, const struct lambda_CreateFunctionRequest *in, struct function_ref *ref)
{
	if (!function_ref_of(c, in->FunctionName, STR_NONE, ref))
		return false;
	const struct refused_parts refused = {in->VpcConfig, &in->FileSystemConfigs, in->ImageConfig, in->SnapStart,
		in->CapacityProviderConfig, in->DurableConfig, in->TenancyConfig, in->PublishTo, in->CodeSigningConfigArn,
		in->Code != NULL ? in->Code->ImageUri : STR_NONE};
	if (!config_refuse(c, &refused) || !architectures_check(c, &in->Architectures))
		return false;
	if (str_eq(in->PackageType, S("Image"))) {
		call_unsupported(c, "functions from container images are not supported");
		return false;
	}
	if (!str_present(in->Runtime) || !str_present(in->Handler)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException,
			"Runtime and Handler are mandatory parameters for functions created with deployment packages.");
		return false;
	}
	if (meta_get(c, ref->name) != NULL) {
		lambda_fail(c, &lambda_err_ResourceConflictException, "Function already exist: %.*s", STR_ARG(ref->name));
		return false;
	}
	return true;
}

void op_create_function(struct call *c)
{
	const struct lambda_CreateFunctionRequest *in = c->in;
	struct function_ref ref;
	if (!create_check(c, in, &ref))
		return;
	struct lambda_FunctionRecord *f = arena_new_of(c->arena, struct lambda_FunctionRecord);
	struct lambda_FunctionConfiguration *k = f->Config = arena_new_of(c->arena, struct lambda_FunctionConfiguration);
	k->FunctionName = ref.name;
	k->FunctionArn = function_arn(c, ref.name, STR_NONE);
	config_defaults(c, k);
	const struct config_parts parts = {in->Runtime, in->Role, in->Handler, in->Description, in->KMSKeyArn, in->Timeout,
		in->MemorySize, in->Environment, in->DeadLetterConfig, in->TracingConfig, in->EphemeralStorage, in->LoggingConfig,
		&in->Layers};
	if (!config_apply(c, f, &parts))
		return;
	struct code_stored code;
	const struct code_source source = {in->Code->ZipFile, in->Code->S3Bucket, in->Code->S3Key, in->Code->S3ObjectVersion};
	if (!code_store(c, &source, &code))
		return;
	config_set_code(f, c, &code);
	struct lambda_FunctionMeta meta = {.Tags = in->Tags, .NextVersion = SOME_I64(1)};
	call_put(c, meta_key(c, ref.name), &lambda_shape_FunctionMeta, &meta);
	function_save(c, f);
	if (in->Publish.v && (f = version_publish(c, ref.name, STR_NONE)) == NULL)
		return;
	*(struct lambda_FunctionConfiguration *)c->out = *f->Config;
}

/* ---- reading ---- */

void access_get_function(struct call *c)
{
	const struct lambda_GetFunctionRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

/* As the configuration is shown under a qualifier: its ARN carries it. */
static struct lambda_FunctionConfiguration *config_for(struct call *c, const struct function_ref *ref)
{
	struct str version;
	struct lambda_FunctionRecord *f = function_resolve(c, ref, &version);
	if (f == NULL)
		return NULL;
	if (str_present(ref->qualifier))
		f->Config->FunctionArn = function_arn(c, ref->name, ref->qualifier);
	return f->Config;
}

void op_get_function(struct call *c)
{
	const struct lambda_GetFunctionRequest *in = c->in;
	struct lambda_GetFunctionResponse *out = c->out;
	struct function_ref ref;
	if (!function_ref_of(c, in->FunctionName, in->Qualifier, &ref) || (out->Configuration = config_for(c, &ref)) == NULL)
		return;
	struct lambda_FunctionRecord *f = function_get(c, ref.name, out->Configuration->Version);
	out->Code = arena_new_of(c->arena, struct lambda_FunctionCodeLocation);
	out->Code->RepositoryType = S("S3");
	out->Code->Location = code_url(c, f->Zip);
	struct lambda_FunctionMeta *meta = meta_get(c, ref.name);
	ASSERT(meta != NULL);
	if (meta->Tags.n > 0)
		out->Tags = meta->Tags;
	if (meta->Reserved.set) {
		out->Concurrency = arena_new_of(c->arena, struct lambda_Concurrency);
		out->Concurrency->ReservedConcurrentExecutions = meta->Reserved;
	}
}

void access_get_function_configuration(struct call *c) { access_get_function(c); /* the same members */ }

void op_get_function_configuration(struct call *c)
{
	const struct lambda_GetFunctionConfigurationRequest *in = c->in;
	struct function_ref ref;
	struct lambda_FunctionConfiguration *k;
	if (function_ref_of(c, in->FunctionName, in->Qualifier, &ref) && (k = config_for(c, &ref)) != NULL)
		*(struct lambda_FunctionConfiguration *)c->out = *k;
}

void access_list_functions(struct call *c) { authorize(c, NULL, S("*"), NULL); }

void op_list_functions(struct call *c)
{
	const struct lambda_ListFunctionsRequest *in = c->in;
	struct lambda_ListFunctionsResponse *out = c->out;
	struct str after = STR_NONE, key, value;
	if (!page_position(c->arena, in->Marker, &after)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, "Invalid marker");
		return;
	}
	int64_t max = in->MaxItems.set && in->MaxItems.v < 50 ? in->MaxItems.v : 50; /* AWS never gives more than 50 */
	bool all = str_eq(in->FunctionVersion, S("ALL"));
	out->Functions = LIST_OF(c->arena, struct lambda_FunctionConfiguration, (size_t)max);
	out->Functions.n = 0;
	struct scan *s = call_scan(c, call_key(c, "fn"), after, false);
	while (scan_next(s, &key, &value)) {
		struct lambda_FunctionRecord *f = record_decode(c, &lambda_shape_FunctionRecord, value);
		if (!all && !str_eq(f->Config->Version, S("$LATEST")))
			continue;
		if (out->Functions.n == max) {
			out->NextMarker = page_token(c->arena, after);
			break;
		}
		if (all)
			f->Config->FunctionArn = function_arn(c, f->Config->FunctionName, f->Config->Version);
		((struct lambda_FunctionConfiguration *)out->Functions.v)[out->Functions.n++] = *f->Config;
		after = arena_dup(c->arena, key);
	}
}

/* ---- deleting ---- */

void access_delete_function(struct call *c)
{
	const struct lambda_DeleteFunctionRequest *in = c->in;
	access_function(c, in->FunctionName, in->Qualifier);
}

static void forget_below(struct call *c, const char *table, struct str name)
{
	struct str key, value;
	struct key *prefix = key_str(call_key(c, table), name);
	struct scan *s = call_scan(c, prefix, STR_NONE, false);
	while (scan_next(s, &key, &value))
		txn_del(c->txn, arena_dup(c->arena, key));
}

void function_forget(struct call *c, struct str name)
{
	static const char *const tables[] = {"fn", "meta", "alias", "policy", "eventconfig"};
	urls_forget(c, name);
	for (size_t i = 0; i < COUNT_OF(tables); i++)
		forget_below(c, tables[i], name);
}

static bool version_in_alias(struct call *c, struct str name, struct str version)
{
	struct str key, value;
	struct scan *s = call_scan(c, key_str(call_key(c, "alias"), name), STR_NONE, false);
	while (scan_next(s, &key, &value)) {
		struct lambda_AliasConfiguration *a = record_decode(c, &lambda_shape_AliasConfiguration, value);
		if (str_eq(a->FunctionVersion, version))
			return true;
	}
	return false;
}

void op_delete_function(struct call *c)
{
	const struct lambda_DeleteFunctionRequest *in = c->in;
	struct function_ref ref;
	if (!function_ref_of(c, in->FunctionName, in->Qualifier, &ref))
		return;
	if (meta_get(c, ref.name) == NULL) {
		function_missing(c, ref.name, ref.qualifier);
		return;
	}
	struct lambda_DeleteFunctionResponse *out = c->out;
	if (out != NULL)
		out->StatusCode = SOME_I64(204);
	struct retire_effect *e;
	if (!str_present(ref.qualifier)) {
		function_forget(c, ref.name);
		e = call_effect(c, engine_retire, sizeof *e);
		retire_effect_fill(e, c, ref.name, STR_NONE);
		return;
	}
	if (!is_version_number(ref.qualifier)) {
		lambda_fail(c, &lambda_err_InvalidParameterValueException, str_eq(ref.qualifier, S("$LATEST"))
			? "$LATEST version cannot be deleted without deleting the function." : "Deletion of aliases is not currently supported.");
		return;
	}
	if (version_in_alias(c, ref.name, ref.qualifier)) {
		lambda_fail(c, &lambda_err_ResourceConflictException, "Version is not deletable: an alias points to it");
		return;
	}
	call_del(c, function_key(c, ref.name, ref.qualifier));
	e = call_effect(c, engine_retire, sizeof *e);
	retire_effect_fill(e, c, ref.name, ref.qualifier);
}
