"""A small world of responses that always goes the same way: runbooks, an action that leaves marks, and a process that may be
killed at any point. It is lived by the start mode that has nothing but store, engine, actions and relay.

`python -m tests.faults.responses_world` reads orders from stdin (one JSON object a line), forks a child for each, and answers
how it ended.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from aiops import plugins
from aiops.config.settings import Settings
from aiops.core.params import Params
from aiops.core.records import Block, Crossing, EarlyWarning, Lineage, Symptom
from aiops.daemon import only as start
from aiops.responses.interface import Action, Call, Result
from aiops.responses.people import Unheard
from aiops.runbooks import Runbook, load_runbooks
from aiops.store import Store
from aiops.telemetry.source import Answer, Source
from tests.faults.crash import Crash
from tests.faults.forks import obey
from tests.faults.response_mutants import MUTANTS
from tests.faults.world import Receiver

T0_S, STEP_S, TURNS = 1_750_000_200, 20, 60
SETTLE_S = 60.0


class Marks(Params):
    """Where marks are left, and whether the target can refuse an old epoch."""

    path: Path
    fences: bool = True


class Mark(Action[Marks]):
    """Leaves a mark for every effect: key, step, target, epoch. Reading leaves one too, in the name of `look`."""

    Params = Marks
    crash: ClassVar[Crash]

    def run(self, call: Call, now_s: float) -> Result:
        """Leave it, unless an higher epoch has been here."""
        self.crash.point(f"effect {call.step_id}")
        if self.params.fences and call.epoch < self._fence(call):
            return Result("failed", why="a higher epoch has been here", effect=False)
        line = json.dumps([call.idem_key, call.step_id, call.given["at"], call.epoch])
        with self.params.path.open("ab") as file:
            file.write(line.encode() + b"\n")
        self.crash.point(f"effect {call.step_id} is done")
        return Result("done", {"rc": 0})

    def fence(self, call: Call) -> bool:
        """Let no lower epoch leave marks."""
        if self.params.fences:
            self._path(call).write_text(str(max(call.epoch, self._fence(call))))
        return self.params.fences

    def _path(self, call: Call) -> Path:
        return self.params.path.with_name(f"fence-{call.idem_key}")

    def _fence(self, call: Call) -> int:
        path = self._path(call)
        return int(path.read_text() or 0) if path.exists() else 0


class Gauge(Source[Marks]):
    """`free`: 0.3 everywhere but at `lost`; `marks`: how many effects of `fix` there were; `backs`: of taking `most` back."""

    Params = Marks

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """One column."""
        found = re.search(r'instance="([^"]*)"', query)
        at = found[1] if found else ""
        value = 0.1 if at == "lost" else 0.3
        if query.startswith("marks"):
            value = float(sum((step, target) == ("fix", at) for _, step, target, _ in marks(self.params.path)))
        if query.startswith("backs"):
            value = float(sum((step, target) == ("most", f"back {at}") for _, step, target, _ in marks(self.params.path)))
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        values = np.full((1, len(times)), value)
        return Answer(Block(({"instance": at},), times, values, unit, Lineage(self.name, query, start_s, end_s)))

    def probe(self) -> str:
        """What there is."""
        return "made up"


def marks(path: Path) -> list[Any]:
    """Every effect there was, in order; one that was not written whole was none."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


LOOK: dict[str, Any] = {"id": "look", "uses": "plugin.mark", "effect": "read", "with": {"at": "${{ target.instance }}"}}
FIX: dict[str, Any] = {**LOOK, "id": "fix", "effect": "write", "timeout": "1m"}
CHECK = {"promql": "marks{$target}", "expect": "response.value >= 1"}
UNDO = {"uses": "plugin.mark", "with": {"at": "back ${{ target.instance }}"}, "timeout": "1m"}
BACK = {"promql": "backs{$target}", "expect": "response.value >= 1"}
FINAL = {"irreversible": "What was marked stays marked."}
BOOKS: dict[str, dict[str, Any]] = {
    "checked": {"mode": "auto", "steps": [{**FIX, "check": CHECK, **FINAL}]},
    "asked": {"mode": "approve", "steps": [LOOK, {**FIX, "idempotent": True, **FINAL}]},
    "lost": {
        "mode": "auto",
        "steps": [
            {**FIX, "idempotent": True, "undo": UNDO},
            {**FIX, "id": "more", "idempotent": True, "undo": {**UNDO, "idempotent": True}},
            {**FIX, "id": "most", "idempotent": True, "undo": {**UNDO, "check": BACK}},
        ],
    },
}
"""One runbook for each target of the same name."""


