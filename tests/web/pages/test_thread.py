"""What happened to a warning: in order, each thing once, nothing of what may not be seen."""

from __future__ import annotations

import re

import pytest

from aiops.core.records import EarlyWarning
from aiops.daemon.daemon import Daemon
from aiops.pipeline.desk import Desk
from aiops.web.pages.thread import Happened, thread
from tests.daemon.rig import Rig, calm, card, falling
from tests.store.samples import outcome
from tests.web.api.test_responses import asking


@pytest.fixture
def warned(rig: Rig) -> tuple[Daemon, EarlyWarning]:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    daemon = rig.start(card())
    rig.until_warned()
    return daemon, daemon.store.open_warnings()[0]


def said(found: list[Happened]) -> str:
    return "\n".join(one.said for one in found)


def test_it_begins_with_the_opening_and_what_was_expected_then(warned: tuple[Daemon, EarlyWarning]) -> None:
    daemon, warning = warned
    first, *rest = thread(daemon, warning, None, whole=True)
    assert first.at_s == warning.opened_s
    assert first.said.startswith("opened; expected then for 20")
    assert "stdout is to be told that it opened" in said(rest)


def test_who_was_told_and_who_could_not_be(warned: tuple[Daemon, EarlyWarning]) -> None:
    daemon, warning = warned
    (row,) = daemon.store.due(daemon.clock())
    daemon.store.mark_retry(row.seq, 1, daemon.clock(), "no answer", daemon.clock())
    assert "tried once: no answer" in said(thread(daemon, warning, None, whole=True))
    daemon.store.mark_dead(row.seq, "refused", daemon.clock())
    assert "stdout could not be told that it opened: refused" in said(thread(daemon, warning, None, whole=True))


def test_what_people_said_stands_in_their_order(warned: tuple[Daemon, EarlyWarning]) -> None:
    daemon, warning = warned
    desk, now = Desk(daemon.store), daemon.clock()
    desk.ack(warning.id, "ann", now + 1)
    desk.feedback(warning.id, "late", "bob", now + 3, "much <too> late")
    desk.acted(warning.id, "freed /srv/secret", "ann", now + 2, now + 4)
    found = thread(daemon, warning, None, whole=True)
    mine = [one.said for one in found if one.said.startswith(("ann", "bob"))]
    assert mine == ["ann looks at it", "ann did something: freed /srv/secret", "bob said: late (much <too> late)"]
    assert [one.at_s for one in found] == sorted(one.at_s for one in found)


def test_what_may_not_be_seen_is_not_told(warned: tuple[Daemon, EarlyWarning]) -> None:
    daemon, warning = warned
    desk, now = Desk(daemon.store), daemon.clock()
    desk.acted(warning.id, "freed /srv/secret", "ann", now, now)
    desk.feedback(warning.id, "late", "bob", now, "db1 /srv/secret")
    text = said(thread(daemon, warning, None, whole=False))
    assert "secret" not in text
    assert "ann did something" in text
    assert "bob said: late" in text


def test_it_ends_with_what_came_and_the_verdict(warned: tuple[Daemon, EarlyWarning]) -> None:
    daemon, warning = warned
    at = warning.opened_s
    times = {"closed_s": at + 200, "turned_s": at + 50, "stale_since_s": at + 60}
    over = warning.having(state="closed", closed_why="the limit was crossed", **times)
    judged = outcome(verdict="hit", settled_s=at + 300, failed_s=at + 190, judged_by="ann")
    found = thread(daemon, over, judged, whole=True)
    assert [one.said for one in found][-5:] == [
        "what is measured left its course after something was done", "its sources went away: nothing newer is known",
        "what it warned of came", "ended: the limit was crossed", "judged by ann: hit, 3m10s ahead",
    ]  # fmt: skip
    assert found[-1].mark == "good"
    assert found[-1].at.endswith("Z")


@pytest.mark.parametrize(("says", "words"), [("approve", "operator said yes"), ("deny", "operator said no")])
def test_what_was_looked_at_asked_answered_and_done_stands_in_its_order(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, says: str, words: str
) -> None:
    rig.world.add("free", {"instance": "a"}, calm())
    daemon = asking(rig, monkeypatch)
    (run,) = daemon.responding.runs.newest()
    about = daemon.store.warning(run.warning_id)
    assert about is not None
    people, own = daemon.responding.people, {"confirm": run.runbook} if says == "approve" else {}
    getattr(people, says)(run.id, "operator", daemon.clock(), **own)
    daemon.responding.look()
    assert daemon.responding.engine.settle(30)
    mine = [one.said for one in thread(daemon, about, None, whole=True) if re.match("mend[ ,:]", one.said)]
    assert mine[:2] == ["mend matched (approve)", "mend, step look: done"]
    assert mine[2].startswith("mend: asked for a yes until ")
    assert mine[2].endswith(f"; {words}")
    assert any(one.startswith("mend, step fix: done") for one in mine[3:]) == (says == "approve")
