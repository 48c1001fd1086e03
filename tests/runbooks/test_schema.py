"""The JSON Schema of a runbook: it says the same as the program, as far as shape can tell."""

from __future__ import annotations

import contextlib
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from aiops.config.yaml_file import load
from aiops.core.errors import FileError
from aiops.runbooks import json_schema
from aiops.runbooks.check_action import mistakes_in, of_step
from tests.runbooks.samples import POOL, loaded

SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec"
SHIPPED = sorted((Path(__file__).parents[2] / "runbooks").rglob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def data_of(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_it_is_a_schema_of_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_runbook_that_writes_is_accepted() -> None:
    assert list(VALIDATOR.iter_errors(data_of(POOL))) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_every_shipped_runbook_is_accepted(path: Path) -> None:
    assert list(VALIDATOR.iter_errors(load(path).data)) == []


@pytest.mark.parametrize("name", ["db-pool-saturation", "disk-filling-up", "minimal"])
def test_the_examples_of_the_specification_are_accepted(name: str) -> None:
    path = SPEC / "runbooks" / f"{name}.yaml"
    if not path.exists():
        pytest.skip("the specification's examples are not beside the repository")
    assert list(VALIDATOR.iter_errors(load(path).data)) == []


def in_words_of_the_draft(data: dict[str, Any]) -> dict[str, Any]:
    """Without what is ours: what a run saves by hand, what becomes of an undo that is cut short, nodes that have no namespace."""
    data.pop("manual_minutes", None)
    for step in data["steps"]:
        for one in (step, step.get("undo", {})):
            if one.get("uses") == "kubernetes.cordon":
                one["with"] = {"kind": "Node", "namespace": "none"} | one["with"]
        step.get("undo", {}).pop("idempotent", None)
    return data


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_the_specifications_own_draft_accepts_what_we_ship(path: Path) -> None:
    draft = SPEC / "runbook.v1.schema.json"
    if not draft.exists():
        pytest.skip("the specification's schema is not beside the repository")
    data = in_words_of_the_draft(deepcopy(load(path).data))
    assert [e.message for e in jsonschema.Draft202012Validator(json.loads(draft.read_text())).iter_errors(data)] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    timeout: 1m\n", ""),
        ("    uses: compute\n", '    uses: compute\n    undo: {uses: notify, with: {route: web, message: "take it back"}}\n'),
        ("    idempotent: true\n", ""),
        ("    irreversible: Idle workers lose what they have cached.\n", ""),
        ("  cooldown: 1h\n", ""),
        ('approval: {for: write, from: ["group:web-sre"], expires: 20m}\n', ""),
        ("target_by: [service]\n", ""),
        ("mode: approve\n", ""),
        ("  cooldown: 1h\n", "  coldown: 1h\n  cooldown: 1h\n"),
        ("argv: [workers, --json", 'argv: ["${{ target.service }}", --json'),
        ("argv: [workers, --drop-idle", "argv: [workers, 5"),
        ("url: https://pool.example.org/v1/${{", "url: https://${{"),
        ("lead_time: {min: 10m, max: 12h}", "lead_time: {}"),
        ("for: 5m\ntarget_by", "for: 5\ntarget_by"),
        ("env=~", "env~"),
        ('expect: ">= 2"', 'expect: "=> 2"'),
        ("{name: forecast, forecast: clear}", "{name: forecast, forecast: clear, promql: up}"),
        ("uses: compute", "uses: shell"),
        ("{outcome: succeeded,", "{outcome: success,"),
        ("  signal: workers_free\n  labels", "  labels"),
        ('"group:web-sre"', '"web-sre"'),
    ],
)
def test_what_shape_can_tell_is_refused(old: str, new: str) -> None:
    assert POOL.count(old) == 1, old
    assert list(VALIDATOR.iter_errors(data_of(POOL.replace(old, new)))) != []


