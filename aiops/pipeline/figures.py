"""The live figures of a store: how the warnings of each card, rule, entity, service or team came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from aiops.core.records import Outcome
from aiops.models.card import ModelCard
from aiops.outcomes.scorecard import About, By, Figures, scorecard
from aiops.store import Store

SINCE_S = 30 * 86400.0
"""What figures are told of when nobody asks for another time."""
AT_MOST = 100_000
"""Verdicts that are looked through at most, the newest."""


def figures(
    store: Store, cards: Iterable[ModelCard], by: Sequence[By], now_s: float, since_s: float,
    series: Mapping[str, int] | None = None,
    seen: Callable[[Iterable[Outcome]], Iterable[Outcome]] = lambda found: found,
) -> list[Figures]:  # fmt: skip
    """Figures of the verdicts given in (since_s, now_s]. `series`: how many each card watches; `seen`: what may be shown."""
    held, found = about(cards, series or {}), list(seen(store.outcomes(limit=AT_MOST, since_s=since_s)))
    return [one for kind in by for one in scorecard(found, kind, now_s, since_s, held)]


def about(cards: Iterable[ModelCard], series: Mapping[str, int]) -> dict[str, About]:
    """What the figures of each card are held against."""
    return {c.name: About(c.owner.team, series.get(c.name, 0), 100.0 * c.anomaly_budget_per_week) for c in cards}
