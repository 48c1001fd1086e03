"""One small document from elsewhere, a calendar or a list of silences: read whole or not at all, under caps and one deadline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import requests

from aiops.core.errors import SourceError
from aiops.core.text import visible
from aiops.telemetry.credentials import AuthParams, Credentials
from aiops.telemetry.http import SourceSession, TooLarge, TooLate, cause

AT_MOST_BYTES = 4 * 2**20
WITHIN_S = 10.0
SHOWN = 120


class Document:
    """A document at `url`, or in a file; `name` is what errors call it. No redirects, no proxies and no cookies."""

    def __init__(self, name: str, url: str | Path, auth: AuthParams | None = None) -> None:
        self._name, self._url = name, url
        self._auth = auth or AuthParams()
        self._credentials = Credentials(name, self._auth)
        self._session: SourceSession | None = None

    def read(self, query: Mapping[str, str] | None = None) -> bytes:
        """The whole document, at most AT_MOST_BYTES, within WITHIN_S. Raises SourceError."""
        return self._of_file(self._url) if isinstance(self._url, Path) else self._of_url(self._url, query or {})

    def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _of_file(self, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                found = file.read(AT_MOST_BYTES + 1)
        except OSError as e:
            raise SourceError(self._name, "unreachable", f"{path}: {e.strerror}") from e
        if len(found) > AT_MOST_BYTES:
            raise SourceError(self._name, "too_many_bytes", f"{path}: is larger than {AT_MOST_BYTES} bytes")
        return found

    def _of_url(self, url: str, query: Mapping[str, str]) -> bytes:
        if self._session is None:
            self._session = SourceSession(AT_MOST_BYTES, self._credentials.headers, self._judged, 1)
            self._session.verify, self._session.cert = self._credentials.verify, self._credentials.cert
        try:
            answer = self._session.request("GET", url, params=dict(query), timeout=WITHIN_S)
        except TooLarge as e:
            raise SourceError(self._name, "too_many_bytes", f"{visible(url)}: is larger than {AT_MOST_BYTES} bytes") from e
        except TooLate as e:
            raise SourceError(self._name, "timeout", f"{visible(url)}: no answer within {WITHIN_S:g} s") from e
        except (requests.RequestException, OSError, ValueError) as e:  # ValueError: a URL or header that is none
            raise SourceError(self._name, "unreachable", f"{visible(url)}: {visible(cause(e))}") from e
        found: bytes = answer.result
        return found

    def _judged(self, response: requests.Response) -> bytes:
        """The body of a good response. Raises SourceError for every other."""
        status, body = response.status_code, response.content
        if status == 200:
            return body
        said = body[:SHOWN].decode("utf-8", "replace")
        for secret in self._credentials.secrets(response.request.headers):
            said = said.replace(secret, "[redacted]")
        kind = "auth" if status in (401, 403) else "server_error" if status >= 500 or status == 429 else "bad_data"
        raise SourceError(self._name, kind, f"HTTP {status}: {visible(' '.join(said.split()))}")
