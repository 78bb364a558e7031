"""What the tests of S3 share."""
import pytest


@pytest.fixture(scope="module")
def s3(client):
    return client("s3")


@pytest.fixture(scope="module")
def kms(client):
    return client("kms")


@pytest.fixture
def bucket(s3, name):
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def key(kms):
    return kms.create_key()["KeyMetadata"]["Arn"]
