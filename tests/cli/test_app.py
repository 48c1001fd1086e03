"""The command line itself: exit codes, where things are written, and that a mistake is a message, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from aiops import __version__
from aiops.cli.app import app
from tests.servers import free_port


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("AIOPS_")]:
        monkeypatch.delenv(name)


def aiops(*arguments: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr); any error that is no exit fails the test."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_it_tells_its_version() -> None:
    assert aiops("--version") == (0, f"aiops {__version__}\n", "")


def test_it_runs_as_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "aiops", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"aiops {__version__}\n")


def test_every_command_says_what_it_does() -> None:
    def walk(command: object) -> None:
        assert command.help, command  # type: ignore[attr-defined]
        for one in getattr(command, "commands", {}).values():
            walk(one)
        for parameter in command.params:  # type: ignore[attr-defined]
            assert parameter.help or parameter.name == "help", (command, parameter)

    walk(get_command(app))


def test_every_command_but_the_daemon_answers_in_json_and_takes_no_other_form() -> None:
    def walk(command: object, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        below = getattr(command, "commands", None)
        if below is not None:
            return [found for name, one in below.items() for found in walk(one, (*path, name))]
        return [] if any("--output" in one.opts for one in command.params) else [path]  # type: ignore[attr-defined]

    assert walk(get_command(app), ()) == [("run",)]  # it prints where it serves, and logs
    for words in (["accounts", "list", "--file", "x"], ["cards", "list"], ["warnings", "ack", "x"], ["rules", "list", "x"]):
        code, out, err = aiops(*words, "-o", "xml")
        assert (code, out, "neither text nor json" in err) == (2, "", True)


def test_help_lists_first_what_one_begins_with() -> None:
    names = list(get_command(app).commands)  # type: ignore[attr-defined]
    assert names[:5] == ["run", "demo", "scan", "backtest", "init"]


def test_a_schema_is_one_line_of_json_where_that_is_asked_for() -> None:
    assert len(aiops("schema", "policy", "-o", "json")[1].splitlines()) == 1 < len(aiops("schema", "policy")[1].splitlines())


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"], ["check", "--nonsense"], ["schema"], ["schema", "nonsense"], ["warnings", "list", "--limit", "0"],
        ["demo", "--speed", "fast"], ["warnings", "list", "-o", "xml"],
        ["backtest", "--data", "x", "--warnings", "y", "--horizon", "soon"], ["backtest"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_ends_with_2_and_says_so_on_stderr(arguments: list[str]) -> None:
    code, out, err = aiops(*arguments)
    assert (code, out) == (2, "")
    assert err


def test_run_refuses_a_wrong_config_with_every_mistake_and_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text("rootes: []\nweb: {listen: nowhere}\n")
    code, out, err = aiops("run", "--config", str(tmp_path / "aiops.yaml"), "--data-dir", str(tmp_path / "data"))
    assert (code, out) == (1, "")
    assert [line.split(": ")[1] for line in err.splitlines()] == ["rootes", "web.listen"]
    assert not (tmp_path / "data").exists()


def test_run_refuses_a_config_that_is_not_there(tmp_path: Path) -> None:
    code, _, err = aiops("run", "--config", str(tmp_path / "none.yaml"))
    assert code == 1
    assert "none.yaml:1:1: file: cannot be read" in err


def test_backtest_of_nothing_is_told(tmp_path: Path) -> None:
    code, out, err = aiops("backtest", "--data", str(tmp_path), "--warnings", str(tmp_path / "out.jsonl"))
    assert (code, out) == (1, "")
    assert str(tmp_path) in err


def test_healthcheck_of_nobody_ends_with_1() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, out, err = aiops("healthcheck", url)
    assert (code, out) == (1, "")
    assert url in err
    code, out, _ = aiops("healthcheck", url, "-o", "json")
    assert (code, json.loads(out)["ok"]) == (1, False)


@pytest.mark.parametrize("command", ["run", "demo"])
@pytest.mark.parametrize("listen", ["127.0.0.1", ":9999", "127.0.0.1:99999", "häst:1", ""])
def test_a_place_to_listen_at_that_is_none_is_usage(command: str, listen: str) -> None:
    code, out, err = aiops(command, "--listen", listen)
    assert (code, out) == (2, "")
    assert "--listen" in err
    assert "is no HOST:PORT" in err
