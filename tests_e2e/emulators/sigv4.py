"""AWS Signature Version 4, the verifying side.

Source of the rules: the Amazon S3 API reference, "Authenticating Requests (AWS
Signature Version 4)": authorization header, query parameters, POST policy.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_CLOCK_SKEW = timedelta(minutes=15)
MAX_PRESIGNED_AGE = timedelta(days=7)


class SignatureError(Exception):
    """AWS would refuse this request; ``code`` and ``status`` as AWS answers them."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Credentials:
    """One access key and its secret."""

    access_key: str
    secret_key: str


@dataclass(frozen=True)
class SignedRequest:
    """The parts of a request that a signature covers.

    ``path`` and ``query`` are as sent (still percent-encoded); header names are
    in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def verify_header(request: SignedRequest, known: Credentials, now: datetime) -> str:
    """Check the Authorization header; return the service of its scope (s3, sqs).

    Raises SignatureError as AWS does: AccessDenied, InvalidAccessKeyId,
    RequestTimeTooSkewed, XAmzContentSHA256Mismatch, SignatureDoesNotMatch.
    """
    scheme, _, fields = request.headers.get("authorization", "").partition(" ")
    if scheme != ALGORITHM:
        raise SignatureError("AccessDenied", "Access Denied")
    parts = dict(field.strip().split("=", 1) for field in fields.split(","))
    scope = _scope_of(parts["Credential"], known)
    sent_at = _parse_moment(request.headers.get("x-amz-date", ""))
    if abs(now - sent_at) > MAX_CLOCK_SKEW:
        raise SignatureError("RequestTimeTooSkewed", "The request time and the server's differ too much.")
    payload_hash = _checked_payload_hash(request)
    expected = _signature_of(request, parts["SignedHeaders"], payload_hash, sent_at, scope, known)
    _compare(expected, parts["Signature"])
    return scope.split("/")[2]


def verify_presigned_url(request: SignedRequest, known: Credentials, now: datetime) -> None:
    """Check the X-Amz-* query parameters: signature, then expiry."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    query = dict(pairs)
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        raise SignatureError("AuthorizationQueryParametersError", "X-Amz-Algorithm is wrong.", 400)
    scope = _scope_of(query.get("X-Amz-Credential", ""), known)
    sent_at = _parse_moment(query.get("X-Amz-Date", ""))
    try:
        lifetime = timedelta(seconds=int(query.get("X-Amz-Expires", "")))
    except ValueError:
        lifetime = timedelta(-1)
    if not timedelta(0) <= lifetime <= MAX_PRESIGNED_AGE:
        raise SignatureError("AuthorizationQueryParametersError", "X-Amz-Expires is out of range.", 400)
    unsigned = "&".join(pair for pair in request.query.split("&") if not pair.startswith("X-Amz-Signature="))
    bare = SignedRequest(request.method, request.path, unsigned, request.headers, request.body)
    signed_headers = query.get("X-Amz-SignedHeaders", "")
    expected = _signature_of(bare, signed_headers, "UNSIGNED-PAYLOAD", sent_at, scope, known)
    _compare(expected, query.get("X-Amz-Signature", ""))
    if now > sent_at + lifetime:
        raise SignatureError("AccessDenied", "Request has expired")


def verify_policy(fields: Mapping[str, str], known: Credentials) -> None:
    """Check the signature over a POST form's base64 policy; field names in lower case."""
    if "policy" not in fields or "x-amz-signature" not in fields:
        raise SignatureError("AccessDenied", "Access Denied")
    if fields.get("x-amz-algorithm") != ALGORITHM:
        raise SignatureError("InvalidArgument", "X-Amz-Algorithm is wrong.", 400)
    scope = _scope_of(fields.get("x-amz-credential", ""), known)
    expected = _sign(known, scope, fields["policy"])
    _compare(expected, fields["x-amz-signature"])


def _scope_of(credential: str, known: Credentials) -> str:
    access_key, _, scope = credential.partition("/")
    if access_key != known.access_key:
        raise SignatureError("InvalidAccessKeyId", "The AWS access key Id you provided does not exist.")
    if len(scope.split("/")) != 4 or not scope.endswith("/aws4_request"):
        raise SignatureError("AuthorizationHeaderMalformed", "The credential scope is malformed.", 400)
    return scope


def _parse_moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise SignatureError("AccessDenied", "A valid date is required.") from None


def _checked_payload_hash(request: SignedRequest) -> str:
    actual = hashlib.sha256(request.body).hexdigest()
    claimed = request.headers.get("x-amz-content-sha256", actual)
    if claimed == "UNSIGNED-PAYLOAD" or claimed.startswith("STREAMING-"):
        return claimed
    if claimed != actual:
        raise SignatureError(
            "XAmzContentSHA256Mismatch",
            "The provided x-amz-content-sha256 does not match what was computed.",
            400,
        )
    return claimed


def _signature_of(
    request: SignedRequest,
    signed_headers: str,
    payload_hash: str,
    sent_at: datetime,
    scope: str,
    known: Credentials,
) -> str:
    names = signed_headers.split(";")
    if "host" not in names:
        raise SignatureError("AccessDenied", "The host header must be signed.")
    header_lines = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    canonical = "\n".join(
        (
            request.method,
            request.path,
            _canonical_query(request.query),
            header_lines,
            signed_headers,
            payload_hash,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    moment = sent_at.strftime("%Y%m%dT%H%M%SZ")
    return _sign(known, scope, "\n".join((ALGORITHM, moment, scope, digest)))


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in pairs)
    return "&".join(f"{key}={value}" for key, value in encoded)


def _sign(known: Credentials, scope: str, text: str) -> str:
    key = f"AWS4{known.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _compare(expected: str, given: str) -> None:
    if not hmac.compare_digest(expected, given):
        raise SignatureError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the one you provided.",
        )
