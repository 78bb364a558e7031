/* Changing a function's code and configuration. Only $LATEST changes; what runs of it ends after its invocation. */
#include "lambda.h"

#include "functions.h"

static struct lambda_FunctionRecord *latest(struct call *c, struct str name, struct str revision, struct function_ref *ref)
{
	if (!function_ref_of(c, name, STR_NONE, ref))
		return NULL;
	struct lambda_FunctionRecord *f = function_get(c, ref->name, S("$LATEST"));
	if (f == NULL) {
		function_missing(c, ref->name, STR_NONE);
		return NULL;
	}
	if (str_present(revision) && !str_eq(revision, f->Config->RevisionId)) {
		lambda_fail(c, &lambda_err_PreconditionFailedException, "The Revision Id provided does not match the latest Revision Id. "
			"Call the GetFunction/GetAlias API to retrieve the latest Revision Id");
		return NULL;
	}
	return f;
}

void access_update_function_code(struct call *c)
{
	const struct lambda_UpdateFunctionCodeRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_update_function_code(struct call *c)
{
	const struct lambda_UpdateFunctionCodeRequest *in = c->in;
	struct function_ref ref;
	const struct refused_parts refused = {.PublishTo = in->PublishTo, .ImageUri = in->ImageUri};
	if (!config_refuse(c, &refused) || !architectures_check(c, &in->Architectures))
		return;
	struct lambda_FunctionRecord *f = latest(c, in->FunctionName, in->RevisionId, &ref);
	if (f == NULL)
		return;
	struct code_stored code;
	const struct code_source source = {in->ZipFile, in->S3Bucket, in->S3Key, in->S3ObjectVersion};
	if (!code_store(c, &source, &code))
		return;
	config_set_code(f, c, &code);
	if (!in->DryRun.v) {
		f->Config->LastModified = lambda_time(c);
		function_save(c, f);
	}
	if (in->Publish.v && !in->DryRun.v && (f = version_publish(c, ref.name, STR_NONE)) == NULL)
		return;
	*(struct lambda_FunctionConfiguration *)c->out = *f->Config;
}

void access_update_function_configuration(struct call *c)
{
	const struct lambda_UpdateFunctionConfigurationRequest *in = c->in;
	access_function(c, in->FunctionName, STR_NONE);
}

void op_update_function_configuration(struct call *c)
{
	const struct lambda_UpdateFunctionConfigurationRequest *in = c->in;
	struct function_ref ref;
	const struct refused_parts refused = {.VpcConfig = in->VpcConfig, .FileSystemConfigs = &in->FileSystemConfigs,
		.ImageConfig = in->ImageConfig, .SnapStart = in->SnapStart, .CapacityProviderConfig = in->CapacityProviderConfig,
		.DurableConfig = in->DurableConfig};
	if (!config_refuse(c, &refused))
		return;
	struct lambda_FunctionRecord *f = latest(c, in->FunctionName, in->RevisionId, &ref);
	const struct config_parts parts = {in->Runtime, in->Role, in->Handler, in->Description, in->KMSKeyArn, in->Timeout,
		in->MemorySize, in->Environment, in->DeadLetterConfig, in->TracingConfig, in->EphemeralStorage, in->LoggingConfig,
		&in->Layers};
	if (f == NULL || !config_apply(c, f, &parts))
		return;
	f->Config->LastModified = lambda_time(c);
	function_save(c, f);
	*(struct lambda_FunctionConfiguration *)c->out = *f->Config;
}
