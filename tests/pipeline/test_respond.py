"""From open warnings to responses: which are begun, what is asked of whom, and who is told what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import sqlalchemy as sa

from aiops.core.errors import SourceError
from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.governance.gate import Gate
from aiops.governance.masking import Masker, key_of
from aiops.governance.policy import Policy
from aiops.notify.clock import Clock
from aiops.pipeline.respond import Around, run_key, why_not
from aiops.responses.procedure import Unclear
from aiops.store import tables
from aiops.telemetry.evaluate import evaluate
from aiops.telemetry.link import Link
from aiops.telemetry.samples import FixedSamples
from aiops.telemetry.source import Answer, ReadLimits, Source
from tests.responses.rig import LEAD_S, START_S, Replica, Rig, book, early, made
from tests.store.samples import SYMPTOM


class Fixed(Source[Params]):
    """Answers from samples in memory, by the subset that sources without a server evaluate."""

    Params = Params

    def __init__(self, name: str, *samples: tuple[dict[str, str], float], error: SourceError | None = None) -> None:
        super().__init__(name, Params(), ReadLimits())
        self.samples, self.error, self.asked = samples, error, list[str]()

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        times = np.arange(start_s - 600.0, end_s + 1, 15.0)
        found = [(labels, times, np.full(len(times), value)) for labels, value in self.samples]
        vector = evaluate(query, FixedSamples(found), start_s, end_s, step_s)
        grid = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        values = np.where(vector.here, vector.values, np.nan)
        return Answer(Block(tuple(vector.labels), grid, values, unit, Lineage(self.name, query, start_s, end_s)))

    def probe(self) -> str:
        return "fixed"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        rig_ready(one)
        yield one


def rig_ready(rig: Rig) -> None:
    rig.write(book(mode="suggest"))


def begun(rig: Rig, **warning: Any) -> list[str]:
    rig.warn(early(**warning))
    one = rig.replica()
    one.lease.keep(rig.clock.now)
    found = one.responder.look(rig.store.open_warnings(), one.lease.epoch, rig.clock.now)
    return [run.runbook for run in found]


@pytest.mark.parametrize(
    ("warning", "wanted"),
    [
        ({}, ["mend"]),
        ({"signal": "other"}, []),
        ({"kind": "anomaly"}, []),
        ({"state": "closed"}, []),
        ({"members": ({"id": "x"},)}, []),
        ({"stale_since_s": int(START_S)}, []),
        ({"opened_s": int(START_S + 3600)}, []),
        ({"now_s": START_S - LEAD_S - 60}, []),
    ],
)
def test_only_what_fits_is_about_one_thing_is_fresh_and_in_time_is_answered(rig: Rig, warning: Any, wanted: list[str]) -> None:
    assert begun(rig, **warning) == wanted


@pytest.mark.parametrize(
    ("warning", "line", "got"),
    [
        ({}, "", ""),
        ({"members": ({"id": "x"}, {"id": "y"})}, "one target", "a cause of 2: its members are acted on"),
        ({"stale_since_s": int(START_S)}, "stale", "nothing new since 2025-06-15T15:10:00Z"),
        ({"updated_s": int(START_S - 1801)}, "stale", "nothing new since 2025-06-15T14:39:59Z"),
        ({"updated_s": int(START_S - 1801), "step_s": 300}, "", ""),
        ({"opened_s": int(START_S + 3600)}, "opened", "2025-06-15T16:10:00Z"),
        ({"now_s": START_S - LEAD_S - 60, "updated_s": int(START_S)}, "lead_time", "expected 1m ago"),
    ],
)
def test_why_no_runbook_begins_anything_is_said_with_the_two_values(warning: Any, line: str, got: str) -> None:
    found = why_not(early(**warning), START_S)
    assert (line, got) == ("", "") if found is None else (found.line, found.got) == (line, got)


def test_it_must_have_been_open_as_long_as_the_runbook_says(rig: Rig) -> None:
    rig.write(book(mode="suggest", match={"kind": "forecast", "signal": "free", "for": "10m"}))
    assert begun(rig) == []
    rig.clock.now += 600
    assert begun(rig, now_s=START_S) == ["mend"]


def test_runbooks_that_are_off_or_have_nothing_to_do_are_left_out(rig: Rig) -> None:
    none = {"steps": [], "guards": None, "approval": None, "verify": None, "mode": None}
    rig.write(book(mode="suggest", name="off", enabled=False), book(name="told-only", **none))
    assert begun(rig) == []


def test_without_the_lease_nothing_is_begun(rig: Rig) -> None:
    rig.warn(early())
    one, other = rig.replica("a"), rig.replica("b")
    other.lease.keep(rig.clock.now)
    assert one.responder.look(rig.store.open_warnings(), 7, rig.clock.now) == []
    assert rig.runs.newest() == []


def test_an_episode_has_a_key_for_each_runbook_and_target(rig: Rig) -> None:
    one = rig.books[0]
    keys = {run_key(one, early(n)) for n in (1, 2)} | {run_key(one, early(1, severity="critical"))}
    assert len(keys) == 2


def around(rig: Rig, *sources: Fixed, labels: dict[str, str] | None = None) -> tuple[Around, Any]:
    rig.warn(early(symptoms=(SYMPTOM,)))
    replica = rig.replica()
    replica.tick(rig.clock.now)
    surroundings = replica.world._a
    surroundings.links = {one.name: Link(one, labels or {}) for one in sources}
    run = rig.one()
    facts = {**run.facts, "sources": [one.name for one in sources]}
    return Around(surroundings), type(run)(**{**{f: getattr(run, f) for f in run.__slots__}, "facts": facts})


FREE = ({"__name__": "free", "instance": "a1"}, 0.3)


def test_numbers_come_from_the_warnings_own_source_for_its_target(rig: Rig) -> None:
    source = Fixed("prod", FREE, ({"__name__": "free", "instance": "a2"}, 0.9))
    world, run = around(rig, source)
    assert world.values("free{$target}", run, START_S) == [pytest.approx(0.3)]
    assert source.asked == ['free{instance="a1"}']


def test_labels_that_the_configuration_adds_are_not_asked_for(rig: Rig) -> None:
    source = Fixed("prod", ({"__name__": "free"}, 0.5))
    world, run = around(rig, source, labels={"instance": "a1"})
    assert world.values("free{$target}", run, START_S) == [pytest.approx(0.5)]


def test_a_query_is_not_asked_where_the_warning_lacks_a_label_of_its_target(rig: Rig) -> None:
    source = Fixed("prod", FREE)
    world, run = around(rig, source)
    run.facts["context"]["target"].pop("instance")
    with pytest.raises(Unclear, match="no label instance"):
        world.values("free{$target}", run, START_S)
    assert source.asked == []
    assert world.values("free", run, START_S) == [pytest.approx(0.3)]


def test_the_next_source_is_asked_where_the_first_is_away_and_no_data_is_told_from_no_answer(rig: Rig) -> None:
    away = Fixed("away", error=SourceError("away", "unreachable", "no route"))
    world, run = around(rig, away, Fixed("prod", FREE))
    assert world.values("free{$target}", run, START_S) == [pytest.approx(0.3)]
    world, run = around(rig, away, Fixed("empty"))
    with pytest.raises(Unclear, match="no route"):
        world.values("free{$target}", run, START_S)
    world, run = around(rig, Fixed("empty"))
    assert world.values("free{$target}", run, START_S) == []
    world, run = around(rig)
    run.facts["sources"].append("gone")
    with pytest.raises(Unclear, match="there is no source gone"):
        world.values("free{$target}", run, START_S)


def test_of_what_was_made_of_several_sources_each_is_asked(rig: Rig) -> None:
    rig.warn(early(symptoms=(replace(SYMPTOM, lineage=replace(SYMPTOM.lineage, source="east+prod")),)))
    east, prod = Fixed("east"), Fixed("prod", FREE)
    world, run = around(rig, east, prod)
    assert run.facts["sources"] == ["east", "prod"]
    assert world.values("free{$target}", run, START_S) == [pytest.approx(0.3)]
    assert (east.asked, prod.asked) == (['free{instance="a1"}'], ['free{instance="a1"}'])


def test_queries_are_asked_about_as_late_as_the_slowest_source(rig: Rig) -> None:
    world, run = around(rig, Fixed("prod", FREE))
    world._a.links["prod"].lateness_s = 45.0
    assert world.late_s(run) == 45.0


def test_what_a_warning_is_like_now_is_asked_of_the_store(rig: Rig) -> None:
    world, run = around(rig)
    found = world.situation(run, START_S)
    assert found is not None
    assert (found.open, found.clear, found.expected_s, found.handled_by) == (True, False, START_S + LEAD_S, "")
    rig.clear()
    found = world.situation(run, START_S)
    assert found is not None
    assert (found.open, found.clear) == (False, True)
    assert world.situation(type(run)(**{**{f: getattr(run, f) for f in run.__slots__}, "warning_id": "none"}), START_S) is None


def test_what_did_not_help_the_last_time_asks_the_next_time(rig: Rig) -> None:
    """Until it has helped once with somebody's yes."""
    rig.write(book(mode="auto"))
    modes = []
    for number, state in enumerate(("succeeded", "undone", "succeeded", "cancelled", "needs_a_person", "blocked"), 1):
        rig.warn(early(number, entity={"instance": f"h{number}"}))
        rig.replica().tick(rig.clock.now)
        run = next(one for one in rig.runs.newest() if one.warning_id == early(number).id)
        modes.append(run.mode)
        with rig.store.transaction() as tx:
            row = sa.update(tables.responses).where(tables.responses.c.id == run.id)
            tx._connection.execute(row.values(state=state, changed_ms=int(1000 * rig.clock.now) + number))
        rig.clock.now += 60
    assert modes == ["auto", "auto", "approve", "auto", "auto", "approve"]


