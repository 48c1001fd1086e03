"""10,000 hostile label values through every kind of action: each stays one literal part of what the author wrote."""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.responses.actions.samples import until
from tests.responses.actions.sinks import ATOMS, CANARY, HOSTILE, LARGE, Sinks, made_up, sinks
from tests.runbooks.hostile import NAMED
from tests.servers import prometheus

TOGETHER = 20
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@pytest.fixture(scope="module")
def all_sinks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sinks]:
    with sinks(tmp_path_factory.mktemp("sinks")) as found:
        yield found


def test_the_canary_does_run_where_a_shell_reads_a_value() -> None:
    try:
        subprocess.run(["sh", "-c", f"echo {ATOMS[0]}"], check=True, stdout=subprocess.DEVNULL)
        assert CANARY.exists()
    finally:
        CANARY.unlink(missing_ok=True)


def test_the_known_values(all_sinks: Sinks) -> None:
    values = [*NAMED, *ATOMS, *LARGE]
    for i in range(0, len(values), TOGETHER):
        all_sinks.through(values[i : i + TOGETHER])


@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
@given(values=st.lists(HOSTILE, min_size=1, max_size=TOGETHER))
def test_values_that_were_thought_of_anew(all_sinks: Sinks, values: list[str]) -> None:
    all_sinks.through(values)


@pytest.mark.long
@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(values=st.lists(HOSTILE, min_size=TOGETHER, max_size=TOGETHER))
def test_many_values_that_were_thought_of_anew(all_sinks: Sinks, values: list[str]) -> None:
    all_sinks.through(values)


@contextlib.contextmanager
def exporter(values: list[str]) -> Iterator[str]:
    """A page of metrics, one series for each value."""
    page = "".join(f'hostile{{n="{i}",value="{escaped(value)}"}} {i}\n' for i, value in enumerate(values)).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(page)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def scraped(folder: Path, values: list[str]) -> list[str]:
    """The values as a Prometheus gives them that has scraped them."""
    interval_s = 1 if len(values) < 1000 else 10
    with exporter(values) as url, prometheus(folder, {"hostile": url}, interval_s=interval_s) as server:
        found: dict[int, str] = {}

        def there() -> bool:
            query = urllib.parse.urlencode({"query": "hostile"})
            with urllib.request.urlopen(f"{server}/api/v1/query?{query}", timeout=60) as answer:
                for one in json.load(answer)["data"]["result"]:
                    found[int(one["metric"]["n"])] = one["metric"].get("value", "")
            return len(found) == len(values)

        until(there, 120.0)
        return [found[i] for i in range(len(values))]


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.row("X1")
def test_values_from_an_exporter_through_prometheus(tmp_path: Path, all_sinks: Sinks, count: int) -> None:
    values = made_up(10_000, seed=7)[-count:]
    assert len(set(values)) == count
    found = scraped(tmp_path, values)
    assert found == values
    for i in range(0, count, TOGETHER):
        all_sinks.through(found[i : i + TOGETHER])
