/* Credentials of kinds that cannot be made here: their lists are empty, and one asked for by name is not found. Tools that
 * delete users ask for all of them first (Terraform's force_destroy). Making them answers 501.
 *
 * Source: IAM API Reference. */
#include "iam.h"

static bool user_there(struct call *c, struct str name)
{
	enum kind kind;
	return user_or_caller(c, name, &kind) != NULL;
}

#define EMPTY_OF_USER(Name, Member, Item) \
	void op_##Name(struct call *c) \
	{ \
		const struct iam_##Name##Request *in = c->in; \
		struct iam_##Name##Response *out = c->out; \
		if (!user_there(c, in->UserName)) \
			return; \
		out->Member = LIST_OF(c->arena, Item, 0); \
		out->IsTruncated = SOME_BOOL(false); \
	}
EMPTY_OF_USER(ListSigningCertificates, Certificates, struct iam_SigningCertificate)
EMPTY_OF_USER(ListSSHPublicKeys, SSHPublicKeys, struct iam_SSHPublicKeyMetadata)

void op_ListServiceSpecificCredentials(struct call *c)
{
	const struct iam_ListServiceSpecificCredentialsRequest *in = c->in;
	struct iam_ListServiceSpecificCredentialsResponse *out = c->out;
	if (!user_there(c, in->UserName))
		return;
	out->ServiceSpecificCredentials = LIST_OF(c->arena, struct iam_ServiceSpecificCredentialMetadata, 0);
}
