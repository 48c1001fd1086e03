"""One turn of one watch: read, score, forecast, find symptoms, decide, judge, tell, keep. The first file to read.

`now_s` is an argument: live, backtest, demo and tests run this very code over different clocks.
"""

from __future__ import annotations

import time

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.records import Floats
from aiops.pipeline.assemble import Rooms
from aiops.pipeline.changes import Changes, TurnResult
from aiops.pipeline.decide import decide
from aiops.pipeline.evaluate import forecast, score
from aiops.pipeline.find import find_symptoms
from aiops.pipeline.judge import crossed_rows, settle
from aiops.pipeline.read import read
from aiops.pipeline.states import series_states
from aiops.pipeline.tell import tell
from aiops.pipeline.watch import Watch


def turn(watch: Watch, now_s: int, rooms: Rooms) -> TurnResult:
    """Do one turn of `watch` at the grid instant `now_s`; everything it decides is kept in one transaction.

    A source that fails costs this watch its new samples and nothing else: the error is returned, open warnings stay.
    """
    started = time.perf_counter()
    changes = Changes(watch.card.name, watch.source_name, now_s)
    try:
        reading = read(watch, now_s)
    except SourceError as error:
        return TurnResult(watch.name, now_s, time.perf_counter() - started, series_states(watch, now_s), (), error=error)
    scores: Floats = score(watch, reading)
    forecast(watch, now_s)
    crossed = crossed_rows(watch, reading, now_s)
    symptoms = find_symptoms(watch, scores, now_s)
    decide(watch, symptoms, crossed, now_s, rooms, changes)
    settle(watch, crossed, now_s, rooms, changes)
    tell(watch, now_s, rooms, changes)
    if changes.warnings or changes.outcomes or rooms.marks_turns:
        rooms.journal.write(changes)
    return TurnResult(
        watch.name, now_s, time.perf_counter() - started, series_states(watch, now_s), tuple(changes.events),
        scores if np.size(scores) else None, None, reading.partial,
    )
