"""After the decisions of a turn: which of the episodes that began together have one cause, and what is said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning
from aiops.early_warnings.cause import Pair, has, shared, spoken
from aiops.early_warnings.episode import Event
from aiops.pipeline.assemble import Rooms
from aiops.pipeline.changes import Changes
from aiops.pipeline.decide import rules_of
from aiops.pipeline.watch import Watch

WEEK_S = 7 * 86400.0


def gather(watch: Watch, now_s: int, rooms: Rooms, changes: Changes) -> None:
    """Bring `watch.causes` to their next state; an episode that one of them speaks for is not told alone."""
    if rooms.together is None or watch.card.challenges:
        return
    opened = [
        e.warning for e in changes.events
        if e.kind == "opened" and e.warning is not None and e.warning.state == "open" and not e.warning.cause
    ]  # fmt: skip
    new: dict[str, list[EarlyWarning]] = {}
    made: list[EarlyWarning] = []
    for sort in dict.fromkeys(map(_sort, opened)):
        fresh = [w for w in opened if _sort(w) == sort]
        fresh = _joining(watch, fresh, now_s, rooms, changes, new)
        made += _begun(watch, fresh, now_s, rooms, changes)
    alive = {w.id: w for w in watch.open.values()}
    for cause in list(watch.causes.values()):
        members = [alive[m["id"]] for m in cause.members if m["id"] in alive] + new.get(cause.id, [])
        joined = new.get(cause.id, [])
        _told(watch, *spoken(cause.entity, members, cause, joined, now_s, rules_of(watch, rooms), cause.record), changes)
    for cause in made:
        _told(watch, cause, "opened", changes)


def _sort(warning: EarlyWarning) -> tuple[str, str]:
    """Episodes of one kind may have one cause; alerts only those of one rule, for each rule tells of another failure."""
    return warning.kind, warning.entity.get("alertname", "") if warning.kind == "rule" else ""


def _joining(
    watch: Watch, fresh: Sequence[EarlyWarning], now_s: int, rooms: Rooms, changes: Changes, new: dict[str, list[EarlyWarning]]
) -> list[EarlyWarning]:
    """Let episodes join what is open already; those that are left."""
    assert rooms.together is not None
    left = []
    for warning in fresh:
        for cause in watch.causes.values():
            last = max(m["opened_s"] for m in cause.members)
            stormy = bool(cause.entity) or _alone(watch, now_s - rooms.together.storm_s) >= rooms.together.storm
            if cause.kind == warning.kind and now_s - last <= rooms.together.joins_s and stormy and has(warning, cause.entity):
                new.setdefault(cause.id, []).append(_spoken_for(watch, warning, cause.id, changes))
                break
        else:
            left.append(warning)
    return left


def _begun(
    watch: Watch, fresh: Sequence[EarlyWarning], now_s: int, rooms: Rooms, changes: Changes
) -> Iterator[EarlyWarning]:
    """Causes that begin with these episodes, the largest first, and a storm of what is left: causes count as what is told alone
    does, and so does the storm."""
    rules = rooms.together
    assert rules is not None
    if not fresh:
        return
    ids = {w.id for w in fresh}
    recent = [
        w for w in watch.open.values()
        if _sort(w) == _sort(fresh[0]) and not w.cause and w.id not in ids and now_s - w.opened_s <= rules.within_s
    ]  # fmt: skip
    told = sum(cause.opened_s > now_s - rules.storm_s for cause in watch.causes.values())
    if len(fresh) + len(recent) >= rules.least:
        per_entity = watch.card.anomaly_budget_per_week * rules.within_s / WEEK_S
        found = shared(fresh, recent, _crowd(watch), per_entity, rules)
        for labels, group in islice(found, max(rules.storm - 1 - told, 0)):
            told += 1
            yield _cause(watch, labels, group, ids, now_s, rooms, changes)
            ids -= {w.id for w in group}
    left = [w for w in fresh if w.id in ids]
    over = told + _alone(watch, now_s - rules.storm_s) - rules.storm
    if left and over >= 1:
        many = left[-min(over + 1, len(left)) :]
        yield _cause(watch, {}, many, {w.id for w in many}, now_s, rooms, changes)


def _cause(
    watch: Watch, labels: Labels, group: Sequence[EarlyWarning], fresh: set[str], now_s: int, rooms: Rooms, changes: Changes
) -> EarlyWarning:
    record = rooms.record_of(watch.card.name)
    cause, _ = spoken(labels, group, None, group, now_s, rules_of(watch, rooms), record)
    for warning in group:
        if warning.id in fresh:
            _spoken_for(watch, warning, cause.id, changes)
    return cause


def _spoken_for(watch: Watch, warning: EarlyWarning, cause: str, changes: Changes) -> EarlyWarning:
    """The episode, marked: it is told with its cause from now on."""
    marked = warning.having(cause=cause)
    watch.remember(marked)
    changes.replace(marked)
    return marked


def _told(watch: Watch, cause: EarlyWarning, event: Event, changes: Changes) -> None:
    if event == "closed":
        watch.causes.pop(cause.fingerprint, None)
    else:
        watch.causes[cause.fingerprint] = cause
    changes.warnings.append(cause)
    changes.event(event, cause)


def _alone(watch: Watch, since_s: float) -> int:
    """Episodes told alone that began after `since_s`."""
    return sum(not w.cause and w.opened_s > since_s for w in watch.open.values())


def _crowd(watch: Watch) -> Counter[Pair]:
    """How many entities have each label, by the first series of each."""
    return Counter(pair for labels in watch.entity_labels() for pair in labels.items())
