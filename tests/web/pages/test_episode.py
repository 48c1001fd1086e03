"""The facts of the page of one warning: as exact as they are meant, with their origin, and hidden where the policy says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from aiops.core.records import GONE, STAYED, EarlyWarning, SymptomKind
from aiops.daemon.daemon import Daemon
from aiops.web.access.sight import Sight
from aiops.web.pages.episode import page
from tests.daemon.rig import Rig, card, falling
from tests.notify.samples import RUNBOOK
from tests.store.samples import outcome


@pytest.fixture
def warned(rig: Rig) -> tuple[Daemon, EarlyWarning]:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    daemon = rig.start(card())
    rig.until_warned()
    return daemon, daemon.store.open_warnings()[0]


@pytest.fixture
def sight(warned: tuple[Daemon, EarlyWarning]) -> Sight:
    return Sight(warned[0], "local")


def test_times_that_are_foretold_are_told_to_the_minute(warned: tuple[Daemon, EarlyWarning], sight: Sight) -> None:
    daemon, warning = warned
    found = page(daemon, warning.id, sight)
    assert found is not None
    assert found["line"]["expected"].endswith(":00Z")
    assert all(one.endswith(":00Z") for one in found["line"]["interval"].split(" to "))
    assert found["summary"] == "Something will run out here."
    assert "expected" in found["plot"]["says"]


def test_lineage_names_source_query_window_and_class(warned: tuple[Daemon, EarlyWarning], sight: Sight) -> None:
    daemon, warning = warned
    found = page(daemon, warning.id, sight)
    assert found is not None
    (facts,) = found["lineage"]
    assert {"source", "query", "read", "class", "may be in"} <= set(dict(facts))
    assert dict(facts)["query"] == "free"


def test_what_became_of_it_is_said_in_a_sentence(warned: tuple[Daemon, EarlyWarning], sight: Sight) -> None:
    daemon, warning = warned
    with daemon.store.transaction() as tx:
        tx.put_warning(warning.having(state="closed", closed_s=warning.opened_s + 300, closed_why="no longer seen"))
        tx.put_outcome(outcome(verdict="false", warning_id=warning.id, card=warning.card, failed_s=None, lead_s=None))
    found = page(daemon, warning.id, sight)
    assert found is not None
    assert found["stands"] == "It did not come: this warning was wrong."
    assert found["line"]["left"] == ""
    assert found["plot"]["now"] is None


@pytest.mark.parametrize(
    ("kind", "says", "do"),
    [("conflict", "its sources disagree", "find out which source is right"),
     ("absence", "silent", "find out why nothing is measured any more")],
)
def test_where_its_failure_is_not_told_its_card_is_not_quoted(
    warned: tuple[Daemon, EarlyWarning], sight: Sight, kind: SymptomKind, says: str, do: str
) -> None:
    daemon, warning = warned
    first = warning.symptoms[0]
    symptom = replace(first, kind=kind, crossing=None, evidence={**first.evidence, "reason": "a and b tell different values"})
    with daemon.store.transaction() as tx:
        tx.put_warning(warning.having(kind=kind, crossing=None, first_crossing=None, symptoms=(symptom,)))
    found = page(daemon, warning.id, sight)
    assert found is not None
    assert (found["summary"], found["look"], found["line"]["lasting"]) == ("A and b tell different values.", do, says)


@pytest.mark.parametrize("why", [STAYED, GONE])
def test_what_ended_at_a_new_level_says_what_to_do(warned: tuple[Daemon, EarlyWarning], sight: Sight, why: str) -> None:
    daemon, warning = warned
    with daemon.store.transaction() as tx:
        tx.put_warning(warning.having(state="closed", closed_s=warning.opened_s + 60, closed_why=why))
    found = page(daemon, warning.id, sight)
    assert found is not None
    assert found["still"].startswith("find out whether the new level is wanted") == (why == STAYED)


@pytest.mark.parametrize("verdict", [None, "false"])
def test_what_ended_at_a_new_level_on_many_says_so_until_each_is_judged(
    warned: tuple[Daemon, EarlyWarning], sight: Sight, verdict: Literal["false"] | None
) -> None:
    daemon, warning = warned
    member = {"id": "1" * 16, "entity": dict(warning.entity), "opened_s": warning.opened_s}
    one = warning.having(id=member["id"], fingerprint=member["id"], verdict=verdict)
    with daemon.store.transaction() as tx:
        tx.put_warning(warning.having(state="closed", closed_s=warning.opened_s, closed_why=STAYED, members=(member,)), one)
    found = page(daemon, warning.id, sight)
    assert found is not None
    assert bool(found["still"]) == (verdict is None)


def test_a_link_of_a_runbook_leads_to_the_web_or_nowhere(warned: tuple[Daemon, EarlyWarning], sight: Sight) -> None:
    daemon, warning = warned
    with daemon.store.transaction() as tx:
        tx.put_warning(warning.having(runbooks=(RUNBOOK, {**RUNBOOK, "docs": "javascript:alert(1)"})))
    found = page(daemon, warning.id, sight)
    assert found is not None
    assert [one["docs"] for one in found["books"]] == ["https://runbooks.example.org/disk", ""]


def test_elsewhere_what_it_is_about_is_hidden_with_what_was_done(warned: tuple[Daemon, EarlyWarning]) -> None:
    daemon, warning = warned
    found = page(daemon, warning.id, Sight(daemon, daemon.rooms.gate.location("web")))
    assert found is not None
    assert found["hidden"]
    assert found["asked"] == []
    assert "instance=a" not in found["plot"]["series"]
    assert found["plot"]["lines"]


def test_there_is_no_page_of_none(warned: tuple[Daemon, EarlyWarning], sight: Sight) -> None:
    assert page(warned[0], "ffff", sight) is None
