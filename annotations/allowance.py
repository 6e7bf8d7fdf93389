"""What is left of a user's plan, as the pages say it; submission counts again when it matters."""

from __future__ import annotations

from dataclasses import dataclass

from accounts import plans
from accounts.models import User
from annotations import submission


@dataclass(frozen=True)
class Allowance:
    """A plan's limits and what is used of them; bytes are bytes, jobs are counts."""

    limits: plans.Limits
    open_jobs: int
    jobs_today: int
    stored_bytes: int

    @property
    def refusal(self) -> str:
        """Why no job can be submitted now; empty when one can."""
        if self.open_jobs >= self.limits.max_open_jobs:
            return (
                f"You have {self.open_jobs} jobs waiting or running, as many as your plan allows. "
                "Wait until one has ended, or cancel one."
            )
        if self.jobs_today >= self.limits.max_jobs_per_day:
            return (
                f"You have submitted {self.jobs_today} jobs in 24 hours, as many as your plan allows. Come back later."
            )
        if self.stored_bytes >= self.limits.max_storage_bytes:
            return "Your storage is full. Delete jobs that you need no more."
        return ""


def allowance_of(user: User) -> Allowance:
    """Count what the user has now; six small queries."""
    return Allowance(
        limits=plans.limits(user),
        open_jobs=submission.open_jobs(user),
        jobs_today=submission.jobs_of_a_day(user),
        stored_bytes=submission.stored_bytes(user),
    )
