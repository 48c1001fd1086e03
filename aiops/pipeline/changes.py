"""What a turn decided, and the journals that keep it: all of one turn in one transaction, or many turns in batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from aiops.core.errors import SourceError
from aiops.core.records import EarlyWarning, Floats, Outcome
from aiops.notify.message import OutboxEntry
from aiops.store import Store

EventKind = Literal["opened", "updated", "worsened", "spread", "closed", "crossing", "outcome", "judged"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something a turn saw or decided, in the order in which it happened."""

    kind: EventKind
    at_s: int
    warning: EarlyWarning | None = None
    outcome: Outcome | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """Everything one turn writes; it is kept in one transaction or not at all. `judged`: the turn is done with it. `worse`: the
    ids of warnings that speak for the first time because they are worse than what was told of their entity."""

    card: str
    source: str
    now_s: int
    warnings: list[EarlyWarning] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    outbox: list[OutboxEntry] = field(default_factory=list)
    ledger: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    judged: bool = True
    worse: set[str] = field(default_factory=set)

    def replace(self, *warnings: EarlyWarning) -> None:
        """Put later states of warnings of this turn in the place of what is there of them."""
        later = {warning.id: warning for warning in warnings}
        self.warnings[:] = [*(w for w in self.warnings if w.id not in later), *later.values()]
        self.events[:] = [
            replace(e, warning=later[e.warning.id]) if e.warning is not None and e.warning.id in later else e for e in self.events
        ]

    def event(self, kind: EventKind, warning: EarlyWarning | None = None, outcome: Outcome | None = None, **detail: Any) -> None:
        """Remember what happened; `updated` is no decision, and what was `judged` elsewhere stands in the ledger already."""
        self.events.append(Event(kind, self.now_s, warning, outcome, detail))
        if kind in ("updated", "judged"):
            return
        what = warning.id if warning else (outcome.warning_id if outcome else "")
        facts: dict[str, Any] = dict(detail)
        if warning is not None:
            facts |= {"card": warning.card, "kind": warning.kind, "entity": dict(warning.entity), "severity": warning.severity}
        if outcome is not None:
            facts |= {"card": outcome.card, "verdict": outcome.verdict, "lead_s": outcome.lead_s, "why": outcome.detail}
        self.ledger.append((f"warning.{kind}" if kind != "outcome" else "outcome", what, facts))


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What one turn of one watch came to. `scores` (entities,) -log10 p of this turn, NaN = not scored.

    `failed`: sources that could not be asked, and why; `error` only when none of them could. `behind_s`: history,
    in seconds, that is still to be read.
    """

    watch: str
    now_s: int
    seconds: float
    states: Mapping[str, int]
    events: tuple[Event, ...]
    scores: Floats | None = None
    error: SourceError | None = None
    partial: tuple[str, ...] = ()
    failed: Mapping[str, SourceError] = field(default_factory=dict)
    behind_s: int = 0


class Journal(Protocol):
    """Keeps what turns decided."""

    def write(self, changes: Changes) -> None:
        """Keep one turn's changes, all or none."""

    def flush(self) -> None:
        """Write what waits, so that the store holds all turns before this one."""


def _put(store: Store, many: list[Changes]) -> None:
    """All of several turns in one transaction; of a warning that changed more than once only its last state is written."""
    last = {warning.id: warning for changes in many for warning in changes.warnings}
    with store.transaction() as tx:
        tx.put_warning(*last.values())
        for changes in many:
            at = float(changes.now_s)
            for outcome in changes.outcomes:
                tx.put_outcome(outcome)
            for entry in changes.outbox:
                tx.enqueue(
                    entry.receiver, entry.group, entry.dedup_key, dict(entry.payload), at, entry.renewal, entry.not_before_s
                )
            for action, object_, detail in changes.ledger:
                tx.record("daemon", action, object_, dict(detail), at)
        for (card, source), now_s in {(c.card, c.source): c.now_s for c in many if c.judged}.items():
            tx.put_turn(card, source, now_s)


class StoreJournal:
    """One transaction a turn: live."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def write(self, changes: Changes) -> None:
        """Keep one turn's changes in one transaction."""
        _put(self.store, [changes])

    def flush(self) -> None:
        """Nothing waits."""


class BatchJournal:
    """Many turns a transaction: backtest and demo, where nobody is told and a crash only means starting again."""

    def __init__(self, store: Store, size: int = 2000) -> None:
        self.store, self.size = store, size
        self._waiting: list[Changes] = []

    def write(self, changes: Changes) -> None:
        """Remember one turn's changes; a turn that decided nothing leaves no row."""
        if changes.warnings or changes.outcomes or changes.ledger:
            self._waiting.append(changes)
        if len(self._waiting) >= self.size:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            _put(self.store, self._waiting)
            self._waiting.clear()
