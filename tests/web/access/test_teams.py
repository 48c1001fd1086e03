"""Whose a warning is, and what somebody who is kept to teams meets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.web.access.access import Caller
from aiops.web.access.accounts import Accounts, Reach
from aiops.web.access.sight import Sight
from aiops.web.access.teams import Teams
from aiops.web.app import make_app
from aiops.web.pages import view
from tests.daemon.rig import Rig, card, falling
from tests.web.people import BASE, bearer
from tests.web.people import client as client

SERVICES = {"pay": {"owner": "payments"}}
PEOPLE: dict[str, Any] = {
    "ann": {"role": "responder", "teams": ["storage"]}, "bob": {"role": "responder", "teams": ["data", "payments"]},
    "lead": {"role": "admin"}, "nil": {"role": "responder", "teams": []},
    "own": {"role": "admin", "auditor": True, "teams": ["t"]},
}  # fmt: skip
LABELS = [{"instance": "a", "team": "storage"}, {"instance": "b", "team": "storage", "service": "pay"}, {"instance": "c"}]
"""Whose they are: of the team that the label names; of the service's owner, whatever the label says; of the card's owner."""


@pytest.fixture
def tokens(rig: Rig, tmp_path: Path) -> dict[str, str]:
    accounts = Accounts()
    made = {name: accounts.new_token(name) for name in PEOPLE}
    accounts.write(tmp_path / "accounts")
    rig.more = {"web": {"people": PEOPLE, "accounts_file": str(tmp_path / "accounts")}, "services": SERVICES}
    for labels in LABELS:
        rig.world.add("free", labels, falling(0.001))
    rig.start(card())
    for look in range(12):
        rig.at(8 * 3600 + 300 * look)
        rig.turn()
    return made


def ids(rig: Rig) -> dict[str, str]:
    """Instance to the id of its warning."""
    assert rig.daemon is not None
    return {one.entity["instance"]: one.id for one in rig.daemon.store.warnings() if not one.members}


def met(rig: Rig, who: str) -> set[str]:
    """The instances whose warnings somebody meets."""
    assert rig.daemon is not None
    daemon, person = rig.daemon, PEOPLE[who]
    caller = Caller(who, person["role"], "machine", teams=None if "teams" not in person else tuple(person["teams"]))
    sight = Sight(daemon, "local", caller)
    found = {one.entity["instance"] for one in sight.warnings(daemon.store.warnings()) if not one.members}
    assert {one["labels"]["instance"] for one in view.series(daemon, "", 100, sight)} == found
    return found


def test_lists_hold_what_is_of_their_teams(rig: Rig, tokens: dict[str, str]) -> None:
    assert {who: met(rig, who) for who in PEOPLE} == {
        "ann": {"a"}, "bob": {"b"}, "lead": {"a", "b", "c"}, "nil": set(), "own": {"c"},
    }  # fmt: skip


def test_the_owner_of_a_service_stands_above_what_a_label_says(rig: Rig, tokens: dict[str, str]) -> None:
    assert rig.daemon is not None
    teams = Teams(rig.daemon)
    assert [teams.of(labels, "disk") for labels in LABELS] == ["storage", "payments", "t"]
    assert teams.of({}, "no card") == ""


@pytest.mark.parametrize("path", ["verdict", "ack", "feedback", "actions"])
@pytest.mark.row("A6")
def test_who_speaks_of_another_teams_warning_hears_that_there_is_none(
    rig: Rig, client: TestClient, tokens: dict[str, str], path: str
) -> None:
    body = {"verdict": {"verdict": "false"}, "ack": {}, "feedback": {"word": "noise"}, "actions": {"what": "grew it"}}[path]
    own, other = ids(rig)["a"], ids(rig)["b"]
    assert client.post(f"/api/v1/warnings/{other}/{path}", json=body, headers=bearer(tokens["ann"])).status_code == 404
    assert client.get(f"/api/v1/warnings/{other}", headers=bearer(tokens["ann"])).status_code == 404
    assert client.get(f"/warnings/{other}", headers=bearer(tokens["ann"])).status_code == 404
    answer = client.post(f"/api/v1/warnings/{own}/{path}", json=body, headers=bearer(tokens["ann"]))
    assert answer.status_code == 200, answer.text
    assert rig.daemon is not None
    assert {one.warning_id for one in rig.daemon.store.statements()} - {""} == {own}


def test_what_concerns_every_team_is_not_for_who_is_kept_to_some(client: TestClient, tokens: dict[str, str]) -> None:
    for name, code in (("own", 403), ("lead", 200)):
        head = bearer(tokens[name])
        assert client.get("/ledger", headers=head).status_code == code
        assert client.post("/-/reload", headers=head).status_code == code
        assert client.post("/api/v1/kill-switch", json={"on": False}, headers=head).status_code == code


def test_a_token_reaches_no_further_than_it_was_made_to(rig: Rig, tmp_path: Path, tokens: dict[str, str]) -> None:
    assert rig.daemon is not None
    accounts = Accounts.read(tmp_path / "accounts")
    some = accounts.new_token("lead", Reach("responder", ("storage",)))
    more = accounts.new_token("ann", Reach("admin", ("storage", "data")))
    accounts.write(tmp_path / "accounts")
    with TestClient(make_app(rig.daemon), base_url=BASE, client=("127.0.0.1", 50000)) as client:
        for token in (some, more):
            assert client.get(f"/api/v1/warnings/{ids(rig)['a']}", headers=bearer(token)).status_code == 200
            assert client.get(f"/api/v1/warnings/{ids(rig)['b']}", headers=bearer(token)).status_code == 404
            assert client.post("/-/reload", headers=bearer(token)).status_code == 403


def test_verdicts_and_figures_are_of_their_teams(rig: Rig, client: TestClient, tokens: dict[str, str]) -> None:
    for instance in ("a", "b", "c"):
        said = client.post(
            f"/api/v1/warnings/{ids(rig)[instance]}/verdict", json={"verdict": "false"}, headers=bearer(tokens["lead"])
        )
        assert said.status_code == 200
    for name, count in (("ann", 1), ("lead", 3), ("nil", 0)):
        head = bearer(tokens[name])
        assert len(client.get("/api/v1/outcomes", headers=head).json()) == count
        figures = client.get("/api/v1/scorecard", headers=head).json()
        assert sum(sum(one["verdicts"].values()) for one in figures) == count
