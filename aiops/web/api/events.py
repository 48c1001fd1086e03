"""What changes, as server-sent events. Each carries the number of its row in the ledger: a reader that was away names the last
one it has, and is told everything since."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from aiops.core.errors import StoreError
from aiops.daemon.daemon import Daemon
from aiops.store.ledger import LedgerRow
from aiops.store.paging import Pages
from aiops.web.access.access import Access, Caller, Needs
from aiops.web.access.sight import Sight, sight_of
from aiops.web.api.answers import encoded

LOOK_EVERY_S, HEARTBEAT_S, LASTS_S = 1.0, 15.0, 900.0
"""How often the ledger is looked at, when nothing is told for so long that a sign of life is due, and when a stream ends: whoever
reads it comes back by itself and proves anew who they are."""
After = Annotated[
    int | None, Query(ge=0, le=2**53, description="the event to go on from; without it: what comes from now on")
]
LastId = Annotated[str, Header(description="the same, as browsers say it when they come back")]
READERS, READERS_OF_ONE = 100, 20
ROWS_AT_ONCE, BEHIND_AT_MOST = 200, 20_000
SAID = ("said.verdict", "said.action", "said.ack", "said.feedback", "said.unhush")
ABOUT = ("card", "kind", "severity", "verdict", "runbook", "warning", "mode")
"""What an event tells of its ledger row: no labels and no text that anybody typed."""


EVENT: dict[str, Any] = {
    "type": "object", "description": "one event of the stream", "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "description": "the number of its row in the ledger"},
        "event": {"enum": ["hello", "reset", "warning.opened", "warning.changed", "warning.closed", "failure.missed",
                           "response.changed", "card.changed", "switch.changed"]},
        "data": {"type": "string", "contentMediaType": "application/json"}, "retry": {"type": "integer"},
    },
}  # fmt: skip


class Feed:
    """The ledger's head, looked at once for all who wait for it, and not at all while nobody does."""

    def __init__(self, head: Callable[[], int], every_s: float = LOOK_EVERY_S) -> None:
        self.closed = False
        self._head, self._every_s, self._newest = head, every_s, 0
        self._looking: asyncio.Task[int] | None = None
        self._readers: Counter[str] = Counter()

    def close(self) -> None:
        """End every stream at its next look; may be called from any thread."""
        self.closed = True

    def enter(self, name: str) -> bool:
        """Take a place for a reader; False when all are taken, or all that one may have."""
        if self._readers.total() >= READERS or self._readers[name] >= READERS_OF_ONE:
            return False
        self._readers[name] += 1
        return True

    def leave(self, name: str) -> None:
        """Give a place back."""
        self._readers[name] -= 1
        self._readers += Counter()

    async def beyond(self, seq: int, at_most_s: float) -> bool:
        """Wait until the ledger has a row behind `seq`; False when it has none by then. Raises StoreError."""
        loop = asyncio.get_running_loop()
        end = loop.time() + at_most_s
        while not self.closed and self._newest <= seq and (left := end - loop.time()) > 0:
            if self._looking is None or self._looking.done():
                self._looking = loop.create_task(self._look())
            done, _ = await asyncio.wait({self._looking}, timeout=left)
            for look in done:
                self._newest = look.result()
        return self._newest > seq

    async def _look(self) -> int:
        await asyncio.sleep(self._every_s)
        return await run_in_threadpool(self._head)


class _Stream(StreamingResponse):
    """A stream that gives its place back however it ends."""

    def __init__(self, content: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(content, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


def add_events(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the route."""
    pages = Pages(daemon.store)
    feed = app.state.feed = Feed(pages.head)
    see, look = Depends(sight_of(daemon)), Depends(Needs(access, "viewer", scope="team"))

    @app.get("/api/v1/events", summary="What changes, as server-sent events", tags=["api"], response_class=Response,
             responses={200: {"content": {"text/event-stream": {"schema": EVENT}}}})  # fmt: skip
    async def events(
        after: After = None, last_event_id: LastId = "", sight: Sight = see, caller: Caller = look
    ) -> Response:
        if not feed.enter(caller.name):
            raise HTTPException(429, "too many streams are open", {"Retry-After": "30"})
        since = int(last_event_id) if re.fullmatch(r"\d{1,15}", last_event_id, re.ASCII) else after
        told = stream(feed, pages, since, lambda row: may_be_told(daemon, row, sight))
        return _Stream(told, lambda: feed.leave(caller.name))


async def stream(
    feed: Feed, pages: Pages, since: int | None, may: Callable[[LedgerRow], bool], lasts_s: float = LASTS_S
) -> AsyncIterator[bytes]:
    """Frames from behind event `since` on; the first one says whether that could be done (`hello`) or not (`reset`)."""
    loop = asyncio.get_running_loop()
    until = loop.time() + lasts_s
    try:
        head = await run_in_threadpool(pages.head)
        whole = since is None or head - BEHIND_AT_MOST <= since <= head
        at = since if whole and since is not None else head
        yield b"retry: 2000\n" + frame(at, "hello" if whole else "reset", {})
        while not feed.closed and (left := until - loop.time()) > 0:
            rows = await run_in_threadpool(pages.ledger_after, at, ROWS_AT_ONCE)
            if rows:
                at = rows[-1].seq
                if told := await run_in_threadpool(_frames, rows, may):
                    yield told
            elif not await feed.beyond(at, min(HEARTBEAT_S, left)):
                yield f": alive\nid: {at}\n\n".encode()
    except StoreError:  # the reader comes back by itself, and is told then what is wrong
        return


def _frames(rows: list[LedgerRow], may: Callable[[LedgerRow], bool]) -> bytes:
    named = ((row, event_of(row.action, row.object)) for row in rows)
    return b"".join(frame(row.seq, name, data_of(row)) for row, name in named if name and may(row))


def event_of(action: str, about: str) -> str:
    """What a row of the ledger that is about something is told as; empty: it is not.

    >>> event_of("warning.opened", "w"), event_of("said.ack", "w"), event_of("outcome", ""), event_of("notify.sent", "w")
    ('warning.opened', 'warning.changed', 'failure.missed', '')
    """
    if action in ("warning.opened", "warning.closed"):
        return action
    if action == "outcome" and not about:
        return "failure.missed"
    if action == "outcome" or action.startswith("warning.") or action in SAID:
        return "warning.changed"
    room = action.partition(".")[0]
    return {"response": "response.changed", "kill_switch": "switch.changed", "stage": "card.changed"}.get(room, "")


def data_of(row: LedgerRow) -> dict[str, Any]:
    """What an event says: whose it is, what happened, when, and what there is about it without a label."""
    detail = row.detail if isinstance(row.detail, dict) else {}
    about = {name: detail[name] for name in ABOUT if isinstance(detail.get(name), str)}
    return {"id": row.object, "what": row.action, "at_s": row.at_s, **about}


def frame(number: int, name: str, data: dict[str, Any]) -> bytes:
    """One event as it stands in the stream."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), encoded(data))


def may_be_told(daemon: Daemon, row: LedgerRow, sight: Sight) -> bool:
    """Whether whoever stands there may know of it: as they may see the warning that it is about."""
    if sight.everything or row.action.startswith(("kill_switch.", "stage.")):
        return True
    about = row.detail.get("warning", "") if row.action.startswith("response.") else row.object
    warning = daemon.store.warning(about) if about else None
    return warning is not None and sight.warning(warning) is not None
