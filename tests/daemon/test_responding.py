"""The daemon's jobs of responses: of their own, not in a dry run, and what runs goes on over a reload."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from aiops import plugins
from aiops.responses.interface import Call, Result
from aiops.store.response_rows import Decision
from tests.daemon.rig import START_S, Rig, calm, card
from tests.responses.rig import READ, WRITE, Count, CountParams, book, early

COUNT = Count()


class Counting:
    """The action of these tests, as a plug-in is loaded."""

    Params = CountParams

    def __new__(cls, params: object) -> Any:
        return COUNT


def begin(rig: Rig, monkeypatch: pytest.MonkeyPatch, dry_run: bool = False) -> Any:
    monkeypatch.setitem(plugins.BUILT_IN["actions"], "count", "tests.daemon.test_responding:Counting")
    COUNT.calls.clear()
    COUNT.does.clear()
    (rig.folder / "books").mkdir()
    (rig.folder / "books" / "mend.yaml").write_text(json.dumps(book(READ, WRITE, mode="auto")))
    rig.more |= {"runbooks": ["books"], "responses": {"ceiling": "auto"}}
    rig.world.add("free", {"instance": "a"}, calm())
    rig.dry_run = dry_run
    daemon = rig.start(card())
    with daemon.store.transaction() as tx:
        tx.put_warning(early(1, float(START_S)))
    return daemon


def jobs(daemon: Any) -> set[str]:
    daemon.start()
    return {job.id for job in daemon._schedule._scheduler.get_jobs()}


def test_they_have_jobs_of_their_own(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"lease", "responses"} <= jobs(begin(rig, monkeypatch))


def test_a_dry_run_begins_and_carries_on_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = begin(rig, monkeypatch, dry_run=True)
    assert not {"lease", "responses"} & jobs(daemon)
    assert not daemon.responding.leads
    assert daemon.responding.look() == 0
    assert daemon.responding.runs.newest() == []


def test_what_runs_goes_on_over_a_reload_and_is_not_begun_twice(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = begin(rig, monkeypatch)
    entered, leave = threading.Event(), threading.Event()

    def slow(call: Call) -> Result:
        entered.set()
        assert leave.wait(30)
        return Result("done")

    COUNT.does["look"] = slow
    daemon.responding.keep()
    daemon.responding.look()
    assert entered.wait(30)
    assert daemon._reload() == ""
    daemon._halt()
    daemon.responding.look()
    leave.set()
    assert daemon.responding.engine.settle(30)
    assert COUNT.steps == ["look", "fix"]
    (run,) = daemon.responding.runs.newest()
    assert run.state == "verifying"


def test_what_a_limit_still_counts_is_not_forgotten_with_the_response(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """`max_runs` of the runbook is counted over a day, whatever the policy keeps."""
    daemon = begin(rig, monkeypatch)
    runs, now = daemon.responding.runs, float(START_S)
    daemon.responding.keep()
    daemon.responding.look()
    assert daemon.responding.engine.settle(30)
    run = runs.newest()[0]
    assert runs.decide(Decision(run, "undone", ""), None, now)
    with daemon.store.transaction() as tx:
        tx.put_warning(early(1, now, state="closed", closed_s=START_S))
    daemon.clock = daemon.responding._clock = lambda: now + 2 * 3600
    daemon.responding.prune(now + 3600)
    assert (runs.newest(), [one.run_id for one in runs.charges()]) == ([], [run.id])
    daemon.clock = daemon.responding._clock = lambda: now + 26 * 3600
    daemon.responding.prune(now + 25 * 3600)
    assert runs.charges() == []
