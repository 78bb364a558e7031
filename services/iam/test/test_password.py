"""Login profiles and the account's password policy through boto3.

Sources: IAM API Reference (CreateLoginProfile, ChangePassword, UpdateAccountPasswordPolicy, ...); "Set an account password policy for IAM users",
"Permit IAM users to change their own passwords" (IAM User Guide)."""
import json
import pathlib

import pytest
from botocore.exceptions import ClientError
import refusals
from refusals import refused

GOOD, OTHER = "Correct-Horse-7", "Battery-Staple-8"
VIOLATION = "PasswordPolicyViolation"


@pytest.fixture
def iam(client):
    iam = client("iam")
    yield iam
    try:
        iam.delete_account_password_policy()
    except ClientError:
        pass


@pytest.fixture
def user(client, iam, name):
    return refusals.user(client, name)("iam")


def test_a_login_profile_comes_and_goes(iam, user, name):
    refused(lambda: iam.get_login_profile(UserName=name), "NoSuchEntity", f"Login Profile for User {name} cannot be found.")
    made = iam.create_login_profile(UserName=name, Password=GOOD, PasswordResetRequired=True)["LoginProfile"]
    assert (made["UserName"], made["PasswordResetRequired"]) == (name, True)
    refused(lambda: iam.create_login_profile(UserName=name, Password=GOOD), "EntityAlreadyExists", f"Login Profile for user {name} already exists.")
    iam.update_login_profile(UserName=name, PasswordResetRequired=False)
    got = iam.get_login_profile(UserName=name)["LoginProfile"]
    assert (got["CreateDate"], got["PasswordResetRequired"]) == (made["CreateDate"], False)
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    refused(lambda: iam.delete_user(UserName=name), "DeleteConflict", "Cannot delete entity, must delete login profile first.")
    iam.delete_login_profile(UserName=name)
    iam.delete_user(UserName=name)
    refused(lambda: iam.update_login_profile(UserName=name, Password=GOOD), "NoSuchEntity")


@pytest.mark.parametrize("password", ["Ab-1567", "abcdefgh1", "ABCDEFGH1", "12345678-"])
def test_without_a_policy_awss_own_holds(iam, user, name, password):
    """"Minimum password length of 8 characters", three of four kinds of characters."""
    refused(lambda: iam.create_login_profile(UserName=name, Password=password), VIOLATION, "does not conform to the account password policy")


def test_the_accounts_policy(iam, user, name):
    refused(iam.get_account_password_policy, "NoSuchEntity", "The Password Policy with domain name 000000000000 cannot be found.")
    refused(iam.delete_account_password_policy, "NoSuchEntity")
    iam.update_account_password_policy(MinimumPasswordLength=12, RequireSymbols=True, MaxPasswordAge=90)
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["RequireSymbols"], policy["RequireNumbers"], policy["ExpirePasswords"]) == (12, True, False, True)
    refused(lambda: iam.create_login_profile(UserName=name, Password="short-but-1"), VIOLATION)
    refused(lambda: iam.create_login_profile(UserName=name, Password="nosymbolsatall"), VIOLATION)
    iam.create_login_profile(UserName=name, Password="just-long-enough")
    iam.update_account_password_policy(RequireUppercaseCharacters=True) # what is not said is at its default again
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["RequireSymbols"], policy["ExpirePasswords"]) == (6, False, False) and "MaxPasswordAge" not in policy
    refused(lambda: iam.update_login_profile(UserName=name, Password="lower-case"), VIOLATION)
    iam.update_login_profile(UserName=name, Password="Simple")
    iam.delete_account_password_policy()
    refused(iam.get_account_password_policy, "NoSuchEntity")


def test_users_change_their_own(iam, user, name):
    change = lambda old, new: user.change_password(OldPassword=old, NewPassword=new)
    iam.create_login_profile(UserName=name, Password=GOOD, PasswordResetRequired=True)
    refused(lambda: change(GOOD, OTHER), "AccessDenied", "not authorized to perform: iam:ChangePassword")
    iam.update_account_password_policy(MinimumPasswordLength=8, AllowUsersToChangePassword=True, PasswordReusePrevention=2)
    assert user.get_account_password_policy()["PasswordPolicy"]["AllowUsersToChangePassword"]
    refused(lambda: change(OTHER, OTHER + "x"), "AccessDenied", "The old password was incorrect.")
    refused(lambda: change(GOOD, "short"), VIOLATION)
    change(GOOD, OTHER)
    assert iam.get_login_profile(UserName=name)["LoginProfile"]["PasswordResetRequired"] is False
    refused(lambda: change(OTHER, GOOD), VIOLATION) # PasswordReusePrevention
    change(OTHER, GOOD + "2")
    change(GOOD + "2", GOOD)
    iam.put_user_policy(UserName=name, PolicyName="no", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "iam:ChangePassword", "Resource": "*"}]}))
    refused(lambda: change(GOOD, OTHER), "AccessDenied", "explicit deny")
    refused(lambda: iam.change_password(OldPassword=GOOD, NewPassword=OTHER), "InvalidUserType")


def test_a_password_is_nowhere_in_the_clear(fresh_tsubo, name):
    iam = fresh_tsubo.client("iam")
    iam.create_user(UserName=name)
    iam.create_login_profile(UserName=name, Password=GOOD)
    refused(lambda: iam.create_login_profile(UserName=name, Password=OTHER), "EntityAlreadyExists")
    fresh_tsubo.stop()
    kept = [f.read_bytes() for f in pathlib.Path(fresh_tsubo.data).rglob("*") if f.is_file()]
    assert any(name.encode() in k for k in kept)
    assert not any(secret.encode() in k for k in kept + [fresh_tsubo.log_text().encode()] for secret in (GOOD, OTHER))
