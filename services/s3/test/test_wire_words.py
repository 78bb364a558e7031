"""What S3 says about requests that no SDK would make, and some that one does: message, status, and the elements beside them.

Source: answers of AWS, as recorded in versitygw's integration tests (whose REST tests are also run against AWS) and in moto's tests that are verified
against it; where another page says it, it is named."""
import base64
import datetime
import hashlib
import html
import json
import re
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
import requests

MANY = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
PART = "Part number must be an integer between 1 and 10000, inclusive"


@pytest.fixture
def sends(tsubo):
    """A signed request, as it is written; what is answered: status, and the elements of an error."""
    def send(method, path, data=b"", region="us-east-1", **headers):
        headers = {k.replace("__", "-"): v for k, v in headers.items()}
        request = botocore.awsrequest.AWSRequest(method, tsubo.url + path, data=data, headers=headers)
        botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("test", "test"), "s3", region).add_auth(request)
        return said(requests.request(method, tsubo.url + path, data=data, headers=dict(request.headers), allow_redirects=False))
    return send


def said(answer):
    found = {k: html.unescape(v) for k, v in re.findall(r"<([\w-]+)>([^<]*)</\1>", answer.text) if k not in ("RequestId", "HostId")}
    return {"status": answer.status_code, **(found if answer.status_code >= 400 else {})}


def error(call, **how):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call(**how)
    found = {k: v for k, v in e.value.response["Error"].items() if k not in ("RequestId", "HostId")}
    return {"status": e.value.response["ResponseMetadata"]["HTTPStatusCode"], **found}


def no(code, message, name=None, value=None, status=400, **more):
    argument = {k: v for k, v in (("ArgumentName", name), ("ArgumentValue", value)) if v is not None}
    return {"status": status, "Code": code, "Message": message, **argument, **more}


def test_an_error_has_no_more_than_its_elements(tsubo, bucket, sends):
    assert sends("GET", f"/{bucket}/k") == no("NoSuchKey", "The specified key does not exist.", status=404, Key="k")
    assert said(requests.get(f"{tsubo.url}/{bucket}/k")) == no("AccessDenied", "Access Denied", status=403)


