"""The real daemon as its own process, for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers import free_port


@dataclass
class Aiops:
    """`aiops run` in a folder of its own."""

    folder: Path
    config: Path | None
    url: str
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def started(cls, folder: Path, config: Path | None = None) -> Iterator[Aiops]:
        """Started and answering; stopped at the end, hard if need be."""
        found = cls(folder, config, f"http://127.0.0.1:{free_port()}")
        try:
            found.start()
            yield found
        finally:
            if found.process is not None and found.process.poll() is None:
                found.process.kill()
                found.process.wait()
            print(found.output()[-8000:])  # shown where a test failed

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start it and wait until it answers."""
        chosen = [] if self.config is None else ["--config", str(self.config)]
        listen = self.url.removeprefix("http://")
        command = [sys.executable, "-m", "aiops", "run", *chosen, "--data-dir", str(self.data_dir), "--listen", listen]
        with open(self.folder / "aiops.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert self.process.poll() is None, f"it ended: {self.output()[-2000:]}"
            try:
                self.get("/-/healthy", text=True)
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise AssertionError(f"it does not answer: {self.output()[-2000:]}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)

    def output(self) -> str:
        log = self.folder / "aiops.log"
        return log.read_text(errors="replace") if log.is_file() else ""

    def get(self, path: str, text: bool = False) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            body = answer.read().decode()
        return body if text else json.loads(body)

    def warnings(self) -> list[dict[str, Any]]:
        return list(self.get("/api/v1/warnings?limit=1000"))

    def command(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Another `aiops` command beside it, on the same data directory."""
        command = [sys.executable, "-m", "aiops", *args, "--data-dir", str(self.data_dir)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=dict(os.environ))


def until(what: Callable[[], Any], seconds: float, why: str) -> Any:
    """Wait for something to become true; a generous bound, not a measurement."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.5)
    pytest.fail(f"not within {seconds:.0f} s: {why}")
