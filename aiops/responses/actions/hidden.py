"""Secrets taken out of text that is kept or shown: the second line of defence; the first is that they are never put in."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MARK = b"[secret]"
SHORTEST = 4
"""Bytes: what is shorter would take half of every text with it."""


class Hidden:
    """Masks given secrets in bytes: as they are, in base64 at any offset, in hex, percent-encoded and inside JSON.

    >>> Hidden(["hunter22"])(b"password=hunter22").decode()
    'password=[secret]'
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
        self._forms = sorted(found, key=len, reverse=True)

    @property
    def longest(self) -> int:
        """Bytes of the longest form: so much more than is kept must be read, or a secret that is cut would show."""
        return len(self._forms[0]) if self._forms else 0

    def __call__(self, data: bytes) -> bytes:
        """`data` with a mark in the place of each secret."""
        for form in self._forms:
            data = data.replace(form, MARK)
        return data

    def text(self, text: str) -> str:
        """The same of a text."""
        return self(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace") if self._forms else text


def _forms(secret: str) -> Iterable[bytes]:
    raw = secret.encode("utf-8", "surrogatepass")
    for one in {raw, raw.strip()}:
        yield one
        yield from _lines(one)
        yield one.hex().encode()
        yield one.hex().upper().encode()
        yield from _base64(one)
        for coded in (quote(one, safe=""), quote(one), quote_plus(one)):
            yield coded.encode()
            yield coded.lower().encode()
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogatepass")


def _lines(raw: bytes) -> Iterable[bytes]:
    """A secret of several lines (a key) is secret in each of them."""
    lines = [line.strip() for line in raw.splitlines()]
    return [line for line in lines if len(line) >= 2 * SHORTEST and not line.startswith(b"-----")] if len(lines) > 1 else []


def _base64(raw: bytes) -> Iterable[bytes]:
    """What stands in any base64 of a text that holds `raw`: the digits that its neighbours have no part in."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw)
        first, last = (0, 2, 3)[before], (len(raw) + before) % 3
        core = coded[first : len(coded) - (0, 3, 2)[last]]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")
