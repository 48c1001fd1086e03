"""`aiops export`: what other tools load, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, emit, fail, failing, settings_of, span_of, stored, tell

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
    from aiops.models.card import load_cards
    from aiops.notify.inhibit import Foreseen, inhibit_rules

    with failing():
        cards = load_cards(settings_of(config).card_paths)
    told = (card for card in cards if not card.challenges and card.alerts is None)
    found = [Foreseen(card.name, card.entity, card.truth.alerts) for card in told]
    _out(into, {"inhibit.yml": inhibit_rules(found)}, output)


@export_app.command("dashboards")
def dashboards(into: Into = None, output: Out = "text") -> None:
    """Grafana dashboards: the warnings with their record, and the daemon itself. To the terminal one a line."""
    import json

    from aiops.daemon.dashboards import dashboards as made

    _out(into, {f"{uid}.json": json.dumps(one, indent=None if into is None else 2) + "\n" for uid, one in made()}, output)


@export_app.command("lineage")
def lineage(
    since: Annotated[str, typer.Option(help="how far back, for example 30d; none: from the first row on")] = "",
    config: ConfigPath = None, data_dir: DataDir = None, output: Out = "json",
) -> None:  # fmt: skip
    """Which data each warning was made of and which runbook acted on it, as OpenLineage events, one a line.

    The default is their JSON, for systems that take OpenLineage; -o text is for reading.
    """
    import time

    from aiops.governance.gate import Gate
    from aiops.governance.masking import Masker
    from aiops.governance.policy import load_policy
    from aiops.models.card import load_cards
    from aiops.pipeline.lineages import about_of, told
    from aiops.store.paging import Pages

    begin = time.time() - span_of(since) if since else 0.0
    settings = settings_of(config, data_dir)
    with failing():
        gate = Gate(load_policy(settings.policy), Masker(b""))  # nothing that it could mask is told
        about = about_of(settings, gate, load_cards(settings.card_paths))
    with stored(config, data_dir) as store:
        pages, seq = Pages(store), 0
        while rows := pages.ledger_after(seq, 1000):
            for _, event in told(store, [row for row in rows if row.at_s >= begin], about):
                if output == "json":
                    emit(event)
                else:
                    typer.echo(_event_text(event))
            seq = rows[-1].seq


def _event_text(event: dict[str, Any]) -> str:
    """When, what a run did, and from which data to which, on one line."""
    from aiops.core.text import visible

    said = [", ".join(f"{one['namespace']}/{one['name']}" for one in event.get(side, ())) for side in ("inputs", "outputs")]
    whole = f"{event['eventTime']}  {event['eventType']:8}  {event['job']['name']}  {said[0] or '-'} -> {said[1] or '-'}"
    return visible(f"{whole}  (run {event['run']['runId']})", 600)


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
