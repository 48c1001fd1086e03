"""The JSON of `/api/v1` about what is set up: health, cards, series, rules, runbooks, sources, and what the policy says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response

from aiops.daemon.daemon import Daemon
from aiops.pipeline.plane import origin_of
from aiops.pipeline.rulings import decisions
from aiops.runbooks import Runbook
from aiops.web.access.access import Access, Needs, Scope
from aiops.web.api import shapes
from aiops.web.api.answers import answer, encoded
from aiops.web.api.paged import Asked, asking, texts
from aiops.web.api.schema import Reads, reader
from aiops.web.pages import rules_view, view

MANY = 1000
SCOPES: tuple[Scope, ...] = ("open", "team")


def add_plane(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the routes."""
    read, theirs = (reader(app, "plane", Needs(access, "viewer", scope=scope)) for scope in SCOPES)
    lists, series_lists = asking(daemon, MANY), asking(daemon, 200)

    @read("/api/v1/status", shapes.Status, "Health, sources and learning")
    def status(request: Request) -> Response:
        return answer(request, encoded(view.status(daemon)))

    @read("/api/v1/cards", list[shapes.Card], "Cards with the sources they watch, and what their confidence rests on")
    def cards(asked: Asked = lists) -> Response:
        labels = ("card", "source", "signal", "owner", "stage")
        return asked.listed("cards", view.calibrated(daemon), lambda r: (r["card"], r["source"]), lambda r: texts(r, *labels))

    @theirs("/api/v1/series", list[shapes.Series], "Series that are watched, with their newest value and score")
    def series(card: str = "", asked: Asked = series_lists) -> Response:
        def fetch(after: tuple[int] | None, n: int) -> list[tuple[tuple[int], dict[str, Any]]]:
            begin = 0 if after is None else after[0] + 1
            rows = view.series(daemon, card, begin + n, asked.sight)[begin:]
            return [((begin + i,), row) for i, row in enumerate(rows)]

        def keep(row: dict[str, Any]) -> dict[str, Any] | None:
            return row if asked.filter.fits(row["labels"] | texts(row, "card", "source")) else None

        return asked.answer(*asked.walked("series", (int,), fetch, keep))

    @read("/api/v1/rules", list[shapes.Rule], "Alerting rules: those followed, with records, and the others")
    def rules(asked: Asked = lists) -> Response:
        def key(row: dict[str, Any]) -> tuple[str, ...]:
            return (*(row[name] for name in ("card", "file", "group", "alert", "expr")), repr(sorted(row["labels"].items())))

        labels = ("card", "alert", "group", "followed", "stage")
        return asked.listed("rules", rules_view.rules(daemon), key, lambda r: r["labels"] | texts(r, *labels))

    @read("/api/v1/sources", list[shapes.Source], "Sources: health, class, residency, what reading them costs")
    def sources(asked: Asked = lists) -> Response:
        labels = ("name", "kind", "ok", "data_class")
        return asked.listed("sources", _sources(daemon), lambda r: (r["name"],), lambda r: texts(r, *labels))

    @read("/api/v1/policy/decisions", list[shapes.Decision],
        "What the policy says of each source: what is done with it here, who may be told")  # fmt: skip
    def policy(asked: Asked = lists) -> Response:
        labels = ("source", "data_class", "action", "place", "location", "effect", "rule")
        key = ("source", "action", "place")
        found = decisions(daemon.settings, daemon.rooms)
        return asked.listed("decisions", found, lambda r: tuple(r[k] for k in key), lambda r: texts(r, *labels))

    _runbooks(daemon, read)


def _runbooks(daemon: Daemon, read: Reads[Any]) -> None:
    @read("/api/v1/runbooks", list[shapes.RunbookRow], "Runbooks that are loaded")
    def runbooks(asked: Asked = asking(daemon, MANY)) -> Response:  # noqa: B008
        rows = (_runbook(one) for one in sorted(daemon.rooms.runbooks, key=lambda one: one.name))
        labels = ("name", "owner", "mode", "enabled")
        return asked.listed("runbooks", rows, lambda r: (r["name"],), lambda r: texts(r, *labels))

    @read("/api/v1/runbooks/{runbook}", shapes.WholeRunbook, "One runbook, whole")
    def one_runbook(request: Request, runbook: str) -> Response:
        one = next((one for one in daemon.rooms.runbooks if one.name == runbook), None)
        if one is None:
            raise HTTPException(404, "no such runbook")
        return answer(request, encoded(one.model_dump(mode="json", by_alias=True)))


def _runbook(one: Runbook) -> dict[str, Any]:
    return {
        "name": one.name, "sha": one.sha, "summary": one.summary, "owner": one.owner.team, "docs": one.docs, "mode": one.mode,
        "enabled": one.enabled, "steps": len(one.steps), "writes": sum(step.effect == "write" for step in one.steps),
        "tests": len(one.tests),
    }  # fmt: skip


def _sources(daemon: Daemon) -> Iterator[dict[str, Any]]:
    wrong = daemon.board.sources()
    for name, settings in daemon.settings.sources.items():
        link, data = daemon.rooms.links.get(name), daemon.rooms.gate.dataset(origin_of(daemon.settings, name))
        spent = None if link is None else link.source.spent
        why = wrong.get(name, "")
        yield {
            "name": name, "kind": settings.kind, "ok": not why, "error": why, "data_class": data.data_class,
            "residency": list(data.residency), "newest_s": (link.newest_s or None) if link is not None else None,
            "cards": daemon.rooms.cards_on(name),
            "queries": None if spent is None else spent.queries, "samples": None if spent is None else spent.samples,
            "seconds": None if spent is None else spent.seconds,
        }  # fmt: skip
