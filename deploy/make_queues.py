"""Make the bucket and the queues, each with its dead-letter queue: what GAS needs at AWS.

    python deploy/make_queues.py BUCKET PREFIX ORIGIN

BUCKET is the bucket's name, PREFIX begins the queues' names, ORIGIN is the address of the service
(https://gas.example.org): from its pages browsers may upload. Credentials, region and endpoint are
read as every AWS program reads them. Safe to repeat. The bucket is private and encrypted, and
forgets interrupted uploads after a day.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3

MAX_RECEIVE_COUNT = "10"  # a doorbell that ten workers dropped is worth a look


def main() -> None:
    """Make all of it, and write the settings."""
    if len(sys.argv) != 4:
        sys.exit("Say three things: python deploy/make_queues.py BUCKET PREFIX ORIGIN; its head says what they are.")
    bucket, prefix, origin = sys.argv[1:]
    region = make_bucket(bucket, origin)
    lines = [f"GAS_S3_BUCKET={bucket}", f"GAS_S3_REGION={region}", f"GAS_SQS_REGION={region}"]
    dead = []
    for name in ("annotate", "control"):
        url, dead_url = make_queue(f"{prefix}-{name}")
        lines.append(f"GAS_SQS_{name.upper()}_URL={url}")
        dead.append(dead_url)
    url, dead_url = make_restore_events(bucket, f"{prefix}-restore-events")
    lines.append(f"GAS_SQS_RESTORE_EVENTS_URL={url}")
    dead.append(dead_url)
    lines.append(f"GAS_SQS_DEAD_LETTER_URLS={','.join(dead)}")
    sys.stdout.write("\n".join(lines) + "\n")


def make_queue(name: str) -> tuple[str, str]:
    """A queue and its dead-letter queue; their URLs."""
    sqs = boto3.client("sqs")
    dead_url = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    dead = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": MAX_RECEIVE_COUNT})
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "300", "RedrivePolicy": redrive})
    return url, dead_url


def make_restore_events(bucket: str, name: str) -> tuple[str, str]:
    """The queue in which the bucket says that an archived object is back, and its dead-letter queue; their URLs."""
    url, dead_url = make_queue(name)
    sqs = boto3.client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        # This bucket, and of this account: a bucket's name alone may pass to another owner.
        "Condition": {
            "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"},
            "StringEquals": {"aws:SourceAccount": arn.split(":")[4]},
        },
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    told: Any = {"QueueArn": arn, "Events": ["s3:ObjectRestore:Completed"]}
    s3: Any = boto3.client("s3")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]})
    return url, dead_url


def make_bucket(name: str, origin: str) -> str:
    """A private bucket that browsers may send to from our pages; the region of bucket and queues."""
    s3: Any = boto3.client("s3")
    region = str(s3.meta.region_name)
    if name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, **place)
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=closed)
    encrypt = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [encrypt]})
    send = {"AllowedOrigins": [origin], "AllowedMethods": ["POST"], "AllowedHeaders": ["*"], "MaxAgeSeconds": 3600}
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [send]})
    forget = {
        "ID": "interrupted uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [forget]})
    return region


if __name__ == "__main__":
    main()
