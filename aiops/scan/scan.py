"""`scan`: the rules of a server, a day of what they look at, and of those nearest to firing two weeks: forecast and ranked."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from aiops.core.errors import SourceError
from aiops.core.labels import key
from aiops.core.records import Block, Bools
from aiops.core.text import visible
from aiops.rules.compiler import Leaf
from aiops.rules.formula import Formula, members
from aiops.rules.program import program
from aiops.rules.served import Naming, Served, served_in
from aiops.scan.ask import Reader, Wanted
from aiops.scan.parts import chosen, in_spans, joined, split
from aiops.scan.past import STEP_S, Past, grid, replay, trends
from aiops.scan.record import BASELINE_AHEAD_S, BASELINE_SPAN_S, Record, judged, merged, starts, unfired, unserved
from aiops.scan.rows import Row, View, rows, without_rows
from aiops.telemetry.prometheus import PrometheusSource

DAY = 86400
LOOK_EVERY = 2
"""Columns between two looks: as often as the forecaster must be asked to speak when it has seen enough."""
RECENT_LOOKS = 7
YOUNGEST = 36
"""Columns that a replay knows before its first look."""
RECORD_S = 14 * DAY
ALERTS = f'max_over_time(ALERTS{{alertstate="firing"}}[{STEP_S}s])'
"""Of every 5 min whether it fired in them, however shortly."""
ALERTS_SPANS = 7
"""Pieces in which it is asked for where one is too much for the server."""
READING, DEEPER, REPLAYED = 0.55, 0.75, 0.88
"""Shares of the time by which the day is read, by which more days are, and by which they are replayed; a query that is on its way
then, a start and the output need the rest."""
BATCH_SERIES = MOST_SERIES = 300
"""Series replayed together; 14 days of a rule with more are asked for in spans of time."""
FIRST_BATCH = 4
"""Rules that are replayed first, then twice as many each time: a slow server has told something of the nearest, too."""
STEP_ROWS = 50
"""Rows of such a rule that are replayed together at first, then twice as many each time while there is time."""

Progress = Callable[[str, float], None]
Read = Mapping[Wanted, Block | SourceError | None]


@dataclass(frozen=True, slots=True)
class Options:
    """`horizon_s`: how far ahead a crossing is told; `total_s`: the time it may take; `full`: every record, unbounded."""

    horizon_s: float = float(DAY)
    total_s: float = 60.0
    full: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """`rows`, nearest to firing first, then rules without any; how it was read: queries, how often it slowed down.

    Seconds until the rows were ranked from a day of history, and until the end, records included.
    """

    rows: tuple[Row, ...]
    rules: int
    queries: int
    slowed: int
    ranked_s: float
    took_s: float
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Scan:
    source: PrometheusSource
    options: Options
    now_s: int
    progress: Progress
    reader: Reader
    began: float
    served: list[Served]
    found: dict[tuple[int, str], Row] = field(default_factory=dict)
    count: dict[int, int] = field(default_factory=dict)
    series: dict[tuple[int, str], frozenset[str]] = field(default_factory=dict)
    alerts: Block | None = None
    why_no_record: str = ""
    firing_rows: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def until(self, share: float) -> float:
        return math.inf if self.options.full else self.began + share * self.options.total_s


def scan(
    source: PrometheusSource, options: Options, now_s: int, progress: Progress = lambda what, share: None,
    admit: Callable[[Block], Block] = lambda block: block,
) -> Report:  # fmt: skip
    """Read, forecast and rank. Raises SourceError when the server does not answer, or serves no rules at all.

    The server is only asked: GET /api/v1/rules and queries, at most 4 at once.
    """
    began = time.monotonic()
    source.query_api_only = True
    progress("asking for the rules", 0.0)
    served = served_in(source.alerting_rules(), source.name)
    run = _Scan(source, options, now_s, progress, Reader(source, admit), began, served)
    able = [i for i, one in enumerate(served) if one.compiled.condition is not None and one.compiled.forecastable]
    read = _read_day(run, able)
    _first_look(run, able, read)
    ranked_s = time.monotonic() - began
    _deepen(run)
    others = [
        without_rows(one, "refused", one.compiled.reason or "") for one in served if not one.compiled.forecastable
    ]
    ranked = sorted(run.found.values(), key=lambda row: (row.near, row.served.rule.alert))
    notes = (run.why_no_record,) if run.why_no_record else ()
    return Report(
        (*ranked, *others), len(served), run.reader.queries, run.reader.pace.slowed, ranked_s, time.monotonic() - began, notes
    )


def _leaves(run: _Scan, some: Iterable[int]) -> list[Leaf]:
    return list(dict.fromkeys(leaf for i in some for leaf in run.served[i].compiled.leaves))


def _targets(run: _Scan, some: Iterable[int]) -> frozenset[Leaf]:
    return frozenset(_leaves(run, (i for i in some if run.served[i].compiled.target is not None)))


def _ask(run: _Scan, leaves: Iterable[Leaf], span_s: int, share: float, what: str, more: Sequence[Wanted] = ()) -> Read:
    first, last = grid(run.now_s, span_s)
    wanted = [*more, *(Wanted(expr, first, last, STEP_S) for expr in dict.fromkeys(leaf.expr for leaf in leaves))]
    done = 0

    def mark() -> None:
        nonlocal done
        done += 1
        run.progress(what, done / len(wanted))

    return run.reader.read(wanted, run.until(share), mark)


def _read_day(run: _Scan, able: Sequence[int]) -> Read:
    """A day of every leaf; ALERTS of two weeks beside them, in one query."""
    wanted = Wanted(ALERTS, *grid(run.now_s, RECORD_S), STEP_S)
    read = _ask(run, _leaves(run, able), DAY, READING, "reading a day of every rule", [wanted] if able else [])
    alerts = read.get(wanted)
    if isinstance(alerts, SourceError):
        alerts = _alerts_in_spans(run, wanted, alerts)
    if isinstance(alerts, Block):
        run.alerts = alerts
        for row, labels in enumerate(alerts.labels):
            run.firing_rows[labels.get("alertname", "")].append(row)
    elif able:
        run.why_no_record = f"ALERTS could not be read, so there are no records: {_why(alerts)}"
    return read


def _alerts_in_spans(run: _Scan, wanted: Wanted, error: SourceError) -> Block | SourceError:
    """The same in pieces, where one was too much; with how much there is where it is not all."""
    spans = split(wanted, ALERTS_SPANS)
    read = run.reader.read(spans, run.until(READING))
    blocks = [one for one in read.values() if isinstance(one, Block)]
    if len(blocks) == len(spans):
        return joined(blocks, np.arange(wanted.start_s, wanted.end_s + 1, wanted.step_s))
    days = sum(len(one.time_s) for one in blocks) * STEP_S / DAY
    return SourceError(error.source, error.kind, f"{error.message} ({days:.2g} of {RECORD_S // DAY} days could be read)")


def _blocks(read: Read) -> dict[str, Block]:
    return {wanted.query: one for wanted, one in read.items() if isinstance(one, Block) and wanted.query != ALERTS}


def _why(answer: Block | SourceError | None) -> str:
    return "the time was used up" if not isinstance(answer, SourceError) else f"{answer.kind}: {answer.message}"


def _unread(run: _Scan, i: int, read: Read) -> str:
    """Why a leaf of a rule could not be read; empty when all were."""
    exprs = {leaf.expr for leaf in run.served[i].compiled.leaves}
    return next((_why(one) for wanted, one in read.items() if wanted.query in exprs and not isinstance(one, Block)), "")


def _first_look(run: _Scan, able: Sequence[int], read: Read) -> None:
    """Rows of every rule from a day of history."""
    run.progress("forecasting", 0.0)
    fine = []
    for i in able:
        why = _unread(run, i, read)
        if why:
            run.found[i, ""] = _not_read(run, i, why)
        else:
            fine.append(i)
    view = _view(run, fine, _blocks(read), recent=True)
    assert view is not None
    for i in fine:
        made = list(rows(view, run.served[i], run.now_s))
        run.count[i] = len({series for leaf in run.served[i].compiled.leaves for series, _ in view.past.series_of(leaf)})
        for row, formula in made:
            run.found[i, key(row.labels)] = row
            if run.count[i] > MOST_SERIES:
                run.series[i, key(row.labels)] = frozenset(key(view.past.labels[one]) for one in members(formula))
        if not made:
            run.found[i, ""] = without_rows(run.served[i], "empty", "no series now")


def _not_read(run: _Scan, i: int, why: str) -> Row:
    return without_rows(run.served[i], "unread", visible(f"not read: {why}", 300))


def _view(run: _Scan, some: Sequence[int], blocks: Mapping[str, Block], recent: bool) -> View | None:
    """What is known of some rules; None when there was no time to replay it."""
    first, last = grid(run.now_s, DAY if recent else RECORD_S)
    past = Past.of(_leaves(run, some), blocks, np.arange(first, last + 1, STEP_S))
    columns = columns_of(len(past.time_s), recent)
    told = replay(past, columns, run.options.horizon_s, math.inf if recent else run.until(REPLAYED))
    return None if told is None else View.of(past, told, columns, _targets(run, some))


def columns_of(count: int, recent: bool) -> NDArray[np.int64]:
    """Those of the looks, the newest among them."""
    out = np.arange((count - 1) % LOOK_EVERY, count, LOOK_EVERY)
    return out[-RECENT_LOOKS:] if recent else out[out >= YOUNGEST]


def _deepen(run: _Scan) -> None:
    """Two weeks of the rules that are nearest, batch after batch until the time is used: newer forecasts, and records."""
    if run.alerts is None:
        return
    order = sorted((row.near if row.state != "firing" else (2, math.inf, math.inf), i) for (i, _), row in run.found.items())
    near = [i for i in dict.fromkeys(i for _, i in order) if run.count.get(i)]
    done, most = 0, FIRST_BATCH
    while near and time.monotonic() < run.until(DEEPER):
        if run.count[near[0]] > MOST_SERIES:
            _deepen_large(run, near.pop(0))
            done += 1
            continue
        batch = _batch(run, near[:most])
        most *= 2
        near = near[len(batch) :]
        run.progress("replaying 14 days", done / max(1, done + len(batch) + len(near)))
        read = _ask(run, _leaves(run, batch), RECORD_S, DEEPER, "reading 14 days of the nearest")
        fine = []
        for i in batch:
            why = _unread(run, i, read)
            fine += [] if why else [i]
            if why and why != _why(None):
                _no_record(run, i, why)
        view = _view(run, fine, _blocks(read), recent=False) if fine else None
        if view is not None:
            _records(run, view, fine)
        done += len(batch)


def _deepen_large(run: _Scan, i: int) -> None:
    """The same for a rule of very many series: its nearest rows, read in spans of time; with `full` all, some at a time."""
    nearest = sorted((row.near, name) for (rule, name), row in run.found.items() if rule == i)
    names = [name for _, name in nearest]
    if not run.options.full:
        for name in names[BATCH_SERIES:]:
            why = f"only the {BATCH_SERIES} nearest of its rows, or --full"
            run.found[i, name] = replace(run.found[i, name], record=Record(why=why))
        names = names[:BATCH_SERIES]
    for first in range(0, len(names), BATCH_SERIES):
        some = names[first : first + BATCH_SERIES]
        run.progress("replaying 14 days of a rule with many series", first / len(names))
        blocks = _in_spans(run, i, frozenset().union(*(run.series[i, name] for name in some)))
        if blocks is None or not _replayed_in_steps(run, i, some, blocks):
            return


def _replayed_in_steps(run: _Scan, i: int, names: Sequence[str], blocks: Mapping[str, Block]) -> bool:
    """The records of some rows of one rule, a few rows at a time, nearest first; False when the time is used up."""
    first, size = 0, STEP_ROWS
    while first < len(names):
        began, some = time.monotonic(), frozenset(names[first : first + size])
        keys = frozenset().union(*(run.series[i, name] for name in some))
        view = _view(run, [i], {expr: chosen(block, keys) for expr, block in blocks.items()}, recent=False)
        if view is None:
            return False
        _records(run, view, [i], some)
        first, now = first + size, time.monotonic()
        if now + 2 * (now - began) < run.until(REPLAYED):  # twice as many take less than twice as long
            size = min(2 * size, BATCH_SERIES)
    return True


def _in_spans(run: _Scan, i: int, keys: frozenset[str]) -> dict[str, Block] | None:
    """14 days of those series of a rule's leaves, by expression; None when that could not be read."""
    out = {}
    for expr in dict.fromkeys(leaf.expr for leaf in _leaves(run, [i])):
        wanted = Wanted(expr, *grid(run.now_s, RECORD_S), STEP_S)
        found = in_spans(run.reader, wanted, run.count[i], keys, run.until(DEEPER))
        if not isinstance(found, Block):
            if found is not None:
                _no_record(run, i, _why(found))
            return None
        out[expr] = found
    return out


