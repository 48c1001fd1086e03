"""The report of a backtest: the table of methods, and a picture of every warning, in one file that asks for nothing.

Names come from labels, so from anybody: they are escaped as text. The page holds no script, and its policy allows nothing but
its own style sheets, by their hash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiops.backtest.contest import OURS, Standing, in_time
from aiops.backtest.shown import Shown, chosen
from aiops.core.durations import text
from aiops.core.text import visible
from aiops.web.reports.alone import page
from aiops.web.reports.backtest_page import clock, number
from aiops.web.reports.plot import HIGH, WIDE, plot

STYLES = ("aiops.css", "backtest_report.css")
GOOD, BAD = frozenset({"hit", "averted"}), frozenset({"false", "missed", "late"})


def render(lines: Sequence[Standing], whole: Sequence[Standing], shown: Sequence[Shown], about: Sequence[str]) -> str:
    """The whole page as HTML; `about` are sentences on what was replayed. The same input gives the same text."""
    some = chosen(shown)
    more = whole if len({one.told.card for one in lines}) > 1 else []
    return page(
        "backtest_report.html", STYLES, about=about, rows=[_row(one) for one in (*lines, *more)],
        winners=[visible(one.told.method) for one in whole if one.wins], wide=WIDE, high=HIGH,
        warnings=[_warning(n, one) for n, one in enumerate(some, 1)], left_out=len(shown) - len(some),
        bands=any(one.opened is not None and one.opened.kind == "anomaly" for one in some),
    )  # fmt: skip


def _row(one: Standing) -> Mapping[str, Any]:
    f, rate = one.figures, one.false_rate
    known = f is not None and f.precision is not None and f.low is not None and f.high is not None
    return {
        "card": visible(one.told.card), "method": one.told.method, "ours": one.told.method == OURS, "wins": one.wins,
        "warnings": len(one.told.warnings), "hit": one.count("hit"), "late": one.count("late"), "false": one.count("false"),
        "missed": one.count("missed"), "open": one.told.open,
        "precision": f"{f.precision:.0%} ({f.low:.0%} to {f.high:.0%})" if known and f is not None else "-",
        "recall": _share(None if f is None else f.recall), "in_time": _share(in_time(one)),
        "lead": "-" if one.median_lead_s is None else text(one.median_lead_s), "rate": "-" if rate is None else f"{rate:.3g}",
    }  # fmt: skip


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _warning(count: int, one: Shown) -> Mapping[str, Any]:
    verdict = one.verdict or "not judged yet"
    return {
        "n": count, "card": visible(one.card), "entity": [(visible(k), visible(v)) for k, v in sorted(one.entity.items()) if v],
        "verdict": verdict, "tone": "good" if verdict in GOOD else "bad" if verdict in BAD else "quiet",
        "said": list(_sentences(one)), "plot": plot(one),
        "others": [f"{method} {_against(at, one)}" for method, at in sorted(one.others, key=lambda pair: pair[1])],
    }  # fmt: skip


def _sentences(one: Shown) -> Sequence[str]:
    outcome, first = one.outcome, one.opened
    if first is None:
        return [f"It failed at {clock(one.at_s)}; no warning was open."]
    out = [f"Opened {clock(first.opened_s)}, {first.confidence:.0%} sure."]
    c = first.first_crossing
    if c is not None:
        times = (clock(t // 60 * 60) for t in (c.expected_s, c.earliest_s, c.latest_s))
        out.append("Told: {}, between {} and {}.".format(*times))
    evidence = dict(first.symptoms[0].evidence) if first.symptoms else {}
    if evidence.get("now") is not None:
        limit = evidence.get("limit")
        out.append(f"Then at {number(evidence['now'])}" + ("." if limit is None else f", the limit {number(limit)}."))
    if evidence.get("reason"):
        out.append(f"Why: {visible(str(evidence['reason']), 300)}.")
    if outcome is None:
        ended = "" if one.last is None or one.last.closed_s is None else f" It ended {clock(one.last.closed_s)}."
        return [*out, f"Not judged by the end.{ended}"]
    if outcome.failed_s is None:
        return [*out, f"{outcome.detail.capitalize()}."]
    held = "" if outcome.interval_covered is None else f", {'inside' if outcome.interval_covered else 'outside'} what was told"
    return [*out, f"It came {clock(outcome.failed_s)}, {text(outcome.lead_s or 0)} after the warning{held}."]


def _against(at_s: int, one: Shown) -> str:
    if one.opened is None:
        return f"opened {clock(at_s)}"
    off = at_s - one.opened.opened_s
    return "opened with it" if not off else f"opened {text(abs(off))} {'later' if off > 0 else 'earlier'}"
