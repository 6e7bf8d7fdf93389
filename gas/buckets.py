"""Deleting for good in a bucket, also in one that keeps versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def delete_versions(client: Any, *, Bucket: str, Key: str) -> None:  # noqa: N803 - S3's own names
    """Delete all versions and delete markers of exactly this key; in a plain bucket, the object."""
    for entry in _versions(client, Bucket, Key):
        if entry["Key"] == Key:
            client.delete_object(Bucket=Bucket, Key=Key, VersionId=entry["VersionId"])


def delete_versions_below(client: Any, *, Bucket: str, Prefix: str) -> None:  # noqa: N803 - S3's own names
    """Delete all versions and delete markers of every key that begins so."""
    for entry in _versions(client, Bucket, Prefix):
        client.delete_object(Bucket=Bucket, Key=entry["Key"], VersionId=entry["VersionId"])


def _versions(client: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        yield from (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
