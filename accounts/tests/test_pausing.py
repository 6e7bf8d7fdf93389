import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from accounts.tests.people import sign_in_staff
from gas import metrics, pausing
from gas.models import AuditEntry, ServiceState

pytestmark = pytest.mark.django_db
PAGE = "/admin/gas/servicestate/1/change/"


@pytest.fixture
def staff(client: Client) -> Client:
    sign_in_staff(client, User.objects.create_superuser("boss@example.org", "a long password"))
    return client


def test_a_pause_shows_its_reason_on_every_page_until_it_ends(client):
    call_command("pause", "Maintenance until noon")
    assert b"Maintenance until noon." in client.get("/").content
    call_command("resume")
    assert b"Maintenance" not in client.get("/").content


def test_a_pause_without_a_reason_is_refused():
    with pytest.raises(CommandError, match="Say why"):
        call_command("pause", " ")
    assert pausing.state().paused_since is None


def test_a_second_pause_changes_the_reason_and_not_the_time():
    pausing.pause("One", None)
    first = pausing.state()
    pausing.pause("Two!", None)
    assert (pausing.state().paused_since, pausing.state().pause_reason) == (first.paused_since, "Two!")


def test_resume_ends_the_drain_too_and_leaves_the_banner():
    pausing.show_banner("Welcome to the new version", None)
    pausing.pause("Upgrade", None)
    pausing.drain(None)
    pausing.resume(None)
    state = pausing.state()
    assert (state.paused_since, state.draining_since, state.banner) == (None, None, "Welcome to the new version")


def test_a_banner_is_text_and_never_markup(client):
    pausing.show_banner("<b>bold</b>", None)
    assert b"&lt;b&gt;bold&lt;/b&gt;" in client.get("/").content


def test_the_admin_pauses_drains_and_resumes_and_each_is_audited(staff):
    staff.post(PAGE, {"paused": "on", "pause_reason": "Upgrade", "draining": "on", "banner": "Hello"})
    state = pausing.state()
    assert state.paused_since
    assert state.draining_since
    assert state.banner == "Hello"
    staff.post(PAGE, {"paused": "on", "pause_reason": "Upgrade.", "banner": "Hello"})
    assert pausing.state().paused_since
    assert not pausing.state().draining_since
    staff.post(PAGE, {"banner": "Hello", "pause_reason": "Upgrade."})
    assert pausing.state().paused_since is None
    actions = list(AuditEntry.objects.exclude(action="sign in").order_by("id").values_list("action", flat=True))
    begun = ["pause submissions", "drain workers", "set banner"]
    assert actions == [*begun, "resume submissions", "pause submissions", "resume submissions"]
    assert all(AuditEntry.objects.values_list("actor", flat=True))


@pytest.mark.parametrize(
    ("sent", "said"),
    [({"paused": "on"}, b"Say why: users read the reason."), ({"draining": "on"}, b"Pause new jobs too")],
)
def test_the_admin_refuses_half_a_pause(staff, sent, said):
    assert said in staff.post(PAGE, sent).content
    assert not ServiceState.objects.filter(paused_since__isnull=False).exists()


def test_a_pause_that_was_forgotten_shows_in_the_metrics():
    assert b"gas_paused_seconds 0.0" in metrics.exposition()
    pausing.pause("Upgrade", None)
    ServiceState.objects.update(paused_since="2026-01-01T00:00:00Z")
    line = next(line for line in metrics.exposition().decode().splitlines() if line.startswith("gas_paused_seconds"))
    assert float(line.split()[1]) > 14400
