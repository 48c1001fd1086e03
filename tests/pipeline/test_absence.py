"""`on_missing: alert`: a series that falls silent while its source answers is told, and ends when it reports again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.notify.wording import body, title
from aiops.pipeline import Watch, keep, turn
from aiops.store import Store
from tests.daemon.rig import WORLDS, calm
from tests.pipeline.made import START_S, World, card, rooms_of, watch_of

STEP_S, HOUR_S = 300, 3600
BEGIN_S = START_S + 30 * HOUR_S


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def world(silent_from: float, silent_to: float = np.inf) -> World:
    found = World()
    found.add("free", {"instance": "quiet"}, lambda t: np.where((t >= silent_from) & (t < silent_to), np.nan, 0.5))
    found.add("free", {"instance": "well"}, calm())
    return found


def watching(silent_from: float, silent_to: float = np.inf, on_missing: str = "alert", folder: Path | None = None) -> Watch:
    return watch_of(world(silent_from, silent_to), card(guards={"persistence": "2/3", "on_missing": on_missing}), folder=folder)


def go(watch: Watch, store: Store, first_s: int, last_s: int) -> None:
    for now in range(first_s, last_s + 1, STEP_S):
        turn(watch, now, rooms_of(store))


def told(watch: Watch) -> dict[str, str]:
    return {w.entity["instance"]: w.kind for w in watch.open.values()}


def test_a_series_that_falls_silent_is_told_as_absent(store: Store) -> None:
    watch = watching(BEGIN_S + 5 * HOUR_S)
    go(watch, store, BEGIN_S, BEGIN_S + 5 * HOUR_S)
    assert told(watch) == {}
    go(watch, store, BEGIN_S + 5 * HOUR_S + STEP_S, BEGIN_S + 8 * HOUR_S)
    assert told(watch) == {"quiet": "absence"}
    (warning,) = watch.open.values()
    assert title(warning, BEGIN_S + 8 * HOUR_S).startswith("disk on quiet: silent since ")
    assert "while its source answers" in body(warning, BEGIN_S + 8 * HOUR_S, None)
    assert warning.symptoms[0].since_s == pytest.approx(BEGIN_S + 5 * HOUR_S, abs=STEP_S)
    assert warning.symptoms[0].evidence["last"] == pytest.approx(0.5)
    assert "last value 0.5" in body(warning, BEGIN_S + 8 * HOUR_S, None)


def test_that_others_of_its_entity_still_report_is_said_of_a_silence(store: Store) -> None:
    found = card(guards={"persistence": "2/3", "on_missing": "alert"}, entity=["job"])
    made = World()
    made.add("free", {"instance": "quiet", "job": "j"}, lambda t: np.where(t >= BEGIN_S + 5 * HOUR_S, np.nan, 0.5))
    made.add("free", {"instance": "well", "job": "j"}, calm())
    watch = watch_of(made, found)
    go(watch, store, BEGIN_S, BEGIN_S + 8 * HOUR_S)
    (warning,) = watch.open.values()
    assert warning.symptoms[0].evidence["against"] == ["1 of its 1 other series still report"]


def test_it_ends_when_the_series_reports_again_and_is_never_judged(store: Store) -> None:
    watch = watching(BEGIN_S + 5 * HOUR_S, BEGIN_S + 8 * HOUR_S)
    go(watch, store, BEGIN_S, BEGIN_S + 7 * HOUR_S)
    assert told(watch) == {"quiet": "absence"}
    go(watch, store, BEGIN_S + 7 * HOUR_S + STEP_S, BEGIN_S + 9 * HOUR_S)
    assert told(watch) == {}
    assert not watch.pending
    (warning,) = [w for w in store.warnings(card="disk", limit=10) if w.kind == "absence"]
    assert (warning.state, warning.verdict) == ("closed", None)
    assert "pending" not in title(warning, BEGIN_S + 9 * HOUR_S)


@pytest.mark.parametrize("on_missing", ["unknown", "zero", "hold"])
def test_other_cards_say_nothing_of_it(store: Store, on_missing: str) -> None:
    watch = watching(BEGIN_S + HOUR_S, on_missing=on_missing)
    go(watch, store, BEGIN_S, BEGIN_S + 5 * HOUR_S)
    assert told(watch) == {}
    assert not watch.silence


def test_a_source_that_is_away_makes_nothing_absent(store: Store) -> None:
    watch = watching(np.inf)
    go(watch, store, BEGIN_S, BEGIN_S + 5 * HOUR_S)
    WORLDS["pipeline"].error = SourceError("made", "unreachable", "refused")
    for feed in watch.feeds:
        feed.rest._pause_s = 0.0
    go(watch, store, BEGIN_S + 5 * HOUR_S + STEP_S, BEGIN_S + 9 * HOUR_S)
    assert told(watch) == {}


def test_a_restart_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    first = watching(BEGIN_S + 5 * HOUR_S, folder=tmp_path / "window")
    go(first, store, BEGIN_S, BEGIN_S + 5 * HOUR_S + STEP_S)
    keep.save(first, tmp_path)
    second = watch_of(WORLDS["pipeline"], card(guards={"persistence": "2/3", "on_missing": "alert"}), folder=tmp_path / "window")
    keep.restore(second, store, tmp_path)
    assert {name: array.tolist() for name, array in second.silence.items()} == {
        name: array.tolist() for name, array in first.silence.items()
    }
    go(second, store, BEGIN_S + 5 * HOUR_S + 2 * STEP_S, BEGIN_S + 8 * HOUR_S)
    assert told(second) == {"quiet": "absence"}
