"""A proposed change of a card, tried: the past replayed with the card as it is and as it would be, warning against warning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiops.backtest.observe import Episode
from aiops.backtest.ordered import run
from aiops.backtest.question import Question, close, read_all, rooms_of
from aiops.core.durations import rfc3339
from aiops.core.labels import has_all
from aiops.core.records import CAME, EarlyWarning

Mark = Callable[[float], None]
NEAR_S, NEAR_STEPS = 900.0, 5
"""A replayed warning is the one that was lived if it stood open within so much of it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Of some lived warnings: how many there are, how many the replay found again, how many of these the change keeps back."""

    lived: int
    found: int
    gone: int

    def said(self, what: str, gone: str) -> str:
        """In words.

        >>> Kept(6, 5, 4).said("noise warnings", "gone")
        '4 of 5 noise warnings gone (1 of 6 was not found again)'
        """
        missing = self.lived - self.found
        more = f" ({missing} of {self.lived} {'was' if missing == 1 else 'were'} not found again)" if missing else ""
        return f"{self.gone} of {self.found} {what} {gone}{more}"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a replay of [since_s, until_s] says of a change. `before`, `after`: warnings that opened, and how many came true."""

    since_s: int
    until_s: int
    word: str
    spoken_of: Kept
    hits: Kept
    before: tuple[int, int]
    after: tuple[int, int]

    def __str__(self) -> str:
        return (
            f"with this diff: {self.spoken_of.said(f'{self.word} warnings', 'gone')}, {self.hits.said('hits', 'lost')}; "
            f"{self.after[0]} warnings and {self.after[1]} hits instead of {self.before[0]} and {self.before[1]}, "
            f"replayed {rfc3339(self.since_s)} to {rfc3339(self.until_s)}"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        kept = {name: {"lived": one.lived, "found": one.found, "gone": one.gone} for name, one in self._kept().items()}
        counts = {"before": {"warnings": self.before[0], "hits": self.before[1]}}
        counts["after"] = {"warnings": self.after[0], "hits": self.after[1]}
        return {"since_s": self.since_s, "until_s": self.until_s, "word": self.word, **kept, **counts}

    def _kept(self) -> Mapping[str, Kept]:
        return {"spoken_of": self.spoken_of, "hits": self.hits}


def tried(
    asked: Question, as_it_is: Path, as_it_would_be: Path, word: str, spoken_of: Sequence[EarlyWarning],
    lived: Sequence[EarlyWarning], folder: Path, mark: Mark = lambda _: None,
) -> Trial:  # fmt: skip
    """Replay the time of `asked` with both files of one card; `folder` keeps what is read of the sources, for both once.

    `spoken_of`: the warnings of which `word` was said, among those that were `lived`. Raises SourceError, FileError, BadQuestion.
    """
    before = _replayed(replace(asked, cards=(str(as_it_is),)), folder, lambda share: mark(share / 2))
    after = _replayed(replace(asked, cards=(str(as_it_would_be),)), folder, lambda share: mark(0.5 + share / 2))
    inside = [w for w in lived if asked.since_s <= w.opened_s <= asked.until_s]
    names = {w.id for w in spoken_of}
    hits = [w for w in inside if w.verdict in CAME and w.id not in names]
    said = [w for w in inside if w.id in names]
    of_said, of_hits = _kept(said, before, after), _kept(hits, before, after)
    return Trial(asked.since_s, asked.until_s, word, of_said, of_hits, _counted(before), _counted(after))


def _replayed(asked: Question, folder: Path, mark: Mark) -> list[Episode]:
    rooms = rooms_of(asked, folder)
    try:
        watches = [w for w in read_all(rooms, lambda share: mark(share / 10)) if not w.card.challenges]
        passed = run(rooms, watches, asked.since_s, asked.until_s, mark=lambda share: mark(0.1 + 0.9 * share))
        return [episode for course in passed.courses for episode in course.episodes.values()]
    finally:
        close(rooms)


def _counted(episodes: Iterable[Episode]) -> tuple[int, int]:
    found = list(episodes)
    return len(found), sum(one.outcome is not None and one.outcome.verdict in CAME for one in found)


def _kept(lived: Sequence[EarlyWarning], before: Sequence[Episode], after: Sequence[Episode]) -> Kept:
    found = [w for w in lived if _among(w, before)]
    return Kept(len(lived), len(found), sum(not _among(w, after) for w in found))


def _among(lived: EarlyWarning, replayed: Iterable[Episode]) -> bool:
    """Whether a replay told the same: of the same kind and entity, or of one that holds it, open at about the same time."""
    near = max(NEAR_S, NEAR_STEPS * lived.step_s)
    about = {**lived.labels, **lived.entity}
    ends = float("inf") if lived.closed_s is None else lived.closed_s
    return any(
        one.last.kind == lived.kind and has_all(about, one.last.entity)
        and one.opened.opened_s <= ends + near
        and (one.last.closed_s is None or one.last.closed_s >= lived.opened_s - near)
        for one in replayed
    )  # fmt: skip
