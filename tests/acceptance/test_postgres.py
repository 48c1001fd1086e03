"""The real daemon with its store on a real PostgreSQL: a second one waits its turn, another machine goes on, an outage ends."""

from __future__ import annotations

import json
import signal
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.daemon import Aiops, until
from tests.postgres import Server, running

pytestmark = pytest.mark.acceptance


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as one:
        yield one


def config_in(folder: Path, server: Server, url: str) -> Path:
    folder.mkdir()
    path = folder / "aiops.yaml"
    path.write_text(f"sources:\n  host: {{kind: host, step: 5s}}\nstore: {{url: '{url}'}}\n")
    return path


def last_success(daemon: Aiops) -> float:
    """When the last good turn of any watch ended, by its metrics."""
    name = "aiops_turn_last_success_timestamp_seconds{"
    found = [line.rsplit(" ", 1)[1] for line in daemon.get("/metrics", text=True).splitlines() if line.startswith(name)]
    return max(map(float, found), default=0.0)


def is_ready(daemon: Aiops) -> bool:
    try:
        return "ready" in daemon.get("/-/ready", text=True)
    except OSError:
        return False


def status(daemon: Aiops, path: str) -> tuple[int, str]:
    """What a path is answered with, whatever that is."""
    try:
        return 200, daemon.get(path, text=True)
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


@pytest.mark.row("A18")
def test_another_machine_goes_on_where_one_stopped(tmp_path: Path, server: Server) -> None:
    url = server.database()
    first_folder, second_folder = tmp_path / "first", tmp_path / "second"
    first, second = config_in(first_folder, server, url), config_in(second_folder, server, url)
    with Aiops.started(first_folder, first) as one:
        until(lambda: is_ready(one), 60, "ready on PostgreSQL")
        other = Aiops(second_folder, second, one.url)
        refused = other.command("run", "--config", str(second), "--listen", "127.0.0.1:0")
        assert refused.returncode == 1
        assert "in use by aiops" in refused.stderr
        assert one.stop(signal.SIGKILL) == -signal.SIGKILL
    with Aiops.started(second_folder, second) as two:
        until(lambda: is_ready(two), 60, "the other one is ready")
        server.stop()
        until(lambda: "is PostgreSQL running" in two.output(), 60, "the outage is told")
        assert two.process is not None
        assert two.process.poll() is None
        for path in ("/api/v1/warnings?match=a=b", "/api/v1/outcomes?match=a=b", "/warnings/x"):
            code, said = status(two, path)
            assert (code, "PostgreSQL" in said) == (503, True), (path, said)
        assert status(two, "/-/healthy") == (200, "healthy\n")
        until(lambda: status(two, "/-/ready")[0] == 503, 60, "not ready without a store")
        server.start()
        before = last_success(two)
        until(lambda: last_success(two) > before, 60, "it goes on")
        found = two.command("audit", "verify", "--config", str(second), "-o", "json")
        assert (found.returncode, json.loads(found.stdout)["ok"]) == (0, True)
        assert two.command("warnings", "list", "--config", str(second), "-o", "json").returncode == 0
        assert two.stop() == 0
    assert _ledger(server, url).count("genesis") == 1


def _ledger(server: Server, url: str) -> list[object]:
    name = url.split("/")[3].split("?")[0]
    with server.connection(name) as c:
        return [row[0] for row in c.execute("SELECT action FROM ledger ORDER BY seq")]
