"""Who may what: every route says it, and each is held to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from aiops.config.access import ROLES
from aiops.config.settings import load_settings
from aiops.core.errors import AiopsError, FileError
from aiops.web.access.access import COOKIE, CSRF_HEADER, TRIES, Needs, Tries
from aiops.web.access.accounts import Accounts
from aiops.web.app import make_app
from aiops.web.serve import listen
from tests.daemon.rig import Rig, card
from tests.web.people import BASE, PEOPLE, bearer, entered

OPEN = {"/-/healthy", "/-/ready", "/login", "/enter", "/feedback/{warning_id}", "/static/{name}"}
"""What needs nothing, or proves itself: a link that was sent."""


def needs_of(route: APIRoute) -> list[Needs]:
    return [d.call for d in route.dependant.dependencies if isinstance(d.call, Needs)]


def test_every_route_says_what_it_needs_and_what_stands_in_the_ledger(rig: Rig) -> None:
    rig.start(card())
    assert rig.daemon is not None
    for route in make_app(rig.daemon).routes:
        if isinstance(route, APIRoute) and route.path not in OPEN:
            found = needs_of(route)
            assert len(found) == 1, route.path
            changes = route.methods != {"GET"}
            assert bool(found[0].audit) == changes, route.path
            assert not changes or found[0].role != "viewer" or route.path == "/logout", route.path
            assert not changes or found[0].scope != "open" or route.path == "/logout", route.path
            about_warnings = re.search(r"/(warnings|responses|series|outcomes|scorecard|events)\b", route.path)
            assert not about_warnings or found[0].scope == "team", route.path


def test_without_people_whoever_comes_may_look_and_the_token_everything(rig: Rig) -> None:
    rig.start(card())
    assert rig.daemon is not None
    with TestClient(make_app(rig.daemon), base_url=BASE, client=("127.0.0.1", 50000)) as client:
        assert client.get("/").status_code == 200
        assert client.post("/-/reload").status_code == 401
        assert client.post("/-/reload", headers=bearer(rig.daemon.token)).status_code == 200


def test_with_people_nobody_may_anything_without_a_proof(client: TestClient) -> None:
    for path in ("/api/v1/warnings", "/metrics", "/api/v1/status"):
        assert client.get(path).status_code == 401
    assert client.get("/-/healthy").status_code == 200
    page = client.get("/rules", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login?to=/rules")


@pytest.mark.parametrize(("name", "judges", "reloads"), [("vic", 403, 403), ("bot", 422, 403), ("root", 422, 200)])
def test_each_role_may_what_it_may(client: TestClient, tokens: dict[str, str], name: str, judges: int, reloads: int) -> None:
    head = bearer(tokens[name])
    assert client.get("/api/v1/warnings", headers=head).status_code == 200
    assert client.post("/api/v1/warnings/none/verdict", json={"verdict": "hit"}, headers=head).status_code == judges
    assert client.post("/-/reload", headers=head).status_code == reloads


SKIPPED = {"/api/v1/events"}
"""It streams without end."""


def asked(rig: Rig) -> list[tuple[str, str, Needs]]:
    """(method, address, what it needs) of every route that needs something."""
    assert rig.daemon is not None
    routes = [one for one in make_app(rig.daemon).routes if isinstance(one, APIRoute) and needs_of(one)]
    named = [(sorted(one.methods)[0], re.sub(r"{\w+}", "none", one.path), needs_of(one)[0]) for one in routes]
    return [one for one in named if one[1] not in SKIPPED]


@pytest.mark.row("A1")
def test_without_a_proof_no_route_answers(rig: Rig, client: TestClient) -> None:
    found = asked(rig)
    assert len(found) > 30
    for method, path, _ in found:
        for head in ({}, bearer("x"), {"Authorization": "Basic cm9vdDpyb290"}, {"Cookie": f"{COOKIE}=x"}):
            assert client.request(method, path, headers=head).status_code == 401, path


@pytest.mark.row("A5")
def test_each_role_may_on_each_route_what_the_route_says(rig: Rig, client: TestClient, tokens: dict[str, str]) -> None:
    for method, path, needs in asked(rig):
        for name in PEOPLE:
            role, auditor = PEOPLE[name]["role"], PEOPLE[name].get("auditor", False)
            may = ROLES.index(role) >= ROLES.index(needs.role) and (not needs.auditor or auditor or role == "admin")
            answer = client.request(method, path, headers=bearer(tokens[name]), json={} if method == "POST" else None)
            assert (answer.status_code != 403) == may, (name, path, answer.text)


def test_roles_rise_from_viewer_to_admin() -> None:
    assert ROLES == ("viewer", "responder", "author", "admin")


def test_a_change_by_a_browser_needs_the_mark_of_its_session(client: TestClient) -> None:
    entered(client)
    body = {"verdict": "hit"}
    assert client.post("/api/v1/warnings/none/verdict", json=body).status_code == 403
    assert client.post("/api/v1/warnings/none/verdict", json=body, headers={CSRF_HEADER: "x"}).status_code == 403
    page = client.get("/").text
    mark = page.split('name="csrf" value="')[1].split('"')[0]
    assert client.post("/api/v1/warnings/none/verdict", json=body, headers={CSRF_HEADER: mark}).status_code == 422
    assert client.post("/logout").status_code == 403
    assert client.post("/logout", data={"csrf": mark}).status_code == 303


def test_nothing_is_changed_by_looking(client: TestClient, tokens: dict[str, str]) -> None:
    for path in ("/-/reload", "/logout", "/api/v1/incidents"):
        assert client.get(path, headers=bearer(tokens["root"])).status_code in (404, 405)


def test_a_forged_cookie_is_none(client: TestClient) -> None:
    import base64

    for forged in ("x", base64.urlsafe_b64encode(b"ann|9999999999|00").decode(), base64.urlsafe_b64encode(b"root|1").decode()):
        client.cookies.set(COOKIE, forged)
        assert client.get("/api/v1/warnings").status_code == 401


def test_tries_are_counted_by_name_and_by_address() -> None:
    now = [0.0]
    tries = Tries(lambda: now[0])
    assert [tries.wait_s("name a", "from x") for _ in range(TRIES)] == [0.0] * TRIES
    assert tries.wait_s("name b", "from x") > 0
    assert tries.wait_s("name a", "from y") > 0
    assert tries.wait_s("name b", "from y") == 0.0
    now[0] = 61.0
    assert tries.wait_s("name a", "from x") == 0.0


def test_who_judges_is_who_has_the_proof(rig: Rig, client: TestClient, tokens: dict[str, str]) -> None:
    alert = {"status": "firing", "labels": {"alertname": "X"}, "startsAt": rig.clock.now, "fingerprint": "f"}
    assert client.post("/api/v1/incidents", json={"alerts": [alert]}, headers=bearer(tokens["bot"])).status_code == 200
    assert rig.daemon is not None
    assert [one.who for one in rig.daemon.store.statements(kind="incident")] == ["bot"]


def test_an_account_of_nobody_is_refused(rig: Rig, tmp_path: Path) -> None:
    accounts = Accounts()
    accounts.new_token("ghost")
    accounts.write(tmp_path / "accounts")
    rig.more["web"] = {"people": PEOPLE, "accounts_file": str(tmp_path / "accounts")}
    rig.start(card())
    assert rig.daemon is not None
    with pytest.raises(AiopsError, match=r"ghost: not under web\.people"):
        make_app(rig.daemon)


@pytest.mark.parametrize("web", [{}, {"people": PEOPLE, "accounts_file": "/x"}, {"tls": {"cert_file": "/c", "key_file": "/k"}}])
@pytest.mark.row("A2")
def test_other_machines_are_refused_without_tls_and_a_login(tmp_path: Path, web: dict[str, Any]) -> None:
    import json

    file = tmp_path / "aiops.yaml"
    file.write_text(json.dumps({"web": {"listen": "0.0.0.0:0", **web}}))
    with pytest.raises(AiopsError, match="other machines could come without TLS or a login"):
        listen(load_settings(file))
    file.write_text(json.dumps({"web": {"listen": "0.0.0.0:0", "open": True, **web}}))
    listen(load_settings(file)).close()


@pytest.mark.parametrize(
    ("written", "said"),
    [("web: {people: {ann: {}}}", "web.accounts_file: is missing"), ("web: {accounts_file: /x}", "web.people: is missing")],
)
def test_people_and_their_proofs_belong_together(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "aiops.yaml").write_text(written)
    with pytest.raises(FileError, match=said):
        load_settings(tmp_path / "aiops.yaml")
