"""The daemon's side of responses: its lease, its looks at what is to be done, and everything the engine stands on."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from pathlib import Path

import structlog

from aiops.config.responses import members
from aiops.config.settings import Settings
from aiops.core.errors import StoreError
from aiops.pipeline.procedures import procedure_of
from aiops.pipeline.respond import Around, Responder, Surroundings
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.say import say
from aiops.pipeline.windows import lasts, masked_by
from aiops.responses.actions import around as actions_around
from aiops.responses.catalogue import Actions
from aiops.responses.clock import ClockWatch
from aiops.responses.desk import Bounds, Tools
from aiops.responses.engine import Engine
from aiops.responses.lease import TTL_S, Lease
from aiops.responses.limits import looks_back_s
from aiops.responses.people import People
from aiops.responses.switch import why_on
from aiops.store import Store
from aiops.store.response_rows import Run
from aiops.store.responses import Responses

JOBS = {"lease": TTL_S / 3, "responses": 2.0}
"""Jobs of their own, each on a lane of its own, and how often: neither ever waits for a turn, nor a turn for them."""
MATCH_EVERY_S = 10.0
"""Every open warning is read for it."""
STEPS = "steps"
"""Where programs leave fences and results, in the data directory."""
log = structlog.get_logger()


class Responding:
    """Keeps the lease, begins responses, carries them on. What is under way goes on over a reload."""

    def __init__(self, settings: Settings, store: Store, rooms: Rooms, clock: Callable[[], float]) -> None:
        s = settings.responses
        self._store, self.runs, self._clock = store, Responses(store), clock
        owner = f"{socket.gethostname()[:80]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        alone = not settings.store.url  # then the lock on the data directory is ours
        self._lease = Lease(self.runs, owner, at_once=alone)
        world = Around(_surroundings(settings, store, rooms))
        tools = Tools(self.runs, self._lease, world, self._actions(settings), clock, _secrets(s.secrets_dir), _bounds(settings))
        self.engine = Engine(tools, s.at_once)
        self._take(settings, world, rooms)

    @property
    def jobs(self) -> dict[str, tuple[float, Callable[[], object]]]:
        """What is to be done how often, by name."""
        return {"lease": (JOBS["lease"], self.keep), "responses": (JOBS["responses"], self.look)}

    def renew(self, settings: Settings, rooms: Rooms) -> None:
        """Go on with another configuration; a step that runs ends as it began."""
        world, tools = Around(_surroundings(settings, self._store, rooms)), self.engine.tools
        tools.world, tools.secret, tools.bounds = world, _secrets(settings.responses.secrets_dir), _bounds(settings)
        if settings.responses.actions != self._settings.responses.actions:
            tools.actions = self._actions(settings)
        self.engine.at_once = settings.responses.at_once
        self._take(settings, world, rooms)

    def _take(self, settings: Settings, world: Around, rooms: Rooms) -> None:
        self._settings, self._rooms, self.world = settings, rooms, world
        self.people = People(self.runs, members(settings.responses.groups, settings.web.people), settings.web.alone)
        self._responder = Responder(self.runs, world, rooms.runbooks)
        rooms.killed = lambda: why_on(self.runs, settings.data_dir)
        rooms.refuses = self.engine.tools.actions.refuses
        self._watch, self._matched_s = ClockWatch(settings.responses.clock_jump), float("-inf")

    def _actions(self, settings: Settings) -> Actions:
        around = actions_around.Around(folder=settings.data_dir / STEPS, tell=self._tell)
        return Actions(settings.responses.actions, around=around)

    def _tell(self, run_id: str, receiver: str, message: str, key: str) -> None:
        around = _surroundings(self._settings, self._store, self._rooms)
        say(around, self._settings.receivers, self.runs, run_id, receiver, message, key, self._clock())

    @property
    def leads(self) -> bool:
        """Whether this daemon is the one that carries responses on."""
        return self._lease.held()

    def keep(self) -> None:
        """Take or renew the lease. Raises StoreError."""
        self._lease.keep(self._clock())

    def look(self) -> int:
        """Begin what fits, carry on what has begun; how many responses have not ended. Raises StoreError."""
        now = self._clock()
        if not self._watch.believed(now):
            log.warning("the clock jumped: nothing is begun until it is believed again", by_s=round(self._watch.jumped_s))
            return len(self.runs.active())
        if not self._lease.held():
            return 0
        if not 0 <= now - self._matched_s < MATCH_EVERY_S and not self.engine.tools.stopped():
            self._matched_s = now
            for run in self._responder.look(self._store.open_warnings(), self._lease.epoch, now):
                log.info("response begins", id=run.id, runbook=run.runbook, warning=run.warning_id, mode=run.mode)
        return self.engine.tick()

    def prune(self, before_s: float) -> None:
        """Delete what ended before then, but not what limits still count. Raises StoreError."""
        longest = max((looks_back_s(procedure_of(one).limits) for one in self._rooms.runbooks), default=0.0)
        self.runs.prune(before_s, min(before_s, self._clock() - longest))

    def stop(self) -> None:
        """Begin nothing more, let go of the lease."""
        self.engine.stop()
        try:
            self._lease.leave()
        except StoreError as e:
            log.warning("the lease stays until it expires", error=str(e))
        self.engine.tools.actions.close()


def _surroundings(settings: Settings, store: Store, rooms: Rooms) -> Surroundings:
    """What is around responses: what a turn works with."""

    def watched(card: str) -> int | None:
        found = [len(watch.entities) for watch in rooms.watches if watch.card.name == card]
        return sum(found) if found else None

    def lasting(name: str, run: Run, now_s: float) -> bool | None:
        labels = run.facts["context"]["symptom"]["labels"]
        return lasts(rooms.masks, name, run.card, labels, now_s)

    def masked(run: Run, now_s: float) -> str:
        return masked_by(rooms.masks, run.card, run.facts["context"]["symptom"]["labels"], now_s)

    return Surroundings(
        store, settings.responses, settings.data_dir, rooms.routes, rooms.gate, rooms.links, rooms.local_receivers, watched,
        lasting, rooms.episode_url, rooms.wrong_url, rooms.clocks, masked=masked,
    )  # fmt: skip


def _bounds(settings: Settings) -> Bounds:
    return Bounds(settings.responses.loop, settings.responses.storm_percent)


def _secrets(folder: Path | None) -> Callable[[str], str]:
    """Secrets by name: each a file; its name can lead nowhere else, for the schema of runbooks lets it be nothing but a word."""

    def secret(name: str) -> str:
        if folder is None or "/" in name or name.startswith("."):
            return ""
        try:
            return (folder / name).read_text().rstrip("\n")
        except (OSError, ValueError):
            return ""

    return secret
