"""The files in deploy/ and the compose files name what exists."""

import getpass
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import boto3
import pytest
import yaml
from django.db import connection

from gas import metrics
from gas.env import DECLARED
from gas.management.commands.run import PARTS

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
COMMANDS = {"prepare", *PARTS}
ROOM = ("GAS_CHILD_MEMORY_MB", "GAS_ANNOTATE_SLOTS", "GAS_CONTROL_SLOTS")
WORKER_BYTES = 500_000_000  # of the worker itself, four times what it takes


def compose(name="docker-compose.yml"):
    return yaml.safe_load((ROOT / name).read_text())


def own_services():
    return {name: service for name, service in compose()["services"].items() if service.get("image") == "gas:local"}


def metrics_named_in(text):
    return set(re.findall(r"\bgas_[a-z_]+", text))


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["alerts.yml", "grafana-dashboard.json"])
def test_every_metric_that_is_watched_exists(name):
    exposed = {
        line.split("{")[0].split(" ")[0] for line in metrics.exposition().decode().splitlines() if line[0] != "#"
    }
    exposed |= {line.split()[2] for line in metrics.exposition().decode().splitlines() if line.startswith("# TYPE")}
    named = metrics_named_in((ROOT / "deploy" / name).read_text())

    assert len(named) > 5
    assert named - exposed == set()
    assert {"gas_workers", "gas_paused_seconds", "gas_dead_letters"} <= named


