"""A response as it stands: keys, plans, what comes next, what is taken back in which order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aiops.responses.view import UNDO, View, changed, idem_key, plan_hash, undo_lines
from aiops.store.response_rows import StepRow
from tests.responses.rig import READ, WRITE, Rig, book, early, made

UNDONE = {"uses": "plugin.count", "with": {}, "timeout": "1m"}
BACK = {**{k: v for k, v in WRITE.items() if k != "irreversible"}, "undo": UNDONE}


def view(rig: Rig, *steps: dict[str, object]) -> View:
    rig.write(book(*steps))  # type: ignore[arg-type]
    rig.warn(early())
    one = rig.replica()
    one.tick(rig.clock.now)
    found = one.engine.tools.view(rig.one().id)
    assert found is not None
    return found


@given(st.text(min_size=1), st.integers(0, 2000), st.text(min_size=1), st.integers(0, 2000))
def test_every_step_has_its_own_key(run: str, idx: int, other: str, other_idx: int) -> None:
    assert (idem_key(run, idx) == idem_key(other, other_idx)) == ((run, idx) == (other, other_idx)) or "|" in run + other


def test_a_plan_is_bound_to_runbook_target_and_every_step(tmp_path: Path) -> None:
    with made(tmp_path) as rig:
        one = view(rig, READ, WRITE)
        plan = [{"id": "fix", "what": "x"}]
        first = plan_hash(one, plan)
        assert plan_hash(one, [dict(reversed(list(plan[0].items())))]) == first
        assert plan_hash(one, [{"id": "fix", "what": "y"}]) != first
        assert plan_hash(replace(one, run=replace(one.run, sha="other")), plan) != first
        facts = {**one.run.facts, "context": {**one.run.facts["context"], "target": {"instance": "b"}}}
        assert plan_hash(replace(one, run=replace(one.run, facts=facts)), plan) != first


def test_only_what_was_done_is_taken_back_newest_first(tmp_path: Path) -> None:
    with made(tmp_path) as rig:
        more = {**BACK, "id": "more", "undo": {**UNDONE, "idempotent": True}}
        one = view(rig, BACK, more, {**BACK, "id": "skipped"}, WRITE | {"id": "stays"})
        states = ("DONE", "DONE", "SKIPPED", "DONE")
        steps = {i: replace(row, state=state) for (i, row), state in zip(one.steps.items(), states, strict=True)}
        lines = undo_lines(replace(one, steps=steps))
        assert [(row.idx, row.step_id, row.klass) for row in lines] == [(UNDO, "more", "idempotent"), (UNDO + 1, "fix", "once")]
        assert len({row.idem_key for row in lines} | {row.idem_key for row in steps.values()}) == 6


def test_the_next_step_is_the_first_that_is_open(tmp_path: Path) -> None:
    with made(tmp_path) as rig:
        one = view(rig, READ, WRITE)
        found = one.next_step()
        assert found is not None
        assert (found.step_id, one.open_indexes(), one.needed_s(), one.wrote()) == ("fix", [1], 600.0, False)


def test_a_change_keeps_what_was_read_to_be_compared() -> None:
    row = StepRow(0, "a", "pure", "k")
    change = changed(row, state="DONE")
    assert (change.old, change.new.state) == (row, "DONE")
