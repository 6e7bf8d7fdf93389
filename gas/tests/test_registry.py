import pytest

from gas import registry


@pytest.fixture(autouse=True)
def _own_registries(monkeypatch):
    for table in ("_outbox_handlers", "_erasers", "_invariants", "_collectors", "_sweeps"):
        monkeypatch.setattr(registry, table, {})


def test_a_kind_of_message_has_one_handler():
    def handler(message):
        pass

    registry.outbox_handler("mail")(handler)

    assert registry.handler_of("mail") is handler
    assert registry.handler_of("unknown") is None
    with pytest.raises(ValueError, match="'mail' is registered already"):
        registry.outbox_handler("mail")(lambda message: None)


def test_erasers_run_in_their_order_and_then_by_name():
    for name, order in (("rows", 900), ("files", 100), ("archive", 100)):
        registry.eraser(name, order)(lambda user: None)

    assert [name for name, _ in registry.erasers()] == ["archive", "files", "rows"]


def test_a_sweep_is_listed_with_its_task():
    registry.sweep("uploads", "annotations.sweep")

    assert registry.sweeps() == [registry.Sweep("uploads", "annotations.sweep")]
