/* Operations on virtual multi-factor devices, of users and of root.
 *
 * What always holds: a user's (or root's) record names its devices and each of them names its owner; both change together.
 *
 * Source: IAM API Reference; "Multi-factor authentication in IAM", "IAM and AWS STS quotas" (IAM User Guide). AWS assigns root's device in
 * its console only; here the API does it, with "root" as UserName. */
#include "iam.h"

#include "base/enc.h"
#include "os/os.h"

enum { SERIAL_MAX = 256 };

static struct iam_Device *device_get(struct call *c, struct str serial)
{
	struct iam_Device *d = device_find(c, serial);
	if (d == NULL)
		call_fail(c, &iam_err_NoSuchEntityException, "MFA Device with serial number %.*s does not exist.", STR_ARG(serial));
	return d;
}

/* Whose devices a call is about: as named, the caller, or root by the name GetUser gives it. NULL: failed. */
static struct iam_Entity *owner_get(struct call *c, struct str name, enum kind *kind)
{
	bool root = c->who->type == PRINCIPAL_ROOT && str_eq(name, S("root")) && entity_find(c, KIND_USER, name) == NULL;
	return user_or_caller(c, root ? STR_NONE : name, kind);
}

/* The owner's own device; NULL: failed. */
static struct iam_Device *device_of(struct call *c, const struct iam_Entity *owner, struct str serial)
{
	struct iam_Device *d = device_get(c, serial);
	if (d == NULL || texts_have(&owner->Devices, serial))
		return d;
	call_fail(c, &iam_err_NoSuchEntityException, "MFA Device invalid for user.");
	return NULL;
}

/* ---- made and deleted ---- */

static struct str base32_encode(struct arena *a, struct str bytes)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	ASSERT(bytes.n % 5 == 0); /* whole groups: no padding */
	char *out = arena_bytes(a, bytes.n / 5 * 8);
	for (size_t i = 0; i < bytes.n / 5; i++) {
		uint64_t group = 0;
		for (size_t k = 0; k < 5; k++)
			group = group << 8 | (unsigned char)bytes.p[5 * i + k];
		for (size_t k = 0; k < 8; k++)
			out[8 * i + k] = alphabet[group >> (35 - 5 * k) & 31];
	}
	return str_of(out, bytes.n / 5 * 8);
}

/* What the picture says ("QRCodePNG" in the API Reference's VirtualMFADevice). */
static struct str otpauth(struct call *c, struct str name, struct str seed32)
{
	struct str label = uri_encode(c->arena, arena_join(c->arena, name, S("@"), c->account), false);
	return arena_printf(c->arena, "otpauth://totp/%.*s?secret=%.*s", STR_ARG(label), STR_ARG(seed32));
}

void op_CreateVirtualMFADevice(struct call *c)
{
	const struct iam_CreateVirtualMFADeviceRequest *in = c->in;
	struct iam_CreateVirtualMFADeviceResponse *out = c->out;
	struct iam_Device d = {.Name = in->VirtualMFADeviceName, .Path = str_present(in->Path) ? in->Path : S("/")};
	struct str serial = device_arn(c, &d);
	if (serial.n > SERIAL_MAX) {
		call_fail_code(c, 400, "ValidationError", "The specified value for virtualMFADeviceName is invalid. The serial number made of path and name "
			"must not be longer than %d characters.", SERIAL_MAX);
		return;
	}
	if (device_taken(c, d.Path, d.Name)) {
		call_fail(c, &iam_err_EntityAlreadyExistsException, "MFADevice entity at the same path and name already exists.");
		return;
	}
	if (!tags_merge(c, &d.Labels, in->Tags, "VirtualMFADevice"))
		return;
	char dice[SEED_BYTES];
	random_bytes(dice, sizeof dice);
	struct str seed = str_of(dice, sizeof dice), seed32 = base32_encode(c->arena, seed);
	d.Seed = seed_seal(c, seed);
	device_put(c, &d);
	out->VirtualMFADevice = arena_new_of(c->arena, struct iam_VirtualMFADevice);
	*out->VirtualMFADevice = (struct iam_VirtualMFADevice){.SerialNumber = serial, .Base32StringSeed = seed32,
		.QRCodePNG = qr_png(c->arena, otpauth(c, d.Name, seed32)), .Tags = d.Labels};
}

