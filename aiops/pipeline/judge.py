"""Step 6 of a turn: see which limits were crossed, and judge warnings by it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from aiops.core.labels import key
from aiops.core.records import TIMED, EarlyWarning, Floats, Ints, Outcome
from aiops.outcomes import settle as law
from aiops.outcomes.course import BEFORE, LEAST_AFTER, left_course
from aiops.pipeline import limits
from aiops.pipeline.beyond import follow
from aiops.pipeline.changes import Changes
from aiops.pipeline.desk import known_already
from aiops.pipeline.forget import TTL_S
from aiops.pipeline.mask import masked_at, may_mask
from aiops.pipeline.pending import Pending
from aiops.pipeline.reading import Reading
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.rules_lost import GONE_S, GONE_STEPS, lost_alerts, why_lost, without_samples
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.watch import Watch

LOOKS = 500
"""Instants at which it is looked whether a card excluded a span of time."""
NO_SERIES = "its series is gone"
AWAY_STEPS = 12
"""Series of a card that gave no sample for so many steps, and for as long as `forget` waits, are taken to be gone."""


def crossed_rows(watch: Watch, reading: Reading) -> dict[int, int]:
    """Row to the instant, on its own clock, at which it crossed its limit in the new columns.

    What stood beyond its limit when first seen, and what crossed in history read at the first start, is no failure that
    anybody could have warned of, nor is what happens while a row is excluded; what an earlier life of the daemon has
    judged is not judged again. After a crossing a row must stay inside for REARM_STEPS steps before the next one counts.
    """
    judged = watch.judged_s
    if watch.forecaster is None or not watch.n:
        return {}
    crossed: dict[int, int] = {}
    shift = watch.window.shift_s[: watch.n]
    for late in reading.late:  # nobody judged them: their source was away
        for j, begins in follow(watch, late.values, late.rows):
            if judged is not None:
                for row in late.rows[begins & ~late.masked[:, j]].tolist():
                    crossed.setdefault(row, int(late.time_s[j] + shift[row]))
    for j, begins in follow(watch, reading.values):
        if judged is not None and int(reading.time_s[j]) > judged:
            for row in np.flatnonzero(begins & ~reading.masked[:, j]).tolist():
                crossed.setdefault(row, int(reading.time_s[j] + shift[row]))
    return crossed


def crossed_entities(watch: Watch, reading: Reading) -> dict[int, int]:
    """Entity, by its number, to the instant at which the first of its rows crossed its limit; see `crossed_rows`."""
    out: dict[int, int] = {}
    for row, at in crossed_rows(watch, reading).items():
        number = int(watch.entity_of[row])
        out[number] = min(at, out.get(number, at))
    return out


def settle(watch: Watch, failed: Mapping[int, int], now_s: int, rooms: Rooms, changes: Changes) -> None:
    """Judge every pending warning that a crossing or time decides; tell of crossings nobody warned of."""
    for number, at in failed.items():
        name = key(watch.entities[number])
        changes.event("crossing", entity=dict(watch.entities[number]), crossed_s=at, card=watch.card.name)
        if watch.card.truth.crossing:
            _failed(watch, number, name, at, now_s, rooms, changes)
    for pending in list(watch.pending.values()):
        if pending.acts:
            _look_at_acts(watch, pending, now_s, changes)
        outcome = _by_time(watch, pending, now_s, rooms)
        if outcome is not None:
            _settled(watch, outcome, pending.warning, rooms, changes)
            _end_if_gone(watch, pending, now_s, changes)
    if isinstance(watch, RulesWatch):
        _end_lost(watch, now_s, changes)
    elif watch.open and not watch.failed and watch.guards.on_missing != "hold":
        _end_away(watch, now_s, changes)


def _failed(watch: Watch, number: int, name: str, at_s: int, now_s: int, rooms: Rooms, changes: Changes) -> None:
    """An entity crossed its limit at `at_s`, on its own clock: judge what warned of it."""
    about = {p.warning.id: p.warning for p in watch.pending.values() if p.name == name and p.warning.kind in TIMED}
    acted = {p.warning.id for p in watch.pending.values() if p.acted}
    begun, last = watch.stood.get(name, (2**62, 0))
    standing = begun <= at_s <= last + law.SLACK_STEPS * watch.step_s
    truth = "alert" if watch.card.alerts is not None else "crossing"
    labels = watch.services.named(watch.labels_of(number))
    failure = law.Failure(watch.card.name, watch.entities[number], at_s, truth, labels)
    here, truths = watch.entity_now(number, now_s), watch.card.truth
    if not standing and (truths.alerts or truths.incidents):
        standing = known_already(rooms.store, failure)  # what counts as missed already is not missed once more
    for outcome in law.on_failure(failure, list(about.values()), here, acted, standing):
        _settled(watch, outcome, about.get(outcome.warning_id), rooms, changes)


def _by_time(watch: Watch, pending: Pending, now_s: int, rooms: Rooms) -> Outcome | None:
    warning = pending.warning
    number = watch.entity_number(pending.name)
    here = now_s if number is None else watch.entity_now(number, now_s)
    changed, acted = _limit_changed(watch, pending, number), pending.acted
    at_last, over = changed or law.due(warning, here, acted), law.told_over_s(warning)
    if not at_last and (over is None or here <= over):
        return None
    rows = np.zeros(0, np.int64)
    if number is not None:
        index = None if isinstance(watch, RulesWatch) else watch.index  # rules come and go by themselves
        rows = pending.rows(index, partial(watch.rows_of, number))
    shift = here - now_s
    if not at_last and (_there(watch, number, rows, now_s) or _has(watch, number, rows, (over or 0.0) - shift)):
        return None
    end = law.withdrawn_s(warning) if not acted else None
    end = min(now_s, int(law.until_s(warning) if end is None else end) - shift)
    truth = watch.card.truth
    alerts = bool(truth.alerts) and watch.alerts.asked_s is not None  # a source without rules says nothing
    declared = alerts or bool(truth.incidents) or (truth.crossing and warning.first_crossing is not None)
    evidence = law.Evidence(
        present(watch, _measured(watch, rows), warning, shift, end), not _there(watch, number, rows, end), changed, declared,
        acted, pending.warning.turned_s is not None, pending.again,
        rooms.cleared_alone(watch.card.name) if acted else (0, 0),
    )  # fmt: skip
    return law.at_deadline(warning, here, evidence)


def present(watch: Watch, rows: Ints, warning: EarlyWarning, shift_s: int, end_s: int) -> float:
    """0-1: the share of samples that were there since a warning opened, or of the interval told, whichever is less; excluded
    times count as missing. Of the rows of an entity the best one counts. `end_s` is on the shared clock."""
    if not len(rows):
        return 0.0
    spans = [(warning.opened_s - shift_s, end_s)]
    told = warning.first_crossing
    if told is not None:
        spans.append((max(spans[0][0], int(told.earliest_s) - shift_s - watch.step_s), min(end_s, int(told.latest_s) - shift_s)))
    shares = [_present(watch, rows, start, end) for start, end in spans if end > start]
    return float(np.max(np.min(shares, axis=0))) if shares else 1.0


def _present(watch: Watch, rows: Ints, start_s: int, end_s: int) -> Floats:
    there = watch.window.coverage(rows, start_s, end_s)
    if not may_mask(watch):
        return there
    times = np.linspace(start_s, end_s, LOOKS).astype(np.int64)
    left: Floats = np.maximum(0.0, there - masked_at(watch, times)[rows].mean(axis=1))
    return left


def _look_at_acts(watch: Watch, pending: Pending, now_s: int, changes: Changes) -> None:
    """Look whether what was done shows, once its time is over: by the verdict the samples of then are long forgotten."""
    number = watch.entity_number(pending.name)
    here = now_s if number is None else watch.entity_now(number, now_s)
    over = tuple((at, within) for at, within in pending.acts if here >= at + within)
    pending.acts = tuple(act for act in pending.acts if act not in over)
    if not over or number is None or pending.warning.turned_s is not None:
        return
    if any(_left_course(watch, number, pending.warning, at - here + now_s, within) for at, within in over):
        turned = pending.warning = pending.warning.having(turned_s=here)
        if open_episode(watch, turned) is not None:
            watch.open[turned.fingerprint] = turned
        changes.replace(turned)


def _left_course(watch: Watch, number: int, warning: EarlyWarning, at_s: int, within_s: float) -> bool:
    """Whether the leading series turned away from its limit within `within_s` of the shared instant `at_s`."""
    lead = warning.symptoms[0] if warning.symptoms else None
    row = next((r for r in watch.rows_of(number).tolist() if lead is not None and watch.window.labels[r] == lead.labels), None)
    if row is None or lead is None or lead.evidence.get("now") is None or lead.evidence.get("limit") is None:
        return False
    above = lead.evidence["limit"] > lead.evidence["now"]
    kept = watch.window.history(np.array([row], np.int64), watch.window.end_s)
    begun = kept.long.end_s - kept.long.step_s * (kept.long.mean.shape[1] - 1)
    for one, coarser in ((kept.fine, kept.mid.step_s), (kept.mid, kept.long.step_s), (kept.long, np.inf)):
        time_s = one.end_s - one.step_s * np.arange(one.mean.shape[1] - 1, -1, -1, dtype=np.int64)
        # the finest that reaches far enough back, or as far as anything does, where the next one is not too coarse for what came
        if time_s[0] <= max(at_s - BEFORE * within_s, begun) or within_s < 2 * LEAST_AFTER * coarser:
            break
    return left_course(time_s, one.mean[0].astype(np.float64), above, at_s, within_s)


def _there(watch: Watch, number: int | None, rows: Ints, at_s: int) -> bool:
    """Whether an entity had a sample at the shared instant `at_s`, or shortly before it, or later."""
    return _has(watch, number, rows, at_s - max(GONE_STEPS * watch.step_s, GONE_S))


def _has(watch: Watch, number: int | None, rows: Ints, since_s: float) -> bool:
    """Whether an entity has a sample of a shared instant or a later one: any of its series, of an alert as many as it needs to
    fire, for a guard that is still there says nothing of what it guards."""
    newest = watch.window.newest_s
    if isinstance(watch, RulesWatch):
        return number is not None and watch.could_fire(number, newest[: watch.n] >= since_s)
    return bool(np.any(newest[rows] >= since_s))


def _measured(watch: Watch, rows: Ints) -> Ints:
    """Of the rows of an entity those that are forecast: of an alert not its guards."""
    if not isinstance(watch, RulesWatch) or watch.built is None:
        return rows
    found = rows[watch.built.forecast[rows]]
    return found if len(found) else rows


def _end_if_gone(watch: Watch, pending: Pending, now_s: int, changes: Changes) -> None:
    """An episode of what is not there any more ends with its verdict: a gap alone ends none, for it may be a source's."""
    number, current = watch.entity_number(pending.name), open_episode(watch, pending.warning)
    if current is None or number is None:
        return
    if not _there(watch, number, watch.rows_of(number), now_s):
        _end(watch, current, number, NO_SERIES, now_s, changes)


