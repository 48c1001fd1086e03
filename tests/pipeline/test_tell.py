"""What a turn decided becomes messages, with everything that the words need from other rooms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from aiops.config.settings import Settings
from aiops.core.records import GONE, STAYED, EarlyWarning
from aiops.notify.message import OutboxEntry
from aiops.outcomes.settle import deadline_s
from aiops.pipeline.assemble import assemble
from aiops.pipeline.changes import Changes
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.tell import tell
from aiops.pipeline.watch import Watch
from aiops.store import Store
from tests.notify.samples import OPENED_S, anomaly, closed, memory, outcome, warning

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
        changes.event(event, about, outcome(about, about.verdict) if event in ("outcome", "judged") and about.verdict else None)
        tell(watch(), now_s, rooms(store), changes)
        return changes.outbox


def watch() -> Watch:
    card = SimpleNamespace(challenges=False, impact="")
    return cast(Watch, SimpleNamespace(step_s=30, card=card, open={}, causes={}, pending={}))


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
        for entry in changes.outbox:
            assert "The kill switch is on, nothing is begun: ann: drill\\n" in entry.payload["text"].splitlines()
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


@pytest.mark.parametrize(("event", "about"), [("crossing", warning()), ("outcome", warning(told_s=OPENED_S))])
def test_a_verdict_on_what_is_open_is_told_with_its_end(event: str, about: EarlyWarning) -> None:
    assert told(event, about) == []


@pytest.mark.parametrize("event", ["outcome", "judged"])
def test_a_verdict_on_what_had_ended_is_told_to_whoever_was_told_of_it(event: str) -> None:
    over = closed(OPENED_S + 60, verdict="averted", told_s=OPENED_S)
    found = told(event, over, OPENED_S + 900)
    assert [(e.receiver, e.payload["event"], e.payload["if_told"]) for e in found] == [
        ("am", "judged", True), ("out", "judged", True),
    ]  # fmt: skip
    assert found[0].payload["title"].startswith("disk full on db1 /var was averted")
    assert not [line for line in found[0].payload["text"].splitlines() if line.startswith(("Wrong:", "Runbook:"))]
    assert told(event, over.having(told_s=None), OPENED_S + 900) == [], "nobody was told that it began"


def test_what_ends_with_its_verdict_says_it_once() -> None:
    over = closed(OPENED_S + 60, verdict="hit", told_s=OPENED_S)
    with memory() as store:
        changes = Changes(over.card, "host", OPENED_S + 60)
        changes.event("closed", over)
        changes.event("outcome", over, outcome(over, "hit"))
        tell(watch(), OPENED_S + 60, rooms(store), changes)
        assert {e.payload["event"] for e in changes.outbox} == {"closed"}


@pytest.mark.parametrize("linked", [True, False])
def test_a_message_leads_to_runbook_episode_and_wrong(linked: bool) -> None:
    with memory() as store:
        found, about = rooms(store), warning()
        if linked:
            found.episode_url, found.runbook_url = lambda one: f"https://a/w/{one}", lambda name: f"https://a/r/{name}"
            found.wrong_url = lambda one: f"https://a/f/{one}"
        changes = Changes(about.card, "host", OPENED_S)
        changes.event("opened", about)
        tell(watch(), OPENED_S, found, changes)
    lines = changes.outbox[0].payload["text"].splitlines()
    assert "Read: https://runbooks.example.org/disk" in lines
    if linked:
        assert lines[-3:] == ["Runbook: https://a/r/disk-filling-up", f"Episode: https://a/w/{about.id}", f"Wrong: https://a/f/{about.id}"]
    else:
        wrong = f"Wrong: aiops warnings feedback {about.id} noise"
        assert lines[-2:] == ["Runbook: aiops runbooks show disk-filling-up", wrong]


@pytest.mark.parametrize(("why", "leads"), [(STAYED, True), (GONE, False)])
def test_what_ended_at_a_new_level_says_what_to_do_and_leads_to_its_runbook(why: str, leads: bool) -> None:
    over = anomaly(state="closed", closed_s=OPENED_S + 60, closed_why=why, told_s=OPENED_S, runbooks=warning().runbooks)
    with memory() as store:
        changes = Changes(over.card, "host", OPENED_S + 60)
        changes.event("closed", over)
        tell(watch(), OPENED_S + 60, rooms(store), changes)
    text = changes.outbox[0].payload["text"]
    assert ("\nDo: find out whether the new level is wanted" in text) == leads
    assert ("\nRunbook: aiops runbooks show disk-filling-up" in text) == leads
    assert ("nothing for now" in text) != leads


@pytest.mark.parametrize("event", ["closed", "judged"])
def test_what_ended_at_a_new_level_on_many_leads_to_its_runbook_until_it_is_judged(event: str) -> None:
    ended, verdict = anomaly(state="closed", closed_s=OPENED_S, closed_why=STAYED), "false" if event == "judged" else None
    listed = [ended.having(id=f"{i:016x}", fingerprint=f"{i:016x}", verdict=verdict) for i in range(3)]
    members = tuple({"id": one.id, "entity": {"instance": f"h{i}"}, "opened_s": OPENED_S} for i, one in enumerate(listed))
    over = ended.having(told_s=OPENED_S, runbooks=warning().runbooks, members=members)
    with memory() as store:
        with store.transaction() as tx:
            tx.put_warning(*listed)
        changes = Changes(over.card, "host", OPENED_S + 60)
        changes.event(event, over)  # type: ignore[arg-type]
        tell(watch(), OPENED_S + 60, rooms(store), changes)
    text = changes.outbox[0].payload["text"]
    assert ("\nDo: find out whether the new level is wanted" in text) == (event == "closed")
    assert ("\nRunbook: aiops runbooks show disk-filling-up" in text) == (event == "closed")


def test_receivers_read_times_on_their_own_clock_else_on_that_of_the_working_hours() -> None:
    receivers = {**CONFIG["receivers"], "out": {"kind": "stdout", "time_zone": "Asia/Tokyo"}}  # type: ignore[dict-item]
    config = {**CONFIG, "receivers": receivers, "working_hours": {"time_zone": "Europe/Berlin"}}
    with memory() as store:
        found = assemble(Settings.model_validate(config), [], [], store, None)
        changes = Changes("disk_full", "host", OPENED_S)
        changes.event("opened", warning())
        tell(watch(), OPENED_S, found, changes)
    assert [e.payload["title"].partition("(")[2].partition(",")[0] for e in changes.outbox] == ["15:20 CET", "23:20 JST"]


def test_a_message_is_true_for_three_turns_of_its_watch() -> None:
    assert told("opened", warning())[0].payload["ends_at_s"] == OPENED_S + 90


def test_one_that_ends_unjudged_says_when_it_will_be_judged() -> None:
    about = closed(OPENED_S + 600)
    payload = told("closed", about, OPENED_S + 600)[0].payload
    assert (payload["verdict"], payload["judged_at_s"]) == ("pending", deadline_s(about))
    assert "Verdict: pending; judged by 2026-03-02 08:22 UTC" in payload["text"]
    assert told("closed", anomaly(state="closed", closed_s=OPENED_S + 600))[0].payload["judged_at_s"] is None
