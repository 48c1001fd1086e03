"""Before anything is done: what must hold, and how often it may be tried, over days and over many targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.core.records import EarlyWarning
from tests.responses.rig import START_S, WRITE, Replica, Rig, book, early, made, no_answer

HOUR = 3600.0
GUARDS = book()["guards"]
NEED = {"name": "fresh", "promql": "age{$target}", "expect": "< 300"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        yield one


def ready(rig: Rig, *warnings: EarlyWarning, **more: Any) -> Replica:
    rig.write(book(WRITE, **{"mode": "auto", **more}))
    rig.warn(*(warnings or (early(),)))
    one = rig.replica()
    one.world.numbers |= {"free{$target}": [0.3], "age{$target}": [12.0]}
    return one


@pytest.mark.parametrize(
    ("age", "why"),
    [
        ([12.0], ""),
        ([300.0], "'fresh' wants < 300 and got 300"),
        ([12.0, 400.0], "'fresh' wants < 300 and got 400"),
        ([], "'fresh' wants < 300 and got no data"),
        ([float("nan")], "'fresh' wants < 300 and got nan"),
        (no_answer(), "'fresh' cannot be asked: away"),
    ],
)
def test_what_it_requires_must_hold_for_everything_that_answers(rig: Rig, age: Any, why: str) -> None:
    one = ready(rig, guards={**GUARDS, "require": [NEED]})
    one.world.numbers["age{$target}"] = age
    one.tick(rig.clock.now)
    assert rig.one().body["why"] == why
    assert rig.one().state == ("blocked" if why else "verifying")
    assert (len(rig.runs.charges()), rig.count.steps) == ((0, []) if why else (1, ["fix"])), "what is blocked costs nothing"


@pytest.mark.parametrize(("lasts", "state"), [(True, "blocked"), (None, "blocked"), (False, "verifying")])
@pytest.mark.row("R23")
def test_in_a_window_nothing_is_done_and_one_that_nobody_defined_always_lasts(rig: Rig, lasts: Any, state: str) -> None:
    one = ready(rig, guards={**GUARDS, "skip_during": ["change-freeze"]})
    one.world._a.lasting = lambda name, run, now_s: lasts
    one.tick(rig.clock.now)
    assert rig.one().state == state
    assert ("change-freeze" in rig.one().body["why"]) == (state == "blocked")


@pytest.mark.row("R23")
@pytest.mark.parametrize(("mode", "state"), [("auto", "blocked"), ("approve", "awaiting_approval")])
def test_a_mask_that_no_runbook_names_stops_what_acts_alone_and_not_who_is_asked(rig: Rig, mode: str, state: str) -> None:
    one = ready(rig, mode=mode)
    one.world._a.masked = lambda run, now_s: "silences"
    one.tick(rig.clock.now)
    assert rig.one().state == state
    assert ("the mask silences lasts" in rig.one().body.get("why", "")) == (state == "blocked")
    assert rig.count.steps == []


@pytest.mark.parametrize(
    ("unseen", "why"),
    [
        ({"stale_since_s": START_S + 60}, "nothing new is known of the warning since 2025-06-15T15:11:00Z"),
        ({"updated_s": START_S - 1801}, "nothing new is known of the warning since 2025-06-15T14:39:59Z"),
        ({"updated_s": START_S - 1700}, ""),
    ],
)
def test_nothing_is_changed_on_evidence_that_nobody_renews(rig: Rig, unseen: dict[str, float], why: str) -> None:
    """Its sources went away, or the daemon that watched it slept, while somebody was asked."""
    one = ready(rig, mode="approve")
    one.tick(rig.clock.now)
    rig.warn(early(**{key: int(value) for key, value in unseen.items()}))
    one.people.approve(rig.one().id, "ann", rig.clock.now)
    one.tick(rig.clock.now)
    assert (rig.one().body.get("why", ""), rig.count.steps) == (why, [] if why else ["fix"])
    assert (rig.one().state, rig.one().body.get("because", "")) == (("blocked", "stale") if why else ("verifying", ""))


def test_what_it_requires_is_asked_again_before_the_first_change_after_a_wait(rig: Rig) -> None:
    pause = {"id": "pause", "uses": "wait", "with": {"for": "5m"}}
    one = ready(rig, steps=[pause, WRITE], guards={**GUARDS, "require": [NEED]})
    one.tick(rig.clock.now)
    one.world.numbers["age{$target}"] = [900.0]
    rig.clock.now += 301
    rig.monotonic.now += 301
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.one().body["because"]) == ("blocked", "fresh")
    assert rig.count.steps == []


def lives(rig: Rig, one: Replica, number: int, until_s: float) -> None:
    """An episode: it opens, is answered, and clears when it is judged."""
    rig.warn(early(number, rig.clock.now, entity={"instance": "leaks"}, labels={"instance": "leaks"}))
    while rig.clock.now < until_s:
        one.tick(rig.clock.now)
        rig.clock.now += 120
        rig.monotonic.now += 120
    rig.clear(number)
    one.tick(rig.clock.now)


def test_a_leak_that_a_restart_only_hides_is_restarted_twice_and_then_a_person_is_told_once(rig: Rig) -> None:
    """39 cycles in 26 h: each restart helps, and each time it comes back before the cooldown is over."""
    one = ready(rig, early(1000))
    rig.clear(1000)
    for cycle in range(39):
        lives(rig, one, 1 + cycle, START_S + 1200 * (cycle + 1))
    runs = [run for run in rig.runs.newest(100) if run.warning_id != f"{1000:016x}"]
    assert rig.count.steps.count("fix") == 2
    assert Counter(run.state for run in runs)["blocked"] == len(runs) - 2
    assert sum("a person is needed" in title for title in rig.told()) == 1


def test_a_success_that_lasts_is_not_held_against_the_next(rig: Rig) -> None:
    one = ready(rig, early(1000))
    rig.clear(1000)
    for cycle in range(6):
        lives(rig, one, 1 + cycle, START_S + 3 * HOUR * (cycle + 1))
    assert rig.count.steps.count("fix") == 6


@pytest.mark.row("R20")
def test_of_a_hundred_targets_three_are_touched_and_the_rest_is_told_in_one_message(rig: Rig) -> None:
    rig.watched = 1000
    one = ready(rig, *(early(n) for n in range(1, 101)))
    one.tick(rig.clock.now)
    assert rig.count.steps == ["fix"] * 3
    assert Counter(run.state for run in rig.runs.newest(1000)) == {"verifying": 3, "blocked": 97}
    assert len(rig.told()) == 1
    assert "of at most 3" in rig.told()[0]


def test_what_most_targets_show_is_told_once_and_left_alone(rig: Rig) -> None:
    rig.watched = 20
    one = ready(rig, *(early(n) for n in range(1, 16)))
    one.tick(rig.clock.now)
    assert (rig.count.steps, {run.body["because"] for run in rig.runs.newest(100)}) == ([], {"storm"})
    assert rig.told() == ["mend does not run: 15 of 20 targets show the same: this is not 15 problems"]


def test_limits_hold_over_a_restart(rig: Rig) -> None:
    ready(rig).tick(rig.clock.now)
    for number in (2, 3, 4):
        rig.warn(early(number))
        other = rig.replica(f"life {number}", at_once=True)
        other.tick(rig.clock.now)
    assert rig.count.steps == ["fix"] * 3
    assert rig.runs.newest(state="blocked")[0].body["because"] == "max_targets"


def test_two_runbooks_do_not_act_on_one_target_at_once(rig: Rig) -> None:
    one = ready(rig)
    rig.write(book(WRITE, mode="auto"), book(WRITE, mode="auto", name="other"))
    one.responder.runbooks = rig.books
    one.tick(rig.clock.now)
    assert sorted(run.state for run in rig.runs.newest()) == ["matched", "verifying"]
    for _ in range(6):
        rig.clock.now += 60
        rig.monotonic.now += 60
        one.tick(rig.clock.now)
    assert sorted(run.state for run in rig.runs.newest()) == ["succeeded", "verifying"]


@pytest.mark.row("R22")
def test_runbooks_that_set_each_other_off_are_stopped(tmp_path: Path) -> None:
    """Each helps at once and opens what the other is for."""
    with made(tmp_path, loop=4) as rig:
        free = {"guards": {"cooldown": "1s", "max_runs": {"count": 99, "per": "1h"}, "max_targets": {"count": 99, "per": "1h"}}}
        quick = {"verify": {"within": "1m", "all": [{"name": "room", "promql": "free{$target}", "expect": "> 0"}]}}
        match = {name: {"kind": "forecast", "signal": name} for name in "ab"}
        rig.write(*(book(WRITE, mode="auto", name=f"for-{name}", match=match[name], **free, **quick) for name in "ab"))
        one = rig.replica()
        one.world.numbers["free{$target}"] = [0.3]
        for number in range(1, 13):
            rig.warn(early(number, rig.clock.now, signal="ab"[number % 2], entity={"instance": "x"}, labels={"instance": "x"}))
            one.tick(rig.clock.now)
            rig.clear(number)
            rig.clock.now += 60
            rig.monotonic.now += 60
        assert rig.count.steps.count("fix") == 4
        assert {run.body["because"] for run in rig.runs.newest(state="blocked")} == {"loop"}
        assert sum("responses acted on this target" in title for title in rig.told()) == 1
