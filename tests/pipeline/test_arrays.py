"""The arrays behind a warning are those of the turn: its samples, its limit, its range, what it told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiops.core.records import EarlyWarning
from aiops.pipeline.arrays import arrays, samples, usual
from tests.daemon.rig import START_S, Rig, anomaly_card, calm, card, falling


@pytest.fixture
def warned(rig: Rig) -> EarlyWarning:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.world.add("load", {"instance": "a"}, calm())
    rig.start(card(), anomaly_card())
    rig.until_warned()
    assert rig.daemon is not None
    return rig.daemon.store.open_warnings()[0]


def test_the_samples_are_those_of_the_window(rig: Rig, warned: EarlyWarning) -> None:
    assert rig.daemon is not None
    found = arrays(rig.daemon.rooms.watches, warned)
    assert found is not None
    watch = rig.watch("disk@made")
    recent = found.time_s > watch.window.end_s - 6 * 3600 + watch.step_s
    known = watch.window.value_at(np.array([0]), found.time_s[recent])[0]
    assert recent.sum() > 30
    assert np.array_equal(found.values[recent], known)
    assert found.now_s == watch.window.end_s
    assert found.time_s[0] <= warned.opened_s
    assert (np.diff(found.time_s) > 0).all()


def test_what_was_told_is_where_the_ways_end(rig: Rig, warned: EarlyWarning) -> None:
    assert rig.daemon is not None
    found = arrays(rig.daemon.rooms.watches, warned)
    assert found is not None
    assert found.crossing == warned.crossing
    assert warned.crossing is not None
    assert found.limit == 0.05
    assert not found.above
    assert found.mean[0] == found.values[-1]
    assert (found.lower <= found.mean + 1e-12).all()
    assert (found.mean <= found.upper + 1e-12).all()
    reached = found.ahead_s[np.argmax(np.isclose(found.mean, 0.05))]
    assert abs(float(reached) - warned.crossing.expected_s) <= (found.ahead_s[-1] - found.ahead_s[0]) / 30


def test_what_has_ended_has_nothing_ahead_and_shows_what_was_told_first(rig: Rig, warned: EarlyWarning) -> None:
    assert rig.daemon is not None
    ended = warned.having(state="closed", closed_s=warned.opened_s, crossing=None)
    found = arrays(rig.daemon.rooms.watches, ended)
    assert found is not None
    assert len(found.ahead_s) == 0
    assert found.crossing == warned.first_crossing
    assert found.closed_s == warned.opened_s


def test_a_series_that_is_not_known_has_no_picture(rig: Rig, warned: EarlyWarning) -> None:
    assert rig.daemon is not None
    (symptom,) = warned.symptoms
    elsewhere = replace(symptom, lineage=replace(symptom.lineage, source="nowhere"))
    assert arrays(rig.daemon.rooms.watches, warned.having(symptoms=(elsewhere,))) is None
    assert arrays(rig.daemon.rooms.watches, warned.having(entity={"instance": "gone"})) is None
    assert arrays(rig.daemon.rooms.watches, warned.having(members=({"id": "x"},))) is None
    assert arrays(rig.daemon.rooms.watches, warned, symptom=1) is None


def test_what_is_usual_is_what_the_detector_knows_and_asking_teaches_it_nothing(rig: Rig, warned: EarlyWarning) -> None:
    watch = rig.watch("strange@made")
    for look in range(120, 400):
        rig.at(300.0 * look)
        rig.turn("strange@made")
    before = {name: array.copy() for name, array in watch.detector_state.items()}
    low, high = usual(watch, 0, np.array([watch.window.end_s - 300, watch.window.end_s], np.int64))
    assert all(np.array_equal(array, watch.detector_state[name], equal_nan=True) for name, array in before.items())
    assert low[-1] < 0.5 < high[-1]
    assert all(np.isnan(one).all() for one in usual(rig.watch("disk@made"), 0, np.array([START_S])))


def test_as_json_it_holds_no_number_that_json_has_not(rig: Rig, warned: EarlyWarning) -> None:
    assert rig.daemon is not None
    found = arrays(rig.daemon.rooms.watches, warned)
    assert found is not None
    as_json = found.as_json()
    assert set(as_json["low"]) == {None}
    assert len(as_json["values"]) == len(as_json["time_s"])
    assert as_json["crossing_s"] == sorted(as_json["crossing_s"])


def test_older_stretches_come_from_coarser_resolutions(rig: Rig, warned: EarlyWarning) -> None:
    watch = rig.watch("disk@made")
    for look in range(100, 100 + 4 * 288, 12):
        rig.at(300.0 * look)
        rig.turn("disk@made")
    history = watch.window.history(np.array([0]), watch.window.end_s)
    time_s, values = samples(history, watch.window.end_s - 3.5 * 86400)
    steps = np.diff(time_s)
    assert set(steps.tolist()) <= set(range(1, 3601))
    assert steps[0] > steps[-1]
    assert time_s[-1] == watch.window.end_s
    assert np.isfinite(values).mean() > 0.9
