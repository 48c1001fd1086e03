"""The tests inside runbooks end in the engine as they end in the simulation: one file, one meaning.

Every runbook lives through every one of its tests by the real engine over a real store; its mocks stand for actions and numbers.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from aiops.config.responses import ResponseSettings
from aiops.core.durations import seconds
from aiops.core.labels import fingerprint, key, subset
from aiops.core.records import Crossing, EarlyWarning
from aiops.governance.gate import Gate
from aiops.governance.masking import Masker, key_of
from aiops.governance.policy import Policy
from aiops.pipeline.respond import Around, Responder, Surroundings
from aiops.responses.catalogue import Actions
from aiops.responses.desk import Tools
from aiops.responses.engine import Engine
from aiops.responses.interface import Action, Call, Result
from aiops.responses.lease import Lease
from aiops.responses.people import People
from aiops.responses.world import Situation
from aiops.runbooks import Runbook, load_runbooks
from aiops.runbooks.schema import Outcome, RunbookTest
from aiops.runbooks.simulate import Run as Simulated
from aiops.runbooks.simulate import run_tests, simulate
from aiops.store import Store, tables
from aiops.store.response_rows import Charge, Run, charge_row
from aiops.store.responses import Responses
from tests import shipped
from tests.faults.forks import fast_folder
from tests.responses.rig import READ, START_S, WRITE, Clock, CountParams, book
from tests.store.samples import warning as sample

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT.parent / "shared" / "spec" / "runbooks"
OWN = Path(__file__).parent / "runbooks"
"""Runbooks that write, with every way to end."""
BOOKS = [*shipped.BOOKS, *load_runbooks([OWN])]
BOOKS += load_runbooks([EXAMPLES]) if EXAMPLES.is_dir() else []
CASES = [pytest.param(book, test, id=f"{book.name}: {test.name}") for book in BOOKS for test in book.tests]
TICK_S, AT_MOST_S = 60.0, 3 * 86400.0
PEOPLE = ["ann", "bob", "cyd"]
BUILT_IN = ("compute", "promql", "wait")


class Died(BaseException):
    """The process is gone."""


class Mock(Action[CountParams]):
    """Gives what the test says that a step gives."""

    Params = CountParams

    def __init__(self, outputs: Mapping[str, Mapping[str, Any]], dies: str | None) -> None:
        super().__init__(CountParams())
        self._outputs, self._dies = outputs, dies

    def run(self, call: Call, now_s: float) -> Result:
        output = self._outputs.get(call.step_id, {})
        if call.step_id == self._dies:
            self._dies = None
            raise Died
        if seconds(str(output.get("takes", "0s"))) > call.left_s:
            return Result("unknown", output, "stopped at its deadline")
        status = output.get("status", 200)
        if status in (404, 410):
            return Result("gone", output, f"status {status}")
        if output.get("rc", 0) != 0 or status >= 400:
            return Result("failed", output, f"exit code {output.get('rc')}, status {status}")
        return Result("done", output)


class MockedWorld(Around):
    """Numbers and forecasts as the test says."""

    def __init__(self, around: Surroundings, book: Runbook, test: RunbookTest) -> None:
        super().__init__(around)
        mocks = test.mocks
        verify = book.verify.all if book.verify else ()
        require = book.guards.require if book.guards else ()
        guards = {one.promql: mocks.require.get(one.name) for one in require}
        steps = {s.with_["query"]: mocks.steps.get(s.id, {}).get("value") for s in book.steps if s.uses == "promql"}
        later = {one.promql or "": mocks.verify.get(one.name) for one in verify}
        self._numbers = {"matched": guards, "verifying": later}
        self._else = {**guards, **{query: found for query, found in steps.items() if found is not None}}
        self._clear = any(mocks.verify.get(one.name) == "clear" for one in verify if one.forecast)

    def values(self, promql: str, run: Run, now_s: float) -> list[float]:
        found = self._numbers.get(run.state, self._else).get(promql)
        return [float(found)] if isinstance(found, int | float) else []

    def situation(self, run: Run, now_s: float) -> Situation | None:
        found = super().situation(run, now_s)
        return None if found is None else Situation(found.open, self._clear, found.expected_s)


def early(book: Runbook, test: RunbookTest) -> EarlyWarning:
    s = test.symptom
    at = None if s.lead_time is None else START_S + s.lead_time
    crossing = None if at is None else Crossing(at, at, at)
    kind = "anomaly" if s.kind == "anomaly" else "exhaustion"
    opened = int(START_S - book.match.for_ - 1) if s.open_for is None else int(START_S - s.open_for)
    return sample(
        1, card=s.card, signal=s.signal, kind=kind, entity=dict(s.labels), labels=dict(s.labels), severity=s.severity,
        confidence=s.confidence, crossing=crossing, first_crossing=crossing, stage="page", opened_s=opened, updated_s=opened,
    )  # fmt: skip


def charged(book: Runbook, test: RunbookTest) -> list[Charge]:
    """The earlier runs of a test, as the engine counts them."""
    kind, labels = ",".join(sorted(book.target_by)), subset(test.symptom.labels, book.target_by)
    cooldown = (book.guards.cooldown if book.guards else None) or 0.0
    return [
        Charge(
            f"earlier {i}", book.name, fingerprint(kind, key({**labels, **one.target})), kind, START_S - one.ago, cooldown,
            START_S - one.ago + one.took, one.outcome == "succeeded", one.came_back, one.outcome == "target_gone",
        )
        for i, one in enumerate(test.earlier)
    ]  # fmt: skip


def lived(book: Runbook, test: RunbookTest) -> Simulated:
    """What the engine makes of a test."""
    if test.mode is not None:
        mode, sha = test.mode, book.sha
        book = book.model_copy(update={"mode": mode})
        book.came_of("", sha)
    with fast_folder("engine", Path(tempfile.gettempdir())) as folder, closing(Store.open("", folder)) as store:
        clock, warning = Clock(START_S), early(book, test)
        with store.transaction() as tx:
            tx.put_warning(warning)
            for one in charged(book, test):
                tx._connection.execute(tables.charges.insert().values(charge_row(one)))
        runs = Responses(store)
        settings = ResponseSettings.model_validate({"ceiling": "auto"})
        gate = Gate(Policy(), Masker(key_of(None)))
        around = Surroundings(store, settings, None, (), gate, lasting=lambda name, run, now_s: False)
        world = MockedWorld(around, book, test)
        lease = Lease(runs, "a", monotonic=clock)
        uses = {one.uses for step in book.steps for one in (step, step.undo) if one is not None and one.uses not in BUILT_IN}
        mock = Mock(test.mocks.steps, test.crash_at)
        engine = Engine(Tools(runs, lease, world, Actions(ready={u.removeprefix("plugin."): mock for u in uses}), clock), 0)
        responder = Responder(runs, world, [book])
        asked = (one.partition(":") for one in (book.approval.from_ if book.approval else ()))
        people = People(runs, {name: PEOPLE[: test.approvers] for kind, _, name in asked if kind == "group"})
        while clock.now < START_S + AT_MOST_S:
            lease.keep(clock.now)
            responder.look([warning], lease.epoch, clock.now)
            try:
                engine.tick()
            except Died:
                engine.tools.lease = lease = Lease(runs, "after the crash", at_once=True, monotonic=clock)
            if not runs.newest() or runs.newest()[0].ended:
                break
            clock.now += TICK_S
            _said(test, store, runs, people, clock.now)
        return _ended(runs, book)


def _said(test: RunbookTest, store: Store, runs: Responses, people: People, now_s: float) -> None:
    """What people and the world do, so long after somebody was asked."""
    (run,) = runs.newest()
    questions = runs.questions(run.id)
    if run.mode == "auto" and test.clears_after is not None and now_s >= START_S + test.clears_after:
        _clear(store, run, now_s)
    if run.state != "awaiting_approval":
        return
    asked = questions[-1].asked_s
    gone = None if test.clears_after is None else questions[0].asked_s + test.clears_after - asked
    times = {"clear": gone, "deny": test.deny_after, "yes": test.approve_after}
    for what, _ in sorted(((w, t) for w, t in times.items() if t is not None and t <= now_s - asked), key=lambda one: one[1])[:1]:
        if what == "clear":
            _clear(store, run, now_s)
        elif now_s <= questions[-1].expires_s:
            users = [one.partition(":")[2] for one in run.facts["asking"]["who"] if one.startswith("user:")]
            for name in [*users, *PEOPLE][: test.approvers if what == "yes" else 1]:
                if what == "yes":
                    people.approve(run.id, name, now_s, confirm=run.runbook)
                else:
                    people.deny(run.id, name, now_s)


def _clear(store: Store, run: Run, now_s: float) -> None:
    found = store.warning(run.warning_id)
    assert found is not None
    with store.transaction() as tx:
        tx.put_warning(found.having(state="closed", closed_s=int(now_s)))


def _ended(runs: Responses, book: Runbook) -> Simulated:
    if not runs.newest():
        return Simulated(refused=[None])  # type: ignore[list-item]
    (run,) = runs.newest()
    rows = [row for row in runs.steps(run.id) if row.idx < 1000]
    ran = [row.step_id for row in rows if row.attempt or (row.state == "DONE" and row.step_id)]
    argv = {row.step_id: list(row.given["argv"]) for row in rows if row.attempt and "argv" in row.given}
    skipped = [row.step_id for row in rows if row.state == "SKIPPED"]
    because = run.body.get("because", "") if run.state == "blocked" else ""
    return Simulated([], run.state, because, run.body.get("why", ""), ran, skipped, argv)  # type: ignore[arg-type]


@pytest.mark.parametrize(("book", "test"), CASES)
def test_the_engine_ends_a_test_as_the_simulation_does(book: Runbook, test: RunbookTest) -> None:
    if test.symptom.kind == "threshold":
        pytest.skip("no warning of this kind comes about here")
    wanted, got = simulate(book, test), lived(book, test)
    assert bool(got.refused) == bool(wanted.refused)
    if not wanted.refused:
        because = wanted.because if wanted.outcome == "blocked" else ""
        assert (got.outcome, got.ran, got.skipped, got.argv, got.because) == (
            wanted.outcome, wanted.ran, wanted.skipped, wanted.argv, because,
        ), got.why  # fmt: skip


CRASHED = """
  - name: the process dies while it looks
    crash_at: inspect
    symptom: { kind: forecast, signal: fills, lead_time: 6h, labels: { instance: db1 } }
    mocks: { steps: { inspect: { json: { n: 3 } }, fix: { rc: 0 } }, verify: { room: 0.5 } }
    approve_after: 3m
    expect: { outcome: succeeded, ran: [inspect, fix] }
  - name: the process dies while it mends
    crash_at: fix
    symptom: { kind: forecast, signal: fills, lead_time: 6h, labels: { instance: db1 } }
    mocks: { steps: { inspect: { json: { n: 3 } }, fix: { rc: 0 } }, verify: { room: 0.5 } }
    approve_after: 3m
    expect: { outcome: succeeded, ran: [inspect, fix] }
