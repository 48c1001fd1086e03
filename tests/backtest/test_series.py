"""Which series the page of a backtest is about."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aiops.backtest.lanes import Entry, survey
from aiops.backtest.series import Telling, UnknownSeries, check_asked, choose, event_s, most_telling, telling
from aiops.pipeline import Event
from tests.backtest.recordings import START, noisy, write_json, write_series
from tests.backtest.stories import outcome, warning


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, ...]:
    folder = tmp_path_factory.mktemp("recording")
    for name in ("a", "b"):
        time_s = START + 300 * np.arange(50)
        write_series(folder, name, time_s, {"x": noisy(50, 1), "y/z": noisy(50, 2)})
    write_json(folder, "limits.json", {"b": {"y/z": {"above": 99.0}}})
    return survey(folder).entries


def test_a_hit_tells_more_than_a_false_warning_and_that_more_than_an_open_one() -> None:
    opened = warning(5)
    events = [
        Event("opened", 0, opened), Event("opened", 0, warning(5, kind="anomaly")),
        Event("outcome", 0, opened, outcome("false", 5)), Event("outcome", 0, opened, outcome("late", 5, 9)),
        Event("outcome", 0, opened, outcome("hit", 5, 90)), Event("outcome", 0, None, outcome("missed", 5, 9)),
    ]  # fmt: skip
    found = [telling(event) for event in events]
    assert [one.rank for one in found if one is not None] == [3, 2, 4, 5, 6, 1]
    assert telling(Event("closed", 0, opened)) is None
    assert telling(Event("outcome", 0, opened, outcome("unjudgeable", 5))) is None


def test_of_two_hits_the_one_with_more_lead_tells_more_whatever_the_order() -> None:
    some = [Telling(6, 60.0, "b", "m"), Telling(6, 90.0, "c", "m"), Telling(6, 90.0, "b", "n"), Telling(5, 999.0, "a", "m")]
    assert {most_telling(order) for order in itertools.permutations(some)} == {some[2]}
    assert most_telling([]) is None


def test_an_event_happens_on_the_clock_of_its_entity() -> None:
    assert event_s(Event("opened", 7, warning(5))) == START + 300
    assert event_s(Event("outcome", 7, warning(5), outcome("hit", 5, 9))) == START
    assert event_s(Event("crossing", 7)) == 7


def test_without_a_wish_the_most_telling_warning_chooses(entries: tuple[Entry, ...]) -> None:
    lane, metric = choose(entries, "", {"a": Telling(6, 1.0, "a", "x"), "b": Telling(4, 9.0, "b", "y/z")})
    assert (lane.entity, metric) == ("a", "x")


def test_without_any_warning_a_series_with_a_limit_is_shown(entries: tuple[Entry, ...]) -> None:
    lane, metric = choose(entries, "", {})
    assert (lane.entity, metric) == ("b", "y/z")


@pytest.mark.parametrize(("asked", "shown"), [("a", "x"), ("a/y/z", "y/z"), ("b", "y/z"), ("b/x", "x")])
def test_a_wish_names_an_entity_and_perhaps_its_metric(asked: str, shown: str, entries: tuple[Entry, ...]) -> None:
    check_asked(entries, asked)
    lane, metric = choose(entries, asked, {"b": Telling(6, 1.0, "b", "y/z")})
    assert (lane.entity, metric) == (asked[0], shown)


@pytest.mark.parametrize(
    ("asked", "message"),
    [("c", "no entity c; there is a, b"), ("a/q", "a has no metric q; it has x, y/z"), ("\x1b[2J", "no entity \\x1b[2J;")],
)
def test_a_wish_that_is_not_there_is_answered_with_what_is(asked: str, message: str, entries: tuple[Entry, ...]) -> None:
    with pytest.raises(UnknownSeries) as caught:
        check_asked(entries, asked)
    assert message in str(caught.value)


def test_asking_for_nothing_is_fine(entries: tuple[Entry, ...]) -> None:
    check_asked(entries, "")
