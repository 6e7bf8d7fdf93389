"""The files in deploy/ and the compose files name what exists."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import yaml

from gas import metrics
from gas.env import DECLARED
from gas.management.commands.run import PARTS

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
COMMANDS = {"prepare", *PARTS}


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


def test_what_aws_needs_is_made_once_and_again(monkeypatch, capsys):
    from moto import mock_aws

    from deploy import make_queues

    for name, value in {"ACCESS_KEY_ID": "t", "SECRET_ACCESS_KEY": "t", "DEFAULT_REGION": "us-east-1"}.items():
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

    assert first == again
    assert [line.split("=")[0] for line in first.splitlines()] == [
        "GAS_S3_BUCKET",
        "GAS_SQS_ANNOTATE_URL",
        "GAS_SQS_CONTROL_URL",
        "GAS_SQS_DEAD_LETTER_URLS",
    ]
    assert len(queues) == 4
    assert rules[0]["AllowedOrigins"] == ["https://gas.example.org"]
    assert set(closed.values()) == {True}


def test_dead_letters_go_back_to_the_queue_they_came_from(monkeypatch, capsys, settings):
    from django.core.management import call_command
    from moto import mock_aws

    from deploy import make_queues

    for name, value in {"ACCESS_KEY_ID": "t", "SECRET_ACCESS_KEY": "t", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        sqs = boto3.client("sqs")
        annotate, annotate_dead = make_queues.make_queue("gas-annotate")
        control, control_dead = make_queues.make_queue("gas-control")
        settings.BROKER, settings.SQS_ANNOTATE_URL, settings.SQS_CONTROL_URL = "sqs", annotate, control
        settings.SQS_DEAD_LETTER_URLS = [control_dead, annotate_dead]
        for number in range(3):
            sqs.send_message(QueueUrl=annotate_dead, MessageBody=f"ring {number}")
        call_command("redrive")
        found = [
            message["Body"]
            for _ in range(4)
            for message in sqs.receive_message(QueueUrl=annotate, MaxNumberOfMessages=10).get("Messages", [])
        ]
        left = sqs.receive_message(QueueUrl=annotate_dead).get("Messages", [])

    assert sorted(found) == ["ring 0", "ring 1", "ring 2"]
    assert left == []
    assert capsys.readouterr().out == "annotate: 3 messages moved back.\ncontrol: 0 messages moved back.\n"
