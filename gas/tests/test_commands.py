import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from gas import registry
from gas.env import DECLARED

pytestmark = pytest.mark.django_db


def test_check_invariants_lists_what_is_broken(monkeypatch, capsys):
    monkeypatch.setattr(registry, "_invariants", {"sums": lambda *, deep: ["1 + 1 is 3."] if deep else []})

    call_command("check_invariants")
    assert capsys.readouterr().out == "All 1 invariants hold.\n"
    with pytest.raises(SystemExit) as ended:
        call_command("check_invariants", "--deep")
    assert (ended.value.code, capsys.readouterr().out) == (1, "sums: 1 + 1 is 3.\n")


def test_createadmin_makes_an_admin_who_can_sign_in(capsys, client):
    call_command("createadmin", "boss@example.org", "--name=Boss")

    said = capsys.readouterr().out
    password = said.split("with the password ")[1].split(";")[0]
    admin = get_user_model().objects.get()
    assert admin.is_staff
    assert admin.is_superuser
    assert admin.email_confirmed_at
    assert admin.check_password(password)


def test_createadmin_promotes_an_account_and_keeps_its_password(capsys):
    get_user_model().objects.create_user("ann@example.org", "a long password")
    call_command("createadmin", "Ann@Example.org")

    admin = get_user_model().objects.get()
    assert admin.is_staff
    assert admin.check_password("a long password")
    assert "password of before" in capsys.readouterr().out


def test_createadmin_refuses_what_is_no_address():
    with pytest.raises(CommandError, match="boss is not an e-mail address"):
        call_command("createadmin", "boss")


def test_the_settings_page_is_checked(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    with pytest.raises(SystemExit):
        call_command("settings_docs", "--check")
    call_command("settings_docs")
    call_command("settings_docs", "--check")

    text = (tmp_path / "docs" / "settings.md").read_text()
    assert all(f"`{name}`" in text for name in DECLARED)
    assert all(declared.meaning for declared in DECLARED.values())


def test_the_settings_page_does_not_depend_on_the_port_it_is_made_with(settings):
    assert str(settings.PORT) in settings.BASE_URL
    assert str(settings.PORT) not in DECLARED["GAS_BASE_URL"].default
