import pytest
from kombu.transport import resolve_transport

from gas import registry
from gas.celery import app, beat_schedule


def test_a_killed_workers_message_goes_to_another():
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1


def test_the_slot_of_a_killed_process_is_soon_used_again():
    assert app.conf.worker_lost_wait <= 1


def test_nobody_can_command_a_worker_and_no_result_is_kept():
    assert not app.conf.worker_enable_remote_control
    assert app.conf.result_backend is None
    assert app.conf.task_ignore_result
    assert app.conf.accept_content == ["json"]


def test_each_sweep_is_a_task_that_exists(settings):
    app.loader.import_default_modules()

    assert len(registry.sweeps()) >= 2
    for sweep in registry.sweeps():
        assert sweep.task_name in app.tasks


def test_a_sweep_that_was_not_started_within_its_period_is_dropped(settings):
    settings.SWEEP_SECONDS = 30

    for entry in beat_schedule().values():
        assert entry["schedule"] == 30
        assert entry["options"]["expires"] < 30
        assert entry["options"]["queue"] == "control"


def test_no_task_limits_time_or_waits_for_its_result():
    """An annotation's time is held by the worker's own watch; Celery's would kill without a trace."""
    assert app.conf.task_time_limit is None
    assert app.conf.task_soft_time_limit is None
    for name, task in app.tasks.items():
        if not name.startswith("celery."):
            assert task.acks_late, name
            assert task.ignore_result, name


@pytest.mark.parametrize("alias", ["fsatomic", "sqsguard"])
def test_the_safe_transports_are_registered(alias):
    assert resolve_transport(alias).__module__.startswith("gas.")


def test_queues_are_declared_and_none_is_made_by_a_misspelt_name():
    assert set(app.amqp.queues) == {"annotate", "control"}
    assert not app.conf.task_create_missing_queues
