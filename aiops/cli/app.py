"""The commands. Each imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from aiops import __version__
from aiops.cli.accounts import accounts_app
from aiops.cli.backtest import backtest
from aiops.cli.cards import cards_app
from aiops.cli.export import export_app
from aiops.cli.init import init
from aiops.cli.report import ack, report
from aiops.cli.responses import kill_app, responses_app
from aiops.cli.rules import rules_app
from aiops.cli.runbooks import runbooks_app
from aiops.cli.said import acted, incidents_app, verdict
from aiops.cli.scan import scan
from aiops.cli.suggest import feedback, suggest, unhush

if TYPE_CHECKING:
    from aiops.store import Store

app = typer.Typer(
    name="aiops", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Early warnings that carry their own track record.",
)
warnings_app = typer.Typer(no_args_is_help=True, help="Early warnings: list, show, judge, record what was done.")
sources_app = typer.Typer(no_args_is_help=True, help="Sources: which there are, and what answers there.")
audit_app = typer.Typer(no_args_is_help=True, help="The ledger: verify it, export it.")
app.add_typer(warnings_app, name="warnings")
app.add_typer(sources_app, name="sources")
app.add_typer(audit_app, name="audit")
app.add_typer(rules_app, name="rules")
app.add_typer(accounts_app, name="accounts")
app.add_typer(responses_app, name="responses")
app.add_typer(kill_app, name="kill-switch")
app.add_typer(export_app, name="export")
app.add_typer(runbooks_app, name="runbooks")
app.add_typer(incidents_app, name="incidents")
app.add_typer(cards_app, name="cards")
warnings_app.command("verdict")(verdict)
warnings_app.command("acted")(acted)
warnings_app.command("feedback")(feedback)
warnings_app.command("unhush")(unhush)
app.command()(backtest)
warnings_app.command("ack")(ack)
app.command()(suggest)
app.command()(report)
app.command()(scan)
app.command()(init)


class Output(StrEnum):
    """How a command answers."""

    text = "text"
    json = "json"


Out = Annotated[Output, typer.Option("-o", "--output", help="text for people, json: one object a line")]
ConfigPath = Annotated[Path | None, typer.Option("--config", help="the config file; without it the embedded default")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="where state, database and token live")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"aiops {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")] = False,
) -> None:
    """Early warnings that carry their own track record."""


@app.command()
def run(
    config: ConfigPath = None,
    data_dir: DataDir = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT to serve on")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="notify nobody, do nothing")] = False,
    only: Annotated[str, typer.Option(help="responses: only carry them on; no source is watched, nothing is served")] = "",
) -> None:
    """Run the daemon; without a config it watches this host."""
    from functools import partial

    from aiops.config.settings import load_settings
    from aiops.core.errors import AiopsError

    if only not in ("", "responses") or (only and dry_run):
        _fail("--only takes responses, and not with --dry-run", 2)
    load = partial(load_settings, config, data_dir=data_dir, listen=listen)
    try:
        if only:
            from aiops.daemon.only import run as carry_on

            code = carry_on(load)
        else:
            from aiops.web.serve import run as serve

            code = serve(load, dry_run)
    except AiopsError as e:
        _fail(str(e), 1)
    raise typer.Exit(code)


@app.command()
def demo(
    speed: Annotated[float | None, typer.Option(min=1, help="times real time; 60 with pages, 600 with --once or json")] = None,
    once: Annotated[bool, typer.Option("--once", help="in the terminal alone, and end with it")] = False,
    listen: Annotated[str, typer.Option(help="HOST:PORT of the pages; port 0: any that is free")] = "127.0.0.1:0",
    output: Out = Output.text,
) -> None:
    """Play a recorded incident on the pages of a browser: a warning opens, a runbook asks, the warning is judged by what came."""
    from aiops.backtest.demo import paced, play, sentence
    from aiops.core.errors import AiopsError

    try:
        if once or output is Output.json:
            for line in paced(play(), speed or 600):
                _print({"event": line.event, "at": line.at_s, **line.fields} if output is Output.json else sentence(line))
        else:
            _demo_pages(speed or 60, listen)
    except AiopsError as e:
        _fail(str(e), 1)
    except KeyboardInterrupt:
        return


def _demo_pages(speed: float, listen: str) -> None:
    import time

    from aiops.backtest.demo import sentence
    from aiops.web.demo import shown

    with shown(speed, listen) as show:
        _print(f"a recorded incident, {speed:g} times as fast; open this to look at it and to answer: {show.door}")
        for line in show.lines:
            _print(sentence(line))
        _print("it has ended; the pages stay until Ctrl-C")
        _print("next: `aiops init --prometheus http://HOST:9090` proposes what to watch in yours; then `aiops check`")
        while True:
            time.sleep(3600)


@app.command()
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="files to judge, each on its own; none: everything loadable")] = None,
    config: ConfigPath = None,
    output: Out = Output.text,
) -> None:
    """Find every mistake in config, cards and runbooks at once."""
    from aiops.cli.check import run_check

    code, lines = run_check(files or [], config, output is Output.json)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(code)


@app.command()
def plan(
    files: Annotated[list[Path] | None, typer.Argument(help="cards, files or folders; none: those of the config")] = None,
    config: ConfigPath = None,
    source: Annotated[list[str] | None, typer.Option(help="only on this source; again for more")] = None,
    output: Out = Output.text,
) -> None:
    """Measure what cards cost before they are switched on; exit 1 when a limit would break, 3 when a source is away."""
    from aiops.cli.plan import as_lines, as_objects, exit_code, plan_of
    from aiops.config.settings import load_settings
    from aiops.core.errors import AiopsError

    try:
        settings = load_settings(config)
        with _progress("measuring") as advance:
            found = plan_of(settings, files or [], source or [], advance)
    except AiopsError as e:
        _fail(str(e), 1)
    for line in as_objects(found) if output is Output.json else as_lines(found):
        _print(line)
    raise typer.Exit(exit_code(found))


@app.command("test")
def author_tests(
    files: Annotated[list[Path] | None, typer.Argument(help="cards and runbooks, files or folders; none: shipped ones")] = None,
    output: Out = Output.text,
) -> None:
    """Run the tests that stand inside cards and runbooks, on a virtual clock and without a network."""
    from aiops.cli.author_tests import run_tests
    from aiops.core.errors import AiopsError

    try:
        results = run_tests(files or [])
    except AiopsError as e:
        _fail(str(e), 1)
    for r in results:
        if output is Output.json:
            _print({"file": r.file, "line": r.line, "test": r.name, "ok": r.ok, "why": r.why})
        else:
            typer.echo(f"{'ok  ' if r.ok else 'FAIL'} {r.file}:{r.line}: {r.name}{'' if r.ok else ': ' + r.why}")
    failed = sum(not r.ok for r in results)
    typer.echo(f"{len(results) - failed} passed, {failed} failed", err=True)
    raise typer.Exit(1 if failed else 0)


@sources_app.command("list")
def sources_list(config: ConfigPath = None, output: Out = Output.text) -> None:
    """List the sources of the config: class, residency, owner, priority, limits."""
    from aiops.cli.sources import list_lines, listed
    from aiops.config.settings import load_settings
    from aiops.core.errors import AiopsError

    try:
        rows = list(listed(load_settings(config)))
    except AiopsError as e:
        _fail(str(e), 1)
    for line in rows if output is Output.json else list_lines(rows):
        _print(line)


@sources_app.command("probe")
def sources_probe(
    names: Annotated[list[str] | None, typer.Argument(help="which sources; none: all")] = None,
    config: ConfigPath = None,
    query: Annotated[str, typer.Option(help="a query whose cost is measured; default: up")] = "",
    output: Out = Output.text,
) -> None:
    """Ask each source what it is, how far back it goes and what a query costs; exit 3 when one cannot be reached."""
    from aiops.cli.sources import now, probe_lines, probed
    from aiops.config.settings import load_settings
    from aiops.core.errors import AiopsError

    failed = False
    try:
        for row in probed(load_settings(config), names or [], query):
            failed |= not row["ok"]
            for line in [row] if output is Output.json else probe_lines(row, now()):
                _print(line)
    except AiopsError as e:
        _fail(str(e), 1)
    raise typer.Exit(3 if failed else 0)


@warnings_app.command("list")
def warnings_list(
    config: ConfigPath = None,
    data_dir: DataDir = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="how many, newest first")] = 50,
    output: Out = Output.text,
) -> None:
    """List early warnings, newest first; shadow ones are marked unproven."""
    from aiops.cli.warnings import list_warnings

    with _store(config, data_dir) as store:
        for line in list_warnings(store, limit, output is Output.json):
            typer.echo(line)


@warnings_app.command("show")
def warnings_show(
    warning_id: Annotated[str, typer.Argument(help="the id, or the beginning of it")],
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = Output.text,
) -> None:
    """Show one early warning whole: when, how sure, why, what to do, and its verdict."""
    from aiops.cli.masks import explainer
    from aiops.cli.warnings import show_warning
    from aiops.config.settings import load_settings

    with _store(config, data_dir) as store:
        lines = show_warning(store, warning_id, output is Output.json, explainer(load_settings(config, data_dir=data_dir)))
    if lines is None:
        _fail(f"no warning {warning_id}; `aiops warnings list` shows what there is", 1)
    for line in lines:
        typer.echo(line)


@audit_app.command("verify")
def audit_verify(
    against: Annotated[Path | None, typer.Option(help="what `verify -o json` printed earlier: those rows must be there")] = None,
    config: ConfigPath = None, data_dir: DataDir = None, output: Out = Output.text,
) -> None:  # fmt: skip
    """Recompute the hash chain of the ledger; exit 1 and name the first bad row when it was changed."""
    from aiops.cli.warnings import kept_check
    from aiops.core.errors import AiopsError

    try:
        kept = None if against is None else kept_check(against)
    except AiopsError as e:
        _fail(str(e), 2)
    with _store(config, data_dir) as store:
        found = store.verify_ledger(kept)
    if output is Output.json:
        _print({"ok": found.ok, "rows": found.rows, "head": found.head, "first_bad": found.first_bad, "why": found.why})
    else:
        typer.echo(f"{found.rows} rows, unchanged" if found.ok else f"row {found.first_bad}: {found.why}")
    raise typer.Exit(0 if found.ok else 1)


@audit_app.command("export")
def audit_export(
    since: Annotated[str, typer.Option(help="how far back, for example 30d; none: from the first row on")] = "",
    config: ConfigPath = None, data_dir: DataDir = None, output: Out = Output.text,
) -> None:  # fmt: skip
    """Print the ledger, a row a line; -o json holds all that each row's hash is made of, for archives and other programs."""
    import time

    from aiops.cli.warnings import ledger_lines
    from aiops.core.durations import seconds

    try:
        begin = time.time() - seconds(since) if since else 0.0
    except ValueError as e:
        _fail(f"--since: {e}", 2)
    with _store(config, data_dir) as store:
        for line in ledger_lines(store, begin, output is Output.json):
            typer.echo(line)


