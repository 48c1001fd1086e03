"""Scores, bands and crossings of every series, written to a real Prometheus; and to one that is away."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.config.remote_write import RemoteWrite
from aiops.daemon.writing import NAMES, Writing
from aiops.telemetry.remote_write import HEADERS
from tests.daemon.rig import START_S, Rig, anomaly_card, calm, card, falling
from tests.notify.hostile import answering, plain
from tests.servers import prometheus


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with prometheus(tmp_path / "prometheus") as url:
        yield url


def ask(server: str, query: str, at_s: float) -> list[dict[str, Any]]:
    asked = urllib.parse.urlencode({"query": query, "time": at_s})
    answer = json.load(urllib.request.urlopen(f"{server}/api/v1/query?{asked}", timeout=30))
    return list(answer["data"]["result"])


def begun(rig: Rig, data_class: str = "public") -> None:
    """A daemon whose clock is the present of the machine, after eight hours of history."""
    rig.world.begins_s = int(time.time()) // 300 * 300 - 9 * 3600
    rig.clock.now = float(rig.world.begins_s)
    if data_class:
        rig.sources["made"]["data_class"] = data_class
    shift = rig.world.begins_s - START_S
    rig.world.add("free", {"instance": "a", "card": "x", "host.name": "h"}, lambda t: falling(0.001)(t - shift))
    rig.world.add("load", {"instance": "a"}, calm())
    rig.start(card(), anomaly_card())
    for look in range(12):
        rig.clock.now = rig.world.begins_s + 8 * 3600 + 300.0 * look
        rig.turn()


def writing(rig: Rig, url: str, **more: Any) -> Writing:
    assert rig.daemon is not None
    settings = RemoteWrite.model_validate({"url": f"{url}/api/v1/write", **more})
    return Writing(settings, rig.daemon.rooms, rig.clock)


def test_what_models_say_is_written_as_it_stands_in_memory(rig: Rig, server: str) -> None:
    begun(rig)
    one = writing(rig, server, labels={"team": "sre"})
    assert one.write() > 0
    disk, load = rig.watch("disk@made"), rig.watch("strange@made")
    assert disk.judged_s is not None
    at = float(disk.judged_s)
    (crossing,) = ask(server, "aiops_series_crossing_timestamp_seconds", at)
    assert disk.crossings is not None
    assert float(crossing["value"][1]) == disk.crossings.time_s[0, 1]
    labels = {k: v for k, v in crossing["metric"].items() if k != "__name__"}
    assert labels == {"instance": "a", "exported_card": "x", "host_name": "h", "card": "disk", "source": "made", "team": "sre"}
    for name, value in zip(NAMES, (-np.log10(load.last_p[0]), load.last_expected[0], load.last_lower[0]), strict=False):
        found = ask(server, f'{name}{{card="strange"}}', at)
        assert [float(row["value"][1]) for row in found] == ([] if np.isnan(value) else [pytest.approx(value, rel=1e-6)])


def test_a_turn_is_written_once_and_never_into_the_future(rig: Rig, server: str) -> None:
    begun(rig)
    one = writing(rig, server)
    assert one.write() > 0
    assert one.write() == 0
    rig.clock.now += 300
    rig.turn()
    rig.clock.now -= 600  # the machine's clock was set back: what was judged lies ahead of it
    assert one.write() == 0
    rig.clock.now += 600
    assert one.write() > 0
    assert ask(server, "aiops_series_score", rig.clock.now + 3600) == []


def test_that_a_server_is_away_is_told_once(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    begun(rig)
    with answering(plain("503 no")) as away:
        one = writing(rig, away.url)
        capsys.readouterr()
        assert [one.write(), one.write()] == [0, 0]
        said = capsys.readouterr()
        assert (said.out + said.err).count("cannot be written") == 1
        assert len(away.requests) == 2


def test_labels_leave_as_far_as_the_policy_lets_them(rig: Rig, server: str) -> None:
    begun(rig, data_class="")
    assert writing(rig, server).write() > 0
    at = float(rig.watch("disk@made").judged_s or 0)
    assert {row["metric"]["instance"] for row in ask(server, "aiops_series_score", at)} != {"a"}


def test_it_is_off_by_default_and_written_by_the_daemon_when_it_is_on(rig: Rig) -> None:
    assert HEADERS["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    daemon = rig.start(card())
    daemon.start()
    assert daemon._schedule is not None
    jobs = {job.id for job in daemon._schedule._scheduler.get_jobs()}
    assert "remote write" not in jobs
    rig.stop()
    rig.more["remote_write"] = {"url": "http://127.0.0.1:1/api/v1/write", "every": "5s"}
    daemon = rig.start(card())
    daemon.start()
    assert daemon._schedule is not None
    assert "remote write" in {job.id for job in daemon._schedule._scheduler.get_jobs()}
