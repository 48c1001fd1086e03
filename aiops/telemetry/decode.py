"""The JSON of Prometheus' query API, straight to arrays.

Numbers are most of an answer and labels stay what they were, so the two are taken apart as bytes: what remains without the
numbers (the skeleton) is decoded only when it is not the very one of the last time. That cut is sound for any valid JSON: a
quote inside a string is written with a backslash, so `"values":[[` stands nowhere but at a key. An answer that is not as
Prometheus writes it (spaces, other order) is decoded whole, and every part of it is checked.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from aiops.core.records import Remark
from aiops.telemetry.labelling import SameLabels, united

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
MAX_LABELS, MAX_LABEL_BYTES = 64, 4096
SPARE_PARTS = 1 << 16
"""Parts of JSON beyond what series within the caps need: few series with far too many labels spoil no answer."""
WHOLE_BYTES = 16 * 2**20
"""An answer that has to be decoded whole may be this long: it costs many times its size."""
_KEYS = {"matrix": "values", "vector": "value"}
_CUT = b'"cut":0'
_INSTANT = re.compile(rb'"value":\[([0-9.]+),"([-+.0-9eEInfNa]*)"\]')
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|Inf|NaN)")
_NUMBERS = b"0123456789+-.eEInfNa,"


class BadAnswer(Exception):
    """The answer cannot be used: `kind` is a kind of SourceError, the text says why."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """An answer without its numbers: n label sets without the metric's name, and what is to be said of them.

    `rows` (m,) is the row of each series of the answer, -1 = left out; None = as they come.
    """

    labels: tuple[dict[str, str], ...]
    notes: tuple[str, ...]
    rows: Rows | None


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """All samples of an answer, in its order: `row` (m,) of the label set, `time_s` (m,), `value` (m,).

    `unread` of them were no numbers and are NaN.
    """

    row: Rows
    time_s: Array
    value: Array
    unread: int = 0


@dataclass(slots=True)
class Memory:
    """The skeleton that was seen last, as its digest, and what it says: one pair, so that threads never mix two answers."""

    seen: tuple[bytes, Frame] | None = None


def decode(body: bytes, kind: str, memory: Memory, series: int, samples: int) -> tuple[Frame, Points]:
    """Label sets and samples of an answer of `kind` (matrix, vector); the very same frame while the series stay the same.

    A scalar counts as a vector of one. Raises BadAnswer: too_many_series, too_many_points, too_many_bytes before much is
    decoded, not_prometheus and bad_data for what is no such answer, bad_query for results that cannot be watched,
    unsupported for native histograms.
    """
    found = body.count(b'"metric":')
    if found > series:
        raise _too_many(found, series)
    taken = (_apart_matrix if kind == "matrix" else _apart_vector)(body, samples)
    if taken is not None:
        skeleton, points = taken
        digest = hashlib.blake2b(skeleton, digest_size=16).digest()
        seen = memory.seen
        frame = seen[1] if seen is not None and seen[0] == digest else _framed(skeleton, kind, found)
        if frame is not None:
            memory.seen = digest, frame
            return frame, _placed(points, frame)
    memory.seen = None
    if len(body) > WHOLE_BYTES:
        message = f"{len(body)} bytes not written as Prometheus writes them, more than {WHOLE_BYTES}; narrow the query"
        raise BadAnswer("too_many_bytes", message)
    frame, points = _whole(body, kind, series)
    return frame, _placed(points, frame)


def _too_many(found: int, series: int) -> BadAnswer:
    return BadAnswer(
        "too_many_series", f"{found} series, more than limits.series = {series}; narrow the query or raise it"
    )


def _apart_vector(body: bytes, _: int) -> tuple[bytes, Points] | None:
    """The skeleton and the samples; None when the bytes are not as Prometheus writes them."""
    pieces = _INSTANT.split(body)
    if len(pieces) == 1:
        return None
    instants, numbers = pieces[1::3], pieces[2::3]
    try:
        time_s = np.array([float(instants[0])] if len(set(instants)) == 1 else list(map(float, instants)))
        value = np.array(list(map(float, numbers)))
    except ValueError:
        return None
    return _CUT.join(pieces[0::3]), Points(np.arange(len(value)), np.broadcast_to(time_s, value.shape), value)


def _apart_matrix(body: bytes, samples: int) -> tuple[bytes, Points] | None:
    """The skeleton and the samples; None when the bytes are not as Prometheus writes them."""
    pieces = body.split(b'"values":[[')
    ends = [piece.find(b'"]]') for piece in pieces[1:]]
    if not ends or min(ends) < 0:
        return None
    numbers = [piece[:end] for piece, end in zip(pieces[1:], ends, strict=True)]
    counts = np.array([one.count(b'"],[') for one in numbers]) + 1
    if counts.sum() > samples:
        message = f"{counts.sum()} samples, more than limits.samples = {samples}; ask for less or raise it"
        raise BadAnswer("too_many_points", message)
    text = b",".join(numbers).replace(b'"],[', b",").replace(b',"', b",")
    if text.translate(None, _NUMBERS):
        return None
    try:
        flat = np.fromstring(text, sep=",")
    except (ValueError, DeprecationWarning):  # numpy warns of text that it cannot read to its end
        return None
    if len(flat) != 2 * counts.sum() or text.count(b",") != len(flat) - 1:
        return None
    rest = [pieces[0], *(piece[end + 3 :] for piece, end in zip(pieces[1:], ends, strict=True))]
    return _CUT.join(rest), Points(np.repeat(np.arange(len(counts)), counts), flat[0::2], flat[1::2])


def _framed(skeleton: bytes, kind: str, series: int) -> Frame | None:
    """What a skeleton says; None when it is not that of an answer whose every series had its numbers cut out."""
    parts = skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{")
    if parts > (series + 1) * (MAX_LABELS + 8) + SPARE_PARTS:
        raise BadAnswer("bad_data", f"{parts} parts of JSON for {series} series")
    result, notes = opened(skeleton, kind)
    cut = sum(1 for one in result if isinstance(one, dict) and one.get("cut") == 0)
    return frame_of(result, "cut", notes) if len(result) == cut == skeleton.count(_CUT) else None


def opened(body: bytes, kind: str) -> tuple[list[Any], tuple[str, ...]]:
    """(result, warnings) of an answer."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as e:
        raise BadAnswer("not_prometheus", f"the answer is no JSON: {e}") from e
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or answer.get("status") != "success":
        raise BadAnswer("not_prometheus", "the answer is not one of Prometheus' query API")
    result, found, warnings = data.get("result"), data.get("resultType"), answer.get("warnings") or []
    if found == "scalar" and kind == "vector":
        result, found = [{"metric": {}, "value": result}], "vector"
    if found != kind:
        wanted = "numbers, not a range selector or a text" if kind == "vector" else "a matrix"
        raise BadAnswer("bad_query", f"a result of type {str(found)[:40]!r} cannot be watched; ask for {wanted}")
    if not isinstance(result, list) or not isinstance(warnings, list):
        raise BadAnswer("bad_data", "`result` or `warnings` is no list")
    return result, tuple(str(one)[:200] for one in warnings[:20])


