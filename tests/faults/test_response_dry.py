"""What is only tried changes nothing: by the system calls of a real daemon and of the author's commands."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.daemon import health
from aiops.store import Store
from aiops.store.responses import Responses
from tests.responses.actions.samples import Web, until, web
from tests.responses.rig import book, early
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
LOOKS_S, WITHIN_S = 30.0, 180.0
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace"),
]


def world(folder: Path, there: Web, port: int) -> Path:
    """One warning, and a runbook that acts on it by itself: a program and a request."""
    write = {"effect": "write", "idempotent": True, "timeout": "20s", "irreversible": "A mark stays where it is."}
    program = {**write, "id": "program", "uses": "exec", "with": {"argv": ["touch", str(folder / "touched")]}}
    request = {**write, "id": "request", "uses": "http", "with": {"method": "PUT", "url": f"{there.url}/x", "json": {}}}
    verify = {"within": "1s", "all": [{"name": "never", "promql": "absent(nothing)", "expect": "> 0"}]}
    for name in ("books", "cards"):
        (folder / name).mkdir()
    (folder / "books" / "mend.yaml").write_text(json.dumps(book(program, request, mode="auto", verify=verify)))
    shutil.copy(ROOT / "models" / "cpu_saturation.yaml", folder / "cards")
    actions = {
        "exec": {"programs": {"touch": shutil.which("touch")}},
        "http": {"hosts": [there.host], "networks": ["127.0.0.0/8"]},
    }
    said: dict[str, Any] = {"runbooks": ["books"], "cards": ["cards"], "data_dir": "data", "web": {"listen": f"127.0.0.1:{port}"}}
    config = folder / "aiops.yaml"
    config.write_text(json.dumps({**said, "responses": {"ceiling": "auto", "actions": actions}}))
    with contextlib.closing(Store.open("", folder / "data")) as store, store.transaction() as tx:
        tx.put_warning(early(1, time.time()))
    return config


@contextlib.contextmanager
def traced(calls: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the program with the programs that it starts and the addresses that it turns to written down."""
    strace = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=execve,connect", "-o", str(calls))
    with open(calls.with_suffix(".log"), "wb") as log:
        process = subprocess.Popen(
            [*strace, sys.executable, "-m", "aiops", *command], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:  # the whole group: strace alone would let go of the daemon and leave it behind
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)


def started(calls: Path) -> list[str]:
    """Programs that began."""
    return re.findall(r'execve\("([^"]*)".* = 0$', calls.read_text("utf-8", "replace"), re.MULTILINE)


def turned_to(calls: Path) -> list[str]:
    """Addresses of the network that something was to be sent to."""
    return re.findall(r"connect\(\d+, \{sa_family=AF_INET6?, (.*?)\}", calls.read_text("utf-8", "replace"))


@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.row("R24")
def test_a_dry_run_starts_no_program_and_turns_to_nobody(tmp_path: Path, dry: bool) -> None:
    calls, port = tmp_path / "calls", free_port()
    with web() as there:
        config = str(world(tmp_path, there, port))
        kept = Store.reading("", tmp_path / "data")
        with traced(calls, "run", *(["--dry-run"] if dry else []), "--config", config), contextlib.closing(kept):
            until(lambda: health.ask(f"http://127.0.0.1:{port}")[0], WITHIN_S)
            if dry:
                time.sleep(LOOKS_S)
            else:
                until(lambda: any(run.ended for run in Responses(kept).newest()), WITHIN_S)
        acted = (tmp_path / "touched").exists(), len(there.seen)
    assert acted == ((False, 0) if dry else (True, 1))
    assert any(one.endswith("/touch") for one in started(calls)) is not dry
    assert any(f"htons({there.port})" in one for one in turned_to(calls)) is not dry


@pytest.mark.parametrize(
    "command",
    [
        ("test", "runbooks"),
        ("check", "runbooks"),
        ("runbooks", "explain", "--symptom", "SYMPTOM"),
        ("runbooks", "plan", "disk-filling-up", "--symptom", "SYMPTOM"),
        ("runbooks", "export", "disk-filling-up", "--cacao"),
    ],
    ids=" ".join,
)
def test_what_an_author_asks_starts_no_program_and_turns_to_nobody(tmp_path: Path, command: tuple[str, ...]) -> None:
    labels = {"instance": "db1:9100", "mountpoint": "/var", "fstype": "ext4"}
    symptom = {"kind": "forecast", "signal": "filesystem_free_ratio", "lead_time": "6h", "confidence": 0.9, "labels": labels}
    (tmp_path / "symptom.json").write_text(json.dumps(symptom))
    calls = tmp_path / "calls"
    words = [str(tmp_path / "symptom.json") if word == "SYMPTOM" else word for word in command]
    with traced(calls, *words) as process:
        assert process.wait(WITHIN_S) == 0, calls.with_suffix(".log").read_text()[-2000:]
    assert (len(started(calls)), turned_to(calls)) == (1, [])
