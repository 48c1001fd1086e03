"""At the beginning of a turn: hear what was said of a card's warnings since, so that memory and store agree."""

from __future__ import annotations

from collections.abc import Iterable

from aiops.core.labels import key
from aiops.core.records import BY_DAEMON, FORETELLING, EarlyWarning, Outcome
from aiops.early_warnings.episode import warning_fingerprint
from aiops.outcomes.settle import until_s
from aiops.pipeline.assemble import Rooms
from aiops.pipeline.judge import open_episode
from aiops.pipeline.pending import Pending
from aiops.pipeline.stages import move_from
from aiops.pipeline.watch import Watch
from aiops.runbooks import Runbook
from aiops.store import Statement

VERIFY_S = 3600.0
"""Within this time of something that was done it must show, where no runbook says."""


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
            _acted(watch, one, now_s, rooms)
        if one.kind == "stage":
            rooms.stages[watch.card.name] = watch.stage = move_from(one).after
    kinds = {one.kind for one in said}
    if kinds & {"verdict", "incident"}:
        _drop_judged(watch, rooms)
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


def _acted(watch: Watch, said: Statement, now_s: int, rooms: Rooms) -> None:
    warning_id = said.warning_id
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
    within = float(said.body.get("within_s") or verified_within(said, pending.warning, rooms.runbooks))
    pending.act(int(said.body["at_s"]), within)


def verified_within(said: Statement, warning: EarlyWarning, runbooks: Iterable[Runbook]) -> float:
    """How soon something that was done must show, s: `verify.within` of the runbook that did it, of a person's doing the longest
    of those that match; else 1 h."""
    by_runbook = said.who.partition("@")[0] if "response" in said.body else ""
    names = {by_runbook} if by_runbook else {book["name"] for book in warning.runbooks}
    return max((book.verify.within for book in runbooks if book.name in names and book.verify is not None), default=VERIFY_S)


def _open_to_more(outcome: Outcome) -> bool:
    """Whether it is the daemon's own, and not that it failed."""
    return outcome.judged_by == BY_DAEMON and outcome.failed_s is None
