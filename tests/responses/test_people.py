"""What people say: once, in time, by those who may, and of two at once one is heard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.responses.interface import Result
from aiops.responses.people import People, Unheard
from tests.responses.rig import READ, WRITE, Replica, Rig, book, early, made
from tests.responses.test_engine import GOOD, pass_time

MINUTE = 60.0


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        yield one


def asked(rig: Rig, *books: object, **warning: object) -> Replica:
    rig.write(*(books or (book(),)))  # type: ignore[arg-type]
    rig.warn(early(**warning))  # type: ignore[arg-type]
    one = rig.replica()
    one.world.numbers |= GOOD
    one.tick(rig.clock.now)
    assert rig.one().state == "awaiting_approval"
    return one


def yes(rig: Rig, one: Replica, who: str = "ann", plan: str = "") -> str:
    return one.people.approve(rig.one().id, who, rig.clock.now, plan).state


def test_a_yes_is_used_up_by_the_start(rig: Rig) -> None:
    one = asked(rig)
    assert yes(rig, one) == "approved"
    one.tick(rig.clock.now)
    assert [q.state for q in rig.runs.questions(rig.one().id)] == ["used"]
    assert yes(rig, one) == "used", "the same yes again is the same answer"
    with pytest.raises(Unheard, match="it was answered by ann: used"):
        yes(rig, one, "bob")


@pytest.mark.parametrize("who", ["eve", "", "group:sre"])
def test_only_those_who_are_asked_may_answer(rig: Rig, who: str) -> None:
    one = asked(rig)
    with pytest.raises(Unheard, match="it asks group:sre") as no:
        yes(rig, one, who)
    assert no.value.status == 403


@pytest.mark.row("R19")
def test_as_many_people_as_it_says_must_say_yes(rig: Rig) -> None:
    one = asked(rig, book(approval={"for": "write", "from": ["group:sre", "user:dan"], "quorum": 2, "expires": "20m"}))
    assert [yes(rig, one, "ann"), yes(rig, one, "ann")] == ["waiting", "waiting"]
    one.tick(rig.clock.now)
    assert rig.one().state == "awaiting_approval"
    assert yes(rig, one, "dan") == "approved"
    one.tick(rig.clock.now)
    assert rig.one().state == "verifying"


def test_one_no_is_enough_and_ends_it(rig: Rig) -> None:
    one = asked(rig, book(approval={"for": "write", "from": ["group:sre"], "quorum": 2, "expires": "20m"}))
    yes(rig, one)
    one.people.deny(rig.one().id, "bob", rig.clock.now, "not today")
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.one().body["why"]) == ("approval_denied", "bob said no")
    with pytest.raises(Unheard, match="denied"):
        yes(rig, one, "cyd")


@pytest.mark.row("R15")
def test_of_many_who_answer_at_once_one_is_heard_and_the_others_are_told(rig: Rig) -> None:
    rig.settings.groups["sre"].extend(f"p{n}" for n in range(20))
    one, heard, told = asked(rig), list[str](), list[str]()
    run, together = rig.one().id, threading.Barrier(20)

    def answer(n: int) -> None:
        together.wait()
        word = one.people.approve if n % 2 else one.people.deny
        try:
            heard.append(word(run, f"p{n}", rig.clock.now).state)
        except Unheard as e:
            told.append(str(e))

    threads = [threading.Thread(target=answer, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (question,) = rig.runs.questions(run)
    assert heard in (["approved"], ["denied"], ["approved", "denied"])
    assert question.state == heard[-1]
    assert len(told) == 20 - len(heard)


def test_nobody_answers_and_it_says_so_at_half_time_and_at_the_end(rig: Rig) -> None:
    one = asked(rig)
    pass_time(rig, one, 25 * MINUTE)
    assert (rig.one().state, rig.count.steps) == ("approval_expired", ["look"])
    assert [title.partition(" until")[0] for title in rig.told()] == [
        "mend asks group:sre for a yes", "mend still waits for a yes,", "mend was not approved",
    ]  # fmt: skip


@pytest.mark.row("R16")
def test_a_late_yes_is_refused_with_the_reason(rig: Rig) -> None:
    one = asked(rig)
    rig.clock.now += 21 * MINUTE
    with pytest.raises(Unheard, match="too late: it was asked until"):
        yes(rig, one)


def test_the_question_ends_before_it_is_too_late_for_the_steps(rig: Rig) -> None:
    """The crossing is expected in LEAD_S, and the step may take 10 min."""
    from tests.responses.rig import LEAD_S, START_S

    asked(rig, book(approval={"for": "write", "from": ["group:sre"], "expires": "2d", "quorum": 1}))
    (question,) = rig.runs.questions(rig.one().id)
    assert question.expires_s == START_S + LEAD_S - 600


def test_where_no_time_is_left_nobody_is_asked(rig: Rig) -> None:
    rig.write(book())
    rig.warn(early(now_s=rig.clock.now - 6 * 3600 + 300, opened_s=int(rig.clock.now), updated_s=int(rig.clock.now)))
    rig.replica().tick(rig.clock.now)
    assert (rig.one().state, rig.runs.questions(rig.one().id)) == ("approval_expired", [])


@pytest.mark.row("R13")
def test_what_cleared_while_it_waited_is_left_alone_and_who_said_yes_is_told(rig: Rig) -> None:
    one = asked(rig)
    yes(rig, one)
    rig.clear()
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.count.steps) == ("cleared_before_action", ["look"])
    assert rig.told()[-1] == "mend does nothing: the warning ended before anything was done"
    with pytest.raises(Unheard):
        yes(rig, one, "bob")


NEED = {"require": [{"name": "fresh", "promql": "age{$target}", "expect": "< 300"}]}


def test_what_it_requires_must_still_hold_when_it_starts(rig: Rig) -> None:
    rig.write(book(guards={**book()["guards"], **NEED}))
    rig.warn(early())
    one = rig.replica()
    one.world.numbers |= {**GOOD, "age{$target}": [12.0]}
    one.tick(rig.clock.now)
    yes(rig, one)
    one.world.numbers["age{$target}"] = [500.0]
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.one().body["because"]) == ("blocked", "fresh")
    assert rig.one().body["why"] == "'fresh' wants < 300 and got 500"


@pytest.mark.row("R14")
def test_what_changed_while_it_waited_is_asked_anew_and_the_old_yes_is_void(rig: Rig) -> None:
    size = [6]
    rig.count.does["look"] = lambda call: Result("done", {"json": {"n": size[0]}})
    one = asked(rig, book(READ, {**WRITE, "with": {"n": "${{ steps.look.json.n }}"}}))
    before = rig.runs.questions(rig.one().id)[0].plan_hash
    yes(rig, one)
    size[0] = 8
    one.tick(rig.clock.now)
    assert [q.state for q in rig.runs.questions(rig.one().id)] == ["void", "waiting"]
    assert "n: 6, is plugin.count n: 8" in rig.told()[-1]
    with pytest.raises(Unheard, match="the plan has changed"):
        yes(rig, one, plan=before)
    yes(rig, one)
    one.tick(rig.clock.now)
    assert rig.count.calls[-1].given == {"n": 8}


def test_a_read_that_fails_before_the_start_is_tried_again_until_the_question_ends(rig: Rig) -> None:
    fails = [False]
    rig.count.does["look"] = lambda call: Result("failed", why="away", effect=False) if fails[0] else Result("done")
    one = asked(rig)
    yes(rig, one)
    fails[0] = True
    pass_time(rig, one, 5 * MINUTE)
    assert (rig.one().state, "look: away" in rig.one().body["why"]) == ("awaiting_approval", True)
    fails[0] = False
    pass_time(rig, one, MINUTE)
    assert rig.one().state == "verifying"


def test_every_step_may_need_its_own_yes(rig: Rig) -> None:
    one = asked(rig, book(approval={"for": "every_step", "from": ["group:sre"], "expires": "20m", "quorum": 1}))
    assert rig.count.steps == []
    for wanted in (["look"], ["look", "look", "fix"]):
        yes(rig, one)
        one.tick(rig.clock.now)
        assert rig.count.steps == wanted
    assert [(q.scope, q.state) for q in rig.runs.questions(rig.one().id)] == [(0, "used"), (1, "used")]


def test_a_response_is_cancelled_before_its_next_step(rig: Rig) -> None:
    one = asked(rig)
    assert one.people.cancel(rig.one().id, "eve", rig.clock.now).state == "cancelled"
    with pytest.raises(Unheard, match="it has ended"):
        one.people.cancel(rig.one().id, "eve", rig.clock.now)
    one.tick(rig.clock.now)
    assert rig.count.steps == ["look"]


def test_a_step_that_runs_comes_to_its_end_before_it_is_cancelled(rig: Rig) -> None:
    rig.write(book(mode="auto"))
    rig.warn(early())
    one = rig.replica()

    def meanwhile(call: object) -> Result:
        assert not one.people.cancel(rig.one().id, "eve", rig.clock.now).ended
        return Result("done")

    rig.count.does["look"] = meanwhile
    one.tick(rig.clock.now)
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.count.steps, rig.one().body["why"]) == ("cancelled", ["look"], "eve cancelled it")


def unknown(rig: Rig) -> Replica:
    """The one step that changes something ended so that nobody knows whether it took effect."""
    rig.count.does["fix"] = lambda call: Result("unknown", why="the connection broke")
    check = {"promql": "done{$target}", "expect": "response.value >= 1"}
    rig.write(book({**{k: v for k, v in WRITE.items() if k != "idempotent"}, "check": check}, mode="auto"))
    rig.warn(early())
    one = rig.replica()
    one.world.numbers |= GOOD
    one.tick(rig.clock.now)
    rig.settled(one)
    assert (rig.one().state, rig.step_states()) == ("needs_a_person", {"fix": "UNKNOWN"})
    return one


def test_what_is_unknown_stays_so_until_a_person_says(rig: Rig) -> None:
    one = unknown(rig)
    pass_time(rig, one, 3600)
    assert (rig.step_states(), rig.count.steps) == ({"fix": "UNKNOWN"}, ["fix"])
    assert "needs a person: whether fix took effect is not known: the connection broke" in rig.told()[-1]


def test_a_person_says_it_is_done_and_it_goes_on(rig: Rig) -> None:
    one = unknown(rig)
    one.people.resolve(rig.one().id, "done", "ann", rig.clock.now)
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.step_states(), rig.count.steps) == ("verifying", {"fix": "DONE"}, ["fix"])
    assert [one.body["what"] for one in rig.store.statements(kind="action")] == ["mend: fix"], "its verdict may depend on it"


def test_a_person_says_it_is_not_and_it_is_done_again_with_the_same_key(rig: Rig) -> None:
    one = unknown(rig)
    del rig.count.does["fix"]
    one.people.resolve(rig.one().id, "again", "ann", rig.clock.now)
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.count.steps) == ("verifying", ["fix", "fix"])
    assert len({call.idem_key for call in rig.count.calls}) == 1


def test_a_person_leaves_it_so(rig: Rig) -> None:
    one = unknown(rig)
    with pytest.raises(Unheard) as no:
        one.people.resolve(rig.one().id, "stop", "eve", rig.clock.now)
    assert no.value.status == 403
    assert one.people.resolve(rig.one().id, "stop", "ann", rig.clock.now, "by hand").state == "cancelled"
    assert rig.step_states() == {"fix": "UNKNOWN"}
    with pytest.raises(Unheard, match="it needs nobody"):
        one.people.resolve(rig.one().id, "done", "ann", rig.clock.now)


def own(rig: Rig, one: Replica, who: str, confirm: str = "", alone: bool = True) -> str:
    one.people = People(rig.runs, {"sre": ["ann", "bob"]}, alone)
    return one.people.approve(rig.one().id, who, rig.clock.now, confirm=confirm).state


def ledger(rig: Rig, action: str) -> list[str]:
    return [row.actor for row in rig.store.ledger_rows(1000) if row.action == action]


def written_by(who: str) -> dict[str, object]:
    return book(owner={"team": "sre", "edited_by": who})


def test_who_wrote_a_revision_does_not_approve_it_where_there_are_others(rig: Rig) -> None:
    one = asked(rig, written_by("ann"))
    with pytest.raises(Unheard, match="ann wrote this revision") as no:
        own(rig, one, "ann", "mend", alone=False)
    assert no.value.status == 403
    assert own(rig, one, "bob", alone=False) == "approved"
    assert ledger(rig, "response.self_approved") == []


def test_what_nobody_knows_the_writer_of_is_meant_and_the_ledger_says_that_it_may_be_ones_own(rig: Rig) -> None:
    one = asked(rig, written_by(""))
    with pytest.raises(Unheard, match=r"does not say who wrote it .*: confirm by typing its name, mend") as no:
        own(rig, one, "ann", alone=False)
    assert no.value.status == 422
    assert own(rig, one, "ann", "mend", alone=False) == "approved"
    assert ledger(rig, "response.self_approved") == ["ann"]


ASKS = {"for": "write", "expires": "20m"}


@pytest.mark.parametrize(
    ("who", "alone", "needed"),
    [(["group:sre"], False, 2), (["user:ann", "user:bob"], False, 2), (["group:of-the-provider"], False, 2),
     (["user:ann"], False, 1), (["group:one"], False, 1), (["group:sre"], True, 1)],
)  # fmt: skip
def test_what_cannot_be_undone_takes_two_where_two_might(rig: Rig, who: list[str], alone: bool, needed: int) -> None:
    one = asked(rig, book(approval={**ASKS, "from": who}))
    one.people = People(rig.runs, {"sre": ["ann", "bob"], "one": ["ann"]}, alone)
    first = one.people.approve(rig.one().id, "ann", rig.clock.now, confirm="mend", groups=("of-the-provider",))
    assert first.state == ("approved" if needed == 1 else "waiting")
    if needed == 2:
        again = one.people.approve(rig.one().id, "ann", rig.clock.now, groups=("of-the-provider",))
        assert again.state == "waiting", "one person twice is one"
        assert one.people.approve(rig.one().id, "bob", rig.clock.now, groups=("of-the-provider",)).state == "approved"


def test_what_can_be_undone_takes_one_and_a_number_in_the_file_counts_whatever_the_step(rig: Rig) -> None:
    undo = {"uses": "plugin.count", "with": {"at": "${{ target.instance }}"}}
    back = {**{name: value for name, value in WRITE.items() if name != "irreversible"}, "undo": undo}
    one = asked(rig, book(READ, back, approval={**ASKS, "from": ["group:sre"]}))
    assert yes(rig, one) == "approved"


@pytest.mark.parametrize("editor", ["", "ann"])
def test_who_is_alone_types_its_name_and_the_ledger_says_so(rig: Rig, editor: str) -> None:
    one = asked(rig, written_by(editor))
    for typed in ("", "yes", "Mend"):
        with pytest.raises(Unheard, match="confirm by typing its name, mend") as no:
            own(rig, one, "ann", typed)
        assert no.value.status == 422
    assert ledger(rig, "response.approved") == []
    assert own(rig, one, "ann", "mend") == "approved"
    assert ledger(rig, "response.self_approved") == ["ann"]


def test_who_is_alone_with_another_ones_revision_needs_no_more_than_a_yes(rig: Rig) -> None:
    one = asked(rig, written_by("bob"))
    assert own(rig, one, "ann") == "approved"
    assert ledger(rig, "response.self_approved") == []


def test_nothing_gets_further_by_what_one_approves_alone(rig: Rig) -> None:
    one = asked(rig)
    before = rig.one().mode
    own(rig, one, "ann", "mend")
    one.tick(rig.clock.now)
    assert rig.one().mode == before
    assert [row.action for row in rig.store.ledger_rows(1000) if row.action.startswith(("stage.", "mode."))] == []