def _batch(run: _Scan, near: Sequence[int]) -> list[int]:
    """The next rules, with not more than BATCH_SERIES series together; at least one."""
    out, total = [near[0]], run.count[near[0]]
    for i in near[1:]:
        total += run.count[i]
        if total > BATCH_SERIES or run.count[i] > MOST_SERIES:
            break
        out.append(i)
    return out


def _no_record(run: _Scan, i: int, why: str) -> None:
    for (rule, name), row in run.found.items():
        if rule == i:
            run.found[rule, name] = replace(row, record=Record(why=visible(why, 200)))


def _records(run: _Scan, view: View, some: Sequence[int], only: frozenset[str] | None = None) -> None:
    """The records of the rows of some rules, or of those named alone."""
    slope, level = trends(view.past, BASELINE_SPAN_S)
    ahead = level + slope * BASELINE_AHEAD_S
    predicted = replace(view.past, values=np.where(view.past.forecast[:, None], ahead, view.past.values))
    wanted = [(i, row, formula) for i in some for row, formula in rows(view, run.served[i], run.now_s)]
    wanted = [(i, row, formula) for i, row, formula in wanted if (i, key(row.labels)) in run.found]
    wanted = [one for one in wanted if only is None or key(one[1].labels) in only]
    past = _Past(view, predicted.holds(np.zeros(len(view.past.leaves), bool)), [formula for _, _, formula in wanted])
    for i in some:
        served, mine = run.served[i], [k for k, one in enumerate(wanted) if one[0] == i]
        fired = _fired(run, served)
        fires = [fired(wanted[k][1].labels) for k in mine]
        since = _there_since(view, served, past.true[mine], fires)
        for k, those, since_s in zip(mine, fires, since, strict=True):
            row = wanted[k][1]
            days = view.known_s(wanted[k][2]) / DAY
            run.found[i, key(row.labels)] = replace(row, record=_record(view, served, past, k, those, since_s, days))


