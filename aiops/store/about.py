"""What there is about one early warning beside its row: who was told of it, what and when, and for which others it spoke."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from aiops.core.records import Verdict
from aiops.store import tables
from aiops.store.store import Store

AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Told:
    """One message about a warning. `state`: queued, sent, dead; `made_s`: when it was made, epoch seconds."""

    receiver: str
    event: str
    state: str
    attempts: int
    made_s: float
    error: str


def messages_about(store: Store, warning_id: str) -> list[Told]:
    """Messages about a warning as far as the outbox still holds them, oldest first; renewals of what lasts are left out."""
    t = tables.outbox
    mine = tables.begins(t.c.dedup_key, f"{warning_id}:")
    query = sa.select(t).where(mine, t.c.renewal == 0).order_by(t.c.seq).limit(AT_MOST)
    with store._read() as connection:
        rows = connection.execute(query).all()
    return [
        Told(r.receiver, str(r.payload.get("event", "")), r.state, r.attempts, r.created_ms / 1000, r.error)
        for r in rows
    ]


def told(store: Store, receiver: str, *warning_ids: str) -> bool:
    """Whether a receiver was told, or will be, that one of these warnings has opened, worsened, spread or lasts."""
    keys = _keys(store, receiver, warning_ids, tables.outbox.c.state != "dead")
    return any(key.split(":")[1] in ("opened", "worsened", "spread", "repeated") for key in keys)


def told_end(store: Store, receiver: str, warning_id: str, before: int) -> tuple[str, dict[str, int]]:
    """What a receiver was told last became of a warning, and of those it spoke for, in messages before number `before`: see
    `verdict` and `verdicts` of a message; empty: nothing."""
    t = tables.outbox
    keys = _keys(store, receiver, [warning_id], t.c.state != "dead", t.c.seq < before)
    ended = [key for key in keys if key.split(":")[1] in ("closed", "judged")]
    last = sa.select(t.c.payload).where(t.c.receiver == receiver, t.c.dedup_key.in_(ended)).order_by(t.c.seq.desc()).limit(1)
    found = None
    if ended:
        with store._read() as connection:
            found = connection.execute(last).scalar()
    return ("", {}) if found is None else (str(found["verdict"]), dict(found.get("verdicts", {})))


def recorded(store: Store, action: str, object_: str) -> dict[str, Any] | None:
    """The detail of the first row of the ledger in which this was done to that; None: it never was. Every row is looked at."""
    t = tables.ledger
    query = sa.select(t.c.detail).where(t.c.action == action, t.c.object == object_).order_by(t.c.seq).limit(1)
    with store._read() as connection:
        found = connection.execute(query).scalar()
    return None if found is None else dict(found)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A warning that was told with another. `alone`: somebody was told of it as itself as well; `why`: why it ended."""

    id: str
    card: str
    kind: str
    state: str
    verdict: Verdict | None
    alone: bool
    why: str = ""


def spoken_for(store: Store, thread: str, listed: Collection[str] = ()) -> list[Spoken]:
    """Those in whose place the warning `thread` was told, and those it lists."""
    t = tables.warnings
    told_s = t.c.body["told_s"].as_string().label("told_s")
    why = t.c.body["closed_why"].as_string().label("why")
    query = sa.select(t.c.id, t.c.card, t.c.kind, t.c.state, t.c.verdict, told_s, why)
    with store._read() as connection:
        rows = [row for mine in (t.c.thread == thread, t.c.id.in_(listed)) for row in connection.execute(query.where(mine))]
    found = {row.id: row for row in rows}.values()
    return [Spoken(row.id, row.card, row.kind, row.state, row.verdict, row.told_s is not None, row.why or "") for row in found]


def _keys(store: Store, receiver: str, warning_ids: Iterable[str], *conditions: Any) -> list[str]:
    """The keys of what a receiver was told of warnings, or will be."""
    t = tables.outbox
    mine = [tables.begins(t.c.dedup_key, f"{one}:") for one in warning_ids if one]
    query = sa.select(t.c.dedup_key).where(t.c.receiver == receiver, sa.or_(sa.false(), *mine), *conditions)
    with store._read() as connection:
        return [str(key) for key in connection.execute(query).scalars()]
