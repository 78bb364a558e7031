"""AWS::KMS::Key, AWS::KMS::Alias, AWS::KMS::ReplicaKey. Expectations: their pages in the CloudFormation Template Reference."""
import json

from .conftest import ROOT, grant

POLICY = {"Version": "2012-10-17", "Statement": [grant(ROOT)]}


def deploy(cfn, how, name, resources, **outputs):
    template = {"Resources": resources, "Outputs": {k: {"Value": v} for k, v in outputs.items()}}
    getattr(cfn, how + "_stack")(StackName=name, TemplateBody=json.dumps(template))
    cfn.get_waiter(f"stack_{how}_complete").wait(StackName=name)
    return {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])}


def test_key_and_alias(kit, client, name):
    cfn = client("cloudformation")
    key = {"Type": "AWS::KMS::Key", "Properties": {"Description": "one", "KeyPolicy": POLICY, "EnableKeyRotation": True, "PendingWindowInDays": 7,
                                                   "Tags": [{"Key": "team", "Value": "blue"}]}}
    alias = {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "alias/" + name, "TargetKeyId": {"Ref": "Key"}}}
    signer = {"Type": "AWS::KMS::Key", "Properties": {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY", "KeyPolicy": POLICY}}
    out = deploy(cfn, "create", name, {"Key": key, "Alias": alias, "Signer": signer}, Id={"Ref": "Key"}, Arn={"Fn::GetAtt": ["Key", "Arn"]},
                 Alias={"Ref": "Alias"}, Signer={"Ref": "Signer"})
    assert out["Alias"] == "alias/" + name and out["Arn"].endswith("key/" + out["Id"])
    assert kit.kms.describe_key(KeyId=out["Alias"])["KeyMetadata"]["KeyId"] == out["Id"]
    assert kit.kms.get_key_rotation_status(KeyId=out["Id"])["KeyRotationEnabled"]
    assert {"TagKey": "team", "TagValue": "blue"} in kit.kms.list_resource_tags(KeyId=out["Id"])["Tags"]
    kit.kms.sign(KeyId=out["Signer"], Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")
    key["Properties"].update(Description="two", EnableKeyRotation=False, Enabled=False, Tags=[])
    again = deploy(cfn, "update", name, {"Key": key, "Alias": alias, "Signer": signer}, Id={"Ref": "Key"})
    assert again["Id"] == out["Id"]
    meta = kit.kms.describe_key(KeyId=out["Id"])["KeyMetadata"]
    assert (meta["Description"], meta["KeyState"]) == ("two", "Disabled")
    assert "team" not in [t["TagKey"] for t in kit.kms.list_resource_tags(KeyId=out["Id"])["Tags"]]
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert kit.kms.describe_key(KeyId=out["Id"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    kit.refused("NotFoundException", kit.kms.describe_key, KeyId=out["Alias"])


def test_replica(kit, client, name):
    primary = kit.key(MultiRegion=True)
    cfn, west = client("cloudformation", region="eu-west-1"), client("kms", region="eu-west-1")
    out = deploy(cfn, "create", name, {"Replica": {"Type": "AWS::KMS::ReplicaKey", "Properties": {
        "PrimaryKeyArn": primary["Arn"], "KeyPolicy": POLICY, "Description": "there"}}}, Id={"Ref": "Replica"}, Arn={"Fn::GetAtt": ["Replica", "Arn"]})
    assert out["Id"] == primary["KeyId"] and ":eu-west-1:" in out["Arn"]
    assert west.decrypt(CiphertextBlob=kit.kms.encrypt(KeyId=primary["KeyId"], Plaintext=b"x")["CiphertextBlob"])["Plaintext"] == b"x"
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name)
    assert west.describe_key(KeyId=out["Id"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
