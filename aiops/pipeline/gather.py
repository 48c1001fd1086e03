"""After the decisions of a turn: which of the episodes that began together have one cause, and what is told of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning, Stage
from aiops.early_warnings.cause import Pair, Together, began_s, began_with, has, shared, spoken
from aiops.early_warnings.episode import Event
from aiops.early_warnings.voice import urgency
from aiops.pipeline.beside import Index, under
from aiops.pipeline.decide import rules_of
from aiops.pipeline.fates import over
from aiops.pipeline.meeting import Meeting

HOUR_S, DAY_S, WEEK_S = 3600.0, 86400.0, 7 * 86400.0


def gather(meeting: Meeting) -> None:
    """Bring the causes of this watch to their next state; an episode that one speaks for is not told alone."""
    fresh = _loud(meeting, "opened")
    sorts: dict[Hashable, list[EarlyWarning]] = {}
    for warning in [*fresh, *_loud(meeting, "worsened")]:
        sorts.setdefault(_sort(meeting, warning), []).append(warning)
    news, before = {w.id for w in fresh}, list(meeting.watch.causes)
    for group in sorts.values():
        causes = sorted(meeting.causes(), key=lambda c: (not c.entity, c.opened_s, c.id))
        left = _joining(meeting, [w for w in group if w.id in news], causes)
        worse = _joining(meeting, [w for w in group if w.id not in news], [c for c in causes if not c.entity])
        _begin(meeting, left, worse)
    spoken_for = defaultdict[str, list[EarlyWarning]](list)
    for warning in meeting.open() if meeting.watch.causes else ():
        spoken_for[warning.cause].append(warning)
    for mark, cause in list(meeting.watch.causes.items()):
        _bring_on(meeting, cause, spoken_for[cause.id], mark not in before)


def _loud(meeting: Meeting, kind: Event) -> list[EarlyWarning]:
    """Episodes of this watch that are to be told in this turn, each alone."""
    said = dict.fromkeys(e.warning.id for e in meeting.changes.events if e.kind == kind and e.warning is not None)
    found = (meeting.now(one) for one in said)
    return [w for w in found if w is not None and w.state == "open" and not w.cause and not w.members]


def _sort(meeting: Meeting, warning: EarlyWarning) -> Hashable:
    """Episodes of one kind, told to the same people, may have one cause; alerts only those of one rule, for each rule tells of
    another failure."""
    alert = warning.entity.get("alertname", "") if warning.kind == "rule" else ""
    data = {(s.lineage.data_class, s.lineage.residency) for s in warning.symptoms[:1]}
    return warning.kind, alert, warning.stage, meeting.team(warning), meeting.audience(warning), *data


def _rules(meeting: Meeting) -> Together:
    assert meeting.rooms.together is not None
    return meeting.rooms.together


def _joining(meeting: Meeting, fresh: Sequence[EarlyWarning], causes: Sequence[EarlyWarning]) -> list[EarlyWarning]:
    """Let episodes join what is open already, of whatever watch; those that are left."""
    left = []
    for warning in fresh:
        cause = next((one for one in causes if _joins(meeting, warning, one)), None)
        if cause is None:
            left.append(warning)
        else:
            meeting.put(under(warning, cause))
    return left


def _joins(meeting: Meeting, warning: EarlyWarning, cause: EarlyWarning) -> bool:
    """What shares a cause's labels: of its own card as long as others come, of another one while it begins. A storm takes what is
    too much, whatever it is, but one that tells no time takes nothing that tells one: nobody would hear of it."""
    rules, now_s = _rules(meeting), meeting.now_s
    last = max(m["opened_s"] for m in cause.members)
    if not cause.entity:
        heard = warning.crossing is None or cause.crossing is not None
        due = heard and now_s - last <= rules.joins_s and _room(meeting, warning.stage) <= 0
    else:
        alert = cause.kind != "rule" or warning.entity.get("alertname", "") == cause.entity.get("alertname", "")
        since = now_s - last <= rules.joins_s if warning.card == cause.card else now_s - cause.opened_s <= rules.within_s
        due = cause.kind == warning.kind and alert and since and has(warning, cause.entity)
        due = due and began_with(warning, cause, rules)
    return due and meeting.may_speak(cause, warning)


def _room(meeting: Meeting, stage: Stage) -> int:
    """How much more may be told until it is a storm."""
    rules = _rules(meeting)
    return rules.storm - meeting.rooms.floor.told(meeting.now_s - rules.storm_s, stage)


def _begin(meeting: Meeting, fresh: list[EarlyWarning], worse: Sequence[EarlyWarning]) -> None:
    """Let causes begin with these episodes, the largest first, and a storm of what is left, what got worse with it: whatever is
    told counts for the storm, by whichever card."""
    stage = (fresh or worse)[0].stage if fresh or worse else "shadow"
    told = meeting.rooms.floor
    for labels, group in list(_found(meeting, fresh)):
        if _room(meeting, stage) > 1 and _cause(meeting, labels, group, {w.id for w in fresh}):
            told.note(meeting.now_s, stage)
    left = sorted((w for one in (*fresh, *worse) if (w := meeting.now(one.id)) is not None and not w.cause), key=urgency)
    room = _room(meeting, stage)
    many = left[max(room - 1, 0) :] if len(left) > room else []
    if many:
        _cause(meeting, {}, many, {w.id for w in many})
    alone = sum(not one.cause for w in left if (one := meeting.now(w.id)) is not None)
    for _ in range(alone + (alone < len(left))):
        told.note(meeting.now_s, stage)


def _found(meeting: Meeting, fresh: Sequence[EarlyWarning]) -> Iterator[tuple[Labels, list[EarlyWarning]]]:
    """Labels that so many of these and of what began shortly before, by whatever card, share that it is no chance.

    What goes on for longer, and is first seen by a daemon that has just started, did not begin with the others, and what a cause
    lists already has one, though it was told alone before that. Nor is it known of what rose before anything is held.
    """
    rules = _rules(meeting)
    fresh = [w for w in fresh if not w.symptoms or meeting.now_s - w.symptoms[0].since_s <= rules.within_s]
    fresh = [w for w in fresh if _dated(meeting, w)]
    ids = {w.id for w in fresh}
    if not fresh:
        return
    sort, ids = _sort(meeting, fresh[0]), ids | {m["id"] for cause in meeting.causes() for m in cause.members}
    recent = [
        w for w in meeting.open()
        if w.kind == fresh[0].kind and not w.cause and w.id not in ids and meeting.now_s - w.opened_s <= rules.within_s
        and _sort(meeting, w) == sort and _dated(meeting, w)
    ]  # fmt: skip
    if len(fresh) + len(recent) < rules.least:
        return
    watches = {id(one): one for one in (meeting.watch, *(meeting.owner(w) for w in recent))}.values()
    crowd = Counter[Pair]()
    for one in watches:
        crowd.update(meeting.rooms.floor.crowd(one))
    weekly = max(one.card.anomaly_budget_per_week for one in watches)
    entities = sum(len(one.entities) for one in watches)
    yield from shared(fresh, recent, crowd, weekly * rules.within_s / WEEK_S, rules, entities)


def _dated(meeting: Meeting, warning: EarlyWarning) -> bool:
    """Whether it is known when what is forecast began: not of what has risen for as long as anything of its card is held, of
    which days are told by whole ones. A series that came later began when it came."""
    begin = began_s(warning)
    if begin is None or "began_s" not in warning.symptoms[0].evidence:
        return True
    window = meeting.owner(warning).window
    first, ago = window.first_s[: window.n], warning.opened_s - begin
    held = warning.opened_s - int(first[first >= 0].min(initial=warning.opened_s))
    return ago < held - (DAY_S + 2 * HOUR_S if ago >= DAY_S else 0.1 * ago)


def _cause(meeting: Meeting, entity: Labels, group: Sequence[EarlyWarning], fresh: set[str]) -> bool:
    """Let one warning speak for these episodes, but not for those that it may not speak for; whether enough remain."""
    watch, rules = meeting.watch, rules_of(meeting.watch, meeting.rooms)
    record, members = meeting.rooms.record_of(watch.card.name), list(group)
    while any(w.id in fresh for w in members) and (not entity or len(members) >= _rules(meeting).least):
        cause, _ = spoken(entity, members, None, members, meeting.now_s, rules, record, taken=watch.causes)
        covered = [w for w in members if w.id not in fresh or meeting.may_speak(cause, w)]
        if len(covered) == len(members):
            meeting.put_cause(cause)
            for warning in members:
                if warning.id in fresh:
                    meeting.put(under(warning, cause))
            return True
        members = covered
    return False


def _bring_on(meeting: Meeting, cause: EarlyWarning, told: Sequence[EarlyWarning], new: bool) -> None:
    """Bring a cause to its next state: it lasts as long as any episode, of any watch, that it lists or speaks for: `told`."""
    known = {m["id"] for m in cause.members}
    alone = (meeting.now(m["id"]) for m in cause.members)
    members = [*told, *(w for w in alone if w is not None and w.cause != cause.id)]
    others = [w for w in told if w.id not in known]
    listed = Index((m["id"], m["entity"]) for m in cause.members) if others else None
    joined = [w for w in others if listed is not None and not any(listed.on(w.entity))]
    again_s = 0.0 if cause.entity else _rules(meeting).storm_s
    rules = rules_of(meeting.watch, meeting.rooms)
    why = "" if members else over(cause, meeting.rooms, meeting.changes)
    changed, event = spoken(cause.entity, members, cause, joined, meeting.now_s, rules, cause.record, again_s, over=why)
    if event in ("worsened", "spread") and not new:
        meeting.rooms.floor.note(meeting.now_s, changed.stage)
    _told(meeting, changed, "opened" if new else event)


def _told(meeting: Meeting, cause: EarlyWarning, event: Event) -> None:
    watch, changes = meeting.watch, meeting.changes
    if event == "closed":
        watch.causes.pop(cause.fingerprint, None)
    else:
        watch.causes[cause.fingerprint] = cause
    changes.warnings.append(cause)
    changes.event(event, cause)
