"""`aiops export`: what other tools load, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aiops.cli.said import ConfigPath, Out, fail, tell

export_app = typer.Typer(no_args_is_help=True, help="Files for other tools: rules for Prometheus and Alertmanager, dashboards.")
Into = Annotated[Path | None, typer.Option("--dir", help="the folder to write into; default: to the terminal")]


@export_app.command("rules")
def rules(into: Into = None, output: Out = "text") -> None:
    """Alert rules on the daemon itself, and their tests for promtool."""
    from aiops.config.shipped import deploy_dir

    names = ("alerts.yml",) if into is None else ("alerts.yml", "alerts_test.yml")
    _out(into, {name: (deploy_dir() / name).read_text("utf-8") for name in names}, output)


@export_app.command("inhibit")
def inhibit(config: ConfigPath = None, into: Into = None, output: Out = "text") -> None:
    """Inhibit rules for Alertmanager: while the real alert of a card fires, its early warning is not told."""
    from aiops.config.settings import load_settings
    from aiops.config.shipped import models_dir
    from aiops.core.errors import AiopsError
    from aiops.models.card import load_cards
    from aiops.notify.inhibit import Foreseen, inhibit_rules

    try:
        cards = load_cards(load_settings(config).cards or [models_dir()])
    except AiopsError as e:
        fail(str(e), 1)
    told = (card for card in cards if not card.challenges and card.alerts is None)
    found = [Foreseen(card.name, card.entity, card.truth.alerts) for card in told]
    _out(into, {"inhibit.yml": inhibit_rules(found)}, output)


@export_app.command("dashboards")
def dashboards(into: Into = None, output: Out = "text") -> None:
    """Grafana dashboards: the warnings with their record, and the daemon itself. To the terminal one a line."""
    import json

    from aiops.daemon.dashboards import dashboards as made

    _out(into, {f"{uid}.json": json.dumps(one, indent=None if into is None else 2) + "\n" for uid, one in made()}, output)


def _out(into: Path | None, files: dict[str, str], output: str) -> None:
    if into is None:
        for name, content in files.items():
            if output == "json":
                tell(output, "", name=name, content=content)
            else:
                typer.echo(content, nl=False)
        return
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (into / name).write_text(content, "utf-8")
            tell(output, f"written: {into / name}", name=name, path=str(into / name))
    except OSError as e:
        fail(f"{into}: cannot be written: {e.strerror or e}", 1)
