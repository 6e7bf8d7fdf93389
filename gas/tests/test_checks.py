import pytest
from django.core.checks import ERROR

from gas import checks


@pytest.mark.parametrize(
    ("broker", "storage", "found"),
    [("file", "file", []), ("sqs", "s3", []), ("sqs", "file", []), ("file", "s3", ["gas.E001"])],
)
def test_a_file_broker_is_refused_with_shared_storage(settings, broker, storage, found):
    settings.BROKER, settings.STORAGE = broker, storage

    assert [message.id for message in checks.one_host_or_many(None)] == found


def test_a_fault_point_that_is_on_is_warned_of(settings):
    assert checks.fault_is_for_tests(None) == []
    settings.FAULT = "after_claim"
    assert [message.id for message in checks.fault_is_for_tests(None)] == ["gas.W001"]


@pytest.mark.parametrize(
    ("url", "hosts", "https", "found"),
    [
        ("https://gas.example.org", ["gas.example.org"], True, []),
        ("https://gas.example.org", [".example.org"], True, []),
        ("http://localhost:8000", ["gas.example.org", "localhost"], True, ["gas.E002"]),
        ("http://gas.example.org", ["localhost"], False, ["gas.E003"]),
    ],
)
def test_mails_lead_to_pages_that_answer(settings, url, hosts, https, found):
    settings.BASE_URL, settings.ALLOWED_HOSTS, settings.HTTPS = url, hosts, https

    assert [message.id for message in checks.pages_are_where_mails_say(None)] == found


def test_what_is_wrong_is_said_with_what_to_do(settings):
    settings.STORAGE, settings.BROKER = "s3", "file"

    assert checks.said(ERROR) == (
        "The file broker works within one host, but the storage is S3. "
        "Set GAS_BROKER=sqs and the queues' URLs, or GAS_STORAGE=file."
    )
