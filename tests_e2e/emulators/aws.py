"""S3 and SQS on loopback: moto behind a gate that refuses what AWS refuses.

moto stores and answers; the gate in front of it checks every signature, the
expiry of presigned URLs, the policy of a presigned POST, cross-origin rules,
and keeps the cold storage classes cold. Also a process of its own:

    python -m tests_e2e.emulators.aws --port 0 --ready-fd 3

Known to be milder than AWS: bucket policies and ACLs are not read (the one
credential owns everything), aws-chunked signatures are not checked, and a
queue's own default for long polling is not applied.
"""

from __future__ import annotations

import io
import json
import re
import select
import socket
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, unquote, unquote_to_bytes, urlencode
from xml.sax.saxutils import escape

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.sqs.models import sqs_backends
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests_e2e.emulators import cors, post_policy, sigv4
from tests_e2e.emulators.control import PREFIX, Control
from tests_e2e.emulators.glacier import ColdStore
from tests_e2e.emulators.loopback import (
    Environ,
    QuietHandler,
    StartResponse,
    serve_process,
)

CREDENTIALS = sigv4.Credentials("AKIALOOPBACK", "loopback-secret-key")
REGION = "us-east-1"
POLL_SECONDS = 0.02

Answer = tuple[int, dict[str, str], bytes]


class AwsHandler(QuietHandler, MotoRequestHandler):
    """moto's handling of odd header names, without the access log."""


class AwsEmulator:
    """The gate, as a WSGI application; one instance for one moto in this process."""

    def __init__(self) -> None:
        self.control = Control()
        self._cold = ColdStore(self.control)
        self._moto = DomainDispatcherApplication(create_backend_app)
        # moto's queues are plain lists: two receivers at once would both take
        # the same message.
        self._sqs_lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request: control, cross-origin preflight, S3 or SQS."""
        environ["wsgi.input"] = io.BytesIO(_read_body(environ))
        self._cold.settle()
        status, headers, body = self._answer(environ)
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("access-control-")}
        headers.update(self._cross_origin(environ) or {})
        start_response(f"{status} ", list(headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: Environ) -> Answer:
        if environ["PATH_INFO"].startswith(PREFIX):
            return self._answer_control(environ)
        label = _label(environ)
        rule = self.control.rule_for(label)
        if rule:
            time.sleep(rule.delay)
        if rule and rule.status and not rule.after:
            answer = _refusal(rule.status, rule.code, "Asked for by the test.")
        else:
            answer = self._answer_aws(environ)
            if rule and rule.status:
                answer = _refusal(rule.status, rule.code, "The answer was lost.")
        self.control.record(label, answer[0])
        return answer

    def _answer_aws(self, environ: Environ) -> Answer:
        if environ["REQUEST_METHOD"] == "OPTIONS":
            allowed = self._cross_origin(environ)
            if allowed is None:
                return _refusal(403, "AccessForbidden", "CORSResponse: not allowed.")
            return 200, {}, b""
        try:
            if environ.get("CONTENT_TYPE", "").startswith("multipart/form-data"):
                return self._post_object(environ)
            if self._authenticate(environ) == "sqs":
                return self._answer_sqs(environ)
            return self._answer_s3(environ)
        except sigv4.SignatureError as refused:
            return _refusal(refused.status, refused.code, refused.message)

    def _authenticate(self, environ: Environ) -> str:
        """The service a valid signature is for. Raises SignatureError."""
        body = environ["wsgi.input"].getvalue()
        path, _, query = environ["REQUEST_URI"].partition("?")
        request = sigv4.SignedRequest(environ["REQUEST_METHOD"], path, query, _headers(environ), body)
        if "X-Amz-Signature=" in query:
            sigv4.verify_presigned_url(request, CREDENTIALS, self.control.clock.now())
            return "s3"
        return sigv4.verify_header(request, CREDENTIALS, datetime.now(UTC))

    def _answer_s3(self, environ: Environ) -> Answer:
        method = environ["REQUEST_METHOD"]
        bucket, key = _bucket_and_key(environ["PATH_INFO"])
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        version = query.get("versionId", [None])[0]
        if method == "POST" and "restore" in query:
            body = environ["wsgi.input"].getvalue()
            return self._cold.request(bucket, key, version, body), {}, b""
        source = environ.get("HTTP_X_AMZ_COPY_SOURCE")
        if source:
            self._check_copy_source(source)
        status, headers, body = self._ask_moto(environ)
        if key and method in {"HEAD", "GET"}:
            under_way = self._cold.restore_header(bucket, key, version)
            if under_way:
                headers["x-amz-restore"] = under_way
        return status, headers, body

    def _check_copy_source(self, source: str) -> None:
        path, _, version = unquote(source).partition("?versionId=")
        bucket, key = _bucket_and_key("/" + path.lstrip("/"))
        if not self._cold.is_readable(bucket, key, version or None):
            raise sigv4.SignatureError(
                "ObjectNotInActiveTierError",
                "The source object of the COPY operation is not in the active tier "
                "and is only stored in Amazon S3 Glacier.",
            )

    def _post_object(self, environ: Environ) -> Answer:
        """A browser's form: checked, then stored as the PUT it stands for."""
        bucket, _ = _bucket_and_key(environ["PATH_INFO"])
        posted = post_policy.accept_post(environ, bucket, CREDENTIALS, self.control.clock.now())
        kept = ("content-", "x-amz-server-side-", "x-amz-meta-", "x-amz-storage-class")
        headers = {n: v for n, v in posted.fields.items() if n.startswith(kept)}
        scope = f"{CREDENTIALS.access_key}/20000101/{REGION}/s3/aws4_request"
        headers["Authorization"] = f"{sigv4.ALGORITHM} Credential={scope}, "
        put = EnvironBuilder(f"/{bucket}/{posted.key}", method="PUT", headers=list(headers.items()), data=posted.body)
        status, answer_headers, body = self._ask_moto(put.get_environ())
        if status != 200:
            return status, answer_headers, body
        wanted = posted.fields.get("success_action_status", "204")
        status = int(wanted) if wanted in {"200", "201"} else 204
        return status, {"ETag": answer_headers.get("ETag", "")}, b""

    def _answer_sqs(self, environ: Environ) -> Answer:
        """Long polls wait here, not in moto, so that one whose caller has gone
        away takes no message with it."""
        waits = _take_wait_seconds(environ)
        give_up_at = time.monotonic() + waits
        body = environ["wsgi.input"].getvalue()
        while True:
            environ["wsgi.input"] = io.BytesIO(body)
            with self._sqs_lock:
                if _caller_is_gone(environ):
                    return 499, {}, b""
                is_over = time.monotonic() >= give_up_at
                if is_over or _something_waits(_label(environ), body):
                    return self._ask_moto(environ)
            time.sleep(POLL_SECONDS)

    def _ask_moto(self, environ: Environ) -> Answer:
        chunks, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        return int(status.split()[0]), dict(headers.items()), b"".join(chunks)

    def _cross_origin(self, environ: Environ) -> dict[str, str] | None:
        origin = environ.get("HTTP_ORIGIN")
        if not origin:
            return None
        bucket, _ = _bucket_and_key(environ["PATH_INFO"])
        method = str(environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD", environ["REQUEST_METHOD"]))
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
        return cors.allowed_headers(self._cold.backend, bucket, origin, method, asked)

    def _answer_control(self, environ: Environ) -> Answer:
        command = environ["PATH_INFO"].removeprefix(PREFIX)
        if environ["REQUEST_METHOD"] == "POST":
            try:
                values = json.loads(environ["wsgi.input"].getvalue())
                self.control.apply(command, values)
            except (KeyError, TypeError, ValueError) as problem:
                return 400, {}, f"{command}: {problem!r}".encode()
            self._cold.settle()
            return 204, {}, b""
        listings = {
            "requests": lambda: self.control.requests_seen,
            "objects": self._list_objects,
            "uploads": self._list_uploads,
        }
        if command not in listings:
            return 404, {}, command.encode()
        found = json.dumps(listings[command]()).encode()
        return 200, {"Content-Type": "application/json"}, found

    def _list_objects(self) -> list[dict[str, object]]:
        return [
            {
                "bucket": bucket.name,
                "key": stored.name,
                "version_id": stored.version_id,
                "size": stored.size,
                "storage_class": stored.storage_class,
                "restored_until": stored.expiry_date,
            }
            for bucket, stored in self._cold.objects()
        ]

    def _list_uploads(self) -> list[dict[str, object]]:
        return [
            {"bucket": bucket.name, "key": upload.key_name, "id": upload.id}
            for bucket in list(self._cold.backend.buckets.values())
            for upload in list(bucket.multiparts.values())
        ]


def _read_body(environ: Environ) -> bytes:
    length = environ.get("CONTENT_LENGTH")
    if length:
        body: bytes = environ["wsgi.input"].read(int(length))
    elif environ.get("wsgi.input_terminated"):
        body = environ["wsgi.input"].read()
        environ["CONTENT_LENGTH"] = str(len(body))
    else:
        body = b""
    return body


def _headers(environ: Environ) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name.startswith("HTTP_")
    }
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    headers["content-length"] = environ.get("CONTENT_LENGTH", "")
    return headers


