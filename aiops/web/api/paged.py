"""Lists a page at a time: matchers choose, a cursor goes on behind the last row, RFC 8288 links say how."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

import orjson
from fastapi import Depends, Query, Request
from fastapi.responses import Response

from aiops.core.labels import Labels, Matcher, fingerprint
from aiops.core.text import visible
from aiops.daemon.daemon import Daemon
from aiops.web.access.sight import Sight, sight_of
from aiops.web.api.answers import answer, encoded, tag_of
from aiops.web.api.problems import Trouble

T = TypeVar("T")
S = TypeVar("S")
Key = tuple[int | str, ...]
Row = dict[str, Any]
LOOKED_AT_MOST = 5000
"""Rows that one answer looks through; where fewer fit than were asked for, the link leads on all the same."""
CURSOR_AT_MOST, MATCHERS_AT_MOST, MATCHER_AT_MOST = 500, 10, 500

Limit = Annotated[int, Query(ge=1, le=1000, description="how many at most")]
Cursor = Annotated[str, Query(max_length=CURSOR_AT_MOST, description="where to go on: from the link to the next page")]
Match = Annotated[
    list[Annotated[str, Query(max_length=MATCHER_AT_MOST)]],
    Query(
        max_length=MATCHERS_AT_MOST, description="only what fulfils this matcher, as Alertmanager writes it; or all of several",
        examples=[['env="prod"', 'instance=~"db-.*"']],
    ),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the key of the last one looked at where more may follow."""

    rows: list[T]
    behind: Key | None = None


