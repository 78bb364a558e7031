/* The cloudformation service: its operations. What has no row here answers 501 and names itself. */
#include "svc/service.h"
#include "cloudformation.model.h"

const struct service service_cloudformation = {
	.name = "cloudformation",
	.model = &cloudformation_model,
};
