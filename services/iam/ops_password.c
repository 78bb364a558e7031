/* Passwords of users (login profiles), and what the account asks of them.
 *
 * What always holds: a password is kept as what PBKDF2 makes of it under the user's own salt, never as itself; former ones too, as many as a policy
 * can ask for, so that "not one of the last five" can be said. The salt stays with the profile: one derivation answers for all of them.
 *
 * Source: IAM API Reference; "Set an account password policy for IAM users", "Permit IAM users to change their own passwords" (IAM User Guide). */
#include "iam.h"

#include "base/enc.h"
#include "os/os.h"

#include <openssl/evp.h>

/* Rounds: a few milliseconds of the writer, for what happens once in months. */
enum { SALT_BYTES = 16, HASH_BYTES = 32, ROUNDS = 10000, FORMER_MAX = 24, DEFAULT_LENGTH = 8, LENGTH_UNSAID = 6 };

/* ---- what the account asks ---- */

static struct key *policy_key(struct call *c) { return call_key(c, "password-policy"); }

const struct iam_PasswordPolicy *password_policy(struct call *c) { return call_get(c, policy_key(c), &iam_shape_PasswordPolicy); }

void op_GetAccountPasswordPolicy(struct call *c)
{
	struct iam_GetAccountPasswordPolicyResponse *out = c->out;
	out->PasswordPolicy = call_get(c, policy_key(c), &iam_shape_PasswordPolicy);
	if (out->PasswordPolicy == NULL)
		call_fail(c, &iam_err_NoSuchEntityException, "The Password Policy with domain name %.*s cannot be found.", STR_ARG(c->account));
}

/* What is not said is at its default, whatever it was before. */
void op_UpdateAccountPasswordPolicy(struct call *c)
{
	const struct iam_UpdateAccountPasswordPolicyRequest *in = c->in;
	const struct iam_PasswordPolicy p = {
		.MinimumPasswordLength = in->MinimumPasswordLength.set ? in->MinimumPasswordLength : SOME_I64(LENGTH_UNSAID),
		.RequireSymbols = SOME_BOOL(in->RequireSymbols.v), .RequireNumbers = SOME_BOOL(in->RequireNumbers.v),
		.RequireUppercaseCharacters = SOME_BOOL(in->RequireUppercaseCharacters.v),
		.RequireLowercaseCharacters = SOME_BOOL(in->RequireLowercaseCharacters.v),
		.AllowUsersToChangePassword = SOME_BOOL(in->AllowUsersToChangePassword.v), .ExpirePasswords = SOME_BOOL(in->MaxPasswordAge.v > 0),
		.MaxPasswordAge = in->MaxPasswordAge, .PasswordReusePrevention = in->PasswordReusePrevention, .HardExpiry = in->HardExpiry};
	call_put(c, policy_key(c), &iam_shape_PasswordPolicy, &p);
}

void op_DeleteAccountPasswordPolicy(struct call *c)
{
	if (password_policy(c) == NULL)
		call_fail(c, &iam_err_NoSuchEntityException, "The account policy with name PasswordPolicy cannot be found.");
	else
		call_del(c, policy_key(c));
}

struct classes { bool upper, lower, digit, symbol; };

static struct classes classes_of(struct str password)
{
	struct classes k = {0};
	for (size_t i = 0; i < password.n; i++) {
		char ch = password.p[i];
		k.upper |= ch >= 'A' && ch <= 'Z';
		k.lower |= ch >= 'a' && ch <= 'z';
		k.digit |= ch >= '0' && ch <= '9';
		k.symbol |= ch != '\0' && memchr("!@#$%^&*()_+-=[]{}|'", ch, sizeof "!@#$%^&*()_+-=[]{}|'" - 1) != NULL;
	}
	return k;
}

/* Without a policy of its own the account has AWS's: eight characters, three of the four kinds. */
static bool strong_enough(struct call *c, struct str password)
{
	const struct iam_PasswordPolicy *p = password_policy(c);
	struct classes k = classes_of(password);
	size_t length = utf8_length(password);
	bool ok = p == NULL ? length >= DEFAULT_LENGTH && k.upper + k.lower + k.digit + k.symbol >= 3
		: length >= (size_t)p->MinimumPasswordLength.v && k.upper >= p->RequireUppercaseCharacters.v &&
		  k.lower >= p->RequireLowercaseCharacters.v && k.digit >= p->RequireNumbers.v && k.symbol >= p->RequireSymbols.v;
	if (!ok)
		call_fail(c, &iam_err_PasswordPolicyViolationException, "Password does not conform to the account password policy.");
	return ok;
}

/* ---- what is kept ---- */

static struct str derived(struct call *c, struct str salt, struct str password)
{
	ASSERT(salt.n == SALT_BYTES);
	char *out = arena_bytes(c->arena, HASH_BYTES);
	if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)salt.p, SALT_BYTES, ROUNDS, EVP_sha256(), HASH_BYTES,
	    (unsigned char *)out) != 1)
		die("PBKDF2 failed");
	return str_of(out, HASH_BYTES);
}

