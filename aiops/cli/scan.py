"""`aiops scan`: which of a server's alerting rules will fire, when, and how well that could be foretold."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiops.cli.said import BearerTokenFile, CaFile, Out, PasswordFile, Username, emit, fail, login

if TYPE_CHECKING:
    from aiops.core.records import Block
    from aiops.scan.rows import Row
    from aiops.scan.scan import Options, Progress, Report
    from aiops.telemetry.prometheus import PrometheusSource

WIDTH = 120
HEADS = ("alert", "entity", "now", "limit", "fires in", "interval", "slope/h", "history", "why, guards")
RIGHT = ("now", "limit", "slope/h", "history")
FOLDED, MIN_FOLDED = {0: 20, 1: 22, 8: 18}, 10
"""Columns of the table that are folded, and how they share the width that the others leave; no less than so many characters."""
NO_RULES = (
    "the server has no alerting rules (a VictoriaMetrics passes on those of vmalert with -vmalert.proxyURL); "
    "`aiops init` looks for what the shipped cards can watch there"
)
A_QUERY_S = 10.0
"""Seconds that one query may take, and not more than a sixth of the whole time."""


def scan(
    prometheus: Annotated[str, typer.Option("--prometheus", help="URL of the server; its rules and its history")] = "",
    config: Annotated[Path | None, typer.Option("--config", help="a config file with the source")] = None,
    source: Annotated[str, typer.Option(help="which source of --config; default: its only Prometheus")] = "",
    bearer_token_file: BearerTokenFile = None,
    username: Username = "",
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    horizon: Annotated[str, typer.Option(help="how far ahead a crossing is told")] = "1d",
    timeout: Annotated[str, typer.Option(help="the time that the whole scan may take")] = "60s",
    full: Annotated[bool, typer.Option("--full", help="the record of every row, however long that takes")] = False,
    rows: Annotated[int, typer.Option(min=1, max=100_000, help="rows of the table; json always has all")] = 50,
    html: Annotated[Path | None, typer.Option(help="also write a page for people, with plots; it needs no network")] = None,
    output: Out = "text",
) -> None:
    """Say which alerting rules of a Prometheus will fire soon, from its history alone. Exit 3: unreachable."""
    from aiops.core.durations import seconds
    from aiops.core.errors import AiopsError, SourceError
    from aiops.scan.scan import Options

    if bool(prometheus) == (config is not None):
        fail("give one of --prometheus URL and --config FILE", 2)
    auth = login(bearer_token_file, username, password_file, ca_file)
    try:
        options = Options(seconds(horizon), seconds(timeout), full)
    except ValueError as e:
        fail(f"--horizon or --timeout: {e}", 2)
    if options.total_s < 1 or options.horizon_s < 300:
        fail("--timeout must be at least 1s, --horizon at least 5m", 2)
    try:
        opened, admit = from_url(prometheus, auth, options) if prometheus else _from_config(config, source, auth, options)
        report = _run(opened, admit, options)
    except SourceError as e:
        fail(str(e), 3)
    except AiopsError as e:
        fail(str(e), 2 if prometheus else 1)
    if html is not None:
        _write_page(report, html, rows)
    _show(report, rows, output)


def _write_page(report: Report, out: Path, most: int) -> None:
    from aiops.core.folders import write_whole
    from aiops.web.reports.scan_page import render

    try:
        write_whole(out, render(report, time.time(), most).encode())
    except OSError as e:
        fail(f"--html: {out}: cannot be written: {e.strerror}", 1)


def _run(source: PrometheusSource, admit: Any, options: Options) -> Report:
    from aiops.scan.scan import scan as run

    try:
        with telling() as progress:
            return run(source, options, int(time.time()), progress, admit)
    finally:
        source.close()


def _limits(options: Options) -> Any:
    from aiops.scan.ask import AT_MOST
    from aiops.telemetry.source import ReadLimits

    return ReadLimits(seconds=A_QUERY_S * 6 if options.full else min(A_QUERY_S, options.total_s / 6), queries=AT_MOST)


def from_url(url: str, auth: Mapping[str, Any], options: Options) -> tuple[PrometheusSource, Any]:
    """The server at an address. Raises AiopsError for an address that is none."""
    from pydantic import ValidationError

    from aiops.core.errors import AiopsError
    from aiops.core.text import visible
    from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource

    def whole(block: Block) -> Block:
        return block

    try:
        params = PrometheusParams.model_validate({"url": url, **auth})
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        if first["loc"] == ("url",):
            raise AiopsError(f"--prometheus: {visible(url)} is no address; write it as http://HOST:PORT or https://HOST") from e
        raise AiopsError(f"--{'.'.join(map(str, first['loc'])).replace('url', 'prometheus')}: {first['msg']}") from e
    return PrometheusSource("prometheus", params, _limits(options)), whole


def _from_config(path: Path | None, name: str, auth: Mapping[str, Any], options: Options) -> tuple[PrometheusSource, Any]:
    """A source of a configuration, with what its policy admits. Raises AiopsError."""
    from aiops.config.settings import load_settings
    from aiops.core.errors import AiopsError
    from aiops.governance.gate import Gate
    from aiops.governance.masking import Masker, key_of
    from aiops.governance.policy import load_policy
    from aiops.pipeline.plane import origin_of
    from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource

    if auth:
        raise AiopsError("with --config the credentials are those of the source")
    settings = load_settings(path)
    known = [one for one, chosen in settings.sources.items() if chosen.kind == "prometheus"]
    if name and name not in known:
        raise AiopsError(f"no Prometheus source {name!r}; known: {', '.join(known) or 'none'}")
    if not name and len(known) != 1:
        raise AiopsError(f"--source chooses one of the Prometheus sources; known: {', '.join(known) or 'none'}")
    name = name or known[0]
    params = PrometheusParams.model_validate(settings.sources[name].params)
    gate = Gate(load_policy(settings.policy), Masker(key_of(settings.data_dir)))
    return PrometheusSource(name, params, _limits(options)), gate.admission(origin_of(settings, name))


@contextmanager
def telling() -> Iterator[Progress]:
    """What is being done, and how far it is: a bar on a terminal, else a line on stderr for each thing begun."""
    if not sys.stderr.isatty():
        told = ""

        def line(what: str, share: float) -> None:
            nonlocal told
            if what != told:
                typer.echo(what, err=True)
            told = what

        yield line
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)


def _show(report: Report, most: int, output: str) -> None:
    if output == "json":
        for row in report.rows:
            emit(row.as_json())
    else:
        _print_text(report, most)
    for note in report.notes:
        typer.echo(note, err=True)
    slowed = f", slowed down {report.slowed} times" if report.slowed else ""
    ranked = f"ranked from a day of history after {report.ranked_s:.1f} s"
    typer.echo(f"{report.rules} rules, {report.queries} queries in {report.took_s:.1f} s, {ranked}{slowed}", err=True)


def _print_text(report: Report, most: int) -> None:
    from rich.console import Console

    from aiops.core.text import several
    from aiops.scan.rows import SILENT_SHOWN, nearest

    wide = shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH
    console = Console(file=sys.stdout, width=max(80, wide), highlight=False, markup=False, emoji=False)
    found = [row for row in report.rows if row.state in ("firing", "pending", "expected", "silent")]
    shown, calm = nearest(found, most)
    if found:
        with console.capture() as table:
            console.print(_table(shown, console.width))
        for line in table.get().splitlines():
            typer.echo(line.rstrip())
    states = Counter(row.state for row in found)
    console.print()
    told = ", ".join(f"{states[state]} {state}" for state in ("firing", "pending", "expected", "silent"))
    of_each = f", of each rule {SILENT_SHOWN} silent ones at most" if calm else ""
    more = f"; the table has the {len(shown)} nearest{of_each}" if len(found) > len(shown) else ""
    console.print(f"{several(len(found), 'row')}: {told}{more}" if report.rules else NO_RULES, soft_wrap=True)
    for text in (*_records(shown), *_others(report.rows)):
        console.print(text, soft_wrap=True)


def _table(found: Sequence[Row], wide: int) -> Any:
    """Numbers as wide as they are; what is left goes to names and reasons, which are folded and never cut."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, expand=False)
    cells = [_cells(row, labels) for row, labels in zip(found, _telling(found), strict=True)]
    widths = [max(len(head), *(len(row[i]) for row in cells)) for i, head in enumerate(HEADS)]
    left = wide - sum(width + 2 for i, width in enumerate(widths) if i not in FOLDED) - 2 * (len(FOLDED) - 1)
    for i, parts in FOLDED.items():
        widths[i] = min(widths[i], max(MIN_FOLDED, int(left * parts / sum(FOLDED.values()))))
    for i, head in enumerate(HEADS):
        side: Any = "right" if head in RIGHT else "left"
        table.add_column(head, justify=side, width=widths[i], overflow="fold", no_wrap=i not in FOLDED)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _telling(found: Sequence[Row]) -> Iterator[dict[str, str]]:
    """Of each row the labels in which the rows of its rule differ; of a rule with one row all."""
    shared: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in found:
        rule = row.served.rule
        shared[rule.alert, rule.expr] = shared.get((rule.alert, rule.expr), set(row.labels.items())) & set(row.labels.items())
    for row in found:
        differs = dict(row.labels.items() - shared[row.served.rule.alert, row.served.rule.expr])
        yield differs or dict(row.labels)


