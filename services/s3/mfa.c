/* MFA delete: deleting a version for good and changing the versioning state need a code of the root user's device.
 *
 * What always holds: only root of the bucket's account is asked for a code, for nobody else's would do; a code is spent once, for the whole request.
 * Source: "Configuring MFA delete" (S3 User Guide); DeleteObject, DeleteObjects, PutBucketVersioning (S3 API Reference). */
#include "s3.h"

bool mfa_on(const struct s3_StoredBucket *b) { return str_eq(b->MfaDelete, S("Enabled")); }

/* "<serial number> <code>" */
static bool split(struct call *c, struct str header, struct str *serial, struct str *code)
{
	ptrdiff_t space = str_find(header, ' ');
	*serial = space > 0 ? str_slice(header, 0, (size_t)space) : STR_NONE;
	*code = space > 0 ? str_slice(header, (size_t)space + 1, header.n) : S("");
	if (code->n > 0 && str_find(*code, ' ') < 0)
		return true;
	fail_argument(c, "Mfa header is invalid -- the header should be formatted as {serialNumber}(space){tokenCode}");
	return false;
}

bool mfa_given(struct call *c, const struct s3_StoredBucket *b, struct str header, bool needed)
{
	struct str serial, code;
	if (!str_present(header) && !needed)
		return true;
	if (!str_present(header)) {
		call_fail_code(c, 403, "AccessDenied", "Mfa Authentication must be used for this request");
		return false;
	}
	if (!split(c, header, &serial, &code))
		return false;
	ASSERT(serial.n > 0 && code.n > 0);
	if (c->who->type != PRINCIPAL_ROOT || !str_eq(c->who->account, b->Account)) {
		call_fail_code(c, 403, "AccessDenied", "This operation may only be performed by the bucket owner");
		return false;
	}
	if (mfa_spend(c, c->who, serial, code) == MFA_GOOD)
		return true;
	call_fail_code(c, 403, "AccessDenied",
		"Mfa Authentication failed: the serial number is not that of a device of the root user, or the code is not valid");
	return false;
}
