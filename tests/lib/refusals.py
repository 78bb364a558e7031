"""What tests expect of calls that are refused, and users who may do little. (`pythonpath` of pytest.ini finds this.)"""
import json

import pytest
from botocore.exceptions import ClientError


def refusal(call, **arguments):
    """The call fails; the error's code and message."""
    with pytest.raises(ClientError) as e:
        call(**arguments)
    error = e.value.response["Error"]
    return error["Code"], error["Message"]


def refused(call, code, text="", **arguments):
    """The call fails with this code, and this text in its message, which is returned."""
    got, message = refusal(call, **arguments)
    assert got == code, (got, message)
    assert text in message, (got, message)
    return message


def denied(call, text="", **arguments):
    """The call fails for want of permission, whatever the service calls that."""
    code, message = refusal(call, **arguments)
    assert code in ("AccessDenied", "AccessDeniedException"), (code, message)
    assert text in message, (code, message)
    return message


def user(client, name, *statements):
    """Makes a user who may do what the statements say (Effect Allow and Resource * where they do not say it). Returns what makes their
    clients: user(...)("sqs")."""
    iam = client("iam")
    iam.create_user(UserName=name)
    if statements:
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **s} for s in statements]}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return lambda service, **more: client(service, key["AccessKeyId"], key["SecretAccessKey"], **more)
