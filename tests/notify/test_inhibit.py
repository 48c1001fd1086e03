"""Inhibit rules: what a card names as its truth silences its warnings, and nothing else does."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML

from aiops.core.labels import Matcher
from aiops.notify.inhibit import SEVERITIES, Foreseen, inhibit_rules

DISK = Foreseen("disk_full", ("instance", "mountpoint"), [Matcher.parse('alertname="DiskFull"'), Matcher.parse('job=~"a|\\"b"')])


def rules(*cards: Foreseen) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(inhibit_rules(cards))["inhibit_rules"]
    return found


def test_the_alerts_of_a_card_silence_its_warnings_of_the_same_entity() -> None:
    first, *rest = rules(DISK)
    assert first == {
        "source_matchers": ['alertname="DiskFull"', str(DISK.alerts[1]), 'warning_id=""'],
        "target_matchers": ['alertname="Early_disk_full"'], "equal": ["instance", "mountpoint"],
    }  # fmt: skip
    assert len(rest) == len(SEVERITIES)


def test_a_label_that_is_called_otherwise_in_the_warning_is_not_compared() -> None:
    assert rules(Foreseen("c", ("severity", "instance"), DISK.alerts))[0]["equal"] == ["instance"]


def test_a_card_that_names_no_alert_is_named() -> None:
    text = inhibit_rules([Foreseen("load", ("instance",)), DISK])
    assert "# Cards that name no alert (truth: {alerts: [...]}): load." in text.splitlines()
    assert "Early_load" not in text


def test_an_early_warning_silences_none() -> None:
    assert all('warning_id=""' in rule["source_matchers"] for rule in rules(DISK))
