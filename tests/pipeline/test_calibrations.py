"""What is told rests on verdicts: of the card and kind, of its family, causal, the same after a restart, raw beside it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from aiops.core.records import Crossing, Lineage, Outcome, Symptom
from aiops.models.card import ModelCard
from aiops.pipeline.calibrations import Calibrations, allowance, kinds_of, shown, telling
from aiops.pipeline.stages import family_of
from aiops.store import Store
from tests.daemon.rig import START_S, Rig, anomaly_card, card, falling
from tests.outcomes.test_calibrate import outcome, sure_of

DAY = 86400


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def put(store: Store, *outcomes: Outcome) -> None:
    with store.transaction() as tx:
        for one in outcomes:
            tx.put_outcome(one)


def early(n: int, at_s: int = START_S, name: str = "disk", first: int = 0) -> list[Outcome]:
    """Failures that came after three tenths of the time the model told, each settled before `at_s`."""
    found = [outcome(k, "hit", 0.55, 0.3 + 0.001 * (k - first), left=36_000.0) for k in range(first, first + n)]
    names = [f"{name}{one.warning_id}" for one in found]
    return [replace(one, card=name, warning_id=names[i], settled_s=at_s - 3600 * (n - i)) for i, one in enumerate(found)]


def test_verdicts_of_other_kinds_and_cards_do_not_teach(store: Store) -> None:
    put(store, *early(40), *early(7, name="other", first=200))
    put(store, *(replace(one, about={"kind": "anomaly"}) for one in early(10, first=100)))
    known = Calibrations(store)
    assert known.of("disk", "exhaustion", []).crossings == 40
    assert known.of("disk", "anomaly", []).crossings == 10
    assert known.of("other", "exhaustion", []).crossings == 7


def test_a_verdict_teaches_from_then_on_and_a_forgotten_card_is_looked_up_again(store: Store) -> None:
    known, (first, *rest) = Calibrations(store), early(3)
    put(store, first)
    assert known.of("disk", "exhaustion", []).crossings == 1
    for one in rest:
        known.settled(one)
    assert known.of("disk", "exhaustion", []).crossings == 3
    known.forget("disk")
    assert known.of("disk", "exhaustion", []).crossings == 1, "what was not kept never was"


def test_a_verdict_on_a_card_teaches_those_that_lean_on_it(store: Store) -> None:
    known, (first, *rest) = Calibrations(store), early(31, name="inode")
    put(store, first, *early(30))
    for one in rest:
        known.of("young", "exhaustion", ["inode", "disk"])
        known.of("disk", "exhaustion", ["inode", "young"])
        known.settled(one)
    assert known.of("young", "exhaustion", ["inode"]).about["interval"] == "family prior, no crossings yet"
    assert known.of("disk", "exhaustion", ["inode"]).about["interval"] == "calibrated on 30 crossings"


def test_lanes_may_ask_and_judge_at_once(store: Store) -> None:
    known = Calibrations(store)

    def lane(name: str) -> int:
        for one in early(40, name=name):
            known.of(name, "exhaustion", ["a", "b", "c"])
            known.floor(name, "exhaustion", 1.0, START_S)
            known.settled(one)
        return known.of(name, "exhaustion", []).crossings

    with ThreadPoolExecutor(3) as lanes:
        assert list(lanes.map(lane, "abc")) == [40, 40, 40]


def test_replayed_outcomes_teach_too(store: Store) -> None:
    put(store, *(replace(one, origin="replay") for one in early(35)))
    assert Calibrations(store).of("disk", "exhaustion", []).about["interval"] == "calibrated on 35 crossings"
    assert store.outcomes(limit=1000) == [], "and are no verdicts on what was lived"
    put(store, replace(early(1, first=50)[0], opened_s=0, settled_s=START_S - 7 * 3600))
    assert Calibrations(store).of("disk", "exhaustion", []).crossings == 1, "what was lived stands in the place of its replay"


def test_the_family_are_the_cards_of_the_same_models(store: Store) -> None:
    written = (card("disk"), card("inode"), anomaly_card("load"), card("both", detect={}))
    cards = [ModelCard.model_validate(one) for one in written]
    assert family_of(cards[0], cards) == ["inode"]
    put(store, *early(60, name="inode"))
    found = {(one.card, one.kind): one.found.about.get("interval") for one in shown(store, cards, START_S)}
    assert found["disk", "exhaustion"] == "family prior, no crossings yet"
    assert [kind for name, kind in found if name == "both"] == ["exhaustion", "anomaly"]
    assert found["both", "exhaustion"] == "the model's own, no crossings yet"


def test_the_floor_is_shown_where_it_is_known_how_much_is_watched(store: Store) -> None:
    put(store, *false_ones(9, 0.4), replace(outcome(99, "hit", 0.8), settled_s=START_S))
    cards = [ModelCard.model_validate(card("disk", detect={}, false_alarm_budget={"count": 1}))]
    assert [one.least for one in shown(store, cards, START_S)] == [None, None]
    for entities, floor in ((1, 0.8), (9, 0.0)):
        timed, anomaly = shown(store, cards, START_S, lambda name, entities=entities: (entities, entities))  # type: ignore[misc]
        assert (timed.least, anomaly.least) == (floor, None)
        assert timed.as_json()["confidence_floor"] == floor


def test_a_card_of_rules_warns_of_alerts() -> None:
    one = ModelCard.model_validate(card())
    one._alerts = object()  # type: ignore[assignment]
    assert kinds_of(one) == ["rule"]


@pytest.mark.parametrize(
    ("budget", "wanted"),
    [({"count": 1}, 40.0), ({"count": 3, "every": "14d"}, 60.0), ({"count": 15, "per": "100_series"}, 18.0)],
)
def test_a_budget_is_for_all_that_is_watched(budget: dict[str, Any], wanted: float) -> None:
    one = ModelCard.model_validate(card(false_alarm_budget=budget))
    assert allowance(one, series=120, entities=40) == pytest.approx(wanted)


def test_the_floor_is_looked_at_after_each_verdict_and_every_hour(store: Store) -> None:
    known = Calibrations(store)
    assert known.floor("disk", "exhaustion", 0.25, START_S) == 0.0
    for k, said in enumerate((0.5, 0.6)):
        known.settled(replace(outcome(k, "false", said), settled_s=START_S + k))
    assert known.floor("disk", "exhaustion", 0.25, START_S + 60) == 0.6
    assert known.floor("disk", "exhaustion", 0.5, START_S + 60) == 0.0, "two in four weeks"
    assert known.floor("disk", "exhaustion", 0.25, START_S + 27 * DAY) == 0.6
    assert known.floor("disk", "exhaustion", 0.25, START_S + 28 * DAY + 7200) == 0.0


def test_an_anomaly_has_a_confidence_and_no_time(store: Store) -> None:
    put(store, *(replace(one, about={"kind": "anomaly"}) for one in sure_of(200, lambda said: said / 2)))
    found = Calibrations(store).of("disk", "anomaly", [])
    symptom = Symptom("disk", "load", {}, "anomaly", 0, "warning", 0.9, 3.0, None, {}, Lineage("made", "q", 0, 1))
    crossing, confidence, about = telling(found, "anomaly")(symptom, {}, START_S)
    assert crossing is None
    assert confidence < 0.6
    assert about == {"confidence": "calibrated on 200 outcomes"}


def warned(rig: Rig, *before: Outcome, budget: float = 100.0) -> Any:
    """A falling disk under a daemon that knows these verdicts; the warning that opened, None if none did."""
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    daemon = rig.start(card(false_alarm_budget={"count": budget}))
    put(daemon.store, *before)
    daemon.rooms.forget("disk")
    try:
        rig.until_warned()
    except AssertionError:
        return None
    return daemon.store.open_warnings()[0]


def test_what_is_told_is_adjusted_and_what_the_model_said_stays_beside_it(rig: Rig) -> None:
    one = warned(rig, *early(60))
    said = one.symptoms[0].crossing
    assert one.calibration["interval"] == "calibrated on 60 crossings"
    assert one.first_crossing.latest_s < said.earliest_s, "failures came earlier than the model says"
    assert Crossing(*(one.raw[name] for name in ("earliest_s", "expected_s", "latest_s"))) == said
    assert (one.raw["confidence"], one.raw["told"]) == (one.symptoms[0].confidence, one.confidence)
    assert one.act_before_s == one.first_crossing.earliest_s


def test_a_restart_tells_the_same_and_adjusts_nothing_twice(rig: Rig) -> None:
    one = warned(rig, *early(60))
    rig.stop()
    rig.start()
    at = int(rig.clock.now)
    rig.at(at - START_S + 300)
    rig.turn()
    assert rig.daemon is not None
    (after,) = rig.daemon.store.open_warnings()
    assert (after.id, after.first_crossing, after.raw) == (one.id, one.first_crossing, one.raw)
    assert after.crossing is not None
    assert after.symptoms[0].crossing is not None
    assert after.symptoms[0].crossing.expected_s == pytest.approx(one.symptoms[0].crossing.expected_s, abs=600)
    assert after.crossing.latest_s == pytest.approx(one.crossing.latest_s, abs=600)


def test_what_comes_true_carries_both_into_its_verdict(rig: Rig) -> None:
    one = warned(rig, *early(60))
    assert rig.daemon is not None
    for look in range(int(rig.clock.now - START_S) // 300 + 1, 14 * 12):
        rig.at(300 * look)
        rig.turn()
    verdict = rig.daemon.store.outcome_of(one.id)
    assert verdict is not None
    assert verdict.verdict == "hit"
    assert verdict.told == one.first_crossing
    assert verdict.raw == one.raw
    assert verdict.interval_covered is False, "it came when the model itself said"
    (figures,) = (f for f in rig.daemon.figures(["card"]) if f.name == "disk")
    assert (figures.timed, figures.coverage, figures.model_coverage) == (1, 0.0, 1.0)
    assert figures.promised is not None


def false_ones(n: int, said: float) -> list[Outcome]:
    return [replace(outcome(k, "false", said), warning_id=f"f{k}", settled_s=START_S - k) for k in range(n)]


@pytest.mark.parametrize(("said", "opens"), [(0.3, True), (0.9, False)])
def test_once_the_budget_is_spent_only_what_is_surer_opens(rig: Rig, said: float, opens: bool) -> None:
    one = warned(rig, *false_ones(9, said), budget=0.1)
    assert (one is not None) is opens


def test_what_is_open_stays_when_the_budget_is_spent(rig: Rig) -> None:
    one = warned(rig, budget=0.1)
    assert rig.daemon is not None
    put(rig.daemon.store, *false_ones(9, 0.9))
    rig.daemon.rooms.forget("disk")
    rig.at(rig.clock.now - START_S + 300)
    rig.turn()
    assert [w.id for w in rig.daemon.store.open_warnings()] == [one.id]
