"""Which lifecycle rules are taken. Source: "PutBucketLifecycleConfiguration", "LifecycleRuleFilter" (S3 API Reference)."""
import datetime

import pytest
from botocore.exceptions import ClientError

DAY = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
TAG = {"Key": "a", "Value": "b"}


@pytest.fixture
def put(s3, bucket):
    def rule(**how):
        how = {"Status": "Enabled", "Filter": {"Prefix": "p/"}, "Expiration": {"Days": 100}, **how}
        configuration = {"Rules": [{k: v for k, v in how.items() if v is not None}]}
        try:
            s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=configuration)
        except ClientError as e:
            return e.response["Error"]["Code"], e.response["Error"]["Message"]
        return s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]
    return rule


def test_filters(put):
    assert put()["Filter"] == {"Prefix": "p/"} and put(Filter=None, Prefix="q")["Prefix"] == "q"
    assert put(Filter={})["Filter"] == {}
    assert put(Filter={"And": {"Prefix": "p", "Tags": [TAG]}})["Filter"]["And"]["Tags"] == [TAG]
    for wrong in ({"Filter": None}, {"Prefix": "p/"}, {"Filter": {"Prefix": "p", "Tag": TAG}}, {"Filter": {"Tag": TAG, "ObjectSizeGreaterThan": 1}},
                  {"Filter": {"And": {"Prefix": "p", "Tags": [TAG]}, "Prefix": "p"}}):
        assert put(**wrong)[0] == "MalformedXML", wrong


def test_what_acts_on_no_object_has_no_tags(put):
    for filters in ({"Tag": TAG}, {"And": {"Prefix": "", "Tags": [TAG]}}):
        assert put(Filter=filters, Expiration=None, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}) == (
            "InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags.")
        assert put(Filter=filters, Expiration={"ExpiredObjectDeleteMarker": True}) == (
            "InvalidRequest", "ExpiredObjectDeleteMarker cannot be specified with Tags.")


def test_transitions(put):
    to = lambda **how: {"StorageClass": "GLACIER", **how}
    assert put(Transitions=[to(Days=0)])["Transitions"] == [to(Days=0)]
    assert put(Transitions=[to(Days=30, StorageClass="STANDARD_IA"), to(Days=60)])["Transitions"][1] == to(Days=60)
    assert put(Transitions=[to(Days=29, StorageClass="STANDARD_IA")]) == (
        "InvalidArgument", "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'")
    assert put(Transitions=[to(Days=100)]) == ("InvalidArgument",
        "'Days' in the Expiration action for filter '(prefix=p/)' must be greater than 'Days' in the Transition action")
    assert "(prefix=" + "p" * 200 + " and tag={key=a, value=b} and objectsizelessthan=9)" in put(Transitions=[to(Days=100)], Filter={"And": {
        "Prefix": "p" * 200, "Tags": [TAG], "ObjectSizeLessThan": 9}})[1]
    assert put(Transitions=[to(Date=DAY)])[0] == "InvalidRequest"
    assert put(Transitions=[to(Days=1), to(Date=DAY, StorageClass="DEEP_ARCHIVE")])[0] == "InvalidRequest"
    assert put(Transitions=[to(Days=1), to(Days=2)])[0] == "InvalidRequest"
    assert put(Transitions=[to(Days=1, Date=DAY)])[0] == put(Transitions=[to()])[0] == "MalformedXML"
    assert put(Transitions=[to(Date=DAY)], Expiration={"Date": DAY}) == ("InvalidArgument",
        "'Date' in the Expiration action for filter '(prefix=p/)' must be greater than 'Date' in the Transition action")


def test_transitions_of_what_is_no_longer_current(put):
    to = lambda days, name="GLACIER": {"NoncurrentDays": days, "StorageClass": name}
    assert put(NoncurrentVersionTransitions=[to(0)], NoncurrentVersionExpiration={"NoncurrentDays": 1})["NoncurrentVersionTransitions"] == [to(0)]
    assert put(NoncurrentVersionTransitions=[to(2)], NoncurrentVersionExpiration={"NoncurrentDays": 2})[0] == "InvalidArgument"
    assert put(NoncurrentVersionTransitions=[to(2), to(3)])[0] == "InvalidRequest"
    assert put(NoncurrentVersionTransitions=[to(29, "ONEZONE_IA")])[0] == "InvalidArgument"
