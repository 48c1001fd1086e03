"""The commands. Each imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from aiops import __version__
from aiops.cli.accounts import accounts_app
from aiops.cli.audit import audit_app
from aiops.cli.backtest import backtest
from aiops.cli.cards import cards_app
from aiops.cli.explain import explain
from aiops.cli.export import export_app
from aiops.cli.init import init
from aiops.cli.report import ack, report
from aiops.cli.responses import kill_app, responses_app
from aiops.cli.rules import rules_app
from aiops.cli.runbooks import runbooks_app
from aiops.cli.said import (
    CaFile,
    ConfigPath,
    DataDir,
    Out,
    acted,
    emit,
    fail,
    failing,
    host_port,
    incidents_app,
    settings_of,
    stored,
    tell,
    verdict,
)
from aiops.cli.scan import scan
from aiops.cli.state import state_app
from aiops.cli.suggest import feedback, suggest, unhush

app = typer.Typer(
    name="aiops", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Early warnings that carry their own track record.",
)
warnings_app = typer.Typer(no_args_is_help=True, help="Early warnings: list, show, judge, record what was done.")
sources_app = typer.Typer(no_args_is_help=True, help="Sources: which there are, and what answers there.")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"aiops {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")] = False,
) -> None:
    """Early warnings that carry their own track record."""


def run(
    config: ConfigPath = None,
    data_dir: DataDir = None,
    listen: Annotated[str | None, typer.Option(callback=host_port, help="HOST:PORT to serve on")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="notify nobody, do nothing")] = False,
    only: Annotated[str, typer.Option(help="responses: only carry them on; no source is watched, nothing is served")] = "",
) -> None:
    """Run the daemon; without a config it watches this host."""
    from functools import partial

    from aiops.config.settings import load_settings

    if only not in ("", "responses") or (only and dry_run):
        fail("--only takes responses, and not with --dry-run", 2)
    load = partial(load_settings, config, data_dir=data_dir, listen=listen)
    with failing():
        if only:
            from aiops.daemon.only import run as carry_on

            code = carry_on(load)
        else:
            from aiops.web.serve import run as serve

            code = serve(load, dry_run)
    raise typer.Exit(code)


def demo(
    speed: Annotated[float | None, typer.Option(min=1, help="times real time; 60 with pages, 600 with --once or json")] = None,
    once: Annotated[bool, typer.Option("--once", help="in the terminal alone, and end with it")] = False,
    listen: Annotated[
        str, typer.Option(callback=host_port, help="HOST:PORT of the pages; port 0: any that is free")
    ] = "127.0.0.1:0",
    output: Out = "text",
) -> None:
    """Play a recorded incident on the pages of a browser: a warning opens, a runbook asks, the warning is judged by what came."""
    from contextlib import suppress

    from aiops.backtest.demo import paced, play, sentence

    with failing(), suppress(KeyboardInterrupt):
        if once or output == "json":
            for line in paced(play(), speed or 600):
                _show({"event": line.event, "at": line.at_s, **line.fields} if output == "json" else sentence(line))
        else:
            _demo_pages(speed or 60, listen)


def _demo_pages(speed: float, listen: str) -> None:
    import time

    from aiops.backtest.demo import sentence
    from aiops.web.demo import shown

    with shown(speed, listen) as show:
        typer.echo(f"a recorded incident, {speed:g} times as fast; open this to look at it and to answer: {show.door}")
        for line in show.lines:
            typer.echo(sentence(line))
        typer.echo("it has ended; the pages stay until Ctrl-C")
        typer.echo("next: `aiops init --prometheus http://HOST:9090` proposes what to watch in yours; then `aiops check`")
        while True:
            time.sleep(3600)


def check(
    files: Annotated[list[Path] | None, typer.Argument(help="files to judge, each on its own; none: everything loadable")] = None,
    config: ConfigPath = None,
    output: Out = "text",
) -> None:
    """Find every mistake in config, cards and runbooks at once."""
    from aiops.cli.check import left_out, run_check

    code, lines = run_check(files or [], config, output == "json")
    for line in lines:
        typer.echo(line)
    for line in left_out(files or [], config) if code == 0 else ():
        typer.echo(line, err=True)
    raise typer.Exit(code)


def plan(
    files: Annotated[list[Path] | None, typer.Argument(help="cards, files or folders; none: those of the config")] = None,
    config: ConfigPath = None,
    source: Annotated[list[str] | None, typer.Option(help="only on this source; again for more")] = None,
    output: Out = "text",
) -> None:
    """Measure what cards cost before they are switched on; exit 1 when a limit would break, 3 when a source is away."""
    from aiops.cli.plan import as_lines, as_objects, exit_code, plan_of
    from aiops.cli.progress import progress

    settings = settings_of(config)
    with failing(), progress("measuring") as advance:
        found = plan_of(settings, files or [], source or [], advance)
    for line in as_objects(found) if output == "json" else as_lines(found):
        _show(line)
    raise typer.Exit(exit_code(found))


def author_tests(
    files: Annotated[
        list[Path] | None, typer.Argument(help="cards and runbooks, files or folders; none: those of --config, else shipped ones")
    ] = None,
    config: ConfigPath = None,
    output: Out = "text",
) -> None:
    """Run the tests that stand inside cards and runbooks, on a virtual clock and without a network."""
    from aiops.cli.author_tests import run_tests

    with failing():
        results = run_tests(files or [], config)
    for r in results:
        said = f"{'ok  ' if r.ok else 'FAIL'} {r.file}:{r.line}: {r.name}{'' if r.ok else ': ' + r.why}"
        tell(output, said, file=r.file, line=r.line, test=r.name, ok=r.ok, why=r.why)
    failed = sum(not r.ok for r in results)
    typer.echo(f"{len(results) - failed} passed, {failed} failed", err=True)
    raise typer.Exit(1 if failed else 0)


@sources_app.command("list")
def sources_list(config: ConfigPath = None, output: Out = "text") -> None:
    """List the sources of the config: class, residency, owner, priority, limits."""
    from aiops.cli.sources import list_lines, listed

    with failing():
        rows = list(listed(settings_of(config)))
    for line in rows if output == "json" else list_lines(rows):
        _show(line)


@sources_app.command("probe")
def sources_probe(
    names: Annotated[list[str] | None, typer.Argument(help="which sources; none: all")] = None,
    config: ConfigPath = None,
    query: Annotated[str, typer.Option(help="a query whose cost is measured; default: up")] = "",
    output: Out = "text",
) -> None:
    """Ask each source what it is, how far back it goes and what a query costs; exit 3 when one cannot be reached."""
    import time

    from aiops.cli.sources import probe_lines, probed

    failed = False
    with failing():
        for row in probed(settings_of(config), names or [], query):
            failed |= not row["ok"]
            for line in [row] if output == "json" else probe_lines(row, time.time()):
                _show(line)
    raise typer.Exit(3 if failed else 0)


def warnings_list(
    config: ConfigPath = None,
    data_dir: DataDir = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="how many, newest first")] = 50,
    output: Out = "text",
) -> None:
    """List early warnings, newest first; shadow ones are marked unproven."""
    from aiops.cli.warnings import list_warnings

    with stored(config, data_dir) as store:
        for line in list_warnings(store, limit, output == "json"):
            typer.echo(line)


def warnings_show(
    warning_id: Annotated[str, typer.Argument(help="the id, or the beginning of it")],
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Show one early warning whole: when, how sure, why, what to do, and its verdict."""
    from aiops.cli.masks import explainer
    from aiops.cli.warnings import show_warning

    settings = settings_of(config, data_dir)
    with stored(config, data_dir) as store:
        lines = show_warning(store, warning_id, output == "json", explainer(settings))
    if lines is None:
        fail(f"no warning {warning_id}; `aiops warnings list` shows what there is", 1)
    for line in lines:
        typer.echo(line)


