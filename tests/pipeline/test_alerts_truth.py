"""Alerts of a source's own rules as the truth of a card."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.core.records import Floats, Ints
from aiops.pipeline import Watch, turn
from aiops.pipeline.alerts_truth import begun, query_of
from aiops.pipeline.beyond import REARM_STEPS
from aiops.pipeline.mask import masked_labels
from aiops.store import Store
from tests.daemon.rig import falling
from tests.pipeline.made import START_S, STEP_S, World, anomaly_card, card, rooms_of, watch_of

TRUTH = {"truth": {"crossing": False, "alerts": ['alertname="DiskFull"']}}
CARD = card(**TRUTH)
QUERY = f'max_over_time(ALERTS{{alertstate="firing",alertname="DiskFull"}}[{STEP_S}s])'
FULL = {"__name__": "ALERTS", "alertstate": "firing", "alertname": "DiskFull", "instance": "a"}


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def firing(*steps: int, until: int = 10**6) -> object:
    """Fires from each of these steps on, for one step or, the last one, until a step."""

    def course(t: Ints) -> Floats:
        at = (t - START_S) // STEP_S
        on = np.isin(at, steps) | ((at >= steps[-1]) & (at < until))
        return np.where(on, 1.0, np.nan)

    return course


def alerting(course: object) -> Watch:
    world = World()
    world.add("free", {"instance": "a"}, falling(0.001))
    world.add(QUERY, FULL, course)  # type: ignore[arg-type]
    return watch_of(world, CARD)


def looked(watch: Watch, *steps: int) -> list[int]:
    """Looks at these steps; in which an alert began."""
    found = [one for step in steps for one in begun(watch, START_S + step * STEP_S)]
    return [(one.at_s - START_S) // STEP_S for one in found]


def test_the_query_asks_for_what_the_card_names() -> None:
    assert query_of(watch_of(World(), CARD).card, STEP_S) == QUERY


def test_what_begins_to_fire_is_told_once() -> None:
    assert looked(alerting(firing(5)), 3, 4, 5, 6, 7) == [5]


def test_what_fires_at_the_first_look_began_before() -> None:
    assert looked(alerting(firing(1)), 3, 4) == []


def test_a_look_after_a_pause_sees_all_that_began_in_it() -> None:
    assert looked(alerting(firing(5, 30)), 3, 40) == [5, 30]


def test_what_flaps_is_one_failure_until_it_was_silent() -> None:
    assert looked(alerting(firing(5, 8, 5 + 3 + REARM_STEPS)), *range(3, 30)) == [5]
    assert looked(alerting(firing(5, 6 + REARM_STEPS)), *range(3, 30)) == [5, 6 + REARM_STEPS]


def test_a_source_that_is_away_is_asked_for_the_same_time_again() -> None:
    watch = alerting(firing(5))
    assert looked(watch, 3) == []
    world = watch.feeds[0].link.source.world  # type: ignore[attr-defined]
    world.error = SourceError("made", "unreachable", "away")
    assert looked(watch, 6) == []
    world.error = None
    assert looked(watch, 9) == [5]


def test_what_is_excluded_is_no_failure() -> None:
    watch = watch_of(World(), card(**TRUTH, exclude=[{"cron": "0 3 * * *", "for": "40m", "match": ['instance="a"']}]))
    three = START_S // 86400 * 86400 + 3 * 3600
    both = [{"instance": "a"}, {"instance": "b"}]
    assert masked_labels(watch, both, three + 60).tolist() == [True, False]
    assert masked_labels(watch, both, three + 2400).tolist() == [False, False]


def lived(watch: Watch, store: Store, first: int, last: int) -> None:
    rooms = rooms_of(store)
    for step in range(first, last + 1):
        turn(watch, START_S + step * STEP_S, rooms)


def test_an_alert_settles_a_warning_that_no_crossing_judges(store: Store) -> None:
    lived(alerting(firing(12 * 12)), store, 8 * 12, 13 * 12)
    (outcome,) = store.outcomes()
    assert (outcome.verdict, outcome.truth, outcome.failed_s) == ("hit", "alert", START_S + 12 * 3600)
    (warning,) = store.warnings()
    assert warning.verdict == "hit"


def test_an_alert_nobody_warned_of_is_missed_once_over_a_restart(store: Store) -> None:
    for _ in range(2):  # the second life looks at the same time again
        world = World()
        world.add(QUERY, FULL, firing(20))  # type: ignore[arg-type]
        watch = watch_of(world, CARD)
        watch.judged_s = START_S + 18 * STEP_S
        lived(watch, store, 19, 21)
    assert [(o.verdict, dict(o.entity), o.truth) for o in store.outcomes()] == [("missed", {"instance": "a"}, "alert")]


def test_a_crossing_and_its_alert_are_one_failure(store: Store) -> None:
    world = World()
    world.add("free", {"instance": "a"}, lambda t: np.where(t < START_S + 30 * STEP_S, 0.5, 0.01))
    both = card(truth={"crossing": True, "alerts": ['alertname="DiskFull"']})
    for at in (28, 33):  # the alert comes before it, or after
        world.series[QUERY] = {}
        world.add(QUERY, FULL, firing(at))  # type: ignore[arg-type]
        watch, here = watch_of(world, both), Store.open("sqlite://", None)
        watch.judged_s = START_S + 20 * STEP_S
        lived(watch, here, 21, 40)
        assert [o.verdict for o in here.outcomes()] == ["missed"], at
        here.close()


def test_a_card_that_names_no_alerts_asks_for_none(store: Store) -> None:
    world = World()
    watch = watch_of(world, anomaly_card())
    lived(watch, store, 1, 2)
    assert not [query for query, *_ in world.asked if "ALERTS" in query]
