"""Older history comes in later turns: the first is quick, nothing is read twice, and what is learnt comes to the same."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.models.card import ModelCard
from aiops.pipeline import Rooms, StoreJournal, Watch, backfill, turn
from aiops.pipeline import read as read_module
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.backfill import missing
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits
from tests.daemon.rig import START_S, MadeParams, MadeSource, World, anomaly_card, calm

STEP_S = 300
FIRST = START_S + 40 * 3600


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    store = Store.open("sqlite://", None)
    yield Rooms(store, StoreJournal(store))
    store.close()


def started(**more: Any) -> tuple[Watch, World]:
    source = MadeSource("made", MadeParams(world="backfill"), ReadLimits())
    source.world = World()
    for instance in "ab":
        source.world.add("load", {"instance": instance}, calm(0.4 if instance == "a" else 0.6))
    link = Link(source, clock=lambda: 0.0, pause_s=0.0)
    return make_watch(ModelCard.model_validate(anomaly_card(**more)), [link], STEP_S, None), source.world


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first turn of 4 h and chunks of 2 h: 40 h of history take many turns."""
    monkeypatch.setattr(read_module, "BACKFILL_SAMPLES", 2 * 48)
    monkeypatch.setattr(backfill, "TURN_SAMPLES", 2 * 24)


def lived(turns: int, rooms: Rooms) -> tuple[Watch, World]:
    watch, world = started()
    for i in range(turns):
        turn(watch, FIRST + i * STEP_S, rooms)
    return watch, world


@pytest.mark.usefixtures("small")
def test_the_first_turn_reads_the_newest_part_and_scores_it(rooms: Rooms) -> None:
    watch, world = started()
    result = turn(watch, FIRST, rooms)
    ((_, start, _, _),) = [one for one in world.asked if one[2] == FIRST and one[1] < FIRST]
    assert FIRST - 48 * STEP_S < start < FIRST - 3 * 3600
    assert (start - STEP_S) % 3600 == 0, "buckets are whole on both sides"
    assert result.error is None
    assert missing(watch) > 30 * 3600


@pytest.mark.usefixtures("small")
def test_every_sample_is_asked_for_once_whatever_the_order(rooms: Rooms) -> None:
    watch, world = lived(40, rooms)
    assert missing(watch) == 0
    asked = Counter(t for _, start, end, _ in world.asked[1:] for t in range(start, end + 1, STEP_S))
    assert set(asked) == set(range(START_S, FIRST + 39 * STEP_S + 1, STEP_S))
    again = sum(n - 1 for n in asked.values())
    assert again <= 0.1 * len(asked)


@pytest.mark.usefixtures("small")
def test_the_window_holds_the_same_as_read_at_once(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, _ = lived(40, rooms)
    monkeypatch.setattr(read_module, "BACKFILL_SAMPLES", 10**9)
    whole, _ = lived(40, rooms)
    now = FIRST + 39 * STEP_S
    a, b = parts.window.history(None, now), whole.window.history(None, now)
    for name in ("fine", "mid", "long"):
        for part in ("mean", "low", "high"):
            x, y = getattr(getattr(a, name), part), getattr(getattr(b, name), part)
            assert x.shape == y.shape, name
            np.testing.assert_allclose(x + a.offset[:, None], y + b.offset[:, None], rtol=1e-5, equal_nan=True, err_msg=name)


@pytest.mark.usefixtures("small")
def test_the_detector_that_takes_over_has_learnt_everything_in_order(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, _ = lived(60, rooms)
    assert parts.apprentice is None, "it has taken over"
    monkeypatch.setattr(read_module, "BACKFILL_SAMPLES", 10**9)
    whole, _ = lived(60, rooms)
    for name, array in whole.detector_state.items():
        np.testing.assert_allclose(parts.detector_state[name], array, rtol=1e-3, atol=1e-6, err_msg=name)


@pytest.mark.usefixtures("small")
def test_a_source_that_fails_meanwhile_is_asked_for_the_rest_later(rooms: Rooms) -> None:
    watch, world = started()
    turn(watch, FIRST, rooms)
    before = missing(watch)
    world.error = SourceError("made", "timeout", "slow")
    for i in range(1, 4):
        turn(watch, FIRST + i * STEP_S, rooms)
    assert missing(watch) == before
    world.error = None
    for i in range(4, 50):
        turn(watch, FIRST + i * STEP_S, rooms)
    assert missing(watch) == 0


@pytest.mark.usefixtures("small")
def test_where_nothing_learns_in_order_the_newest_history_comes_first(rooms: Rooms) -> None:
    watch, world = started()
    watch.detector, watch.budget = None, None
    for i in range(40):
        turn(watch, FIRST + i * STEP_S, rooms)
    older = [(start, end) for _, start, end, _ in world.asked[1:] if end < FIRST - 3600]
    assert len(older) > 10
    assert all(later[1] == earlier[0] - STEP_S for earlier, later in itertools.pairwise(older))
    assert missing(watch) == 0
    asked = Counter(t for _, start, end, _ in world.asked[1:] for t in range(start, end + 1, STEP_S))
    assert set(asked) == set(range(START_S, FIRST + 39 * STEP_S + 1, STEP_S))
    assert set(asked.values()) == {1}


class Narrow(MadeSource):
    """Refuses more than 13 instants at once, and what touches a bad hour."""

    bad = range(0)

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        instants = range(start_s, end_s + 1, step_s)
        if (len(instants) > 13 and end_s < FIRST - 5 * 3600) or any(at in self.bad for at in instants):
            raise SourceError(self.name, "bad_query", "it would load too many samples")
        return super().fetch(query, start_s, end_s, step_s, unit)


def narrow(bad: range) -> Watch:
    source = Narrow("made", MadeParams(world="backfill"), ReadLimits())
    source.world, source.bad = World(), bad
    source.world.add("load", {"instance": "a"}, calm(0.4))
    link = Link(source, clock=lambda: 0.0, pause_s=0.0)
    return make_watch(ModelCard.model_validate(anomaly_card()), [link], STEP_S, None)


@pytest.mark.usefixtures("small")
def test_what_a_source_refuses_is_read_in_smaller_pieces(rooms: Rooms) -> None:
    watch = narrow(range(0))
    said = [note for i in range(60) for note in turn(watch, FIRST + i * STEP_S, rooms).partial]
    assert said == []
    assert missing(watch) == 0
    assert np.isfinite(watch.window.history(None, FIRST).long.mean).mean() > 0.95


@pytest.mark.usefixtures("small")
def test_what_is_not_to_be_had_is_named_once(rooms: Rooms) -> None:
    bad = range(FIRST - 20 * 3600, FIRST - 20 * 3600 + 1)
    watch = narrow(bad)
    said = [note for i in range(60) for note in turn(watch, FIRST + i * STEP_S, rooms).partial]
    assert missing(watch) == 0
    (note,) = set(said)
    assert "is missing: bad_query: it would load too many samples" in note
    hours = np.isfinite(watch.window.history(None, FIRST).long.mean[0])
    assert 1 <= np.count_nonzero(~hours) <= 2
    assert watch.apprentice is None, "the detector goes on with what there is"


@pytest.mark.usefixtures("small")
def test_the_detector_takes_over_where_the_first_turn_read_more_than_the_finest_ring(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_module, "BACKFILL_SAMPLES", 2 * 120)
    watch, _ = lived(60, rooms)
    assert watch.window.fine_count < 120
    assert watch.apprentice is None
