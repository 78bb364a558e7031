"""Virtual multi-factor devices through boto3: made, assigned, brought in step, asked for by policies.

Sources: IAM API Reference (CreateVirtualMFADevice, EnableMFADevice, ...), "Multi-factor authentication in IAM", "Secure API access with MFA",
"AWS global condition context keys" (IAM User Guide), RFC 6238.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import struct
import subprocess

import pytest
from refusals import refused

ACCOUNT = "000000000000"
STEP = 30


def totp(seed, at):
    """The code that a device with this seed shows at a time (RFC 6238)."""
    mac = hmac.new(base64.b32decode(seed), struct.pack(">Q", int(at) // STEP), hashlib.sha1).digest()
    return "%06d" % ((struct.unpack_from(">I", mac, mac[19] & 15)[0] & 0x7fffffff) % 10**6)


def allow(action, resource="*", **condition):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **({"Condition": condition} if condition else {})}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Device:
    """What its holder has in hand: a seed, and a clock that is the service's unless it goes wrong."""

    def __init__(self, tsubo, iam, name, **more):
        self.tsubo, self.fast = tsubo, 0
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name, **more)["VirtualMFADevice"]
        self.serial, self.seed, self.png = made["SerialNumber"], made["Base32StringSeed"], made["QRCodePNG"]

    def codes(self, *steps):
        """Those of some steps before or after now, by one look at the clock."""
        now = self.tsubo.admin("clock")["clock_ms"] / 1000 + self.fast
        return [totp(self.seed, now + n * STEP) for n in steps]

    def code(self):
        return self.codes(0)[0]

    def two(self):
        first, second = self.codes(-1, 0)
        return {"SerialNumber": self.serial, "AuthenticationCode1": first, "AuthenticationCode2": second}

    def fresh_code(self):
        """The next one: a code is good once."""
        self.tsubo.turn_clock("+60s")
        return self.code()


@pytest.fixture
def iam(client):
    return client("iam")


@pytest.fixture
def device(tsubo, iam, name):
    return Device(tsubo, iam, name)


@pytest.fixture
def user(client, iam, name, device):
    """A user with a device of his own; gives clients of his."""
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(
        allow("sts:AssumeRole"), allow("iam:GetUser", Bool={"aws:MultiFactorAuthPresent": "true"}),
        allow("iam:ListAccessKeys", NumericLessThan={"aws:MultiFactorAuthAge": "300"})))
    iam.enable_mfa_device(UserName=name, **device.two())
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return lambda service: client(service, key["AccessKeyId"], key["SecretAccessKey"])


def session(client, answer, service):
    c = answer["Credentials"]
    return client(service, c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])


# ---- devices ----

def test_a_device_is_made_with_a_seed_that_a_camera_can_read(device, name, tmp_path):
    """VirtualMFADevice: "otpauth://totp/$virtualMFADeviceName@$AccountName?secret=$Base32String"."""
    assert device.serial == f"arn:aws:iam::{ACCOUNT}:mfa/{name}"
    assert len(base64.b32decode(device.seed)) == 40
    picture = tmp_path / "qr.png"
    picture.write_bytes(device.png)
    read = subprocess.run(["zbarimg", "--raw", "-q", picture], capture_output=True, check=True).stdout.decode().strip()
    assert read == f"otpauth://totp/{name}%40{ACCOUNT}?secret={device.seed.decode()}"


def test_names_and_paths_of_devices(iam, tsubo, name):
    first = Device(tsubo, iam, name, Path="/team/")
    assert first.serial == f"arn:aws:iam::{ACCOUNT}:mfa/team/{name}"
    refused(lambda: Device(tsubo, iam, name.upper(), Path="/team/"), "EntityAlreadyExists", "MFADevice entity at the same path and name already exists")
    refused(lambda: Device(tsubo, iam, "n" * 240), "ValidationError")
    iam.delete_virtual_mfa_device(SerialNumber=first.serial)
    refused(lambda: iam.delete_virtual_mfa_device(SerialNumber=first.serial), "NoSuchEntity")
    refused(lambda: iam.delete_virtual_mfa_device(SerialNumber="GAHT12345678"), "NoSuchEntity")


