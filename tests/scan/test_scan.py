"""A whole scan of a real Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.core.errors import SourceError
from aiops.core.records import Block
from aiops.scan import parts
from aiops.scan import scan as module
from aiops.scan.rows import Row
from aiops.scan.scan import Options, Report, scan
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import Answer, ReadLimits
from tests.scan.between import between
from tests.scan.tanks import DAY, HOSTILE, Tanks, tanks


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tanks]:
    with tanks(tmp_path_factory.mktemp("tanks")) as found:
        yield found


@pytest.fixture(scope="module")
def report(server: Tanks) -> Report:
    return scan(source(server.url), Options(), server.now_s)


def source(url: str, seconds: float = 10.0) -> PrometheusSource:
    return PrometheusSource("p", PrometheusParams(url=url), ReadLimits(seconds=seconds, queries=4))


def row(report: Report, alert: str, tank: str) -> Row:
    (found,) = (one for one in report.rows if one.served.rule.alert == alert and one.labels.get("tank") == tank)
    return found


def test_a_tank_that_fills_is_expected_with_an_interval_that_holds_the_true_time(server: Tanks, report: Report) -> None:
    found = row(report, "TankFull", "filling")
    true = server.now_s + (0.9 - 0.8) / (0.6 / 95) * 300 + 600  # its own line, and 10 min of `for`
    assert found.state == "expected"
    assert found.times_s is not None
    assert found.times_s[0] <= true <= found.times_s[2]
    assert abs(found.times_s[1] - true) < 3600
    assert found.history_s is not None
    assert 3600 <= found.history_s <= 14 * 86400


def test_full_flat_and_guarded_tanks_are_what_they_are(report: Report) -> None:
    assert row(report, "TankFull", "full").state in ("pending", "firing")
    assert row(report, "TankFullAndOpen", "full").state == "firing"
    assert row(report, "TankFull", "flat").state == "silent"
    assert row(report, "TankFullAndOpen", "filling").reason == "a guard does not let it fire: tank_open == 1"
    assert row(report, "TankFull", HOSTILE).state == "silent"
    assert row(report, "TankRunsDry", "filling").state == "expected"


def test_the_record_is_that_of_the_alerts_that_fired(report: Report) -> None:
    found = row(report, "TankFull", "twice").record
    assert found.own is not None
    assert found.baseline is not None
    assert found.firings == 2
    assert 1 <= found.own.hits <= 2
    assert min(found.own.leads_s) > 3600
    assert found.baseline.hits == 2
    other = row(report, "TankBrimful", "twice").record  # no alert of that name ever fired
    assert other.own is not None
    assert (other.firings, other.own.hits) == (0, 0)


def test_rules_that_cannot_be_anticipated_come_last_with_their_reason(report: Report) -> None:
    last = {one.served.rule.alert: (one.state, one.reason) for one in report.rows[-4:]}
    assert last == {
        "NoSuchTank": ("empty", "no series now"), "PumpDown": ("refused", "binary"), "PumpGone": ("refused", "absent"),
        "Leaks": ("refused", "event_counter"),
    }  # fmt: skip
    states = [one.state for one in report.rows]
    order = ["firing", "pending", "expected", "silent", "empty", "refused"]
    assert states == sorted(states, key=order.index)
    assert report.rules == 9


def test_the_server_is_only_asked_and_never_by_many_at_once(server: Tanks) -> None:
    with between(server.url) as there:
        scan(source(there.url), Options(), server.now_s)
    assert {path for _, path in there.asked} <= {"/api/v1/rules", "/api/v1/query", "/api/v1/query_range"}
    assert {method for method, path in there.asked if path == "/api/v1/rules"} == {"GET"}
    assert there.most <= 4
    ranges = sum(path == "/api/v1/query_range" for _, path in there.asked)
    assert ranges == 5 + 1 + 4  # five leaves and ALERTS, and 14 days of the four that have series


def test_what_there_was_no_time_for_is_told(server: Tanks) -> None:
    with between(server.url) as there:
        there.slow_s = 0.7  # three probes alone take longer than the day may be read for
        found = scan(source(there.url), Options(total_s=3.0), server.now_s)
    assert {one.state for one in found.rows} == {"unread", "refused"}
    assert {one.reason for one in found.rows if one.state == "unread"} == {"not read: the time was used up"}
    assert found.queries == 0
    assert found.took_s < 8


def test_a_server_that_answers_no_query_in_time_is_told(server: Tanks) -> None:
    with between(server.url) as there:
        there.slow_s = 3.0
        with pytest.raises(SourceError, match="timeout"):
            scan(source(there.url, 0.5), Options(total_s=3.0), server.now_s)


def test_what_a_policy_does_not_admit_is_not_read(server: Tanks) -> None:
    def refuse(block: Block) -> Block:
        raise SourceError("p", "policy", "not here")

    found = scan(source(server.url), Options(), server.now_s, admit=refuse)
    states = {one.state for one in found.rows}
    assert states == {"unread", "refused"}
    assert "policy" in found.notes[0]


def test_the_same_scan_says_the_same(server: Tanks, report: Report) -> None:
    again = scan(source(server.url), Options(), server.now_s)
    for alert in ("TankFull", "TankBrimful", "TankRunsDry"):
        one, two = (row(some, alert, "filling") for some in (report, again))
        assert (one.times_s, one.record) == (two.times_s, two.record)


def test_progress_is_told(server: Tanks) -> None:
    said: list[tuple[str, float]] = []
    scan(source(server.url), Options(), server.now_s, lambda what, share: said.append((what, share)))
    whats = list(dict.fromkeys(what for what, _ in said))
    assert whats[:2] == ["asking for the rules", "reading a day of every rule"]
    assert all(0 <= share <= 1 for _, share in said)


def records(report: Report, alert: str) -> dict[str | None, object]:
    return {one.labels.get("tank"): one.record for one in report.rows if one.served.rule.alert == alert}


def test_a_rule_with_very_many_series_is_read_in_spans_and_has_the_same_record(
    server: Tanks, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SERIES", 2)
    monkeypatch.setattr(parts, "SPAN_SERIES", 2)
    with between(server.url) as there:
        found = scan(source(there.url), Options(), server.now_s)
    for alert in ("TankFull", "TankBrimful", "TankFullAndOpen"):
        assert records(found, alert) == records(report, alert)
    assert sum(path == "/api/v1/query_range" for _, path in there.asked) > 5 + 1 + 4


@pytest.mark.parametrize("full", [False, True])
def test_of_such_a_rule_the_nearest_rows_have_a_record_and_with_full_all(
    server: Tanks, report: Report, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    monkeypatch.setattr(module, "MOST_SERIES", 4)
    monkeypatch.setattr(module, "BATCH_SERIES", 2)
    found = scan(source(server.url), Options(full=full), server.now_s)
    rows = [one for one in found.rows if one.served.rule.alert == "TankFull"]
    known = [one.record.own is not None for one in rows]
    assert known == ([True] * 5 if full else [True, True, False, False, False])
    if full:
        assert records(found, "TankFull") == records(report, "TankFull")
    else:
        assert rows[-1].record.sentence() == "not computed; only the 2 nearest of its rows, or --full"


def refusing_alerts(url: str, longer_than_s: float, from_s: float = math.inf) -> PrometheusSource:
    """A source that refuses ALERTS over more than so long, or that begin at `from_s` or later."""
    found = source(url)
    usual = found.fetch

    def fetch(query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        if "ALERTS" in query and (end_s - start_s > longer_than_s or start_s >= from_s):
            raise SourceError("prometheus", "bad_query", "too many samples")
        return usual(query, start_s, end_s, step_s, unit)

    found.fetch = fetch  # type: ignore[method-assign]
    return found


def test_alerts_that_are_too_much_in_one_piece_come_in_several(server: Tanks, report: Report) -> None:
    found = scan(refusing_alerts(server.url, 3 * DAY), Options(), server.now_s)
    assert records(found, "TankFull") == records(report, "TankFull")


def test_it_says_how_much_of_alerts_could_be_read(server: Tanks) -> None:
    found = scan(refusing_alerts(server.url, 3 * DAY, server.now_s - 5 * DAY), Options(), server.now_s)
    (note,) = found.notes
    assert note.startswith("ALERTS could not be read, so there are no records: bad_query: too many samples (")
    assert "of 14 days could be read)" in note
    assert 8 <= float(note.rpartition("(")[2].split()[0]) <= 10.1


def test_warnings_from_before_a_rule_was_there_are_not_counted(server: Tanks, report: Report) -> None:
    """TankHalf holds whenever `twice` is above a half, for hours, and no alert of that name ever fired in the past."""
    record = row(report, "TankHalf", "twice").record
    assert record.own is not None
    assert record.before >= 1
    assert (record.own.hits, record.own.false) == (0, 0)
    assert "before the rule was there its condition held 2 times, and it would have warned " in record.sentence()
    assert (record.held, record.as_json()["held_before_rule"]) == (2, 2)
    assert record.as_json()["before_rule"] == record.before


def test_a_folder_is_not_touched(tmp_path: Path, server: Tanks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scan(source(server.url), Options(), server.now_s)
    assert not list(tmp_path.iterdir())
