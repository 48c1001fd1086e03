"""What else is open on an entity, by whatever card: a warning names it, and one of them all is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

from aiops.core.labels import Labels
from aiops.core.records import CROSSED, EarlyWarning
from aiops.early_warnings.cause import Pair
from aiops.early_warnings.voice import Heard, heard, place, urgency, worse
from aiops.pipeline.meeting import Meeting

NAMED = 5
PARTS_AT_MOST = 6
"""Labels of an entity up to which all its parts are looked for."""


class Index:
    """Ids by entity: of what is on the entity itself, on what holds it (a host), and on what it holds (its disks)."""

    def __init__(self, placed: Iterable[tuple[str, Labels]]) -> None:
        self._whole: dict[frozenset[Pair], list[str]] = defaultdict(list)
        self._pair: dict[Pair, list[tuple[str, frozenset[Pair]]]] = defaultdict(list)
        for one, entity in placed:
            own = frozenset(pair for pair in entity.items() if pair[1])
            self._whole[own].append(one)
            for pair in own:
                self._pair[pair].append((one, own))

    def on(self, entity: Labels) -> Iterator[str]:
        """Those whose entity's labels are all of this entity's, or the other way round; an empty label is none, and an entity
        without labels has nothing beside it."""
        own = [pair for pair in entity.items() if pair[1]]
        if not own:
            return
        for count in range(1, len(own) if len(own) <= PARTS_AT_MOST else 1):
            for part in combinations(own, count):
                yield from self._whole.get(frozenset(part), ())
        rarest = min((self._pair.get(pair, []) for pair in own), key=len)
        yield from (other for other, its in rarest if its.issuperset(own))


def beside(meeting: Meeting) -> None:
    """Name in each open warning of this watch what else is open on its entity, and let one of all these speak for the others.

    What opens within `Together.lasts_s` of the one that speaks is told with it. Once it is worse than all that was told it speaks
    itself, told as worsened. When the one that spoke has ended the most urgent of the others goes on in its place, untold.
    """
    watch, changes = meeting.watch, meeting.changes
    ended = [e.warning for e in changes.events if e.kind == "closed" and e.warning is not None and not e.warning.members]
    here = [*watch.open.values(), *ended]
    apart = len({w.kind for w in here}) < 2 and not any(w.cause for w in here) and sum(w.kind == "rule" for w in here) < 2
    if not here or (apart and not any(one.open for one in meeting.watches if one is not watch)):
        return
    opened = {e.warning.id for e in changes.events if e.kind == "opened" and e.warning is not None}
    order = sorted(watch.open.values(), key=lambda w: (w.id not in opened, *urgency(w)))
    waiting = opened & {w.id for w in order}
    fired = {w.id for w in ended if w.kind == "rule" and w.closed_why == CROSSED}
    places = {pair for w in here for pair in place(w).items()}
    index = Index((w.id, place(w)) for w in meeting.open() if not places.isdisjoint(place(w).items()))
    for warning in order:
        waiting.discard(warning.id)
        found = _found(meeting, index, warning)
        met = [w for w in found if w.id not in waiting and meeting.one_entity(warning, w)]
        now = warning.having(beside=tuple(_named(w) for w in found[:NAMED]))
        if warning.id in opened:
            now = _met(meeting, now, met)
        elif now.cause:
            now = _spoken_for(meeting, now, met, now.cause in fired)
        else:
            now = _leading(meeting, now, met)
        if now != warning:
            meeting.put(now)
    for warning in ended:
        _ended(meeting, warning, _found(meeting, index, warning))


def _found(meeting: Meeting, index: Index, warning: EarlyWarning) -> list[EarlyWarning]:
    """What else is open on the entity of a warning, as it is now: what is about the same thing first, then the oldest."""
    found = (meeting.now(one) for one in index.on(place(warning)) if one != warning.id)
    others = [w for w in found if w is not None]
    return sorted(others, key=lambda w: (not meeting.one_entity(warning, w), w.opened_s, w.id))


def _met(meeting: Meeting, warning: EarlyWarning, met: Iterable[EarlyWarning]) -> EarlyWarning:
    """One that has just opened: spoken for by the most urgent that may, unless it is worse."""
    together = meeting.rooms.together
    assert together is not None
    speakers = {w.id: w for w in map(meeting.speaker, met) if w is not None}.values()
    may = [w for w in speakers if w.opened_s >= meeting.now_s - together.lasts_s and meeting.may_speak(w, warning)]
    if not may:
        return warning.having(heard=heard(warning))
    speaker = min(may, key=urgency)
    said = heard(speaker)
    if not worse(warning, said, meeting.now_s):
        return under(warning, speaker)
    if not speaker.members:
        meeting.changes.worse.add(warning.id)
    return warning.having(heard=heard(warning, said))


def _spoken_for(meeting: Meeting, warning: EarlyWarning, met: Iterable[EarlyWarning], fired: bool) -> EarlyWarning:
    """One that another speaks for: told itself once it is worse, or the other may not speak for it any more, or has ended;
    `fired`: by its alert."""
    if warning.cause not in meeting.ids:
        before = [w for w in met if not w.cause and w.thread == warning.thread]  # has gone on in its place already
        return _take_over(meeting, warning, before or [w for w in met if w.cause == warning.cause], bool(before), fired)
    direct = meeting.now(warning.cause)
    speaker = None if direct is None else meeting.speaker(direct)
    if direct is None or speaker is None:
        return warning  # of what was not kept nothing is known
    if direct.members and direct.kind == warning.kind:
        return warning  # the cause gets worse with it
    said = heard(speaker, warning.heard)
    if worse(warning, said, meeting.now_s):
        return _speaks(meeting, warning, said)
    if direct.members:
        return warning
    if not _still_speaks(meeting, speaker, warning):
        others = [w for w in met if not w.cause and w.id != speaker.id and meeting.may_speak(w, warning)]
        return under(warning, min(others, key=urgency)) if others else _speaks(meeting, warning, said)
    return under(warning, speaker)


def _still_speaks(meeting: Meeting, speaker: EarlyWarning, warning: EarlyWarning) -> bool:
    """What has begun to speak goes on while its source is away."""
    return meeting.may_speak(speaker.having(stale_since_s=None), warning)


def _take_over(
    meeting: Meeting, warning: EarlyWarning, mates: Sequence[EarlyWarning], taken: bool, fired: bool
) -> EarlyWarning:
    """The one that spoke has ended: the most urgent of those it spoke for goes on in its place, or one has already (`taken`);
    untold unless it is worse, or the first alert has `fired` and it tells of the next."""
    first = min(mates if taken else [warning, *mates], key=urgency)
    if first.id != warning.id and meeting.may_speak(first, warning):
        return warning.having(cause=first.id)
    said = warning.heard or heard(warning)
    return _speaks(meeting, warning, said) if fired or worse(warning, said, meeting.now_s) else warning.having(cause="")


def _leading(meeting: Meeting, warning: EarlyWarning, met: Iterable[EarlyWarning]) -> EarlyWarning:
    """One that is told: no longer, once another that is told too says worse and may speak for it."""
    for other in sorted(met, key=urgency):
        if not other.cause and worse(other, heard(warning), meeting.now_s) and meeting.may_speak(other, warning):
            return under(warning, other)
    new = not warning.heard or worse(warning, warning.heard, meeting.now_s)
    return warning.having(heard=heard(warning)) if new else warning


def _speaks(meeting: Meeting, warning: EarlyWarning, said: Heard) -> EarlyWarning:
    """The episode, told itself from now on, for it is worse than what was told."""
    meeting.worsen(warning)
    return warning.having(cause="", thread="", heard=heard(warning, said))


def _ended(meeting: Meeting, warning: EarlyWarning, found: Sequence[EarlyWarning]) -> None:
    """Name in one that has ended what goes on there. Its end is told if it was told itself, and if it is the last of those whose
    speaker ended before."""
    cause = warning.cause
    last = cause not in meeting.ids and not any(w.cause == cause or w.thread == warning.thread for w in found)
    itself = warning.told_s is not None or last
    now = warning.having(beside=tuple(_named(w) for w in found[:NAMED]), cause="" if itself else cause)
    if now != warning:
        meeting.put(now)


def under(warning: EarlyWarning, speaker: EarlyWarning) -> EarlyWarning:
    """The episode, told with another from now on."""
    said = heard(speaker, warning.heard)
    if warning.cause == speaker.id and not worse(speaker, warning.heard, speaker.updated_s):
        said = dict(warning.heard)
    return warning.having(cause=speaker.id, thread=speaker.thread or speaker.id, heard=said)


def _named(warning: EarlyWarning) -> dict[str, Any]:
    facts = {name: getattr(warning, name) for name in ("id", "card", "kind", "opened_s")}
    return facts | {"entity": dict(warning.entity)}
