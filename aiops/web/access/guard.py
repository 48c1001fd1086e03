"""What holds whatever the route: under which names the service answers, how much may be sent, which headers an answer carries."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aiops.web.access.sight import is_loopback
from aiops.web.api.problems import problem

BODY_AT_MOST = 1 << 20
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer browsers say of their own forms that they come from nowhere
    "Cache-Control": "no-store",
}


class Guard:
    """Around the application. `local`: it serves on the loopback address, and so under names of that address only."""

    def __init__(self, app: ASGIApp, local: bool) -> None:
        self._app, self._local = app, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        # a page in somebody's browser must not read a loopback service through a name that it controls
        if self._local and not is_loopback(host_of(Headers(scope=scope).get("host", ""))):
            refused = problem(400, "this service answers under its loopback address only")
            await refused(scope, receive, headed)
            return
        await self._app(scope, _bounded(receive), headed)


def _bounded(receive: Receive) -> Receive:
    """Takes no more of a body than BODY_AT_MOST; raises HTTPException 413."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_AT_MOST:
            raise HTTPException(413, f"more than {BODY_AT_MOST} bytes were sent", {"Connection": "close"})
        return message

    return bounded


def host_of(header: str) -> str:
    """The host of a Host header, without its port.

    >>> host_of("[::1]:9464"), host_of("localhost:1")
    ('[::1', 'localhost')
    """
    return header.partition("]")[0] if header.startswith("[") else header.partition(":")[0]
