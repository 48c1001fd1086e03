"""`aiops suggest` and `aiops warnings feedback`: what people think of warnings, and what that asks of the cards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from aiops.cli.said import (
    ConfigPath,
    DataDir,
    Out,
    WarningId,
    Who,
    desk,
    emit,
    fail,
    span_of,
    tell_statement,
    user,
    writing,
)

if TYPE_CHECKING:
    from aiops.backtest.trial import Trial
    from aiops.core.records import EarlyWarning
    from aiops.models.card import ModelCard
    from aiops.pipeline.suggest import Proposal

AFTER_S = 3600.0
"""So long after the last warning a replay goes on."""


def feedback(
    warning_id: WarningId,
    word: Annotated[str, typer.Argument(help="useful, noise, expected, early, late, duplicate, wrong_target or unimportant")],
    by: Who = "",
    note: Annotated[str, typer.Option(help="one sentence")] = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Say what you think of an early warning; `aiops suggest` makes proposals of it.

    After noise, expected and unimportant nothing is told of its series for a while (`hush` of the config).
    """
    from aiops.core.durations import rfc3339

    with desk(config, data_dir) as one:
        found = one.feedback(warning_id, cast(Any, word), by or user(), time.time(), note)
    until = found.body.get("hush_until_s")
    quiet = "" if until is None else f"; nothing is told of its series until {rfc3339(until)} (aiops warnings unhush)"
    tell_statement(output, f"{found.warning_id}: {found.body['word']}, by {found.who}{quiet}", found)


def unhush(
    warning_id: WarningId, by: Who = "", config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text"
) -> None:
    """Let the series of a warning that was called wrong be told again at once."""
    with desk(config, data_dir) as one:
        found = one.unhush(warning_id, by or user(), time.time())
    tell_statement(output, f"{found.warning_id}: told again, by {found.who}", found)


def suggest(
    card: Annotated[str, typer.Argument(help="the card; none: all")] = "",
    since: Annotated[str, typer.Option(help="how far back each diff is tried by a replay; 0s: by what is kept alone")] = "7d",
    data: Annotated[Path | None, typer.Option(help="replay this recording instead of the sources of the config")] = None,
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Propose changes of cards that feedback asks for, as diffs, each tried by a replay of the past; changes nothing."""
    from aiops.pipeline.suggest import as_json
    from aiops.pipeline.suggest import suggest as asked

    span_s = 0.0 if since == "0" else span_of(since)
    with writing(config, data_dir) as (store, cards):
        chosen = [one for one in cards if card in ("", one.name)]
        if not chosen:
            fail(f"no card {card!r}; there are {', '.join(one.name for one in cards)}", 1)
        found = [(one, proposal) for one in chosen for proposal in asked(store, one)]
        lived = {one.name: store.warnings_opened(one.name, time.time() - span_s, time.time()) for one, _ in found}
    said = _tried(found, lived, span_s, config, data)
    if output == "json":
        for line, trial in zip(as_json(proposal for _, proposal in found), said, strict=True):
            replayed = {"not_replayed": trial} if isinstance(trial, str) else {"replayed": trial.as_json()}
            emit({**line, **replayed})
        return
    for (_, proposal), trial in zip(found, said, strict=True):
        typer.echo(f"{proposal.card}: {proposal.why}")
        if proposal.tried is not None:
            typer.echo(f"  of what is kept: {proposal.tried}")
        if proposal.diff:
            typer.echo(f"  {trial}" if not isinstance(trial, str) else f"  not replayed: {trial}")
            typer.echo(proposal.diff)
    if not found:
        typer.echo("nothing to propose: it takes the same word on two warnings of a card")


def _tried(
    found: list[tuple[ModelCard, Proposal]], lived: Mapping[str, list[EarlyWarning]], span_s: float, config: Path | None,
    data: Path | None,
) -> list[Trial | str]:  # fmt: skip
    """What a replay says of each diff, or why there is none."""
    if not span_s or not any(proposal.diff for _, proposal in found):
        return ["nobody asked for it" if not span_s else "there is no diff"] * len(found)
    import tempfile

    from aiops.cli.progress import progress

    out: list[Trial | str] = []
    with tempfile.TemporaryDirectory(prefix=".suggest-") as folder, progress("replaying") as advance:
        for i, (card, one) in enumerate(found):

            def mark(share: float, i: int = i) -> None:
                advance((i + share) / len(found))

            out.append(_trial(card, one, lived[card.name], span_s, (config, data), Path(folder), mark))
    return out


def _trial(
    card: ModelCard, one: Proposal, lived: list[EarlyWarning], span_s: float, where: tuple[Path | None, Path | None],
    folder: Path, mark: Callable[[float], None],
) -> Trial | str:  # fmt: skip
    from aiops.backtest.question import Question
    from aiops.backtest.trial import tried
    from aiops.core.errors import AiopsError
    from aiops.pipeline.suggest import file_with

    if not one.diff:
        return "there is no diff"
    about = [w for w in lived if w.id in one.about]
    if not about:
        return f"no warning that was called {one.word} opened in that time; give a longer --since"
    now, last = time.time(), max(w.opened_s for w in lived) + AFTER_S
    asked = Question(where[0], where[1], since_s=int(now - span_s), until_s=int(min(now, last)))
    (folder / "changed").mkdir(exist_ok=True)
    changed = folder / "changed" / Path(card.path).name
    changed.write_text(file_with(card, one.key, one.value), "utf-8")
    try:
        return tried(asked, Path(card.path), changed, one.word, about, lived, folder / "past", mark)
    except AiopsError as e:
        return str(e)