@pytest.mark.parametrize(
    ("kind", "clear"), [("exhaustion", True), ("rule", True), ("anomaly", False), ("absence", False), ("conflict", False)]
)
def test_only_what_told_a_time_is_clear_while_it_is_open(rig: Rig, kind: str, clear: bool) -> None:
    world, run = around(rig)
    rig.warn(early(kind=kind, crossing=None))
    found = world.situation(run, START_S)
    assert found is not None
    assert (found.open, found.clear) == (True, clear)


def outbox(rig: Rig) -> list[dict[str, Any]]:
    with rig.store._read() as c:
        return [json.loads(row[0]) for row in c.exec_driver_sql("SELECT payload FROM outbox ORDER BY seq")]


def asks(rig: Rig, policy: str = "") -> Replica:
    rig.write(book())
    rig.warn(early(symptoms=(SYMPTOM,)))
    one = rig.replica()
    one.world.numbers["free{$target}"] = [0.3]
    if policy:
        one.world._a.gate = Gate(Policy.model_validate(json.loads(policy)), Masker(key_of(None)))
        one.world._a.local_receivers = frozenset()
    one.tick(rig.clock.now)
    return one


def test_people_are_told_the_plan_and_how_to_say_yes(rig: Rig) -> None:
    asks(rig)
    (message,) = outbox(rig)
    assert message["title"].startswith("disk full on a1: mend asks group:sre for a yes until ")
    lines = message["text"].splitlines()
    assert lines[:3] == [
        "fix [write] plugin.count at: a1 (cannot be undone: What is gone is gone for good.)",
        "Impact: Writes there will fail.", f"Approve: aiops responses approve {rig.one().id}",
    ]  # fmt: skip
    assert re.search(r"until (\d\d \w{3} )?\d\d:\d\d UTC$", message["title"])
    assert [line.partition(": ")[0] for line in lines[3:-2]] == ["About", "Act before", "How sure"]
    assert lines[-2:] == [
        f"Wrong: aiops warnings feedback {early().id} noise", f"More: aiops responses show {rig.one().id}",
    ]  # fmt: skip
    assert message["response"] == {"id": rig.one().id, "runbook": "mend", "sha": rig.books[0].sha, "event": "asked"}


