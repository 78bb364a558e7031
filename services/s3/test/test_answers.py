"""Errors to the letter: message, status, and the elements beside them. Source: AWS's own answers, as LocalStack's validated tests record them."""
import base64
import datetime
import hashlib
import json
import re
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
import requests

from conftest import PATIENCE_S

CLOSED = "The specified bucket does not exist"
NO_KEY = "The specified key does not exist."
UNMET = "At least one of the pre-conditions you specified did not hold"
XML = "The XML you provided was not well-formed or did not validate against our published schema"
NOT_THERE = "A header you provided implies functionality that is not implemented"


def says(status, code, message, call, **more):
    """The call fails so, with exactly these elements beside code and message."""
    with pytest.raises(botocore.exceptions.ClientError) as e:
        call()
    error = {k: v for k, v in e.value.response["Error"].items() if k not in ("RequestId", "HostId", "Resource")}
    assert error == {"Code": code, "Message": message, **more}
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def elements(text):
    return {k: v.replace("&quot;", '"').replace("&apos;", "'") for k, v in re.findall(r"<([\w-]+)>([^<]*)</\1>", text, re.S)}


def md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def started(s3, bucket, key, body=b"test", **how):
    """An upload with one part: its id, and the list that completes it."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **how)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=body, **{k: v for k, v in how.items() if k == "ChecksumAlgorithm"})
    return upload, {"PartNumber": 1, "ETag": part["ETag"]}, part


def completes(s3, bucket, key, upload, *parts, **how):
    return lambda: s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": list(parts)}, **how)


@pytest.fixture
def acl_bucket(s3, name):
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=name)
    return name


def test_what_is_missing_is_named(s3, bucket):
    says(404, "NoSuchBucket", CLOSED, lambda: s3.get_object(Bucket=bucket + "x", Key="k"), BucketName=bucket + "x")
    says(404, "NoSuchKey", NO_KEY, lambda: s3.get_object(Bucket=bucket, Key="k"), Key="k")
    says(400, "InvalidArgument", "Invalid version id specified", lambda: s3.get_object(Bucket=bucket, Key="k", VersionId="bad"), ArgumentName="versionId",
         ArgumentValue="bad")
    says(404, "NoSuchKey", NO_KEY, lambda: s3.get_object_tagging(Bucket=bucket, Key="k"), Key=bucket + "/k")
    says(404, "NoSuchTagSet", "The TagSet does not exist", lambda: s3.get_bucket_tagging(Bucket=bucket), BucketName=bucket)
    says(404, "NoSuchCORSConfiguration", "The CORS configuration does not exist", lambda: s3.get_bucket_cors(Bucket=bucket), BucketName=bucket)
    says(404, "NoSuchBucketPolicy", "The bucket policy does not exist", lambda: s3.get_bucket_policy(Bucket=bucket), BucketName=bucket)
    says(404, "ReplicationConfigurationNotFoundError", "The replication configuration was not found", lambda: s3.get_bucket_replication(Bucket=bucket),
         BucketName=bucket)
    says(404, "NoSuchConfiguration", "The specified configuration does not exist.",
         lambda: s3.get_bucket_analytics_configuration(Bucket=bucket, Id="x"))
    s3.put_object(Bucket=bucket, Key="k")
    says(409, "BucketNotEmpty", "The bucket you tried to delete is not empty", lambda: s3.delete_bucket(Bucket=bucket), BucketName=bucket)


def test_an_upload_tells_who_began_it(s3, client, bucket, name):
    iam = client("iam")
    user = iam.create_user(UserName=name)["User"]
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    client("s3", key["AccessKeyId"], key["SecretAccessKey"]).create_multipart_upload(Bucket=bucket, Key="by-user")
    s3.create_multipart_upload(Bucket=bucket, Key="by-root")
    by = {u["Key"]: (u["Initiator"], u["Owner"]) for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]}
    assert by["by-user"][0] == {"ID": user["Arn"], "DisplayName": name} and by["by-root"][0] == by["by-root"][1]


def test_a_delete_marker_takes_deletes_only(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    why = "The specified method is not allowed against this resource."
    says(405, "MethodNotAllowed", why, lambda: s3.get_object(Bucket=bucket, Key="k", VersionId=marker), Method="GET", ResourceType="DeleteMarker")
    says(405, "MethodNotAllowed", why, lambda: s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": []}), Method="PUT",
         ResourceType="DeleteMarker")
    says(404, "NoSuchKey", NO_KEY, lambda: s3.get_object_acl(Bucket=bucket, Key="k"), Key="k")
    with pytest.raises(botocore.exceptions.ClientError) as e:
        s3.head_object(Bucket=bucket, Key="k", VersionId=marker)
    headers = e.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["allow"], headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("DELETE", "true", marker)
    says(404, "NoSuchVersion", "The specified version does not exist.", lambda: s3.get_object(Bucket=bucket, Key="other", VersionId=marker), Key="other",
         VersionId=marker)


def test_conditions_name_what_did_not_hold(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    old, coming = datetime.datetime(2020, 1, 1), datetime.datetime(2036, 1, 1)
    get = lambda **how: lambda: s3.get_object(Bucket=bucket, Key="k", **how)  # noqa: E731
    copy = lambda **how: lambda: s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k", **how)  # noqa: E731
    put = lambda **how: lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"2", **how)  # noqa: E731
    says(412, "PreconditionFailed", UNMET, get(IfMatch="other"), Condition="If-Match")
    says(412, "PreconditionFailed", UNMET, get(IfUnmodifiedSince=old), Condition="If-Unmodified-Since")
    get(IfMatch=etag.strip('"'))()  # without its quotes, too
    get(IfModifiedSince=coming)()  # a day to come is no condition
    for how, name in (({"CopySourceIfMatch": "other"}, "If-Match"), ({"CopySourceIfNoneMatch": etag}, "If-None-Match"),
                      ({"CopySourceIfUnmodifiedSince": old}, "If-Unmodified-Since")):
        says(412, "PreconditionFailed", UNMET, copy(**how), Condition="x-amz-copy-source-" + name)
    says(412, "PreconditionFailed", UNMET, put(IfNoneMatch="*"), Condition="If-None-Match")
    says(412, "PreconditionFailed", UNMET, put(IfMatch="other"), Condition="If-Match")
    says(501, "NotImplemented", NOT_THERE, put(IfNoneMatch="abc"), Header="If-None-Match",
         additionalMessage="We don't accept the provided value of If-None-Match header for this API")
    says(501, "NotImplemented", NOT_THERE, put(IfMatch="*"), Header="If-Match",
         additionalMessage="We don't accept the provided value of If-Match header for this API")
    says(501, "NotImplemented", NOT_THERE, put(IfMatch=etag, IfNoneMatch="*"), Header="If-Match,If-None-Match",
         additionalMessage="Multiple conditional request headers present in the request")


def test_an_upload_is_completed_only_against_what_was_there_when_it_began(s3, bucket):
    conflict = "The conditional request cannot succeed due to a conflicting operation against this resource."
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    upload, part, _ = started(s3, bucket, "k")
    says(412, "PreconditionFailed", UNMET, completes(s3, bucket, "k", upload, part, IfNoneMatch="*"), Condition="If-None-Match")
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    says(409, "ConditionalRequestConflict", conflict, completes(s3, bucket, "k", upload, part, IfMatch=etag), Condition="If-Match", Key="k")
    s3.delete_object(Bucket=bucket, Key="k")
    says(404, "NoSuchKey", NO_KEY, completes(s3, bucket, "k", upload, part, IfMatch=etag), Key="k")
    says(409, "ConditionalRequestConflict", conflict, completes(s3, bucket, "k", upload, part, IfNoneMatch="*"), Condition="If-None-Match", Key="k")
    upload, part, _ = started(s3, bucket, "k")
    completes(s3, bucket, "k", upload, part, IfNoneMatch="*")()


def test_ranges_and_parts(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789", ChecksumAlgorithm="CRC32")
    says(416, "InvalidRange", "The requested range is not satisfiable", lambda: s3.get_object(Bucket=bucket, Key="k", Range="bytes=20-30"),
         ActualObjectSize="10", RangeRequested="bytes=20-30")
    says(416, "InvalidPartNumber", "The requested partnumber is not satisfiable", lambda: s3.get_object(Bucket=bucket, Key="k", PartNumber=2),
         ActualPartCount="1", PartNumberRequested="2")
    whole = s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-9", ChecksumMode="ENABLED")
    assert whole["ResponseMetadata"]["HTTPStatusCode"] == 206 and "ChecksumCRC32" in whole
    assert "ChecksumCRC32" not in s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-8", ChecksumMode="ENABLED")
    one = s3.head_object(Bucket=bucket, Key="k", PartNumber=1, ChecksumMode="ENABLED")
    assert one["ResponseMetadata"]["HTTPStatusCode"] == 206 and one["ChecksumCRC32"] == whole["ChecksumCRC32"] and "PartsCount" not in one
    upload = s3.create_multipart_upload(Bucket=bucket, Key="c")["UploadId"]
    copy = lambda r: lambda: s3.upload_part_copy(Bucket=bucket, Key="c", UploadId=upload, PartNumber=1, CopySource=f"{bucket}/k", CopySourceRange=r)  # noqa: E731
    says(400, "InvalidArgument", "Range specified is not valid for source object of size: 10", copy("bytes=0-100"), ArgumentName="x-amz-copy-source-range",
         ArgumentValue="bytes=0-100")
    says(400, "InvalidRequest", "The specified copy range is invalid for the source object size", copy("bytes=100-200"))


def test_digests_that_do_not_fit_are_shown(s3, bucket):
    put = lambda **how: lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"x", **how)  # noqa: E731
    says(400, "InvalidDigest", "The Content-MD5 you specified was invalid.", put(ContentMD5="_"), **{"Content-MD5": "_"})
    says(400, "BadDigest", "The Content-MD5 you specified did not match what we received.", put(ContentMD5=md5(b"y")),
         ExpectedDigest=hashlib.md5(b"y").hexdigest(), CalculatedDigest=md5(b"x"))


def test_completing_names_the_part_that_is_wrong(s3, bucket):
    upload, part, _ = started(s3, bucket, "k")
    lost = ("One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the "
            "part's entity tag.")
    says(400, "InvalidPart", lost, completes(s3, bucket, "k", upload, {**part, "ETag": '"other"'}), ETag="other", PartNumber="1", UploadId=upload)
    says(400, "InvalidPart", lost, completes(s3, bucket, "k", upload, {**part, "ChecksumCRC32": "AAAAAA=="}), ETag=part["ETag"].strip('"'), PartNumber="1",
         UploadId=upload)
    says(400, "InvalidRequest", "You must specify at least one part", lambda: s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload))
    says(400, "MalformedXML", XML, completes(s3, bucket, "k", upload))
    says(400, "InvalidRequest", "The provided 'x-amz-mp-object-size' header value 5 does not match what was computed: 4",
         completes(s3, bucket, "k", upload, part, MpuObjectSize=5))
    second = {"PartNumber": 2, "ETag": s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=2, Body=b"2")["ETag"]}
    says(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", completes(s3, bucket, "k", upload, part, second),
         ETag=part["ETag"].strip('"'), MinSizeAllowed="5242880", PartNumber="1", ProposedSize="4")
    says(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.",
         completes(s3, bucket, "k", upload, second, part), UploadId=upload)
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    says(404, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
         lambda: s3.list_parts(Bucket=bucket, Key="k", UploadId=upload), UploadId=upload)


def test_checksums_of_an_upload_are_kept_to(s3, bucket):
    upload, part, sent = started(s3, bucket, "k", ChecksumAlgorithm="CRC32", ChecksumType="COMPOSITE")
    sha = base64.b64encode(hashlib.sha256(b"test").digest()).decode()
    says(400, "InvalidRequest", "The upload was created using a crc32 checksum. The complete request must include the checksum for each part. It was "
         "missing for part 1 in the request.", completes(s3, bucket, "k", upload, part))
    says(400, "BadDigest", "The sha256 you specified for part 1 did not match what we received.",
         completes(s3, bucket, "k", upload, {**part, "ChecksumSHA256": sha}))
    part["ChecksumCRC32"] = sent["ChecksumCRC32"]
    says(400, "InvalidRequest", "The upload was created using the COMPOSITE checksum mode. The complete request must use the same checksum mode.",
         completes(s3, bucket, "k", upload, part, ChecksumType="FULL_OBJECT"))
    says(400, "InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: crc32, actual checksum Type: sha256",
         lambda: s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=2, Body=b"x", ChecksumAlgorithm="SHA256"))
    completes(s3, bucket, "k", upload, part)()
    # The number of parts is no part of the value here; the part has its own.
    about = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectParts"])
    assert "-" not in about["Checksum"]["ChecksumCRC32"] and about["Checksum"]["ChecksumType"] == "COMPOSITE"
    assert about["ObjectParts"]["Parts"][0]["ChecksumCRC32"] == sent["ChecksumCRC32"]
    assert s3.get_object(Bucket=bucket, Key="k", PartNumber=1, ChecksumMode="ENABLED")["ChecksumCRC32"] == sent["ChecksumCRC32"]
    # A copy is one whole.
    copy = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")["CopyObjectResult"]
    assert copy["ETag"].strip('"') == hashlib.md5(b"test").hexdigest()
    assert (copy["ChecksumCRC32"], copy["ChecksumType"]) == (sent["ChecksumCRC32"], "FULL_OBJECT")
    assert "PartsCount" not in s3.head_object(Bucket=bucket, Key="c", PartNumber=1)
    upload, part, _ = started(s3, bucket, "f", ChecksumAlgorithm="CRC32C", ChecksumType="FULL_OBJECT")
    says(400, "BadDigest", "The crc32c you specified did not match the calculated checksum.",
         completes(s3, bucket, "f", upload, part, ChecksumCRC32C="AAAAAA==", ChecksumType="FULL_OBJECT"))
    completes(s3, bucket, "f", upload, part)()
    assert s3.get_object_attributes(Bucket=bucket, Key="f", ObjectAttributes=["ObjectParts"])["ObjectParts"] == {"TotalPartsCount": 1}


@pytest.mark.parametrize("tags,message,more", [
    ([("a", "1"), ("a", "2")], "Cannot provide multiple Tags with the same key", {"TagKey": "a"}),
    ([("a,", "1")], "The TagKey you have provided is invalid", {"TagKey": "a,"}),
    ([("a", "1,")], "The TagValue you have provided is invalid", {"TagKey": "a", "TagValue": "1,"}),
    ([("aws:a", "1")], None, {"TagKey": "aws:a"}),
])
def test_the_tag_that_is_wrong_is_named(s3, bucket, tags, message, more):
    s3.put_object(Bucket=bucket, Key="k")
    tagging = {"TagSet": [{"Key": k, "Value": v} for k, v in tags]}
    says(400, "InvalidTag", message or "Your TagKey cannot be prefixed with aws:",
         lambda: s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tagging), **more)
    says(400, "InvalidTag", message or "System tags cannot be added/updated by requester",
         lambda: s3.put_bucket_tagging(Bucket=bucket, Tagging=tagging), **more)


def test_grants_that_cannot_be_given(s3, acl_bucket):
    put = lambda **how: lambda: s3.put_bucket_acl(Bucket=acl_bucket, **how)  # noqa: E731
    me = s3.list_buckets()["Owner"]["ID"]
    body = lambda **to: {"Owner": {"ID": me}, "Grants": [{"Grantee": to, "Permission": "WRITE"}]}  # noqa: E731
    says(400, "InvalidArgument", "Invalid group uri", put(GrantWrite='uri="http://x"'), ArgumentName="uri", ArgumentValue="http://x")
    says(400, "InvalidArgument", "Invalid id", put(GrantWrite='id="x"'), ArgumentName="id", ArgumentValue="x")
    says(400, "InvalidArgument", "Argument format not recognized", put(GrantWrite='what="x"'), ArgumentName="x-amz-grant-write", ArgumentValue='what="x"')
    says(400, "InvalidArgument", "Invalid group uri", put(AccessControlPolicy=body(Type="Group", URI="http://x")), ArgumentName="Group/URI",
         ArgumentValue="http://x")
    says(400, "InvalidArgument", "Invalid id", put(AccessControlPolicy=body(Type="CanonicalUser", ID="x")), ArgumentName="CanonicalUser/ID",
         ArgumentValue="x")
    says(400, "MalformedACLError", XML, put(AccessControlPolicy={}))
    says(400, "MissingSecurityHeader", "Your request was missing a required header", put(), MissingHeaderName="x-amz-acl")
    says(400, "UnexpectedContent", "This request does not support content", put(ACL="private", AccessControlPolicy=body(Type="CanonicalUser", ID=me)))


def test_what_no_header_can_mean_is_told_before_what_the_bucket_does_not_take(s3, bucket):
    put = lambda **how: lambda: s3.put_object(Bucket=bucket, Key="k", **how)  # noqa: E731
    with pytest.raises(botocore.exceptions.ClientError) as e:
        put(ACL="open")()
    assert [e.value.response["Error"].get(k) for k in ("Code", "ArgumentName", "ArgumentValue")] == ["InvalidArgument", "x-amz-acl", "open"]
    says(400, "InvalidArgument", "Unknown wormMode directive.", put(ObjectLockMode="SOFT", ObjectLockRetainUntilDate=datetime.datetime(2050, 1, 1)),
         ArgumentName="x-amz-object-lock-mode", ArgumentValue="SOFT")


def test_locks_say_what_is_missing(s3, name, bucket):
    locked = name + "-l"
    s3.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    put = lambda **how: lambda: s3.put_object(Bucket=locked, Key="k", **how)  # noqa: E731
    until = datetime.datetime(2036, 1, 1)
    both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
    says(400, "InvalidArgument", both, put(ObjectLockMode="GOVERNANCE"), ArgumentName="x-amz-object-lock-retain-until-date")
    says(400, "InvalidArgument", both, put(ObjectLockRetainUntilDate=until), ArgumentName="x-amz-object-lock-mode")
    put()()
    for day, told in ((1, "Tue Dec 31 16:00:00 PST 2019"), (182, "Mon Jun 29 17:00:00 PDT 2020")):
        past = datetime.datetime(2020, 1, 1) + datetime.timedelta(days=day - 1)
        says(400, "InvalidArgument", "The retain until date must be in the future!",
             lambda: s3.put_object_retention(Bucket=locked, Key="k", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": past}),
             ArgumentName="RetainUntilDate", ArgumentValue=told)
    says(400, "InvalidArgument", "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
         lambda: s3.delete_object(Bucket=bucket, Key="k", BypassGovernanceRetention=True), ArgumentName="x-amz-bypass-governance-retention")


def test_customers_keys_that_do_not_fit(s3, tsubo, bucket):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    key = base64.b64encode(b"k" * 32).decode()
    start = "x-amz-server-side-encryption"

    def told(verb, **how):
        headers = {f"{start}-customer-{k}": v for k, v in how.items() if v}
        request = botocore.awsrequest.AWSRequest(verb, f"{tsubo.url}/{bucket}/k", headers={**headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("test", "test"), "s3", "us-east-1").add_auth(request)
        answer = requests.request(verb, request.url, headers=dict(request.headers))
        return answer.status_code, {k: v for k, v in elements(answer.text).items() if k not in ("RequestId", "HostId", "Resource")}

    must = "Requests specifying Server Side Encryption with Customer provided keys must provide "
    whole = {"algorithm": "AES256", "key": key, "key-MD5": md5(b"k" * 32)}
    assert told("PUT", **{**whole, "algorithm": "AES512"}) == (400, {
        "Code": "InvalidEncryptionAlgorithmError", "ArgumentName": start, "ArgumentValue": "AES512",
        "Message": "The Encryption request you specified is not valid. Supported value: AES256."})
    for without, message in (("algorithm", must + "a valid encryption algorithm."), ("key", must + "an appropriate secret key."),
                             ("key-MD5", "The secret key was invalid for the specified algorithm.")):
        assert told("PUT", **{**whole, without: ""}) == (400, {"Code": "InvalidArgument", "Message": message, "ArgumentName": start})
    assert told("PUT", **whole)[0] == 200 == told("GET", **whole)[0]
    assert told("GET", **{**whole, "key-MD5": ""}) == (403, {"Code": "AccessDenied", "Message": must + "the correct secret key."})


def test_configurations_that_cannot_be(s3, client, bucket, name):
    rule = {"ID": "a", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 7}}
    cycle = lambda r, **how: lambda: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [r]}, **how)  # noqa: E731
    says(400, "InvalidRequest", "Invalid TransitionDefaultMinimumObjectSize found: x", cycle(rule, TransitionDefaultMinimumObjectSize="x"))
    says(400, "InvalidRequest", "Duplicate Tag Keys are not allowed.",
         cycle({**rule, "Filter": {"And": {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}}}))
    cycle(rule, TransitionDefaultMinimumObjectSize="varies_by_storage_class")()
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    client("s3", region="eu-west-1").create_bucket(Bucket=name + "-eu", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    log = lambda to: lambda: s3.put_bucket_logging(  # noqa: E731
        Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": to, "TargetPrefix": "x"}})
    says(403, "CrossLocationLoggingProhibited", "Cross S3 location logging not allowed. ", log(name + "-eu"), TargetBucketLocation="eu-west-1")
    says(400, "InvalidTargetBucketForLogging", "The target bucket for logging does not exist", log("none-" + name), TargetBucket="none-" + name)
    site = lambda **how: lambda: s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=how)  # noqa: E731
    says(400, "InvalidArgument", "The IndexDocument Suffix is not well formed", site(IndexDocument={"Suffix": "/i"}), ArgumentName="IndexDocument",
         ArgumentValue="/i")
    says(400, "InvalidArgument", "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
         site(IndexDocument={"Suffix": "i"}, RedirectAllRequestsTo={"HostName": "x"}), ArgumentName="RedirectAllRequestsTo", ArgumentValue="not null")
    says(400, "InvalidRequest", "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
         site(IndexDocument={"Suffix": "i"}, RoutingRules=[{"Redirect": {"ReplaceKeyPrefixWith": "a", "ReplaceKeyWith": "b"}}]))
    says(400, "InvalidRequest", "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.",
         site(IndexDocument={"Suffix": "i"}, RoutingRules=[{"Condition": {}, "Redirect": {"ReplaceKeyWith": "b"}}]))
    policy = lambda text: lambda: s3.put_bucket_policy(Bucket=bucket, Policy=text)  # noqa: E731
    says(400, "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'", policy("[]"))
    says(400, "MalformedPolicy", "Missing required field Statement", policy("{}"))
    says(400, "IdMismatch", "Document ID does not match the specified configuration ID.",
         lambda: s3.put_bucket_metrics_configuration(Bucket=bucket, Id="x", MetricsConfiguration={"Id": "y"}))


def test_buckets_that_cannot_be_made(s3, client, name):
    make = lambda s3, region: lambda: s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})  # noqa: E731
    ireland, frankfurt = client("s3", region="eu-west-1"), client("s3", region="eu-central-1")
    says(400, "InvalidLocationConstraint", "The specified location-constraint is not valid", make(s3, "us-east-1"), LocationConstraint="us-east-1")
    says(400, "IllegalLocationConstraintException",
         "The EU location constraint is incompatible for the region specific endpoint this request was sent to.", make(frankfurt, "EU"))
    assert make(ireland, "EU")()["Location"].startswith(f"http://{name}.")
    assert ireland.get_bucket_location(Bucket=name)["LocationConstraint"] == "EU"
    says(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", make(ireland, "eu-west-1"),
         BucketName=name)
    says(400, "InvalidBucketOwnerAWSAccountID", "The value of the expected bucket owner parameter must be an AWS Account ID... [1234]",
         lambda: ireland.head_bucket(Bucket=name) and ireland.list_objects_v2(Bucket=name, ExpectedBucketOwner="1234"))


def test_small_objects_stay_where_they_are_unless_the_rule_speaks_of_sizes(fresh_tsubo, name, eventually):
    """Source: "Transitioning objects using Amazon S3 Lifecycle" (S3 User Guide)."""
    move = lambda to, **f: {"ID": to + str(len(f)), "Status": "Enabled", "Filter": f or {"Prefix": "a/"}, "Transitions": [{"Days": 1, "StorageClass": to}]}  # noqa: E731
    s3 = fresh_tsubo.client("s3")
    s3.create_bucket(Bucket=name)
    for key in ("a/k", "sized/k"):
        s3.put_object(Bucket=name, Key=key, Body=b"small")
    sized = move("GLACIER_IR", And={"Prefix": "sized/", "ObjectSizeGreaterThan": 1})
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [move("GLACIER_IR"), sized]})
    fresh_tsubo.turn_clock("+3d")
    classes = lambda: {o["Key"]: o["StorageClass"] for o in s3.list_objects_v2(Bucket=name)["Contents"]}  # noqa: E731
    eventually(lambda: classes()["sized/k"] == "GLACIER_IR")
    assert classes() == {"a/k": "STANDARD", "sized/k": "GLACIER_IR"}


def presigned(client, bucket, version="s3v4", **how):
    s3 = client("s3", signature_version=version, s3={"addressing_style": "path"})
    return s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, **how)


def test_a_link_that_does_not_fit_shows_what_would(s3, client, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    link = presigned(client, bucket)
    seen = elements(requests.get(link.replace("X-Amz-Signature=", "X-Amz-Signature=0")).text)
    assert seen["Code"] == "SignatureDoesNotMatch" and seen["StringToSign"].startswith("AWS4-HMAC-SHA256\n")
    assert bytes.fromhex(seen["StringToSignBytes"]).decode() == seen["StringToSign"] and "CanonicalRequestBytes" in seen
    assert hashlib.sha256(bytes.fromhex(seen["CanonicalRequestBytes"])).hexdigest() == seen["StringToSign"].split("\n")[-1]
    seen = elements(requests.get(presigned(client, bucket, "s3").replace("Signature=", "Signature=0")).text)
    assert seen["StringToSign"].startswith("GET\n") and {"AWSAccessKeyId", "SignatureProvided"} < set(seen)
    assert elements(requests.get(link, headers={"x-amz-foo": "1"}).text)["HeadersNotSigned"] == "x-amz-foo"
    for part in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"):
        answer = requests.get(re.sub(f"X-Amz-{part}=[^&]*&?", "", link))
        assert (answer.status_code, elements(answer.text)["Code"]) == (400, "AuthorizationQueryParametersError"), part
    old = presigned(client, bucket, "s3")
    for part in ("AWSAccessKeyId", "Signature", "Expires"):
        answer = requests.get(re.sub(f"{part}=[^&]*&?", "", old))
        assert answer.status_code == 403 and elements(answer.text)["Message"].startswith("Query-string authentication requires"), part


def test_forms_that_do_not_fit(s3, tsubo, bucket):
    send = lambda form, data, **more: elements(requests.post(form["url"], data={**form["fields"], **more}, files={"file": data}).text)  # noqa: E731
    form = s3.generate_presigned_post(bucket, "k", Conditions=[["content-length-range", 2, 3]])
    assert {"Code": "EntityTooLarge", "MaxSizeAllowed": "3", "ProposedSize": "4"}.items() <= send(form, b"1234").items()
    assert {"Code": "EntityTooSmall", "MinSizeAllowed": "2", "ProposedSize": "1"}.items() <= send(form, b"1").items()
    form = s3.generate_presigned_post(bucket, "k", Conditions=[{"acl": "private"}])
    assert send(form, b"1", acl="public-read")["Message"] == 'Invalid according to Policy: Policy Condition failed: ["eq", "$acl", "private"]'
    answer = requests.post(f"{tsubo.url}/{bucket}", data=b"x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, elements(answer.text)["Condition"]) == (412, "Bucket POST must be of the enclosure-type multipart/form-data")


def test_preflights_say_why_not(s3, tsubo, bucket):
    ask = {"Origin": "https://a", "Access-Control-Request-Method": "PUT"}

    def told(path, headers):
        seen = elements(requests.options(f"{tsubo.url}/{path}", headers=headers).text)
        return seen["Code"], seen["Message"].split(". This is")[0], seen.get("Method"), seen.get("ResourceType")

    assert told(f"{bucket}/k", {}) == ("BadRequest", "Insufficient information. Origin request header needed.", None, None)
    assert told(f"{bucket}x/k", ask) == ("AccessForbidden", "CORSResponse: Bucket not found", "PUT", "BUCKET")
    assert told(f"{bucket}/k", ask) == ("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.", "PUT", "BUCKET")
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedOrigins": ["https://a"], "AllowedMethods": ["GET"], "AllowedHeaders": ["x-*"]}]})
    assert told(f"{bucket}/k", ask) == ("AccessForbidden", "CORSResponse: This CORS request is not allowed", "PUT", "OBJECT")
    good = requests.options(f"{tsubo.url}/{bucket}/k", headers={**ask, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "X-One,X-Two"})
    assert good.status_code == 200 and good.headers["Access-Control-Allow-Headers"] == "x-one, x-two"
    many = [f"x-{n}" for n in range(40)]
    good = requests.options(f"{tsubo.url}/{bucket}/k", headers={**ask, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": ",".join(many)})
    assert good.headers["Access-Control-Allow-Headers"] == ", ".join(many)
    # A GET that asks as a preflight does is judged as one.
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert "Access-Control-Allow-Origin" in requests.get(link, headers={"Origin": "https://a"}).headers
    assert "Access-Control-Allow-Origin" not in requests.get(link, headers=ask).headers


def test_destinations_of_events_that_cannot_be_reached_are_all_named(s3, client, bucket):
    where = "arn:aws:sqs:us-east-1:000000000000:none-"
    put = lambda *arns, **more: lambda: s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={  # noqa: E731
        "QueueConfigurations": [{"QueueArn": a, "Events": ["s3:ObjectCreated:*"], **more} for a in arns]})
    says(400, "InvalidArgument", "The ARN could not be parsed", put("no-arn", where + "1"), ArgumentName="Queue", ArgumentValue="no-arn")
    says(400, "InvalidArgument", "Unable to validate the following destination configurations", put(where + "1", where + "2"), ArgumentName1=where + "1",
         ArgumentValue1="The destination queue does not exist", ArgumentName2=where + "2", ArgumentValue2="The destination queue does not exist")
    client("sqs").create_queue(QueueName=bucket)
    mine = where.replace("none-", bucket)
    says(400, "InvalidArgument", "Unable to validate the following destination configurations", put(mine), ArgumentName1=mine,
         ArgumentValue1="Permissions on the destination queue do not allow S3 to publish notifications from this bucket")


def test_events_of_tags_and_acls_are_not_about_bytes(s3, client, acl_bucket):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=acl_bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}]})})
    s3.put_bucket_notification_configuration(Bucket=acl_bucket, NotificationConfiguration={"QueueConfigurations": [
        {"QueueArn": arn, "Events": ["s3:ObjectTagging:*", "s3:ObjectAcl:Put", "s3:ObjectRemoved:*", "s3:ObjectRestore:*"]}]})
    s3.put_object(Bucket=acl_bucket, Key="k", Body=b"1", StorageClass="GLACIER")
    s3.put_object_tagging(Bucket=acl_bucket, Key="k", Tagging={"TagSet": []})
    s3.put_object_acl(Bucket=acl_bucket, Key="k", ACL="private")  # as it was: no event
    s3.put_object_acl(Bucket=acl_bucket, Key="k", ACL="public-read")
    s3.restore_object(Bucket=acl_bucket, Key="k", RestoreRequest={"Days": 1})
    s3.delete_object(Bucket=acl_bucket, Key="k")
    seen, deadline = {}, time.monotonic() + PATIENCE_S
    while "ObjectRemoved:Delete" not in seen and time.monotonic() < deadline:
        for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
            for r in json.loads(m["Body"]).get("Records", []):
                seen.setdefault(r["eventName"], []).append(r)
    assert {k: (len(v), v[0]["eventVersion"], sorted(v[0]["s3"]["object"])) for k, v in seen.items()} == {
        "ObjectTagging:Put": (1, "2.3", ["eTag", "key"]), "ObjectAcl:Put": (1, "2.3", ["eTag", "key"]),
        "ObjectRestore:Post": (1, "2.1", ["eTag", "key", "sequencer", "size"]), "ObjectRestore:Completed": (1, "2.1", ["eTag", "key", "sequencer", "size"]),
        "ObjectRemoved:Delete": (1, "2.1", ["key", "sequencer"])}
    restored = seen["ObjectRestore:Completed"][0]
    assert restored["glacierEventData"]["restoreEventData"]["lifecycleRestoreStorageClass"] == "GLACIER"
    assert restored["userIdentity"]["principalId"].startswith("AmazonCustomer:")


def test_pages_of_a_website_that_has_none_of_its_own(s3, tsubo, bucket):
    """Source: "Configuring a custom error document" (S3 User Guide), beside the recorded pages."""
    def page(path, host=bucket, verb="GET"):
        answer = requests.request(verb, tsubo.url + path, headers={"Host": f"{host}.s3-website-us-east-1.amazonaws.com"})
        return answer.status_code, re.findall(r"<li>([^<]*)</li>", re.sub(r"<li>(RequestId|HostId): [^<]*</li>", "", answer.text)), answer.text

    lost = ["Code: NoSuchKey", "Message: " + NO_KEY, "Key: none"]
    assert page("/", bucket + "x")[:2] == (404, ["Code: NoSuchBucket", "Message: " + CLOSED, f"BucketName: {bucket}x"])
    assert page("/")[:2] == (404, ["Code: NoSuchWebsiteConfiguration", "Message: The specified bucket does not have a website configuration",
                                   f"BucketName: {bucket}"])
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"],
         "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}))
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}})
    assert page("/none")[:2] == (404, lost)
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}, "ErrorDocument": {"Key": "e"}})
    status, lines, text = page("/none")
    assert (status, lines) == (404, [*lost, *lost[:2], "Key: e"]) and "An Error Occurred While Attempting to Retrieve a Custom Error Document" in text
    assert page("/none", verb="POST")[:2] == (405, ["Code: MethodNotAllowed", "Message: The specified method is not allowed against this resource.",
                                                    "Method: POST", "ResourceType: OBJECT"])
