"""The daemon's own metrics: all of them described, clean for promtool, each series counted once, labels bounded."""

from __future__ import annotations

import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aiops.core.errors import SourceError, StoreError
from aiops.daemon.daemon import Daemon
from aiops.daemon.metrics import METRICS, OPENMETRICS, TEXT, exposition, make_registry
from tests.daemon.rig import WORLDS, Rig, anomaly_card, calm, card, falling
from tests.servers import binary

HOSTILE = 'x"} 1\naiops_evil{a="\\'


def scraped(daemon: Daemon) -> dict[str, dict[tuple[str, ...], float]]:
    """Metric name to label values, in the order of their names, to value."""
    text = exposition(make_registry(daemon), "")[0].decode()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            rows = found.setdefault(sample.name, {})
            row = tuple(v for _, v in sorted(sample.labels.items()))
            assert row not in rows, f"{sample.name}{sample.labels} twice"
            rows[row] = sample.value
    return found


def watching(rig: Rig) -> Daemon:
    """Two cards on two sources, one turn done; a warning is open."""
    for name in ("a", HOSTILE):
        rig.world.add("free", {"instance": name}, falling(0.001))
    rig.world.add("load", {"instance": "a"}, calm())
    rig.sources = {"made": {"kind": "made"}, "again": {"kind": "made", "world": "other", "labels": {"site": "2"}}}
    WORLDS["other"].series = rig.world.series
    daemon = rig.start(card(), anomaly_card(sources=["made"]))
    rig.until_warned()
    return daemon


def test_every_metric_is_exposed_with_its_help_and_type(rig: Rig) -> None:
    daemon = watching(rig)
    text = exposition(make_registry(daemon), "")[0].decode()
    for name, kind, help_, _ in METRICS:
        full = f"{name}_total" if kind == "counter" else name
        assert f"# HELP {full} {help_}\n" in text
        assert f"# TYPE {full} {kind}\n" in text


def test_promtool_finds_nothing_to_say(rig: Rig) -> None:
    daemon = watching(rig)
    for accept in ("", "application/openmetrics-text;version=1.0.0"):
        body, content_type = exposition(make_registry(daemon), accept)
        assert content_type == (OPENMETRICS if accept else TEXT)
        if not accept:
            command = [binary("promtool", "prometheus"), "check", "metrics"]
            said = subprocess.run(command, input=body, capture_output=True, check=False)
            assert (said.returncode, said.stdout + said.stderr) == (0, b"")


def test_each_series_is_counted_once_a_card_in_exactly_one_state(rig: Rig) -> None:
    daemon = watching(rig)
    rows = scraped(daemon)["aiops_series"]
    assert sum(n for (name, _), n in rows.items() if name == "disk") == 4  # two series on each of two sources
    assert sum(n for (name, _), n in rows.items() if name == "strange") == 1
    assert rows["disk", "active"] == 4


@pytest.mark.row("X17")
def test_no_label_value_comes_from_telemetry(rig: Rig) -> None:
    daemon = watching(rig)
    assert len(daemon.store.open_warnings()) == 4
    body = exposition(make_registry(daemon), "")[0].decode()
    assert "aiops_evil" not in body
    allowed = {"disk", "strange", "made", "again"}
    for name, rows in scraped(daemon).items():
        if name in ("aiops_series", "aiops_turn_duration_seconds", "aiops_warnings_open", "aiops_source_up"):
            for labels in rows:
                assert allowed & set(labels), (name, labels)


def test_open_warnings_and_the_soonest_crossing(rig: Rig) -> None:
    daemon = watching(rig)
    found = scraped(daemon)
    assert found["aiops_warnings_open"] == {("disk", "exhaustion", "shadow"): 4}
    assert found["aiops_warnings_opened_total"] == {("disk",): 4}
    expected = [w.crossing.expected_s for w in daemon.store.open_warnings() if w.crossing]
    assert found["aiops_predicted_crossing_timestamp_seconds"][("disk",)] == pytest.approx(min(expected))


def test_a_failing_source_is_seen(rig: Rig) -> None:
    daemon = watching(rig)
    rig.world.error = SourceError("made", "timeout", "no answer within 10 s")
    rig.clock.now += 300
    rig.turn("disk@made", "strange@made")
    found = scraped(daemon)
    assert found["aiops_source_up"] == {("made",): 0, ("again",): 1}
    assert found["aiops_source_errors_total"] == {("timeout", "made"): 1}, "the second card did not ask again"
    rig.clock.now += 3000
    overdue = scraped(daemon)["aiops_job_overdue_seconds"]
    assert (overdue["disk", "made"], overdue["strange", "made"]) == (3000 - 600, 3000 + 300 - 600), "one goes on without it"


def test_verdicts_and_messages_are_counted_from_the_store_and_not_at_all_while_it_fails(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = watching(rig)
    assert scraped(daemon)["aiops_outcomes"][("hit",)] == 0

    def broken() -> dict[str, int]:
        raise StoreError("store: disk I/O error")

    monkeypatch.setattr(daemon.store, "counts", broken)
    found = scraped(daemon)
    assert "aiops_outcomes" not in found
    assert found["aiops_ready"] == {(): 1}


def test_reload_gauges(rig: Rig) -> None:
    daemon = watching(rig)
    at = rig.clock.now
    rig.clock.now += 50
    rig.config.write_text("sources: [")
    daemon.reload()
    found = scraped(daemon)
    assert found["aiops_config_last_reload_successful"] == {(): 0}
    assert found["aiops_config_last_reload_success_timestamp_seconds"][()] <= at
