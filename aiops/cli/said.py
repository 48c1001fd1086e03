"""`aiops warnings verdict|acted` and `aiops incidents`: say what you know, beside a running daemon or without one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer

if TYPE_CHECKING:
    from aiops.config.settings import Settings
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


def host_port(text: str | None) -> str | None:
    """What is given to --listen; anything but HOST:PORT ends the command with exit 2."""
    from aiops.config import access

    try:
        return None if text is None else access.host_port(text)
    except ValueError as e:
        raise typer.BadParameter(str(e)) from e


Out = Annotated[str, typer.Option("-o", "--output", callback=_form, help="text for people, json: one object a line")]
ConfigPath = Annotated[Path | None, typer.Option("--config", help="the config file; without it the embedded default")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="where state, database and token live")]
BearerTokenFile = Annotated[Path | None, typer.Option("--bearer-token-file", help="file with a bearer token")]
Username = Annotated[str, typer.Option("--username", help="basic auth user")]
PasswordFile = Annotated[Path | None, typer.Option("--password-file", help="file with the basic auth password")]
CaFile = Annotated[Path | None, typer.Option("--ca-file", help="CA bundle to trust instead of the system's")]


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
                    emit(to_json(outcome))
                else:
                    typer.echo(f"{outcome.card} {outcome.warning_id or '-'}: {outcome.verdict}")
    typer.echo(f"{len(found)} incidents read", err=True)


@incidents_app.command("list")
def list_incidents(config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """List the incidents that were declared, and which cards they are a failure of."""
    from aiops.core.durations import rfc3339
    from aiops.core.text import visible

    with stored(config, data_dir) as store:
        said = [one for one in store.statements(kind="incident") if "id" in one.body]
    if not said and output == "text":
        typer.echo("no incidents yet")
    for one in said:
        body = one.body
        if output == "json":
            emit({**body, "by": one.who, "said_s": one.said_s})
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
    from aiops.models.card import load_cards
    from aiops.store import Store

    with failing():
        settings = load_settings(config, data_dir=data_dir)
        cards = load_cards(settings.card_paths)
        with closing(Store.beside(settings.store.url, settings.data_dir)) as store:
            yield store, cards


@contextmanager
def stored(config: Path | None, data_dir: Path | None) -> Iterator[Store]:
    """The store that a configuration names, for reading; a mistake ends the command with exit 1."""
    from aiops.config.settings import load_settings
    from aiops.store import Store

    with failing():
        settings = load_settings(config, data_dir=data_dir)
        with closing(Store.reading(settings.store.url, settings.data_dir)) as store:
            yield store


@contextmanager
def failing(code: int = 1) -> Iterator[None]:
    """A mistake ends the command with this exit code."""
    from aiops.core.errors import AiopsError

    try:
        yield
    except AiopsError as e:
        fail(str(e), code)


def settings_of(config: Path | None, data_dir: Path | None = None) -> Settings:
    """The configuration; a mistake in it ends the command with exit 1."""
    from aiops.config.settings import load_settings

    with failing():
        return load_settings(config, data_dir=data_dir)


def span_of(text: str, option: str = "--since") -> float:
    """The seconds of an option that is a duration; a mistake in it ends the command with exit 2."""
    from aiops.core.durations import seconds

    try:
        return seconds(text)
    except ValueError as e:
        fail(f"{option}: {e}", 2)


def login(bearer_token_file: Path | None, username: str, password_file: Path | None, ca_file: Path | None) -> dict[str, Any]:
    """What was given of how to log in to a server and whom to trust, as parameters of a source."""
    given = {
        "bearer_token_file": bearer_token_file, "username": username, "password_file": password_file, "ca_file": ca_file,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value}


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
    if output == "json":
        emit(facts)
    else:
        typer.echo(sentence)


def emit(value: Any, indent: bool = False) -> None:
    """Print JSON, on one line, or with `indent` over several."""
    from aiops.core.text import json_of

    typer.echo(json_of(value, indent).decode())


def tell_statement(output: str, sentence: str, said: Statement) -> None:
    """Say what was kept of what somebody said of a warning."""
    tell(output, sentence, id=said.warning_id, kind=said.kind, who=said.who, said_s=said.said_s, **said.body)


def fail(message: str, code: int) -> NoReturn:
    """End the command: say why on stderr, and exit so."""
    typer.echo(message, err=True)
    raise typer.Exit(code)
