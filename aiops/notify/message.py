"""Which message goes to whom, and under which key: pure functions from a warning to outbox rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiops.config.routing import Route, WorkingHours
from aiops.core.labels import Labels, fingerprint, matches_all
from aiops.core.records import EarlyWarning
from aiops.notify.wording import body, impact, record, title
from aiops.store.codec import to_json

Event = Literal["opened", "updated", "worsened", "repeated", "closed"]
OWN = ("card", "kind", "signal", "severity", "stage")
"""What a warning itself says; no label of the telemetry can say otherwise."""
TURNS_UNTIL_STALE = 3


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


def outbox_rows(
    event: Event, warning: EarlyWarning, routes: Sequence[Route], now_s: float, step_s: float,
    judged_at_s: float | None = None, local: Collection[str] = (), renewed: Collection[str] = (),
    told: Callable[[str], EarlyWarning | None] | None = None, hours: WorkingHours | None = None,
) -> Iterator[OutboxEntry]:
    """What every receiver is told of an event.

    The first route that matches wins, unless it says `continue`. A shadow warning is told to `local` receivers only, marked
    unproven; a renewal (`updated`) to those in `renewed`, which would forget it else, and as `repeated` where a route says so.
    The group is the warning, so that what is said of one episode arrives in order; of a route that bundles, the bundle.
    `judged_at_s`: when at the latest a warning that has ended is judged. `told`: the warning as a receiver may see it, None
    when it must not. `hours`: when somebody is at work; what ends is told by every route that may have told it.
    """
    hours = hours or WorkingHours()
    urgent = None if event == "closed" else is_urgent(warning, now_s, hours)
    payloads: list[tuple[EarlyWarning, str, dict[str, Any]]] = []
    for name, route in routed(warning, routes, urgent).items():
        if warning.stage == "shadow" and name not in local:
            continue
        kind = event if event != "updated" or name in renewed else _again(route, warning, now_s, step_s)
        if kind is None:
            continue
        seen = warning if told is None else told(name)
        if seen is None:
            continue
        if not payloads or payloads[-1][0] is not seen or payloads[-1][1] != kind:
            payloads.append((seen, kind, payload_of(kind, seen, now_s, step_s, judged_at_s)))
        key = f"{warning.id}:{kind}" + (f":{int(now_s)}" if kind in ("updated", "worsened", "repeated") else "")
        group, more, at_s = _bundle(route, warning, now_s, hours)
        if event == "closed" and route.urgent is not None:
            more |= {"if_told": True}
        yield OutboxEntry(name, group, key, payloads[-1][2] | more, kind == "updated", at_s)


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


def _bundle(route: Route, warning: EarlyWarning, now_s: float, hours: WorkingHours) -> tuple[str, dict[str, Any], float]:
    """(group, what the payload says of it, not before): the warning itself, or all that a route tells together."""
    if route.digest:
        return f"digest:{route.receiver}", {"bundle": {}}, hours.next_begin_s(now_s)
    if not route.group_by:
        return warning.id, {}, now_s
    facts = facts_of(warning)
    by = {name: facts.get(name, "") for name in route.group_by}
    return f"bundle:{fingerprint(route.receiver, *(f'{k}={v}' for k, v in by.items()))}", {"bundle": by}, now_s + route.group_wait


def routed(warning: EarlyWarning, routes: Sequence[Route], urgent: bool | None = None) -> dict[str, Route]:
    """Receivers of a warning with the route that leads there, in their order, each once. `urgent` None: it does not matter."""
    facts, out = facts_of(warning), dict[str, Route]()
    for route in routes:
        if route.urgent is not None and urgent is not None and route.urgent != urgent:
            continue
        if matches_all(route.matchers, facts):
            out.setdefault(route.receiver, route)
            if not route.continue_ and (route.urgent is None or urgent is not None):
                break
    return out


def facts_of(warning: EarlyWarning) -> Labels:
    """What route matchers see: the labels, over them the entity, over them what the warning itself says."""
    return {**warning.labels, **warning.entity, **{name: str(getattr(warning, name)) for name in OWN}}


def payload_of(event: Event, warning: EarlyWarning, now_s: float, step_s: float, judged_at_s: float | None) -> dict[str, Any]:
    """One message as plain JSON: the warning whole, title and text, and until when it is true unless it is renewed."""
    ended = event == "closed"
    return {
        "version": 1,
        "event": event,
        "at_s": now_s,
        "ends_at_s": now_s if ended else now_s + TURNS_UNTIL_STALE * step_s,
        "title": title(warning, now_s),
        "text": body(warning, now_s, judged_at_s),
        "record": record(warning),
        "impact": impact(warning),
        "verdict": verdict(warning, ended),
        "judged_at_s": judged_at_s,
        "warning": to_json(warning),
    }


def verdict(warning: EarlyWarning, ended: bool) -> str:
    """The verdict in words: `pending` for what has ended and is not judged yet, empty while it is open and unjudged."""
    return warning.verdict or ("pending" if ended else "")