def test_the_seed_is_nowhere_in_the_clear(fresh_tsubo, name):
    """"The seed information ... should be treated like any other secret access information" (CreateVirtualMFADevice)."""
    iam = fresh_tsubo.client("iam")
    device = Device(fresh_tsubo, iam, name)
    iam.create_user(UserName=name)
    iam.enable_mfa_device(UserName=name, **device.two())
    fresh_tsubo.stop()
    kept = [f.read_bytes() for f in pathlib.Path(fresh_tsubo.data).rglob("*") if f.is_file()]
    assert any(name.encode() in k for k in kept)
    for secret in (device.seed, base64.b32decode(device.seed)):
        assert not any(secret in k for k in kept)
    assert device.seed.decode() not in fresh_tsubo.log_text()


def test_enabled_with_two_codes_that_follow_one_another(iam, name, device):
    iam.create_user(UserName=name)
    again = {"UserName": name, "SerialNumber": device.serial}
    wrong = "InvalidAuthenticationCode"
    for steps in ((0, -1), (-2, 0)):
        first, second = device.codes(*steps)
        refused(lambda: iam.enable_mfa_device(**again, AuthenticationCode1=first, AuthenticationCode2=second), wrong, "not valid")
    refused(lambda: iam.enable_mfa_device(UserName=name + "x", **device.two()), "NoSuchEntity")
    refused(lambda: iam.enable_mfa_device(UserName=name, **(device.two() | {"SerialNumber": device.serial + "x"})), "NoSuchEntity")
    iam.enable_mfa_device(UserName=name, **device.two())
    listed = iam.list_mfa_devices(UserName=name)["MFADevices"]
    assert [(d["UserName"], d["SerialNumber"]) for d in listed] == [(name, device.serial)]
    got = iam.get_mfa_device(SerialNumber=device.serial, UserName=name)
    assert (got["UserName"], got["EnableDate"]) == (name, listed[0]["EnableDate"])
    refused(lambda: iam.enable_mfa_device(UserName=name, **device.two()), "EntityAlreadyExists")
    refused(lambda: iam.delete_virtual_mfa_device(SerialNumber=device.serial), "DeleteConflict", "Must deactivate first")
    refused(lambda: iam.delete_user(UserName=name), "DeleteConflict", "Cannot delete entity, must delete MFA device first.")
    iam.update_user(UserName=name, NewUserName=name + "-new")
    assert iam.list_mfa_devices(UserName=name + "-new")["MFADevices"][0]["UserName"] == name + "-new"
    iam.deactivate_mfa_device(UserName=name + "-new", SerialNumber=device.serial)
    refused(lambda: iam.get_mfa_device(SerialNumber=device.serial, UserName=name + "-new"), "NoSuchEntity", "MFA Device invalid for user.")
    iam.delete_virtual_mfa_device(SerialNumber=device.serial)
    iam.delete_user(UserName=name + "-new")


def test_virtual_devices_are_listed_by_assignment(iam, tsubo, name, device):
    iam.create_user(UserName=name)
    spare = Device(tsubo, iam, name + "-spare")
    iam.enable_mfa_device(UserName=name, **device.two())
    def serials(**more):
        return {d["SerialNumber"]: d for page in iam.get_paginator("list_virtual_mfa_devices").paginate(PaginationConfig={"PageSize": 1}, **more)
                for d in page["VirtualMFADevices"]}
    assert {device.serial, spare.serial} <= serials().keys()
    assigned, unassigned = serials(AssignmentStatus="Assigned"), serials(AssignmentStatus="Unassigned")
    assert device.serial in assigned and spare.serial not in assigned
    assert spare.serial in unassigned and device.serial not in unassigned
    assert assigned[device.serial]["User"]["UserName"] == name and "EnableDate" in assigned[device.serial]
    assert "Base32StringSeed" not in assigned[device.serial]
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["MFADevices"] == len(serials()) and summary["MFADevicesInUse"] == len(assigned)


def test_a_user_has_eight_devices_at_most(iam, tsubo, name):
    """"IAM and AWS STS quotas": MFA devices assigned to an IAM user or root: 8."""
    iam.create_user(UserName=name)
    for i in range(8):
        iam.enable_mfa_device(UserName=name, **Device(tsubo, iam, f"{name}-{i}").two())
    refused(lambda: iam.enable_mfa_device(UserName=name, **Device(tsubo, iam, name + "-8").two()), "LimitExceeded")


