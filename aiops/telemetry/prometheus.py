"""Anything that speaks Prometheus' HTTP API, through prometheus-api-client, wrapped.

Explicit aligned times, one absolute deadline, capped bytes, series and samples, one retry layer, the answer's `warnings`
kept, and errors that say which kind they are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import requests
from numpy.typing import NDArray
from pydantic import Field

from aiops.core.errors import SourceError
from aiops.core.labels import key
from aiops.core.params import Params
from aiops.core.records import Block, Floats, Ints, Lineage
from aiops.telemetry.http import SourceSession, TooLarge, TooLate
from aiops.telemetry.source import Answer, ReadLimits, Source

POINTS_A_QUERY = 10_000
MAX_LABELS, MAX_LABEL_BYTES = 64, 4096
RETRY_AFTER_S = 0.3


class PrometheusParams(Params):
    """Parameters of `PrometheusSource`."""

    url: str = Field(pattern=r"^https?://[^\s]+$", description="base URL, for example http://prometheus:9090")
    headers: dict[str, str] = Field(default_factory=dict, description="extra headers, for example X-Scope-OrgID")
    username: str = Field("", description="basic auth user")
    password_file: Path | None = Field(None, description="file with the basic auth password")
    bearer_token_file: Path | None = Field(None, description="file with a bearer token, read at every request")
    ca_file: Path | None = Field(None, description="CA bundle to trust instead of the system's")


class PrometheusSource(Source[PrometheusParams]):
    """A Prometheus-compatible server."""

    Params = PrometheusParams

    def __init__(self, name: str, params: PrometheusParams, limits: ReadLimits) -> None:
        super().__init__(name, params, limits)
        self._session = SourceSession(limits.decoded_bytes)
        self._session.headers.update(params.headers)
        self._session.verify = str(params.ca_file) if params.ca_file else True
        self._client: Any = None
        self._known: tuple[list[Mapping[str, str]], tuple[dict[str, str], ...]] | None = None

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """See `Source.fetch`; ranges longer than 10,000 points are asked for in parts, all before one deadline."""
        deadline = time.monotonic() + self.limits.seconds
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        found: dict[str, tuple[dict[str, str], Floats]] = {}
        partial: list[str] = []
        single: tuple[tuple[dict[str, str], ...], Floats] | None = None
        for first in range(0, len(times), POINTS_A_QUERY):
            part = times[first : first + POINTS_A_QUERY]
            args = {"query": query, "start": int(part[0]), "end": int(part[-1]), "step": step_s}
            data, notes = self._ask("query_range", args, deadline)
            partial += [n for n in notes if n not in partial]
            labels, values, dropped = self._matrix(data, part, step_s)
            partial += dropped
            if len(part) == len(times):
                single = labels, values
                break
            for one, row in zip(labels, values, strict=True):
                entry = found.setdefault(key(one), (one, np.full(len(times), np.nan)))
                entry[1][first : first + len(part)] = row
        if single is None:
            rows = [row for _, row in found.values()]
            single = tuple(one for one, _ in found.values()), np.array(rows).reshape(len(rows), len(times))
        lineage = Lineage(self.name, query, start_s, end_s, partial=tuple(partial))
        return Answer(Block(single[0], times, single[1], unit, lineage), tuple(partial))

    def probe(self) -> str:
        """Ask for 1, and for the version."""
        self._ask("query", {"query": "1"}, time.monotonic() + self.limits.seconds)
        return f"{self.params.url} answers PromQL"

    def close(self) -> None:
        """Close connections."""
        self._session.close()

    def _connect(self) -> Any:
        if self._client is None:
            from prometheus_api_client import PrometheusConnect

            self._client = PrometheusConnect(url=self.params.url, session=self._session, retry=0)
        return self._client

    def _ask(self, path: str, args: dict[str, Any], deadline: float) -> tuple[Any, list[str]]:
        """The `data` of an answer and its warnings; a server error is tried once more before the deadline."""
        try:
            return self._once(path, args, deadline)
        except SourceError as e:
            if e.kind not in ("server_error", "unreachable") or time.monotonic() + RETRY_AFTER_S > deadline:
                raise
        time.sleep(RETRY_AFTER_S)
        return self._once(path, args, deadline)

    def _once(self, path: str, args: dict[str, Any], deadline: float) -> tuple[Any, list[str]]:
        client = self._connect()
        self._session.capped.deadline = deadline
        self._session.auth, bearer = self._credentials()
        try:
            response = client._session.get(f"{client.url}/api/v1/{path}", params=args, headers=bearer)
        except TooLarge as e:
            cap = self.limits.decoded_bytes
            message = f"the answer is larger than {cap} bytes; narrow {args.get('query')!r} or raise limits.bytes"
            raise SourceError(self.name, "too_many_bytes", message) from e
        except (TooLate, requests.exceptions.Timeout) as e:
            raise SourceError(self.name, "timeout", f"no answer within {self.limits.seconds:g} s") from e
        except (requests.exceptions.RequestException, OSError) as e:
            kind = "timeout" if time.monotonic() > deadline else "unreachable"
            raise SourceError(self.name, kind, _first_line(e)) from e
        return self._decoded(response)

    def _credentials(self) -> tuple[tuple[str, str] | None, dict[str, str]]:
        try:
            basic = None
            if self.params.username and self.params.password_file:
                basic = (self.params.username, self.params.password_file.read_text().strip())
            token = self.params.bearer_token_file
            return basic, {"Authorization": f"Bearer {token.read_text().strip()}"} if token else {}
        except OSError as e:
            raise SourceError(self.name, "auth", f"{e.filename}: {e.strerror}") from e

    def _decoded(self, response: requests.Response) -> tuple[Any, list[str]]:
        status, body = response.status_code, response.content
        try:
            answer = orjson.loads(body)
            assert isinstance(answer, dict)
        except (orjson.JSONDecodeError, AssertionError):
            answer = None
        said = str(answer.get("error", "")) if answer else body[:200].decode("utf-8", "replace")
        said = " ".join(said.split())[:200]
        if status in (401, 403):
            raise SourceError(self.name, "auth", f"HTTP {status}: {said}; check the credentials of this source")
        if 300 <= status < 400:
            raise SourceError(self.name, "not_prometheus", f"HTTP {status} redirects elsewhere; give the final URL")
        if status in (429,) or status >= 500:
            raise SourceError(self.name, "server_error", f"HTTP {status}: {said}")
        if status in (400, 422):
            kind = "too_many_points" if "exceeded maximum resolution" in said else "bad_query"
            raise SourceError(self.name, kind, said)
        if answer is None or status != 200 or answer.get("status") != "success" or "data" not in answer:
            raise SourceError(self.name, "not_prometheus", f"HTTP {status}, no Prometheus answer: {said}")
        return answer["data"], [str(w)[:200] for w in (answer.get("warnings") or [])]

    def _matrix(self, data: Any, times: Ints, step_s: int) -> tuple[tuple[dict[str, str], ...], Floats, list[str]]:
        """(labels, values (n, t), what was dropped) of a range answer; shapes that are not one raise SourceError."""
        if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
            raise SourceError(self.name, "bad_data", "the answer to a range query is no matrix")
        result = data["result"]
        if len(result) > self.limits.series:
            message = (
                f"{len(result)} series, more than limits.series = {self.limits.series}; narrow the query or raise it"
            )
            raise SourceError(self.name, "too_many_series", message)
        if len(result) * len(times) > self.limits.samples:
            raise SourceError(self.name, "too_many_points", f"more than limits.samples = {self.limits.samples} samples")
        kept, dropped = [], 0
        for one in result:
            if "histograms" in one:
                message = "native histograms cannot be watched; ask for histogram_quantile(…) of them instead"
                raise SourceError(self.name, "unsupported", message)
            if _oversize(one["metric"]):
                dropped += 1
            else:
                kept.append(one)
        try:
            values = _grid(kept, times, step_s)
        except (KeyError, TypeError, ValueError, IndexError) as e:
            raise SourceError(self.name, "bad_data", f"a series is not as the API says: {_first_line(e)}") from e
        notes = (
            [f"{dropped} series dropped: more than {MAX_LABELS} labels, or one over {MAX_LABEL_BYTES} bytes"]
            if dropped
            else []
        )
        return self._labels([one["metric"] for one in kept]), values, notes

    def _labels(self, metrics: list[dict[str, str]]) -> tuple[dict[str, str], ...]:
        """The very same label objects while the set of series stays the same: everything behind keys on them."""
        if self._known is not None and self._known[0] == metrics:
            return self._known[1]
        labels = tuple({k: v for k, v in one.items() if k != "__name__"} for one in metrics)
        self._known = (metrics, labels)  # type: ignore[assignment]
        return labels


def _oversize(metric: Mapping[str, str]) -> bool:
    return len(metric) > MAX_LABELS or any(
        len(k) > MAX_LABEL_BYTES or len(v) > MAX_LABEL_BYTES for k, v in metric.items()
    )


def _grid(result: list[Any], times: Ints, step_s: int) -> Floats:
    """Samples on the grid: later duplicates win, order does not matter, what is off the grid or not finite is a gap."""
    values = np.full((len(result), len(times)), np.nan)
    start = int(times[0])
    for i, one in enumerate(result):
        points = one["values"]
        if len(points) == 1:
            at, value = points[0]
            slot = (float(at) - start) / step_s
            if 0 <= slot < len(times) and slot == int(slot):
                values[i, int(slot)] = _number(value)
            continue
        at = np.array([p[0] for p in points], np.float64)
        slots = (at - start) / step_s
        on = (slots == np.floor(slots)) & (slots >= 0) & (slots < len(times))
        numbers: NDArray[np.float64] = np.array([_number(p[1]) for p in points])
        values[i, slots[on].astype(np.int64)] = numbers[on]
    return values


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else math.nan


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