"""


@pytest.mark.parametrize("index", [0, 1])
def test_a_process_that_dies_in_a_step_changes_nothing_where_that_may_be_done_again(tmp_path: Path, index: int) -> None:
    one = book(READ | {"id": "inspect"}, WRITE, match={"kind": "forecast", "signal": "fills"})
    text = json.dumps({key: value for key, value in one.items() if key != "tests"})
    (tmp_path / "mend.yaml").write_text(f"{text[:-1]}, tests: {json.dumps(YAML(typ='safe').load(CRASHED))}}}")
    (made,) = load_runbooks([tmp_path / "mend.yaml"])
    test = made.tests[index]
    wanted, got = simulate(made, test), lived(made, test)
    assert (got.outcome, got.ran) == (wanted.outcome, wanted.ran) == ("succeeded", ["inspect", "fix"])


def test_there_are_tests_of_every_kind_of_runbook() -> None:
    assert len(CASES) > 20


def test_runbooks_that_write_end_in_every_way_there_is() -> None:
    own = [(book, test) for book in load_runbooks([OWN]) for test in book.tests]
    assert {simulate(book, test).outcome for book, test in own} == {None, *get_args(Outcome)}


@pytest.mark.parametrize("book", load_runbooks([OWN]), ids=lambda book: book.name)
def test_the_tests_of_a_runbook_that_writes_pass(book: Runbook) -> None:
    assert [one for one in run_tests(book) if not one.ok] == []
