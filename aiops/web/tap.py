"""One tap: the link in a message leads to a page on which its reader says what the warning was worth. The link is the credential:
a key that only the daemon can make, for one warning, good for feedback on it and for nothing else."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from aiops.core.durations import rfc3339
from aiops.daemon.daemon import Daemon
from aiops.daemon.token import link_key, same
from aiops.outcomes.feedback import WORDS
from aiops.pipeline.desk import Desk, Unsaid

BODY_AT_MOST = 4096


def add_tap(app: FastAPI, daemon: Daemon, pages: Environment) -> None:
    """Add the page and what it posts to."""
    page = pages.get_template("feedback.html")

    def render(**facts: Any) -> str:
        return page.render(words=WORDS, now=rfc3339(daemon.clock()), **facts)

    def valid(warning_id: str, key: str) -> bool:
        return same(key, link_key(daemon.token, warning_id))

    @app.get("/feedback/{warning_id}", response_class=HTMLResponse, include_in_schema=False)
    def ask(warning_id: str, key: str = "") -> str:
        return render(id=warning_id, key=key if valid(warning_id, key) else "")

    @app.post("/feedback/{warning_id}", response_class=HTMLResponse, include_in_schema=False)
    async def take(warning_id: str, request: Request, key: str = "") -> str:
        if not valid(warning_id, key):
            raise HTTPException(401, "this link is not whole", {"WWW-Authenticate": "Bearer"})
        body = await request.body()
        if len(body) > BODY_AT_MOST:
            raise HTTPException(413, "too long")
        given = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        word, who, note = given.get("word", ""), given.get("by", "").strip() or "by link", given.get("note", "")
        desk = Desk(daemon.store)
        try:
            await run_in_threadpool(desk.feedback, warning_id, word, who, daemon.clock(), note)  # type: ignore[arg-type]
        except Unsaid as e:
            raise HTTPException(422, str(e)) from None
        return render(id=warning_id, key=key, said=word)
