"""Anything that speaks Prometheus' HTTP API, through prometheus-api-client, wrapped.

Explicit aligned times, one absolute deadline, capped bytes, series and samples, one retry layer, the answer's `warnings`
kept, and errors that say which kind they are.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import orjson
import requests
from pydantic import Field

from aiops.core.errors import SourceError
from aiops.core.labels import key
from aiops.core.records import Block, Floats, Ints, Lineage, Remark
from aiops.core.text import visible
from aiops.telemetry import metricsql
from aiops.telemetry.chunks import Chunks
from aiops.telemetry.credentials import AuthParams, Credentials
from aiops.telemetry.decode import BadAnswer, Frame
from aiops.telemetry.fast_decode import Grid, Memory, decode_grid
from aiops.telemetry.http import Answered, OtherEncoding, SourceSession, TooLarge, TooLate, cause
from aiops.telemetry.looking import look
from aiops.telemetry.source import Answer, Probe, ReadLimits, Source

T = TypeVar("T")
POINTS_A_QUERY = 10_000
RETRY_AFTER_S, RETRY_AFTER_AT_MOST_S = 0.3, 5.0
ALIKE = {"nocache": "1"}
"""VictoriaMetrics would move a range to where its cache has it. Others ignore it."""
VICTORIAS = "X-Server-Hostname"
"""A header that VictoriaMetrics alone sends."""
RULES = "/api/v1/rules"
PARTS = ("_bucket", "_count", "_sum")
QUERIES_KNOWN = 256
"""Queries whose label sets are remembered."""


class PrometheusParams(AuthParams):
    """Parameters of `PrometheusSource`."""

    url: str = Field(pattern=r"^https?://[^\s?#]+$", description="base URL, for example http://prometheus:9090")
    windows: Literal["auto", "prometheus", "native"] = Field(
        "auto",
        description="functions of a window on VictoriaMetrics: `prometheus` as Prometheus has them, `native` its own, "
        "`auto` its own where no other source is configured",
    )


class _Busy(SourceError):
    """The server asks for patience: `after_s` is how long."""

    def __init__(self, source: str, message: str, after_s: float) -> None:
        self.after_s = after_s
        super().__init__(source, "server_error", message)


class PrometheusSource(Source[PrometheusParams]):
    """Whatever speaks Prometheus' HTTP API: Prometheus, Thanos, Mimir, VictoriaMetrics.

    Asked on the aligned grid, with one deadline and caps on series, samples and decoded bytes; passing one raises, nothing
    is cut off silently. What the server warns of makes the answer partial. Raises SourceError of every kind.

    Source: Prometheus HTTP API, query and query_range.

    >>> PrometheusSource("prod", PrometheusParams(url="http://127.0.0.1:9"), ReadLimits(seconds=0.2)).probe()
    Traceback (most recent call last):
    aiops.core.errors.SourceError: source prod: unreachable: ...
    """

    Params = PrometheusParams
    concurrent: ClassVar[bool] = True
    serves_rules: ClassVar[bool] = True
    query_api_only = False
    """Ask nothing but the query API, whatever else would be quicker."""

    def __init__(self, name: str, params: PrometheusParams, limits: ReadLimits) -> None:
        super().__init__(name, params, limits)
        self._credentials = Credentials(name, params)
        self._session = SourceSession(limits.decoded_bytes, self._credentials.headers, self._judged, limits.queries)
        self._session.headers.update(params.headers)
        self._session.verify, self._session.cert = self._credentials.verify, self._credentials.cert
        self._session.auth = self._credentials.auth
        self._client: Any = None
        self._chunks = Chunks(name, limits, self._send)
        self._is_victoria, self._dialects = False, dict[str, str]()
        self._known: OrderedDict[str, Memory] = OrderedDict()
        self._lock = threading.Lock()

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """See `Source.fetch`; ranges longer than 10,000 points are asked for in parts, all before one deadline."""
        deadline = time.monotonic() + self.limits.seconds
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        grid = Grid(start_s, step_s, len(times))
        chunks = None if self.query_api_only else self._chunks.read(query, grid, deadline)
        labels, values, notes = chunks or self._in_parts(query, times, step_s, deadline)
        lineage = Lineage(self.name, query, start_s, end_s, partial=notes)
        return Answer(Block(labels, times, values, unit, lineage), notes)

    def _in_parts(
        self, query: str, times: Ints, step_s: int, deadline: float
    ) -> tuple[tuple[dict[str, str], ...], Floats, tuple[str, ...]]:
        """As `_part`, of any number of instants."""
        parts = [times[first : first + POINTS_A_QUERY] for first in range(0, len(times), POINTS_A_QUERY)]
        read = [self._part(query, part, step_s, deadline) for part in parts]
        notes = tuple(dict.fromkeys(note for _, _, said in read for note in said))
        labels, values = (read[0][0], read[0][1]) if len(read) == 1 else _joined([(a, b) for a, b, _ in read])
        return labels, values, notes

    def probe(self) -> str:
        """Ask for 1 and, where the server tells, its version."""
        deadline = time.monotonic() + self.limits.seconds
        self._asked("vector", {"query": "1", "params": {}}, deadline)
        return f"{visible(self.params.url)} answers PromQL"

    def types(self, metrics: Collection[str]) -> Mapping[str, str]:
        """See `Source.types`; what a metric is a part of (a histogram's _bucket) is asked for too."""
        names = {base for name in metrics for base in (name, *(name.removesuffix(part) for part in PARTS))}
        deadline = time.monotonic() + self.limits.seconds
        found: dict[str, str] = {}
        for name in sorted(names):
            try:
                body = self.ask("/api/v1/metadata", {"metric": name}, deadline)
                entries = orjson.loads(body)["data"].get(name, [])
                kinds = {entry["type"] for entry in entries}
            except (SourceError, requests.RequestException, TooLarge, TooLate, ValueError, KeyError, TypeError, AttributeError):
                return found  # it only helps to refuse what makes no sense: the query itself says what is wrong
            if len(kinds) == 1:
                found[name] = str(kinds.pop())
        return found

    def ask(self, path: str, params: Mapping[str, str], deadline: float) -> bytes:
        """The body of a GET below the URL. Raises SourceError, and what requests raises."""
        answer: Any = self._session.get(self.params.url.rstrip("/") + path, params=params, timeout=deadline - time.monotonic())
        body: bytes = answer.result
        return body

    def alerting_rules(self) -> bytes:
        """See `Source.alerting_rules`."""
        deadline = time.monotonic() + self.limits.seconds
        return bytes(self._send("GET", RULES, RULES, deadline, params={"type": "alert"}).result)

    def look(self, query: str = "") -> Probe:
        """See `Source.look`; by default the query is `up`."""
        return look(self, query or "up")

    def close(self) -> None:
        """Close connections."""
        self._session.close()

    def _part(
        self, query: str, times: Ints, step_s: int, deadline: float
    ) -> tuple[tuple[dict[str, str], ...], Floats, tuple[str, ...]]:
        """(label sets (n,), values (n, t), notes) at `times`; the newest instant alone is cheaper as an instant query."""
        args: dict[str, Any]
        asked = self._dialect(query)
        first, last = (datetime.fromtimestamp(int(t), UTC) for t in (times[0], times[-1]))
        kind, args = "matrix", {"query": asked, "start_time": first, "end_time": last, "step": step_s, "params": ALIKE}
        if len(times) == 1:
            # step: VictoriaMetrics looks back as far as in a range query of that step only if it is told
            kind, args = "vector", {"query": asked, "params": {**ALIKE, "time": int(times[0]), "step": step_s}}
        body = self._asked(kind, args, deadline)
        if self._dialect(query) != asked:  # its first answer told which product it is
            body = self._asked(kind, args | {"query": self._dialect(query)}, deadline)
        frame, values, unread = self._decoded(body, kind, query, Grid(int(times[0]), step_s, len(times)))
        noted = (Remark(f"{unread} samples were no numbers"),) if unread else ()
        return frame.labels, values, frame.notes + noted

    def _dialect(self, query: str) -> str:
        """The query as this product is to be asked, so that it means the same."""
        if not self._is_victoria:
            return query
        if query not in self._dialects:
            whole = self.params.windows == "prometheus" or (self.params.windows == "auto" and not self.alone)
            try:
                self._dialects[query] = metricsql.translated(query, whole)
            except ValueError:  # no PromQL: the server has the better words
                self._dialects[query] = query
        return self._dialects[query]

    def _decoded(self, body: bytes, kind: str, query: str, grid: Grid) -> tuple[Frame, Floats, int]:
        with self._lock:
            memory = self._known.setdefault(query, Memory())
            self._known.move_to_end(query)
            if len(self._known) > QUERIES_KNOWN:
                self._known.popitem(last=False)
        try:
            return decode_grid(body, kind, memory, self.limits.series, self.limits.samples, grid)
        except BadAnswer as e:
            raise SourceError(self.name, e.kind, f"{visible(query)}: {visible(str(e))}") from e

    def _asked(self, kind: str, args: dict[str, Any], deadline: float) -> bytes:
        """The body of a successful answer to a query."""

        def once() -> bytes:
            client = self._connect()
            ask = client.custom_query if kind == "vector" else client.custom_query_range
            body: bytes = ask(**args, timeout=deadline - time.monotonic())
            return body

        return self._patiently(once, args["query"], deadline)

    def _send(self, method: str, path: str, query: str, deadline: float, **options: Any) -> Answered:
        """A good answer from below the URL, asked for the sake of `query`. Raises SourceError."""
        url = self.params.url.rstrip("/") + path

        def once() -> Answered:
            answer: Any = self._session.request(method, url, timeout=deadline - time.monotonic(), **options)
            assert isinstance(answer, Answered)
            return answer

        return self._patiently(once, query, deadline)

    def _patiently(self, once: Callable[[], T], query: str, deadline: float) -> T:
        """What `once` gives; what may pass is tried once more before the deadline. Raises SourceError."""
        retry_context = _quiet_retries()

        def again(error: Exception) -> float | bool:
            if not isinstance(error, SourceError) or error.kind not in ("server_error", "unreachable"):
                return False
            wait = error.after_s if isinstance(error, _Busy) else RETRY_AFTER_S
            return wait if time.monotonic() + wait < deadline else False

        for attempt in retry_context(on=again, attempts=2, timeout=None):
            with attempt:
                return self._told(once, query)
        raise AssertionError("unreachable")

    def _told(self, once: Callable[[], T], query: str) -> T:
        """What `once` gives. Raises SourceError for everything that comes between."""
        try:
            return once()
        except TooLarge as e:
            cap = self.limits.decoded_bytes
            message = f"the answer is larger than {cap} bytes; narrow {visible(query)} or raise limits.bytes"
            raise SourceError(self.name, "too_many_bytes", message) from e
        except TooLate as e:
            raise SourceError(self.name, "timeout", f"no answer within {self.limits.seconds:g} s") from e
        except (
            requests.exceptions.RequestException,
            OSError,
            ValueError,
        ) as e:  # ValueError: a URL or header that is none
            kind = "timeout" if isinstance(e, requests.exceptions.Timeout) else "unreachable"
            kind = "unsupported" if isinstance(e, OtherEncoding) else kind
            raise SourceError(self.name, kind, f"{visible(self.params.url)}: {visible(cause(e))}") from e

    def _connect(self) -> Any:
        if self._client is None:
            from prometheus_api_client import PrometheusConnect

            self._client = PrometheusConnect(url=self.params.url.rstrip("/"), session=self._session, retry=0)
        return self._client

    def _judged(self, response: requests.Response) -> bytes:
        """The body of a good response. Raises SourceError for every other."""
        status, body = response.status_code, response.content
        self.spent.add(size=len(body))
        self._is_victoria = VICTORIAS in response.headers
        self.skew_s = skew_of(response.headers.get("Date", ""), time.time())
        page = body[:1] == b"<" or "html" in response.headers.get("Content-Type", "")
        if status == 200 and not page:
            return body
        said = _said(body, self._credentials.secrets(response.request.headers))
        if status == 200:
            raise self._no_prometheus(f"HTTP 200, but a page: {said}; a login in between?")
        if status in (401, 403):
            raise SourceError(self.name, "auth", f"HTTP {status}: {said}; check the credentials of this source")
        if 300 <= status < 400:
            raise self._no_prometheus(f"HTTP {status} redirects elsewhere; give the final URL")
        if status == 429 or (500 <= status < 600 and status != 501):
            raise _Busy(self.name, f"HTTP {status}: {said}", _patience(response.headers.get("Retry-After", "")))
        if status in (400, 422):
            kind = "too_many_points" if "exceeded maximum resolution" in said else "bad_query"
            raise SourceError(self.name, kind, said)
        raise self._no_prometheus(f"HTTP {status}, no Prometheus answer: {said}; is there an /api/v1 below this URL?")

    def _no_prometheus(self, why: str) -> SourceError:
        return SourceError(self.name, "not_prometheus", f"{visible(self.params.url)}: {why}")


@functools.cache
def _quiet_retries() -> Any:
    """stamina's loop; a retry writes no log line of its own: it is the source's error that counts and is told."""
    import stamina
    from stamina.instrumentation import set_on_retry_hooks

    set_on_retry_hooks([])
    return stamina.retry_context




def _said(body: bytes, secrets: Iterable[str] = ()) -> str:
    """What an answer says of itself, fit to be shown: the `error` of Prometheus' JSON, else how it begins; no `secrets`."""
    try:
        answer = orjson.loads(body[: 1 << 16])
    except orjson.JSONDecodeError:
        answer = None
    error = answer.get("error") if isinstance(answer, dict) else None
    text = str(error or body[: 1 << 12].decode("utf-8", "replace"))
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    return visible(" ".join((text if error else text[:200]).split()))


def _patience(retry_after: str) -> float:
    return min(float(retry_after), RETRY_AFTER_AT_MOST_S) if retry_after.isdecimal() else RETRY_AFTER_S


def _joined(parts: list[tuple[tuple[dict[str, str], ...], Floats]]) -> tuple[tuple[dict[str, str], ...], Floats]:
    """Parts of a range side by side; a series that is missing in one has a gap there."""
    rows: dict[str, int] = {}
    labels: list[dict[str, str]] = []
    places = []
    for some, _ in parts:
        place = []
        for one in some:
            place.append(rows.setdefault(key(one), len(labels)))
            if place[-1] == len(labels):
                labels.append(one)
        places.append(place)
    values = np.full((len(labels), sum(part.shape[1] for _, part in parts)), np.nan)
    first = 0
    for place, (_, part) in zip(places, parts, strict=True):
        values[place, first : first + part.shape[1]] = part
        first += part.shape[1]
    return tuple(labels), values


def skew_of(date: str, now_s: float) -> float | None:
    """Seconds by which a Date header is ahead of `now_s`, to its whole second; None when it is none.

    >>> skew_of("Thu, 01 Jan 1970 00:01:40 GMT", 90.0), skew_of("soon", 0.0)
    (10.0, None)
    """
    try:
        told = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    ahead = told - now_s
    return 0.0 if -1.0 <= ahead <= 0.0 else ahead  # the header's second began up to a second ago
