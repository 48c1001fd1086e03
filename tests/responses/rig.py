"""A small world for responses: a real store, real runbooks, an action that counts what it did, and a clock moved by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiops.config.responses import ResponseSettings
from aiops.config.routing import Route
from aiops.core.params import Params
from aiops.core.records import GONE, Crossing, EarlyWarning
from aiops.governance.gate import Gate
from aiops.governance.masking import Masker, key_of
from aiops.governance.policy import Policy
from aiops.pipeline.respond import Around, Responder, Surroundings
from aiops.responses.catalogue import Actions
from aiops.responses.desk import Bounds, Tools
from aiops.responses.engine import Engine
from aiops.responses.interface import Action, Call, Result
from aiops.responses.lease import Lease
from aiops.responses.people import People
from aiops.responses.procedure import Unclear
from aiops.runbooks import Runbook, load_runbook
from aiops.store import Store
from aiops.store.response_rows import Run
from aiops.store.responses import Responses
from tests.store.samples import warning as sample

START_S = 1_750_000_200.0
LEAD_S = 6 * 3600.0
Does = Callable[[Call], Result]


class CountParams(Params):
    """`Count` has no parameters."""


class Count(Action[CountParams]):
    """Writes down every call; what comes of it is said by `does`, by step. Fences and harvests only where it is told to."""

    Params = CountParams

    def __init__(self) -> None:
        super().__init__(CountParams())
        self.calls: list[Call] = []
        self.does: dict[str, Does] = {}
        self.fences: dict[str, int] = {}
        self.can_fence = True
        self.results: dict[str, Result] = {}
        self.keeps_results = False

    def run(self, call: Call, now_s: float) -> Result:
        if self.can_fence and call.epoch < self.fences.get(call.idem_key, 0):
            return Result("failed", why="fenced", effect=False)
        self.calls.append(call)
        result = self.does.get(call.step_id, lambda call: Result("done", {"rc": 0}))(call)
        if self.keeps_results:
            self.results[call.idem_key] = result
        return result

    def fence(self, call: Call) -> bool:
        if self.can_fence:
            self.fences[call.idem_key] = max(call.epoch, self.fences.get(call.idem_key, 0))
        return self.can_fence

    def harvest(self, call: Call) -> Result | None:
        return self.results.get(call.idem_key)

    @property
    def steps(self) -> list[str]:
        return [call.step_id for call in self.calls]


@dataclass
class Clock:
    now: float = START_S

    def __call__(self) -> float:
        return self.now


class MadeAround(Around):
    """The real one, but numbers come from a table: a list of values by query, or an exception."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self.numbers: dict[str, list[float] | Exception | Callable[[Run], list[float]]] = {}
        self.asked: list[str] = []

    def values(self, promql: str, run: Run, now_s: float) -> list[float]:
        self.asked.append(promql)
        found = self.numbers.get(promql, [])
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, list) else found(run)


READ: dict[str, Any] = {"id": "look", "uses": "plugin.count", "effect": "read", "with": {"at": "${{ target.instance }}"}}
WRITE: dict[str, Any] = {
    "id": "fix", "uses": "plugin.count", "effect": "write", "with": {"at": "${{ target.instance }}"}, "timeout": "10m",
    "idempotent": True, "irreversible": "What is gone is gone for good.",
}  # fmt: skip


