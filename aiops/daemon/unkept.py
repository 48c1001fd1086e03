"""What the log says at a start of data that the policy cannot keep back: of no class, or told where nobody said that it is."""

from __future__ import annotations

import structlog

from aiops.config.judge import EXPORTS
from aiops.config.settings import Settings
from aiops.pipeline import Rooms
from aiops.pipeline.plane import origin_of

log = structlog.get_logger()


def say(settings: Settings, rooms: Rooms) -> None:
    """One line for each source without a class, and for each receiver without a place where data has places."""
    bound = []
    for name, source in settings.sources.items():
        data = rooms.gate.dataset(origin_of(settings, name))
        if not data.data_class:
            log.warning("source is not classified: what comes from it leaves masked", source=name, write="data_class")
        if data.residency and source.kind != "host":
            bound.append(name)
    told = [*settings.receivers, *(name for name in EXPORTS if getattr(settings, name) is not None)]
    for name in told if bound else ():
        if not rooms.gate.location(name, name in rooms.local_receivers):
            said = "receiver has no place: residency keeps nothing from it"
            log.warning(said, receiver=name, of=", ".join(bound), write="locations of the policy")
