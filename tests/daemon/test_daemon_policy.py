"""The policy in a daemon: refused at the start, kept at a reload, in the ledger when it changes, and in what leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aiops.core.errors import FileError
from tests.daemon.rig import Rig, card, falling


def written(rig: Rig, policy: dict[str, Any] | str) -> None:
    """Config with a policy file beside it."""
    (rig.folder / "policy.yaml").write_text(policy if isinstance(policy, str) else json.dumps(policy))
    rig.more = {"policy": "policy.yaml"}


def ledger(rig: Rig, action: str) -> list[dict[str, Any]]:
    assert rig.daemon is not None
    with rig.daemon.store._read() as connection:
        rows = connection.exec_driver_sql("SELECT action, detail FROM ledger ORDER BY seq").all()
    return [json.loads(detail) if isinstance(detail, str) else detail for name, detail in rows if name == action]


def test_a_policy_that_is_wrong_or_missing_refuses_the_start(rig: Rig) -> None:
    written(rig, "rules: 5")
    with pytest.raises(FileError, match=r"policy.yaml:1:1: rules"):
        rig.start(card())
    (rig.folder / "policy.yaml").unlink()
    with pytest.raises(FileError, match=r"policy\.yaml"):
        rig.start(card())


def test_at_a_reload_the_old_policy_stays_when_the_new_one_is_wrong(rig: Rig) -> None:
    written(rig, {"labels": {"x": {"action": "drop"}}})
    daemon = rig.start(card())
    before = daemon.rooms.gate.policy.version
    (rig.folder / "policy.yaml").write_text("labels: {x: {action: hide}}")
    assert "labels.x.action" in daemon.reload()
    assert daemon.rooms.gate.policy.version == before


def test_a_changed_policy_is_a_ledger_row_and_counts_from_the_next_turn_on(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a", "user": "x"}, falling(0.0001))
    written(rig, {})
    daemon = rig.start(card())
    rig.at(3600)
    rig.turn()
    assert [sorted(one) for one in rig.watch("disk@made").window.labels] == [["instance", "user"]]
    (rig.folder / "policy.yaml").write_text("labels: {user: {action: mask}}")
    assert daemon.reload() == ""
    rig.at(3900)
    rig.turn()
    assert rig.watch("disk@made").window.labels[-1]["user"].startswith("masked:")
    rows = ledger(rig, "policy.changed")
    assert [row["from"] for row in rows] == [None, rows[0]["to"]]
    daemon.reload()
    assert len(ledger(rig, "policy.changed")) == 2, "what did not change is no row"


@pytest.mark.parametrize(("data_class", "masked"), [("", True), ("restricted", True), ("internal", False)])
def test_what_leaves_the_process_is_masked_unless_its_class_may_leave(rig: Rig, data_class: str, masked: bool) -> None:
    rig.world.add("free", {"instance": "db-secret"}, falling(0.001))
    rig.sources = {"made": {"kind": "made", "data_class": data_class}}
    rig.more = {
        "receivers": {"am": {"kind": "alertmanager", "url": "http://127.0.0.1:9"}, "out": {"kind": "stdout"}},
        "routes": [{"receiver": "am", "continue": True}, {"receiver": "out"}], "stages": {"disk": "ticket"},
    }  # fmt: skip
    daemon = rig.start(card())
    rig.until_warned()
    with daemon.store._read() as connection:
        rows = connection.exec_driver_sql("SELECT receiver, payload FROM outbox").all()
    said = {receiver: "db-secret" in str(payload) for receiver, payload in rows}
    assert said == {"am": not masked, "out": True}, "a terminal is at home"
    audited = ledger(rig, "notify.masked")
    assert [row["receiver"] for row in audited] == (["am"] if masked else [])


def test_what_may_only_be_in_one_place_is_not_sent_to_another_and_that_is_audited(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.sources = {"made": {"kind": "made", "data_class": "internal", "residency": ["eu"]}}
    written(rig, {"locations": {"am-us": "us", "am-eu": "eu"}})
    am = {"kind": "alertmanager", "url": "http://127.0.0.1:9"}
    rig.more |= {
        "receivers": {"am-us": am, "am-eu": am}, "stages": {"disk": "ticket"},
        "routes": [{"receiver": "am-us", "continue": True}, {"receiver": "am-eu"}],
    }  # fmt: skip
    daemon = rig.start(card())
    rig.until_warned()
    with daemon.store._read() as connection:
        assert {row[0] for row in connection.exec_driver_sql("SELECT receiver FROM outbox").all()} == {"am-eu"}
    (denied,) = ledger(rig, "notify.denied")
    assert (denied["receiver"], denied["rule"]) == ("am-us", "built-in-residency")
