"""Alerts whose series vanish: that is said, their episode ends before long, and nothing is claimed of what became of them."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.core.records import EarlyWarning
from aiops.pipeline.rules_lost import LOST_S
from tests.daemon.rig import START_S
from tests.pipeline.ruled import HOUR, STEP_S, Ruled, Run, rising, watch_of

BEGIN_H, GONE_H = 30.0, 37.0
A = {"alertname": "TankFull", "severity": "page", "tank": "a", "alertstate": "firing"}
LOST_H = max(LOST_S, 10 * STEP_S) / HOUR


def vanishing(back_h: float = 1e9, expr: str = "tank_used_ratio > 0.9 and on (tank) tank_open == 1") -> Ruled:
    """A tank that fills until its series are away for a while; its guard stays."""
    course = rising(BEGIN_H, 0.07)
    world = Ruled()

    def level(t: np.ndarray) -> np.ndarray:
        away = (t > START_S + GONE_H * HOUR) & (t < START_S + back_h * HOUR)
        return np.where(away, np.nan, course(t))

    world.add("tank_used_ratio", {"tank": "a"}, level)
    world.add("tank_open", {"tank": "a"}, lambda t: np.ones(len(t)))
    world.rule(expr)
    return world


def lived(world: Ruled, until_h: float) -> Run:
    return Run.of(watch_of(world)).until(until_h, BEGIN_H - 12)


def the_open(run: Run) -> EarlyWarning:
    (found,) = run.watch.open.values()
    return found


def test_that_it_is_silent_is_said_while_it_stands() -> None:
    run = lived(vanishing(), GONE_H + 0.5)
    evidence = the_open(run).symptoms[0].evidence
    assert evidence["silent_since_s"] == START_S + GONE_H * HOUR
    assert evidence["reason"] == "no sample for 30m: what became of it is unknown"


@pytest.mark.parametrize("expr", ["tank_used_ratio > 0.9", "tank_used_ratio > 0.9 and on (tank) tank_open == 1"])
def test_its_episode_ends_once_its_series_are_long_gone_whatever_guards_are_there(expr: str) -> None:
    run = lived(vanishing(expr=expr), GONE_H + LOST_H + 1)
    assert run.watch.open == {}
    assert [kind for kind, _ in run.told()] == ["opened", "closed"]
    assert run.told()[-1][1] == pytest.approx(GONE_H + LOST_H, abs=0.2)
    (closed,) = [e.warning for r in run.results for e in r.events if e.kind == "closed"]
    assert closed is not None
    assert closed.closed_why == "its series is gone: no sample for 50m, what became of it is unknown"


def test_what_is_silent_does_not_get_worse_by_the_clock() -> None:
    run = Run.of(watch_of(vanishing(), severity={"critical_within": "190m"})).until(GONE_H + 0.7, BEGIN_H - 12)
    warning = the_open(run)
    assert warning.crossing is not None
    assert warning.crossing.expected_s - run.results[-1].now_s < 190 * 60 < warning.crossing.expected_s - START_S - GONE_H * HOUR
    assert warning.severity == "warning"


def test_nobody_knows_what_became_of_it() -> None:
    run = lived(vanishing(), 60)
    assert run.verdicts() == ["unjudgeable"]
    (outcome,) = run.rooms.store.outcomes()
    assert outcome.detail == "the series is gone"


def test_what_comes_back_and_fires_was_warned_of() -> None:
    world = vanishing(back_h=GONE_H + 2)
    world.fires(A, lambda t: t >= START_S + 39.5 * HOUR)
    run = lived(world, 40)
    assert run.verdicts()[0] == "hit"
    (hit,) = [one for one in run.rooms.store.outcomes() if one.verdict == "hit"]
    assert hit.opened_s is not None
    assert hit.opened_s < START_S + GONE_H * HOUR


def test_a_gap_ends_nothing() -> None:
    run = lived(vanishing(back_h=GONE_H + 0.6), GONE_H + 1.5)
    assert [kind for kind, _ in run.told()] == ["opened"]
    assert "silent_since_s" not in the_open(run).symptoms[0].evidence


def test_while_the_source_is_away_nothing_is_gone() -> None:
    world = vanishing(back_h=GONE_H + 0.1)
    run = lived(world, GONE_H)
    world.error = SourceError("made", "unreachable", "no route")
    run.until(GONE_H + 1)
    world.error = None
    run.until(GONE_H + 1.2)
    assert [kind for kind, _ in run.told()] == ["opened"]
