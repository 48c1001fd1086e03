"""A daemon with one good source and many hostile ones: the good card keeps its turns, each bad source is named and heals."""

from __future__ import annotations

import gc
import gzip
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import structlog

from tests.daemon.rig import Rig, calm, card
from tests.daemon.rig import rig as rig
from tests.daemon.test_metrics import scraped

# urllib3 lets go of the socket of a body that was cut off before it closes it; it is freed all the same
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")
PATIENCE_S = 60.0
CAPS = {"series": 1000, "bytes": 32 * 2**20, "seconds": "2s"}
Series = list[tuple[dict[str, str], list[tuple[float, str]]]]


def matrix(kind: str, series: Series) -> bytes:
    """An answer as Prometheus writes it."""
    key = "values" if kind == "matrix" else "value"
    rows = [{"metric": labels, key: points if kind == "matrix" else points[-1]} for labels, points in series]
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": rows}}, separators=(",", ":")).encode()


def sane(times: list[int]) -> Series:
    return [({"instance": "x"}, [(t, "0.5") for t in times])]


def odd_numbers(times: list[int]) -> Series:
    return [({"instance": v}, [(t, v) for t in times]) for v in ("NaN", "+Inf", "-Inf", "0.5")]


def duplicates(times: list[int]) -> Series:
    return [({"instance": "x"}, [(t, v) for t in times for v in ("7", "0.5")]), ({"instance": "y"}, [(t, "0.5") for t in times])]


def out_of_order(times: list[int]) -> Series:
    return [({"instance": "x"}, [(t, "0.5") for t in reversed(times)])]


def from_the_future(times: list[int]) -> Series:
    return [({"instance": "x"}, [(t, "0.5") for t in times] + [(times[-1] + 7200 + i, "9") for i in range(5)])]


STRANGE: dict[str, Callable[[list[int]], Series]] = {
    "odd_numbers": odd_numbers, "duplicates": duplicates, "out_of_order": out_of_order, "from_the_future": from_the_future,
}  # fmt: skip
FAILING = {
    "hang": "timeout", "drip": "timeout", "page": "not_prometheus", "busy": "server_error", "refused": "auth",
    "bomb": "too_many_bytes", "far_too_many": "too_many_series", "nonsense": "bad_data", "no_json": "not_prometheus",
    "cut": "unreachable",
}  # fmt: skip


class Hostile:
    """A server whose path says how it behaves; once `well`, it behaves."""

    def __init__(self) -> None:
        self.well, self.over = False, threading.Event()
        self.bomb = gzip.compress(b"0" * 64 * 2**20, 1)
        many: Series = [({"instance": str(i)}, [(int(time.time()), "1")]) for i in range(100_000)]
        self.many = {kind: matrix(kind, many) for kind in ("matrix", "vector")}

    def answer(self, to: http.server.BaseHTTPRequestHandler) -> None:
        way, _, path = to.path.lstrip("/").partition("/")
        asked = {k: float(v[0]) for k, v in parse_qs(urlsplit(path).query).items() if k in ("start", "end", "step", "time")}
        kind = "matrix" if "query_range" in path else "vector"
        first, last = int(asked.get("start", asked.get("time", 0))), int(asked.get("end", asked.get("time", 0)))
        times = list(range(first, last + 1, int(asked.get("step", 1))))
        if way in STRANGE:
            self._send(to, 200, matrix(kind, STRANGE[way](times)))
        elif self.well:
            self._send(to, 200, matrix(kind, sane(times)))
        else:
            getattr(self, f"_{way}")(to, kind, times)

    def _send(self, to: Any, status: int, body: bytes, **headers: str) -> None:
        to.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
            to.send_header(name.replace("_", "-"), value)
        to.end_headers()
        to.wfile.write(body)

    def _hang(self, *_: Any) -> None:
        self.over.wait(PATIENCE_S)

    def _drip(self, to: Any, kind: str, times: list[int]) -> None:
        to.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        while not self.over.wait(0.1):
            to.wfile.write(b" ")

    def _page(self, to: Any, *_: Any) -> None:
        self._send(to, 200, b"<html>Sign in\n<script>alert(1)</script></html>", Content_Type="text/html")

    def _busy(self, to: Any, *_: Any) -> None:
        self._send(to, 503, b"come back later", Retry_After="3600")

    def _refused(self, to: Any, *_: Any) -> None:
        self._send(to, 401, b"who are you")

    def _bomb(self, to: Any, *_: Any) -> None:
        self._send(to, 200, self.bomb, Content_Encoding="gzip")

    def _far_too_many(self, to: Any, kind: str, times: list[int]) -> None:
        self._send(to, 200, self.many[kind])

    def _nonsense(self, to: Any, kind: str, times: list[int]) -> None:
        self._send(to, 200, matrix(kind, sane(times)).replace(b'{"instance":"x"}', b'{"instance":[{}]}'))

    def _no_json(self, to: Any, *_: Any) -> None:
        self._send(to, 200, b'{"status":"success","data":')

    def _cut(self, to: Any, kind: str, times: list[int]) -> None:
        self._send(to, 200, matrix(kind, sane(times))[:-5], Content_Length="100000")


