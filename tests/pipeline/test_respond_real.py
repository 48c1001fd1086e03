"""What runbooks require and verify, asked of a real Prometheus through the plane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aiops.pipeline.respond import Around
from aiops.responses.procedure import Unclear
from aiops.store.response_rows import Run
from aiops.telemetry.link import Link
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests.responses.rig import START_S, book, early, made
from tests.servers import load, prometheus

HOSTILE = 'x"} or vector(1) or up{a="'
ENTITY = {"instance": HOSTILE, "cluster": "eu"}


def samples() -> str:
    """Two targets, one of which tries to be a query; the newest sample is 12 s old."""
    escaped = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    lines = ["# TYPE free unknown"]
    for instance, value in ((escaped, 0.25), ("other", 0.75)):
        lines += [f'free{{instance="{instance}"}} {value} {int(START_S) - 12 - back}' for back in (120, 60, 0)]
    return "\n".join([*lines, "# EOF\n"])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Around, Run]]:
    folder = tmp_path_factory.mktemp("prometheus")
    load(folder, samples())
    rig_folder = tmp_path_factory.mktemp("rig")
    with prometheus(folder) as url, made(Path(rig_folder)) as rig:
        rig.write(book(mode="suggest", target_by=["instance", "cluster"]))
        rig.warn(early(entity=ENTITY, labels=ENTITY))
        one = rig.replica()
        one.tick(rig.clock.now)
        source = PrometheusSource("prod", PrometheusParams(url=url), ReadLimits())
        one.world._a.links = {"prod": Link(source, {"cluster": "eu"})}
        run = rig.one()
        yield Around(one.world._a), replace(run, facts={**run.facts, "sources": ["prod"]})
        source.close()


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("free{$target}", [0.25]),
        ("free{$target} * 100", [25.0]),
        ("max(time() - timestamp(free{$target}))", [12.0]),
        ("min(free{$target} / free{$target})", [1.0]),
        ("count(free)", [2.0]),
        ("free", [0.25, 0.75]),
        ("nothing{$target}", []),
    ],
)
def test_a_query_gives_the_numbers_of_its_target(asked: tuple[Around, Run], query: str, wanted: list[float]) -> None:
    world, run = asked
    assert sorted(world.values(query, run, START_S)) == pytest.approx(wanted)


def test_long_after_the_last_sample_there_is_no_data(asked: tuple[Around, Run]) -> None:
    world, run = asked
    assert world.values("free{$target}", run, START_S + 3600) == []


def test_what_cannot_be_evaluated_is_unclear(asked: tuple[Around, Run]) -> None:
    world, run = asked
    with pytest.raises(Unclear, match="bad_query"):
        world.values("free{$target} and on() ", run, START_S)