def frame_of(result: list[Any], numbers: str, notes: tuple[str, ...]) -> Frame:
    """The label sets of a result whose series have their numbers under the key `numbers`."""
    within = [fits(one, numbers) for one in result]
    try:
        labels, rows = united([one["metric"] for one, fit in zip(result, within, strict=True) if fit])
    except SameLabels as e:
        raise BadAnswer("bad_query", str(e)) from e
    if not all(within):
        caps = f"more than {MAX_LABELS} labels or {MAX_LABEL_BYTES} characters of them"
        notes = (*notes, Remark(f"{within.count(False)} series left out: {caps}"))
    if len(labels) < len(rows):
        notes = (*notes, Remark(f"{len(rows) - len(labels)} series came twice; the later sample counts"))
    if len(labels) == len(result):
        return Frame(labels, notes, None)
    places = np.full(len(result), -1)
    places[within] = rows
    return Frame(labels, notes, places)


def fits(one: Any, numbers: str) -> bool:
    """Whether a series is within the caps on labels. Raises BadAnswer when it is none."""
    if not isinstance(one, dict) or not isinstance(one.get("metric"), dict):
        raise BadAnswer("bad_data", "a series without `metric`")
    if "histogram" in one or "histograms" in one:
        raise BadAnswer(
            "unsupported", "native histograms cannot be watched; ask for histogram_quantile(…) of them instead"
        )
    if numbers not in one:
        raise BadAnswer("bad_data", f"a series without `{numbers}`")
    metric = one["metric"]
    if not all(isinstance(value, str) for value in metric.values()):
        raise BadAnswer("bad_data", "a label that is no text")
    return len(metric) <= MAX_LABELS and sum(map(len, metric)) + sum(map(len, metric.values())) <= MAX_LABEL_BYTES


def _placed(points: Points, frame: Frame) -> Points:
    if frame.rows is None:
        return points
    row = frame.rows[points.row]
    here = row >= 0
    return Points(row[here], points.time_s[here], points.value[here], points.unread)


def _whole(body: bytes, kind: str, series: int) -> tuple[Frame, Points]:
    """The answer decoded the long way, with every part checked."""
    result, notes = opened(body, kind)
    if len(result) > series:
        raise _too_many(len(result), series)
    key = _KEYS[kind]
    frame = frame_of(result, key, notes)
    found: list[tuple[int, float, float, bool]] = []
    for i, one in enumerate(result):
        points = one[key] if kind == "matrix" else [one[key]]
        if not isinstance(points, list):
            raise BadAnswer("bad_data", f"`{key}` of a series is no list")
        found += [(i, *_point(point)) for point in points]
    row, time_s, value, unread = np.array(found, np.float64).reshape(-1, 4).T
    return frame, Points(row.astype(np.int64), time_s, value, int(unread.sum()))


def _point(point: Any) -> tuple[float, float, bool]:
    """(seconds, value, whether it is no number)."""
    if (
        not isinstance(point, list)
        or len(point) != 2
        or type(point[0]) not in (int, float)
        or not isinstance(point[1], str)
    ):
        raise BadAnswer("bad_data", f"a sample is [seconds, text of a number], not {str(point)[:60]!r}")
    read = _NUMBER.fullmatch(point[1]) is not None
    return float(point[0]), float(point[1]) if read else np.nan, not read
