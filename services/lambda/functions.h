/* What creating and updating functions share. */
#ifndef TSUBO_LAMBDA_FUNCTIONS_H
#define TSUBO_LAMBDA_FUNCTIONS_H

#include "lambda.h"

/* The parameters of a configuration, as both requests have them; absent ones leave what is there. */
struct config_parts {
	struct str Runtime, Role, Handler, Description, KMSKeyArn;
	struct opt_i64 Timeout, MemorySize;
	const struct lambda_Environment *Environment;
	const struct lambda_DeadLetterConfig *DeadLetterConfig;
	const struct lambda_TracingConfig *TracingConfig;
	const struct lambda_EphemeralStorage *EphemeralStorage;
	const struct lambda_LoggingConfig *LoggingConfig;
	const struct list *Layers;
};

/* Those that are refused. */
struct refused_parts {
	const struct lambda_VpcConfig *VpcConfig;
	const struct list *FileSystemConfigs;
	const struct lambda_ImageConfig *ImageConfig;
	const struct lambda_SnapStart *SnapStart;
	const struct lambda_CapacityProviderConfig *CapacityProviderConfig;
	const struct lambda_DurableConfig *DurableConfig;
	const struct lambda_TenancyConfig *TenancyConfig;
	struct str PublishTo, CodeSigningConfigArn, ImageUri;
};

bool config_refuse(struct call *c, const struct refused_parts *r);
bool config_apply(struct call *c, struct lambda_FunctionRecord *f, const struct config_parts *p);
bool architectures_check(struct call *c, const struct list *l);
struct str host_architecture(void);
void config_set_code(struct lambda_FunctionRecord *f, struct call *c, const struct code_stored *code);
/* Store it under a new RevisionId. */
void function_save(struct call *c, struct lambda_FunctionRecord *f);

#endif
