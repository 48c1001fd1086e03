"""`aiops warnings verdict|acted` and `aiops incidents`: say what you know, beside a running daemon or without one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer

if TYPE_CHECKING:
    from aiops.models.card import ModelCard
    from aiops.pipeline.desk import Desk
    from aiops.store import Statement, Store

incidents_app = typer.Typer(no_args_is_help=True, help="Incidents that other systems declared: take them in, list them.")
WarningId = Annotated[str, typer.Argument(help="the id of an early warning, or the beginning of it")]
Who = Annotated[str, typer.Option("--by", help="who says so; default: the user of this machine")]
FORMS = ("text", "json")


def _form(word: str) -> str:
    if word not in FORMS:
        raise typer.BadParameter(f"{word!r} is neither text nor json")
    return word


Out = Annotated[str, typer.Option("-o", "--output", callback=_form, help="text for people, json: one object a line")]
ConfigPath = Annotated[Path | None, typer.Option("--config", help="the config file; without it the embedded default")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="where state, database and token live")]


def verdict(
    warning_id: WarningId,
    word: Annotated[str, typer.Argument(metavar="VERDICT", help="hit, late, false, averted or unjudgeable")],
    by: Who = "",
    failed_at: Annotated[str, typer.Option(help="when it failed: RFC 3339 or epoch seconds")] = "",
    why: Annotated[str, typer.Option(help="one sentence")] = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Judge an early warning yourself; that stands above the daemon's verdict."""
    failed_s = None if not failed_at else int(_instant(failed_at, "--failed-at"))
    with desk(config, data_dir) as one:
        found = one.verdict(warning_id, cast(Any, word), by or user(), time.time(), failed_s, why)
    said = f"{found.warning_id}: {found.verdict} (judged by {found.judged_by})"
    tell(output, said, id=found.warning_id, verdict=found.verdict, judged_by=found.judged_by, failed_s=found.failed_s)


def acted(
    warning_id: WarningId,
    what: Annotated[str, typer.Argument(help="what was done, one sentence")],
    by: Who = "",
    at: Annotated[str, typer.Option(help="when it was done: RFC 3339 or epoch seconds; default: now")] = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Record what was done about an early warning: without that it cannot count as averted."""
    from aiops.pipeline.desk import TOO_LATE

    now = time.time()
    with desk(config, data_dir) as one:
        found = one.acted(warning_id, what, by or user(), _instant(at, "--at") if at else now, now)
    tell_statement(output, f"{found.warning_id}: recorded, by {found.who}", found)
    if found.body.get(TOO_LATE):
        typer.echo("it had been taken back before, so this averted nothing; if it was done earlier, say when: --at", err=True)


@incidents_app.command("import")
def import_incidents(
    file: Annotated[Path, typer.Argument(help="JSON: what Alertmanager or PagerDuty send, or {incidents: [...]}, also by line")],
    by: Who = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Take in declared incidents; those of a card's `truth` settle its warnings. What was taken in before changes nothing."""
    from aiops.core.text import json_of
    from aiops.outcomes.incidents import incidents_of
    from aiops.store.codec import to_json

    now = time.time()
    try:
        found = incidents_of(file.read_bytes(), now)
    except OSError as e:
        fail(f"{file}: cannot be read: {e.strerror}", 1)
    except ValueError as e:
        fail(f"{file}: {e}", 1)
    with desk(config, data_dir) as one:
        for incident in found:
            for outcome in one.incident(incident, by or user(), now):
                if output == "json":
                    typer.echo(json_of(to_json(outcome)).decode())
                else:
                    typer.echo(f"{outcome.card} {outcome.warning_id or '-'}: {outcome.verdict}")
    typer.echo(f"{len(found)} incidents read", err=True)


@incidents_app.command("list")
def list_incidents(config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """List the incidents that were declared, and which cards they are a failure of."""
    from aiops.core.durations import rfc3339
    from aiops.core.text import json_of, visible

    with stored(config, data_dir) as store:
        said = [one for one in store.statements(kind="incident") if "id" in one.body]
    if not said and output == "text":
        typer.echo("no incidents yet")
    for one in said:
        body = one.body
        if output == "json":
            typer.echo(json_of({**body, "by": one.who, "said_s": one.said_s}).decode())
        else:
            cards = ", ".join(body["cards"]) or "no card claims it"
            typer.echo(visible(f"{rfc3339(body['at_s'])}  {body['system']:12}  {body['title'] or body['id']}  [{cards}]"))


@contextmanager
def desk(config: Path | None, data_dir: Path | None) -> Iterator[Desk]:
    """The desk of a data directory; a mistake ends the command with exit 1."""
    from aiops.config.settings import load_settings
    from aiops.pipeline.desk import Desk

    with writing(config, data_dir) as (store, cards):
        yield Desk(store, cards, load_settings(config).hush)


@contextmanager
def writing(config: Path | None, data_dir: Path | None) -> Iterator[tuple[Store, list[ModelCard]]]:
    """The store of a data directory, to be written beside a running daemon, and the cards; a mistake ends with exit 1."""
    from aiops.config.settings import load_settings
    from aiops.config.shipped import models_dir
    from aiops.core.errors import AiopsError, StoreError
    from aiops.models.card import load_cards
    from aiops.store import Store

    try:
        settings = load_settings(config, data_dir=data_dir)
        if not settings.store.url and not (settings.data_dir / "aiops.db").exists():
            raise StoreError(f"{settings.data_dir}: holds no aiops.db; name the daemon's folder with --data-dir")
        cards = load_cards(settings.cards or [models_dir()])
        store = Store.beside(settings.store.url, settings.data_dir)
        try:
            yield store, cards
        finally:
            store.close()
    except AiopsError as e:
        fail(str(e), 1)


@contextmanager
def stored(config: Path | None, data_dir: Path | None) -> Iterator[Store]:
    """The store that a configuration names, for reading; a mistake ends the command with exit 1."""
    from aiops.cli.warnings import reading_store
    from aiops.config.settings import load_settings
    from aiops.core.errors import AiopsError

    try:
        settings = load_settings(config, data_dir=data_dir)
        with reading_store(settings.store.url, settings.data_dir) as store:
            yield store
    except AiopsError as e:
        fail(str(e), 1)


def user() -> str:
    """Who is at this machine."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return "unknown"


def _instant(text: str, option: str) -> float:
    from aiops.outcomes.incidents import instant

    try:
        return instant(text)
    except ValueError:
        fail(f"{option}: {text!r} is no time; write RFC 3339 or epoch seconds", 2)


def tell(output: str, sentence: str, **facts: Any) -> None:
    """Say what was done: a sentence for people, the facts as one JSON object."""
    import orjson

    typer.echo(orjson.dumps(facts).decode() if output == "json" else sentence)


def tell_statement(output: str, sentence: str, said: Statement) -> None:
    """Say what was kept of what somebody said of a warning."""
    tell(output, sentence, id=said.warning_id, kind=said.kind, who=said.who, said_s=said.said_s, **said.body)


def fail(message: str, code: int) -> NoReturn:
    """End the command: say why on stderr, and exit so."""
    typer.echo(message, err=True)
    raise typer.Exit(code)
