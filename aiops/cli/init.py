"""`aiops init`: a first configuration from what a Prometheus has."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from aiops.cli.said import BearerTokenFile, CaFile, Out, PasswordFile, Username, emit, fail, login


def init(
    prometheus: Annotated[str, typer.Option("--prometheus", help="URL of the server; its rules and its history are read")],
    folder: Annotated[Path, typer.Option("--dir", help="where to write aiops.yaml, models/ and runbooks/")] = Path("aiops"),
    force: Annotated[bool, typer.Option("--force", help="replace files that are there")] = False,
    bearer_token_file: BearerTokenFile = None,
    username: Username = "",
    password_file: PasswordFile = None,
    ca_file: CaFile = None,
    timeout: Annotated[str, typer.Option(help="the time that looking may take")] = "2m",
    output: Out = "text",
) -> None:
    """Write a first config for a Prometheus, with cards for what is found there. Exit 1: files are there; 3: unreachable."""
    from aiops.core.errors import AiopsError, SourceError

    given = login(bearer_token_file, username, password_file, ca_file)
    auth = {name: value.resolve() if isinstance(value, Path) else value for name, value in given.items()}
    try:
        _run(prometheus, auth, folder, force, timeout, output)
    except SourceError as e:
        fail(str(e), 3)
    except AiopsError as e:
        fail(str(e), 1)


def _run(url: str, auth: dict[str, Any], folder: Path, force: bool, timeout: str, output: str) -> None:
    from aiops.cli.first_config import CONFIG, as_lines, as_objects, find, refuse_existing, write
    from aiops.cli.scan import from_url, telling
    from aiops.core.durations import seconds
    from aiops.core.errors import AiopsError
    from aiops.scan.scan import Options

    try:
        options = Options(total_s=seconds(timeout))
        source, _ = from_url(url, auth, options)
    except (ValueError, AiopsError) as e:
        fail(f"--timeout: {e}" if isinstance(e, ValueError) else str(e), 2)
    refuse_existing(folder, [CONFIG], force)  # before anything is asked; the other files are known only afterwards
    try:
        with telling() as progress:
            found = find(source, options, int(time.time()), progress)
    finally:
        source.close()
    files = write(folder, found, {"url": url, **auth}, force)
    if output == "json":
        for one in as_objects(files, found):
            emit(one)
        return
    for line in as_lines(folder, files, found):
        typer.echo(line)
