"""What stands beside a symptom, through the real turn: numbers that are those of the series."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from aiops.core.durations import text
from aiops.core.errors import SourceError
from aiops.core.records import Symptom
from aiops.notify.evidence import newest_s, told
from aiops.notify.wording import body
from aiops.pipeline import turn
from aiops.pipeline.explain import explain_anomalies
from aiops.store import Store
from aiops.symptoms.build import sureness
from tests.daemon.rig import falling
from tests.notify.samples import memory
from tests.pipeline.made import START_S, World, anomaly_card, card, rooms_of, watch_of
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


def test_a_forecast_tells_when_its_rise_began_beside_when_it_became_a_symptom(store: Store) -> None:
    """The disk was calm for two days, and has been filling since."""
    world, fills_s = World(), START_S + 48 * 3600
    world.add("free", {"instance": "fills"}, lambda t: 0.8 - 0.001 * np.maximum(t - fills_s, 0) / 60)
    (one,) = symptoms_of(world, store, START_S + 61 * 3600)
    assert one.evidence["began_s"] == pytest.approx(fills_s, abs=1200)
    assert "began_before" not in one.evidence
    assert one.since_s > fills_s + 3600
    (said,) = told([one], one.since_s)
    assert list(dict(said.facts)).index("began") < list(dict(said.facts)).index("a symptom since")


def test_an_anomaly_tells_when_it_left_what_is_usual_beside_when_it_became_a_symptom(store: Store) -> None:
    world = World()
    world.add("load", {"instance": "breaks"}, jumps(1))
    (one,) = symptoms_of(world, store, BREAKS_S + 4 * 3600, guards={"persistence": "3/5"})
    assert one.evidence["began_s"] == pytest.approx(BREAKS_S, abs=STEP_S)
    assert one.since_s >= BREAKS_S + 2 * STEP_S


def test_how_old_the_newest_sample_is_is_told_when_the_next_ones_stay_away(store: Store) -> None:
    """Of a series that falls silent while its source answers, and of all of them while the source is away."""
    world, silent_s = World(), 1 << 40
    fills = falling(0.001)
    world.add("free", {"instance": "fills"}, lambda t: np.where(t < silent_s, fills(t), np.nan))
    watch, rooms, now_s = watch_of(world), rooms_of(store), START_S + 8 * 3600
    while not watch.open:
        now_s += watch.step_s
        turn(watch, now_s, rooms)
    (before,) = watch.open.values()
    assert before.symptoms[0].evidence["newest_s"] == now_s
    assert newest_s(before, now_s + 2 * watch.step_s) is None
    silent_s = now_s + 1
    for _ in range(3):
        now_s += watch.step_s
        turn(watch, now_s, rooms)
    (open_,) = watch.open.values()
    evidence = open_.symptoms[0].evidence
    assert (evidence["now"], evidence["last"]) == (None, pytest.approx(float(before.symptoms[0].evidence["now"]), abs=1e-6))
    assert newest_s(open_, now_s) == silent_s - 1
    age = text(3 * watch.step_s)
    assert f"Data: the newest sample is {age} old, of " in body(open_, now_s, None)
    world.error = SourceError("made", "unreachable", "nobody answers")
    turn(watch, now_s + watch.step_s, rooms)
    (stale,) = watch.open.values()
    assert "Data: its source is away since " in body(stale, now_s + watch.step_s, None)
    assert "what became of it since is not known" in body(stale, now_s + watch.step_s, None)


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
    assert sum(one.evidence["share"] for one in found) == pytest.approx(3 / 4, abs=0.03), "the fourth counts too"
    assert [one.evidence["share"] for one in found] == sorted((one.evidence["share"] for one in found), reverse=True)
    (whole,) = {(one.evidence["entity_score"], one.evidence["threshold"], one.confidence) for one in found}
    assert whole[2] == pytest.approx(sureness(*whole[:2]))
    assert all(one.evidence["jumped"] > 10 for one in found)
    assert all("slope_per_hour" not in one.evidence and "windows" not in one.evidence for one in found)


def test_an_anomaly_that_climbs_tells_its_pace_and_one_that_jumped_tells_it_once_an_hour_holds_nothing_else(store: Store) -> None:
    world = World()
    world.add("load", {"instance": "climbs"}, lambda t: 10.0 + 0.3 * np.sin(t / 700) + np.maximum(0.0, (t - BREAKS_S) / 300))
    world.add("load", {"instance": "jumps"}, lambda t: 10.0 + 0.3 * np.sin(t / 700) + 20.0 * (t >= BREAKS_S))
    watch, rooms = watch_of(world, anomaly_card(entity=["instance"])), rooms_of(store)
    for now_s in range(START_S + 8 * 3600, BREAKS_S + 2400, STEP_S):
        turn(watch, now_s, rooms)
    found = {one.labels["instance"]: one.evidence for warning in watch.open.values() for one in warning.symptoms}
    assert found["climbs"]["slope_per_hour"] == pytest.approx(12.0, rel=0.5)
    assert "jumped" not in found["climbs"]
    assert [line.split(":")[0] for line in found["climbs"]["windows"]] == ["6h", "1d"], "the hour is told as its pace"
    assert found["jumps"]["jumped"] == pytest.approx(20.0, abs=1.0)
    for later_s in range(now_s + STEP_S, BREAKS_S + 3 * 3600, STEP_S):
        turn(watch, later_s, rooms)
    said = explain_anomalies(watch, np.array([watch.window.labels.index({"instance": "jumps"})]), later_s)
    (said_,) = said.values()
    assert abs(said_["slope_per_hour"]) < 2
    assert said_["windows"] == [], "the hour is what its pace is told over, and longer spans hold the jump"


def test_what_is_told_as_usual_has_not_learnt_from_the_episode(store: Store) -> None:
    """A level that always was 7 is 20 for three hours: the range that is told of it is the one of 7."""
    world = World()
    world.add("load", {"instance": "db1"}, lambda t: np.where(t >= BREAKS_S, 20.0, 7.0))
    watch, rooms = watch_of(world, anomaly_card(entity=["instance"])), rooms_of(store)
    ranges = []
    for now_s in range(START_S + 8 * 3600, BREAKS_S + 3 * 3600, STEP_S):
        turn(watch, now_s, rooms)
        said = [one.evidence for warning in watch.open.values() for one in warning.symptoms]
        ranges += [(one["usual_low"], one["expected"], one["usual_high"]) for one in said]
    assert len(ranges) > 10
    assert np.ptp(ranges) < 1e-6
    assert ranges[0] == pytest.approx([7.0] * 3, abs=1e-6)


def test_a_forecast_tells_what_is_usual_at_this_hour_and_what_else_of_the_entity_is_not(store: Store) -> None:
    world, end = World(), START_S + 8 * 86400
    wave = lambda t: 0.7 + 0.02 * np.sin(2 * np.pi * t / 86400)  # noqa: E731
    fills = lambda t: wave(t) - np.maximum(0.0, (t - end + 12 * 3600) / 3600) * 0.02  # noqa: E731
    world.add("free", {"instance": "db1", "disk": "fills"}, fills)
    world.add("free", {"instance": "db1", "disk": "jumps"}, lambda t: wave(t) + 0.2 * (t > end - 3600))
    world.add("free", {"instance": "db1", "disk": "calm"}, wave)
    watch, rooms = watch_of(world, card(entity=["instance"], history="9d")), rooms_of(store)
    found: list[Symptom] = []
    for now_s in range(end, end + 12 * 3600, 300):
        turn(watch, now_s, rooms)
        found = [one for warning in watch.open.values() for one in warning.symptoms if one.labels["disk"] == "fills"]
        if found:
            break
    (one,) = found
    assert 0.66 < one.evidence["usual_low"] < one.evidence["usual_high"] < 0.74
    assert one.evidence["now"] < one.evidence["usual_low"]
    assert [(other["labels"]["disk"], other["now"] > 0.8) for other in one.evidence["also"]] == [("jumps", True)]
    (told_,) = told([one], now_s)
    assert "here at this hour" in dict(told_.facts)["usual"]
    assert told_.also[0].startswith("disk=jumps, instance=db1: now 0.8")
    assert ", usual 0.6" in told_.also[0] or ", usual 0.7" in told_.also[0]


def test_what_was_as_far_out_before_speaks_against_an_anomaly_of_one_series(store: Store) -> None:
    world = World()
    breaks = START_S + 8 * 86400
    course, before = jumps(0, breaks), breaks - 5 * 86400
    world.add("load", {"instance": "db1"}, lambda t: course(t) + 21.0 * ((t >= before) & (t < before + 3600)))
    watch, rooms = watch_of(world, anomaly_card(entity=["instance"], history="9d")), rooms_of(store)
    for now_s in range(breaks - 600, breaks + 1200, STEP_S):
        turn(watch, now_s, rooms)
    (said,) = explain_anomalies(watch, np.array([0]), now_s).values()
    assert said["against"] == ["it stood as far out 4d22h ago"]
    assert said["jumped"] > 10
    assert 5 < said["jumped_from"] < 15
    assert explain_anomalies(watch, np.array([0]), now_s)[0] is said, "between two looks what was said stands"
    assert explain_anomalies(watch, np.zeros(0, np.int64), now_s) == {}


def test_of_events_that_are_counted_nothing_below_0_is_usual_and_none_before_were_as_many(store: Store) -> None:
    world, breaks = World(), START_S + 8 * 86400
    rare = lambda t: (np.random.default_rng(3).random(len(t)) < 0.02) * (t < breaks) * 1.0  # noqa: E731
    world.add("load", {"instance": "db1"}, lambda t: np.where(t < breaks, rare(np.asarray(t)), 3.0))
    one = anomaly_of(world, store, breaks - 600, breaks + 300)
    assert one.evidence["now"] == 3.0
    assert one.evidence["usual_low"] == 0.0
    assert one.evidence["expected"] >= 0.0
    assert one.evidence["against"] == []


def anomaly_of(world: World, store: Store, from_s: int, until_s: int) -> Symptom:
    """That of the warning that is open last."""
    watch, rooms, one = watch_of(world, anomaly_card(entity=["instance"], history="9d")), rooms_of(store), None
    for now_s in range(from_s, until_s, STEP_S):
        turn(watch, now_s, rooms)
        one = next((warning.symptoms[0] for warning in watch.open.values()), one)
    assert one is not None
    return one


def test_of_a_series_that_froze_it_is_told_for_how_long(store: Store) -> None:
    world, stops = World(), START_S + 8 * 86400
    world.add("load", {"instance": "db1"}, lambda t: np.where(t < stops, jumps(0, 2**40)(t), 10.0))
    one = anomaly_of(world, store, stops - 600, stops + 6 * 3600)
    assert one.evidence["reason"] == "it has not moved for 5h55m"
    assert one.evidence["against"] == ["its value is inside of what is usual now"]


def test_when_the_value_is_back_that_is_told_and_nothing_is_as_far_out(store: Store) -> None:
    world, breaks = World(), START_S + 8 * 86400
    world.add("load", {"instance": "db1"}, jumps(0, breaks, breaks + 1800))
    out = anomaly_of(world, store, breaks - 600, breaks + 1200)
    assert "its value is inside of what is usual now" not in out.evidence["against"]
    back = anomaly_of(world, store, breaks - 600, breaks + 2400)
    assert back.evidence["reason"] == "unlike what was usual here"
    assert back.evidence["against"] == ["its value is inside of what is usual now"]
