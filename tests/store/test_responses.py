"""Decisions about responses: all of one or nothing, by whom it was read as it stands, and by the holder of the lease."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from aiops.store import Statement, Store, responses
from aiops.store.response_rows import Charge, Decision, Message, Question, Run, StepChange, StepRow
from aiops.store.responses import Responses
from tests.store.samples import warning

NOW = 1_750_000_200.0
RUN = Run("r1", "k1", "mend", "4f2c", "t1", "w1", "disk", "auto", "matched", NOW, NOW, NOW + 600, {}, {})
STEP = StepRow(0, "fix", "once", "idem")
MESSAGE = Message("pager", "r1", "r1:x", {"title": "x"})
SAID = Statement("action", "disk", "r1:0", "w1", NOW, "mend@4f2c", {})
QUESTION = Question(0, -1, "hash", NOW, NOW + 60, 1)
CHARGE = Charge("r1", "mend", "t1", "instance", NOW, 60.0)


@pytest.fixture
def runs(tmp_path: Path, url: str) -> Iterator[Responses]:
    store = Store.open(url, tmp_path)
    one = Responses(store)
    assert one.take_lease("a", 15.0, NOW) == 1
    assert one.begin(RUN, [STEP], (), 1, NOW)
    yield one
    store.close()


def everything(runs: Responses) -> dict[str, list[Any]]:
    names = ("responses", "steps", "approvals", "charges", "outbox", "ledger", "statements")
    with runs.store._read() as c:
        return {name: c.exec_driver_sql(f"SELECT * FROM {name}").fetchall() for name in names}


def whole(run: Run = RUN, **changes: Any) -> Decision:
    """A decision that writes everywhere."""
    step = StepChange(STEP, replace(STEP, state="INTENT", epoch=1, attempt=1))
    fields: dict[str, Any] = {"steps": (step,), "ask": QUESTION, "messages": (MESSAGE,), "said": (SAID,)}
    return Decision(run, "running", "why", **{**fields, **changes})


def test_what_the_last_response_of_a_runbook_came_to_is_known(runs: Responses) -> None:
    assert runs.last_ends() == {}
    mend = [("mend", "undone", 1), ("mend", "succeeded", 2), ("mend", "blocked", 3)]
    move = [("move", "succeeded", 1), ("move", "undone", 1)]
    for number, (runbook, state, after) in enumerate(mend + move):
        run = replace(RUN, id=f"e{number}", key=f"e{number}", runbook=runbook, state=state, changed_s=NOW + after)
        assert runs.begin(run, [], (), 1, NOW)
    assert runs.last_ends() == {"mend": "succeeded", "move": "undone"}
    assert runs.last_ends("move", "other") == {"move": "undone"}


def test_a_decision_is_kept_whole(runs: Responses) -> None:
    before = everything(runs)
    assert runs.decide(whole(), 1, NOW)
    after = everything(runs)
    grown = {name: len(after[name]) - len(before[name]) for name in after}
    assert grown == {"responses": 0, "steps": 0, "approvals": 1, "charges": 0, "outbox": 1, "ledger": 1, "statements": 1}
    found = runs.run("r1")
    assert found is not None
    assert (found.state, found.version, found.body["why"]) == ("running", 1, "why")


STALE = StepRow(0, "fix", "once", "idem", epoch=7)


@pytest.mark.parametrize(
    ("decision", "epoch"),
    [
        (whole(replace(RUN, version=3)), 1),
        (whole(replace(RUN, state="guarded")), 1),
        (whole(replace(RUN, id="other")), 1),
        (whole(steps=(StepChange(STALE, STALE),)), 1),
        (whole(steps=(StepChange(replace(STEP, state="INTENT"), STEP),)), 1),
        (whole(steps=(StepChange(replace(STEP, attempt=2), STEP),)), 1),
        (whole(ask=None, question=(QUESTION, QUESTION)), 1),
        (whole(), 2),
        (whole(), 0),
    ],
)
def test_of_what_no_longer_stands_as_it_was_read_nothing_is_kept(runs: Responses, decision: Decision, epoch: int) -> None:
    before = everything(runs)
    assert not runs.decide(decision, epoch, NOW)
    assert everything(runs) == before


def test_who_lost_the_lease_decides_nothing(runs: Responses) -> None:
    assert runs.take_lease("b", 15.0, NOW + 20, at_once=True) == 2
    before = everything(runs)
    assert not runs.decide(whole(), 1, NOW + 20)
    assert not runs.begin(replace(RUN, id="r2", key="k2"), [], (), 1, NOW + 20)
    assert not runs.charge(CHARGE, 0.0, lambda found: whole(), 1, NOW + 20)
    assert everything(runs) == before
    assert runs.decide(whole(), 2, NOW + 20)


def test_a_person_needs_no_lease(runs: Responses) -> None:
    assert runs.decide(whole(), None, NOW, "ann")
    assert runs.store.last_recorded("response.running") is not None


def test_while_the_switch_is_on_no_step_begins(runs: Responses) -> None:
    runs.switch(True, "ann", "drill", NOW)
    assert not runs.decide(whole(unless_killed=True), 1, NOW)
    assert runs.killed() == {"who": "ann", "why": "drill", "at_s": NOW}
    runs.switch(False, "ann", "over", NOW)
    assert runs.decide(whole(unless_killed=True), 1, NOW)


def test_there_is_one_response_for_a_key_whoever_is_quicker(runs: Responses) -> None:
    began = list[bool]()

    def begins(n: int) -> None:
        began.append(runs.begin(replace(RUN, id=f"x{n}", key="same"), [], (MESSAGE,), 1, NOW))

    threads = [threading.Thread(target=begins, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(began) == [False] * 15 + [True]
    assert runs.known(["same", "k1", "none"]) == {"same", "k1"}


def test_limits_are_judged_and_charged_in_one_transaction(runs: Responses) -> None:
    for n in range(2, 10):
        runs.begin(replace(RUN, id=f"r{n}", key=f"k{n}"), [], (), 1, NOW)

    def claims(n: int) -> None:
        run = replace(RUN, id=f"r{n}", key=f"k{n}")

        def judge(found: Any) -> Decision:
            return Decision(run, "guarded" if len(found) < 3 else "blocked", "")

        runs.charge(replace(CHARGE, run_id=run.id), 0.0, judge, 1, NOW)

    threads = [threading.Thread(target=claims, args=(n,)) for n in range(1, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(runs.charges()), runs.counts()) == (3, {"guarded": 3, "blocked": 6})


def test_without_a_decision_nothing_is_charged(runs: Responses) -> None:
    before = everything(runs)
    assert not runs.charge(CHARGE, 0.0, lambda found: None, 1, NOW)
    assert everything(runs) == before


@pytest.mark.parametrize(
    ("state", "good", "waived"), [("succeeded", True, False), ("target_gone", False, True), ("undone", False, False)]
)
def test_how_it_ended_stands_with_what_it_counts_for(runs: Responses, state: str, good: bool, waived: bool) -> None:
    runs.charge(CHARGE, 0.0, lambda found: Decision(RUN, "guarded", ""), 1, NOW)
    run = runs.run("r1")
    assert run is not None
    assert runs.decide(Decision(run, state, ""), 1, NOW + 9)
    (charge,) = runs.charges()
    assert (charge.ended_s, charge.good, charge.waived) == (NOW + 9, good, waived)


def test_a_symptom_that_comes_back_within_the_cooldown_is_remembered(runs: Responses) -> None:
    runs.charge(CHARGE, 0.0, lambda found: Decision(RUN, "guarded", ""), 1, NOW)
    again = replace(RUN, id="r2", key="k2")
    runs.begin(again, [], (), 1, NOW + 30)
    runs.charge(replace(CHARGE, run_id="r2", at_s=NOW + 30), 0.0, lambda found: Decision(again, "blocked", ""), 1, NOW + 30)
    assert [(c.run_id, c.back) for c in runs.charges()] == [("r1", True)]


def test_an_answer_counts_only_while_the_question_stands(runs: Responses) -> None:
    asks = Decision(RUN, "awaiting_approval", "", ask=QUESTION)
    assert not runs.vote(RUN, QUESTION, replace(QUESTION, state="approved"), NOW, "ann", {})
    runs.decide(asks, 1, NOW)
    yes = replace(QUESTION, state="approved", votes=("ann",))
    assert runs.vote(RUN, QUESTION, yes, NOW, "ann", {})
    assert not runs.vote(RUN, QUESTION, replace(QUESTION, state="denied", votes=("bob",)), NOW, "bob", {})
    assert runs.questions("r1") == [replace(yes, version=1)]


def test_what_ended_long_ago_is_deleted_whole_and_its_ledger_rows_stay(runs: Responses) -> None:
    runs.charge(CHARGE, 0.0, lambda found: Decision(RUN, "guarded", ""), 1, NOW)
    run = runs.run("r1")
    assert run is not None
    runs.decide(Decision(run, "succeeded", "", ask=QUESTION), 1, NOW)
    runs.begin(replace(RUN, id="r2", key="k2"), [], (), 1, NOW)
    rows = len(everything(runs)["ledger"])
    assert (runs.prune(NOW, NOW), runs.prune(NOW + 1, NOW + 1), [r.id for r in runs.newest()]) == (0, 1, ["r2"])
    after = everything(runs)
    assert [len(after[name]) for name in ("steps", "approvals", "charges", "ledger")] == [0, 0, 0, rows]


def test_while_its_warning_is_open_a_response_stays_lest_it_is_begun_anew(runs: Responses) -> None:
    with runs.store.transaction() as tx:
        tx.put_warning(warning(7, id="w1"))
    assert runs.decide(Decision(RUN, "succeeded", ""), 1, NOW)
    assert (runs.prune(NOW + 1, NOW + 1), runs.known([RUN.key])) == (0, {RUN.key})
    with runs.store.transaction() as tx:
        tx.put_warning(warning(7, id="w1", state="closed", closed_s=int(NOW)))
    assert (runs.prune(NOW + 1, NOW + 1), runs.known([RUN.key])) == (1, set())


def test_what_limits_still_count_outlives_its_response(runs: Responses) -> None:
    runs.charge(CHARGE, 0.0, lambda found: Decision(RUN, "guarded", ""), 1, NOW)
    run = runs.run("r1")
    assert run is not None
    runs.decide(Decision(run, "undone", ""), 1, NOW)
    assert (runs.prune(NOW + 1, NOW - 1), [charge.run_id for charge in runs.charges()]) == (1, ["r1"])
    assert (runs.prune(NOW + 1, NOW + 1), runs.charges()) == (0, [])


def test_lists_are_newest_first_and_by_what_is_asked(runs: Responses) -> None:
    runs.begin(replace(RUN, id="r2", key="k2", state="blocked", made_s=NOW + 1, warning_id="w2"), [], (), 1, NOW)
    assert [r.id for r in runs.newest()] == ["r2", "r1"]
    assert [r.id for r in runs.newest(1)] == ["r2"]
    assert [r.id for r in runs.newest(state="matched")] == [r.id for r in runs.newest(warning_id="w1")] == ["r1"]
    assert [r.id for r in runs.active()] == ["r1"]
    assert runs.run("r") is None, "more than one begins so"


def test_on_postgresql_the_lease_stays_locked_until_the_transaction_has_ended() -> None:
    """With a plain EXISTS somebody could take it, and commit, while an old holder's transaction is still open."""
    asked = sa.select(responses._leads(1)).compile(dialect=postgresql.dialect())
    assert "FOR SHARE" in str(asked)


def test_when_the_switch_was_turned_and_why_is_known_from_the_ledger(runs: Responses) -> None:
    assert runs.switched() == []
    for i, (on, who, why) in enumerate([(True, "ann", "drill"), (False, "ann", ""), (True, "bob", "again")]):
        runs.switch(on, who, why, 100.0 * i)
    assert runs.switched() == [(0.0, "ann: drill"), (100.0, ""), (200.0, "bob: again")]
