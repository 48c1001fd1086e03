"""The hash chain: hash = SHA-256(0x00 || previous hash || canonical JSON of the row).

It finds any row changed, taken out, put in or moved. It cannot find that the newest rows were cut off, nor that the whole
ledger was made anew: nothing in what is left speaks of them. That takes checkpoints of the head kept outside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from aiops.store import tables

GENESIS = "0" * 64
_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
_as_stored = json.JSONEncoder().encode
"""Both are called for every row; `json.dumps` would make an encoder for each."""


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """What verifying found: `first_bad` is the sequence number of the first row that does not fit, None when all do."""

    ok: bool
    rows: int
    first_bad: int | None = None
    why: str = ""
    head: str = GENESIS


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One decision: who did what, about what, with what was known."""

    seq: int
    hash: str
    at_s: float
    actor: str
    action: str
    object: str
    detail: Any


def row_hash(prev: str, at_ms: int, actor: str, action: str, object_: str, detail: Any) -> str:
    """The hash of a ledger row."""
    body = _canonical([at_ms, actor, action, object_, detail])
    return hashlib.sha256(b"\0" + bytes.fromhex(prev) + body.encode("utf-8", "surrogatepass")).hexdigest()


def verify(
    rows: Iterable[Any], kept: tuple[int, str] | None = None, seen: Callable[[str], None] = lambda _: None
) -> LedgerCheck:
    """Check rows (seq, prev_hash, hash, at_ms, actor, action, object, detail) in order of seq, from the first one.

    `detail` is JSON as it is stored: that it says the same in other bytes is a change too. None in place of a row means that
    the database could not give it. `kept`: (number of rows, hash of the last) of an earlier check that was kept elsewhere; that
    row must still be there and be the same, so rows that were cut off and a ledger made anew are found up to it. `seen` hears
    the hash of each row that fits.
    """
    prev, count, expected = GENESIS, 0, 1
    for row in rows:
        if row is None:
            return LedgerCheck(False, count, expected, "cannot be read", prev)
        if row.seq != expected:
            return LedgerCheck(False, count, row.seq, f"row {expected} is missing", prev)
        if row.prev_hash != prev:
            return LedgerCheck(False, count, row.seq, "does not follow the row before it", prev)
        if not _fits(row, prev):
            return LedgerCheck(False, count, row.seq, "its content was changed", prev)
        prev, count, expected = row.hash, count + 1, expected + 1
        seen(prev)
        if kept is not None and count == kept[0] and prev != kept[1]:
            return LedgerCheck(False, count, row.seq, "is not the row that was there when the earlier check was made", prev)
    if kept is not None and count < kept[0]:
        return LedgerCheck(False, count, expected, f"is missing: there were {kept[0]} rows at the earlier check", prev)
    return LedgerCheck(True, count, None, "", prev)


def checked(
    connection: sa.Connection, kept: tuple[int, str] | None = None, seen: Callable[[str], None] = lambda _: None
) -> LedgerCheck:
    """Check all that a connection sees of the ledger: see `verify`."""
    t = tables.ledger
    columns = [sa.cast(c, sa.Text).label(c.name) if c is t.c.detail else c for c in t.c]  # as it is stored
    rows = connection.execute(sa.select(*columns).order_by(t.c.seq), execution_options={"stream_results": True})
    with rows:
        return verify(_unless_unreadable(rows), kept, seen)


def _unless_unreadable(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows; None in place of one that the database cannot give any more, and of all after it."""
    try:
        yield from rows
    except sa.exc.DBAPIError:
        yield None


def _fits(row: Any, prev: str) -> bool:
    try:
        detail = json.loads(row.detail)
        same = _as_stored(detail) == row.detail
        return same and bool(row_hash(prev, row.at_ms, row.actor, row.action, row.object, detail) == row.hash)
    except (ValueError, TypeError, RecursionError):  # no JSON any more, or columns of another type
        return False
