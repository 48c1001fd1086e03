"""What a pilot's figures mean against its own targets: scale, keep or stop, and why, in numbers. Pure.

stop    one stop rule is broken: precision surely below (the upper 90% bound), too many false warnings a week, too many minutes
        or too much money, or its time is over and the goal is not met
scale   enough is settled and every figure of the goal is met, precision by its lower 90% bound
keep    anything else: what is missing is named, and what cannot be known counts as missing; before it began too
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiops.core.durations import text
from aiops.outcomes.report import Number, by_name
from aiops.outcomes.scorecard import apart

Word = Literal["scale", "keep", "stop"]
WORDS: tuple[Word, ...] = ("scale", "keep", "stop")
GOALS = {
    "precision_at_least": ("precision_low", 1), "median_lead_at_least": ("median_lead", 1),
    "acted_share_at_least": ("acted_share", 1), "lead_minutes_at_least": ("lead_minutes", 1),
    "averted_at_least": ("averted", 1), "manual_minutes_at_least": ("manual_minutes", 1),
    "incidents_per_month_at_most": ("incidents_per_month", -1), "false_per_week_at_most": ("false_per_week", -1),
    "cost_per_averted_at_most": ("cost_per_averted", -1),
}  # fmt: skip
"""Of each figure of a goal: what is held against it, and whether it must reach it (1) or not pass it (-1)."""
STOPS = {
    "precision_below": ("precision_high", 1), "false_per_week_above": ("false_per_week", -1),
    "minutes_per_warning_above": ("minutes_per_warning", -1), "cost_per_averted_above": ("cost_per_averted", -1),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """One figure of a goal: what it is now, what it takes, and whether it is met; None: it cannot be known."""

    name: str
    label: str
    has: str
    needs: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a pilot, and the reasons."""

    word: Word
    reasons: tuple[str, ...]
    targets: tuple[Target, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        targets = [{"name": t.name, "has": t.has, "needs": t.needs, "met": t.met} for t in self.targets]
        return {"verdict": self.word, "reasons": list(self.reasons), "targets": targets}


def judged(
    found: Sequence[Number], goal: Mapping[str, float | None], stop: Mapping[str, float | None], settled: int, needs: int,
    age_s: float, currency: str = "",
) -> Verdict:  # fmt: skip
    """The verdict on a pilot that began `age_s` ago and has `settled` warnings that came true or not; it takes `needs`."""
    figures = by_name(found)
    targets = tuple(_targets(figures, goal, currency))
    if age_s < 0:
        return Verdict("keep", (f"it begins in {text(-age_s)}",), targets)
    broken = list(_broken(figures, stop, currency))
    open_ones = [t for t in targets if t.met is not True]
    few = [f"{settled} warnings came true or not; it takes {needs}"] if settled < needs else []
    after = stop.get("after")
    if after is not None and age_s > after and (open_ones or few or not targets):
        broken.append(
            f"{text(age_s)} have passed, more than {text(after)}, and the goal is not met: {'; '.join(_lacking(open_ones, few))}"
        )
    if broken:
        return Verdict("stop", tuple(broken), targets)
    if not targets:
        return Verdict("keep", ("no goal is written, so nothing says when to scale it",), targets)
    if open_ones or few:
        return Verdict("keep", tuple(_lacking(open_ones, few)), targets)
    return Verdict("scale", tuple(f"{t.label}: {t.has}, {t.needs} was the goal" for t in targets), targets)


def _lacking(open_ones: Sequence[Target], few: Sequence[str]) -> list[str]:
    return [*few, *(f"{t.label}: {t.has}, needs {t.needs}" for t in open_ones)]


def _targets(figures: Mapping[str, Number], goal: Mapping[str, float | None], currency: str) -> Iterator[Target]:
    for key, (name, side) in GOALS.items():
        wanted = goal.get(key)
        if wanted is None:
            continue
        number = figures[name]
        bound = Number(name, "", wanted, number.unit).shown(currency)
        met = None if number.value is None else (number.value - wanted) * side >= 0
        has = f"not known ({number.note})" if number.value is None else _beside(number, wanted, currency)
        yield Target(key, number.label, has, f"at {'least' if side > 0 else 'most'} {bound}", met)


def _broken(figures: Mapping[str, Number], stop: Mapping[str, float | None], currency: str) -> Iterator[str]:
    for key, (name, side) in STOPS.items():
        wanted, number = stop.get(key), figures[name]
        if wanted is None or number.value is None or (number.value - wanted) * side >= 0:
            continue
        bound = Number(name, "", wanted, number.unit).shown(currency)
        note = figures["precision"].note if name == "precision_high" else number.note
        told = f" ({note})" if note else ""
        has, side_of = _beside(number, wanted, currency), "below" if side > 0 else "above"
        yield f"{number.label}: {has}{told}, {side_of} the {bound} at which it stops"


def _beside(number: Number, wanted: float, currency: str) -> str:
    """A value as it is read beside what is wanted of it: not the same where it is not."""
    if number.unit == "share" and number.value is not None and number.value != wanted:
        return apart(number.value, wanted)
    return number.shown(currency)
