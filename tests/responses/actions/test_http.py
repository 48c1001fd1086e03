"""HTTP steps: what is sent, who is given a secret, and what an answer means."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from aiops.responses.actions.http import Http, HttpParams
from aiops.responses.interface import Result
from tests.responses.actions.samples import CANARY, KEY, Web, call, web
from tests.servers import closed_port


def http(server: Web, **params: Any) -> Http:
    found = {"hosts": [server.host], "networks": ["127.0.0.0/8"], "secrets": {"api": [server.host]}, **params}
    return Http(HttpParams(**found))


def put(server: Web, output: Any = "json", **given: Any) -> Result:
    return http(server).run(call({"method": "PUT", "url": f"{server.url}/v1", **given}, output=output), 0.0)


def test_it_sends_json_with_the_key_and_the_token() -> None:
    with web(lambda seen: (200, {"size": 3})) as server:
        found = put(server, json={"size": 3, "name": "é\n\u202e"}, headers={"X-Reason": "full"})
    (seen,) = server.seen
    assert (found.end, found.output["json"], found.output["status"]) == ("done", {"size": 3}, 200)
    assert seen.json() == {"size": 3, "name": "é\n\u202e"}
    wanted = {"content-type": "application/json", "x-reason": "full", "idempotency-key": KEY, "x-fencing-token": "3"}
    assert wanted.items() <= seen.headers.items()


def test_a_number_is_a_header_as_people_write_it() -> None:
    with web() as server:
        put(server, headers={"X-Size": 8.0})
    assert server.seen[0].headers["x-size"] == "8"


@pytest.mark.parametrize(
    ("status", "end", "effect"),
    [
        (200, "done", True), (201, "done", True), (202, "done", True), (204, "done", True),
        (404, "gone", False), (410, "gone", False),
        (400, "failed", False), (401, "failed", False), (403, "failed", False), (409, "failed", False), (429, "failed", False),
        (500, "unknown", True), (502, "unknown", True), (503, "unknown", True), (504, "unknown", True), (303, "unknown", True),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int, end: str, effect: bool) -> None:
    with web(lambda seen: (status, b"")) as server:
        found = put(server, "text")
    assert (found.end, found.effect) == (end, effect)


def test_a_read_that_is_led_elsewhere_failed() -> None:
    with web(lambda seen: (302, b"")) as server:
        found = http(server).run(call({"method": "GET", "url": server.url}), 0.0)
    assert (found.end, found.effect, found.why) == ("failed", False, "status 302: redirects are not followed")


def test_nobody_there_had_no_effect() -> None:
    with closed_port() as port:
        action = Http(HttpParams(hosts=[f"127.0.0.1:{port}"], networks=["127.0.0.0/8"]))
        found = action.run(call({"method": "POST", "url": f"http://127.0.0.1:{port}/"}), 0.0)
    assert (found.end, found.effect) == ("failed", False)


@pytest.mark.parametrize("name", ["Host", "content-length", "Authorization", "Idempotency-Key", "Cookie", "TE", "a b", "", "X:"])
def test_headers_that_are_not_the_authors_are_refused(name: str) -> None:
    with web() as server:
        assert put(server, headers={name: "x"}).effect is False
    assert server.seen == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "\0", "\x1b[31m", "\u202e", "\ud800"])
def test_header_values_stay_one_line(value: str) -> None:
    with web() as server:
        assert put(server, headers={"X-Own": value}).effect is False
    assert server.seen == []


def test_the_authors_headers_replace_the_usual_ones() -> None:
    with web() as server:
        put(server, headers={"user-agent": "own", "content-type": "application/merge-patch+json"}, json={})
    wanted = {"user-agent": "own", "content-type": "application/merge-patch+json"}
    assert wanted.items() <= server.seen[0].headers.items()


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, float("inf")])
def test_what_is_no_json_is_not_sent(value: object) -> None:
    with web() as server:
        assert put(server, json={"x": value}).effect is False
    assert server.seen == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", "GET /x HTTP/1.1\r\n", ""])
def test_other_methods_are_refused(method: str) -> None:
    with web() as server:
        assert http(server).run(call({"method": method, "url": server.url}), 0.0).effect is False
    assert server.seen == []


def test_a_bearer_token_is_sent_and_never_shown() -> None:
    with web(lambda seen: (200, {"echo": seen.headers["authorization"]})) as server:
        found = put(server, auth={"bearer": {"secret": "api"}})
    assert server.seen[0].headers["authorization"] == f"Bearer {CANARY}"
    assert found.output["json"] == {"echo": "Bearer [secret]"}
    assert CANARY not in repr(found)


def test_basic_authentication_is_masked_in_every_form() -> None:
    login = f"ops:{CANARY}"
    coded = base64.b64encode(login.encode()).decode()
    with web(lambda seen: (500, f"{seen.headers['authorization']} {CANARY}".encode())) as server:
        given = {"method": "GET", "url": server.url, "auth": {"basic": {"secret": "api"}}}
        found = http(server).run(call(given, secret=lambda name: login), 0.0)
    assert server.seen[0].headers["authorization"] == f"Basic {coded}"
    assert found.output["text"] == "Basic [secret] [secret]"


@pytest.mark.row("X14")
def test_a_secret_goes_only_where_it_is_listed_for() -> None:
    with web() as server:
        action = http(server, secrets={"api": ["other.example"]})
        given = {"method": "GET", "url": server.url, "auth": {"bearer": {"secret": "api"}}}
        found = action.run(call(given), 0.0)
    assert (found.effect, server.seen) == (False, [])
    assert found.why == "the secret api is not listed under responses.actions.http.secrets for this host"


@pytest.mark.parametrize(("value", "why"), [("", "there is no secret api"), ("a\nb", "cannot stand"), ("é", "cannot stand")])
def test_a_secret_that_cannot_be_sent_is_named_and_not_shown(value: str, why: str) -> None:
    with web() as server:
        given = {"method": "GET", "url": server.url, "auth": {"bearer": {"secret": "api"}}}
        found = http(server).run(call(given, secret=lambda name: value), 0.0)
    assert why in found.why
    assert (found.effect, server.seen) == (False, [])


def test_no_json_where_json_was_asked_for_is_a_failure_that_may_have_had_an_effect() -> None:
    with web(lambda seen: (200, b"<html>")) as server:
        found = put(server)
    assert (found.end, found.effect, found.output["text"]) == ("failed", True, "<html>")


def test_a_long_answer_is_cut_and_says_so() -> None:
    with web(lambda seen: (200, b"x" * 1_000_000)) as server:
        found = put(server, "text")
    assert (len(found.output["text"]), found.output["truncated"]) == (64 * 1024, True)


@pytest.mark.parametrize("listed", ["http://a.example", "a.example/x", "a b", "a.example:x", "*", "*.*"])
def test_hosts_are_listed_as_hosts(listed: str) -> None:
    with pytest.raises(ValidationError):
        HttpParams(hosts=[listed])


def test_a_network_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError):
        HttpParams(networks=["10.0.0.1/8"])
