"""Live figures: what became of the warnings of a card, a rule, an entity, a service or a team."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from aiops.core.durations import text
from aiops.core.labels import Labels
from aiops.core.records import ASIDE, CAME, SETTLED, Crossing, Outcome

By = Literal["card", "rule", "entity", "service", "team"]
BY: tuple[By, ...] = ("card", "rule", "entity", "service", "team")
Z90 = 1.6448536269514722
"""The two-sided 90 % quantile of the normal distribution."""
WEEK_S = 7 * 86400.0
NOMINAL = 0.8
"""The share of crossings that an interval is meant to hold."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of some warnings. Shares are 0-1 and None where nothing counts towards them.

    `precision`: hit and late among hit, late and false, with its 90 % Wilson bounds `low` and `high`; `recall`: the same among
    those and missed; `aside`: averted, expired and unjudgeable among all verdicts on warnings. `leads_s`: of the hits,
    ascending. `false_per_week` over `span_s`, `false_per_100` a week for a hundred series; `budget` is what the card allows,
    a week for a hundred series. `coverage`: how many failures the interval told first held, of `timed`; `well_timed` the same
    with the slack allowed. `off_s`: median of how far off the first expected time was, either way; `bias_s` with its sign.
    `model_coverage`: how many the model's own interval held, before its record was made use of; `nominal` what was meant.
    `promised`: the mean confidence told at the opening of settled warnings, to hold against `precision`; `brier` its mean squared
    distance from what came. `cleared`: of the `untouched` (settled, nobody acted on them) those that were false: the base rate of
    averted.
    """

    by: By
    name: str
    verdicts: Mapping[str, int]
    settled: int
    came_true: int
    precision: float | None
    low: float | None
    high: float | None
    recall: float | None
    aside: float | None
    leads_s: tuple[float, ...]
    span_s: float
    false_per_week: float
    false_per_100: float | None
    budget: float | None
    coverage: float | None
    well_timed: float | None
    timed: int
    off_s: float | None
    bias_s: float | None
    model_coverage: float | None
    nominal: float
    promised: float | None
    brier: float | None
    untouched: int
    cleared: int

    @property
    def cleared_alone(self) -> float | None:
        """The base rate of averted: the share of warnings nobody acted on that cleared by themselves."""
        return _share(self.cleared, self.untouched)

    @property
    def median_lead_s(self) -> float | None:
        """The median lead of the hits."""
        return statistics.median(self.leads_s) if self.leads_s else None

    def lead_s(self, share: float) -> float | None:
        """The lead that `share` of the hits reached or stayed below; None without a hit."""
        if not self.leads_s:
            return None
        return self.leads_s[min(len(self.leads_s) - 1, int(share * len(self.leads_s)))]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        leads = {f"p{round(100 * share)}": self.lead_s(share) for share in (0.1, 0.5, 0.9)}
        return {
            "by": self.by, "name": self.name, "verdicts": dict(self.verdicts), "settled": self.settled,
            "came_true": self.came_true, "precision": self.precision, "precision_low": self.low, "precision_high": self.high,
            "recall": self.recall, "aside": self.aside, "median_lead_s": self.median_lead_s, "lead_s": leads,
            "span_s": self.span_s, "false_per_week": self.false_per_week, "false_per_week_per_100_series": self.false_per_100,
            "false_budget_per_week_per_100_series": self.budget, "interval_coverage": self.coverage,
            "interval_nominal": self.nominal, "interval_coverage_of_the_model": self.model_coverage,
            "well_timed": self.well_timed, "timed": self.timed, "eta_off_s": self.off_s, "eta_bias_s": self.bias_s,
            "confidence_told": self.promised, "brier": self.brier, "untouched": self.untouched, "cleared": self.cleared,
            "cleared_alone": self.cleared_alone,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class About:
    """What a card's figures are held against: its team, its series (0 = not known), its budget of false warnings a week for a
    hundred series (None = it has none)."""

    team: str = ""
    series: int = 0
    budget: float | None = None


Parts = Mapping[tuple[str, str], int]
"""How many series of a card, by its name, an entity, a rule or a service has, by its name."""


def wilson(came: float, settled: int) -> tuple[float, float]:
    """(lower, upper) bound of a share of `came` in `settled` tries, 0-1; (0, 1) of none.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n). Source: Wilson, Probable inference, JASA 22 (1927).

    >>> [round(x, 3) for x in wilson(36, 40)]
    [0.795, 0.954]
    """
    if settled <= 0:
        return 0.0, 1.0
    p, n, z = came / settled, float(settled), Z90
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (middle - half) / scale, (middle + half) / scale
    return low if came else 0.0, high if came < settled else 1.0


def apart(share: float, bound: float) -> str:
    """A share as people read it beside a bound that it misses: with as many digits as it takes to tell them apart.

    >>> apart(0.62, 0.7), apart(0.6996, 0.7), apart(0.7, 0.7)
    ('62%', '69.96%', '70%')
    """
    digits = next((n for n in range(4) if f"{share:.{n}%}" != f"{bound:.{n}%}"), 0)
    return f"{share:.{digits}%}"


def scorecard(
    outcomes: Iterable[Outcome], by: By, now_s: float, since_s: float, about: Mapping[str, About], parts: Parts | None = None
) -> list[Figures]:
    """The figures of each group of current verdicts settled in (since_s, now_s], by name; cards not in `about` are nobody's.

    False warnings a week are counted from `since_s`, or from the first verdict if that came later, over at least a week; for a
    hundred series where it is known how many a name has: of a card or a team by `about`, else by `parts`.
    """
    groups: dict[str, list[Outcome]] = {}
    cards: dict[str, set[str]] = {}
    first = now_s
    for one in outcomes:
        if not since_s < one.settled_s <= now_s:
            continue
        first = min(first, one.settled_s if one.opened_s is None else one.opened_s)
        name = _NAMES[by](one, about.get(one.card, About()))
        if name:
            groups.setdefault(name, []).append(one)
            cards.setdefault(name, set()).add(one.card)
    span = max(WEEK_S, now_s - max(since_s, first))
    held = {name: [about.get(card, About()) for card in sorted(cards[name])] for name in groups}
    if by not in ("card", "team"):
        known = parts or {}
        held = {
            name: [replace(about.get(card, About()), series=known.get((card, name), 0)) for card in sorted(cards[name])]
            for name in groups
        }
    return [_figures(by, name, groups[name], span, held[name]) for name in sorted(groups)]


def entity_name(entity: Labels) -> str:
    """What an entity is called in figures."""
    return " ".join(v for v in entity.values() if v)


_NAMES: dict[By, Callable[[Outcome, About], str]] = {
    "card": lambda o, _: o.card,
    "rule": lambda o, _: o.about.get("rule", ""),
    "entity": lambda o, _: entity_name(o.entity),
    "service": lambda o, _: o.about.get("service", ""),
    "team": lambda _, about: about.team,
}


def _figures(by: By, name: str, found: list[Outcome], span_s: float, about: list[About]) -> Figures:
    count = Counter(o.verdict for o in found)
    came, settled = sum(count[v] for v in CAME), sum(count[v] for v in SETTLED)
    failures, warned = came + count["missed"], sum(count.values()) - count["missed"]
    low, high = wilson(came, settled)
    weekly = count["false"] * WEEK_S / span_s
    series = sum(one.series for one in about)
    timed = [o for o in found if o.interval_covered is not None]
    off = [o.eta_error_s for o in timed if o.eta_error_s is not None]
    sure = [(o.raw["told"], o.verdict in CAME) for o in found if o.verdict in SETTLED and "told" in o.raw]
    alone = [o for o in found if o.warning_id and not o.acted and o.verdict in SETTLED]
    return Figures(
        by, name, dict(sorted(count.items())), settled, came, _share(came, settled), low if settled else None,
        high if settled else None, _share(came, failures), _share(sum(count[v] for v in ASIDE), warned),
        tuple(sorted(o.lead_s for o in found if o.verdict == "hit" and o.lead_s is not None)), span_s, weekly,
        100.0 * weekly / series if series else None, _budget(about),
        _share(sum(o.interval_covered is True for o in timed), len(timed)),
        _share(sum(o.well_timed is True for o in timed), len(timed)), len(timed),
        statistics.median(abs(x) for x in off) if off else None, statistics.median(off) if off else None,
        _share(sum(_held(o) for o in timed), len(timed)), _mean([o.raw.get("level", NOMINAL) for o in timed]) or NOMINAL,
        _mean([told for told, _ in sure]), _mean([(told - came_true) ** 2 for told, came_true in sure]),
        len(alone), sum(o.verdict == "false" for o in alone),
    )  # fmt: skip


def _budget(about: Sequence[About]) -> float | None:
    """What some cards allow a week for a hundred series, each by the weight of its series where these are known."""
    found = [(one.budget, one.series) for one in about if one.budget is not None]
    if not found:
        return None
    series = sum(many for _, many in found)
    return sum(budget * many for budget, many in found) / series if series else max(budget for budget, _ in found)


def _held(one: Outcome) -> bool:
    """Whether what failed lay in the model's own interval."""
    said = raw_interval(one)
    return said is not None and one.failed_s is not None and said.earliest_s <= one.failed_s <= said.latest_s


def raw_interval(outcome: Outcome) -> Crossing | None:
    """What the model said at the opening of a warning; what was told, where nothing else is known of it."""
    if "expected_s" in outcome.raw:
        return Crossing(*(outcome.raw[name] for name in ("earliest_s", "expected_s", "latest_s")))
    return outcome.told


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def sentence(came: int, settled: int, median_lead_s: float | None, proven: int) -> str:
    """What an alert says of its record; below `proven` settled ones it is unproven.

    >>> sentence(36, 40, 6600.0, 20), sentence(1, 2, None, 20), sentence(0, 0, None, 20)
    ('36 of the last 40 came true; median 1h50m ahead', 'new, unproven (1 of 2 came true)', 'new, unproven')
    """
    if settled < proven:
        return f"new, unproven ({came} of {settled} came true)" if settled else "new, unproven"
    ahead = "" if median_lead_s is None else f"; median {text(median_lead_s)} ahead"
    return f"{came} of the last {settled} came true{ahead}"
