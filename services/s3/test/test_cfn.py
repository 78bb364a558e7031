"""AWS::S3::Bucket with what a bucket can be set to. Source: the resource type's reference in the CloudFormation User Guide."""
import json

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def template(name, **properties):
    return json.dumps({"Resources": {
        "Logs": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name + "-logs", "VersioningConfiguration": {"Status": "Enabled"}}},
        "LogsPolicy": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "Logs"}, "PolicyDocument": {
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject",
                                                    "Resource": {"Fn::Sub": "${Logs.Arn}/*"}}]}}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST, "Policies": [{"PolicyName": "p", "PolicyDocument": {
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}}]}},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, **properties}}}})


ALL = {
    "VersioningConfiguration": {"Status": "Enabled"},
    "LoggingConfiguration": {"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": "l/", "TargetObjectKeyFormat": {
        "PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}}},
    "ReplicationConfiguration": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Rules": [
        {"Id": "r", "Priority": 1, "Status": "Enabled", "DeleteMarkerReplication": {"Status": "Disabled"},
         "Filter": {"And": {"Prefix": "p/", "TagFilters": [{"Key": "a", "Value": "1"}]}},
         "Destination": {"Bucket": {"Fn::GetAtt": ["Logs", "Arn"]}, "StorageClass": "STANDARD_IA"}}]},
    "InventoryConfigurations": [{"Id": "i", "Enabled": True, "IncludedObjectVersions": "Current", "ScheduleFrequency": "Daily", "Prefix": "p/",
                                 "OptionalFields": ["Size"], "Destination": {"BucketArn": {"Fn::GetAtt": ["Logs", "Arn"]}, "Format": "CSV"}}],
    "MetricsConfigurations": [{"Id": "m"}, {"Id": "p", "Prefix": "p/"}],
    "AnalyticsConfigurations": [{"Id": "a", "StorageClassAnalysis": {}}],
    "IntelligentTieringConfigurations": [{"Id": "t", "Status": "Disabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}],
    "AccelerateConfiguration": {"AccelerationStatus": "Enabled"},
}


def test_a_bucket_with_everything(client, s3, name, eventually):
    cfn = client("cloudformation")
    status = lambda: cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    reasons = lambda: [e.get("ResourceStatusReason") for e in cfn.describe_stack_events(StackName=name)["StackEvents"] if "FAILED" in e["ResourceStatus"]]
    cfn.create_stack(StackName=name, TemplateBody=template(name, **ALL), Capabilities=["CAPABILITY_IAM"])
    eventually(lambda: status() not in ("CREATE_IN_PROGRESS",))
    assert status() == "CREATE_COMPLETE", reasons()
    logging = s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]
    assert (logging["TargetBucket"], logging["TargetPrefix"]) == (name + "-logs", "l/")
    rule = s3.get_bucket_replication(Bucket=name)["ReplicationConfiguration"]["Rules"][0]
    assert rule["Filter"] == {"And": {"Prefix": "p/", "Tags": [{"Key": "a", "Value": "1"}]}} and rule["ID"] == "r"
    s3.put_object(Bucket=name, Key="p/k", Body=b"1", Tagging="a=1")
    eventually(lambda: s3.head_object(Bucket=name, Key="p/k")["ReplicationStatus"] == "COMPLETED")
    assert s3.get_bucket_inventory_configuration(Bucket=name, Id="i")["InventoryConfiguration"]["Filter"] == {"Prefix": "p/"}
    assert [m["Id"] for m in s3.list_bucket_metrics_configurations(Bucket=name)["MetricsConfigurationList"]] == ["m", "p"]
    assert s3.get_bucket_intelligent_tiering_configuration(Bucket=name, Id="t")["IntelligentTieringConfiguration"]["Status"] == "Disabled"
    assert s3.get_bucket_accelerate_configuration(Bucket=name)["Status"] == "Enabled"
    less = {"VersioningConfiguration": {"Status": "Enabled"}, "MetricsConfigurations": [{"Id": "p", "Prefix": "q/"}]}
    cfn.update_stack(StackName=name, TemplateBody=template(name, **less), Capabilities=["CAPABILITY_IAM"])
    eventually(lambda: status() not in ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    assert status() == "UPDATE_COMPLETE", reasons()
    configs = s3.list_bucket_metrics_configurations(Bucket=name)["MetricsConfigurationList"]
    assert configs == [{"Id": "p", "Filter": {"Prefix": "q/"}}]
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=name)
    assert s3.list_bucket_inventory_configurations(Bucket=name).get("InventoryConfigurationList", []) == []


def test_what_is_not_done_fails_the_stack_by_name(client, name, eventually):
    cfn = client("cloudformation")
    cfn.create_stack(StackName=name, TemplateBody=template(name, IntelligentTieringConfigurations=[
        {"Id": "t", "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}]), Capabilities=["CAPABILITY_IAM"])
    events = lambda: [e.get("ResourceStatusReason", "") for e in cfn.describe_stack_events(StackName=name)["StackEvents"]]
    eventually(lambda: any("access tiers" in e for e in events()))
