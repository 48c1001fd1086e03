"""`aiops report`: what early warnings were worth, what they cost, and what to do with a pilot."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiops.cli.said import (
    ConfigPath,
    DataDir,
    Out,
    Who,
    desk,
    fail,
    failing,
    settings_of,
    span_of,
    stored,
    tell_statement,
    user,
)

if TYPE_CHECKING:
    from aiops.pipeline.report import Report

FORMATS = ("text", "json", "markdown", "html")
EXIT_STOP = 1
USUAL_S = 30 * 86400.0


def report(
    since: Annotated[str, typer.Option(help="how far back, for example 7d; default: 30d, and a pilot since it began")] = "",
    pilot: Annotated[str, typer.Option(help="a pilot of the config, or all; none: all cards")] = "",
    output: Annotated[str, typer.Option("-o", "--output", help="text, json (one object a line), markdown or html")] = "text",
    out: Annotated[Path | None, typer.Option(help="write to this file instead of the terminal")] = None,
    config: ConfigPath = None,
    data_dir: DataDir = None,
) -> None:
    """Tell what warnings were worth and cost in a time; of a pilot also whether to scale, keep or stop it. Exit 1: stop."""
    if output not in FORMATS:
        fail(f"-o: {output!r}; known: {', '.join(FORMATS)}", 2)
    found = _found(config, data_dir, span_of(since) if since else None, pilot)
    text = _as(found, output)
    if out is None:
        typer.echo(text, nl=False)
    else:
        try:
            out.write_text(text, "utf-8")
        except OSError as e:
            fail(f"{out}: cannot be written: {e.strerror}", 1)
    if any(one.verdict is not None and one.verdict.word == "stop" for one in found):
        raise typer.Exit(EXIT_STOP)


def ack(
    warning_id: Annotated[str, typer.Argument(help="the id of an early warning, or the beginning of it")],
    by: Who = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Say that you look at an early warning from now on: how long that takes is counted in `aiops report`."""
    with desk(config, data_dir) as one:
        found = one.ack(warning_id, by or user(), time.time())
    tell_statement(output, f"{found.warning_id}: acknowledged, by {found.who}", found)


def _found(config: Path | None, data_dir: Path | None, span_s: float | None, pilot: str) -> list[Report]:
    from aiops.models.card import load_cards
    from aiops.pipeline.report import pilot_report
    from aiops.pipeline.report import report as of_all

    settings, now = settings_of(config, data_dir), time.time()
    with failing():
        cards = load_cards(settings.card_paths)
    if pilot not in ("", "all", *settings.pilots):
        fail(f"no pilot {pilot!r}; there are {', '.join(settings.pilots) or 'none in the config'}", 2)
    names = [name for name in settings.pilots if pilot in ("all", name)]
    for name in names:
        _check_cards(name, settings.pilots[name].cards, [card.name for card in cards])
    with stored(config, data_dir) as store:
        if not pilot:
            return [of_all(store, settings, cards, now, now - (span_s or USUAL_S))]
        return [pilot_report(store, settings, name, now, None if span_s is None else now - span_s) for name in names]


def _check_cards(pilot: str, cards: Sequence[str], known: Sequence[str]) -> None:
    """End the command where a pilot tries what there is not: its report would count nothing for ever."""
    from aiops.config.messages import did_you_mean

    unknown = [card for card in cards if card not in known]
    if unknown:
        fail(f"pilot {pilot}: no card {unknown[0]!r}{did_you_mean(unknown[0], known)}", 2)


def _as(found: list[Report], output: str) -> str:
    if output == "json":
        from aiops.core.text import json_of

        return "".join(json_of(one.as_json()).decode() + "\n" for one in found)
    from aiops.web.pages import report_page

    if output == "html":
        return report_page.render(found)
    if output == "markdown":
        return "\n".join(report_page.markdown(one) for one in found)
    return "".join(line + "\n" for one in found for line in report_page.lines(one))
