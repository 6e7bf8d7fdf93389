"""The throw-away PostgreSQL, with and without the proxy in front."""

from __future__ import annotations

import psycopg
import pytest

from tests_e2e.emulators.postgres import Postgres
from tests_e2e.emulators.tcp_proxy import TcpProxy

pytestmark = pytest.mark.postgres


def test_each_database_is_new_and_empty(postgres: Postgres) -> None:
    first, second = postgres.create_database(), postgres.create_database()
    with psycopg.connect(postgres.url(first)) as connection:
        connection.execute("CREATE TABLE only_here (id int)")
    with psycopg.connect(postgres.url(second)) as connection:
        found = connection.execute("SELECT to_regclass('only_here')").fetchone()
    assert found == (None,)


def test_a_commit_whose_answer_is_lost_was_done_all_the_same(postgres: Postgres) -> None:
    database = postgres.create_database()
    with TcpProxy(postgres.port) as proxy:
        connection = psycopg.connect(postgres.url(database, proxy.port))
        connection.execute("CREATE TABLE one (id int)")
        proxy.cut_after_request(lambda data: b"COMMIT" in data)
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        assert proxy.dropped_answer.wait(5)
        with psycopg.connect(postgres.url(database, proxy.port)) as again:
            assert again.execute("SELECT count(*) FROM one").fetchone() == (0,)


def test_a_database_that_is_away_comes_back(postgres: Postgres) -> None:
    with TcpProxy(postgres.port) as proxy:
        connection = psycopg.connect(postgres.url(port=proxy.port))
        proxy.go_down()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(postgres.url(port=proxy.port))
        proxy.come_back()
        with psycopg.connect(postgres.url(port=proxy.port)) as again:
            assert again.execute("SELECT 1").fetchone() == (1,)
