"""The daemon and the ladder: what is declared is taken in once, a record that breaks is acted on at once, and both are told."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.core.errors import StoreError
from aiops.models.card import ModelCard
from aiops.pipeline.stages import moves_of, promote
from tests.daemon.rig import START_S, Rig, card, falling
from tests.store.samples import outcome

LATER = 8 * 86400


def false_ones(rig: Rig, count: int) -> None:
    assert rig.daemon is not None
    with rig.daemon.store.transaction() as tx:
        for n in range(count):
            at = int(rig.clock.now) - 3600 * (n + 1)
            tx.put_outcome(outcome(n, "false", card="disk", settled_s=at, opened_s=at - 600, failed_s=None, lead_s=None))


def test_a_declaration_is_taken_in_once_over_restarts(rig: Rig) -> None:
    rig.more = {"stages": {"disk": "page"}, "stages_why": "ann: replay of june"}
    for _ in range(2):
        daemon = rig.start(card())
        assert rig.watch("disk@made").stage == "ticket", "page takes the record"
        assert [(m.kind, m.why) for m in moves_of(daemon.store, "disk")] == [("declared", "ann: replay of june")]
        rig.stop()


def test_a_breach_takes_a_card_down_before_the_next_turn_ends(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.more = {"stages": {"disk": "ticket"}}
    daemon = rig.start(card())
    rig.until_warned()
    rig.at(LATER)
    false_ones(rig, 3)
    daemon.review(daemon.rooms.watches[0].card)
    rig.turn()
    (_, move) = moves_of(daemon.store, "disk")
    assert (move.kind, move.after, move.who) == ("breach", "shadow", "rule")
    assert rig.watch("disk@made").stage == daemon.rooms.stage_of(daemon.rooms.watches[0].card) == "shadow"
    assert "card breach" in capsys.readouterr().err


def test_a_verdict_is_followed_by_a_review(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.world.add("free", {"instance": "a"}, lambda t: 0.8 - 0.001 * (t - START_S) / 60)
    daemon = rig.start(card())
    seen: list[Any] = []
    monkeypatch.setattr(daemon, "review", lambda one: seen.append(one.name))
    for look in range(8 * 12, 13 * 12):
        rig.at(300 * look)
        rig.turn()
    assert [o.verdict for o in daemon.store.outcomes()] == ["hit"]
    assert seen == ["disk"]


def test_by_itself_a_card_goes_up_where_the_configuration_lets_it(rig: Rig) -> None:
    rig.more = {"promote_up_to": "ticket"}
    daemon = rig.start(card(promote_when={"settled": 3, "precision_at_least": 0.3}))
    with daemon.store.transaction() as tx:
        for n in range(4):
            at = int(rig.clock.now) - 86400 * n
            tx.put_outcome(outcome(n, "hit", card="disk", settled_s=at, opened_s=at - 600, failed_s=at, lead_s=600.0))
    daemon._review_all()
    rig.turn()
    assert rig.watch("disk@made").stage == "ticket"


def test_what_the_configuration_holds_in_shadow_gets_no_louder_by_the_rule_nor_by_another_process(rig: Rig) -> None:
    rig.more = {"promote_up_to": "page", "stages": {"disk": "shadow"}}
    held = card(promote_when={"settled": 3, "precision_at_least": 0.3})
    daemon = rig.start(held)
    with daemon.store.transaction() as tx:
        for n in range(4):
            at = int(rig.clock.now) - 86400 * n
            tx.put_outcome(outcome(n, "hit", card="disk", settled_s=at, opened_s=at - 600, failed_s=at, lead_s=600.0))
    daemon._review_all()
    assert moves_of(daemon.store, "disk") == []
    promote(daemon.store, ModelCard.model_validate(held), "ann", "no config at hand", rig.clock.now)
    rig.turn()
    assert rig.watch("disk@made").stage == "shadow"


def test_a_store_that_fails_moves_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = rig.start(card())

    def fails(*_: object, **__: object) -> None:
        raise StoreError("away")

    monkeypatch.setattr(daemon.store, "statements", fails)
    daemon.review(daemon.rooms.watches[0].card)
    assert daemon.board.store_errors == {"stages": "away"}
