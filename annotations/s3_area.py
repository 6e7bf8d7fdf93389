"""An area as a prefix of an S3 bucket, through the client that django-storages configures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.utils.http import content_disposition_header
from urllib3.exceptions import HTTPError

from annotations.areas import CHUNK, Check, ObjectChangedError, PostForm, StorageAwayError, Stored
from gas.buckets import delete_versions

CONTENT_TYPE = "application/octet-stream"
PAUSES_SECONDS = (1, 2, 4)  # between tries of a transfer that broke off; single requests are retried by botocore
_TRANSFER = TransferConfig(multipart_threshold=64 << 20, multipart_chunksize=64 << 20, use_threads=False)
_GONE = frozenset({"404", "NoSuchKey", "NotFound"})
_CHANGED = frozenset({"412", "PreconditionFailed"})
T = TypeVar("T")


class S3Area:
    """See annotations.areas.Area. Raises StorageAwayError for whatever the network or S3 does wrong."""

    def __init__(self, storage: Any) -> None:
        self._client = storage.connection.meta.client
        self._bucket: str = storage.bucket_name
        self._prefix = storage.location.strip("/") + "/"
        self._encryption: dict[str, str] = dict(storage.object_parameters)

    def head(self, key: str) -> Stored | None:
        """See Area."""
        try:
            with _translated(key):
                found = self._client.head_object(**self._at(key))
        except ObjectChangedError:
            return None
        return Stored(found["ContentLength"], found["ETag"])

    def size(self, key: str) -> int | None:
        """See Area."""
        found = self.head(key)
        return None if found is None else found.size_bytes

    def post_form(self, key: str, size_bytes: int) -> PostForm:
        """Signed for this key, this size, our content type and encryption, and a limited time."""
        fields = {"Content-Type": CONTENT_TYPE} | self._encryption_fields()
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        conditions.append(["content-length-range", size_bytes, size_bytes])
        form = self._client.generate_presigned_post(
            Bucket=self._bucket,
            Key=self._prefix + key,
            Fields=fields,
            Conditions=conditions,
            ExpiresIn=settings.UPLOAD_LINK_SECONDS,
        )
        return PostForm(form["url"], form["fields"])

    def link(self, key: str, file_name: str) -> str:
        """A presigned GET that downloads under the given name."""
        answer = {
            "ResponseContentDisposition": content_disposition_header(True, file_name),
            "ResponseContentType": CONTENT_TYPE,
            "ResponseCacheControl": "private, no-store",
        }
        url: str = self._client.generate_presigned_url(
            "get_object", Params=self._at(key) | answer, ExpiresIn=settings.S3_LINK_SECONDS
        )
        return url

    def local_path(self, key: str) -> None:
        """None: the bytes are elsewhere."""

    def open(self, key: str) -> BinaryIO:
        """See Area."""
        with _translated(key):
            body: BinaryIO = self._client.get_object(**self._at(key))["Body"]
        return body

    def read_part(self, key: str, start: int, stop: int, pinned: Stored | None = None) -> bytes:
        """See Area; If-Match makes S3 refuse an object that is not the pinned one."""
        condition = {"IfMatch": pinned.etag} if pinned is not None else {}
        with _translated(key):
            found = self._client.get_object(**self._at(key), **condition, Range=f"bytes={start}-{stop - 1}")
            part: bytes = found["Body"].read()
        return part

    def store(self, source: Path, key: str, check: Check) -> Stored:
        """See Area; a multipart upload that fails is aborted, or later by the sweep."""

        def send() -> Stored:
            with _translated(key):
                self._client.upload_file(
                    str(source),
                    self._bucket,
                    self._prefix + key,
                    ExtraArgs=self._encryption | {"ContentType": CONTENT_TYPE},
                    Config=_TRANSFER,
                    Callback=lambda _: check(),
                )
            found = self.head(key)
            if found is None:
                raise StorageAwayError(f"{key} was stored and is not there")
            return found

        return _retried(send, check)

    def fetch(self, key: str, pinned: Stored, target: Path, check: Check) -> None:
        """See Area; If-Match makes S3 refuse an object that is not the pinned one."""

        def load() -> None:
            size = 0
            with _translated(key), target.open("wb") as copy:
                body = self._client.get_object(**self._at(key), IfMatch=pinned.etag)["Body"]
                for chunk in body.iter_chunks(CHUNK):
                    check()
                    size += len(chunk)
                    copy.write(chunk)
            if size != pinned.size_bytes:
                raise ObjectChangedError(f"{key} has {size} bytes instead of {pinned.size_bytes}")

        _retried(load, check)

    def keys(self, after: str, limit: int) -> list[str]:
        """See Area; in the bucket's order."""
        behind = {"StartAfter": self._prefix + after} if after else {}
        with _translated(after):
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=limit, **behind)
        return [self._key(entry["Key"]) for entry in page.get("Contents", ())]

    def delete(self, keys: Iterable[str]) -> None:
        """See Area; a bucket that keeps versions keeps none of these."""
        for key in keys:
            with _translated(key):
                delete_versions(self._client, **self._at(key))

    def keys_below(self, prefix: str) -> list[str]:
        """See Area."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        with _translated(prefix):
            return [self._key(entry["Key"]) for page in pages for entry in page.get("Contents", ())]

    def unfinished(self) -> Iterator[tuple[str, str]]:
        """See Area."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=self._prefix)
        with _translated(self._prefix):
            for page in pages:
                for upload in page.get("Uploads", ()):
                    yield self._key(upload["Key"]), upload["UploadId"]

    def abort(self, key: str, upload_id: str) -> None:
        """See Area."""
        try:
            with _translated(key):
                self._client.abort_multipart_upload(**self._at(key), UploadId=upload_id)
        except ObjectChangedError:
            return  # completed or aborted in the meantime

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _key(self, full_key: str) -> str:
        return full_key.removeprefix(self._prefix)

    def _encryption_fields(self) -> dict[str, str]:
        """The same encryption as of our own uploads, as form fields."""
        names = {
            "ServerSideEncryption": "x-amz-server-side-encryption",
            "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
        }
        return {names[parameter]: value for parameter, value in self._encryption.items()}


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """boto3's many errors as our two."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _GONE or code in _CHANGED or code == "NoSuchUpload":
            raise ObjectChangedError(f"{key}: {code}") from error
        raise StorageAwayError(f"{key}: {code}") from error
    except (BotoCoreError, Boto3Error, HTTPError, ConnectionError, TimeoutError) as error:
        raise StorageAwayError(f"{key}: {type(error).__name__}") from error


def _retried(transfer: Callable[[], T], check: Check) -> T:
    for pause in PAUSES_SECONDS:
        try:
            return transfer()
        except StorageAwayError:
            check()
            time.sleep(pause)
    return transfer()
