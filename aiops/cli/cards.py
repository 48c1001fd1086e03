"""`aiops cards`: the cards and their live figures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, fail

if TYPE_CHECKING:
    from aiops.outcomes.scorecard import Figures

cards_app = typer.Typer(no_args_is_help=True, help="Model cards: their figures, and how loud they may be.")
Since = Annotated[str, typer.Option(help="how far back, for example 30d")]


@cards_app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="one card, rule, entity, service or team; none: all")] = "",
    by: Annotated[str, typer.Option(help="card, rule, entity, service or team")] = "card",
    since: Since = "30d",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Show how warnings came out: precision, recall, leads, false warnings against the budget, intervals against nominal."""
    import orjson

    from aiops.outcomes.scorecard import BY

    if by not in BY:
        fail(f"--by: {by!r}; known: {', '.join(BY)}", 2)
    found = [one for one in _figures(config, data_dir, by, since) if name in ("", one.name)]
    if output == "json":
        for one in found:
            typer.echo(orjson.dumps(one.as_json()).decode())
        return
    for line in table(found):
        typer.echo(line)


def _figures(config: Path | None, data_dir: Path | None, by: str, since: str) -> list[Figures]:
    from aiops.cli.warnings import reading_store
    from aiops.config.settings import load_settings
    from aiops.config.shipped import models_dir
    from aiops.core.durations import seconds
    from aiops.core.errors import AiopsError
    from aiops.models.card import load_cards
    from aiops.pipeline.figures import figures

    try:
        span = seconds(since)
    except ValueError as e:
        fail(f"--since: {e}", 2)
    try:
        settings, now = load_settings(config, data_dir=data_dir), time.time()
        cards = load_cards(settings.cards or [models_dir()])
        with reading_store(settings.store.url, settings.data_dir) as store:
            return figures(store, cards, cast(Any, by), now, now - span)
    except AiopsError as e:
        fail(str(e), 1)


def table(found: Sequence[Figures]) -> Iterator[str]:
    """One line each, under a head."""
    from aiops.core.text import visible

    if not found:
        yield "no verdicts yet"
        return
    width = max(4, *(len(visible(one.name, 40)) for one in found))
    yield (
        f"{found[0].by.upper():{width}}  SETTLED  PRECISION (90 %)   RECALL  LEAD p10/p50/p90        "
        "FALSE/WEEK  IN INTERVAL  OFF BY    ASIDE  ALONE"
    )
    for one in found:
        yield _line(one, visible(one.name, 40), width)


def _line(one: Figures, name: str, width: int) -> str:
    from aiops.core.durations import text

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.0%}"

    leads = "/".join("-" if (lead := one.lead_s(q)) is None else text(lead) for q in (0.1, 0.5, 0.9)) if one.leads_s else "-"
    bounds = "-" if one.precision is None else f"{one.precision:.0%} ({share(one.low)} to {share(one.high)})"
    inside = "-" if one.coverage is None else f"{one.coverage:.0%} of {one.timed}"
    off = "-" if one.off_s is None else text(one.off_s)
    return (
        f"{name:{width}}  {one.settled:7}  {bounds:17}  {share(one.recall):6}  {leads:22}  {one.false_per_week:10.2g}  "
        f"{inside:11}  {off:8}  {share(one.aside):5}  {share(one.cleared_alone)}"
    )