/* Put a new password in the place of the present one. false: refused. */
static bool set_password(struct call *c, struct iam_Password *kept, struct str password)
{
	if (!strong_enough(c, password))
		return false;
	const struct iam_PasswordPolicy *p = password_policy(c);
	struct str hash = derived(c, kept->Salt, password), *former = arena_array(c->arena, struct str, FORMER_MAX);
	size_t remembered = p != NULL ? (size_t)p->PasswordReusePrevention.v : 0, n = 0;
	ASSERT(kept->Former.n <= FORMER_MAX);
	if (str_present(kept->Hash)) /* newest first */
		former[n++] = kept->Hash;
	for (uint32_t i = 0; i < kept->Former.n && n < FORMER_MAX; i++)
		former[n++] = *LIST_AT(kept->Former, struct str, i);
	for (size_t i = 0; i < n && i < remembered; i++)
		if (secret_eq(former[i], hash)) {
			call_fail(c, &iam_err_PasswordPolicyViolationException, "Password does not conform to the account password policy: it was used before.");
			return false;
		}
	kept->Former = (struct list){former, (uint32_t)n, true};
	kept->Hash = hash;
	kept->Changed = SOME_TIME(c->now_ms / 1000 * 1000);
	return true;
}

static struct iam_LoginProfile *profile_out(struct call *c, const struct iam_Entity *user)
{
	ASSERT(user->Password != NULL && user->Password->Hash.n == HASH_BYTES);
	struct iam_LoginProfile *out = arena_new_of(c->arena, struct iam_LoginProfile);
	*out = (struct iam_LoginProfile){user->Name, user->Password->Created, SOME_BOOL(user->Password->MustChange.v)};
	return out;
}

/* The user whose profile it is; NULL: failed. Root's password is none of this API's. */
static struct iam_Entity *user_of(struct call *c, struct str name)
{
	enum kind kind;
	struct iam_Entity *user = user_or_caller(c, name, &kind);
	if (user == NULL || kind == KIND_USER)
		return user;
	call_fail_code(c, 400, "ValidationError", "Must specify userName when calling with root credentials");
	return NULL;
}

static struct iam_Entity *user_with_profile(struct call *c, struct str name)
{
	struct iam_Entity *user = user_of(c, name);
	if (user == NULL || user->Password != NULL)
		return user;
	call_fail(c, &iam_err_NoSuchEntityException, "Login Profile for User %.*s cannot be found.", STR_ARG(user->Name));
	return NULL;
}

/* ---- operations ---- */

void op_CreateLoginProfile(struct call *c)
{
	const struct iam_CreateLoginProfileRequest *in = c->in;
	struct iam_CreateLoginProfileResponse *out = c->out;
	struct iam_Entity *user = user_of(c, in->UserName);
	if (user == NULL)
		return;
	if (user->Password != NULL) {
		call_fail(c, &iam_err_EntityAlreadyExistsException, "Login Profile for user %.*s already exists.", STR_ARG(user->Name));
		return;
	}
	if (!str_present(in->Password)) {
		call_fail_code(c, 400, "ValidationError", "Must specify a password.");
		return;
	}
	struct iam_Password *kept = arena_new_of(c->arena, struct iam_Password);
	char *salt = arena_bytes(c->arena, SALT_BYTES);
	random_bytes(salt, SALT_BYTES);
	kept->Salt = str_of(salt, SALT_BYTES);
	kept->Created = SOME_TIME(c->now_ms / 1000 * 1000);
	kept->MustChange = SOME_BOOL(in->PasswordResetRequired.v);
	if (!set_password(c, kept, in->Password))
		return;
	user->Password = kept;
	entity_put(c, KIND_USER, user);
	out->LoginProfile = profile_out(c, user);
}

void op_GetLoginProfile(struct call *c)
{
	const struct iam_GetLoginProfileRequest *in = c->in;
	struct iam_GetLoginProfileResponse *out = c->out;
	const struct iam_Entity *user = user_with_profile(c, in->UserName);
	if (user != NULL)
		out->LoginProfile = profile_out(c, user);
}

void op_UpdateLoginProfile(struct call *c)
{
	const struct iam_UpdateLoginProfileRequest *in = c->in;
	struct iam_Entity *user = user_with_profile(c, in->UserName);
	if (user == NULL || (str_present(in->Password) && !set_password(c, user->Password, in->Password)))
		return;
	if (in->PasswordResetRequired.set)
		user->Password->MustChange = in->PasswordResetRequired;
	entity_put(c, KIND_USER, user);
}

void op_DeleteLoginProfile(struct call *c)
{
	const struct iam_DeleteLoginProfileRequest *in = c->in;
	struct iam_Entity *user = user_with_profile(c, in->UserName);
	if (user == NULL)
		return;
	user->Password = NULL;
	entity_put(c, KIND_USER, user);
}

void op_ChangePassword(struct call *c)
{
	const struct iam_ChangePasswordRequest *in = c->in;
	if (c->who->type != PRINCIPAL_USER) {
		call_fail(c, &iam_err_InvalidUserTypeException, "Only IAM Users can change their own password");
		return;
	}
	struct iam_Entity *user = user_with_profile(c, STR_NONE);
	if (user == NULL)
		return;
	if (!secret_eq(derived(c, user->Password->Salt, in->OldPassword), user->Password->Hash)) {
		call_fail_code(c, 403, "AccessDenied", "The old password was incorrect.");
		return;
	}
	if (!set_password(c, user->Password, in->NewPassword))
		return;
	user->Password->MustChange = SOME_BOOL(false);
	entity_put(c, KIND_USER, user);
}
