"""The policy of a presigned POST, enforced as S3 enforces it.

Source of the rules: the Amazon S3 API reference, "Creating a POST policy":
the policy must not have expired, every condition must hold, every field must be
covered by a condition (but for those named there), and ``file`` comes last.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from werkzeug.formparser import parse_form_data

from tests_e2e.emulators.loopback import Environ
from tests_e2e.emulators.sigv4 import Credentials, SignatureError, verify_policy

UNCOVERED_FIELDS = {"policy", "x-amz-signature", "file", "awsaccesskeyid"}
POLICY_PREFIX = "Invalid according to Policy: "


@dataclass(frozen=True)
class PostedObject:
    """One object as a browser form sent it; field names in lower case."""

    key: str
    body: bytes
    fields: dict[str, str]


def accept_post(environ: Environ, bucket: str, known: Credentials, now: datetime) -> PostedObject:
    """Parse a multipart form and check it against its own signed policy.

    Raises SignatureError with S3's code: AccessDenied, EntityTooLarge,
    EntityTooSmall, InvalidPolicyDocument, SignatureDoesNotMatch, InvalidArgument.
    """
    _, form, files = parse_form_data(environ, max_form_memory_size=1 << 20)
    fields = {name.lower(): value for name, value in form.items()}
    if not fields and not files:
        raise SignatureError("AccessDenied", "Access Denied")
    verify_policy(fields, known)
    policy = _decode_policy(fields["policy"])
    if now > _expiration_of(policy):
        raise SignatureError("AccessDenied", POLICY_PREFIX + "Policy expired.")
    uploads = files.getlist("file")
    if len(uploads) != 1:
        raise SignatureError("InvalidArgument", "POST requires exactly one file.", 400)
    body = uploads[0].read()
    conditions = policy.get("conditions", [])
    _check_conditions(conditions, {**fields, "bucket": bucket}, len(body))
    _check_coverage(conditions, fields)
    key = fields["key"].replace("${filename}", uploads[0].filename or "")
    return PostedObject(key, body, fields)


def _decode_policy(encoded: str) -> dict[str, Any]:
    try:
        policy = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        policy = None
    if not isinstance(policy, dict):
        raise SignatureError("InvalidPolicyDocument", "Invalid Policy.", 400)
    return policy


def _expiration_of(policy: dict[str, Any]) -> datetime:
    text = str(policy.get("expiration", ""))
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise SignatureError("InvalidPolicyDocument", "Invalid 'expiration' value.", 400) from None


def _check_conditions(conditions: list[Any], values: dict[str, str], size: int) -> None:
    for condition in conditions:
        if isinstance(condition, dict):
            for name, wanted in condition.items():
                _check_field("eq", name, str(wanted), values)
        elif condition[0] == "content-length-range":
            _check_size(size, int(condition[1]), int(condition[2]))
        else:
            operator, name, wanted = condition
            _check_field(str(operator), str(name).lstrip("$"), str(wanted), values)


def _check_field(operator: str, name: str, wanted: str, values: dict[str, str]) -> None:
    given = values.get(name.lower())
    holds = {
        "eq": given == wanted,
        "starts-with": given is not None and given.startswith(wanted),
    }.get(operator.lower(), False)
    if not holds:
        raise SignatureError(
            "AccessDenied",
            f'{POLICY_PREFIX}Policy Condition failed: ["{operator}", "${name}", "{wanted}"]',
        )


def _check_size(size: int, smallest: int, largest: int) -> None:
    if size > largest:
        raise SignatureError("EntityTooLarge", "Your proposed upload exceeds the maximum size.", 400)
    if size < smallest:
        raise SignatureError("EntityTooSmall", "Your proposed upload is below the minimum size.", 400)


def _check_coverage(conditions: list[Any], fields: dict[str, str]) -> None:
    covered = set(UNCOVERED_FIELDS)
    for condition in conditions:
        if isinstance(condition, dict):
            covered.update(name.lower() for name in condition)
        else:
            covered.add(str(condition[1]).lstrip("$").lower())
    for name in fields:
        if name not in covered and not name.startswith("x-ignore-"):
            raise SignatureError("AccessDenied", f"{POLICY_PREFIX}Extra input fields: {name}")