def _end_lost(watch: RulesWatch, now_s: int, changes: Changes) -> None:
    """Alerts whose series are long gone end before their verdict, which is given once every time that was told has passed: nobody
    is told for hours of what cannot fire. Should it come back and fire, it was warned of."""
    gone = lost_alerts(watch) if watch.open else frozenset()
    for current in [w for w in watch.open.values() if w.kind == "rule"] if gone else ():
        number = watch.entity_number(key(current.entity))
        if number is not None and number in gone:
            _end(watch, current, number, why_lost(watch), now_s, changes)


def _end_away(watch: Watch, now_s: int, changes: Changes) -> None:
    """Episodes whose series gave no sample for a day end before their verdict too: a volume that was deleted fills no more."""
    away_s = max(TTL_S, AWAY_STEPS * watch.step_s)
    newest = watch.window.newest_s[: watch.n]
    away = (newest >= 0) & (newest < now_s - away_s)
    if not away.any():
        return
    for current in [w for w in watch.open.values() if w.kind in ("exhaustion", "anomaly")]:
        number = watch.entity_number(key(current.entity))
        rows = watch.rows_of(number) if number is not None else np.zeros(0, np.int64)
        if current.kind == "exhaustion":
            rows = rows[watch.gates["exhaustion"]["active"][rows]]
        if number is not None and len(rows) and away[rows].all():
            _end(watch, current, number, without_samples(away_s), now_s, changes)


