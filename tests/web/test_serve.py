"""`aiops run` as a process of its own: what it says, its signals, its port, its data directory, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aiops.store import Store
from tests.servers import free_port

PATIENCE_S = 60.0


class Process:
    """`aiops run` with what it printed so far."""

    def __init__(self, folder: Path, *arguments: str, **options: Any) -> None:
        self.data_dir = folder / "data"
        command = [sys.executable, "-m", "aiops", "run", "--data-dir", str(self.data_dir), *arguments]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AIOPS_")}
        self.errors = folder / "stderr"
        with open(self.errors, "ab") as errors:
            pipes = {"stdout": subprocess.PIPE, "stderr": errors} | options
            self.process = subprocess.Popen(command, text=True, env=environment, **pipes)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._collect)
        self._reader.start()

    def _collect(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip("\n"))

    def wait_for_line(self, pattern: str) -> str:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for line in list(self.lines):
                if re.search(pattern, line):
                    return line
            assert self.process.poll() is None, (self.lines, self.errors.read_text()[-2000:])
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} never came: {self.lines}")

    @property
    def url(self) -> str:
        return self.wait_for_line(r"^aiops .*http://").split()[-1]

    def get(self, path: str, url: str = "") -> tuple[int, str]:
        try:
            with urllib.request.urlopen((url or self.url) + path, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read().decode()

    def until_ready(self, url: str = "") -> None:
        end, said = time.monotonic() + PATIENCE_S, (0, "")
        while time.monotonic() < end:
            said = self.get("/-/ready", url)
            if said[0] == 200:
                return
            time.sleep(0.05)
        raise AssertionError(said)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def troubles(self) -> list[dict[str, Any]]:
        """What was logged, but the checkpoints that are told to whoever keeps logs."""
        logged = map(json.loads, self.errors.read_text().splitlines())
        return [one for one in logged if one["event"] != "checkpoint of the ledger"]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def running(folder: Path, *arguments: str, **options: Any) -> Iterator[Process]:
    found = Process(folder, *arguments, **options)
    try:
        yield found
    finally:
        found.close()


def chosen() -> tuple[str, str]:
    return "--listen", f"127.0.0.1:{free_port()}"


def aiops(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "aiops", *arguments], capture_output=True, text=True, check=False)


def test_from_start_to_sigterm_without_any_config(tmp_path: Path) -> None:
    with running(tmp_path, *chosen()) as daemon:
        daemon.until_ready()
        assert daemon.get("/-/healthy") == (200, "healthy\n")
        assert json.loads(daemon.get("/api/v1/status")[1])["sources"] == [{"name": "host", "ok": True, "error": ""}]
        assert daemon.wait_for_line(r"^watching \d{2,} series")
        token = (daemon.data_dir / "token").read_text().strip()
        done = aiops("healthcheck", daemon.url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "healthy\n", "")
        done = aiops("warnings", "list", "--data-dir", str(daemon.data_dir), "-o", "json")
        assert (done.returncode, done.stderr) == (0, "")
        assert daemon.end() == 0
        assert [line.partition("http://")[0] for line in daemon.lines if "http://" in line] == [
            "aiops 0.1.0: ", "log a browser in, once, within 15 min: ",
        ]  # fmt: skip
        assert len([line for line in daemon.lines if token in line]) == 1
        assert daemon.lines[-1] == "stopped"
        assert daemon.troubles() == []
    Store.open("", tmp_path / "data").close()  # the lock is free


def test_it_survives_a_bad_reload_and_a_kill_and_is_alone_in_its_folder(tmp_path: Path) -> None:
    config = tmp_path / "aiops.yaml"
    config.write_text("sources: {host: {kind: host, step: 1s}}\n")
    arguments = ("--config", str(config), *chosen())
    with running(tmp_path, *arguments) as daemon:
        daemon.until_ready()
        done = aiops("run", "--data-dir", str(daemon.data_dir), *chosen())
        assert (done.returncode, done.stdout) == (1, "")
        assert f"in use by pid {daemon.process.pid}; stop it or give another --data-dir" in done.stderr
        config.write_text("sources: {host: {kind: host}}\nroots: []\n")
        daemon.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + PATIENCE_S
        while "reload refused" not in daemon.errors.read_text() and time.monotonic() < end:
            time.sleep(0.05)
        (line,) = daemon.troubles()
        assert "aiops.yaml:2:1" in line["error"]
        assert "aiops_config_last_reload_successful 0.0" in daemon.get("/metrics")[1]
        assert daemon.get("/-/ready")[0] == 200
        assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
    config.write_text("sources: {host: {kind: host, step: 1s}}\n")
    with running(tmp_path, *arguments) as daemon:
        daemon.until_ready()
        done = aiops("audit", "verify", "--data-dir", str(daemon.data_dir))
        assert done.returncode == 0, done.stdout + done.stderr
        assert not any("token" in line for line in daemon.lines), "it is printed when it is made"
        assert daemon.end(signal.SIGINT) == 0
        assert daemon.lines[-1] == "stopped"


@contextmanager
def hanging() -> Iterator[str]:
    """A server that accepts and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with hanging() as url:
        config = tmp_path / "aiops.yaml"
        config.write_text(f"sources: {{p: {{kind: prometheus, url: '{url}'}}}}\nlimits: {{seconds: 1h}}\n")
        with running(tmp_path, "--config", str(config), *chosen()) as daemon:
            assert daemon.get("/-/ready")[0] == 503
            daemon.process.send_signal(signal.SIGTERM)
            daemon.wait_for_line("^stopping")
            with pytest.raises(subprocess.TimeoutExpired):
                daemon.process.wait(1.0)
            assert daemon.end() == 130


def test_a_taken_default_port_gives_way_to_a_free_one(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 9464))
            other.listen()
        except OSError:
            pass  # somebody else has it: just as well
        with running(tmp_path) as daemon:
            daemon.until_ready()
            assert not daemon.url.endswith(":9464")
            assert daemon.end() == 0


def test_a_chosen_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        done = aiops("run", "--data-dir", str(tmp_path / "data"), "--listen", listen)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{listen}: Address already in use; choose another with --listen HOST:PORT\n"
    assert not (tmp_path / "data").exists()


def test_nobody_who_reads_what_it_says_is_needed(tmp_path: Path) -> None:
    port = free_port()
    reading, writing = os.pipe()
    os.close(reading)
    listen, url = ("--listen", f"127.0.0.1:{port}"), f"http://127.0.0.1:{port}"
    with open("/dev/full", "w") as full, running(tmp_path, *listen, stdout=writing, stderr=full) as daemon:
        os.close(writing)
        answers(url + "/-/healthy", daemon.process)
        daemon.process.send_signal(signal.SIGHUP)  # it has something to log
        time.sleep(0.5)
        daemon.until_ready(url)
        assert daemon.end() == 0


def answers(url: str, process: subprocess.Popen[Any]) -> None:
    """Wait until somebody answers 200 there."""
    end, status = time.monotonic() + PATIENCE_S, 0
    while status != 200:
        assert process.poll() is None
        assert time.monotonic() < end
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                status = answer.status
        except OSError:
            time.sleep(0.05)


def test_it_starts_without_any_standard_stream(tmp_path: Path) -> None:
    port = free_port()
    script = f'exec "{sys.executable}" -m aiops run --data-dir "{tmp_path}/data" --listen "[::1]:{port}" <&- >&- 2>&-'
    with subprocess.Popen(["sh", "-c", script]) as process:
        try:
            answers(f"http://[::1]:{port}/-/ready", process)
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
