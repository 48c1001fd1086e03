"""What pages and JSON show: plain values, made from the daemon's memory and its store."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from aiops import __version__
from aiops.core.durations import about, rfc3339, text
from aiops.core.quantity import quantity
from aiops.core.records import EarlyWarning, Outcome
from aiops.core.text import visible
from aiops.daemon.daemon import Daemon
from aiops.notify.wording import data_age, lasting, since, subject
from aiops.outcomes.scorecard import By
from aiops.outcomes.settle import deadline_s
from aiops.pipeline import Watch
from aiops.pipeline import stages as ladder
from aiops.pipeline.calibrations import shown
from aiops.pipeline.figures import SINCE_S as SINCE_S
from aiops.pipeline.mask_said import Masked, of_warning
from aiops.responses.switch import why_on
from aiops.store.codec import to_json
from aiops.web.access.sight import Sight

ROWS_ON_THE_PAGE, ENDED, ROUGH_S = 200, 30, 3600.0


def status(daemon: Daemon) -> dict[str, Any]:
    """Health, sources, learning, and what the store holds."""
    ok, body = daemon.board.ready()
    watches, _ = daemon.board.snapshot()
    totals: dict[str, int] = {}
    for watch in watches.values():
        for state, count in watch.states.items():
            totals[state] = totals.get(state, 0) + count
    return {
        "version": __version__,
        "ready": ok,
        "why_not": body,
        "dry_run": daemon.dry_run,
        "started_at": daemon.board.started_s,
        "sources": [{"name": n, "ok": not why, "error": why} for n, why in daemon.board.sources().items()],
        "series": totals,
        "learning": learning(daemon),
        "reload": {"ok": daemon.board.reload_ok, "error": daemon.board.reload_error},
    }


def learning(daemon: Daemon) -> float:
    """0-1: how much of the needed learning is done, over cards with series that learn; 1 where none does, 0 without series."""
    watches, _ = daemon.board.snapshot()
    seen = {name: w.progress for name, w in watches.items() if sum(w.states.values())}
    shares = [seen[watch.name] for watch in daemon.rooms.watches if watch.name in seen and watch.detector is not None]
    return float(np.mean(shares)) if shares else float(bool(seen))


def cards(daemon: Daemon) -> list[dict[str, Any]]:
    """One row a card and source."""
    watches, _ = daemon.board.snapshot()
    return [_card(watch, watches.get(watch.name), daemon) for watch in daemon.rooms.watches]


def calibrated(daemon: Daemon) -> list[dict[str, Any]]:
    """The same with what confidence and intervals of each kind of warning rest on."""
    known: dict[str, dict[str, Any]] = {}
    watched = list({w.card.name: w.card for w in daemon.rooms.watches}.values())
    for one in shown(daemon.store, watched, daemon.clock(), daemon.rooms.watched):
        known.setdefault(one.card, {})[one.kind] = one.as_json()
    return [{**row, "calibration": known.get(row["card"], {})} for row in cards(daemon)]


def _card(watch: Watch, state: Any, daemon: Daemon) -> dict[str, Any]:
    card = watch.card
    models = [m.model for m in (card.forecast, card.detect) if m is not None]
    return {
        "card": card.name, "source": watch.source_name, "summary": card.summary, "signal": card.signal,
        "owner": card.owner.team, "stage": watch.stage, "step_s": watch.step_s, "models": models,
        "series": dict(state.states) if state else {}, "learning": state.progress if state else 0.0,
        "error": f"{state.error.kind}: {state.error.message}" if state and state.error else "",
        "record": daemon.rooms.record_of(card.name), "sha": card.sha,
    }  # fmt: skip


def series(daemon: Daemon, card: str, limit: int, sight: Sight) -> list[dict[str, Any]]:
    """Series with their newest value, score and expected crossing."""
    rows = (row for watch in daemon.rooms.watches if card in ("", watch.card.name) for row in _series(watch, sight))
    return list(islice(rows, limit))


def _series(watch: Watch, sight: Sight) -> Iterator[dict[str, Any]]:
    count = min(watch.n, len(watch.last_p), len(watch.entity_of))
    latest = watch.window.latest(watch.window.end_s)
    crossings = watch.crossings
    for i in range(min(count, len(latest))):
        if (labels := sight.labels(watch, i)) is None:
            continue
        expected = float(crossings.time_s[i, 1]) if crossings is not None and i < len(crossings.time_s) else math.nan
        reason = str(crossings.reason[i]) if crossings is not None and i < len(crossings.reason) else ""
        p = float(watch.last_p[i])
        yield {
            "card": watch.card.name, "source": watch.source_name, "labels": dict(labels),
            "value": _plain(latest[i]), "unit": watch.card.unit, "at": watch.window.end_s,
            "score": _plain(-math.log10(p)) if p > 0 else None, "expected_crossing": _plain(expected), "reason": reason,
        }  # fmt: skip


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def warning(daemon: Daemon, warning_id: str, sight: Sight) -> dict[str, Any] | None:
    """One early warning with its verdict; None when there is none with this id that may be seen."""
    found = seen(daemon, warning_id, sight)
    if found is None:
        return None
    outcome = daemon.store.outcome_of(found.id)
    judged_as = None if outcome is None else next(sight.outcomes([outcome]), None)
    facts = {"masked": [one.as_json() for one in masked(daemon, found)], "judged_at": deadline_s(found)}
    return {**to_json(found), **facts, "outcome": None if judged_as is None else to_json(judged_as)}


def seen(daemon: Daemon, warning_id: str, sight: Sight) -> EarlyWarning | None:
    """A warning as it may be seen; None when there is none with this id that may be."""
    found = daemon.store.warning(warning_id)
    return None if found is None else sight.warning(found)


def scorecard(daemon: Daemon, by: By, since_s: float, sight: Sight) -> list[dict[str, Any]]:
    """How the warnings of each card, rule, entity, service or team came out in the last `since_s`, by name."""
    return [one.as_json() for one in daemon.figures([by], since_s, sight.outcomes)]


def stages(daemon: Daemon, card: str) -> list[dict[str, Any]]:
    """The stage of each card, or of one."""
    cards = {watch.card.name: watch.card for watch in daemon.rooms.watches}
    some, now = sorted(name for name in cards if card in ("", name)), daemon.clock()
    asked, held = [*cards.values()], daemon.rooms.held
    return [ladder.as_json(name, ladder.why_not(daemon.store, cards[name], now, asked, name in held)) for name in some]


def overview(daemon: Daemon, sight: Sight) -> dict[str, Any]:
    """Everything the first page shows."""
    rows, now = cards(daemon), daemon.clock()
    found = by_time_left(sight.warnings([*daemon.store.open_warnings(), *daemon.store.warnings(limit=ENDED, state="closed")]))
    asking = {run.warning_id for run in daemon.responding.runs.newest(ROWS_ON_THE_PAGE, "awaiting_approval")}
    count, here = sum(sum(r["series"].values()) for r in rows), [w for w in found if w.state == "open" and not w.cause]
    return {
        "status": status(daemon), "cards": rows, "series": count, "active": sum(r["series"].get("active", 0) for r in rows),
        "open": [{**line(w, now), "waits": w.id in asking} for w in islice(here, ROWS_ON_THE_PAGE)], "open_count": len(here),
        "over": [line(w, now) for w in found if w.state != "open" and not w.cause],
        "missed": [judged(o) for o in sight.outcomes(daemon.store.outcomes(limit=ENDED)) if o.verdict == "missed"],
        "watched": [_watched(row) for row in series(daemon, "", ROWS_ON_THE_PAGE, sight)],
        "killed": visible(why_on(daemon.responding.runs, daemon.settings.data_dir), 300),
        "now": rfc3339(now), "up": text(now - daemon.board.started_s),
    }  # fmt: skip


def by_time_left(found: Iterable[EarlyWarning]) -> list[EarlyWarning]:
    """Open ones first, the soonest on top and after them those that tell no time; then what is over, newest first."""

    def place(w: EarlyWarning) -> tuple[bool, float, float]:
        soon = w.crossing.expected_s if w.crossing is not None and w.state == "open" else math.inf
        return w.state != "open", soon, -w.opened_s

    return sorted(found, key=place)


def _watched(row: dict[str, Any]) -> dict[str, Any]:
    """One series as a row of a table."""
    name = visible(", ".join(f"{k}={v}" for k, v in row["labels"].items()))
    value, score = ("" if row[k] is None else quantity(row[k], unit) for k, unit in (("value", row["unit"]), ("score", "1")))
    return {"card": row["card"], "name": name, "value": value, "score": score, "reason": row["reason"]}


def masked(daemon: Daemon, found: EarlyWarning) -> list[Masked]:
    """The times that mask what a warning is about, as of the minute that it is: an answer of before is the same in it."""
    card = next((watch.card for watch in daemon.rooms.watches if watch.card.name == found.card), None)
    return [] if card is None else of_warning(daemon.rooms.masks, card, found, daemon.clock() // 60 * 60)


def line(warning: EarlyWarning, now_s: float) -> dict[str, Any]:
    """One warning as a row of a table."""
    crossing = warning.crossing
    ahead = None if crossing is None or warning.state != "open" else crossing.expected_s - now_s
    evidence = warning.symptoms[0].evidence if warning.symptoms else {}
    silent_s = evidence.get("silent_since_s") if warning.state == "open" else None
    return {
        "id": warning.id, "card": warning.card, "kind": warning.kind, "state": warning.state, "stage": warning.stage,
        "subject": subject(warning), "act_before": "" if warning.act_before_s is None else clock(warning.act_before_s, warning),
        "entity": visible(" ".join(v for v in warning.entity.values() if v)), "severity": warning.severity,
        "opened": rfc3339(warning.opened_s), "left": "" if ahead is None else about(ahead),
        "over": "" if ahead is None or ahead > 0 else about(-ahead), "lasting": lasting(warning),
        "since": rfc3339(since(warning)), "lasts": about(max(0.0, now_s - since(warning))),
        "old": data_age(warning, now_s), "silent": "" if silent_s is None else about(max(0.0, now_s - float(silent_s))),
        "confidence": f"{warning.confidence:.0%}",
        "expected": "" if crossing is None else clock(crossing.expected_s, warning),
        "interval": "" if crossing is None else " to ".join(clock(t, warning) for t in (crossing.earliest_s, crossing.latest_s)),
        "record": str(warning.record.get("text", "new, unproven")), "verdict": warning.verdict or "",
        "runbooks": [str(r.get("name", "")) for r in warning.runbooks],
        "why": warning.closed_why or str(evidence.get("reason", "")),
    }  # fmt: skip


def clock(at_s: float, warning: EarlyWarning) -> str:
    """An instant that was foretold, as exact as it is meant: to the minute, unless all of it is a matter of minutes."""
    c = warning.crossing or warning.first_crossing
    rough = 60 if c is None or c.latest_s - warning.opened_s >= ROUGH_S else 1
    return rfc3339(round(at_s / rough) * rough)


def judged(outcome: Outcome) -> dict[str, Any]:
    """One verdict as a row of a table."""
    return {
        "id": outcome.warning_id, "card": outcome.card, "verdict": outcome.verdict, "settled": rfc3339(outcome.settled_s),
        "entity": visible(" ".join(v for v in outcome.entity.values() if v)),
        "lead": "" if outcome.lead_s is None else text(outcome.lead_s), "detail": outcome.detail, "by": outcome.judged_by,
    }  # fmt: skip
