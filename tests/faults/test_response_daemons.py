"""Two real daemons on one real PostgreSQL: who leads is stopped amid a step for longer than its lease, and goes on later.

The target is a server that compares the fencing token, and is asked whether a step is done.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aiops.store import Store
from aiops.store.response_rows import Run
from aiops.store.responses import Responses
from tests.postgres import Server
from tests.postgres import postgres as postgres
from tests.responses.actions.samples import Seen, until, web
from tests.responses.rig import book, early

ROOT = Path(__file__).parents[2]
WITHIN_S, AFTER_S = 240.0, 12.0
pytestmark = pytest.mark.long


@dataclass
class Target:
    """Takes a change unless a higher token was here; stops a process amid the first one, before or after it took effect."""

    when: str
    effects: Counter[str] = field(default_factory=Counter)
    tokens: list[int] = field(default_factory=list)
    highest: int = 0
    stops: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, seen: Seen) -> tuple[int, Any]:
        if seen.method == "GET":
            return 200, {"done": self.effects["PUT /first"] > 0}
        first = self.stops and not self.stopped.is_set()
        if first and self.when == "before":
            self._stop()
            assert self.over.wait(WITHIN_S)
        token = int(seen.headers["x-fencing-token"])
        self.tokens.append(token)
        if token < self.highest:
            return 412, {"why": "a higher token was here"}
        self.highest = token
        self.effects[f"{seen.method} {seen.target}"] += 1
        if first and self.when == "after":
            self._stop()
        return 200, {}

    def _stop(self) -> None:
        os.kill(self.stops, signal.SIGSTOP)
        self.stopped.set()


def runbook(url: str) -> dict[str, Any]:
    """What is done never helps, so that it is taken back."""

    def sent(method: str, path: str) -> dict[str, Any]:
        return {"uses": "http", "timeout": "20s", "with": {"method": method, "url": f"{url}/{path}", "json": {}}}

    check = {"url": f"{url}/first", "expect": "response.done"}
    first = {**sent("PUT", "first"), "id": "first", "effect": "write", "check": check, "irreversible": "It stays as it is."}
    undo = {**sent("DELETE", "second"), "idempotent": True}
    second = {**sent("PUT", "second"), "id": "second", "effect": "write", "idempotent": True, "undo": undo}
    never = {"within": "1s", "all": [{"name": "never", "promql": "absent(nothing)", "expect": "> 0"}]}
    return book(first, second, mode="auto", verify=never)


@contextlib.contextmanager
def daemon(folder: Path, name: str, url: str, host: str) -> Iterator[subprocess.Popen[bytes]]:
    """One that carries responses on, with a data directory of its own."""
    config = folder / f"{name}.json"
    responses = {"ceiling": "auto", "actions": {"http": {"hosts": [host], "networks": ["127.0.0.0/8"]}}}
    said = {"runbooks": ["books"], "data_dir": name, "store": {"url": url}, "responses": responses}
    config.write_text(json.dumps(said))
    command = [sys.executable, "-m", "aiops", "run", "--only", "responses", "--config", str(config)]
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_was_stopped_amid_a_step_does_nothing_more(postgres: Server, tmp_path: Path, when: str) -> None:
    url, target = postgres.database(), Target(when)
    (tmp_path / "books").mkdir()
    with contextlib.ExitStack() as held:
        there = held.enter_context(web(target.answer))
        (tmp_path / "books" / "mend.yaml").write_text(json.dumps(runbook(there.url)))
        store = held.enter_context(contextlib.closing(Store.open(url, None, alone=False)))
        runs = Responses(store)
        one = held.enter_context(daemon(tmp_path, "a", url, there.host))
        target.stops = one.pid
        with store.transaction() as tx:
            tx.put_warning(early(1, time.time()))
        until(target.stopped.is_set, WITHIN_S)
        held.enter_context(daemon(tmp_path, "b", url, there.host))
        until(lambda: ended(runs), WITHIN_S)
        of_both = list(target.tokens)
        os.kill(one.pid, signal.SIGCONT)
        target.over.set()
        time.sleep(AFTER_S)
        assert one.poll() is None, (tmp_path / "a.log").read_text()[-2000:]
        (run,) = runs.newest()
        steps = [(row.step_id, row.state, row.epoch) for row in runs.steps(run.id)]
        assert store.verify_ledger().ok
    began = 1 if when == "after" else 2  # what the other found to be done it did not begin again
    assert (run.state, steps) == ("undone", [("first", "DONE", began), ("second", "DONE", 2), ("second", "DONE", 2)])
    assert target.effects == {"PUT /first": 1, "PUT /second": 1, "DELETE /second": 1}
    assert target.tokens == of_both + ([1] if when == "before" else []), "the late one was refused, and nothing else was sent"


def ended(runs: Responses) -> list[Run]:
    return [run for run in runs.newest() if run.ended]