def test_the_time_of_a_question_is_on_the_readers_clock(rig: Rig) -> None:
    rig.write(book())
    rig.warn(early(symptoms=(SYMPTOM,)))
    one = rig.replica()
    one.world._a.clocks = {"pager": Clock(ZoneInfo("Asia/Tokyo"))}
    one.tick(rig.clock.now)
    assert re.search(r"until (\d\d \w{3} )?\d\d:\d\d JST \(.*UTC\)$", outbox(rig)[0]["title"])


def test_that_the_kill_switch_is_on_stands_in_what_is_told(rig: Rig) -> None:
    one = asks(rig)
    rig.runs.switch(True, "ann", "drill", rig.clock.now)
    rig.clock.now += 1300
    rig.monotonic.now += 1300
    one.tick(rig.clock.now)
    assert "The kill switch is on, nothing is begun: ann: drill" in outbox(rig)[-1]["text"].splitlines()


def test_a_reminder_says_how_to_say_yes_and_an_end_says_what_is_left_to_do(rig: Rig) -> None:
    one = asks(rig)
    for _ in range(2):
        rig.clock.now += 650
        rig.monotonic.now += 650
        one.tick(rig.clock.now)
    _, reminder, end = outbox(rig)
    assert f"Approve: aiops responses approve {rig.one().id}" in reminder["text"].splitlines()
    said, do = end["text"].splitlines()[:2]
    assert re.fullmatch(r"nobody answered until (\d\d \w{3} )?\d\d:\d\d UTC", said)
    assert do == "Do: look at it yourself, nothing was done"


