"""Incidents that other systems declare, read from what they send: Alertmanager, PagerDuty, or plain ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from aiops.core.labels import Labels, Matcher, matches_all
from aiops.outcomes.settle import Failure

AT_MOST, FILE_AT_MOST, LABELS_AT_MOST, TEXT_AT_MOST = 1000, 100_000, 64, 1024
OURS = "warning_id"
"""A label that early warnings carry, and no failure: what we foretell would make itself come true by being told."""
ALERTS = "ALERTS"
"""The system of what a source's own rules say."""
AHEAD_S = 300.0
"""The clock of another system may go so much before ours."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that failed at `at_s`, as `system` says; `id` is the same whenever it says so again. `end_s`: when it was over,
    None = not yet, or nobody says."""

    id: str
    system: str
    labels: Labels
    at_s: int
    title: str = ""
    end_s: int | None = None


def incidents_of(content: bytes, now_s: float) -> list[Incident]:
    """The incidents of a file: one JSON value, or one on each line, each as `incidents_in` takes it. Raises ValueError, saying
    in which line."""
    content, out, read = content.removeprefix(b"\xef\xbb\xbf"), list[Incident](), 0
    try:
        return incidents_in(orjson.loads(content), now_s, FILE_AT_MOST)
    except orjson.JSONDecodeError as e:
        whole = e
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            body, read = orjson.loads(line), read + 1
            out += incidents_in(body, now_s, FILE_AT_MOST - len(out))
        except orjson.JSONDecodeError as e:
            where, why = (number, e.msg) if read else (whole.lineno, whole.msg)  # of many, or one value that goes over lines
            raise ValueError(f"line {where}: is no JSON: {why}") from None
        except ValueError as e:
            raise ValueError(f"line {number}: {e}") from None
    if not read:
        raise ValueError("is empty")
    return out


def incidents_in(body: Any, now_s: float, at_most: int = AT_MOST) -> list[Incident]:
    """The incidents of one message, `at_most` of them.

    An Alertmanager webhook (`alerts`, each with `labels`, `startsAt`, `fingerprint`; `endsAt` once it is resolved), a PagerDuty
    webhook (`event` with `event_type` incident.triggered; any other type tells of none), or `incidents`, a list of {`id`,
    `started_at`, `labels`, `title`?, `ended_at`?}, or one such; or a list of these. Times are RFC 3339 or epoch seconds. What an
    early warning has raised itself is none: it carries the label OURS. Raises ValueError, saying where, on anything else.
    """
    if isinstance(body, Sequence) and not isinstance(body, str):
        found = [one for part in _list(body, "the message") for one in _of(part, now_s)]
    else:
        found = list(_of(body, now_s))
    if len(found) > at_most:
        raise ValueError(f"holds {len(found)} incidents; at most {at_most} may come at once")
    return found


def _of(body: Any, now_s: float) -> Iterator[Incident]:
    message = _mapping(body, "the message")
    if "alerts" in message:
        for i, alert in enumerate(_list(message["alerts"], "alerts")):
            one = _alert(_mapping(alert, f"alerts[{i}]"), f"alerts[{i}]", now_s)
            if OURS not in one.labels:
                yield one
    elif "event" in message:
        yield from _pagerduty(_mapping(message["event"], "event"), now_s)
    elif "incidents" in message:
        for i, one in enumerate(_list(message["incidents"], "incidents")):
            yield _plain(_mapping(one, f"incidents[{i}]"), f"incidents[{i}]", now_s)
    elif "started_at" in message:
        yield _plain(message, "the incident", now_s)
    else:
        raise ValueError("holds neither alerts (Alertmanager), event (PagerDuty), incidents nor started_at")


