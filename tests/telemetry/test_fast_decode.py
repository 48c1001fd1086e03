"""Answers onto the grid: the compiled way equals the plain way on everything, and unchanged series cost no label objects."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core import compiled
from aiops.telemetry import decode, fast_decode
from aiops.telemetry.decode import BadAnswer, Frame
from aiops.telemetry.fast_decode import Grid, Memory, decode_grid
from tests.servers import load, prometheus
from tests.telemetry.hostile import success
from tests.telemetry.kernels import loaded
from tests.telemetry.real import openmetrics, victoria_metrics
from tests.telemetry.test_decode import numbers, texts, unique_sets
from tests.telemetry.test_evaluate import SERIES, SPAN_S, START_S

GRID = Grid(60, 60, 5)
ONCE = Grid(60, 60, 1)
Ways = tuple[Callable[..., Any], Callable[..., Any]]


@pytest.fixture(scope="module", autouse=True)
def kernels() -> Any:
    return loaded()


@pytest.fixture
def only_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain way fails the test."""

    def never(*_: Any) -> Any:
        raise AssertionError("the plain way was taken")

    monkeypatch.setattr(decode, "decode", never)


@pytest.fixture
def without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_loading", compiled._Loading())


def fast(body: bytes, kind: str = "matrix", memory: Memory | None = None, grid: Grid = GRID, series: int = 1000) -> Any:
    return decode_grid(body, kind, memory or Memory(), series, 10**6, grid)


def plain(body: bytes, kind: str = "matrix", grid: Grid = GRID) -> Any:
    frame, points = decode.decode(body, kind, decode.Memory(), 1000, 10**6)
    return frame, fast_decode._placed(np.full((len(frame.labels), grid.count), np.nan), points, grid), points.unread


def outcome(way: Callable[..., Any], *arguments: Any) -> Any:
    """What a way makes of an answer, to be compared to the bit."""
    try:
        frame, values, unread = way(*arguments)
    except BadAnswer as e:
        return e.kind
    return frame.labels, frame.notes, values.shape, np.where(np.isnan(values), np.nan, values).tobytes(), unread


def vector(*series: dict[str, str], at: int = 60, value: str = "1", **more: Any) -> bytes:
    return success([{"metric": one, "value": [at, value]} for one in series], "vector", **more)


instants = st.one_of(st.integers(0, 8).map(lambda k: 60 * k), st.integers(0, 400_000).map(lambda ms: ms / 1000))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_the_compiled_way_equals_the_plain_way(data: st.DataObject) -> None:
    sets, kind = data.draw(unique_sets), data.draw(st.sampled_from(["matrix", "vector"]))
    points = st.tuples(instants, numbers).map(list)
    rising = st.lists(points, min_size=1, max_size=6, unique_by=lambda p: p[0]).map(sorted)
    result = [
        {"metric": one, "values": data.draw(st.one_of(rising, st.lists(points, max_size=4)))}
        if kind == "matrix"
        else {"metric": one, "value": data.draw(points)}
        for one in sets
    ]
    body = success(result, kind, warnings=data.draw(st.lists(texts, max_size=2)))
    assert outcome(fast, body, kind) == outcome(plain, body, kind)


