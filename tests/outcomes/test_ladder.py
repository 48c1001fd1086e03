"""The ladder: up by the record only, one rung at a time, down at once; shown over random lives too."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aiops.core.records import STAGES, Outcome, Stage
from aiops.outcomes.ladder import (
    ASIDE_AT_MOST,
    BETWEEN_MOVES_S,
    Family,
    Gate,
    Move,
    Refused,
    Standing,
    breach,
    declare,
    demote,
    for_next,
    lacks,
    lived,
    promote,
    stage_of,
    standing,
)

DAY = 86400.0
NOW = 1000 * DAY
GATE = Gate(settled=20, precision_at_least=0.7, median_lead_s=7200.0, false_per_week_at_most=2.0)


def outcome(word: Any, at: float, lead: float = 9000.0) -> Outcome:
    failed = int(at) if word in ("hit", "late") else None
    return Outcome("w", "c", {}, word, int(at), int(at - lead), failed, lead, None, None)


def record(hits: int, false: int = 0, *, until: float = NOW, lead: float = 9000.0, **more: int) -> list[Outcome]:
    """So many, a day apart, the last one day before `until`."""
    words = ["false"] * false + ["hit"] * hits + [w for w, n in more.items() for _ in range(n)]
    return [outcome(word, until - DAY * (len(words) - i), lead) for i, word in enumerate(words)]


def moved(after: Stage, at: float, kind: Any = "promoted") -> Move:
    return Move(kind, "shadow", after, at, "ann", "", {})


def missing(outcomes: list[Outcome], moves: tuple[Move, ...] = (), gate: Gate = GATE) -> list[str]:
    return [one.what for one in lacks(standing(outcomes, moves, NOW), gate, moves, NOW)]


def test_a_card_with_the_record_goes_up_one_rung_with_its_figures() -> None:
    move = promote(record(25), [], GATE, NOW, "ann", "it is good")
    assert (move.kind, move.before, move.after, move.who, move.why) == ("promoted", "shadow", "ticket", "ann", "it is good")
    assert (move.figures["settled"], move.figures["came"]) == (25, 25)
    again = promote(record(25), [moved("ticket", NOW - 8 * DAY)], GATE, NOW, "ann", "")
    assert (again.before, again.after) == ("ticket", "page")


@pytest.mark.parametrize(
    ("outcomes", "wanted"),
    [
        (record(25), []), (record(19), ["settled incidents"]), (record(20, 0), []),
        (record(16, 6), ["precision"]), (record(25, lead=7199.0), ["median lead"]),
        (record(25, averted=4, expired=4, unjudgeable=2), []),
        (record(25, averted=5, expired=5, unjudgeable=2), ["averted, expired, unjudgeable"]),
    ],
)  # fmt: skip
def test_each_part_of_the_gate(outcomes: list[Outcome], wanted: list[str]) -> None:
    assert missing(outcomes) == wanted


def test_too_many_false_ones_a_week() -> None:
    many = [outcome("hit", NOW - DAY * n / 4) for n in range(1, 100)]
    many += [outcome("false", NOW - DAY * (n + 0.1)) for n in range(8)]
    assert missing(many) == ["false a week"]


def test_what_misses_the_gate_by_little_is_not_shown_as_if_it_met_it() -> None:
    near = Standing(30, 25, 0.6996, 0.92, 9000.0, 2.04, 0, 0.304, 8.0)
    said = [(one.has, one.needs) for one in lacks(near, Gate(20, 0.7, 7200.0, 2.0), [], NOW)]
    assert said == [("25 of 30 came true, at least 69.96%", "70%"), ("2.04", "at most 2"), ("30.4%", "at most 30%")]


def test_seven_days_lie_between_moves() -> None:
    for kind in ("promoted", "demoted"):
        first = [*record(40, until=NOW + 41 * DAY)]
        moves = (moved("ticket", NOW - BETWEEN_MOVES_S + 1, kind),)
        (lack,) = (x for x in lacks(standing(first, moves, NOW), GATE, moves, NOW) if x.what.startswith("time"))
        assert lack.at_s == NOW + 1


def test_the_record_begins_anew_when_a_card_is_taken_down() -> None:
    moves = (moved("ticket", NOW - 60 * DAY), moved("shadow", NOW - 10 * DAY, "demoted"))
    assert standing(record(25), moves, NOW).settled == 9
    assert standing(record(25), moves[:1], NOW).settled == 25


def test_what_came_within_minutes_is_one_incident() -> None:
    storm = [outcome("hit", NOW - DAY + n * 200) for n in range(50)] + [outcome("false", NOW - 2 * DAY) for _ in range(30)]
    found = standing(storm, [], NOW)
    assert (found.settled, found.came) == (2, 1)


def test_what_is_missing_says_when_it_is_there() -> None:
    few, poor = (lacks(standing(found, [], NOW), GATE, [], NOW)[0] for found in (record(10), record(16, 6)))
    assert few.at_s == pytest.approx(NOW + 10 * DAY, rel=1e-3)
    assert poor.at_s is not None
    assert poor.at_s > NOW
    hopeless = lacks(standing(record(10, 10), [], NOW), Gate(1, 0.9, 0.0, 99.0), [], NOW)
    assert [one.at_s for one in hopeless] == [None]
    assert str(hopeless[0]).endswith("needs 90% (not at this record)")


def test_false_ones_are_few_enough_once_time_has_passed_without_another() -> None:
    found = [*record(25), *(outcome("false", NOW - n * DAY) for n in range(1, 9))]
    now = standing(found, [], NOW)
    (lack,) = (one for one in lacks(now, GATE, [], NOW) if one.what == "false a week")
    assert "if no more are false" in str(lack)
    assert lack.at_s is not None
    assert standing(found, [], lack.at_s - DAY).false_per_week > GATE.false_per_week_at_most
    assert standing(found, [], lack.at_s + 1).false_per_week <= GATE.false_per_week_at_most
    (never,) = lacks(now, replace(GATE, false_per_week_at_most=0.0, precision_at_least=0.1), [], NOW)
    assert never.at_s == NOW + 90 * DAY, "then they are no part of the record"


def test_what_stands_aside_is_outweighed_by_what_is_settled() -> None:
    found = [*record(25), *(outcome("expired", NOW - n * DAY / 4) for n in range(1, 21))]
    (lack,) = lacks(standing(found, [], NOW), GATE, [], NOW)
    assert (lack.what, lack.needs) == ("averted, expired, unjudgeable", "at most 30%")
    assert "if all that follow are settled" in str(lack)
    assert lack.at_s is not None
    more = (lack.at_s - NOW) / DAY
    assert 20 / (45 + more) == pytest.approx(0.3, abs=0.02)


def test_before_anything_was_settled_there_is_no_pace() -> None:
    found = [str(one) for one in lacks(standing([outcome("expired", NOW - DAY)], [], NOW), GATE, [], NOW)]
    assert len(found) == 4
    assert all(one.endswith("(nothing was settled yet)") for one in found)


def test_above_page_there_is_nothing() -> None:
    moves = (moved("page", NOW - 30 * DAY),)
    assert missing([], moves) == []
    with pytest.raises(Refused, match="it is at page already"):
        promote(record(25), moves, GATE, NOW, "ann", "")


def test_a_declaration_leads_to_ticket_once_and_no_further() -> None:
    move = declare([], [], NOW, "config", "june", "m")
    assert move is not None
    assert (move.kind, move.after, move.who, move.why) == ("declared", "ticket", "config", "june")
    assert declare([], [move], NOW, "config", "june", "n") is None
    down = moved("shadow", NOW, "breach")
    assert declare([], [move, down], NOW, "config", "june", "m") is None, "the same word does not undo a breach"
    assert declare([], [move, down], NOW, "config", "july", "n") is not None


@pytest.mark.parametrize(
    ("outcomes", "wanted"),
    [
        (record(25), ""), (record(3, 12, until=NOW - 8 * DAY), "3 of 15 came true: at most"),
        (record(25) + [outcome("false", NOW - n * DAY / 2) for n in (1, 2)], ""),
        (record(25) + [outcome("false", NOW - n * DAY / 2) for n in (1, 2, 3)], "3 false warnings within 7 days"),
    ],
)  # fmt: skip
def test_a_breach_takes_a_card_down_at_once(outcomes: list[Outcome], wanted: str) -> None:
    moves = (moved("page", NOW - 100 * DAY),)
    move = breach(outcomes, moves, GATE, NOW)
    if not wanted:
        assert move is None
        return
    assert move is not None
    assert (move.kind, move.after, move.who, move.why[: len(wanted)]) == ("breach", "ticket", "rule", wanted)
    assert breach(outcomes, [*moves, move], GATE, NOW) is None, "one rung: what comes after that is judged anew"


@pytest.mark.parametrize(("budget", "wanted"), [(None, ""), (2.0, ""), (1.9, "budget"), (0.3, "budget")])
def test_more_false_ones_in_a_week_than_the_budget_of_what_it_watches_are_a_breach(budget: float | None, wanted: str) -> None:
    outcomes = record(25) + [outcome("false", NOW - n * DAY / 2) for n in (1, 2)]
    move = breach(outcomes, (moved("ticket", NOW - 100 * DAY),), GATE, NOW, budget)
    assert (move is not None) == bool(wanted)
    assert move is None or move.why == f"2 false warnings within 7 days, the budget of what it watches is {budget:.3g}"


def test_one_false_warning_breaks_no_budget() -> None:
    outcomes = [*record(25), outcome("false", NOW - DAY)]
    assert breach(outcomes, (moved("ticket", NOW - 100 * DAY),), GATE, NOW, 0.01) is None


def replayed(*outcomes: Outcome) -> list[Outcome]:
    return [replace(one, origin="replay") for one in outcomes]


def test_a_replay_of_the_past_counts_up_to_ticket_and_is_named() -> None:
    past = replayed(*record(25))
    move = promote(past, [], GATE, NOW, "ann", "")
    assert (move.after, move.figures["settled"], move.figures["replayed"]) == ("ticket", 25, 25)
    with pytest.raises(Refused, match="settled incidents: 0, needs 20"):
        promote(past, [moved("ticket", NOW - 30 * DAY)], GATE, NOW, "ann", "")


def test_what_was_lived_stands_in_the_place_of_its_replay() -> None:
    own = record(10)
    found = standing([*own, *replayed(*record(25))], [], NOW)
    assert (found.settled, found.replayed) == (10 + 15, 15)


def test_a_replay_takes_no_card_down() -> None:
    assert breach(replayed(*record(3, 20)), (moved("ticket", NOW - 100 * DAY),), GATE, NOW, 1.0) is None


@pytest.mark.parametrize(
    ("own", "family", "borrowed"),
    [(12, Family(38, 40), 8), (8, Family(38, 40), 8), (0, Family(38, 40), 0), (12, Family(19, 19), 0), (25, Family(38, 40), 0)],
)
def test_cards_of_the_same_models_stand_in_for_as_many_as_a_card_has_itself(own: int, family: Family, borrowed: int) -> None:
    found = standing(record(own), [], NOW, family, GATE.settled)
    assert (found.settled, found.borrowed) == (own, borrowed)


def test_what_they_lend_is_no_better_than_they_are() -> None:
    good, poor = (for_next(record(12), [], GATE, NOW, Family(came, 40)) for came in (40, 10))
    assert good.low > GATE.precision_at_least > poor.low
    assert promote(record(12), [], GATE, NOW, "ann", "", Family(40, 40)).figures["borrowed"] == 8
    with pytest.raises(Refused, match="precision: 12 of 12 came true"):
        promote(record(12), [], GATE, NOW, "ann", "", Family(10, 40))


def test_to_page_nobody_lends() -> None:
    with pytest.raises(Refused, match="settled incidents: 12, needs 20"):
        promote(record(12), [moved("ticket", NOW - 30 * DAY)], GATE, NOW, "ann", "", Family(40, 40))


def test_in_shadow_there_is_nothing_to_breach() -> None:
    assert breach(record(0, 25), [], GATE, NOW) is None


def test_down_is_always_allowed_and_up_is_not_down() -> None:
    moves = (moved("page", NOW),)
    assert demote([], moves, "shadow", NOW, "ann", "").after == "shadow"
    for to in ("page", "ticket"):
        with pytest.raises(Refused, match="is not quieter"):
            demote([], (moved("ticket", NOW),), to, NOW, "ann", "")  # type: ignore[arg-type]


class Life(RuleBasedStateMachine):
    """Verdicts come, time goes, people and rules try every move at any time: whatever they do, loud is earned."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.outcomes, self.moves = NOW, list[Outcome](), list[Move]()
        self.gate, self.family = Gate(5, 0.5, 600.0, 3.0), Family()

    @rule(words=st.lists(st.sampled_from(["hit", "hit", "hit", "late", "false", "averted", "expired"]), min_size=1, max_size=12))
    def settle(self, words: list[str]) -> None:
        for word in words:
            self.now += 0.7 * DAY
            self.outcomes.append(outcome(word, self.now))

    @rule(words=st.lists(st.sampled_from(["hit", "hit", "false"]), min_size=1, max_size=12), days=st.floats(0.0, 30.0))
    def replays(self, words: list[str], days: float) -> None:
        self.outcomes = lived(self.outcomes) + replayed(*(outcome(w, self.now - (days + n) * DAY) for n, w in enumerate(words)))

    @rule(came=st.integers(0, 30), false=st.integers(0, 30))
    def others_show(self, came: int, false: int) -> None:
        self.family = Family(came, came + false)

    @rule(days=st.floats(0.1, 40.0))
    def wait(self, days: float) -> None:
        self.now += days * DAY

    @rule(mark=st.sampled_from("abc"))
    def declares(self, mark: str) -> None:
        move = declare(self.outcomes, self.moves, self.now, "config", "", mark)
        self.moves += [] if move is None else [move]

    @rule()
    def promotes(self) -> None:
        with suppress(Refused):
            self.moves.append(promote(self.outcomes, self.moves, self.gate, self.now, "ann", "", self.family))
            found = for_next(self.outcomes, self.moves[:-1], self.gate, self.now, self.family)
            assert self.moves[-1].figures == found.as_json(), "the figures are those of that moment"

    @precondition(lambda self: stage_of(self.moves) != "shadow")
    @rule(to=st.sampled_from(["shadow", "ticket"]))
    def demotes(self, to: Stage) -> None:
        if STAGES.index(to) < STAGES.index(stage_of(self.moves)):
            self.moves.append(demote(self.outcomes, self.moves, to, self.now, "ann", ""))

    @rule(budget=st.none() | st.floats(0.0, 5.0))
    def reviews(self, budget: float | None) -> None:
        move = breach(self.outcomes, self.moves, self.gate, self.now, budget)
        found = standing(lived(self.outcomes), self.moves, self.now)
        if move is not None:
            self.moves.append(move)
        else:
            assert stage_of(self.moves) == "shadow" or budget is None or found.false_recent <= max(1.0, budget)
            assert stage_of(self.moves) == "shadow" or not found.settled or found.high >= self.gate.precision_at_least

    @invariant()
    def every_step_up_rests_on_the_record(self) -> None:
        for number, move in enumerate(self.moves):
            before = self.moves[:number]
            assert move.before == stage_of(before)
            rungs = STAGES.index(move.after) - STAGES.index(move.before)
            assert (rungs > 0) == (move.kind in ("promoted", "declared"))
            if rungs > 0:
                assert rungs == 1
                if move.kind == "declared":
                    assert move.after == "ticket"
                    assert [m.mark for m in self.moves].count(move.mark) == 1
                    continue
                then = move.figures
                assert then["settled"] + then["borrowed"] >= self.gate.settled
                assert then["borrowed"] <= then["settled"]
                assert then["low"] >= self.gate.precision_at_least
                assert (then["median_lead_s"] or 0.0) >= self.gate.median_lead_s
                assert then["false_per_week"] <= self.gate.false_per_week_at_most
                assert then["aside"] <= ASIDE_AT_MOST
                if move.after == "page":
                    assert then["replayed"] == then["borrowed"] == 0
                    own = standing([o for o in lived(self.outcomes) if o.settled_s <= move.at_s], before, move.at_s)
                    assert then == own.as_json(), "by what was lived alone"
                assert not before or move.at_s >= before[-1].at_s + BETWEEN_MOVES_S

    @invariant()
    def whoever_pages_was_promoted_to_it(self) -> None:
        if stage_of(self.moves) == "page":
            assert self.moves[-1].kind == "promoted"


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
