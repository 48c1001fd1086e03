"""Which message goes to whom, and under which key: pure functions from a warning to outbox rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Literal

from aiops.config.settings import Route
from aiops.core.labels import Labels, matches_all
from aiops.core.records import EarlyWarning
from aiops.notify.wording import body, impact, record, title
from aiops.store.codec import to_json

Event = Literal["opened", "updated", "worsened", "closed"]
Row = tuple[str, str, str, dict[str, Any]]
OWN = ("card", "kind", "signal", "severity", "stage")
"""What a warning itself says; no label of the telemetry can say otherwise."""
TURNS_UNTIL_STALE = 3


def outbox_rows(
    event: Event, warning: EarlyWarning, routes: Sequence[Route], now_s: float, step_s: float,
    judged_at_s: float | None = None, local: Collection[str] = (), renewed: Collection[str] = (),
    told: Callable[[str], EarlyWarning | None] | None = None,
) -> Iterator[Row]:
    """(receiver, group, dedup key, payload) for every receiver that is told of an event.

    The first route that matches wins, unless it says `continue`. A shadow warning is told to `local` receivers only, marked
    unproven; a renewal (`updated`) to those in `renewed` only, which would forget it else. The group is the warning, so that
    what is said of one episode arrives in order; the key is the same over retries and restarts. `judged_at_s`: when at the
    latest a warning that has ended is judged. `told`: the warning as a receiver may see it, None when it must not.
    """
    receivers = [name for name in routed(warning, routes) if warning.stage != "shadow" or name in local]
    if event == "updated":
        receivers = [name for name in receivers if name in renewed]
    if not receivers:
        return
    payloads: list[tuple[EarlyWarning, dict[str, Any]]] = []
    key = f"{warning.id}:{event}" + (f":{int(now_s)}" if event in ("updated", "worsened") else "")
    for name in receivers:
        seen = warning if told is None else told(name)
        if seen is not None:
            if not payloads or payloads[-1][0] is not seen:
                payloads.append((seen, payload_of(event, seen, now_s, step_s, judged_at_s)))
            yield name, warning.id, key, payloads[-1][1]


def routed(warning: EarlyWarning, routes: Sequence[Route]) -> list[str]:
    """Receivers of a warning, in the order of the routes, each once."""
    facts, out = facts_of(warning), []
    for route in routes:
        if matches_all(route.matchers, facts):
            out.append(route.receiver)
            if not route.continue_:
                break
    return list(dict.fromkeys(out))


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