class _Past:
    """R rows over all of a view: `true` (R, t), `foretold` (R, t) by the usual rule, `told` (R, L, 3) at each look."""

    def __init__(self, view: View, foretold: Bools, formulas: Sequence[Formula]) -> None:
        every = program(formulas, len(view.past.leaves))
        self.true, self.foretold = every.holding(view.holds.T), every.holding(foretold.T)
        self.told = every.crossing(view.times.transpose(1, 0, 2))


def _there_since(view: View, served: Served, true: Bools, fired: Sequence[Bools]) -> list[float]:
    """From when on a rule was there as it is, as far as each of its rows shows; -inf where nothing speaks against it.

    What one row shows holds for all, until the first of them fired: from then on for that row alone.
    """
    if served.compiled.target is not None:  # the truth of such a rule is no alert
        return [-math.inf] * len(fired)
    first = min((int(np.argmax(fires)) for fires in fired if fires.any()), default=len(view.past.time_s))
    alone = [unserved(one, fires, served.hold_s) for one, fires in zip(true, fired, strict=True)]
    early = [unserved(one[:first], fires[:first], served.hold_s) for one, fires in zip(true, fired, strict=True)]
    late = [max(one, *early) for one in alone]
    return [float(view.past.time_s[one]) if one >= 0 else -math.inf for one in late]


