"""Why a warning ends: what it told of is over, or stays where it went and is learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aiops.core.records import GONE, SOME_STAYED, STAYED
from aiops.early_warnings.cause import Together
from aiops.pipeline import BatchJournal, turn
from aiops.store import Store
from tests.pipeline.made import START_S, World, anomaly_card, rooms_of, watch_of

HOUR_S, DAY_S = 3600, 86400
AT_S = START_S + 9 * DAY_S + 5 * HOUR_S


def shifted(hours: int) -> Any:
    """A course of days that is higher for so many hours."""

    def course(t: Any) -> Any:
        noise = np.sin(t * 12.9898) * 43758.5453  # the same at each asking
        shift = (t >= AT_S) & (t < AT_S + hours * HOUR_S)
        return 0.3 + 0.02 * np.sin(t / DAY_S * 2 * np.pi) + 0.01 * (noise - np.floor(noise)) + 0.08 * shift

    return course


@pytest.mark.parametrize(("hours", "why"), [(1, GONE), (12, STAYED)])
def test_an_anomaly_that_is_not_over_but_learnt_says_so(hours: int, why: str) -> None:
    world, store = World(), Store.open("sqlite://", None)
    card = anomaly_card()
    world.add(card["query"], {"instance": "a"}, shifted(hours))
    watch, rooms = watch_of(world, card), rooms_of(store)
    for now in range(AT_S - 2 * DAY_S, AT_S + 10 * HOUR_S, watch.step_s):
        turn(watch, now, rooms)
    first = min((w for w in store.warnings() if w.opened_s >= AT_S), key=lambda w: w.opened_s)
    store.close()
    assert (first.state, first.closed_why) == ("closed", why)
    assert first.opened_s - AT_S <= HOUR_S


@pytest.mark.parametrize(("hours", "why"), [
    ((12, 12, 12), STAYED), ((12, 12, 1), SOME_STAYED), ((1, 1, 1), "none of its 3 is seen any more"),
])  # fmt: skip
def test_one_over_many_says_so_of_what_it_listed(hours: tuple[int, ...], why: str) -> None:
    world, store = World(), Store.open("sqlite://", None)
    card = anomaly_card()
    for i, one in enumerate(hours):
        world.add(card["query"], {"instance": f"h{i}", "rack": "r"}, shifted(one))
    rooms = rooms_of(store)
    rooms.journal, rooms.together = BatchJournal(store), Together()  # as in a replay: what was decided before is not kept yet
    watch = watch_of(world, card)
    for now in range(AT_S - 2 * DAY_S, AT_S + 10 * HOUR_S, watch.step_s):
        turn(watch, now, rooms)
    rooms.journal.flush()
    (cause,) = (w for w in store.warnings() if w.members)
    store.close()
    assert (len(cause.members), cause.state, cause.closed_why) == (3, "closed", why)
