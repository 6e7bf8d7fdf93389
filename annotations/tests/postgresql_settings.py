"""The service's settings with the database that `TEST_POSTGRESQL_URL` names: for test_postgresql."""

from __future__ import annotations

import os

import dj_database_url

from gas.settings import *  # noqa: F403

DATABASES = {"default": dict(dj_database_url.parse(os.environ["TEST_POSTGRESQL_URL"]))}
