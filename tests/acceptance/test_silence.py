"""A target that a real Prometheus scraped for days dies minutes after the first turn: it is told as absent within the hour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.models.card import ModelCard
from aiops.pipeline import Rooms, StoreJournal, turn
from aiops.pipeline.assemble import make_watch
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests import servers
from tests.daemon.rig import card

pytestmark = pytest.mark.acceptance

STEP_S, HOUR_S = 60, 3600
BEGIN_S = 1_750_000_200
START_S = BEGIN_S + 50 * HOUR_S
DIES_S = START_S + 600
END_S = START_S + 3 * HOUR_S


def up(instance: str) -> range:
    """When a target was scraped."""
    if instance.startswith("pod"):  # each lives for two hours, the next begins an hour later
        first = BEGIN_S + int(instance[3:]) * HOUR_S
        return range(first, min(first + 2 * HOUR_S, END_S), STEP_S)
    return range(BEGIN_S, {"dies": DIES_S, "dead": START_S - 5 * HOUR_S}.get(instance, END_S), STEP_S)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("silence")
    lines = ["# TYPE up gauge"]
    for instance in ("dies", "dead", "a", "b", *(f"pod{i}" for i in range(52))):
        lines += [f'up{{instance="{instance}"}} 1 {at}' for at in up(instance)]
    servers.load(folder / "prom", "\n".join([*lines, "# EOF", ""]))
    with servers.prometheus(folder / "prom") as found:
        yield found


def test_it_is_told_and_nothing_else_is(url: str, tmp_path: Path) -> None:
    source = PrometheusSource("prom", PrometheusParams(url=url), ReadLimits())
    written = card("scrape", "up", step="1m", guards={"persistence": "2/3", "on_missing": "alert"})
    watch = make_watch(ModelCard.model_validate(written), [Link(source, pause_s=0.0)], STEP_S, tmp_path / "window")
    store, told = Store.open("sqlite://", None), dict[str, int]()
    rooms = Rooms(store, StoreJournal(store))
    for now in range(START_S, END_S, STEP_S):
        assert turn(watch, now, rooms).error is None
        for warning in watch.open.values():
            told.setdefault(warning.entity["instance"], warning.opened_s)
    store.close()
    assert set(told) == {"dies"}
    assert told["dies"] - DIES_S < HOUR_S / 2
