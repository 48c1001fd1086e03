"""One line for a step of a plan, with everything a person must know before saying yes."""

from __future__ import annotations

from aiops.core.plan_text import plan_line

STEP = {"id": "grow", "effect": "write", "what": "kubernetes.scale replicas: 3"}


def test_what_it_would_change_under_which_condition_and_how_it_is_taken_back() -> None:
    step = {**STEP, "if": "steps.look.rc == 0", "undo": "kubernetes.scale replicas: 2"}
    wanted = "grow [write] kubernetes.scale replicas: 3 (only if steps.look.rc == 0) (undo: kubernetes.scale replicas: 2)"
    assert plan_line(step) == wanted


def test_what_cannot_be_undone_and_what_would_be_refused() -> None:
    line = plan_line({**STEP, "irreversible": "Volumes do not shrink.", "refused": "an argument is empty"})
    assert line.endswith("(cannot be undone: Volumes do not shrink.) (it would be refused: an argument is empty)")


def test_a_step_that_says_no_effect_reads() -> None:
    assert plan_line({"id": "look", "what": "df"}) == "look [read] df"


def test_it_stays_on_one_line_and_is_cut() -> None:
    line = plan_line({**STEP, "what": "a\nb" * 1000, "undo": "x\ny"}, 100)
    assert line.isprintable()
    assert len(line) < 200
