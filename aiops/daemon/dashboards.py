"""Grafana dashboards over the daemon's own metrics: what it warned of and how that came out, and how the daemon is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

SCHEMA, WIDTH, HEIGHT = 39, 24, 7
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
Kind = Literal["stat", "timeseries", "table"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: queries with their legends; `unit` as Grafana names it, `wide` in 24ths of the page."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    kind: Kind = "timeseries"
    wide: int = 12
    says: str = ""
    most: float | None = None


EARLY = (
    Panel("Open early warnings", [("sum by (stage) (aiops_warnings_open)", "{{stage}}")], kind="stat", wide=6),
    Panel(
        "Soonest expected", [("min(aiops_predicted_crossing_timestamp_seconds > 0) - time()", "in")], "s", "stat", 6,
        "Time until the soonest crossing that an open warning expects.",
    ),
    Panel(
        "Came true, 30 days", [('aiops_record_precision_ratio{by="card",bound="point"}', "{{name}}")], "percentunit", "stat", 6,
        "Of the warnings that were settled.", 1.0,
    ),
    Panel("Median lead", [('aiops_record_lead_seconds{by="card",quantile="0.5"}', "{{name}}")], "s", "stat", 6),
    Panel("Warnings opened a day", [("sum by (card) (increase(aiops_warnings_opened_total[1d]))", "{{card}}")]),
    Panel("Open, by card", [("sum by (card) (aiops_warnings_open)", "{{card}}")]),
    Panel(
        "Precision with its bounds",
        [('aiops_record_precision_ratio{by="card"}', "{{name}} {{bound}}")], "percentunit", most=1.0,
        says="90 % Wilson bounds: a card climbs by the lower one and falls by the upper one.",
    ),
    Panel("Failures warned of", [('aiops_record_recall_ratio{by="card"}', "{{name}}")], "percentunit", most=1.0),
    Panel("False warnings a week", [('aiops_record_false_warnings_per_week{by="card"}', "{{name}}")]),
    Panel(
        "False warnings against the budget", [('aiops_record_false_budget_ratio{by="card"}', "{{name}}")], "percentunit",
        says="Above 1 the card takes more than it was given.",
    ),
    Panel(
        "Failures inside the interval told", [('aiops_record_interval_coverage_ratio{by="card"}', "{{name}}")], "percentunit",
        most=1.0, says="0.8 is what is promised.",
    ),
    Panel("Error of the expected time", [('aiops_record_time_error_seconds{by="card"}', "{{name}}")], "s"),
    Panel("What people said", [("sum by (card, word) (aiops_feedback)", "{{card}} {{word}}")]),
)
ITSELF = (
    Panel("Ready", [("min(aiops_ready)", "")], kind="stat", wide=6, most=1.0),
    Panel("Sources that answer", [("sum(aiops_source_up)", "up"), ("count(aiops_source_up)", "of")], kind="stat", wide=6),
    Panel("Series", [("sum by (state) (aiops_series)", "{{state}}")], kind="stat", wide=6),
    Panel("Learning", [("min(aiops_learning_ratio)", "")], "percentunit", "stat", 6, most=1.0),
    Panel("A turn takes", [("max by (card) (aiops_turn_duration_seconds)", "{{card}}")], "s"),
    Panel("Overdue", [("max by (card) (aiops_job_overdue_seconds)", "{{card}}")], "s"),
    Panel("Series by card and state", [("sum by (card, state) (aiops_series)", "{{card}} {{state}}")]),
    Panel("History still to be read", [("max by (card) (aiops_backfill_seconds)", "{{card}}")], "s"),
    Panel(
        "Queries a second", [("sum by (source) (rate(aiops_source_queries_total[5m]))", "{{source}}")], "reqps",
        says="What the daemon costs its sources.",
    ),
    Panel("Samples a second", [("sum by (source) (rate(aiops_source_samples_total[5m]))", "{{source}}")]),
    Panel("Failed reads", [("sum by (source, kind) (increase(aiops_source_errors_total[5m]))", "{{source}} {{kind}}")]),
    Panel("Age of what was read", [("max by (source) (aiops_source_staleness_seconds)", "{{source}}")], "s"),
    Panel("Messages", [("sum by (result) (increase(aiops_notifications_total[5m]))", "{{result}}")]),
    Panel("Messages that wait or are dead", [('sum by (state) (aiops_outbox_messages{state!="sent"})', "{{state}}")]),
    Panel("CPU", [('rate(process_cpu_seconds_total{job="$job"}[5m])', "{{instance}}")], "percentunit"),
    Panel("Memory", [('process_resident_memory_bytes{job="$job"}', "{{instance}}")], "bytes"),
)
BOARDS = {"aiops-early-warnings": ("Early warnings", EARLY), "aiops-itself": ("aiops itself", ITSELF)}


def dashboards() -> Iterator[tuple[str, dict[str, Any]]]:
    """(uid, dashboard) of each, as Grafana imports it; the data source is asked for.

    Source: Grafana documentation, dashboard JSON model.
    """
    for uid, (title, panels) in BOARDS.items():
        yield uid, {
            "uid": uid, "title": title, "tags": ["aiops"], "timezone": "browser", "schemaVersion": SCHEMA, "version": 1,
            "refresh": "1m", "time": {"from": "now-24h", "to": "now"}, "editable": True,
            "templating": {"list": [_datasource(), _job()]}, "panels": list(_placed(panels)),
        }  # fmt: skip


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source", "hide": 0}


def _job() -> dict[str, Any]:
    asks = "label_values(aiops_build_info, job)"
    return {
        "name": "job", "type": "query", "label": "Job", "datasource": DATASOURCE, "refresh": 1, "hide": 0, "definition": asks,
        "query": {"query": asks, "refId": "job"},
    }  # fmt: skip


def _placed(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    x = y = 0
    for number, one in enumerate(panels, 1):
        if x + one.wide > WIDTH:
            x, y = 0, y + HEIGHT
        yield _panel(number, one) | {"gridPos": {"x": x, "y": y, "w": one.wide, "h": HEIGHT}}
        x += one.wide


def _panel(number: int, one: Panel) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + i), "expr": expr, "legendFormat": legend or one.title, "datasource": DATASOURCE,
            "instant": one.kind != "timeseries",
        }
        for i, (expr, legend) in enumerate(one.queries)
    ]  # fmt: skip
    defaults = {"unit": one.unit, "min": 0} | ({"max": one.most} if one.most is not None else {})
    return {
        "id": number, "title": one.title, "description": one.says, "type": one.kind, "datasource": DATASOURCE, "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
    }  # fmt: skip
