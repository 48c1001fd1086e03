"""What became of the episodes that were told with another: told when that one ends, and once more when the last is judged."""

from __future__ import annotations

from collections.abc import Iterator

from aiops.core.records import FORETELLING, SOME_STAYED, STAYED, EarlyWarning, Outcome
from aiops.notify.fates import Fate
from aiops.pipeline.changes import Changes
from aiops.pipeline.rooms import Rooms
from aiops.store.about import Spoken, spoken_for

HEARD = ("outcome", "judged")
ENDS = (*HEARD, "closed")


def fates_of(speaker: EarlyWarning, rooms: Rooms, changes: Changes) -> list[Fate]:
    """What became of those that a warning lists, or was told for on its entity, as of this turn; of these only what has ended:
    what goes on is told as itself, and so is what was. What foretells nothing has no fate."""
    named = {one["id"] for one in speaker.members}
    return [
        Fate(one.id, one.card, one.verdict) for one in _spoken_for(speaker, rooms, changes)
        if one.kind in FORETELLING
        and (one.id in named or (not one.alone and (one.state == "closed" or one.verdict is not None)))
    ]  # fmt: skip


def over(cause: EarlyWarning, rooms: Rooms, changes: Changes) -> str:
    """Why what spoke for many ends, where its episodes, or some of them, stay at their new level; else empty."""
    rooms.journal.flush()
    stayed = [one.why == STAYED for one in _spoken_for(cause, rooms, changes)]
    return "" if not any(stayed) else STAYED if all(stayed) else SOME_STAYED


def _spoken_for(speaker: EarlyWarning, rooms: Rooms, changes: Changes) -> list[Spoken]:
    """Those that a warning lists, or was told for, as of this turn."""
    found = {one.id: one for one in spoken_for(rooms.store, speaker.id, [str(one["id"]) for one in speaker.members])}
    mine = (w for w in changes.warnings if w.id in found or w.thread == speaker.id)
    found |= {w.id: Spoken(w.id, w.card, w.kind, w.state, w.verdict, w.told_s is not None, w.closed_why) for w in mine}
    return [one for one in found.values() if one.id != speaker.id]


def concluded(rooms: Rooms, changes: Changes) -> Iterator[tuple[EarlyWarning, Outcome | None, list[Fate]]]:
    """Warnings that had ended, and of which all is known since this turn: their own verdict, if they have one, and what became
    of those they spoke for."""
    said = {e.warning.id for e in changes.events if e.kind in ENDS and e.warning is not None}
    about = dict.fromkeys(e.warning.thread for e in changes.events if e.kind in HEARD and e.warning is not None)
    for thread in about:
        speaker = rooms.store.warning(thread) if thread and thread not in said else None
        if speaker is None or speaker.state != "closed" or speaker.told_s is None:
            continue
        judged = speaker.members or speaker.kind not in FORETELLING or speaker.verdict is not None
        fates = fates_of(speaker, rooms, changes) if judged else []
        if fates and all(fate.verdict is not None for fate in fates):
            yield speaker, rooms.store.outcome_of(speaker.id), fates
