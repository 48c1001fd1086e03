"""`aiops demo`: the recorded incident, played through the live turn with the shipped cards and runbooks, of which it declares
what the incident is about: a card that is loud enough to ask, and a runbook that asks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aiops.config.responses import ResponseSettings
from aiops.config.shipped import demo_dir, models_dir, runbooks_dir
from aiops.core.durations import about, rfc3339, text
from aiops.core.records import EarlyWarning, Outcome
from aiops.models.card import ModelCard, load_cards
from aiops.pipeline import BatchJournal, Event, Rooms, turn
from aiops.pipeline.assemble import make_watch
from aiops.runbooks import load_runbooks
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.recording import RecordingParams, RecordingSource
from aiops.telemetry.samples import Series
from aiops.telemetry.source import ReadLimits

STEP_S = 5
HISTORY_EVERY_S = 600
CARD, SHIPPED_RUNBOOK = "disk_full", "disk-filling-up"
DISK = "/srv/shop/data"
"""What fills in the recording, until somebody deletes files there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the demo: the recorded instant, what kind of thing happened, and its fields as plain JSON."""

    at_s: int
    event: str
    fields: dict[str, Any]


def demo_cards() -> list[Path]:
    """The shipped cards, with the demo's own in the place of the one of that name."""
    return [*(path for path in sorted(models_dir().glob("*.yaml")) if path.stem != CARD), demo_dir() / "cards"]


def demo_runbooks(own: Path | None = None) -> list[Path]:
    """The shipped runbooks, with the demo's (or those in `own`) in the place of the one for its card."""
    shipped = sorted(runbooks_dir().glob("*.yaml"))
    return [*(path for path in shipped if path.stem != SHIPPED_RUNBOOK), own or demo_dir() / "runbooks"]


def cleared(one: Series, at_s: float) -> Series:
    """A series as it goes on when files are deleted at `at_s`: of the disk that fills, what was recorded when they were.

    What was recorded from the deletion on (the largest rise) follows at once; where that ends the last value stays.
    """
    labels, times, values = one
    if labels.get("mountpoint") != DISK or len(times) < 2:
        return one
    after, done = int(np.searchsorted(times, at_s, "right")), int(np.argmax(np.diff(values))) + 1
    if not done > after:
        return one
    follows = np.minimum(done + np.arange(len(times) - after), len(times) - 1)
    return labels, times, np.append(values[:after], values[follows])


def play(
    folder: Path | None = None, cards: Sequence[ModelCard] | None = None, whole: bool = False
) -> Iterator[Line]:  # fmt: skip
    """What happens in a recording, in order; ends when a failure was judged and no warning is open, or with it if `whole`."""
    source = RecordingSource("demo", RecordingParams(path=folder or demo_dir()), ReadLimits(samples=10**9))
    store = Store.open("sqlite://", None)
    journal = BatchJournal(store)
    rooms = Rooms(store, journal, runbooks=load_runbooks(demo_runbooks()), marks_turns=False)
    rooms.responses = ResponseSettings(ceiling="approve")
    rooms.watches = [
        make_watch(card, [Link(source)], STEP_S, None) for card in (load_cards(demo_cards()) if cards is None else cards)
    ]
    try:
        yield from _play(source, rooms, whole)
    finally:
        journal.flush()
        store.close()


