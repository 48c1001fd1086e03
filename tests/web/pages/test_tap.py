"""The link in a message: good for one word on one warning, once, for some days, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.daemon.token import LINK_S, link_holds, link_key
from aiops.outcomes.feedback import HUSHING, WORDS
from aiops.web.app import make_app
from tests.daemon.rig import Rig, card, falling

HOME = "https://aiops.example"


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    rig.world.add("free", {"instance": "<b>a"}, falling(0.001))
    rig.more = {"web": {"external_url": f"{HOME}/"}}
    daemon = rig.start(card())
    rig.until_warned()
    with TestClient(make_app(daemon), base_url="http://127.0.0.1", client=("127.0.0.1", 50000)) as found:
        yield found


def message(rig: Rig) -> dict[str, Any]:
    assert rig.daemon is not None
    return dict(rig.daemon.store.due(rig.clock.now)[0].payload)


def link(rig: Rig) -> str:
    """The path that the message holds."""
    said = message(rig)
    url = str(said["wrong_url"])
    assert f"Wrong: {url}" in said["text"]
    assert f"Episode: {HOME}/warnings/{said['warning']['id']}" in said["text"]
    assert url.startswith(f"{HOME}/feedback/")
    return url.removeprefix(HOME)


def said(rig: Rig) -> list[tuple[str, str]]:
    assert rig.daemon is not None
    return [(s.who, s.body["word"]) for s in rig.daemon.store.statements(kind="feedback")]


def test_a_tap_and_a_button_say_that_it_was_wrong(rig: Rig, client: TestClient) -> None:
    where = link(rig)
    page = client.get(where)
    assert (page.status_code, page.text.count("<form"), page.text.count("<button")) == (200, 1, len(WORDS))
    assert "disk on &lt;b&gt;a in" in page.text
    assert said(rig) == []
    kept = client.post(where).text
    assert "Kept: it was wrong. Nothing is told of this series until 20" in kept
    assert said(rig) == [("by link", "noise")]


@pytest.mark.parametrize("word", WORDS)
def test_any_word_may_be_said_and_no_other(rig: Rig, client: TestClient, word: str) -> None:
    where = link(rig)
    assert f'name="word" value="{word}"' in client.get(where).text
    refused = client.post(where, data={"word": "hit"})
    assert (refused.status_code, "no such word" in refused.text, "<form" in refused.text) == (422, True, True)
    kept = client.post(where, data={"word": word})
    assert kept.status_code == 200
    assert ("Nothing is told of this series" in kept.text) is (word in HUSHING)
    assert said(rig) == [("by link", word)]
    assert client.post(where, data={"word": "useful"}).status_code == 409, "one word, once"


def test_it_is_good_once_whoever_holds_it(rig: Rig, client: TestClient) -> None:
    where = link(rig)
    client.post(where)
    again = client.post(where)
    assert (again.status_code, "was used" in again.text) == (409, True)
    rig.clock.now += LINK_S  # a later message has another one
    assert rig.daemon is not None
    assert rig.daemon.rooms.wrong_url is not None
    other = rig.daemon.rooms.wrong_url(message(rig)["warning"]["id"]).removeprefix(HOME)
    assert other != where
    assert client.post(other).status_code == 409
    assert len(said(rig)) == 1


def test_it_is_good_for_a_week_at_least_and_for_two_at_most(rig: Rig, client: TestClient) -> None:
    where = link(rig)
    rig.clock.now += LINK_S - 60
    assert client.get(where).status_code == 200
    rig.clock.now += LINK_S + 60
    assert client.get(where).status_code == 404
    assert client.post(where).status_code == 401
    assert said(rig) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w[:-1], lambda w: w.partition("?")[0], lambda w: w.replace("/feedback/", "/feedback/x"),
        lambda w: w.replace("key=1", "key=2"), lambda w: w.replace("key=", "key=\u0661"),
    ],
)  # fmt: skip
def test_a_link_that_is_not_whole_takes_nothing(rig: Rig, client: TestClient, change: Any) -> None:
    broken = change(link(rig))
    page = client.get(broken)
    assert (page.status_code, "<form" in page.text, "not whole" in page.text) == (404, False, True)
    assert client.post(broken).status_code == 401
    assert said(rig) == []


def test_looking_ahead_says_nothing(rig: Rig, client: TestClient) -> None:
    where = link(rig)
    for _ in range(3):
        client.get(where)
    assert client.head(where).status_code in (200, 405)
    assert said(rig) == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_another_page_presses_no_button(rig: Rig, client: TestClient, origin: str) -> None:
    assert client.post(link(rig), headers={"Origin": origin}).status_code == 403
    assert client.post(link(rig), headers={"Origin": HOME}).status_code == 200


def test_a_key_opens_nothing_else(rig: Rig, client: TestClient) -> None:
    key = link(rig).partition("key=")[2]
    for path in ("/-/reload", "/api/v1/incidents"):
        assert client.post(path, headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_elsewhere_the_page_shows_what_the_policy_lets_leave(rig: Rig, client: TestClient) -> None:
    assert rig.daemon is not None
    with TestClient(make_app(rig.daemon), base_url="http://127.0.0.1", client=("10.0.0.1", 50000)) as other:
        page = other.get(link(rig))
    assert page.status_code == 200
    assert "&lt;b&gt;a" not in page.text


def test_without_an_address_the_message_carries_the_command(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.start(card())
    rig.until_warned()
    told = message(rig)
    assert not {"wrong_url", "episode_url"} & set(told)
    assert "http" not in told["text"]
    assert f"Wrong: aiops warnings feedback {told['warning']['id']} noise" in told["text"]


def test_keys_are_of_one_warning_and_one_token() -> None:
    now = 1_750_000_000.0
    assert link_holds(link_key("t", "a", now), "t", "a", now)
    assert not link_holds(link_key("t", "a", now), "t", "b", now)
    assert not link_holds(link_key("t", "a", now), "u", "a", now)