def _end(watch: Watch, current: EarlyWarning, number: int, why: str, now_s: int, changes: Changes) -> None:
    """End an episode, for the reason given."""
    watch.quieten(current.kind, number)
    here = watch.entity_now(number, now_s)
    ended = watch.open.pop(current.fingerprint).having(state="closed", updated_s=here, closed_s=here, closed_why=why)
    if current.id in watch.pending:
        watch.pending[current.id].warning = ended
    changes.warnings[:] = [w for w in changes.warnings if w.id != ended.id] + [ended]
    changes.event("closed", ended)


def open_episode(watch: Watch, warning: EarlyWarning) -> EarlyWarning | None:
    """The episode of a warning as it is now, while it is open: another one may have begun on its entity since."""
    current = watch.open.get(warning.fingerprint)
    return current if current is not None and current.id == warning.id else None


def _limit_changed(watch: Watch, pending: Pending, number: int | None) -> bool:
    if isinstance(watch, RulesWatch):
        return watch.limit_changed(pending.warning)
    limited = pending.warning.kind == "exhaustion" and number is not None
    wavers = limits.WAVERS if watch.limit_query else 0.0
    return limited and pending.limit_changed(watch.limit, watch.rows_of(number or 0), wavers)


def _settled(watch: Watch, outcome: Outcome, warning: EarlyWarning | None, rooms: Rooms, changes: Changes) -> None:
    before = None if warning is None else warning.verdict
    if warning is not None:
        watch.pending.pop(warning.id, None)
        if before == outcome.verdict:
            return  # it was judged so before somebody acted on it
        judged = warning.having(verdict=outcome.verdict)
        if open_episode(watch, warning) is not None:
            watch.open[warning.fingerprint] = judged
        changes.replace(judged)
        warning = judged
    changes.outcomes.append(outcome)
    if before is None:
        changes.event("outcome", warning, outcome)
        rooms.settled(outcome)
    else:
        changes.event("outcome", warning, outcome, supersedes=before)
        rooms.forget(watch.card.name)
