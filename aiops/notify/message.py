"""What is said about an early warning, to whom, and under which key: pure functions from a warning to outbox rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

from aiops.config.settings import Route
from aiops.core.durations import rfc3339, text
from aiops.core.labels import Labels, matches_all
from aiops.core.records import EarlyWarning
from aiops.core.text import visible
from aiops.store.codec import to_json

Event = Literal["opened", "updated", "worsened", "closed"]
Row = tuple[str, str, str, dict[str, Any]]
OWN = ("card", "kind", "signal", "severity", "stage")
"""What a warning itself says; no label of the telemetry can say otherwise."""
TURNS_UNTIL_STALE = 3


def outbox_rows(
    event: Event, warning: EarlyWarning, routes: Sequence[Route], now_s: float, step_s: float,
    judged_at_s: float | None = None, local: Collection[str] = (),
) -> Iterator[Row]:
    """(receiver, group, dedup key, payload) for every receiver that is told of an event.

    The first route that matches wins, unless it says `continue`. A shadow warning is told to `local` receivers only, marked
    unproven. A renewal (`updated`) goes to receivers that forget: all but the local ones. The group is the warning, so that
    what is said of one episode arrives in order; the key is the same over retries and restarts.
    """
    receivers = [name for name in routed(warning, routes) if warning.stage != "shadow" or name in local]
    if event == "updated":
        receivers = [name for name in receivers if name not in local]
    if not receivers:
        return
    payload = payload_of(event, warning, now_s, step_s, judged_at_s)
    mark = f"{warning.id}:{event}" + (f":{int(now_s)}" if event in ("updated", "worsened") else "")
    for name in receivers:
        yield name, warning.id, mark, payload


def routed(warning: EarlyWarning, routes: Sequence[Route]) -> list[str]:
    """Receivers of a warning, in the order of the routes, each once."""
    facts, out = facts_of(warning), []
    for route in routes:
        if matches_all(route.matchers, facts):
            out.append(route.receiver)
            if not route.continue_:
                break
    return list(dict.fromkeys(out))


def facts_of(warning: EarlyWarning) -> Labels:
    """What route matchers see."""
    return {**warning.labels, **warning.entity, **{name: str(getattr(warning, name)) for name in OWN}}


def payload_of(event: Event, warning: EarlyWarning, now_s: float, step_s: float, judged_at_s: float | None) -> dict[str, Any]:
    """One message as plain JSON: the warning whole, a title for a phone, the text, and until when it is true."""
    ended = event == "closed"
    return {
        "version": 1,
        "event": event,
        "at_s": now_s,
        "ends_at_s": now_s if ended else now_s + TURNS_UNTIL_STALE * step_s,
        "title": title(warning, now_s),
        "text": body(warning, now_s, judged_at_s),
        "verdict": verdict(warning, ended),
        "judged_at_s": judged_at_s,
        "warning": to_json(warning),
    }


def verdict(warning: EarlyWarning, ended: bool) -> str:
    """The verdict in words: `pending` for what has ended and is not judged yet, empty while it is open."""
    return warning.verdict or ("pending" if ended else "")


def title(warning: EarlyWarning, now_s: float) -> str:
    """One sentence that fits a phone."""
    where = entity_text(warning)
    if warning.state == "closed":
        return f"{warning.card} {where}: {_ending(warning)}"
    if warning.crossing is None:
        return f"{warning.card} {where}: unlike what is usual there since {rfc3339(warning.opened_s)[11:16]} UTC"
    c = warning.crossing
    left = text(max(0.0, c.expected_s - now_s))
    clock = [rfc3339(t)[11:16] for t in (c.expected_s, c.earliest_s, c.latest_s)]
    return f"{warning.card} {where}: limit expected in {left} ({clock[0]} UTC, {clock[1]} to {clock[2]})"


def _ending(warning: EarlyWarning) -> str:
    if warning.verdict in ("hit", "late"):
        return f"it came true ({warning.verdict}): {warning.closed_why}"
    if warning.verdict is not None:
        return f"judged {warning.verdict}: {warning.closed_why}"
    return f"{warning.closed_why}; it will still be judged"


def entity_text(warning: EarlyWarning) -> str:
    """The values of the entity's labels, fit to be shown."""
    return visible(" ".join(v for v in warning.entity.values() if v))


def body(warning: EarlyWarning, now_s: float, judged_at_s: float | None) -> str:
    """What a person needs at 03:00: when, how sure, why, what to do; one fact a line."""
    lines = [*_when(warning, now_s), f"How sure: {warning.confidence:.0%}; {record_text(warning)}"]
    lines += [line for symptom in warning.symptoms for line in _why(symptom.labels, symptom.evidence)]
    for book in warning.runbooks:
        lines += _todo(book)
    if not warning.runbooks:
        lines.append("Do: no runbook matches this warning.")
    if warning.state == "closed":
        when = "" if judged_at_s is None else f"; judged at the latest {rfc3339(judged_at_s)}"
        lines.append(f"Verdict: {verdict(warning, True)}{when if warning.verdict is None else ''}")
    return "\n".join([*lines, f"More: aiops warnings show {warning.id}"])


def record_text(warning: EarlyWarning) -> str:
    """The record of earlier warnings of this card; shadow is unproven by definition."""
    said = str(warning.record.get("text", "new: unproven"))
    return said if warning.stage != "shadow" or "unproven" in said else f"shadow: unproven; {said}"


def _when(warning: EarlyWarning, now_s: float) -> list[str]:
    c = warning.crossing
    if c is None:
        return [f"When: since {rfc3339(warning.opened_s)}"]
    left = text(max(0.0, c.expected_s - now_s))
    lines = [f"When: {rfc3339(c.expected_s)} (in {left}), between {rfc3339(c.earliest_s)} and {rfc3339(c.latest_s)}"]
    if warning.act_before_s is not None and warning.state == "open":
        lines.append(f"Act before: {rfc3339(warning.act_before_s)}")
    return lines


def _why(labels: Labels, evidence: Any) -> list[str]:
    unit = "" if evidence.get("unit") in (None, "1") else f" {evidence['unit']}"
    facts = [f"{name} {_number(evidence[name])}{unit}" for name in ("now", "limit", "expected") if evidence.get(name) is not None]
    if evidence.get("slope_per_hour") is not None:
        facts.append(f"{_number(evidence['slope_per_hour'])}{unit} an hour")
    if evidence.get("window_s"):
        facts.append(f"over {text(float(evidence['window_s']))}")
    if evidence.get("score"):
        facts.append(f"score {_number(evidence['score'])} (threshold {_number(evidence.get('threshold'))})")
    series = visible(", ".join(f"{k}={v}" for k, v in labels.items()))
    return [f"Why: {evidence.get('reason', '')}; {', '.join(facts)} [{series}]"]


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _todo(book: Any) -> list[str]:
    capped = f", capped from {book['capped_from']}" if book.get("capped_from") else ""
    lines = [f"Impact: {book['impact']}", f"Do: {book['name']} ({book['mode']}{capped}): {book['summary']}"]
    return lines + [f"  {i}. [{step['effect']}] {step['what']}" for i, step in enumerate(book["plan"], 1)]
