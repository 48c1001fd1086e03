"""The posture of a service: how far ahead is looked for its series, what its budget asks for, what its warnings carry."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.config.pilots import ServiceSettings
from aiops.core.durations import seconds
from aiops.early_warnings.episode import Rules
from aiops.pipeline.services import Services
from tests.daemon.rig import Rig, card, falling
from tests.outcomes.made import warning

HOUR = 3600
SHOP, BANK, NONE = {"service": "shop"}, {"namespace": "bank-eu"}, {"instance": "a"}
KNOWN = {
    "shop": ServiceSettings.model_validate({"posture": "growth"}),
    "bank": ServiceSettings.model_validate({"posture": "decline", "match": ['namespace=~"bank.*"']}),
}


def test_rows_are_of_the_first_service_that_means_them() -> None:
    services = Services(KNOWN)
    assert services.of([SHOP, NONE]).tolist() == [0, -1]
    assert services.of([SHOP, NONE, BANK]).tolist() == [0, -1, 1]
    services.keep_only(np.array([0, 2]))
    assert services.of([SHOP, BANK]).tolist() == [0, 1]


def test_the_horizon_of_each_row_is_that_of_its_service() -> None:
    rows = np.array([0, 1, 2, 3])
    found = Services(KNOWN).by_horizon([SHOP, NONE, BANK, SHOP], rows, 100.0)
    assert [(horizon, mine.tolist()) for horizon, mine in found] == [(50.0, [2]), (100.0, [1]), (200.0, [0, 3])]
    (all_of_them,) = Services().by_horizon([SHOP], rows, 100.0)
    assert all_of_them[1] is rows


def test_a_smaller_budget_asks_for_a_higher_score() -> None:
    dearer = Services(KNOWN).dearer([SHOP, NONE, BANK], np.array([0, 1, 2]))
    assert dearer.tolist() == [0.0, 0.0, pytest.approx(0.35 * np.log10(2))]
    assert Services().dearer([SHOP], np.array([0])).tolist() == [0.0]


def test_warnings_are_judged_by_the_horizon_they_were_told_with_and_carry_the_posture() -> None:
    services, rules = Services(KNOWN), Rules("disk", "disk", "shadow", horizon_s=100.0)
    assert [services.rules(rules, one).horizon_s for one in (SHOP, NONE, BANK)] == [200.0, 100.0, 50.0]
    assert [services.budget(one) for one in (SHOP, NONE, BANK)] == [1.0, 1.0, 0.5]
    assert services.marked(warning(), BANK).labels == {"instance": "a", "service": "bank", "posture": "decline"}
    assert services.marked(warning(), NONE) == warning()


def test_a_failure_that_nobody_warned_of_is_missed_by_its_service(rig: Rig) -> None:
    rig.more = {"services": {"bank": {"match": ['namespace=~"bank.*"']}}}
    at = rig.clock.now + 36 * HOUR
    for name in ("bank-eu", "other"):
        rig.world.add("free", {"instance": name, "namespace": name}, lambda t: np.where(t < at, 0.5, 0.01))
    daemon = rig.start(card())
    for step in range(36 * 12 - 2, 36 * 12 + 2):
        rig.at(300 * step)
        rig.turn()
    missed = {o.entity["instance"]: o.about for o in daemon.store.outcomes() if o.verdict == "missed"}
    assert missed == {"bank-eu": {"service": "bank"}, "other": {}}
    (bank,) = daemon.figures(["service"])
    assert (bank.name, bank.recall) == ("bank", 0.0)


def test_what_grows_is_warned_of_earlier_than_what_is_wound_down(rig: Rig) -> None:
    rig.more = {
        "services": {"shop": {"posture": "growth"}, "bank": {"posture": "decline"}},
        "routes": [{"receiver": "stdout", "matchers": ['posture="growth"']}],
    }
    for name in ("shop", "bank", "other"):
        rig.world.add("free", {"instance": name, "service": name}, falling(0.0008))
    daemon = rig.start(card(forecast={"limit": {"below": 0.05}, "horizon": "3h"}))
    opened: dict[str, float] = {}
    for step in range(8 * 12, 186):
        rig.at(300 * step)
        rig.turn()
        for one in daemon.store.open_warnings():
            opened.setdefault(one.entity["instance"], one.opened_s)
            assert one.horizon_s == seconds("3h") * {"shop": 2, "bank": 0.5, "other": 1}[one.entity["instance"]]
            assert one.labels.get("posture") == {"shop": "growth", "bank": "decline"}.get(one.entity["instance"])
    assert opened["shop"] < opened["other"] < opened["bank"]
    assert {row.payload["warning"]["entity"]["instance"] for row in daemon.store.due(rig.clock.now, 100)} == {"shop"}
