"""A model card: what it means when it is right. What is wrong, word for word: tests/bad."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from ruamel.yaml import YAML

from aiops.config.yaml_file import load
from aiops.core.errors import FileError
from aiops.models.card import ModelCard, json_schema, load_card, load_cards
from tests.mangled import mangled

CARD = """\
apiVersion: aiops/v1
kind: ModelCard
name: disk_full
summary: A filesystem will run out of space.
owner: {team: storage-sre}
sources: [prod-eu]
query: >-
  node_filesystem_avail_bytes{fstype!~"ramfs|squashfs"}
  / node_filesystem_size_bytes{fstype!~"ramfs|squashfs"}
signal: filesystem_free_ratio
unit: "1"
step: 1m
history: 35d
entity: [instance, mountpoint]
cohort: [job, mountpoint]
forecast: {model: exhaustion, limit: {below: 0.05}, horizon: 3d}
detect: {model: seasonal}
guards: {min_relative_change: 0.2, persistence: 3/5, on_missing: unknown}
exclude: [{cron: "0 3 * * *", for: 40m, match: ['mountpoint="/var/tmp"']}]
truth: {crossing: true, alerts: ['alertname="NodeFilesystemAlmostOutOfSpace"']}
false_alarm_budget: {count: 15, per: 100_series, every: 7d}
stage: shadow
promote_when: {settled: 20, precision_at_least: 0.7, median_lead: 2h, false_per_week_at_most: 2}
tests:
  - name: fills in six hours
    series: {'{instance="a",mountpoint="/"}': "0.60-0.001x500"}
    at: 6h
    expect: {symptom: exhaustion, crossing: {after: 2h, before: 5h}}
"""
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
SHIPPED = sorted((Path(__file__).parents[2] / "models").glob("*.yaml"))


def loaded(tmp_path: Path, text: str = CARD, name: str = "disk_full.yaml") -> ModelCard:
    path = tmp_path / name
    path.write_text(text)
    return load_card(path)


def test_the_card_of_the_design_loads_unchanged(tmp_path: Path) -> None:
    card = loaded(tmp_path)
    assert card.forecast is not None
    assert (card.forecast.limit.below, card.forecast.horizon_s) == (0.05, 3 * 86400)
    assert (card.guards.need, card.guards.of) == (3, 5)
    assert (card.step_s, card.history_s) == (60, 35 * 86400)
    assert card.anomaly_budget_per_week == pytest.approx(0.15)
    assert len(card.sha) == 12


def test_a_signal_that_is_not_written_is_the_name(tmp_path: Path) -> None:
    assert loaded(tmp_path, CARD.replace("signal: filesystem_free_ratio\n", "")).signal == "disk_full"


def test_a_budget_for_another_span_is_counted_by_the_week(tmp_path: Path) -> None:
    card = loaded(
        tmp_path, CARD.replace("{count: 15, per: 100_series, every: 7d}", "{count: 1, per: entity, every: 14d}")
    )
    assert card.anomaly_budget_per_week == pytest.approx(0.5)


def test_an_excluded_span_lasts_as_long_as_it_says(tmp_path: Path) -> None:
    (span,) = loaded(tmp_path).exclude
    three = 3 * 3600
    assert span.lasts(np.array([three - 1, three, three + 2399, three + 2400])).tolist() == [False, True, True, False]


def test_a_key_of_a_series_that_looks_like_a_path_is_placed_right(tmp_path: Path) -> None:
    with pytest.raises(FileError) as e:
        loaded(tmp_path, CARD.replace("""'{instance="a",mountpoint="/"}': "0.60-0.001x500\"""", """'{a="[x]"}': 5"""))
    (mistake,) = e.value.mistakes
    assert (mistake.line, mistake.column, mistake.field) == (26, 14, 'tests[0].series.{a="[x]"}')


def test_an_unknown_parameter_of_a_model_is_told_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(FileError) as e:
        loaded(tmp_path, CARD.replace("detect: {model: seasonal}", "detect:\n  params: {no_such_parameter: 3}"))
    (mistake,) = e.value.mistakes
    assert (mistake.line, mistake.column, mistake.field) == (18, 12, "detect.params.no_such_parameter")


def test_one_name_twice_is_told_at_the_name(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(CARD)
    with pytest.raises(FileError) as e:
        load_cards([tmp_path])
    (mistake,) = e.value.mistakes
    assert (Path(mistake.path).name, mistake.line, mistake.field) == ("b.yaml", 3, "name")


def test_a_folder_without_cards_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no model card"):
        load_cards([tmp_path])


def test_the_schema_is_one_of_2020_12_and_accepts_the_card(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    (tmp_path / "c.yaml").write_text(CARD)
    assert list(VALIDATOR.iter_errors(load(tmp_path / "c.yaml").data)) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_the_schema_accepts_every_shipped_card(path: Path) -> None:
    assert [e.message for e in VALIDATOR.iter_errors(load(path).data)] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{below: 0.05}", "{below: 0.05, above: 1}"),
        ("{below: 0.05}", "{}"),
        ("{below: 0.05}", "{below: [0.05]}"),
        ("forecast: {model: exhaustion, limit: {below: 0.05}, horizon: 3d}\ndetect: {model: seasonal}\n", ""),
        ("stage: shadow", "stage: loud"),
        ("step: 1m", "step: 60"),
        ("kind: ModelCard", "kind: Card"),
        ("owner: {team: storage-sre}", "owner: {}"),
        ("guards: {", "guards: {persistance: 3/5, "),
    ],
)
def test_the_schema_refuses_what_shape_can_tell(tmp_path: Path, old: str, new: str) -> None:
    assert CARD.count(old) == 1
    (tmp_path / "c.yaml").write_text(CARD.replace(old, new))
    data: Any = load(tmp_path / "c.yaml").data
    assert list(VALIDATOR.iter_errors(data)) != []


def test_every_field_is_described() -> None:
    for name, part in {**json_schema()["$defs"], "ModelCard": json_schema()}.items():
        for key, field in part.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key}"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=mangled(YAML(typ="safe").load(CARD)))
def test_whatever_stands_where_only_mistakes_come_of_it(data: Any, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps(data))  # JSON is YAML, but for what no file may hold
    with suppress(FileError):
        load_card(path)