def asked(url: str, path: str, **options: Any) -> bytes:
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{urllib.parse.urlencode(options)}") as answer:
        return bytes(answer.read())


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[bytes, str, Grid]]]:
    """Answers of a real Prometheus."""
    folder = tmp_path_factory.mktemp("prometheus")
    load(folder, openmetrics(SERIES))
    with prometheus(folder) as url:
        ranges = {"start": START_S, "end": START_S + SPAN_S, "step": 60}
        grid, at = Grid(START_S, 60, SPAN_S // 60 + 1), Grid(START_S + 600, 60, 1)
        yield [
            *(
                (asked(url, "query_range", query=q, **ranges), "matrix", grid)
                for q in ("g", "h / 3", "rate(c_total[2m])", "odd")
            ),
            *((asked(url, "query", query=q, time=START_S + 600), "vector", at) for q in ("g", "up", "h / 3", "time()")),
        ]


def test_answers_of_a_real_server_are_read_the_compiled_way(
    bodies: list[tuple[bytes, str, Grid]], only_fast: None
) -> None:
    some = [(body, kind, grid) for body, kind, grid in bodies if b'"scalar"' not in body]
    assert len(some) == 7
    for body, kind, grid in some:
        frame, values, _ = fast(body, kind, None, grid)
        assert len(frame.labels) == len(values) > 0
        assert np.isfinite(values).mean() > 0.2 or b"odd" in body


@pytest.mark.parametrize(
    ("seed", "mutants"), [(3, 6000), *(pytest.param(seed, 100_000, marks=pytest.mark.long) for seed in range(10, 14))]
)
def test_mutated_answers_of_a_real_server_give_what_the_plain_way_gives(
    bodies: list[tuple[bytes, str, Grid]], seed: int, mutants: int
) -> None:
    rng = np.random.default_rng(seed)
    answered = refused = 0
    for number in range(mutants):
        whole, kind, grid = bodies[number % len(bodies)]
        body = mutated(whole[:4000] + whole[-2000:] if len(whole) > 6000 and number % 3 == 0 else whole, rng)
        want = outcome(plain, body, kind, grid)
        assert outcome(fast, body, kind, None, grid) == want, body
        answered, refused = answered + isinstance(want, tuple), refused + isinstance(want, str)
    assert min(answered, refused) > mutants // 10


def mutated(whole: bytes, rng: np.random.Generator) -> bytes:
    """None, one or two changes: bytes cut out, put in from elsewhere, changed, or all cut off from there."""
    body, alphabet = bytearray(whole), b'{}[]",:0123456789.eE+-\\INa \xc3\xff\x00u'
    for _ in range(rng.integers(0, 3)):
        at, start, length = (
            int(rng.integers(0, len(body) + 1)),
            int(rng.integers(0, len(whole))),
            int(rng.integers(1, 60)),
        )
        match int(rng.integers(0, 10)):
            case 0:
                body = body[:at]
            case 1 | 2:
                del body[at : at + length // 3]
            case 3 | 4 | 5:
                body[at:at] = whole[start : start + length]
            case _:
                body[at : at + 1] = alphabet[start % len(alphabet)].to_bytes()
    return bytes(body)


A, B, C = ({"__name__": "up", "i": one} for one in "abc")


def test_the_very_same_labels_while_the_series_stay_the_same(only_fast: None) -> None:
    memory = Memory()
    first = fast(vector(A, B), "vector", memory, ONCE)
    second = fast(vector(A, B, value="2"), "vector", memory, ONCE)
    assert second[0] is first[0]
    assert second[1].tolist() == [[2.0], [2.0]]


def test_only_series_that_are_new_get_new_label_objects(only_fast: None) -> None:
    memory = Memory()
    old = fast(vector(A, B), "vector", memory, ONCE)[0].labels
    new = fast(vector(C, B), "vector", memory, ONCE)[0].labels
    assert new == ({"i": "c"}, {"i": "b"})
    assert new[1] is old[1]
    again = fast(vector(B, C, A), "vector", memory, ONCE)[0].labels
    assert [one["i"] for one in again] == ["b", "c", "a"]
    assert again[0] is old[1]
    assert again[1] is new[0]


@pytest.mark.parametrize("step", [0, 1])
def test_two_metrics_that_differ_in_their_name_only_are_refused_whenever_the_second_comes(step: int) -> None:
    memory = Memory()
    if step:
        fast(vector(A, B), "vector", memory, ONCE)
    with pytest.raises(BadAnswer) as raised:
        fast(vector(A, B, {"i": "a", "__name__": "down"}), "vector", memory, ONCE)
    assert raised.value.kind == "bad_query"


def test_a_metric_of_another_name_is_another_series() -> None:
    memory = Memory()
    fast(vector(A, B), "vector", memory, ONCE)
    renamed = {"__name__": "down", "i": "a"}
    assert fast(vector(renamed, B), "vector", memory, ONCE)[0].labels == ({"i": "a"}, {"i": "b"})
    with pytest.raises(BadAnswer):  # the new name is known now
        fast(vector(renamed, B, A), "vector", memory, ONCE)


@pytest.mark.parametrize("step", [0, 1])
def test_a_series_that_comes_twice_is_one_and_noted_whenever_it_comes(step: int) -> None:
    memory = Memory()
    if step:
        fast(vector(A, B), "vector", memory, ONCE)
    for twice in (A, {"i": "a", "__name__": "up"}):
        frame, values, _ = fast(vector(A, B, twice), "vector", memory, ONCE)
        assert len(frame.labels) == len(values) == 2
        assert "1 series came twice" in frame.notes[0]


def test_a_series_with_oversize_labels_is_left_out_whenever_it_comes() -> None:
    memory, long = Memory(), {"__name__": "up", "i": "x" * 5000}
    for body in (vector(A, long), vector(A, B), vector(A, B, long)):
        frame, values, _ = fast(body, "vector", memory, ONCE)
        assert len(frame.labels) == len(values) < 3
        assert ("left out" in "".join(frame.notes)) == (b"xxx" in body)


def test_the_labels_stay_the_same_objects_when_the_kernels_come_or_are_of_no_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory, body = Memory(), vector(A, B)
    spaced = json.dumps(json.loads(body)).encode()
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "_loading", compiled._Loading())
        first = fast(body, "vector", memory, ONCE)[0].labels
    for one in (body, body, spaced, body, spaced):
        assert fast(one, "vector", memory, ONCE)[0].labels is first


def test_warnings_of_the_server_are_notes_of_that_answer_alone(only_fast: None) -> None:
    memory = Memory()
    assert fast(vector(A, warnings=["a store did not answer"]), "vector", memory, ONCE)[0].notes == (
        "a store did not answer",
    )
    assert fast(vector(A), "vector", memory, ONCE)[0].notes == ()
    assert fast(vector(A, warnings=["another"]), "vector", memory, ONCE)[0].notes == ("another",)


def test_what_stands_behind_the_series_may_not_change_what_they_are() -> None:
    """The last of two keys counts in JSON: a second `data` or `status` must not be overlooked."""
    whole = vector(A)
    for tail in (
        b',"data":{"resultType":"vector","result":[]}}',
        b',"status":"error"}',
        b',"d\\u0061ta":1}',
        b",}",
        b"} x",
    ):
        body = whole[:-1] + tail
        assert outcome(fast, body, "vector", None, ONCE) == outcome(plain, body, "vector", ONCE)


def test_answers_of_victoria_metrics_are_read_the_compiled_way(tmp_path: Path, only_fast: None) -> None:
    text = openmetrics(SERIES, unit_s=0.001, typed=False)
    with victoria_metrics(tmp_path, text) as url:
        for path, kind, grid, options in (
            ("query_range", "matrix", Grid(START_S, 60, 11), {"start": START_S, "end": START_S + 600, "step": 60}),
            ("query", "vector", Grid(START_S + 600, 60, 1), {"time": START_S + 600, "step": 60}),
        ):
            body = asked(url, path, query="h", **options)
            frame, values, _ = fast(body, kind, None, grid)
            assert len(frame.labels) == len(values) > 1
            assert np.isfinite(values).mean() > 0.5


def test_numbers_of_many_digits_are_rounded_as_float_does(only_fast: None) -> None:
    written = ["0.1000000000000000055511151231257827", "1e400", "-1e-320", "9" * 40]
    body = success([{"metric": A, "values": [[60 * (k + 1), text] for k, text in enumerate(written)]}])
    _, values, unread = fast(body)
    np.testing.assert_array_equal(values, [[0.1, np.nan, -1e-320, float("9" * 40), np.nan]])
    assert unread == 0


@pytest.mark.parametrize("ways", ["compiled", "plain"])
def test_samples_on_the_grid(ways: str, request: pytest.FixtureRequest) -> None:
    """Later samples of an instant win, order does not matter, what is off the grid or not finite is a gap."""
    if ways == "plain":
        request.getfixturevalue("without_kernels")
    points = [[240, "4"], [60, "1"], [60, "+Inf"], [61, "7"], [120, "2"], [120, "3"], [0, "0"], [600, "9"]]
    _, values, _ = fast(success([{"metric": A, "values": points}, {"metric": B, "values": [[300.0, "5"]]}]))
    np.testing.assert_array_equal(values, [[np.nan, 3, np.nan, 4, np.nan], [np.nan] * 4 + [5]])


@pytest.mark.parametrize("spaces", [False, True])
def test_few_samples_over_a_grid_beyond_the_cap_are_refused_before_there_is_one(spaces: bool) -> None:
    body = success([{"metric": {"i": str(i)}, "values": [[60, "1"]]} for i in range(200)])
    with pytest.raises(BadAnswer) as raised:
        fast(json.dumps(json.loads(body)).encode() if spaces else body, grid=Grid(60, 60, 10_000))
    assert raised.value.kind == "too_many_points"


@pytest.mark.parametrize("text", ["{", "}", "{{{{", '{"metric":{', "{}{}{}"])
def test_labels_may_hold_braces(only_fast: None, text: str) -> None:
    found = fast(vector({"a": text}, {"a": "b"}, warnings=["{"]), "vector", None, ONCE, series=2)
    assert found[0].labels == ({"a": text}, {"a": "b"})


def test_a_label_named_metric_is_a_label_as_any(only_fast: None) -> None:
    found = fast(vector({"metric": "m", "a": '"metric":{'}, {"metric": "n"}), "vector", None, ONCE, series=2)
    assert found[0].labels == ({"metric": "m", "a": '"metric":{'}, {"metric": "n"})


def test_threads_that_share_a_memory_never_mix_their_answers() -> None:
    from concurrent.futures import ThreadPoolExecutor

    memory = Memory()
    names = [[{"i": f"{kind}{k}"} for k in range(200)] for kind in "abcd"]

    def one(number: int) -> bool:
        mine = names[number % 4]
        body = vector(*mine) if number % 3 else json.dumps(json.loads(vector(*mine))).encode()
        frame: Frame = fast(body, "vector", memory, ONCE)[0]
        return list(frame.labels) == mine

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(400)))