def test_tags_of_devices(iam, tsubo, name):
    device = Device(tsubo, iam, name, Tags=[{"Key": "a", "Value": "1"}])
    iam.tag_mfa_device(SerialNumber=device.serial, Tags=[{"Key": "b", "Value": "2"}, {"Key": "A", "Value": "3"}])
    assert iam.list_mfa_device_tags(SerialNumber=device.serial)["Tags"] == [{"Key": "A", "Value": "3"}, {"Key": "b", "Value": "2"}]
    iam.untag_mfa_device(SerialNumber=device.serial, TagKeys=["a"])
    assert iam.list_mfa_device_tags(SerialNumber=device.serial)["Tags"] == [{"Key": "b", "Value": "2"}]
    refused(lambda: iam.list_mfa_device_tags(SerialNumber=device.serial + "x"), "NoSuchEntity")


def test_users_manage_their_own_devices(client, iam, tsubo, name):
    """"AWS: Allows MFA-authenticated IAM users to manage their own MFA device": the user is the resource, or the device."""
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(
        allow(["iam:EnableMFADevice", "iam:ListMFADevices", "iam:DeactivateMFADevice"], "arn:aws:iam::*:user/${aws:username}"),
        allow(["iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"], "arn:aws:iam::*:mfa/${aws:username}")))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    me = client("iam", key["AccessKeyId"], key["SecretAccessKey"])
    refused(lambda: me.create_virtual_mfa_device(VirtualMFADeviceName="other"), "AccessDenied", "mfa/other")
    device = Device(tsubo, me, name)
    me.enable_mfa_device(UserName=name, **device.two())
    assert [d["SerialNumber"] for d in me.list_mfa_devices()["MFADevices"]] == [device.serial]
    me.deactivate_mfa_device(SerialNumber=device.serial)
    me.delete_virtual_mfa_device(SerialNumber=device.serial)


# ---- what a code is good for ----

def test_a_session_with_a_code_is_a_multi_factor_one(client, tsubo, user, device):
    """GetSessionToken; aws:MultiFactorAuthPresent, aws:MultiFactorAuthAge."""
    refused(user("iam").get_user, "AccessDenied") # long-term credentials do not have the key
    plain = session(client, user("sts").get_session_token(), "iam")
    refused(plain.get_user, "AccessDenied")
    strong = session(client, user("sts").get_session_token(SerialNumber=device.serial, TokenCode=device.fresh_code()), "iam")
    assert strong.get_user()["User"]["UserName"]
    assert strong.list_access_keys()["AccessKeyMetadata"]
    refused(plain.list_access_keys, "AccessDenied")
    tsubo.turn_clock("+301s")
    assert strong.get_user()
    refused(strong.list_access_keys, "AccessDenied")


def test_a_code_is_good_once_and_only_for_its_owner(client, iam, user, device, name, tsubo):
    sts = user("sts")
    code = device.fresh_code()
    sts.get_session_token(SerialNumber=device.serial, TokenCode=code)
    failed = "MultiFactorAuthentication failed"
    refused(lambda: sts.get_session_token(SerialNumber=device.serial, TokenCode=code), "AccessDenied", failed + " with invalid MFA one time pass code")
    tsubo.turn_clock("+60s")
    refused(lambda: sts.get_session_token(SerialNumber=device.serial, TokenCode=code), "AccessDenied", failed)
    refused(lambda: sts.get_session_token(SerialNumber=device.serial), "AccessDenied", "must provide both")
    refused(lambda: client("sts").get_session_token(SerialNumber=device.serial, TokenCode=device.code()), "AccessDenied", "unable to validate MFA code")
    refused(lambda: sts.get_session_token(SerialNumber=device.serial + "x", TokenCode=device.code()), "AccessDenied", "unable to validate MFA code")
    sts.get_session_token(SerialNumber=device.serial, TokenCode=device.code())
    iam.deactivate_mfa_device(UserName=name, SerialNumber=device.serial)
    refused(lambda: sts.get_session_token(SerialNumber=device.serial, TokenCode=device.fresh_code()), "AccessDenied", "unable to validate MFA code")