def _alert(alert: Mapping[str, Any], where: str, now_s: float) -> Incident:
    labels, at = _labels(alert.get("labels"), f"{where}.labels"), _time(alert.get("startsAt"), f"{where}.startsAt", now_s)
    mark = _text(alert.get("fingerprint") or "".join(f"{k}={v};" for k, v in sorted(labels.items())), f"{where}.fingerprint")
    over = alert.get("status") == "resolved" and alert.get("endsAt")
    end = _end(alert["endsAt"], f"{where}.endsAt", at, now_s) if over else None
    return Incident(f"{mark}@{at}", "alertmanager", labels, at, labels.get("alertname", ""), end)


def _pagerduty(event: Mapping[str, Any], now_s: float) -> Iterator[Incident]:
    if event.get("event_type") != "incident.triggered":
        return
    data = _mapping(event.get("data"), "event.data")
    at = _time(data.get("created_at") or event.get("occurred_at"), "event.occurred_at", now_s)
    service = data.get("service")
    labels = {"service": service.get("summary")} if isinstance(service, Mapping) else {}
    more = data.get("custom_details")
    own = {str(k): v for k, v in more.items() if isinstance(v, str)} if isinstance(more, Mapping) else {}
    if any(OURS in text for pair in own.items() for text in pair):  # Alertmanager writes an alert's labels into one of them
        return
    known = {k: data[k] for k in ("urgency", "title") if isinstance(data.get(k), str)}
    found = _labels({**own, **known, **{k: v for k, v in labels.items() if isinstance(v, str)}}, "event.data")
    yield Incident(_text(data.get("id"), "event.data.id"), "pagerduty", found, at, found.get("title", ""))


def _plain(one: Mapping[str, Any], where: str, now_s: float) -> Incident:
    title, at = one.get("title", ""), _time(one.get("started_at"), f"{where}.started_at", now_s)
    end = _end(one["ended_at"], f"{where}.ended_at", at, now_s) if one.get("ended_at") else None
    return Incident(
        _text(one.get("id"), f"{where}.id"), "incident", _labels(one.get("labels", {}), f"{where}.labels"), at,
        _text(title, f"{where}.title") if title else "", end,
    )  # fmt: skip


def instant(text: str) -> float:
    """Epoch seconds, or a time of RFC 3339 (UTC where it names no zone). Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        return _rfc3339(text)


def claimed(incident: Incident, card: str, entity: Sequence[str], matchers: Sequence[Sequence[Matcher]]) -> Failure | None:
    """The failure that an incident is to a card which declares these lists of matchers as its truth; None when none fits.

    An empty list claims nothing. What failed is told by those of the card's `entity` labels that the incident has.
    """
    if not any(one and matches_all(one, incident.labels) for one in matchers):
        return None
    what = {name: incident.labels[name] for name in entity if incident.labels.get(name)}
    truth = "alert" if incident.system == ALERTS else "incident"
    return Failure(card, what, incident.at_s, truth, incident.labels)


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be an object")
    return value


def _list(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where} must be a list")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_AT_MOST:
        raise ValueError(f"{where} must be a text of 1 to {TEXT_AT_MOST} characters")
    return value


def _labels(value: Any, where: str) -> dict[str, str]:
    found = _mapping(value, where)
    short = all(isinstance(v, str) and len(k) + len(v) <= TEXT_AT_MOST for k, v in found.items())
    if len(found) > LABELS_AT_MOST or not short:
        raise ValueError(f"{where} must be at most {LABELS_AT_MOST} labels with texts of at most {TEXT_AT_MOST} characters")
    return dict(found)


def _time(value: Any, where: str, now_s: float) -> int:
    try:
        at = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else _rfc3339(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{where} must be a time, RFC 3339 or epoch seconds") from None
    if not math.isfinite(at) or not 0 <= at <= now_s + AHEAD_S:
        raise ValueError(f"{where} must not lie in the future")
    return int(at)


def _end(value: Any, where: str, began_s: int, now_s: float) -> int:
    """When it was over, not before it began."""
    at = _time(value, where, now_s)
    if at < began_s:
        raise ValueError(f"{where} must not lie before it began")
    return at


def _rfc3339(value: str) -> float:
    at = datetime.fromisoformat(value)
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
