"""The record that a warning carries: counted over the card, and on the entity that it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aiops.core.records import Outcome
from aiops.outcomes.tally import Tally, with_family, with_groups


def outcome(verdict: Any, instance: str = "a") -> Outcome:
    return Outcome("id", "disk_full", {"instance": instance}, verdict, 9, 1, None, None, None, None)


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [([], "new, unproven"), (["hit", "false"], "new, unproven (1 of 2 came true)"), (["expired"], "new, unproven"),
     (["hit"] * 12 + ["late"] * 3 + ["false"] * 5 + ["missed"] * 9, "15 of the last 20 came true")],
)  # fmt: skip
def test_what_is_said_of_a_card(verdicts: list[str], text: str) -> None:
    assert Tally(map(outcome, verdicts)).record()["text"] == text


def test_an_entity_has_a_record_of_its_own() -> None:
    tally = Tally([outcome("hit", "a")] * 18 + [outcome("false", "b")] * 3)
    assert tally.record({"instance": "a"})["text"] == "18 of the last 21 came true; here 18 of 18"
    assert tally.record({"instance": "b"})["text"] == "18 of the last 21 came true; here 0 of 3"
    assert tally.record({"instance": "c"})["text"] == "18 of the last 21 came true"
    tally.add(outcome("late", "b"))
    assert tally.record({"instance": "b"})["settled_here"] == 4


def test_the_lead_of_the_hits_is_told_and_what_is_old_is_left_out() -> None:
    hits = [Outcome("i", "c", {}, "hit", 9, 1, 2, lead, None, None) for lead in (60.0, 6600.0, 9000.0)]
    tally = Tally([outcome("false")] * 100 + hits * 30)
    assert tally.record()["text"] == "90 of the last 100 came true; median 1h50m ahead"
    assert tally.record()["median_lead_s"] == 6600.0


FAMILY = [{"settled": 30, "came_true": 24}, {"settled": 20, "came_true": 16}]


def test_what_is_unproven_is_told_with_what_cards_like_it_have_shown() -> None:
    own = Tally([outcome("false")] * 5).record()
    found = with_family(own, FAMILY)
    assert found["text"] == "new, unproven (0 of 5 came true); cards like it 40 of 50, so about 64%"
    assert (found["family_settled"], found["family_came_true"], found["about"]) == (50, 40, pytest.approx(0.64))


@pytest.mark.parametrize(("own", "family"), [(20, FAMILY), (5, [{"settled": 19, "came_true": 19}]), (5, [])])
def test_what_is_proven_itself_or_has_no_proven_family_stands_alone(own: int, family: list[dict[str, int]]) -> None:
    record = Tally([outcome("hit")] * own).record()
    assert with_family(record, family) == record


def test_what_a_replay_of_the_past_showed_is_told_apart_while_a_card_is_unproven() -> None:
    past = [replace(outcome(word), origin="replay") for word in ["hit"] * 6 + ["false"] * 2 + ["expired"]]
    tally = Tally([*past, outcome("hit")])
    assert tally.record()["text"] == "new, unproven (1 of 1 came true); in a replay of the past 6 of 8"
    assert (tally.record()["settled"], tally.record({"instance": "a"})["settled_here"]) == (1, 1)
    for _ in range(19):
        tally.add(outcome("hit"))
    assert tally.record()["text"] == "20 of the last 20 came true"


def test_the_base_rate_is_that_of_what_nobody_touched() -> None:
    touched = replace(outcome("false"), acted=True)
    tally = Tally([outcome("false"), outcome("hit"), outcome("late"), touched, outcome("averted"), outcome("expired")])
    assert tally.cleared_alone == (1, 3)


def test_a_service_has_a_record_over_all_entities_and_replays_are_not_in_it() -> None:
    found = [replace(outcome("hit", one), about={"service": "shop"}) for one in "abc"]
    false, replayed = replace(outcome("false"), about={"service": "shop"}), replace(found[0], origin="replay")
    tally = Tally([*found, false, replayed, outcome("hit")])
    assert tally.of_service("shop") == (3, 4)
    assert tally.of_service("bank") == (0, 0)


def test_records_of_service_and_team_stand_beside_that_of_the_card() -> None:
    found = with_groups(Tally([outcome("hit")] * 20).record(), [("service shop", 3, 4), ("team web", 40, 50)])
    assert found["text"] == "20 of the last 20 came true; service shop 3 of 4; team web 40 of 50"
    assert found["groups"][1] == {"of": "team web", "came_true": 40, "settled": 50}
    assert with_groups({"text": "new"}, []) == {"text": "new"}
