"""AssumeRoleWithWebIdentity with a real OpenID Connect provider: one of the test's own, on this machine.

Sources: STS API Reference (AssumeRoleWithWebIdentity); "OIDC federation", "Create a role for OpenID Connect federation", "Available keys for AWS OIDC
federation" (IAM User Guide); IAM API Reference (CreateOpenIDConnectProvider, ...)."""
import base64
import http.server
import json
import threading
import time

import botocore
import botocore.config
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from refusals import refused

ACCOUNT = "000000000000"
CLIENT = "my-app"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


class Issuer:
    """Serves its configuration and keys; makes tokens."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        issuer = self
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = {"/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": issuer.url + "/keys"}, "/keys": issuer.keys()}.get(self.path)
                body = json.dumps(page).encode()
                self.send_response(200 if page else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.name = f"localhost:{self.server.server_port}"
        self.url = "http://" + self.name
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keys(self):
        r, e = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        return {"keys": [{"kty": "RSA", "kid": "r", "alg": "RS256", "use": "sig", "n": number(r.n), "e": number(r.e)},
                         {"kty": "EC", "kid": "e", "crv": "P-256", "x": number(e.x, 32), "y": number(e.y, 32)}]}

    def token(self, alg="RS256", key=None, **claims):
        claims = {"iss": self.url, "aud": CLIENT, "sub": "repo:me/app:ref", "iat": int(time.time()), "exp": int(time.time()) + 300, **claims}
        text = b64(json.dumps({"alg": alg, "kid": "r" if alg[0] == "R" else "e"}).encode()) + "." + b64(json.dumps(claims).encode())
        if alg == "none":
            return text + "."
        if alg[0] == "R":
            signature = (key or self.rsa).sign(text.encode(), padding.PKCS1v15(), getattr(hashes, "SHA" + alg[2:])())
        else:
            r, s = decode_dss_signature((key or self.ec).sign(text.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return text + "." + b64(signature)


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


@pytest.fixture
def iam(client):
    return client("iam")


@pytest.fixture
def provider(iam, issuer):
    arn = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=[CLIENT])["OpenIDConnectProviderArn"]
    yield arn
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


@pytest.fixture
def role(iam, issuer, provider, name):
    """What GitHub Actions and EKS are given: a role for some subjects of the provider."""
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
             "Condition": {"StringEquals": {issuer.name + ":aud": CLIENT}, "StringLike": {issuer.name + ":sub": "repo:me/*"}}}]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iam:GetRole", "Resource": arn}]}))
    return arn


@pytest.fixture
def assume(client, role):
    sts = client("sts", signature_version=botocore.UNSIGNED)
    return lambda token, **more: sts.assume_role_with_web_identity(**{"RoleArn": role, "RoleSessionName": "ci", "WebIdentityToken": token, **more})


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "ES256"])
def test_a_token_becomes_a_session_of_the_role(client, issuer, provider, assume, name, alg):
    answer = assume(issuer.token(alg), DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/ci"
    assert (answer["SubjectFromWebIdentityToken"], answer["Audience"], answer["Provider"]) == ("repo:me/app:ref", CLIENT, provider)
    c = answer["Credentials"]
    iam = client("iam", c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    assert iam.get_role(RoleName=name)["Role"]["RoleName"] == name
    refused(lambda: iam.list_roles(), "AccessDenied")


def test_tokens_that_are_not_believed(iam, issuer, provider, assume):
    invalid = "InvalidIdentityToken"
    refused(lambda: assume("not.a.token"), invalid, "not a valid JWT")
    refused(lambda: assume(issuer.token(key=rsa.generate_private_key(65537, 2048))), invalid, "not signed by a key")
    refused(lambda: assume(issuer.token(alg="none")), invalid)
    head, claims, signature = issuer.token().split(".")
    forged = b64(json.dumps({**json.loads(base64.urlsafe_b64decode(claims + "==")), "sub": "repo:me/other"}).encode())
    refused(lambda: assume(f"{head}.{forged}.{signature}"), invalid, "not signed by a key")
    refused(lambda: assume(issuer.token(exp=int(time.time()) - 1)), "ExpiredTokenException", "must be before the expiration")
    refused(lambda: assume(issuer.token(nbf=int(time.time()) + 60)), invalid)
    refused(lambda: assume(issuer.token(aud="other-app")), invalid, "Incorrect token audience")
    refused(lambda: assume(issuer.token(iss="https://other.example")), invalid, "No OpenIDConnect provider found in your account for https://other.example")
    assert assume(issuer.token(aud=["other-app", CLIENT]))["Audience"] == CLIENT
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=provider, ClientID=CLIENT)
    refused(lambda: assume(issuer.token()), invalid, "Incorrect token audience")


def test_the_trust_policy_decides(iam, issuer, provider, assume, role, name):
    denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    refused(lambda: assume(issuer.token(sub="repo:you/app")), "AccessDenied", denied)
    refused(lambda: assume(issuer.token(), RoleArn=role + "x"), "AccessDenied", denied)
    here = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:*"}]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(here))
    refused(lambda: assume(issuer.token()), "AccessDenied", denied) # a token is nobody of the account
    refused(lambda: assume(issuer.token(), DurationSeconds=43200), "AccessDenied")


def test_an_issuer_that_does_not_answer(iam, client, role, name):
    """The provider is known, but nobody is there."""
    gone = Issuer()
    gone.server.shutdown()
    gone.server.server_close()
    arn = iam.create_open_id_connect_provider(Url=gone.url, ClientIDList=[CLIENT])["OpenIDConnectProviderArn"]
    sts = client("sts", signature_version=botocore.UNSIGNED)
    refused(lambda: sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="ci", WebIdentityToken=gone.token()), "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def test_providers(iam, name):
    url, thumbprint = f"https://{name}.example/path", "a" * 40
    arn = iam.create_open_id_connect_provider(Url=url, ClientIDList=["a", "a", "b"], ThumbprintList=[thumbprint], Tags=[{"Key": "k", "Value": "v"}])[
        "OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{name}.example/path"
    refused(lambda: iam.create_open_id_connect_provider(Url=url), "EntityAlreadyExists")
    refused(lambda: iam.create_open_id_connect_provider(Url=f"http://{name}.example"), "ValidationError")
    refused(lambda: iam.create_open_id_connect_provider(Url=url + "?a=b"), "ValidationError")
    refused(lambda: iam.create_open_id_connect_provider(Url=url + "2", ThumbprintList=[thumbprint] * 6), "InvalidInput")
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (got["Url"], got["ClientIDList"], got["ThumbprintList"], got["Tags"]) == (url[8:], ["a", "b"], [thumbprint], [{"Key": "k", "Value": "v"}])
    assert arn in [p["Arn"] for p in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="c")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40])
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "l", "Value": "w"}])
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["k"])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (got["ClientIDList"], got["ThumbprintList"]) == (["b", "c"], ["b" * 40])
    assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"] == [{"Key": "l", "Value": "w"}]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn) # idempotent
    refused(lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn), "NoSuchEntity")
