"""One cause, many entities: episodes of one kind that begin together and share a label become one warning that lists them.

Also a storm: beyond so many single warnings in a short time the rest are told as one.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiops.core.labels import Labels, fingerprint, key
from aiops.core.records import SEVERITIES, STAGES, EarlyWarning, Symptom
from aiops.early_warnings.episode import Event, Rules
from aiops.early_warnings.voice import heard, urgency, worse

Pair = tuple[str, str]
CHANCE = 0.01
"""Episodes begin together by chance more seldom than this where they are taken for one cause."""
ROUGH = 0.05
"""How far the beginnings of what began together are estimated apart, as a share of the time since: so much noise makes of it."""
SHOWN = 5
"""Symptoms that a warning of many entities carries: those of the most urgent ones."""
LISTED, AT_ONCE = 1000, 1000


@dataclass(frozen=True, slots=True)
class Together:
    """When episodes are one. Of many entities: at least `least` that begin within `within_s`; more join within `joins_s` of the
    last. Of one entity: what begins within `lasts_s` of what is told. After `storm` tellings within `storm_s`, of all cards, the
    last one speaks for all that are left."""

    least: int = 3
    within_s: float = 300.0
    joins_s: float = 1800.0
    lasts_s: float = 21600.0
    storm: int = 20
    storm_s: float = 600.0


def shared(
    fresh: Sequence[EarlyWarning], recent: Sequence[EarlyWarning], crowd: Mapping[Pair, int], per_entity: float, rules: Together,
    entities: int = 0,
) -> Iterator[tuple[Labels, list[EarlyWarning]]]:
    """(the labels that all of them have, its episodes) for each cause that episodes `fresh`, with `recent` ones, share.

    A label that several have that began together is a cause where so many episodes are too many for chance: P(X >= count) <
    CHANCE for X Poisson with mean `per_entity` (false episodes an entity in `within_s`) times `crowd` (entities with that label).
    The label of most episodes goes first, of several the one that fewest entities have. Each episode belongs to one cause at
    most. What all `entities` have, the calm ones too, is named only where they share nothing else.
    """
    left = [*fresh, *recent]
    new, pairs = {w.id for w in fresh}, {w.id: tuple(labels_of(w).items()) for w in left}
    begins = {w.id: at for w in left if (at := began_s(w)) is not None}
    while len(left) >= rules.least and any(w.id in new for w in left):
        having = defaultdict[Pair, list[EarlyWarning]](list)
        for w in left:
            for pair in pairs[w.id]:
                having[pair].append(w)
        groups = {pair: together(some, begins, rules) for pair, some in having.items() if len(some) >= rules.least}
        enough = [(-len(some), crowd.get(pair, len(some)), pair) for pair, some in groups.items() if len(some) >= rules.least]
        found = next((pair for n, all_, pair in sorted(enough) if _beyond_chance(-n, per_entity * all_)), None)
        if found is None:
            return
        group = groups[found]
        taken = {w.id for w in group}
        left = [w for w in left if w.id not in taken]
        if not new.isdisjoint(taken):
            common = _common(group)
            telling = {name: value for name, value in common.items() if not 0 < entities <= crowd.get((name, value), 0)}
            yield telling or common, group


def began_s(warning: EarlyWarning) -> float | None:
    """When what is forecast began to move, as far as that is known, else when it became a symptom; None: no time is told, and
    what there is began when it was first seen."""
    if warning.crossing is None or not warning.symptoms:
        return None
    lead = warning.symptoms[0]
    return float(lead.evidence.get("began_s", lead.since_s))


def together(group: list[EarlyWarning], begins: Mapping[str, float], rules: Together) -> list[EarlyWarning]:
    """The most of a group that began together, within `joins_s` or ROUGH of the time since the first did, in the order given:
    that they open in one turn may be because a daemon has just started. `begins`: of each id, as far as it has such a time."""
    known = [begins[w.id] for w in group if w.id in begins]
    if not known or max(known) - min(known) <= rules.joins_s:
        return group
    known.sort()
    now_s, first, most = max(w.opened_s for w in group), 0.0, 0
    for i, at in enumerate(known):
        count = bisect_right(known, at + _reach(now_s - at, rules)) - i
        first, most = (at, count) if count >= most else (first, most)
    last = first + _reach(now_s - first, rules)
    return [w for w in group if first <= begins.get(w.id, first) <= last]


def began_with(warning: EarlyWarning, cause: EarlyWarning, rules: Together) -> bool:
    """Whether a forecast began when those did that a cause shows, as far as that is known."""
    mine, its = began_s(warning), [float(s.evidence["began_s"]) for s in cause.symptoms if "began_s" in s.evidence]
    if mine is None or not its or cause.crossing is None:
        return True
    reach = _reach(warning.opened_s - min(mine, *its), rules)
    return min(its) - reach <= mine <= max(its) + reach


def _reach(ago_s: float, rules: Together) -> float:
    return max(rules.joins_s, ROUGH * ago_s)


def labels_of(warning: EarlyWarning) -> dict[str, str]:
    """Labels that may be shared: those of its leading series and of its entity, without the metric's name."""
    return {k: v for k, v in {**warning.labels, **warning.entity}.items() if v and k != "__name__"}


def has(warning: EarlyWarning, labels: Labels) -> bool:
    """Whether an episode has all these labels."""
    own = labels_of(warning)
    return all(own.get(name) == value for name, value in labels.items())


