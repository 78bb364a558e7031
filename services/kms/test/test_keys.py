"""KMS keys through boto3: their life, aliases, tags, rotation, regions. Expectations: KMS API Reference; "Key states of AWS KMS keys",
"Rotate AWS KMS keys", "Multi-Region keys in AWS KMS" (KMS Developer Guide)."""
import json
import os

ACCOUNT = "000000000000"


def test_create_describe_list(kit):
    made = kit.key(Description="for tests", Tags=[{"TagKey": "team", "TagValue": "blue"}])
    assert made["Arn"] == f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{made['KeyId']}"
    assert (made["KeyState"], made["Enabled"], made["KeySpec"], made["KeyUsage"], made["Origin"], made["KeyManager"], made["MultiRegion"]) == (
        "Enabled", True, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS", "CUSTOMER", False)
    assert made["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]
    for ref in (made["KeyId"], made["Arn"]):
        assert kit.kms.describe_key(KeyId=ref)["KeyMetadata"] == made
    pages = kit.kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1})
    assert made["KeyId"] in [k["KeyId"] for p in pages for k in p["Keys"]]
    policy = json.loads(kit.kms.get_key_policy(KeyId=made["KeyId"])["Policy"])
    assert policy["Id"] == "key-default-1" and policy["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert kit.kms.list_key_policies(KeyId=made["KeyId"])["PolicyNames"] == ["default"]
    kit.kms.update_key_description(KeyId=made["KeyId"], Description="other")
    assert kit.kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["Description"] == "other"


def test_unknown_keys(kit):
    nobody = "1234abcd-12ab-34cd-56ef-1234567890ab"
    kit.refused("NotFoundException", kit.kms.describe_key, KeyId=nobody, text=f"Key 'arn:aws:kms:us-east-1:{ACCOUNT}:key/{nobody}' does not exist")
    kit.refused("NotFoundException", kit.kms.describe_key, KeyId="fake", text="Invalid keyId 'fake'")
    kit.refused("NotFoundException", kit.kms.describe_key, KeyId="alias/" + kit.name,
                text=f"Alias arn:aws:kms:us-east-1:{ACCOUNT}:alias/{kit.name} is not found.")
    kit.refused("NotFoundException", kit.kms.enable_key, KeyId=f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{nobody}", text="Invalid arn eu-west-1")
    kit.refused("InvalidMarkerException", kit.kms.list_keys, Marker="nonsense")


def test_spec_and_usage(kit):
    kit.refused("ValidationException", kit.kms.create_key, KeySpec="RSA_2048", text="You must specify a KeyUsage value")
    kit.refused("ValidationException", kit.kms.create_key, KeySpec="HMAC_256", KeyUsage="SIGN_VERIFY",
                text="KeyUsage SIGN_VERIFY is not compatible with KeySpec HMAC_256")
    kit.refused("ValidationException", kit.kms.create_key, KeySpec="ECC_SECG_P256K1", KeyUsage="KEY_AGREEMENT")
    for spec, usage in (("ML_DSA_44", "SIGN_VERIFY"), ("SM2", "SIGN_VERIFY")):
        assert kit.refused("NotImplemented", kit.kms.create_key, KeySpec=spec, KeyUsage=usage)["ResponseMetadata"]["HTTPStatusCode"] == 501
    kit.refused("NotImplemented", kit.kms.create_key, Origin="AWS_CLOUDHSM", CustomKeyStoreId="cks-1")
    kit.refused("NotImplemented", kit.kms.describe_custom_key_stores)
    assert kit.key(KeySpec="ECC_NIST_P384", KeyUsage="KEY_AGREEMENT")["KeyAgreementAlgorithms"] == ["ECDH"]
    assert kit.key(KeySpec="HMAC_512", KeyUsage="GENERATE_VERIFY_MAC")["MacAlgorithms"] == ["HMAC_SHA_512"]


def test_disable_enable(kit):
    k = kit.key()["KeyId"]
    kit.kms.disable_key(KeyId=k)
    assert kit.kms.describe_key(KeyId=k)["KeyMetadata"]["KeyState"] == "Disabled"
    kit.refused("DisabledException", kit.kms.encrypt, KeyId=k, Plaintext=b"x", text="is disabled.")
    kit.refused("DisabledException", kit.kms.enable_key_rotation, KeyId=k)
    kit.kms.enable_key(KeyId=k)
    kit.kms.encrypt(KeyId=k, Plaintext=b"x")


def test_aliases(kit):
    a, b, alias = kit.key()["KeyId"], kit.key()["KeyId"], "alias/" + kit.name
    kit.kms.create_alias(AliasName=alias, TargetKeyId=a)
    assert kit.kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == a
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:{alias}"
    kit.refused("AlreadyExistsException", kit.kms.create_alias, AliasName=alias, TargetKeyId=b, text=f"An alias with the name {arn} already exists")
    sealed = kit.kms.encrypt(KeyId=arn, Plaintext=b"through an alias")["CiphertextBlob"]
    kit.kms.update_alias(AliasName=alias, TargetKeyId=b)
    assert kit.kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == b
    assert kit.kms.decrypt(CiphertextBlob=sealed)["KeyId"].endswith(a)
    assert kit.kms.list_aliases(KeyId=a)["Aliases"] == []
    listed = kit.kms.list_aliases(KeyId=b)["Aliases"]
    assert [(x["AliasName"], x["AliasArn"], x["TargetKeyId"]) for x in listed] == [(alias, arn, b)]
    # an alias is no name for management, and keeps its type
    kit.refused("NotFoundException", kit.kms.disable_key, KeyId=alias, text="Invalid keyId")
    kit.refused("ValidationException", kit.kms.update_alias, AliasName=alias, TargetKeyId=kit.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"])
    kit.refused("InvalidAliasNameException", kit.kms.create_alias, AliasName="no-prefix", TargetKeyId=a)
    kit.refused("InvalidAliasNameException", kit.kms.create_alias, AliasName="alias/aws/mine", TargetKeyId=a, text="reserved")
    kit.kms.delete_alias(AliasName=alias)
    kit.refused("NotFoundException", kit.kms.delete_alias, AliasName=alias, text="is not found")


def test_tags(kit):
    k = kit.key(Tags=[{"TagKey": "a", "TagValue": "1"}])["KeyId"]
    kit.kms.tag_resource(KeyId=k, Tags=[{"TagKey": "a", "TagValue": "2"}, {"TagKey": "b", "TagValue": ""}])
    assert kit.kms.list_resource_tags(KeyId=k)["Tags"] == [{"TagKey": "a", "TagValue": "2"}, {"TagKey": "b", "TagValue": ""}]
    kit.kms.untag_resource(KeyId=k, TagKeys=["a"])
    assert kit.kms.list_resource_tags(KeyId=k)["Tags"] == [{"TagKey": "b", "TagValue": ""}]
    kit.refused("TagException", kit.kms.tag_resource, KeyId=k, Tags=[{"TagKey": "aws:x", "TagValue": "1"}])
    kit.refused("TagException", kit.kms.create_key, Tags=[{"TagKey": "x", "TagValue": "1"}] * 2)


def test_deletion_by_the_clock(tsubo, kit, eventually):
    k = kit.key()["KeyId"]
    kit.kms.create_alias(AliasName="alias/" + kit.name, TargetKeyId=k)
    sealed = kit.kms.encrypt(KeyId=k, Plaintext=b"soon gone")["CiphertextBlob"]
    kit.refused("ValidationException", kit.kms.schedule_key_deletion, KeyId=k, PendingWindowInDays=6)
    answer = kit.kms.schedule_key_deletion(KeyId=k, PendingWindowInDays=7)
    assert answer["KeyState"] == "PendingDeletion" and answer["PendingWindowInDays"] == 7
    kit.refused("KMSInvalidStateException", kit.kms.decrypt, CiphertextBlob=sealed, text="is pending deletion.")
    kit.refused("KMSInvalidStateException", kit.kms.schedule_key_deletion, KeyId=k)
    kit.kms.cancel_key_deletion(KeyId=k)
    assert kit.kms.describe_key(KeyId=k)["KeyMetadata"]["KeyState"] == "Disabled"
    kit.kms.enable_key(KeyId=k)
    assert kit.kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"soon gone"
    kit.kms.schedule_key_deletion(KeyId=k, PendingWindowInDays=7)
    tsubo.turn_clock("+8d")
    eventually(lambda: k not in [x["KeyId"] for p in kit.kms.get_paginator("list_keys").paginate() for x in p["Keys"]])
    kit.refused("NotFoundException", kit.kms.describe_key, KeyId=k)
    kit.refused("NotFoundException", kit.kms.describe_key, KeyId="alias/" + kit.name)
    kit.refused("AccessDeniedException", kit.kms.decrypt, CiphertextBlob=sealed, text="does not exist")


def test_rotation(tsubo, kit, eventually):
    k = kit.key()["KeyId"]
    old = kit.kms.encrypt(KeyId=k, Plaintext=b"old")["CiphertextBlob"]
    assert kit.kms.get_key_rotation_status(KeyId=k)["KeyRotationEnabled"] is False
    kit.kms.enable_key_rotation(KeyId=k, RotationPeriodInDays=90)
    status = kit.kms.get_key_rotation_status(KeyId=k)
    assert status["RotationPeriodInDays"] == 90 and status["NextRotationDate"]
    kit.kms.rotate_key_on_demand(KeyId=k)
    assert [r["RotationType"] for r in kit.kms.list_key_rotations(KeyId=k)["Rotations"]] == ["ON_DEMAND"]
    tsubo.turn_clock("+91d")
    eventually(lambda: [r["RotationType"] for r in kit.kms.list_key_rotations(KeyId=k)["Rotations"]] == ["ON_DEMAND", "AUTOMATIC"])
    new = kit.kms.encrypt(KeyId=k, Plaintext=b"new")["CiphertextBlob"]
    one, two = kit.kms.decrypt(CiphertextBlob=old), kit.kms.decrypt(CiphertextBlob=new)
    assert (one["Plaintext"], two["Plaintext"]) == (b"old", b"new") and one["KeyMaterialId"] != two["KeyMaterialId"]
    materials = kit.kms.list_key_rotations(KeyId=k, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [m["KeyMaterialState"] for m in materials] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]
    assert two["KeyMaterialId"] == materials[2]["KeyMaterialId"] == kit.kms.describe_key(KeyId=k)["KeyMetadata"]["CurrentKeyMaterialId"]
    kit.kms.disable_key_rotation(KeyId=k)
    assert "NextRotationDate" not in kit.kms.get_key_rotation_status(KeyId=k)
    kit.refused("UnsupportedOperationException", kit.kms.enable_key_rotation, KeyId=kit.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"])


def test_on_demand_rotations_have_an_end(kit):
    k = kit.key()["KeyId"]
    for _ in range(25):
        kit.kms.rotate_key_on_demand(KeyId=k)
    kit.refused("LimitExceededException", kit.kms.rotate_key_on_demand, KeyId=k)


def test_multi_region(tsubo, kit, client, eventually):
    west = client("kms", region="eu-west-1")
    made = kit.key(MultiRegion=True)
    k = made["KeyId"]
    assert k.startswith("mrk-") and made["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"
    kit.refused("NotFoundException", west.describe_key, KeyId=k)
    kit.refused("UnsupportedOperationException", kit.kms.replicate_key, KeyId=kit.key()["KeyId"], ReplicaRegion="eu-west-1")
    replica = kit.kms.replicate_key(KeyId=k, ReplicaRegion="eu-west-1", Description="there")["ReplicaKeyMetadata"]
    assert replica["Arn"] == f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{k}" and replica["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"
    kit.refused("AlreadyExistsException", kit.kms.replicate_key, KeyId=k, ReplicaRegion="eu-west-1")
    sealed = kit.kms.encrypt(KeyId=k, Plaintext=b"both sides")["CiphertextBlob"]
    assert west.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"both sides"
    kit.refused("UnsupportedOperationException", west.rotate_key_on_demand, KeyId=k)
    kit.kms.update_primary_region(KeyId=k, PrimaryRegion="eu-west-1")
    assert kit.kms.describe_key(KeyId=k)["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"
    west.rotate_key_on_demand(KeyId=k)
    assert kit.kms.decrypt(CiphertextBlob=west.encrypt(KeyId=k, Plaintext=b"y")["CiphertextBlob"])["Plaintext"] == b"y"
    # a primary waits for its replicas to go
    assert west.schedule_key_deletion(KeyId=k, PendingWindowInDays=7)["KeyState"] == "PendingReplicaDeletion"
    kit.kms.schedule_key_deletion(KeyId=k, PendingWindowInDays=7)
    tsubo.turn_clock("+8d")
    eventually(lambda: west.describe_key(KeyId=k)["KeyMetadata"]["KeyState"] == "PendingDeletion")
    tsubo.turn_clock("+8d")
    eventually(lambda: k not in [x["KeyId"] for x in west.list_keys(Limit=1000)["Keys"]])


def test_dry_run(kit):
    k = kit.key()["KeyId"]
    kit.refused("DryRunOperationException", kit.kms.encrypt, KeyId=k, Plaintext=b"x", DryRun=True,
                text="The request would have succeeded, but the DryRun option is set.")
    kit.kms.disable_key(KeyId=k)
    kit.refused("DisabledException", kit.kms.encrypt, KeyId=k, Plaintext=b"x", DryRun=True)


def test_keys_survive_a_crash(fresh_tsubo):
    """CreateKey is acknowledged when it is on disk: key, material and alias come back whole."""
    kms = fresh_tsubo.client("kms")
    made = [kms.create_key(**how)["KeyMetadata"]["KeyId"] for how in (
        {}, {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}, {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"})]
    kms.create_alias(AliasName="alias/kept", TargetKeyId=made[0])
    sealed = kms.encrypt(KeyId="alias/kept", Plaintext=b"kept")["CiphertextBlob"]
    rsa = kms.encrypt(KeyId=made[1], Plaintext=b"rsa", EncryptionAlgorithm="RSAES_OAEP_SHA_256")["CiphertextBlob"]
    mac = kms.generate_mac(KeyId=made[2], Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    fresh_tsubo.kill()
    fresh_tsubo.start()
    kms = fresh_tsubo.client("kms")
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"kept"
    assert kms.decrypt(KeyId=made[1], CiphertextBlob=rsa, EncryptionAlgorithm="RSAES_OAEP_SHA_256")["Plaintext"] == b"rsa"
    assert kms.verify_mac(KeyId=made[2], Message=b"m", Mac=mac, MacAlgorithm="HMAC_SHA_256")["MacValid"]
    assert sorted(k["KeyId"] for k in kms.list_keys()["Keys"]) == sorted(made)


def test_no_secret_lies_in_the_clear(fresh_tsubo):
    """An imported secret is not found in any file of the store."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding
    kms = fresh_tsubo.client("kms")
    k = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    p = kms.get_parameters_for_import(KeyId=k, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    secret = os.urandom(32)
    wrapped = serialization.load_der_public_key(p["PublicKey"]).encrypt(secret, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    kms.import_key_material(KeyId=k, ImportToken=p["ImportToken"], EncryptedKeyMaterial=wrapped, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    kms.encrypt(KeyId=k, Plaintext=b"x")
    fresh_tsubo.stop()
    for folder, _, files in os.walk(fresh_tsubo.data):
        for f in files:
            with open(os.path.join(folder, f), "rb") as handle:
                assert secret not in handle.read(), f
