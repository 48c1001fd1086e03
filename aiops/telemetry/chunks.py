"""Whether a source may be read by streamed remote read instead of the query API, and how that goes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from aiops.core.errors import SourceError
from aiops.core.text import visible
from aiops.telemetry import compiled, remote_read
from aiops.telemetry.decode import BadAnswer
from aiops.telemetry.fast_decode import Grid
from aiops.telemetry.remote_wire import HEADERS
from aiops.telemetry.source import ReadLimits

QUERIES_KNOWN = 256
"""Queries whose label sets are remembered."""


class Chunks:
    """Streamed remote read of one source.

    `send` (method, path, query, deadline, more of requests' arguments) gives a good answer of the source, or raises SourceError.
    """

    def __init__(self, name: str, limits: ReadLimits, send: Callable[..., Any]) -> None:
        self._name, self._limits, self._send = name, limits, send
        self._off, self._streams = False, dict[str, remote_read.Memory]()
        self._lock = threading.Lock()

    def read(self, query: str, grid: Grid, deadline: float) -> tuple[remote_read.Labels, remote_read.Values] | None:
        """What streamed remote read gives; None where the query API has to be asked: for short ranges, for whatever is no plain
        selector, while kernels are not loaded, and of a server that has no such thing.
        """
        matchers = None if self._off else remote_read.worth(query, grid)
        kernels = compiled.module("aiops.telemetry.fast_chunks", 0) if matchers else None
        if matchers is None or kernels is None:
            return None
        memory = remote_read.Memory()
        if len(self._streams) < QUERIES_KNOWN:
            memory = self._streams.setdefault(query, memory)

        def ask(request: bytes) -> bytes:
            body: bytes = self._send("POST", "/api/v1/read", query, deadline, data=request, headers=HEADERS).result
            return body

        try:
            return remote_read.read(kernels, ask, matchers, memory, grid, self._limits.series, self._limits.samples)
        except BadAnswer as e:
            if e.kind == "bad_data":  # it answers in another way
                self._off = True
                return None
            raise SourceError(self._name, e.kind, f"{visible(query)}: {visible(str(e))}") from e
        except SourceError as e:
            self._off = e.kind in ("bad_query", "not_prometheus", "auth")
            return None  # the query API says in its own words what is wrong
