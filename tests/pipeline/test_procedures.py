"""A runbook as the engine sees it: every look-up replaced or refused, every condition answered or unclear, classes as written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from aiops.core.programs import WRITTEN
from aiops.pipeline.procedures import klass_of, procedure_of, rendered, runbook_of, snapshot_of
from aiops.responses.procedure import Procedure, Unclear
from aiops.runbooks import Runbook
from tests.responses.rig import READ, WRITE, book, load
from tests.runbooks.hostile import VALUES
from tests.shipped import BOOKS

CONTEXT: dict[str, Any] = {
    "symptom": {"labels": {"instance": "db1", "bad": "--all"}, "confidence": 0.9},
    "target": {"instance": "db1"},
    "steps": {"look": {"json": {"n": 3, "name": "a/b"}}},
}
PLAIN = {k: v for k, v in WRITE.items() if k not in ("idempotent", "irreversible")}
CHECK: dict[str, Any] = {"promql": "up{$target}", "expect": "response.value >= 1"}
BACK: dict[str, Any] = {"uses": "plugin.count", "with": {"at": "${{ target.instance }}"}}
FINAL = {"irreversible": "What is gone is gone for good."}


def procedure(tmp_path: Path, *steps: dict[str, Any], **more: Any) -> Procedure:
    return procedure_of(load(tmp_path, book(*steps, **more)))


@pytest.mark.parametrize("one", BOOKS, ids=lambda b: b.name)
def test_the_revision_that_is_kept_is_read_as_it_was(one: Runbook) -> None:
    kept = json.loads(json.dumps(snapshot_of(one)))
    again = runbook_of(kept)
    assert (snapshot_of(again), again.sha) == (kept, one.sha)
    assert procedure_of(again).steps == procedure_of(one).steps


def test_a_revision_that_this_version_cannot_read_is_said_to_be_one() -> None:
    with pytest.raises(Unclear, match="cannot be read any more"):
        runbook_of({"sha": "x", "runbook": {"name": "x", "steps": [{"uses": "telepathy"}]}})


@pytest.mark.parametrize(
    ("step", "klass"),
    [
        (READ, "pure"),
        ({**PLAIN, **FINAL, "idempotent": True}, "idempotent"),
        ({**PLAIN, **FINAL, "check": CHECK}, "checked"),
        ({**PLAIN, **FINAL, "check": CHECK, "idempotent": True}, "checked"),
    ],
)
def test_what_may_be_done_again_is_as_the_author_says(tmp_path: Path, step: dict[str, Any], klass: str) -> None:
    one = load(tmp_path, book(step))
    assert klass_of(one.steps[0]) == klass
    assert procedure_of(one).steps[0].repeatable is ("idempotent" in step)


@pytest.mark.parametrize(
    ("undo", "klass"),
    [
        ({"uses": "notify", "with": {"route": "pager", "message": "take it back"}}, "pure"),
        ({**BACK, "idempotent": True}, "idempotent"),
        ({**BACK, "check": CHECK}, "checked"),
        (BACK, "once"),
    ],
)
def test_what_takes_back_is_of_a_class_of_its_own(tmp_path: Path, undo: dict[str, Any], klass: str) -> None:
    (step,) = procedure(tmp_path, {**PLAIN, "idempotent": True, "output": "json", "undo": undo}).steps
    assert step.undo is not None
    assert (step.klass, step.undo.klass, step.undo.output, step.undo.attempts) == ("idempotent", klass, "text", 1)


def test_what_takes_back_has_a_check_of_its_own(tmp_path: Path) -> None:
    own = {"url": "https://h/${{ steps.fix.json.name }}", "expect": "response.size == steps.fix.json.was"}
    language = procedure(tmp_path, {**PLAIN, "check": CHECK, "undo": {**BACK, "check": own}}).language
    context = {**CONTEXT, "steps": {"fix": {"json": {"name": "v1", "was": 3}}}}
    assert language.check(0, context)[0] == "promql"
    uses, given = language.check(0, context, undo=True)
    assert (uses, given.given) == ("http", {"method": "GET", "url": "https://h/v1"})
    assert language.checked(0, context, {"size": 3}, undo=True)
    assert not language.checked(0, context, {"size": 4}, undo=True)


def test_what_an_action_is_given_keeps_types_and_hides_nothing() -> None:
    given = rendered("kubernetes.scale", {"n": "${{ steps.look.json.n }}", "name": "x-${{ symptom.labels.instance }}"}, CONTEXT)
    assert (given.given, given.refused) == ({"n": 3, "name": "x-db1"}, "")


@pytest.mark.parametrize(
    ("uses", "with_", "refused"),
    [
        ("exec", {"argv": ["df", "${{ symptom.labels.bad }}"]}, "would be read as an option"),
        ("exec", {"argv": ["df", "${{ symptom.labels.none }}"]}, "an argument is empty"),
        ("exec", {"argv": ["df", "--", "${{ symptom.labels.bad }}"]}, ""),
        ("exec", {"argv": ["df"], "host": "${{ symptom.labels.bad }}"}, "is no host"),
        ("http", {"method": "GET", "url": "https://h/${{ steps.look.json.name }}"}, ""),
    ],
)
def test_what_must_not_be_sent_is_refused(uses: str, with_: dict[str, Any], refused: str) -> None:
    found = rendered(uses, with_, CONTEXT).refused
    assert refused in found
    assert bool(refused) == bool(found)


def test_a_value_stays_inside_its_part_of_a_url() -> None:
    found = rendered("http", {"method": "GET", "url": "https://h/v/${{ steps.look.json.name }}"}, CONTEXT)
    assert found.given["url"] == "https://h/v/a%2Fb"


def test_a_look_up_that_finds_nothing_is_unclear() -> None:
    with pytest.raises(Unclear, match=r"steps.gone.json is not known"):
        rendered("http", {"url": "https://h/", "json": {"a": ["${{ steps.gone.json }}"]}}, CONTEXT)


@given(VALUES)
def test_whatever_a_label_says_the_number_of_arguments_is_the_authors(value: str) -> None:
    context = {**CONTEXT, "symptom": {"labels": {"instance": value}}, "target": {"instance": value}}
    found = rendered("exec", {"argv": ["du", "--", "${{ symptom.labels.instance }}", "-x"]}, context)
    assert len(found.given["argv"]) == 4
    assert found.refused or found.given["argv"][2] == value


def test_conditions_and_checks_are_true_false_or_unclear(tmp_path: Path) -> None:
    one = procedure(tmp_path, READ, {**WRITE, "if": "steps.look.json.n > 2"}, {**PLAIN, **FINAL, "id": "last", "check": CHECK})
    language = one.language
    assert (language.condition(0, CONTEXT), language.condition(1, CONTEXT)) == (True, True)
    with pytest.raises(Unclear):
        language.condition(1, {**CONTEXT, "steps": {}})
    with pytest.raises(Unclear, match="gave 'no', not true or false"):
        procedure(tmp_path, READ, {**WRITE, "if": "steps.look.json.told"}).language.condition(
            1, {**CONTEXT, "steps": {"look": {"json": {"told": "no"}}}}
        )
    assert language.checked(2, CONTEXT, {"value": 1.0})
    assert not language.checked(2, CONTEXT, {"value": 0.0})
    with pytest.raises(Unclear):
        language.checked(2, CONTEXT, {})


@pytest.mark.parametrize(
    ("check", "uses", "given"),
    [
        ({"promql": "up{$target}"}, "promql", {"query": "up{$target}"}),
        ({"url": "https://h/v/${{ target.instance }}"}, "http", {"method": "GET", "url": "https://h/v/db1"}),
        (
            {"argv": ["test", "-e", "${{ target.instance }}"]},
            "exec",
            {"argv": ["test", "-e", "db1"], WRITTEN: [["test"], ["-e"], ["", ""]]},
        ),
    ],
)
def test_a_check_asks_in_one_of_three_ways(tmp_path: Path, check: dict[str, Any], uses: str, given: dict[str, Any]) -> None:
    step = {**PLAIN, **FINAL, "check": {**check, "expect": "response.value >= 1"}}
    found, how = procedure(tmp_path, step).language.check(0, CONTEXT)
    assert (found, how.given, how.refused) == (uses, given, "")


def test_a_check_goes_where_the_step_goes(tmp_path: Path) -> None:
    with_ = {"host": "${{ target.instance }}", "argv": ["fix"]}
    check = {"argv": ["test"], "expect": "response.rc == 0"}
    step = {**PLAIN, **FINAL, "uses": "exec", "with": with_, "check": check}
    assert procedure(tmp_path, step).language.check(0, CONTEXT)[1].given == {"host": "db1", "argv": ["test"], WRITTEN: [["test"]]}


def test_a_number_that_is_none_fulfils_nothing(tmp_path: Path) -> None:
    holds = procedure(tmp_path).language.holds
    assert (holds(1.0, "< 2"), holds(float("nan"), "< 2"), holds(float("nan"), "!= 2")) == (True, False, False)


def test_a_plan_shows_what_is_skipped_and_what_is_not_known_yet(tmp_path: Path) -> None:
    first = {**WRITE, "if": "steps.look.json.n > 5"}
    second = {**WRITE, "id": "second", "with": {"n": "${{ steps.fix.rc }}"}}
    plan = procedure(tmp_path, READ, first, second).language.plan([1, 2], CONTEXT)
    assert [one["what"] for one in plan] == ["skipped: its condition is false", "plugin.count n: <from fix>"]
    assert plan[1]["irreversible"] == WRITE["irreversible"]


def test_limits_approval_and_verification_are_as_written(tmp_path: Path) -> None:
    one = procedure(tmp_path)
    assert (one.limits.cooldown_s, one.limits.max_runs, one.limits.max_targets, one.limits.kind) == (3600.0, 2, 3, "instance")
    assert one.asking is not None
    assert (one.asking.who, one.asking.expires_s) == (("group:sre",), 1200.0)
    assert one.verify is not None
    assert [(v.name, v.for_s) for v in one.verify.all] == [("room", 300.0)]
    assert (one.writes, one.owner) == (True, "sre")
