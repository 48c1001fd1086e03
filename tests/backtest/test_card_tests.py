"""The tests inside cards: what the source gives, what is seen, what is said when it differs."""

from __future__ import annotations

import math

import pytest

from aiops.backtest import card_tests
from aiops.backtest.card_tests import START_S, GivenSource, Seen, failure, seen
from aiops.models.card import ModelCard
from aiops.models.card_parts import CardTest

ODD = "2+0.04x100 6-0.04x100 2+0.04x100 6-0.04x100 2+0.04x100 6-0.04x100 2+0.04x100 6-0.04x100 "


def card() -> ModelCard:
    return ModelCard.model_validate(
        {
            "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "odd", "owner": {"team": "t"}, "query": "q",
            "summary": "A count is unlike what is usual.", "detect": {}, "guards": {"persistence": "3/5", "min_change": 10.0},
        }
    )


def case(values: str, at: str = "13h34m", symptom: str = "anomaly", **crossing: str) -> CardTest:
    expect = {"symptom": symptom, **({"crossing": crossing} if crossing else {})}
    return CardTest.model_validate({"name": "n", "series": {'{instance="a"}': values}, "at": at, "expect": expect})


def test_samples_stand_on_the_steps_from_the_start_and_nowhere_else() -> None:
    source = GivenSource({'{a="1"}': "1 _ 3", '{a="2"}': "7"}, 60)
    block = source.fetch("q", START_S - 60, START_S + 240, 60).block
    assert [dict(labels) for labels in block.labels] == [{"a": "1"}, {"a": "2"}]
    shown = [[None if math.isnan(v) else v for v in row] for row in block.values.tolist()]
    assert shown == [[None, 1, None, 3, None, None], [None, 7, None, None, None, None]]
    assert source.oldest_s() == START_S


def test_what_fires_is_seen_at_its_time_and_not_before() -> None:
    assert seen(card(), case(ODD + "90x9")) == [Seen("anomaly", None)]
    assert seen(card(), case(ODD + "90x9", at="13h27m")) == []


def test_nothing_is_said_of_a_test_that_holds() -> None:
    assert failure(card(), case(ODD + "90x9")) == ""
    assert failure(card(), case(ODD + "4x9", symptom="none")) == ""


def test_a_test_that_does_not_hold_says_both() -> None:
    assert failure(card(), case(ODD + "4x9")) == "symptom: expected anomaly, got none"
    assert failure(card(), case(ODD + "90x9", symptom="none")) == "symptom: expected none, got anomaly"


@pytest.mark.parametrize(
    ("left", "bounds", "why"),
    [
        (7200.0, {"after": "1h", "before": "3h"}, ""),
        (3600.0, {"after": "1h", "before": "3h"}, ""),
        (3599.0, {"after": "1h", "before": "3h"}, "crossing: expected after 1h and before 3h, got 59m59s"),
        (10801.0, {"before": "3h"}, "crossing: expected before 3h, got 3h1s"),
        (None, {"after": "1h"}, "crossing: expected after 1h, got none"),
    ],
)
def test_the_crossing_is_held_to_its_bounds(
    monkeypatch: pytest.MonkeyPatch, left: float | None, bounds: dict[str, str], why: str
) -> None:
    monkeypatch.setattr(card_tests, "seen", lambda *_: [Seen("exhaustion", left)])
    assert failure(card(), case("1", symptom="exhaustion", **bounds)) == why


def test_where_a_crossing_was_expected_and_nothing_is_told_the_forecaster_says_why() -> None:
    one = ModelCard.model_validate(
        {
            "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "tank", "summary": "A tank will run over.", "query": "level",
            "owner": {"team": "t"}, "forecast": {"limit": {"above": 10}, "horizon": "12h"},
        }
    )  # fmt: skip
    flat = case("1x400", at="6h", symptom="exhaustion")
    assert failure(one, flat).startswith("symptom: expected exhaustion, got none (")


def test_a_fill_whose_every_sample_lies_on_one_line_is_told_within_six_hours() -> None:
    """As an author writes the first test of a card: a line in promtool's notation, no noise, no day of history."""
    fills = card().model_dump(mode="json", exclude_unset=True, by_alias=True) | {
        "forecast": {"model": "exhaustion", "limit": {"below": 0.05}, "horizon": "3d"}, "step": "1m",
        "guards": {"min_relative_change": 0.2, "persistence": "3/5"},
    }  # fmt: skip
    told = case("0.60-0.001x500", "6h", "exhaustion", after="2h", before="5h")
    assert failure(ModelCard.model_validate(fills), told) == ""
