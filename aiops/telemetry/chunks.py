"""Whether a source may be read by streamed remote read instead of the query API, and how that goes.

Only where both give the same: remote read puts `external_labels` of the server on every series and the query API does not, and
how long a sample holds is a setting of the server's. So the server is asked for its settings before the first range, and again
after a while, for it may have been restarted; one that does not tell them is asked by the query API.

Source: Prometheus, storage/remote/read_handler.go; HTTP API, status/config, status/flags, status/buildinfo.
"""

from __future__ import annotations

import functools
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from aiops.config.yaml_file import parsed
from aiops.core.durations import seconds
from aiops.core.errors import FileError, SourceError
from aiops.core.text import visible
from aiops.telemetry import remote_read
from aiops.telemetry.decode import BadAnswer
from aiops.telemetry.fast_decode import Grid
from aiops.telemetry.http import Answered
from aiops.telemetry.remote_wire import HEADERS
from aiops.telemetry.source import ReadLimits

QUERIES_KNOWN = 256
"""Queries whose label sets are remembered; the one that was asked longest ago is forgotten first."""
STREAMED = "application/x-streamed-protobuf"
LOOK_S = 2.0
"""The settings are waited for this long: a server that hangs there is read in another way before the deadline."""
AGAIN_S, SOON_S = 600.0, 30.0
"""After so long the settings are looked at again; the second when the server was away."""
AWAY = ("timeout", "unreachable", "server_error")
FAILURES = 3
"""After so many in a row the query API is asked for a while: something in between may break this way of reading alone."""
SETTINGS_BYTES = 4 << 20
"""A longer answer about settings is not read."""
_VERSION = re.compile(r"v?([0-9]{1,4})\.")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a server may be read, known until `until` (monotonic): how long a sample holds, or why the query API is to be asked."""

    until: float = 0.0
    look_back_ms: int = 0
    why_not: str = "not looked at"


class Chunks:
    """Streamed remote read of one source; may be asked by several threads.

    `send` (method, path, query, deadline, more of requests' arguments) gives a good answer of the source, or raises SourceError.
    """

    def __init__(self, name: str, limits: ReadLimits, send: Callable[..., Answered]) -> None:
        self._name, self._limits, self._send = name, limits, send
        self._memory = functools.lru_cache(maxsize=QUERIES_KNOWN)(lambda _: remote_read.Memory())
        self._terms, self._lock, self._failures = Terms(), threading.Lock(), 0

    def read(
        self, query: str, grid: Grid, deadline: float
    ) -> tuple[remote_read.Labels, remote_read.Values, tuple[str, ...]] | None:
        """(label sets (n,), values (n, t), notes); None where the query API is to be asked: for short ranges, for whatever is no
        plain selector, where it costs less, and of a server that has no such thing or does not tell its settings.

        Raises SourceError when the server is away, and bad_data when what it sends is damaged; after FAILURES in a row the
        query API is asked for a while.
        """
        matchers = remote_read.worth(query, grid)
        if matchers is None:
            return None
        memory, terms = self._memory(query), self.terms(query, deadline)
        if terms.why_not or time.monotonic() < memory.aside_until:
            return None
        try:
            ask = functools.partial(self._ask, query, deadline)
            found = remote_read.read(ask, matchers, memory, grid, terms.look_back_ms, self._limits)
            self._failures = 0
            return found
        except remote_read.Aside as e:
            self._tell(f"{visible(query)}: {e}")
            if e.lasting:
                memory.aside_until = time.monotonic() + AGAIN_S
        except BadAnswer as e:
            error = SourceError(self._name, e.kind, f"{visible(query)}: {visible(str(e))}")
            self._failed(error)
            raise error from e
        except SourceError as e:
            if e.kind in ("not_prometheus", "auth", "unsupported"):
                self._terms = self._without(f"remote read: {e.message}", AGAIN_S)
            elif e.kind in ("bad_query", "too_many_bytes"):  # of raw samples there may be many more than instants
                self._tell(f"{visible(query)}: {e.message}")
                memory.aside_until = time.monotonic() + AGAIN_S
            else:
                self._failed(e)
                raise
        return None

    def _failed(self, error: SourceError) -> None:
        if error.kind not in (*AWAY, "bad_data"):
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._terms, self._failures = self._without(f"remote read failed {FAILURES} times: {error.message}", AGAIN_S), 0

    def terms(self, query: str, deadline: float) -> Terms:
        """How the server may be read; looked at by one thread while the others wait, and not again until that is old."""
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return Terms()
        try:
            if time.monotonic() >= self._terms.until:
                self._terms = self._look(query, min(deadline, time.monotonic() + LOOK_S))
            return self._terms
        finally:
            self._lock.release()

    def _ask(self, query: str, deadline: float, request: bytes) -> bytes:
        """The stream that answers a request. Raises SourceError unsupported when another kind of answer comes."""
        answered = self._send("POST", "/api/v1/read", query, deadline, data=request, headers=HEADERS)
        if not answered.media_type.startswith(STREAMED):
            raise SourceError(self._name, "unsupported", f"it answers as {visible(answered.media_type[:80])!r}, not in a stream")
        return answered.content

    def _look(self, query: str, deadline: float) -> Terms:
        def data(what: str) -> Any:
            content = self._send("GET", f"/api/v1/status/{what}", query, deadline).content
            if len(content) > SETTINGS_BYTES:
                raise ValueError(f"status/{what} has {len(content)} bytes")
            return orjson.loads(content)["data"]

        try:
            if named := external_labels(str(data("config")["yaml"])):
                return self._without(f"the server adds external_labels ({visible(', '.join(named))})", AGAIN_S)
            look_back_ms = look_back_of(data("flags")["query.lookback-delta"], data("buildinfo")["version"])
        except SourceError as e:
            return self._without(e.message, SOON_S if e.kind in AWAY else AGAIN_S)
        except (FileError, ValueError, KeyError, TypeError) as e:
            return self._without(f"its settings cannot be read: {visible(str(e)[:200])}", AGAIN_S)
        return Terms(time.monotonic() + AGAIN_S, look_back_ms, "")

    def _without(self, why_not: str, for_s: float) -> Terms:
        if why_not != self._terms.why_not:
            self._tell(why_not)
        return Terms(time.monotonic() + for_s, 0, why_not)

    def _tell(self, why: str) -> None:
        """A line in the daemon's log; a command has none that could stand between what it prints."""
        if structlog.is_configured():
            structlog.get_logger().info("history is asked of the query API, not read in chunks", source=self._name, why=why)


def external_labels(config: str) -> tuple[str, ...]:
    """The names of `global.external_labels` in a configuration as Prometheus shows it. Raises what reading it raises.

    Only the part `global` is read, which may have as many bytes as a file that a person writes; the rest may be megabytes.

    >>> external_labels("global:\\n  scrape_interval: 1m\\n  external_labels:\\n    site: a\\nscrape_configs: []\\n")
    ('site',)
    """
    lines = iter(config.split("\n"))
    for line in lines:
        if line.rstrip() == "global:":
            break
    else:
        raise ValueError("no part `global` in its configuration")
    part = ["global:"]
    for line in lines:
        if line[:1] not in ("", " "):
            break
        part.append(line)
    found = parsed("status/config", "\n".join(part))
    found.refuse(())
    return tuple(map(str, dict(found.data["global"] or {}).get("external_labels") or ()))


def look_back_of(delta: str, version: str) -> int:
    """Milliseconds for which a sample holds, the last included, of a flag and a version. Raises ValueError.

    From version 3 on a sample that is as old as the look-back is no longer taken.

    >>> look_back_of("5m", "2.42.0"), look_back_of("1m30s", "3.1.0")
    (300000, 89999)
    """
    told, span_ms = _VERSION.match(version), round(seconds(delta) * 1000)
    if told is None or span_ms <= 0:
        raise ValueError(f"look-back {delta[:40]!r} of version {version[:40]!r}")
    return span_ms - (int(told[1]) >= 3)
