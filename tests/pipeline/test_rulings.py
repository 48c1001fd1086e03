"""What may be done with data, and where: as the gate itself decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiops.pipeline.rulings import DECIDED, about, decisions
from tests.daemon.rig import Rig, card, falling

POLICY = """
apiVersion: aiops/v1
kind: Policy
version: test
sources: {made: {class: internal, residency: [eu]}}
locations: {web: us, chat: eu}
"""


def made(rig: Rig) -> Rig:
    receivers = {"chat": {"kind": "webhook", "url": "http://127.0.0.1:1/"}}
    rig.more |= {"receivers": receivers, "routes": [{"receiver": "chat"}], "policy": "policy.yaml"}
    rig.more |= {"lineage": {"file": "told.ndjson"}}
    Path(rig.folder, "policy.yaml").write_text(POLICY)
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.start(card())
    return rig


def test_each_source_is_told_for_every_place(rig: Rig) -> None:
    daemon = made(rig).daemon
    assert daemon is not None
    found = {(row["action"], row["place"]): row for row in decisions(daemon.settings, daemon.rooms)}
    assert found["fetch", "here"]["effect"] == "allow"
    assert (found["export", "lineage"]["effect"], found["export", "lineage"]["location"]) == ("allow", "")
    assert (found["serve", "web"]["effect"], found["serve", "web"]["rule"]) == ("deny", "built-in-residency")
    assert (found["notify", "chat"]["effect"], found["notify", "chat"]["location"]) == ("allow", "eu")
    assert {(row["source"], row["data_class"], *row["residency"]) for row in found.values()} == {("made", "internal", "eu")}


def test_what_may_leave_of_a_warning_is_as_the_gate_says(rig: Rig) -> None:
    daemon = made(rig).daemon
    assert daemon is not None
    rig.until_warned()
    (warning,) = daemon.store.open_warnings()
    rows = {row["place"]: row["effect"] for row in about(daemon.settings, daemon.rooms, warning)}
    assert (rows["web"], rows["chat"]) == ("deny", "allow")
    gate = daemon.rooms.gate
    assert (gate.outbound(warning, "serve", "us")[0] is None) == (rows["web"] == "deny")


def test_the_ledger_says_once_what_is_decided_until_it_is_decided_otherwise(rig: Rig) -> None:
    def rows() -> list[dict[str, Any]]:
        assert rig.daemon is not None
        return [row.detail for row in rig.daemon.store.ledger_rows(500) if row.action == DECIDED]

    daemon = made(rig).daemon
    assert daemon is not None
    rig.until_warned()
    (first,) = rows()
    assert ["made", "serve", "web", "us", "deny", "built-in-residency"] in first["decisions"]
    assert ["made", "train", "here", "local", "allow", "built-in-home"] in first["decisions"]
    assert daemon.reload() == ""
    assert len(rows()) == 1, "what is decided as before is no row"
    Path(rig.folder, "policy.yaml").write_text(POLICY.replace("chat: eu", "chat: us"))
    assert daemon.reload() == ""
    last, before = rows()
    assert before == first
    assert ["made", "notify", "chat", "us", "deny", "built-in-residency"] in last["decisions"]