def _bucket_and_key(path: str) -> tuple[str, str]:
    # WSGI hands paths over as latin-1; the wire has UTF-8.
    text = path.encode("latin-1", "replace").decode("utf-8", "replace")
    bucket, _, key = text.lstrip("/").partition("/")
    return bucket, key


def _label(environ: Environ) -> str:
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target.startswith("AmazonSQS."):
        return "SQS " + target.removeprefix("AmazonSQS.")
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(environ["wsgi.input"].getvalue().decode()))
        return f"SQS {form.get('Action', '?')}"
    return f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']}"


def _take_wait_seconds(environ: Environ) -> float:
    """Take WaitTimeSeconds out of a ReceiveMessage; 0 where there is none."""
    body = environ["wsgi.input"].getvalue()
    if _label(environ) != "SQS ReceiveMessage":
        return 0.0
    if environ.get("HTTP_X_AMZ_TARGET"):
        asked = json.loads(body)
        waits = float(asked.get("WaitTimeSeconds", 0))
        body = json.dumps({**asked, "WaitTimeSeconds": 0}).encode()
    else:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        waits = float(form.get("WaitTimeSeconds", 0))
        body = urlencode({**form, "WaitTimeSeconds": "0"}).encode()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return waits


def _something_waits(label: str, body: bytes) -> bool:
    """Whether asking moto is worth it: always, but for a ReceiveMessage from a queue without a visible message."""
    if label != "SQS ReceiveMessage":
        return True
    found = re.search(rb"/([\w-]+)(?:[\"&]|$)", unquote_to_bytes(body))
    queue = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues.get(found.group(1).decode()) if found else None
    return queue is None or any(message.visible for message in queue.messages)


def _caller_is_gone(environ: Environ) -> bool:
    connection = environ.get("werkzeug.socket")
    if connection is None or not select.select([connection], [], [], 0)[0]:
        return False
    return not connection.recv(1, socket.MSG_PEEK)


def _refusal(status: int, code: str, message: str) -> Answer:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        "<RequestId>LOOPBACK</RequestId></Error>"
    )
    return status, {"Content-Type": "application/xml"}, body.encode()


if __name__ == "__main__":
    serve_process(__doc__ or "", AwsEmulator, AwsHandler)
