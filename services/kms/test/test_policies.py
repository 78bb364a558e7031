"""Who may use a key, with real users and roles. Expectations: "Key policies in AWS KMS", "Grants in AWS KMS", "AWS KMS condition keys",
"AWS managed keys" (KMS Developer Guide)."""
from .conftest import ACCOUNT, ROOT, allow, document, grant


def test_default_policy_delegates_to_iam(kit):
    k = kit.key()
    _, nobody = kit.user("nobody")
    _, allowed = kit.user("allowed", allow("kms:Encrypt", k["Arn"]))
    kit.refused("AccessDeniedException", nobody().encrypt, KeyId=k["KeyId"], Plaintext=b"x",
                text=f"is not authorized to perform: kms:Encrypt on resource: {k['Arn']} because no identity-based policy allows")
    sealed = allowed().encrypt(KeyId=k["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kit.refused("AccessDeniedException", allowed().decrypt, CiphertextBlob=sealed)
    kit.refused("AccessDeniedException", allowed().describe_key, KeyId=k["KeyId"])


def test_key_policy_decides(kit):
    """Without a word of the key policy nobody is let in: not an administrator, not root."""
    arn, owner = kit.user("owner")
    _, admin = kit.user("admin", allow("*"))
    k = kit.key(Policy=document(grant(arn)), BypassPolicyLockoutSafetyCheck=True)["KeyId"]
    assert owner().decrypt(CiphertextBlob=owner().encrypt(KeyId=k, Plaintext=b"x")["CiphertextBlob"])["Plaintext"] == b"x"
    kit.refused("AccessDeniedException", admin().encrypt, KeyId=k, Plaintext=b"x", text="because no resource-based policy allows")
    kit.refused("AccessDeniedException", kit.kms.encrypt, KeyId=k, Plaintext=b"x")
    owner().put_key_policy(KeyId=k, Policy=document(grant(arn), grant(ROOT)))
    kit.kms.encrypt(KeyId=k, Plaintext=b"x")
    admin().encrypt(KeyId=k, Plaintext=b"x")


def test_role_named_by_the_policy(kit):
    arn, session = kit.role("worker")
    k = kit.key(Policy=document(grant(ROOT), grant(arn, ["kms:Encrypt", "kms:Decrypt"])))["KeyId"]
    worker = session()
    assert worker.decrypt(CiphertextBlob=worker.encrypt(KeyId=k, Plaintext=b"x")["CiphertextBlob"])["Plaintext"] == b"x"
    kit.refused("AccessDeniedException", worker.disable_key, KeyId=k)


def test_denies_are_denies(kit):
    arn, user = kit.user("denied", allow("kms:*"))
    k = kit.key(Policy=document(grant(ROOT), {**grant(arn, "kms:Decrypt"), "Effect": "Deny"}))["KeyId"]
    sealed = user().encrypt(KeyId=k, Plaintext=b"x")["CiphertextBlob"]
    kit.refused("AccessDeniedException", user().decrypt, CiphertextBlob=sealed, text="with an explicit deny in a resource-based policy")
    kit.kms.create_grant(KeyId=k, GranteePrincipal=arn, Operations=["Decrypt"])
    kit.refused("AccessDeniedException", user().decrypt, CiphertextBlob=sealed, text="explicit deny")


def test_lockout_safety_check(kit):
    arn, _ = kit.user("other")
    kit.refused("MalformedPolicyDocumentException", kit.kms.create_key, Policy=document(grant(arn)),
                text="The new key policy will not allow you to update the key policy in the future.")
    k = kit.key()["KeyId"]
    kit.refused("MalformedPolicyDocumentException", kit.kms.put_key_policy, KeyId=k, Policy=document(grant(ROOT, "kms:Encrypt")))
    kit.refused("MalformedPolicyDocumentException", kit.kms.put_key_policy, KeyId=k, Policy='{"Statement": 1}')
    kit.refused("NotFoundException", kit.kms.get_key_policy, KeyId=k, PolicyName="other", text="No such policy exists")


def test_conditions_on_the_context(kit):
    arn, user = kit.user("u")
    k = kit.key(Policy=document(grant(ROOT), grant(arn, "kms:Encrypt", Condition={
        "StringEquals": {"kms:EncryptionContext:app": "medal"}, "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["app", "id"]}})))["KeyId"]
    user().encrypt(KeyId=k, Plaintext=b"x", EncryptionContext={"app": "medal", "id": "1"})
    for wrong in ({}, {"app": "other"}, {"app": "medal", "more": "1"}):
        kit.refused("AccessDeniedException", user().encrypt, KeyId=k, Plaintext=b"x", EncryptionContext=wrong)


def test_conditions_on_the_key(kit):
    _, user = kit.user("u", allow("kms:Encrypt", Condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/" + kit.name}}),
                       allow("kms:GenerateDataKey", Condition={"StringEquals": {"kms:RequestAlias": "alias/" + kit.name}}),
                       allow("kms:GenerateRandom", Condition={"Bool": {"aws:SecureTransport": "true"}}),
                       allow("kms:Sign", Condition={"StringEquals": {"kms:KeySpec": "ECC_NIST_P256", "kms:SigningAlgorithm": "ECDSA_SHA_256",
                                                                   "kms:MessageType": "RAW", "aws:ResourceTag/team": "blue"}}))
    k = kit.key()["KeyId"]
    kit.refused("AccessDeniedException", user().encrypt, KeyId=k, Plaintext=b"x")
    kit.kms.create_alias(AliasName="alias/" + kit.name, TargetKeyId=k)
    user().encrypt(KeyId=k, Plaintext=b"x")
    kit.refused("AccessDeniedException", user().generate_data_key, KeyId=k, KeySpec="AES_256")
    user().generate_data_key(KeyId="alias/" + kit.name, KeySpec="AES_256")
    user().generate_random(NumberOfBytes=1)
    e = kit.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Tags=[{"TagKey": "team", "TagValue": "blue"}])["KeyId"]
    user().sign(KeyId=e, Message=b"m", MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")
    kit.refused("AccessDeniedException", user().sign, KeyId=e, Message=b"m" * 32, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")


def test_conditions_on_making_keys(kit):
    _, user = kit.user("u", allow("kms:CreateKey", Condition={"StringEquals": {"kms:KeySpec": "HMAC_256", "aws:RequestTag/team": "blue"}}),
                       allow(["kms:TagResource", "kms:PutKeyPolicy"]))
    tags = [{"TagKey": "team", "TagValue": "blue"}]
    user().create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC", Tags=tags)
    kit.refused("AccessDeniedException", user().create_key, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    kit.refused("AccessDeniedException", user().create_key, KeySpec="HMAC_512", KeyUsage="GENERATE_VERIFY_MAC", Tags=tags)


# ---- grants ----

def test_grants(kit):
    k = kit.key()
    arn, grantee = kit.user("grantee")
    retiring, keeper = kit.user("keeper")
    g = kit.kms.create_grant(KeyId=k["KeyId"], GranteePrincipal=arn, RetiringPrincipal=retiring, Operations=["Encrypt", "Decrypt", "DescribeKey"],
                             Constraints={"EncryptionContextSubset": {"app": "medal"}}, Name="n")
    again = kit.kms.create_grant(KeyId=k["KeyId"], GranteePrincipal=arn, RetiringPrincipal=retiring, Operations=["Encrypt", "Decrypt", "DescribeKey"],
                                 Constraints={"EncryptionContextSubset": {"app": "medal"}}, Name="n")
    assert again["GrantId"] == g["GrantId"]
    kms = grantee()
    sealed = kms.encrypt(KeyId=k["KeyId"], Plaintext=b"x", EncryptionContext={"app": "medal", "id": "1"}, GrantTokens=[g["GrantToken"]])["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"app": "medal", "id": "1"})["Plaintext"] == b"x"
    kms.describe_key(KeyId=k["KeyId"])
    kit.refused("AccessDeniedException", kms.encrypt, KeyId=k["KeyId"], Plaintext=b"x")
    kit.refused("AccessDeniedException", kms.generate_data_key, KeyId=k["KeyId"], KeySpec="AES_256", EncryptionContext={"app": "medal"})
    kit.refused("InvalidGrantTokenException", kms.describe_key, KeyId=k["KeyId"], GrantTokens=["nonsense"])
    listed = kit.kms.list_grants(KeyId=k["KeyId"])["Grants"]
    assert [(x["GrantId"], x["Name"], x["GranteePrincipal"]) for x in listed] == [(g["GrantId"], "n", arn)]
    assert kit.kms.list_retirable_grants(RetiringPrincipal=retiring)["Grants"] == listed
    kit.refused("AccessDeniedException", kms.retire_grant, GrantToken=g["GrantToken"])
    keeper().retire_grant(GrantToken=g["GrantToken"])
    kit.refused("AccessDeniedException", kms.decrypt, CiphertextBlob=sealed, EncryptionContext={"app": "medal", "id": "1"})


def test_grant_context_equals_and_revoke(kit):
    k = kit.key()["KeyId"]
    arn, grantee = kit.user("g")
    g = kit.kms.create_grant(KeyId=k, GranteePrincipal=arn, Operations=["GenerateDataKey", "RetireGrant"],
                             Constraints={"EncryptionContextEquals": {"a": "1"}})["GrantId"]
    grantee().generate_data_key(KeyId=k, KeySpec="AES_256", EncryptionContext={"a": "1"})
    kit.refused("AccessDeniedException", grantee().generate_data_key, KeyId=k, KeySpec="AES_256", EncryptionContext={"a": "1", "b": "2"})
    kit.refused("DryRunOperationException", kit.kms.revoke_grant, KeyId=k, GrantId=g, DryRun=True)
    kit.kms.revoke_grant(KeyId=k, GrantId=g)
    kit.refused("InvalidGrantIdException", kit.kms.revoke_grant, KeyId=k, GrantId=g)
    kit.refused("AccessDeniedException", grantee().generate_data_key, KeyId=k, KeySpec="AES_256", EncryptionContext={"a": "1"})


def test_grant_refusals(kit):
    k = kit.key()["KeyId"]
    kit.refused("ValidationException", kit.kms.create_grant, KeyId=k, GranteePrincipal=ROOT, Operations=["Sign"])
    kit.refused("InvalidArnException", kit.kms.create_grant, KeyId=k, GranteePrincipal="nobody", Operations=["Decrypt"])
    kit.refused("AccessDeniedException", kit.user("u")[1]().create_grant, KeyId=k, GranteePrincipal=ROOT, Operations=["Decrypt"])


def test_grant_to_a_role(kit):
    k = kit.key()["KeyId"]
    arn, session = kit.role("r")
    kit.kms.create_grant(KeyId=k, GranteePrincipal=arn, Operations=["Encrypt"])
    session().encrypt(KeyId=k, Plaintext=b"x")


def test_alias_permissions(kit):
    """An alias operation needs permission on the alias and on the key."""
    k, alias = kit.key()["KeyId"], "alias/" + kit.name
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:{alias}"
    key_arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{k}"
    _, half = kit.user("half", allow("kms:CreateAlias", arn))
    _, whole = kit.user("whole", allow("kms:*Alias", [arn, key_arn]))
    kit.refused("AccessDeniedException", half().create_alias, AliasName=alias, TargetKeyId=k, text=key_arn)
    whole().create_alias(AliasName=alias, TargetKeyId=k)
    kit.refused("AccessDeniedException", half().delete_alias, AliasName=alias)
    whole().delete_alias(AliasName=alias)
