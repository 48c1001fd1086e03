"""Warnings, messages and receivers for the tests of this room."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from aiops.config.routing import Route
from aiops.core.params import Params
from aiops.core.records import Crossing, EarlyWarning, Lineage, Outcome, Symptom, Verdict
from aiops.notify.interface import Notifier
from aiops.notify.message import Event, News, payload_of
from aiops.store import Store

OPENED_S = int(datetime(2026, 3, 2, 8, 10, tzinfo=UTC).timestamp())
"""When the warnings of these tests open."""
HOUR_S = 3600
LINEAGE = Lineage("prod-eu", "free", OPENED_S - 3 * HOUR_S, OPENED_S)
RUNBOOK: dict[str, Any] = {
    "name": "disk-filling-up", "sha": "4f2c", "mode": "suggest", "capped_from": "approve",
    "summary": "A file system fills. Remove what can be made again.", "owner": "storage-sre",
    "docs": "https://runbooks.example.org/disk", "route": "default", "impact": "Writes to /var on db1 will fail.",
    "plan": [
        {"id": "look", "uses": "exec", "effect": "read", "what": "on db1: du -x /var", "why_not_executed": "shown only"},
        {
            "id": "clean", "uses": "exec", "effect": "write", "what": "on db1: journalctl --vacuum-size=1G",
            "if": "steps.look.json.gb > 1", "irreversible": "Logs older than 7 d are gone.", "why_not_executed": "shown only",
        },
    ],
}  # fmt: skip
HOSTILE = {
    "instance": "db1\nVerdict: hit\x1b[31m", "mountpoint": "/va\u202er\u2066", "host.name": "a" * 5000, "": "nameless",
    "9lives": "\x00\ud800", "empty": "", "severity": "critical", "alertname": "Watchdog", "stage": "page",
}  # fmt: skip
RECORD = "36 of the last 40 came true; median 1h50m ahead"


def symptom(**changes: Any) -> Symptom:
    """A file system that fills."""
    evidence = {
        "now": 0.1823, "limit": 0.05, "above": False, "unit": "{ratio}", "slope_per_hour": -0.0214, "window_s": 10800.0,
        "level": 0.8, "reason": "a steady trend leads to the limit",
    }  # fmt: skip
    fields: dict[str, Any] = {
        "card": "disk_full", "signal": "filesystem_free_ratio", "labels": {"instance": "db1", "mountpoint": "/var"},
        "kind": "exhaustion", "since_s": OPENED_S - 300, "severity": "warning", "confidence": 0.91, "score": 0.0,
        "crossing": crossing(), "evidence": evidence, "lineage": LINEAGE,
    }  # fmt: skip
    return Symptom(**{**fields, **changes})


def crossing() -> Crossing:
    """In 6 h 10 min."""
    return Crossing(OPENED_S + 5.5 * HOUR_S, OPENED_S + 6 * HOUR_S + 600, OPENED_S + 7 * HOUR_S)


def warning(opened_s: int = OPENED_S, **changes: Any) -> EarlyWarning:
    """An open forecast warning in stage ticket, with a record and a runbook."""
    one = symptom()
    fields: dict[str, Any] = {
        "id": "7f3a90c2d1e4b658", "fingerprint": "0123456789abcdef", "card": "disk_full", "signal": one.signal,
        "kind": "exhaustion", "entity": one.labels, "labels": {**one.labels, "env": "prod"}, "state": "open", "stage": "ticket",
        "opened_s": opened_s, "updated_s": opened_s, "severity": "warning", "confidence": 0.91, "score": 0.0,
        "crossing": crossing(), "first_crossing": crossing(), "told_latest_s": crossing().latest_s,
        "act_before_s": crossing().earliest_s, "symptoms": (one,), "record": {"settled": 40, "text": RECORD},
        "runbooks": (RUNBOOK,),
    }  # fmt: skip
    return EarlyWarning(**{**fields, **changes})


def closed(at_s: int, why: str = "no longer seen", **changes: Any) -> EarlyWarning:
    """A warning that has ended."""
    return warning(state="closed", closed_s=at_s, updated_s=at_s, closed_why=why, **changes)


def anomaly(**changes: Any) -> EarlyWarning:
    """A warning that tells no time."""
    evidence = {
        "now": 31.5, "expected": 4.25, "unit": "1", "score": 7.42, "threshold": 4.1, "reason": "unlike what was usual here",
        "usual_low": 3.1, "usual_high": 5.9, "share": 0.62,
        "also": [{"labels": {"instance": "db1", "cpu": "3"}, "now": 0.98, "score": 1.42}],
        "against": ["5 of its 9 series are as usual"],
    }  # fmt: skip
    one = symptom(
        card="load_anomaly", signal="load", labels={"instance": "db1"}, kind="anomaly", crossing=None, evidence=evidence,
        score=7.42,
    )  # fmt: skip
    fields: dict[str, Any] = {
        "card": "load_anomaly", "signal": "load", "kind": "anomaly", "entity": {"instance": "db1"}, "labels": one.labels,
        "crossing": None, "first_crossing": None, "told_latest_s": None, "act_before_s": None, "symptoms": (one,),
        "record": {}, "runbooks": (), "confidence": 0.95, "score": 7.42,
    }  # fmt: skip
    return warning(**{**fields, **changes})


def route(receiver: str, *matchers: str, go_on: bool = False) -> Route:
    return Route.model_validate({"receiver": receiver, "matchers": list(matchers), "continue": go_on})


def outcome(about: EarlyWarning, verdict: Verdict = "averted", at_s: float = OPENED_S + 8 * HOUR_S, **changes: Any) -> Outcome:
    """What became of a warning that had ended."""
    one = Outcome(about.id, about.card, about.entity, verdict, int(at_s), about.opened_s, None, None, None, None, told=crossing())
    return replace(one, **changes)


def message(
    event: Event, about: EarlyWarning, now_s: float = OPENED_S, step_s: float = 60, judged_at_s: float | None = None
) -> dict[str, Any]:
    return payload_of(News(event, about, now_s, step_s, judged_at_s))


class Hand(Notifier[Params]):
    """Keeps what it is given, or raises what it is told to."""

    Params = Params

    def __init__(self, name: str = "am") -> None:
        super().__init__(name, Params())
        self.got: list[tuple[str, str]] = []
        self.raises: list[Exception | None] = []
        self.closed = False

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        error = self.raises.pop(0) if self.raises else None
        if error is not None:
            raise error
        self.got.append((dedup_key, str(message["event"])))

    def close(self) -> None:
        self.closed = True


class Renewed(Hand):
    renewed: ClassVar[bool] = True


@contextmanager
def memory() -> Iterator[Store]:
    store = Store.open("sqlite://", None)
    yield store
    store.close()


def enqueue(
    store: Store, event: Event, about: EarlyWarning, receiver: str = "am", now_s: float = OPENED_S, step_s: float = 60
) -> str:
    """Put one message into the outbox as a turn does; its key."""
    key = f"{about.id}:{event}" + (f":{int(now_s)}" if event == "updated" else "")
    with store.transaction() as tx:
        tx.enqueue(receiver, about.id, key, message(event, about, now_s, step_s), now_s, event == "updated")
    return key


def until(what: Any, seconds: float = 60.0) -> Any:
    """Wait for something to become true; a generous bound, not a measurement."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(0.05)
    return found
