"""Looking at what speaks Prometheus' HTTP API: which product it is, how far back it goes, what a query costs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
import requests

from aiops.core.errors import SourceError
from aiops.core.text import visible
from aiops.telemetry.http import TooLarge, TooLate
from aiops.telemetry.source import Answer, Probe, ReadLimits, Spent

YEARS_S = 20 * 365 * 86400
"""How far back is looked at most."""
SPAN_S = 39 * 86400
"""A gap longer than this is taken for the beginning: VictoriaMetrics looks at no times in a range of 40 days and more."""
NEAR_S = 3600
"""How exactly the oldest sample is found."""


class Asked(Protocol):
    """A source that speaks the API, as far as looking at it takes."""

    limits: ReadLimits
    spent: Spent

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int) -> Answer:
        """See `Source.fetch`."""

    def ask(self, path: str, params: Mapping[str, str], deadline: float) -> bytes:
        """The body of a GET below the URL."""


def look(source: Asked, query: str) -> Probe:
    """What answers, how far back it goes, and what `query` costs now. Raises SourceError when nothing useful answers."""
    now_s = int(time.time())
    bytes_before, began = source.spent.bytes, time.perf_counter()
    answer = source.fetch(query, now_s, now_s, 60)
    took, size = time.perf_counter() - began, source.spent.bytes - bytes_before
    product, version = product_of(source)
    return Probe(product, version, oldest(source, now_s), newest(source, now_s), took, len(answer.block.labels), size)


def product_of(source: Asked) -> tuple[str, str]:
    """(product, version), as far as it tells.

    Prometheus and what is like it say so under buildinfo; Mimir names itself there; Thanos alone lists stores; what has
    VictoriaMetrics' own metrics is that.
    """
    told = _json(source, "/api/v1/status/buildinfo", {}).get("data")
    data = told if isinstance(told, dict) else {}
    version, application = (visible(str(data.get(name, ""))) for name in ("version", "application"))
    if application:
        return application, version
    if _json(source, "/api/v1/stores", {}).get("status") == "success":
        return "Thanos", version
    own = _body(source, "/metrics", {})
    if b"vm_app_version" in own:
        return "VictoriaMetrics", version or _quoted(own, b'short_version="') or _quoted(own, b'vm_app_version{version="')
    return ("Prometheus" if version else "something that speaks PromQL"), version


def oldest(source: Asked, now_s: int) -> int | None:
    """The oldest instant there are samples of, found by asking for label names up to an instant; None = unknown.

    At most an hour late where a server looks at the times (Prometheus), up to a day early where it goes by days
    (VictoriaMetrics): good enough to be told, not to decide what is read.
    """
    if not _any_until(source, now_s):
        return None
    without, having = now_s - YEARS_S, now_s
    if _any_until(source, without):
        return None  # it does not look at the time it is asked about
    while having - without > NEAR_S:
        middle = (without + having) // 2
        if _any_until(source, middle):
            having = middle
        else:
            without = middle
    return having


def newest(source: Asked, now_s: int) -> int | None:
    """The instant of the newest scrape; None when nothing is scraped there."""
    block = source.fetch("max(timestamp(up))", now_s, now_s, 60).block
    value = float(block.values[0, 0]) if len(block.labels) else float("nan")
    return int(value) if value == value else None


def _any_until(source: Asked, end_s: int) -> bool:
    found = _json(source, "/api/v1/labels", {"start": str(max(0, end_s - SPAN_S)), "end": str(end_s)})
    return bool(found.get("data"))


def _quoted(text: bytes, before: bytes) -> str:
    return visible(text.partition(before)[2].partition(b'"')[0].decode("utf-8", "replace"))


def _json(source: Asked, path: str, params: dict[str, str]) -> dict[str, Any]:
    try:
        found = orjson.loads(_body(source, path, params))
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _body(source: Asked, path: str, params: dict[str, str]) -> bytes:
    """The body, empty when there is none: what a product does not have it answers in its own way."""
    try:
        return source.ask(path, params, time.monotonic() + source.limits.seconds)
    except (SourceError, requests.RequestException, TooLarge, TooLate, ValueError):
        return b""
