"""A running watch hears what was said beside it: verdicts, actions, incidents; also after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aiops.config.shipped import runbooks_dir
from aiops.core.records import GONE
from aiops.models.card import ModelCard
from aiops.outcomes.incidents import Incident
from aiops.outcomes.ladder import Move
from aiops.pipeline import keep, turn
from aiops.pipeline.desk import Desk
from aiops.pipeline.hear import verified_within
from aiops.pipeline.stages import keep as keep_move
from aiops.runbooks import load_runbooks
from aiops.runbooks.schema import Verify
from aiops.store import Statement, Store
from aiops.store.about import messages_about
from tests.daemon.rig import START_S, Rig, card, falling
from tests.store.samples import outcome

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


def test_that_it_was_foreseen_anew_is_known_after_a_restart(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, one = warned
    at = rig.clock.now
    desk.acted(one, "deleted logs", "ann", at, at)
    assert rig.daemon is not None
    first = rig.daemon.store.warning(one)
    assert first is not None
    ended = first.having(state="closed", closed_s=int(at) + 60, closed_why=GONE)
    with rig.daemon.store.transaction() as tx:
        tx.put_warning(ended)
        tx.put_warning(first.having(id="later", opened_s=int(at) + 120))
    rig.stop()
    rig.start()
    rig.at(at - START_S + 300)
    rig.turn()
    pending = rig.watch("disk@made").pending
    assert (pending[one].again, pending["later"].again) == (True, False)


def test_a_person_who_judges_anew_what_is_open_is_heard(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, one = warned
    assert rig.daemon is not None
    watch, store = rig.watch("disk@made"), rig.daemon.store
    for word, later in (("false", 300), ("hit", 600)):
        desk.verdict(one, word, "ann", rig.clock.now)  # type: ignore[arg-type]
        rig.at(8 * 3600 + 3600 + later)
        rig.turn()
        assert [w.verdict for w in watch.open.values()] == [word]
        assert [w.verdict for w in store.open_warnings()] == [word]


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


def test_how_soon_a_doing_must_show_is_what_the_runbook_says_that_did_it_or_fits(warned: tuple[Rig, Desk, str]) -> None:
    rig, _, one = warned
    assert rig.daemon is not None
    found = rig.daemon.store.warning(one)
    assert found is not None
    some = load_runbooks([runbooks_dir()])[:2]
    spans = dict(zip((book.name for book in some), (900.0, 7200.0), strict=True))
    books = [book.model_copy(update={"verify": Verify.model_construct(within=spans[book.name], all=[])}) for book in some]
    quick, slow = spans
    fits = found.having(runbooks=({"name": quick}, {"name": slow}))
    person = Statement("action", "disk", "k", one, 0.0, "ann", {"at_s": 0})
    runbook = Statement("action", "disk", "k", one, 0.0, f"{quick}@1f", {"at_s": 0, "response": "r"})
    assert verified_within(person, fits, books) == 7200.0
    assert verified_within(runbook, fits, books) == 900.0
    assert verified_within(person, found.having(runbooks=()), books) == 3600.0


def test_what_says_itself_how_soon_it_must_show_is_believed(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, one = warned
    at = rig.clock.now
    desk.acted(one, "deleted logs", "ann", at, at, within_s=900.0)
    rig.at(at - START_S + 300)
    rig.turn()
    assert rig.watch("disk@made").pending[one].acts == ((int(at), 900.0),)


def test_a_replay_of_the_past_is_taken_up_by_the_record(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, _ = warned
    assert rig.daemon is not None
    assert rig.daemon.rooms.record_of("disk")["text"] == "new, unproven"
    desk.replayed([outcome(k, "hit", card="disk") for k in range(3)], "ann", rig.clock.now)
    rig.at(rig.clock.now - START_S + 300)
    rig.turn()
    assert rig.daemon.rooms.record_of("disk")["text"] == "new, unproven; in a replay of the past 3 of 3"


def test_a_move_on_the_ladder_is_heard_in_the_next_turn(warned: tuple[Rig, Desk, str]) -> None:
    rig, desk, one = warned
    move = Move("promoted", "shadow", "ticket", rig.clock.now, "ann", "", {})
    assert keep_move(desk._store, "disk", [], move)
    rig.at(rig.clock.now - START_S + 300)
    rig.turn()
    watch = rig.watch("disk@made")
    assert (watch.stage, [w.stage for w in watch.open.values()]) == ("ticket", ["ticket"])
    assert one in [w.id for w in watch.open.values()]


TOLD = {
    "receivers": {"hook": {"kind": "webhook", "url": "http://127.0.0.1:9/"}}, "routes": [{"receiver": "hook"}],
    "stages": {"disk": "ticket"},
}  # fmt: skip


def events(rig: Rig, one: str) -> list[str]:
    """What the outbox holds for the receiver about a warning, without renewals."""
    assert rig.daemon is not None
    return [message.event for message in messages_about(rig.daemon.store, one)]


def on(rig: Rig, turns: int, after_s: float = 300.0) -> None:
    for _ in range(turns):
        rig.at(rig.clock.now - START_S + after_s)
        rig.turn()


def withdrawn(rig: Rig) -> str:
    """The id of a warning that was told, and has ended without a verdict."""
    rig.more = TOLD
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    daemon = rig.start(card())
    rig.until_warned()
    one = daemon.store.open_warnings()[0].id
    turned = float(rig.clock.now)
    rig.world.add("free", {"instance": "a"}, lambda t: falling(0.001)(t) + np.where(t > turned, 0.3, 0.0))
    for _ in range(40):
        on(rig, 1)
        if not daemon.store.open_warnings():
            break
    found = daemon.store.warning(one)
    assert found is not None
    assert (found.state, found.verdict) == ("closed", None)
    return one


def test_who_was_told_of_a_warning_is_told_what_became_of_it(rig: Rig) -> None:
    one = withdrawn(rig)
    assert events(rig, one) == ["opened", "closed"]
    on(rig, 4)
    assert events(rig, one) == ["opened", "closed", "judged"]
    assert rig.daemon is not None
    assert [o.verdict for o in rig.daemon.store.outcomes()] == ["false"]


def test_a_persons_word_ends_the_thread_and_a_restart_tells_nothing_twice(rig: Rig) -> None:
    one = withdrawn(rig)
    desk = Desk(Store.beside("", rig.data_dir), [])
    desk.verdict(one, "unjudgeable", "ann", rig.clock.now)
    on(rig, 1)
    assert events(rig, one) == ["opened", "closed", "judged"]
    rig.stop()
    rig.start()
    on(rig, 3)
    assert events(rig, one) == ["opened", "closed", "judged"]
    desk.verdict(one, "false", "ann", rig.clock.now)
    on(rig, 2)
    assert events(rig, one) == ["opened", "closed", "judged", "judged"]
    desk._store.close()
