"""The page of a runbook: what it is for, its steps, its tests as they come out, its runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.runbooks import Runbook
from aiops.web.app import make_app
from tests.daemon.rig import Rig, calm, card
from tests.responses.rig import READ, WRITE, book
from tests.web.pages.test_boards import said

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    rig.world.add("free", {"instance": "a"}, calm())
    daemon = rig.start(card())
    given: dict[str, Any] = book(
        READ, {**WRITE, "irreversible": f"What is gone is gone for good {HOSTILE}."}, summary=f"Something is mended {HOSTILE}.",
        match={"kind": "forecast", "signal": "free", "lead_time": {"min": "1h", "max": "6h"}, "confidence": {"min": 0.6}},
    )  # fmt: skip
    wrong = {"name": "it fails", "symptom": {"kind": "forecast", "signal": "other", "labels": {}}, "expect": {"matched": True}}
    daemon.rooms.runbooks = [*daemon.rooms.runbooks, Runbook.model_validate({**given, "tests": [*given["tests"], wrong]})]
    with TestClient(make_app(daemon), base_url="http://127.0.0.1:9464", client=("127.0.0.1", 50000)) as found:
        yield found


def test_it_says_what_it_is_for_and_what_it_does(client: TestClient) -> None:
    page = client.get("/runbooks/mend")
    text = " ".join(said(page.text).split())
    for wanted in (
        "forecast of free", "at least 1h and at most 6h", "at least 60%", "1 of group:sre, for write, 20m long",
        "rests 1h after a run on the same target", "at most 2 runs per target in 1d", "at most 3 targets in 1h",
        "room: free{$target} >= 0.2, within 30m", "Cannot be undone: What is gone is gone for good", "Nothing was done yet",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert HOSTILE not in page.text


def test_its_tests_stand_with_what_came_out(client: TestClient) -> None:
    text = " ".join(said(client.get("/runbooks/mend").text).split())
    assert "fails it fails" in text
    want = "passes it looks, and suggests what it would change"
    assert want in " ".join(said(client.get("/runbooks/disk-filling-up").text).split())


def test_every_shipped_runbook_has_a_page_and_its_tests_pass(rig: Rig, client: TestClient) -> None:
    assert rig.daemon is not None
    for one in rig.daemon.rooms.runbooks:
        if one.name != "mend":
            page = client.get(f"/runbooks/{one.name}")
            assert page.status_code == 200
            assert '<span class="bad">fails' not in page.text


def test_one_that_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get("/runbooks/none").status_code == 404
