"""What became of the episodes that one warning spoke for, in words: pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiops.core.records import EarlyWarning, Verdict
from aiops.core.text import visible

NAMED_AT_MOST, CARDS_AT_MOST = 10, 5
PENDING = "pending"
ENDS: Mapping[Verdict, str] = {
    "hit": "came true", "late": "came true, told too late", "averted": "was averted", "false": "was wrong",
    "unjudgeable": "cannot be judged", "expired": "was judged by nobody",
}  # fmt: skip
"""How an episode ends, in words; what matters most stands first."""
NOT_YET = "is not judged yet"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an episode that was told with another; `verdict` None: it is not judged yet."""

    id: str
    card: str
    verdict: Verdict | None


def tally(fates: Sequence[Fate]) -> dict[str, int]:
    """How often each verdict was given, what matters most first, and `pending` last."""
    counts = Counter(fate.verdict or PENDING for fate in fates)
    return {name: counts[name] for name in (*ENDS, PENDING) if counts[name]}


def leading(fates: Sequence[Fate]) -> str:
    """The one word for all of them: `pending` while one is not judged, then the verdict that matters most; empty for none."""
    counts = tally(fates)
    return PENDING if PENDING in counts else next(iter(counts), "")


def title_of(fates: Sequence[Fate]) -> str:
    """All of them in a clause of a title.

    >>> title_of([Fate("a", "disk", "hit"), Fate("b", "disk", None), Fate("c", "disk", "hit")])
    'came true on 2, 1 not judged yet'
    """
    counts = tally(fates)
    waiting = counts.pop(PENDING, 0)
    known = [f"{said(name)} on {n}" for name, n in counts.items()]
    return ", ".join([*known, f"{waiting} not judged yet"] if waiting else known)


def said(verdict: str) -> str:
    """A verdict in words, `pending` as well."""
    return next((words for name, words in ENDS.items() if name == verdict), NOT_YET)


def lines(warning: EarlyWarning, fates: Sequence[Fate]) -> Iterator[str]:
    """What became of them, a line: of what a warning lists by entity, of what was told with it on its entity by card."""
    if not warning.members:
        by_card = Counter((fate.card.replace("_", " "), said(fate.verdict or PENDING)) for fate in fates)
        told = [f"{card} {words}{f' ({n} times)' if n > 1 else ''}" for (card, words), n in by_card.most_common(CARDS_AT_MOST)]
        more = [f"and {len(by_card) - CARDS_AT_MOST} more"] if len(by_card) > CARDS_AT_MOST else []
        yield from [f"With it: {'; '.join([*told, *more])}"] if told else []
        return
    names, shared = defaultdict[str, list[str]](list), set(warning.entity.items())
    entities = {one["id"]: " ".join(v for k, v in one["entity"].items() if v and (k, v) not in shared) for one in warning.members}
    for fate in fates:
        names[fate.verdict or PENDING].append(entities.get(fate.id, ""))
    for verdict, count in tally(fates).items():
        some = [name for name in names[verdict] if name][:NAMED_AT_MOST]
        where = visible(", ".join(some)) + (f" and {count - len(some)} more" if some and count > len(some) else "")
        on = f"{'Verdict: ' if verdict in ENDS else ''}{said(verdict) if verdict in ENDS else 'Not judged yet'} on {count}"
        yield f"{on}{f': {where}' if where else ''}"
