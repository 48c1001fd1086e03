"""One incident is one episode: what hovers at its threshold is not ended and told anew, and what is over ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiops.core.records import EarlyWarning, Floats, Ints
from aiops.models.budget import MERGE_S, REST, REST_S, SLACK
from aiops.pipeline import turn
from aiops.store import Store
from tests.pipeline.made import START_S, World, anomaly_card, rooms_of, watch_of

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
PODS = 12
BEGINS_S, LASTS_S = START_S + 2 * DAY_S + HOUR_S, 3 * HOUR_S


def noise(seed: int, minutes: float) -> Floats:
    """(4320,) noise of unit scale, of three days of minutes, that remembers so many of them."""
    rng, keep = np.random.default_rng(seed), np.exp(-1 / minutes)
    shocks = rng.normal(size=3 * DAY_S // MINUTE_S) * np.sqrt(1 - keep**2)
    out = np.empty(len(shocks))
    last = 0.0
    for i, shock in enumerate(shocks.tolist()):
        last = keep * last + shock
        out[i] = last
    return out


def latency(seed: int, grows: float) -> Callable[[Ints], Floats]:
    """That of a pod, which grows by a share for the time of an incident."""
    rest = np.exp(0.1 * noise(seed, 3.0) + 0.07 * noise(seed + 1000, 60.0))

    def at(t: Ints) -> Floats:
        bad = (t >= BEGINS_S) & (t < BEGINS_S + LASTS_S)
        return np.asarray(40.0 * rest[(t - START_S) // MINUTE_S] * np.where(bad, 1.0 + grows, 1.0))

    return at


def episodes(more: dict[str, Any]) -> dict[str, list[EarlyWarning]]:
    """Of each pod its episodes from the incident on, in their order."""
    world, store = World(), Store.open("sqlite://", None)
    for i in range(PODS):
        world.add("load", {"instance": f"i{i}"}, latency(i, (0.5, 0.7, 0.9, 1.2)[i % 4]))
    watch, rooms = watch_of(world, anomaly_card(step="1m", **more)), rooms_of(store)
    for now in range(BEGINS_S - HOUR_S, BEGINS_S + LASTS_S + 2 * HOUR_S, MINUTE_S):
        turn(watch, now, rooms)
    found: dict[str, list[EarlyWarning]] = {}
    for one in sorted(store.warnings(limit=1000), key=lambda w: w.opened_s):
        if one.updated_s >= BEGINS_S:
            found.setdefault(one.entity["instance"], []).append(one)
    store.close()
    return found


@pytest.mark.parametrize(
    ("more", "again"), [({"guards": {"persistence": "3/5", "min_relative_change": 0.2}}, 1), ({}, 2)], ids=["guarded", "at once"]
)
def test_one_incident_is_one_episode_and_ends_with_it(more: dict[str, Any], again: int) -> None:
    """Of twelve one may be told again soon after its end; of what is told at a single firing, two."""
    found = episodes(more)
    assert len(found) == PODS
    lives = {pod: [(one.opened_s, one.closed_s or 0) for one in each] for pod, each in found.items()}
    gaps = {pod: np.diff(np.ravel(each))[1::2].tolist() for pod, each in lives.items()}
    assert sum(gap <= MERGE_S for each in gaps.values() for gap in each) <= again, gaps
    ends = [each[-1][1] - BEGINS_S - LASTS_S for each in lives.values()]
    assert all(end for each in lives.values() for _, end in each)
    assert max(ends) <= MERGE_S, ends


def test_what_only_stays_near_ends() -> None:
    assert REST * np.exp(-MERGE_S / REST_S) > SLACK


def test_a_series_that_fell_silent_does_not_lift_the_guards_of_its_entity() -> None:
    """One device moves by many scatters, and by less than the card asks for; another one was taken out hours before."""
    rest = np.random.default_rng(3).normal(1.0, 0.01, 3 * DAY_S // MINUTE_S)

    def moves(t: Ints) -> Floats:
        return np.asarray(rest[(t - START_S) // MINUTE_S] + 0.3 * (t >= BEGINS_S))

    def leaves(t: Ints) -> Floats:
        return np.asarray(np.where(t < BEGINS_S - 3 * HOUR_S, rest[(t - START_S) // MINUTE_S], np.nan))

    told = {}
    for asked in (0.5, 0.1):
        world, store = World(), Store.open("sqlite://", None)
        world.add("load", {"instance": "i0", "device": "a"}, moves)
        world.add("load", {"instance": "i0", "device": "b"}, leaves)
        guards = {"persistence": "3/5", "min_change": asked}
        watch, rooms = watch_of(world, anomaly_card(step="1m", guards=guards)), rooms_of(store)
        for now in range(BEGINS_S - HOUR_S, BEGINS_S + HOUR_S, MINUTE_S):
            turn(watch, now, rooms)
        told[asked] = len(store.warnings(limit=10))
        store.close()
    assert told == {0.5: 0, 0.1: 1}
