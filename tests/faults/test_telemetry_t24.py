"""Row T24: the unit of everything a card asks for changes, as after a new exporter: no symptom, a question to the author."""

from __future__ import annotations

import numpy as np
import pytest
import structlog

from tests.daemon.rig import Rig
from tests.daemon.test_metrics import scraped
from tests.faults.plant import NOW_S, STEP_S, disk, on, strange, turns, window
from tests.faults.proxy import Metric, Proxy, Rewrite, rewritten, values

DAY_TURNS = 86400 // STEP_S


def times(factor: float, but: str = "") -> Rewrite:
    def change(metric: Metric, at: float, text: str) -> str:
        return text if metric["instance"] == but else repr(float(text) * factor)

    return values(change)


@pytest.mark.parametrize("factor", [1000, 1024, 1e6, 100, 1e-3], ids=str)
def test_T24_another_unit_makes_no_symptom_and_asks_the_author_once(rig: Rig, proxy: Proxy, factor: float) -> None:
    on(rig, proxy)
    daemon = rig.start(disk(), strange())
    turns(rig, 0, 6)
    state = {name: array.copy() for name, array in rig.watch("strange@a").detector_state.items()}
    proxy.fault = rewritten(times(factor))
    with structlog.testing.capture_logs() as logs:
        turns(rig, 7, 18)
    assert daemon.store.warnings(limit=10) == []
    asked = [one for one in logs if "another unit" in str(one.get("said", ""))]
    assert sorted(one["card"] for one in asked) == ["disk", "strange"], "once a card"
    assert scraped(daemon)["aiops_series"]["strange", "refused"] == 4
    assert np.isnan(window(rig, "strange@a")["a"][-12:]).all()
    proxy.fault = None
    turns(rig, 19, 19)
    assert scraped(daemon)["aiops_series"]["strange", "refused"] == 0, "they are back"
    assert np.isfinite(window(rig, "strange@a")["a"][-1])
    assert daemon.store.warnings(limit=10) == []
    for name, array in rig.watch("strange@a").detector_state.items():
        assert array.shape == state[name].shape


def test_T24_a_restart_forgets_neither_the_question_nor_where_the_values_were(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    daemon = rig.start(strange())
    turns(rig, 0, 6)
    proxy.fault = rewritten(times(1000))
    turns(rig, 7, 9)
    rig.stop()
    daemon = rig.start()
    turns(rig, 10, 12)
    assert scraped(daemon)["aiops_series"]["strange", "refused"] == 4
    assert daemon.store.warnings(limit=10) == []


def test_T24_one_series_alone_that_grows_a_thousandfold_is_no_unit(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    daemon = rig.start(strange())
    turns(rig, 0, 6)
    proxy.fault = rewritten(values(lambda metric, at, text: repr(float(text) * 1000) if metric["instance"] == "a" else text))
    turns(rig, 7, 9)
    assert scraped(daemon)["aiops_series"]["strange", "refused"] == 0
    assert window(rig, "strange@a")["a"][-1] == pytest.approx(500, rel=0.1)


def test_T24_after_a_day_the_new_unit_is_learnt_from_nothing(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    daemon = rig.start(strange(step="15m"))
    for i in range(5):
        rig.at(NOW_S - 8 * 900 + 900 * i)
        rig.turn()
    proxy.fault = rewritten(times(1000))
    for i in range(5, 5 + 99):
        rig.at(NOW_S - 8 * 900 + 900 * i)
        rig.turn()
    assert scraped(daemon)["aiops_series"]["strange", "refused"] == 0
    assert window(rig, "strange@a")["a"][-1] == pytest.approx(500, rel=0.1)
    assert daemon.store.warnings(limit=10) == []
