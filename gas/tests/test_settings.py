"""Settings as processes read them: each test starts its own."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AWS = {
    "GAS_PROFILE": "aws",
    "GAS_SECRET_KEY": "k" * 60,
    "GAS_DATABASE_URL": "postgresql://gas@localhost/gas",
    "GAS_ALLOWED_HOSTS": "gas.example.org",
    "GAS_S3_BUCKET": "bucket",
    "GAS_SQS_ANNOTATE_URL": "https://sqs.eu-west-1.amazonaws.com/1/annotate",
    "GAS_SQS_CONTROL_URL": "https://sqs.eu-west-1.amazonaws.com/1/control",
}


def start(var_dir, code="", **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GAS_")}
    environment |= {"DJANGO_SETTINGS_MODULE": "gas.settings", "GAS_VAR_DIR": str(var_dir), **variables}
    command = [sys.executable, "-c", f"from django.conf import settings as s; s.DEBUG; {code}"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(var_dir, code="", **variables):
    process = start(var_dir, code, **variables)
    out, err = process.communicate(timeout=60)
    return process.returncode, out.strip(), err.strip().splitlines()[-1] if err.strip() else ""


def test_first_starts_at_once_agree_on_one_secret(tmp_path):
    processes = [start(tmp_path, "print(s.SECRET_KEY)") for _ in range(6)]

    secrets = {process.communicate(timeout=60)[0].strip() for process in processes}

    assert len(secrets) == 1
    assert len(secrets.pop()) > 50
    assert [file.name for file in tmp_path.iterdir()] == ["secret-key"]
    assert stat.S_IMODE((tmp_path / "secret-key").stat().st_mode) == 0o600


HSTS_HEADER = """
from django.http import HttpResponse
from django.middleware.security import SecurityMiddleware
from django.test import RequestFactory
answer = SecurityMiddleware(lambda request: HttpResponse())(RequestFactory().get("/", secure=True))
print(answer.headers.get("Strict-Transport-Security", "none"))
"""


@pytest.mark.parametrize(
    ("said", "header"),
    [
        ({"GAS_HTTPS": "true"}, "max-age=31536000"),
        ({"GAS_HTTPS": "true", "GAS_HSTS": "subdomains"}, "max-age=31536000; includeSubDomains"),
        ({"GAS_HTTPS": "true", "GAS_HSTS": "preload"}, "max-age=31536000; includeSubDomains; preload"),
        ({"GAS_HSTS": "preload"}, "none"),
    ],
)
def test_browsers_are_told_to_use_https_for_this_host_alone_unless_more_is_asked_for(tmp_path, said, header):
    code, out, err = run(tmp_path, HSTS_HEADER, **said)
    assert (code, out) == (0, header), err


@pytest.mark.parametrize("missing", sorted(set(AWS) - {"GAS_PROFILE"}))
def test_production_has_no_default_for_what_must_be_said(tmp_path, missing):
    variables = {name: value for name, value in AWS.items() if name != missing}

    status, _, error = run(tmp_path, **variables)

    assert status == 1
    assert missing in error


def test_production_starts_with_all_of_it_and_is_closed(tmp_path):
    code = "print(s.SESSION_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.DEBUG, s.CONTENT_SECURITY_POLICY['connect-src'])"

    status, out, error = run(tmp_path, code, **AWS)

    assert (status, error) == (0, "")
    assert out == "True True False [\"'self'\", 'https://bucket.s3.us-east-1.amazonaws.com']"
    assert not (tmp_path / "secret-key").exists()


def test_a_misspelt_setting_is_refused_with_the_right_name(tmp_path):
    status, _, error = run(tmp_path, GAS_PROT="8001")

    assert status == 1
    assert "GAS_PROT is not a setting of GAS; did you mean GAS_PORT?" in error


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GAS_PORT", "http", "GAS_PORT is 'http', but it must be a whole number: write a whole number from 1 up."),
        ("GAS_HTTPS", "yes", "GAS_HTTPS is 'yes', but it must be true or false: write true or false."),
        ("GAS_BROKER", "redis", "choose one of file, sqs"),
        ("GAS_SWEEP_SECONDS", "nan", "write a number from 0.2 up"),
        ("GAS_DATABASE_URL", "postgrsql://gas:secret@db/gas", "GAS_DATABASE_URL must begin with postgresql://, or be"),
        ("GAS_HEARTBEAT_SECONDS", "31", "GAS_HEARTBEAT_SECONDS must be at most half of GAS_LEASE_SECONDS."),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_sentence(tmp_path, name, value, said):
    status, _, error = run(tmp_path, **{name: value})

    assert status == 1
    assert said in error


def test_a_fault_point_is_refused_in_production(tmp_path):
    assert "GAS_FAULT is for tests" in run(tmp_path, GAS_FAULT="after_claim", **AWS)[2]