def _play(source: RecordingSource, rooms: Rooms, whole: bool) -> Iterator[Line]:
    start, end = source.span()
    judged = False
    for now in range(-(-start // STEP_S) * STEP_S, end + 1, STEP_S):
        for watch in rooms.watches:
            for event in turn(watch, now, rooms).events:
                yield from lines_of(event, now)
                judged |= event.outcome is not None and event.warning is not None and event.outcome.failed_s is not None
        if judged and not whole and not any(watch.open for watch in rooms.watches):
            return
        if (now - start) % HISTORY_EVERY_S < STEP_S:
            yield Line(now, "history", {"minutes": (now - start) // 60, "series": sum(w.n for w in rooms.watches)})


def lines_of(event: Event, now: int) -> Iterator[Line]:
    """What one event of a turn is told as."""
    warning = event.warning
    if event.kind in ("opened", "worsened", "spread") and warning is not None:
        on = {"on": len(warning.members)} if event.kind == "spread" else {}
        yield Line(now, "warning", {"change": event.kind, **on, **_told(warning)})
        for runbook in warning.runbooks:
            yield Line(now, "runbook", {"warning": warning.id, **runbook})
    elif event.kind == "crossing":
        yield Line(now, "crossing", dict(event.detail))
    elif event.kind == "closed" and warning is not None and warning.verdict is None:
        yield Line(now, "warning", {"change": "closed", "why": warning.closed_why, **_told(warning)})
    elif event.kind == "outcome" and event.outcome is not None:
        yield Line(now, "outcome", {"warning": event.outcome.warning_id, "outcome": _judged(event.outcome)})


def _told(warning: EarlyWarning) -> dict[str, Any]:
    crossing = warning.crossing
    return {
        "id": warning.id, "card": warning.card, "kind": warning.kind, "entity": dict(warning.entity),
        "severity": warning.severity, "stage": warning.stage, "confidence": round(warning.confidence, 3),
        "expected": crossing and round(crossing.expected_s), "earliest": crossing and round(crossing.earliest_s),
        "latest": crossing and round(crossing.latest_s), "record": dict(warning.record),
        "evidence": dict(warning.symptoms[0].evidence) if warning.symptoms else {},
    }


def _judged(outcome: Outcome) -> dict[str, Any]:
    return {
        "card": outcome.card, "entity": dict(outcome.entity), "verdict": outcome.verdict, "lead_s": outcome.lead_s,
        "failed_at": outcome.failed_s, "eta_error_s": outcome.eta_error_s, "interval_covered": outcome.interval_covered,
        "why": outcome.detail,
    }


def paced(lines: Iterator[Line], speed: float) -> Iterator[Line]:
    """The same lines at `speed` times real time; the clock starts with the first line."""
    began, first = time.monotonic(), None
    for line in lines:
        first = line.at_s if first is None else first
        wait = (line.at_s - first) / speed - (time.monotonic() - began)
        if wait > 0:
            time.sleep(wait)
        yield line


def sentence(line: Line) -> str:
    """One line for people."""
    f, clock = line.fields, rfc3339(line.at_s)[11:19]
    if line.event == "history":
        return f"{clock}  …          {f['series']} series, {text(60 * f['minutes'])} of history"
    if line.event == "warning" and f["change"] == "closed":
        return f"{clock}  WITHDRAWN  {_where(f['entity'])}: {f['why']}; it will still be judged"
    if line.event == "warning":
        when = ""
        if f["expected"]:
            left, at = about(f["expected"] - line.at_s), [rfc3339(f[k])[11:16] for k in ("expected", "earliest", "latest")]
            when = f" in ~{left} ({at[0]} UTC, {at[1]}-{at[2]})"
        spread = f", now on {f['on']}" if "on" in f else ""
        return (
            f"{clock}  WARNING    {f['card']} {_where(f['entity'])}{spread}{when}, {f['confidence']:.0%} sure"
            f" [{f['record'].get('text', 'new, unproven')}]"
        )
    if line.event == "runbook":
        steps = "; ".join(str(step["what"]) for step in f.get("plan", ()))
        return f"{clock}  RUNBOOK    {f['name']} ({f['mode']}): {f['summary']}{' -> ' + steps if steps else ''}"
    if line.event == "response":
        return f"{clock}  RESPONSE   {f['runbook']}: {f['state'].replace('_', ' ')}{': ' + f['why'] if f['why'] else ''}"
    if line.event == "crossing":
        return f"{clock}  CROSSING   {f['card']} {_where(f['entity'])} crossed its limit at {rfc3339(f['crossed_s'])[11:19]}"
    judged = f["outcome"]
    lead = "" if judged["lead_s"] is None else f", {text(judged['lead_s'])} before the failure"
    return f"{clock}  OUTCOME    {judged['card']} {_where(judged['entity'])}: {judged['verdict']}{lead}"


def _where(entity: dict[str, str]) -> str:
    return " ".join(v for v in entity.values() if v)