def test_checksums_that_cannot_be(bucket, sends):
    k = f"/{bucket}/k"
    right = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    assert sends("PUT", k, b"x", x__amz__checksum__foo="AA==") == no("InvalidRequest",
                                                                   "The algorithm type you specified in x-amz-checksum- header is invalid.")
    assert sends("PUT", k, b"x", x__amz__checksum__sha256=right, x__amz__sdk__checksum__algorithm="CRC32") == no(
        "InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    assert sends("PUT", k, b"x", x__amz__sdk__checksum__algorithm="SHA256") == no(
        "InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
    assert sends("PUT", k, b"x", x__amz__sdk__checksum__algorithm="SHA256", x__amz__checksum__sha256=right) == {"status": 200}


def chunked(sends, path, trailer, announced, **headers):
    body = b"4\r\ndata\r\n0\r\n" + trailer + b"\r\n\r\n"
    return sends("PUT", path, body, Content__Encoding="aws-chunked", x__amz__decoded__content__length="4", x__amz__trailer=announced,
                 **{"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, **headers)


def test_checksums_behind_a_body(tsubo, s3, bucket):
    """Sent by anyone: what signs a request hashes its body."""
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))

    def sends(method, path, data, **headers):
        return said(requests.request(method, tsubo.url + path, data=data, headers={k.replace("__", "-"): v for k, v in headers.items()}))

    k = f"/{bucket}/k"
    assert chunked(sends, k, b"x-amz-checksum-crc32:rfPzYw==", "x-amz-checksum-crc32") == {"status": 200}
    assert chunked(sends, k, b"x-amz-checksum-crc32:AA==", "x-amz-checksum-crc32") == no(
        "InvalidRequest", "Value for x-amz-checksum-crc32 trailing header is invalid.")
    assert chunked(sends, k, b"x-amz-other:1", "x-amz-other") == no("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    assert chunked(sends, k, b"x-amz-checksum-crc32:rfPzYw==", "x-amz-checksum-crc32", x__amz__checksum__crc32="rfPzYw==") == no("InvalidRequest", MANY)


def test_parts_of_a_whole_checksum_need_none(s3, client, bucket):
    plain = client("s3", request_checksum_calculation="when_required")
    for kind in ("CRC32", "CRC32C", "CRC64NVME"):
        for data in (b"part", b"p" * (5 << 20)):
            up = plain.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=kind, ChecksumType="FULL_OBJECT")["UploadId"]
            part = plain.upload_part(Bucket=bucket, Key="k", UploadId=up, PartNumber=1, Body=data)
            whole = plain.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=up, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
            direct = s3.put_object(Bucket=bucket, Key="d", Body=data, ChecksumAlgorithm=kind)
            assert part[f"Checksum{kind}"] == whole[f"Checksum{kind}"] == direct[f"Checksum{kind}"], kind
    up = plain.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32", ChecksumType="COMPOSITE")["UploadId"]
    assert error(plain.upload_part, Bucket=bucket, Key="k", UploadId=up, PartNumber=1, Body=b"x") == no(
        "InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: crc32, actual checksum Type: null")


def test_completions_that_cannot_be(s3, bucket, sends):
    up = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=up, PartNumber=1, Body=b"x")["ETag"]
    ends = lambda **part: dict(Bucket=bucket, Key="k", UploadId=up, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag, **part}]})
    assert error(s3.complete_multipart_upload, **ends(PartNumber=-1)) == no("InvalidArgument", "PartNumber must be >= 1", "PartNumber", "-1")
    for sums in ({"ChecksumCRC32": "!"}, {"ChecksumCRC32": "AAAAAA==", "ChecksumCRC32C": "AAAAAA=="}):
        assert error(s3.complete_multipart_upload, **ends(**sums)) == no("InvalidArgument", "Invalid Base64 or multiple checksums present in request",
                                                                       "Checksum")
    assert error(s3.complete_multipart_upload, **ends(), ChecksumCRC32="AA==") == no("InvalidRequest", "Value for x-amz-checksum-crc32 header is invalid.")
    assert error(s3.complete_multipart_upload, **ends(), ChecksumCRC32="AAAAAA==-x")["Message"] == "Value for x-amz-checksum-crc32 header is invalid."
    assert error(s3.complete_multipart_upload, **ends(), ChecksumCRC32="AAAAAA==", ChecksumCRC32C="AAAAAA==") == no("InvalidRequest", MANY)
    assert error(s3.complete_multipart_upload, **ends(), MpuObjectSize=-1) == no("InvalidRequest",
                                                                               "Value for x-amz-mp-object-size header is less than zero: '-1'")
    parts = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>".encode()
    assert sends("POST", f"/{bucket}/k?uploadId={up}", parts, x__amz__mp__object__size="abc") == no(
        "InvalidRequest", "Value for x-amz-mp-object-size header is invalid: 'abc'")
    without = parts.replace(f"<ETag>{etag}</ETag>".encode(), b"")
    assert sends("POST", f"/{bucket}/k?uploadId={up}", without)["Code"] == "MalformedXML"
    s3.complete_multipart_upload(**ends())


def test_what_is_over_may_be_ended_again(s3, bucket):
    """Aborted again it is over still; completed again with the same parts the object is told again, while it is there. Source: an S3 test suite that is
    run against AWS."""
    key = dict(Bucket=bucket, Key="k")

    def over(end):
        up = s3.create_multipart_upload(**key)["UploadId"]
        etag = s3.upload_part(**key, UploadId=up, PartNumber=1, Body=b"x")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        end(up, parts)
        s3.abort_multipart_upload(**key, UploadId=up)
        return up, parts

    completes = lambda up, parts: s3.complete_multipart_upload(**key, UploadId=up, MultipartUpload=parts)
    aborted, parts = over(lambda up, parts: s3.abort_multipart_upload(**key, UploadId=up))
    assert error(completes, up=aborted, parts=parts)["Code"] == "NoSuchUpload"
    up, parts = over(completes)
    assert s3.get_object(**key)["Body"].read() == b"x"
    assert completes(up, parts)["ETag"] == s3.head_object(**key)["ETag"]
    other = {"Parts": [{"PartNumber": 1, "ETag": "0" * 32}]}
    assert error(completes, up=up, parts=other)["Code"] == "NoSuchUpload"
    for name, upload in (("k", "wrong"), ("other", up)):
        assert error(s3.abort_multipart_upload, Bucket=bucket, Key=name, UploadId=upload)["Code"] == "NoSuchUpload"
    s3.put_object(**key, Body=b"y")
    assert error(completes, up=up, parts=parts)["Code"] == "NoSuchUpload"
    s3.abort_multipart_upload(**key, UploadId=up)
    s3.delete_object(**key)
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    for ended in (aborted, up):
        assert error(s3.abort_multipart_upload, **key, UploadId=ended)["Code"] == "NoSuchUpload"


