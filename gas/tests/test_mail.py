import email
import stat
from email import policy

import pytest
from django.core.mail import EmailMessage, get_connection


@pytest.fixture
def folder(settings, tmp_path):
    settings.MAIL_DIR = tmp_path / "mail"
    return settings.MAIL_DIR


def test_each_mail_is_a_file_that_only_its_owner_reads_and_is_shown(folder, capsys):
    message = EmailMessage("Your job is done", "See http://localhost/jobs/1/", to=["ann@example.org"])

    assert get_connection("gas.mail.FileBackend").send_messages([message, message]) == 2

    files = list(folder.iterdir())
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    parsed = email.message_from_bytes(files[0].read_bytes(), policy=policy.default)
    assert (parsed["Subject"], parsed["To"]) == ("Your job is done", "ann@example.org")
    assert "http://localhost/jobs/1/" in parsed.get_content()
    shown = capsys.readouterr().out
    assert shown.count("--- Mail to ann@example.org: Your job is done") == 2
    assert "http://localhost/jobs/1/" in shown
