"""The start mode without sources as a process of its own, with real programs, killed at its system calls by strace.

A kill may hit the daemon or a keeper of a program, at a write, a sync, a rename or the start of a program, and comes again at the
same place in the next life: each life gets further.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aiops.store import Store
from aiops.store.responses import Responses
from tests.responses.rig import book, early

ROOT = Path(__file__).parents[2]
LIFE_S, LIVES = 60.0, 4
CALLS = ("pwrite64", "fdatasync", "rename", "execve", "fsync", "write")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]


def tee(folder: Path, word: str) -> dict[str, Any]:
    return {"argv": ["tee", "-a", str(folder / "marks")], "stdin_json": word}


def world(folder: Path) -> Path:
    """Files, and a store with one warning. What is done never helps, so that it is taken back."""
    write = {"uses": "exec", "effect": "write", "timeout": "20s"}
    check = {"argv": ["grep", "-q", "first", str(folder / "marks")], "expect": "response.rc == 0"}
    undo = {"uses": "exec", "with": tee(folder, "undone"), "timeout": "20s"}
    steps = [
        {**write, "id": "first", "with": tee(folder, "first"), "check": check, "irreversible": "A mark stays where it is."},
        {**write, "id": "second", "with": tee(folder, "second"), "idempotent": True, "undo": undo},
    ]
    never = {"within": "1s", "all": [{"name": "never", "promql": "absent(nothing)", "expect": "> 0"}]}
    (folder / "books").mkdir()
    (folder / "books" / "mend.yaml").write_text(json.dumps(book(*steps, mode="auto", verify=never)))
    (folder / "marks").touch()
    programs = {name: str(shutil.which(name)) for name in ("tee", "grep")}
    responses = {"ceiling": "auto", "actions": {"exec": {"programs": programs}}}
    config = folder / "aiops.yaml"
    config.write_text(json.dumps({"runbooks": ["books"], "data_dir": "data", "responses": responses}))
    store = Store.open("", folder / "data")
    with store.transaction() as tx:
        tx.put_warning(early(1, time.time()))
    store.close()
    return config


def live(config: Path, *strace: str) -> bool:
    """Until the response has ended, or the process was killed; whether it was."""
    command = [*strace, sys.executable, "-m", "aiops", "run", "--only", "responses", "--config", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + LIFE_S
    try:
        while process.poll() is None and time.monotonic() < until and not ended(config.parent):
            time.sleep(0.2)
        killed = process.poll() is not None
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    return killed


def ended(folder: Path) -> bool:
    store = Store.reading("", folder / "data")
    with closing(store):
        return any(run.ended for run in Responses(store).newest())


def wrongs(folder: Path) -> Iterator[str]:
    """What does not hold at the end. A step may have failed: its program was killed, or its keeper before that began."""
    marks = Counter(json.loads(one) for one in (folder / "marks").read_text().replace('""', '"\n"').splitlines())
    if marks["first"] > 1 or marks["undone"] > 1:
        yield f"marks: {dict(marks)}"
    store = Store.reading("", folder / "data")
    with closing(store):
        runs = Responses(store)
        (run,) = runs.newest()
        steps = {(row.step_id, row.klass): row.state for row in runs.steps(run.id)}
        stopped = {"UNKNOWN", "FAILED"} & set(steps.values())
        if run.state != ("needs_a_person" if stopped else "undone"):
            yield f"{run.state} with {steps}: {run.body.get('why')}"
        said = {("first", "checked"): "first", ("second", "idempotent"): "second", ("second", "once"): "undone"}
        for one, word in said.items():
            if steps.get(one) == "DONE" and not marks[word]:
                yield f"{word} is done, it says, and was not"
            if steps.get(one) == "FAILED" and marks[word] and "before it began" in run.body["why"]:
                yield f"{word} was never begun, it says, and was: {run.body['why']}"
        if not store.verify_ledger().ok:
            yield "the ledger does not fit"


def test_undisturbed_it_is_taken_back(tmp_path: Path) -> None:
    assert not live(world(tmp_path))
    assert list(wrongs(tmp_path)) == []


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("when", [1, 3, 8, 21])
def test_killed_at_a_system_call_nothing_is_done_twice(tmp_path: Path, call: str, when: int) -> None:
    config = world(tmp_path)
    killing = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}")
    kills = 0
    while kills < LIVES and live(config, "strace", "-D", "-f", "-qq", "-o", "/dev/null", *killing):
        kills += 1
    live(config)
    print(f"{kills} kills")
    assert kills or call != "pwrite64"
    assert list(wrongs(tmp_path)) == []
