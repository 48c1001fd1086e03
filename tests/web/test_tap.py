"""The link in a message: good for feedback on one warning, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.daemon.token import link_key, same
from aiops.web.app import make_app
from tests.daemon.rig import Rig, card, falling


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.more = {"web": {"external_url": "https://aiops.example/"}}
    daemon = rig.start(card())
    rig.until_warned()
    with TestClient(make_app(daemon), base_url="http://127.0.0.1", client=("10.0.0.1", 50000)) as found:
        yield found


def link(rig: Rig) -> str:
    """The path that the message holds."""
    assert rig.daemon is not None
    (row, *_) = rig.daemon.store.due(rig.clock.now)
    url = str(row.payload["feedback_url"])
    assert f"What was it worth: {url}" in row.payload["text"]
    assert url.startswith("https://aiops.example/feedback/")
    return url.removeprefix("https://aiops.example")


def test_one_tap_keeps_a_word_and_another_takes_its_place(rig: Rig, client: TestClient) -> None:
    where = link(rig)
    page = client.get(where)
    assert (page.status_code, page.text.count("<button")) == (200, 6)
    assert f'action="{where}"' in page.text
    assert "<strong>wrong target</strong>: kept" in client.post(where, data={"word": "wrong_target"}).text
    client.post(where, data={"word": "noise", "by": "ann", "note": "<b>nightly"})
    assert rig.daemon is not None
    said = [(s.who, s.body["word"], s.body["note"]) for s in rig.daemon.store.statements(kind="feedback")]
    assert said == [("by link", "wrong_target", ""), ("ann", "noise", "<b>nightly")]


@pytest.mark.parametrize(
    "change", [lambda w: w[:-1], lambda w: w.partition("?")[0], lambda w: w.replace("/feedback/", "/feedback/x")]
)
def test_a_link_that_is_not_whole_takes_nothing(rig: Rig, client: TestClient, change: Any) -> None:
    broken = change(link(rig))
    page = client.get(broken)
    assert (page.status_code, "<form" in page.text, "not whole" in page.text) == (200, False, True)
    assert client.post(broken, data={"word": "noise"}).status_code == 401
    assert rig.daemon is not None
    assert rig.daemon.store.statements() == []


def test_a_key_opens_nothing_else(rig: Rig, client: TestClient) -> None:
    key = link(rig).partition("key=")[2]
    for path in ("/-/reload", "/api/v1/incidents"):
        assert client.post(path, headers={"Authorization": f"Bearer {key}"}).status_code == 401


@pytest.mark.parametrize(("data", "code"), [({"word": "bad"}, 422), ({}, 422), ({"word": "noise", "note": "x" * 5000}, 413)])
def test_what_is_wrong_is_refused(rig: Rig, client: TestClient, data: dict[str, str], code: int) -> None:
    assert client.post(link(rig), data=data).status_code == code


def test_without_an_address_there_is_no_link(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    daemon = rig.start(card())
    rig.until_warned()
    assert "feedback_url" not in daemon.store.due(rig.clock.now)[0].payload


def test_keys_are_of_one_warning_and_one_token() -> None:
    assert same(link_key("t", "a"), link_key("t", "a"))
    assert len({link_key("t", "a"), link_key("t", "b"), link_key("u", "a")}) == 3
