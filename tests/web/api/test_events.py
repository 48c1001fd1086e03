"""What changes is told as it happens, once, and to a reader that was away from where it left."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.store.ledger import LedgerRow
from aiops.store.paging import Pages
from aiops.web.access.sight import Sight
from aiops.web.api import events
from aiops.web.api.events import Feed, data_of, event_of, may_be_told, stream
from aiops.web.app import make_app
from tests.daemon.rig import Rig, card, falling
from tests.web.serving import serving
from tests.web.test_serve import chosen, running

FRAME = re.compile(rb"id: (\d+)\nevent: ([a-z.]+)\ndata: (.*)\n\n")


@pytest.fixture
def warned(rig: Rig) -> Rig:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.start(card())
    rig.until_warned()
    return rig


def told(
    rig: Rig, since: int | None, enough: Callable[[bytes], bool], between: Callable[[], Any] | None = None
) -> list[tuple[int, str, Any]]:
    """The events of a stream until it has told enough; `between` happens once it has said hello."""
    assert rig.daemon is not None
    pages = Pages(rig.daemon.store)

    async def read() -> bytes:
        got = b""
        async with aclosing(_frames(Feed(pages.head, 0.01), pages, since)) as frames:
            async for one in frames:
                if not got and between is not None:
                    await asyncio.to_thread(between)
                got += one
                if enough(got):
                    break
        return got

    return [(int(n), name.decode(), json.loads(data)) for n, name, data in FRAME.findall(asyncio.run(read()))]


async def _frames(feed: Feed, pages: Pages, since: int | None) -> AsyncIterator[bytes]:
    async for one in stream(feed, pages, since, lambda _row: True):
        yield one


def test_a_reader_is_told_what_comes_from_now_on(warned: Rig) -> None:
    def over() -> None:
        warned.at(13 * 3600)
        warned.turn()

    found = told(warned, None, lambda got: b"warning.closed" in got, over)
    assert found[0][1] == "hello"
    names = [name for _, name, _ in found[1:]]
    assert "warning.opened" not in names
    closed = next(data for _, name, data in found if name == "warning.closed")
    assert (closed["card"], closed["what"]) == ("disk", "warning.closed")
    assert "instance" not in json.dumps(found)


def test_a_reader_that_was_away_goes_on_from_the_last_event_it_has(warned: Rig) -> None:
    assert warned.daemon is not None
    (warning,) = warned.daemon.store.open_warnings()
    first = told(warned, 0, lambda got: b"warning.opened" in got)
    assert [(name, data.get("id")) for _, name, data in first] == [("hello", None), ("warning.opened", warning.id)]
    number = first[-1][0]
    again = told(warned, number - 1, lambda got: b"warning.opened" in got)
    assert again[-1] == first[-1]


def test_a_number_that_is_none_of_this_ledger_means_to_load_everything_again(warned: Rig) -> None:
    assert [name for _, name, _ in told(warned, 10**9, lambda got: True)] == ["reset"]


def test_while_nothing_happens_there_is_a_sign_of_life_with_the_last_number(warned: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.01)
    assert warned.daemon is not None
    pages = Pages(warned.daemon.store)

    async def second() -> bytes:
        async with aclosing(_frames(Feed(pages.head, 0.001), pages, None)) as frames:
            await anext(frames)
            return await anext(frames)

    assert asyncio.run(second()) == b": alive\nid: %d\n\n" % pages.head()


def test_a_stream_ends_with_the_feed_and_after_its_time(warned: Rig) -> None:
    assert warned.daemon is not None
    pages = Pages(warned.daemon.store)
    feed = Feed(pages.head, 0.01)

    async def all_of(lasts_s: float) -> list[bytes]:
        return [one async for one in stream(feed, pages, None, lambda _row: True, lasts_s)]

    assert len(asyncio.run(all_of(0.02))) >= 1
    feed.close()
    assert len(asyncio.run(all_of(900.0))) == 1


def test_waiters_share_one_look() -> None:
    looks: list[int] = []
    feed = Feed(lambda: looks.append(1) or len(looks), 0.02)

    async def many() -> list[bool]:
        return await asyncio.gather(*(feed.beyond(0, 30.0) for _ in range(50)))

    assert asyncio.run(many()) == [True] * 50
    assert len(looks) == 1


def test_places_are_bounded_in_all_and_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "READERS", 3)
    monkeypatch.setattr(events, "READERS_OF_ONE", 2)
    feed = Feed(lambda: 0)
    assert [feed.enter(name) for name in ("ann", "ann", "ann", "bob", "cid")] == [True, True, False, True, False]
    feed.leave("ann")
    assert [feed.enter(name) for name in ("cid", "cid")] == [True, False]


@pytest.mark.parametrize(
    ("action", "event"),
    [("warning.worsened", "warning.changed"), ("outcome", "warning.changed"), ("said.verdict", "warning.changed"),
     ("response.awaiting_approval", "response.changed"), ("kill_switch.on", "switch.changed"), ("stage.promoted", "card.changed"),
     ("said.replay", ""), ("said.incident", ""), ("policy.changed", ""), ("genesis", "")],
)  # fmt: skip
def test_rows_of_the_ledger_are_told_as_few_kinds_of_events(action: str, event: str) -> None:
    assert event_of(action, "w") == event


def test_a_failure_that_nobody_warned_of_is_told_as_such() -> None:
    assert event_of("outcome", "") == "failure.missed"


def test_an_event_holds_no_label_and_nothing_that_was_typed() -> None:
    detail = {"card": "disk", "entity": {"instance": "x"}, "why": "typed", "severity": 3, "kind": "rule"}
    assert data_of(LedgerRow(1, "", 5.0, "ann", "warning.opened", "w", detail)) == {
        "id": "w", "what": "warning.opened", "at_s": 5.0, "card": "disk", "kind": "rule",
    }  # fmt: skip


def test_who_may_not_see_a_warning_is_not_told_of_it(warned: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert warned.daemon is not None
    (warning,) = warned.daemon.store.open_warnings()
    about = {"warning": warning.id}
    rows = [LedgerRow(1, "", 0.0, "daemon", what, warning.id, about) for what in ("warning.opened", "response.running")]
    here, elsewhere = Sight(warned.daemon, "local"), Sight(warned.daemon, "elsewhere")
    monkeypatch.setattr(elsewhere, "warning", lambda one: None)
    assert [may_be_told(warned.daemon, row, here) for row in rows] == [True, True]
    assert [may_be_told(warned.daemon, row, elsewhere) for row in rows] == [False, False]
    assert may_be_told(warned.daemon, LedgerRow(1, "", 0.0, "ann", "kill_switch.on", "kill", {}), elsewhere)


def test_over_http_it_is_a_stream_that_gives_its_place_back(warned: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert warned.daemon is not None
    app = make_app(warned.daemon)
    with serving(app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/api/v1/events?after=0")
        answer = connection.getresponse()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        lines = iter(answer.readline, b"")
        assert any(b"event: warning.opened" in line for line in lines)
        app.state.feed.close()  # it stops: whoever reads is let go
        assert all(b"event: hello" not in line for line in lines)
        connection.close()
    assert app.state.feed.enter("") is True


def test_too_many_streams_are_refused(warned: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert warned.daemon is not None
    monkeypatch.setattr(events, "READERS", 0)
    with TestClient(make_app(warned.daemon), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        answer = client.get("/api/v1/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")


def test_a_daemon_that_is_stopped_lets_its_readers_go(tmp_path: Path) -> None:
    with running(tmp_path, *chosen()) as daemon:
        daemon.until_ready()
        connection = http.client.HTTPConnection(daemon.url.removeprefix("http://"), timeout=60)
        connection.request("GET", "/api/v1/events")
        answer = connection.getresponse()
        assert answer.readline() == b"retry: 2000\n"
        assert daemon.end() == 0
        assert b"event: hello" in answer.read(), "the stream came to its end, and was not cut"
        connection.close()
    assert "Traceback" not in daemon.errors.read_text()