def test_every_field_is_described() -> None:
    for name, part in {**json_schema()["$defs"], "Runbook": json_schema()}.items():
        for key, field in part.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key}"


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ({}, True),
        ({"idempotent": True, "retry": {"attempts": 3}}, True),
        ({"check": {"promql": "up{$target}", "expect": "response.value >= 1"}}, True),
        ({"uses": "notify", "with": {"route": "web", "message": "take it back"}}, True),
        ({"idempotent": False}, False),
        ({"check": {"expect": "response.value >= 1"}}, False),
        ({"uses": "wait", "with": {"for": "5m"}}, False),
        ({"irreversible": "It is as it is."}, False),
    ],
)
def test_what_an_undo_may_say(tmp_path: Path, more: dict[str, Any], fits: bool) -> None:
    data = data_of(POOL)
    data["steps"][3]["undo"] |= more
    assert (list(VALIDATOR.iter_errors(data)) == []) is fits
    text = json.dumps(data)
    with contextlib.nullcontext() if fits else pytest.raises(FileError):
        loaded(tmp_path, text)


GIVEN: list[tuple[str, str, Any, bool]] = [
    ("wait", "", {"for": "5m"}, True),
    ("wait", "", {"for": 5}, False),
    ("wait", "", None, False),
    ("notify", "", {"route": "storage", "message": "${{ symptom.labels.mountpoint }} is full"}, True),
    ("notify", "", {"route": "${{ symptom.labels.team }}", "message": "x"}, False),
    ("alertmanager.silence", "write", {"labels": {"instance": "${{ symptom.labels.instance }}"}, "for": "1h"}, True),
    ("alertmanager.silence", "read", {"labels": {"instance": "x"}, "for": "1h"}, False),
    ("alertmanager.silence", "write", {"labels": {}, "for": "1h"}, False),
    ("alertmanager.silence", "write", {"labels": {"a-b": "x"}, "for": "1h"}, False),
    ("alertmanager.expire", "write", {"id": "${{ steps.first.id }}"}, True),
    ("kubernetes.get", "read", {"kind": "Pod", "namespace": "a", "name": "b"}, True),
    ("kubernetes.get", "read", {"kind": "Pod", "name": "b"}, False),
    ("kubernetes.get", "read", {"kind": "Node", "name": "b"}, True),
    ("kubernetes.get", "read", {"kind": "Secret", "namespace": "a", "name": "b"}, False),
    ("kubernetes.scale", "write", {"kind": "Deployment", "namespace": "a", "name": "b", "replicas": 3}, True),
    ("kubernetes.scale", "write", {"kind": "Deployment", "namespace": "a", "name": "b", "replica": 3}, False),
    ("kubernetes.restart", "write", {"kind": "Pod", "namespace": "a", "name": "b"}, False),
    ("kubernetes.cordon", "write", {"name": "b", "unschedulable": False}, True),
    ("kubernetes.cordon", "write", {"name": "b", "unschedulable": "no"}, False),
    ("kubernetes.delete", "write", {"name": "b"}, False),
    ("awx.launch", "write", {"job": "clean", "variables": {"mount": "${{ symptom.labels.mountpoint }}", "n": 3}}, True),
    ("awx.launch", "write", {"job": "${{ symptom.labels.job }}"}, False),
    ("rundeck.run", "write", {"job": "clean", "variables": {"aiops_key": "x"}}, False),
    ("stackstorm.run", "write", {"job": "ops.clean", "variables": ["x"]}, False),
]


@pytest.mark.parametrize(("uses", "effect", "given", "fits"), GIVEN)
def test_what_an_action_takes_is_the_same_for_an_editor_and_the_program(
    uses: str, effect: str, given: Any, fits: bool
) -> None:
    data = data_of(POOL)
    step = {"id": "extra", "uses": uses, "timeout": "1m", **({"effect": effect} if effect else {})}
    step |= {"idempotent": True, "irreversible": "It is as it is."} if effect == "write" else {}
    step |= {} if given is None else {"with": given}
    data["steps"].append(step)
    assert (list(VALIDATOR.iter_errors(data)) == []) is fits
    judged = [*mistakes_in(step), *of_step(step)]
    assert (judged == []) is fits, judged
