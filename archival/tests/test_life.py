"""Random lives of results: whatever happens in whatever order, each is where its row says and as it was made.

A crash is an exception thrown at one of the fault points, which nothing catches; the same points
take a real SIGKILL in tests_e2e/faults.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from accounts import plans
from accounts.models import PlanCode, User
from annotations import submission
from annotations import sweep as jobs_sweep
from annotations.erasure import delete_results
from annotations.models import COLD_KINDS, OutputKind, Result, StorageState
from archival import archiving, by_hand, events, removal, restoring, stores, sweep
from archival.models import ColdCopy, Recall
from archival.tests.conftest import (
    archive_area,
    be_impatient,
    broken,
    copies_of,
    deliver_plan_changes,
    hot_bytes,
    let_time_pass,
    make_due,
    set_plan,
    state,
)
from gas.models import OutboxMessage

POINTS = [
    "archive_claimed",
    "archive_before_copy",
    "archive_after_copy",
    "archive_after_verified",
    "archive_after_cold",
    "archive_during_removal",
    "restore_claimed",
    "restore_after_ask",
    "restore_after_return",
    "restore_after_recorded",
    "restore_after_hot",
    "delete_after_cold_object",
]
CONTENTS = {OutputKind.VCF: b"variants", OutputKind.TSV: b"table", OutputKind.LOG: b"log"}
# Objects that wait for the next sweep are no break; what a result needs is.
FOR_THE_NEXT_SWEEP = ("is not deleted yet", "belongs to no row")


class CrashError(BaseException):
    """A power cut."""


class Life(RuleBasedStateMachine):
    """One user, up to three results; the fixtures are put in by the test."""

    make_user: Callable[..., User]
    make_result: Callable[..., Result]
    monkeypatch: pytest.MonkeyPatch
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.example = transaction.atomic()
        self.example.__enter__()
        self.user = self.make_user()
        self.results: list[Result] = []
        self.asked: list[str] = []

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    # --- What people and the clock do
    @precondition(lambda self: len(self.results) < 3)
    @rule()
    def finish_a_job(self) -> None:
        self.results.append(self.make_result(User.objects.get(pk=self.user.pk), CONTENTS))

    @rule(code=st.sampled_from(PlanCode), heard=st.booleans())
    def set_plan(self, code: PlanCode, heard: bool) -> None:
        set_plan(self.user, code, deliver=heard)

    @rule()
    def hear_of_plans(self) -> None:
        deliver_plan_changes()

    @precondition(lambda self: self.results)
    @rule(data=st.data())
    def timer_ends(self, data: st.DataObject) -> None:
        result = data.draw(st.sampled_from(self.results))
        if Result.objects.filter(pk=result.pk, archive_due_at__isnull=False).exists():
            make_due(result)

    @precondition(lambda self: self.results)
    @rule(data=st.data())
    def archive_by_hand(self, data: st.DataObject) -> None:
        by_hand.archive(self.fresh(data.draw(st.sampled_from(self.results))), by=self.user)

    @precondition(lambda self: self.results)
    @rule(data=st.data())
    def ask_back_by_hand(self, data: st.DataObject) -> None:
        by_hand.ask_back(self.fresh(data.draw(st.sampled_from(self.results))), by=self.user)

    @precondition(lambda self: self.results)
    @rule(data=st.data())
    def delete_a_job(self, data: st.DataObject) -> None:
        result = data.draw(st.sampled_from(self.results))
        self.results.remove(result)
        submission.delete_job(self.user, self.fresh(result).job)

    @precondition(lambda self: self.results)
    @rule(data=st.data())
    def an_event_comes(self, data: st.DataObject) -> None:
        result = data.draw(st.sampled_from(self.results))
        events.hurry(copy.storage_key for copy in copies_of(result).values())

    @rule(hours=st.sampled_from([0.5, 2, 30]))
    def time_passes(self, hours: float) -> None:
        let_time_pass(hours)
        be_impatient()

    # --- What the service does
    @rule()
    def sweep_runs(self) -> None:
        sweep.sweep()

    @rule()
    def the_sweep_of_jobs_runs(self) -> None:
        jobs_sweep.run()

    @rule(point=st.sampled_from(POINTS), passing=st.integers(1, 3))
    def sweep_dies(self, point: str, passing: int) -> None:
        left = [passing]

        def fault(name: str) -> None:
            if name == point:
                left[0] -= 1
                if left[0] == 0:
                    raise CrashError

        with self.monkeypatch.context() as patch:
            for module in (archiving, restoring, removal):
                patch.setattr(module, "fault", fault)
            try:
                sweep.sweep()
            except CrashError:
                be_impatient()  # the dead worker's lease ends

    # --- What must hold after each step
    @invariant()
    def each_result_is_where_its_row_says_and_as_it_was_made(self) -> None:
        for result in self.results:
            if state(result) in (StorageState.HOT, StorageState.ARCHIVING):
                assert hot_bytes(result) == CONTENTS
            else:
                for kind, copy in copies_of(result).items():
                    with archive_area().open(copy.storage_key) as stream:
                        assert stream.read() == CONTENTS[OutputKind(kind)]
        assert [sentence for sentence in broken() if not sentence.endswith(FOR_THE_NEXT_SWEEP)] == []

    # --- Where it all ends
    def settle(self) -> None:
        deliver_plan_changes()
        for message in OutboxMessage.objects.filter(kind=submission.DELETE_RESULTS):
            delete_results(message)
        for _ in range(5):
            jobs_sweep.run()
            sweep.sweep()
            let_time_pass(2)
            be_impatient()
        assert broken() == []
        is_premium = plans.limits(User.objects.get(pk=self.user.pk)).hot_retention is None
        for result in self.results:
            row = Result.objects.select_related("custody").filter(pk=result.pk).get()
            assert row.storage in (StorageState.HOT, StorageState.COLD)
            if row.storage == StorageState.HOT:
                assert (row.archive_due_at is None) == is_premium
                assert hot_bytes(result) == CONTENTS
            elif is_premium:
                assert row.custody.by_hand_at is not None
        kept = sum(1 for result in self.results for kind in CONTENTS if kind in COLD_KINDS)
        assert ColdCopy.objects.count() <= kept
        assert len([key for key in archive_area().keys("", 100) if not key.endswith(stores.ASKED)]) <= kept
        assert not Recall.objects.filter(finished_at__isnull=True).exists()
        assert OutboxMessage.objects.filter(kind="plan_changed", status="pending").count() == 0

    def fresh(self, result: Result) -> Result:
        return Result.objects.select_related("job__owner").get(pk=result.pk)


@pytest.mark.django_db
def test_random_lives_keep_every_promise(make_user, make_result, monkeypatch, tmp_path):
    Life.make_user = staticmethod(make_user)
    Life.make_result = staticmethod(make_result)
    Life.monkeypatch = monkeypatch
    Life.folder = tmp_path / "storage"
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            # Shrinking a life of many sweeps takes minutes; the steps are printed as they were.
            phases=[Phase.generate],
            suppress_health_check=checks,
        ),
    )
