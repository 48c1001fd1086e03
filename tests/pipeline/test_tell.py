"""What a turn decided becomes messages, with everything that the words need from other rooms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from aiops.config.settings import Settings
from aiops.core.records import EarlyWarning
from aiops.notify.message import OutboxEntry
from aiops.outcomes.settle import deadline_s
from aiops.pipeline.assemble import Rooms, assemble
from aiops.pipeline.changes import Changes
from aiops.pipeline.tell import tell
from aiops.pipeline.watch import Watch
from aiops.store import Store
from tests.notify.samples import OPENED_S, anomaly, closed, memory, warning

CONFIG = {
    "receivers": {"am": {"kind": "alertmanager", "url": "http://127.0.0.1:9"}, "out": {"kind": "stdout"}},
    "routes": [{"receiver": "am", "continue": True}, {"receiver": "out"}],
    "sources": {"host": {"kind": "host", "step": "30s"}},
}


def rooms(store: Store) -> Rooms:
    return assemble(Settings.model_validate(CONFIG), [], [], store, None)


def told(event: Any, about: EarlyWarning, now_s: int = OPENED_S) -> list[OutboxEntry]:
    with memory() as store:
        changes = Changes(about.card, "host", now_s)
        changes.event(event, about)
        tell(watch(), now_s, rooms(store), changes)
        return changes.outbox


def watch() -> Watch:
    return cast(Watch, SimpleNamespace(step_s=30, card=SimpleNamespace(challenges=False), open={}, causes={}, pending={}))


@pytest.mark.parametrize(("routes", "wanted"), [(True, OPENED_S), (False, None)])
def test_what_somebody_was_told_is_marked_once(routes: bool, wanted: int | None) -> None:
    with memory() as store:
        own, found, about = watch(), rooms(store), warning(told_s=None)
        found.routes = found.routes if routes else ()
        for now_s, event in ((OPENED_S, "opened"), (OPENED_S + 30, "updated")):
            changes = Changes(about.card, "host", now_s)
            changes.event(event, own.open.get(about.fingerprint, about))  # type: ignore[arg-type]
            tell(own, now_s, found, changes)
            assert [w.told_s for w in changes.warnings] == ([OPENED_S] if routes and event == "opened" else [])
        assert own.open.get(about.fingerprint, about).told_s == wanted


def test_that_nothing_may_be_done_is_said_in_every_message() -> None:
    with memory() as store:
        found, about = rooms(store), warning()
        found.killed = lambda: "ann: drill\n"
        changes = Changes(about.card, "host", OPENED_S)
        changes.event("opened", about)
        tell(watch(), OPENED_S, found, changes)
        assert [e.payload["text"].splitlines()[-2] for e in changes.outbox] == [
            "The kill switch is on, nothing is begun: ann: drill\\n"
        ] * 2
    assert not any("kill switch" in entry.payload["text"] for entry in told("opened", warning()))


def test_receivers_are_told_what_their_kind_wants() -> None:
    with memory() as store:
        found = rooms(store)
        assert (found.local_receivers, found.renewed_receivers) == ({"out"}, {"am"})
    assert [entry.receiver for entry in told("opened", warning())] == ["am", "out"]
    assert [entry.receiver for entry in told("updated", warning())] == ["am"]
    assert [entry.receiver for entry in told("closed", closed(OPENED_S + 60, stage="shadow"))] == ["out"]


@pytest.mark.parametrize("event", ["opened", "updated", "worsened", "closed"])
def test_only_a_renewal_may_be_superseded(event: str) -> None:
    assert {entry.renewal for entry in told(event, warning())} == {event == "updated"}


@pytest.mark.parametrize("event", ["crossing", "outcome"])
def test_what_is_only_judged_is_told_to_nobody(event: str) -> None:
    assert told(event, warning()) == []


def test_a_message_is_true_for_three_turns_of_its_watch() -> None:
    assert told("opened", warning())[0].payload["ends_at_s"] == OPENED_S + 90


def test_one_that_ends_unjudged_says_when_it_will_be_judged() -> None:
    about = closed(OPENED_S + 600)
    payload = told("closed", about, OPENED_S + 600)[0].payload
    assert (payload["verdict"], payload["judged_at_s"]) == ("pending", deadline_s(about))
    assert "Verdict: pending; judged by 2026-03-02T08:22:00Z" in payload["text"]
    assert told("closed", anomaly(state="closed", closed_s=OPENED_S + 600))[0].payload["judged_at_s"] is None
