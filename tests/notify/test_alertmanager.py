"""What Alertmanager is sent, and what is made of its answers."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aiops.core.durations import rfc3339
from aiops.core.errors import NotifyError, RetryLater
from aiops.core.records import Crossing
from aiops.notify.alertmanager import AlertmanagerNotifier, AlertmanagerParams, alert_of
from tests.notify.hostile import answering, plain
from tests.notify.samples import HOSTILE, HOUR_S, OPENED_S, RECORD, anomaly, closed, message, warning
from tests.servers import free_port

JUDGED_S = OPENED_S + 8.0 * HOUR_S


def sends(url: str, now_s: float = OPENED_S, **params: Any) -> None:
    AlertmanagerNotifier("am", AlertmanagerParams(url=url, **params)).send(message("opened", warning()), "k", now_s)


def test_labels_are_identity_only() -> None:
    alert = alert_of(message("opened", warning()), OPENED_S)
    assert alert["labels"] == {
        "alertname": "Early_disk_full", "card": "disk_full", "kind": "exhaustion", "signal": "filesystem_free_ratio",
        "stage": "ticket", "warning_id": warning().id, "instance": "db1", "mountpoint": "/var",
    }  # fmt: skip


def test_it_is_the_same_alert_from_opening_to_end() -> None:
    later = Crossing(OPENED_S + 1.0, OPENED_S + 2.0, OPENED_S + 3.0)
    worse = warning(severity="critical", crossing=later, confidence=0.99, updated_s=OPENED_S + 60, labels={"env": "stage"})
    alerts = [
        alert_of(message(event, about, OPENED_S + 60), OPENED_S)
        for event, about in (("opened", warning()), ("worsened", worse), ("closed", closed(OPENED_S + 60, verdict="hit")))
    ]
    assert len({json.dumps(alert["labels"], sort_keys=True) for alert in alerts}) == 1
    assert {alert["startsAt"] for alert in alerts} == {rfc3339(OPENED_S)}


def test_times_confidence_record_and_plan_are_annotations() -> None:
    notes = alert_of(message("opened", warning()), OPENED_S)["annotations"]
    assert notes["summary"] == "disk full on db1 /var in 6h10m (14:20 UTC, 13:40 to 15:10), 91% sure"
    assert [notes[name] for name in ("earliest", "expected", "latest", "act_before")] == [
        "2026-03-02T13:40:00Z", "2026-03-02T14:20:00Z", "2026-03-02T15:10:00Z", "2026-03-02T13:40:00Z",
    ]  # fmt: skip
    assert (notes["confidence"], notes["severity"], notes["record"]) == ("0.91", "warning", RECORD)
    assert notes["impact"] == "Writes to /var on db1 will fail."
    assert (notes["runbook"], notes["runbook_url"]) == ("disk-filling-up", "https://runbooks.example.org/disk")
    assert notes["plan"].splitlines()[0] == "1. [read] on db1: du -x /var"
    assert "verdict" not in notes


def test_a_warning_that_tells_no_time_has_none() -> None:
    notes = alert_of(message("opened", anomaly()), OPENED_S)["annotations"]
    assert not {"earliest", "expected", "latest", "act_before", "judged_at", "plan", "runbook_url"} & set(notes)


def test_an_end_resolves_with_its_verdict_or_with_when_it_is_judged() -> None:
    at = OPENED_S + 600
    judged = alert_of(message("closed", closed(at, verdict="hit"), at, judged_at_s=JUDGED_S), at)
    pending = alert_of(message("closed", closed(at), at, judged_at_s=JUDGED_S), at)
    assert judged["endsAt"] == pending["endsAt"] == rfc3339(at)
    assert (judged["annotations"]["verdict"], "judged_at" in judged["annotations"]) == ("hit", False)
    assert (pending["annotations"]["verdict"], pending["annotations"]["judged_at"]) == ("pending", rfc3339(JUDGED_S))


@pytest.mark.parametrize("event", ["opened", "updated", "worsened"])
def test_what_is_open_ends_three_turns_after_it_is_sent(event: Any) -> None:
    ends = [alert_of(message(event, warning()), OPENED_S + late)["endsAt"] for late in (0.0, 5.0, HOUR_S)]
    assert ends == [rfc3339(OPENED_S + late + 180) for late in (0.0, 5.0, HOUR_S)]


def test_an_end_that_is_sent_late_still_ended_when_it_did() -> None:
    ended = message("closed", closed(OPENED_S + 60), OPENED_S + 60)
    assert alert_of(ended, OPENED_S + HOUR_S)["endsAt"] == rfc3339(OPENED_S + 60)


def test_no_alert_ends_as_it_begins() -> None:
    assert alert_of(message("closed", closed(OPENED_S), OPENED_S), OPENED_S)["endsAt"] == rfc3339(OPENED_S + 1)


def test_hostile_labels_become_what_alertmanager_takes_and_override_nothing() -> None:
    alert = alert_of(message("opened", warning(entity=HOSTILE, labels=HOSTILE)), OPENED_S)
    labels = alert["labels"]
    assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) for name in labels)
    assert all(labels.values())
    assert max(len(value) for value in labels.values()) <= 1000
    assert (labels["alertname"], labels["stage"], labels["exported_stage"]) == ("Early_disk_full", "ticket", "page")
    assert (labels["exported_alertname"], labels["exported_severity"]) == ("Watchdog", "critical")
    assert "severity" not in labels
    json.dumps(alert, ensure_ascii=False).encode()


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "404 Not Found", "302 Found"])
def test_a_refusal_is_for_good_and_says_what_was_said(status: str) -> None:
    with answering(plain(status, b'"invalid label set\x1b[31m"')) as server, pytest.raises(NotifyError) as told:
        sends(server.url)
    assert str(told.value) == f'{server.url}: HTTP {status[:3]}: "invalid label set\\x1b[31m"'


@pytest.mark.parametrize("status", ["500 Oops", "503 Service Unavailable", "429 Too Many Requests", "408 Request Timeout"])
def test_trouble_of_the_server_is_tried_again(status: str) -> None:
    with answering(plain(status)) as server, pytest.raises(RetryLater, match=f"HTTP {status[:3]}") as told:
        sends(server.url)
    assert told.value.after_s is None


@pytest.mark.parametrize(
    ("header", "after_s"),
    [("7", 7.0), ("86400", 900.0), (formatdate(OPENED_S + 42, usegmt=True), 42.0), (formatdate(OPENED_S - 42, usegmt=True), 0.0),
     ("soon", None), ("-3", None), ("²", None), ("", None)],
)  # fmt: skip
def test_retry_after_is_honoured_up_to_a_cap(header: str, after_s: float | None) -> None:
    answer = plain("503 Busy").replace(b"\r\n\r\n", f"\r\nRetry-After: {header}\r\n\r\n".encode("latin-1"))
    with answering(answer) as server, pytest.raises(RetryLater) as told:
        sends(server.url)
    assert told.value.after_s == after_s


def test_nobody_there_is_tried_again() -> None:
    with pytest.raises(RetryLater, match="ConnectError"):
        sends(f"http://127.0.0.1:{free_port()}")


def test_a_name_nobody_knows_is_tried_again() -> None:
    with pytest.raises(RetryLater, match=r"nowhere\.invalid"):
        sends("http://nowhere.invalid:9093")


def drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.wait(0.05):
        connection.sendall(b"X-Slow: 1\r\n")


def flood(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"x" * 65536)


@pytest.mark.parametrize("answer", [lambda _, over: over.wait(60), drip], ids=["silent", "dripping"])
def test_the_timeout_bounds_the_whole_request(answer: Any) -> None:
    began = time.monotonic()
    with answering(answer) as server, pytest.raises(RetryLater, match=r"no answer within 0\.3 s|Timeout"):
        sends(server.url, timeout=0.3)
    assert time.monotonic() - began < 30


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    with answering(flood) as server, pytest.raises(NotifyError) as told:
        sends(server.url, timeout=30)
    assert len(str(told.value)) < 300


def test_what_speaks_no_http_is_tried_again() -> None:
    with answering(b"220 mail.example.org ESMTP\r\n") as server, pytest.raises(RetryLater, match="ProtocolError"):
        sends(server.url)


def test_the_address_may_have_a_path_and_a_slash() -> None:
    with answering(plain("200 OK")) as server:
        sends(f"{server.url}/alertmanager/")
    assert server.requests[0].startswith(b"POST /alertmanager/api/v2/alerts HTTP/1.1\r\n")


def test_secrets_are_read_at_every_request_and_said_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    for word in ("first", "second"):
        secret.write_text(f"{word}\n")
        with answering(plain("401 Unauthorized")) as server, pytest.raises(NotifyError) as told:
            sends(server.url, bearer_token_file=secret)
        assert f"authorization: bearer {word}\r\n" in server.requests[0].decode().lower()
        assert word not in str(told.value)
    with answering(plain("200 OK")) as server:
        sends(server.url, username="aiops", password_file=secret)
    assert base64.b64encode(b"aiops:second") in server.requests[0]


@pytest.mark.parametrize("name", ["bearer_token_file", "ca_file"])
def test_a_file_that_is_not_there_is_named_and_tried_again(name: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(RetryLater, match="gone: No such file"):
        sends("https://127.0.0.1:9", **{name: gone})


@pytest.mark.parametrize(
    "params",
    [{"url": "127.0.0.1:9093"}, {"url": "http://aiops:secret@am:9093"}, {"url": "http://am", "timeout": 0},
     {"url": "http://am", "username": "aiops"}, {"url": "http://am", "password_file": "/x"}, {"url": "http://am", "tiemout": 1},
     {"url": "http://am", "username": "a", "password_file": "/x", "bearer_token_file": "/y"}],
    ids=lambda params: str(params),
)  # fmt: skip
def test_parameters_that_cannot_be_meant_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AlertmanagerParams.model_validate(params)


def test_an_address_of_its_page_is_none_of_its_api() -> None:
    with pytest.raises(ValidationError, match="string_pattern_mismatch"):
        AlertmanagerParams(url="http://127.0.0.1:9093/#/alerts")
    assert AlertmanagerParams(url="http://127.0.0.1:9093/am/").url.endswith("/am/")
