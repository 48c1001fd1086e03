"""Our own requests session: bodies are read here, capped when decoded, and cut off at an absolute deadline."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.retry import Retry

CHUNK = 1 << 16
CONNECT_S = 5.0
BESIDE = 4
"""Connections kept beside those for queries: rules, types of metrics and probes are asked while all queries are in flight."""
LONGEST_URL = 2000
"""Arguments longer than this go into the body: servers and proxies refuse long addresses."""


_CONNECTION = re.compile(r"^\w+\(host=[^)]*\): ")
"""How urllib3 names the connection object before the reason."""


class TooLarge(Exception):
    """The decoded body passed its cap."""


class TooLate(Exception):
    """The absolute deadline passed."""


class BrokenBody(requests.RequestException):
    """The body ended early, or is not as its head says."""


class OtherEncoding(BrokenBody):
    """The body is encoded in a way that was not asked for."""


class _Guard:
    """Shuts the socket of the request under way at the deadline: no drip of headers or body gets past that."""

    under_way = threading.local()

    def __init__(self, deadline: float) -> None:
        self.sock: Any = None
        self.cut = False
        self._timer = threading.Timer(max(deadline - time.monotonic(), 0.0), self._cut)
        self._timer.daemon = True

    def __enter__(self) -> _Guard:
        self.under_way.guard = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self.under_way.guard = None

    def watch(self, sock: Any) -> None:
        """This socket serves the request. Raises TooLate when the deadline has passed."""
        self.sock = sock
        if self.cut:
            raise TooLate

    def _cut(self) -> None:
        self.cut = True
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed in the meantime: nothing hangs on it
                return


class _Watched:
    """A connection that tells the guard of its request which socket it uses."""

    sock: Any

    def request(self, *args: Any, **options: Any) -> None:
        guard = getattr(_Guard.under_way, "guard", None)
        if guard is not None and self.sock is not None:
            guard.watch(self.sock)
        super().request(*args, **options)  # type: ignore[misc]
        if guard is not None:
            guard.watch(self.sock)


class _WatchedHTTP(_Watched, HTTPConnection):
    pass


class _WatchedHTTPS(_Watched, HTTPSConnection):
    pass


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _WatchedHTTP


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPS


class CappedAdapter(HTTPAdapter):
    """Reads the body itself, so that neither a drip, nor a hang, nor a bomb gets past the caps. Never retries."""

    def __init__(self, decoded_bytes: int, at_once: int = 4) -> None:
        super().__init__(pool_maxsize=at_once + BESIDE, max_retries=Retry(0, read=False, redirect=0))
        self.decoded_bytes = decoded_bytes

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """As requests', with connections that can be cut."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send and read the whole body within `timeout` seconds. Raises TooLarge, TooLate and what requests raises."""
        left = float(options["timeout"])
        if left <= 0:
            raise TooLate
        deadline = time.monotonic() + left
        with _Guard(deadline) as guard:
            try:
                response = super().send(
                    request, **{**options, "stream": True, "timeout": (min(left, CONNECT_S), left + 1)}
                )
                with contextlib.ExitStack() as undone:
                    undone.callback(response.close)
                    body = _body(response, self.decoded_bytes)
                    undone.pop_all()
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
                if guard.cut:
                    raise TooLate from e
                if isinstance(e, requests.RequestException):
                    raise
                raise BrokenBody(str(e)) from e
            if guard.cut:  # what was cut off looks like an end
                raise TooLate
        response._content = body
        response._content_consumed = True  # type: ignore[attr-defined]
        return response


def _body(response: requests.Response, cap: int) -> bytes:
    """The decoded body. Raises TooLarge as soon as it is known to pass the cap, BrokenBody when it cannot be decoded."""
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and (len(length) > 20 or int(length) > cap):  # int refuses thousands of digits
        raise TooLarge
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise OtherEncoding(f"Content-Encoding {encoding[:40]!r} was not asked for")
    inflate = zlib.decompressobj(31) if encoding.endswith("gzip") else None
    body = io.BytesIO()  # unlike of a bytearray, the bytes of it are no copy: a third of what reading a large body costs
    for chunk in response.raw.stream(CHUNK, decode_content=False):
        try:
            body.write(inflate.decompress(chunk, cap - body.tell() + 1) if inflate else chunk)
        except zlib.error as e:
            raise BrokenBody(f"the body is no gzip: {e}") from e
        if body.tell() > cap:
            body.close()  # the traceback holds on to this frame as long as anybody holds on to the error
            raise TooLarge
    if inflate and not inflate.eof:
        raise BrokenBody("the body ended early")
    return body.getvalue()


@dataclass(frozen=True, slots=True)
class Answered:
    """What prometheus-api-client asks of a response; `json` is what our own reader made of the body."""

    status_code: int
    content: bytes
    result: Any
    media_type: str = ""

    def json(self) -> Any:
        """As requests'."""
        return {"data": {"result": self.result}}


class SourceSession(requests.Session):
    """A session that stays on its host: no redirects, no cookies, no proxies or credentials from the environment.

    `read` turns a response into what the caller gets, or raises; `credentials` gives the headers that sign a request; `at_once`
    queries are in flight at most. Requests from several threads do not disturb each other.
    """

    def __init__(
        self, decoded_bytes: int, credentials: Callable[[], Mapping[str, str]], read: Callable[[requests.Response], Any],
        at_once: int = 4,
    ) -> None:  # fmt: skip
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._credentials, self._read = credentials, read
        capped = CappedAdapter(decoded_bytes, at_once)
        self.mount("http://", capped)
        self.mount("https://", capped)
        self.headers["Accept-Encoding"] = "identity"

    def mount(self, prefix: str | bytes, adapter: Any) -> None:
        """Only our own adapter may be mounted: prometheus-api-client would put its own in its place."""
        if isinstance(adapter, CappedAdapter):
            super().mount(prefix, adapter)

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> Any:
        """As requests', never following a redirect; long arguments are posted as a form."""
        params = options.get("params") or {}
        if len(urlencode(params)) > LONGEST_URL:
            method, options = "POST", {**options, "params": None, "data": params}
        headers = {**(options.pop("headers", None) or {}), **self._credentials()}
        response = super().request(method, url, *args, **{**options, "headers": headers, "allow_redirects": False})
        media_type = response.headers.get("Content-Type", "").strip().lower()
        return Answered(response.status_code, response.content, self._read(response), media_type)


def cause(error: Exception) -> str:
    """The innermost reason on one line, without the layers that requests and urllib3 put around it."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    text = str(reason or error) or type(error).__name__
    return " ".join(_CONNECTION.sub("", text).split())
