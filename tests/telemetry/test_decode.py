"""Answers of the query API to arrays: the short way equals the long way, and nothing hostile gets through either."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.telemetry.decode import MAX_LABEL_BYTES, MAX_LABELS, WHOLE_BYTES, BadAnswer, Frame, Memory, Points, decode
from tests.telemetry.hostile import success


def decoded(
    body: bytes, kind: str = "matrix", memory: Memory | None = None, series: int = 1000, samples: int = 10**6
) -> Any:
    return decode(body, kind, memory or Memory(), series, samples)


def spaced(body: bytes) -> bytes:
    """The same JSON, not as Prometheus writes it."""
    return json.dumps(json.loads(body), indent=1).encode()


def table(found: tuple[Frame, Points]) -> dict[frozenset[Any], list[tuple[float, str]]]:
    frame, points = found
    out: dict[frozenset[Any], list[tuple[float, str]]] = {frozenset(one.items()): [] for one in frame.labels}
    for row, at, value in zip(points.row, points.time_s, points.value, strict=True):
        out[frozenset(frame.labels[row].items())].append((float(at), repr(float(value))))
    return out


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr), st.integers(-(10**12), 10**12).map(str),
    st.sampled_from(["NaN", "+Inf", "-Inf", "1e+06", "-0", "5e-324", "1.7976931348623157e+308"]),
)  # fmt: skip
instants = st.one_of(st.integers(0, 2**33), st.integers(0, 2**43).map(lambda ms: ms / 1000))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
hard_texts = st.one_of(
    texts, st.sampled_from(['"values":[[1,"2"]]', '","value":[', "\\", '"', "]]", "\x00", "\u202e", "\n"])
)
label_sets = st.dictionaries(st.sampled_from(["a", "b", "value", "values", "metric", "cut"]), hard_texts, max_size=4)
unique_sets = st.lists(label_sets, max_size=6, unique_by=lambda x: frozenset(x.items()))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_short_way_equals_the_long_way(data: st.DataObject) -> None:
    sets = data.draw(unique_sets)
    matrix = data.draw(st.booleans())
    points = st.tuples(instants, numbers).map(list)
    if matrix:
        result = [{"metric": one, "values": data.draw(st.lists(points, min_size=1, max_size=5))} for one in sets]
    else:
        result = [{"metric": one, "value": data.draw(points)} for one in sets]
    kind = "matrix" if matrix else "vector"
    body = success(result, kind, warnings=data.draw(st.lists(texts, max_size=2)))
    short, long = decoded(body, kind), decoded(spaced(body), kind)
    assert table(short) == table(long)
    assert short[0].notes == long[0].notes
    assert [tuple(p) for one in result for p in (one["values"] if matrix else [one["value"]])] == [
        (t, n) for (t, n) in zip(short[1].time_s, _texts(result, matrix), strict=True)
    ]
    want = [float(n) for n in _texts(result, matrix)]
    np.testing.assert_array_equal(short[1].value, want)


def _texts(result: list[Any], matrix: bool) -> list[str]:
    return [p[1] for one in result for p in (one["values"] if matrix else [one["value"]])]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 400))
def test_damaged_answers_raise_bad_answer_or_are_answers(noise: bytes, start: int, length: int) -> None:
    """Bytes replaced, cut out or put in anywhere never raise anything else."""
    whole = success([{"metric": {"__name__": "up", "i": str(i)}, "values": [[1, "1.5"], [2, "NaN"]]} for i in range(5)])
    for kind, body in (
        ("matrix", whole),
        ("vector", whole.replace(b'values":[[1,"1.5"],[2,"NaN"]]', b'value":[1,"1.5"]')),
    ):
        try:
            frame, points = decoded(body[:start] + noise + body[start + length :], kind)
        except BadAnswer:
            continue
        assert points.row.max(initial=-1) < len(frame.labels)


def test_the_same_series_again_give_the_very_same_frame() -> None:
    memory = Memory()

    def at(t: int, names: str) -> Frame:
        return decoded(
            success([{"metric": {"i": i}, "value": [t, f"{t}.5"]} for i in names], "vector"), "vector", memory
        )[0]

    first = at(60, "abc")
    assert at(120, "abc") is first
    assert at(180, "abd") is not first
    assert [one["i"] for one in at(240, "abd").labels] == ["a", "b", "d"]


def test_warnings_of_the_server_are_notes_each_time() -> None:
    memory = Memory()
    body = success([{"metric": {}, "value": [1, "2"]}], "vector", warnings=["a store did not answer"])
    assert decoded(body, "vector", memory)[0].notes == ("a store did not answer",)
    assert decoded(body, "vector", memory)[0].notes == ("a store did not answer",)
    assert decoded(success([{"metric": {}, "value": [1, "2"]}], "vector"), "vector", memory)[0].notes == ()


def test_an_empty_series_beside_full_ones_keeps_its_place() -> None:
    frame, points = decoded(
        success([{"metric": {"i": "a"}, "values": []}, {"metric": {"i": "b"}, "values": [[1, "2"]]}])
    )
    assert table((frame, points)) == {frozenset({("i", "a")}): [], frozenset({("i", "b")}): [(1.0, "2.0")]}


def test_a_scalar_is_a_vector_of_one_without_labels() -> None:
    assert table(decoded(success([5, "2.5"], "scalar"), "vector")) == {frozenset(): [(5.0, "2.5")]}


@pytest.mark.parametrize("text", ["0x1F", "1_000", "", " 1", "1e", "one", "Infinity", "--1", "1,5", "١"])
def test_text_that_is_no_number_is_a_missing_sample_and_counted(text: str) -> None:
    for kind, one in (
        ("matrix", {"metric": {}, "values": [[1, "7"], [2, text]]}),
        ("vector", {"metric": {}, "value": [2, text]}),
    ):
        _, points = decoded(success([one], kind), kind)
        assert math.isnan(points.value[-1])
        assert points.unread == 1


def test_a_number_too_large_for_a_float_is_infinite() -> None:
    _, points = decoded(success([{"metric": {}, "values": [[1, "1e400"], [2, "-1e400"]]}]))
    assert points.value.tolist() == [math.inf, -math.inf]


ONE = {"metric": {"a": "b"}, "values": [[1, "2"]]}
SHAPES: list[tuple[bytes, str]] = [
    (b"", "not_prometheus"),
    (b"null", "not_prometheus"),
    (b"[]", "not_prometheus"),
    (b"{", "not_prometheus"),
    (b'"success"', "not_prometheus"),
    (b'{"status":"success"}', "not_prometheus"),
    (b'{"status":"success","data":[]}', "not_prometheus"),
    (b'{"status":"error","data":{"resultType":"matrix","result":[]}}', "not_prometheus"),
    (b"[" * 100_000, "not_prometheus"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not_prometheus"),
    (b"\xff\xfe", "not_prometheus"),
    (success([], "string"), "bad_query"),
    (success([], "vector"), "bad_query"),
    (success([], "streams"), "bad_query"),
    (success([5, "1"], "scalar"), "bad_query"),
    (success({}), "bad_data"),
    (success(None), "bad_data"),
    (success([ONE], warnings={"a": 1}), "bad_data"),
    (success([1]), "bad_data"),
    (success([None]), "bad_data"),
    (success([{}]), "bad_data"),
    (success([{"metric": [], "values": []}]), "bad_data"),
    (success([{"metric": {"a": 1}, "values": [[1, "2"]]}]), "bad_data"),
    (success([{"metric": {"a": None}, "values": [[1, "2"]]}]), "bad_data"),
    (success([{"metric": {"a": {"b": "c"}}, "values": [[1, "2"]]}]), "bad_data"),
    (success([{"metric": {}}]), "bad_data"),
    (success([{"metric": {}, "value": [1, "2"]}]), "bad_data"),
    (success([{"metric": {}, "values": 5}]), "bad_data"),
    (success([{"metric": {}, "values": {}}]), "bad_data"),
    (success([{"metric": {}, "values": [5]}]), "bad_data"),
    (success([{"metric": {}, "values": [[1]]}]), "bad_data"),
    (success([{"metric": {}, "values": [[1, "2", 3]]}]), "bad_data"),
    (success([{"metric": {}, "values": [[1, 2]]}]), "bad_data"),
    (success([{"metric": {}, "values": [[1, None]]}]), "bad_data"),
    (success([{"metric": {}, "values": [["1", "2"]]}]), "bad_data"),
    (success([{"metric": {}, "values": [[True, "2"]]}]), "bad_data"),
    (success([ONE, {"metric": {}, "values": [[1, 2]]}]), "bad_data"),
    (success([{"metric": {}, "histograms": [[1, {"count": "1"}]]}]), "unsupported"),
    (success([{"metric": {}, "values": [[1, "2"]], "histograms": [[1, {"count": "1"}]]}]), "unsupported"),
    (success([ONE, {"metric": {}, "histograms": [[1, {"count": "1"}]]}]), "unsupported"),
    (success([{"metric": {"__name__": n}, "values": [[1, "2"]]} for n in "ab"]), "bad_query"),
]


@pytest.mark.parametrize(("body", "kind"), SHAPES, ids=[str(i) for i in range(len(SHAPES))])
def test_wrong_shapes_are_refused_by_kind(body: bytes, kind: str) -> None:
    for variant in (body, body.replace(b'":', b'": ')):
        with pytest.raises(BadAnswer) as raised:
            decoded(variant)
        assert raised.value.kind == kind


def test_more_series_than_allowed_are_refused_before_they_are_decoded() -> None:
    result = [{"metric": {"i": str(i)}, "values": [[1, "2"]]} for i in range(11)]
    for body in (success(result), spaced(success(result)), success(result)[:-20]):
        with pytest.raises(BadAnswer) as raised:
            decoded(body, series=10)
        assert raised.value.kind == "too_many_series"
    assert len(decoded(success(result[:10]), series=10)[0].labels) == 10


def test_more_samples_than_allowed_are_refused() -> None:
    body = success([{"metric": {"i": str(i)}, "values": [[t, "2"] for t in range(10)]} for i in range(10)])
    with pytest.raises(BadAnswer) as raised:
        decoded(body, samples=99)
    assert raised.value.kind == "too_many_points"
    decoded(body, samples=100)


def test_a_bomb_of_small_values_is_refused_before_it_is_decoded() -> None:
    """JSON that costs a hundred times its size in objects."""
    bomb = (
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"]],"x":['
        + b"{}," * 10**6
    )
    with pytest.raises(BadAnswer, match="parts of JSON"):
        decoded(bomb + b"{}]}]}}")
    with pytest.raises(BadAnswer) as raised:
        decoded(b"[" + b"{}," * (WHOLE_BYTES // 3) + b"{}]")
    assert raised.value.kind == "too_many_bytes"


@pytest.mark.parametrize(
    "metric",
    [
        {f"l{i}": "x" for i in range(MAX_LABELS + 1)},
        {"a": "x" * MAX_LABEL_BYTES},
        {"a": "x" * 10 * 2**20},
        {"b" * 5000: "x"},
    ],
    ids=["many", "long", "10 MB", "long name"],
)
def test_a_series_with_oversize_labels_is_left_out_and_noted(metric: dict[str, str]) -> None:
    result = [
        {"metric": {"i": "1"}, "values": [[1, "1"]]},
        {"metric": metric, "values": [[1, "2"]]},
        {"metric": {"i": "3"}, "values": [[1, "3"]]},
    ]
    for body in (success(result), spaced(success(result))):
        frame, points = decoded(body)
        assert [one["i"] for one in frame.labels] == ["1", "3"]
        assert points.value.tolist() == [1.0, 3.0]
        assert points.row.tolist() == [0, 1]
        assert "1 series left out" in frame.notes[0]


def test_labels_come_through_as_they_are() -> None:
    odd = {
        "a": "new\nline",
        "b": "\u202ertl",
        "c": "nul\x00",
        "d": 'quo"te\\',
        "e": '"values":[[1,"2"]]',
        "f": "<script>",
    }
    frame, _ = decoded(success([{"metric": odd, "values": [[1, "2"]]}]))
    assert frame.labels[0] == odd


def test_a_series_that_comes_twice_is_one_and_noted() -> None:
    one = {"metric": {"__name__": "up", "i": "1"}, "values": [[1, "1"], [2, "2"]]}
    other = {"metric": {"i": "1", "__name__": "up"}, "values": [[2, "22"]]}
    frame, points = decoded(success([one, {"metric": {"__name__": "up", "i": "9"}, "values": [[1, "9"]]}, other]))
    assert [x["i"] for x in frame.labels] == ["1", "9"]
    assert points.row.tolist() == [0, 0, 1, 0]
    assert "1 series came twice" in frame.notes[0]
