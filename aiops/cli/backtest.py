"""`aiops backtest`: the live path over what has been, and what it is worth beside what a team has without it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiops.cli.said import ConfigPath, Out, emit, fail

if TYPE_CHECKING:
    from aiops.backtest.compare import Comparison
    from aiops.backtest.contest import Standing
    from aiops.backtest.observe import Story
    from aiops.backtest.run import Options, Summary

HEADS = (
    "card", "method", "warnings", "hit", "late", "false", "missed", "open", "precision", "recall", "in time", "median lead",
    "false/wk/100",
)  # fmt: skip
WIDTH = 150
"""Columns of the table where there is no terminal that has its own."""


@dataclass(frozen=True, slots=True)
class Gates:
    """What the result must reach: a share that comes true, a median lead."""

    min_precision: float | None = None
    min_lead_s: float | None = None


def backtest(
    data: Annotated[Path | None, typer.Option(help="a folder with series/, perhaps limits.json and labels.json")] = None,
    config: ConfigPath = None,
    card: Annotated[list[str] | None, typer.Option(help="a card by name, or its file; again for more; none: all")] = None,
    since: Annotated[str, typer.Option(help="first turn: a time, or a duration before the last; default: 30d, or all")] = "",
    until: Annotated[str, typer.Option(help="last turn: a time, or a duration ago; default: now, a recording's last")] = "",
    incidents: Annotated[Path | None, typer.Option(help="declared incidents, as `incidents import` takes them")] = None,
    warnings: Annotated[Path | None, typer.Option(help="where to write the lines; alone, without cards: only these")] = None,
    outcomes: Annotated[Path | None, typer.Option(help="where to write our verdicts, for `aiops cards record`")] = None,
    report: Annotated[Path | None, typer.Option(help="where to write a page: the table, and a picture of each warning")] = None,
    horizon: Annotated[str, typer.Option(help="without cards: how far ahead a crossing is announced")] = "14d",
    score_floor: Annotated[float | None, typer.Option(help="write every entity score from this -log10 p on")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; default: one a core")] = None,
    min_precision: Annotated[float | None, typer.Option(min=0, max=1, help="exit 1 below this share that comes true")] = None,
    min_lead: Annotated[str | None, typer.Option(help="exit 1 when the median lead of the hits is below this duration")] = None,
    html: Annotated[Path | None, typer.Option(help="without cards: a page of one series; of cards see --report")] = None,
    series: Annotated[str, typer.Option(help="ENTITY or ENTITY/METRIC of that page; default: the most telling warning")] = "",
    resume: Annotated[Path | None, typer.Option(help="folder of what is done; after a kill it goes on there")] = None,
    output: Out = "text",
) -> None:
    """Replay history through the live path, beside the alerts that one could write without it.

    Exit 1 below a gate or when a baseline wins, 2 for bad usage, 3 when a source cannot be reached.
    """
    import os

    from aiops.backtest.run import Options
    from aiops.core.durations import seconds

    cards = bool(card) or config is not None
    _check_usage(data, cards, html, series, score_floor, horizon, [since, until, incidents, outcomes, resume])
    try:
        gates = Gates(min_precision, seconds(min_lead) if min_lead is not None else None)
        lines_only = warnings is not None and report is None
        options = Options(
            seconds(horizon), score_floor, workers or os.cpu_count() or 1, html is not None, series, compare=not lines_only
        )
    except ValueError as e:
        fail(f"--horizon, --score-floor or --min-lead: {e}", 2)
    span, as_json = (since, until), output == "json"
    job = _Job(data, config, tuple(card or ()), span, incidents, warnings, outcomes, report, html, resume, gates, as_json)
    if cards:
        _over_cards(job, options)
    else:
        _over_recording(job, options)


@dataclass(frozen=True, slots=True)
class _Job:
    data: Path | None
    config: Path | None
    cards: tuple[str, ...]
    span: tuple[str, str]
    incidents: Path | None
    warnings: Path | None
    outcomes: Path | None
    report: Path | None
    html: Path | None
    resume: Path | None
    gates: Gates
    json: bool


def _check_usage(
    data: Path | None, cards: bool, html: Path | None, series: str, score_floor: float | None, horizon: str, more: list[Any]
) -> None:
    if data is None and not cards:
        fail("give --data with a recording, or --config with sources that keep a past", 2)
    if series and html is None:
        fail("--series chooses what --html shows; give both", 2)
    if cards and html is not None:
        fail("--html shows a recording without cards; of cards --report writes the page: the table, a picture of each warning", 2)
    if cards and (score_floor is not None or horizon != "14d"):
        fail("--score-floor and --horizon are for a recording without cards; cards say it themselves", 2)
    if not cards and any(more):
        fail("--since, --until, --incidents, --outcomes and --resume are for cards; give --card or --config", 2)


def _over_recording(job: _Job, options: Options) -> None:
    """Every series of a recording by the default models."""
    from aiops.backtest.run import backtest as replay
    from aiops.backtest.run import check_out, describe
    from aiops.backtest.series import UnknownSeries
    from aiops.cli.progress import progress
    from aiops.core.errors import AiopsError

    assert job.data is not None
    began = time.monotonic()
    try:
        for path, option in ((job.html, "--html"), (job.report, "--report")):
            if path is not None:
                check_out(path, option)
        with progress("replaying") as advance:
            summary = replay(job.data, job.warnings, options, advance)
        if job.html is not None and summary.story is not None:
            write_page(summary.story, job.html)
        if job.report is not None:
            from aiops.web.reports.backtest_report import render

            about = [f"{summary.entities} entities, those with a limit; each on its own clock."]
            _write(job.report, render(*_standings(summary), summary.shown, about).encode())
    except AiopsError as e:
        fail(str(e), 2 if isinstance(e, UnknownSeries) else 1)
    for note in summary.notes:
        typer.echo(note, err=True)
    took = time.monotonic() - began
    if options.compare:
        _told(job, *_standings(summary), describe(summary, took))
        return
    if job.json:
        emit(as_object(summary, took))
    else:
        typer.echo(describe(summary, took), err=True)
    for failed in failed_gates(summary, job.gates.min_precision, job.gates.min_lead_s):
        fail(failed, 1)


def _standings(summary: Summary) -> tuple[list[Standing], list[Standing]]:
    from aiops.backtest.contest import standings, total

    return standings(summary.told), total(summary.told)


def _over_cards(job: _Job, options: Options) -> None:
    """Cards over the past of their sources."""
    from aiops.backtest.question import BadQuestion
    from aiops.backtest.run import check_out
    from aiops.cli.progress import stages
    from aiops.core.durations import text
    from aiops.core.errors import AiopsError, SourceError
    from aiops.telemetry.link import AWAY

    began = time.monotonic()
    try:
        for path, option in ((job.warnings, "--warnings"), (job.outcomes, "--outcomes"), (job.report, "--report")):
            if path is not None:
                check_out(path, option)
        with stages("reading the past") as advance:
            found = _compared(job, options, advance)
    except SourceError as e:
        fail(str(e), 3 if e.kind in AWAY else 1)
    except AiopsError as e:
        fail(str(e), 2 if isinstance(e, BadQuestion) else 1)
    for note in found.notes:
        typer.echo(note, err=True)
    said = f"{found.turns} turns in {text(time.monotonic() - began)}"
    _told(job, found.lines, found.whole, said)


def _compared(job: _Job, options: Options, advance: Callable[[float, str], None]) -> Comparison:
    from aiops.backtest.compare import compare
    from aiops.backtest.keeping import kept_in, resolved
    from aiops.backtest.question import Question

    asked = Question(job.config, job.data, job.cards, incidents=job.incidents)
    with kept_in(job.resume) as folder:
        asked = resolved(asked, job.span, time.time(), folder)
        found = compare(asked, folder, options.workers, advance, job.resume is not None, job.report is not None)
    if job.warnings is not None:
        _write(job.warnings, b"".join(found.warning_lines()))
    if job.outcomes is not None:
        _write(job.outcomes, b"".join(found.outcome_lines()))
    if job.report is not None:
        from aiops.web.reports.backtest_report import render

        _write(job.report, render(found.lines, found.whole, found.shown, found.about).encode())
    return found


def _told(job: _Job, lines: list[Standing], whole: list[Standing], said: str) -> None:
    """The table, and what of it is not good enough."""
    more = whole if len({one.told.card for one in lines}) > 1 else []
    if job.json:
        for one in (*lines, *more):
            emit(one.as_json())
    else:
        typer.echo(table([*lines, *more]))
        typer.echo(said, err=True)
    failed = list(failed_standings(whole, job.gates))
    if failed:
        fail("\n".join(failed), 1)


def failed_standings(whole: Iterable[Standing], gates: Gates) -> Iterator[str]:
    """Why a comparison is not good enough, one sentence a gate or baseline."""
    from aiops.backtest.contest import OURS

    lines = list(whole)
    mine = next((one for one in lines if one.told.method == OURS), None)
    figures = mine.figures if mine is not None else None
    yield from _below("precision", None if figures is None else figures.precision, gates.min_precision)
    yield from _below("median lead in s", None if figures is None else figures.median_lead_s, gates.min_lead_s)
    for one in lines:
        if one.wins and mine is not None:
            yield (
                f"{one.told.method} wins: {one.count('hit')} failures foreseen in time and {one.count('false')} false warnings, "
                f"ours {mine.count('hit')} and {mine.count('false')}"
            )


def table(lines: Iterable[Standing]) -> str:
    """The comparison for people."""
    import shutil
    import sys
    from io import StringIO

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    width = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH
    out = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, head in enumerate(HEADS):
        out.add_column(head, justify="left" if i < 2 else "right", overflow="fold" if i < 2 else "ellipsis", no_wrap=i >= 2)
    before = ""
    for one in lines:
        cells = [escape(cell) for cell in _cells(one)]
        if before and one.told.card != before:
            out.add_section()
        cells[0] = "" if one.told.card == before else cells[0]
        before = one.told.card
        out.add_row(*cells)
    console = Console(file=StringIO(), width=width, force_terminal=False, color_system=None)
    console.print(out)
    file = console.file
    assert isinstance(file, StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _cells(one: Standing) -> list[str]:
    from aiops.backtest.contest import in_time
    from aiops.core.durations import text

    f, rate, lead = one.figures, one.false_rate, one.median_lead_s
    precision = "-"
    if f is not None and f.precision is not None and f.low is not None and f.high is not None:
        precision = f"{f.precision:.0%} ({f.low:.0%}-{f.high:.0%})"
    return [
        one.told.card, one.told.method + (" (wins)" if one.wins else ""), str(len(one.told.warnings)), str(one.count("hit")),
        str(one.count("late")), str(one.count("false")), str(one.count("missed")), str(one.told.open), precision,
        _share(None if f is None else f.recall), _share(in_time(one)), "-" if lead is None else text(lead),
        "-" if rate is None else f"{rate:.3g}",
    ]  # fmt: skip


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def as_object(summary: Summary, took_s: float) -> dict[str, Any]:
    """The result as one JSON object; `shown` names the series of the page, where there is one."""
    found = {
        "entities": summary.entities, "turns": summary.turns, "lines": summary.lines, "seconds": round(took_s, 1),
        "verdicts": dict(summary.verdicts), "precision": summary.precision, "median_lead_s": summary.median_lead_s,
    }  # fmt: skip
    story = summary.story
    return found if story is None else {**found, "shown": {"entity": story.entity, "metric": story.metric}}


def failed_gates(summary: Summary, min_precision: float | None, min_lead_s: float | None) -> Iterator[str]:
    """Why the result is not good enough, one sentence a gate."""
    yield from _below("precision", summary.precision, min_precision)
    yield from _below("median lead in s", summary.median_lead_s, min_lead_s)


def _below(gate: str, found: float | None, least: float | None) -> Iterator[str]:
    if least is not None and (found is None or found < least):
        yield f"{gate} {'unknown' if found is None else f'{found:.4g}'} is below {least:g}"


def write_page(story: Story, out: Path) -> None:
    """Write the page of a story, whole or not at all. Raises FileError when it cannot be written."""
    from aiops.web.reports.backtest_page import render

    _write(out, render(story).encode())


def _write(out: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises FileError."""
    from aiops.core.errors import FileError, Mistake
    from aiops.core.folders import write_whole

    try:
        write_whole(out, content)
    except OSError as e:
        raise FileError([Mistake(str(out), 1, 1, "", f"cannot be written: {e.strerror}")]) from e
