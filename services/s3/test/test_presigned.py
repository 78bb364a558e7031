"""Presigned URLs: what stands in their query, and browsers that ask beforehand. Source: "Authenticating Requests: Using Query Parameters"
(S3 API Reference); Fetch Standard, "CORS-preflight request"."""
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests


def signed(method, url, query="", **headers):
    """A URL whose parameters are all signed, as SDKs that move headers into the query make it."""
    request = botocore.awsrequest.AWSRequest(method, url + ("?" + query if query else ""), headers=headers)
    botocore.auth.S3SigV4QueryAuth(botocore.credentials.Credentials("test", "test"), "s3", "us-east-1", expires=600).add_auth(request)
    return request.url


def test_headers_may_stand_in_the_query(tsubo, s3, bucket):
    url = signed("PUT", f"{tsubo.url}/{bucket}/k", "x-amz-meta-who=ann%20b&x-amz-tagging=a%3D1&x-amz-storage-class=STANDARD_IA&x-id=PutObject")
    assert requests.put(url, data=b"1").status_code == 200
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Metadata"], got["StorageClass"], got["TagCount"]) == ({"who": "ann b"}, "STANDARD_IA", 1)
    s3.put_object(Bucket=bucket, Key="from", Body=b"2")
    assert requests.put(signed("PUT", f"{tsubo.url}/{bucket}/to", f"x-amz-copy-source={bucket}/from")).status_code == 200
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"2"


def test_a_header_counts_before_the_query(tsubo, s3, bucket):
    url = signed("PUT", f"{tsubo.url}/{bucket}/k", "x-amz-meta-who=query", **{"x-amz-meta-who": "header"})
    assert requests.put(url, data=b"1", headers={"x-amz-meta-who": "header"}).status_code == 200
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"who": "header"}


def test_a_checksum_in_the_query_is_not_heeded(tsubo, s3, bucket):
    url = signed("PUT", f"{tsubo.url}/{bucket}/k", "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32")
    assert requests.put(url, data=b"not empty").status_code == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"not empty"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("operation,method", [("get_object", "GET"), ("put_object", "PUT")])
def test_a_browser_asks_with_the_url_of_what_is_to_come(client, bucket, version, operation, method):
    s3 = client("s3", signature_version=version)
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [
        {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://a.b"], "AllowedHeaders": ["*"]}]})
    url = s3.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": "k"})
    ask = lambda origin: requests.options(url, headers={"Origin": origin, "Access-Control-Request-Method": method})
    assert (ask("https://a.b").status_code, ask("https://a.b").headers["Access-Control-Allow-Origin"]) == (200, "https://a.b")
    assert ask("https://other").status_code == 403
