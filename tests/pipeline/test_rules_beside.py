"""Several rules, and a card, about one thing: what compares one quantity is told once, what tells of another failure is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from aiops.core.records import EarlyWarning
from aiops.early_warnings.voice import place
from aiops.pipeline import turn
from aiops.store import Store
from tests.daemon.rig import START_S, card
from tests.notify.samples import memory
from tests.pipeline.made import watch_of as card_watch
from tests.pipeline.ruled import HOUR, STEP_S, Ruled, Run, rising, watch_of
from tests.pipeline.test_gather import rooms_for, told

BEGIN_H, UNTIL_H = 30.0, 38.0
DISK = {"instance": "a", "mountpoint": "/"}


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def world() -> Ruled:
    """A disk that fills, of a host whose memory runs out as fast."""
    out = Ruled()
    for name in ("disk_used_ratio", "disk_used_ratio / 1"):
        out.add(name, DISK, rising(BEGIN_H, 0.07))
    out.add("memory_used_ratio", {"instance": "a"}, rising(BEGIN_H, 0.07))
    return out


def lived(store: Store, made: Ruled, until_h: float = UNTIL_H, with_card: bool = False) -> list[EarlyWarning]:
    """What is open after it was lived by the rules, and a card on the same disk."""
    watch = watch_of(made)
    run = Run(watch, replace(rooms_for(store), local_receivers=frozenset({"out"})))
    run.rooms.watches.append(watch)
    if with_card:
        limit = {"model": "exhaustion", "limit": {"above": 0.9}, "horizon": "6h"}
        one = card_watch(made, card("disk_full", "disk_used_ratio", entity=["instance", "mountpoint"], step="5m", forecast=limit))
        run.rooms.watches.append(one)
    for now_s in range(START_S + int((BEGIN_H - 12) * HOUR), START_S + int(until_h * HOUR) + 1, STEP_S):
        for each in run.rooms.watches:
            turn(each, now_s, run.rooms)
    found = [w for each in run.rooms.watches for w in each.open.values()]
    return sorted(found, key=lambda w: (w.opened_s, w.id))


def test_two_rules_on_one_quantity_of_one_thing_are_told_once_and_each_names_the_other(store: Store) -> None:
    made = world()
    made.rule("disk_used_ratio > 0.9", "DiskLow", labels={"severity": "warning"})
    made.rule("disk_used_ratio > 0.95", "DiskCritical", labels={"severity": "critical", "where": "{{ $labels.instance }}"})
    first, second = lived(store, made)
    assert told(store) == [("opened", 0)]
    assert {first.cause, second.cause} == {"", (second if first.cause else first).id}
    assert [other["entity"]["alertname"] for other in (*first.beside, *second.beside)] == [
        second.entity["alertname"], first.entity["alertname"],
    ]  # fmt: skip
    assert place(first) == place(second) == DISK


def test_two_rules_on_other_quantities_of_one_thing_are_two_failures(store: Store) -> None:
    made = world()
    made.add("memory_used_ratio", DISK, rising(BEGIN_H, 0.07))
    made.rule("disk_used_ratio > 0.9", "DiskLow")
    made.rule('memory_used_ratio{mountpoint="/"} > 0.9', "MemoryLow")
    made.add('memory_used_ratio{mountpoint="/"}', DISK, rising(BEGIN_H, 0.07))
    first, second = lived(store, made)
    assert told(store) == [("opened", 0)] * 2
    assert (first.cause, second.cause) == ("", "")
    assert [other["id"] for other in first.beside] == [second.id]


def test_one_rule_about_two_disks_tells_of_each(store: Store) -> None:
    made = world()
    made.add("disk_used_ratio", {**DISK, "mountpoint": "/var"}, rising(BEGIN_H, 0.07))
    made.rule("disk_used_ratio > 0.9", "DiskLow")
    assert [w.cause for w in lived(store, made)] == ["", ""]


def test_two_rules_and_a_card_about_one_disk_are_told_once(store: Store) -> None:
    made = world()
    made.rule("disk_used_ratio > 0.9", "DiskLow")
    made.rule("disk_used_ratio > 0.95", "DiskCritical")
    found = lived(store, made, with_card=True)
    assert sorted(w.kind for w in found) == ["exhaustion", "rule", "rule"]
    assert told(store) == [("opened", 0)]
    (speaker,) = [w for w in found if not w.cause]
    assert {other["id"] for other in speaker.beside} == {w.id for w in found} - {speaker.id}


def test_when_the_alert_of_the_one_that_speaks_fires_the_next_is_told(store: Store) -> None:
    made = world()
    made.rule("disk_used_ratio > 0.85", "DiskLow", for_s=0)
    made.rule("disk_used_ratio > 1.2", "DiskCritical", for_s=0)
    low = {"alertname": "DiskLow", "severity": "page", **DISK, "alertstate": "firing"}
    fires_h = BEGIN_H + 0.65 / 0.07
    made.fires(low, lambda t: np.asarray(t >= START_S + fires_h * HOUR))
    (left,) = lived(store, made, fires_h + 1)
    assert left.entity["alertname"] == "DiskCritical"
    assert left.cause == ""
    said = []
    while rows := store.due(2.0**40):
        for row in rows:
            said.append((row.payload["event"], row.payload["warning"]["entity"]["alertname"]))
            store.mark_sent(row.seq, 2.0**40)
    assert sorted(one for one in said if one[0] != "updated") == [
        ("closed", "DiskLow"), ("opened", "DiskLow"), ("worsened", "DiskCritical"),
    ]  # fmt: skip


def test_what_rose_long_before_the_daemon_started_did_not_begin_together(store: Store) -> None:
    made = Ruled()
    for k in range(4):
        made.add("disk_used_ratio", {"instance": str(k), "job": "node"}, rising(BEGIN_H + 0.7 * k, 0.07))
    made.rule("disk_used_ratio > 0.9", "DiskLow")
    watch = watch_of(made)
    rooms = rooms_for(store)
    rooms.watches.append(watch)
    for now_s in range(START_S + int(38.8 * HOUR), START_S + int(39.2 * HOUR), STEP_S):
        turn(watch, now_s, rooms)
    assert len(watch.open) == 4
    assert told(store) == [("opened", 0)] * 4