def spoken(
    labels: Labels, members: Sequence[EarlyWarning], current: EarlyWarning | None, joined: Sequence[EarlyWarning], now_s: int,
    rules: Rules, record: Mapping[str, Any], again_s: float = 0.0, taken: Collection[str] = (), over: str = "",
) -> tuple[EarlyWarning, Event]:
    """The warning that speaks for the open `members` (told by urgency), and what happened to it; `joined` are new in it.

    It is of the card of `rules`, whose `record` it carries, and as loud as the loudest of its members, which may be of other
    cards. Without members it ends. It is told again when it gets more severe than it ever was, when one joins that tells a
    sooner time, and, as one that has spread, when it lists twice as many as before, but not within `again_s` of the last telling:
    its record says then how many those were, `told_before`. It is not judged: each of its episodes is. `taken`: fingerprints of
    others that are open. `over`: why it ends, where more is known than that nothing is seen any more.
    """
    if not members:
        assert current is not None
        why = over or f"none of its {len(current.members)} is seen any more"
        return current.having(state="closed", updated_s=now_s, closed_s=now_s, closed_why=why), "closed"
    alike = [w for w in members if current is None or w.kind == current.kind] or members
    order = sorted(alike, key=lambda w: (w.crossing.expected_s if w.crossing else math.inf, -w.score, key(w.entity), w.id))
    lead = order[0]
    listed = (*(() if current is None else current.members), *(_member(w) for w in sorted(joined, key=urgency)))[:LISTED]
    acts = [w.act_before_s for w in alike if w.act_before_s is not None]
    facts: dict[str, Any] = {
        "updated_s": now_s, "severity": max((w.severity for w in members), key=SEVERITIES.index), "confidence": lead.confidence,
        "score": lead.score, "crossing": lead.crossing, "act_before_s": min(acts, default=None),
        "stage": max((w.stage for w in members), key=STAGES.index), "symptoms": tuple(_leads(w) for w in order[:SHOWN]),
        "runbooks": lead.runbooks, "members": listed, "stale_since_s": lead.stale_since_s,
    }  # fmt: skip
    facts["record"] = {**record, "told": len(listed), "told_s": now_s}
    if current is None:
        mark = next(one for one in cause_fingerprints(labels, lead.kind, rules) if one not in taken)
        first = {"first_crossing": lead.crossing, "told_latest_s": lead.told_latest_s, "trend_start_s": lead.trend_start_s}
        mine = {"id": fingerprint(mark, str(now_s)), "fingerprint": mark, "card": rules.card, "signal": rules.signal,
                "entity": dict(labels), "labels": labels_of(lead), "opened_s": now_s, "cause": "", "verdict": None, "thread": "",
                "beside": (), "told_s": None, "heard": {}}  # fmt: skip
        made = lead.having(**facts, **mine, **first)
        return made.having(heard=heard(made)), "opened"
    told, told_s = int(current.record.get("told", 1)), float(current.record.get("told_s", current.opened_s))
    before = heard(current) if not current.heard else current.heard
    changed = current.having(**facts)
    more = len(listed) >= 2 * told and now_s - told_s >= again_s
    severer = worse(changed.having(crossing=None), before, now_s)
    if severer or any(worse(w, before, now_s) for w in joined if w.kind == current.kind):
        return changed.having(heard=heard(changed, before)), "worsened"
    if more:
        return changed.having(heard=heard(changed, before), record={**facts["record"], "told_before": told}), "spread"
    return changed.having(record={**facts["record"], "told": told, "told_s": told_s}), "updated"


def retold(cause: EarlyWarning, now_s: int) -> EarlyWarning:
    """A warning that has told all that it lists now: what it spreads to later is compared with that."""
    return cause.having(record={**cause.record, "told": len(cause.members), "told_s": now_s})


def cause_fingerprints(labels: Labels, kind: str, rules: Rules) -> Iterator[str]:
    """Identities of what speaks for many, of one card, kind and set of shared labels: several may be open, each for others."""
    yield fingerprint(rules.card, kind, "cause", key(labels), rules.source)
    yield from (fingerprint(rules.card, kind, "cause", key(labels), rules.source, str(n)) for n in range(1, AT_ONCE))


def _member(warning: EarlyWarning) -> dict[str, Any]:
    expected = None if warning.crossing is None else warning.crossing.expected_s
    facts = {"id": warning.id, "card": warning.card, "entity": dict(warning.entity)}
    return {**facts, "opened_s": warning.opened_s, "expected_s": expected}


def _leads(warning: EarlyWarning) -> Symptom:
    """The symptom that leads in an entity; `beside`: its others, by the labels in which they differ, and their shares."""
    first, *others = warning.symptoms
    if not others:
        return first
    alike = {pair for pair in first.labels.items() if all(pair in one.labels.items() for one in others)}
    beside = [
        {"labels": dict(pair for pair in one.labels.items() if pair not in alike), "share": one.evidence.get("share")}
        for one in others[:SHOWN]
    ]
    return replace(first, evidence={**first.evidence, "beside": beside})


def _common(group: Sequence[EarlyWarning]) -> Labels:
    first = labels_of(group[0])
    return {name: value for name, value in sorted(first.items()) if all(labels_of(w).get(name) == value for w in group)}


def _beyond_chance(count: int, mean: float) -> bool:
    """Whether P(X >= count) < CHANCE for X Poisson with this mean."""
    term = below = math.exp(-mean)
    for k in range(1, count):
        term *= mean / k
        below += term
    return 1.0 - below < CHANCE