def book(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A runbook that may change something."""
    found: dict[str, Any] = {
        "apiVersion": "aiops/v1", "kind": "Runbook", "name": "mend", "mode": "approve",
        "owner": {"team": "sre", "edited_by": "dee"},
        "summary": "Something is mended here.", "match": {"kind": "forecast", "signal": "free"}, "target_by": ["instance"],
        "guards": {"cooldown": "1h", "max_runs": {"count": 2, "per": "24h"}, "max_targets": {"count": 3, "per": "1h"}},
        "approval": {"for": "write", "from": ["group:sre"], "expires": "20m", "quorum": 1},
        "steps": list(steps or (READ, WRITE)),
        "verify": {"within": "30m", "all": [{"name": "room", "promql": "free{$target}", "expect": ">= 0.2", "for": "5m"}]},
        "notify": {"route": "default", "impact": "Writes there will fail."},
        "tests": [{"name": "t", "symptom": {"kind": "forecast", "signal": "free", "labels": {}}, "expect": {"matched": True}}],
    }  # fmt: skip
    return {name: value for name, value in {**found, **more}.items() if value is not None}


def load(folder: Path, one: Mapping[str, Any]) -> Runbook:
    """A runbook as from a file."""
    path = folder / f"{one['name']}.yaml"
    path.write_text(json.dumps(one))
    return load_runbook(path)


def early(number: int = 1, now_s: float = START_S, **changes: Any) -> EarlyWarning:
    """An open warning that expects a crossing in LEAD_S."""
    crossing = Crossing(now_s + LEAD_S - 600, now_s + LEAD_S, now_s + LEAD_S + 600)
    about: dict[str, Any] = {"opened_s": int(now_s), "updated_s": int(now_s), "crossing": crossing, "stage": "page"}
    return sample(number, **{**about, **changes})


@dataclass
class Replica:
    """One daemon's engine over the store that all share."""

    engine: Engine
    responder: Responder
    world: MadeAround
    lease: Lease
    people: People

    def tick(self, now_s: float) -> None:
        """What the daemon's job does."""
        if self.lease.keep(now_s):
            self.responder.look(self.engine.tools.runs.store.open_warnings(), self.lease.epoch, now_s)
            self.engine.tick()


@dataclass
class Rig:
    """Everything of a test."""

    folder: Path
    store: Store
    settings: ResponseSettings
    clock: Clock = field(default_factory=Clock)
    count: Count = field(default_factory=Count)
    monotonic: Clock = field(default_factory=lambda: Clock(1000.0))
    books: list[Runbook] = field(default_factory=list)
    watched: int | None = 100

    @property
    def runs(self) -> Responses:
        return Responses(self.store)

    def warn(self, *warnings: EarlyWarning) -> None:
        with self.store.transaction() as tx:
            for one in warnings:
                tx.put_warning(one)

    def clear(self, number: int = 1, why: str = GONE) -> None:
        one = self.store.warning(f"{number:016x}")
        assert one is not None
        self.warn(one.having(state="closed", closed_s=int(self.clock.now), crossing=None, closed_why=why))

    def replica(self, owner: str = "a", at_once: bool = False, monotonic: Callable[[], float] | None = None) -> Replica:
        routes = [Route.model_validate({"receiver": "pager"})]
        gate = Gate(Policy(), Masker(key_of(None)))
        watched = lambda card: self.watched  # noqa: E731
        world = MadeAround(
            Surroundings(self.store, self.settings, self.folder, routes, gate, {}, frozenset({"pager"}), watched)
        )
        lease = Lease(self.runs, owner, at_once, monotonic=monotonic or self.monotonic)
        bounds = Bounds(self.settings.loop, self.settings.storm_percent)
        tools = Tools(self.runs, lease, world, Actions(ready={"count": self.count}), self.clock, bounds=bounds)
        people = People(self.runs, self.settings.groups)
        return Replica(Engine(tools, at_once=0), Responder(self.runs, world, self.books), world, lease, people)

    def write(self, *books: Mapping[str, Any]) -> None:
        self.books = [load(self.folder, one) for one in books]

    def one(self) -> Run:
        (run,) = self.runs.newest()
        return run

    def settled(self, one: Replica, for_s: float = 130.0) -> None:
        """What a query sees is younger than what was done."""
        self.clock.now += for_s
        self.monotonic.now += for_s
        one.tick(self.clock.now)

    def step_states(self) -> dict[str, str]:
        return {f"{row.step_id}{'~' if row.idx >= 1000 else ''}": row.state for row in self.runs.steps(self.one().id)}

    def told(self) -> list[str]:
        """The titles of all messages, without what they are about."""
        """The titles of what was told, behind what they are about."""
        with self.store._read() as c:
            rows = c.exec_driver_sql("SELECT payload FROM outbox ORDER BY seq").fetchall()
        return [json.loads(row[0])["title"].partition(": ")[2] for row in rows]


@contextmanager
def made(folder: Path, url: str = "", **settings: Any) -> Iterator[Rig]:
    """A rig whose configuration lets everything go as far as the files say; without `url` its store is SQLite in `folder`."""
    store = Store.open(url, folder)
    groups = {"sre": ["ann", "bob", "cyd"]}
    rig = Rig(folder, store, ResponseSettings.model_validate({"ceiling": "auto", "groups": groups, **settings}))
    try:
        yield rig
    finally:
        store.close()


def no_answer(why: str = "away") -> Unclear:
    return Unclear(why)