def _cells(row: Row, labels: Mapping[str, str]) -> tuple[str, ...]:
    from aiops.core.durations import about
    from aiops.core.text import visible

    now_said, limit, slope = row.numbers()
    said = [visible(row.reason, 120)] if row.reason else []
    said += [
        f"{'lets' if one.holds else 'bars'}: {visible(one.expr, 80)}{_flips(one.flips)}"
        for one in row.guards
        if one.holds or not row.reason.endswith(one.expr)
    ]
    fires, interval = ("now", "") if row.state == "firing" else ("", "")
    if row.times_s is not None:
        now = time.time()
        first, middle, last = (max(0.0, one - now) for one in row.times_s)
        fires, interval = about(middle), f"{about(first)}-{about(last)}" if last > first else "pending"
    return (
        visible(row.served.rule.alert, 60), entity(labels, ", "), now_said, limit, fires, interval, slope,
        about(row.history_s or 0.0), "; ".join(said),
    )  # fmt: skip


def _flips(count: int) -> str:
    from aiops.core.text import times

    return f" (changed {times(count)} in a day)" if count else ""


def entity(labels: Mapping[str, str], between: str = ",") -> str:
    """A label set as one short text."""
    from aiops.core.text import visible

    return visible(between.join(f"{name}={value}" for name, value in sorted(labels.items())), 120) or "-"