void op_DeleteVirtualMFADevice(struct call *c)
{
	const struct iam_DeleteVirtualMFADeviceRequest *in = c->in;
	const struct iam_Device *d = device_get(c, in->SerialNumber);
	if (d == NULL)
		return;
	if (d->Enabled.set)
		call_fail(c, &iam_err_DeleteConflictException, "MFA VirtualDevice in use. Must deactivate first.");
	else
		device_del(c, d);
}

/* ---- in use and out of it ---- */

void op_EnableMFADevice(struct call *c)
{
	const struct iam_EnableMFADeviceRequest *in = c->in;
	enum kind kind;
	struct iam_Entity *owner = owner_get(c, in->UserName, &kind);
	struct iam_Device *d = owner != NULL ? device_get(c, in->SerialNumber) : NULL;
	if (d == NULL)
		return;
	if (d->Enabled.set) {
		call_fail(c, &iam_err_EntityAlreadyExistsException, "MFA Device is already in use.");
		return;
	}
	ASSERT(owner->Devices.n <= MFA_PER_USER);
	if (owner->Devices.n == MFA_PER_USER) {
		call_fail(c, &iam_err_LimitExceededException, "Cannot exceed quota for MFADevicesPerUser: %d", MFA_PER_USER);
		return;
	}
	if (!device_sync(c, d, in->AuthenticationCode1, in->AuthenticationCode2)) {
		call_fail(c, &iam_err_InvalidAuthenticationCodeException, "Authentication code for device is not valid.");
		return;
	}
	d->Owner = kind == KIND_ROOT ? STR_NONE : owner->Name;
	d->OfRoot = SOME_BOOL(kind == KIND_ROOT);
	d->Enabled = SOME_TIME(c->now_ms / 1000 * 1000);
	device_put(c, d);
	texts_add(c->arena, &owner->Devices, in->SerialNumber);
	entity_put(c, kind, owner);
}

void op_ResyncMFADevice(struct call *c)
{
	const struct iam_ResyncMFADeviceRequest *in = c->in;
	enum kind kind;
	const struct iam_Entity *owner = owner_get(c, in->UserName, &kind);
	struct iam_Device *d = owner != NULL ? device_of(c, owner, in->SerialNumber) : NULL;
	if (d == NULL)
		return;
	if (device_sync(c, d, in->AuthenticationCode1, in->AuthenticationCode2))
		device_put(c, d);
	else
		call_fail(c, &iam_err_InvalidAuthenticationCodeException, "Authentication code for device is not valid.");
}

void op_DeactivateMFADevice(struct call *c)
{
	const struct iam_DeactivateMFADeviceRequest *in = c->in;
	enum kind kind;
	struct iam_Entity *owner = owner_get(c, in->UserName, &kind);
	struct iam_Device *d = owner != NULL ? device_of(c, owner, in->SerialNumber) : NULL;
	if (d == NULL)
		return;
	bool was = texts_remove(&owner->Devices, in->SerialNumber);
	ASSERT(was && d->Enabled.set);
	entity_put(c, kind, owner);
	d->Owner = STR_NONE;
	d->OfRoot = SOME_BOOL(false);
	d->Enabled = (struct opt_time){0};
	device_put(c, d); /* with the steps that are spent: its codes do not become good again */
}

/* ---- seen ---- */

void op_GetMFADevice(struct call *c)
{
	const struct iam_GetMFADeviceRequest *in = c->in;
	struct iam_GetMFADeviceResponse *out = c->out;
	enum kind kind;
	const struct iam_Entity *owner = owner_get(c, in->UserName, &kind);
	const struct iam_Device *d = owner != NULL ? device_of(c, owner, in->SerialNumber) : NULL;
	if (d == NULL)
		return;
	out->UserName = owner->Name;
	out->SerialNumber = in->SerialNumber;
	out->EnableDate = d->Enabled;
}

