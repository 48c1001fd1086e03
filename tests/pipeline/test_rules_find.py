"""From comparisons to alerts: when one is foreseen, what is said of it, and when nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import EarlyWarning
from tests.daemon.rig import START_S
from tests.pipeline.ruled import HOUR, Ruled, Run, after, rising, tank, watch_of

BEGIN_H = 30.0


@pytest.fixture(scope="module")
def filled() -> tuple[Run, float]:
    """A tank that fills, to three hours after its alert fires."""
    world, at = tank(BEGIN_H)
    return Run.of(watch_of(world)).until(at + 3, BEGIN_H - 12), at


def opened(run: Run) -> EarlyWarning:
    return next(e.warning for r in run.results for e in r.events if e.kind == "opened" and e.warning is not None)


def test_an_alert_is_foreseen_once_and_the_firing_is_a_hit(filled: tuple[Run, float]) -> None:
    run, at = filled
    kinds = [kind for kind, _ in run.told()]
    assert kinds == ["opened", "closed", "crossing", "outcome"]
    assert run.told()[0][1] < at - 2
    assert run.verdicts() == ["hit"]


def test_it_is_named_as_the_alert_and_tells_the_rule(filled: tuple[Run, float]) -> None:
    warning = opened(filled[0])
    assert dict(warning.entity) == {"alertname": "TankFull", "severity": "page", "tank": "a"}
    assert (warning.kind, warning.card) == ("rule", "existing_alerts")
    evidence = warning.symptoms[0].evidence
    assert (evidence["alert"], evidence["expr"], evidence["for_s"]) == ("TankFull", "tank_used_ratio > 0.9", 600)
    assert evidence["rule_labels"] == {"severity": "page"}
    assert evidence["limit"] == 0.9


def test_the_time_told_is_that_of_the_firing_not_of_the_crossing(filled: tuple[Run, float]) -> None:
    run, at = filled
    last = [e.warning for r in run.results for e in r.events if e.kind == "updated" and e.warning is not None][-1]
    assert last.crossing is not None
    assert last.crossing.expected_s == pytest.approx(START_S + at * HOUR, abs=700)
    before = [r for r in run.results if r.now_s < START_S + at * HOUR - 1800]
    told = [e.warning.crossing.expected_s for r in before for e in r.events if e.warning is not None and e.warning.crossing][-1]
    assert told == pytest.approx(START_S + at * HOUR, abs=0.15 * (at * HOUR + START_S - opened(run).opened_s))


def test_while_for_runs_it_goes_on(filled: tuple[Run, float]) -> None:
    told = [e.warning for r in filled[0].results for e in r.events if e.kind == "updated" and e.warning is not None]
    assert told[-1].symptoms[0].evidence["reason"] == "its condition holds; `for` runs"


def test_a_condition_that_already_holds_begins_no_warning() -> None:
    world = Ruled()
    world.add("tank_used_ratio", {"tank": "a"}, lambda t: np.where(t < START_S + 20 * HOUR, 0.3, 0.95))
    world.rule("tank_used_ratio > 0.9", for_s=3600)
    world.fires({"alertname": "TankFull", "severity": "page", "tank": "a", "alertstate": "firing"}, after(21))
    run = Run.of(watch_of(world)).until(23, 10)
    assert [kind for kind, _ in run.told()] == ["crossing", "outcome"]
    assert run.verdicts() == ["missed"]


def beside_open(word: str, level: float) -> Run:
    """A tank that fills, under a rule that `word` joins to whether it is open: all the time, by `level` 1."""
    world = Ruled()
    world.add("tank_used_ratio", {"tank": "a"}, rising(BEGIN_H, 0.07))
    world.add("tank_open", {"tank": "a"}, lambda t: np.full(len(t), level))
    world.rule(f"tank_used_ratio > 0.9 {word} on (tank) tank_open == 1")
    return Run.of(watch_of(world)).until(BEGIN_H + 9, BEGIN_H - 12)


@pytest.mark.parametrize(("level", "kinds"), [(1.0, ["opened"]), (0.0, [])])
def test_a_guard_must_hold_now(level: float, kinds: list[str]) -> None:
    run = beside_open("and", level)
    assert [kind for kind, _ in run.told()] == kinds
    for warning in run.watch.open.values():
        assert warning.symptoms[0].evidence["guards"] == [{"expr": "tank_open == 1", "holds": True, "flips": 0}]


def test_a_guard_tells_how_often_it_flipped() -> None:
    world = Ruled()
    world.add("tank_used_ratio", {"tank": "a"}, rising(BEGIN_H, 0.07))
    world.add("tank_open", {"tank": "a"}, lambda t: ((t - START_S) % 7200 < 6000) * 1.0)
    world.rule("tank_used_ratio > 0.9 and on (tank) tank_open == 1")
    run = Run.of(watch_of(world)).until(BEGIN_H + 9, BEGIN_H - 12)
    guards = [e.warning.symptoms[0].evidence["guards"] for r in run.results for e in r.events if e.warning is not None]
    assert guards
    assert 4 <= guards[-1][0]["flips"] <= 8


def test_what_moves_in_few_steps_is_not_foreseen() -> None:
    world = Ruled()
    expr = "sum by (tank) (tank_used > 1)"
    world.add(expr, {"tank": "a"}, lambda t: np.floor(np.maximum(0, (t - START_S) / HOUR - BEGIN_H) / 2.5))
    world.rule(f"{expr} > 6")
    run = Run.of(watch_of(world)).until(BEGIN_H + 14, BEGIN_H - 12)
    assert run.told() == []




NIGHTS = [{"cron": "0 * * * *", "for": "1h", "match": ['alertname="TankFull"', 'tank="a"']}]
"""All the time."""


def test_a_masked_alert_is_neither_foreseen_nor_missed() -> None:
    world, at = tank(BEGIN_H)
    run = Run.of(watch_of(world, exclude=NIGHTS)).until(at + 0.5, at - 3)
    assert [kind for kind, _ in run.told()] == []


def test_a_mask_of_the_series_means_the_alerts_that_depend_on_them() -> None:
    world, at = tank(BEGIN_H)
    run = Run.of(watch_of(world, exclude=[{**NIGHTS[0], "match": ['tank="a"']}])).until(at - 1, at - 4)
    assert [kind for kind, _ in run.told()] == []


def test_a_mask_of_another_alert_masks_nothing() -> None:
    world, at = tank(BEGIN_H)
    run = Run.of(watch_of(world, exclude=[{**NIGHTS[0], "match": ['alertname="Other"']}])).until(at - 1, at - 4)
    assert [kind for kind, _ in run.told()] == ["opened"]


@pytest.mark.parametrize(("level", "kinds"), [(0.0, ["opened"]), (1.0, [])])
def test_what_follows_unless_may_be_there_as_long_as_it_is_not_true(level: float, kinds: list[str]) -> None:
    run = beside_open("unless", level)
    assert [kind for kind, _ in run.told()] == kinds
