"""Rows T25 to T27: a series that never moves, an answer that becomes empty, two sources of one name."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.config.settings import load_settings
from aiops.core.errors import FileError
from tests.daemon.rig import Rig
from tests.daemon.test_metrics import scraped
from tests.faults.plant import STEP_S, disk, failing, on, strange, turns
from tests.faults.proxy import Proxy, rewritten


def test_T25_a_constant_series_is_scored_with_finite_numbers_and_is_nothing_strange(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    daemon = rig.start(strange("constant"))
    turns(rig, 0, 12)
    watch = rig.watch("strange@a")
    assert watch.n == 2
    assert np.isfinite(watch.last_p).all()
    assert np.isfinite(watch.last_expected).all()
    for name, array in watch.detector_state.items():
        assert name == "event" or not np.isinf(array).any(), name  # of what never came the size is inf
    assert daemon.store.warnings(limit=10) == []


def test_T26_an_answer_that_becomes_empty_is_no_data_and_resolves_nothing(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    daemon = rig.start(disk("falling"))
    rig.until_warned()
    at = rig.clock.now
    proxy.fault = rewritten(lambda rows: [])
    for i in range(1, 25):
        rig.clock.now = at + STEP_S * i
        rig.turn()
    (warning,) = daemon.store.open_warnings()
    assert warning.state == "open"
    states = scraped(daemon)["aiops_series"]
    assert states["disk", "stale"] == 2
    assert states["disk", "active"] == 0
    assert failing(rig) == {}, "the source is well, it has nothing to say"
    proxy.fault = None
    for _ in range(12):
        rig.clock.now += STEP_S
        rig.turn()
    assert scraped(daemon)["aiops_series"]["disk", "stale"] == 0
    assert [one.id for one in daemon.store.open_warnings()] == [warning.id], "a gap of two hours is no all-clear either"


def test_T27_two_sources_of_one_name_are_refused_with_both_lines(rig: Rig, proxy: Proxy) -> None:
    one = f"  prod: {{kind: prometheus, url: {proxy.url}}}\n"
    rig.config.write_text(f"sources:\n{one}{one}")
    with pytest.raises(FileError) as raised:
        load_settings(rig.config, data_dir=rig.data_dir)
    (mistake,) = raised.value.mistakes
    assert mistake.line == 3
    assert "line 2" in mistake.message
    assert "prod" in f"{mistake.field} {mistake.message}"
    assert proxy.calls == []
