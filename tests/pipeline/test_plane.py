"""Several sources, one plane: copies become one series, gaps are filled, disagreement is said, an outage costs its own rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.config.settings import load_settings
from aiops.core.errors import SourceError
from aiops.core.records import Remark
from aiops.models.card import ModelCard
from aiops.pipeline import Rooms, StoreJournal, Watch, assemble, keep, turn
from aiops.pipeline import read as module
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.plane import anchor, groups, window_dir
from aiops.pipeline.read import read
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.merge import Agreement
from aiops.telemetry.source import ReadLimits
from tests.daemon.rig import START_S, WORLDS, MadeParams, MadeSource, World, anomaly_card, calm, card, falling

STEP_S = 300
HOUR_S = 3600
AWAY = SourceError("b", "unreachable", "refused")


def link(name: str, world: World, priority: int = 0, labels: dict[str, str] | None = None, **more: Any) -> Link:
    WORLDS[name] = world
    return Link(MadeSource(name, MadeParams(world=name), ReadLimits()), labels, priority, clock=lambda: 0.0, pause_s=0.0, **more)


def watch_of(*links: Link, written: dict[str, Any] | None = None, folder: Path | None = None) -> Watch:
    model = ModelCard.model_validate(written or card())
    found = make_watch(model, list(links), int(model.step_s), folder, clock=lambda: 0.0)
    for feed in found.feeds:
        feed.rest._pause_s = 0.0
    return found


def world(*instances: str, course: Any = None) -> World:
    found = World()
    for instance in instances:
        found.add("free", {"instance": instance}, course or calm())
    return found


@pytest.fixture
def store() -> Any:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def rooms(store: Store) -> Rooms:
    return Rooms(store, StoreJournal(store))


def test_what_two_sources_see_is_one_series_and_the_preferred_value_counts() -> None:
    a, b = world("x", "y", course=calm(0.5)), world("y", "z", course=calm(0.6))
    watch = watch_of(link("a", a), link("b", b, priority=1))
    found = read(watch, START_S + HOUR_S)
    assert [one["instance"] for one in watch.window.labels] == ["x", "y", "z"]
    assert found.values[:, -1] == pytest.approx([0.5, 0.6, 0.6], abs=0.02)


def test_what_one_of_them_notes_is_told_by_its_name_and_stays_whose_note_it_was() -> None:
    a, b = world("x"), world("x")
    a.partial, b.partial = (Remark("a row was left out"),), ("a store did not answer",)
    found = read(watch_of(link("a", a), link("b", b)), START_S + HOUR_S).partial
    assert found == ("a: a row was left out", "b: a store did not answer")
    assert [isinstance(note, Remark) for note in found] == [True, False]


def test_labels_that_tell_replicas_apart_are_no_identity() -> None:
    external = {name: {"cluster": "eu", "prometheus_replica": name} for name in "ab"}
    watch = watch_of(*(link(name, world("x"), labels=external[name], without=["prometheus_replica"]) for name in "ab"))
    read(watch, START_S + HOUR_S)
    assert [dict(one) for one in watch.window.labels] == [{"cluster": "eu", "instance": "x"}]


def test_a_gap_of_the_preferred_source_is_filled_from_the_other() -> None:
    holes = world("x", course=lambda t: np.where((t > START_S + 1200) & (t <= START_S + 2400), np.nan, 0.5))
    watch = watch_of(link("a", holes, priority=1), link("b", world("x", course=calm(0.6))))
    found = read(watch, START_S + HOUR_S)
    assert np.isfinite(found.values).all()
    inside = (found.time_s > START_S + 1200) & (found.time_s <= START_S + 2400)
    assert found.values[0, inside] == pytest.approx(0.6, abs=0.02)
    assert found.values[0, ~inside] == pytest.approx(0.5)


def test_each_source_is_read_once_and_only_for_what_it_lacks() -> None:
    a, b = world("x"), world("x")
    watch = watch_of(link("a", a), link("b", b))
    read(watch, START_S + HOUR_S)
    for there in (a, b):
        there.asked.clear()
    read(watch, START_S + HOUR_S + STEP_S)
    assert a.asked == b.asked == [("free", START_S + HOUR_S + STEP_S, START_S + HOUR_S + STEP_S, STEP_S)]


def test_a_source_that_is_away_holds_its_own_rows_and_no_others() -> None:
    a, b = world("x", "both"), world("both", "z")
    watch = watch_of(link("a", a), link("b", b))
    read(watch, START_S + HOUR_S)
    watch.seen_s[:] = START_S + HOUR_S
    b.error = AWAY
    found = read(watch, START_S + HOUR_S + STEP_S)
    assert found.held is not None
    assert {watch.window.labels[i]["instance"]: bool(found.held[i]) for i in range(3)} == {"x": False, "both": False, "z": True}
    assert list(watch.failed) == ["b"]


def test_what_the_last_turn_could_not_read_is_stale_and_not_active(store: Store) -> None:
    a, b = world("x", "both"), world("both", "z")
    watch, now = watch_of(link("a", a), link("b", b)), START_S + 8 * HOUR_S
    assert turn(watch, now, rooms(store)).states == {"active": 3, "learning": 0, "stale": 0, "masked": 0, "refused": 0}
    b.error = AWAY
    states = turn(watch, now + STEP_S, rooms(store)).states
    assert (states["active"], states["stale"]) == (2, 1)
    a.error = AWAY
    states = turn(watch, now + 2 * STEP_S, rooms(store)).states
    assert (states["active"], states["stale"]) == (0, 3)
    a.error = b.error = None
    assert turn(watch, now + 3 * STEP_S, rooms(store)).states["active"] == 3


def test_when_it_is_back_its_rows_learn_what_they_missed_in_order() -> None:
    a, b = world("x", "both"), world("both", "z")
    watch = watch_of(link("a", a), link("b", b))
    read(watch, START_S + HOUR_S)
    watch.seen_s[:] = START_S + HOUR_S
    b.error = AWAY
    for i in (1, 2, 3):
        read(watch, START_S + HOUR_S + i * STEP_S)
        watch.seen_s[[0, 1]] = START_S + HOUR_S + i * STEP_S
    b.error = None
    b.asked.clear()
    found = read(watch, START_S + HOUR_S + 4 * STEP_S)
    assert b.asked == [("free", START_S + HOUR_S + STEP_S, START_S + HOUR_S + 4 * STEP_S, STEP_S)]
    (late,) = found.late
    assert [watch.window.labels[i]["instance"] for i in late.rows] == ["z"]
    assert late.time_s.tolist() == [START_S + HOUR_S + i * STEP_S for i in (1, 2, 3)]
    assert np.isfinite(late.values).all()
    assert found.time_s.tolist() == [START_S + HOUR_S + 4 * STEP_S]
    kept = watch.window.value_at(np.array([2]), late.time_s)
    np.testing.assert_allclose(kept, late.values, rtol=1e-6)


def test_learning_with_an_outage_in_between_comes_to_the_same_as_without(store: Store) -> None:
    def lived(outage: range, name: str) -> Watch:
        a, b = world("x"), world("z", course=calm(0.7))
        for there in (a, b):
            there.series["load"] = there.series.pop("free")
        watch = watch_of(link(f"a{name}", a), link(f"b{name}", b), written=anomaly_card())
        for i in range(120):
            b.error = AWAY if i in outage else None
            turn(watch, START_S + HOUR_S + i * STEP_S, rooms(store))
        return watch

    whole, broken = lived(range(0), "1"), lived(range(40, 60), "2")
    for name, array in whole.detector_state.items():
        np.testing.assert_allclose(broken.detector_state[name], array, rtol=1e-5, err_msg=name)


def test_when_no_source_answers_nothing_is_decided_and_the_error_is_told(store: Store) -> None:
    a, b = world("x"), world("z")
    watch = watch_of(link("a", a), link("b", b))
    turn(watch, START_S + HOUR_S, rooms(store))
    a.error, b.error = SourceError("a", "timeout", "slow"), AWAY
    result = turn(watch, START_S + HOUR_S + STEP_S, rooms(store))
    assert result.error is not None
    assert result.error.kind == "timeout"
    assert set(result.failed) == {"a", "b"}
    assert watch.judged_s == START_S + HOUR_S


def test_an_open_warning_of_a_source_that_is_away_stays_open(store: Store) -> None:
    a, b = world("x"), world("z", course=falling(0.001))
    watch = watch_of(link("a", a), link("b", b))
    now = START_S + 8 * HOUR_S
    while not watch.open:
        turn(watch, now, rooms(store))
        now += STEP_S
        assert now < START_S + 9 * HOUR_S
    b.error = AWAY
    for _ in range(12):
        turn(watch, now, rooms(store))
        now += STEP_S
    (warning,) = watch.open.values()
    assert warning.entity["instance"] == "z"
    assert warning.state == "open"


def disputed(store: Store, other: float, minutes: int = 60) -> Watch:
    a, b = world("x", course=calm(0.5)), world("x", course=calm(other))
    watch = watch_of(link("a", a), link("b", b))
    watch.agreement = Agreement(0.05, 1800)
    for i in range(minutes // 5):
        turn(watch, START_S + HOUR_S + i * STEP_S, rooms(store))
    return watch


def test_a_lasting_disagreement_is_a_symptom_that_shows_both_values(store: Store) -> None:
    watch = disputed(store, 0.6)
    (warning,) = watch.open.values()
    assert (warning.kind, warning.severity) == ("conflict", "info")
    evidence = warning.symptoms[0].evidence
    assert (evidence["source"], evidence["other_source"]) == ("a", "b")
    assert evidence["now"] == pytest.approx(0.5, abs=0.02)
    assert evidence["other"] == pytest.approx(0.6, abs=0.02)
    assert warning.symptoms[0].lineage.source == "a+b"
    assert not watch.pending, "a conflict foretells nothing: it is not judged"


def test_sources_that_agree_within_tolerance_are_no_conflict(store: Store) -> None:
    assert not disputed(store, 0.51).open


def test_a_conflict_ends_when_they_agree_again(store: Store) -> None:
    watch = disputed(store, 0.6)
    WORLDS["b"].series = WORLDS["a"].series
    for i in range(12, 30):
        turn(watch, START_S + HOUR_S + i * STEP_S, rooms(store))
    assert not watch.open


def test_copies_inside_one_source_that_disagree_are_a_conflict_too(store: Store) -> None:
    there = World()
    for replica, level in (("r1", 0.5), ("r2", 0.7)):
        there.add("free", {"instance": "x", "replica": replica}, calm(level))
    watch = watch_of(link("thanos", there, without=["replica"]))
    watch.agreement = Agreement(0.05, 1800)
    for i in range(12):
        turn(watch, START_S + HOUR_S + i * STEP_S, rooms(store))
    (warning,) = watch.open.values()
    assert warning.kind == "conflict"
    assert "two copies" in warning.symptoms[0].evidence["reason"]
    assert watch.window.latest(watch.window.end_s)[0] == pytest.approx(0.5, abs=0.02)


def settings(folder: Path, sources: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    from aiops import plugins

    monkeypatch.setitem(plugins.BUILT_IN["sources"], "made", "tests.daemon.rig:MadeSource")
    (folder / "aiops.yaml").write_text(json.dumps({"sources": sources}))
    return load_settings(folder / "aiops.yaml", data_dir=folder / "data")


def test_sources_of_one_step_are_one_watch_and_another_step_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"kind": "made"}
    found = settings(tmp_path, {"a": made, "fast": made | {"step": "10s"}, "b": made}, monkeypatch)
    model = ModelCard.model_validate(card())
    assert groups(found, model, found.sources) == [(300, ["a", "b"]), (10, ["fast"])]
    assert groups(found, ModelCard.model_validate(card(sources=["b"])), found.sources) == [(300, ["b"])]


def test_a_source_that_is_added_leaves_history_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    WORLDS["made"] = world("x")
    model, made = ModelCard.model_validate(card()), {"kind": "made"}
    first = assemble(settings(tmp_path, {"old": made}, monkeypatch), [model], [], store, tmp_path / "data", lambda: 0.0)
    turn(first.watches[0], START_S + HOUR_S, first)
    keep.save(first.watches[0], tmp_path / "data")
    assert anchor(model, ["new", "old"], tmp_path / "data") == "old"
    assert window_dir(tmp_path / "data", "disk", "old").is_dir()
    WORLDS["made"].asked.clear()
    both = settings(tmp_path, {"new": made, "old": made}, monkeypatch)
    (watch,) = assemble(both, [model], [], store, tmp_path / "data", lambda: 0.0).watches
    assert watch.name == "disk@old"
    assert watch.n == 1
    read(watch, START_S + HOUR_S)
    assert {(start, end) for _, start, end, _ in WORLDS["made"].asked} == {
        (START_S + HOUR_S, START_S + HOUR_S), (START_S, START_S + HOUR_S),
    }, "only the new one is asked for its history"  # fmt: skip


@pytest.mark.parametrize("alone", [True, False])
def test_while_its_source_is_away_a_warning_is_stale_is_told_on_and_does_not_end(store: Store, alone: bool) -> None:
    a, b = world("x"), world("z", course=falling(0.001))
    links = [link("b", b)] if alone else [link("a", a), link("b", b)]
    watch = watch_of(*links, written=card(guards={"persistence": "1/1", "on_missing": "zero"}))
    now = START_S + 8 * HOUR_S
    while not watch.open:
        turn(watch, now, rooms(store))
        now += STEP_S
        assert now < START_S + 10 * HOUR_S
    b.error = AWAY
    first = now
    for _ in range(12):
        turn(watch, now, rooms(store))
        (warning,) = watch.open.values()
        assert warning.stale_since_s == first
        now += STEP_S
    assert store.open_warnings()[0].stale_since_s == first
    b.error = None
    turn(watch, now, rooms(store))
    assert [w.stale_since_s for w in watch.open.values()] == [None]


def test_two_sources_without_any_series_are_an_empty_watch_until_one_comes(store: Store) -> None:
    a, b = World(), World()
    watch = watch_of(link("a", a), link("b", b), written=card(detect={"model": "seasonal"}))
    for i in range(3):
        assert turn(watch, START_S + HOUR_S + i * STEP_S, rooms(store)).error is None
    b.add("free", {"instance": "x"}, calm())
    for i in range(3, 6):
        assert turn(watch, START_S + HOUR_S + i * STEP_S, rooms(store)).error is None
    assert watch.n == 1


def test_a_small_source_that_is_added_to_many_series_reads_no_more_than_a_turn_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKFILL_SAMPLES", 4000)
    many, few = world(*map(str, range(100))), world("new")
    watch = watch_of(link("a", many))
    read(watch, START_S + 30 * HOUR_S)
    both = watch_of(link("a", many), link("b", few))
    both.window = watch.window
    both.grow()
    both.seen_s[:] = START_S + 30 * HOUR_S
    few.asked.clear()
    read(both, START_S + 30 * HOUR_S + STEP_S)
    widest = max((end - start) // STEP_S + 1 for query, start, end, _ in few.asked if query == "free")
    assert widest * 100 <= 4000
    assert both.window.progress["b"].todo, "the rest comes later"
