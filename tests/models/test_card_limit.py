from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from aiops.core.errors import FileError
from aiops.models.card import json_schema, load_card
from aiops.models.card_limit import LimitRule

CARD = """apiVersion: aiops/v1
kind: ModelCard
name: quota_used
summary: A quota will be used up.
owner: {team: platform}
query: sum by (namespace) (used)
entity: [namespace]
forecast:
  limit: {LIMIT}
tests:
  - name: fills
    series: {'{namespace="a"}': "1+1x100"}
    TEST
    at: 1h
    expect: {symptom: exhaustion}
"""


def rule(**parts: Any) -> LimitRule:
    return LimitRule.model_validate(parts)


def mistakes(tmp_path: Path, limit: str, test: str = "") -> list[str]:
    path = tmp_path / "quota_used.yaml"
    path.write_text(CARD.replace("{LIMIT}", limit).replace("    TEST\n", f"    {test}\n" if test else ""))
    try:
        load_card(path)
    except FileError as e:
        return [f"{m.line}:{m.column}: {m.field}: {m.message}" for m in e.mistakes]
    return []


def test_a_limit_has_one_side() -> None:
    assert (rule(below=0.05).number, rule(below=0.05).is_above) == (0.05, False)
    for wrong in ({}, {"above": 1.0, "below": 0.0}):
        with pytest.raises(ValidationError, match="exactly one"):
            LimitRule.model_validate(wrong)


def test_a_limit_may_be_a_query() -> None:
    asked = rule(above="sum by (namespace) (hard)", on=["namespace"])
    assert (asked.query, asked.is_above) == ("sum by (namespace) (hard)", True)
    assert math.isnan(asked.number)
    assert np.isnan(asked.of(2, "UTC").value).all()


def test_a_quota_starts_again_on_the_clock_of_the_limit_else_of_the_card() -> None:
    now = np.array([1_782_900_000])  # 1 July 2026, 10:00 UTC
    midnight = 1_782_864_000
    for limit, zone, begun in (
        (rule(above=1.0, resets="monthly"), "UTC", None),
        (rule(above=1.0, resets="monthly"), "Europe/Berlin", midnight - 7200),
        (rule(above=1.0, resets="monthly", time_zone="Asia/Tokyo"), "Europe/Berlin", midnight - 9 * 3600),
        (rule(above=1.0, resets="0 6 * * *"), "UTC", midnight + 6 * 3600),
    ):
        made = limit.of(1, zone)
        if begun is None:
            assert (made.resets.tolist(), made.periods) == ([2], ())
        else:
            assert made.periods[made.resets[0] - 3].begun(now).tolist() == [begun]


@pytest.mark.parametrize(
    ("limit", "test", "wanted"),
    [
        ('{above: "sum by (namespace) (hard"}', "", "9:38: forecast.limit.above: is no PromQL"),
        ('{above: "12"}', "", "9:11: forecast.limit.above: '12' is a number"),
        ('{above: " "}', "", "9:11: forecast.limit.above: is empty"),
        ("{above: 12, on: [namespace]}", "", "9:22: forecast.limit.on: belongs to a limit that is a query"),
        ("{above: 12, time_zone: Europe/Berlin}", "", "9:22: forecast.limit.time_zone: says on whose clock"),
        ("{above: 12, resets: sometimes}", "", "9:22: forecast.limit.resets: 'sometimes' has 1 fields"),
        ('{above: 12, resets: "*/5 * * * *"}', "", "9:22: forecast.limit.resets: '*/5 * * * *' comes more than 4 times a day"),
        ("{above: 12, resets: monthly, time_zone: Mars}", "", "9:39: forecast.limit.time_zone: 'Mars' is no time zone"),
        ("{above: hard}", "", "11:5: tests[0]: this card's limit is a query"),
        ("{above: hard}", "limits: {'{namespace=': \"5x100\"}", "13:14: tests[0].limits"),
        ("{above: 12}", "limits: {'{namespace=\"a\"}': \"5x100\"}", "13:5: tests[0].limits: this card's limit is no query"),
    ],
)  # fmt: skip
def test_a_mistake_stands_where_it_was_made(tmp_path: Path, limit: str, test: str, wanted: str) -> None:
    found = mistakes(tmp_path, limit, test)
    assert any(one.startswith(wanted) for one in found), found


def test_what_is_right_is_right_and_says_so_in_the_schema(tmp_path: Path) -> None:
    given = "limits: {'{namespace=\"a\"}': \"50x100\"}"
    assert mistakes(tmp_path, "{above: hard, on: [namespace], resets: weekly, time_zone: Europe/Berlin}", given) == []
    whole = {
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "quota_used", "summary": "A quota will be used up.",
        "owner": {"team": "platform"}, "query": "used", "time_zone": "Europe/Berlin",
    }  # fmt: skip
    schema = jsonschema.Draft202012Validator(json_schema())
    for limit in ({"above": "hard", "resets": "monthly"}, {"below": 0.1}):
        assert not list(schema.iter_errors({**whole, "forecast": {"limit": limit}}))
    for limit in ({}, {"above": 1, "below": 2}, {"above": True}):
        assert list(schema.iter_errors({**whole, "forecast": {"limit": limit}}))
