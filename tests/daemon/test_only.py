"""`aiops run --only responses`: a process that carries on what the store holds, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aiops.config.settings import Settings
from aiops.core.errors import AiopsError
from aiops.daemon.only import ResponsesOnly
from aiops.store import Store
from aiops.store.responses import Responses
from tests.responses.rig import book, early

LOOK = {"id": "look", "uses": "compute", "with": {"n": "1 + 1"}}


def files(folder: Path) -> Path:
    """A configuration, a runbook, and a store with one warning."""
    one = book(LOOK, mode="suggest", guards=None, approval=None, verify=None)
    (folder / "books").mkdir()
    (folder / "books" / "mend.yaml").write_text(json.dumps(one))
    config = folder / "aiops.yaml"
    config.write_text(json.dumps({"runbooks": ["books"], "data_dir": "data", "responses": {"ceiling": "auto"}}))
    store = Store.open("", folder / "data")
    with store.transaction() as tx:
        tx.put_warning(early(1, time.time()))
    store.close()
    return config


def test_it_begins_carries_on_tells_and_ends_at_a_signal(tmp_path: Path) -> None:
    config = files(tmp_path)
    command = [sys.executable, "-m", "aiops", "run", "--only", "responses", "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    try:
        until = time.monotonic() + 60
        state = ""
        while state != "suggested" and process.poll() is None and time.monotonic() < until:
            time.sleep(0.2)
            store = Store.reading("", tmp_path / "data")
            state = next((run.state for run in Responses(store).newest()), "")
            store.close()
        assert state == "suggested"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        said, _ = process.communicate()
    begun, ended = said.splitlines()
    assert f"carrying on responses, 1 runbook; no source is watched, nothing is served; data in {tmp_path / 'data'}" in begun
    assert ended == "stopped"


def test_a_second_one_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    one = ResponsesOnly(settings)
    with pytest.raises(AiopsError, match="in use by pid"):
        ResponsesOnly(settings)
    one.close()
    ResponsesOnly(settings).close()


def test_a_clock_that_jumps_is_not_believed_at_once(tmp_path: Path) -> None:
    files(tmp_path)
    now = [time.time()]
    from aiops.config.settings import load_settings

    only = ResponsesOnly(load_settings(tmp_path / "aiops.yaml"), lambda: now[0])
    only.responding.keep()
    only.once()
    assert only.responding.engine.settle(30)
    with only.store.transaction() as tx:
        tx.put_warning(early(2, now[0]))
    now[0] += 7200
    only.once()
    assert len(only.responding.runs.newest()) == 1
    with only.store.transaction() as tx:
        tx.put_warning(early(2, now[0]))  # of what nobody has spoken of for two hours nothing is begun
    only.responding.keep()
    only.once()
    assert only.responding.engine.settle(30)
    assert len(only.responding.runs.newest()) == 2
    only.close()