def test_a_completion_is_told_again_while_its_version_is_there(s3, bucket):
    """Source: an S3 test suite that is run against AWS."""
    key = dict(Bucket=bucket, Key="k")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    up = s3.create_multipart_upload(**key)["UploadId"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": s3.upload_part(**key, UploadId=up, PartNumber=1, Body=b"x")["ETag"]}]}
    again = lambda: s3.complete_multipart_upload(**key, UploadId=up, MultipartUpload=parts)
    version = again()["VersionId"]
    s3.put_object(**key, Body=b"later")
    assert again()["VersionId"] == version
    s3.delete_object(**key)
    assert again()["VersionId"] == version
    s3.delete_object(**key, VersionId=version)
    assert error(again)["Code"] == "NoSuchUpload"


def test_encodings_are_kept_as_they_are_written(s3, bucket):
    """ "aws-chunked" is left out, nothing else of it is changed. Source: an S3 test suite that is run against AWS."""
    for given, kept in (("aws-chunked, gzip", "gzip"), ("gzip,aws-chunked", "gzip"), ("gzip,aws-chunked,br", "gzip,br"),
                        ("gzip, aws-chunked, br", "gzip, br"), ("gzip, br", "gzip, br")):
        up = s3.create_multipart_upload(Bucket=bucket, Key="k", ContentEncoding=given)["UploadId"]
        etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=up, PartNumber=1, Body=b"x")["ETag"]
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=up, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        assert s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == kept


def test_reading_says_nothing_of_encryption(s3, bucket, sends):
    """Source: an S3 test suite that is run against AWS."""
    s3.put_object(Bucket=bucket, Key="k")
    for query in ("", "?attributes"):
        ask = lambda **headers: sends("GET", f"/{bucket}/k{query}", x__amz__object__attributes="ETag", **headers)
        assert ask(x__amz__server__side__encryption="AES256") == no(
            "InvalidArgument", "x-amz-server-side-encryption header is not supported for this operation.", "x-amz-server-side-encryption", "AES256")
        assert ask(x__amz__server__side__encryption__aws__kms__key__id="k") == no(
            "InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
            "x-amz-server-side-encryption")


def test_numbers_that_cannot_be(s3, bucket, sends):
    up = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for path, name in (("?max-keys", "maxKeys"), ("?list-type=2&max-keys", "maxKeys"), ("?versions&max-keys", "maxKeys"), ("?uploads&max-uploads", "max-uploads"),
                       (f"/k?uploadId={up}&max-parts", "max-parts"), (f"/k?uploadId={up}&part-number-marker", "part-number-marker")):
        assert sends("GET", f"/{bucket}{path}=-3") == no("InvalidArgument", f"Argument {name} must be an integer between 0 and 2147483647", name, "-3")
    assert sends("GET", f"/{bucket}/k?partNumber=-3") == no("InvalidArgument", PART, "partNumber", "-3")
    assert sends("GET", "/?max-buckets=2000000") == no("InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000", "max-buckets",
                                                      "2000000")


def test_sizes_are_told(s3, bucket):
    assert error(s3.put_object, Bucket=bucket, Key="k" * 1025) == no("KeyTooLongError", "Your key is too long", Size="1025", MaxSizeAllowed="1024")
    for call in (s3.put_object, s3.create_multipart_upload):
        assert error(call, Bucket=bucket, Key="k", Metadata={"a": "x" * 2048}) == no(
            "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", Size="2049", MaxSizeAllowed="2048")
        refused = error(call, Bucket=bucket, Key="k", ContentDisposition="d" * 3000)
        assert (refused["Code"], refused["MaxSizeAllowed"]) == ("MetadataTooLarge", "2048")
        call(Bucket=bucket, Key="k", ContentDisposition="d" * 1900, Metadata={"a": "x" * 1900})


