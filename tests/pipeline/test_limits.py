"""Limits that a query gives, through the live turn: joined by labels, known by the turn, followed while they move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from aiops.backtest.card_tests import START_S, GivenSource
from aiops.core.records import EarlyWarning
from aiops.models.card import ModelCard
from aiops.pipeline import BatchJournal, Event, Rooms, Watch, turn
from aiops.pipeline.assemble import make_watch
from aiops.store import Store
from aiops.telemetry.link import Link

HOUR = 3600
RISE = "30+0.05x1500"
"""3 an hour from 30 on; 100 is reached 23 h 20 min after the start, 60 after 10 h."""


def card(**limit: Any) -> ModelCard:
    whole = {
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "quota_used", "owner": {"team": "t"}, "query": "used",
        "summary": "A quota will be used up.", "entity": ["ns"],
        "forecast": {"limit": limit or {"above": "hard"}, "horizon": "2d"},
    }  # fmt: skip
    return ModelCard.model_validate(whole)


class Life:
    """A watch that lives turn by turn from `hours` after the start on, with what opened, moved and ended."""

    def __init__(self, watched: ModelCard, series: Mapping[str, str], limits: Mapping[str, str], begin: float) -> None:
        asked = watched.limit.query if watched.limit is not None else ""
        self.source = GivenSource(series, 60, limits, asked)
        self.store = Store.open("sqlite://", None)
        self.rooms = Rooms(self.store, BatchJournal(self.store), marks_turns=False)
        self.watch: Watch = make_watch(watched, [Link(self.source)], 60, None)
        self.rooms.watches, self.events = [self.watch], list[Event]()
        self.now = START_S + int(begin * HOUR)

    def until(self, hours: float) -> list[EarlyWarning]:
        while self.now <= START_S + hours * HOUR:
            result = turn(self.watch, self.now, self.rooms)
            assert result.error is None
            self.events += result.events
            self.now += 60
        return list(self.watch.open.values())

    def left_h(self) -> float:
        (warning,) = self.watch.open.values()
        assert warning.crossing is not None
        return (warning.crossing.expected_s - START_S) / HOUR

    def kinds(self) -> list[str]:
        return [e.kind for e in self.events if e.kind not in ("updated", "worsened")]


def test_each_series_is_held_against_the_limit_of_its_labels() -> None:
    series = {f'{{ns="{name}",pod="p"}}': RISE for name in "abc"}
    life = Life(card(), series, {'{ns="a"}': "100x1500", '{ns="b"}': "400x1500"}, 15)
    (warning,) = life.until(17)
    assert warning.entity == {"ns": "a"}
    assert life.left_h() == pytest.approx(23.33, abs=0.7)
    assert life.watch.limit.value.tolist()[:2] == [100.0, 400.0]


def test_a_series_without_a_limit_is_silent_and_says_why() -> None:
    life = Life(card(), {'{ns="a"}': RISE}, {'{ns="b"}': "100x1500"}, 15)
    assert life.until(17) == []
    assert life.watch.crossings is not None
    assert str(life.watch.crossings.reason[0]).startswith("its limit is not known")


def test_a_limit_that_moves_times_the_warning_anew_at_once_and_ends_nothing() -> None:
    raised = "100x1000 121x500"
    life = Life(card(), {'{ns="a"}': RISE}, {'{ns="a"}': raised}, 15)
    life.until(16.6)
    (before,) = life.watch.open.values()
    assert life.left_h() == pytest.approx(23.33, abs=0.7)
    life.until(16.7)  # the limit moved 16 h 41 min after the start, amid two looks
    assert life.left_h() == pytest.approx(30.33, abs=1.0)
    (after,) = life.watch.open.values()
    assert (after.id, life.kinds()) == (before.id, ["opened"])
    assert after.first_crossing is not None
    assert after.first_crossing.expected_s == pytest.approx(after.crossing.expected_s if after.crossing else 0, abs=1)
    assert before.first_crossing is not None
    assert before.first_crossing.expected_s < after.first_crossing.expected_s - 5 * HOUR


def test_a_limit_that_wavers_leaves_what_was_told_first() -> None:
    life = Life(card(), {'{ns="a"}': RISE}, {'{ns="a"}': "100x1000 101x500"}, 15)
    life.until(16.6)
    (before,) = life.watch.open.values()
    (after,) = life.until(17.5)
    assert (after.id, after.first_crossing) == (before.id, before.first_crossing)


def test_a_warning_is_judged_by_the_limit_there_was_when_it_failed() -> None:
    life = Life(card(), {'{ns="a"}': RISE}, {'{ns="a"}': "100x1000 60x500"}, 15)
    life.until(16)
    (warning,) = life.watch.open.values()
    assert warning.verdict is None
    life = Life(card(), {'{ns="a"}': RISE}, {'{ns="a"}': "60x1500"}, 6)
    life.until(10.2)
    assert life.kinds() == ["opened", "closed", "crossing", "outcome"]
    assert next(e.outcome for e in life.events if e.outcome is not None).verdict == "hit"


def test_an_unknown_limit_is_no_all_clear_while_what_was_told_may_still_come() -> None:
    life = Life(card(), {'{ns="a"}': RISE}, {'{ns="a"}': "100x990 _x600"}, 15)
    life.until(16.4)
    assert len(life.until(16.55)) == 1, "a limit that is five minutes old counts"
    assert life.watch.limit.value.tolist() == [100.0]
    (warning,) = life.until(18)
    assert np.isnan(life.watch.limit.value).all()
    assert warning.symptoms[0].evidence["limit"] is None
    assert life.kinds() == ["opened"]


def test_limits_are_joined_on_the_labels_that_are_named() -> None:
    series, limits = {'{ns="a",type="used"}': RISE}, {'{ns="a",type="hard"}': "100x1500"}
    assert Life(card(), series, limits, 15).until(17) == []
    assert len(Life(card(above="hard", on=["ns"]), series, limits, 15).until(17)) == 1


def test_of_several_limits_the_one_that_is_met_first_counts() -> None:
    life = Life(card(), {'{ns="a",pod="p"}': RISE}, {'{ns="a"}': "400x1500", '{pod="p"}': "100x1500", "{}": "_x1500"}, 15)
    life.until(16)
    assert life.watch.limit.value.tolist() == [100.0]


# --- quotas -----------------------------------------------------------------------------------------------------------


def test_a_quota_that_starts_again_first_is_not_told_and_one_that_does_not_is() -> None:
    # the series begins on Sunday 15 June 2025, 15:10 UTC; a week in Berlin ends on Sunday at 22:00 UTC
    series = {'{ns="a"}': "63+0.1x500"}  # 100 is reached after 6 h 10 min, at 21:20 UTC
    told = Life(card(above=100.0, resets="weekly", time_zone="Europe/Berlin"), series, {}, 3)
    assert len(told.until(5)) == 1
    dhaka = Life(card(above=100.0, resets="weekly", time_zone="Asia/Dhaka"), series, {}, 3)
    assert dhaka.until(5) == [], "there a week began at 18:00 UTC: two hours of it say nothing yet"
    ended = Life(card(above=100.0, resets="0 21 * * sun"), series, {}, 3)
    assert ended.until(5) == []
    assert ended.watch.crossings is not None
    assert str(ended.watch.crossings.reason[0]) == "starts again before it gets there"


def test_what_was_told_of_a_quota_ends_when_it_starts_again() -> None:
    series = {'{ns="a"}': "10+0.1x700 0+0.1x700"}  # it starts again 11 h 41 min after the start, at 02:51 UTC
    life = Life(card(above=100.0, resets="50 2 * * *"), series, {}, 8)
    assert len(life.until(8.5)) <= 1
    life.until(12.2)
    assert life.watch.open == {}
