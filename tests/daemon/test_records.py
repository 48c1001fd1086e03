"""The live figures as metrics: the store is read once a minute, and names are bounded."""

from __future__ import annotations

import pytest

from aiops.core.errors import StoreError
from aiops.daemon import records
from aiops.daemon.daemon import Daemon
from tests.daemon.rig import Rig, card
from tests.store.samples import outcome


@pytest.fixture
def daemon(rig: Rig) -> Daemon:
    found, at = rig.start(card("disk_full")), int(rig.clock.now)
    with found.store.transaction() as tx:
        for number in range(4):
            tx.put_outcome(outcome(number, "false" if number == 3 else "hit", settled_s=at, opened_s=at - 600))
    return found


def test_every_figure_of_every_kind_is_told(daemon: Daemon) -> None:
    rows = {name: dict(make()) for name, make in records.Records(daemon).rows().items()}
    mine = ("card", "disk_full")
    assert rows["aiops_record_settled"] == {mine: 4.0, ("team", "t"): 4.0} | {("entity", f"a{n}"): 1.0 for n in range(4)}
    assert rows["aiops_record_cleared_alone_ratio"][mine] == 0.25
    assert rows["aiops_record_calibrated_on"]["disk_full", "exhaustion", "interval"] == 0.0
    assert rows["aiops_record_confidence_floor_ratio"] == {("disk_full", "exhaustion"): 0.0}
    assert rows["aiops_record_names_left_out"] == {(by,): 0.0 for by in records.SHOWN}
    assert rows["aiops_record_precision_ratio"][*mine, "point"] == 0.75
    assert rows["aiops_record_precision_ratio"][*mine, "low"] < 0.75 < rows["aiops_record_precision_ratio"][*mine, "high"]
    assert rows["aiops_record_lead_seconds"][*mine, "0.5"] == 190.0
    assert rows["aiops_record_time_error_seconds"][mine] == 50.0
    assert rows["aiops_record_interval_coverage_ratio"][mine] == 1.0
    assert rows["aiops_record_false_warnings_per_week"][mine] == 1.0
    assert rows["aiops_record_recall_ratio"][mine] == 1.0
    assert rows["aiops_record_false_budget_ratio"] == {}, "no series is watched"


def test_the_store_is_read_once_a_minute(rig: Rig, daemon: Daemon) -> None:
    one = records.Records(daemon)
    settled = lambda: dict(one.rows()["aiops_record_settled"]())["card", "disk_full"]  # noqa: E731
    assert settled() == 4.0
    with daemon.store.transaction() as tx:
        tx.put_outcome(outcome(9, "hit", settled_s=int(rig.clock.now), opened_s=60))
    assert settled() == 4.0
    rig.clock.now += records.EVERY_S
    assert settled() == 5.0


def test_names_are_bounded(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "NAMES_AT_MOST", 1)
    with daemon.store.transaction() as tx:
        tx.put_outcome(outcome(9, "hit", card="another", settled_s=int(daemon.clock())))
    assert {name for by, name in dict(records.Records(daemon).rows()["aiops_record_settled"]()) if by == "card"} == {"disk_full"}


def test_of_entities_only_those_with_the_most_verdicts_are_told(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "ENTITIES_AT_MOST", 2)
    at = int(daemon.clock())
    with daemon.store.transaction() as tx:
        for number in range(10, 13):
            tx.put_outcome(outcome(number, "hit", entity={"instance": "b"}, settled_s=at))
    rows = records.Records(daemon).rows()
    assert {name for by, name in dict(rows["aiops_record_settled"]()) if by == "entity"} == {"b", "a0"}
    assert dict(rows["aiops_record_names_left_out"]())["entity",] == 3.0


def test_without_a_store_nothing_is_told(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StoreError("away")

    monkeypatch.setattr(daemon.store, "outcomes", fails)
    assert all(dict(make()) == {} for make in records.Records(daemon).rows().values())
