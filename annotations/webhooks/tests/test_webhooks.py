from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.conf import settings as service
from django.core import mail
from django.test import Client

from accounts.models import User
from annotations import erasure, exports, transitions
from annotations.models import Delivery, DeliveryStatus, Webhook
from annotations.tests.conftest import take
from annotations.webhooks import deliveries, sending
from annotations.webhooks.tests.receiver import Receiver, receiving
from gas import clock, outbox
from gas.models import AuditEntry, OutboxMessage, OutboxStatus

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _here(settings: Any) -> None:
    """The operator lets webhooks reach this machine."""
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def webhook(person: User, receiver: Receiver) -> Webhook:
    return deliveries.make(person, receiver.url)


def _try_all() -> None:
    """Do every promise about webhooks now, whenever it is due."""
    waiting = OutboxMessage.objects.filter(kind__startswith="annotations.webhook", status=OutboxStatus.PENDING)
    for message_id in list(waiting.values_list("pk", flat=True)):
        OutboxMessage.objects.filter(pk=message_id).update(due_at=clock.from_now(-timedelta(seconds=1)))
        assert outbox.deliver(message_id), "a program that does not answer is no fault of ours"


def test_the_secret_is_shown_once_and_stored_nowhere(browser: Client, person: User):
    page = browser.post("/webhooks/", {"url": "https://lab.example.org/gas"}).content.decode()
    found = re.search(r"whsec_[0-9a-f]{64}", page)
    assert found
    webhook = Webhook.objects.get(user=person)
    assert sending.secret_of(webhook) == found.group()
    assert found.group() not in browser.get("/webhooks/").content.decode()
    assert found.group().removeprefix("whsec_") not in str(Webhook.objects.values().get())
    assert sending.secret_of(Webhook(user=person)) != found.group()


def test_a_finished_job_is_told_with_a_signature_that_fits(person, make_job, webhook, receiver):
    job = make_job(person)
    transitions.fail(take(job), "field", {})
    assert not receiver.taken, "nothing is sent inside the transaction"
    _try_all()
    headers, body = receiver.taken[0]
    event = json.loads(body)
    assert event["type"] == headers["GAS-Event"] == "job.failed"
    assert event["id"] == headers["GAS-Event-Id"] == str(Delivery.objects.get().pk)
    assert event["data"]["job"]["id"] == str(job.pk)
    assert event["data"]["job"]["url"].endswith(f"/api/v1/jobs/{job.pk}")
    assert "patient" not in body.decode(), "the name of the file may name a patient"
    assert headers["path"] == "/gas?from=here"
    moment = re.fullmatch(r"t=(\d+),v1=[0-9a-f]{64}", headers["GAS-Signature"])
    assert moment
    assert headers["GAS-Signature"] == sending.sign(sending.secret_of(webhook), int(moment[1]), body)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.tries, delivery.answer) == (DeliveryStatus.DELIVERED, 1, "answered 200")


def test_an_event_that_is_not_taken_is_sent_again_with_pauses_and_the_same_body(webhook, receiver):
    deliveries.promise(webhook, "job.completed")
    receiver.status = 500
    _try_all()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.answer) == (DeliveryStatus.WAITING, "answered 500")
    again = OutboxMessage.objects.get(status=OutboxStatus.PENDING)
    assert timedelta(seconds=3) < again.due_at - clock.database_now() <= timedelta(seconds=5)
    receiver.status = 204
    _try_all()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.tries) == (DeliveryStatus.DELIVERED, 2)
    assert receiver.taken[0][1] == receiver.taken[1][1]
    assert not OutboxMessage.objects.filter(status=OutboxStatus.PENDING).exists()


def test_a_redirect_is_not_followed(webhook, receiver):
    with receiving() as elsewhere:
        receiver.status, receiver.headers = 307, {"Location": elsewhere.url}
        deliveries.promise(webhook, "job.completed")
        _try_all()
        assert elsewhere.taken == []
    assert Delivery.objects.get().answer == "answered 307"


