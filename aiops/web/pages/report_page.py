"""A report as people read it: one HTML page that asks for nothing, Markdown, and lines of text.

Names come from a configuration and notes from figures, but all of it is escaped as text. The page holds no script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from aiops.core.durations import rfc3339, text
from aiops.core.text import visible
from aiops.outcomes.report import MONTH_S, WEEK_S, Number, by_name
from aiops.pipeline.report import Report
from aiops.web.reports import alone

PARTS = {
    "Warnings": ("warnings_told", "warnings_acted", "acted_share", "precision", "false_per_week", "incidents_per_month"),
    "Worth": (
        "lead_minutes", "lead_minutes_acted", "median_lead", "averted", "pages_avoided", "pages_avoided_net", "manual_minutes",
    ),
    "Cost": ("cpu_hours", "cpu_hours_per_1000_series", "cost_per_1000_series", "minutes_per_warning", "cost_per_averted"),
}  # fmt: skip
"""What stands together; bounds are told with the share they belong to."""
SAID = {"scale": "scale it", "keep": "keep it going", "stop": "stop it"}
BEFORE = {
    "incidents_per_month": "incidents in 30 days", "pages_per_month": "pages in 30 days",
    "manual_minutes_per_month": "minutes by hand in 30 days",
}  # fmt: skip


def render(reports: Sequence[Report]) -> str:
    """The whole page as HTML."""
    return alone.page("report.html", ("report.css",), reports=[_shown(one) for one in reports])


def page(reports: Sequence[Report]) -> dict[str, Any]:
    """The facts of the page among the others: pilots first, then all cards together."""
    ordered = sorted(reports, key=lambda one: not one.name)
    return {"reports": [_shown(one) for one in ordered], "pilots": any(one.name for one in reports)}


def _shown(one: Report) -> dict[str, Any]:
    found = by_name(one.numbers)
    parts = [(title, [_row(found[name], one.currency) for name in names]) for title, names in PARTS.items()]
    return {
        "title": title_of(one), "span": span_of(one), "owner": visible(one.owner), "cards": [visible(card) for card in one.cards],
        "parts": parts, "before": list(_before(one)), "verdict": None if one.verdict is None else one.verdict.word,
        "said": "" if one.verdict is None else SAID[one.verdict.word],
        "reasons": [] if one.verdict is None else list(one.verdict.reasons),
        "targets": [] if one.verdict is None else list(one.verdict.targets),
    }  # fmt: skip


def _row(one: Number, currency: str) -> dict[str, Any]:
    return {"label": one.label, "value": one.shown(currency), "known": one.value is not None, "note": one.note}


def title_of(one: Report) -> str:
    """What it is about."""
    return f"Pilot {visible(one.name)}" if one.name else "Early warnings: what they were worth"


def span_of(one: Report) -> str:
    """Its time, in words."""
    return f"{rfc3339(one.since_s)[:10]} to {rfc3339(one.until_s)[:10]} ({text(one.until_s - one.since_s)})"


def _before(one: Report) -> Iterator[str]:
    """How things were before, beside how they are."""
    found = by_name(one.numbers)
    months = one.seen_s / MONTH_S if one.seen_s >= WEEK_S else None  # a few days say nothing of a month
    now = {
        "incidents_per_month": found["incidents_per_month"].shown(one.currency),
        "pages_per_month": _monthly(found["pages_avoided"], months, "avoided"),
        "manual_minutes_per_month": _monthly(found["manual_minutes"], months, "saved"),
    }
    for name, value in (one.baseline or {}).items():
        if value is not None:
            yield f"{value:g} {BEFORE[name]} before the pilot; now {now[name]}"


def _monthly(one: Number, months: float | None, what: str) -> str:
    return "not known" if one.value is None or months is None else f"{one.value / months:.3g} of them {what}"


def markdown(one: Report) -> str:
    """The report as Markdown."""
    lines = [f"# {_plain(title_of(one))}", "", f"{span_of(one)}; cards: {', '.join(map(_plain, one.cards))}", ""]
    if one.verdict is not None:
        lines += [f"**Verdict: {one.verdict.word}.** {_plain(one.owner)} decides.", ""]
        lines += [*(f"- {_plain(reason)}" for reason in one.verdict.reasons), ""]
        if one.verdict.targets:
            lines += ["| goal | is | needs | met |", "| --- | --- | --- | --- |"]
            lines += [f"| {_plain(t.label)} | {_plain(t.has)} | {t.needs} | {met(t.met)} |" for t in one.verdict.targets] + [""]
        lines += [f"- {_plain(said)}" for said in _before(one)]
    found = by_name(one.numbers)
    for title, names in PARTS.items():
        lines += ["", f"## {title}", "", "| figure | value | what it rests on |", "| --- | --- | --- |"]
        lines += [f"| {found[n].label} | {found[n].shown(one.currency)} | {_plain(found[n].note)} |" for n in names]
    return "\n".join(lines) + "\n"


def met(value: bool | None) -> str:
    """Whether a target is met, in a word."""
    return "not known" if value is None else "yes" if value else "no"


def _plain(value: str) -> str:
    """Text that means nothing to Markdown."""
    return "".join(f"\\{c}" if c in "|*_`<>[]#\\" else c for c in visible(value, 500))


def lines(one: Report) -> Iterator[str]:
    """The report as lines of a terminal."""
    yield f"{title_of(one)}, {span_of(one)}"
    if one.verdict is not None:
        yield f"  verdict: {one.verdict.word.upper()} ({visible(one.owner)} decides)"
        yield from (f"    {visible(reason, 400)}" for reason in one.verdict.reasons)
        yield from (f"    {visible(said)}" for said in _before(one))
    found = by_name(one.numbers)
    for title, names in PARTS.items():
        yield f"  {title.lower()}"
        for name in names:
            number = found[name]
            yield f"    {number.label:42} {number.shown(one.currency):>14}  {visible(number.note)}".rstrip()
