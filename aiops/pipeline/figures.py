"""The live figures of a store: how the warnings of each card, rule, entity, service or team came out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from aiops.core.records import Outcome
from aiops.models.card import ModelCard
from aiops.outcomes.scorecard import About, By, Figures, entity_name, scorecard
from aiops.pipeline.report import SPENT
from aiops.pipeline.watch import Watch
from aiops.store import Store

SINCE_S = 30 * 86400.0
"""What figures are told of when nobody asks for another time."""
AT_MOST = 100_000
"""Verdicts that are looked through at most, the newest."""


def figures(
    store: Store, cards: Iterable[ModelCard], by: Sequence[By], now_s: float, since_s: float,
    series: Mapping[str, int] | None = None, watches: Sequence[Watch] = (),
    seen: Callable[[Iterable[Outcome]], Iterable[Outcome]] = lambda found: found,
) -> list[Figures]:  # fmt: skip
    """Figures of the verdicts given in (since_s, now_s]. `series`: how many each card watches; `watches` say how many of them an
    entity, a rule or a service has; `seen`: what may be shown."""
    held, found = about(cards, series or {}), list(seen(store.outcomes(limit=AT_MOST, since_s=since_s)))
    return [one for kind in by for one in scorecard(found, kind, now_s, since_s, held, parts(watches, kind))]


def watched_last(store: Store) -> dict[str, int]:
    """How many series each card watched when the daemon last said what it used: for who looks on without one."""
    found: dict[str, int] = {}
    for said in store.statements(kind=SPENT):
        found |= {card: round(many) for card, many in said.body["series"].items()}
    return found


def parts(watches: Sequence[Watch], by: By) -> dict[tuple[str, str], int]:
    """How many series of each card, by its name, each entity, rule or service has; nothing of another `by`."""
    out: Counter[tuple[str, str]] = Counter()
    for watch in watches if by in ("entity", "rule", "service") else ():
        entities, entity_of = tuple(watch.entities), watch.entity_of
        rows = np.bincount(entity_of[entity_of < len(entities)], minlength=len(entities)).tolist()
        for number, (entity, many) in enumerate(zip(entities, rows, strict=True)):
            if by == "entity":
                name = entity_name(entity)
            else:
                name = watch.services.named(watch.labels_of(number)).get("service" if by == "service" else "alertname", "")
            out[watch.card.name, name] += many
    return {names: many for names, many in out.items() if names[1]}


def about(cards: Iterable[ModelCard], series: Mapping[str, int]) -> dict[str, About]:
    """What the figures of each card are held against."""
    return {c.name: About(c.owner.team, series.get(c.name, 0), 100.0 * c.anomaly_budget_per_week) for c in cards}