def test_alerts_and_dashboard_can_be_read():
    (group,) = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())["groups"]
    assert all(rule["alert"] and rule["expr"] and rule["annotations"]["summary"] for rule in group["rules"])

    panels = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["targets"] for panel in panels)


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.aws.yml"])
def test_the_compose_files_are_what_the_compose_specification_allows(name):
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*checker, name], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_runs_each_part_as_the_command_knows_it():
    assert {service["command"][1] for service in own_services().values()} == COMMANDS
    assert all(service["command"][0] == "run" for service in own_services().values())
    image = (ROOT / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["python", "manage.py"]' in image


def test_compose_services_are_confined():
    for name, service in own_services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["mem_limit"], name
    # Only the web server, mail and the reference's download reach outside.
    outside = {name for name, service in own_services().items() if "outside" in service["networks"]}
    assert outside == {"prepare", "web", "control"}
    assert compose()["networks"]["inside"] == {"internal": True}


@pytest.mark.parametrize(("name", "slots"), [("annotate", "GAS_ANNOTATE_SLOTS"), ("control", "GAS_CONTROL_SLOTS")])
def test_a_container_that_starts_the_annotator_has_room_for_what_it_may_use(name, slots):
    """Control too: it checks the sources that users bring. Else the kernel ends the worker, not the child its limit."""
    service = compose()["services"][name]
    said = {setting: service.get("environment", {}).get(setting, DECLARED[setting].default) for setting in ROOM}
    children = int(said[slots]) * int(said["GAS_CHILD_MEMORY_MB"]) * 1_000_000
    assert int(service["mem_limit"].removesuffix("g")) << 30 >= children + WORKER_BYTES


def test_every_setting_that_is_written_down_is_one():
    files = [compose(), compose("docker-compose.aws.yml")]
    named = {
        variable
        for file in files
        for service in file["services"].values()
        for variable in service.get("environment", {})
        if variable.startswith("GAS_")
    }
    example = (ROOT / "deploy" / "systemd" / "environment.example").read_text()
    named |= set(re.findall(r"^(GAS_\w+)=", example, re.MULTILINE))
    named |= set(re.findall(r"\b(GAS_\w+)=", (ROOT / "Dockerfile").read_text()))
    named -= {"GAS_HOST", "GAS_UPSTREAM"}  # Caddy's

    assert len(named) > 15
    assert named - set(DECLARED) == set()


def test_the_image_holds_every_app(settings):
    copied = set(re.findall(r"^COPY (\S+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    ours = {app.split(".")[0] for app in settings.INSTALLED_APPS if (ROOT / app.split(".")[0]).is_dir()}

    assert ours | {"templates", "static", "reference"} <= copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_has_a_pg_dump_that_can_read_the_database_beside_it():
    clients = {"bookworm": 15, "trixie": 17}  # postgresql-client of each Debian
    (debian,) = set(re.findall(r"^FROM python:[\d.]+-slim-(\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    (server,) = re.findall(r"^postgres:(\d+)", compose()["services"]["database"]["image"])

    assert clients[debian] >= int(server)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_units_run_a_part_that_exists(unit):
    (part,) = re.findall(r"^ExecStart=/opt/gas/\.venv/bin/python manage\.py run (\w+)$", unit.read_text(), re.MULTILINE)

    assert part in COMMANDS
    assert part in unit.name


def test_systemd_accepts_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    for file in (ROOT / "deploy" / "systemd").glob("gas*"):
        text = file.read_text().replace("/opt/gas/.venv/bin/python", "/bin/true")
        (tmp_path / file.name.replace("@.", "@1.")).write_text(re.sub("(?m)^(User|Group)=.*\n", "", text))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(map(str, tmp_path.iterdir()))],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert [line for line in done.stderr.splitlines() if "gas" in line] == []


def own_environment(folder):
    """This process's, with a state folder of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GAS_")}
    return kept | {"GAS_VAR_DIR": str(folder)}


def test_manage_reads_the_settings_of_the_installed_service(tmp_path):
    file = tmp_path / "environment"
    example = (ROOT / "deploy" / "systemd" / "environment.example").read_text()
    file.write_text(example.replace("/var/lib/gas", str(tmp_path / "state")) + 'GAS_OIDC_NAME="Our house"\n')
    environment = {
        **own_environment(tmp_path / "other"),
        "MANAGE_ENVIRONMENT": str(file),
        "MANAGE_USER": getpass.getuser(),
    }
    ask = "from django.conf import settings as s; print(s.VAR_DIR, s.DEFAULT_FROM_EMAIL, s.OIDC_NAME, sep='|')"
    done = subprocess.run(
        [ROOT / "deploy" / "manage", "shell", "--no-imports", "-c", ask],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout == f"{tmp_path / 'state'}|GAS <gas@example.org>|Our house\n", done.stderr


@pytest.mark.django_db
def test_an_upgrade_that_breaks_says_how_things_stand_and_keeps_the_way_back(tmp_path):
    environment = own_environment(tmp_path / "state")
    (tmp_path / "state").mkdir()
    with (
        closing(sqlite3.connect(connection.settings_dict["NAME"])) as migrated,
        closing(sqlite3.connect(tmp_path / "state" / "gas.sqlite3")) as own,
    ):
        migrated.backup(own)
    settings = {"UPGRADE_PYTHON": sys.executable, "UPGRADE_STOP": "true", "UPGRADE_PULL": "false"}
    done = subprocess.run(
        [ROOT / "deploy" / "upgrade"],
        env=environment | settings | {"UPGRADE_BACKUP": str(tmp_path / "backup")},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    with closing(sqlite3.connect(tmp_path / "state" / "gas.sqlite3")) as database:
        (paused,) = database.execute("SELECT count(*) FROM gas_servicestate WHERE paused_since NOT NULL").fetchone()

    assert done.returncode != 0
    assert "The service is stopped, and its data are as the version of before" in done.stdout
    assert "manage.py resume" in done.stdout
    assert "Migrating" not in done.stdout
    assert (tmp_path / "backup" / "manifest.json").exists()
    assert paused == 1


def test_what_aws_needs_is_made_once_and_again(monkeypatch, capsys):
    from moto import mock_aws

    from deploy import make_queues

    for name, value in {"ACCESS_KEY_ID": "t", "SECRET_ACCESS_KEY": "t", "DEFAULT_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr("sys.argv", ["make_queues.py", "genomes", "gas", "https://gas.example.org"])
    with mock_aws():
        make_queues.main()
        first = capsys.readouterr().out
        make_queues.main()
        again = capsys.readouterr().out
        queues = boto3.client("sqs").list_queues()["QueueUrls"]
        rules = boto3.client("s3").get_bucket_cors(Bucket="genomes")["CORSRules"]
        closed = boto3.client("s3").get_public_access_block(Bucket="genomes")["PublicAccessBlockConfiguration"]
        told = boto3.client("s3").get_bucket_notification_configuration(Bucket="genomes")["QueueConfigurations"]
        (kept,) = boto3.client("s3").get_bucket_lifecycle_configuration(Bucket="genomes")["Rules"]
        about = {
            url.rpartition("/")[2]: boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
            for url in queues
        }

    assert first == again
    assert [line.split("=")[0] for line in first.splitlines()] == [
        "GAS_S3_BUCKET",
        "GAS_S3_REGION",
        "GAS_SQS_REGION",
        "GAS_SQS_ANNOTATE_URL",
        "GAS_SQS_CONTROL_URL",
        "GAS_SQS_RESTORE_EVENTS_URL",
        "GAS_SQS_DEAD_LETTER_URLS",
    ]
    assert {"GAS_S3_REGION=eu-west-1", "GAS_SQS_REGION=eu-west-1"} <= set(first.splitlines())
    assert len(queues) == 6
    for name in ("annotate", "control", "restore-events"):
        policy = json.loads(about[f"gas-{name}"]["Attributes"]["RedrivePolicy"])
        assert policy["deadLetterTargetArn"] == about[f"gas-{name}-dead"]["Attributes"]["QueueArn"]
    events = about["gas-restore-events"]["Attributes"]
    assert [(one["QueueArn"], one["Events"]) for one in told] == [(events["QueueArn"], ["s3:ObjectRestore:Completed"])]
    (allowed,) = json.loads(events["Policy"])["Statement"]
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "s3.amazonaws.com"}, "sqs:SendMessage")
    assert allowed["Condition"]["ArnEquals"] == {"aws:SourceArn": "arn:aws:s3:::genomes"}
    assert kept["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert rules[0]["AllowedOrigins"] == ["https://gas.example.org"]
    assert set(closed.values()) == {True}


# What each call of boto3's needs of a role, as AWS's service authorization reference has it.
NEEDS = {
    "head_object": "s3:GetObject",
    "get_object": "s3:GetObject",
    "generate_presigned_url": "s3:GetObject",
    "generate_presigned_post": "s3:PutObject",
    "upload_file": "s3:PutObject",
    "copy_object": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "upload_part": "s3:PutObject",
    "complete_multipart_upload": "s3:PutObject",
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "delete_object": "s3:DeleteObjectVersion",  # by its version; storages' own, without one, needs s3:DeleteObject
    "restore_object": "s3:RestoreObject",
    "list_objects_v2": "s3:ListBucket",
    "list_object_versions": "s3:ListBucketVersions",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads",
    "send_message": "sqs:SendMessage",
    "receive_message": "sqs:ReceiveMessage",
    "delete_message": "sqs:DeleteMessage",
    "delete_message_batch": "sqs:DeleteMessage",
    "get_queue_attributes": "sqs:GetQueueAttributes",
}
OF_LIBRARIES = {"s3:DeleteObject", "sqs:ChangeMessageVisibility"}  # django-storages' delete, kombu's leases


def test_the_role_in_the_docs_may_do_what_the_code_does_and_no_more():
    text = (ROOT / "docs" / "install.md").read_text()
    policy = json.loads(re.findall(r'^ {4}\{\n {6}"Version".*?^ {4}\}$', text, re.MULTILINE | re.DOTALL)[0])
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    code = "".join(
        (ROOT / name).read_text()
        for name in (
            "annotations/s3_area.py",
            "archival/s3_store.py",
            "archival/events.py",
            "gas/queues.py",
            "gas/buckets.py",
        )
    )
    called = set(re.findall(r"(?:client|_once|_client\(\))\.(\w+)\(", code)) - {"get_paginator"}
    called |= set(re.findall(r'get_paginator\(\s*"(\w+)"', code))

    assert {"restore_object", "list_object_versions", "delete_message_batch"} <= called
    assert called <= set(NEEDS)
    assert allowed == {NEEDS[name] for name in called} | OF_LIBRARIES
