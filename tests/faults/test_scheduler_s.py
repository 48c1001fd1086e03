"""Rows S that touch telemetry: slow sources, many jobs at once, a long sleep, no files left, a broken reload."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from aiops.daemon.schedule import Schedule
from tests.acceptance.daemon import Aiops
from tests.daemon.rig import Rig
from tests.faults.plant import STEP_S, disk, failing, on, strange, turns, window
from tests.faults.proxy import Proxy, late

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")
PATIENCE_S = 60.0


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_S1_a_turn_longer_than_its_interval_is_counted_and_never_silently_skipped(
    rig: Rig, proxy: Proxy, other: Proxy
) -> None:
    rig.clock = time.time  # type: ignore[assignment]
    on(rig, proxy, other, seconds=10, step="1s")
    slow, quick = disk("vector(1)", step="1s", history="1m", sources=["a"], name="slow"), "quick"
    daemon = rig.start(slow, disk("vector(2)", step="1s", history="1m", sources=["b"], name=quick))
    proxy.fault = late(1.3)
    counted = daemon.board.counters
    began = time.time()
    daemon.start()
    assert eventually(lambda: counted["jobs", "turn slow@a", "skipped"] >= 2)
    daemon.stop()
    took = time.time() - began
    run, skipped = counted["jobs", "turn slow@a", "ok"], counted["jobs", "turn slow@a", "skipped"]
    due = run + skipped
    assert took - 3 <= due <= took + 2, "every second was due: run or counted as skipped"
    assert run >= 1
    assert counted["jobs", "turn quick@b", "skipped"] == 0, "one slow source delays no card of another"


def test_S2_two_hundred_jobs_due_at_once_all_run() -> None:
    ran: Counter[str] = Counter()
    results: Counter[str] = Counter()
    lock = threading.Lock()

    def job(name: str) -> None:
        with lock:
            ran[name] += 1

    schedule = Schedule({"one": 1, "two": 2}, lambda name, result, error: results.update([result]))
    first = time.time() - 1
    for i in range(200):
        schedule.every(3600, "one" if i % 2 else "two", f"job {i}", job, f"job {i}", first_s=first)
    schedule.start()
    try:
        assert eventually(lambda: results["ok"] == 200)
    finally:
        schedule.stop()
    assert set(ran.values()) == {1}
    assert len(ran) == 200
    assert set(results) == {"ok"}


def test_S3_after_a_sleep_of_two_hours_one_turn_reads_all_that_was_missed_once(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    rig.start(strange())
    turns(rig, 0, 0)
    proxy.forget()
    rig.clock.now += 7200
    for _ in range(3):
        rig.turn()
    assert len(proxy.calls) == 1
    assert proxy.samples == 4 * 7200 // STEP_S
    assert np.isfinite(window(rig, "strange@a")["a"]).all()


@pytest.mark.acceptance
def test_S6_without_files_left_turns_and_store_go_on_and_the_api_comes_back(tmp_path: Path, proxy: Proxy) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "disk.yaml").write_text(json.dumps(disk("vector(1)", step="1s", history="1m")))
    config = tmp_path / "aiops.yaml"
    source = {"kind": "prometheus", "url": proxy.url, "step": "1s"}
    config.write_text(json.dumps({"sources": {"a": source}, "cards": ["cards"]}))
    with Aiops.started(tmp_path, config) as daemon, contextlib.ExitStack() as held:
        assert eventually(lambda: len(proxy.calls) > 3)
        assert daemon.process is not None
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        where = urlsplit(daemon.url)
        for _ in range(100):
            held.enter_context(socket.create_connection((where.hostname, where.port), timeout=5))
        proxy.forget()
        assert daemon.process.poll() is None
        time.sleep(2)
        held.close()

        def well() -> bool:
            with contextlib.suppress(OSError):
                return daemon.get("/-/ready", text=True) is not None
            return False

        assert eventually(well), daemon.output()[-2000:]
        before = len(proxy.calls)
        assert eventually(lambda: len(proxy.calls) >= before + 3), "it goes on without a restart"
        assert daemon.process.poll() is None
        assert len(daemon.output()) < 200_000, "it is said once, and does not fill the disk"
        assert daemon.output().count("out of system resource") == 1


@pytest.mark.parametrize("text", ["sources: [", "sources: {a: {kind: nonsense}}", "x" * 2_000_000])
def test_S11_a_reload_with_a_broken_file_changes_nothing_of_what_is_read(rig: Rig, proxy: Proxy, text: str) -> None:
    on(rig, proxy)
    daemon = rig.start(disk())
    turns(rig, 0, 0)
    good = rig.config.read_text()
    rig.config.write_text(text)
    assert daemon.reload()
    assert not daemon.board.reload_ok
    turns(rig, 1, 2)
    assert failing(rig) == {}
    assert np.isfinite(window(rig, "disk@a")["a"][-3:]).all()
    rig.config.write_text(good)
    assert daemon.reload() == ""
    turns(rig, 3, 3)
    assert np.isfinite(window(rig, "disk@a")["a"][-4:]).all()
