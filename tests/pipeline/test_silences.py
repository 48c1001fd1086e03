"""What history teaches of silences: who was regular before is missed at once, who pauses or ends by design is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.pipeline import Watch, backfill, keep, turn
from aiops.pipeline import read as read_module
from aiops.pipeline.backfill import missing
from aiops.store import Store
from tests.daemon.rig import WORLDS, Course, anomaly_card, calm
from tests.pipeline.made import START_S, World, card, rooms_of, watch_of

STEP_S, HOUR_S = 300, 3600
FIRST = START_S + 46 * HOUR_S // STEP_S * STEP_S
ASKS = {"persistence": "2/3", "on_missing": "alert"}


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def until(end_s: float, start_s: float = -np.inf) -> Course:
    """There from `start_s` up to `end_s`."""
    return lambda t: np.where((t >= start_s) & (t < end_s), 0.5, np.nan)


def every(period_s: int, on_s: int, end_s: float = np.inf) -> Course:
    """A job that runs for `on_s` of each period, up to `end_s`."""
    return lambda t: np.where(((t - START_S) % period_s < on_s) & (t < end_s), 0.5, np.nan)


def world(**courses: Course) -> World:
    found = World()
    for name, course in courses.items():
        for query in ("free", "load"):
            found.add(query, {"instance": name.replace("_", "-")}, course)
    return found


def watching(made: World, folder: Path | None = None, **more: object) -> Watch:
    return watch_of(made, card(guards=ASKS, **more), folder=folder)


def go(watch: Watch, store: Store, turns: int, first_s: int = FIRST) -> set[str]:
    """All that was ever told as absent in so many turns."""
    seen = set()
    for now in range(first_s, first_s + turns * STEP_S, STEP_S):
        assert turn(watch, now, rooms_of(store)).error is None
        seen |= {w.entity["instance"] for w in watch.open.values() if w.kind == "absence"}
    return seen


def stands(watch: Watch, *names: str) -> dict[str, object]:
    """The state by instance, some of it or all."""
    order = np.argsort([labels["instance"] for labels in watch.window.labels])
    return {name: watch.silence[name][order].tolist() for name in names or watch.silence}


def test_what_dies_minutes_after_a_first_start_is_missed_as_if_it_had_been_watched(store: Store) -> None:
    dies = FIRST + 600
    started = watching(world(dies=until(dies), well=calm()))
    assert go(started, store, 3) == set()
    assert go(started, store, 12, FIRST + 3 * STEP_S) == {"dies"}
    (warning,) = started.open.values()
    assert warning.opened_s - dies <= 3 * 3 * STEP_S * 1.1 + 2 * STEP_S, "three scales, a little for youth, two turns to be sure"
    assert warning.symptoms[0].since_s == pytest.approx(dies, abs=STEP_S)


def test_what_was_silent_before_it_was_first_looked_at_is_not_told_until_it_has_come_back(store: Store) -> None:
    late = FIRST + 4 * HOUR_S
    made = world(dead=until(FIRST - 5 * HOUR_S), longer=until(FIRST - 30 * HOUR_S), well=calm())
    back = until(FIRST - 2 * HOUR_S)
    made.add("free", {"instance": "back"}, lambda t: np.where((t >= FIRST + HOUR_S) & (t < late), 0.5, back(t)))
    watch = watching(made)
    assert go(watch, store, 4 * 12) == set()
    assert go(watch, store, 3 * 12, late) == {"back"}


def test_jobs_that_run_now_and_then_are_missed_only_when_they_are_overdue(store: Store) -> None:
    overdue = FIRST + 5 * HOUR_S
    jobs = {"hourly": every(3600, 1200), "overdue": every(3600, 1200, overdue), "six_hourly": every(6 * 3600, 1800)}
    assert go(watching(world(**jobs)), store, 12 * 12) == {"overdue"}
    made = world(**jobs)
    for name, labels in (("a", "hourly"), ("b", "six-hourly")):
        made.add("free", {"instance": f"{labels}-{name}"}, calm())
    assert go(watching(made), Store.open("sqlite://", None), 12 * 12) == {"overdue"}, "whoever else reports meanwhile"


def test_pods_that_end_by_design_are_not_missed_and_a_node_beside_them_is(store: Store) -> None:
    pods = {
        f"pod_{i}": until(FIRST + (3 * i - 60) * HOUR_S / 3 + 3 * HOUR_S, FIRST + (3 * i - 60) * HOUR_S / 3) for i in range(70)
    }
    nodes = {"node_a": calm(), "node_b": until(FIRST + HOUR_S), "node_c": calm()}
    assert go(watching(world(**pods, **nodes)), store, 8 * 12) == {"node-b"}


def test_pods_of_one_life_each_are_not_missed_when_the_job_is_done_before_an_hour_is_over(store: Store) -> None:
    pods = {f"pod_{i}": until(FIRST + 1200 * (i - 60), FIRST + 1200 * (i - 61)) for i in range(85)}
    assert go(watching(world(**pods, well=calm())), store, 8 * 12) == set()


@pytest.mark.usefixtures("store")
def test_time_in_which_nobody_watched_teaches_what_watching_would_have() -> None:
    def courses() -> World:
        random = np.random.default_rng(5).random(2000) < 0.8
        odd: Course = lambda t: np.where(random[(t - START_S) // STEP_S], 0.5, np.nan)  # noqa: E731
        return world(odd=odd, hourly=every(3600, 1200), well=calm())

    watched, away = watching(courses()), watching(courses())
    go(watched, Store.open("sqlite://", None), 60)
    store = Store.open("sqlite://", None)
    go(away, store, 20)
    go(away, store, 1, FIRST + 59 * STEP_S)
    assert stands(away) == stands(watched)


def test_the_order_of_series_does_not_matter(store: Store) -> None:
    courses = {"odd": every(900, 300), "hourly": every(3600, 1200), "dies": until(FIRST + 600), "gone": until(FIRST - HOUR_S)}
    one, other = watching(world(**courses)), watching(world(**dict(reversed(courses.items()))))
    assert go(one, store, 24) == go(other, Store.open("sqlite://", None), 24) == {"dies"}
    assert stands(one) == stands(other)


def test_a_source_that_was_away_leaves_rows_as_they_stood(store: Store) -> None:
    watch = watching(world(a=calm(), b=every(3600, 1200)))
    go(watch, store, 3)
    before = stands(watch, "silent_s", "longest_s")
    gap = (FIRST + 2 * STEP_S, FIRST + 3 * HOUR_S)
    made = WORLDS["pipeline"]
    for query in made.series:
        made.series[query] = {
            name: lambda t, course=course: np.where((t > gap[0]) & (t < gap[1]), np.nan, course(t))
            for name, course in made.series[query].items()
        }  # fmt: skip
    made.error = SourceError("made", "unreachable", "refused")
    turn(watch, FIRST + 2 * HOUR_S, rooms_of(store))
    made.error = None
    watch.feeds[0].rest._rests_until = 0.0  # whatever time has passed
    assert go(watch, store, 1, gap[1]) == set()
    after = stands(watch, "silent_s", "longest_s")
    assert after["silent_s"] == [0.0, 0.0]
    assert before["silent_s"] == [0.0, 0.0]
    assert max(after["longest_s"]) == 0.0  # type: ignore[call-overload]


def test_state_that_is_lost_is_learnt_from_what_is_kept(store: Store, tmp_path: Path) -> None:
    dies = FIRST + 600
    made = world(dies=until(dies), well=calm())
    first = watching(made, tmp_path / "window")
    go(first, store, 2)
    keep.save(first, tmp_path)
    for found in (tmp_path / "state").rglob("learnt*"):
        found.write_bytes(b"no state")
    second = watching(made, tmp_path / "window")
    keep.restore(second, store, tmp_path)
    assert "learnt" in second.losses
    assert go(second, store, 20, FIRST + 2 * STEP_S) == {"dies"}


def learning(made: World, store: Store, turns: int) -> tuple[Watch, set[str]]:
    watch = watch_of(made, anomaly_card(guards=ASKS))
    return watch, go(watch, store, turns)


def test_older_history_teaches_in_later_turns(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> World:
        return world(often=every(1800, 600), rare=every(8 * HOUR_S, HOUR_S), pod=until(FIRST - 20 * HOUR_S), well=calm())

    monkeypatch.setattr(read_module, "BACKFILL_SAMPLES", 4 * 48)
    monkeypatch.setattr(backfill, "TURN_SAMPLES", 4 * 24)
    parts, told = learning(made(), store, 60)
    assert told == set()
    assert missing(parts) == 0
    assert parts.apprentice is None, "it has taken over"
    monkeypatch.setattr(read_module, "BACKFILL_SAMPLES", 10**9)
    whole, _ = learning(made(), Store.open("sqlite://", None), 60)
    names = "silent_s", "hours", "hour", "cube"
    assert stands(parts, *names) == stands(whole, *names)