def test_after_a_day_in_vain_the_webhook_is_off_until_its_user_switches_it_on(
    browser, person, webhook, receiver, monkeypatch
):
    monkeypatch.setattr(deliveries, "MAX_TRIES", 2)
    receiver.status = 503
    deliveries.promise(webhook, "job.completed")
    later = deliveries.promise(webhook, "job.completed")
    for _ in range(3):
        _try_all()
    assert Delivery.objects.filter(status=DeliveryStatus.FAILED).count() == 2
    assert [message.to for message in mail.outbox] == [[person.email]]
    assert receiver.url in mail.outbox[0].body
    assert b"Switched off" in browser.get("/webhooks/").content
    deliveries.promise_to_all(person.pk, "job.completed", None, {})
    assert Delivery.objects.count() == 2, "nothing is promised to a webhook that is off"
    browser.post(f"/webhooks/{webhook.pk}/on")
    receiver.status = 200
    deliveries.promise_to_all(person.pk, "job.completed", None, {})
    _try_all()
    assert Delivery.objects.filter(status=DeliveryStatus.DELIVERED).count() == 1
    later.refresh_from_db()
    assert later.status == DeliveryStatus.FAILED


def test_what_was_promised_before_the_webhook_was_off_is_not_sent_after(webhook, receiver):
    delivery = deliveries.promise(webhook, "job.completed")
    Webhook.objects.update(disabled_at=clock.database_now())
    _try_all()
    assert receiver.taken == []
    delivery.refresh_from_db()
    assert (delivery.status, delivery.answer) == (DeliveryStatus.FAILED, "not sent: the webhook is off")


def test_a_promise_that_is_done_twice_sends_once(webhook, receiver):
    deliveries.promise(webhook, "job.completed")
    message = OutboxMessage.objects.get(kind=deliveries.SEND)
    for _ in range(2):
        deliveries.attempt(message)
    assert len(receiver.taken) == 1
    assert Delivery.objects.get().tries == 1


def test_a_test_says_at_once_what_became_of_it_and_switches_nothing_off(browser, webhook, receiver):
    receiver.status = 404
    browser.post(f"/webhooks/{webhook.pk}/test")
    _try_all()
    page = browser.get("/webhooks/").content.decode()
    assert "answered 404" in page
    assert "Given up" in page
    webhook.refresh_from_db()
    assert webhook.disabled_at is None
    receiver.status = 200
    browser.post(f"/webhooks/{webhook.pk}/test")
    _try_all()
    assert "Delivered" in browser.get("/webhooks/").content.decode()


def test_an_address_that_became_private_is_not_called(webhook, receiver, settings):
    deliveries.promise(webhook, "job.completed")
    settings.WEBHOOK_NETWORKS = []
    Webhook.objects.update(url=f"https://127.0.0.1:{receiver.port}/")
    _try_all()
    assert receiver.taken == []
    assert "only public addresses" in Delivery.objects.get().answer


