"""Which message goes to whom, and under which key: pure functions from a warning to outbox rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

from aiops.config.routing import Route, WorkingHours
from aiops.core.labels import Labels, fingerprint, matches_all
from aiops.core.records import SEVERITIES, STAGES, EarlyWarning, Outcome
from aiops.notify.clock import UTC_CLOCK, Clock
from aiops.notify.fates import Fate, leading, tally
from aiops.notify.wording import act_before, body, impact, record, spread, title
from aiops.store.codec import to_json

Event = Literal["opened", "updated", "worsened", "spread", "repeated", "closed", "judged"]
OVER: tuple[Event, ...] = ("closed", "judged")
"""What is told of an episode that is over: to whoever was told of its beginning."""
ASKS = ("asked", "reminder")
"""What a response says when somebody must answer."""
CALLS = (*ASKS, "needs_a_person")
"""What a response says when it goes on only with somebody's word."""
JUDGED_FOR_S = 3600.0
"""How long a verdict is news, for a receiver that keeps what it is told for a time."""
OWN = ("card", "kind", "signal", "severity", "stage")
"""What a warning itself says; no label of the telemetry can say otherwise."""
TURNS_UNTIL_STALE = 3
_AGAIN: dict[Event, str] = {"worsened": "now {}: ", "spread": "has spread: ", "repeated": "still open: "}
"""What stands before the title of what was told before, so that nobody wonders why it comes again."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One message to a receiver. Those of a group arrive in order; the key is the same over retries; a renewal is superseded by
    the next one."""

    receiver: str
    group: str
    dedup_key: str
    payload: Mapping[str, Any]
    renewal: bool = False
    not_before_s: float = 0.0


