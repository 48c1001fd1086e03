"""The business numbers of a store, over all cards or those of a pilot, and what they mean for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from aiops.config.pilots import PilotSettings
from aiops.config.settings import Settings
from aiops.core.records import EarlyWarning
from aiops.models.card import ModelCard
from aiops.outcomes import pilot as law
from aiops.outcomes.report import Facts, Number, Prices, Spent, Told, Touch, as_json, numbers
from aiops.outcomes.scorecard import About, scorecard
from aiops.store import Statement, Store
from aiops.store.responses import Responses
from aiops.store.tx import StatementKind

AT_MOST = 100_000
SPENT: StatementKind = "spent"
"""The kind of statement by which the daemon says what it used."""
WORDS = ("action", "feedback", "verdict", "ack")
"""Kinds of statements by which people say something of a warning."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report of some time: its figures and, for a pilot, the verdict on it."""

    name: str
    cards: tuple[str, ...]
    since_s: float
    until_s: float
    numbers: tuple[Number, ...]
    currency: str
    owner: str = ""
    baseline: Mapping[str, float | None] | None = None
    verdict: law.Verdict | None = None
    watched_s: float | None = None

    @property
    def seen_s(self) -> float:
        """How long of its time its cards were watched, as far as that is known."""
        return max(0.0, self.until_s - max(self.since_s, self.watched_s or self.since_s))

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "pilot": self.name, "cards": list(self.cards), "since_s": self.since_s, "until_s": self.until_s, "owner": self.owner,
            "currency": self.currency, "figures": as_json(self.numbers), "baseline": self.baseline,
            **({} if self.verdict is None else self.verdict.as_json()),
        }  # fmt: skip


def report(store: Store, settings: Settings, cards: Iterable[ModelCard], now_s: float, since_s: float) -> Report:
    """The figures of all cards since `since_s`."""
    names = tuple(card.name for card in cards)
    facts = facts_of(store, settings, names, since_s, now_s)
    return Report("", names, since_s, now_s, tuple(numbers(facts)), settings.costs.currency, watched_s=facts.watched_s)


def pilot_report(store: Store, settings: Settings, name: str, now_s: float, after_s: float | None = None) -> Report:
    """The figures of a pilot since it began, and what they mean. `after_s`: the figures of the time after it alone; the verdict
    is that of the whole pilot all the same, and says so. Raises KeyError when there is no such pilot."""
    one = settings.pilots[name]
    since_s = datetime.fromisoformat(one.since).replace(tzinfo=UTC).timestamp()
    facts = facts_of(store, settings, one.cards, since_s, now_s)
    found, settled = numbers(facts), 0 if facts.record is None else facts.record.settled
    goal, stop = one.goal.model_dump(exclude={"settled"}), one.stop.model_dump()
    verdict = law.judged(found, goal, stop, settled, one.goal.settled, now_s - since_s, settings.costs.currency)
    if after_s is not None and after_s > since_s:
        since_s, facts = after_s, facts_of(store, settings, one.cards, after_s, now_s)
        found = numbers(facts)
        verdict = replace(verdict, reasons=(*verdict.reasons, f"by all figures since {one.since}, when it began"))
    return Report(
        name, tuple(one.cards), min(since_s, now_s), now_s, tuple(found), settings.costs.currency, one.owner, _before(one),
        verdict, facts.watched_s,
    )  # fmt: skip


def _before(one: PilotSettings) -> dict[str, float | None]:
    return dict(one.baseline.model_dump())


def facts_of(store: Store, settings: Settings, cards: Collection[str], since_s: float, now_s: float) -> Facts:
    """What is known of some cards in (since_s, now_s]."""
    since_s = min(since_s, now_s - 1)
    mine, costs = set(cards), settings.costs
    lived = [
        one for one in store.outcomes(limit=AT_MOST, since_s=since_s)
        if one.card in mine and not one.origin and one.settled_s <= now_s
    ]  # fmt: skip
    record = next(iter(scorecard(lived, "team", now_s, since_s, {name: About("all") for name in mine})), None)
    told = list(_told(store, [one for name in sorted(mine) for one in store.warnings_opened(name, since_s, now_s)]))
    prices = Prices(costs.currency, costs.cpu_hour, costs.analyst_hour, costs.analyst_minutes)
    runs = [run for run in Responses(store).newest(AT_MOST) if run.card in mine and since_s < run.changed_s <= now_s]
    saved = [(run.warning_id, run.snapshot["runbook"].get("manual_minutes")) for run in runs if run.state == "succeeded"]
    touches = list(_touches(store, mine, since_s, now_s, {f"{run.runbook}@{run.sha}" for run in runs}))
    spent, watched = _spent(store, mine, since_s, now_s), store.watched_since(*mine)
    return Facts(since_s, now_s, record, lived, told, touches, saved, spent, prices, watched)


def _told(store: Store, opened: Sequence[EarlyWarning]) -> Iterator[Told]:
    """Those of which somebody was told, by themselves or by the warning of many entities that lists them."""
    found = {one.id: one for one in opened}
    for one in opened:
        if one.told_s is not None:
            yield Told(one.id, one.card, one.opened_s, one.told_s)
        elif one.thread:
            if one.thread not in found and (speaker := store.warning(one.thread)) is not None:
                found[one.thread] = speaker
            by = found.get(one.thread)
            heard_s = None if by is None else _heard_s(by, one)
            if heard_s is not None:
                yield Told(one.id, one.card, one.opened_s, heard_s, one.thread)


def _heard_s(cause: EarlyWarning, one: EarlyWarning) -> float | None:
    """When somebody was told of what a cause lists, None: nobody was. What joined after its first telling was told at its last
    one at the latest; what joined after that was not."""
    listed = [member["id"] for member in cause.members[: int(cause.record.get("told", 0))]]
    if cause.told_s is None or one.id not in listed:
        return None
    return cause.told_s if one.opened_s <= cause.told_s else max(cause.told_s, float(cause.record["told_s"]))


def _touches(store: Store, mine: Collection[str], since_s: float, now_s: float, runbooks: Collection[str]) -> Iterator[Touch]:
    """What people said of warnings; what a step of a runbook said that it did is no person's word."""
    for kind in WORDS:
        for said in store.statements(kind=kind):
            if said.card in mine and since_s < said.said_s <= now_s and said.who not in runbooks:
                yield Touch(said.warning_id, said.said_s, kind)


def _spent(store: Store, mine: Collection[str], since_s: float, now_s: float) -> Spent | None:
    """What the daemon used for these cards: of each stretch the share that their turns had of all turns."""
    cpu_s = span_s = series_s = 0.0
    for said in store.statements(kind=SPENT):
        if not since_s < said.said_s <= now_s:
            continue
        body = said.body
        turns, span = body["turn_s"], float(body["span_s"])
        whole = sum(turns.values())
        cpu_s += body["cpu_s"] * (sum(turns.get(name, 0.0) for name in mine) / whole if whole else 0.0)
        span_s += span
        series_s += span * sum(body["series"].get(name, 0) for name in mine)
    return Spent(cpu_s, span_s, series_s / span_s) if span_s else None


def spent_statement(name: str, now_s: float, facts: Mapping[str, Any]) -> Statement:
    """What a daemon says of the stretch that ends at `now_s`; `name` names the daemon and the stretch."""
    return Statement(SPENT, "", name, "", now_s, "daemon", facts)