def test_locks_that_cannot_be(s3, name, bucket, sends):
    for call in (s3.put_object, s3.create_multipart_upload):
        assert error(call, Bucket=bucket, Key="k", ObjectLockLegalHoldStatus="ON") == no("InvalidRequest", "Bucket is missing ObjectLockConfiguration")
    s3.put_object(Bucket=bucket, Key="k")
    assert error(s3.put_object_legal_hold, Bucket=bucket, Key="k", LegalHold={"Status": "ON"}) == no(
        "InvalidRequest", "Bucket is missing Object Lock Configuration")
    s3.create_bucket(Bucket=name + "l", ObjectLockEnabledForBucket=True)
    assert sends("PUT", f"/{name}l/k", b"x", x__amz__object__lock__mode="COMPLIANCE", x__amz__object__lock__retain__until__date="tomorrow") == no(
        "InvalidArgument", "The retain until date must be provided in ISO 8601 format", "x-amz-object-lock-retain-until-date", "tomorrow")
    for period in ("Days", "Years"):
        assert error(s3.put_object_lock_configuration, Bucket=name + "l", ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", period: -3}}}) == no(
                "InvalidArgument", "Default retention period must be a positive integer value.", period, "-3")


def test_copy_sources_that_cannot_be(s3, bucket, sends):
    up = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    for source, what in (("bucket/%ZZ", "encoding"), ("100%/k", "encoding"), ("192.168.1.1/k", "bucket name"), ("a@b()/k", "bucket name"),
                         ("bucket", "object key"), ("bucket/", "object key")):
        for query in ("", f"?partNumber=1&uploadId={up}", "?partNumber=1&uploadId=gone"):
            assert sends("PUT", f"/{bucket}/k{query}", x__amz__copy__source=source) == no(
                "InvalidArgument", f"Invalid copy source {what}", "x-amz-copy-source", "x-amz-copy-source"), source


def test_a_version_has_a_name(s3, bucket, sends):
    s3.put_object(Bucket=bucket, Key="k")
    empty = no("InvalidArgument", "Version id cannot be the empty string", "versionId")
    for method, what in (("GET", ""), ("DELETE", ""), ("GET", "tagging&"), ("DELETE", "tagging&")):
        got = sends(method, f"/{bucket}/k?{what}versionId=")
        assert {k: v for k, v in got.items() if k != "ArgumentValue"} == empty
    assert sends("HEAD", f"/{bucket}/k?versionId=")["status"] == 400


def test_requests_that_are_no_operations(s3, bucket, sends):
    k = f"/{bucket}/k"
    assert sends("PUT", f"{k}?partNumber=1", b"x") == no("InvalidArgument", "This operation does not accept partNumber without uploadId", "partNumber",
                                                        "partNumber")
    refused = lambda method, kind: no("MethodNotAllowed", "The specified method is not allowed against this resource.", status=405, Method=method,
                                      ResourceType=kind)
    assert sends("PUT", f"{k}?uploadId=x", b"x") == refused("PUT", "UPLOAD")
    assert sends("POST", k) == refused("POST", "OBJECT")
    assert sends("GET", k)["status"] == 404 # nothing of it was stored
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert sends("GET", f"{k}?uploads") == no("InvalidRequest", "Key is not expected for the GET method ?uploads subresource")
    assert sends("GET", f"{k}?versions") == no("InvalidRequest", "There is no such thing as the ?versions sub-resource for a key")
    for method in ("GET", "DELETE"):
        assert sends(method, k, x__amz__copy__source="b/o") == no("InvalidArgument", "You can only specify a copy source header for copy requests.",
                                                                 "x-amz-copy-source", "b/o")
    assert sends("GET", f"{k}?attributes") == no("InvalidRequest", "The x-amz-object-attributes header specifying the attributes to be retrieved is "
                                                 "either missing or empty")
    assert sends("GET", k) == {"status": 200}


