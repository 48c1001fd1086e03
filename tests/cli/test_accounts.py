"""`aiops accounts`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.web.access.accounts import Accounts


def accounts(file: Path, *arguments: str, typed: str = "") -> Any:
    return CliRunner().invoke(app, ["accounts", *arguments, "--file", str(file)], input=typed)


def test_a_password_and_a_token_are_made_listed_and_dropped(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    assert accounts(file, "set", "ann", typed="a sentence to remember\na sentence to remember\n").exit_code == 0
    assert accounts(file, "set", "bob", "--stdin", typed="another sentence here\n").exit_code == 0
    token = accounts(file, "token", "ci").stdout.strip().splitlines()[-1]
    found = Accounts.read(file)
    assert found.by_password("ann", "a sentence to remember")
    assert found.by_password("bob", "another sentence here")
    assert found.by_token(token) == "ci"
    assert accounts(file, "list").stdout.splitlines() == ["ann  password", "bob  password", "ci  token"]
    assert accounts(file, "drop", "ann").exit_code == 0
    assert accounts(file, "drop", "ann").exit_code == 1


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    assert "fewer than 12" in accounts(file, "set", "ann", "--stdin", typed="short\n").stderr
    assert not file.exists()
    assert "none of viewer, responder" in accounts(file, "token", "ci", "--role", "boss").stderr
    assert "is no name" in accounts(file, "token", "a b").stderr


def test_a_token_may_be_made_for_less(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    assert accounts(file, "token", "ci", "--role", "viewer", "--team", "storage", "--team", "data").exit_code == 0
    assert accounts(file, "list").stdout.splitlines() == ["ci  token  role=viewer:teams=storage,data"]
