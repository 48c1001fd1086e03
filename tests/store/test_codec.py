"""Every record comes back from JSON as it went in."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings

from aiops.core.records import Crossing, EarlyWarning, Lineage, Outcome, Symptom
from aiops.store.codec import outcome_from, to_json, warning_from
from tests.store.samples import OUTCOMES, WARNINGS, warning


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


@settings(max_examples=200, deadline=None)
@given(WARNINGS)
def test_any_warning_comes_back(one: EarlyWarning) -> None:
    assert warning_from(through_json(to_json(one))) == one


@settings(max_examples=100, deadline=None)
@given(OUTCOMES)
def test_any_outcome_comes_back(one: Outcome) -> None:
    assert outcome_from(through_json(to_json(one))) == one


@pytest.mark.parametrize("record", [EarlyWarning, Symptom, Crossing, Lineage, Outcome])
def test_every_field_of_every_record_is_written(record: type) -> None:
    blank = record.__new__(record)
    for field in fields(record):  # type: ignore[arg-type]
        object.__setattr__(blank, field.name, field.name)
    assert to_json(blank) == {field.name: field.name for field in fields(record)}  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_hold_becomes_null(value: float) -> None:
    assert to_json(warning(record={"x": [value, {"y": value}]}))["record"] == {"x": [None, {"y": None}]}


def test_negative_zero_and_tiny_numbers_keep_every_bit() -> None:
    one = warning(told_latest_s=5e-324, act_before_s=-0.0)
    back = warning_from(through_json(to_json(one)))
    assert back.told_latest_s == 5e-324
    assert repr(back.act_before_s) == "-0.0"
