"""Runbooks as CACAO playbooks: whole graphs of known parts, whatever the runbook holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from aiops.runbooks import Runbook, load_runbook
from aiops.runbooks.cacao import playbook
from tests.shipped import BOOKS

ID = re.compile(r"^[a-z][a-z0-9-]+[a-z0-9]--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
VARIABLE = re.compile(r"__[a-zA-Z][a-zA-Z0-9_-]{0,199}?__(?=:value)")
NEXT = ("on_completion", "on_true", "on_false")
GROWS = """\
apiVersion: aiops/v1
kind: Runbook
name: volume-grows
summary: A volume is forecast to fill. Look, then clean up or grow it.
owner: {team: storage, reviewed: "2026-11-01"}
docs: https://example.net/volume-grows
mode: approve
match: {kind: forecast, signal: free}
target_by: [instance, mountpoint]
guards:
  cooldown: 6h
  max_runs: {count: 2, per: 1d}
  max_targets: {count: 3, per: 1h}
  require: [{name: fresh, promql: "time() - max(timestamp(free{$target}))", expect: "< 300"}]
approval: {for: write, from: ["group:storage"], expires: 20m}
steps:
  - {id: inspect, uses: exec, effect: read, with: {host: "${{ symptom.labels.instance }}", argv: [report, --, "${{ symptom.labels.mountpoint }}"]}, output: json, timeout: 30s}
  - id: clean
    if: steps.inspect.json.junk > 5
    uses: exec
    effect: write
    with: {argv: [clean, --, "${{ symptom.labels.mountpoint }}"]}
    idempotent: true
    irreversible: what is deleted is gone for good
    timeout: 1m
  - id: grow
    if: steps.inspect.json.junk <= 5
    uses: http
    effect: write
    with: {method: PUT, url: "https://volumes.example/v1/${{ steps.inspect.json.id }}", json: {size: "${{ steps.inspect.json.next }}"}}
    check: {url: "https://volumes.example/v1/${{ steps.inspect.json.id }}", expect: response.size > 1}
    irreversible: volumes cannot be made smaller
    timeout: 1m
verify: {within: 30m, all: [{name: free again, promql: "min(free{$target})", expect: ">= 0.2"}, {name: no crossing, forecast: clear}]}
notify: {route: default, impact: Writes will fail.}
tests: [{name: other, symptom: {kind: forecast, signal: else, labels: {}}, expect: {matched: false}}]
"""  # noqa: E501 - a step on one line


@pytest.fixture
def grows(tmp_path: Path) -> Runbook:
    file = tmp_path / "volume-grows.yaml"
    file.write_text(GROWS)
    return load_runbook(file)


def whole(found: dict[str, Any]) -> None:
    """Every part has an id, every reference leads somewhere, from the start every step is reached and leads to an end."""
    flow, seen, ahead = found["workflow"], set(), [found["workflow_start"]]
    while ahead:
        at = ahead.pop()
        if at not in seen:
            seen.add(at)
            ahead += [flow[at][name] for name in NEXT if name in flow[at]]
    assert seen == set(flow)
    for name, part in flow.items():
        assert ID.match(name), name
        assert name.startswith(part["type"] + "--")
        assert ("on_completion" in part) == (part["type"] != "end")
        if part["type"] == "action":
            assert part["agent"] in found["agent_definitions"]
            assert part["commands"]
    assert all(ID.match(name) and one["name"] for name, one in found["agent_definitions"].items())
    assert sum(part["type"] == "action" for part in flow.values()) >= 1
    used = set(VARIABLE.findall(json.dumps(found)))
    assert used <= set(found.get("playbook_variables", {}))
    assert "${{" not in json.dumps(found)


@pytest.mark.parametrize("book", BOOKS, ids=lambda one: one.name)
def test_every_shipped_runbook_becomes_a_whole_playbook(book: Runbook) -> None:
    whole(playbook(book))
    assert playbook(book) == playbook(book)


def test_steps_stand_in_order_with_the_approval_before_the_first_that_writes(grows: Runbook) -> None:
    found = playbook(grows)
    whole(found)
    at, names = found["workflow_start"], []
    while "on_completion" in found["workflow"][at]:
        at = found["workflow"][at]["on_completion"]
        names.append(found["workflow"][at].get("name", ""))
    assert names == ["inspect", "approval", "if clean", "if grow", "verify free again", "verify no crossing", ""]


def test_a_condition_leads_to_its_step_alone(grows: Runbook) -> None:
    flow = playbook(grows)["workflow"]
    (clean,) = (part for part in flow.values() if part.get("name") == "if clean")
    inside = flow[clean["on_true"]]
    assert inside["commands"][0]["command"] == "clean -- __mountpoint__:value"
    assert flow[inside["on_completion"]] == {"type": "end"}
    assert clean["condition"] == "steps.inspect.json.junk > 5"


def test_a_request_keeps_its_path_and_its_body(grows: Runbook) -> None:
    found = playbook(grows)
    (grow,) = (part for part in found["workflow"].values() if part.get("name") == "grow")
    (command,) = grow["commands"]
    assert command["command"] == "PUT /v1/__steps_inspect_json_id__:value HTTP/1.1"
    assert json.loads(command["content"]) == {"size": "__steps_inspect_json_next__:value"}
    assert found["agent_definitions"][grow["agent"]]["address"] == {"dname": ["volumes.example"]}
    assert found["playbook_variables"]["__steps_inspect_json_id__"]["external"] is False


def test_a_query_asks_for_the_target(grows: Runbook) -> None:
    (verify,) = (part for part in playbook(grows)["workflow"].values() if part.get("name") == "verify free again")
    asked = unquote(verify["commands"][0]["command"])
    assert 'instance="__instance__:value"' in asked
    assert 'mountpoint="__mountpoint__:value"' in asked


def test_what_the_format_has_no_place_for_stands_in_words(grows: Runbook) -> None:
    found = playbook(grows)
    assert "At most once in 6h for a target." in found["description"]
    assert "fresh" in found["description"]
    assert found["created"] == "2026-11-01T00:00:00.000Z"
    assert "At most 3 targets in 1h." in found["description"]


def flat(value: Any, place: str = "") -> dict[str, Any]:
    """Every plain value by its place."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: dict[str, Any] = {}
    for key, one in inside:
        found |= flat(one, f"{place}.{key}")
    return found if isinstance(value, dict | list) and value else {place: value}


