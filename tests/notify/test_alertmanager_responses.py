"""What a response comes to is an alert of its own: the warning's alert stays what it is."""

from __future__ import annotations

from typing import Any

from aiops.notify.alertmanager import alert_of
from aiops.notify.stdout import block
from aiops.notify.webhook import event_of
from aiops.pipeline.respond import payload_of
from aiops.store.response_rows import Run
from tests.store.samples import warning

RUN = Run("r1", "k", "mend", "4f2c", "t", "w", "disk_full", "approve", "running", 0.0, 0.0, None, {}, {})
NOW = 1_750_000_200.0


def message(event: str) -> dict[str, Any]:
    return payload_of(RUN, event, "mend asks group:sre", ["look: df", "fix: rm"], warning(stage="page"), NOW)


def test_it_has_a_name_of_its_own_and_says_of_which_response_and_warning() -> None:
    labels = alert_of(message("asked:0"), NOW)["labels"]
    wanted = {"alertname": "Response_mend", "response_id": "r1", "event": "asked", "warning_id": warning().id, "instance": "a1"}
    assert wanted.items() <= labels.items()


def test_each_thing_that_happens_is_another_alert_and_ends_by_itself() -> None:
    asked, ended = alert_of(message("asked:0"), NOW), alert_of(message("succeeded"), NOW + 60)
    assert asked["labels"] != ended["labels"]
    assert (asked["startsAt"], asked["endsAt"]) == ("2025-06-15T15:10:00Z", "2025-06-15T16:10:00Z")
    assert asked["annotations"]["summary"] == "mend asks group:sre"
    assert "look: df" in asked["annotations"]["description"]


def test_other_receivers_take_it_too() -> None:
    assert "RESPONSE mend asks group:sre" in block(message("asked:0"))
    assert event_of(message("asked:0"), "key", "/aiops").get_type() == "io.aiops.warning.response.v1"
