"""`aiops accounts`: who may prove to be whom at the daemon's door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiops.cli.said import Out, fail, failing, tell

if TYPE_CHECKING:
    from aiops.web.access.accounts import Accounts

accounts_app = typer.Typer(no_args_is_help=True, help="Accounts: passwords and tokens of the people under web.people.")
File = Annotated[Path, typer.Option("--file", help="the accounts file: web.accounts_file of the config")]
Name = Annotated[str, typer.Argument(help="the name under web.people")]


@accounts_app.command("set")
def set_password(
    name: Name, file: File, stdin: Annotated[bool, typer.Option("--stdin", help="read the password from standard input")] = False,
    output: Out = "text",
) -> None:  # fmt: skip
    """Give somebody a password; it is asked for twice, or read from standard input."""
    import sys

    accounts = _read(file)
    typed = sys.stdin.readline().rstrip("\n") if stdin else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    _kept(accounts, file, lambda: accounts.set_password(name, typed))
    tell(output, f"{name}: password kept in {file}", name=name, kind="password", file=str(file))


@accounts_app.command("token")
def make_token(
    name: Name, file: File,
    role: Annotated[str, typer.Option(help="no more than this role; default: theirs")] = "",
    team: Annotated[list[str] | None, typer.Option(help="only this team's warnings; may be given again; default: theirs")] = None,
    output: Out = "text",
) -> None:  # fmt: skip
    """Make a token for a program; it is shown once. It never reaches further than whose it is."""
    from aiops.config.access import ROLES
    from aiops.web.access.accounts import Reach

    known = next((one for one in ROLES if one == (role or "admin")), None)
    if known is None:
        fail(f"--role: {role!r} is none of {', '.join(ROLES)}", 2)
    reach = Reach(known, tuple(team) if team else None) if role or team else None
    accounts, made = _read(file), list[str]()
    _kept(accounts, file, lambda: made.append(accounts.new_token(name, reach)))
    typer.echo(f"{name}: token kept in {file}; it is shown only now", err=True)
    tell(output, made[0], name=name, kind="token", file=str(file), token=made[0])


@accounts_app.command("drop")
def drop(name: Name, file: File, output: Out = "text") -> None:
    """Take password and token from somebody; a running daemon heeds it after its next reload."""
    accounts = _read(file)
    if not accounts.drop(name):
        fail(f"{file}: nothing is known of {name!r}", 1)
    _kept(accounts, file, lambda: None)
    tell(output, f"{name}: dropped from {file}", name=name, dropped=True, file=str(file))


@accounts_app.command("list")
def list_all(file: File, output: Out = "text") -> None:
    """List who has a password or a token."""
    accounts = _read(file)
    for name, kind in sorted(accounts.hashes):
        reach = str(accounts.reaches.get(name, "")) if kind == "token" else ""
        tell(output, f"{name}  {kind}  {reach}".rstrip(), name=name, kind=kind, reach=reach)


def _read(file: Path) -> Accounts:
    from aiops.web.access.accounts import Accounts

    with failing():
        return Accounts.read(file) if file.exists() else Accounts()


def _kept(accounts: Accounts, file: Path, change: Callable[[], object]) -> None:
    with failing():
        change()
        accounts.write(file)
