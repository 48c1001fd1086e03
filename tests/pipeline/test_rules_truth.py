"""What counts as fired: ALERTS, in every column since it was last known; for rules that predict, what they predict."""

from __future__ import annotations

import numpy as np

from aiops.pipeline.beyond import REARM_STEPS
from aiops.pipeline.rules_truth import firings
from tests.daemon.rig import START_S
from tests.pipeline.ruled import HOUR, STEP_S, Ruled, Run, after, rising, tank, watch_of

A = {"alertname": "TankFull", "severity": "page", "tank": "a", "alertstate": "firing"}


def flat() -> Ruled:
    world = Ruled()
    world.add("tank_used_ratio", {"tank": "a"}, rising(1e9, 0))
    world.rule("tank_used_ratio > 0.9")
    return world


def test_a_firing_that_nobody_warned_of_is_missed() -> None:
    world = flat()
    world.fires(A, after(2))
    run = Run.of(watch_of(world)).until(3)
    assert run.verdicts() == ["missed"]
    (outcome,) = run.rooms.store.outcomes()
    assert dict(outcome.entity) == {"alertname": "TankFull", "severity": "page", "tank": "a"}
    assert outcome.failed_s == START_S + 2 * HOUR


def test_an_alert_without_any_series_of_its_rule_is_missed_too() -> None:
    world = flat()
    world.fires({**A, "tank": "unheard of"}, after(2))
    assert Run.of(watch_of(world)).until(3).verdicts() == ["missed"]


def test_what_fires_at_first_sight_is_nobodys_miss() -> None:
    world = flat()
    world.fires(A, after(-1))
    assert Run.of(watch_of(world)).until(3).verdicts() == []


def test_each_firing_counts() -> None:
    world = flat()
    world.fires(A, lambda t: (t - START_S) % (2 * HOUR) < HOUR)
    assert Run.of(watch_of(world)).until(6.9).verdicts() == ["missed"] * 3


def test_an_alert_that_flaps_is_one_failure_until_it_was_silent() -> None:
    world = flat()
    flapping = (0, 2, 3, 9, 10 + REARM_STEPS)
    world.fires(A, lambda t: np.isin((t - START_S - 2 * HOUR) // STEP_S, flapping))
    run = Run.of(watch_of(world)).until(6)
    failed = [(o.failed_s or 0) - START_S - 2 * HOUR for o in run.rooms.store.outcomes()]
    assert sorted(failed) == [0, (10 + REARM_STEPS) * STEP_S]


def test_what_fired_shortly_before_a_restart_goes_on_after_it() -> None:
    world = flat()
    world.fires(A, lambda t: np.isin((t - START_S - 2 * HOUR) // STEP_S, (0, 4)))
    before = Run.of(watch_of(world)).until(2 + 2.5 / 12)
    assert before.verdicts() == ["missed"]
    again = Run.of(watch_of(world))
    again.watch.judged_s = before.watch.judged_s
    assert again.until(3, begin_h=2 + 3 / 12).verdicts() == []


def test_alerts_of_other_rules_and_severities_do_not_count() -> None:
    world = flat()
    world.fires({**A, "alertname": "Other"}, after(2))
    world.fires({**A, "severity": "info"}, after(2))
    assert Run.of(watch_of(world)).until(3).verdicts() == []


def test_a_firing_while_alerts_could_not_be_asked_is_seen_later() -> None:
    world = flat()
    world.fires(A, lambda t: (t >= START_S + 2 * HOUR) & (t < START_S + 2.2 * HOUR))
    run = Run.of(watch_of(world)).until(1.5)
    world.deaf = True
    run.until(2.5)
    assert run.verdicts() == []
    world.deaf = False
    assert run.until(3).verdicts() == ["missed"]


def test_a_firing_while_the_daemon_was_down_is_seen_later() -> None:
    world = flat()
    world.fires(A, lambda t: (t >= START_S + 2 * HOUR) & (t < START_S + 2.2 * HOUR))
    before = Run.of(watch_of(world)).until(1.5)
    again = watch_of(world)
    again.judged_s = before.watch.judged_s
    later = Run.of(again)
    later.until(3, begin_h=3)
    assert later.verdicts() == ["missed"]


def test_the_same_instant_is_not_judged_twice() -> None:
    world, at = tank()
    run = Run.of(watch_of(world)).until(at + 1)
    assert firings(run.watch, run.results[-1].now_s) == {}


def test_the_window_of_alerts_is_that_of_the_slowest_group() -> None:
    world = flat()
    run = Run.of(watch_of(world)).until(0.5)
    assert f'max_over_time(ALERTS{{alertstate="firing"}}[{STEP_S}s])' in {query for query, *_ in world.asked}
    assert run.watch.alerts.asked_s == run.results[-1].now_s


def predicting(per_hour: float) -> Ruled:
    """A rule that predicts by itself, and says so all the time; its quantity runs out, or not."""
    world = Ruled()
    gone = rising(30, per_hour, 0.0, 1000.0)
    world.add("tank_free_litres", {"tank": "a"}, lambda t: np.maximum(0.0, 1000 - np.where(gone(t) < 1, 0, gone(t))))
    world.rule("predict_linear(tank_free_litres[6h], 86400) < 0", name="RunsDry", for_s=0)
    world.fires({**A, "alertname": "RunsDry"}, after(20))
    return world


def test_a_rule_that_predicts_is_judged_by_what_it_predicts() -> None:
    run = Run.of(watch_of(predicting(100.0))).until(41, 18)
    assert run.verdicts() == ["hit"]
    (outcome,) = run.rooms.store.outcomes()
    assert outcome.failed_s == START_S + 40 * HOUR


def test_its_own_word_is_not_the_truth() -> None:
    assert Run.of(watch_of(predicting(0.0))).until(41, 18).verdicts() == []
