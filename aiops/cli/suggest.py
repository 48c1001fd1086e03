"""`aiops suggest` and `aiops warnings feedback`: what people think of warnings, and what that asks of the cards."""

from __future__ import annotations

import time
from typing import Annotated, Any, cast

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, WarningId, Who, desk, fail, user, writing


def feedback(
    warning_id: WarningId,
    word: Annotated[str, typer.Argument(help="useful, noise, expected, late, duplicate or wrong_target")],
    by: Who = "",
    note: Annotated[str, typer.Option(help="one sentence")] = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
) -> None:
    """Say what you think of an early warning; `aiops suggest` makes proposals of it."""
    with desk(config, data_dir) as one:
        found = one.feedback(warning_id, cast(Any, word), by or user(), time.time(), note)
    typer.echo(f"{found.warning_id}: {found.body['word']}, by {found.who}")


def suggest(
    card: Annotated[str, typer.Argument(help="the card; none: all")] = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Propose changes of cards that feedback asks for, as diffs, with what they would have done; changes nothing."""
    import orjson

    from aiops.pipeline.suggest import as_json
    from aiops.pipeline.suggest import suggest as asked

    with writing(config, data_dir) as (store, cards):
        chosen = [one for one in cards if card in ("", one.name)]
        if not chosen:
            fail(f"no card {card!r}; there are {', '.join(one.name for one in cards)}", 1)
        found = [proposal for one in chosen for proposal in asked(store, one)]
    if output == "json":
        for line in as_json(found):
            typer.echo(orjson.dumps(line).decode())
        return
    for proposal in found:
        typer.echo(f"{proposal.card}: {proposal.why}")
        if proposal.tried is not None:
            typer.echo(f"  tried: {proposal.tried}")
        if proposal.diff:
            typer.echo(proposal.diff)
    if not found:
        typer.echo("nothing to propose: it takes the same word on two warnings of a card")
