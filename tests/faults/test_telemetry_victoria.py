"""The same faults before a real VictoriaMetrics, alone and beside a Prometheus that holds the same samples."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from tests.daemon.rig import Rig
from tests.daemon.test_metrics import scraped
from tests.faults.plant import NOW_S, STEP_S, disk, failing, on, plant, strange, turns, window
from tests.faults.proxy import Fault, Point, Proxy, cut, each, hang, proxied, rewritten
from tests.telemetry.real import victoria_metrics

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")


def exposition() -> str:
    """The plant as VictoriaMetrics takes it: times in milliseconds."""
    samples = (line.rpartition(" ") for line in plant().splitlines() if not line.startswith("#"))
    return "".join(f"{head} {int(at) * 1000}\n" for head, _, at in samples)


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with victoria_metrics(tmp_path_factory.mktemp("victoria"), exposition()) as url, proxied(url) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _well(victoria: Proxy) -> Iterator[None]:
    yield
    victoria.fault = None
    victoria.forget()


def test_T01_an_outage_of_victoria_metrics_ends_no_warning_and_is_read_up(rig: Rig, victoria: Proxy) -> None:
    on(rig, victoria)
    daemon = rig.start(disk("falling"))
    rig.until_warned()
    at = rig.clock.now
    victoria.down()
    for i in range(1, 7):
        rig.clock.now = at + STEP_S * i
        rig.turn()
    assert failing(rig) == {"a": "unreachable"}
    assert len(daemon.store.open_warnings()) == 1
    victoria.up()
    rig.clock.now += STEP_S
    rig.turn()
    assert failing(rig) == {}
    assert np.isfinite(window(rig, "disk@a")["x"]).all()
    assert len(daemon.store.open_warnings()) == 1


@pytest.mark.parametrize(("fault", "kind"), [(cut, "unreachable"), (hang, "timeout")], ids=["cut", "hang"])
def test_T02_T04_victoria_metrics_that_hangs_or_is_cut_changes_nothing(
    rig: Rig, victoria: Proxy, fault: Fault, kind: str
) -> None:
    on(rig, victoria, seconds=0.5)
    rig.start(disk())
    turns(rig, 0, 0)
    before = window(rig, "disk@a")
    victoria.fault = fault
    turns(rig, 1, 1)
    assert failing(rig) == {"a": kind}
    for name, row in window(rig, "disk@a").items():
        np.testing.assert_array_equal(row, before[name])


def shuffled(points: list[Point]) -> list[Point]:
    return random.Random(len(points)).sample(points, len(points))


def test_T14_samples_out_of_order_from_victoria_metrics_give_what_ordered_ones_give(rig: Rig, victoria: Proxy) -> None:
    on(rig, victoria)
    rig.sources["b"] = rig.sources["a"] | {"labels": {"site": "b"}}
    rig.start(strange(sources=["a"]), strange(sources=["b"], name="other"))
    rig.at(NOW_S)
    rig.turn("strange@a")
    victoria.fault = rewritten(each(shuffled))
    rig.turn("other@b")
    ordered, other = rig.watch("strange@a"), rig.watch("other@b")
    for name, row in window(rig, "other@b").items():
        np.testing.assert_array_equal(row, window(rig, "strange@a")[name])
    for name, array in other.detector_state.items():
        np.testing.assert_array_equal(array, ordered.detector_state[name])


def test_T23_prometheus_and_victoria_metrics_with_the_same_samples_are_one_view_without_conflict(
    rig: Rig, proxy: Proxy, victoria: Proxy
) -> None:
    on(rig, proxy, victoria)
    daemon = rig.start(strange())
    turns(rig, 0, 8)
    assert rig.watch("strange@a").n == 4
    assert daemon.store.warnings(limit=10) == [], "no conflict"
    proxy.down()
    turns(rig, 9, 14)
    assert np.isfinite(window(rig, "strange@a")["a"]).all(), "what the one lacks the other has"
    assert scraped(daemon)["aiops_series"]["strange", "stale"] == 0
    victoria.down()
    turns(rig, 15, 17)
    proxy.up()
    turns(rig, 18, 18)
    assert np.isfinite(window(rig, "strange@a")["a"]).all()
    victoria.up()
    turns(rig, 19, 20)
    assert failing(rig) == {}
    assert daemon.store.warnings(limit=10) == []
