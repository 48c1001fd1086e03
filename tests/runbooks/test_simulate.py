"""The tests inside runbooks: the file's own decisions, with the world as the test mocks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiops.core.errors import FileError
from aiops.runbooks import Runbook
from aiops.runbooks.simulate import Run, Verdict, holds, run_tests, simulate
from tests.runbooks.samples import POOL, changed, loaded


@pytest.fixture
def runbook(tmp_path: Path) -> Runbook:
    return loaded(tmp_path)


def run(runbook: Runbook, **changes: Any) -> Run:
    return simulate(runbook, changed(runbook, **changes))


LOOK = {"json": {"workers": 8, "idle": 0}}


def test_somebody_says_yes_and_it_works(runbook: Runbook) -> None:
    got = run(runbook)
    assert (got.outcome, got.ran, got.skipped) == ("succeeded", ["look", "wanted", "grow"], ["clean"])


def test_only_what_the_condition_names_is_done(runbook: Runbook) -> None:
    got = run(runbook, mocks={"steps": {"look": {"json": {"workers": 8, "idle": 4}}}})
    assert (got.ran, got.skipped) == (["look", "wanted", "clean"], ["grow"])


@pytest.mark.parametrize(
    ("changes", "outcome", "ran"),
    [
        ({"approve_after": None}, "approval_expired", ["look", "wanted"]),
        ({"approve_after": 1201.0}, "approval_expired", ["look", "wanted"]),
        ({"approve_after": 1200.0}, "succeeded", ["look", "wanted", "grow"]),
        ({"deny_after": 60.0}, "approval_denied", ["look", "wanted"]),
        ({"deny_after": 240.0}, "succeeded", ["look", "wanted", "grow"]),
        ({"clears_after": 60.0}, "cleared_before_action", ["look", "wanted"]),
        ({"mode": "shadow"}, "shadowed", []),
        ({"mode": "suggest"}, "suggested", ["look", "wanted"]),
        ({"mode": "auto", "approve_after": None}, "succeeded", ["look", "wanted", "grow"]),
        ({"mocks": {"require": {"room left": 1}}}, "blocked", []),
        ({"mocks": {"require": {}}}, "blocked", []),
        ({"mocks": {"steps": {"look": {"rc": 1}}}}, "needs_a_person", ["look"]),
        ({"mocks": {"steps": {"look": LOOK, "grow": {"status": 503}}}}, "needs_a_person", ["look", "wanted", "grow"]),
        ({"mocks": {"steps": {"look": LOOK, "grow": {"status": 404}}}}, "target_gone", ["look", "wanted", "grow"]),
        ({"mocks": {"steps": {}}}, "needs_a_person", ["look"]),
        ({"mocks": {"verify": {"workers again": 2, "forecast": "clear"}}}, "undone", ["look", "wanted", "grow"]),
        ({"mocks": {"verify": {"workers again": 5, "forecast": "crosses"}}}, "undone", ["look", "wanted", "grow"]),
        ({"mocks": {"verify": {"forecast": "clear"}}}, "undone", ["look", "wanted", "grow"]),
        ({"mocks": {"verify": {"workers again": "many", "forecast": "clear"}}}, "undone", ["look", "wanted", "grow"]),
        ({"symptom": {"labels": {"env": "prod", "service": "--all"}}}, "blocked", []),
    ],
)
def test_outcomes(runbook: Runbook, changes: dict[str, Any], outcome: str, ran: list[str]) -> None:
    got = run(runbook, **changes)
    assert (got.outcome, got.ran) == (outcome, ran), got.why


def test_what_has_no_undo_is_not_said_to_be_undone(runbook: Runbook) -> None:
    got = run(runbook, mocks={"steps": {"look": {"json": {"workers": 8, "idle": 4}}}, "verify": {}})
    assert (got.outcome, got.ran) == ("verify_failed", ["look", "wanted", "clean"])


def test_no_data_is_good_only_where_the_file_says_so(tmp_path: Path) -> None:
    book = loaded(tmp_path, POOL.replace("  within: 30m", "  keep_if_unknown: true\n  within: 30m"))
    assert run(book, mocks={"verify": {}}).outcome == "succeeded"


def test_a_question_stands_no_longer_than_there_is_time_to_act(runbook: Runbook) -> None:
    soon = {"lead_time": 600.0}
    assert run(runbook, symptom=soon, approve_after=480.0).outcome == "succeeded"
    got = run(runbook, symptom=soon, approve_after=481.0)
    assert (got.outcome, got.why) == ("approval_expired", "nobody answered within 8m")


@pytest.mark.parametrize(("what", "ran"), [("run", []), ("every_step", [])])
def test_approval_may_be_asked_before_anything_runs(tmp_path: Path, what: str, ran: list[str]) -> None:
    book = loaded(tmp_path, POOL.replace("{for: write, from", f"{{for: {what}, from"))
    got = run(book, approve_after=None)
    assert (got.outcome, got.ran) == ("approval_expired", ran)


def test_a_computed_number_is_used_by_later_steps(tmp_path: Path) -> None:
    book = loaded(tmp_path, POOL.replace("if: steps.look.json.idle <= 3", "if: steps.wanted.workers == 9"))
    assert run(book).ran == ["look", "wanted", "grow"]


def test_a_test_that_expects_something_else_fails_and_says_both(tmp_path: Path) -> None:
    text = POOL.replace(
        "expect: {outcome: succeeded, ran: [look, wanted, grow], skipped: [clean]}", "expect: {outcome: blocked}"
    )
    (verdict,) = run_tests(loaded(tmp_path, text))
    assert (verdict.ok, verdict.why) == (False, "outcome: expected 'blocked', got 'succeeded'")


@pytest.mark.parametrize(
    ("expect", "why"),
    [
        ("{matched: true}", "matched: expected true, got false (confidence wants >= 0.7, not 0.1)"),
        ("{outcome: succeeded}", "outcome: expected 'succeeded', got None (confidence wants >= 0.7, not 0.1)"),
        ("{because: signal}", "because: expected 'signal', got 'confidence' (confidence wants >= 0.7, not 0.1)"),
        ("{argv: {look: [x]}}", "argv of look: expected ['x'], got None (confidence wants >= 0.7, not 0.1)"),
        ("{matched: false, because: confidence}", ""),
    ],
)
def test_a_symptom_that_does_not_match_says_which_line_refused(tmp_path: Path, expect: str, why: str) -> None:
    text = POOL.replace("confidence: 0.9", "confidence: 0.1")
    text = text.replace(
        "expect: {outcome: succeeded, ran: [look, wanted, grow], skipped: [clean]}", f"expect: {expect}"
    )
    (verdict,) = run_tests(loaded(tmp_path, text))
    assert verdict.why == why


def test_after_a_crash_in_a_step_the_rest_is_done(tmp_path: Path) -> None:
    """The step has a check, which finds that it is done."""
    (verdict,) = run_tests(loaded(tmp_path, POOL.replace("    approve_after: 3m", "    crash_at: grow\n    approve_after: 3m")))
    assert verdict == Verdict(verdict.name, True)


def test_a_condition_that_gives_a_text_is_for_a_person(tmp_path: Path) -> None:
    text = POOL.replace("if: steps.look.json.idle > 3", "if: steps.look.json.told").replace("idle: 0}", 'idle: 0, told: "no"}')
    (verdict,) = run_tests(loaded(tmp_path, text))
    assert (verdict.ok, "not true or false" in verdict.why) == (False, True)


def test_what_a_checked_step_gave_is_not_known_after_a_crash_in_it(tmp_path: Path) -> None:
    text = POOL.replace("    approve_after: 3m", "    crash_at: grow\n    approve_after: 3m")
    after = "\n  - {id: after, uses: compute, if: steps.grow.status == 200, with: {n: '1'}}\nverify:"
    (verdict,) = run_tests(loaded(tmp_path, text.replace("\nverify:", after)))
    assert (verdict.ok, "'undone' (" in verdict.why) == (False, True)


def test_a_crash_in_no_step_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="crash_at: no step 'grew'; did you mean grow"):
        loaded(tmp_path, POOL.replace("    approve_after: 3m", "    crash_at: grew\n    approve_after: 3m"))


@pytest.mark.parametrize(
    ("value", "expect", "good"),
    [(3, ">= 3", True), (2.9, ">= 3", False), (3, "== 3", True), (3, "!= 3", False), (-1, "< -0.5", True)],
)
def test_expectations_on_numbers(value: float, expect: str, good: bool) -> None:
    assert holds(value, expect) is good
