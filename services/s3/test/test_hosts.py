"""Host names: virtual hosts on any base name, website endpoints, domain names of one's own, transfer acceleration.

Sources: "Virtual hosting of general purpose buckets", "Website endpoints", "Configuring a static website using a custom domain registered with
Route 53", "Using Amazon S3 dual-stack endpoints", "Configuring fast, secure file transfers using Amazon S3 Transfer Acceleration" (S3 User Guide);
"Error responses" (S3 API Reference)."""
import json
import urllib.parse

import botocore.config
import pytest
import requests
from botocore.exceptions import ClientError

from conftest import Server


@pytest.fixture
def bucket(s3, name):
    """A bucket that anyone may read, with two pages in it."""
    return make(s3, name)


def make(s3, name):
    s3.create_bucket(Bucket=name)
    s3.delete_public_access_block(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]}]}))
    s3.put_object(Bucket=name, Key="index.html", Body=b"home")
    s3.put_object(Bucket=name, Key="oops.html", Body=b"sorry")
    return name


def as_website(s3, name):
    s3.put_bucket_website(Bucket=name, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "oops.html"}})


def get(tsubo, host, path="/", **more):
    return requests.get(f"http://127.0.0.1:{tsubo.port}{path}", headers={"Host": host}, allow_redirects=False, **more)


class Real:
    """boto3 as it is pointed at AWS, its requests led here: the host names are those it chooses itself."""

    def __init__(self, tsubo, service="s3", region="us-east-1", **s3_config):
        self.hosts = []
        config = botocore.config.Config(s3=s3_config, retries={"max_attempts": 1, "mode": "standard"}, signature_version="s3v4")
        self.client = tsubo.session(region=region).client(service, config=config)
        def lead_here(request, **_):
            url = urllib.parse.urlsplit(request.url)
            self.hosts.append(url.netloc)
            request.headers["Host"] = url.netloc
            request.url = url._replace(scheme="http", netloc=f"127.0.0.1:{tsubo.port}").geturl()
        self.client.meta.events.register("before-send", lead_here)


def refused(call, code, text=""):
    with pytest.raises(ClientError) as e:
        call()
    error = e.value.response["Error"]
    assert error["Code"] == code and text in error["Message"], error


# ---- virtual hosts ----

@pytest.mark.parametrize("host", [
    "{}.localhost", "{}.s3.localhost", "{}.s3.amazonaws.com", "{}.s3.us-east-1.amazonaws.com", "{}.s3-us-west-2.amazonaws.com",
    "{}.s3.dualstack.us-east-1.amazonaws.com", "{}.s3-fips.us-east-1.amazonaws.com", "{}.s3-fips.dualstack.us-east-1.amazonaws.com",
    "{}.s3.us-east-1.cloud.example", "{}.s3.cloud.example:8080"])
def test_a_virtual_host_names_the_bucket(tsubo, bucket, host):
    assert get(tsubo, host.format(bucket), "/index.html").text == "home"


@pytest.mark.parametrize("host", ["s3.localhost", "s3.us-east-1.amazonaws.com", "s3.dualstack.us-east-1.amazonaws.com", "s3-us-west-2.amazonaws.com",
                                  "tsubo.example", "10.1.2.3"])
def test_other_hosts_leave_it_to_the_path(tsubo, bucket, host):
    assert get(tsubo, host, f"/{bucket}/index.html").text == "home"


@pytest.mark.parametrize("name", ["events", "a.s3-x.b", "s3.b.c", "logs.s3.archive"])
def test_buckets_named_as_services_and_labels_are(tsubo, s3, name):
    make(s3, name)
    assert get(tsubo, f"{name}.s3.us-east-1.amazonaws.com", "/index.html").text == "home"


def test_signed_requests_by_the_hosts_that_boto3_chooses(tsubo, s3, bucket):
    for config in ({"addressing_style": "virtual"}, {"addressing_style": "path"}, {"use_dualstack_endpoint": True}):
        real = Real(tsubo, **config)
        real.client.put_object(Bucket=bucket, Key="k", Body=b"v")
        assert real.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"
        assert [o["Key"] for o in real.client.list_objects_v2(Bucket=bucket)["Contents"]] == ["index.html", "k", "oops.html"]
        assert bucket in [b["Name"] for b in real.client.list_buckets()["Buckets"]]
        assert any("dualstack" in h for h in real.hosts) == ("use_dualstack_endpoint" in config)


def test_an_access_points_host(tsubo, bucket, name):
    control = Real(tsubo, "s3control")
    arn = control.client.create_access_point(AccountId="000000000000", Name=name, Bucket=bucket)["AccessPointArn"]
    assert control.hosts == ["000000000000.s3-control.us-east-1.amazonaws.com"]
    real = Real(tsubo)
    assert real.client.get_object(Bucket=arn, Key="index.html")["Body"].read() == b"home"
    assert real.hosts == [f"{name}-000000000000.s3-accesspoint.us-east-1.amazonaws.com"]
    both = Real(tsubo, use_dualstack_endpoint=True)
    assert both.client.get_object(Bucket=arn, Key="index.html")["Body"].read() == b"home"
    assert both.hosts == [f"{name}-000000000000.s3-accesspoint.dualstack.us-east-1.amazonaws.com"]


