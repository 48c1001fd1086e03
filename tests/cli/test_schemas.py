"""`aiops schema`: JSON Schemas that accept what is shipped and refuse what shape can tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.config.yaml_file import load
from aiops.core.errors import FileError

ROOT = Path(__file__).parents[2]
BAD = sorted((ROOT / "tests" / "bad").glob("*.yaml"))
BEYOND_SHAPE = {
    "card.query_spread_over_lines",
    "card.query_too_deep",
    "card.test_of_what_it_never_gives",
    "config.password_in_url",
    "runbook.look_ups",
    "words.date_as_number",
    "yaml.duplicate_key",
    "yaml.list_key",
    "yaml.lone_surrogate",
    "yaml.merge_key",
    "yaml.million_digits_float",
    "yaml.number_key",
}
"""What JSON Schema cannot say: PromQL, CEL, calendars, other parts of the file, and YAML itself."""


def schema(kind: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["schema", kind])
    assert result.exit_code == 0
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def errors(kind: str, data: Any) -> list[str]:
    return [e.message for e in jsonschema.Draft202012Validator(schema(kind)).iter_errors(data)]


@pytest.mark.parametrize("kind", ["card", "runbook", "config"])
def test_each_is_a_schema_of_2020_12(kind: str) -> None:
    found = schema(kind)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(found)


def test_an_unknown_kind_is_a_usage_error_that_names_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["schema", "cards"])
    assert result.exit_code == 2
    assert "known: card, runbook, config" in result.stderr


def test_the_example_config_is_accepted() -> None:
    assert errors("config", load(ROOT / "config" / "aiops.example.yaml").data) == []


@pytest.mark.parametrize(
    "text",
    [
        "sources: {p: {kind: prometheus}}",
        "sources: {p: {kind: promotheus, url: 'http://h'}}",
        "log_level: loud",
        "limits: {series: 0}",
        "sources: {p: {kind: host, tokens: x}}",
        "routes: [{receiver: [a]}]",
        "stages: {a: loud}",
        "other: 1",
    ],
)
def test_a_config_whose_shape_is_wrong_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    assert errors("config", load(tmp_path / "c.yaml").data) != []


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.stem)
def test_a_bad_file_is_refused_where_shape_can_tell(path: Path) -> None:
    try:
        data = load(path).data
    except FileError:
        return  # no YAML at all
    if path.stem in BEYOND_SHAPE:
        return
    what = path.stem.split(".")[0]
    kind = {"card": "card", "runbook": "runbook", "words": "runbook", "config": "config"}.get(what, "card")
    assert errors(kind, data) != []


def test_the_list_of_what_shape_cannot_tell_names_files_that_are_there() -> None:
    assert {p.stem for p in BAD} >= BEYOND_SHAPE
