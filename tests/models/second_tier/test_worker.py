"""Requests and answers of a worker."""

from __future__ import annotations

import json

import numpy as np

from aiops.models.second_tier.worker import answer, packed, unpacked

FAULTY = "tests.models.second_tier.faulty:"


def request(name: str, **settings: float) -> bytes:
    return packed({"kind": FAULTY + name, "settings": settings}, np.arange(3, dtype=np.float32))


def test_what_is_packed_is_json_and_numbers_and_comes_back() -> None:
    values = np.array([10.0, np.nan, 1e300])  # 10 is also the byte of a line's end
    message = packed({"a": 1}, values)
    assert json.loads(message.split(b"\n", 1)[0]) == {"a": 1}
    head, back = unpacked(message, "float64")
    assert head == {"a": 1}
    np.testing.assert_array_equal(back, values)


def test_an_answer_has_the_numbers_and_what_they_cost() -> None:
    head, found = unpacked(answer(request("burn", seconds=0.05)), "float64")
    assert head["error"] == ""
    assert head["cpu"] >= 0.05
    assert found.tolist() == [0.0, 1.0, 2.0]


def test_a_failure_is_an_answer() -> None:
    head, found = unpacked(answer(request("refuse")), "float64")
    assert head["error"] == "ValueError: no"
    assert len(found) == 0


def test_a_function_that_is_not_there_is_a_failure() -> None:
    head, _ = unpacked(answer(request("nobody")), "float64")
    assert head["error"].startswith("AttributeError")
