"""The JSON of `/api/v1` about early warnings: the list, one of them, its series, why it was given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response

from aiops.core.records import EarlyWarning
from aiops.daemon.daemon import Daemon
from aiops.pipeline.arrays import arrays
from aiops.pipeline.rulings import about
from aiops.pipeline.why import why
from aiops.store.paging import Pages
from aiops.web.access.access import Access, Needs
from aiops.web.access.sight import Sight, sight_of
from aiops.web.api import shapes
from aiops.web.api.answers import answer, encoded
from aiops.web.api.kept import Head, Kept
from aiops.web.api.paged import Asked, asking
from aiops.web.api.rows import Rows
from aiops.web.api.schema import Reads, reader
from aiops.web.pages import view

T = TypeVar("T")
State = Annotated[Literal["", "open", "closed"], Query(description="only those that are open, or closed")]
SERIES_AT_ONCE = 20
TOLD = ("warnings", "outcomes")
"""The tables that answers about warnings are made from; a turn of any watch is marked in another."""


def add_api(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the routes."""
    pages, rows, lists, head = Pages(daemon.store), Rows(daemon), asking(daemon, 100), Head(daemon)
    kept, ones = Kept(daemon, head, *TOLD), Kept(daemon, head, *TOLD, by_minute=True)
    see, read = Depends(sight_of(daemon)), reader(app, "warnings", Needs(access, "viewer", scope="team"))

    @read("/api/v1/warnings", list[EarlyWarning], "Early warnings, newest first")
    async def warnings(asked: Asked = lists, state: State = "") -> Response:
        row_of, fits = rows.of(asked.sight), asked.filter.fits

        def keep(one: EarlyWarning) -> bytes | None:
            row = row_of(one)
            return row.body if row is not None and fits(row.facts) else None

        def page() -> tuple[bytes, dict[str, str]]:
            as_of = kept.as_of  # whatever lists are made meanwhile, they read the stored rows once
            return asked.walked("warnings", (int, str), lambda after, n: pages.warnings(n, after, state, as_of), keep)

        return asked.answer(*await kept.get(asked.same, page))

    @read("/api/v1/warnings/{warning_id}", shapes.WholeWarning, "One early warning with its verdict")
    async def warning(request: Request, warning_id: str, sight: Sight = see) -> Response:
        body = await ones.get((warning_id, *sight.same), lambda: whole(daemon, warning_id, sight))
        return answer(request, found(body))

    _more(daemon, read, Kept(daemon, head, *TOLD, "turns", by_minute=True))


def _more(daemon: Daemon, read: Reads[Any], kept: Kept) -> None:
    see, few = Depends(sight_of(daemon)), asking(daemon, SERIES_AT_ONCE)

    @read("/api/v1/warnings/{warning_id}/series", list[shapes.WarningSeries], "The series of an early warning, for plots")
    async def series_of_warning(warning_id: str, asked: Asked = few) -> Response:
        def page() -> tuple[bytes, dict[str, str]] | None:
            stored = daemon.store.warning(warning_id)
            seen = None if stored is None else asked.sight.warning(stored)
            if stored is None or seen is None:
                return None
            numbers = range(0 if stored.members else len(stored.symptoms))
            some, cursor = asked.of(f"series of {stored.id}", numbers, lambda n: (n,), lambda n: seen.symptoms[n].labels)
            return asked.body(_arrays(daemon, stored, seen, some), cursor)

        return asked.answer(*found(await kept.get(asked.same, page)))

    @read("/api/v1/warnings/{warning_id}/explain", shapes.Explained, "Why an early warning was given, and how sure it is")
    def explain(request: Request, warning_id: str, sight: Sight = see) -> Response:
        return answer(request, encoded(found(_explained(daemon, warning_id, sight))))


def found(one: T | None) -> T:
    """What was looked for. Raises HTTPException 404 for None."""
    if one is None:
        raise HTTPException(404, "no such warning")
    return one


def whole(daemon: Daemon, warning_id: str, sight: Sight) -> bytes | None:
    """One warning as it is answered; None when there is none with this id that may be seen."""
    one = view.warning(daemon, warning_id, sight)
    return None if one is None else encoded(one)


def _arrays(daemon: Daemon, stored: EarlyWarning, seen: EarlyWarning, numbers: list[int]) -> Iterator[dict[str, Any]]:
    """Of those symptoms whose series are in memory."""
    outcome = daemon.store.outcome_of(stored.id)
    failed = None if outcome is None else outcome.failed_s
    for number in numbers:
        one = arrays(daemon.rooms.watches, stored, number, failed)
        if one is not None:
            yield {"symptom": number, **one.as_json(), "labels": dict(seen.symptoms[number].labels)}


def _explained(daemon: Daemon, warning_id: str, sight: Sight) -> dict[str, Any] | None:
    stored = daemon.store.warning(warning_id)
    one = None if stored is None else sight.warning(stored)
    if one is None:
        return None
    clear, said = one == stored, daemon.store.statements(warning_id=one.id)  # what people wrote may name what is masked
    facts = {**why(one, said, daemon.clock(), clear), "masked": [m.as_json() for m in view.masked(daemon, one)]}
    return {**facts, "policy": about(daemon.settings, daemon.rooms, one)}
