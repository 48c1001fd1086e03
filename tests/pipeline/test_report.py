"""A report from a store: what counts for it, and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aiops.config.settings import Settings
from aiops.config.shipped import runbooks_dir
from aiops.core.records import Outcome
from aiops.models.card import ModelCard
from aiops.outcomes.report import by_name
from aiops.pipeline.desk import Desk, Unsaid
from aiops.pipeline.procedures import snapshot_of
from aiops.pipeline.report import facts_of, pilot_report, report, spent_statement
from aiops.runbooks import load_runbooks
from aiops.store import Store
from aiops.store.response_rows import Run
from aiops.store.responses import Responses
from tests.daemon.rig import card
from tests.outcomes.made import warning

DAY = 86400
NOW = 1_790_000_000
SINCE = NOW - 30 * DAY
CARDS = [ModelCard.model_validate(card("disk_full")), ModelCard.model_validate(card("cpu"))]


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"costs": {"cpu_hour": 0.1, "analyst_hour": 60.0}, **more})


def put(
    store: Store, number: int, verdict: Any = None, name: str = "disk_full", told: int | None = 60, thread: str = "", **more: Any
) -> str:  # fmt: skip
    opened = SINCE + number * DAY
    one = warning(opened, id=f"{name}{number}", fingerprint=f"{name}{number}", card=name, thread=thread)
    with store.transaction() as tx:
        tx.put_warning(one.having(told_s=None if told is None else opened + told))
        if verdict is not None:
            failed = opened + 7200 if verdict in ("hit", "late") else None
            tx.put_outcome(Outcome(one.id, name, one.entity, verdict, opened + 7300, opened, failed, 7200.0, None, None, **more))
    return one.id


def values(store: Store, **more: Any) -> dict[str, float | None]:
    found = report(store, settings(**more), CARDS, NOW, SINCE)
    return {name: one.value for name, one in by_name(found.numbers).items()}


def test_it_counts_what_was_told_acted_on_and_settled(store: Store) -> None:
    first = put(store, 1, "hit")
    put(store, 2, "false")
    put(store, 3, told=None)
    put(store, 4, "averted", name="cpu")
    Desk(store).acted(first, "cleaned", "ann", SINCE + 2 * DAY, SINCE + 2 * DAY)
    found = values(store)
    assert {k: found[k] for k in ("warnings_told", "warnings_acted", "lead_minutes", "averted", "precision")} == {
        "warnings_told": 3, "warnings_acted": 1, "lead_minutes": 119, "averted": 1, "precision": 0.5,
    }  # fmt: skip


def test_what_one_warning_told_of_many_was_told_once_and_each_that_it_listed_came_in_time(store: Store) -> None:
    many = ["disk_full1", "disk_full2", "disk_full3", "disk_full4"]
    for name in ("1", "2", "3", "4"):
        put(store, int(name), "hit", told=None, thread="cause")
    listed = tuple({"id": one} for one in many)
    cause = warning(SINCE + DAY, id="cause", fingerprint="cause", told_s=SINCE + DAY + 60, members=listed,
                    record={"told": 3, "told_s": SINCE + 3 * DAY + 3600})  # fmt: skip
    with store.transaction() as tx:
        tx.put_warning(cause)
    Desk(store).acted(many[1], "cleaned", "ann", SINCE + 2 * DAY, SINCE + 2 * DAY)
    found = values(store)
    assert (found["warnings_told"], found["acted_share"]) == (1, 1.0)
    assert found["lead_minutes"] == 119 + 0 + 60, "the second was told too late, of the fourth nobody was told"


def test_what_nobody_was_told_of_stays_untold_where_its_cause_was_hushed(store: Store) -> None:
    one = put(store, 1, "hit", told=None, thread="cause")
    hushed = {"told_s": None, "members": ({"id": one},), "record": {"told": 1}}
    with store.transaction() as tx:
        tx.put_warning(warning(SINCE + DAY, id="cause", fingerprint="cause", **hushed))
    assert (values(store)["warnings_told"], values(store)["lead_minutes"]) == (0, 0)


def test_what_came_of_a_replay_is_nothing_that_was_worth_anything(store: Store) -> None:
    put(store, 1, "hit", told=None, origin="replay")
    assert values(store)["precision"] is None


def test_what_a_runbook_did_counts_as_acted_but_takes_nobody_any_minutes(store: Store) -> None:
    one = put(store, 1, "hit")
    Desk(store).ack(one, "ann", SINCE + DAY + 100)
    Desk(store).feedback(one, "useful", "ann", SINCE + DAY + 700)
    assert values(store)["minutes_per_warning"] == 10


def test_an_ack_counts_once_and_of_a_warning_that_there_is(store: Store) -> None:
    one = put(store, 1)
    first = Desk(store).ack(one, "ann", NOW - 100)
    Desk(store).ack(one, "ann", NOW - 50)
    assert [said.said_s for said in store.statements(kind="ack")] == [first.said_s]
    with pytest.raises(Unsaid, match="no warning nothing"):
        Desk(store).ack("nothing", "ann", NOW)


def carried_out(store: Store, warning_id: str, state: str, at_s: float) -> None:
    """A response to a warning, with the shipped runbook that says 20 minutes by hand."""
    (book,) = [one for one in load_runbooks([runbooks_dir()]) if one.name == "disk-filling-up"]
    epoch = Responses(store).take_lease("t", 60.0, at_s)
    assert epoch is not None
    run = Run(
        id=f"r{warning_id}{state}", key=f"{warning_id}{state}", runbook=book.name, sha=book.sha, target="t", facts={},
        warning_id=warning_id, card="disk_full", mode="auto", state=state, made_s=at_s, changed_s=at_s, deadline_s=None,
        snapshot=snapshot_of(book),
    )  # fmt: skip
    assert Responses(store).begin(run, [], [], epoch, at_s)


def test_manual_minutes_are_saved_by_runbooks_that_were_carried_out_well(store: Store) -> None:
    first, second = put(store, 1, "hit"), put(store, 2)
    carried_out(store, first, "succeeded", SINCE + DAY + 600)
    carried_out(store, second, "verify_failed", SINCE + 2 * DAY + 600)
    found = values(store)
    assert (found["manual_minutes"], found["warnings_acted"]) == (20, 1)


def spent(store: Store, number: int, turn_s: dict[str, float], series: dict[str, float], cpu_s: float = 3600.0) -> None:
    said = {"cpu_s": cpu_s, "span_s": 5 * DAY, "turn_s": turn_s, "series": series}
    with store.transaction() as tx:
        tx.put_statement(spent_statement(f"s{number}", SINCE + number * 5 * DAY, said))


def test_cpu_is_that_of_the_cards_by_the_share_of_their_turns(store: Store) -> None:
    spent(store, 1, {"disk_full": 30.0, "cpu": 10.0}, {"disk_full": 60.0, "cpu": 40.0})
    spent(store, 2, {"disk_full": 10.0, "cpu": 30.0}, {"disk_full": 80.0, "cpu": 20.0})
    found = facts_of(store, settings(), ["disk_full"], SINCE, NOW).spent
    assert found is not None
    assert (found.cpu_s, found.span_s, found.series) == (3600.0, 10 * DAY, 70.0)
    everything = facts_of(store, settings(), ["disk_full", "cpu"], SINCE, NOW).spent
    assert everything is not None
    assert (everything.cpu_s, everything.series) == (7200.0, 100.0)


def test_a_pilot_is_told_since_it_began_with_its_cards_alone_and_judged(store: Store) -> None:
    for i in range(1, 16):
        put(store, i, "hit")
    put(store, 3, "false", name="cpu")
    pilot = {"cards": ["disk_full"], "owner": "sre", "since": "2026-08-22", "goal": {"precision_at_least": 0.7},
             "baseline": {"incidents_per_month": 9}}  # fmt: skip
    found = pilot_report(store, settings(pilots={"disks": pilot}), "disks", NOW)
    assert found.verdict is not None
    assert (found.verdict.word, by_name(found.numbers)["warnings_told"].value) == ("scale", 15)
    plain = found.as_json()
    assert (plain["pilot"], plain["verdict"], plain["baseline"]["incidents_per_month"]) == ("disks", "scale", 9)


def test_a_pilot_of_false_warnings_is_stopped(store: Store) -> None:
    for i in range(1, 25):
        put(store, i, "hit" if i < 4 else "false")
    pilot = {"cards": ["disk_full"], "owner": "sre", "since": "2026-08-22", "stop": {"precision_below": 0.4}}
    found = pilot_report(store, settings(pilots={"disks": pilot}), "disks", NOW)
    assert found.verdict is not None
    assert found.verdict.word == "stop"
    assert "3 of 24 came true" in found.verdict.reasons[0]


def test_a_pilot_that_was_written_down_long_before_it_was_watched_is_not_thinned_out(store: Store) -> None:
    for i in range(20, 30):
        put(store, i, "false")
    with store.transaction() as tx:
        tx.put_turn("disk_full", "prod", SINCE + 20 * DAY)
    pilot = {"cards": ["disk_full"], "owner": "sre", "since": "2026-06-01", "stop": {"false_per_week_above": 3},
             "baseline": {"pages_per_month": 6}}  # fmt: skip
    found = pilot_report(store, settings(pilots={"disks": pilot}), "disks", NOW)
    assert found.verdict is not None
    assert by_name(found.numbers)["false_per_week"].value == pytest.approx(7.0)
    assert (found.verdict.word, found.seen_s) == ("stop", 10 * DAY)


def test_an_empty_store_knows_what_it_does_not_know(store: Store) -> None:
    found = values(store)
    assert (found["warnings_told"], found["precision"], found["cpu_hours"], found["cost_per_averted"]) == (0, None, None, None)
