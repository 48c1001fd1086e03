"""Real servers from Debian packages on free loopback ports, for tests; each ends with its context."""

from __future__ import annotations

import contextlib
import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

STARTS_WITHIN_S = 60.0


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses every connection, and that nobody else can get meanwhile."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        yield int(s.getsockname()[1])


def binary(name: str, package: str) -> str:
    """The program, or the test is skipped with the package to install."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


def post(url: str, body: bytes = b"") -> None:
    """POST, expecting success."""
    urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=30).close()


@contextlib.contextmanager
def started(command: list[str], url: str, ready: str, log: Path) -> Iterator[str]:
    """Run a server until the context ends; yields `url` once `url + ready` answers 200."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + STARTS_WITHIN_S
        while True:
            assert process.poll() is None, f"{command[0]} ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < end, f"{command[0]} does not answer: {log.read_text()[-2000:]}"
            with contextlib.suppress(OSError), urllib.request.urlopen(url + ready, timeout=5) as answer:
                if answer.status == 200:
                    break
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def prometheus(
    folder: Path, targets: Mapping[str, str] | None = None, interval_s: float = 1, rules: str = "", port: int | None = None,
    external_labels: Mapping[str, str] | None = None, flags: Sequence[str] = (), alertmanager: str = "",
) -> Iterator[str]:  # fmt: skip
    """Prometheus with `folder`/tsdb as its data; `targets`: job to the URL of an exporter; `flags` are further arguments.

    `alertmanager`: the URL of the one that it tells of alerts.
    """
    program, port = binary("prometheus", "prometheus"), port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [url.removeprefix("http://")]}]} for job, url in (targets or {}).items()
    ]
    interval = f"{int(interval_s * 1000)}ms"
    config: dict[str, Any] = {"global": {"scrape_interval": interval, "scrape_timeout": interval}, "scrape_configs": jobs}
    if alertmanager:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}]}
    if external_labels:
        config["global"]["external_labels"] = dict(external_labels)
    if rules:
        (folder / "rules.yml").write_text(rules)
        config |= {"rule_files": [str(folder / "rules.yml")]}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    command = [
        program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle", "--web.enable-remote-write-receiver",
        "--storage.tsdb.retention.time=100y", "--log.level=warn", *flags,
    ]  # fmt: skip
    with started(command, f"http://127.0.0.1:{port}", "/-/ready", folder / "prometheus.log") as url:
        yield url


def load(folder: Path, openmetrics: str) -> None:
    """Put samples into the data of a Prometheus that is not started yet; the text ends with `# EOF`."""
    program = binary("promtool", "prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "samples.om").write_text(openmetrics)
    command = [program, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=240h"]
    subprocess.run([*command, str(folder / "samples.om"), str(folder / "tsdb")], check=True, capture_output=True)


@contextlib.contextmanager
def alertmanager(
    folder: Path, webhook: str, port: int | None = None, inhibit: Sequence[Mapping[str, Any]] = ()
) -> Iterator[str]:
    """Alertmanager that sends every alert, by its name and entity, to `webhook` without waiting; `inhibit`: its inhibit_rules."""
    program, port = binary("prometheus-alertmanager", "prometheus-alertmanager"), port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    route = {"receiver": "hook", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    receivers = [{"name": "hook", "webhook_configs": [{"url": webhook, "send_resolved": True}]}]
    (folder / "alertmanager.yml").write_text(json.dumps({"route": route, "receivers": receivers, "inhibit_rules": list(inhibit)}))
    command = [
        program, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=warn",
    ]  # fmt: skip
    with started(command, f"http://127.0.0.1:{port}", "/-/ready", folder / "alertmanager.log") as url:
        yield url


@contextlib.contextmanager
def node_exporter(*flags: str, log: Path | None = None) -> Iterator[str]:
    """node_exporter of this machine."""
    program, port = binary("prometheus-node-exporter", "prometheus-node-exporter"), free_port()
    command = [program, f"--web.listen-address=127.0.0.1:{port}", *flags]
    with started(command, f"http://127.0.0.1:{port}", "/metrics", log or Path("/dev/null")) as url:
        yield url


@dataclass
class Webhook:
    """A receiver that keeps what it was sent; `answer` is the status it gives."""

    url: str
    received: list[tuple[float, bytes]] = field(default_factory=list)
    answer: int = 200

    def bodies(self) -> list[dict[str, Any]]:
        """What came, in order."""
        return [json.loads(body) for _, body in list(self.received)]


@contextlib.contextmanager
def webhook() -> Iterator[Webhook]:
    """An HTTP server that collects what is POSTed to it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.received.append((time.time(), body))
            self.send_response(found.answer)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Webhook(f"http://127.0.0.1:{server.server_address[1]}/")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
