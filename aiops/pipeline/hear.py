"""At the beginning of a turn: hear what was said of a card's warnings since, so that memory and store agree."""

from __future__ import annotations

from aiops.core.labels import key
from aiops.core.records import BY_DAEMON, FORETELLING, Outcome
from aiops.early_warnings.episode import warning_fingerprint
from aiops.outcomes.settle import until_s
from aiops.pipeline.assemble import Rooms
from aiops.pipeline.pending import Pending
from aiops.pipeline.stages import move_from
from aiops.pipeline.watch import Watch


def hear(watch: Watch, now_s: int, rooms: Rooms) -> None:
    """Take up actions, and drop what a person or an incident has judged. What was acted on in its horizon is judged again at its
    end, whatever its verdict is until then. Nothing is heard in a replay."""
    if not rooms.marks_turns:
        return
    said = rooms.store.statements(card=watch.card.name, after=watch.heard)
    if not said:
        return
    watch.heard = said[-1].seq
    for one in said:
        if one.kind == "action":
            _acted(watch, one.warning_id, int(one.body["at_s"]), now_s, rooms)
        if one.kind == "stage":
            rooms.stages[watch.card.name] = watch.stage = move_from(one).after
    if any(one.kind in ("verdict", "incident") for one in said):
        for pending in list(watch.pending.values()):
            outcome = rooms.store.outcome_of(pending.warning.id)
            if outcome is not None and not (pending.acted_s and _open_to_more(outcome)):
                del watch.pending[pending.warning.id]
                mark = pending.warning.fingerprint
                if mark in watch.open and watch.open[mark].id == pending.warning.id:
                    watch.open[mark] = watch.open[mark].having(verdict=outcome.verdict)
        rooms.forget(watch.card.name)


def _acted(watch: Watch, warning_id: str, at_s: int, now_s: int, rooms: Rooms) -> None:
    pending = watch.pending.get(warning_id)
    if pending is None:
        warning, outcome = rooms.store.warning(warning_id), rooms.store.outcome_of(warning_id)
        free = outcome is None or _open_to_more(outcome)
        if warning is None or warning.kind not in FORETELLING or not free or now_s > until_s(warning):
            return
        number = watch.entity_number(key(warning.entity))
        mark = warning_fingerprint(watch.card.name, warning.kind, warning.entity, watch.source_name)
        if number is None or mark != warning.fingerprint:  # another watch's
            return
        limits = watch.limit.value[watch.rows_of(number)].tolist() if warning.kind == "exhaustion" else ()
        pending = watch.pending[warning_id] = Pending(warning, tuple(limits))
    pending.acted_s = (*pending.acted_s, at_s)


def _open_to_more(outcome: Outcome) -> bool:
    """Whether it is the daemon's own, and not that it failed."""
    return outcome.judged_by == BY_DAEMON and outcome.failed_s is None