class Filter:
    """Matchers over label sets. Raises Trouble 422 for what is none."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._known: list[tuple[Matcher, dict[str, bool]]] = []
        for text in texts:
            try:
                self._known.append((Matcher.parse(text), {}))
            except ValueError as e:
                raise Trouble(422, "no-matcher", f"match: {visible(str(e), 300)}") from None

    def __bool__(self) -> bool:
        return bool(self._known)

    def fits(self, labels: Labels) -> bool:
        """Whether a label set fulfils all of them; an absent label is empty."""
        for matcher, known in self._known:
            value = labels.get(matcher.name, "")
            fulfilled = known.get(value)  # many have the same value: it is looked at once
            if fulfilled is None:
                fulfilled = known[value] = matcher.matches(labels)
            if not fulfilled:
                return False
        return True


def cursor_of(name: str, key: Key) -> str:
    """A cursor of the list called `name`, behind the row with this key."""
    return base64.urlsafe_b64encode(orjson.dumps([name, *key])).decode().rstrip("=")


def key_in(name: str, cursor: str, *kinds: type) -> Key | None:
    """The key in a cursor of this list, of these kinds; None for no cursor. Raises Trouble 422 for one that is none of it."""
    if not cursor:
        return None
    try:
        found = orjson.loads(base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        found = None
    whole = isinstance(found, list) and len(found) == 1 + len(kinds) and found[0] == name
    if not whole or any(type(one) is not kind or _too_large(one) for one, kind in zip(found[1:], kinds, strict=True)):
        raise Trouble(422, "no-cursor", f"cursor: is none of {name}; begin again without it")
    return tuple(found[1:])


def _too_large(one: Any) -> bool:
    return isinstance(one, int) and not -(2**62) < one < 2**62


def walk(
    fetch: Callable[[Key | None, int], Sequence[tuple[Key, S]]], keep: Callable[[S], T | None], limit: int, after: Key | None
) -> Page[T]:
    """The first `limit` rows behind `after` that are kept.

    `fetch(after, n)` gives the next n with their keys, fewer at the end; `keep` a row as it is told, None for one that is not.
    """
    rows: list[T] = []
    last, looked, many = after, 0, limit + 1
    while looked < LOOKED_AT_MOST:
        found = fetch(last, many)
        for key, row in found:
            kept = keep(row)
            if kept is not None:
                if len(rows) == limit:
                    return Page(rows, last)
                rows.append(kept)
            last = key
        looked += len(found)
        if len(found) < many:
            return Page(rows)
        many = min(2 * many, 1000)
    return Page(rows, last)


def of_list(name: str, rows: Iterable[T], key: Callable[[T], Key], limit: int, cursor: str) -> tuple[list[T], str]:
    """A page of rows that are in memory, and the cursor to the next one, empty at the end.

    Raises Trouble 422 when the row that the cursor names is gone.
    """
    some = list(rows)
    begin = 0
    if after := key_in(name, cursor, str):
        begin = next((i + 1 for i, row in enumerate(some) if _mark(key(row)) == after[0]), -1)
        if begin < 0:
            raise Trouble(422, "no-cursor", f"cursor: the row of {name} that it names is gone; begin again without it")
    page = some[begin : begin + limit]
    return page, cursor_of(name, (_mark(key(page[-1])),)) if begin + limit < len(some) else ""


def _mark(key: Key) -> str:
    """What stands for a key in a cursor: short however long its texts are, and plain whatever they hold."""
    return fingerprint(*map(str, key))


def link(path: str, query: Iterable[tuple[str, str]], cursor: str) -> dict[str, str]:
    """The header that leads to the next page; none at the end."""
    if not cursor:
        return {}
    others = [(name, value) for name, value in query if name != "cursor"]
    return {"Link": f'<{path}?{urlencode([*others, ("cursor", cursor)])}>; rel="next"'}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a list, and who may see what of it."""

    request: Request
    limit: int
    cursor: str
    filter: Filter
    sight: Sight

    def body(self, rows: Iterable[Any], cursor: str) -> tuple[bytes, dict[str, str]]:
        """A page as it is sent, with its mark and the link to the next one; rows that are bytes are JSON already."""
        query, body = self.request.query_params.multi_items(), b"[" + b",".join(map(_written, rows)) + b"]"
        return body, {"ETag": tag_of(body), **link(self.request.url.path, query, cursor)}

    def walked(
        self, name: str, kinds: Sequence[type], fetch: Callable[[Any, int], Sequence[tuple[Key, S]]], keep: Callable[[S], Any],
    ) -> tuple[bytes, dict[str, str]]:  # fmt: skip
        """A page of a list that the store holds; `keep` gives a row as it is told, None for one that is not."""
        page = walk(fetch, keep, self.limit, key_in(name, self.cursor, *kinds))
        return self.body(page.rows, "" if page.behind is None else cursor_of(name, page.behind))

    def of(
        self, name: str, rows: Iterable[T], key: Callable[[T], Key], labels: Callable[[T], Labels]
    ) -> tuple[list[T], str]:
        """Some rows of a list that is in memory, and the cursor to the next ones."""
        some = [row for row in rows if self.filter.fits(labels(row))] if self.filter else rows
        return of_list(name, some, key, self.limit, self.cursor)

    def listed(
        self, name: str, rows: Iterable[Row], key: Callable[[Row], Key], labels: Callable[[Row], Labels]
    ) -> Response:
        """A page of a list that is in memory, as it is answered."""
        return self.answer(*self.body(*self.of(name, rows, key, labels)))

    @property
    def same(self) -> tuple[Any, ...]:
        """What two who ask must share to be answered the same."""
        scope = self.request.scope
        return (scope["path"], scope["query_string"], *self.sight.same)

    def answer(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """The page, or that it is known already."""
        return answer(self.request, body, headers)


def _written(row: Any) -> bytes:
    return row if isinstance(row, bytes) else encoded(row)


def asking(daemon: Daemon, many: int) -> Any:
    """A dependency that reads what is asked of a list; `many` rows where nobody says how many."""
    sees = Depends(sight_of(daemon))

    async def asked(
        request: Request, limit: Limit = many, cursor: Cursor = "", match: Match = [],  # noqa: B006
        sight: Sight = sees,
    ) -> Asked:  # fmt: skip
        return Asked(request, limit, cursor, Filter(match), sight)

    return Depends(asked)


def texts(row: Mapping[str, Any], *names: str) -> Labels:
    """Some fields of a row as matchers see them.

    >>> texts({"card": "disk", "on": True, "n": 2}, "card", "on")
    {'card': 'disk', 'on': 'true'}
    """
    return {name: str(row[name]).lower() if isinstance(row[name], bool) else str(row[name]) for name in names}
