"""Where HTTP may go: hosts that the configuration lists, at addresses that were vetted before anything is sent there."""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int, float], Sequence[str]]
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][!$&'()*+,./0-9:;=?@A-Z_a-z~%-]*)?"
)
HOST_PORT = r"^(\*\.)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?$"
USUAL = {"http": 80, "https": 443}
METADATA = frozenset(
    ipaddress.ip_address(one) for one in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds give out credentials: a listed network does not list them, only the address itself does."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Blocked(Exception):
    """Nothing may be sent there, and nothing was."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes: `host` as the URL has it, without brackets; `target` as it stands in the request's first line."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def netloc(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == USUAL[self.scheme] else f"{host}:{self.port}"


def resolve(host: str, port: int, left_s: float) -> Sequence[str]:
    """The addresses of a host, as the system knows them, within `left_s`: the system itself cannot be hurried. Raises Blocked."""
    found: list[Sequence[str] | OSError | UnicodeError] = []

    def look() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.append(list(dict.fromkeys(str(answer[4][0]) for answer in answers)))
        except (OSError, UnicodeError) as e:
            found.append(e)

    thread = threading.Thread(target=look, name="resolve", daemon=True)
    thread.start()
    thread.join(max(0.0, left_s))
    if not found:
        raise Blocked(f"the address of {host} did not come within {left_s:.1f} s")
    if isinstance(found[0], OSError | UnicodeError):
        raise Blocked(f"{host} has no address: {found[0]}")
    return found[0]


class Egress:
    """The guard: a listed host, and then only addresses that are public, or in a network that is listed too.

    A host is listed as `name`, which means the usual port of its scheme, or `name:port`; `*.name` are all below. Whatever a
    name resolves to is judged once, and the connection goes to what was judged: a second answer of DNS is never asked for.

    Source: IANA special-purpose address registries (through `ipaddress.is_global`); RFC 6052 for NAT64.

    >>> Egress(["api.example.net"], []).place("https://api.example.net/v1/x").target
    '/v1/x'
    """

    def __init__(self, hosts: Collection[str], networks: Collection[str], resolve: Resolve = resolve) -> None:
        self._hosts = [_listed(one) for one in hosts]
        self._networks: list[Network] = [ipaddress.ip_network(one) for one in networks]
        self._resolve = resolve

    def place(self, url: str) -> Place:
        """Where a URL leads. Raises Blocked for what is no plain http(s) URL, and for a host that is not listed."""
        found = URL.fullmatch(url)
        if found is None:
            raise Blocked("the URL is not of the form http(s)://host/path in ASCII, without user, fragment or odd characters")
        scheme, host = found["scheme"], found["host"].strip("[]").lower()
        port, target = int(found["port"] or USUAL[scheme]), found["target"] or "/"
        if not any(fnmatchcase(host, name) and port == (own or USUAL[scheme]) for name, own in self._hosts):
            raise Blocked(f"{host}:{port} is not listed under responses.actions.http.hosts")
        return Place(scheme, host, port, target if target.startswith("/") else f"/{target}")

    def addresses(self, place: Place, left_s: float) -> list[str]:
        """The addresses of a place. Raises Blocked when one of them is neither public nor listed, or there is none."""
        try:
            found = [str(ipaddress.ip_address(place.host))]
        except ValueError:
            found = [one.partition("%")[0] for one in self._resolve(place.host, place.port, left_s)]
        for one in found:
            if not self._may(ipaddress.ip_address(one)):
                raise Blocked(f"{place.host} leads to {one}, which is neither public nor listed under networks")
        if not found:
            raise Blocked(f"{place.host} has no address")
        return found

    def _may(self, address: Address) -> bool:
        inner = _inner(address)
        if inner in METADATA:
            return any(inner in one and one.num_addresses == 1 for one in self._networks)
        return any(inner in one for one in self._networks) or (inner.is_global and not inner.is_multicast)


def _listed(given: str) -> tuple[str, int | None]:
    """(name or pattern, port) of an entry."""
    found = re.fullmatch(r"(\[[^]]*\]|[^:]*)(?::([0-9]+))?", given)
    if found is None:
        return given.lower(), None  # an IPv6 address without brackets
    return found[1].strip("[]").lower(), int(found[2]) if found[2] else None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does: mapped, translated, tunnelled."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
    return address
