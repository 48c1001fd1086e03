"""`aiops responses` and `aiops kill-switch`: what runbooks do, and people's word on it, beside a running daemon or without one.

Who speaks is the user of this machine that the command runs as: whoever may write the data directory.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, emit, fail, failing, tell

if TYPE_CHECKING:
    from aiops.config.settings import Settings
    from aiops.responses.people import People
    from aiops.responses.words import Word
    from aiops.store.responses import Responses

responses_app = typer.Typer(no_args_is_help=True, help="Responses: what runbooks do about warnings, and your word on it.")
kill_app = typer.Typer(no_args_is_help=True, help="The kill switch: nothing more is begun, everywhere, from the next step on.")
RunId = Annotated[str, typer.Argument(help="the id of a response, or the beginning of it")]
Note = Annotated[str, typer.Option("--note", help="one sentence")]
RESOLVES = (
    "done: it took effect, go on; again: it did not, do it again; undo: it took effect, take it and what was before it back; "
    "undo_before: it did not, take back what was done before; stop: leave it so. `show` names those that fit"
)
Why = Annotated[str, typer.Option("--why", help="one sentence")]


@responses_app.command("list")
def list_all(
    state: Annotated[str, typer.Option(help="only those in this state, for example awaiting_approval")] = "",
    warning: Annotated[str, typer.Option(help="only those to this warning")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="how many, newest first")] = 50,
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """List responses, newest first."""
    from aiops.responses.shown import HEAD, as_json, row_line

    with _kept(config, data_dir) as (runs, _):
        found = runs.newest(limit, state, warning)
    if output != "json":
        typer.echo(HEAD)
    for run in found:
        if output == "json":
            emit(as_json(run))
        else:
            typer.echo(row_line(run))


@responses_app.command("show")
def show(run_id: RunId, config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """Show one response whole: every step as it was done, what it found, what is asked and what was said."""
    from aiops.responses.shown import lines, whole_json

    with _kept(config, data_dir) as (runs, _):
        run = runs.run(run_id)
        if run is None:
            fail(f"no response {run_id}; `aiops responses list` shows what there is", 1)
        steps, questions = runs.steps(run.id), runs.questions(run.id)
    if output == "json":
        emit(whole_json(run, steps, questions))
        return
    for line in lines(run, steps, questions):
        typer.echo(line)


@responses_app.command("approve")
def approve(
    run_id: RunId,
    plan_hash: Annotated[str, typer.Option("--plan", help="only if this is still the plan: its hash, of `show -o json`")] = "",
    confirm: Annotated[str, typer.Option(help="the runbook's name: where nobody else looks at it")] = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Say yes to the plan that is asked about; it is looked at once more before it starts."""
    with _people(config, data_dir) as people:
        found = people.approve(run_id, user(), time.time(), plan_hash, confirm)
    left = found.quorum - len(found.votes) if found.state == "waiting" else 0
    said = f"{found.state}{f'; {left} more must say yes' if left > 0 else ''}"
    tell(output, said, id=run_id, state=found.state, more_must_say_yes=left)


@responses_app.command("deny")
def deny(
    run_id: RunId, note: Note = "", config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text"
) -> None:
    """Say no: one is enough."""
    with _people(config, data_dir) as people:
        found = people.deny(run_id, user(), time.time(), note)
    tell(output, "denied", id=run_id, state=found.state)


@responses_app.command("cancel")
def cancel(run_id: RunId, config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """End a response before its next step; what runs now comes to its end."""
    with _people(config, data_dir) as people:
        run = people.cancel(run_id, user(), time.time())
    tell(output, run.state if run.ended else "it ends before its next step", id=run.id, state=run.state, ended=run.ended)


@responses_app.command("resolve")
def resolve(
    run_id: RunId,
    word: Annotated[str, typer.Argument(metavar="WORD", help=RESOLVES)],
    note: Note = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Say what became of the step that needs a person; then the response goes on, or ends."""
    with _people(config, data_dir) as people:
        run = people.resolve(run_id, cast("Word", word), user(), time.time(), note)
    tell(output, run.state, id=run.id, state=run.state, ended=run.ended)


@kill_app.command("on")
def on(why: Why = "", config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """Begin nothing more. Steps that run come to their end; warnings are told as ever."""
    _turn(True, why, config, data_dir, output)


@kill_app.command("off")
def off(why: Why = "", config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """Go on with what waits, as far as it is still in time."""
    _turn(False, why, config, data_dir, output)


@kill_app.command("show")
def show_switch(config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """Say whether it is on, and why."""
    from aiops.responses.switch import why_on

    with _kept(config, data_dir) as (runs, settings):
        why = why_on(runs, settings.data_dir)
    tell(output, f"on: {why}" if why else "off", on=bool(why), why=why)


def _turn(to: bool, why: str, config: Path | None, data_dir: Path | None, output: str) -> None:
    from aiops.responses.switch import turn

    with _kept(config, data_dir, writes=True) as (runs, settings):
        try:
            changed = turn(runs, settings.data_dir, to, user(), why, time.time())
        except OSError as e:
            fail(f"{settings.data_dir}: {e.strerror}", 1)
    tell(output, f"{'on' if to else 'off'}{'' if changed else ', as it was'}", on=to, changed=changed)


@contextmanager
def _kept(config: Path | None, data_dir: Path | None, writes: bool = False) -> Iterator[tuple[Responses, Settings]]:
    """The responses of a data directory; a mistake ends the command with exit 1."""
    from aiops.config.settings import load_settings
    from aiops.store import Store
    from aiops.store.responses import Responses

    with failing():
        settings = load_settings(config, data_dir=data_dir)
        opened = (Store.beside if writes else Store.reading)(settings.store.url, settings.data_dir)
        with closing(opened) as store:
            yield Responses(store), settings


@contextmanager
def _people(config: Path | None, data_dir: Path | None) -> Iterator[People]:
    from aiops.config.responses import members
    from aiops.responses.people import People

    with _kept(config, data_dir, writes=True) as (runs, settings):
        yield People(runs, members(settings.responses.groups, settings.web.people), settings.web.alone)


def user() -> str:
    """Whoever this process runs as; what the environment says of that is not asked."""
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container without a name for its user
        return f"uid {os.geteuid()}"
