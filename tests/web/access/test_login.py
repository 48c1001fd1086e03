"""Logging in with a browser, and out."""

from __future__ import annotations

from pathlib import Path

import argon2
import pytest
from fastapi.testclient import TestClient

from aiops.web.access.access import TRIES
from aiops.web.access.accounts import Accounts
from tests.daemon.rig import Rig
from tests.web.people import BASE, PASSWORD, bearer, entered


def test_a_login_lasts_and_ends_with_the_password(rig: Rig, client: TestClient, tmp_path: Path) -> None:
    answer = entered(client, to="/rules")
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.get("/").status_code == 200
    rig.clock.now += 11 * 3600
    assert client.get("/").status_code == 200
    rig.clock.now += 2 * 3600
    assert client.get("/").status_code == 401
    entered(client)
    accounts = Accounts.read(tmp_path / "accounts")
    accounts.set_password("ann", PASSWORD + " anew")
    accounts.write(tmp_path / "accounts")
    assert rig.daemon is not None
    assert client.post("/-/reload", headers=bearer(rig.daemon.token)).status_code == 200
    assert client.get("/").status_code == 401


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_login_leads_nowhere_else(client: TestClient, to: str) -> None:
    assert entered(client, to=to).headers["location"] == "/"


@pytest.mark.row("A3")
def test_guessing_is_slowed_down(client: TestClient) -> None:
    assert [entered(client, "wrong").status_code for _ in range(TRIES)] == [401] * TRIES
    late = entered(client)
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) > 0


@pytest.mark.row("A3")
def test_a_name_that_is_not_there_costs_as_much_and_hears_the_same(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    verify = argon2.PasswordHasher.verify

    def counted(self: argon2.PasswordHasher, hashed: str, password: str) -> bool:
        asked.append(hashed.split("$")[3])
        return verify(self, hashed, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    answers = [client.post("/login", data={"name": name, "password": "wrong"}) for name in ("ann", "vic", "nobody", "")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert len(asked) == 4, "ann has a password, vic has none, the others are not there"
    assert len(set(asked)) == 1, "by the same parameters, so in the same time"


@pytest.mark.parametrize("head", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
@pytest.mark.row("A7")
def test_a_page_of_somebody_else_logs_nobody_in_and_changes_nothing(client: TestClient, head: dict[str, str]) -> None:
    assert client.post("/login", data={"name": "ann", "password": PASSWORD}, headers=head).status_code == 403
    assert client.post("/enter", data={"key": "x"}, headers=head).status_code == 403
    entered(client)
    mark = client.get("/").text.split('name="csrf" value="')[1].split('"')[0]
    body, own = {"verdict": "hit"}, {"x-aiops-csrf": mark}
    assert client.post("/api/v1/warnings/none/verdict", json=body, headers=own | head).status_code == 403
    assert client.post("/api/v1/warnings/none/verdict", json=body, headers=own | {"Origin": BASE}).status_code in (404, 422)