def test_where_labels_must_not_be_seen_none_is_told(rig: Rig) -> None:
    """One label is of a class that may not leave, and the receiver stands elsewhere."""
    asks(rig, policy=json.dumps({"labels": {"instance": {"class": "restricted"}}}))
    (message,) = outbox(rig)
    assert re.search(r"\ba1\b", json.dumps(message)) is None  # its pseudonym may hold these letters
    assert re.fullmatch(r"disk full on \S+: mend: asked", message["title"])
    assert withheld(rig) == [("notify.masked", {"receiver": "pager", "event": "asked"})]


def withheld(rig: Rig) -> list[tuple[str, dict[str, Any]]]:
    rows = [row for row in rig.store.ledger_rows(100) if row.action.startswith("notify.")]
    assert all(row.object == rig.one().id and row.detail["rule"] and row.detail["why"] for row in rows)
    return [(row.action, {key: row.detail[key] for key in ("receiver", "event")}) for row in rows]


def test_what_a_receiver_must_not_hear_stands_in_the_ledger_in_its_place(rig: Rig) -> None:
    rule = {"id": "R1", "action": "notify", "when": {"class": ">=public"}, "effect": "deny"}
    one = asks(rig, policy=json.dumps({"rules": [rule]}))
    assert (outbox(rig), rig.one().state) == ([], "awaiting_approval")
    assert withheld(rig) == [("notify.denied", {"receiver": "pager", "event": "asked"})]
    one.tick(rig.clock.now)
    assert len(withheld(rig)) == 1, "once for each thing that happened"


def test_what_may_be_told_whole_leaves_no_row_beside_it(rig: Rig) -> None:
    asks(rig)
    assert (len(outbox(rig)), withheld(rig)) == (1, [])
