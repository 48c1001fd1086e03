"""Step 6 of a turn: see which limits were crossed, and judge warnings by it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aiops.core.labels import key
from aiops.core.records import TIMED, EarlyWarning, Ints, Outcome
from aiops.outcomes import settle as law
from aiops.pipeline.assemble import Rooms
from aiops.pipeline.beyond import follow
from aiops.pipeline.changes import Changes
from aiops.pipeline.reading import Reading
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.watch import Pending, Watch

GONE_S, GONE_STEPS = 300, 3
NO_SERIES = "its series is gone"


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
    """Judge every pending warning that a crossing or its deadline decides; tell of crossings nobody warned of."""
    by_entity = {key(watch.entities[number]): at for number, at in failed.items()}
    for number, at in failed.items():
        name = key(watch.entities[number])
        changes.event("crossing", entity=dict(watch.entities[number]), crossed_s=at, card=watch.card.name)
        here = watch.entity_now(number, now_s)
        if watch.horizon_seen.get(name, -(2**62)) < at - watch.horizon_s:
            _settled(watch, law.missed(watch.card.name, watch.entities[number], at, here), None, changes)
    for pending in list(watch.pending.values()):
        outcome = _verdict(watch, pending, by_entity, now_s)
        if outcome is not None:
            _settled(watch, outcome, pending.warning, changes)
            rooms.settled(outcome)
            _end_if_gone(watch, pending, now_s, changes)


def _verdict(watch: Watch, pending: Pending, by_entity: Mapping[str, int], now_s: int) -> Outcome | None:
    warning, name = pending.warning, pending.name
    number = watch.entity_number(name)
    here = now_s if number is None else watch.entity_now(number, now_s)
    if warning.kind in TIMED and name in by_entity:
        outcome = law.on_crossing(warning, by_entity[name], here, watch.step_s)
        if outcome is not None:
            return outcome
    deadline = law.deadline_s(warning)
    if deadline is None and here - warning.opened_s < law.EXPIRES_AFTER_S:
        return None
    changed = _limit_changed(watch, pending, number)
    if deadline is not None and here <= deadline and not changed:
        return None
    rows = watch.rows_of(number) if number is not None else np.zeros(0, np.int64)
    shift = here - now_s
    end = int(deadline or here) - shift
    coverage = 0.0
    if len(rows):
        coverage = float(np.max(watch.window.coverage(rows, warning.opened_s - shift, min(now_s, end))))
    return law.at_deadline(warning, here, coverage, _gone(watch, rows, min(now_s, end)), changed)


def _gone(watch: Watch, rows: Ints, at_s: int) -> bool:
    """Whether no series of an entity had a sample at the shared instant `at_s`, or shortly before it, or later."""
    return bool(np.all(watch.window.newest_s[rows] < at_s - max(GONE_STEPS * watch.step_s, GONE_S)))


def _end_if_gone(watch: Watch, pending: Pending, now_s: int, changes: Changes) -> None:
    """An episode of what is not there any more ends with its verdict: a gap alone ends none, for it may be a source's."""
    number, mark = watch.entity_number(pending.name), pending.warning.fingerprint
    current = watch.open.get(mark)
    if current is None or current.id != pending.warning.id or number is None:
        return
    rows = watch.rows_of(number)
    if not _gone(watch, rows, now_s):
        return
    watch.quieten(current.kind, number)
    here = watch.entity_now(number, now_s)
    ended = watch.open.pop(mark).having(state="closed", updated_s=here, closed_s=here, closed_why=NO_SERIES)
    changes.warnings[:] = [w for w in changes.warnings if w.id != ended.id] + [ended]
    changes.event("closed", ended)


def _limit_changed(watch: Watch, pending: Pending, number: int | None) -> bool:
    if isinstance(watch, RulesWatch):
        return watch.limit_changed(pending.warning)
    if pending.warning.kind != "exhaustion" or number is None or pending.compared is watch.limit:
        return False
    pending.compared = watch.limit
    then, now = pending.limits, watch.limit.value[watch.rows_of(number)]
    return len(then) == len(now) and not np.array_equal(np.asarray(then), now, equal_nan=True)


def _settled(watch: Watch, outcome: Outcome, warning: EarlyWarning | None, changes: Changes) -> None:
    changes.outcomes.append(outcome)
    if warning is not None:
        watch.pending.pop(warning.id, None)
        judged = warning.having(verdict=outcome.verdict)
        if warning.fingerprint in watch.open and watch.open[warning.fingerprint].id == warning.id:
            watch.open[warning.fingerprint] = judged
        changes.replace(judged)
        warning = judged
    changes.event("outcome", warning, outcome)
