from __future__ import annotations

import pytest

from accounts.demo import ensure_demo_account
from accounts.models import User

pytestmark = pytest.mark.django_db


def test_the_demo_account_is_made_once_with_a_password_of_its_own(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    email, password = ensure_demo_account()
    assert ensure_demo_account() == (email, password)
    user = User.objects.get()
    assert user.check_password(password)
    assert not user.is_staff
    assert user.email_confirmed_at is not None
    assert (tmp_path / "demo-password").stat().st_mode & 0o077 == 0


def test_there_is_no_demo_account_outside_the_local_profile(settings):
    settings.IS_LOCAL = False
    with pytest.raises(RuntimeError, match="local profile"):
        ensure_demo_account()
    assert not User.objects.exists()