def book(name: str) -> dict[str, Any]:
    """A runbook file."""
    return {
        "apiVersion": "aiops/v1", "kind": "Runbook", "name": name, "owner": {"team": "tests"}, **BOOKS[name],
        "summary": "Something is mended here.", "match": {"kind": "forecast", "signal": name}, "target_by": ["instance"],
        "guards": {"cooldown": "1h", "max_runs": {"count": 2, "per": "24h"}, "max_targets": {"count": 9, "per": "1h"}},
        "approval": {"for": "write", "from": ["user:ann"], "expires": "20m"},
        "verify": {"within": "40s", "all": [{"name": "room", "promql": "free{$target}", "expect": ">= 0.2", "for": "20s"}]},
        "notify": {"route": "default", "impact": "Writes there will fail."},
        "tests": [{"name": "t", "symptom": {"kind": "forecast", "signal": name, "labels": {}}, "expect": {"matched": True}}],
    }  # fmt: skip


def warning(name: str, number: int) -> EarlyWarning:
    """An open warning on the target of that name."""
    crossing = Crossing(T0_S + 20_000.0, T0_S + 21_600.0, T0_S + 23_000.0)
    lineage = Lineage("gauge", "free", 0, 60)
    symptom = Symptom("disk", name, {"instance": name}, "exhaustion", T0_S, "warning", 0.9, 0.0, crossing, {}, lineage)
    return EarlyWarning(
        id=f"{number:016x}", fingerprint=f"{number:016x}", card="disk", signal=name, kind="exhaustion",
        entity={"instance": name}, labels={"instance": name}, state="open", stage="page", opened_s=T0_S, updated_s=T0_S,
        severity="warning", confidence=0.9, score=0.0, crossing=crossing, first_crossing=crossing,
        told_latest_s=crossing.latest_s, act_before_s=None, symptoms=(symptom,),
    )  # fmt: skip


def configuration(folder: Path, fences: bool) -> Settings:
    """The settings of this world, in `folder`."""
    marked = {"path": folder / "marks", "fences": fences}
    return Settings.model_validate(
        {
            "data_dir": folder / "data",
            "sources": {"gauge": {"kind": "gauge", "path": folder / "marks"}},
            "receivers": {"pager": {"kind": "receiver", "path": str(folder / "got")}},
            "routes": [{"receiver": "pager"}],
            "responses": {"ceiling": "auto", "at_once": 1, "actions": {"mark": marked}},
        }
    )  # fmt: skip


def begin(folder: Path) -> None:
    """Files of the world, before anything has happened."""
    store = Store.open("", folder / "data")
    with store.transaction() as tx:
        for number, name in enumerate(BOOKS, 1):
            tx.put_warning(warning(name, number))
    store.close()


def live(folder: Path, crash: Crash, fences: bool, books: list[Runbook]) -> None:
    """Go on from where the clock stands to the end of the world, as `aiops run --only responses` does.

    The files are read once for all lives: that is half of what a short life takes.
    """
    clock = folder / "clock"
    now = int(clock.read_text()) if clock.exists() else T0_S
    start.load_runbooks = lambda paths: books
    only = start.ResponsesOnly(configuration(folder, fences), lambda: float(now))
    crash.install()
    Receiver.crash = Mark.crash = crash
    for at in range(now, T0_S + TURNS * STEP_S + 1, STEP_S):
        now = at
        clock.write_text(str(at))
        only.responding.keep()
        _say_yes(only, at)
        only.responding.look()
        assert only.responding.engine.settle(SETTLE_S)
        only.relay.run_once(float(at))
        if not only.responding.runs.active() and not only.store.counts().get("outbox.queued"):
            break
    only.close()


def _say_yes(only: start.ResponsesOnly, at: int) -> None:
    for run in only.responding.runs.newest(state="awaiting_approval"):
        try:
            only.responding.people.approve(run.id, "ann", at, confirm=run.runbook)
        except Unheard:
            continue


def read() -> list[Runbook]:
    """The runbooks of this world."""
    with tempfile.TemporaryDirectory() as folder:
        for name in BOOKS:
            (Path(folder) / f"{name}.yaml").write_text(json.dumps(book(name)))
        return load_runbooks([Path(folder)])


def child(order: dict[str, Any], books: list[Runbook]) -> None:
    """One life: to the end of the world, or to its crash point."""
    folder, crash = Path(order["folder"]), Crash(order["at"])
    if order.get("mutant"):
        MUTANTS[order["mutant"]]()
    live(folder, crash, order.get("fences", True), books)
    (folder / "points.json").write_text(json.dumps(crash.seen))


def main() -> None:
    """Fork a child for every order."""
    warnings.simplefilter("error")
    plugins.entry_points = lambda group: []
    plugins.BUILT_IN["sources"]["gauge"] = "tests.faults.responses_world:Gauge"
    plugins.BUILT_IN["notifiers"]["receiver"] = "tests.faults.world:Receiver"
    plugins.BUILT_IN["actions"]["mark"] = "tests.faults.responses_world:Mark"
    Store.open("sqlite://", None).close()
    books = read()
    obey(lambda order: begin(Path(order["folder"])) if order.get("begin") else child(order, books))


if __name__ == "__main__":
    sys.modules["tests.faults.responses_world"] = sys.modules["__main__"]  # the plug-ins are these very classes
    main()
