"""What the log says at a start of data without a class, and of receivers without a place."""

from __future__ import annotations

import json
from typing import Any

import structlog

from tests.daemon.rig import Rig, card


def said(rig: Rig) -> list[dict[str, Any]]:
    daemon = rig.start(card())
    with structlog.testing.capture_logs() as logs:
        daemon.start()
    return [dict(one) for one in logs if one["log_level"] == "warning"]


def test_a_source_without_a_class_is_told_of_at_the_start(rig: Rig) -> None:
    assert [one["source"] for one in said(rig) if "not classified" in one["event"]] == ["made"]


def test_a_receiver_without_a_place_is_told_of_where_data_may_only_be_in_some(rig: Rig) -> None:
    am = {"kind": "alertmanager", "url": "http://127.0.0.1:9"}
    rig.sources = {"made": {"kind": "made", "data_class": "internal", "residency": ["eu"]}}
    rig.more = {
        "receivers": {"placed": am, "nowhere": am, "out": {"kind": "stdout"}}, "policy": "policy.yaml",
        "routes": [{"receiver": name, "continue": True} for name in ("placed", "nowhere", "out")],
    }  # fmt: skip
    (rig.folder / "policy.yaml").write_text(json.dumps({"locations": {"placed": "eu"}}))
    assert [one["receiver"] for one in said(rig) if "no place" in one["event"]] == ["nowhere"]


def test_where_data_may_be_anywhere_nobody_asks_for_places(rig: Rig) -> None:
    rig.sources = {"made": {"kind": "made", "data_class": "internal"}}
    rig.more = {
        "receivers": {"am": {"kind": "alertmanager", "url": "http://127.0.0.1:9"}}, "routes": [{"receiver": "am"}],
    }  # fmt: skip
    assert not [one for one in said(rig) if "no place" in one["event"]]
