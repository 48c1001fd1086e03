"""Business numbers as metrics."""

from __future__ import annotations

import pytest

from aiops.core.errors import StoreError
from aiops.daemon.business import EVERY_S, Business
from aiops.daemon.metrics import exposition, make_registry
from tests.daemon.rig import Rig, card

PILOT = {"cards": ["disk"], "owner": "sre", "since": "2025-06-01", "goal": {"precision_at_least": 0.7}}


def test_figures_that_are_known_and_the_verdict_are_metrics(rig: Rig) -> None:
    rig.more = {"pilots": {"disks": PILOT}}
    daemon = rig.start(card())
    body = exposition(make_registry(daemon), "")[0].decode()
    assert 'aiops_report_value{figure="warnings_told",pilot=""} 0.0' in body
    assert 'aiops_report_value{figure="warnings_told",pilot="disks"} 0.0' in body
    assert 'figure="precision"' not in body, "it is not known"
    assert 'aiops_pilot_verdict{pilot="disks",verdict="keep"} 1.0' in body
    assert 'aiops_pilot_verdict{pilot="disks",verdict="stop"} 0.0' in body


def test_reports_are_remembered_for_a_while_and_missing_while_the_store_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = rig.start(card())
    one = Business(daemon)
    first = one.reports()
    assert one.reports() is first

    def fails(*_: object, **__: object) -> None:
        raise StoreError("away")

    monkeypatch.setattr(daemon.store, "outcomes", fails)
    rig.clock.now += EVERY_S
    assert one.reports() == []