def _records(found: Sequence[Row]) -> Iterator[str]:
    from aiops.core.text import several, visible

    known = [row for row in found if row.record.own is not None]
    telling = [row for row in known if row.record.telling]
    if known:
        yield "\nRecords, nearest first:"
    for row in telling:
        yield f"  {visible(row.served.rule.alert, 60)} {entity(row.labels)}: {row.record.sentence()}"
    if len(telling) < len(known):
        calm = several(len(known) - len(telling), "row")
        yield f"  {calm}: in that time nothing fired, nor would anything have warned"
    if len(known) < len(found):
        why = Counter(row.record.why for row in found if row.record.own is None)
        said = (f"records of {several(count, 'row')}: not computed; {visible(one, 200)}" for one, count in why.items())
        yield "\n" + "; ".join(said)


def _others(every: Sequence[Row]) -> Iterator[str]:
    """What is not in the table: rules that nothing can be said of, and those that could not be read."""
    from aiops.core.text import visible
    from aiops.rules.judge import REASONS

    refused = [row for row in every if row.state == "refused"]
    if refused:
        yield f"\nCannot be anticipated: {len(refused)} rules"
    by_reason: dict[str, list[str]] = {}
    for row in refused:
        by_reason.setdefault(row.reason, []).append(visible(row.served.rule.alert, 60))
    for reason, names in sorted(by_reason.items(), key=lambda one: -len(one[1])):
        yield f"  {reason} ({REASONS.get(reason, '')}): {', '.join(dict.fromkeys(names))}"
    empty = [visible(row.served.rule.alert, 60) for row in every if row.state == "empty"]
    if empty:
        yield f"\nNo series now: {', '.join(dict.fromkeys(empty))}"
    for row in every:
        if row.state == "unread":
            yield f"\n{visible(row.served.rule.alert, 60)}: {row.reason}"
