from __future__ import annotations

import socket
from ipaddress import ip_network
from typing import Any

import pytest

from annotations.webhooks.addresses import RefusedAddressError, read_url, resolve


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What each name means; others mean what they say."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, **kwargs: Any) -> Any:
        if host not in known:
            return real(host, port, flags=socket.AI_NUMERICHOST, **kwargs)
        return [entry for address in known[host] for entry in real(address, port, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "255.255.255.255", "224.0.0.1", "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "2002:7f00:1::", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_what_is_not_public_is_not_called_under_whatever_name(names, address):
    names["lab.example.org"] = [address]
    names["both.example.org"] = ["93.184.216.34", address]
    literal = f"[{address}]" if ":" in address else address
    for host in ("lab.example.org", "both.example.org", literal):
        with pytest.raises(RefusedAddressError, match="only public addresses"):
            resolve(f"https://{host}/")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost"])
def test_other_spellings_of_this_machine_are_not_called_either(host):
    with pytest.raises(RefusedAddressError):
        resolve(f"https://{host}/")


def test_a_public_address_is_called_by_https_alone(names, settings):
    names["lab.example.org"] = ["93.184.216.34"]
    target = resolve("https://lab.example.org:8443/gas?a=1#part")
    assert (target.host, target.port, target.path, target.address) == (
        "lab.example.org", 8443, "/gas?a=1", "93.184.216.34",
    )  # fmt: skip
    assert target.is_https
    settings.WEBHOOK_NETWORKS = [ip_network("10.1.0.0/16")]
    with pytest.raises(RefusedAddressError):
        resolve("http://lab.example.org/")


def test_networks_that_the_operator_names_are_called_also_by_http(names, settings):
    settings.WEBHOOK_NETWORKS = [ip_network("10.1.0.0/16")]
    names["inside.example.org"], names["beside.example.org"] = ["10.1.2.3"], ["10.2.2.3"]
    assert resolve("http://inside.example.org/").port == 80
    assert resolve("https://inside.example.org/").port == 443
    with pytest.raises(RefusedAddressError):
        resolve("https://beside.example.org/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://lab.example.org/", "file:///etc/passwd", "https://", "lab.example.org", "https://me:word@lab.example.org/",
        "https://lab.example.org:0/", "https://lab.example.org:99999/", "https://lab.example.org/a b",
        "https://lab.example.org/\r\nX: 1", "https://l\u00e4b.example.org/", "http://lab.example.org/", "https://[::1/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_webhook_is_refused_before_it_is_kept(url):
    with pytest.raises(RefusedAddressError):
        read_url(url)


def test_a_name_that_means_nothing_is_a_sentence(names, monkeypatch):
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(RefusedAddressError, match="no such machine"):
        resolve("https://nothing.example.org/")
