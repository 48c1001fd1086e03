"""The page of the ledger: rows in words, whatever stands in them, and a way from each to its warning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.web.app import make_app
from aiops.web.pages.ledger_page import detail
from tests.daemon.rig import Rig, calm, card

HOSTILE = '<script>alert(1)</script>\n\u202e"'


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    rig.world.add("free", {"instance": "a"}, calm())
    daemon = rig.start(card())
    facts = {"runbook": "mend@4f2c", "warning": "w1", "plan_hash": "e2c0" * 16, "expires_s": 1_795_620_274.3, "why": ""}
    with daemon.store.transaction() as tx:
        tx.record("daemon", "response.awaiting_approval", "r1", facts, daemon.clock())
        tx.record(HOSTILE, "said.ack", "w2", {HOSTILE: [HOSTILE, {HOSTILE: None}]}, daemon.clock())
        tx.record("daemon", "kill_switch.on", "", {}, daemon.clock())
    with TestClient(make_app(daemon), base_url="http://127.0.0.1:9464", client=("127.0.0.1", 50000)) as found:
        yield found


def test_a_row_is_told_in_words_and_leads_to_its_warning(client: TestClient) -> None:
    page = client.get("/ledger").text
    row = next(one for one in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if "response.awaiting_approval" in one)
    text = " ".join(unescape(re.sub(r"<[^>]*>", "", row)).split())
    assert "runbook: mend@4f2c; warning: w1; plan hash: e2c0e2c0e2c0…; expires: 2026-11-25" in text
    assert "why" not in text
    assert 'href="/warnings/w1">r1</a>' in row
    assert 'href="/warnings/w2"' in page
    assert 'href="/warnings/"' not in page


def test_nothing_in_a_row_is_markup(client: TestClient) -> None:
    page = client.get("/ledger").text
    assert "<script>alert" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, ""), ({"ok": True, "why": None}, "ok: yes"), ({"n": 0, "share": 0.123456789}, "n: 0; share: 0.123457"),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, "a: b: c: d: …"),
        ({"spent_s": 3.5, "at_s": 1_790_000_000}, "spent: 3.5; at: 2026-09-21T14:13:20Z"),
        ({"steps": [{"id": "x"}, {}, None]}, "steps: id: x"),
        ({"decisions": [["a", "serve", "allow"], ["b", "serve", "mask"]]}, "decisions: a, serve, allow / b, serve, mask"),
        ({"long": "y" * 500}, f"long: {'y' * 79}…"),
    ],
)  # fmt: skip
def test_detail_says_what_there_is(said: dict[str, Any], told: str) -> None:
    assert detail(said) == told
