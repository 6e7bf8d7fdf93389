"""Where the service may be made to call: public addresses by https, and networks that the operator names.

The name is resolved once, and the connection goes to an address that was looked at: a name that
means another machine a moment later leads nowhere.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class RefusedAddressError(Exception):
    """The service does not call there; the message is a sentence for the user."""


@dataclass(frozen=True)
class Target:
    """Where to connect (`address`, `port`), as whom (`host`), and what to ask for (`path`)."""

    host: str
    port: int
    path: str
    address: str
    is_https: bool


def resolve(url: str) -> Target:
    """Look the URL's host up. Raises RefusedAddressError, also where the name means nothing."""
    parts = read_url(url)
    host, is_https = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_https else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RefusedAddressError(f"{host} is not known: there is no such machine.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:  # all of them: one public address does not make the others so
        if not (_is_named(address) or (is_https and _is_public(address))):
            raise RefusedAddressError(
                f"{host} is not called: only public addresses by https are, and networks that the operator allows."
            )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port, path, str(addresses[0]), is_https)


def read_url(url: str) -> SplitResult:
    """The parts of what can be a webhook's address. Raises RefusedAddressError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedAddressError("This is no web address.") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0 or not url.isascii():
        raise RefusedAddressError("Write an address such as https://lab.example.org/gas.")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise RefusedAddressError("An address has no blanks.")
    if parts.username or parts.password:
        raise RefusedAddressError("Leave name and password out of the address: each event is signed instead.")
    if parts.scheme == "http" and not settings.WEBHOOK_NETWORKS:
        raise RefusedAddressError("The address has to begin with https://.")
    return parts


def _is_public(address: Address) -> bool:
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if inner is not None:
        return _is_public(inner)
    if address.version == 6 and address in NAT64:
        return False
    return address.is_global and not address.is_multicast


def _is_named(address: Address) -> bool:
    """The operator lets webhooks reach it."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in settings.WEBHOOK_NETWORKS)
