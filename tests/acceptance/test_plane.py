"""Two real Prometheus servers that scrape one host are one plane: each series once, and one that dies costs nothing."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.acceptance.daemon import Aiops, until

pytestmark = pytest.mark.acceptance

STEP_S = 2
QUERY = 'node_cpu_seconds_total{mode="idle"}'
CARD = {
    "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "idle", "summary": "A core is unlike itself.", "owner": {"team": "t"},
    "query": f"rate({QUERY}[10s])", "unit": "1", "step": f"{STEP_S}s", "entity": ["instance"], "detect": {"model": "seasonal"},
}  # fmt: skip


@dataclass
class Pair:
    """The daemon, and two servers of which the first can be stopped."""

    aiops: Aiops
    first: ExitStack
    start_first: Callable[[], ExitStack]
    urls: dict[str, str]

    def series(self) -> dict[str, float]:
        """State to count, of the one card."""
        text = self.aiops.get("/metrics", text=True)
        return {m[1]: float(m[2]) for m in re.finditer(r'aiops_series\{card="idle",state="(\w+)"\} (\S+)', text)}

    def ready(self) -> dict[str, Any]:
        """The body of /-/ready, whatever its status."""
        try:
            return dict(self.aiops.get("/-/ready"))
        except urllib.error.HTTPError as e:
            with e:
                return dict(json.load(e))

    def newest_s(self) -> int:
        return max((row["at"] for row in self.aiops.get("/api/v1/series?limit=10")), default=0)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        node = stack.enter_context(servers.node_exporter())
        port = servers.free_port()

        def start_first() -> ExitStack:
            own = ExitStack()
            own.enter_context(servers.prometheus(tmp_path / "a", {"node": node}, interval_s=1, port=port))
            return own

        first = start_first()
        second = stack.enter_context(servers.prometheus(tmp_path / "b", {"node": node}, interval_s=1))
        urls = {"a": f"http://127.0.0.1:{port}", "b": second}
        sources = {
            name: {
                "kind": "prometheus", "url": url, "priority": 10 if name == "a" else 0, "data_class": "internal",
                "labels": {"cluster": "eu", "prometheus_replica": name}, "limits": {"seconds": "5s"},
            }
            for name, url in urls.items()
        }  # fmt: skip
        (tmp_path / "cards").mkdir()
        (tmp_path / "cards" / "idle.yaml").write_text(json.dumps(CARD))
        (tmp_path / "aiops.yaml").write_text(json.dumps({"sources": sources, "cards": ["cards"]}))
        until(lambda: asked(second, f"count({QUERY})"), 60, "the second server has samples")
        aiops = stack.enter_context(Aiops.started(tmp_path, tmp_path / "aiops.yaml"))
        found = Pair(aiops, first, start_first, urls)
        try:
            yield found
        finally:
            found.first.close()


def asked(url: str, query: str) -> list[Any]:
    with urllib.request.urlopen(f"{url}/api/v1/query?query={urllib.parse.quote(query)}", timeout=10) as answer:
        return list(json.load(answer)["data"]["result"])


def test_each_series_is_one_and_a_server_that_dies_and_comes_back_costs_nothing(pair: Pair) -> None:
    aiops = pair.aiops
    cores = int(asked(pair.urls["b"], f"count({QUERY})")[0]["value"][1])
    until(lambda: pair.ready()["ready"], 60, "it is ready")
    until(lambda: sum(pair.series().values()) == cores, 60, f"{cores} series, each of which both servers have")

    pair.first.close()
    until(lambda: "a" in pair.ready()["failing"], 60, "the dead server is named")
    assert pair.ready()["ready"] is True
    before = pair.newest_s()
    until(lambda: pair.newest_s() >= before + 3 * STEP_S, 60, "the card goes on with the other server")
    assert pair.series().get("stale", 0) == 0

    pair.first = pair.start_first()
    until(lambda: pair.ready()["failing"] == {}, 120, "the server is back")
    assert sum(pair.series().values()) == cores
    log = aiops.output()
    assert log.count("source failed") == 1
    assert log.count("source is well again") == 1
    assert [w for w in aiops.warnings() if w["kind"] == "conflict"] == []
    assert aiops.stop() == 0
