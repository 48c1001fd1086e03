"""The rules that are followed and those that cannot be foreseen, as JSON and as a page; names from outside are text."""

from __future__ import annotations

from fastapi.testclient import TestClient

from aiops.core.errors import SourceError
from aiops.daemon.daemon import Daemon
from aiops.pipeline import turn
from aiops.telemetry.parts import PartsLink
from aiops.web.app import make_app
from aiops.web.pages.rules_view import page, rules
from tests.daemon.rig import START_S, Rig, card
from tests.pipeline.ruled import tank, watch_of

WHY = "binary: a state of two or a few values does not approach its limit (pump_up == 0)"
HOSTILE = "Full<script>alert(1)</script>"


def daemon_with_rules(rig: Rig) -> Daemon:
    """A daemon that follows two rules, and a third that cannot be foreseen."""
    daemon = rig.start(card())
    world, _ = tank()
    world.rule("tank_used_ratio > 0.7", HOSTILE, labels={"team": "water"})
    world.rule("pump_up == 0", "PumpDown")
    watch = watch_of(world)
    turn(watch, START_S, daemon.rooms)
    daemon.rooms.watches.append(watch)
    return daemon


def test_each_rule_is_listed_with_its_record_or_its_reason(rig: Rig) -> None:
    listed = rules(daemon_with_rules(rig))
    found = {row["alert"]: row for row in listed}
    full = found["TankFull"]
    assert (full["followed"], full["series"], full["open"], full["sources"]) == (True, 2, 0, ["made"])
    assert full["record"]["text"] == "new, unproven"
    assert found[HOSTILE]["labels"] == {"team": "water"}
    assert (found["PumpDown"]["followed"], found["PumpDown"]["reason"]) == (False, WHY)
    assert listed[-1]["alert"] == "PumpDown"


def test_a_comparison_that_the_source_refuses_is_told(rig: Rig) -> None:
    daemon = daemon_with_rules(rig)
    link = daemon.rooms.watches[-1].feeds[0].link
    assert isinstance(link, PartsLink)
    link.errors["tank_used_ratio"] = SourceError("made", "bad_query", "many-to-many")
    assert "bad_query: many-to-many" in rules(daemon)[0]["reason"]


def test_the_page_and_the_api_serve_it(rig: Rig) -> None:
    daemon = daemon_with_rules(rig)
    client = TestClient(make_app(daemon), base_url="http://127.0.0.1", client=("127.0.0.1", 5000))
    text = client.get("/rules").text
    assert "<script>" not in text
    assert WHY in text
    assert [row["alert"] for row in client.get("/api/v1/rules").json()] == [row["alert"] for row in rules(daemon)]
    assert len(page(daemon)["refused"]) == 1
