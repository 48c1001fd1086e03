"""`Idempotency-Key`: a request that changes something and is sent again, because its answer was lost, is answered as it was.

Source: draft-ietf-httpapi-idempotency-key-header-07. What is kept of a request is a digest; of its answer, status and body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from aiops.store.answers import BEGUN, Answer, Answers, Full
from aiops.web.access.access import Needs
from aiops.web.api.problems import Trouble, of_http

HEADER, REPLAYED = "idempotency-key", "Idempotent-Replayed"
KEY = re.compile(r"[\x21-\x7e]{1,255}")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
NOT_KEPT = (401, 403, 409, 412, 429)
"""Refused for what may be otherwise a moment later; like whatever failed, it may be tried again under its key."""


class Once(APIRoute):
    """A route whose requests, where they change something, may name themselves.

    Needs `answers` and `clock` in the state of the application.
    """

    def get_route_handler(self) -> Handler:
        """See the class."""
        handler = super().get_route_handler()
        needs = next((one.call for one in self.dependant.dependencies if isinstance(one.call, Needs)), None)
        if needs is None or not needs.audit:
            return handler

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            return await handler(request) if key is None else await _once(request, handler, needs, key)

        return once


async def _once(request: Request, handler: Handler, needs: Needs, key: str) -> Response:
    if not KEY.fullmatch(key):
        raise Trouble(422, "no-key", "Idempotency-Key: 1 to 255 printable characters of ASCII, without spaces")
    caller = (await needs(request)).name  # whoever may not do it is told so, and is not told what was answered before
    about = f"{request.method} {request.url.path}?{request.url.query}\0".encode(errors="replace")
    said = sha256(about + await request.body()).hexdigest()
    answers: Answers = request.app.state.answers
    try:
        known = await run_in_threadpool(answers.begin, caller, key, said, request.app.state.clock())
    except Full as e:
        raise Trouble(429, "too-many-keys", f"Idempotency-Key: {e}", {"Retry-After": "3600"}) from None
    if known is not None:
        return _again(known, said)
    done = False
    try:
        response = await _answered(request, handler)
        done = response.status_code < 500 and response.status_code not in NOT_KEPT
    finally:
        if not done:
            await run_in_threadpool(answers.drop, caller, key)
    if done:
        body, media_type = bytes(response.body).decode(), response.headers.get("content-type", "")
        await run_in_threadpool(answers.finish, caller, key, response.status_code, body, media_type)
    return response


async def _answered(request: Request, handler: Handler) -> Response:
    """What is answered; a refusal is an answer too."""
    try:
        return await handler(request)
    except HTTPException as e:
        return await of_http(request, e)


def _again(known: Answer, said: str) -> Response:
    if known.request != said:
        raise Trouble(422, "key-of-another", "Idempotency-Key: was used for another request; give each its own")
    if known.status == BEGUN:
        why = "the same request is being worked on, or the process ended meanwhile"
        what = "look whether it took effect, and if it did not send it under another key"
        raise Trouble(409, "still-begun", f"{why}; {what}", {"Retry-After": "2"})
    return Response(known.body, known.status, {REPLAYED: "true"}, known.media_type)
