"""How a job is annotated: the reference and the options of a submission, and whether they can be.

overwrite     True: replace CSQ that the file brings
fill_ids      True: an empty ID becomes what sources call the alleles
sources       keys of the reference's sources to quote; without it all of them
own_sources   ids of the user's own
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from accounts import plans
from accounts.models import User
from annotations import references
from annotations.models import OwnSource, OwnSourceStatus
from annotations.references import InstalledReference

FLAGS = frozenset({"overwrite", "fill_ids"})
MAX_OWN_SOURCES = 10  # of one job

Problem = tuple[str, str]
"""(code, sentence) of a refusal."""


def problem(user: User, reference_name: str, options: dict[str, Any]) -> Problem | None:
    """Why this cannot be done, if it cannot."""
    reference = references.find(reference_name)
    if reference is None:
        return "reference_unknown", "This reference is not installed. Choose one from the list."
    for option, value in options.items():
        if option in FLAGS and value in (True, False):
            continue
        if option == "sources" and _are_texts(value) and set(value) <= {source.key for source in reference.sources}:
            continue
        if option == "own_sources" and _are_texts(value):
            if (found := _problem_of_own(user, reference, value)) is not None:
                return found
            continue
        return "option_unknown", "One of the options is not known here. Load the page again."
    return None


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _problem_of_own(user: User, reference: InstalledReference, ids: list[str]) -> Problem | None:
    if not plans.limits(user).own_sources:
        return (
            "own_sources_not_in_plan",
            "Sources of your own are part of the Premium plan. Do without them.",
        )
    if len(ids) > MAX_OWN_SOURCES:
        return "too_many_own_sources", f"A job can quote {MAX_OWN_SOURCES} sources of your own. Choose fewer."
    found = {str(source.pk): source for source in ready_sources(user)}
    for source_id in ids:
        source = found.get(source_id)
        if source is None:
            return "own_source_unknown", "One of your own sources is not there any more. Choose again."
        if source.assembly != reference.assembly:
            return (
                "own_source_assembly",
                f"Your source {source.key} is on {source.assembly}, and the reference {reference.name} is not. "
                "Choose another reference, or do without the source.",
            )
    return None


def ready_sources(user: User) -> list[OwnSource]:
    """The user's own sources that a job can quote."""
    return list(
        OwnSource.objects.filter(owner=user, status=OwnSourceStatus.READY).select_related("upload").order_by("key")
    )


def fitted(options: dict[str, Any], reference_name: str) -> dict[str, Any]:
    """Options of an earlier job for another reference: without the sources that it lacks."""
    reference = references.find(reference_name)
    if reference is None or "sources" not in options:
        return options
    known = {source.key for source in reference.sources}
    return {**options, "sources": [key for key in options["sources"] if key in known]}


def own_files(options: dict[str, Any]) -> list[OwnSource]:
    """The own sources that a job quotes, with their uploads; fewer than it names where some are deleted."""
    ids = [UUID(source_id) for source_id in options.get("own_sources", [])]
    return list(OwnSource.objects.filter(pk__in=ids).select_related("upload").order_by("key"))
