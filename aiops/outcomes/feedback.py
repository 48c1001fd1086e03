"""What people think of a warning, beside its verdict: useful or not, and why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Word = Literal["useful", "noise", "expected", "early", "late", "duplicate", "wrong_target", "unimportant"]
WORDS: tuple[Word, ...] = get_args(Word)
HUSHING: tuple[Word, ...] = ("noise", "expected", "unimportant")
"""Words after which nothing more is to be told of a series for a while: it is not real, known, or does not matter."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """One person's word on one warning of a card, epoch seconds when it was said."""

    card: str
    warning_id: str
    who: str
    word: Word
    at_s: float
    note: str = ""


def current(said: Iterable[Feedback]) -> list[Feedback]:
    """The last word of each person on each warning, oldest first."""
    last = {(one.warning_id, one.who): one for one in sorted(said, key=lambda one: one.at_s)}
    return sorted(last.values(), key=lambda one: (one.at_s, one.warning_id, one.who))


def counted(said: Iterable[Feedback]) -> Counter[tuple[str, Word]]:
    """(card, word) to how many warnings somebody said it of."""
    return Counter((card, word) for card, word, _ in {(one.card, one.word, one.warning_id) for one in current(said)})
