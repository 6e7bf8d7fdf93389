from django.test import Client

from accounts.models import User
from accounts.tests.people import BACKEND, sign_in_staff
from gas.models import AuditEntry


def edit(client: Client, user: User, **changes: str):
    form = {"name": user.name, "institution": "", "plan_override": "", "plan_override_reason": ""}
    return client.post(f"/admin/accounts/user/{user.pk}/change/", form | changes)


def test_a_suspended_user_is_out_at_once_and_comes_back_with_a_reason(client: Client, user: User, admin: User):
    theirs = Client()
    theirs.force_login(user, backend=BACKEND)
    assert theirs.get("/jobs/").status_code == 200
    sign_in_staff(client, admin)

    assert b"Say why this user is suspended" in edit(client, user).content
    assert theirs.get("/jobs/").status_code == 200
    assert edit(client, user, suspension_reason="abuse").status_code == 302
    assert theirs.get("/jobs/").headers["Location"].startswith("/accounts/sign-in/")
    assert edit(client, user, is_active="on", suspension_reason="talked to them").status_code == 302

    user.refresh_from_db()
    assert user.is_active
    entries = AuditEntry.objects.filter(target=f"user:{user.pk}").exclude(action="staff read").order_by("id")
    assert list(entries.values_list("action", "detail")) == [
        ("suspend user", {"reason": "abuse"}),
        ("let user in", {"reason": "talked to them"}),
    ]
