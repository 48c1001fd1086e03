"""`aiops export`: what other tools load, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aiops.cli.said import fail

export_app = typer.Typer(no_args_is_help=True, help="Files for other tools: alert rules for Prometheus, dashboards for Grafana.")
Into = Annotated[Path | None, typer.Option("--dir", help="the folder to write into; default: to the terminal")]


@export_app.command("rules")
def rules(into: Into = None) -> None:
    """Alert rules on the daemon itself, and their tests for promtool."""
    from aiops.config.shipped import deploy_dir

    names = ("alerts.yml",) if into is None else ("alerts.yml", "alerts_test.yml")
    _out(into, {name: (deploy_dir() / name).read_text("utf-8") for name in names})


@export_app.command("dashboards")
def dashboards(into: Into = None) -> None:
    """Grafana dashboards: the warnings with their record, and the daemon itself. To the terminal one a line."""
    import json

    from aiops.daemon.dashboards import dashboards as made

    _out(into, {f"{uid}.json": json.dumps(one, indent=None if into is None else 2) + "\n" for uid, one in made()})


def _out(into: Path | None, files: dict[str, str]) -> None:
    if into is None:
        for content in files.values():
            typer.echo(content, nl=False)
        return
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (into / name).write_text(content, "utf-8")
            typer.echo(f"written: {into / name}")
    except OSError as e:
        fail(f"{into}: cannot be written: {e.strerror or e}", 1)
