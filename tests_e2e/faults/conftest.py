"""Two sites to hurt: one on files, one in the emulated cloud behind lines that can be cut.

Web, control and beat run for all tests of the process; what else a test starts is its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests_e2e import deployments
from tests_e2e.deployments import Doors, Templates
from tests_e2e.emulators.control import AwsControl
from tests_e2e.emulators.postgres import Postgres
from tests_e2e.emulators.smtp import SmtpSink
from tests_e2e.emulators.tcp_proxy import TcpProxy
from tests_e2e.processes import Running
from tests_e2e.service import Deployment
from tests_e2e.visitor import Visitor, new_visitor

MANY = {"GAS_FREE_MAX_OPEN_JOBS": "100", "GAS_FREE_MAX_JOBS_PER_DAY": "1000"}


@dataclass(frozen=True)
class Cloud:
    """A deployment of the emulated profile, and its lines to the outside."""

    site: Deployment
    database: TcpProxy
    bucket: TcpProxy
    queues: TcpProxy
    mail: SmtpSink
    aws: AwsControl

    def mend(self) -> None:
        """All lines up and quick again, no refusals."""
        for line in (self.database, self.bucket, self.queues):
            line.come_back()
            line.slow_down(None)
        self.aws.reset()

    def mails_about(self, job: str) -> list[str]:
        """The Message-IDs of the mails that name a job's page."""
        return [str(mail["Message-ID"]) for mail in self.mail.messages if job in mail.get_content()]


@pytest.fixture(scope="session")
def running_site(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Web, control and beat of the local profile; no annotate worker."""
    folder = tmp_path_factory.mktemp("site") / "var"
    with deployments.local(templates, folder, **MANY) as site:
        site.start("web", "control", "beat")
        yield site


@pytest.fixture
def site(running_site: Deployment) -> Iterator[Deployment]:
    """The running site. At the end every fault test proves the invariants."""
    with used(running_site):
        yield running_site


@pytest.fixture
def visitor(site: Deployment) -> Visitor:
    """A new user of the site, signed in."""
    return new_visitor(site)


@pytest.fixture(scope="session")
def running_cloud(
    postgres_templates: Templates, postgres: Postgres, aws_process: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """Web, control and beat of the emulated profile, each line through a proxy."""
    folder = tmp_path_factory.mktemp("cloud") / "var"
    aws_port = int(aws_process.rpartition(":")[2])
    with ExitStack() as stack:
        database = stack.enter_context(TcpProxy(postgres.port))
        bucket = stack.enter_context(TcpProxy(aws_port))
        queues = stack.enter_context(TcpProxy(aws_port))
        mail = stack.enter_context(SmtpSink())
        doors = Doors(aws_process, postgres, mail.port, database.port, bucket.url, queues.url)
        site = stack.enter_context(deployments.emulated(postgres_templates, doors, folder, **MANY))
        site.start("web", "control", "beat")
        yield Cloud(site, database, bucket, queues, mail, AwsControl(aws_process))


@pytest.fixture
def cloud(running_cloud: Cloud) -> Iterator[Cloud]:
    """The running cloud. At the end every fault test proves the invariants."""
    running_cloud.mend()
    with used(running_cloud.site):
        yield running_cloud
        running_cloud.mend()


@pytest.fixture
def cloud_visitor(cloud: Cloud) -> Visitor:
    """A new user of the cloud, signed in."""
    return new_visitor(cloud.site)


@contextmanager
def used(site: Deployment) -> Iterator[None]:
    """A test's turn at a shared site: awake before, as it was and with its invariants proved afterwards."""
    site.wake()
    before = list(site.running)
    yield
    site.wake()
    stop_others(site, before)
    site.check_invariants()
    site.rest()


def stop_others(site: Deployment, before: list[Running]) -> None:
    """Stop what the test started, and start again what it ended.

    Annotators that a failed test held would hold up the next one.
    """
    for pid in site.annotators():
        os.kill(pid, signal.SIGCONT)
    others = [program for program in site.running if program not in before]
    if others:
        site.stop(*others)
    for program in before:
        if program.process.poll() is not None:
            site.running = [other for other in site.running if other is not program]
            site.start(program.name)