def schema(
    kind: Annotated[str, typer.Argument(help="card, runbook, config or policy")], output: Out = "text"
) -> None:  # fmt: skip
    """Print the JSON Schema of a file that people write; with -o json on one line."""
    from aiops.cli.schemas import KINDS, schema_of

    if kind not in KINDS:
        fail(f"no schema {kind!r}; known: {', '.join(KINDS)}", 2)
    emit(schema_of(kind), indent=output != "json")


def healthcheck(
    url: Annotated[str, typer.Argument(help="where the daemon serves")] = "http://127.0.0.1:9464",
    ca_file: CaFile = None,
    output: Out = "text",
) -> None:
    """Ask a running daemon whether it is well: exit 0 or 1."""
    from aiops.daemon.health import ask

    well, said = ask(url, ca_file)
    if well or output == "json":
        tell(output, said, ok=well, said=said)
    if not well:
        fail(said, 1)


def _show(row: Mapping[str, Any] | str) -> None:
    """A line for people, or a row as JSON."""
    if isinstance(row, str):
        typer.echo(row)
    else:
        emit(row)


COMMANDS: tuple[tuple[str, Any], ...] = (
    ("run", run), ("demo", demo), ("scan", scan), ("backtest", backtest), ("init", init), ("check", check),
    ("test", author_tests), ("plan", plan), ("explain", explain), ("suggest", suggest), ("report", report), ("schema", schema),
    ("healthcheck", healthcheck),
)  # fmt: skip
GROUPS = (
    ("warnings", warnings_app), ("cards", cards_app), ("runbooks", runbooks_app), ("responses", responses_app),
    ("rules", rules_app), ("sources", sources_app), ("incidents", incidents_app), ("audit", audit_app), ("export", export_app),
    ("state", state_app), ("accounts", accounts_app), ("kill-switch", kill_app),
)  # fmt: skip
"""In the order in which `--help` lists them: what one begins with first."""
OF_WARNINGS: tuple[tuple[str, Any], ...] = (
    ("list", warnings_list), ("show", warnings_show), ("ack", ack), ("feedback", feedback), ("unhush", unhush),
    ("verdict", verdict), ("acted", acted),
)  # fmt: skip
for _name, _command in COMMANDS:
    app.command(_name)(_command)
for _name, _command in OF_WARNINGS:
    warnings_app.command(_name)(_command)
for _name, _group in GROUPS:
    app.add_typer(_group, name=_name)
