"""The JSON of `/api/v1` that is read."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query

from aiops.daemon.business import Business
from aiops.daemon.daemon import Daemon
from aiops.outcomes.scorecard import By
from aiops.web import rules_view, view
from aiops.web.access import Access, Needs
from aiops.web.sight import Sight, sight_of

Since = Annotated[float, Query(gt=0, le=10 * 366 * 86400, description="how far back, seconds")]
Limit = Annotated[int, Query(ge=1, le=1000, description="how many at most, newest first")]


def add_api(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the routes."""
    see, look = Depends(sight_of(daemon)), [Depends(Needs(access, "viewer"))]

    @app.get("/api/v1/status", dependencies=look, summary="Health, sources and learning", tags=["api"])
    def status() -> dict[str, Any]:
        return view.status(daemon)

    @app.get("/api/v1/cards", dependencies=look, summary="Cards with the sources they watch, and what their confidence rests on",
             tags=["api"])  # fmt: skip
    def cards() -> list[dict[str, Any]]:
        return view.calibrated(daemon)

    @app.get("/api/v1/series", dependencies=look, summary="Series that are watched, with their newest value and score",
             tags=["api"])  # fmt: skip
    def series(card: str = "", limit: Limit = 200, sight: Sight = see) -> list[dict[str, Any]]:
        return view.series(daemon, card, limit, sight)

    @app.get("/api/v1/warnings", dependencies=look, summary="Early warnings", tags=["api"])
    def warnings(limit: Limit = 100, sight: Sight = see) -> list[dict[str, Any]]:
        return view.warnings(daemon, limit, sight)

    @app.get("/api/v1/warnings/{warning_id}", dependencies=look, summary="One early warning with its verdict", tags=["api"])
    def warning(warning_id: str, sight: Sight = see) -> dict[str, Any]:
        found = view.warning(daemon, warning_id, sight)
        if found is None:
            raise HTTPException(404, "no such warning")
        return found

    _record(app, daemon, access)


def _record(app: FastAPI, daemon: Daemon, access: Access) -> None:
    see, business, look = Depends(sight_of(daemon)), Business(daemon), [Depends(Needs(access, "viewer"))]

    @app.get("/api/v1/scorecard", dependencies=look, summary="How warnings came out, by card, rule, entity, service or team",
             tags=["api"])  # fmt: skip
    def scorecard(by: By = "card", since: Since = view.SINCE_S, sight: Sight = see) -> list[dict[str, Any]]:
        return view.scorecard(daemon, by, since, sight)

    @app.get("/api/v1/stages", dependencies=look, summary="Where cards stand, by which record, and what they lack",
             tags=["api"])  # fmt: skip
    def stages(card: str = "") -> list[dict[str, Any]]:
        return view.stages(daemon, card)

    @app.get("/api/v1/report", dependencies=look, summary="What warnings were worth and cost in 30 days, and verdicts on pilots",
             tags=["api"])  # fmt: skip
    def report() -> list[dict[str, Any]]:
        return [one.as_json() for one in business.reports()]

    @app.get("/api/v1/outcomes", dependencies=look, summary="Verdicts", tags=["api"])
    def outcomes(limit: Limit = 100, sight: Sight = see) -> list[dict[str, Any]]:
        return view.outcomes(daemon, limit, sight)

    @app.get("/api/v1/rules", dependencies=look, summary="Alerting rules: those followed, with records, and the others",
             tags=["api"])  # fmt: skip
    def rules() -> list[dict[str, Any]]:
        return rules_view.rules(daemon)
