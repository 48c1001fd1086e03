"""Who is told what, under which key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aiops.config.routing import Route, WorkingHours, resolved
from aiops.core.records import EarlyWarning
from aiops.notify.clock import Clock
from aiops.notify.message import OWN, Audience, Event, News, OutboxEntry, facts_of, outbox_rows, payload_of, routed
from aiops.store.codec import warning_from
from tests.notify.samples import HOSTILE, OPENED_S, anomaly, closed, outcome, route, warning

ALL = [route("am", go_on=True), route("out")]


def told(event: Event, about: EarlyWarning, routes: Sequence[Route] = ALL, now_s: float = OPENED_S) -> dict[str, Any]:
    """Receiver to (key, payload)."""
    rows = outbox_rows(News(event, about, now_s, 60, OPENED_S + 9999.0), Audience(routes, {"out"}, {"am"}))
    return {row.receiver: (row.dedup_key, row.payload) for row in rows}


def test_the_first_route_that_matches_wins() -> None:
    routes = [route("disks", 'card="disk_full"'), route("all")]
    assert list(routed(warning(), routes)) == ["disks"]
    assert list(routed(anomaly(), routes)) == ["all"]


def test_a_route_that_continues_lets_the_next_ones_match_too() -> None:
    routes = [route("a", go_on=True), route("b", 'env="stage"'), route("c", go_on=True), route("a")]
    assert list(routed(warning(), routes)) == ["a", "c"]


def test_no_route_that_matches_tells_nobody() -> None:
    assert told("opened", warning(), [route("am", 'env="stage"')]) == {}


@pytest.mark.parametrize(
    "matcher",
    ['env="prod"', 'mountpoint=~"/v.*"', 'card="disk_full"', 'severity="warning"', 'stage="ticket"', 'kind="exhaustion"',
     'signal="filesystem_free_ratio"', 'absent=""'],
)  # fmt: skip
def test_matchers_see_labels_entity_and_what_the_warning_says(matcher: str) -> None:
    assert list(routed(warning(), [route("r", matcher)])) == ["r"]


@pytest.mark.parametrize("name", OWN)
def test_no_label_of_the_telemetry_overrides_what_the_warning_says(name: str) -> None:
    forged = {name: "forged"}
    assert facts_of(warning(labels=forged, entity=forged))[name] == str(getattr(warning(), name))
    assert list(routed(warning(labels=forged, entity=forged), [route("r", f'{name}="forged"')])) == []


@pytest.mark.parametrize("event", ["opened", "worsened", "closed"])
def test_a_shadow_warning_stays_on_this_machine(event: Event) -> None:
    assert set(told(event, warning(stage="shadow"))) == {"out"}


@pytest.mark.parametrize("stage", ["ticket", "page"])
def test_ticket_and_page_go_to_every_matched_receiver(stage: str) -> None:
    assert set(told("opened", warning(stage=stage))) == {"am", "out"}


def test_a_shadow_message_says_that_it_is_unproven() -> None:
    _, payload = told("opened", warning(stage="shadow"))["out"]
    assert "shadow: unproven; 36 of the last 40 came true; median 1h50m ahead" in payload["text"]


def test_a_renewal_goes_only_to_who_would_forget() -> None:
    assert set(told("updated", warning())) == {"am"}
    assert told("updated", warning(stage="shadow")) == {}


def test_the_group_is_the_warning() -> None:
    assert {row.group for row in outbox_rows(News("opened", warning(), OPENED_S, 60), Audience(ALL))} == {warning().id}


def test_the_key_is_the_same_however_often_it_is_made() -> None:
    assert told("opened", warning())["am"][0] == told("opened", warning(), now_s=OPENED_S + 60)["am"][0]
    assert told("updated", warning())["am"][0] == told("updated", warning())["am"][0]


def test_each_event_and_each_renewal_has_a_key_of_its_own() -> None:
    events: tuple[Event, ...] = ("opened", "updated", "worsened", "closed")
    keys = {told(event, warning())["am"][0] for event in events}
    keys |= {told(event, warning(), now_s=OPENED_S + 60)["am"][0] for event in ("updated", "worsened")}
    assert len(keys) == 6
    assert all(len(key) <= 128 for key in keys)


@pytest.mark.parametrize("event", ["opened", "updated", "worsened"])
def test_what_is_open_is_true_for_three_turns(event: Event) -> None:
    assert payload_of(News(event, warning(), OPENED_S + 60, 60))["ends_at_s"] == OPENED_S + 60 + 180


def test_what_has_ended_ends_now_with_its_verdict_or_when_it_is_judged() -> None:
    pending = payload_of(News("closed", closed(OPENED_S + 60), OPENED_S + 60, 60, OPENED_S + 9000.0))
    assert (pending["ends_at_s"], pending["verdict"], pending["judged_at_s"]) == (OPENED_S + 60, "pending", OPENED_S + 9000.0)
    assert payload_of(News("closed", closed(OPENED_S + 60, verdict="hit"), OPENED_S + 60, 60))["verdict"] == "hit"
    assert payload_of(News("opened", warning(), OPENED_S, 60))["verdict"] == ""


@pytest.mark.parametrize("about", [warning(), anomaly(), closed(OPENED_S + 9), warning(entity=HOSTILE, labels=HOSTILE)])
def test_a_payload_is_plain_json_and_holds_the_whole_warning(about: EarlyWarning) -> None:
    payload = payload_of(News("opened", about, OPENED_S, 60))
    again = json.loads(json.dumps(payload, allow_nan=False))
    assert again == payload
    assert warning_from(again["warning"]) == about


def judged(about: EarlyWarning, routes: Sequence[Route], verdict: Any = "averted", **more: Any) -> list[OutboxEntry]:
    now_s = OPENED_S + 8 * 3600.0
    found = outcome(about, verdict, now_s, detail="ann: db1 was cleaned", **more)
    news = News("judged", about.having(verdict=verdict), now_s, 60, outcome=found)
    return list(outbox_rows(news, Audience(routes, {"out"})))


def test_a_verdict_that_comes_late_goes_to_whoever_was_told() -> None:
    found = judged(closed(OPENED_S + 60), ALL)
    assert [(row.receiver, row.payload["if_told"], row.payload["verdict"]) for row in found] == [
        ("am", True, "averted"), ("out", True, "averted"),
    ]  # fmt: skip
    assert {row.dedup_key for row in found} == {f"{warning().id}:judged:{OPENED_S + 8 * 3600}:averted"}
    assert {row.group for row in found} == {warning().id}


def test_another_verdict_is_another_message() -> None:
    keys = {row.dedup_key for verdict in ("averted", "false") for row in judged(closed(OPENED_S + 60), ALL, verdict)}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("verdict", "more", "ends"),
    [
        ("averted", {}, "was averted: it was expected for 14:20 UTC"),
        ("false", {}, "was wrong: it was expected for 14:20 UTC"),
        ("hit", {"failed_s": OPENED_S + 3600}, "came true: failed at 09:10 UTC, 1h after it was told"),
        ("late", {"failed_s": OPENED_S + 60}, "came true, told too late: failed at 08:11 UTC, 1m after it was told"),
        ("unjudgeable", {}, "cannot be judged: it was expected for 14:20 UTC"),
        ("expired", {"told": None}, "was judged by nobody: it was expected for 14:20 UTC"),
    ],
)  # fmt: skip
def test_a_thread_ends_in_words(verdict: str, more: dict[str, Any], ends: str) -> None:
    (row, _) = judged(closed(OPENED_S + 60), ALL, verdict, **more)
    assert row.payload["title"] == f"disk full on db1 /var {ends}"
    assert f"Verdict: {ends.partition(':')[0]}: ann: db1 was cleaned; judged 2026-03-02 16:10 UTC" in row.payload["text"]


def test_a_route_may_do_without_verdicts() -> None:
    routes = tree({"receiver": "am", "verdicts": False, "continue": True}, {"receiver": "out"})
    assert [row.receiver for row in judged(closed(OPENED_S + 60), routes)] == ["out"]


def test_who_may_not_see_everything_hears_the_verdict_and_no_more() -> None:
    about = closed(OPENED_S + 60, verdict="false")
    hidden = about.having(entity={"instance": "h-1"}, labels={"instance": "h-1"})
    found = replace(outcome(about, "false", detail="db1 was cleaned"), about={"service": "shop"})
    (row,) = outbox_rows(News("judged", about, OPENED_S, 60, outcome=found), Audience([route("am")]), lambda name: hidden)
    assert "db1 was cleaned" not in json.dumps(row.payload)
    assert (row.payload["outcome"]["entity"], row.payload["outcome"]["about"]) == ({}, {})
    assert row.payload["verdict"] == "false"


def test_an_end_goes_where_another_severity_led() -> None:
    routes = [route("pager", 'severity="critical"'), route("mail")]
    (one, other) = rows("closed", closed(OPENED_S + 60, severity="critical"), routes, OPENED_S + 60)
    assert (one.receiver, one.payload.get("if_told")) == ("pager", None)
    assert (other.receiver, other.payload.get("if_told")) == ("mail", True)


def test_who_puts_together_by_itself_is_told_each_alone_at_once() -> None:
    routes = tree({"receiver": "am", "group_by": ["env"], "continue": True}, {"receiver": "am2", "digest": True})
    for event in ("opened", "updated", "closed"):
        about = closed(OPENED_S) if event == "closed" else warning()
        found = list(outbox_rows(News(event, about, OPENED_S, 60), Audience(routes, renewed={"am", "am2"}, hours=HOURS)))
        assert [(row.group, row.not_before_s, "bundle" in row.payload) for row in found] == [(warning().id, OPENED_S, False)] * 2


def test_each_receiver_reads_times_on_its_own_clock() -> None:
    clocks = {"am": Clock(ZoneInfo("Europe/Berlin"))}
    told = outbox_rows(News("opened", warning(), OPENED_S, 60), Audience(ALL, clocks=clocks))
    found = {row.receiver: row.payload for row in told}
    assert "(15:20 CET, 14:40 to 16:10; 14:20 UTC)" in found["am"]["title"]
    assert "(14:20 UTC, 13:40 to 15:10)" in found["out"]["title"]
    assert found["am"]["act_before"] == "2026-03-02 14:40 CET (13:40 UTC, in 5h30m)"


def tree(*routes: dict[str, Any]) -> list[Route]:
    return [Route.model_validate(one) for one in routes]


PAGER_OR_DIGEST = tree({"urgent": True, "receiver": "pager"}, {"urgent": False, "receiver": "mail", "digest": True})
HOURS = WorkingHours(begin="09:00")


def rows(event: Event, about: EarlyWarning, routes: Sequence[Route], now_s: float = OPENED_S) -> list[OutboxEntry]:
    return list(outbox_rows(News(event, about, now_s, 60), Audience(routes, hours=HOURS)))


def test_only_what_must_be_decided_before_work_begins_is_urgent() -> None:
    soon, later = warning(act_before_s=OPENED_S + 600.0), warning(act_before_s=OPENED_S + 3 * 3600.0)
    assert [row.receiver for row in rows("opened", soon, PAGER_OR_DIGEST)] == ["pager"]
    (row,) = rows("opened", later, PAGER_OR_DIGEST)
    assert row.receiver == "mail"
    assert row.not_before_s == HOURS.next_begin_s(OPENED_S)
    assert [row.receiver for row in rows("opened", anomaly(), PAGER_OR_DIGEST)] == ["mail"]


def test_an_end_goes_to_whoever_may_have_been_told() -> None:
    found = rows("closed", closed(OPENED_S + 60), PAGER_OR_DIGEST, OPENED_S + 60)
    assert {row.receiver: row.payload.get("if_told") for row in found} == {"pager": True, "mail": True}
    (plain_,) = rows("closed", closed(OPENED_S + 60), [route("am")], OPENED_S + 60)
    assert "if_told" not in plain_.payload


def test_those_that_share_labels_wait_for_each_other() -> None:
    routes = tree({"receiver": "chat", "group_by": ["env", "absent"], "group_wait": "1m"})
    (a,), (b,), (c,) = (
        rows("opened", warning(id=id_, labels={"env": env}), routes) for id_, env in (("a", "x"), ("b", "x"), ("c", "y"))
    )
    assert a.group == b.group != c.group
    assert (a.not_before_s, a.payload["bundle"]) == (OPENED_S + 60.0, {"env": "x", "absent": ""})
    assert a.dedup_key != b.dedup_key


def test_what_is_told_together_names_labels_as_its_receiver_may_see_them() -> None:
    routes, seen = tree({"receiver": "chat", "group_by": ["env"]}), warning(labels={"env": "masked:0123456789ab"})
    news = News("opened", warning(labels={"env": "bank"}), OPENED_S, 60)
    (row,) = outbox_rows(news, Audience(routes), lambda name: seen)
    assert row.payload["bundle"] == {"env": "masked:0123456789ab"}
    assert "bank" not in str(row)


def test_what_lasts_is_told_again_where_a_route_says_so() -> None:
    routes = tree({"receiver": "chat", "repeat": "30m"})
    told_at = [at for at in range(60, 2 * 3600 + 1, 60) if rows("updated", warning(), routes, OPENED_S + at)]
    assert told_at == [1800, 3600, 5400, 7200]
    (row,) = rows("updated", warning(), routes, OPENED_S + 1800)
    assert row.payload["event"] == "repeated"
    assert not rows("updated", warning(), tree({"receiver": "chat"}), OPENED_S + 1800)


def test_what_becomes_urgent_is_told_then_and_once() -> None:
    later, soon = warning(act_before_s=OPENED_S + 3 * 3600.0), warning(act_before_s=OPENED_S + 600.0)
    (first,) = rows("opened", later, PAGER_OR_DIGEST)
    (now,) = rows("updated", soon, PAGER_OR_DIGEST, OPENED_S + 60)
    (next_,) = rows("updated", soon, PAGER_OR_DIGEST, OPENED_S + 120)
    assert (first.receiver, now.receiver, now.payload["event"]) == ("mail", "pager", "opened")
    assert now.dedup_key == next_.dedup_key == first.dedup_key


def taken(about: EarlyWarning, *routes: dict[str, Any], pagers: set[str] | None = None, urgent: bool | None = None) -> list[str]:
    return list(routed(about, resolved(tree(*routes), pagers or set()), urgent))


def test_of_a_tree_the_route_farthest_down_takes_it_and_the_one_above_what_is_left() -> None:
    deep = {"receiver": "all", "routes": [{"receiver": "disks", "matchers": ['card="disk_full"'], "routes": [
        {"receiver": "prod", "matchers": ['env="prod"']}]}]}  # fmt: skip
    assert taken(warning(), deep, {"receiver": "never"}) == ["prod"]
    assert taken(warning(labels={"env": "stage"}), deep) == ["disks"]
    assert taken(anomaly(), deep) == ["all"]


def test_a_branch_that_continues_lets_its_siblings_match_but_not_the_one_above() -> None:
    one = {"receiver": "all", "routes": [{"receiver": "a", "continue": True}, {"receiver": "b", "matchers": ['env="no"']}]}
    assert taken(warning(), one) == ["a"]
    assert taken(warning(), {**one, "continue": True}, {"receiver": "log"}) == ["a", "log"]


LADDER = (
    {"receiver": "pager", "repeat": "30m"}, {"urgent": True, "receiver": "tickets"},
    {"urgent": False, "receiver": "mail", "digest": True},
)  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "urgent", "wanted"),
    [("page", True, "pager"), ("ticket", True, "tickets"), ("page", False, "mail"), ("ticket", False, "mail")],
)
def test_who_pages_gets_only_what_has_earned_it_and_cannot_wait(stage: Any, urgent: bool, wanted: str) -> None:
    assert taken(warning(stage=stage), *LADDER, pagers={"pager"}, urgent=urgent) == [wanted]


def test_an_end_follows_a_warning_down_from_the_stage_at_which_it_paged() -> None:
    over = closed(OPENED_S + 60, stage="ticket")
    found = outbox_rows(
        News("closed", over, OPENED_S + 60, 60), Audience(resolved(tree(*LADDER), {"pager"}), hours=HOURS)
    )
    assert {row.receiver: row.payload.get("if_told") for row in found} == dict.fromkeys(("pager", "tickets", "mail"), True)
