"""An identity provider as it is asked: its keys, its silence, its lies about itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from tests.daemon.rig import Rig
from tests.web.identity import SECRET, Provider, there


def test_a_code_of_somebody_else_gets_no_token(entry: TestClient) -> None:
    stolen = parse_qs(urlsplit(there(entry)).query)["code"][0]
    mine = there(entry)
    own = parse_qs(urlsplit(mine).query)["code"][0]
    answer = entry.get(mine.replace(own, stolen))  # its challenge is another browser's
    assert (answer.status_code, "no token for this code" in answer.text) == (401, True)


def test_keys_are_kept_and_unknown_ones_make_no_storm(entry: TestClient, provider: Provider, rig: Rig) -> None:
    for _ in range(3):
        entry.get(there(entry))
    assert provider.asked.count("/keys") == 1
    provider.keys["two"] = provider.keys.pop("one")
    provider.keys["two"] = type(provider.keys["two"]).import_key({**provider.keys["two"].as_dict(private=True), "kid": "two"})
    provider.kid = "two"
    rig.clock.now += 60
    assert entry.get(there(entry)).status_code == 200  # another key, and it is looked for
    provider.hand = lambda p, c: p.made(c, p.keys["two"], "RS256", "gone")
    for _ in range(5):
        assert entry.get(there(entry)).status_code == 401
    assert provider.asked.count("/keys") == 2


@pytest.mark.parametrize("broken", ["/.well-known/openid-configuration", "/keys", "/token"])
def test_a_provider_that_is_down_is_told(entry: TestClient, provider: Provider, broken: str) -> None:
    back = there(entry) if broken in ("/keys", "/token") else "/oidc/login"
    provider.broken = broken
    assert entry.get(back).status_code == 503


@pytest.mark.parametrize(
    "said", [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": ""}]
)
def test_a_provider_that_is_another_is_not_asked(entry: TestClient, provider: Provider, said: dict[str, Any]) -> None:
    provider.discovery = said
    assert entry.get("/oidc/login").status_code == 503
    assert "/token" not in provider.asked


def test_who_proves_it_anew_must_have_done_so(entry: TestClient, provider: Provider, rig: Rig) -> None:
    assert entry.get(there(entry, anew="true")).status_code == 200
    provider.lies = {"auth_time": int(rig.clock.now) - 3600}
    assert "just logged in" in entry.get(there(entry, anew="true")).text
    assert entry.get(there(entry)).status_code == 200


def test_no_secret_shows_in_a_page_or_a_log(entry: TestClient, provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.broken = "/token"
    page = entry.get(there(entry)).text
    said = capsys.readouterr()
    assert SECRET not in page + said.out + said.err
