"""Which addresses may be connected to."""

from __future__ import annotations

import pytest

from aiops.responses.actions.egress import Blocked, Egress, Place, resolve

PRIVATE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
    "169.254.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.192", "224.0.0.1", "255.255.255.255", "localhost", "198.18.0.1",
    "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[fd00:ec2::254]",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "[2606:4700::1111]", "[::ffff:5db8:d822]"]


def guard(*hosts: str, networks: tuple[str, ...] = (), answers: tuple[str, ...] = ()) -> Egress:
    return Egress(hosts, networks, lambda host, port, left_s: answers)


@pytest.mark.parametrize("host", PRIVATE)
@pytest.mark.row("X9")
def test_no_writing_of_a_private_address_gets_through(host: str) -> None:
    egress = Egress([host], [])
    with pytest.raises(Blocked):
        egress.addresses(egress.place(f"http://{host}/"), 10.0)


@pytest.mark.parametrize("host", PUBLIC)
def test_public_addresses_do(host: str) -> None:
    egress = Egress([host], [])
    assert egress.addresses(egress.place(f"https://{host}/"), 10.0) == [host.strip("[]")]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://a.example/", "ftp://a.example/", "//a.example/", "a.example", "", "http://", "http:///x",
        "https://user@a.example/", "https://user:pw@a.example/", "https://b.example@a.example/", "https://a.example\\@b.example/",
        "https://a.example#@b.example/", "https://a.example/#x", "https://a.example:99999999/", "https://a.example /", "HTTPS://a.example/",
        "https://a.example/\r\nX: y", "https://a.example/a b", "https://a.example/\x00", "https://a.exаmple/", "https://a.example/é",
        "https://[a.example]/", "https://-a.example/", "https://a.example./x\n",
    ],
)  # fmt: skip
@pytest.mark.row("X12")
def test_only_plain_urls_are_read(url: str) -> None:
    with pytest.raises(Blocked):
        Egress(["a.example", "b.example", "-a.example"], []).place(url)


@pytest.mark.parametrize(
    ("listed", "url", "may"),
    [
        ("a.example", "https://a.example/x", True),
        ("a.example", "http://a.example/x", True),
        ("a.example", "https://A.Example/x", True),
        ("a.example", "https://a.example:8443/x", False),
        ("a.example", "https://a.example:443/x", True),
        ("a.example:8443", "https://a.example:8443/x", True),
        ("a.example:8443", "https://a.example/x", False),
        ("a.example", "https://b.a.example/x", False),
        ("*.a.example", "https://b.a.example/x", True),
        ("*.a.example", "https://a.example/x", False),
        ("a.example", "https://a.example.b.example/x", False),
        ("a.example", "https://aXexample/x", False),
        ("[2606:4700::1111]:8443", "https://[2606:4700::1111]:8443/", True),
    ],
)
def test_a_host_must_be_listed_with_its_port(listed: str, url: str, may: bool) -> None:
    try:
        Egress([listed], []).place(url)
        assert may
    except Blocked:
        assert not may


def test_the_target_stays_as_it_is_written() -> None:
    place = Egress(["a.example"], []).place("https://a.example/v1/%2e%2e/a%2Fb//c;d?q=%20x&y=%27")
    assert place == Place("https", "a.example", 443, "/v1/%2e%2e/a%2Fb//c;d?q=%20x&y=%27")
    assert Egress(["a.example"], []).place("http://a.example?q=1").target == "/?q=1"


def test_a_listed_network_opens_only_itself() -> None:
    egress = guard("db.internal", networks=("10.1.0.0/16",), answers=("10.1.2.3",))
    assert egress.addresses(egress.place("http://db.internal/"), 1.0) == ["10.1.2.3"]
    outside = guard("db.internal", networks=("10.1.0.0/16",), answers=("10.2.0.1",))
    with pytest.raises(Blocked, match=r"db.internal leads to 10.2.0.1"):
        outside.addresses(outside.place("http://db.internal/"), 1.0)


def test_metadata_is_open_only_by_its_own_address() -> None:
    wide = guard("m.internal", networks=("169.254.0.0/16",), answers=("169.254.169.254",))
    with pytest.raises(Blocked):
        wide.addresses(wide.place("http://m.internal/"), 1.0)
    exact = guard("m.internal", networks=("169.254.169.254/32",), answers=("169.254.169.254",))
    assert exact.addresses(exact.place("http://m.internal/"), 1.0) == ["169.254.169.254"]


def test_one_bad_address_among_good_ones_spoils_them() -> None:
    egress = guard("a.example", answers=("93.184.216.34", "127.0.0.1"))
    with pytest.raises(Blocked):
        egress.addresses(egress.place("https://a.example/"), 1.0)


def test_a_name_without_address_is_blocked() -> None:
    with pytest.raises(Blocked, match="has no address"):
        resolve("no-such-host.invalid", 80, 30.0)
    egress = guard("a.example")
    with pytest.raises(Blocked, match="has no address"):
        egress.addresses(egress.place("https://a.example/"), 1.0)


def test_a_slow_resolver_does_not_hold_anybody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    free = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: free.wait(60) and [])
    with pytest.raises(Blocked, match=r"did not come within 0.1 s"):
        resolve("a.example", 80, 0.1)
    free.set()
