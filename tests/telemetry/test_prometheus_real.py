"""The prometheus source against real servers: Prometheus, node_exporter, VictoriaMetrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.config.shipped import models_dir
from aiops.core.errors import SourceError
from aiops.models.card import load_cards
from aiops.telemetry.recording import RecordingParams, RecordingSource
from aiops.telemetry.source import Answer, ReadLimits
from tests.servers import load, node_exporter, prometheus
from tests.telemetry.hostile import answer, says, serving
from tests.telemetry.real import openmetrics, victoria_metrics
from tests.telemetry.test_evaluate import SERIES, SPAN_S, START_S
from tests.telemetry.test_prometheus import PAGE, source


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    load(folder, openmetrics(SERIES))
    with prometheus(folder) as url:
        yield url


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> RecordingSource:
    """The very same samples, evaluated here."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "all.om").write_text(openmetrics(SERIES))
    return RecordingSource("here", RecordingParams(path=folder), ReadLimits())


def rows(found: Answer) -> dict[frozenset[Any], np.ndarray]:
    return {frozenset(a.items()): b for a, b in zip(found.block.labels, found.block.values, strict=True)}


QUERIES = [
    "g",
    "h / up",
    "rate(c_total[2m])",
    "sum by (mode) (rate(c_total[1m]))",
    "odd",
    "time()",
    "1 + 2",
    "h - h",
    "nowhere",
]


@pytest.mark.parametrize("query", QUERIES)
def test_the_real_server_and_the_recording_of_the_same_samples_give_the_same_blocks(
    real: str, here: RecordingSource, query: str
) -> None:
    start, end = START_S, START_S + SPAN_S
    theirs, mine = rows(source(real).fetch(query, start, end, 30)), rows(here.fetch(query, start, end, 30))
    assert set(theirs) == set(mine)
    for labels, values in theirs.items():
        np.testing.assert_allclose(values, mine[labels], rtol=1e-9, equal_nan=True)


@pytest.mark.parametrize("query", QUERIES)
def test_an_instant_is_the_column_of_a_range(real: str, query: str) -> None:
    made = source(real)
    whole = made.fetch(query, START_S, START_S + SPAN_S, 60)
    for column in (0, 10, 39):
        at = int(whole.block.time_s[column])
        one = rows(made.fetch(query, at, at, 60))
        want = {labels: row[column] for labels, row in rows(whole).items() if np.isfinite(row[column])}
        assert {labels: row[0] for labels, row in one.items() if np.isfinite(row[0])} == want


def test_the_real_server_s_errors_have_their_kinds(real: str) -> None:
    made = source(real)
    for query, kind in (
        ("up +", "bad_query"),
        ("h + on (zone) up", "bad_query"),
        ("h[5m]", "bad_query"),
        ('"text"', "bad_query"),
    ):
        for end in (START_S, START_S + 60):
            with pytest.raises(SourceError) as raised:
                made.fetch(query, START_S, end, 60)
            assert raised.value.kind == kind, query
    with pytest.raises(SourceError, match="parse error"):
        made.fetch("up +", START_S, START_S, 60)


def test_more_than_eleven_thousand_points_are_read_from_the_real_server(real: str) -> None:
    found = source(real).fetch("sum(h)", START_S, START_S + 25_000, 1)
    assert found.block.values.shape == (1, 25_001)
    assert 2000 < np.isfinite(found.block.values).sum() < 2800


def test_probe_says_what_answers(real: str) -> None:
    assert "answers PromQL" in source(real).probe()
    with serving(says(answer(PAGE, kind="text/html"))) as server, pytest.raises(SourceError):
        source(server.url).probe()


def test_every_shipped_card_has_series_on_a_real_node_exporter(tmp_path: Path) -> None:
    with node_exporter() as exporter, prometheus(tmp_path, {"node": exporter}) as url:
        made = source(url)
        cards = [
            card for card in load_cards([models_dir()]) if card.name not in ("swap_pressure", "process_memory_limit")
        ]
        empty = {card.name for card in cards}
        deadline = time.monotonic() + 20
        while empty and time.monotonic() < deadline:  # rates need two scrapes
            time.sleep(0.3)
            now = int(time.time())
            empty = {c.name for c in cards if not np.isfinite(made.fetch(c.query, now, now, 1).block.values).any()}
        assert not empty


@pytest.mark.parametrize("query", ["g", "h", "up", "moved", "odd", "h / up > 0"])
def test_victoria_metrics_gives_identical_blocks_of_the_same_samples(real: str, victoria: str, query: str) -> None:
    start, end = START_S, START_S + 840
    theirs, mine = rows(source(victoria).fetch(query, start, end, 60)), rows(source(real).fetch(query, start, end, 60))
    assert {k for k, v in theirs.items() if np.isfinite(v).any()} == {
        k for k, v in mine.items() if np.isfinite(v).any()
    }
    for labels, values in theirs.items():
        both = np.isfinite(values) & np.isfinite(mine[labels])
        assert both.mean() > 0.3 or query == "odd"
        np.testing.assert_allclose(values[both], mine[labels][both], rtol=1e-11)  # it stores decimals


def test_victoria_metrics_errors_have_their_kinds(victoria: str) -> None:
    with pytest.raises(SourceError) as raised:
        source(victoria).fetch("up +", START_S, START_S + 60, 60)
    assert raised.value.kind == "bad_query"
    assert "answers PromQL" in source(victoria).probe()


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with victoria_metrics(tmp_path_factory.mktemp("victoria"), openmetrics(SERIES, unit_s=0.001, typed=False)) as url:
        yield url