@app.command()
def schema(kind: Annotated[str, typer.Argument(help="card, runbook, config or policy")]) -> None:
    """Print the JSON Schema of a file that people write."""
    from aiops.cli.schemas import schema_of

    try:
        _print(schema_of(kind), indent=True)
    except KeyError:
        _fail(f"no schema {kind!r}; known: card, runbook, config, policy", 2)


@app.command()
def healthcheck(url: Annotated[str, typer.Argument(help="where the daemon serves")] = "http://127.0.0.1:9464") -> None:
    """Ask a running daemon whether it is well: exit 0 or 1."""
    from aiops.daemon.health import check as ask

    raise typer.Exit(ask(url))


@contextmanager
def _store(config: Path | None, data_dir: Path | None) -> Iterator[Store]:
    """The store that a configuration names, for reading; a mistake ends the command with exit 1."""
    from aiops.cli.warnings import reading_store
    from aiops.config.settings import load_settings
    from aiops.core.errors import AiopsError

    try:
        settings = load_settings(config, data_dir=data_dir)
        with reading_store(settings.store.url, settings.data_dir) as store:
            yield store
    except AiopsError as e:
        _fail(str(e), 1)


def _print(what: Any, indent: bool = False) -> None:
    if isinstance(what, str):
        typer.echo(what)
        return
    import orjson

    options = orjson.OPT_INDENT_2 if indent else 0
    sys.stdout.write(orjson.dumps(what, option=options | orjson.OPT_NON_STR_KEYS).decode() + "\n")
    sys.stdout.flush()


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _progress(what: str) -> Any:
    from aiops.cli.progress import progress

    return progress(what)
