"""Rows T20 to T23: churn, a changed interval, labels that would be a query, replicas that disagree."""

from __future__ import annotations

import itertools

import numpy as np
import promql_parser
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiops.core.labels import Matcher
from aiops.pipeline.forget import SPARE_ROWS
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests.daemon.rig import START_S, Rig
from tests.faults.plant import HOSTILE, NOW_S, STEP_S, disk, failing, on, strange, turns, window
from tests.faults.proxy import Proxy, Rows, rewritten, values


@pytest.mark.parametrize(("new", "spare"), [(60, 256), pytest.param(500, SPARE_ROWS, marks=pytest.mark.long)])
def test_T20_series_that_come_and_go_leave_memory_and_disk_bounded(
    rig: Rig, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, new: int, spare: int
) -> None:
    number = itertools.count()

    def churned(rows: Rows) -> Rows:
        (_, points), first = rows[0], next(number) * new
        return [({"instance": f"pod-{first + i}"}, points) for i in range(new)]

    monkeypatch.setattr("aiops.pipeline.forget.SPARE_ROWS", spare)
    on(rig, proxy)
    rig.start(strange())
    rig.watch("strange@a").forget_from = spare
    sizes, disk_bytes = [], []
    proxy.fault = rewritten(churned)
    for i in range(60):
        rig.at(NOW_S + STEP_S * i)
        rig.turn()
        sizes.append(rig.watch("strange@a").n)
        disk_bytes.append(sum(one.stat().st_blocks * 512 for one in (rig.data_dir / "windows").rglob("*") if one.is_file()))
    assert failing(rig) == {}
    assert next(number) * new > 2 * max(sizes), "far more came than are known at any time"
    assert max(sizes[40:]) <= 1.05 * max(sizes[:40]), "no longer growing"
    assert 0 < max(disk_bytes[40:]) <= 1.05 * max(disk_bytes[:40])
    watch = rig.watch("strange@a")
    assert all(len(array) in (watch.n, len(watch.entities)) for array in watch.detector_state.values())


def test_T21_a_scrape_interval_that_changes_is_no_symptom_and_no_gap(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    daemon = rig.start(strange("slower", step="1m"))
    for after in range(NOW_S - 1800, NOW_S + 3600, 60):  # from 15 s to 60 s in the middle
        rig.at(after)
        rig.turn()
    assert np.isfinite(window(rig, "strange@a")["a"]).all()
    assert daemon.store.warnings(limit=10) == []


VALUES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1)


def selector(value: str) -> str:
    return "{" + str(Matcher.make("instance", "=", value)) + "}"


def test_T22_a_hostile_label_value_selects_its_own_series_on_the_real_engine(real: str) -> None:
    source = PrometheusSource("a", PrometheusParams(url=real), ReadLimits())
    at = START_S + NOW_S
    found = source.fetch("hostile" + selector(HOSTILE), at, at, 60)
    assert found.block.labels == ({"instance": HOSTILE},)
    source.close()


def test_T22_a_hostile_label_comes_through_a_turn_as_it_is(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    rig.start(disk("hostile"))
    turns(rig, 0, 1)
    assert set(window(rig, "disk@a")) == {HOSTILE, "other"}
    asked = {call["query"] for call in proxy.calls if "query" in call}
    assert asked == {"hostile", "count(hostile)"}, "no label ever comes into a query"


def one_selector_with(value: str) -> None:
    parsed = promql_parser.parse(selector(value))
    assert isinstance(parsed, promql_parser.VectorSelector)
    (only,) = parsed.matchers.matchers
    assert (only.name, only.value) == ("instance", value)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_T22_any_value_is_one_selector_with_that_literal_value(value: str) -> None:
    one_selector_with(value)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_T22_ten_thousand_values_are_one_selector_each(value: str) -> None:
    one_selector_with(value)


def test_T23_replicas_that_disagree_are_one_series_and_a_conflict_that_shows_both(
    rig: Rig, proxy: Proxy, other: Proxy
) -> None:
    on(rig, proxy, other)
    rig.sources["a"] |= {"labels": {"prometheus_replica": "one"}, "priority": 1}
    rig.sources["b"] |= {"labels": {"prometheus_replica": "two"}}
    other.fault = rewritten(values(lambda metric, at, text: str(float(text) * 1.3)))
    daemon = rig.start(strange())
    turns(rig, 0, 8)
    watch = rig.watch("strange@a")
    assert {tuple(sorted(one)) for one in watch.window.labels} == {("instance",)}, (
        "what only tells replicas apart is no identity"
    )
    assert watch.n == 4
    assert np.array(list(window(rig, "strange@a").values())).max() < 0.55, "the preferred value counts"
    found = [warning for warning in daemon.store.open_warnings() if warning.kind == "conflict"]
    assert {warning.entity["instance"] for warning in found} == set("abcd")
    for warning in found:
        evidence = warning.symptoms[0].evidence
        assert (evidence["source"], evidence["other_source"]) == ("a", "b")
        assert evidence["other"] == pytest.approx(1.3 * evidence["now"], rel=0.02)


def test_T23_copies_in_one_answer_that_disagree_are_merged_by_the_same_rule_whatever_their_order(
    rig: Rig, proxy: Proxy
) -> None:
    def doubled(rows: Rows) -> Rows:
        two = [(at, str(float(text) * 1.3)) for _, points in rows[:1] for at, text in points]
        copies = [({"instance": "a", "__replica__": "r2"}, two), ({"instance": "a", "__replica__": "r1"}, rows[0][1])]
        return copies[:: 1 if len(rows[0][1]) % 2 else -1]

    on(rig, proxy)
    proxy.fault = rewritten(doubled)
    daemon = rig.start(strange())
    turns(rig, 0, 8)
    assert rig.watch("strange@a").n == 1
    assert window(rig, "strange@a")["a"].max() < 0.55, "r1 sorts first"
    assert [warning.kind for warning in daemon.store.open_warnings()] == ["conflict"]
