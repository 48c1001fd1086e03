"""How fast one caller may ask: a bucket of tokens for each, filled at a steady rate."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from aiops.web.access.access import Access
from aiops.web.api.problems import problem

PACED = "/api/"
"""What is paced: what programs ask. Pages are asked by people, health by whoever minds the process."""
REMEMBERED = 10_000


@dataclass(slots=True)
class Pace:
    """`rate` requests a second, and `burst` at once after a rest."""

    rate: float
    burst: float
    clock: Callable[[], float] = time.monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, name: str) -> float:
        """Take one for `name`: 0, or the seconds until there is one, then none is taken."""
        now = self.clock()
        with self._lock:
            left, since = self._left.pop(name, (self.burst, now))
            left = min(self.burst, left + (now - since) * self.rate)
            enough = left >= 1.0
            self._left[name] = (left - 1.0 if enough else left, now)
            while len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
        return 0.0 if enough else (1.0 - left) / self.rate


class Paced:
    """Around the application: too many requests of one caller, or of one address without a proof, are answered with 429."""

    def __init__(self, app: ASGIApp, access: Access, pace: Pace) -> None:
        self._app, self._access, self._pace = app, access, pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith(PACED):
            wait = self._pace.wait_s(self._who(Request(scope)))
            if wait:
                said = f"more than {self._pace.rate:g} requests a second; see web.requests_per_second"
                refused = problem(429, said, "too-fast", headers={"Retry-After": str(math.ceil(wait))})
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _who(self, request: Request) -> str:
        caller = self._access.caller(request)
        if caller is not None and caller.name:
            return f"name {caller.name}"
        return f"from {request.client.host if request.client else ''}"
