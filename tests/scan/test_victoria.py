"""A scan of VictoriaMetrics with vmalert says what one of Prometheus says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiops.scan.rows import Row
from aiops.scan.scan import Options, Report, scan
from tests.scan.tanks import Tanks, tanks, tanks_of_victoria
from tests.scan.test_scan import source


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tanks]:
    with tanks_of_victoria(tmp_path_factory.mktemp("victoria")) as found:
        yield found


@pytest.fixture(scope="module")
def reports(victoria: Tanks, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Report]:
    with tanks(tmp_path_factory.mktemp("tanks")) as prometheus:
        theirs = scan(source(prometheus.url), Options(), prometheus.now_s)
    return scan(source(victoria.url), Options(), victoria.now_s), theirs


def told(row: Row) -> tuple[str, str, tuple[tuple[str, str], ...], str]:
    return row.served.rule.alert, row.state, tuple(sorted(row.labels.items())), row.reason


def test_rows_states_and_reasons_are_those_of_prometheus(reports: tuple[Report, Report]) -> None:
    ours, theirs = ({told(row) for row in report.rows} for report in reports)
    assert ours == theirs


def test_records_are_those_of_prometheus(reports: tuple[Report, Report]) -> None:
    ours, theirs = (
        {told(row)[::2]: (row.record.firings, row.record.own) for row in report.rows if row.record.own is not None}
        for report in reports
    )
    assert len(ours) > 10
    assert ours == theirs
