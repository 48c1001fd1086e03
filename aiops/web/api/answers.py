"""What a route answers: JSON with a mark of its content, so that nothing is sent twice and nothing is changed unseen."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import Response

from aiops.core.text import json_of
from aiops.web.api.problems import Trouble

IfMatch = Annotated[
    str, Header(max_length=1000, description="only if it is still as it was read: the `ETag` of that answer; else 412")
]
_TAG = re.compile(r'(?:W/)?("[^"]*")')
_CHANGING = threading.RLock()
"""Held from looking at a thing until it is changed: of two who saw the same, one changes it."""


def encoded(value: Any) -> bytes:
    """JSON, whatever text of others it holds."""
    return json_of(value)


def tag_of(body: bytes) -> str:
    """What marks a content: equal contents, and no others, have equal marks."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def answer(request: Request, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """A content that was read, or 304 where whoever asks has it. Its mark is worked out where `headers` does not hold it."""
    marked = {"Cache-Control": "private, no-cache", **(headers or {})}
    tag = marked["ETag"] = marked.get("ETag") or tag_of(body)
    if named(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=marked)
    return Response(body, headers=marked, media_type="application/json")


def named(header: str, tag: str) -> bool:
    """Whether a list of marks holds this one, or is `*`.

    >>> named('"a", W/"b"', '"b"'), named("*", '"b"'), named("", '"b"')
    (True, True, False)
    """
    return header.strip() == "*" or tag in _TAG.findall(header)


def changed(value: Any, tag: bytes | None = None) -> Response:
    """What came of a change; with the mark of the content `tag` that a thing has now, where it has one."""
    return Response(encoded(value), headers={} if tag is None else {"ETag": tag_of(tag)}, media_type="application/json")


@contextmanager
def unchanged(if_match: str, current: Callable[[], bytes | None]) -> Iterator[None]:
    """A block in which a thing is changed that is still as `if_match` says, if it says anything. Raises Trouble 412.

    `current` gives its content, None where there is none. Changes through this process come one after another.
    """
    with _CHANGING:
        if if_match:
            body = current()
            if body is None or not named(if_match, tag_of(body)):
                raise Trouble(412, "changed-meanwhile", "it is not as it was read any more; read it again, and say it again")
        yield
