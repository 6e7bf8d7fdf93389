import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from gas import logs


def record(message, *args, exc_info=None, name="gas.test"):
    made = logging.LogRecord(name, logging.INFO, __file__, 1, message, args, exc_info)
    logs.ContextFilter().filter(made)
    return made


@pytest.fixture
def request_of_the_moment():
    request: Any = SimpleNamespace(
        request_id="abc123", resolver_match=SimpleNamespace(route="jobs/<uuid:id>/", kwargs={}), method="GET"
    )
    token = logs.current_request.set(request)
    yield request
    logs.current_request.reset(token)


def test_a_line_carries_the_ids_of_its_job_until_the_block_ends():
    with logs.bind(job="j-1", attempt=2):
        inside = logs.TextFormatter().format(record("annotating"))
    outside = logs.TextFormatter().format(record("idle"))

    assert inside.endswith("INFO gas.test: annotating (job=j-1 attempt=2)")
    assert outside.endswith("INFO gas.test: idle")


def test_a_line_carries_the_request_and_a_user_who_was_looked_up(request_of_the_moment):
    assert logs.TextFormatter().format(record("x")).endswith("(request=abc123)")

    request_of_the_moment._cached_user = SimpleNamespace(pk="u-1")
    assert logs.TextFormatter().format(record("x")).endswith("(request=abc123 user=u-1)")


def test_a_line_of_a_jobs_page_carries_the_job(request_of_the_moment):
    request_of_the_moment.resolver_match.kwargs["job_id"] = "j-1"

    assert logs.TextFormatter().format(record("x")).endswith("(request=abc123 job=j-1)")


def test_json_lines_hold_message_ids_and_traceback(request_of_the_moment):
    try:
        raise ValueError("broken")
    except ValueError:
        line = logs.JsonFormatter().format(record("it %s", "failed", exc_info=sys.exc_info()))

    entry = json.loads(line)
    assert "\n" not in line
    assert entry["message"] == "it failed"
    assert (entry["level"], entry["logger"], entry["request"]) == ("INFO", "gas.test", "abc123")
    assert "ValueError: broken" in entry["traceback"]
    assert entry["at"].endswith("+00:00")


@pytest.mark.parametrize("formatter", [logs.TextFormatter(), logs.JsonFormatter()])
@pytest.mark.parametrize("address", ["ann.b+x@uni-hospital.example.org", "root@localhost", "Ünal@exämple.org"])
def test_no_address_reaches_the_log(formatter, address):
    try:
        raise RuntimeError(f"refused: <{address}>")
    except RuntimeError:
        line = formatter.format(record("mail to %s failed", address, exc_info=sys.exc_info()))

    assert address not in line
    assert json.dumps(address) not in line
    assert line.count("[address]") == 2


def test_djangos_own_lines_name_the_route_instead_of_the_path(request_of_the_moment):
    made = logging.LogRecord("django.request", logging.ERROR, "", 1, "%s: %s", ("Error", "/reset/secret/"), None)
    made.request, made.status_code = request_of_the_moment, 500
    logs.ContextFilter().filter(made)

    assert logs.TextFormatter().format(made).endswith("GET /jobs/<uuid:id>/ failed: 500 (request=abc123)")
