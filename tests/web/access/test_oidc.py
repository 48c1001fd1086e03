"""Logging in where an identity provider says who somebody is; the provider is a real one, small, and lies when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from aiops.config.oidc import Oidc
from aiops.web.access.access import COOKIE
from aiops.web.access.oidc import COOKIE as TRIP
from aiops.web.access.oidc import identity
from aiops.web.access.provider import NotKnown
from tests.daemon.rig import Rig
from tests.web.identity import CLIENT, HOME, ROLES, Provider, by_a_stranger, by_the_public_key, there, unsigned


def test_who_logs_in_there_is_logged_in_here(entry: TestClient, provider: Provider) -> None:
    page = entry.get(there(entry, "/rules"))
    assert (page.status_code, 'content="0;url=/rules"' in page.text) == (200, True)
    kept = [one for one in page.headers.get_list("set-cookie") if one.startswith(COOKIE + "=")]
    assert all(word in kept[0] for word in ("HttpOnly", "SameSite=strict", "Max-Age=43200"))
    assert "Log out eve" in entry.get("/").text
    assert entry.post("/api/v1/warnings/none/verdict", json={"verdict": "hit"}).status_code == 403  # no mark of the session


def test_the_way_there_carries_what_ties_the_answer_to_this_login(entry: TestClient) -> None:
    seen = []
    for _ in range(2):
        answer = entry.get("/oidc/login")
        asked = {name: value[0] for name, value in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        assert (asked["response_type"], asked["code_challenge_method"], asked["client_id"]) == ("code", "S256", CLIENT)
        assert asked["redirect_uri"] == f"{HOME}/oidc/callback"
        assert "openid" in asked["scope"].split()
        kept = answer.headers["set-cookie"]
        assert all(word in kept for word in ("HttpOnly", "SameSite=lax", "Path=/oidc", "Max-Age=600"))
        seen.append((asked["state"], asked["nonce"], asked["code_challenge"]))
    assert all(a != b for a, b in zip(*seen, strict=True))


def test_a_login_lasts_half_a_day_and_ends_by_logging_out(rig: Rig, entry: TestClient) -> None:
    entry.get(there(entry))
    rig.clock.now += 12 * 3600 - 60
    page = entry.get("/")
    assert page.status_code == 200
    cookie = entry.cookies[COOKIE]
    left = entry.post("/logout", data={"csrf": page.text.split('name="csrf" value="')[1].split('"')[0]})
    assert "/leave?" in left.text
    assert "post_logout_redirect_uri=" in left.text
    entry.cookies.set(COOKIE, cookie)  # somebody had copied it
    assert entry.get("/api/v1/status").status_code == 401


def test_a_login_is_over_when_its_time_has_come(rig: Rig, entry: TestClient) -> None:
    entry.get(there(entry))
    rig.clock.now += 12 * 3600 + 1
    assert entry.get("/api/v1/status").status_code == 401


HOSTILE: list[tuple[str, dict[str, Any], str]] = [
    ("another login's nonce", {"lies": {"nonce": "other"}}, "nonce"),
    ("no nonce", {"lies": {"nonce": None}}, "nonce"),
    ("another client's token", {"lies": {"aud": "wiki"}}, "aud"),
    ("a token for several, of another", {"lies": {"aud": ["wiki", CLIENT], "azp": "wiki"}}, "azp"),
    ("a token for several, of nobody", {"lies": {"aud": ["wiki", CLIENT]}}, "azp"),
    ("another issuer's token", {"lies": {"iss": "https://evil.example"}}, "iss"),
    ("a token that is over", {"lies": {"exp": 1}}, "expired"),
    ("a token of tomorrow", {"lies": {"iat": 9_999_999_999}}, "in the future"),
    ("a token that never ends", {"lies": {"exp": None}}, "exp"),
    ("a token that nobody signed", {"hand": unsigned}, "does not hold"),
    ("the public key taken for a secret", {"hand": by_the_public_key}, "does not hold"),
    ("a stranger's signature", {"hand": by_a_stranger}, "does not hold"),
    ("a key that nobody knows", {"hand": lambda p, c: p.made(c, p.keys["one"], "RS256", "gone")}, "does not hold"),
    ("no token at all", {"hand": lambda p, c: "x"}, "does not hold"),
    ("a token of a megabyte", {"hand": lambda p, c: "x" * 1_000_000}, "no token"),
    ("another access token's", {"lies": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, "at_hash"),
]


@pytest.mark.parametrize(("what", "change", "why"), HOSTILE, ids=[one[0] for one in HOSTILE])
@pytest.mark.row("A4")
def test_a_token_that_does_not_hold_logs_nobody_in(
    entry: TestClient, provider: Provider, what: str, change: dict[str, Any], why: str
) -> None:
    for name, value in change.items():
        setattr(provider, name, value)
    answer = entry.get(there(entry))
    assert answer.status_code == 401
    assert why in answer.text
    assert COOKIE not in entry.cookies
    assert entry.get("/api/v1/status").status_code == 401


def test_an_elliptic_key_and_a_clock_that_is_a_little_wrong_are_fine(entry: TestClient, provider: Provider, rig: Rig) -> None:
    provider.alg, provider.kid = "ES256", "ec"
    provider.now = lambda: rig.clock.now + 45
    assert entry.get(there(entry)).status_code == 200


def test_an_answer_counts_once_and_in_its_own_browser(entry: TestClient, provider: Provider) -> None:
    back = there(entry)
    trip = entry.cookies[TRIP]
    assert entry.get(back).status_code == 200
    entry.cookies.set(TRIP, trip, path="/oidc")
    assert "was used" in entry.get(back).text
    other = there(entry)
    entry.cookies.delete(TRIP)
    assert "did not begin in this browser" in entry.get(other).text
    first, _ = there(entry), there(entry)  # an answer to the login before
    assert "did not begin in this browser" in entry.get(first).text


def test_a_login_that_takes_too_long_is_begun_anew(entry: TestClient, rig: Rig) -> None:
    back = there(entry)
    rig.clock.now += 601
    assert "too long" in entry.get(back).text


@pytest.mark.parametrize("change", [lambda url: url.replace("iss=", "iss=x"), lambda url: url.partition("&iss=")[0]])
def test_an_answer_of_another_provider_is_refused(entry: TestClient, change: Callable[[str], str]) -> None:
    answer = entry.get(change(there(entry)))
    assert (answer.status_code, "another provider" in answer.text) == (401, True)


def test_what_the_provider_says_instead_is_shown_as_text(entry: TestClient, provider: Provider) -> None:
    state = parse_qs(urlsplit(there(entry)).query)["state"][0]
    answer = entry.get("/oidc/callback", params={"state": state, "error": "<b>no", "iss": provider.url})
    assert answer.status_code == 401
    assert "&lt;b&gt;no" in answer.text


@pytest.mark.parametrize("name", ["operator", "a b", "", None])
def test_nobody_comes_in_under_a_name_that_is_taken_or_none(entry: TestClient, provider: Provider, name: str | None) -> None:
    provider.lies = {"preferred_username": name}
    assert entry.get(there(entry)).status_code == 401


def test_who_has_no_role_is_turned_away(entry: TestClient, provider: Provider) -> None:
    provider.claims["groups"] = ["everybody"]
    assert "no role here" in entry.get(there(entry)).text


def made(**more: Any) -> Oidc:
    return Oidc.model_validate({"issuer": "https://id.example", "client_id": "c", "roles": ROLES, **more})


def test_role_teams_and_groups_follow_from_claims() -> None:
    settings = made(teams={"st": "storage", "db": "data"}, groups={"st": "storage-sre"}, auditors=["audit"])
    said = {"preferred_username": "eve", "groups": ["sre", "leads", "st", "audit"]}
    who = identity(said, settings)
    assert (who.name, who.role, who.auditor, who.teams, who.groups) == ("eve", "admin", True, ("storage",), ("storage-sre",))


@pytest.mark.parametrize(
    ("teams", "groups", "kept"),
    [
        ({}, ["sre"], None), ({"st": "storage"}, ["sre"], ()), ({"sre": "*", "st": "storage"}, ["sre"], None),
        ({"st": "a"}, ["sre", "st"], ("a",)),
    ],
)
def test_who_is_kept_to_teams_and_has_none_meets_nothing(teams: dict[str, str], groups: list[str], kept: Any) -> None:
    assert identity({"preferred_username": "eve", "groups": groups}, made(teams=teams)).teams == kept


def test_claims_may_lie_deeper_and_be_a_single_text() -> None:
    settings = made(role_claim="realm_access.roles", name_claim="email")
    assert identity({"email": "eve@example.com", "realm_access": {"roles": "sre"}}, settings).role == "responder"
    with pytest.raises(NotKnown, match="no role here"):
        identity({"email": "eve@example.com", "realm_access": [1]}, settings)