def test_a_base_name_of_ones_own(tmp_path):
    """--base-name"""
    server = Server(args=["--base-name", "cloud.internal"]).start()
    try:
        s3 = server.client("s3")
        make(s3, "photos")
        as_website(s3, "photos")
        assert get(server, "photos.cloud.internal:4566", "/index.html").text == "home"
        assert get(server, "photos.s3.cloud.internal", "/index.html").text == "home"
        assert get(server, "photos.s3-website.us-east-1.cloud.internal", "/").text == "home"
        assert get(server, "cloud.internal", "/photos/index.html").text == "home"
    finally:
        server.close()


# ---- websites ----

@pytest.mark.parametrize("host", ["{}.s3-website-us-east-1.amazonaws.com", "{}.s3-website.eu-central-1.amazonaws.com", "{}.s3-website.localhost",
                                  "{}.s3-website-us-east-1.localhost:4566", "{}.s3-website.us-east-1.cloud.example"])
def test_website_endpoints_on_any_base_name(tsubo, s3, bucket, host):
    as_website(s3, bucket)
    assert get(tsubo, host.format(bucket)).text == "home"
    missing = get(tsubo, host.format(bucket), "/none")
    assert (missing.status_code, missing.text) == (404, "sorry")


def test_a_bucket_that_is_a_domain_name_shows_its_website(tsubo, s3, name):
    """"Your bucket names must match the names of the website that you are hosting." Without a website the name leads to the API."""
    domain = f"www.{name}.example"
    make(s3, domain)
    assert "<Key>index.html</Key>" in get(tsubo, domain).text # a listing: a CNAME to the bucket's REST endpoint
    as_website(s3, domain)
    assert get(tsubo, domain).text == "home" and get(tsubo, domain + ":4566").text == "home"
    assert get(tsubo, domain, "/none").text == "sorry"
    bare = f"{name}.example"
    s3.create_bucket(Bucket=bare)
    s3.put_bucket_website(Bucket=bare, WebsiteConfiguration={"RedirectAllRequestsTo": {"HostName": domain}})
    moved = get(tsubo, bare, "/a?b=1")
    assert (moved.status_code, moved.headers["Location"]) == (301, f"http://{domain}/a")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": domain, "Key": "oops.html"})
    assert requests.get(url).text == "sorry"
    s3.delete_bucket_website(Bucket=domain)
    assert "<Key>index.html</Key>" in get(tsubo, domain).text
    s3.delete_bucket(Bucket=bare)
    assert get(tsubo, bare, "/a").status_code == 404


def test_domain_names_are_known_after_a_restart(fresh_tsubo):
    s3 = fresh_tsubo.client("s3")
    make(s3, "www.site.example")
    as_website(s3, "www.site.example")
    fresh_tsubo.restart()
    assert get(fresh_tsubo, "www.site.example").text == "home"


# ---- transfer acceleration ----

def accelerate(s3, bucket, status):
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": status})


@pytest.mark.parametrize("dualstack", [False, True])
def test_the_accelerated_endpoint(tsubo, s3, bucket, dualstack):
    fast = Real(tsubo, use_accelerate_endpoint=True, use_dualstack_endpoint=dualstack)
    put = lambda: fast.client.put_object(Bucket=bucket, Key="k", Body=b"v")
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    refused(put, "InvalidRequest", "S3 Transfer Acceleration is not configured on this bucket")
    accelerate(s3, bucket, "Enabled")
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Enabled"
    put()
    assert fast.client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"
    assert set(fast.hosts) == {f"{bucket}.s3-accelerate.{'dualstack.' if dualstack else ''}amazonaws.com"}
    fast.client.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    accelerate(s3, bucket, "Suspended")
    assert s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"] == "Suspended"
    refused(put, "InvalidRequest", "S3 Transfer Acceleration is disabled on this bucket")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"


def test_what_cannot_be_accelerated(tsubo, s3, bucket, name):
    dotted = name + ".d"
    s3.create_bucket(Bucket=dotted)
    refused(lambda: accelerate(s3, dotted, "Enabled"), "InvalidRequest", "not supported for buckets with periods (.) in their names")
    assert "supports only virtual style requests" in get(tsubo, "s3-accelerate.amazonaws.com", f"/{bucket}/index.html").text
    assert "periods" in get(tsubo, f"{dotted}.s3-accelerate.amazonaws.com", "/index.html").text
    accelerate(s3, bucket, "Enabled")
    fast = f"{bucket}.s3-accelerate.localhost"
    assert get(tsubo, fast, "/index.html").text == "home"
    delete = requests.delete(tsubo.url, headers={"Host": fast})
    assert delete.status_code == 405 and "MethodNotAllowed" in delete.text
    assert s3.head_bucket(Bucket=bucket)


def test_who_may_accelerate(client, s3, bucket):
    iam = client("iam")
    iam.create_user(UserName=bucket)
    iam.put_user_policy(UserName=bucket, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetAccelerateConfiguration", "Resource": "*"}]}))
    key = iam.create_access_key(UserName=bucket)["AccessKey"]
    user = client("s3", key["AccessKeyId"], key["SecretAccessKey"])
    user.get_bucket_accelerate_configuration(Bucket=bucket)
    refused(lambda: accelerate(user, bucket, "Enabled"), "AccessDenied")
