"""The page of a backtest: one series, what was usual, what was told and what came, in one file that asks for nothing.

Names come from a recording, so from anybody: they are escaped as text, and as data they cannot end their script element.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import orjson
from markupsafe import Markup

from aiops.backtest.observe import Episode, Story
from aiops.core.durations import rfc3339, text
from aiops.core.records import EarlyWarning, Outcome
from aiops.core.text import visible
from aiops.web.reports import picture
from aiops.web.reports.alone import page

ROWS_AT_MOST, VIEWS_AT_MOST, ALSO_AT_MOST = 200, 8, 3
SCRIPTS = ("uplot/uPlot.iife.min.js", "backtest.js")
STYLES = ("uplot/uPlot.min.css", "aiops.css", "backtest.css")
RANK = {"hit": 0, "late": 1, "false": 2, None: 3, "unjudgeable": 4, "expired": 5}
KINDS = {"exhaustion": "will cross its limit", "anomaly": "its entity is unlike usual"}
NOTHING = 1e-100
"""A model keeps its scale above zero by less than this; people read zero."""
PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def render(story: Story) -> str:
    """The whole page as HTML; the same story gives the same text."""
    shown = list(enumerate((one for one in story.episodes if picture.names(story, one)), 1))
    others = [one for one in story.episodes if not picture.names(story, one)]
    near = sorted(sorted(shown, key=_interest)[:VIEWS_AT_MOST], key=lambda pair: pair[0])
    views = [picture.whole(story, shown)] + [picture.close(story, one, _around(story, one, shown)) for _, one in near]
    data = {"step": story.step_s, "views": views}
    numbers = {n: k for k, (n, _) in enumerate(near, 1)}
    limited = bool(np.isfinite(story.limit).any())
    return page(
        "backtest.html", STYLES, SCRIPTS, entity=visible(story.entity), metric=visible(story.metric), data=Markup(_data(data)),
        about=_about(story), numbers=numbers, rows=[_row(story, n, one) for n, one in shown[:ROWS_AT_MOST]],
        others=[_other(one) for one in others[:ROWS_AT_MOST]], others_count=len(others),
        left_out=max(0, len(shown) - ROWS_AT_MOST), missed=[_missed(one.failed_s, one.detail) for one in story.missed],
        threshold=_threshold(story), best=_best(story, near), told=any(one.told for one in story.episodes),
        unusual=any(one.opened.kind == "anomaly" for one in story.episodes),
        limited=limited, far_limit=limited and not views[0]["limit_drawn"], expired=any(
            one.outcome is not None and one.outcome.verdict == "expired" for one in story.episodes
        ),
    )  # fmt: skip


def _data(data: Any) -> str:
    """JSON that may stand inside a script element: it holds no character that could end it."""
    found = orjson.dumps(data).decode()
    for character in "<>&\u2028\u2029":
        found = found.replace(character, f"\\u{ord(character):04x}")
    return found


def _interest(pair: tuple[int, Episode]) -> tuple[int, float, int]:
    """Which warnings get a picture of their own: judged ones first, of one verdict the surest."""
    count, one = pair
    verdict = one.outcome.verdict if one.outcome is not None else None
    return RANK.get(verdict, 3), -max(one.opened.confidence, one.last.confidence), count


def _around(story: Story, episode: Episode, shown: list[tuple[int, Episode]]) -> list[tuple[int, Episode]]:
    """The warnings that overlap one in time."""
    first, last = episode.opened.opened_s, picture.ended_s(story, episode)
    return [(n, one) for n, one in shown if one.opened.opened_s <= last and picture.ended_s(story, one) >= first]


def _about(story: Story) -> list[str]:
    """What the recording is and what was said, in sentences."""
    there = np.isfinite(story.values)
    span = f"{clock(int(story.time_s[0]))} to {clock(int(story.time_s[-1]))}"
    codes = picture.states(story)
    longest = max((b - a for a, b, code in picture.runs_of(codes) if code == picture.GAP), default=0)
    out = [f"{there.sum():,} samples, one every {text(story.step_s)}, from {span}."]
    if not there.all():
        out.append(f"{np.mean(~there):.1%} of them are missing, {text(longest * story.step_s)} at the longest.")
    if (codes == picture.UNSCORED).any():
        out.append(f"{(codes == picture.UNSCORED).sum():,} samples were not scored.")
    out.append(_limit(story))
    if story.told_from_s > story.time_s[0]:
        out.append(f"Written to the warnings file from {clock(story.told_from_s)} on; before that it is training.")
    return [*out, _counted(story)]


def _limit(story: Story) -> str:
    limits = story.limit[np.isfinite(story.limit)]
    if not len(limits):
        return "It has no limit, so nothing is forecast."
    side, steps = "above" if story.above else "below", len(picture.runs_of(np.unique(limits, return_inverse=True)[1]))
    if steps == 1:
        return f"The limit: not {side} {number(limits[0])}."
    changes = f"{steps - 1} change{'s' if steps > 2 else ''}"
    return f"The limit: not {side} {number(limits[0])} at first, {number(limits[-1])} at last ({changes})."


def _threshold(story: Story) -> str:
    """The score that it takes, and between which bounds it moved."""
    some = story.threshold[np.isfinite(story.threshold)]
    if not len(some):
        return "-"
    low, high, last = (number(x) for x in (some.min(), some.max(), some[-1]))
    return last if low == high else f"{last} (it was {low} to {high})"


def _counted(story: Story) -> str:
    about = [one for one in story.episodes if picture.names(story, one)]
    kinds = Counter(KINDS.get(one.opened.kind, one.opened.kind) for one in about)
    verdicts = Counter(one.outcome.verdict if one.outcome is not None else "not judged yet" for one in about)
    if not kinds:
        return "Nothing was said about it."
    judged = ", ".join(f"{count} {name}" for name, count in sorted(verdicts.items()))
    said = ", ".join(f"{count} of kind “{kind}”" for kind, count in sorted(kinds.items(), reverse=True))
    return f"{len(about)} warning{'s' if len(about) > 1 else ''}, {said}: {judged}."


def _best(story: Story, near: list[tuple[int, Episode]]) -> str:
    """One sentence on the most telling warning."""
    judged = [(n, one) for n, one in near if one.outcome is not None and one.outcome.verdict in ("hit", "late", "false")]
    if not judged:
        return ""
    n, one = min(judged, key=_interest)
    outcome, c = one.outcome, one.opened.first_crossing
    assert outcome is not None
    if outcome.failed_s is None or c is None:
        return f"Warning {n} was {outcome.verdict}: {outcome.detail}."
    held = "inside" if outcome.interval_covered else "outside"
    off = _off(outcome.eta_error_s)
    return (
        f"Warning {n} ({outcome.verdict}) opened {text(outcome.lead_s or 0)} before the limit was crossed."
        f" It said {clock(c.expected_s // 60 * 60)}; it came {clock(outcome.failed_s)}{off}, {held} what it told at first."
    )


def _off(error_s: float | None) -> str:
    if error_s is None or abs(error_s) < 1:
        return ""
    return f" ({text(abs(error_s))} {'earlier' if error_s > 0 else 'later'} than said)"


def _row(story: Story, count: int, episode: Episode) -> dict[str, Any]:
    """One warning as a row of the table."""
    first, last, outcome = episode.opened, episode.last, episode.outcome
    evidence = dict(first.symptoms[0].evidence) if first.symptoms else {}
    i = min(max(0, (first.opened_s - int(story.time_s[0])) // story.step_s), len(story.time_s) - 1)
    ended = "still open at the end" if last.closed_s is None else f"{clock(last.closed_s)}: {last.closed_why}"
    return _verdict(outcome) | {
        "n": count, "kind": KINDS.get(first.kind, first.kind), "opened": clock(first.opened_s), "ended": ended,
        "training": first.opened_s < story.told_from_s,
        "lasted": text((last.closed_s or int(story.time_s[-1])) - first.opened_s),
        "told": _times(episode.told[:1]), "at_last": _times(episode.told[1:][-1:]),
        "sure": f"{first.confidence:.0%}", "now": number(story.values[i]), "reason": visible(str(evidence.get("reason", ""))),
        "usual": f"{number(story.lower[i])} to {number(story.upper[i])}" if math.isfinite(story.lower[i]) else "not known yet",
        "slope": f"{number(evidence['slope_per_hour'])} an hour" if evidence.get("slope_per_hour") is not None else "",
        "window": text(float(evidence["window_s"])) if evidence.get("window_s") else "",
        "score": number(story.score[i]) if first.kind == "anomaly" else "", "also": _leading(first),
    }  # fmt: skip


def _verdict(outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"verdict": "not judged yet", "why_verdict": "", "came": "", "lead": ""}
    failed, lead = outcome.failed_s, outcome.lead_s
    return {
        "verdict": outcome.verdict, "why_verdict": "" if failed is not None or outcome.verdict == "expired" else outcome.detail,
        "lead": "" if lead is None else text(lead),
        "came": "" if failed is None else clock(failed) + _off(outcome.eta_error_s),
    }  # fmt: skip


def _times(told: list[tuple[float, float, float, float]]) -> list[str]:
    """Expected, earliest, latest, to the minute, of the one that was told, if there is one."""
    return [clock(t // 60 * 60) for _, earliest, expected, latest in told for t in (expected, earliest, latest)]


def _leading(warning: EarlyWarning) -> list[str]:
    """The metrics that lead a warning of an entity, with their scores."""
    if warning.kind != "anomaly":
        return []
    return [f"{visible(s.labels.get('metric', ''), 60)} {number(s.score)}" for s in warning.symptoms[:ALSO_AT_MOST]]


def _other(episode: Episode) -> str:
    """A warning of the entity that other metrics lead."""
    return f"{clock(episode.opened.opened_s)}, led by {', '.join(_leading(episode.opened))}"


def _missed(failed_s: int | None, detail: str) -> str:
    return f"{'' if failed_s is None else clock(failed_s)}: {detail}"


def clock(time_s: float) -> str:
    """Date and time of day in UTC, which the page says once; seconds only where there are some.

    >>> clock(1_767_571_200), clock(1_767_571_259)
    ('2026-01-05 00:00', '2026-01-05 00:00:59')
    """
    whole = rfc3339(time_s)[:19].replace("T", " ")
    return whole.removesuffix(":00")


def number(value: float) -> str:
    """Four digits, large ones with a decimal prefix.

    >>> number(1234.5), number(12345678), number(0.00012), number(float("nan")), number(-2.5e7)
    ('1234', '12.35M', '0.00012', '-', '-25M')
    """
    if not math.isfinite(value):
        return "-"
    value = 0.0 if abs(value) < NOTHING else value
    power = 0 if abs(value) < 1e4 else min(int(math.log10(abs(value)) // 3), len(PREFIXES) - 1)
    return f"{value / 1000**power:.4g}{PREFIXES[power]}"
