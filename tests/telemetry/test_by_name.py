"""What telemetry does, by name, on a real Prometheus: more points than a server gives, a clock change, another label set."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from aiops.models.card import ModelCard
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.read import read
from aiops.telemetry.link import Link
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests import servers
from tests.daemon.rig import anomaly_card

CHANGE_S = 1_792_890_000
"""2026-10-25 01:00 UTC: in Berlin the hour from two to three comes twice."""
BEGIN_S = CHANGE_S - 2 * 3600
POINTS = 12_500


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prom")
    seconds = "".join(f'every_second{{instance="a"}} {i % 97} {BEGIN_S + i}\n' for i in range(POINTS))
    minutes = "".join(f'minutes{{instance="a"}} {i} {BEGIN_S + 60 * i}\n' for i in range(4 * 60 + 1))
    name = ["old"] * 120 + ["new"] * 121
    moved = "".join(f'moved{{instance="{name[i]}"}} {i} {BEGIN_S + 60 * i}\n' for i in range(241))
    om = f"# TYPE every_second gauge\n{seconds}# TYPE minutes gauge\n{minutes}# TYPE moved gauge\n{moved}# EOF\n"
    servers.load(folder, om)
    with servers.prometheus(folder) as found:
        yield found


def source(url: str) -> PrometheusSource:
    return PrometheusSource("prom", PrometheusParams(url=url), ReadLimits())


def test_more_points_than_a_server_gives_at_once_are_read_in_parts_and_come_whole(url: str) -> None:
    block = source(url).fetch("every_second", BEGIN_S, BEGIN_S + POINTS - 1, 1).block
    np.testing.assert_array_equal(block.values[0], np.arange(POINTS) % 97)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
def test_the_night_of_a_clock_change_is_a_night_like_any_other(
    url: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        card = ModelCard.model_validate(anomaly_card(query="minutes", step="1m", history="4h"))
        watch = make_watch(card, [Link(source(url))], 60, None)
        seen = [read(watch, BEGIN_S + 3600)]
        for now in range(BEGIN_S + 3660, BEGIN_S + 4 * 3600 + 1, 60):
            watch.seen_s[:] = now - 60
            seen.append(read(watch, now))
    finally:
        monkeypatch.undo()
        time.tzset()
    times = np.concatenate([one.time_s for one in seen])
    values = np.concatenate([one.values[0] for one in seen])
    known = times >= BEGIN_S
    assert set(np.diff(times).tolist()) == {60}, "no hour twice, none left out"
    np.testing.assert_array_equal(values[known], (times[known] - BEGIN_S) // 60)


def test_a_changed_label_set_is_another_series_and_the_old_one_ends(url: str) -> None:
    card = ModelCard.model_validate(anomaly_card(query="moved", step="1m", history="4h"))
    watch = make_watch(card, [Link(source(url))], 60, None)
    read(watch, BEGIN_S + 4 * 3600)
    at = {one["instance"]: i for i, one in enumerate(watch.window.labels)}
    times = np.array([BEGIN_S + 60 * 110, BEGIN_S + 60 * 200], np.int64)
    np.testing.assert_array_equal(
        watch.window.value_at(np.array([at["old"], at["new"]]), times), [[110, np.nan], [np.nan, 200]]
    )
