"""The daemon's own metrics, in the names and units of the field; computed when asked, labels bounded by cards and sources."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST as TEXT
from prometheus_client.exposition import generate_latest as text
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from aiops import __version__
from aiops.core.errors import StoreError
from aiops.daemon.board import WatchState
from aiops.daemon.business import Business
from aiops.daemon.daemon import Daemon
from aiops.daemon.records import Records
from aiops.models.second_tier.pool import shared
from aiops.responses.switch import why_on
from aiops.store.response_rows import STATES
from aiops.telemetry.link import Link

Rows = Iterator[tuple[tuple[str, ...], float]]
MESSAGE_STATES = ("queued", "sent", "dead")
FITS = ("asked", "answered", "failed", "late")
"""*failed* ones raised, crashed or ran out of time at work; *late* ones never began."""
VERDICTS = ("hit", "late", "false", "averted", "expired", "unjudgeable", "missed")


class Described(NamedTuple):
    """One metric: its name without `_total`, its type, what it says, its labels."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...]


METRICS = (
    Described("aiops_build_info", "gauge", "Version of the daemon and of Python.", ("version", "python")),
    Described("aiops_ready", "gauge", "1 when the first turns are done, the store answers and not every source fails.", ()),
    Described("aiops_config_last_reload_successful", "gauge", "1 when the last reload was taken up.", ()),
    Described("aiops_config_last_reload_success_timestamp_seconds", "gauge", "When a configuration was last taken up.", ()),
    Described("aiops_series", "gauge", "Series of a card; active were scored or forecast in the last turn.", ("card", "state")),
    Described("aiops_learning_ratio", "gauge", "How much of the needed learning is done, 0 to 1.", ("card", "source")),
    Described("aiops_backfill_seconds", "gauge", "History that is still to be read.", ("card", "source")),
    Described("aiops_turn_duration_seconds", "gauge", "How long the last turn took.", ("card", "source")),
    Described("aiops_turn_last_success_timestamp_seconds", "gauge", "When the last good turn ended.", ("card", "source")),
    Described("aiops_job_overdue_seconds", "gauge", "How long ago the next good turn should have ended.", ("card", "source")),
    Described("aiops_job_runs", "counter", "Runs of scheduled jobs by what came of them.", ("job", "result")),
    Described("aiops_source_up", "gauge", "1 when at least one card could be read last time.", ("source",)),
    Described("aiops_source_staleness_seconds", "gauge", "Age of the newest instant that was read.", ("source",)),
    Described("aiops_source_queries", "counter", "Queries asked.", ("source",)),
    Described("aiops_source_query_seconds", "counter", "Time that queries took.", ("source",)),
    Described("aiops_source_samples", "counter", "Samples that came.", ("source",)),
    Described("aiops_source_answer_bytes", "counter", "Decoded bytes of answers.", ("source",)),
    Described("aiops_source_partial_answers", "counter", "Answers that the source warned of.", ("source",)),
    Described("aiops_source_clock_skew_seconds", "gauge", "The source's clock less ours, where it tells it.", ("source",)),
    Described("aiops_source_errors", "counter", "Failed reads of a source by kind.", ("source", "kind")),
    Described("aiops_mask_up", "gauge", "1 when the mask could be read last time.", ("mask",)),
    Described("aiops_mask_age_seconds", "gauge", "How long ago the mask was read.", ("mask",)),
    Described("aiops_mask_windows", "gauge", "Times of the mask that last now; those of cron are not counted.", ("mask",)),
    Described("aiops_warnings_open", "gauge", "Early warnings that are open.", ("card", "kind", "stage")),
    Described("aiops_warnings_opened", "counter", "Early warnings opened since the start.", ("card",)),
    Described("aiops_outcomes", "gauge", "Settled early warnings and missed failures, over all time.", ("verdict",)),
    Described("aiops_record_settled", "gauge", "Warnings of 30 days that came true or not.", ("by", "name")),
    Described("aiops_record_precision_ratio", "gauge", "Which share came true, 90 % Wilson bounds.", ("by", "name", "bound")),
    Described("aiops_record_recall_ratio", "gauge", "How many failures of 30 days were warned of.", ("by", "name")),
    Described("aiops_record_lead_seconds", "gauge", "How long before the failure hits opened.", ("by", "name", "quantile")),
    Described("aiops_record_false_warnings_per_week", "gauge", "False warnings a week.", ("by", "name")),
    Described("aiops_record_false_budget_ratio", "gauge", "False warnings for 100 series against the budget.", ("by", "name")),
    Described("aiops_record_interval_coverage_ratio", "gauge", "Failures inside the interval told; nominal 0.8.", ("by", "name")),
    Described("aiops_record_time_error_seconds", "gauge", "Median error of the expected time.", ("by", "name")),
    Described("aiops_record_model_coverage_ratio", "gauge", "Failures inside what the model itself said.", ("by", "name")),
    Described("aiops_record_confidence_told_ratio", "gauge", "Mean confidence told, to hold against precision.", ("by", "name")),
    Described("aiops_record_brier_score", "gauge", "Mean squared distance of confidence from what came.", ("by", "name")),
    Described("aiops_record_cleared_alone_ratio", "gauge", "Warnings nobody touched that cleared.", ("by", "name")),
    Described("aiops_record_calibrated_on", "gauge", "Own outcomes that what is told rests on.", ("card", "kind", "what")),
    Described("aiops_record_confidence_floor_ratio", "gauge", "What a model must say for a warning to open.", ("card", "kind")),
    Described("aiops_record_names_left_out", "gauge", "Names with fewer verdicts, in the API alone.", ("by",)),
    Described("aiops_feedback", "gauge", "Warnings of which people said what.", ("card", "word")),
    Described("aiops_report_value", "gauge", "Figures of `aiops report`; all cards, 30 d: no pilot.", ("pilot", "figure")),
    Described("aiops_pilot_verdict", "gauge", "1 for what a pilot's figures say: scale, keep or stop.", ("pilot", "verdict")),
    Described("aiops_predicted_crossing_timestamp_seconds", "gauge", "Soonest crossing that open warnings expect.", ("card",)),
    Described("aiops_responses", "gauge", "Responses over all time, by the state they are in.", ("state",)),
    Described("aiops_responses_leading", "gauge", "1 when this daemon is the one that carries responses on.", ()),
    Described("aiops_kill_switch", "gauge", "1 while nothing may be begun.", ()),
    Described("aiops_notifications", "counter", "Messages by what came of them.", ("result",)),
    Described("aiops_outbox_messages", "gauge", "Messages in the outbox.", ("state",)),
    Described("aiops_audit_head_info", "gauge", "Rows of the ledger at its newest checkpoint.", ("head", "merkle_root")),
    Described("aiops_audit_checkpoint_holds", "gauge", "1 while the ledger goes on from its last checkpoint.", ()),
    Described("aiops_second_tier_fits", "counter", "Slow fits in worker processes by what came of them.", ("result",)),
    Described("aiops_second_tier_waiting", "gauge", "Slow fits that have not begun.", ()),
    Described("aiops_second_tier_cpu_seconds", "counter", "CPU that slow fits used.", ()),
    Described("aiops_second_tier_worker_starts", "counter", "Worker processes started, the first of each included.", ()),
    Described("aiops_state_saves_failed", "counter", "Learnt states that could not be kept.", ("card",)),
)


