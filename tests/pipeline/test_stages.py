"""The ladder in the store: every move with its figures and its ledger row, one at a time, taken up again at a start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aiops.core.records import Stage
from aiops.models.card import ModelCard
from aiops.pipeline import stages
from aiops.pipeline.stages import NotMoved, demote, enter, keep, moves_of, promote, review, why_not
from aiops.store import Store
from tests.daemon.rig import card
from tests.store.samples import outcome

DAY = 86400
NOW = 1000 * DAY
CARD = ModelCard.model_validate(card("disk_full", promote_when={"settled": 5, "precision_at_least": 0.5, "median_lead": "1m"}))


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def came(store: Store, *words: str, until: int = NOW) -> None:
    """Verdicts, a day apart, up to a day before `until`."""
    with store.transaction() as tx:
        for i, word in enumerate(words):
            at = until - DAY * (len(words) - i)
            more: dict[str, Any] = {"failed_s": at, "lead_s": 600.0} if word == "hit" else {"failed_s": None, "lead_s": None}
            tx.put_outcome(outcome(hash((until, i)) % 10**9, word, settled_s=at, opened_s=at - 600, **more))


def entered(store: Store, now: float = NOW, why: str = "", **declared: Stage) -> Stage:
    return enter(store, [CARD], declared, "config", why, now)["disk_full"]


def test_a_promotion_is_kept_with_who_why_and_figures_and_stands_in_the_ledger(store: Store) -> None:
    came(store, *["hit"] * 8)
    move = promote(store, CARD, "ann", "it is good", NOW)
    assert moves_of(store, "disk_full") == [move]
    row = store.last_recorded("stage.promoted")
    assert row is not None
    assert (row["who"], row["why"], row["after"], row["figures"]["settled"]) == ("ann", "it is good", "ticket", 8)
    assert store.verify_ledger().ok
    assert entered(store) == "ticket"


def test_without_the_record_it_stays_and_says_why(store: Store) -> None:
    came(store, "hit", "hit")
    with pytest.raises(NotMoved, match="disk_full stays at shadow:\nsettled incidents: 2, needs 5"):
        promote(store, CARD, "ann", "", NOW)
    assert (moves_of(store, "disk_full"), store.last_recorded("stage.promoted")) == ([], None)


def test_page_takes_seven_more_days_and_a_record(store: Store) -> None:
    came(store, *["hit"] * 8)
    promote(store, CARD, "ann", "", NOW)
    with pytest.raises(NotMoved, match="time since the last move"):
        promote(store, CARD, "ann", "", NOW + 6 * DAY)
    assert promote(store, CARD, "ann", "", NOW + 7 * DAY).after == "page"


@pytest.mark.parametrize("word", ["ticket", "page"])
def test_what_the_configuration_declares_is_ticket_at_most(store: Store, word: Stage) -> None:
    assert entered(store, why="ann: replay of june", disk_full=word) == "ticket"
    (move,) = moves_of(store, "disk_full")
    assert (move.kind, move.who, move.why) == ("declared", "config", "ann: replay of june")
    assert entered(store, why="ann: replay of june", disk_full=word) == "ticket"
    assert len(moves_of(store, "disk_full")) == 1


def test_what_a_cards_file_declares_counts_alike(store: Store) -> None:
    loud = CARD.model_copy(update={"stage": "page"})
    assert enter(store, [loud], {}, "config", "", NOW) == {"disk_full": "ticket"}
    assert moves_of(store, "disk_full")[0].who == "card disk_full"


def test_a_declaration_does_not_undo_a_breach_until_it_says_something_new(store: Store) -> None:
    entered(store, disk_full="ticket")
    came(store, *["false"] * 5, until=NOW + 6 * DAY)
    move = review(store, CARD, "shadow", NOW + 6 * DAY)
    assert move is not None
    assert (move.kind, move.after) == ("breach", "shadow")
    assert entered(store, NOW + 6 * DAY, disk_full="ticket") == "shadow"
    assert entered(store, NOW + 6 * DAY, "mended", disk_full="ticket") == "ticket"


def test_a_configured_shadow_holds_a_card_there(store: Store) -> None:
    entered(store, disk_full="ticket")
    assert entered(store, NOW + 1, disk_full="shadow") == "shadow"
    assert moves_of(store, "disk_full")[-1].kind == "demoted"


@pytest.mark.parametrize(("up_to", "wanted"), [("shadow", None), ("ticket", "ticket"), ("page", "ticket")])
def test_by_itself_a_card_goes_up_as_far_as_it_may(store: Store, up_to: Stage, wanted: str | None) -> None:
    came(store, *["hit"] * 8)
    move = review(store, CARD, up_to, NOW)
    assert (move and move.after, move and move.who) == (wanted, wanted and "rule")
    assert review(store, CARD, up_to, NOW + 1) is None


def test_a_person_takes_a_card_down_at_any_time(store: Store) -> None:
    entered(store, disk_full="ticket")
    assert demote(store, "disk_full", "shadow", "ann", "too loud", NOW + 1).after == "shadow"
    with pytest.raises(NotMoved, match="is not quieter"):
        demote(store, "disk_full", "shadow", "ann", "", NOW + 2)


def test_two_that_move_a_card_at_once_move_it_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    came(store, *["hit"] * 8)
    move = promote(store, CARD, "ann", "", NOW)
    assert keep(store, "disk_full", [], move) is False
    monkeypatch.setattr(stages, "moves_of", lambda *_: [])
    with pytest.raises(NotMoved, match="in the meantime"):
        promote(store, CARD, "bob", "", NOW)
    assert len(store.statements(kind="stage")) == 1


def test_a_challenger_never_gets_louder(store: Store) -> None:
    challenger = CARD.model_copy(update={"name": "disk_full~challenger", "stage": "page"})
    assert enter(store, [challenger], {"disk_full~challenger": "page"}, "config", "", NOW) == {}
    assert review(store, challenger, "page", NOW) is None
    with pytest.raises(NotMoved, match="challenger"):
        promote(store, challenger, "ann", "", NOW)


def test_why_not_says_where_it_stands_and_what_is_missing(store: Store) -> None:
    came(store, "hit", "hit", "false")
    stage, record, missing, moves = why_not(store, CARD, NOW)
    assert (stage, record.settled, record.came, moves) == ("shadow", 3, 2, [])
    assert [one.what for one in missing] == ["settled incidents", "precision"]
    plain = stages.as_json("disk_full", (stage, record, missing, moves))
    assert plain["missing"][0] == {"what": "settled incidents", "has": "3", "needs": "5", "at": missing[0].at_s}
