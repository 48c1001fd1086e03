"""What stands beside a symptom, through the real turn: numbers that are those of the series."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiops.core.records import Symptom
from aiops.pipeline import turn
from aiops.store import Store
from aiops.symptoms.build import sureness
from tests.daemon.rig import falling
from tests.notify.samples import memory
from tests.pipeline.made import START_S, World, anomaly_card, rooms_of, watch_of
from tests.pipeline.test_gather import BREAKS_S, STEP_S, jumps


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def symptoms_of(world: World, store: Store, until_s: int, **card: object) -> list[Symptom]:
    """Of the first warning that opens."""
    watch, rooms = watch_of(world, anomaly_card(**card) if card else None), rooms_of(store)
    for now_s in range(START_S + 8 * 3600, until_s, STEP_S):
        turn(watch, now_s, rooms)
        for warning in watch.open.values():
            return list(warning.symptoms)
    raise AssertionError("nothing opened")


def test_a_forecast_tells_its_paces_over_several_spans(store: Store) -> None:
    world = World()
    world.add("free", {"instance": "fills"}, falling(0.001))
    (one,) = symptoms_of(world, store, START_S + 14 * 3600)
    assert one.evidence["windows"][0] == "1h: -0.06 an hour"
    assert one.evidence["against"] == []


def test_an_anomaly_tells_the_usual_range_what_else_moved_and_what_did_not(store: Store) -> None:
    world = World()
    for i, (name, breaks) in enumerate([("a", BREAKS_S)] * 4 + [("calm", 2**40)] * 2):
        world.add("load", {"instance": "db1", "cpu": f"{name}{i}"}, jumps(i, breaks))
    found = symptoms_of(world, store, BREAKS_S + 1200, entity=["instance"])
    assert len(found) == 3
    for one in found:
        low, high = one.evidence["usual_low"], one.evidence["usual_high"]
        assert 5 < low < one.evidence["expected"] < high < 15 < one.evidence["now"]
        assert [other["labels"]["cpu"][0] for other in one.evidence["also"]] == ["a"]
        assert one.evidence["against"] == ["2 of its 6 series are as usual"]
    assert sum(one.evidence["share"] for one in found) == pytest.approx(2.75 / 3.25, abs=0.03), "the fourth counts a little too"
    (whole,) = {(one.evidence["entity_score"], one.evidence["threshold"], one.confidence) for one in found}
    assert whole[2] == pytest.approx(sureness(*whole[:2]))
