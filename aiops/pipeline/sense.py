"""Steps 2 to 4 of a turn: what the new points say, before anything is decided by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aiops.core.records import Floats
from aiops.pipeline import keep
from aiops.pipeline.evaluate import forecast, score
from aiops.pipeline.find import Found, find_symptoms
from aiops.pipeline.judge import crossed_entities
from aiops.pipeline.read import again, read
from aiops.pipeline.reading import Reading
from aiops.pipeline.revise import remember_final, score_again
from aiops.pipeline.rules_find import find_alerts
from aiops.pipeline.rules_rehearse import rehearse
from aiops.pipeline.rules_truth import reached
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.silences import listen
from aiops.pipeline.watch import Watch
from aiops.telemetry.intake import Kept, LabelsOf

AGAIN_AT_MOST = 100
"""Turns lived again after a start: more than pass between two saves."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Scores (entities,) of the newest column, entities that failed (number to instant), symptoms."""

    scores: Floats
    failed: Mapping[int, int]
    symptoms: Found


def sense(watch: Watch, reading: Reading, now_s: int) -> Seen:
    """Score, forecast, see crossings, find symptoms: the watch learns what was read, and decides nothing."""
    if reading.final_s:
        score_again(watch, reading.final_s)
    scores = score(watch, reading)
    listen(watch, reading)
    if isinstance(watch, RulesWatch):
        watch.build()  # the limits of rows that are new
        rehearse(watch, now_s)
    forecast(watch, now_s)
    if isinstance(watch, RulesWatch):
        came = reached(watch, watch.build(), reading)
        seen = Seen(scores, came, Found({"rule": find_alerts(watch, now_s, reading.held)}))
    else:
        seen = Seen(scores, crossed_entities(watch, reading), find_symptoms(watch, scores, now_s, reading.held))
    _remember(watch, reading)
    remember_final(watch)
    watch.lived_s = now_s
    return seen


def _remember(watch: Watch, reading: Reading) -> None:
    """Up to where the models of each row have come."""
    for late in reading.late:
        watch.seen_s[late.rows] = late.time_s[-1]
    if len(reading.time_s):
        here = slice(None) if reading.held is None else ~reading.held
        watch.seen_s[here] = reading.time_s[-1]


def live_again(watch: Watch) -> None:
    """After a start: go through the turns that an earlier life kept after it last saved what it had learnt. Nothing is decided
    in them, for it was; what is known afterwards is what was known then. Raises SourceError; the next turn then goes on.

    What they took in stands in the intake; what does not is read again. Where nothing was saved, one turn up to the last one
    stands for all. A source that does not keep the past (this host) is not asked for it: that time stays a gap.
    """
    lived, judged = watch.lived_s, watch.judged_s
    if judged is None or (lived is not None and lived >= judged):
        return
    whole = lived is not None and "learnt" not in watch.losses
    if lived is None:
        if watch.keeps_past:
            sense(watch, read(watch, judged), judged)
    elif watch.keeps_past:
        read(watch, lived)  # what the state has seen and the window has not kept
    labels = LabelsOf(watch.window.labels)
    for now_s, kept in _turns(watch, lived, judged) if lived is not None else ():
        reading = None if kept is None else again(watch, kept, labels)
        if reading is not None:
            sense(watch, reading, now_s)
        elif watch.keeps_past:
            sense(watch, read(watch, now_s), now_s)
        else:
            whole = False
    watch.lived_s, watch.again = judged, []
    keep.open_gates(watch, whole)


def _turns(watch: Watch, lived: int, judged: int) -> Iterator[tuple[int, Kept | None]]:
    """The turns of (lived, judged] and what is kept of them: exactly those there were, as long as each follows upon the last."""
    after = {kept.after_s: kept for kept in watch.again}
    at, oldest = lived, judged - AGAIN_AT_MOST * watch.step_s
    while at < judged:
        kept = after.get(at)
        at = min(at + watch.step_s, judged) if kept is None else kept.now_s
        if kept is not None or at > oldest:
            yield at, kept