class DaemonCollector:
    """Reads the daemon when Prometheus asks."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon, self._records, self._business = daemon, Records(daemon), Business(daemon)

    def collect(self) -> Iterator[Metric]:
        """Every metric of METRICS, in that order."""
        rows = self._rows()
        for name, kind, help_, labels in METRICS:
            family: Any = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
            metric: Metric = family(name, help_, labels=labels)
            for values, value in rows[name]():
                metric.add_metric(list(values), value)  # type: ignore[attr-defined]
            yield metric

    def _rows(self) -> dict[str, Callable[[], Rows]]:
        daemon, board = self._daemon, self._daemon.board
        watches, counters = board.snapshot()
        stored, pool = self._stored(), shared()
        now = daemon.clock()

        def per_watch(value: Callable[[WatchState], float | None]) -> Callable[[], Rows]:
            return lambda: (((w.card, w.source), v) for w in watches.values() if (v := value(w)) is not None)

        def counted(first: str, width: int) -> Callable[[], Rows]:
            return lambda: ((key[1 : 1 + width], float(n)) for key, n in sorted(counters.items()) if key[0] == first)

        def one(value: float) -> Callable[[], Rows]:
            return lambda: iter([((), value)])

        def kept(table: str, values: tuple[str, ...]) -> Callable[[], Rows]:
            return lambda: iter([((v,), float(stored.get(f"{table}.{v}", 0))) for v in values] if stored is not None else [])

        return {
            "aiops_build_info": lambda: iter([((__version__, platform.python_version()), 1.0)]),
            "aiops_ready": one(float(board.ready()[0])),
            "aiops_config_last_reload_successful": one(float(board.reload_ok)),
            "aiops_config_last_reload_success_timestamp_seconds": one(board.reloaded_s),
            "aiops_series": lambda: _series(watches),
            "aiops_learning_ratio": per_watch(lambda w: w.progress),
            "aiops_backfill_seconds": per_watch(lambda w: float(w.behind_s)),
            "aiops_turn_duration_seconds": per_watch(lambda w: w.seconds if w.last_turn_s is not None else None),
            "aiops_turn_last_success_timestamp_seconds": per_watch(lambda w: w.last_success_s),
            "aiops_job_overdue_seconds": per_watch(lambda w: w.overdue_s(now)),
            "aiops_job_runs": counted("jobs", 2),
            "aiops_source_up": lambda: (((name,), float(not why)) for name, why in board.sources().items()),
            "aiops_source_staleness_seconds": lambda: self._links(lambda link: now - link.newest_s if link.newest_s else None),
            "aiops_source_queries": lambda: self._links(lambda link: link.source.spent.queries),
            "aiops_source_query_seconds": lambda: self._links(lambda link: link.source.spent.seconds),
            "aiops_source_samples": lambda: self._links(lambda link: link.source.spent.samples),
            "aiops_source_answer_bytes": lambda: self._links(lambda link: link.source.spent.bytes),
            "aiops_source_partial_answers": lambda: self._links(lambda link: link.source.spent.partial),
            "aiops_source_clock_skew_seconds": lambda: self._links(lambda link: link.source.skew_s),
            "aiops_source_errors": counted("source_errors", 2),
            **self._masks(now),
            "aiops_warnings_open": self._open,
            "aiops_warnings_opened": lambda: _opened(counters),
            "aiops_outcomes": kept("outcomes", VERDICTS),
            **self._records.rows(),
            **self._business.rows(),
            "aiops_predicted_crossing_timestamp_seconds": self._crossings,
            "aiops_responses": self._responses,
            "aiops_responses_leading": one(float(daemon.responding.leads)),
            "aiops_kill_switch": one(float(bool(why_on(daemon.responding.runs, daemon.settings.data_dir)))),
            "aiops_notifications": counted("notifications", 1),
            "aiops_outbox_messages": kept("outbox", MESSAGE_STATES),
            "aiops_audit_head_info": daemon.witness.rows,
            "aiops_audit_checkpoint_holds": one(float(daemon.witness.holds)),
            "aiops_second_tier_fits": lambda: (((result,), float(getattr(pool.counts, result))) for result in FITS),
            "aiops_second_tier_waiting": one(pool.waiting),
            "aiops_second_tier_cpu_seconds": one(pool.counts.cpu_s),
            "aiops_second_tier_worker_starts": one(pool.counts.restarts),
            "aiops_state_saves_failed": counted("saves_failed", 1),
        }

    def _links(self, value: Callable[[Link], float | None]) -> Rows:
        """A number of each source, where it is known."""
        links = sorted(self._daemon.rooms.links.items())
        return (((name,), float(found)) for name, link in links if (found := value(link)) is not None)

    def _masks(self, now: float) -> dict[str, Callable[[], Rows]]:
        book = self._daemon.rooms.masks
        read = [mask for mask in book.masks.values() if mask.reader is not None]
        return {
            "aiops_mask_up": lambda: (((mask.name,), float(mask.read_s is not None and not mask.error)) for mask in read),
            "aiops_mask_age_seconds": lambda: (((mask.name,), now - mask.read_s) for mask in read if mask.read_s is not None),
            "aiops_mask_windows": lambda: (((name,), float(n)) for name, n in book.lasting(now).items()),
        }

    def _stored(self) -> dict[str, int] | None:
        """Counts of the store; None while it cannot be read: then nothing is said, rather than zero."""
        try:
            return self._daemon.store.counts()
        except StoreError:
            return None

    def _responses(self) -> Rows:
        try:
            found = self._daemon.responding.runs.counts()
        except StoreError:
            return
        yield from (((state,), float(found.get(state, 0))) for state in STATES)

    def _open(self) -> Rows:
        found: dict[tuple[str, ...], float] = {}
        for watch in self._daemon.rooms.watches:
            for warning in list(watch.open.values()):
                key = (warning.card, warning.kind, warning.stage)
                found[key] = found.get(key, 0.0) + 1
        yield from sorted(found.items())

    def _crossings(self) -> Rows:
        soonest: dict[str, float] = {}
        for watch in self._daemon.rooms.watches:
            for warning in list(watch.open.values()):
                if warning.crossing is not None:
                    soonest[warning.card] = min(soonest.get(warning.card, math.inf), warning.crossing.expected_s)
        yield from (((card,), at) for card, at in sorted(soonest.items()))


def _series(watches: dict[str, WatchState]) -> Rows:
    """Each series once per card: a card on two sources adds up."""
    found: dict[tuple[str, ...], float] = {}
    for watch in watches.values():
        for state, count in watch.states.items():
            found[watch.card, state] = found.get((watch.card, state), 0.0) + count
    yield from sorted(found.items())


def _opened(counters: Any) -> Rows:
    return ((((card,), float(n))) for (_, card, kind, *_), n in sorted(_events(counters)) if kind == "opened")


def _events(counters: Any) -> Iterator[tuple[tuple[str, ...], int]]:
    return ((key, n) for key, n in counters.items() if key[0] == "events")


def make_registry(daemon: Daemon) -> CollectorRegistry:
    """The daemon's metrics with those of its process."""
    registry = CollectorRegistry()
    registry.register(DaemonCollector(daemon))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """(body, content type): OpenMetrics where it is asked for, else Prometheus text."""
    if "application/openmetrics-text" in accept:
        return openmetrics(registry), OPENMETRICS  # type: ignore[no-untyped-call]
    return text(registry), TEXT
