"""The ladder in the store: every move with its figures and its ledger row, one at a time, taken up again at a start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aiops.core.records import STAGES, Stage
from aiops.models.card import ModelCard
from aiops.pipeline import stages
from aiops.pipeline.desk import Desk
from aiops.pipeline.stages import NotMoved, demote, enter, held, keep, moves_of, promote, review, why_not
from aiops.store import Store
from tests.daemon.rig import card
from tests.store.samples import outcome

DAY = 86400
NOW = 1000 * DAY
WORDS = st.lists(st.sampled_from(["hit"] * 8 + ["false", "averted"]), min_size=4, max_size=10)
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


def test_what_the_configuration_holds_in_shadow_stays_there_whatever_its_record(store: Store) -> None:
    came(store, *["hit"] * 8)
    assert held({"disk_full": "shadow", "cpu": "ticket"}) == {"disk_full"}
    assert review(store, CARD, "page", NOW, held=True) is None
    with pytest.raises(NotMoved, match=r"stages of the configuration: shadow, needs .* \(not while it says so\)"):
        promote(store, CARD, "ann", "", NOW, held=True)
    assert store.statements(kind="stage") == []
    stage, _, missing, _ = why_not(store, CARD, NOW, held=True)
    assert (stage, [one.what for one in missing]) == ("shadow", ["stages of the configuration"])
    assert review(store, CARD, "page", NOW) is not None, "without it the rule takes it up"


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
    assert plain["missing"][0] == {"what": "settled incidents", "has": "3", "needs": "5", "at": missing[0].at_s, "only_if": ""}


def lent(name: str) -> ModelCard:
    return CARD.model_copy(update={"name": name})


def test_cards_of_the_same_models_help_a_young_one_to_ticket_and_that_is_kept(store: Store) -> None:
    came(store, *["hit"] * 3)
    with pytest.raises(NotMoved, match="settled incidents: 3, needs 5"):
        promote(store, CARD, "ann", "", NOW, [CARD, lent("inode_full")])
    with store.transaction() as tx:
        for n in range(6):
            tx.put_outcome(outcome(900 + n, "hit", card="inode_full", settled_s=NOW - n * DAY))
    assert why_not(store, CARD, NOW, [CARD, lent("inode_full")])[1].borrowed == 2
    move = promote(store, CARD, "ann", "", NOW, [CARD, lent("inode_full")])
    assert (move.after, move.figures["settled"], move.figures["borrowed"]) == ("ticket", 3, 2)


def test_the_budget_of_what_a_card_watches_takes_it_down(store: Store) -> None:
    entered(store, disk_full="ticket")
    came(store, "false", "false", until=NOW + 6 * DAY)
    assert review(store, CARD, "shadow", NOW + 6 * DAY, [CARD], 2.0) is None
    move = review(store, CARD, "shadow", NOW + 6 * DAY, [CARD], 1.5)
    assert move is not None
    assert (move.kind, move.after) == ("breach", "shadow")
    assert move.why.endswith("the budget of what it watches is 1.5")


class Everybody(RuleBasedStateMachine):
    """Whoever does whatever through the store: verdicts lived and replayed, configuration, people, the rule."""

    def __init__(self) -> None:
        super().__init__()
        self.store, self.now, self.number = Store.open("sqlite://", None), float(NOW), 0
        self.cards = [CARD, lent("inode_full")]

    def teardown(self) -> None:
        self.store.close()

    def made(self, word: str, at: float, card: str) -> Any:
        self.number += 1
        more: dict[str, Any] = {"failed_s": int(at), "lead_s": 600.0} if word == "hit" else {"failed_s": None, "lead_s": None}
        return outcome(self.number, word, card=card, settled_s=int(at), opened_s=int(at) - 600, **more)

    @rule(words=WORDS, card=st.sampled_from(["disk_full", "inode_full"]))
    def lives(self, words: list[str], card: str) -> None:
        with self.store.transaction() as tx:
            for word in words:
                self.now += DAY / 2
                tx.put_outcome(self.made(word, self.now, card))

    @rule(words=WORDS)
    def replays(self, words: list[str]) -> None:
        past = [self.made(word, self.now - n * DAY, "disk_full") for n, word in enumerate(words)]
        Desk(self.store, self.cards).replayed(past, "ann", self.now)

    @rule(days=st.integers(5, 12))
    def waits(self, days: int) -> None:
        self.now += days * DAY

    @rule(stage=st.sampled_from(["shadow", "ticket", "page"]), why=st.sampled_from("abc"))
    def restarts(self, stage: Stage, why: str) -> None:
        enter(self.store, self.cards, {"disk_full": stage}, "config", why, self.now)

    @rule()
    def promotes(self) -> None:
        with suppress(NotMoved):
            promote(self.store, CARD, "ann", "", self.now, self.cards)

    @rule(to=st.sampled_from(["shadow", "ticket"]))
    def demotes(self, to: Stage) -> None:
        with suppress(NotMoved):
            demote(self.store, "disk_full", to, "bob", "", self.now)

    @rule(up_to=st.sampled_from(["shadow", "ticket", "page"]), budget=st.none() | st.floats(0.1, 5.0))
    def reviews(self, up_to: Stage, budget: float | None) -> None:
        review(self.store, CARD, up_to, self.now, self.cards, budget)

    @invariant()
    def nothing_is_loud_without_its_record(self) -> None:
        moves, gate = moves_of(self.store, "disk_full"), stages.gate_of(CARD)
        for number, move in enumerate(moves):
            assert move.before == (moves[number - 1].after if number else "shadow")
            if STAGES.index(move.after) < STAGES.index(move.before):
                continue
            assert STAGES.index(move.after) == STAGES.index(move.before) + 1
            if move.kind == "declared":
                assert move.after == "ticket"
                continue
            found = move.figures
            assert found["settled"] + found["borrowed"] >= gate.settled
            assert found["low"] >= gate.precision_at_least
            assert not number or move.at_s >= moves[number - 1].at_s + 7 * DAY
            assert move.after == "ticket" or found["replayed"] == found["borrowed"] == 0
        assert not moves or moves[-1].after != "page" or moves[-1].kind == "promoted"


Everybody.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestEverybody = Everybody.TestCase
