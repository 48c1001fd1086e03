"""`aiops init`: a first configuration from what a Prometheus has."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer


def init(
    prometheus: Annotated[str, typer.Option("--prometheus", help="URL of the server; its rules and its history are read")],
    folder: Annotated[Path, typer.Option("--dir", help="where to write aiops.yaml, models/ and runbooks/")] = Path("aiops"),
    force: Annotated[bool, typer.Option("--force", help="replace files that are there")] = False,
    bearer_token_file: Annotated[Path | None, typer.Option(help="file with a bearer token")] = None,
    username: Annotated[str, typer.Option(help="basic auth user")] = "",
    password_file: Annotated[Path | None, typer.Option(help="file with the basic auth password")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="CA bundle to trust instead of the system's")] = None,
    timeout: Annotated[str, typer.Option(help="the time that looking may take")] = "2m",
    output: Annotated[str, typer.Option("-o", "--output", help="text for people, json: one object a line")] = "text",
) -> None:
    """Write a first config for a Prometheus, with cards for what is found there. Exit 1: files are there; 3: unreachable."""
    from aiops.core.errors import AiopsError, SourceError

    if output not in ("text", "json"):
        _fail(f"--output: {output!r} is neither text nor json", 2)
    given = {
        "bearer_token_file": bearer_token_file, "username": username or None, "password_file": password_file, "ca_file": ca_file,
    }  # fmt: skip
    auth = {name: value.resolve() if isinstance(value, Path) else value for name, value in given.items() if value is not None}
    try:
        _run(prometheus, auth, folder, force, timeout, output)
    except SourceError as e:
        _fail(str(e), 3)
    except AiopsError as e:
        _fail(str(e), 1)


def _run(url: str, auth: dict[str, Any], folder: Path, force: bool, timeout: str, output: str) -> None:
    import orjson

    from aiops.cli.first_config import CONFIG, as_lines, as_objects, find, refuse_existing, write
    from aiops.cli.scan import from_url, telling
    from aiops.core.durations import seconds
    from aiops.core.errors import AiopsError
    from aiops.scan.scan import Options

    try:
        options = Options(total_s=seconds(timeout))
        source, _ = from_url(url, auth, options)
    except (ValueError, AiopsError) as e:
        _fail(f"--timeout: {e}" if isinstance(e, ValueError) else str(e), 2)
    refuse_existing(folder, [CONFIG], force)  # before anything is asked; the other files are known only afterwards
    try:
        with telling() as progress:
            found = find(source, options, int(time.time()), progress)
    finally:
        source.close()
    files = write(folder, found, {"url": url, **auth}, force)
    if output == "json":
        for one in as_objects(files, found):
            sys.stdout.write(orjson.dumps(one).decode() + "\n")
        return
    for line in as_lines(folder, files, found):
        typer.echo(line)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)
