"""How rules come to their limits is counted from what is known, and a rule on noise stays in shadow."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Floats, Ints
from aiops.pipeline.rules_record import course_of, record_of
from tests.daemon.rig import START_S, Course
from tests.pipeline.ruled import HOUR, STEP_S, Ruled, Run, tank, watch_of

DAY = 86400


def spikes(t: Ints) -> Floats:
    """Calm, and over the limit for 10 min every 3 h."""
    return np.where((t - START_S) % (3 * HOUR) < 600, 0.95, 0.3)


def waves(t: Ints) -> Floats:
    """Over the limit every 12 h, and slowly."""
    return np.asarray(0.5 + 0.45 * np.sin((t - START_S) * 2 * np.pi / (12 * HOUR)))


def ran(course: Course, hours: float = 60) -> Run:
    world = Ruled()
    world.add("tank_used_ratio", {"tank": "a"}, course)
    world.rule("tank_used_ratio > 0.9", for_s=0)
    return Run.of(watch_of(world)).until(hours)


def test_a_rule_on_noise_is_known_by_how_it_crosses() -> None:
    run = ran(spikes)
    course = course_of(run.watch, run.watch.book.followed[0])
    assert course.crossings == course.sudden == pytest.approx(19, abs=1)
    assert course.days == pytest.approx(2.5, abs=0.1)
    assert record_of(run.watch, run.watch.book.followed[0], run.rooms).quiet


def test_what_comes_slowly_is_no_noise() -> None:
    run = ran(waves)
    course = course_of(run.watch, run.watch.book.followed[0])
    assert course.crossings >= 4
    assert course.sudden == 0


def long_ago(course: Course, days: float) -> Course:
    """A course that has calmed down so many days after START_S."""
    return lambda t: np.where(t < START_S + days * DAY, course(t), 0.3)


def began(course: Course, days: float) -> Run:
    """A daemon that starts so many days after START_S, with all of them in the source."""
    world = Ruled()
    world.add("tank_used_ratio", {"tank": "a"}, course)
    world.rule("tank_used_ratio > 0.9", for_s=0)
    return Run.of(watch_of(world, history="14d")).until(days * 24 + 0.2, days * 24)


def test_two_weeks_are_counted_from_the_first_turn_on() -> None:
    course = course_of((run := began(long_ago(spikes, 8), 13.9)).watch, run.watch.book.followed[0])
    assert course.days == pytest.approx(13.9, abs=0.1)
    assert course.crossings == course.sudden == pytest.approx(8 * 8, abs=2)


def test_what_came_slowly_a_week_ago_is_no_noise() -> None:
    course = course_of((run := began(long_ago(waves, 8), 13.9)).watch, run.watch.book.followed[0])
    assert course.crossings == pytest.approx(16, abs=2)
    assert course.sudden == 0


def test_noise_that_is_often_near_the_limit_is_noise_by_the_hour_as_well() -> None:
    def noisy(t: Ints) -> Floats:
        return np.asarray(0.6 + 0.14 * np.random.default_rng(4).standard_normal(len(t)))

    course = course_of((run := began(long_ago(noisy, 9), 13.9)).watch, run.watch.book.followed[0])
    assert course.crossings > 20
    assert course.noise


def test_the_days_that_are_not_known_are_told() -> None:
    run = began(spikes, 5)
    said = record_of(run.watch, run.watch.book.followed[0], run.rooms).sentence()
    assert "5 days (of 14 days no more is known)" in said


def test_what_usually_stands_beyond_its_limit_does_not_count() -> None:
    run = ran(lambda t: 1.5 - spikes(t))
    assert course_of(run.watch, run.watch.book.followed[0]).crossings == 0


def test_a_rule_that_cannot_be_foreseen_is_told_to_nobody() -> None:
    world, _ = tank(30)
    run = Run.of(watch_of(world, stage="ticket")).until(38, 18)
    (warning,) = run.watch.open.values()
    assert warning.stage == "ticket"
    run.watch.crossed[:], run.watch.counted_s = (40, 38, 3.0), run.results[-1].now_s + STEP_S  # not counted anew in the next turn
    run.until(38.1)
    (warning,) = run.watch.open.values()
    assert warning.stage == "shadow"


def test_a_warning_carries_the_record_of_its_rule() -> None:
    world, at = tank(30)
    run = Run.of(watch_of(world)).until(at + 1, 18)
    (opened,) = [e.warning for r in run.results for e in r.events if e.kind == "opened" and e.warning is not None]
    assert opened.record["text"] == "new, unproven"
    assert record_of(run.watch, run.watch.book.followed[0], run.rooms).sentence().startswith("1 of 1 came true, median ")


def test_all_rows_have_their_turn() -> None:
    world = Ruled()
    for i in range(5000):
        world.add("tank_used_ratio", {"tank": f"t{i}"}, spikes)
    world.rule("tank_used_ratio > 0.9", for_s=0)
    run = Run.of(watch_of(world)).until(3.5, 3)
    assert (run.watch.crossed[:, 2] > 0).all()


def test_a_rule_on_noise_is_in_shadow_from_the_first_turn_on() -> None:
    world, at = tank(36)
    world.add("tank_used_ratio", {"tank": "spiky"}, spikes)
    run = Run.of(watch_of(world, stage="ticket")).until(at - 1, at - 1)
    (opened,) = [e.warning for e in run.results[0].events if e.kind == "opened" and e.warning is not None]
    assert opened.stage == "shadow"
    assert "no warning would have been ahead" in opened.record["text"]
