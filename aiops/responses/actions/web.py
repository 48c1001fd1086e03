"""One HTTP request to a vetted address: bounded in time and bytes, without redirects, and clear about whether it was sent."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from aiops.core.text import visible
from aiops.responses.actions.egress import Blocked, Egress, Place
from aiops.responses.interface import Call, End, Result

SAFE = ("GET", "HEAD")


class NotSent(Exception):
    """Nothing of the request had gone out."""


class MaySent(Exception):
    """It went out, at least in part, and no whole answer came back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `more`: its body was longer than is read."""

    status: int
    body: bytes
    more: bool = False


@dataclass(slots=True)
class Web:
    """Sends where `egress` lets it. `most`: bytes of an answer that are read; `certificate`: our own, and its key."""

    egress: Egress
    ca_file: Path | None = None
    most: int = 2**20
    certificate: tuple[Path, Path] | None = None
    _trusted: ssl.SSLContext | None = field(default=None, init=False)

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, left_s: float) -> Reply:
        """One request and its answer, all within `left_s`. Raises NotSent and MaySent."""
        end = time.monotonic() + left_s
        try:
            place = self.egress.place(url)
            addresses = self.egress.addresses(place, left_s)
            trust = self._trust() if place.scheme == "https" else False
        except Blocked as e:
            raise NotSent(str(e)) from None
        except OSError as e:
            raise NotSent(f"{e.filename or place.netloc}: {e.strerror or e}") from None
        why = NotSent("no time is left")
        for address in addresses:
            if (left := end - time.monotonic()) > 0:
                try:
                    return asyncio.run(_Sending(place, address, trust, self.most).send(method, headers, body, left))
                except NotSent as e:
                    why = e
        raise why

    def _trust(self) -> ssl.SSLContext:
        if self._trusted is None:
            own = self.ca_file.read_text() if self.ca_file else None
            trusted = ssl.create_default_context(cadata=own) if own else httpx2.create_ssl_context(trust_env=False)
            if self.certificate is not None:
                trusted.load_cert_chain(*self.certificate)
            self._trusted = trusted
        return self._trusted


class _Sending:
    """One request on one connection to one address."""

    def __init__(self, place: Place, address: str, trust: ssl.SSLContext | bool, most: int) -> None:
        self._place, self._address, self._trust, self._most = place, address, trust, most
        self._sent = False

    async def send(self, method: str, headers: Mapping[str, str], body: bytes | None, left_s: float) -> Reply:
        place = self._place
        url = httpx2.URL(scheme=place.scheme, host=self._address, port=place.port, path="/")
        said = [(name.encode("ascii"), value.encode()) for name, value in headers.items()]
        said += [(b"Host", place.netloc.encode()), (b"Accept-Encoding", b"identity"), (b"Connection", b"close")]
        known: dict[str, Any] = {"target": place.target.encode(), "sni_hostname": place.host, "trace": self._traced}
        request = httpx2.Request(method, url, headers=said, content=body, extensions=known)
        try:
            async with (
                asyncio.timeout(left_s),
                httpx2.AsyncHTTPTransport(verify=self._trust, trust_env=False) as transport,
            ):
                request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), left_s)
                return await self._whole(await transport.handle_async_request(request))
        except TimeoutError:
            why = f"no whole answer within {left_s:.1f} s"
        except (httpx2.HTTPError, OSError, ValueError) as e:
            why = f"{type(e).__name__}: {e}"[:300]
        raise (MaySent if self._sent else NotSent)(f"{place.netloc}: {why}")

    async def _traced(self, event: str, info: Mapping[str, Any]) -> None:
        self._sent |= event.endswith("send_request_headers.started")

    async def _whole(self, answer: httpx2.Response) -> Reply:
        """As much of the body as is read; what it is coded with is not undone."""
        body = b""
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > self._most:
                break
        return Reply(answer.status_code, body[: self._most], len(body) > self._most)


def marks(call: Call) -> dict[str, str]:
    """The headers by which a target can tell a repeated request, and one of a replica that was replaced."""
    return {"Idempotency-Key": call.idem_key, "X-Fencing-Token": str(call.epoch)}


def meaning(method: str, status: int) -> tuple[End, bool, str]:
    """(end, whether it may have taken effect, why) of an answer with this status.

    >>> meaning("POST", 404), meaning("PUT", 503)[0], meaning("GET", 302)[0], meaning("POST", 303)[0]
    (('gone', False, 'status 404'), 'unknown', 'failed', 'unknown')
    """
    why = f"status {status}"
    if 200 <= status < 300:
        return "done", True, ""
    if status in (404, 410):
        return "gone", False, why
    if 300 <= status < 400:
        why = f"{why}: redirects are not followed"
        return ("failed", False, why) if method in SAFE else ("unknown", True, why)
    return ("failed", False, why) if 400 <= status < 500 else ("unknown", True, why)


def not_sent(error: NotSent) -> Result:
    """What came of a request that never left."""
    return Result("failed", {}, visible(str(error)), effect=False)


def may_sent(error: MaySent) -> Result:
    """What came of a request without an answer."""
    return Result("unknown", {}, visible(str(error)))
