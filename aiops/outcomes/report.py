"""The business numbers of a time: what warnings were worth, what they cost, and what that means for a pilot. Pure.

Nothing is invented: a figure that cannot be known has no value and says why not. Savings count only what was settled: averted is
a verdict, not a guess, and what would have cleared by itself is told beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiops.core.durations import text
from aiops.core.records import CAME, Outcome
from aiops.outcomes.scorecard import Figures

MONTH_S, WEEK_S = 30 * 86400.0, 7 * 86400.0
HANDLED_AT_MOST_MIN = 60.0
"""A person who comes back to a warning the next day did not work on it all night."""
Unit = Literal["count", "share", "minutes", "seconds", "hours", "money", "per_week", "per_month"]


@dataclass(frozen=True, slots=True)
class Told:
    """A warning that somebody was told of. `cause`: the id of the one that told of it among others; empty = it was itself."""

    id: str
    card: str
    opened_s: float
    told_s: float
    cause: str = ""

    @property
    def thread(self) -> str:
        """What a person saw: all that one warning told of is one."""
        return self.cause or self.id


@dataclass(frozen=True, slots=True)
class Touch:
    """That a person said something about a warning: acknowledged, judged, acted, thought."""

    warning_id: str
    at_s: float
    kind: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What the daemon measured: `cpu_s` of all processes while `span_s` were watched, and the mean number of active series."""

    cpu_s: float
    span_s: float
    series: float


