"""limits.json and labels.json: what they may say, and where each mistake in them is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from aiops.backtest.annexes import LimitRule, ignored_keys, read_limits, read_train_ends
from aiops.core.errors import FileError
from tests.backtest.recordings import write_json


def rule(folder: Path, what: Any) -> LimitRule:
    write_json(folder, "limits.json", {"a": {"x": what}})
    return read_limits(folder)["a"]["x"]


def test_without_the_files_there_is_nothing(tmp_path: Path) -> None:
    assert read_limits(tmp_path) == {}
    assert read_train_ends(tmp_path) == {}


def test_a_plain_limit_is_always_in_force(tmp_path: Path) -> None:
    found = rule(tmp_path, {"below": 5, "unit": "By", "capacity": 100, "resets": "monthly"})
    assert (found.above, found.at(-10), found.at(10**10), found.capacity, found.resets) == (False, 5.0, 5.0, 100.0, 2)
    assert math.isnan(rule(tmp_path, {"above": 1}).capacity)


def test_where_there_are_steps_they_alone_count_each_from_its_time_on(tmp_path: Path) -> None:
    found = rule(tmp_path, {"above": 7, "steps": [[200, 2.0], [100, 1.0]]})
    assert math.isnan(found.at(99))
    assert [found.at(t) for t in (100, 199, 200, 10**9)] == [1.0, 1.0, 2.0, 2.0]


def test_beside_steps_the_limit_gives_only_the_direction(tmp_path: Path) -> None:
    assert rule(tmp_path, {"below": None, "steps": [[0, 2.0]]}).above is False


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({}, 'either "above" or "below"'),
        ({"above": 1, "below": 2}, 'either "above" or "below"'),
        (5, 'either "above" or "below"'),
        ({"above": "5"}, "must be a finite number, not '5'"),
        ({"above": True}, "must be a finite number, not True"),
        ({"above": None}, "must be a finite number, not None"),
        ({"above": 1, "capacity": "much"}, "must be a finite number"),
        ({"above": 1, "resets": "weekly"}, "resets: must be"),
        ({"above": 1, "resets": ["daily"]}, "resets: must be"),
        ({"above": 1, "steps": 5}, "steps: must be a list of pairs"),
        ({"above": 1, "steps": [[1, 2, 3]]}, "steps: must be a list of pairs"),
        ({"above": 1, "steps": [["then", 2]]}, "must be a finite number, not 'then'"),
    ],
)
def test_a_bad_limit_is_named_by_entity_and_metric(what: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=said) as error:
        rule(tmp_path, what)
    assert [(m.path, m.field) for m in error.value.mistakes] == [(str(tmp_path / "limits.json"), "a.x")]


@pytest.mark.parametrize("text", ['{"a": {"x": {"above": NaN}}}', '{"a": {"x": {"above": 1e999}}}', "{", "", "\xff"])
def test_what_is_no_json_is_named_with_its_place(text: str, tmp_path: Path) -> None:
    write_json(tmp_path, "limits.json", "x").write_text(text, encoding="latin-1")
    with pytest.raises(FileError, match=r"limits\.json:\d+:\d+: no JSON"):
        read_limits(tmp_path)


@pytest.mark.parametrize("text", ["[]", "5", '{"a": 5}', '{"a": []}'])
def test_another_shape_is_refused(text: str, tmp_path: Path) -> None:
    write_json(tmp_path, "limits.json", text)
    with pytest.raises(FileError, match="must be a"):
        read_limits(tmp_path)


def test_every_bad_limit_is_named_at_once(tmp_path: Path) -> None:
    write_json(tmp_path, "limits.json", {"a": {"x": 1, "y": {"above": 2}}, "b": 3})
    with pytest.raises(FileError) as error:
        read_limits(tmp_path)
    assert [m.field for m in error.value.mistakes] == ["a.x", "b"]


def test_a_bad_limit_is_told_where_it_stands(tmp_path: Path) -> None:
    text = '{"a": {"x": {"above": 2, "steps": [[0, {"x": 1}]]},\n  "x2": {"above": 1}, "\\u0078y":5},\n "b":\n 3}'
    write_json(tmp_path, "limits.json", "x").write_text(text)
    with pytest.raises(FileError) as error:
        read_limits(tmp_path)
    assert [(m.field, m.line, m.column) for m in error.value.mistakes] == [("a.x", 1, 8), ("a.xy", 2, 23), ("b", 3, 2)]


def test_a_limit_without_its_metric_is_told_so(tmp_path: Path) -> None:
    write_json(tmp_path, "limits.json", {"a": {"x": {"above": 1}}, "ramp": {"above": 5, "unit": "By", "x": {"below": 1}}})
    with pytest.raises(FileError) as error:
        read_limits(tmp_path)
    (one,) = error.value.mistakes
    assert one.field == "ramp.above"
    assert one.message == """no metric is named between 'ramp' and "above"; write {METRIC: {"above": …}} there"""


def test_keys_that_say_nothing_are_named_once_each(tmp_path: Path) -> None:
    rule = {"above": 1, "unit": "By", "capacity": 2, "resets": "daily", "resetz": "daily"}
    write_json(tmp_path, "limits.json", {"a": {"x": rule, "y": {"above": 2, "resetz": 1}, "z": {"below": 2, "steps": [[0, 1]]}}})
    assert ignored_keys(tmp_path, read_limits(tmp_path)) == [
        f"{tmp_path / 'limits.json'}: a.x and 1 more: no key 'resetz', it is not used; "
        "there are above, below, unit, capacity, resets, steps"
    ]


def test_a_limits_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "limits.json").mkdir()
    with pytest.raises(FileError, match="cannot be read"):
        read_limits(tmp_path)


def test_of_the_labels_only_the_end_of_training_is_read(tmp_path: Path) -> None:
    write_json(tmp_path, "labels.json", {"x": 1, "entities": {"a": {"train_end": 10.5, "incidents": "?"}, "b": {}, "c": 3}})
    assert read_train_ends(tmp_path) == {"a": 11}


@pytest.mark.parametrize("labels", [{"entities": []}, {"entities": {"a": {"train_end": "soon"}}}, []])
def test_bad_labels_are_refused(labels: Any, tmp_path: Path) -> None:
    write_json(tmp_path, "labels.json", labels)
    with pytest.raises(FileError, match=r"labels\.json"):
        read_train_ends(tmp_path)
