"""What `aiops cards compare` says of two records."""

from __future__ import annotations

import pytest

from aiops.cli.compared import as_object, changes, lines
from aiops.models.card import ModelCard
from aiops.outcomes.challenge import compare
from tests.daemon.rig import card
from tests.outcomes.test_challenge import NOW, record

TRIES = {"forecast": {"model": "ets", "params": {"everything": True}}}
CARD = ModelCard.model_validate(card(challenger=TRIES))


def told(champion: list[str], challenger: list[str]) -> list[str]:
    return list(lines(CARD, compare(record(champion), record(challenger, 1000), 0, NOW), NOW))


def test_a_better_one_comes_with_what_to_write() -> None:
    said = told(["hit", "false"] * 20, ["hit", "unjudgeable"] * 20)
    assert said[-2:] == ['  forecast.model: "ets"', '  forecast.params: {"everything": true}']
    assert changes(CARD) == {"forecast": {"model": "ets", "params": {"everything": True}}}


@pytest.mark.parametrize(
    ("champion", "challenger", "says"),
    [
        (["hit"] * 20, ["false"] * 20, "the challenger is worse: of what it tells, less comes true"),
        (["hit", "missed"] * 30, ["hit", "hit"] * 30 + ["false"] * 60, "neither is better: it foretells more of the failures"),
        (["hit"] * 9 + ["false"], ["hit"] * 9 + ["false"], "not known yet: the difference may be chance"),
        (["hit"] * 8 + ["false"] * 2, ["hit"] * 9 + ["false"], "more incidents would decide it"),
    ],
)
def test_the_answer_is_a_sentence(champion: list[str], challenger: list[str], says: str) -> None:
    said = told(champion, challenger)
    assert any(says in line for line in said)
    assert not any("write into" in line for line in said)


def test_what_was_never_judged_is_a_dash() -> None:
    said = told(["missed"] * 6, ["missed"] * 6)
    assert [line.split() for line in said if line.startswith("  came true")] == [["came", "true", "-", "-", "-"]]


def test_without_any_verdict_the_answer_is_open() -> None:
    assert as_object(CARD, None) == {"card": "disk", "answer": "open", "why": [], "write": {}}
    said = "nothing that the challenger said was judged yet, as far back as --since goes"
    assert list(lines(CARD, None, NOW)) == [f"disk: exhaustion against ets; {said}"]


@pytest.mark.parametrize(
    ("own", "tried", "says"),
    [
        ({"touched_s": 600.0}, {"touched_s": 0, "level": 0.9}, "with level by default against 0.9, touched_s 600.0 against 0"),
        ({"level": 0.9}, {}, "with level 0.9 against by default"),
        ({"level": 0.9}, {"level": 0.9}, "with the same parameters"),
    ],
)
def test_of_one_and_the_same_model_it_names_what_differs(own: dict[str, float], tried: dict[str, float], says: str) -> None:
    forecast = {"limit": {"below": 0.05}, "params": own}
    one = ModelCard.model_validate(card(forecast=forecast, challenger={"forecast": {"model": "exhaustion", "params": tried}}))
    assert next(lines(one, None, NOW)).startswith(f"disk: exhaustion {says}; nothing that")
