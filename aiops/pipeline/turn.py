"""One turn of one watch: read, score, forecast, find symptoms, decide, judge, tell, keep. The first file to read.

`now_s` is an argument: live, backtest, demo and tests run this very code over different clocks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.records import Bools
from aiops.pipeline.alerts_truth import declare_alerts
from aiops.pipeline.backfill import fill_in, missing
from aiops.pipeline.beside import beside
from aiops.pipeline.changes import Changes, TurnResult
from aiops.pipeline.decide import decide, stay
from aiops.pipeline.find import Found
from aiops.pipeline.forget import forget
from aiops.pipeline.gather import gather
from aiops.pipeline.hear import hear
from aiops.pipeline.judge import settle
from aiops.pipeline.mask import not_masked, note_failing
from aiops.pipeline.meeting import Meeting
from aiops.pipeline.read import read
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.rules_follow import catch_up, follow_rules
from aiops.pipeline.rules_record import count_crossings
from aiops.pipeline.rules_truth import firings
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.sense import live_again, sense
from aiops.pipeline.states import series_states
from aiops.pipeline.tell import tell
from aiops.pipeline.watch import Watch


def turn(watch: Watch, now_s: int, rooms: Rooms) -> TurnResult:
    """Do one turn of `watch` at the grid instant `now_s`; everything it decides is kept in one transaction.

    A source that fails costs this watch the new samples of its series and nothing else: what is open stays open. When none can
    be asked, nothing is decided, what is open is told on as stale, and the error is returned.
    """
    started = time.perf_counter()
    changes = Changes(watch.card.name, watch.source_name, now_s)
    try:
        if isinstance(watch, RulesWatch):
            follow_rules(watch, now_s)
        live_again(watch)
        forget(watch)
        reading = read(watch, now_s)
    except SourceError as error:
        with rooms.floor.taken(watch):
            stay(watch, now_s, rooms, changes)
        return TurnResult(
            watch.name, now_s, time.perf_counter() - started, series_states(watch, now_s), (), error=error, failed=watch.failed
        )
    fired = not_masked(watch, firings(watch, now_s)) if isinstance(watch, RulesWatch) else {}
    seen = sense(watch, reading, now_s)
    if isinstance(watch, RulesWatch):
        count_crossings(watch, now_s)
    conclude(watch, seen.symptoms, {**seen.failed, **fired}, now_s, rooms, changes, reading.held)
    declare_alerts(watch, now_s, rooms)
    watch.judged_s = now_s
    notes = fill_in(watch)
    if isinstance(watch, RulesWatch):
        notes += catch_up(watch, now_s)
    return TurnResult(
        watch.name, now_s, time.perf_counter() - started, series_states(watch, now_s), tuple(changes.events),
        seen.scores if np.size(seen.scores) else None, None, (*reading.partial, *notes), watch.failed, missing(watch),
    )


def conclude(
    watch: Watch, found: Found, failed: Mapping[int, int], now_s: int, rooms: Rooms, changes: Changes, held: Bools | None = None
) -> None:
    """The second half of a turn, from the symptoms to what is kept: decide, judge, settle with the other watches who is told in
    whose place, tell, keep. Watches conclude one after another. `failed`, `held` as in `decide`."""
    with rooms.floor.taken(watch):
        hear(watch, now_s, rooms, changes)
        decide(watch, found, failed, now_s, rooms, changes, held)
        settle(watch, failed, now_s, rooms, changes)
        note_failing(watch, rooms)
        if rooms.together is not None and not watch.card.challenges and (changes.events or watch.causes):
            meeting = Meeting(watch, now_s, rooms, changes)
            beside(meeting)
            gather(meeting)
            meeting.close()
        tell(watch, now_s, rooms, changes)
        if changes.warnings or changes.outcomes or rooms.marks_turns:
            rooms.journal.write(changes)