def _fired(run: _Scan, served: Served) -> Callable[[Mapping[str, str]], NDArray[np.bool_]]:
    """A function that says of a row's labels when its alert fired, (t,)."""
    alerts, naming = run.alerts, Naming(served.rule)
    assert alerts is not None
    named: dict[frozenset[tuple[str, str]], list[int]] = defaultdict(list)
    for row in run.firing_rows.get(served.rule.alert, []):
        named[naming.of_alert(alerts.labels[row])].append(row)
    never = np.zeros(len(alerts.time_s), bool)

    def fired(labels: Mapping[str, str]) -> NDArray[np.bool_]:
        at = named.get(naming.of_series(labels), [])
        return merged([np.isfinite(alerts.values[row]) for row in at]) if at else never

    return fired


def _record(view: View, served: Served, past: _Past, k: int, fired: Bools, since_s: float, days: float) -> Record:
    """The record of row k, of which `days` are known. A rule that predicts by itself is its own baseline, and the truth is what
    it predicts."""
    time_s, hold_s = view.past.time_s, served.hold_s
    true, told = past.true[k], past.told[k]
    predicts = served.compiled.target is not None
    came = starts(true if predicts else fired, time_s)
    up = np.isfinite(told[:, 1]) & ~true[view.columns] & ~(fired[view.columns] & (not predicts))
    latest = np.where(up, told[:, 2] + hold_s, np.nan)
    own = judged(view.told.look_s, latest, came, since_s)
    before = judged(view.told.look_s, latest, came).warned - own.warned
    says = fired & ~true if predicts else past.foretold[k] & ~true & ~fired
    baseline = judged(time_s, np.where(says, time_s + BASELINE_AHEAD_S + hold_s, np.nan), came, since_s)
    held = sum(at <= since_s for at in starts(true, time_s))
    doubt = 0 if predicts else unfired(true, fired, int(np.searchsorted(time_s, since_s)), hold_s)
    return Record(own, baseline, len(came), days, before=before, held=held, unfired=doubt)
