"""Responses, steps, questions and charges come back as they were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiops.store import Store
from aiops.store.response_rows import Charge, Decision, Question, Run, StepChange, StepRow
from aiops.store.responses import Responses
from tests.store.samples import FACTS, TEXT

SECONDS = st.integers(0, 2**40).map(float)
MAYBE = st.none() | SECONDS
RUNS = st.builds(
    Run, id=st.just("r"), key=st.just("k"), runbook=TEXT, sha=TEXT, target=TEXT, warning_id=TEXT, card=TEXT, mode=TEXT,
    state=st.just("running"), made_s=SECONDS, changed_s=SECONDS, deadline_s=MAYBE, snapshot=FACTS, facts=FACTS, body=FACTS,
    plan_hash=TEXT,
)  # fmt: skip
STEPS = st.builds(
    StepRow, st.integers(0, 2000), TEXT, TEXT, TEXT, TEXT, st.integers(0, 9), st.integers(0, 9), MAYBE, MAYBE, FACTS, FACTS, TEXT
)
QUESTIONS = st.builds(
    Question, st.integers(0, 9), st.integers(-1, 9), TEXT, SECONDS, SECONDS, st.integers(1, 9),
    st.lists(FACTS, max_size=2).map(tuple), TEXT, st.lists(TEXT, max_size=2).map(tuple),
)  # fmt: skip
CHARGES = st.builds(
    Charge, st.just("r"), TEXT, TEXT, TEXT, SECONDS.map(lambda s: s + 1), SECONDS, MAYBE, st.booleans(), st.booleans(),
    st.booleans(),
)  # fmt: skip
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def runs() -> Iterator[Responses]:
    store = Store.open("sqlite://", None)
    yield Responses(store)
    store.close()


@FEW
@given(run=RUNS, step=STEPS, question=QUESTIONS)
def test_they_come_back_as_they_were(run: Run, step: StepRow, question: Question) -> None:
    store = Store.open("sqlite://", None)
    runs = Responses(store)
    try:
        assert runs.take_lease("a", 15.0, 0.0) == 1
        assert runs.begin(run, [step], (), 1, 1.0)
        assert (runs.run("r"), runs.steps("r")) == (run, [step])
        assert runs.decide(Decision(run, "running", "asked", ask=question), 1, 2.0)
        assert runs.questions("r") == [question]
    finally:
        store.close()


@FEW
@given(charge=CHARGES)
def test_a_charge_comes_back_as_it_was(charge: Charge) -> None:
    store = Store.open("sqlite://", None)
    runs = Responses(store)
    try:
        runs.take_lease("a", 15.0, 0.0)
        run = Run("r", "k", "b", "s", "t", "w", "c", "auto", "matched", 0.0, 0.0, None, {}, {})
        runs.begin(run, [], (), 1, 0.0)
        assert runs.charge(charge, 0.0, lambda found: Decision(run, "guarded", ""), 1, 1.0)
        assert runs.charges() == [charge]
    finally:
        store.close()


def test_why_a_step_ended_is_cut_to_what_is_kept(runs: Responses) -> None:
    run = Run("r", "k", "b", "s", "t", "w", "c", "auto", "running", 0.0, 0.0, None, {}, {})
    row = StepRow(0, "a", "pure", "i")
    runs.take_lease("a", 15.0, 0.0)
    runs.begin(run, [row], (), 1, 0.0)
    long = StepRow(0, "a", "pure", "i", state="FAILED", why="x" * 9000)
    assert runs.decide(Decision(run, "running", "", steps=(StepChange(row, long),)), 1, 0.0)
    assert len(runs.steps("r")[0].why) == 500
