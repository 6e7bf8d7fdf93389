"""Fixtures of the apps, under the names by which pytest finds them here."""

from __future__ import annotations

from accounts.tests.billing import double, patience, plan_changes_are_heard  # noqa: F401
from annotations.tests.conftest import _own_storage, make_job, make_user  # noqa: F401
from archival.tests.conftest import _fresh_store, make_result  # noqa: F401