@dataclass(frozen=True, slots=True)
class News:
    """What happened to a warning in a turn at `now_s`.

    `judged_at_s`: when at the latest a warning that has ended is judged; `outcome`: what became of it (`judged`); `fates`: what
    became of those it spoke for; `means`: what the card says that it means for users.
    """

    event: Event
    warning: EarlyWarning
    now_s: float
    step_s: float
    judged_at_s: float | None = None
    outcome: Outcome | None = None
    fates: Sequence[Fate] = ()
    means: str = ""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may be told: the receivers that routes lead to.

    `local`: those on this machine; `renewed`: those that would forget what is not renewed. `hours`: when somebody is at work.
    `clocks`: on whose clock a receiver reads times; UTC without one.
    """

    routes: Sequence[Route]
    local: Collection[str] = ()
    renewed: Collection[str] = ()
    hours: WorkingHours = field(default_factory=WorkingHours)
    clocks: Mapping[str, Clock] = field(default_factory=dict)


def outbox_rows(
    news: News, to: Audience, told: Callable[[str], EarlyWarning | None] | None = None
) -> Iterator[OutboxEntry]:
    """What every receiver is told of it.

    The first route that matches wins, unless it says `continue`; what is over is told by every route that may have told it. A
    shadow warning is told to `local` receivers only, marked unproven; a renewal (`updated`) to those in `renewed`, and as
    `repeated` where a route says so. The group is the warning, so that what is said of one episode arrives in order; of a route
    that bundles, the bundle, but those in `renewed` get each alone, for they put together by themselves. `told`: the warning as
    a receiver may see it, None when it must not.
    """
    warning, now_s, outcome = news.warning, news.now_s, news.outcome
    over = news.event in OVER
    urgent = None if over else is_urgent(warning, now_s, to.hours)
    payloads: dict[tuple[str, Clock, bool], tuple[EarlyWarning, dict[str, Any]]] = {}
    for name, (route, sure) in _leading(warning, to.routes, urgent, over).items():
        if (warning.stage == "shadow" and name not in to.local) or (news.event == "judged" and not route.verdicts):
            continue
        kind = news.event if news.event != "updated" or name in to.renewed else _again(route, warning, now_s, news.step_s)
        if kind is None:
            continue
        seen = warning if told is None else told(name)
        if seen is None:
            continue
        clock = to.clocks.get(name, UTC_CLOCK)
        known = payloads.get((kind, clock, seen is warning))
        if known is None or known[0] is not seen:
            shown = outcome if outcome is None or seen is warning else replace(outcome, entity={}, about={}, detail="")
            payload = payload_of(replace(news, event=kind, warning=seen, outcome=shown), clock)
            known = payloads[kind, clock, seen is warning] = seen, payload
        group, more, at_s = (warning.id, {}, now_s) if name in to.renewed else _bundle(route, seen, now_s, to.hours)
        if over and (not sure or news.event == "judged"):
            more |= {"if_told": True}
        key = key_of(replace(news, event=kind))
        yield OutboxEntry(name, group, key, known[1] | more, kind == "updated", at_s)


def key_of(news: News) -> str:
    """What names a message, the same however often it is made."""
    warning, event, now_s = news.warning, news.event, int(news.now_s)
    if event == "judged" and news.fates:  # it may be told again when one of them is judged
        return f"{warning.id}:{event}:{now_s}:{leading(news.fates)}"
    if news.outcome is not None:
        return f"{warning.id}:{event}:{news.outcome.settled_s}:{news.outcome.verdict}"
    if event == "opened" and warning.thread:  # who was told of what it goes on for knows enough
        return f"{warning.thread}:opened"
    return f"{warning.id}:{event}" + (f":{now_s}" if event in ("updated", "worsened", "spread", "repeated") else "")


def _leading(
    warning: EarlyWarning, routes: Sequence[Route], urgent: bool | None, over: bool
) -> dict[str, tuple[Route, bool]]:
    """Receiver to its route, and whether it was surely told what came before: of what is `over` the routes count as well that
    it would have taken with another severity, stage or urgency."""
    out = {name: (route, route.urgent is None) for name, route in routed(warning, routes, urgent).items()}
    stages = STAGES[STAGES.index("ticket") :] if warning.stage != "shadow" else (warning.stage,)
    for severity, stage in product(SEVERITIES, stages) if over else ():
        for name, route in routed(warning.having(severity=severity, stage=stage), routes, urgent).items():
            out.setdefault(name, (route, False))
    return out


def is_urgent(warning: EarlyWarning, now_s: float, hours: WorkingHours) -> bool:
    """Whether it must be decided before the next working day begins; one that tells no time can wait."""
    return warning.act_before_s is not None and warning.act_before_s < hours.next_begin_s(now_s)


def _again(route: Route, warning: EarlyWarning, now_s: float, step_s: float) -> Event | None:
    """What is told of one that goes on: `repeated` in the turn in which another `repeat` has passed since the opening.

    On a route for what is urgent the opening, under the opening's key: who was told it is not told again, and who was not, for
    it could wait then, is told now.
    """
    since = now_s - warning.opened_s
    if route.repeat is not None and since // route.repeat > max(since - step_s, 0.0) // route.repeat:
        return "repeated"
    return "opened" if route.urgent else None


def repeats(news: News, to: Audience) -> bool:
    """Whether all who are told of what goes on hear in this turn that it is `repeated`; those in `renewed` hear of each turn."""
    warning, now_s = news.warning, news.now_s
    routes = [
        route for name, route in routed(warning, to.routes, is_urgent(warning, now_s, to.hours)).items()
        if name not in to.renewed and (warning.stage != "shadow" or name in to.local)
    ]  # fmt: skip
    return bool(routes) and all(_again(route, warning, now_s, news.step_s) == "repeated" for route in routes)


def _bundle(route: Route, warning: EarlyWarning, now_s: float, hours: WorkingHours) -> tuple[str, dict[str, Any], float]:
    """(group, what the payload says of it, not before): the warning itself, or all that a route tells together. By labels as
    the receiver may see them: they stand in its title."""
    if route.digest:
        return f"digest:{route.receiver}", {"bundle": {}}, hours.next_begin_s(now_s)
    if not route.group_by:
        return warning.id, {}, now_s
    facts = facts_of(warning)
    by = {name: facts.get(name, "") for name in route.group_by}
    more = {"bundle": by} | ({"interval_s": route.group_interval} if route.group_interval else {})
    return f"bundle:{fingerprint(route.receiver, *(f'{k}={v}' for k, v in by.items()))}", more, now_s + route.group_wait


def routed(warning: EarlyWarning, routes: Sequence[Route], urgent: bool | None = None) -> dict[str, Route]:
    """Receivers of a warning with the route that leads there, in their order, each once. `urgent` None: it does not matter."""
    out = dict[str, Route]()
    for route in _taken(routes, facts_of(warning), urgent):
        out.setdefault(route.receiver, route)
    return out


def _taken(routes: Sequence[Route], facts: Labels, urgent: bool | None) -> Iterator[Route]:
    """The routes that a warning takes: of a tree those farthest down, of a route itself only where none below it takes it.

    Source: Alertmanager's documentation, route.
    """
    for route in routes:
        if route.urgent is not None and urgent is not None and route.urgent != urgent:
            continue
        if not matches_all(route.matchers, facts):
            continue
        below = list(_taken(route.routes, facts, urgent))
        yield from below or ([route] if route.receiver else [])
        if not route.continue_ and (route.urgent is None or urgent is not None):
            break


def facts_of(warning: EarlyWarning) -> Labels:
    """What route matchers see: the labels, over them the entity, over them what the warning itself says."""
    return {**warning.labels, **warning.entity, **{name: str(getattr(warning, name)) for name in OWN}}


def payload_of(news: News, clock: Clock = UTC_CLOCK) -> dict[str, Any]:
    """One message as plain JSON: the warning whole, title and text, and until when it is true unless it is renewed."""
    event, warning, now_s, outcome, fates = news.event, news.warning, news.now_s, news.outcome, news.fates
    said = body(warning, now_s, news.judged_at_s, clock, outcome, fates, news.means)
    lasts = {"closed": 0.0, "judged": JUDGED_FOR_S}.get(event, TURNS_UNTIL_STALE * news.step_s)
    return {
        "version": 1,
        "event": event,
        "at_s": now_s,
        "ends_at_s": now_s + lasts,
        "title": _AGAIN.get(event, "").format(warning.severity) + title(warning, now_s, clock, outcome, fates),
        "text": "\n".join([*(spread(warning) if event == "spread" else ()), said]),
        "record": record(warning),
        "impact": impact(warning, news.means),
        "act_before": act_before(warning, now_s, clock),
        "verdict": (leading(fates) if warning.members else "") or verdict(warning, event in OVER),
        "judged_at_s": news.judged_at_s if outcome is None else float(outcome.settled_s),
        "warning": to_json(warning),
        **({"verdicts": tally(fates)} if fates else {}),
        **({} if outcome is None else {"outcome": to_json(outcome)}),
    }


def wrong_line(warning_id: str) -> str:
    """How a warning is called wrong on the command line."""
    return f"aiops warnings feedback {warning_id} noise"


def verdict(warning: EarlyWarning, ended: bool) -> str:
    """The verdict in words: `pending` for what has ended and is not judged yet, empty while it is open and unjudged."""
    return warning.verdict or ("pending" if ended else "")
