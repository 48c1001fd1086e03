"""What the policy says of the data there is, at every place that the configuration names; and what the ledger says of that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiops.config.judge import EXPORTS
from aiops.config.settings import Settings
from aiops.core.records import EarlyWarning
from aiops.governance.decide import Decision, decide
from aiops.governance.policy import LOCAL, Action
from aiops.pipeline.plane import origin_of
from aiops.pipeline.rooms import Rooms
from aiops.store import Store

AT_HOME: tuple[Action, ...] = ("fetch", "store", "train")
CHANGED, DECIDED = "policy.changed", "policy.decided"


def decisions(settings: Settings, rooms: Rooms) -> Iterator[dict[str, Any]]:
    """Of every source: what may be done with it here, who may be told, and what the pages show elsewhere."""
    gate = rooms.gate
    for name in settings.sources:
        data = gate.dataset(origin_of(settings, name))
        facts = {"source": name, "data_class": data.data_class, "residency": list(data.residency)}
        for action, place, location in _places(settings, rooms):
            yield facts | _row(action, place, location, decide(action, data, location, gate.policy))


def about(settings: Settings, rooms: Rooms, warning: EarlyWarning) -> list[dict[str, Any]]:
    """Of a warning: what may leave of it, and where to."""
    gate, lineages = rooms.gate, [one.lineage for one in warning.symptoms]
    away = ((action, place, location) for action, place, location in _places(settings, rooms) if action not in AT_HOME)
    return [_row(action, place, location, gate.decision(action, lineages, location)) for action, place, location in away]


def keep(store: Store, settings: Settings, rooms: Rooms, now_s: float) -> None:
    """Let the ledger say that another policy decides from now on, and what it decides of every source at every place.

    These decisions are constant until policy or configuration change, so they stand there once for all the times they are made.
    Raises StoreError.
    """
    policy, last = rooms.gate.policy.version, store.last_recorded(CHANGED)
    before = None if last is None else last.get("to")
    found = {"policy": policy, "decisions": [_short(one) for one in decisions(settings, rooms)]}
    decided = store.last_recorded(DECIDED) != found
    if before == policy and not decided:
        return
    with store.transaction() as tx:
        if before != policy:
            tx.record("daemon", CHANGED, policy, {"from": before, "to": policy}, now_s)
        if decided:
            tx.record("daemon", DECIDED, policy, found, now_s)


def _short(one: dict[str, Any]) -> list[str]:
    return [str(one[name]) for name in ("source", "action", "place", "location", "effect", "rule")]


def _places(settings: Settings, rooms: Rooms) -> Iterator[tuple[Action, str, str]]:
    gate, home = rooms.gate, rooms.local_receivers
    yield from ((action, "here", LOCAL) for action in AT_HOME)
    yield "serve", "web", gate.location("web")
    yield from (("notify", name, gate.location(name, name in home)) for name in settings.receivers)
    yield from (("export", name, gate.location(name)) for name in EXPORTS if getattr(settings, name) is not None)


def _row(action: Action, place: str, location: str, said: Decision) -> dict[str, Any]:
    return {"action": action, "place": place, "location": location, "effect": said.effect, "rule": said.rule,
            "reason": said.reason}  # fmt: skip
