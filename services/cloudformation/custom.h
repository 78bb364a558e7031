/* Custom resources (AWS::CloudFormation::CustomResource, Custom::*), for the table of types in own.c. */
#ifndef CLOUDFORMATION_CUSTOM_H
#define CLOUDFORMATION_CUSTOM_H

#include "svc/cfn.h"

enum cfn_status custom_create(struct cfn_resource *r);
enum cfn_status custom_update(struct cfn_resource *r);
enum cfn_status custom_remove(struct cfn_resource *r);

#endif
