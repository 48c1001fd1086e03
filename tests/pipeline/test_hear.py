"""A running watch hears what was said beside it: verdicts, actions, incidents; also after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.models.card import ModelCard
from aiops.outcomes.incidents import Incident
from aiops.outcomes.ladder import Move
from aiops.pipeline import keep, turn
from aiops.pipeline.desk import Desk
from aiops.pipeline.stages import keep as keep_move
from aiops.store import Store
from tests.daemon.rig import START_S, Rig, card, falling

CARD = card(truth={"crossing": True, "incidents": ['severity="page"']}, stage="shadow")


@pytest.fixture
def warned(rig: Rig) -> Iterator[tuple[Rig, Desk, str]]:
    """A daemon with one open warning, and a desk of another process on its store."""
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    daemon = rig.start(CARD)
    rig.until_warned()
    other = Store.beside("", rig.data_dir)
    yield rig, Desk(other, [ModelCard.model_validate(CARD)]), daemon.store.open_warnings()[0].id
    other.close()


def test_a_persons_verdict_ends_the_waiting_and_stays(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, one = warned
    desk.verdict(one, "false", "ann", rig.clock.now)
    rig.at(rig.clock.now - START_S + 300)
    rig.turn()
    watch = rig.watch("disk@made")
    assert watch.pending == {}
    assert [w.verdict for w in watch.open.values()] == ["false"]
    assert rig.daemon is not None
    assert [(o.verdict, o.judged_by) for o in rig.daemon.store.outcomes()] == [("false", "ann")]
    assert rig.daemon.rooms.record_of("disk")["settled"] == 1


def test_an_incident_settles_what_the_daemon_waits_for(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, one = warned
    now = int(rig.clock.now) + 3600
    desk.incident(Incident("1", "incident", {"severity": "page", "instance": "a"}, now), "webhook", now)
    rig.at(now - START_S)
    rig.turn()
    assert rig.watch("disk@made").pending == {}
    assert rig.daemon is not None
    assert [(o.warning_id, o.truth) for o in rig.daemon.store.outcomes()] == [(one, "incident")]


def test_an_action_is_taken_up_and_again_after_a_restart(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, one = warned
    at = rig.clock.now
    desk.acted(one, "deleted logs", "ann", at, at)
    rig.at(at - START_S + 300)
    rig.turn()
    assert rig.watch("disk@made").pending[one].acts == ((int(at), 3600.0),)
    rig.stop()
    rig.start()
    rig.at(at - START_S + 600)
    rig.turn()
    assert rig.watch("disk@made").pending[one].acts == ((int(at), 3600.0),)


def test_what_is_said_twice_is_heard_once(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, one = warned
    at = rig.clock.now
    for _ in range(2):
        desk.acted(one, "deleted logs", "ann", at, at)
    for look in (1, 2):
        rig.at(at - START_S + 300 * look)
        rig.turn()
    assert rig.watch("disk@made").pending[one].acts == ((int(at), 3600.0),)


def test_a_replay_hears_nothing(warned: tuple[Rig, Desk, str], tmp_path: Path) -> None:
    rig, desk, one = warned
    desk.acted(one, "deleted logs", "ann", rig.clock.now, rig.clock.now)
    assert rig.daemon is not None
    rig.daemon.rooms.marks_turns = False
    turn(rig.watch("disk@made"), int(rig.clock.now) + 300, rig.daemon.rooms)
    assert rig.watch("disk@made").pending[one].acts == ()
    keep.save(rig.watch("disk@made"), tmp_path)


def test_a_move_on_the_ladder_is_heard_in_the_next_turn(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, one = warned
    move = Move("promoted", "shadow", "ticket", rig.clock.now, "ann", "", {})
    assert keep_move(desk._store, "disk", [], move)
    rig.at(rig.clock.now - START_S + 300)
    rig.turn()
    watch = rig.watch("disk@made")
    assert (watch.stage, [w.stage for w in watch.open.values()]) == ("ticket", ["ticket"])
    assert one in [w.id for w in watch.open.values()]
