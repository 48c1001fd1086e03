"""Outcomes of a replay come from a file: read as they are written, refused with the line, never taken for lived ones."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.records import Crossing, Outcome
from aiops.outcomes.replayed import read
from aiops.store.codec import to_json

NOW = 100_000.0
HIT = Outcome(
    "w1", "disk_full", {"instance": "a"}, "hit", 9000, 1000, 8000, 7000.0, 500.0, True, detail="came", well_timed=True,
    told=Crossing(7000.0, 8500.0, 9000.0), truth="crossing", about={"kind": "exhaustion"},
    raw={"confidence": 0.7, "expected_s": 8500.0},
)  # fmt: skip
MISSED = Outcome("", "disk_full", {"instance": "b"}, "missed", 9000, None, 8000, None, None, None)


def line(one: Outcome, **changes: Any) -> bytes:
    return orjson.dumps({**to_json(one), **changes})


def test_what_the_store_writes_is_read_and_marked() -> None:
    found = read([line(HIT), b"", line(MISSED), line(HIT, origin="", acted=True)], NOW)
    assert [o.origin for o in found] == ["replay"] * 3
    assert [to_json(o) for o in found] == [{**to_json(one), "origin": "replay"} for one in (HIT, MISSED, HIT)]
    assert isinstance(found[0].told, Crossing)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"settled_s": 100_001}, "line 1: settled_s lies in the future"),
        ({"verdict": "splendid"}, "line 1: verdict: Input should be"),
        ({"warning_id": ""}, "line 1: hit is of a warning"),
        ({"opened_s": None}, "line 1: hit is of a warning"),
        ({"opened_s": 8001}, "line 1: opened_s, failed_s and settled_s must follow each other"),
        ({"failed_s": 9001}, "line 1: opened_s, failed_s and settled_s must follow each other"),
        ({"verdict": "missed"}, "line 1: a missed failure has failed_s"),
        ({"entity": {"a": 1}}, "line 1: entity.a: Input should be a valid string"),
        ({"entity": {f"l{k}": "" for k in range(65)}}, "line 1: entity: Value error, has more than 64 labels"),
        ({"raw": {"confidence": None}}, "line 1: raw.confidence: Input should be a valid number"),
        ({"more": 1}, "line 1: more: Extra inputs are not permitted"),
    ],
)
def test_what_is_no_outcome_of_the_past_is_refused_with_its_line(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError) as caught:
        read([line(HIT, **changes)], NOW)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize("text", [b"{", b"[1]", b"7", b'{"card": "disk_full"}', b"\xff"])
def test_whatever_else_is_there_is_refused_alike(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^line 2: "):
        read([line(HIT), text], NOW)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(Outcome.__slots__)), st.none() | st.integers() | st.text(max_size=5) | st.floats()))
def test_any_change_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        found = read([json.dumps({**to_json(HIT), **changes})], NOW)
    except ValueError:
        return
    assert [o.origin for o in found] == ["replay"]
    assert found[0].settled_s <= NOW
