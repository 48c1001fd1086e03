"""What the ledger says, as lineage for other systems: row by row, with what rooms and configuration know besides it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from aiops.config.settings import Settings
from aiops.governance.gate import Gate
from aiops.governance.openlineage import STATES, About, events
from aiops.models.card import ModelCard
from aiops.store import Store
from aiops.store.ledger import LedgerRow

NAME = "lineage"
"""What the data policy calls this place."""


def about_of(settings: Settings, gate: Gate, cards: Iterable[ModelCard]) -> About:
    """What events say besides the ledger."""
    return About(
        lambda lineages: gate.decision("export", lineages, gate.location(NAME)),
        {name: _namespace(name, one.kind, str(one.params.get("url", ""))) for name, one in settings.sources.items()},
        {card.name: card.owner.team for card in cards},
    )


def _namespace(name: str, kind: str, url: str) -> str:
    """A source as OpenLineage names it: kind://host:port, else kind://name."""
    return f"{kind}://{urlsplit(url).netloc.rpartition('@')[2] or name}"


def told(store: Store, rows: Collection[LedgerRow], about: About) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number of the row, event) of some rows, in their order."""
    for row in rows:
        if row.action in STATES:
            warning = store.warning(row.object if row.action == "warning.opened" else str(row.detail.get("warning", "")))
            for event in events(row.action, row.object, row.detail, row.at_s, warning, about):
                yield row.seq, event
