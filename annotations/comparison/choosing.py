"""Which two results are compared, and which sample of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from accounts.models import User
from annotations.explorer import files
from annotations.models import Job, JobStatus
from annotations.sharing import granting

MAX_OFFERED: Final = 50
LISTED_SAMPLES: Final = 100  # more names are typed


def assembly_of(job: Job) -> str:
    """The assembly that a result's positions are of."""
    return str(job.result.summary.get("reference", {}).get("assembly", job.reference_name))


@dataclass(frozen=True)
class Offer:
    """A result to compare with; `shared_by` is who shows it, "" for the user's own."""

    job: Job
    shared_by: str = ""


def offered(user: User, job: Job) -> list[Offer]:
    """The newest other results that a result can be compared with: the user's own, itself where it has several samples,
    and what others share with the user by name."""
    mine = Job.objects.filter(owner=user, status=JobStatus.COMPLETED, result__storage__in=files.AT_HAND)
    found = mine.exclude(pk=job.pk).select_related("result").order_by("-submitted_at")[:MAX_OFFERED]
    offers = [Offer(other) for other in found if assembly_of(other) == assembly_of(job)]
    if len(files.samples_of(job.result)) > 1:
        offers.append(Offer(job))
    return [*offers, *_shared(user, job)]


def _shared(user: User, job: Job) -> list[Offer]:
    shares = granting.addressed_to(user).filter(job__result__storage__in=files.AT_HAND).exclude(job=job)
    found = shares.select_related("job__result", "job__owner")[:MAX_OFFERED]
    by_job = {share.job_id: share.job for share in found}
    return [
        Offer(other, granting.shown_name(other.owner))
        for other in by_job.values()
        if assembly_of(other) == assembly_of(job)
    ]


@dataclass(frozen=True)
class Samples:
    """The samples of both results, and which two are compared; None where there are no two, and why not."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    pair: tuple[str, str] | None
    why_not: str = ""

    @classmethod
    def of(cls, job: Job, other: Job, given: dict[str, Any]) -> Samples:
        """The two that are asked for, else of one name, else the first; of one result the first two."""
        done = other.status == JobStatus.COMPLETED
        left, right = files.samples_of(job.result), files.samples_of(other.result) if done else ()
        if not left or not right:
            return cls(left, right, None, f"{'only one' if left or right else 'none'} of the files has samples")
        mine = given.get("sample") or next((name for name in left if name in right), left[0])
        same = [name for name in right if name != mine] if job == other else [name for name in right if name == mine]
        return cls(left, right, (mine, given.get("other_sample") or [*same, *right][0]))

    @property
    def are_listed(self) -> bool:
        """Few enough for a list to choose from."""
        return max(len(self.left), len(self.right)) <= LISTED_SAMPLES

    @property
    def unknown(self) -> str:
        """A name that is asked for and is none of the result's; "" where both are."""
        names = zip(self.pair or (), (self.left, self.right), strict=False)
        return next((name for name, known in names if name not in known), "")

    @property
    def numbers(self) -> tuple[int, int] | None:
        """Their places in the two files."""
        return (self.left.index(self.pair[0]), self.right.index(self.pair[1])) if self.pair else None


def problem_of(job: Job, other: Job, samples: Samples) -> str:
    """Why two jobs cannot be compared, "" where they can."""
    if job == other and (samples.pair is None or samples.pair[0] == samples.pair[1]):
        return "A result is no different from itself. Choose another one, or two of its samples."
    if samples.unknown:
        return f"There is no sample {samples.unknown[:60]} in the file. Choose the result again, then its sample."
    if other.status != JobStatus.COMPLETED:
        return f"{other.name} has no result to compare. Choose a job that is done."
    if job != other and other.result.storage not in files.AT_HAND:
        return f"The variants of {other.name} are not at hand: they are in the archive, or on their way back."
    if assembly_of(job) != assembly_of(other):
        return (
            f"This result is on {assembly_of(job)}, the other on {assembly_of(other)}, so their positions differ. "
            "Run one of the files again with a reference of the same assembly."
        )
    return ""
