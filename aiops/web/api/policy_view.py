"""What the policy says of the data there is: of every source, and of what a warning rests on, at every place it may go to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiops.core.records import EarlyWarning
from aiops.daemon.daemon import Daemon
from aiops.governance.decide import Decision, decide
from aiops.governance.policy import LOCAL, Action
from aiops.pipeline.plane import origin_of

AT_HOME: tuple[Action, ...] = ("fetch", "store", "train")


def decisions(daemon: Daemon) -> Iterator[dict[str, Any]]:
    """Of every source: what may be done with it here, who may be told, and what the pages show elsewhere."""
    gate = daemon.rooms.gate
    for name in daemon.settings.sources:
        data = gate.dataset(origin_of(daemon.settings, name))
        facts = {"source": name, "data_class": data.data_class, "residency": list(data.residency)}
        for action, place, location in _places(daemon):
            yield facts | _row(action, place, location, decide(action, data, location, gate.policy))


def about(daemon: Daemon, warning: EarlyWarning) -> list[dict[str, Any]]:
    """Of a warning: what may leave of it, and where to."""
    gate, lineages = daemon.rooms.gate, [one.lineage for one in warning.symptoms]
    away = ((action, place, location) for action, place, location in _places(daemon) if action not in AT_HOME)
    return [_row(action, place, location, gate.decision(action, lineages, location)) for action, place, location in away]


def _places(daemon: Daemon) -> Iterator[tuple[Action, str, str]]:
    gate, home = daemon.rooms.gate, daemon.rooms.local_receivers
    yield from ((action, "here", LOCAL) for action in AT_HOME)
    yield "serve", "web", gate.location("web")
    yield from (("notify", name, gate.location(name, name in home)) for name in daemon.settings.receivers)


def _row(action: Action, place: str, location: str, said: Decision) -> dict[str, Any]:
    return {"action": action, "place": place, "location": location, "effect": said.effect, "rule": said.rule,
            "reason": said.reason}  # fmt: skip
