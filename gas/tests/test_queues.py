"""What waits in the queues is counted, and what died goes back, however little one answer of SQS tells."""

import boto3
import pytest
from django.core.management import call_command
from moto import mock_aws

from deploy import make_queues
from gas import queues


@pytest.fixture
def folder(settings, tmp_path):
    settings.CELERY_BROKER_DIR = tmp_path
    return queues.messages_folder()


@pytest.mark.parametrize("stray", ["README", "core", "a.annotate.msg~", "annotate.msg.bak", ".00_a.annotate.msg"])
def test_a_file_that_is_no_message_is_not_counted(folder, stray):
    (folder / "00_a.annotate.msg").touch()
    (folder / stray).touch()
    assert queues.waiting() == {"annotate": 1, "control": 0}


class Forgetful:
    """A client of SQS as it may behave: a short poll asks some of its servers only, here one that has nothing.

    So does every other long poll: it may end before a message that was just hidden shows again. None waits here.
    """

    def __init__(self, client):
        self._client = client
        self._asked = 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def receive_message(self, *, WaitTimeSeconds=0, **asked):
        self._asked += 1
        if not WaitTimeSeconds or self._asked % 2:
            return {}
        return self._client.receive_message(**asked)


@pytest.fixture
def sqs(monkeypatch, settings):
    """A client, where all three queues are there; the service has the forgetful one."""
    for name, value in {"ACCESS_KEY_ID": "t", "SECRET_ACCESS_KEY": "t", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        client = boto3.client("sqs")
        annotate, annotate_dead = make_queues.make_queue("gas-annotate")
        control, control_dead = make_queues.make_queue("gas-control")
        events, events_dead = make_queues.make_queue("gas-restore-events")
        settings.BROKER, settings.SQS_ANNOTATE_URL, settings.SQS_CONTROL_URL = "sqs", annotate, control
        settings.SQS_RESTORE_EVENTS_URL = events
        settings.SQS_DEAD_LETTER_URLS = [control_dead, annotate_dead, events_dead]
        monkeypatch.setattr(queues, "_client", lambda **_: Forgetful(client))
        yield client


def _bodies(sqs, url):
    return sorted(
        message["Body"]
        for _ in range(4)
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    )


def test_dead_letters_go_back_to_the_queue_they_came_from(sqs, settings, capsys):
    _, annotate_dead, events_dead = settings.SQS_DEAD_LETTER_URLS
    sqs.send_message(QueueUrl=events_dead, MessageBody="it is back")
    rings = [f"ring {number:02}" for number in range(23)]
    for ring in rings:
        sqs.send_message(QueueUrl=annotate_dead, MessageBody=ring)
    call_command("redrive")

    assert _bodies(sqs, settings.SQS_ANNOTATE_URL) == rings
    assert _bodies(sqs, annotate_dead) == []
    assert capsys.readouterr().out == (
        "annotate: 23 messages moved back.\ncontrol: 0 messages moved back.\nrestore events: 1 message moved back.\n"
    )
