"""The same turns over the past of a real Prometheus: its rules, its samples and its own ALERTS, and no other clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiops.pipeline import turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.rules_watch import RulesWatch
from aiops.telemetry.link import Link
from aiops.telemetry.parts import PART
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests.pipeline.ruled import HOUR, Run, card
from tests.scan.tanks import DAY, STEP, Tanks, tanks


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tanks]:
    with tanks(tmp_path_factory.mktemp("replay")) as found:
        yield found


def over(server: Tanks, begin_s: int, end_s: int) -> Run:
    """The turns from one instant of the past to another."""
    source = PrometheusSource("p", PrometheusParams(url=server.url), ReadLimits())
    watch = make_watch(card(history="5d"), [Link(source)], STEP, None)
    assert isinstance(watch, RulesWatch)
    run = Run.of(watch)
    for now in range(begin_s, end_s + 1, STEP):
        run.results.append(turn(watch, now, run.rooms))
    assert not [r.error for r in run.results if r.error is not None]
    return run


def test_a_firing_of_the_past_is_a_hit(server: Tanks) -> None:
    fired = server.now_s - 9 * DAY
    run = over(server, fired - 14 * HOUR, fired + HOUR)
    settled = [o for o in run.rooms.store.outcomes() if o.entity["alertname"] == "TankFull" and o.verdict != "expired"]
    assert [(o.entity["tank"], o.verdict) for o in settled] == [("twice", "hit")]
    assert settled[0].entity["where"] == "tank twice"


def test_what_is_asked_together_is_what_is_asked_alone(server: Tanks) -> None:
    run = over(server, server.now_s - 2 * HOUR, server.now_s - 2 * HOUR)
    link = run.watch.feeds[0].link
    now = server.now_s
    together = link.ask(run.watch.card.query, now, now, STEP)
    newest = together.layers[0][1][:, 0].tolist()
    values = {tuple(sorted(labels.items())): value for labels, value in zip(together.labels, newest, strict=True)}
    assert len(values) >= 10
    for name, query in link.parts.items():  # type: ignore[attr-defined]
        alone = link.ask(query, now, now, STEP)
        for labels, value in zip(alone.labels, alone.layers[0][1][:, 0].tolist(), strict=True):
            assert values[tuple(sorted({**labels, PART: name}.items()))] == value
