"""A watch that begins amid what goes on knows what one knows that was there all along."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiops.core.labels import key
from aiops.core.records import Ints
from aiops.pipeline.rules_rehearse import SELDOM_S, history_at
from aiops.telemetry.window import Window
from tests.daemon.rig import START_S, Course
from tests.pipeline.ruled import HOUR, STEP_S, Ruled, Run, rising, tank, watch_of

BEGIN_H = 30.0


def tanks() -> Ruled:
    """Tanks that fill at several times and speeds, one that stops half way, one that pauses, one that goes up and down."""
    world = Ruled()
    whole, half, pause = rising(26, 0.05), rising(33, 0.05, first=0.0), rising(34, 0.05, first=0.0)
    courses: dict[str, Course] = {
        "calm": rising(1e9, 0), "quick": rising(34, 0.2), "slow": rising(20, 0.04), "late": rising(40, 0.1),
        "stops": rising(28, 0.07, top=0.6), "pauses": lambda t: whole(t) - half(t) + pause(t),
        "saw": lambda t: 0.3 + 0.2 * ((t - START_S) % (6 * HOUR)) / (6 * HOUR),
    }  # fmt: skip
    for name, course in courses.items():
        world.add("tank_used_ratio", {"tank": name}, course)
        labels = {"alertname": "TankFull", "severity": "page", "tank": name, "alertstate": "firing"}
        world.fires(labels, full(course))
    world.rule("tank_used_ratio > 0.9")
    return world


def full(course: Course) -> Callable[[Ints], Any]:
    return lambda t: course(t - 600) > 0.9


def opened(run: Run) -> dict[str, float]:
    """The open warnings: by alert, the expected firing."""
    return {key(one.entity): one.crossing.expected_s for one in run.watch.open.values() if one.crossing is not None}


def test_a_daemon_that_starts_late_has_the_warnings_of_one_that_was_there_all_along() -> None:
    world, seen = tanks(), set[str]()
    along = Run.of(watch_of(world))
    begin_h = 20.0
    for hours in (33.5, 36, 37.5, 41, 45):
        along.until(hours, begin_h)
        late = Run.of(watch_of(world)).until(hours, hours)
        assert opened(late).keys() == opened(along).keys()
        for name, expected_s in opened(along).items():
            left_s = expected_s - along.results[-1].now_s
            assert opened(late)[name] == pytest.approx(expected_s, abs=0.05 * left_s + STEP_S)
        seen |= opened(along).keys()
    assert len(seen) >= 4


def test_it_tells_in_its_first_turn() -> None:
    world, _ = tank(BEGIN_H)
    run = Run.of(watch_of(world)).until(BEGIN_H + 8, BEGIN_H + 8)
    assert run.told() == [("opened", BEGIN_H + 8)]


def test_of_what_is_gone_when_it_starts_it_tells_nothing() -> None:
    world, rise = Ruled(), rising(BEGIN_H, 0.07)
    gone_h = BEGIN_H + 7.5
    world.add("tank_used_ratio", {"tank": "gone"}, lambda t: np.where(t > START_S + gone_h * HOUR, np.nan, rise(t)))
    world.add("tank_used_ratio", {"tank": "there"}, rising(BEGIN_H, 0.075))
    world.rule("tank_used_ratio > 0.9")
    along = Run.of(watch_of(world)).until(gone_h, gone_h)
    assert len(opened(along)) == 2, "it was told while it was there"
    late = Run.of(watch_of(world)).until(gone_h + 0.5, gone_h + 0.25)
    assert ["there" in name for name in opened(late)] == [True]
    assert [what for what, _ in late.told()] == ["opened"]


def test_a_symptom_says_since_when_it_would_have_been_seen() -> None:
    world, _ = tank(BEGIN_H)
    along = Run.of(watch_of(world)).until(BEGIN_H + 8, BEGIN_H - 6)
    late = Run.of(watch_of(world)).until(BEGIN_H + 8, BEGIN_H + 8)
    (one,), (other,) = along.watch.open.values(), late.watch.open.values()
    assert one.symptoms[0].since_s == pytest.approx(other.symptoms[0].since_s, abs=SELDOM_S)
    assert other.symptoms[0].since_s < other.opened_s - HOUR


def test_an_alert_whose_for_runs_was_foreseen() -> None:
    world, at = tank(BEGIN_H)
    run = Run.of(watch_of(world)).until(at - 1 / 12, at - 1 / 12)
    (one,) = run.watch.open.values()
    assert one.crossing is not None
    assert (one.crossing.expected_s - START_S) / HOUR == pytest.approx(at, abs=1 / 12)


def test_what_fires_already_is_not_told() -> None:
    world, at = tank(BEGIN_H)
    assert Run.of(watch_of(world)).until(at + 0.5, at + 0.5).told() == []


def test_looks_that_an_outage_took_are_taken_after_it() -> None:
    world, _ = tank(BEGIN_H)
    run = Run.of(watch_of(world)).until(BEGIN_H + 1, BEGIN_H - 6)
    assert run.told() == []
    now_h = BEGIN_H + 8
    again = Run(run.watch, run.rooms).until(now_h, now_h)
    assert again.told() == [("opened", now_h)]


def test_a_rule_that_is_loaded_amid_a_rise_is_told_as_soon_as_its_history_is_read() -> None:
    world, _ = tank(BEGIN_H)
    world.add("tank_free_ratio", {"tank": "a"}, lambda t: 1 - rising(BEGIN_H, 0.07)(t))
    run = Run.of(watch_of(world)).until(BEGIN_H + 7.5, BEGIN_H + 7)
    world.rule("tank_free_ratio < 0.1", "TankNoRoom")
    run.until(BEGIN_H + 7.5 + 4 / 12)
    told = [(e.warning.entity["alertname"], e.at_s) for r in run.results for e in r.events if e.kind == "opened" and e.warning]
    (at_s,) = [at for name, at in told if name == "TankNoRoom"]
    assert at_s <= START_S + (BEGIN_H + 7.5) * HOUR + 3 * STEP_S


def test_a_turn_after_a_turn_takes_no_look_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = tank(BEGIN_H)
    run = Run.of(watch_of(world)).until(BEGIN_H + 1, BEGIN_H)
    watch, asked = run.watch, list[int]()
    assert watch.forecaster is not None
    usual = watch.forecaster.crossings

    def counted(state, history, limit, horizon_s):  # type: ignore[no-untyped-def]
        asked.extend(np.unique(history.now_s).tolist())
        return usual(state, history, limit, horizon_s)

    monkeypatch.setattr(watch.forecaster, "crossings", counted)
    run.until(BEGIN_H + 2)
    assert set(asked) <= set(range(START_S + int((BEGIN_H + 1) * HOUR), START_S + int((BEGIN_H + 2) * HOUR) + 1, STEP_S))
    assert all(a < b for a, b in itertools.pairwise(asked))


@pytest.mark.parametrize("step_s", [60, 300])
@pytest.mark.parametrize("back_s", [600, 3 * HOUR, 9 * HOUR])
def test_history_of_an_earlier_instant_is_what_it_was_then(step_s: int, back_s: int) -> None:
    window, rows = Window.open(None, step_s), np.arange(2)
    window.rows_for([{"a": "1"}, {"a": "2"}])
    end_s = START_S + 5 * 86400
    time_s = np.arange(START_S + step_s, end_s + 1, step_s)
    values = np.stack([time_s * 1e-5, np.sin(time_s / 40_000.0)])
    then = time_s <= end_s - back_s
    window.append(rows, time_s[then], values[:, then])
    was = window.history(rows, end_s - back_s)
    window.append(rows, time_s[~then], values[:, ~then])
    found = history_at(window, rows, end_s - back_s)
    for name in ("fine", "mid"):
        one, other = getattr(found, name), getattr(was, name)
        assert (one.step_s, one.end_s, one.mean.shape) == (other.step_s, other.end_s, other.mean.shape)
        for part in ("mean", "low", "high"):
            there = getattr(one, part)
            assert np.isfinite(there).all()
            assert np.abs(there - getattr(other, part)).max() <= 0.1, "a bucket of the next coarser one at most"
    assert np.array_equal(found.mid.mean[:, -200:], was.mid.mean[:, -200:])
    kept = found.long.mean.shape[1]
    assert kept
    assert np.array_equal(found.long.mean, was.long.mean[:, -kept:])
    if back_s < 4 * HOUR:
        assert np.array_equal(found.fine.mean[:, -60:], was.fine.mean[:, -60:])
