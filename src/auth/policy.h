/* IAM policy evaluation: identity policies, resource policies, permissions boundaries, session policies.
 *
 * Source: "Policy evaluation logic" and "IAM JSON policy elements" (IAM User Guide). Pure: documents in, decision out. */
#ifndef TSUBO_POLICY_H
#define TSUBO_POLICY_H

#include "base/json.h"

struct policy; /* a parsed, checked document */

enum policy_kind { POLICY_IDENTITY, POLICY_RESOURCE, POLICY_TRUST };
/* Parse and check the grammar. NULL with IAM's message in *why (static or arena): MalformedPolicyDocument's text. */
struct policy *policy_parse(struct arena *a, struct str document, enum policy_kind kind, struct str *why);

/* Condition keys of a request. Multi-valued keys have several values. Names compare in any case. */
struct condition_key { struct str name; const struct str *values; size_t n; };

/* Nobody comes first: a zeroed principal is nobody. */
enum principal_type { PRINCIPAL_ANONYMOUS, PRINCIPAL_ROOT, PRINCIPAL_USER, PRINCIPAL_ASSUMED_ROLE, PRINCIPAL_FEDERATED, PRINCIPAL_SERVICE };

/* Who asks. All strings live as long as the call. */
struct principal {
	enum principal_type type;
	struct str account;   /* "000000000000"; absent for services and anonymous */
	struct str arn;       /* arn:aws:iam::A:root, arn:aws:sts::A:assumed-role/R/S, ... */
	struct str role_arn;  /* assumed roles: the role's */
	struct str name;      /* user name; role name; "lambda.amazonaws.com"; federated user name */
	struct str user_id;   /* aws:userid: AIDA..., AROA...:session */
	struct str access_key;
	struct str session_name; /* assumed roles: the session's; federated users: the user's who asked for it */
	struct str source_arn, source_account; /* services: on whose behalf (aws:SourceArn) */
	struct str session_policy;   /* document of the session, absent when none */
	struct str source_identity;  /* aws:SourceIdentity of the session, absent when none */
	const struct param_tag { struct str key, value; bool transitive; /* goes on into sessions of sessions */ } *tags;
	size_t n_tags;
	int64_t token_issued_ms, token_expires_ms; /* sessions; 0: long-term credentials */
	bool mfa;
};

struct policy_request {
	const struct principal *who;
	struct str action;     /* "sqs:SendMessage" */
	struct str resource;   /* an ARN, or "*" */
	struct str resource_account; /* absent: the principal's */
	const struct condition_key *keys; /* beyond the global ones, which are made from who, now and the request */
	size_t n_keys;
};

struct policy_set { struct policy *const *v; size_t n; };

struct policy_input {
	struct policy_set identity;  /* all attached to the user or role (and its groups) */
	struct policy *boundary;     /* NULL: none */
	struct policy *session;      /* NULL: none */
	struct policy *resource;     /* the resource's own, NULL: none */
	/* Identity policies count only where the resource's policy lets the account decide (names its root): a role's trust, a
	 * KMS key's policy. Nobody else is let in, root neither. */
	bool resource_decides;
};

enum decision { DECISION_ALLOW, DECISION_IMPLICIT_DENY, DECISION_EXPLICIT_DENY };
struct verdict {
	enum decision decision;
	const char *by; /* "identity-based policy", "resource-based policy", "permissions boundary", "session policy": AWS's words */
};

/* Root is allowed by identity; a resource policy's explicit deny still counts. A service principal is allowed only by
 * a resource or trust policy. Cross-account needs both sides. */
struct verdict policy_evaluate(struct arena *a, const struct policy_request *r, const struct policy_input *in);
/* Does a trust policy let `who` do sts:AssumeRole (or another action) on the role? */
struct verdict policy_evaluate_trust(struct arena *a, const struct policy *trust, const struct policy_request *r);
/* Which statements of an identity document apply to the request, as indexes in their order; *effects says which allow.
 * Both arrays have room for policy_statements(). For simulation. Returns how many. */
size_t policy_applying(struct arena *a, const struct policy *p, const struct policy_request *r, size_t *out, bool *allows);
size_t policy_statements(const struct policy *p);
/* Has the request (its keys, or its principal) a value for a condition key? */
bool policy_key_known(struct arena *a, const struct policy_request *r, struct str name);
/* AWS's sentence: "User: ARN is not authorized to perform: ACTION on resource: R because no identity-based policy allows the ACTION action". */
struct str policy_denial(struct arena *a, const struct policy_request *r, struct verdict v);

#endif
