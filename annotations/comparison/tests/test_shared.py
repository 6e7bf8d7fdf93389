from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.tests.people import BACKEND
from annotations.comparison.tests.test_comparison import AFTER, BEFORE, _page, _places
from annotations.explorer.tests.made import table
from annotations.models import Job, Result, Share, ShareOpening, StorageState
from annotations.sharing import granting
from gas import clock
from gas.models import AuditEntry

pytestmark = pytest.mark.django_db
PLACES = ["chr1:100", "chr1:200", "chr19:300", "chrM:600"]


@pytest.fixture
def ada(make_user: Any) -> User:
    """She shares what she has."""
    owner: User = make_user(email_confirmed_at=clock.database_now())
    owner.name = "Ada Lovelace"
    owner.save()
    return owner


@pytest.fixture
def user(make_user: Any) -> User:
    """Who reads it, in the browser `client`."""
    reader: User = make_user(email_confirmed_at=clock.database_now())
    return reader


@pytest.fixture
def pair(user: User, ada: User, make_result: Any) -> tuple[Result, Result]:
    """A result of the reader's own and one of Ada's."""
    return make_result(user, table(BEFORE)), make_result(ada, table(AFTER))


def _share(ada: User, result: Result, user: User, *, allows_downloads: bool = False) -> Share:
    return granting.invite(ada, result.job, user.email, granting.Terms(allows_downloads=allows_downloads))


def _turned(pair: tuple[Result, Result]) -> tuple[Result, Result]:
    return pair[1], pair[0]


def _file(client: Client, pair: tuple[Result, Result]) -> Any:
    return client.get(f"/jobs/{pair[0].pk}/compare/file?with={pair[1].pk}")


def test_a_result_that_is_shared_by_name_is_offered_and_compared_from_either_side(client, user, ada, pair):
    _share(ada, pair[1], user)
    page = client.get(f"/jobs/{pair[0].pk}/compare/").content.decode()
    assert f'value="{pair[1].pk}"' in page
    assert "shared by Ada Lovelace" in page
    for sides in (pair, _turned(pair)):
        page = _page(client, sides)
        assert _places(page) == PLACES
        assert ada.email not in page
    assert "Ada Lovelace shares this result with you" in page
    assert f'href="/jobs/{pair[1].pk}/compare/"' in client.get(f"/jobs/{pair[1].pk}/").content.decode()


def test_two_results_of_others_are_compared_by_who_may_read_both(client, user, ada, make_user, make_result, pair):
    hers, his = pair[1], make_result(make_user(), table(BEFORE))
    _share(ada, hers, user)
    assert client.get(f"/jobs/{hers.pk}/compare/?with={his.pk}").status_code == 404
    _share(his.job.owner, his, user)
    assert _places(_page(client, (hers, his))) == PLACES


@pytest.mark.parametrize("end", ["never", "revoke", "expire", "suspend"])
def test_what_is_not_shared_or_no_more_is_as_if_it_did_not_exist(end, client, user, ada, pair):
    if end != "never":
        share = _share(ada, pair[1], user, allows_downloads=True)
        assert _page(client, pair)
    match end:
        case "revoke":
            granting.revoke(ada, pair[1].job, share.pk)
        case "expire":
            Share.objects.update(expires_at=clock.from_now(-timedelta(seconds=1)))
        case "suspend":
            User.objects.filter(pk=ada.pk).update(is_active=False)
    for name in ("", "file"):
        for left, right in (pair, _turned(pair)):
            assert client.get(f"/jobs/{left.pk}/compare/{name}?with={right.pk}").status_code == 404
    assert str(pair[1].pk) not in client.get(f"/jobs/{pair[0].pk}/compare/").content.decode()


def test_a_reader_is_offered_nothing_else_of_the_owner(client, user, ada, make_result, pair):
    private = make_result(ada, table(BEFORE))
    _share(ada, pair[1], user)
    page = client.get(f"/jobs/{pair[1].pk}/compare/").content.decode()
    assert f'value="{pair[0].pk}"' in page
    assert str(private.pk) not in page
    assert client.get(f"/jobs/{pair[1].pk}/compare/?with={private.pk}").status_code == 404


def test_the_owner_sees_that_it_was_opened(client, user, ada, pair):
    share = _share(ada, pair[1], user)
    client.get(f"/jobs/{pair[0].pk}/compare/")
    assert not ShareOpening.objects.exists(), "offered is not opened"
    _page(client, pair)
    opening = ShareOpening.objects.get()
    assert (opening.share, opening.reader) == (share, user)
    assert AuditEntry.objects.filter(action="open share", target=f"job:{pair[1].pk}").count() == 1


def test_differences_are_a_file_only_where_the_files_are_given(client, user, ada, pair):
    share = _share(ada, pair[1], user)
    for sides in (pair, _turned(pair)):
        page = _page(client, sides)
        assert "compare/file" not in page
        assert "this cannot be downloaded" in page
        assert _file(client, sides).status_code == 404
    assert not AuditEntry.objects.filter(action="download comparison").exists()
    Share.objects.filter(pk=share.pk).update(allows_downloads=True)
    for sides in (pair, _turned(pair)):
        assert "compare/file" in _page(client, sides)
        assert len(b"".join(_file(client, sides)).splitlines()) == 5
    taken = AuditEntry.objects.filter(action="download comparison", target=f"job:{pair[1].pk}")
    assert [entry.detail["share"] for entry in taken] == [str(share.pk)] * 2


def test_who_has_a_link_compares_after_signing_in(user, ada, pair):
    _, token = granting.make_link(ada, pair[1].job, granting.Terms(needs_sign_in=False))
    browser = Client()
    browser.get(f"/shared/{token}/")
    address = f"/jobs/{pair[1].pk}/compare/"
    assert f'href="{address}"' not in browser.get(f"/jobs/{pair[1].pk}/").content.decode()
    assert browser.get(address).headers["Location"].startswith("/accounts/sign-in/")
    browser.force_login(user, backend=BACKEND)
    browser.get(f"/shared/{token}/")
    assert _places(_page(browser, pair)) == PLACES


def test_a_shared_result_that_is_archived_says_so_and_is_not_offered(client, user, ada, pair):
    _share(ada, pair[1], user)
    Result.objects.filter(pk=pair[1].pk).update(storage=StorageState.COLD)
    assert str(pair[1].pk) not in client.get(f"/jobs/{pair[0].pk}/compare/").content.decode()
    answer = client.get(f"/jobs/{pair[0].pk}/compare/?with={pair[1].pk}")
    assert answer.status_code == 422
    name = Job.objects.get(pk=pair[1].pk).name
    assert f"The variants of {name} are not at hand" in answer.content.decode()