@dataclass(frozen=True, slots=True)
class Prices:
    """What work costs; None where nobody said."""

    currency: str = "EUR"
    cpu_hour: float | None = None
    analyst_hour: float | None = None
    analyst_minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a report is made of, for [since_s, until_s]. `record`: the figures of all its cards together, None = no verdict.

    `outcomes`: current verdicts that were lived. `runs`: (warning, minutes by hand, None = its runbook does not say) of each
    runbook that the daemon carried out well. `watched_s`: from when on the cards were watched, None = not known: all the time.
    """

    since_s: float
    until_s: float
    record: Figures | None = None
    outcomes: Sequence[Outcome] = ()
    told: Sequence[Told] = ()
    touches: Sequence[Touch] = ()
    runs: Sequence[tuple[str, float | None]] = ()
    spent: Spent | None = None
    prices: Prices = field(default_factory=Prices)
    watched_s: float | None = None

    @property
    def span_s(self) -> float:
        """How long it is."""
        return self.until_s - self.since_s

    @property
    def seen_s(self) -> float:
        """How long of it they were watched."""
        return max(0.0, self.until_s - max(self.since_s, self.since_s if self.watched_s is None else self.watched_s))


@dataclass(frozen=True, slots=True)
class Number:
    """One figure. `value` None: it cannot be known, and `note` says why; else `note` says what it rests on."""

    name: str
    label: str
    value: float | None
    unit: Unit
    note: str = ""

    def shown(self, currency: str = "") -> str:
        """The value as people read it.

        >>> Number("x", "X", 0.25, "share").shown(), Number("x", "X", None, "count").shown()
        ('25%', 'not known')
        """
        if self.value is None:
            return "not known"
        if self.unit == "share":
            return percent(self.value)
        if self.unit == "seconds":
            return text(self.value)
        ends = {
            "minutes": " min",
            "hours": " h",
            "money": f" {currency}",
            "per_week": " a week",
            "per_month": " in 30 days",
        }
        shown = f"{self.value:,.0f}" if self.value >= 100 or self.value == int(self.value) else f"{self.value:.3g}"
        return shown + ends.get(self.unit, "")


def percent(share: float) -> str:
    """A share as people read it.

    >>> percent(0.254)
    '25%'
    """
    return f"{share:.0%}"


def numbers(facts: Facts) -> list[Number]:
    """Every figure of a report, in the order in which they are read."""
    return [*_warned(facts), *_worth(facts), *_cost(facts)]


def _warned(facts: Facts) -> Iterator[Number]:
    told, acted = {one.thread for one in facts.told}, _acted(facts)
    yield Number("warnings_told", "Warnings told", float(len(told)), "count")
    yield Number(
        "warnings_acted", "Warnings acted on", float(len(acted)), "count", "by a person who said so, or by a runbook"
    )
    answered = {one.thread for one in facts.told if acted & {one.id, one.thread}}
    share = len(answered) / len(told) if told else None
    yield Number("acted_share", "Share acted on", share, "share", "" if told else "nothing was told")
    record, none = facts.record, "no warning came true or false in this time"
    settled = record is not None and record.settled > 0
    of = f"{record.came_true} of {record.settled} came true" if record is not None and settled else none
    bounds = ""
    if settled and record is not None and record.low is not None and record.high is not None:
        bounds = f"; 90% bounds {percent(record.low)} to {percent(record.high)}"
    yield Number("precision", "Came true", record.precision if record else None, "share", of + bounds)
    yield Number("precision_low", "Came true, lower 90% bound", record.low if record else None, "share", "" if settled else none)
    high = record.high if record else None
    yield Number("precision_high", "Came true, upper 90% bound", high, "share", "" if settled else none)
    weekly, note = facts.seen_s >= WEEK_S, _seen(facts)
    false = sum(one.verdict == "false" for one in facts.outcomes) * WEEK_S / facts.seen_s if weekly else None
    yield Number("false_per_week", "False warnings", false, "per_week", note)
    failures = sum(one.verdict in (*CAME, "missed") for one in facts.outcomes)
    monthly = failures * MONTH_S / facts.seen_s if weekly else None
    yield Number("incidents_per_month", "Failures, warned of or not", monthly, "per_month", note)


def _seen(facts: Facts) -> str:
    """Over which time something a week or a month is told."""
    if facts.seen_s < WEEK_S:
        return "they were watched for less than a week" if facts.seen_s < facts.span_s else "less than a week has passed"
    return f"over the {text(facts.seen_s)} that they were watched" if facts.seen_s < facts.span_s else ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count or 'no'} {what}s"


def _acted(facts: Facts) -> set[str]:
    return {one.warning_id for one in facts.touches if one.kind == "action"} | {warning for warning, _ in facts.runs}


def _worth(facts: Facts) -> Iterator[Number]:
    told = {one.id: one for one in facts.told}
    hits = [
        one for one in facts.outcomes if one.verdict == "hit" and one.failed_s is not None and one.warning_id in told
    ]
    lead_min = {one.warning_id: ((one.failed_s or 0) - told[one.warning_id].told_s) / 60 for one in hits}
    banked = {warning: lead for warning, lead in lead_min.items() if lead > 0}
    acted = _acted(facts)
    note = f"from being told to the failure, over {_many(len(banked), 'hit')}"
    yield Number("lead_minutes", "Lead minutes banked", sum(banked.values()), "minutes", note)
    used = [lead for warning, lead in banked.items() if warning in acted]
    yield Number("lead_minutes_acted", "of these acted on", sum(used), "minutes", f"over {_many(len(used), 'hit')}")
    middle = statistics.median(banked.values()) * 60 if banked else None
    yield Number("median_lead", "Median lead", middle, "seconds", note if banked else "no hit was told before it came")
    averted = [one for one in facts.outcomes if one.verdict == "averted"]
    yield Number(
        "averted",
        "Incidents averted",
        float(len(averted)),
        "count",
        "settled: somebody acted, it changed course and did not come",
    )
    woken = [one for one in averted if one.warning_id in told]
    yield Number(
        "pages_avoided",
        "Pages avoided",
        float(len(woken)),
        "count",
        "averted ones that were told; nothing else is counted",
    )
    alone = facts.record.cleared_alone if facts.record is not None else None
    why = (
        "no warning that nobody touched was settled"
        if alone is None
        else f"{percent(alone)} of those nobody touched cleared by themselves"
    )
    net = None if alone is None else len(woken) * (1 - alone)
    yield Number("pages_avoided_net", "Pages avoided, less those that clear alone", net, "count", why)
    minutes = [one for _, one in facts.runs if one is not None]
    silent = f", of which {len(minutes)} say how long they take by hand" if len(minutes) < len(facts.runs) else ""
    yield Number(
        "manual_minutes",
        "Manual minutes saved",
        sum(minutes),
        "minutes",
        f"{_many(len(facts.runs), 'runbook')} carried out{silent}",
    )


def _cost(facts: Facts) -> Iterator[Number]:
    spent, prices = facts.spent, facts.prices
    cpu_h = None if spent is None or spent.span_s <= 0 else spent.cpu_s / 3600 * facts.span_s / spent.span_s
    measured = "the daemon has not measured yet" if cpu_h is None or spent is None else _measured(spent, facts.span_s)
    yield Number("cpu_hours", "CPU", cpu_h, "hours", measured)
    per_1000 = None
    if cpu_h is not None and spent is not None and spent.series > 0:
        per_1000 = cpu_h * MONTH_S / facts.span_s * 1000 / spent.series
    none = measured if cpu_h is None else "no series was active"
    series = "" if spent is None else f"{spent.series:,.0f} active series; 30 days"
    yield Number(
        "cpu_hours_per_1000_series", "CPU for 1,000 series", per_1000, "hours", none if per_1000 is None else series
    )
    compute = None if per_1000 is None or prices.cpu_hour is None else per_1000 * prices.cpu_hour
    why = "no price is given (costs.cpu_hour)" if prices.cpu_hour is None else none if compute is None else series
    yield Number("cost_per_1000_series", "Compute cost for 1,000 series", compute, "money", why)
    handled = _handled(facts)
    yield handled
    yield _per_averted(facts, cpu_h, handled.value)


def _measured(spent: Spent, span_s: float) -> str:
    whole = spent.span_s >= 0.99 * span_s
    return "measured" if whole else f"measured over {text(spent.span_s)} of {text(span_s)}, and taken for all of it"


def _handled(facts: Facts) -> Number:
    label = "People's minutes a warning"
    if facts.prices.analyst_minutes is not None:
        return Number("minutes_per_warning", label, facts.prices.analyst_minutes, "minutes", "as configured")
    times: dict[str, list[float]] = {}
    for one in facts.touches:
        times.setdefault(one.warning_id, []).append(one.at_s)
    spans = [min((max(at) - min(at)) / 60, HANDLED_AT_MOST_MIN) for at in times.values() if len(at) > 1]
    if not spans:
        return Number(
            "minutes_per_warning",
            label,
            None,
            "minutes",
            "nobody said two things about one warning, and none are configured",
        )
    note = f"median from the first to the last word on {len(spans)} warnings, at most {HANDLED_AT_MOST_MIN:.0f} each"
    return Number("minutes_per_warning", label, statistics.median(spans), "minutes", note)


def _per_averted(facts: Facts, cpu_h: float | None, minutes: float | None) -> Number:
    name, label, prices = "cost_per_averted", "Cost of an averted incident", facts.prices
    averted = sum(one.verdict == "averted" for one in facts.outcomes)
    lacks = [
        why for lacking, why in (
            (not averted, "nothing was settled as averted"), (cpu_h is None, "CPU was not measured"),
            (minutes is None, "people's minutes are not known"), (prices.cpu_hour is None, "costs.cpu_hour is not given"),
            (prices.analyst_hour is None, "costs.analyst_hour is not given"),
        ) if lacking
    ]  # fmt: skip
    if lacks or cpu_h is None or minutes is None or prices.cpu_hour is None or prices.analyst_hour is None:
        return Number(name, label, None, "money", "; ".join(lacks))
    work = minutes / 60 * len({one.thread for one in facts.told})
    cost = (cpu_h * prices.cpu_hour + work * prices.analyst_hour) / averted
    return Number(name, label, cost, "money", f"{cpu_h:.3g} CPU hours and {work:.3g} hours of people, over {averted}")


def as_json(found: Sequence[Number]) -> dict[str, dict[str, Any]]:
    """Plain values by the names of the figures."""
    return {one.name: {"value": one.value, "unit": one.unit, "note": one.note} for one in found}


def by_name(found: Sequence[Number]) -> Mapping[str, Number]:
    """The figures by their names."""
    return {one.name: one for one in found}
