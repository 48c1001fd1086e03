"""What people and other systems say: it supersedes, names what it supersedes, is kept once, and stands in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from aiops.models.card import ModelCard
from aiops.outcomes.incidents import Incident
from aiops.pipeline.desk import Desk, Unsaid
from aiops.store import Statement, Store, tables
from tests.daemon.rig import card
from tests.outcomes.made import warning, withdrawn
from tests.store.samples import outcome

CARD = ModelCard.model_validate(card("disk_full", truth={"incidents": ['severity="page"']}))


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def desk(store: Store, *warnings: Any, outcomes: Any = ()) -> Desk:
    with store.transaction() as tx:
        for one in warnings:
            tx.put_warning(one)
        for one in outcomes:
            tx.put_outcome(one)
    return Desk(store, [CARD])


def judged(verdict: str, **more: Any) -> Any:
    settled = more.get("failed_s") or 20_000  # never before it failed
    fields = {"warning_id": "w", "entity": {"instance": "a"}, "failed_s": None, "lead_s": None, "settled_s": settled, **more}
    return outcome(1, verdict, **fields)


def ledger(store: Store) -> list[Any]:
    with store._reader.connect() as connection:
        t = tables.ledger
        return list(connection.execute(sa.select(t.c.actor, t.c.action, t.c.object, t.c.detail).order_by(t.c.seq)))[1:]


def incident(at: int = 30_000, number: str = "1", **labels: str) -> Incident:
    return Incident(number, "incident", {"severity": "page", "instance": "a", **labels}, at)


def test_a_person_supersedes_the_daemon_and_the_ledger_names_what_was_superseded(store: Store) -> None:
    one = desk(store, withdrawn(15_000), outcomes=[judged("false")])
    one.verdict("w", "hit", "ann", 40_000, 28_000, "the shop was down")
    current = store.outcome_of("w")
    assert current is not None
    assert (current.verdict, current.judged_by, current.failed_s) == ("hit", "ann", 28_000)
    said, settled = ledger(store)
    assert (said.actor, said.action, said.object) == ("ann", "said.verdict", "w")
    assert settled.detail["supersedes"] == {"verdict": "false", "settled_s": 20_000, "judged_by": "daemon"}
    with store.transaction() as tx:
        assert not tx.put_outcome(judged("false", settled_s=50_000)), "the daemon never takes a person's place"
    again = store.warning("w")
    assert again is not None
    assert again.verdict == "hit"


def test_a_later_person_supersedes_an_earlier_one(store: Store) -> None:
    one = desk(store, warning())
    one.verdict("w", "hit", "ann", 40_000)
    one.verdict("w", "false", "bob", 41_000)
    assert [o.verdict for o in store.outcomes()] == ["false"]


def test_a_failure_that_counted_as_missed_is_the_warnings_own_when_a_person_says_so(store: Store) -> None:
    missed = judged("missed", warning_id="", failed_s=28_000)
    one = desk(store, withdrawn(15_000), outcomes=[missed])
    one.verdict("w", "hit", "ann", 40_000, 28_000)
    assert [o.verdict for o in store.outcomes()] == ["hit"]


@pytest.mark.parametrize(
    ("said", "why"),
    [(("x", "hit", "ann"), "no warning x"), (("w", "hit", " "), "who: 1 to 100"), (("w", "averted", "ann"), "record that first")],
)
def test_what_cannot_be_taken_says_why_and_leaves_nothing(store: Store, said: Any, why: str) -> None:
    one = desk(store, warning())
    with pytest.raises(Unsaid, match=why):
        one.verdict(*said, 40_000)
    assert (store.statements(), ledger(store)) == ([], [])


def test_a_warning_that_lists_others_has_no_verdict(store: Store) -> None:
    one = desk(store, warning(members=({"id": "x"},)))
    with pytest.raises(Unsaid, match="it lists others"):
        one.verdict("w", "hit", "ann", 40_000)


def test_an_action_is_kept_with_who_what_and_when_and_allows_averted(store: Store) -> None:
    one = desk(store, warning())
    one.acted("w", "deleted old logs", "ann", 15_000, 16_000)
    (said,) = store.statements(kind="action")
    assert (said.warning_id, said.who, said.said_s) == ("w", "ann", 16_000)
    assert said.body == {"what": "deleted old logs", "at_s": 15_000}
    assert one.verdict("w", "averted", "ann", 40_000).acted


@pytest.mark.parametrize("at", [9_999, 16_001])
def test_an_action_lies_between_the_opening_and_now(store: Store, at: int) -> None:
    with pytest.raises(Unsaid, match="after it opened and not in the future"):
        desk(store, warning()).acted("w", "x", "ann", at, 16_000)


@pytest.mark.parametrize(("at", "verdict"), [(14_000, "hit"), (16_000, "missed")])
def test_what_was_done_after_the_withdrawal_makes_no_hit_of_it(store: Store, at: int, verdict: str) -> None:
    one = desk(store, withdrawn(15_000), outcomes=[judged("false")])
    one.acted("w", "deleted old logs", "ann", at, 16_000)
    assert [o.verdict for o in one.incident(incident(), "webhook", 31_000)] == [verdict]


def test_a_step_that_was_begun_before_the_withdrawal_may_have_averted_it(store: Store) -> None:
    one = desk(store, withdrawn(15_000), outcomes=[judged("false")])
    body = {"what": "clean: delete", "at_s": 15_300.0, "begun_s": 14_900.0, "response": "r"}
    with store.transaction() as tx:
        tx.put_statement(Statement("action", "disk_full", "r:0", "w", 15_300.0, "clean@1f", body))
    assert [o.verdict for o in one.incident(incident(), "webhook", 31_000)] == ["hit"], "it was waited for to the horizon's end"


def test_what_was_done_after_the_withdrawal_is_no_ground_for_averted(store: Store) -> None:
    one = desk(store, withdrawn(15_000), outcomes=[judged("false")])
    assert one.acted("w", "deleted old logs", "ann", 16_000, 16_000).body["too_late"]
    with pytest.raises(Unsaid, match="while it stood"):
        one.verdict("w", "averted", "ann", 40_000)


def test_a_person_who_says_when_means_the_missed_failure_that_is_nearest(store: Store) -> None:
    missed = [judged("missed", warning_id="", failed_s=at, truth="crossing") for at in (26_000, 28_100, 28_900, 40_000)]
    one = desk(store, withdrawn(15_000), outcomes=missed)
    one.verdict("w", "hit", "ann", 41_000, 28_000)
    assert sorted((o.verdict, o.failed_s) for o in store.outcomes()) == [
        ("hit", 28_000), ("missed", 26_000), ("missed", 28_900), ("missed", 40_000),
    ]  # fmt: skip
    assert ledger(store)[-1].detail["missed_before"] == {"entity": {"instance": "a"}, "failed_s": 28_100}


def test_a_failure_counts_as_missed_again_when_a_person_takes_back_that_it_was_foretold(store: Store) -> None:
    missed = [judged("missed", warning_id="", failed_s=at, truth="crossing") for at in (28_100, 34_000)]
    one = desk(store, withdrawn(15_000), outcomes=missed)

    def stands() -> list[tuple[str, int | None]]:
        return sorted((o.verdict, o.failed_s) for o in store.outcomes())

    one.verdict("w", "hit", "ann", 41_000, 28_000)
    one.verdict("w", "late", "ann", 41_100)
    assert stands() == [("late", 28_000), ("missed", 34_000)], "still the same failure"
    one.verdict("w", "hit", "bob", 41_200, 34_500)
    assert stands() == [("hit", 34_500), ("missed", 28_100)]
    one.verdict("w", "false", "ann", 41_300)
    assert sorted(o.verdict for o in store.outcomes()) == ["false", "missed", "missed"]
    one.verdict("w", "unjudgeable", "ann", 41_400)
    assert sorted(o.verdict for o in store.outcomes()) == ["missed", "missed", "unjudgeable"]
    assert ledger(store)[-3].detail["missed_again"]["failed_s"] == 34_000
    assert store.verify_ledger().ok


@pytest.mark.parametrize(("word", "wanted"), [("hit", 28_000), ("late", 28_000), ("false", None)])
def test_a_person_who_does_not_say_when_means_what_is_known(store: Store, word: Any, wanted: int | None) -> None:
    one = desk(store, warning(), outcomes=[judged("late", failed_s=28_000, lead_s=18_000.0)])
    found = one.verdict("w", word, "ann", 40_000)
    assert (found.failed_s, found.lead_s) == (wanted, wanted and 18_000.0)


@pytest.mark.parametrize(("since", "wanted"), [(None, ["missed"]), (30_000, ["missed"]), (30_001, [])])
def test_an_incident_from_before_a_card_was_watched_is_not_missed(store: Store, since: int | None, wanted: list[str]) -> None:
    for now in () if since is None else (since, since + 600):
        with store.transaction() as tx:
            tx.put_turn("disk_full", "prod", now)
    assert [o.verdict for o in desk(store).incident(incident(), "webhook", 31_000)] == wanted


def test_an_incident_settles_the_warning_of_the_card_that_claims_it(store: Store) -> None:
    one = desk(store, warning(), warning(id="other", fingerprint="g", entity={"instance": "b"}, labels={"instance": "b"}))
    (found,) = one.incident(incident(), "webhook", 31_000)
    assert (found.warning_id, found.verdict, found.truth, found.failed_s) == ("w", "hit", "incident", 30_000)
    assert one.incident(incident(), "webhook", 32_000) == [], "told again it changes nothing"
    (said,) = (s for s in store.statements(kind="incident") if "cards" in s.body)
    assert (said.who, said.body["cards"]) == ("webhook", ["disk_full"])


def test_an_incident_that_comes_late_settles_anew_what_was_false(store: Store) -> None:
    one = desk(store, warning(), outcomes=[judged("false", settled_s=121_000)])
    one.incident(incident(), "webhook", 200_000)
    assert [o.verdict for o in store.outcomes()] == ["hit"]


def test_after_thirty_days_nothing_is_settled_anew(store: Store) -> None:
    one = desk(store, warning(), outcomes=[judged("false")])
    assert one.incident(incident(), "webhook", 110_000 + 30 * 86400 + 1) == []
    assert [o.verdict for o in store.outcomes()] == ["false"]


def test_an_incident_nobody_warned_of_is_missed(store: Store) -> None:
    (found,) = desk(store).incident(incident(), "webhook", 31_000)
    assert (found.verdict, found.entity, found.truth) == ("missed", {"instance": "a"}, "incident")


@pytest.mark.parametrize("known", ["hit", "missed"])
def test_one_failure_told_by_two_truths_is_one(store: Store, known: str) -> None:
    who = "w" if known == "hit" else ""
    one = desk(store, warning(), outcomes=[judged(known, warning_id=who, failed_s=29_000, truth="crossing")])
    assert one.incident(incident(), "webhook", 31_000) == []
    assert [o.verdict for o in one.incident(incident(40_000, "2"), "webhook", 41_000)] == ([] if known == "hit" else ["hit"])


def test_a_person_is_not_superseded_by_an_incident(store: Store) -> None:
    one = desk(store, warning())
    one.verdict("w", "false", "ann", 20_000)
    assert one.incident(incident(), "webhook", 31_000) == [], "a judged warning stood there"
    assert [o.verdict for o in store.outcomes()] == ["false"]


def test_an_incident_no_card_claims_is_kept_and_settles_nothing(store: Store) -> None:
    assert desk(store, warning()).incident(Incident("1", "incident", {"severity": "info"}, 30_000), "webhook", 31_000) == []
    assert [s.body["cards"] for s in store.statements()] == [[]]


def test_whatever_an_incident_is_called_it_is_kept_once(store: Store) -> None:
    for name in ("\ud800", "\ud800", "\0", "é"):
        desk(store).incident(incident(number=name), "webhook", 31_000)
    assert [s.body["id"] for s in store.statements(kind="incident") if "id" in s.body] == ["\ud800", "\0", "é"]


def test_missed_is_missed_once(store: Store) -> None:
    one = desk(store)
    one.incident(incident(), "webhook", 31_000)
    one.incident(incident(number="2"), "webhook", 31_000)
    assert len(store.outcomes()) == 1


def past(store: Store, *outcomes: Any) -> dict[str, int]:
    return Desk(store, [CARD]).replayed(outcomes, "ann", 50_000)


def test_what_a_replay_found_is_kept_apart_from_what_was_lived(store: Store) -> None:
    desk(store, withdrawn(15_000), outcomes=[judged("false")])
    assert past(store, judged("hit", failed_s=12_000), outcome(3, "missed", warning_id="", opened_s=None)) == {"disk_full": 2}
    assert [(o.verdict, o.origin) for o in store.outcomes()] == [("false", "")]
    found = {(o.verdict, o.origin) for o in store.outcomes(replayed=True)}
    assert found == {("false", ""), ("hit", "replay"), ("missed", "replay")}
    (lived,) = (o for o in [store.outcome_of("w")] if o is not None)
    assert (lived.verdict, lived.origin) == ("false", "")
    known = store.warning("w")
    assert known is not None
    assert known.verdict == "false"
    assert store.counts()["outcomes.false"] == 1
    assert "outcomes.hit" not in store.counts()


def test_a_replay_stands_in_the_ledger_and_the_same_one_changes_nothing(store: Store) -> None:
    for kept in ({"disk_full": 1}, {}):
        assert past(store, judged("hit", failed_s=12_000)) == kept
    (row,) = ledger(store)
    assert (row.actor, row.action, row.object, row.detail["verdicts"]) == ("ann", "said.replay", "disk_full", {"hit": 1})
    assert store.verify_ledger().ok


def test_a_later_replay_of_a_card_takes_the_place_of_the_earlier_one(store: Store) -> None:
    past(store, *(judged("hit", warning_id=f"w{n}", failed_s=12_000) for n in range(5)))
    past(store, judged("false"), judged("hit", warning_id="w1", failed_s=12_000))
    assert sorted(o.verdict for o in store.outcomes(replayed=True)) == ["false", "hit"]


@pytest.mark.parametrize(
    ("more", "why"), [({"card": "cpu"}, "no card cpu; there are disk_full"), ({"settled_s": 50_001}, "in the future")]
)
def test_a_replay_of_an_unknown_card_or_of_the_future_is_refused_whole(store: Store, more: dict[str, Any], why: str) -> None:
    with pytest.raises(Unsaid, match=why):
        past(store, judged("hit", failed_s=12_000), judged("false", warning_id="x", **more))
    assert (store.outcomes(replayed=True), ledger(store)) == ([], [])
