"""What the tests of KMS share."""
import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


class Kit:
    """A KMS client and the words the tests speak in."""

    def __init__(self, client, name):
        self.client_of, self.name, self.kms, self.iam = client, name, client("kms"), client("iam")

    def key(self, **more):
        return self.kms.create_key(**more)["KeyMetadata"]

    def refused(self, code, call, *args, text="", **kwargs):
        with pytest.raises(ClientError) as e:
            call(*args, **kwargs)
        error = e.value.response["Error"]
        assert error["Code"] == code, error
        assert text in error["Message"], error
        return e.value.response

    def user(self, suffix, *statements):
        """A user with an inline policy: its ARN and a way to its clients."""
        user = f"{self.name}-{suffix}"
        arn = self.iam.create_user(UserName=user)["User"]["Arn"]
        if statements:
            self.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document(*statements))
        k = self.iam.create_access_key(UserName=user)["AccessKey"]
        return arn, lambda service="kms": self.client_of(service, k["AccessKeyId"], k["SecretAccessKey"])

    def role(self, suffix, *statements):
        role = f"{self.name}-{suffix}"
        arn = self.iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(
            {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}))["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document(*statements))

        def session(service="kms"):
            # root may not assume roles on AWS; a user of the account with sts:AssumeRole does
            _, of = self.user(suffix + "-u", allow("sts:AssumeRole", arn))
            c = of("sts").assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
            return self.client_of(service, c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
        return arn, session


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def grant(principal, action="kms:*", **more):
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*", **more}


@pytest.fixture
def kit(client, name):
    return Kit(client, name)