def test_keys_stay_below_their_bucket(s3, tsubo, bucket):
    """ "Naming Amazon S3 objects" (S3 User Guide): what a key's ".." take away must have been there."""
    for key in ("../x", "videos/../../video1.wmv", "videos/../../video1/2/3.wmv"):
        assert error(s3.put_object, Bucket=bucket, Key=key)["status"] == 400, key
    for key in ("a/../b", "videos/1/../../2", "a..b", "..a/b", "a/.."):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()


def test_a_tag_with_half_its_quotes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    for given in (etag, etag.strip('"'), etag[1:], etag[:-1]):
        s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfMatch=given)


def test_the_head_of_a_bucket(s3, bucket):
    assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/xml"


def test_websites_that_cannot_be(s3, bucket):
    route = lambda **rule: error(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration={
        "IndexDocument": {"Suffix": "i.html"}, "RoutingRules": [{"Redirect": {"HostName": "h"}, **rule}]})
    for code in ("300", "306", "309"):
        assert route(Redirect={"HttpRedirectCode": code}) == no(
            "InvalidRequest", f"The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300.")
    for code in ("399", "418", "506"):
        assert route(Condition={"HttpErrorCodeReturnedEquals": code}) == no(
            "InvalidRequest", f"The provided HTTP error code ({code}) is not valid. Valid codes are 4XX or 5XX.")
    for rule in ({"Redirect": {"HttpRedirectCode": "3xx"}}, {"Condition": {"HttpErrorCodeReturnedEquals": "4xx"}}, {"Redirect": {}}):
        assert route(**rule)["Code"] == "MalformedXML", rule
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i.html"}, "RoutingRules": [
        {"Condition": {"HttpErrorCodeReturnedEquals": "417"}, "Redirect": {"HttpRedirectCode": "308", "HostName": "h"}}]})


