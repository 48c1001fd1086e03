"""The heartbeat comes while the daemon works, and stays away else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from aiops.core.errors import NotifyError, RetryLater
from aiops.notify.alertmanager import AlertmanagerNotifier, AlertmanagerParams
from aiops.notify.pulse import Pulse
from aiops.notify.webhook import WebhookNotifier, WebhookParams
from tests.notify.hostile import answering, plain
from tests.notify.samples import OPENED_S, Hand, until


class Beats(Hand):
    def __init__(self) -> None:
        super().__init__("pager")
        self.until: list[float] = []
        self.fails: Exception | None = None

    def beat(self, instance: str, until_s: float, now_s: float) -> None:
        if self.fails is not None:
            raise self.fails
        self.until.append(until_s)


def pulse(to: Hand, works: Callable[[float], bool] = lambda now_s: True) -> Pulse:
    return Pulse(to, "here", 60.0, works)


def over(one: Pulse) -> None:
    if one._thread is not None:
        one._thread.join(10)


def test_it_beats_every_so_often_and_each_beat_holds_for_three() -> None:
    to = Beats()
    one = pulse(to)
    for at in (0.0, 30.0, 60.0, 61.0, 125.0):
        one.beat(OPENED_S + at)
        over(one)
    assert to.until == [OPENED_S + 180.0, OPENED_S + 240.0, OPENED_S + 305.0]


@pytest.mark.row("N13")
def test_a_daemon_that_does_not_work_is_silent_and_says_so_once() -> None:
    to, well = Beats(), [False]
    one = pulse(to, lambda now_s: well[0])
    with capture_logs() as logs:
        assert not one.beat(OPENED_S)
        assert not one.beat(OPENED_S + 60.0)
        well[0] = True
        assert one.beat(OPENED_S + 120.0)
        over(one)
    assert [log["event"] for log in logs] == ["no heartbeat", "the heartbeat is back"]
    assert len(to.until) == 1


@pytest.mark.parametrize("error", [RetryLater("away"), NotifyError("refused"), OSError("down")])
def test_a_beat_that_fails_is_not_tried_again_before_the_next_one(error: Exception) -> None:
    to = Beats()
    one, to.fails = pulse(to), error
    with capture_logs() as logs:
        assert one.beat(OPENED_S)
        over(one)
        assert not one.beat(OPENED_S + 1.0)
        to.fails = None
        assert one.beat(OPENED_S + 60.0)
        over(one)
    assert [log["event"] for log in logs] == ["no heartbeat", "the heartbeat is back"]


def test_while_a_beat_hangs_none_follows() -> None:
    let_go = threading.Event()

    class Hangs(Beats):
        def beat(self, instance: str, until_s: float, now_s: float) -> None:
            assert let_go.wait(60)

    one = pulse(Hangs())
    assert one.beat(OPENED_S)
    assert not one.beat(OPENED_S + 600.0)
    let_go.set()
    over(one)
    until(lambda: one.beat(OPENED_S + 660.0))
    over(one)


def test_most_receivers_carry_none() -> None:
    with pytest.raises(NotifyError, match="carry no heartbeat"):
        Hand().beat("here", 1.0, 0.0)


def test_alertmanager_gets_an_alert_that_always_fires() -> None:
    with answering(plain("200 OK")) as server:
        AlertmanagerNotifier("am", AlertmanagerParams(url=server.url)).beat("here", OPENED_S + 180.0, OPENED_S)
    (alert,) = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert alert["labels"] == {"alertname": "AiopsHeartbeat", "severity": "none", "instance": "here"}
    assert alert["endsAt"] == "2026-03-02T08:13:00Z"


def test_a_webhook_gets_an_event_of_its_own_type() -> None:
    with answering(plain("200 OK")) as server:
        WebhookNotifier("hook", WebhookParams(url=server.url)).beat("here", OPENED_S + 180.0, OPENED_S)
    event = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert (event["type"], event["data"]["instance"]) == ("io.aiops.heartbeat.v1", "here")
