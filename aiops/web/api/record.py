"""The JSON of `/api/v1` about what came of warnings: verdicts, figures, stages, reports, the ledger of all that was decided."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response

from aiops.core.records import Outcome
from aiops.daemon.business import Business
from aiops.daemon.daemon import Daemon
from aiops.governance.policy import LOCAL
from aiops.outcomes.scorecard import By
from aiops.store.codec import to_json
from aiops.store.ledger import LedgerRow
from aiops.store.paging import Pages
from aiops.web.access.access import Access, Needs, Scope
from aiops.web.api import shapes
from aiops.web.api.answers import answer, encoded
from aiops.web.api.paged import Asked, asking, texts
from aiops.web.api.schema import reader
from aiops.web.pages import view

MANY = 1000
SCOPES: tuple[Scope, ...] = ("open", "team", "all")
OF_LEDGER = ("seq", "hash", "at_s", "actor", "action", "object")
Since = Annotated[float, Query(gt=0, le=10 * 366 * 86400, description="how far back, seconds")]


def add_record(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the routes."""
    read, theirs, of_all = (reader(app, "record", Needs(access, "viewer", scope=scope)) for scope in SCOPES)
    pages, business, lists, stored = Pages(daemon.store), Business(daemon), asking(daemon, MANY), asking(daemon, 100)

    @theirs("/api/v1/outcomes", list[Outcome], "Verdicts, newest first")
    def outcomes(asked: Asked = stored) -> Response:
        def keep(one: Outcome) -> Any:
            seen = next(asked.sight.outcomes([one]), None)
            return None if seen is None or not asked.filter.fits(_facts(seen)) else to_json(seen)

        def fetch(after: tuple[int] | None, n: int) -> list[tuple[tuple[int], Outcome]]:
            return [((seq,), one) for seq, one in pages.outcomes(n, None if after is None else after[0])]

        return asked.answer(*asked.walked("outcomes", (int,), fetch, keep))

    @theirs("/api/v1/scorecard", list[shapes.Figures], "How warnings came out, by card, rule, entity, service or team")
    def scorecard(by: By = "card", since: Since = view.SINCE_S, asked: Asked = lists) -> Response:
        rows = view.scorecard(daemon, by, since, asked.sight)
        return asked.listed(f"scorecard by {by}", rows, lambda r: (r["name"],), lambda r: texts(r, "by", "name"))

    @read("/api/v1/stages", list[shapes.Rung], "Where cards stand, by which record, and what they lack")
    def stages(card: str = "", asked: Asked = lists) -> Response:
        return asked.listed("stages", view.stages(daemon, card), lambda r: (r["card"],), lambda r: texts(r, "card", "stage"))

    @of_all("/api/v1/report", list[shapes.Worth], "What warnings were worth and cost in 30 days, and verdicts on pilots")
    def report(request: Request) -> Response:
        return answer(request, encoded([one.as_json() for one in business.reports()]))

    _ledger(app, daemon, access, pages)


def _ledger(app: FastAPI, daemon: Daemon, access: Access, pages: Pages) -> None:
    audit = reader(app, "record", Needs(access, "viewer", auditor=True, scope="all"))

    @audit("/api/v1/ledger", list[shapes.LedgerEntry], "Everything that was decided, newest first")
    def ledger(asked: Asked = asking(daemon, 100)) -> Response:  # noqa: B008
        def keep(one: LedgerRow) -> Any:
            row = {name: getattr(one, name) for name in OF_LEDGER}
            if not asked.filter.fits(texts(row, "actor", "action", "object")):
                return None
            return row | {"detail": one.detail if asked.sight.location == LOCAL else None}

        def fetch(after: tuple[int] | None, n: int) -> list[tuple[tuple[int], LedgerRow]]:
            return [((row.seq,), row) for row in pages.ledger(n, None if after is None else after[0])]

        return asked.answer(*asked.walked("ledger", (int,), fetch, keep))


def _facts(one: Outcome) -> dict[str, str]:
    return {**one.about, **one.entity, "card": one.card, "verdict": one.verdict, "judged_by": one.judged_by}