def test_policies_that_cannot_be(s3, bucket):
    arn = f"arn:aws:s3:::{bucket}"

    def refused(action="s3:GetObject", resource=arn + "/*", principal="*", text=None):
        statement = {"Effect": "Deny", "Principal": principal, "Action": action, "Resource": resource}
        return error(s3.put_bucket_policy, Bucket=bucket, Policy=text or json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    bad = lambda why, **more: no("MalformedPolicy", why, **more)
    assert refused(text="{asdf") == bad("This policy contains invalid Json")
    assert refused(text="[]") == bad("Policies must be valid JSON and the first byte must be '{'")
    assert refused(text='{"Version": "2012-10-17", "Statement": []}') == bad("Could not parse the policy: Statement is empty!")
    for action in ("", [], "invalid", "s3", "s3:", "s3::GetObject", "s3:Get-Object"):
        assert refused(action) == bad("Policy has invalid action"), action
    assert refused(resource=[]) == bad("Policy has invalid resource")
    assert refused(principal={"AWS": ""}) == bad("Invalid principal in policy", Detail='"AWS":""')
    for action, resource in (("s3:GetObject", arn), ("s3:Abort*", arn), ("s3:ListBucket", arn + "/*"), (["s3:GetObject", "s3:GetBucket*"], arn + "/*")):
        assert refused(action, resource) == bad("Action does not apply to any resource(s) in statement"), action
    for action, resource in (("s3:*", arn), ("s3:Get*", arn + "/*"), (["s3:GetObject", "s3:ListBucket"], [arn, arn + "/*"]), ("s3:GetObject", arn + "*")):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": action, "Resource": resource}]}))


def test_cross_origin_words(s3, tsubo, bucket):
    allow = lambda **rule: dict(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], **rule}]})
    for name in ("a header", "X(Custom)", "Bad/Header", "X[Key]", "Bad=Name"):
        assert error(s3.put_bucket_cors, **allow(AllowedHeaders=[name])) == no("InvalidRequest", f'AllowedHeader "{name}" contains invalid character.')
        assert error(s3.put_bucket_cors, **allow(ExposeHeaders=[name])) == no("InvalidRequest", f'ExposeHeader "{name}" contains invalid character.')
    s3.put_bucket_cors(**allow(AllowedHeaders=["x-*", "*"]))
    asks = lambda **headers: said(requests.options(f"{tsubo.url}/{bucket}/k", headers={"Origin": "http://o", **headers}))
    assert asks() == no("BadRequest", "Invalid Access-Control-Request-Method: null")
    assert asks(**{"Access-Control-Request-Method": "bad"}) == no("BadRequest", "Invalid Access-Control-Request-Method: bad")
    assert asks(**{"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "a, bad header"}) == no(
        "BadRequest", 'Access-Control-Request-Headers "bad header" contains invalid character.')
    assert asks(**{"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "a, b"}) == {"status": 200}


SIGNED = "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=" + "0" * 64


def test_authorizations_that_cannot_be(tsubo, bucket):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")

    def sends(authorization, **headers):
        return said(requests.get(f"{tsubo.url}/{bucket}", headers={
            "Authorization": authorization, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": now, **headers}))

    malformed = lambda why: no("AuthorizationHeaderMalformed", f"The authorization header is malformed; {why}")
    scope = lambda credential: sends(SIGNED.format(credential=credential))
    form = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
    assert scope("test/bad") == malformed(form)
    assert scope("test/bad/us-east-1/s3/aws4_request") == malformed(
        'incorrect date format "bad". This date in the credential must be in the format "yyyyMMdd".')
    assert scope(f"test/{now[:8]}/us-east-1/s3/aws4") == malformed('incorrect terminal "aws4". This endpoint uses "aws4_request".')
    assert scope("test/20200101/us-east-1/s3/aws4_request") == malformed(
        f'Invalid credential date "20200101". This date is not the same as X-Amz-Date: "{now[:8]}".')
    assert sends("AWS4-HMAC-SHA256 bad") == malformed(
        "the authorization header requires three components: Credential, SignedHeaders, and Signature.")
    assert sends("AWS4-HMAC-SHA256 a, b, c") == malformed('the authorization component "a" is malformed.')
    for name in ("Credential", "SignedHeaders", "Signature"):
        whole = SIGNED.format(credential=f"test/{now[:8]}/us-east-1/s3/aws4_request")
        assert sends(whole.replace(f"{name}=", "other=")) == malformed(f"missing {name}.")
    for other in ("bad", "Bearer x"):
        assert sends(other) == no("InvalidArgument", "Unsupported Authorization Type", "Authorization", other)
    assert scope(f"NOBODY/{now[:8]}/us-east-1/s3/aws4_request") == no(
        "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", status=403, AWSAccessKeyId="NOBODY")


def test_links_that_cannot_be(s3, client, bucket):
    link = client("s3", signature_version="s3v4", s3={"addressing_style": "path"}).generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    today = re.search(r"X-Amz-Date=(\d{8})", link)[1]

    def sends(name, value):
        return said(requests.get(re.sub(rf"X-Amz-{name}=[^&]*", f"X-Amz-{name}=" + urllib.parse.quote(value, safe=""), link)))

    wrong = lambda why: no("AuthorizationQueryParametersError", why)
    credential = lambda value: sends("Credential", value)
    reads = "Error parsing the X-Amz-Credential parameter; "
    assert credential("test/bad") == wrong(
        reads + 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".')
    assert credential("test/bad/us-east-1/s3/aws4_request") == wrong(
        reads + 'incorrect date format "bad". This date in the credential must be in the format "yyyyMMdd".')
    assert credential(f"test/{today}/us-east-1/s3/aws4") == wrong(reads + 'incorrect terminal "aws4". This endpoint uses "aws4_request".')
    assert credential("test/20200101/us-east-1/s3/aws4_request") == wrong(
        f'Invalid credential date "20200101". This date is not the same as X-Amz-Date: "{today}".')
    assert sends("Date", "yesterday") == wrong("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")


def test_a_body_that_is_not_the_one_that_was_signed(tsubo, bucket):
    request = botocore.awsrequest.AWSRequest("PUT", f"{tsubo.url}/{bucket}/k", data=b"one")
    botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("test", "test"), "s3", "us-east-1").add_auth(request)
    claimed = hashlib.sha256(b"one").hexdigest()
    assert request.headers["X-Amz-Content-SHA256"] == claimed
    got = said(requests.put(f"{tsubo.url}/{bucket}/k", data=b"two", headers=dict(request.headers)))
    assert got == no("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.",
                     ClientComputedContentSHA256=claimed, S3ComputedContentSHA256=hashlib.sha256(b"two").hexdigest())
