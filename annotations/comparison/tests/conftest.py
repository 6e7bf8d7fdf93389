"""Results with tables, as the explorer's tests make them."""

from __future__ import annotations

# Fixtures of the app, by the names under which pytest finds them.
from annotations.explorer.tests.conftest import _own_explorer, _patient, client, make_result  # noqa: F401
from annotations.tests.conftest import _own_storage, make_job, make_user, user  # noqa: F401
