"""`aiops audit`: the ledger, verified and exported, beside a running daemon or without one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, fail, stored, tell

audit_app = typer.Typer(no_args_is_help=True, help="The ledger: verify it, export it.")


@audit_app.command("verify")
def verify(
    against: Annotated[Path | None, typer.Option(help="what `verify -o json` printed earlier: those rows must be there")] = None,
    config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text",
) -> None:  # fmt: skip
    """Recompute the hash chain of the ledger; exit 1 and name the first bad row when it was changed."""
    from aiops.cli.warnings import kept_check
    from aiops.core.errors import AiopsError

    try:
        kept = None if against is None else kept_check(against)
    except AiopsError as e:
        fail(str(e), 2)
    with stored(config, data_dir) as store:
        found = store.verify_ledger(kept)
    said = f"{found.rows} rows, unchanged" if found.ok else f"row {found.first_bad}: {found.why}"
    tell(output, said, ok=found.ok, rows=found.rows, head=found.head, first_bad=found.first_bad, why=found.why)
    raise typer.Exit(0 if found.ok else 1)


@audit_app.command("export")
def export(
    since: Annotated[str, typer.Option(help="how far back, for example 30d; none: from the first row on")] = "",
    config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text",
) -> None:  # fmt: skip
    """Print the ledger, a row a line; -o json holds all that each row's hash is made of, for archives and other programs."""
    import time

    from aiops.cli.warnings import ledger_lines
    from aiops.core.durations import seconds

    try:
        begin = time.time() - seconds(since) if since else 0.0
    except ValueError as e:
        fail(f"--since: {e}", 2)
    with stored(config, data_dir) as store:
        for line in ledger_lines(store, begin, output == "json"):
            typer.echo(line)
