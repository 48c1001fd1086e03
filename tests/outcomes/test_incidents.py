"""Incidents as other systems send them, what is refused, and which card claims one."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.core.labels import Matcher
from aiops.outcomes.incidents import AT_MOST, Incident, claimed, incidents_in, incidents_of, instant

NOW = 1_800_000_000.0
ALERT = {
    "status": "firing", "labels": {"alertname": "DiskFull", "instance": "a"}, "startsAt": "2026-11-26T03:00:00.5Z",
    "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "c0ffee",
}  # fmt: skip
PAGE = {
    "event_type": "incident.triggered", "occurred_at": "2026-11-26T04:00:00+01:00",
    "data": {"id": "P1", "title": "shop is down", "urgency": "high", "service": {"summary": "shop", "id": "S"},
             "custom_details": {"instance": "a", "depth": 3}},
}  # fmt: skip
AT = 1_795_662_000


def test_a_webhook_of_alertmanager() -> None:
    found = incidents_in({"version": "4", "receiver": "aiops", "alerts": [ALERT]}, NOW)
    assert found == [Incident(f"c0ffee@{AT}", "alertmanager", ALERT["labels"], AT, "DiskFull")]  # type: ignore[arg-type]


def test_what_is_over_says_when() -> None:
    over = {**ALERT, "status": "resolved", "endsAt": "2026-11-26T03:30:00Z"}
    plain = {"id": "7", "started_at": AT, "ended_at": AT + 60, "labels": {}}
    assert [one.end_s for one in incidents_in([{"alerts": [ALERT, over]}, plain], NOW)] == [None, AT + 1800, AT + 60]
    with pytest.raises(ValueError, match="ended_at must not lie before it began"):
        incidents_in({**plain, "ended_at": AT - 1}, NOW)
    with pytest.raises(ValueError, match="ended_at must be a time"):
        incidents_in({**plain, "ended_at": "soon"}, NOW)


def test_a_webhook_of_pagerduty() -> None:
    (found,) = incidents_in({"event": PAGE}, NOW)
    assert (found.id, found.system, found.at_s, found.title) == ("P1", "pagerduty", AT, "shop is down")
    assert found.labels == {"service": "shop", "instance": "a", "urgency": "high", "title": "shop is down"}


@pytest.mark.parametrize("kind", ["incident.acknowledged", "incident.resolved", "pagey.ping"])
def test_what_pagerduty_tells_beside_triggers_is_no_incident(kind: str) -> None:
    assert incidents_in({"event": {**PAGE, "event_type": kind}}, NOW) == []


def test_plain_incidents_one_or_many_or_many_messages() -> None:
    one = {"id": "7", "started_at": AT, "labels": {"instance": "a"}, "title": "full"}
    wanted = [Incident("7", "incident", {"instance": "a"}, AT, "full")]
    assert incidents_in(one, NOW) == incidents_in({"incidents": [one]}, NOW) == incidents_in([one], NOW) == wanted


def test_the_same_alert_has_the_same_id_and_another_firing_another() -> None:
    again = {**ALERT, "status": "resolved", "endsAt": "2026-11-26T03:30:00Z"}
    later = {**ALERT, "startsAt": "2026-11-26T05:00:00Z"}
    first, second, third = incidents_in({"alerts": [ALERT, again, later]}, NOW)
    assert first.id == second.id != third.id


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "holds neither"), (7, "must be an object"), ({"alerts": {}}, "alerts must be a list"),
        ({"alerts": [{**ALERT, "startsAt": "soon"}]}, r"alerts\[0\].startsAt must be a time"),
        ({"alerts": [{**ALERT, "startsAt": True}]}, "must be a time"), ({"alerts": [{**ALERT, "startsAt": 1e400}]}, "future"),
        ({"alerts": [{**ALERT, "startsAt": NOW + 301}]}, "must not lie in the future"),
        ({"alerts": [{**ALERT, "labels": {"a": 1}}]}, r"alerts\[0\].labels must be at most"),
        ({"alerts": [{**ALERT, "labels": {"a": "x" * 2000}}]}, "must be at most"),
        ({"incidents": [{"started_at": AT, "labels": {}}]}, r"incidents\[0\].id must be a text"),
        ({"event": {**PAGE, "data": {"title": "x"}}}, "event.data.id must be a text"),
        ([[ALERT]], "must be an object"), ({"alerts": [ALERT] * (AT_MOST + 1)}, "may come at once"),
    ],
)  # fmt: skip
def test_what_is_refused_says_where(body: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        incidents_in(body, NOW)


def test_what_early_warnings_raise_themselves_is_no_incident() -> None:
    ours = {**ALERT, "labels": {"alertname": "HighLatency", "severity": "page", "warning_id": "0123"}}
    assert [one.labels["alertname"] for one in incidents_in({"alerts": [ours, ALERT]}, NOW)] == [ALERT["labels"]["alertname"]]
    details = {"firing": "Labels:\n - alertname = Early_disk_full\n - warning_id = 0123\n"}
    assert incidents_in({"event": {**PAGE, "data": {**PAGE["data"], "custom_details": details}}}, NOW) == []
    assert len(incidents_in({"event": {**PAGE, "data": {**PAGE["data"], "custom_details": {"firing": "Labels"}}}}, NOW)) == 1


def test_a_file_is_one_value_or_one_a_line() -> None:
    one, two = ({"id": i, "started_at": AT, "labels": {"a": "b"}} for i in "12")
    many = json.dumps([one, two], indent=1)
    for content in (many, f"{json.dumps(one)}\n\n{json.dumps(two)}", "\ufeff" + many):
        assert [i.id for i in incidents_of(content.encode(), NOW)] == ["1", "2"]


def test_a_file_may_hold_the_incidents_of_years() -> None:
    many = [{"id": str(i), "started_at": AT, "labels": {}} for i in range(AT_MOST + 1)]
    assert len(incidents_of(json.dumps(many).encode(), NOW)) == AT_MOST + 1
    lines = "\n".join(json.dumps(many[:600]) for _ in range(200)).encode()
    with pytest.raises(ValueError, match="line 167: holds 600 incidents; at most 400"):
        incidents_of(lines, NOW)


ROW = json.dumps({"id": "1", "started_at": AT, "labels": {}}).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"), (b" \n", "is empty"), (ROW + b"\n{\n", "line 2: is no JSON"), (b"nonsense", "line 1: is no JSON"),
        (b'{"incidents": [\n{"id": 1,\n]}', "line 3: is no JSON"),
        (ROW + b"\n\n7\n" + ROW, "line 3: the message must be an object"),
        (ROW + b"\n" + ROW.replace(b'"1"', b'""'), "line 2: the incident.id must be a text"), (b"\xff\xfe", "line 1: is no JSON"),
    ],
)  # fmt: skip
def test_a_bad_row_of_a_file_is_named_by_its_line(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        incidents_of(content, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["alerts", "event", "incidents", "id", "labels", "started_at", "startsAt", "data", "event_type"]), inner),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_whatever_comes_it_is_read_or_refused(body: Any) -> None:
    with suppress(ValueError):
        assert all(one.id and 0 <= one.at_s <= NOW + 300 for one in incidents_in(body, NOW))


def test_a_card_claims_what_its_matchers_fit_and_names_the_entity_by_its_labels() -> None:
    one = Incident("1", "incident", {"instance": "a", "severity": "page", "mountpoint": ""}, AT)
    page, none = [Matcher.parse('severity="page"')], [Matcher.parse('severity="info"')]
    found = claimed(one, "disk_full", ["instance", "mountpoint"], [[], page])
    assert found is not None
    assert (found.card, found.entity, found.at_s, found.truth) == ("disk_full", {"instance": "a"}, AT, "incident")
    assert claimed(one, "disk_full", ["instance"], [[], none]) is None
    assert claimed(one, "disk_full", ["instance"], [[], []]) is None, "no matchers claim nothing"


def test_an_instant_is_epoch_seconds_or_a_time_in_utc() -> None:
    assert instant(str(AT)) == instant("2026-11-26T03:00:00Z") == instant("2026-11-26T03:00:00") == AT
