"""The cold store as a cold storage class of S3, under the archive's prefix of the same bucket.

Up to 5 GB an object moves by CopyObject inside S3, and the copy's SHA-256 is S3's own. Above, S3
would only give a checksum of checksums: those bytes pass through this process, which computes the
SHA-256 of the whole and lets S3 check each part.

Source of the rules: Amazon S3 API reference, RestoreObject, CopyObject, HeadObject.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from annotations.areas import StorageAwayError
from archival.models import Tier
from archival.stores import TEMPORARY_DAYS, Held, NotReadableError, NotThereError, Stage, TierRefusedError
from gas.buckets import delete_versions

LARGEST_COPY = 5 * 1000**3  # CopyObject's limit is 5 GB
PART_BYTES = 64 << 20
MOST_PARTS = 9_000  # S3 allows 10,000
WHOLE_SHA256 = "gas-sha256"  # metadata of objects that were too large for a checksum of the whole

_GONE = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchVersion"})
_COLD = frozenset({"InvalidObjectState", "ObjectNotInActiveTierError"})
_REFUSED = frozenset({"GlacierExpeditedRetrievalNotAvailable", "InsufficientCapacityException"})
_EXPECTED = {
    ("GLACIER", Tier.EXPEDITED): timedelta(minutes=5),
    ("GLACIER", Tier.STANDARD): timedelta(hours=5),
    ("GLACIER", Tier.BULK): timedelta(hours=12),
    ("DEEP_ARCHIVE", Tier.STANDARD): timedelta(hours=12),
    ("DEEP_ARCHIVE", Tier.BULK): timedelta(hours=48),
}


class S3Store:
    """See archival.stores.ColdStore."""

    def __init__(self, hot: Any, cold: Any, storage_class: str, largest_copy: int = LARGEST_COPY) -> None:
        self.storage_class = storage_class
        self._client = cold.connection.meta.client
        self._largest_copy = largest_copy
        # A refused Expedited retrieval is a 503, which botocore would ask five times before it says so.
        self._once: Any = boto3.client(
            "s3",
            endpoint_url=self._client.meta.endpoint_url,
            region_name=self._client.meta.region_name,
            config=self._client.meta.config.merge(Config(retries={"total_max_attempts": 1})),
        )
        self._hot_bucket, self._hot_prefix = hot.bucket_name, hot.location.strip("/") + "/"
        self._bucket, self._prefix = cold.bucket_name, cold.location.strip("/") + "/"
        self._encryption: dict[str, str] = dict(cold.object_parameters)

    def find(self, cold_key: str) -> Held | None:
        """See ColdStore."""
        return self._find(self._cold_at(cold_key))

    def find_hot(self, hot_key: str) -> Held | None:
        """See ColdStore."""
        return self._find(self._hot_at(hot_key))

    def put(self, hot_key: str, cold_key: str, sha256: str) -> Held:
        """See ColdStore."""
        return self._copy(self._hot_at(hot_key), self._cold_at(cold_key), self.storage_class, sha256)

    def ask(self, cold_key: str, tier: Tier) -> Stage:
        """See ColdStore; Expedited does not exist for DEEP_ARCHIVE and counts as refused."""
        if (self.storage_class, tier) not in _EXPECTED:
            raise TierRefusedError(f"{self.storage_class} has no {tier} retrieval")
        request = {"Days": TEMPORARY_DAYS, "GlacierJobParameters": {"Tier": str(tier)}}
        try:
            with _translated(cold_key):
                answer = self._once.restore_object(**self._cold_at(cold_key), RestoreRequest=request)
        except _RefusalError as refusal:
            if refusal.code == "RestoreAlreadyInProgress":
                return Stage.ONGOING
            if refusal.code in _REFUSED and tier is Tier.EXPEDITED:
                raise TierRefusedError(refusal.code) from refusal
            raise
        # 202: begun. 200: a temporary copy is there already, and its end was put off.
        return Stage.READY if answer["ResponseMetadata"]["HTTPStatusCode"] == 200 else Stage.ONGOING

    def look(self, cold_key: str) -> Stage:
        """See ColdStore; HEAD's x-amz-restore is the truth."""
        try:
            with _translated(cold_key):
                head = self._client.head_object(**self._cold_at(cold_key))
        except NotThereError:
            return Stage.MISSING
        if head.get("StorageClass", "STANDARD") not in ("GLACIER", "DEEP_ARCHIVE"):
            return Stage.READY  # somebody changed its class: it can be read
        restore = head.get("Restore", "")
        if 'ongoing-request="true"' in restore:
            return Stage.ONGOING
        return Stage.READY if 'ongoing-request="false"' in restore else Stage.COLD

    def bring_back(self, cold_key: str, hot_key: str, sha256: str) -> Held:
        """See ColdStore."""
        return self._copy(self._cold_at(cold_key), self._hot_at(hot_key), "STANDARD", sha256)

    def remove_cold(self, cold_key: str) -> None:
        """See ColdStore."""
        self._remove(self._cold_at(cold_key))

    def remove_hot(self, hot_key: str) -> None:
        """See ColdStore."""
        self._remove(self._hot_at(hot_key))

    def expected(self, tier: Tier) -> timedelta:
        """See ColdStore."""
        return _EXPECTED[self.storage_class, tier]

    def cold_keys(self, after: str, limit: int) -> list[str]:
        """See ColdStore."""
        behind = {"StartAfter": self._prefix + after} if after else {}
        with _translated(after):
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=limit, **behind)
        return [entry["Key"].removeprefix(self._prefix) for entry in page.get("Contents", ())]

    def _hot_at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._hot_bucket, "Key": self._hot_prefix + key}

    def _cold_at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _find(self, at: dict[str, str]) -> Held | None:
        try:
            with _translated(at["Key"]):
                head = self._client.head_object(**at, ChecksumMode="ENABLED")
        except NotThereError:
            return None
        return Held(head["ContentLength"], _sha256_of(head))

    def _copy(self, source: dict[str, str], target: dict[str, str], storage_class: str, sha256: str) -> Held:
        size = self._size(source)
        with _translated(source["Key"]):
            if size > self._largest_copy:
                self._stream(source, target, size, storage_class, sha256)
            else:
                self._client.copy_object(
                    **target,
                    CopySource=source,
                    StorageClass=storage_class,
                    ChecksumAlgorithm="SHA256",
                    **self._encryption,
                )
        held = self._find(target)
        if held is None:
            raise StorageAwayError(f"{target['Key']} was stored and is not there")
        return held

    def _size(self, at: dict[str, str]) -> int:
        with _translated(at["Key"]):
            size: int = self._client.head_object(**at)["ContentLength"]
        return size

    def _stream(
        self, source: dict[str, str], target: dict[str, str], size: int, storage_class: str, sha256: str
    ) -> None:
        """Read the source once, part by part; complete the target only if the whole has the SHA-256."""
        body = self._client.get_object(**source)["Body"]
        upload = self._client.create_multipart_upload(
            **target,
            StorageClass=storage_class,
            ChecksumAlgorithm="SHA256",
            Metadata={WHOLE_SHA256: sha256},
            **self._encryption,
        )["UploadId"]
        try:
            whole = hashlib.sha256()
            parts = []
            for number, part in enumerate(_parts(body, size), start=1):
                whole.update(part)
                checksum = base64.b64encode(hashlib.sha256(part).digest()).decode()
                sent = self._client.upload_part(
                    **target, UploadId=upload, PartNumber=number, Body=part, ChecksumSHA256=checksum
                )
                parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum})
            if whole.hexdigest() != sha256:
                raise StorageAwayError(f"{source['Key']} was read as something else")
            self._client.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})
        except BaseException:
            self._client.abort_multipart_upload(**target, UploadId=upload)
            raise

    def _remove(self, at: dict[str, str]) -> None:
        with _translated(at["Key"]):
            delete_versions(self._client, **at)


