"""Types that files share: durations with their unit, matchers, and helpers that read data as it is written."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from aiops.config.fields import Duration, MatcherText, Step, at, items, repeated, span
from aiops.config.yaml_file import FROM_FILE

DURATION, STEP, MATCHER = TypeAdapter(Duration), TypeAdapter(Step), TypeAdapter(MatcherText)


@pytest.mark.parametrize(("text", "seconds"), [("5m", 300.0), ("1h30m", 5400.0), ("250ms", 0.25), ("0s", 0.0), (0, 0.0)])
def test_a_duration_in_a_file(text: object, seconds: float) -> None:
    assert DURATION.validate_python(text, context=FROM_FILE) == seconds


@pytest.mark.parametrize("text", [5, 5.0, "5", "1.5h", "-5m", "5 m", "", True, None, ["5m"], float("nan")])
def test_what_is_no_duration_in_a_file(text: object) -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python(text, context=FROM_FILE)


def test_code_may_give_seconds() -> None:
    assert DURATION.validate_python(90) == 90.0


@pytest.mark.parametrize("text", ["0s", "1500ms", "0.5s"])
def test_a_step_is_whole_seconds(text: str) -> None:
    with pytest.raises(ValidationError):
        STEP.validate_python(text, context=FROM_FILE)


def test_a_matcher_is_written_back_as_it_reads() -> None:
    found = MATCHER.validate_python('env=~"prod|stage"')
    assert found.matches({"env": "stage"})
    assert MATCHER.dump_python(found) == 'env=~"prod|stage"'
    with pytest.raises(ValidationError, match="is no matcher"):
        MATCHER.validate_python("env")


def test_data_as_it_is_written_is_read_without_trust() -> None:
    raw = {"a": [{"b": "5m"}, 3], "c": "x"}
    assert at(raw, "a", 0, "b") == "5m"
    assert [at(raw, "a", 9), at(raw, "c", "d"), at(None, "a"), at(raw, "a", 1, "b")] == [None] * 4
    assert (items(raw, "a"), items(raw, "c"), items(None, "a")) == (raw["a"], [], [])
    assert (span(raw, "a", 0, "b"), span(raw, "c"), span(raw, "z")) == (300.0, None, None)
    assert list(repeated(["a", "b", "a", {}, {}, "a"])) == [(2, 0), (5, 0)]
