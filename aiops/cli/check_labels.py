"""Labels that a runbook uses and that the warnings it fits may lack, by entities and queries of the cards that lead to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from aiops.config.yaml_strict import Loc
from aiops.models.card import ModelCard
from aiops.runbooks import Runbook
from aiops.runbooks.check import texts_in
from aiops.runbooks.expressions import LOOK_UP

SHOWN = 3
_LABEL = re.compile(r"(?<![\w.])symptom\.labels\.([a-zA-Z_]\w*)")
_AGGREGATED = re.compile(r"\b(?:by|without)\s*\(|\b(?:sum|min|max|avg|count|quantile|topk|bottomk|group)\s*\(")
_SCRAPED = ("instance", "job")
"""Labels that Prometheus gives to every series, of which an aggregation leaves what it names."""


def label_hints(runbook: Runbook, cards: Sequence[ModelCard], external: Iterable[str]) -> Iterator[tuple[Loc, str]]:
    """(place, in words) of each label that a runbook looks at, and that not every one of `cards` surely gives to its warnings.

    A card gives those of its entity and those that its query names; without an aggregation those of scraping too, and every one
    the labels `external` of sources. Of what a card of alerting rules gives nothing is known.
    """
    known = [card for card in cards if card.alerts is None and card.entity]
    sources = {*external, *(one.name for one in runbook.match.labels if not one.matches({}))}  # the others would not be matched
    for label, place in _used(runbook).items():
        lacking = [card for card in known if label not in sources and not _gives(card, label)]
        if lacking:
            names = ", ".join(card.name for card in lacking[:SHOWN])
            more = f" and {len(lacking) - SHOWN} more cards" if len(lacking) > SHOWN else ""
            entity = ", ".join(lacking[0].entity)
            what = f"the entity is {entity}, and the query does not name it"
            yield place, f"warnings of {names}{more} may have no label {label}: {what}"


def _gives(card: ModelCard, label: str) -> bool:
    query = card.query or ""
    if label in card.entity or re.search(rf"(?<![\w:]){label}(?![\w:(])", query):
        return True
    return label in _SCRAPED and not _AGGREGATED.search(query)


def _used(runbook: Runbook) -> dict[str, Loc]:
    """Each label that it needs, at the first place that names it."""
    found: dict[str, Loc] = {}
    for i, name in enumerate(runbook.target_by):
        found.setdefault(name, ("target_by", i))
    whole = runbook.model_dump(mode="json", by_alias=True, include={"steps", "notify"}, exclude_none=True)
    for loc, text in texts_in(whole, ()):
        cel = loc[-1] in ("if", "expect") or (loc[0] == "steps" and whole["steps"][loc[1]]["uses"] == "compute" and "with" in loc)
        for part in [text] if cel else LOOK_UP.findall(text):
            for name in _LABEL.findall(part):
                found.setdefault(name, loc)
    return found
