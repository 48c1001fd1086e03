"""Nobody asks faster than agreed, and nobody is slowed down by another."""

from __future__ import annotations

import time

import pytest
from fastapi.testclient import TestClient

from aiops.web.api import pace
from aiops.web.api.pace import Pace
from aiops.web.app import make_app
from tests.daemon.rig import Rig, card
from tests.web.people import bearer
from tests.web.people import tokens as tokens


def test_a_rest_gives_a_burst_and_then_the_rate_holds() -> None:
    now = [0.0]
    one = Pace(2.0, 3.0, lambda: now[0])
    assert [one.wait_s("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    now[0] = 0.5
    assert [one.wait_s("a") for _ in range(2)] == [0.0, 0.5]
    assert one.wait_s("b") == 0.0
    now[0] = 100.0
    assert [one.wait_s("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_what_is_remembered_is_bounded() -> None:
    one = Pace(1.0, 1.0, lambda: 0.0)
    for number in range(pace.REMEMBERED + 10):
        one.wait_s(str(number))
    assert len(one._left) == pace.REMEMBERED


@pytest.mark.row("A12")
def test_each_token_has_its_own_pace_and_no_proof_that_of_its_address(rig: Rig, tokens: dict[str, str]) -> None:
    rig.more["web"] |= {"requests_per_second": 0.001, "burst": 2}
    rig.stop()
    daemon = rig.start(card())
    with TestClient(make_app(daemon), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        for name in ("ann", "vic"):
            codes = [client.get("/api/v1/status", headers=bearer(tokens[name])).status_code for _ in range(3)]
            assert codes == [200, 200, 429]
        assert [client.get("/api/v1/status", headers=bearer("guess")).status_code for _ in range(3)] == [401, 401, 429]
        refused = client.get("/api/v1/status", headers=bearer(tokens["vic"]))
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "urn:aiops:problem:too-fast"
        assert int(refused.headers["retry-after"]) > 0
        assert client.get("/-/healthy").status_code == 200


@pytest.mark.row("A12")
def test_a_thousand_by_one_slow_down_that_one_and_neither_another_nor_a_turn(rig: Rig, tokens: dict[str, str]) -> None:
    rate, burst = 5.0, 50
    rig.more["web"] |= {"requests_per_second": rate, "burst": burst}
    rig.stop()
    daemon = rig.start(card())
    rig.turn()
    with TestClient(make_app(daemon), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        began, codes, others = time.monotonic(), [], []
        for number in range(1000):
            codes.append(client.get("/api/v1/status", headers=bearer(tokens["vic"])).status_code)
            if number % 100 == 0:
                others.append(client.get("/api/v1/status", headers=bearer(tokens["ann"])).status_code)
            if number == 500:
                rig.clock.now += 300
                rig.turn()
        lasted = time.monotonic() - began
    assert set(codes) == {200, 429}
    assert burst <= codes.count(200) <= burst + rate * lasted + 1
    assert set(others) == {200}
    assert daemon.board.ready()[0], "the turn amid it was taken"
