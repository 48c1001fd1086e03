"""Rows T11 to T14: what is no number, a target that is gone, the same instant twice, samples out of order."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import structlog

from tests.daemon.rig import Rig
from tests.faults.plant import NOW_S, disk, failing, on, strange, turns, window
from tests.faults.proxy import Metric, Point, Proxy, Rewrite, each, proxied, rewritten, values
from tests.servers import prometheus

ODD = ("NaN", "+Inf", "-Inf", "1e400", "-1e400", "0x10", "1_000", "", "null", " 1", "1,5", "Infinity")


def in_place_of(text: str) -> Rewrite:
    """The newest hour of one series says `text`."""
    after = 1_750_000_200 + NOW_S - 3600

    def change(metric: Metric, at: float, was: str) -> str:
        return text if metric.get("instance") == "a" and at >= after else was

    return values(change)


@pytest.mark.parametrize("text", ODD)
def test_T11_what_is_no_finite_number_is_missing_and_reaches_no_model(rig: Rig, proxy: Proxy, text: str) -> None:
    on(rig, proxy)
    proxy.fault = rewritten(in_place_of(text))
    daemon = rig.start(strange())
    with structlog.testing.capture_logs() as logs:
        turns(rig, 0, 3)
    assert failing(rig) == {}
    seen = window(rig, "strange@a")
    assert np.isnan(seen["a"][-12:]).all()
    assert np.isfinite(seen["a"][-40:-17]).all(), "the samples before are kept"
    assert np.isfinite(seen["b"]).all()
    for name, array in rig.watch("strange@a").detector_state.items():
        assert not np.isinf(array).any(), name
    row = [one["instance"] for one in rig.watch("strange@a").window.labels].index("a")
    assert np.isnan(rig.watch("strange@a").last_p[row])
    assert daemon.store.open_warnings() == []
    noted = [one for one in logs if one["event"] == "partial answer" and "samples were no numbers" in one["said"]]
    assert bool(noted) == (text not in ("NaN", "+Inf", "-Inf", "1e400", "-1e400")), (
        "what is no number at all is counted and told"
    )


def test_T11_minus_zero_is_zero(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    proxy.fault = rewritten(in_place_of("-0"))
    rig.start(strange())
    turns(rig, 0, 0)
    assert window(rig, "strange@a")["a"][-12:] == pytest.approx(0, abs=1e-6)


class Exporter(ThreadingHTTPServer):
    """A target whose text is what `text` says."""

    daemon_threads = False
    text = b""


@contextmanager
def exporting(text: str) -> Iterator[Exporter]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(server.text)

        def log_message(self, *args: object) -> None:
            pass

    with Exporter(("127.0.0.1", 0), Handler) as server:
        server.text = text.encode()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def test_T12_a_target_that_is_gone_leaves_a_gap_and_no_zero(rig: Rig, tmp_path: Path) -> None:
    rig.clock = time.time  # type: ignore[assignment]
    with exporting("free 0.5\n") as exporter:
        url = f"http://127.0.0.1:{exporter.server_address[1]}"
        with prometheus(tmp_path / "p", {"node": url}, interval_s=0.5) as server, proxied(server) as proxy:
            on(rig, proxy)
            rig.sources["a"]["step"] = "1s"
            daemon = rig.start(disk(step="1s", history="1m"))

            def until(there: bool) -> None:
                end = time.monotonic() + 30
                while time.monotonic() < end:
                    rig.turn()
                    found = rig.watch("disk@a").window
                    if found.n and np.isfinite(found.latest(found.end_s)).all() == there and failing(rig) == {}:
                        return
                    time.sleep(0.3)
                raise AssertionError(f"there is {'no' if there else 'still a'} sample")

            until(there=True)
            exporter.text = b"something_else 1\n"  # the target is scraped, the series is gone: a stale marker
            until(there=False)
            seen = rig.watch("disk@a").window.newest(30)[1]
            assert set(seen[np.isfinite(seen)].tolist()) == {0.5}, "a gap is no zero"
            assert daemon.store.open_warnings() == []


@pytest.mark.parametrize("other_value", [True, False], ids=["another-value", "the-same-value"])
def test_T13_of_samples_of_one_instant_the_last_one_counts(rig: Rig, proxy: Proxy, other_value: bool) -> None:
    on(rig, proxy)
    rig.start(strange())
    turns(rig, 0, 0)
    want = window(rig, "strange@a")
    rig.stop()
    assert_same_after(
        rig,
        proxy,
        each(lambda points: [p for at, v in points for p in ((at, "7" if other_value else v), (at, v))]),
        want,
    )


def shuffled(points: list[Point]) -> list[Point]:
    out = list(points)
    random.Random(len(points)).shuffle(out)
    return out


def test_T14_samples_out_of_order_give_what_ordered_ones_give(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    rig.start(strange())
    turns(rig, 0, 0)
    want = window(rig, "strange@a")
    rig.stop()
    assert_same_after(rig, proxy, each(shuffled), want)


def assert_same_after(rig: Rig, proxy: Proxy, change: Rewrite, want: dict[str, np.ndarray]) -> None:
    """A daemon that knows nothing yet and gets changed answers knows the same, and its detector too."""
    known: list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]] = []
    for fault in (None, rewritten(change)):
        shutil.rmtree(rig.data_dir)
        proxy.fault = fault
        rig.start()
        turns(rig, 0, 2)
        state = rig.watch("strange@a").detector_state
        known.append((window(rig, "strange@a"), {name: array.copy() for name, array in state.items()}))
        rig.stop()
    assert set(known[1][0]) == set(want)
    for honest, changed in zip(*known, strict=True):
        assert set(honest) == set(changed)
        for name, array in changed.items():
            np.testing.assert_array_equal(array, honest[name])
