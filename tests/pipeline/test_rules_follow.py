"""Rules that are reloaded: new ones with their history, changed ones and those that are gone, and servers without any."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.errors import SourceError
from tests.daemon.rig import START_S
from tests.pipeline.ruled import HOUR, Ruled, Run, after, rising, tank, watch_of

BEGIN_H = 30.0


def test_a_rule_that_comes_later_is_foreseen_from_its_history() -> None:
    world, _ = tank(BEGIN_H)
    world.add("tank_free_ratio", {"tank": "a"}, lambda t: 1 - rising(BEGIN_H, 0.07)(t))
    run = Run.of(watch_of(world)).until(BEGIN_H + 7.5, BEGIN_H - 12)
    before = run.watch.state["active"].copy()
    world.rule("tank_free_ratio < 0.1", "TankNoRoom")
    run.until(BEGIN_H + 9)
    names = {one.entity["alertname"] for one in run.watch.open.values()}
    assert names == {"TankFull", "TankNoRoom"}, "in an hour and a half only history can have told it"
    rows = [i for i, row in enumerate(run.watch.build().rows) if row.rule.alert == "TankFull"]
    assert run.watch.state["active"][rows].tolist() == before.tolist()
    part = next(name for name, leaf in run.watch.book.parts.items() if leaf.expr == "tank_free_ratio")
    (row,) = run.watch._places[part]
    assert run.watch.window.first_s[row] <= START_S + (BEGIN_H - 11) * HOUR


def test_a_changed_rule_makes_what_it_warned_of_unjudgeable() -> None:
    world, _ = tank(BEGIN_H)
    run = Run.of(watch_of(world)).until(BEGIN_H + 8, BEGIN_H - 12)
    assert run.watch.open
    world.rules[0]["query"] = "tank_used_ratio > 1.5"
    run.until(BEGIN_H + 8.5)
    assert run.verdicts() == ["unjudgeable"]


def test_a_rule_that_is_gone_takes_its_warnings_with_it() -> None:
    world, _ = tank(BEGIN_H)
    run = Run.of(watch_of(world)).until(BEGIN_H + 8, BEGIN_H - 12)
    world.rules.clear()
    run.until(BEGIN_H + 8.5)
    assert run.verdicts() == ["unjudgeable"]
    assert not run.watch.open
    assert not run.watch.feeds[0].link.parts  # type: ignore[attr-defined]


def test_series_of_rules_that_are_gone_are_not_counted() -> None:
    world, _ = tank()
    world.add("tank_open", {"tank": "a"}, lambda t: np.ones(len(t)))
    other = world.rule("tank_open > 5", "TankOpen")
    run = Run.of(watch_of(world)).until(1)
    assert sum(run.results[-1].states.values()) == 3
    world.rules.remove(other)
    run.until(1.5)
    assert run.results[-1].states == {"active": 2, "learning": 0, "stale": 0, "masked": 0, "refused": 0}
    world.rules.append(other)
    run.until(2)
    assert sum(run.results[-1].states.values()) == 3


def test_rules_that_stay_keep_what_was_learnt() -> None:
    world, at = tank(BEGIN_H)
    run = Run.of(watch_of(world)).until(BEGIN_H + 8, BEGIN_H - 12)
    (warning,) = run.watch.open.values()
    world.rules.insert(0, dict(world.rules[0], name="Another", query="tank_unknown_litres > 5"))
    run.until(at + 0.5)
    assert run.verdicts() == ["hit"]
    assert run.rooms.store.outcomes()[0].warning_id == warning.id


def test_a_server_that_is_away_leaves_the_rules_as_they_were() -> None:
    world, at = tank(BEGIN_H)
    run = Run.of(watch_of(world)).until(BEGIN_H + 8, BEGIN_H - 12)
    world.error = SourceError("made", "unreachable", "refused")
    run.until(BEGIN_H + 8.4)
    assert len(run.watch.book.followed) == 1
    assert run.watch.open
    world.error = None
    run.until(at + 0.5)
    assert run.verdicts() == ["hit"]


def test_a_server_that_cannot_be_asked_at_first_is_named() -> None:
    world = Ruled()
    world.error = SourceError("made", "unreachable", "refused")
    (result,) = Run.of(watch_of(world)).until(0).results
    assert result.error is not None
    assert result.failed["made"].kind == "unreachable"


@pytest.mark.parametrize("kind", ["not_prometheus", "bad_query"])
def test_a_server_that_evaluates_no_rules_has_none(kind: str) -> None:
    world = Ruled()
    watch = watch_of(world)
    source = watch.feeds[0].link.source

    def none() -> bytes:
        raise SourceError("made", kind, "HTTP 404")

    source.alerting_rules = none  # type: ignore[method-assign]
    (result,) = Run.of(watch).until(0).results
    assert result.error is None
    assert watch.n == 0


def test_each_comparison_is_asked_once_a_turn() -> None:
    world, _ = tank()
    for i in range(5):
        world.rule(f"tank_used_ratio > 0.{i + 1}", f"Tank{i}")
    run = Run.of(watch_of(world)).until(1)
    world.asked.clear()
    run.until(1.1)
    assert sorted(query for query, *_ in world.asked) == ['max_over_time(ALERTS{alertstate="firing"}[300s])', "tank_used_ratio"]


def test_nothing_is_followed_that_does_not_match() -> None:
    world, _ = tank()
    world.fires({"alertname": "TankFull", "severity": "page", "tank": "a", "alertstate": "firing"}, after(1))
    run = Run.of(watch_of(world, alerts={"match": []}))
    from aiops.core.labels import Matcher

    run.watch.card.alerts.match.append(Matcher.parse("severity=none"))  # type: ignore[union-attr]
    run.until(2)
    assert (run.watch.n, run.verdicts(), np.size(run.watch.entities)) == (0, [], 0)
