"""Our own requests session: bodies are streamed, capped when decoded, and cut off at an absolute deadline."""

from __future__ import annotations

import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

CHUNK = 1 << 16


class TooLarge(Exception):
    """The decoded body passed its cap."""


class TooLate(Exception):
    """The absolute deadline passed."""


class CappedAdapter(HTTPAdapter):
    """Reads the body itself, so that neither a drip, nor a hang, nor a bomb gets past the caps. Never retries."""

    def __init__(self, decoded_bytes: int) -> None:
        super().__init__(max_retries=Retry(0, read=False, redirect=0))
        self.decoded_bytes, self.deadline = decoded_bytes, 0.0

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send, then read the whole body under the caps. Raises TooLarge, TooLate and what requests raises."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TooLate
        options |= {"stream": True, "timeout": (min(left, 5.0), min(left, 1.0))}
        response = self._first_byte(request, options)
        body = bytearray()
        # the socket's own timeout is one second at most, so that a drip is noticed between two reads
        for chunk in response.iter_content(CHUNK):
            body += chunk
            if len(body) > self.decoded_bytes:
                response.close()
                raise TooLarge
            if time.monotonic() > self.deadline:
                response.close()
                raise TooLate
        response._content = bytes(body)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def _first_byte(self, request: Any, options: dict[str, Any]) -> requests.Response:
        """Servers may think longer than a second before the first byte, up to the deadline."""
        left = max(self.deadline - time.monotonic(), 0.001)
        return super().send(request, **{**options, "timeout": (min(left, 5.0), left)})


class SourceSession(requests.Session):
    """A session that stays on its host: no redirects elsewhere, no proxies or credentials from the environment."""

    def __init__(self, decoded_bytes: int) -> None:
        super().__init__()
        self.trust_env = False
        self.capped = CappedAdapter(decoded_bytes)
        self.mount("http://", self.capped)
        self.mount("https://", self.capped)
        self.headers["Accept-Encoding"] = "identity"

    def mount(self, prefix: str | bytes, adapter: Any) -> None:
        """Only our own adapter may be mounted: prometheus-api-client would put its own in its place."""
        if isinstance(adapter, CappedAdapter):
            super().mount(prefix, adapter)

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """As requests', never following a redirect."""
        options["allow_redirects"] = False
        return super().request(method, url, *args, **options)
