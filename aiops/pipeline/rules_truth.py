"""Which alerts began to fire: what ALERTS says, restart or not; for rules that predict by themselves, what they predict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aiops.core.errors import SourceError
from aiops.core.labels import Labels, key
from aiops.core.records import Bools, Floats, Ints
from aiops.pipeline.alerts_truth import asked, asked_from, beginnings, since_of
from aiops.pipeline.beyond import REARM_STEPS
from aiops.pipeline.reading import Reading
from aiops.pipeline.rules_watch import Built, RulesWatch
from aiops.rules.followed import Followed
from aiops.telemetry.link import Piece


def firings(watch: RulesWatch, now_s: int) -> dict[int, int]:
    """Alert to the instant at which it began to fire, since this was last known. Brings `fires` up to date.

    What fires at the first look ever began before, and what was silent for a moment goes on (see `alerts_truth.beginnings`); a
    source that cannot be asked is asked for the same time again.
    """
    since, start = since_of(watch), asked_from(watch, now_s)
    if start > now_s or (start == now_s and watch.alerts.asked_s is not None):
        return {}
    try:
        pieces = [feed.link.ask(_query(watch), start, now_s, watch.step_s) for feed in watch.feeds if feed.error is None]
    except SourceError:
        return {}
    if not pieces:
        return {}
    begun: dict[int, int] = {}
    columns = len(pieces[0].time_s)
    firing: dict[int, Bools] = {}
    for piece in pieces:
        for number, true in _of_alerts(watch, piece):
            firing[number] = firing.get(number, np.zeros(columns, bool)) | true
    fires = np.zeros(len(watch.entities), bool)
    for number, true in firing.items():
        at = beginnings(watch, key(watch.entities[number]), true, pieces[0].time_s, since)
        if at:
            begun[number] = at[0]
        fires[number] = true[-1]
    watch.fires = fires
    asked(watch, now_s)
    return begun


def _query(watch: RulesWatch) -> str:
    """ALERTS, as it was within the time of one turn and of the longest group's interval: shortly or long."""
    longest = max([watch.step_s, *(int(one.served.rule.interval_s or 0) for one in watch.book.followed)])
    return f"max_over_time({watch.card.query}[{longest}s])"


def _of_alerts(watch: RulesWatch, piece: Piece) -> list[tuple[int, Bools]]:
    """(alert, (t,) when it fires) of every series of ALERTS that a rule we follow can raise."""
    by_name: dict[str, list[Followed]] = {}
    for one in watch.book.followed:
        if not one.predicts:
            by_name.setdefault(one.alert, []).append(one)
    out = []
    for rows, values in piece.layers:
        at: Ints = np.arange(len(piece.labels)) if rows is None else rows
        for i, row in enumerate(at.tolist()):
            labels = piece.labels[row]
            rule = _rule_for(by_name.get(labels.get("alertname", ""), ()), labels)
            if rule is not None:
                out.append((watch.alert_number(dict(sorted(rule.naming.of_alert(labels)))), np.isfinite(values[i])))
    return out


def _rule_for(rules: tuple[Followed, ...] | list[Followed], labels: Labels) -> Followed | None:
    return next((one for one in rules if all(labels.get(name, "") == text for name, text in one.own.items() if text)), None)


def reached(watch: RulesWatch, built: Built, reading: Reading) -> dict[int, int]:
    """Alert of a rule that predicts by itself to the instant at which what it predicts came, in the new columns.

    As `beyond.follow`: what is there at first sight came before, and it must be away for REARM_STEPS steps to come anew.
    """
    mine = np.flatnonzero(built.predicts)
    came: dict[int, int] = {}
    if not len(mine) or not len(reading.time_s):
        return came
    some, state = built.program.only(mine), watch.state
    over, inside, known = (state[name][mine] for name in ("over", "inside", "known"))
    for j, at in enumerate(reading.time_s.tolist()):
        values = reading.values[:, j]
        true = some.holding(compared(built, values))
        there = some.there(np.isfinite(values))
        begins = true & ~over & known
        inside = np.where(true, 0, inside + 1)
        over = np.where(true, True, over & (inside < REARM_STEPS))
        known |= there
        if watch.judged_s is not None and at > watch.judged_s:
            for i in np.flatnonzero(begins).tolist():
                came.setdefault(int(built.entity[mine[i]]), at)
    for name, array in (("over", over), ("inside", inside), ("known", known)):
        state[name][mine] = array
    return came


_COMPARE: tuple[Callable[..., Bools], ...] = (
    np.greater, np.less, np.greater_equal, np.less_equal, np.equal, np.not_equal,
)  # fmt: skip
"""In the order of OPS."""


def compared(built: Built, values: Floats) -> Bools:
    """(n,) whether each comparison is true of `values` (n,)."""
    return true_of(built.op, built.limit, built.inclusive, values)


def true_of(op: NDArray[np.int8], limit: Floats, inclusive: Bools, values: Floats) -> Bools:
    """(n,) whether `values op limit`; NaN: no. What a rule predicts counts on its limit, too (`inclusive`)."""
    out = np.zeros(len(values), bool)
    with np.errstate(invalid="ignore"):
        for number, compare in enumerate(_COMPARE):
            mine = op == number
            out[mine] = compare(values[mine], limit[mine])
        out |= inclusive & (values == limit)
    found: Bools = out & ~np.isnan(values)
    return found