def test_the_connection_goes_to_the_address_that_was_looked_at(webhook, receiver, monkeypatch):
    """A name that means another machine at its second look-up leads nowhere."""
    answers = iter(["127.0.0.1"])
    real = socket.getaddrinfo

    def look_up(host: str, *args: Any, **kwargs: Any) -> Any:
        return real(next(answers) if host == "rebinding.example.org" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    Webhook.objects.update(url=f"http://rebinding.example.org:{receiver.port}/")
    deliveries.promise(webhook, "job.completed")
    _try_all()
    assert receiver.taken[0][0]["Host"] == f"rebinding.example.org:{receiver.port}"


def test_a_program_that_never_ends_its_answer_is_cut_off(webhook, monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        Webhook.objects.update(url=f"http://127.0.0.1:{server.getsockname()[1]}/")

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    while True:
                        connection.sendall(b"HTTP/1.1 200 OK\r\n"[:1])
                        connection.settimeout(0.05)
                        try:
                            if not connection.recv(10_000):
                                return
                        except TimeoutError:
                            pass
                except OSError:
                    return

        thread = Thread(target=trickle, daemon=True)
        thread.start()
        deliveries.promise(webhook, "job.completed")
        _try_all()
        thread.join(10)
        assert not thread.is_alive()
    assert Delivery.objects.get().status == DeliveryStatus.WAITING


def test_of_a_long_answer_only_the_beginning_is_read(webhook, receiver):
    receiver.body = b"x" * 50_000_000
    deliveries.promise(webhook, "job.completed")
    _try_all()
    assert Delivery.objects.get().status == DeliveryStatus.DELIVERED
    receiver.cut.wait(20)
    assert receiver.cut.is_set()


def test_a_certificate_that_nobody_vouches_for_is_refused(webhook, tmp_path):
    import ssl

    pem = tmp_path / "own.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    subject = ["-subj", "/CN=lab.example.org", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *subject, "-keyout", str(pem), "-out", f"{pem}.crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", str(pem))
    with receiving(context) as hidden, pytest.MonkeyPatch.context() as trust:
        Webhook.objects.update(url=f"https://127.0.0.1:{hidden.port}/")
        deliveries.promise(webhook, "job.completed")
        _try_all()
        assert "certificate is not valid" in Delivery.objects.get().answer
        assert hidden.taken == []
        trust.setenv("SSL_CERT_FILE", f"{pem}.crt")
        _try_all()
        assert Delivery.objects.get().status == DeliveryStatus.DELIVERED


def test_the_documented_program_takes_what_is_genuine_and_refuses_what_is_not(webhook, receiver, tmp_path, monkeypatch):
    page = (Path(service.BASE_DIR) / "docs" / "webhooks.md").read_text()
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert example
    (tmp_path / "program.py").write_text(example[1])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "GAS_WEBHOOK_SECRET": sending.secret_of(webhook), "PORT": str(port)}
    program = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        Webhook.objects.update(url=f"http://127.0.0.1:{port}/")
        made = deliveries.promise(webhook, "job.completed")
        while Delivery.objects.get(pk=made.pk).status == DeliveryStatus.WAITING and program.poll() is None:
            _try_all()  # until the program listens
        assert program.stdout is not None
        assert program.stdout.readline().split() == ["job.completed"]
        real = sending.sign
        for forged in (
            lambda secret, moment, body: real("whsec_guessed", moment, body),
            lambda secret, moment, body: real(secret, moment, body + b" "),
            lambda secret, moment, body: real(secret, moment - 3600, body),
            lambda secret, moment, body: "",
        ):
            monkeypatch.setattr(sending, "sign", forged)
            test = deliveries.promise(webhook, deliveries.TEST)
            _try_all()
            assert Delivery.objects.get(pk=test.pk).answer == "answered 403"
    finally:
        program.terminate()
        program.wait(10)


def test_webhooks_are_bounded_and_refused_with_a_sentence(browser, person):
    assert b"such as https" in browser.post("/webhooks/", {"url": "gopher://x"}).content
    for number in range(deliveries.MAX_WEBHOOKS):
        browser.post("/webhooks/", {"url": f"https://lab.example.org/{number}"})
    assert b"Delete one" in browser.post("/webhooks/", {"url": "https://lab.example.org/more"}).content
    assert Webhook.objects.filter(user=person).count() == deliveries.MAX_WEBHOOKS


def test_who_deletes_a_webhook_gets_no_more_events(browser, webhook, receiver):
    deliveries.promise(webhook, "job.completed")
    browser.post(f"/webhooks/{webhook.pk}/delete")
    _try_all()
    assert receiver.taken == []
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))[-2:] == [
        "make webhook", "delete webhook",
    ]  # fmt: skip


def test_webhooks_go_with_their_user_and_are_in_my_data(person, webhook):
    deliveries.promise(webhook, "job.completed")
    assert [row["url"] for row in exports.webhooks(person)] == [webhook.url]
    erasure.erase(person)
    assert not Webhook.objects.exists()
    assert not Delivery.objects.exists()


def test_old_deliveries_are_forgotten(webhook):
    deliveries.promise(webhook, "job.completed")
    deliveries.forget_old()
    assert Delivery.objects.exists()
    Delivery.objects.update(created_at=clock.from_now(-timedelta(days=31)))
    deliveries.forget_old()
    assert not Delivery.objects.exists()