@pytest.mark.parametrize("book", BOOKS, ids=lambda one: one.name)
def test_no_key_of_a_runbook_is_left_out_but_its_tests(book: Runbook) -> None:
    found = playbook(book)
    (extension,) = found["extension_definitions"]
    kept = dict(found["playbook_extensions"][extension])
    actions = [part for part in found["workflow"].values() if extension in part.get("step_extensions", {})]
    kept["steps"] = [part["step_extensions"][extension] for part in actions]
    kept["steps"].sort(key=lambda step: [one.id for one in book.steps].index(step["id"]))
    written = book.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"tests"})
    written["steps"] = [one.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True) for one in book.steps]
    assert flat(kept).keys() == flat(written).keys()
    plain = {place: value for place, value in flat(written).items() if not (isinstance(value, str) and "${{" in value)}
    assert {place: flat(kept)[place] for place in plain} == plain


def test_a_program_has_its_host_its_environment_and_its_time(tmp_path: Path) -> None:
    file = tmp_path / "volume-grows.yaml"
    file.write_text(GROWS.replace("argv: [report, --,", 'env: {AT: "${{ symptom.labels.mountpoint }}"}, argv: [report, --,'))
    found = playbook(load_runbook(file))
    whole(found)
    (inspect,) = (part for part in found["workflow"].values() if part.get("name") == "inspect")
    assert inspect["commands"][0]["command"] == "env AT=__mountpoint__:value report -- __mountpoint__:value"
    assert found["agent_definitions"][inspect["agent"]]["address"] == {"dname": ["__instance__:value"]}
    assert inspect["timeout"] == 30_000


def test_secrets_are_exported_by_their_names_alone(tmp_path: Path) -> None:
    file = tmp_path / "volume-grows.yaml"
    more = "auth: {bearer: {secret: volumes}}, headers: {X-Team: storage}"
    file.write_text(GROWS.replace("with: {method: PUT,", f"with: {{method: PUT, {more},"))
    found = playbook(load_runbook(file))
    (grow,) = (part for part in found["workflow"].values() if part.get("name") == "grow")
    (kept,) = grow["step_extensions"].values()
    assert kept["with"]["auth"] == {"bearer": {"secret": "volumes"}}
    assert grow["commands"][0]["headers"] == {"X-Team": ["storage"]}