class _RefusalError(StorageAwayError):
    """S3 answered with a code that only one caller understands; to all others it is away."""

    def __init__(self, key: str, code: str) -> None:
        super().__init__(f"{key}: {code}")
        self.code = code


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """boto3's errors as ours."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _GONE:
            raise NotThereError(key) from error
        if code in _COLD:
            raise NotReadableError(key) from error
        raise _RefusalError(key, code) from error
    except (BotoCoreError, Boto3Error, HTTPError, ConnectionError, TimeoutError) as error:
        raise StorageAwayError(f"{key}: {type(error).__name__}") from error


def _sha256_of(head: dict[str, Any]) -> str | None:
    """The SHA-256 of the whole object as hexadecimal, if S3 or our own upload recorded one.

    Of an object that was sent in parts S3 has only a checksum of checksums.
    """
    recorded: str | None = head.get("Metadata", {}).get(WHOLE_SHA256)
    if recorded is not None and "-" in head["ETag"]:
        return recorded
    checksum = head.get("ChecksumSHA256", "")
    if not checksum or "-" in checksum or head.get("ChecksumType") == "COMPOSITE":
        return None
    return base64.b64decode(checksum).hex()


def _parts(body: Any, size: int) -> Iterator[bytes]:
    """The stream in parts of equal size, few enough for S3."""
    part_bytes = max(PART_BYTES, -(-size // MOST_PARTS))
    while part := body.read(part_bytes):
        yield part
