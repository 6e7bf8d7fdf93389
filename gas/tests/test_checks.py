import pytest

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