def test_a_clock_gone_wrong_is_brought_in_step(iam, user, device, name):
    """"Resynchronize virtual and hardware MFA devices" (IAM User Guide)."""
    device.fast = 600
    sts = user("sts")
    refused(lambda: sts.get_session_token(SerialNumber=device.serial, TokenCode=device.fresh_code()), "AccessDenied", "invalid MFA one time pass")
    refused(lambda: iam.resync_mfa_device(UserName=name, SerialNumber=device.serial, AuthenticationCode1=device.code(), AuthenticationCode2=device.code()),
            "InvalidAuthenticationCode")
    iam.resync_mfa_device(UserName=name, **device.two())
    refused(lambda: iam.resync_mfa_device(UserName=name, **device.two()), "InvalidAuthenticationCode") # spent
    sts.get_session_token(SerialNumber=device.serial, TokenCode=device.fresh_code())


def test_a_role_may_ask_for_the_second_factor(client, iam, user, device, name):
    """"Secure API access with MFA": the trust policy asks; the role's session itself carries nothing of it."""
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole", "Condition": {
        "Bool": {"aws:MultiFactorAuthPresent": "true"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "600"}}}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("iam:GetRole", Bool={"aws:MultiFactorAuthPresent": "true"}),
                                                                              allow("iam:ListRoles")))
    sts, with_code = user("sts"), {"RoleArn": arn, "RoleSessionName": "one", "SerialNumber": device.serial}
    refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one"), "AccessDenied", "not authorized to perform: sts:AssumeRole")
    refused(lambda: sts.assume_role(**with_code, TokenCode=next(c for c in ("000000", "000001", "000002", "000003", "000004", "000005") if c not in device.codes(-2, -1, 0, 1, 2))), "AccessDenied", "one time pass code")
    answer = sts.assume_role(**with_code, TokenCode=device.fresh_code())
    assert session(client, answer, "iam").list_roles()["Roles"]
    refused(lambda: session(client, answer, "iam").get_role(RoleName=name), "AccessDenied")
    strong = session(client, sts.get_session_token(SerialNumber=device.serial, TokenCode=device.fresh_code()), "sts")
    assert strong.assume_role(RoleArn=arn, RoleSessionName="two")["AssumedRoleUser"]["Arn"].endswith("/two")
    refused(lambda: sts.assume_role(**(with_code | {"SerialNumber": device.serial + "x"}), TokenCode=device.fresh_code()), "AccessDenied", "unable to")


def test_root_has_devices_too(client, iam, tsubo, device):
    iam.enable_mfa_device(UserName="root", **device.two())
    assert [d["SerialNumber"] for d in iam.list_mfa_devices()["MFADevices"]] == [device.serial]
    listed = next(d for d in iam.list_virtual_mfa_devices()["VirtualMFADevices"] if d["SerialNumber"] == device.serial)
    assert (listed["User"]["Arn"], listed["User"]["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 1
    answer = client("sts").get_session_token(SerialNumber=device.serial, TokenCode=device.fresh_code())
    assert session(client, answer, "sts").get_caller_identity()["Arn"].endswith(":root")
    refused(lambda: client("sts", "111122223333").get_session_token(SerialNumber=device.serial, TokenCode=device.fresh_code()), "AccessDenied")
    iam.deactivate_mfa_device(SerialNumber=device.serial)
    assert iam.list_mfa_devices()["MFADevices"] == []
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 0


def test_spent_codes_stay_spent_over_a_restart(fresh_tsubo, name):
    iam, sts = fresh_tsubo.client("iam"), fresh_tsubo.client("sts")
    device = Device(fresh_tsubo, iam, name)
    iam.enable_mfa_device(UserName="root", **device.two())
    code = device.fresh_code()
    sts.get_session_token(SerialNumber=device.serial, TokenCode=code)
    fresh_tsubo.kill()
    fresh_tsubo.start()
    refused(lambda: sts.get_session_token(SerialNumber=device.serial, TokenCode=code), "AccessDenied", "invalid MFA one time pass code")
    sts.get_session_token(SerialNumber=device.serial, TokenCode=device.fresh_code())
