"""What is said about an early warning, in words: a title that fits a phone, and the text below it. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from aiops.core.durations import about, rfc3339, text
from aiops.core.labels import Labels
from aiops.core.records import BY_DAEMON, CAME, FORETELLING, SOME_STAYED, STAYED, Crossing, EarlyWarning, Outcome
from aiops.core.text import times, visible
from aiops.notify.clock import UTC_CLOCK, Clock
from aiops.notify.evidence import began, newest_s, sentence, told
from aiops.notify.fates import ENDS, PENDING, Fate, leading, lines, said, tally, title_of

TITLE_ENTITY_AT_MOST, SYMPTOMS_AT_MOST, MEMBERS_AT_MOST, CARDS_AT_MOST = 60, 5, 10, 5
PLACES = ("cluster", "namespace", "instance", "node", "pod", "container", "service", "queue", "topic", "mountpoint")
"""Labels that say where something is."""
_MODE = {
    "shadow": "nothing runs, nobody is asked", "suggest": "for you to do, nothing runs by itself",
    "approve": "it asks for a yes first", "auto": "it begins by itself",
}  # fmt: skip
_STATE = {"absence": "silent", "conflict": "its sources disagree"}
_LOOK = {"absence": "find out why nothing is measured any more", "conflict": "find out which source is right"}
_STAYS_HERE = "stays at its new level"
_STAYS = {STAYED: f"{_STAYS_HERE} on all of them", SOME_STAYED: f"{_STAYS_HERE} on some of them"}
_OVER = {"absence": "is silent no longer, or taken to be gone", "conflict": "is told alike again"}


def subject(warning: EarlyWarning) -> str:
    """What it is about in a few words: the kind of failure, or the alert, and where."""
    own, places = rule_labels(warning), list(warning.entity.items())
    if warning.kind == "rule":  # all labels of an alert: first those that say where, for the end is cut
        places = sorted(places, key=lambda one: PLACES.index(one[0]) if one[0] in PLACES else len(PLACES))
    where = visible(" ".join(v for k, v in places if v and k not in own), TITLE_ENTITY_AT_MOST)
    if len(warning.members) == 1:
        where = visible(" ".join(v for v in warning.members[0]["entity"].values() if v), TITLE_ENTITY_AT_MOST)
    elif warning.members:
        where = f"{len(warning.members)} entities" + (f" of {where}" if where else "")
    name = visible(own["alertname"], TITLE_ENTITY_AT_MOST) if "alertname" in own else warning.card.replace("_", " ")
    return name + (f" on {where}" if where else "")


def title(
    warning: EarlyWarning, now_s: float, clock: Clock = UTC_CLOCK, outcome: Outcome | None = None, fates: Sequence[Fate] = ()
) -> str:
    """One sentence that fits a phone: what, where, when, how sure; the date only where it is another day than today. `outcome`:
    what became of it, for one that had ended before that was known; `fates`: of those it spoke for."""
    what = subject(warning)
    if outcome is not None:
        return f"{what} {_judged(warning, outcome, now_s, clock)}"
    if warning.state == "closed":
        return f"{what} {_ending(warning, now_s, clock, fates)}"
    c = warning.crossing
    if c is None:
        sureness = _in_short(warning) if warning.kind in FORETELLING else ""
        return f"{what}: {lasting(warning)} since {clock.brief(since(warning), now_s)}{sureness}"
    first = "first " if len(warning.members) > 1 else ""
    away = "" if warning.stale_since_s is None else ", source away"
    return f"{what} {first}{_left(c.expected_s, now_s, 'due ')} ({_interval(c, now_s, clock)}){_in_short(warning)}{away}"


def lasting(warning: EarlyWarning) -> str:
    """What it is that lasts, of one that tells no time."""
    return _STATE.get(warning.kind, "unusual")


def since(warning: EarlyWarning) -> int:
    """Since when it lasts, of one that tells no time: silence since its last sample, else when the series that leads began to."""
    own = warning.symptoms[0].since_s if warning.kind == "absence" and warning.symptoms else warning.opened_s
    return int(min(own, _evidence(warning).get("began_s") or own))


def _left(at_s: float, now_s: float, over: str = "") -> str:
    """How far off an instant is; `over` stands before one that has passed.

    >>> _left(5475, 0), _left(0, 90, "due ")
    ('in 1h31m', 'due 1m30s ago')
    """
    return f"in {about(at_s - now_s)}" if at_s >= now_s else f"{over}{about(now_s - at_s)} ago"


def _in_short(warning: EarlyWarning) -> str:
    """How sure, for a title: never a number alone where no record stands behind it."""
    return f", {warning.confidence:.0%} sure" + (", unproven" if "unproven" in _record(warning) else "")


def _interval(c: Crossing, now_s: float, clock: Clock) -> str:
    """When, between when and when; the clock is named once, where it is the same throughout, and UTC stands last."""
    same_day = clock.day(c.earliest_s) == clock.day(c.expected_s) == clock.day(c.latest_s)
    name, ends = clock.name(c.expected_s), []
    for t in (c.earliest_s, c.latest_s):
        own = "" if clock.name(t) == name else f" {clock.name(t)}"
        ends.append(clock.short(t, c.expected_s if same_day else now_s) + own)
    beside = clock.beside(c.expected_s)
    return f"{clock.short(c.expected_s, now_s)} {name}, {ends[0]} to {ends[1]}{beside and '; ' + beside}"


def rule_labels(warning: EarlyWarning) -> Labels:
    """What a rule that will fire sets for each of its alerts, and its name; empty for any other warning."""
    if warning.kind != "rule":
        return {}
    own = dict(_evidence(warning).get("rule_labels", {}))
    return own | {name: value for name, value in warning.entity.items() if name == "alertname"}


def _evidence(warning: EarlyWarning) -> Mapping[str, Any]:
    return warning.symptoms[0].evidence if warning.symptoms else {}


def _judged(warning: EarlyWarning, outcome: Outcome, now_s: float, clock: Clock) -> str:
    """What became of what had ended."""
    words, told = said(outcome.verdict), warning.first_crossing
    if outcome.failed_s is not None:
        ahead = text(max(0, outcome.failed_s - warning.opened_s))
        return f"{words}: failed at {clock.brief(outcome.failed_s, now_s)}, {ahead} after it was told"
    return words if told is None else f"{words}: it was expected for {clock.brief(told.expected_s, now_s)}"


def _ending(warning: EarlyWarning, now_s: float, clock: Clock, fates: Sequence[Fate]) -> str:
    ended = warning.updated_s if warning.closed_s is None else warning.closed_s
    if warning.verdict in CAME:
        late = " (late)" if warning.verdict == "late" else ""
        return f"came true by {clock.brief(ended, now_s)}, {text(ended - warning.opened_s)} after it was told{late}"
    if warning.members:
        over = _STAYS.get(warning.closed_why, f"has ended on all of them by {clock.brief(ended, now_s)}")
        if set(tally(fates)) <= {PENDING}:
            return f"{over}; verdicts pending" if fates else over
        return f"has ended; {title_of(fates)}" if leading(fates) == PENDING else title_of(fates)
    if warning.kind not in FORETELLING:
        return _OVER.get(warning.kind, "has ended")
    over = "is no longer unusual" if warning.first_crossing is None else "is no longer expected"
    over = _STAYS_HERE if warning.closed_why == STAYED else over
    return f"{over}; {'verdict pending' if warning.verdict is None else said(warning.verdict)}"


def body(
    warning: EarlyWarning, now_s: float, judged_at_s: float | None, clock: Clock = UTC_CLOCK, outcome: Outcome | None = None,
    fates: Sequence[Fate] = (), means: str = "",
) -> str:
    """What a person needs at 03:00, what counts most first: until when, what it means, what to do, how sure, why, about what; one
    fact a line, nothing from outside unescaped. `means`: what its card says that it means for users, for one without runbook."""
    ended = warning.state == "closed"
    out = list(_ended(warning, judged_at_s, clock, outcome, fates) if ended else _when(warning, now_s, clock))
    verdict = leading(fates) if warning.members else warning.verdict
    if old := data_age(warning, now_s, lambda at: clock.brief(at, now_s)):
        out.append(f"Data: {old}")
    if not ended or verdict in CAME:  # what did not come needs no response
        out += _to_do(warning, means)
    elif verdict in ENDS or warning.kind not in FORETELLING:
        out.append("Do: nothing, it is over")
    elif stayed := still_to_do(warning):
        out.append(f"Do: {stayed}")
    else:
        out.append("Do: nothing for now; what became of it is told once it is known")
    out.append(f"How sure{' it was' if ended else ''}: {sure(warning)}; {record(warning)}")
    why = "Last seen" if ended else "Why"
    out += [f"Began: {at}" for at in _began(warning, clock)]
    out += [f"{why}: {sentence(symptom)}" for symptom in warning.symptoms[:SYMPTOMS_AT_MOST]]
    if (more := len(warning.members or warning.symptoms) - len(warning.symptoms[:SYMPTOMS_AT_MOST])) > 0:
        out.append(f"{why}: and {more} {'series' if not warning.members else 'entity' if more == 1 else 'entities'} more")
    out += _beside(warning, clock)
    return "\n".join([*out, *_data(warning), *_what(warning), f"More: aiops warnings show {warning.id}"])


def _began(warning: EarlyWarning, clock: Clock) -> Iterator[str]:
    """When what the series that leads does began, beside when it was warned of; nothing where it is not known, or *When*."""
    known = _evidence(warning)
    if known.get("began_s") is not None and (warning.crossing is not None or warning.state == "closed"):
        earlier = text(warning.opened_s - known["began_s"]) + " before it was told" if known["began_s"] < warning.opened_s else ""
        yield began(known, clock.whole(known["began_s"], earlier))


def sure(warning: EarlyWarning) -> str:
    """The confidence, and what it rests on."""
    rests = warning.calibration.get("confidence")
    return f"{warning.confidence:.0%}" + (f" ({rests})" if rests else "")


def stated(warning: EarlyWarning) -> str:
    """What share of crossings its interval is meant to hold, and what it rests on; empty where that is not said."""
    level = next((s.evidence["level"] for s in warning.symptoms if s.evidence.get("level")), None)
    rests = warning.calibration.get("interval")
    return "" if level is None else f"{level:.0%} come within it" + (f"; {rests}" if rests else "")


def record(warning: EarlyWarning) -> str:
    """The record of earlier warnings of this card; shadow is unproven by definition."""
    said = _record(warning)
    return said if warning.stage != "shadow" or "unproven" in said else f"shadow: unproven; {said}"


def _record(warning: EarlyWarning) -> str:
    return str(warning.record.get("text", "new, unproven"))


def of_card(warning: EarlyWarning) -> bool:
    """Whether the failure of its card is told, and not that nothing, or two things, are measured."""
    return warning.kind not in _LOOK


def look(warning: EarlyWarning) -> str:
    """What a person does where no runbook says it."""
    return _LOOK.get(warning.kind, "look at it yourself")


def still_to_do(warning: EarlyWarning) -> str:
    """What a person does about one that has ended while its series stays where it went; empty of any other."""
    if warning.closed_why not in _STAYS or warning.verdict is not None:
        return ""
    how = " or ".join(str(book["name"]) for book in warning.runbooks)
    undo = f"follow {how}, or undo what changed it" if how else "undo what changed it"
    return f"find out whether the new level is wanted, for it is not told again; if it is not, {undo}"


def impact(warning: EarlyWarning, means: str = "") -> str:
    """What it means for users, from the runbooks that match; without one what its card says, `means`, where it is its failure."""
    own = visible(means) if of_card(warning) else ""
    return "; ".join(dict.fromkeys(str(book["impact"]) for book in warning.runbooks)) or own


def plan(book: Mapping[str, Any]) -> Iterator[str]:
    """The exact steps of a runbook, one a line; what the configuration does not let be done here is said once for all."""
    unlisted = [(i, visible(str(step["refused"]))) for i, step in enumerate(book["plan"], 1) if step.get("unlisted")]
    for i, step in enumerate(book["plan"], 1):
        only = f" (only if {visible(str(step['if']))})" if step.get("if") else ""
        warned = f" (irreversible: {visible(str(step['irreversible']))})" if step.get("irreversible") else ""
        undo = f" (undo: {visible(str(step['undo']))})" if step.get("undo") else ""
        wrong = step.get("refused") and not step.get("unlisted")
        refused = f" (it would be refused: {visible(str(step['refused']))})" if wrong else ""
        yield f"{i}. [{step['effect']}] {step['what']}{only}{undo}{warned}{refused}"
    if unlisted:
        more = f", and {len(unlisted) - 1} more" if len(unlisted) > 1 else ""
        yield f"Not done from here: step {unlisted[0][0]}, for {unlisted[0][1]}{more}"


def _what(warning: EarlyWarning) -> Iterator[str]:
    kind = "forecast" if warning.first_crossing is not None else warning.kind
    where = visible(", ".join(f"{k}={v}" for k, v in warning.entity.items())) or ("several" if warning.members else "everything")
    yield f"What: {kind} of {warning.signal} on {where}; severity {warning.severity}, stage {warning.stage}"
    if warning.members:
        yield f"Where: {members(warning)}"
    if warning.kind == "rule" and not warning.members:
        yield from rule(warning)


def rule(warning: EarlyWarning) -> Iterator[str]:
    """Which alert it is of, whose, what else must hold for it, and where its own runbook is."""
    said, own = _evidence(warning), rule_labels(warning)
    labels = ", ".join(f"{k}={v}" for k, v in own.items() if k != "alertname")
    hold = f", for {text(said['for_s'])}" if said.get("for_s") else ""
    name = visible(own.get("alertname", "")) + (f" ({visible(labels)})" if labels else "")
    yield f"Alert: {name}: {visible(said.get('expr', ''))}{hold}"
    for one in said.get("guards", ()):
        flips = f", changed {times(one['flips'])} in the last hours" if one["flips"] else ""
        yield f"{'Lets it fire' if one['holds'] else 'Keeps it from firing'}: {visible(one['expr'])}{flips}"
    if said.get("summary"):
        yield f"It says: {visible(said['summary'])}"
    if said.get("runbook_url"):
        yield f"Runbook: {visible(said['runbook_url'])}"


def members(warning: EarlyWarning) -> str:
    """What a warning that speaks for many lists: how many entities, and the first of them."""
    names = _names(warning)
    short = "in a short time: too many to tell one by one" if len(names) > 1 else "when there was too much to tell one by one"
    why = "began together" if warning.entity else f"began {short}"
    cards = Counter(one["card"].replace("_", " ") for one in warning.members if one.get("card"))
    several = f" ({', '.join(f'{card} {n}' for card, n in cards.most_common(CARDS_AT_MOST))})" if len(cards) > 1 else ""
    count = "1 entity" if len(names) == 1 else f"{len(names)} entities"
    return f"{count} that {why}{several}: {_some(names)}"


def spread(warning: EarlyWarning) -> Iterator[str]:
    """What is new of one that lists more than when it was told before."""
    before = int(warning.record.get("told_before", 0))
    if new := sorted(_names(warning)[before:]):
        yield f"Now also on: {_some(new)}; it was on {before} before"


def _names(warning: EarlyWarning) -> list[str]:
    """The entities that a warning lists, in the order in which they joined, without what all share."""
    shared = set(warning.entity.items())
    return [" ".join(v for k, v in one["entity"].items() if v and (k, v) not in shared) for one in warning.members]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MEMBERS_AT_MOST} more" if len(names) > MEMBERS_AT_MOST else ""
    return visible(", ".join(names[:MEMBERS_AT_MOST])) + more


def _when(warning: EarlyWarning, now_s: float, clock: Clock) -> Iterator[str]:
    c = warning.crossing
    if c is None:
        first, told_s = since(warning), warning.opened_s
        lasts = [f"for {about(now_s - first)}"] if now_s > first else []
        lasts += [f"told after {about(told_s - first)}"] if warning.kind == "anomaly" and first < told_s < now_s else []
        yield f"When: since {clock.whole(first, ', '.join(lasts))}"
        return
    held = f" ({stated(warning)})" if stated(warning) else ""
    yield f"When: {clock.whole(c.expected_s, _left(c.expected_s, now_s))}, {_between(c, clock)}{held}"
    if before := act_before(warning, now_s, clock):
        yield f"Act before: {before}"


def act_before(warning: EarlyWarning, now_s: float, clock: Clock = UTC_CLOCK) -> str:
    """Until when something can still be done about what is open; empty where that is not known."""
    if warning.act_before_s is None or warning.state == "closed":
        return ""
    return clock.whole(warning.act_before_s, "now" if warning.act_before_s <= now_s else _left(warning.act_before_s, now_s))


def _between(c: Crossing, clock: Clock) -> str:
    first, last = (clock.brief(at, c.expected_s) for at in (c.earliest_s, c.latest_s))
    return f"between {first} and {last}"


def _ended(
    warning: EarlyWarning, judged_at_s: float | None, clock: Clock, outcome: Outcome | None, fates: Sequence[Fate]
) -> Iterator[str]:
    ended = warning.updated_s if warning.closed_s is None else warning.closed_s
    yield f"Ended: {clock.whole(ended)}, {text(ended - warning.opened_s)} after it opened: {warning.closed_why}"
    c = warning.first_crossing
    if c is not None:
        yield f"Told when it opened: {clock.whole(c.expected_s)}, {_between(c, clock)}"
    yield from _own_end(warning, judged_at_s, clock, outcome)
    yield from lines(warning, fates)


def _own_end(warning: EarlyWarning, judged_at_s: float | None, clock: Clock, outcome: Outcome | None) -> Iterator[str]:
    """What became of it itself."""
    if outcome is not None:
        yield from _verdict(outcome, clock)
    elif warning.verdict is not None:
        yield f"Verdict: {said(warning.verdict)}"
    elif warning.members or warning.kind not in FORETELLING:
        return
    elif judged_at_s is not None:
        yield f"Verdict: pending; judged by {clock.whole(judged_at_s)}"
    else:
        yield "Verdict: pending; only a person can judge it"


def _verdict(outcome: Outcome, clock: Clock) -> Iterator[str]:
    by = "" if outcome.judged_by == BY_DAEMON else f", by {visible(outcome.judged_by)}"
    if outcome.failed_s is not None:
        yield f"Failed: {clock.whole(outcome.failed_s)}"
    why = f": {visible(outcome.detail)}" if outcome.detail else ""
    yield f"Verdict: {said(outcome.verdict)}{why}; judged {clock.whole(outcome.settled_s)}{by}"


def _beside(warning: EarlyWarning, clock: Clock) -> Iterator[str]:
    """What else is open there, what else moved, over which spans the leading series moves so, what speaks against it."""
    for other in warning.beside:
        place = visible(", ".join(f"{k}={v}" for k, v in other["entity"].items()))
        yield f"Beside: {other['card'].replace('_', ' ')} since {clock.whole(other['opened_s'])} [{place}] ({other['id']})"
    for one in told(warning.symptoms[:1], 0.0):
        yield from (f"Also: {moved}" for moved in one.also)
        if one.windows:
            yield f"Also over: {'; '.join(one.windows)}"
        if one.against:
            yield f"Against: {'; '.join(one.against)}"


def data_age(warning: EarlyWarning, now_s: float, instant: Callable[[float], str] = rfc3339) -> str:
    """How old what is known of an open warning is, where it is older than usual or its sources are away, and what to make of it;
    else empty. `instant`: how a time is written."""
    newest, stale = newest_s(warning, now_s), warning.stale_since_s
    if warning.state != "open" or (newest is None and stale is None):
        return ""
    away = "" if stale is None else f"its source is away since {instant(stale)}"
    old = "" if newest is None else f"the newest sample is {about(now_s - newest)} old, of {instant(newest)}"
    return f"{', '.join(filter(None, (away, old)))}: what became of it since is not known, look there yourself"


def _data(warning: EarlyWarning) -> Iterator[str]:
    """Where the evidence comes from, and what its source warned of."""
    for source in dict.fromkeys(s.lineage.source for s in warning.symptoms):
        partial = dict.fromkeys(p for s in warning.symptoms if s.lineage.source == source for p in s.lineage.partial)
        warned = f"; partial: {visible('; '.join(partial))}" if partial else ""
        yield f"Source: {visible(source)}{warned}"


def _to_do(warning: EarlyWarning, means: str) -> Iterator[str]:
    """What it means for users, and what to do about it."""
    if not warning.runbooks and (said := impact(warning, means)):
        yield f"Impact: {said}"
    yield from (line for book in warning.runbooks for line in _do(book))
    if not warning.runbooks:
        own = _evidence(warning).get("runbook_url") if warning.kind == "rule" and not warning.members else None
        yield f"Do: {'what its rule names, ' + visible(own) if own else look(warning) + ', no runbook matches this warning'}"


def _do(book: Mapping[str, Any]) -> list[str]:
    further = f"; its file allows {book['capped_from']}" if book.get("capped_from") else ""
    how = f"{book['mode']}: {_MODE.get(str(book['mode']), '')}{further}"
    lines = [f"Impact: {book['impact']}", f"Do: {book['name']} ({how}): {book['summary']}"]
    docs = [f"Read: {visible(str(book['docs']))}"] if book.get("docs") else []
    return [*lines, *(f"  {line}" for line in plan(book)), *docs]
