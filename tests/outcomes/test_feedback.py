"""People's words on warnings: the last of each counts."""

from __future__ import annotations

from typing import Any

from aiops.outcomes.feedback import WORDS, Feedback, counted, current


def said(word: Any, warning: str = "w", who: str = "ann", at: float = 1.0, card: str = "c") -> Feedback:
    return Feedback(card, warning, who, word, at)


def test_the_last_word_of_each_person_on_a_warning_counts() -> None:
    found = current([said("noise", at=2.0), said("useful", at=1.0), said("late", who="bob"), said("useful", "v")])
    wanted = [("v", "ann", "useful"), ("w", "bob", "late"), ("w", "ann", "noise")]
    assert [(one.warning_id, one.who, one.word) for one in found] == wanted


def test_warnings_are_counted_not_people() -> None:
    found = counted([said("noise"), said("noise", who="bob"), said("noise", "v"), said("late", card="d")])
    assert found == {("c", "noise"): 2, ("d", "late"): 1}
    assert {word for _, word in found} <= set(WORDS)
