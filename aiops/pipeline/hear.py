"""At the beginning of a turn: hear what was said of a card's warnings since, so that memory and store agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aiops.core.labels import key
from aiops.core.records import BY_DAEMON, FORETELLING, EarlyWarning, Outcome
from aiops.early_warnings.episode import warning_fingerprint
from aiops.outcomes.settle import may_avert, until_s
from aiops.pipeline.changes import Changes
from aiops.pipeline.desk import begun_s
from aiops.pipeline.hush import take
from aiops.pipeline.judge import open_episode
from aiops.pipeline.pending import Pending
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.stages import move_from
from aiops.pipeline.watch import Watch
from aiops.runbooks import Runbook
from aiops.store import Statement

VERIFY_S = 3600.0
"""Within this time of something that was done it must show, where no runbook says."""


HEARD_AGAIN_S = 600.0
"""What was said so shortly before the last turn that was kept may not have been heard in it."""
JUDGED_AT_MOST = 1000


def hear(watch: Watch, now_s: int, rooms: Rooms, changes: Changes) -> None:
    """Take up actions, and drop what a person or an incident has judged, which is told on. What was acted on in its horizon is
    judged again at its end, whatever its verdict is until then. Nothing is heard in a replay."""
    if not rooms.marks_turns:
        return
    said = rooms.store.statements(card=watch.card.name, after=watch.heard)
    if not said:
        return
    watch.heard = said[-1].seq
    for one in said:
        if one.kind == "action":
            _acted(watch, one, now_s, rooms)
        take(rooms.hushes, one)
        if one.kind == "stage":
            rooms.stages[watch.card.name] = move_from(one).after
            watch.stage = rooms.stage_of(watch.card)
    kinds = {one.kind for one in said}
    if kinds & {"verdict", "incident"}:
        _drop_judged(watch, rooms)
        _tell_on(watch, said, rooms, changes)
    if kinds & {"verdict", "incident", "replay"}:
        rooms.forget(watch.card.name)


def _drop_judged(watch: Watch, rooms: Rooms) -> None:
    for pending in list(watch.pending.values()):
        outcome = rooms.store.outcome_of(pending.warning.id)
        if outcome is None or (pending.acted and _open_to_more(outcome)):
            continue
        del watch.pending[pending.warning.id]
        current = open_episode(watch, pending.warning)
        if current is not None:
            watch.open[current.fingerprint] = current.having(verdict=outcome.verdict)
    for current in [one for one in watch.open.values() if one.verdict is not None]:  # judged before, and anew now
        outcome = rooms.store.outcome_of(current.id)
        if outcome is not None and outcome.verdict != current.verdict:
            watch.open[current.fingerprint] = current.having(verdict=outcome.verdict)


def _tell_on(watch: Watch, said: Sequence[Statement], rooms: Rooms, changes: Changes) -> None:
    """Let what people and incidents made of warnings be told; after a start only what is new."""
    if watch.judged_s is None:
        return
    news = [s.said_s for s in said if s.kind in ("verdict", "incident") and s.said_s > watch.judged_s - HEARD_AGAIN_S]
    if not news:
        return
    for outcome in rooms.store.outcomes(card=watch.card.name, since_s=min(news) - 1.0, limit=JUDGED_AT_MOST):
        warning = rooms.store.warning(outcome.warning_id) if outcome.warning_id else None
        if warning is not None and _is_own(watch, warning):
            changes.event("judged", warning, outcome)


def _is_own(watch: Watch, warning: EarlyWarning) -> bool:
    return warning.fingerprint == warning_fingerprint(watch.card.name, warning.kind, warning.entity, watch.source_name)


def _acted(watch: Watch, said: Statement, now_s: int, rooms: Rooms) -> None:
    warning_id, begun = said.warning_id, begun_s(said)
    pending = watch.pending.get(warning_id)
    if pending is not None and not may_avert(pending.warning, begun):
        return
    if pending is None:
        warning, outcome = rooms.store.warning(warning_id), rooms.store.outcome_of(warning_id)
        free = outcome is None or _open_to_more(outcome)
        if warning is None or warning.kind not in FORETELLING or not free or now_s > until_s(warning):
            return
        if not may_avert(warning, begun):
            return
        number = watch.entity_number(key(warning.entity))
        if number is None or not _is_own(watch, warning):
            return
        limits = watch.limit.value[watch.rows_of(number)].tolist() if warning.kind == "exhaustion" else ()
        pending = watch.pending[warning_id] = Pending(warning, tuple(limits))
    within = float(said.body.get("within_s") or verified_within(said, pending.warning, rooms.runbooks))
    pending.act(int(said.body["at_s"]), within)
    pending.again |= _came_back(pending.warning, now_s, rooms)


def _came_back(warning: EarlyWarning, now_s: int, rooms: Rooms) -> bool:
    """Whether it was foreseen anew after it had ended: an earlier life may have seen that, or it was before somebody acted."""
    later = rooms.store.warnings_opened(warning.card, warning.opened_s, now_s)
    return any(one.fingerprint == warning.fingerprint and one.id != warning.id for one in later)


def verified_within(said: Statement, warning: EarlyWarning, runbooks: Iterable[Runbook]) -> float:
    """How soon something that was done must show, s: `verify.within` of the runbook that did it, of a person's doing the longest
    of those that match; else 1 h."""
    by_runbook = said.who.partition("@")[0] if "response" in said.body else ""
    names = {by_runbook} if by_runbook else {book["name"] for book in warning.runbooks}
    return max((book.verify.within for book in runbooks if book.name in names and book.verify is not None), default=VERIFY_S)


def _open_to_more(outcome: Outcome) -> bool:
    """Whether it is the daemon's own, and not that it failed."""
    return outcome.judged_by == BY_DAEMON and outcome.failed_s is None
