"""A real worker loop of kombu against a loopback server that fails as SQS may."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kombu import Connection, Queue
from kombu.asynchronous import Hub, set_event_loop
from kombu.asynchronous.hub import Stop
from kombu.transport import TRANSPORT_ALIASES
from kombu.utils.json import dumps

TRANSPORT_ALIASES["sqsguard"] = "gas.sqs_guard:Transport"

ATTRIBUTES = {"Attributes": {"ApproximateNumberOfMessages": "0"}}


def sqs_message():
    body = dumps(
        {
            "body": dumps({"hello": "worker"}),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {},
            "properties": {
                "delivery_tag": "tag-1",
                "delivery_info": {"exchange": "", "routing_key": "annotate"},
                "delivery_mode": 2,
                "priority": 0,
            },
        }
    )
    return {
        "MessageId": "m-1",
        "ReceiptHandle": "r-1",
        "Body": body,
        "MD5OfBody": hashlib.md5(body.encode()).hexdigest(),
        "Attributes": {},
    }


class FailingServer(ThreadingHTTPServer):
    """`failures`: what the next polls get instead of messages; `failed`: what they got."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), FailingSqs)
        self.failures: list[int | str] = []
        self.failed: list[int | str] = []


class FailingSqs(BaseHTTPRequestHandler):
    """Answers the first polls as `server.failures` says, then with one message."""

    server: FailingServer

    def do_POST(self):
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        is_poll = "ReceiveMessage" in asked + self.headers.get("X-Amz-Target", "")
        if is_poll and self.server.failures:
            failure = self.server.failures.pop(0)
            self.server.failed.append(failure)
            if isinstance(failure, str):
                self.close_connection = True
                return
            self.send_response(failure)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        answer = json.dumps({"Messages": [sqs_message()]} if is_poll else ATTRIBUTES).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = FailingServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _aws(monkeypatch, server):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def consume_one(server, scheme, patience_seconds=20):
    """Run the event loop of a worker until one message came; its body. Stop: none came."""
    url = f"http://127.0.0.1:{server.server_port}/000000000000/annotate"
    options = {
        "region": "us-east-1",
        "is_secure": False,
        "predefined_queues": {"annotate": {"url": url}},
        "wait_time_seconds": 0,
        "polling_interval": 0.01,
    }
    received = []
    hub = Hub()
    set_event_loop(hub)
    try:
        with Connection(f"{scheme}://", transport_options=options) as connection:
            connection.register_with_event_loop(hub)
            with connection.Consumer(
                [Queue("annotate")],
                callbacks=[lambda body, message: received.append(body)],
                accept=["json"],
                no_ack=False,
            ) as consumer:
                consumer.qos(prefetch_count=1)
                loop = hub.create_loop()
                hub.call_later(patience_seconds, hub.stop)
                while not received:
                    next(loop)
    finally:
        set_event_loop(None)
    return received[0]


@pytest.mark.parametrize("failure", [500, 502, 503, 504, "drop"])
def test_a_worker_survives_an_answer_that_is_not_messages(server, failure):
    server.failures[:] = [failure, failure]

    assert consume_one(server, "sqsguard") == {"hello": "worker"}
    assert server.failed == [failure, failure]


def test_without_the_guard_one_failure_leaves_a_worker_deaf_or_ends_it(server):
    """If this fails, kombu has mended it: the guard can go."""
    server.failures[:] = [503]

    with pytest.raises((Stop, AttributeError)):
        consume_one(server, "sqs", patience_seconds=5)
    assert server.failed == [503]