@contextmanager
def serving(hostile: Hostile) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                hostile.answer(self)
            except OSError:  # the daemon hung up, as it should
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = False  # closing it waits for its threads, so that none is left

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            hostile.over.set()
            server.shutdown()


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


@pytest.fixture
def hostile(rig: Rig) -> Iterator[Hostile]:
    """The daemon runs on the real clock at a 1 s step, with every hostile source beside the good one."""
    found = Hostile()
    with serving(found) as url:
        rig.world.add("free", {"instance": "a"}, calm())
        rig.world.begins_s = int(time.time()) - 600
        rig.clock = time.time  # type: ignore[assignment]
        rig.sources = {"made": {"kind": "made", "step": "1s"}}
        for way in (*FAILING, *STRANGE):
            rig.sources[way] = {"kind": "prometheus", "url": f"{url}/{way}", "step": "1s", "labels": {"way": way}}
        rig.more = {"limits": CAPS}
        rig.start(card(step="1s", history="1m"))
        try:
            yield found
        finally:
            rig.stop()
            gc.collect()  # what was cut off is freed here, and not in somebody else's test


def test_a_good_source_keeps_its_turns_and_every_bad_one_is_named_and_heals(rig: Rig, hostile: Hostile) -> None:
    daemon = rig.daemon
    assert daemon is not None
    board = daemon.board

    def good_turns() -> int:
        return board.counters["jobs", "turn disk@made", "ok"]

    with structlog.testing.capture_logs(processors=[structlog.processors.format_exc_info]) as logs:
        daemon.start()
        assert eventually(lambda: set(daemon.board.ready()[1]["failing"]) == set(FAILING))  # type: ignore[call-overload]
        before = good_turns()
        assert eventually(lambda: good_turns() >= before + 3), "the good card must go on while the others fail"
        ok, body = board.ready()
        assert ok, "one good source is enough"
        assert {way: str(why).partition(":")[0] for way, why in body["failing"].items()} == FAILING  # type: ignore[attr-defined]
        found = scraped(daemon)
        assert {way for (way,), up in found["aiops_source_up"].items() if not up} == set(FAILING)
        counted = found["aiops_source_errors_total"]
        assert set(counted) == {(kind, way) for way, kind in FAILING.items()}
        told = [one for one in logs if one["event"] == "source failed"]
        assert {one["source"] for one in told} == set(FAILING)
        assert len(told) == len(FAILING), "an outage is told once"
        assert "\n" not in "".join(str(one["error"]) for one in told)
        hostile.well = True
        assert eventually(lambda: not board.ready()[1]["failing"]), board.ready()
        assert {one["source"] for one in logs if one["event"] == "source is well again"} == set(FAILING)
    assert [one for one in logs if one["log_level"] == "error"] == []


def test_strange_samples_never_reach_a_model(rig: Rig, hostile: Hostile) -> None:
    daemon = rig.daemon
    assert daemon is not None
    for _ in range(2):
        rig.turn("disk@made")
        time.sleep(1.1)
    window = rig.watch("disk@made").window
    _, values = window.newest(30)
    assert window.end_s <= time.time(), "nothing from the future"
    for way in STRANGE:
        assert daemon.board.sources()[way] == "", way
        mine = values[[labels.get("way") == way for labels in window.labels]]
        assert set(mine[np.isfinite(mine)].tolist()) == {0.5}, way