void op_ListMFADevices(struct call *c)
{
	const struct iam_ListMFADevicesRequest *in = c->in;
	struct iam_ListMFADevicesResponse *out = c->out;
	enum kind kind;
	struct page p;
	const struct iam_Entity *owner = owner_get(c, in->UserName, &kind);
	if (owner == NULL || !page_open(c, in->Marker, in->MaxItems, &p))
		return;
	struct list l = LIST_OF(c->arena, struct iam_MFADevice, owner->Devices.n);
	for (uint32_t i = 0; i < l.n; i++) {
		struct str serial = *LIST_AT(owner->Devices, struct str, i);
		const struct iam_Device *d = device_find(c, serial);
		ASSERT(d != NULL && d->Enabled.set);
		*LIST_AT(l, struct iam_MFADevice, i) = (struct iam_MFADevice){owner->Name, serial, d->Enabled};
	}
	out->MFADevices = page_cut(c, p, l, sizeof(struct iam_MFADevice), &out->IsTruncated, &out->Marker);
}

struct virtual_list { struct list l; bool assigned, unassigned; };

static void list_virtual(struct call *c, const struct iam_Device *d, void *arg)
{
	struct virtual_list *w = arg;
	if (d->Enabled.set ? !w->assigned : !w->unassigned)
		return;
	struct iam_VirtualMFADevice *v = w->l.v = arena_grow(c->arena, w->l.v, sizeof *v, w->l.n, w->l.n + 1), *x = &v[w->l.n++];
	*x = (struct iam_VirtualMFADevice){.SerialNumber = device_arn(c, d), .EnableDate = d->Enabled};
	if (!d->Enabled.set)
		return;
	enum kind kind = d->OfRoot.v ? KIND_ROOT : KIND_USER;
	const struct iam_Entity *owner = entity_find(c, kind, kind == KIND_ROOT ? S("root") : d->Owner);
	ASSERT(owner != NULL && texts_have(&owner->Devices, x->SerialNumber));
	x->User = arena_new_of(c->arena, struct iam_User);
	user_out(c, kind, owner, x->User, false);
}

void op_ListVirtualMFADevices(struct call *c)
{
	const struct iam_ListVirtualMFADevicesRequest *in = c->in;
	struct iam_ListVirtualMFADevicesResponse *out = c->out;
	struct page p;
	if (!page_open(c, in->Marker, in->MaxItems, &p))
		return;
	struct virtual_list w = {LIST_OF(c->arena, struct iam_VirtualMFADevice, 0), !str_eq(in->AssignmentStatus, S("Unassigned")),
		!str_eq(in->AssignmentStatus, S("Assigned"))};
	device_each(c, list_virtual, &w);
	out->VirtualMFADevices = page_cut(c, p, w.l, sizeof(struct iam_VirtualMFADevice), &out->IsTruncated, &out->Marker);
}

/* ---- tags ---- */

void op_TagMFADevice(struct call *c)
{
	const struct iam_TagMFADeviceRequest *in = c->in;
	struct iam_Device *d = device_get(c, in->SerialNumber);
	if (d != NULL && tags_merge(c, &d->Labels, in->Tags, "VirtualMFADevice"))
		device_put(c, d);
}

void op_UntagMFADevice(struct call *c)
{
	const struct iam_UntagMFADeviceRequest *in = c->in;
	struct iam_Device *d = device_get(c, in->SerialNumber);
	if (d == NULL)
		return;
	tags_remove(&d->Labels, in->TagKeys);
	device_put(c, d);
}

void op_ListMFADeviceTags(struct call *c)
{
	const struct iam_ListMFADeviceTagsRequest *in = c->in;
	struct iam_ListMFADeviceTagsResponse *out = c->out;
	struct page p;
	const struct iam_Device *d = device_get(c, in->SerialNumber);
	if (d == NULL || !page_open(c, in->Marker, in->MaxItems, &p))
		return;
	out->Tags = page_cut(c, p, d->Labels, sizeof(struct iam_Tag), &out->IsTruncated, &out->Marker);
}
