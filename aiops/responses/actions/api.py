"""The JSON API of a server that the configuration names: one question after another, within one step's time."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from aiops.core.params import Params
from aiops.core.text import visible
from aiops.responses.actions.egress import Egress
from aiops.responses.actions.hidden import Hidden
from aiops.responses.actions.said import NoJson, parsed
from aiops.responses.actions.web import MaySent, NotSent, Web, marks, may_sent, meaning, not_sent
from aiops.responses.interface import Call, Result

ANYWHERE = ("0.0.0.0/0", "::/0")
"""What the configuration itself names may be private: nothing of a runbook has a part in it."""
MOST = 16 * 2**20


class Stopped(Exception):
    """A question was not answered as it should be; `result` is what that makes of the step."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.why)
        self.result = result


class ServerParams(Params):
    """Where a server is, and how one proves to it who asks."""

    url: str = Field(pattern=r"^https?://[^\s/@?#]+(/[^\s?#]*)?$", description="where it serves, without /api")
    token: str = Field("", description="name of the secret that is its token; empty: it asks for none")
    ca_file: Path | None = Field(None, description="a private certificate authority")


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: `value` is its JSON, None when it has none."""

    status: int
    value: Any


class Api:
    """Asks a server. `header`: the header that carries the token, and what stands before it."""

    def __init__(self, params: ServerParams, header: tuple[str, str] = ("Authorization", "Bearer ")) -> None:
        parts = urlsplit(params.url)
        self._base, self._params, self._header = params.url.rstrip("/"), params, header
        self.web = Web(Egress([parts.netloc.lower()], ANYWHERE), params.ca_file, MOST)

    def begin(self, call: Call) -> Talk:
        """Everything that is asked for one call. Raises Stopped when there is no token."""
        token = call.secret(self._params.token) if self._params.token else ""
        if self._params.token and (not token or not token.isascii() or not token.isprintable()):
            raise Stopped(Result("failed", {}, f"there is no usable secret {self._params.token}", effect=False))
        name, before = self._header
        return Talk(self.web, self._base, call, {name: before + token} if token else {}, Hidden([token] if token else []))


class Talk:
    """Questions of one call; all of them end with its time."""

    def __init__(self, web: Web, base: str, call: Call, proof: Mapping[str, str], hide: Hidden) -> None:
        self._web, self._base, self._call, self._hide = web, base, call, hide
        self._headers = {"User-Agent": "aiops", "Accept": "application/json", **proof, **marks(call)}
        self._end = time.monotonic() + call.left_s

    @property
    def left_s(self) -> float:
        """Seconds until the step is stopped."""
        return self._end - time.monotonic()

    def ask(
        self, method: str, path: str, body: Any = None, fine: tuple[int, ...] = (), kind: str = "application/json",
        left_s: float | None = None,
    ) -> Said:  # fmt: skip
        """One question. A status that is neither 2xx nor `fine` raises Stopped, as does no answer and one that is no JSON."""
        headers = dict(self._headers) if body is None else {**self._headers, "Content-Type": kind}
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        try:
            reply = self._web.send(method, self._base + path, headers, data, self.left_s if left_s is None else left_s)
        except NotSent as e:
            raise Stopped(not_sent(e)) from None
        except MaySent as e:
            raise Stopped(may_sent(e)) from None
        text = self._hide(reply.body).decode("utf-8", "replace")
        end, effect, why = meaning(method, reply.status)
        if end != "done" and reply.status not in fine:
            raise Stopped(Result(end, {"status": reply.status}, f"{method} {path}: {why}: {visible(text)}", effect))
        if not text.strip():
            return Said(reply.status, None)
        try:
            return Said(reply.status, parsed(text))
        except NoJson as e:
            if reply.status in fine:
                return Said(reply.status, None)
            more = ", and is longer than is read" if reply.more else ""
            why = f"{method} {path}: the answer is no JSON{more}: {e}"
            raise Stopped(Result("unknown", {"status": reply.status}, why)) from None
