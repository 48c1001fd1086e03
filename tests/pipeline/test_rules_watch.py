"""What a watch over rules remembers, and what becomes of it when rules or series come and go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.pipeline import keep
from aiops.pipeline.forget import keep_only
from aiops.telemetry.parts import PART
from tests.pipeline.ruled import Ruled, Run, rising, tank, watch_of

BEGIN_H = 30.0


def test_rows_are_the_label_sets_of_each_rule() -> None:
    world, _ = tank()
    world.rule("tank_used_ratio > 0.7", "TankHigh")
    run = Run.of(watch_of(world)).until(0.5)
    built = run.watch.build()
    assert [(row.rule.alert, row.labels["tank"]) for row in built.rows] == [
        ("TankFull", "a"), ("TankFull", "b"), ("TankHigh", "a"), ("TankHigh", "b"),
    ]  # fmt: skip
    assert built.limit.tolist() == [0.9, 0.9, 0.7, 0.7]
    assert built.hold_s.tolist() == [600] * 4
    assert [one["tank"] for one in run.watch.entities] == ["a", "b", "a", "b"]


def test_series_that_come_later_get_rows() -> None:
    world, _ = tank()
    run = Run.of(watch_of(world)).until(0.5)
    world.add("tank_used_ratio", {"tank": "c"}, rising(1e9, 0))
    run.until(1)
    assert {row.labels["tank"] for row in run.watch.build().rows} == {"a", "b", "c"}


def test_an_alert_knows_the_series_that_it_depends_on() -> None:
    world = Ruled()
    for name in ("a", "b"):
        world.add("tank_used_ratio", {"tank": name}, rising(1e9, 0))
        world.add("tank_open", {"tank": name}, lambda t: np.ones(len(t)))
    world.rule("tank_used_ratio > 0.9 and on (tank) tank_open == 1")
    watch = Run.of(watch_of(world)).until(0.5).watch
    number = watch.entity_number_of({"alertname": "TankFull", "severity": "page", "tank": "b"})
    rows = watch.rows_of(number)
    assert {(watch.window.labels[row]["tank"], watch.window.labels[row][PART]) for row in rows.tolist()} == {
        ("b", part) for part in watch.book.parts
    }


def test_two_servers_that_serve_one_rule_are_one() -> None:
    first, _ = tank()
    second, _ = tank()
    watch = Run.of(watch_of(first, second)).until(0.5).watch
    assert len(watch.book.followed) == 1
    assert len(watch.build().rows) == 2


def test_a_rule_of_one_server_does_not_speak_of_series_of_another() -> None:
    first, second = Ruled(), Ruled()
    first.add("tank_used_ratio", {"tank": "a", "cluster": "1"}, rising(1e9, 0))
    second.add("tank_used_ratio", {"tank": "a", "cluster": "2"}, rising(1e9, 0))
    first.rule("tank_used_ratio > 0.9")
    second.rule("tank_used_ratio > 0.9", "TankHigh")
    watch = Run.of(watch_of(first, second)).until(0.5).watch
    assert [(row.rule.alert, row.labels["cluster"]) for row in watch.build().rows] == [("TankFull", "1"), ("TankHigh", "2")]


def test_rows_that_are_let_go_leave_the_others_as_they_were() -> None:
    world, _ = tank(BEGIN_H)
    run = Run.of(watch_of(world)).until(BEGIN_H + 8, BEGIN_H - 12)
    (warning,) = run.watch.open.values()
    keep_only(run.watch, np.flatnonzero([one["tank"] == "a" for one in run.watch.window.labels]))
    run.until(BEGIN_H + 9)
    assert [row.labels["tank"] for row in run.watch.build().rows] == ["a", "b"], "the other comes back as a new series"
    assert [one.id for one in run.watch.open.values()] == [warning.id]


def test_after_a_restart_an_open_warning_goes_on(tmp_path: Path) -> None:
    world, at = tank(BEGIN_H)
    before = Run.of(watch_of(world, folder=tmp_path)).until(BEGIN_H + 8, BEGIN_H - 12)
    (warning,) = before.watch.open.values()
    keep.save(before.watch, tmp_path)
    again = Run(watch_of(world, folder=tmp_path), before.rooms, before.results[-1:])
    keep.restore(again.watch, before.rooms.store, tmp_path)
    again.until(BEGIN_H + 8.2)
    assert [one.id for one in again.watch.open.values()] == [warning.id]
    again.until(at + 0.5)
    assert again.told()[-3:] == [("closed", pytest.approx(at)), ("crossing", pytest.approx(at)), ("outcome", pytest.approx(at))]
    assert again.verdicts() == ["hit"]
