"""The PromQL subset: equal to the real engine, and everything outside it refused by name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from aiops.config.shipped import models_dir
from aiops.core.errors import SourceError
from aiops.models.card import load_cards
from aiops.telemetry.evaluate import AGGREGATIONS, ARITHMETIC, FILTERS, evaluate
from aiops.telemetry.ranges import RANGE_FUNCTIONS
from aiops.telemetry.samples import FixedSamples, LiveSamples, Series
from tests.servers import load, prometheus
from tests.telemetry.real import openmetrics

START_S = 1_700_000_040
SPAN_S = 2400
ODD = ['a"b\\c', "new\nline", "x|y", "Ünï", "-"]


def dataset() -> list[Series]:
    """Irregular scrapes, gaps longer and shorter than the look-back, resets, NaN and Inf samples, series that come and go."""
    rng = np.random.default_rng(7)
    out: list[Series] = []

    def put(name: str, labels: dict[str, str], times: np.ndarray, values: np.ndarray) -> None:
        out.append(({"__name__": name, **labels}, np.round(times, 3), values))

    regular = START_S + np.arange(0, SPAN_S, 15.0)
    for i, instance in enumerate(("a", "b", "c", "d")):
        for j, mode in enumerate(("user", "idle", "wait")):
            labels = {"instance": instance, "mode": mode}
            times = regular + (rng.uniform(-2, 2, len(regular)) if i else 0)
            counter = np.cumsum(rng.integers(0, 40, len(times)).astype(float))
            for reset in rng.integers(20, len(times) - 5, 1 + i):
                counter[reset:] -= counter[reset] - 3
            keep = rng.random(len(times)) > 0.1 * j
            if instance == "b":
                keep &= (times < START_S + 600) | (times > START_S + 1130)
            if instance == "c":
                keep &= times > START_S + 900
            if instance == "d" and mode == "wait":
                keep &= times < START_S + 400
            put("c_total", labels, times[keep], counter[keep])
            gauge = rng.normal(0, 10, len(times)).round(2)
            gauge[rng.random(len(times)) < 0.08] = np.nan
            gauge[rng.random(len(times)) < 0.02] = np.inf if i % 2 else -np.inf
            gauge[rng.random(len(times)) < 0.10] = 0.0
            put("g", labels, times[keep], gauge[keep])
        put("h", {"instance": instance, "zone": f"z{i % 2}"}, regular + 0.25 * i, rng.uniform(1e11, 1e12, len(regular)))
        put("up", {"instance": instance, "zone": f"z{i % 2}"}, regular, (rng.random(len(regular)) > 0.2).astype(float))
    for k, odd in enumerate(ODD):
        put("odd", {"v": odd, "n": str(k)}, regular[k::7], rng.normal(size=len(regular[k::7])))
    put("once", {"instance": "a"}, np.array([START_S + 60.0]), np.array([5.0]))
    put("moved", {"instance": "a", "pod": "p1"}, regular[:60], np.arange(60.0))
    put("moved", {"instance": "a", "pod": "p2"}, regular[90:], np.arange(70.0))
    return out


SERIES = dataset()
SAMPLES = FixedSamples(SERIES)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    load(folder, openmetrics(SERIES))
    with prometheus(folder) as url:
        yield url


def asked(url: str, query: str, start: int, end: int, step: int) -> dict[frozenset[Any], np.ndarray] | str:
    """What the real engine says: label set -> values (NaN where a sample is NaN, None-like -1e308 where there is none)."""
    args = {"query": query, "start": str(start), "end": str(end), "step": str(step)}
    answer = requests.post(f"{url}/api/v1/query_range", data=args, timeout=20).json()
    if answer["status"] != "success":
        return str(answer["error"])
    out = {}
    for one in answer["data"]["result"]:
        values = np.full((end - start) // step + 1, ABSENT)
        for at, value in one["values"]:
            values[round((at - start) / step)] = float(value)
        out[frozenset(one["metric"].items())] = values
    return out


ABSENT = -1.2345e308


def ours(query: str, start: int, end: int, step: int) -> dict[frozenset[Any], np.ndarray] | str:
    try:
        found = evaluate(query, SAMPLES, start, end, step)
    except SourceError as e:
        if e.kind != "bad_query":
            raise
        return str(e)
    values = np.where(found.here, found.values, ABSENT)
    return {frozenset(labels.items()): row for labels, row in zip(found.labels, values, strict=True)}


def same(url: str, query: str, step: int = 30, start: int = START_S - 60, end: int = START_S + SPAN_S + 420) -> bool:
    """Assert equality; True when there was something to compare."""
    end -= (end - start) % step
    theirs, mine = asked(url, query, start, end, step), ours(query, start, end, step)
    if isinstance(theirs, str) or isinstance(mine, str):
        assert isinstance(theirs, str), f"{query}: only refused here: {mine}"
        assert isinstance(mine, str), f"{query}: only refused there: {theirs}"
        return False
    assert set(mine) == set(theirs), query
    for labels, want in theirs.items():
        scale = np.max(np.abs(want[np.isfinite(want) & (want != ABSENT)]), initial=0.0)
        np.testing.assert_allclose(mine[labels], want, rtol=1e-9, atol=1e-12 * scale, err_msg=query)
    return bool(theirs)


SELECTORS = [
    "g", "c_total", 'g{mode="user"}', 'g{mode!="user"}', 'c_total{mode=~"u.*|idle"}', 'c_total{instance!~"a|b"}',
    'g{instance="a",mode=~".+"}', 'h{zone=~"z0|"}', 'up{missing=""}', 'h{missing!=""}', "once", "moved", "odd", 'g{mode=""}',
]  # fmt: skip


def test_selectors_with_every_matcher_equal_the_engine(engine: str) -> None:
    for query in SELECTORS:
        same(engine, query)
    for value in ODD:
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        assert same(engine, f'odd{{v="{quoted}"}}')
    assert same(engine, '{__name__=~"h|up",zone="z0"}')
    assert same(engine, 'odd{v=~"(?i)X.Y|[A-Z]n.+"}')
    assert same(engine, 'odd{v=~"\\\\w.\\\\w|\\\\w+"}')


@pytest.mark.parametrize("step", [1, 7, 15, 60, 300])
def test_the_grid_may_have_any_step(engine: str, step: int) -> None:
    for query in ("g", "h", "rate(c_total[1m])", "avg_over_time(g[90s])", "max by (mode) (g)"):
        assert same(engine, query, step, START_S - 10, START_S + (900 if step < 15 else SPAN_S))


def test_a_sample_counts_until_it_is_exactly_as_old_as_the_look_back(engine: str) -> None:
    assert same(engine, "once", 1, START_S + 350, START_S + 370)


def test_a_range_includes_both_its_ends(engine: str) -> None:
    for name in ("count_over_time", "sum_over_time", "rate"):
        assert same(engine, f"{name}(h[30s])", 5, START_S + 100, START_S + 300)
        assert same(engine, f"{name}(h[1m500ms])", 5, START_S + 100, START_S + 300)


@pytest.mark.parametrize("name", sorted(RANGE_FUNCTIONS))
def test_range_functions_equal_the_engine(engine: str, name: str) -> None:
    for span in ("20s", "1m", "5m", "17m"):
        assert same(engine, f"{name}(c_total[{span}])")
        assert same(engine, f"{name}(g[{span}])")
    same(engine, f"{name}(once[2m])")
    assert same(engine, f"{name}((h[2m]))")


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_aggregations_equal_the_engine(engine: str, how: str) -> None:
    for modifier in (
        "",
        "by (mode)",
        "by (instance, nowhere)",
        "without (mode)",
        "without ()",
        "by ()",
        "by (__name__)",
    ):
        assert same(engine, f"{how} {modifier} (g)")
        assert same(engine, f"{how} {modifier} (rate(c_total[2m]))")
    same(engine, f"{how} (h{{missing='x'}})")


@pytest.mark.parametrize("op", ARITHMETIC)
def test_arithmetic_equals_the_engine(engine: str, op: str) -> None:
    for query in (
        f"g {op} 2.5", f"3 {op} g", f"g {op} c_total", f"h {op} up", f"2 {op} 3", f"time() {op} h", f"-g {op} time()",
        f"g {op} on (instance, mode) c_total", f"h {op} ignoring (zone) up", f"g {op} ignoring (mode) group_left h",
        f"g {op} on (instance) group_left (zone) h", f"h {op} on (instance) group_right (zone) c_total",
        f"h {op} ignoring (mode, zone) group_right () g", f"g {op} NaN", f"g {op} Inf",
    ):  # fmt: skip
        same(engine, query)


@pytest.mark.parametrize("op", FILTERS)
def test_comparisons_with_numbers_filter_as_the_engine_does(engine: str, op: str) -> None:
    for query in (f"g {op} 0", f"0 {op} g", f"c_total {op} 1000", f"g {op} NaN", f"up {op} (1 - 0)", f"h {op} time()"):
        same(engine, query)


def test_matches_that_are_not_unique_are_refused_where_the_engine_refuses_them(engine: str) -> None:
    for query in (
        "g + on (instance) h", "h * on (zone) up", "g / on (mode) c_total", "h - on (zone) group_left up",
        "moved + on (instance) h", "h + on (instance) moved", "h + on (instance) group_right moved",
        '-{__name__=~"h|up"}', '{__name__=~"h|up"} + 1', 'rate({__name__=~"h|up"}[1m])', '{__name__=~"h|up"} > 1',
        "g + on (instance) group_left (mode) h", "g * on (instance) group_left (mode) up", "moved + ignoring (pod) up",
        "on1 + on () on2", "h + on () once", "once + on () h", 'sum by (zone) ({__name__=~"h|up"})',
    ):  # fmt: skip
        same(engine, query)


def generated(random_: random.Random, depth: int) -> str:
    """A query of the subset that is a vector."""
    choice = random_.random()
    if depth == 0 or choice < 0.15:
        name, span = random_.choice(sorted(RANGE_FUNCTIONS)), random_.choice(("25s", "1m", "4m", "11m"))
        return (
            random_.choice(SELECTORS) if random_.random() < 0.5 else f"{name}({random_.choice(SELECTORS[:8])}[{span}])"
        )
    inner = generated(random_, depth - 1)
    if choice < 0.35:
        labels = ", ".join(random_.sample(["instance", "mode", "zone"], random_.randint(0, 2)))
        return f"{random_.choice(AGGREGATIONS)} {random_.choice(('by', 'without'))} ({labels}) ({inner})"
    if choice < 0.45:
        return f"(-{inner})" if random_.random() < 0.5 else f"(({inner}))"
    if choice < 0.6:
        return f"({inner} {random_.choice(sorted(FILTERS))} {random_.choice(('0', '1.7', '-3.53', '511.3', '1e11'))})"
    op = random_.choice(
        "+-*/"
    )  # % and ^ jump where rounding differs in the last bit; they are compared on plain series above
    if choice < 0.72:
        return f"({inner} {op} {random_.choice(('2', '0.5', '0', '-1', 'time()', '(1 - 3)'))})"
    matching = random_.choice(
        ("", "on (instance)", "ignoring (mode, zone)", "on (instance, mode)", "on (instance) group_left (zone)",
         "on (instance) group_right (zone)", "ignoring (mode) group_left ()", "on (zone) group_left", "on ()")
    )  # fmt: skip
    return f"({inner} {op} {matching} {generated(random_, depth - 1)})"


def test_generated_queries_equal_the_engine(engine: str) -> None:
    random_ = random.Random(20)
    compared = sum(
        same(engine, generated(random_, random_.randint(1, 4)), random_.choice((15, 60))) for _ in range(700)
    )
    assert compared > 250


def test_every_query_of_the_shipped_cards_is_inside_the_subset() -> None:
    cards = load_cards([models_dir()])
    assert len(cards) >= 10
    for card in cards:
        evaluate(card.query, SAMPLES, START_S, START_S + 60, 60)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("g offset 5m", "offset"),
        ("rate(g[5m] offset 5m)", "offset"),
        ("g @ 1700000000", "@"),
        ("rate(g[5m] @ end())", "@"),
        ("rate(g[5m:1m])", "subquery"),
        ("max_over_time(rate(g[1m])[5m:])", "subquery"),
        ("g[5m]", "range selector"),
        ('"text"', "string"),
        ("g and h", "and"),
        ("g or h", "or"),
        ("g unless h", "unless"),
        ("g atan2 h", "atan2"),
        ("g > h", "two vectors"),
        ("g > bool 0", "bool"),
        ("1 > bool 0", "bool"),
        ("topk(3, g)", "topk"),
        ("quantile(0.9, g)", "quantile"),
        ("stddev(g)", "stddev"),
        ('count_values("v", g)', "count_values"),
        ("group by (mode) (g)", "group"),
        ("histogram_quantile(0.9, g)", "histogram_quantile"),
        ("predict_linear(g[1h], 3600)", "predict_linear"),
        ("deriv(g[1h])", "deriv"),
        ("delta(g[1h])", "delta"),
        ("irate(c_total[1h])", "irate"),
        ("stddev_over_time(g[1h])", "stddev_over_time"),
        ("quantile_over_time(0.5, g[1h])", "quantile_over_time"),
        ("absent(g)", "absent"),
        ("absent_over_time(g[5m])", "absent_over_time"),
        ("abs(g)", "abs"),
        ("clamp_min(g, 0)", "clamp_min"),
        ("scalar(g)", "scalar"),
        ("vector(1)", "vector"),
        ('label_replace(g, "a", "$1", "b", "(.*)")', "label_replace"),
        ("timestamp(g)", "timestamp"),
        ("hour()", "hour"),
        ('{mode="a" or mode="b"}', "or"),
        ("g + fill(0) h", "fill"),
        ('g{mode=~"a{1001}"}', "regular expression"),
        ("1" + " + 1" * 200, "nested"),
    ],
)
def test_what_is_outside_the_subset_is_refused_by_name(query: str, named: str) -> None:
    with pytest.raises(SourceError) as raised:
        evaluate(query, SAMPLES, START_S, START_S + 60, 60, source="here")
    assert raised.value.kind == "unsupported"
    assert named in raised.value.message
    assert raised.value.source == "here"


@pytest.mark.parametrize(
    "query", ["g +", "", "rate(g)", "nosuch(g)", "sum(1)", "1 > 2", "(" * 5000 + "g" + ")" * 5000, "g{"]
)
def test_what_is_no_promql_is_a_bad_query(query: str) -> None:
    with pytest.raises(SourceError) as raised:
        evaluate(query, SAMPLES, START_S, START_S + 60, 60)
    assert raised.value.kind == "bad_query"


def test_live_samples_answer_as_fixed_ones() -> None:
    """The ring of collections and the same samples loaded at once give the same vectors, also where series come and go."""
    live = LiveSamples(80)
    rng = np.random.default_rng(1)
    history: dict[int, list[tuple[float, float]]] = {}
    for k in range(200):
        found = []
        for i in range(90):
            if (i < 60 and rng.random() < 0.95) or i - 60 == k // 7:
                value = float(rng.normal())
                history.setdefault(i, []).append((1000.0 + 5 * k, value))
                found.append(({"__name__": "m", "i": str(i), "odd": str(i % 2)}, value))
        live.add(1000.0 + 5 * k, found)
    kept_from = live.first_s
    assert kept_from == 1000.0 + 5 * 120
    fixed = []
    for i, points in history.items():
        times, values = np.array([p for p in points if p[0] >= kept_from]).reshape(-1, 2).T
        fixed.append(({"__name__": "m", "i": str(i), "odd": str(i % 2)}, times, values))
    for query in ("m", "rate(m[1m])", "avg_over_time(m[47s])", 'sum by (odd) (m{i!~"1.*"})', "m - ignoring (odd) m"):
        a, b = (evaluate(query, s, 1700, 1990, 15) for s in (live, FixedSamples(fixed)))
        rows = {frozenset(labels.items()): k for k, labels in enumerate(a.labels)}
        order = [rows[frozenset(labels.items())] for labels in b.labels]
        assert len(rows) == len(b.labels)
        np.testing.assert_array_equal(a.here[order], b.here)
        np.testing.assert_allclose(np.where(a.here, a.values, 0)[order], np.where(b.here, b.values, 0), rtol=1e-12)


def test_live_samples_forget_series_that_left() -> None:
    live = LiveSamples(10)
    for k in range(2000):
        live.add(float(k), [({"__name__": "veth", "device": f"v{k}"}, 1.0), ({"__name__": "up"}, float(k))])
    assert live._values.shape[1] <= 256
    assert evaluate("up", live, 1999, 1999, 1).values.tolist() == [[1999.0]]
    assert len(evaluate("veth", live, 1999, 1999, 1).labels) == 10


def test_a_collection_that_is_not_newer_is_dropped() -> None:
    live = LiveSamples(10)
    live.add(5.0, [({"__name__": "m"}, 1.0)])
    live.add(5.0, [({"__name__": "m"}, 2.0)])
    live.add(4.0, [({"__name__": "m"}, 3.0)])
    assert evaluate("m", live, 5, 5, 1).values.tolist() == [[1.0]]
