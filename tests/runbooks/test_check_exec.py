"""What a program may be given: each mistake at the key that has it. Where values may stand: tests/core/test_programs.py."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.core.programs import Argument
from aiops.runbooks.check_exec import mistakes_in, of_argv, written

X = "${{ symptom.labels.of }}"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, ("argv",)),
        ({"argv": "df -h"}, ("argv",)),
        ({"argv": []}, ("argv",)),
        ({"argv": ["df", 5]}, ("argv", 1)),
        ({"argv": [X]}, ("argv", 0)),
        ({"argv": ["-c"]}, ("argv", 0)),
        ({"argv": ["df", f"--{X}"]}, ("argv", 1)),
        ({"argv": ["bash", "-c", X]}, ("argv", 2)),
        ({"argv": ["bash", "-c", "x", "--", X], "data_args": "after_dashes"}, ("data_args",)),
        ({"argv": ["df"], "host": "-oProxyCommand=x"}, ("host",)),
        ({"argv": ["df"], "host": f"-o{X}"}, ("host",)),
        ({"argv": ["df"], "host": f"root@{X}"}, ("host",)),
        ({"argv": ["df"], "host": 5}, ("host",)),
        ({"argv": ["df"], "env": {"LD_PRELOAD": X}}, ("env", "LD_PRELOAD")),
        ({"argv": ["df"], "env": {"OF": 5}}, ("env", "OF")),
        ({"argv": ["bash", "-c", "x"], "env": {"OF": X}}, ("env", "OF")),
        ({"argv": ["bash"], "stdin_json": {"a": [X]}}, ("stdin_json",)),
        ({"argv": ["df"], "secrets_env": {"TOKEN": "plain"}}, ("secrets_env", "TOKEN")),
    ],
)
def test_a_mistake_stands_where_it_is(given: dict[str, Any], place: tuple[str | int, ...]) -> None:
    assert place in [loc for loc, _ in mistakes_in(given)]


@pytest.mark.parametrize(
    "given",
    [
        {"argv": ["df", "-h", "--", X], "host": X, "env": {"OF": X, "PATH": "/usr/bin"}, "stdin_json": {"of": X}},
        {"argv": ["df"], "host": "${{ symptom.labels.node }}.example.net"},
        {"argv": ["df"], "host": "[::1]"},
        {"argv": ["bash", "-c", 'rm -- "$1"', "--", X], "data_args": "after_double_dash"},
        {"argv": ["bash", "-c", 'rm -- "$OF"'], "data_args": "environment", "env": {"OF": X}},
        {"argv": ["psql", "-c", "SELECT 1"], "secrets_env": {"PGPASSWORD": {"secret": "db"}}},
    ],
)
def test_what_may_be_given(given: dict[str, Any]) -> None:
    assert list(mistakes_in(given)) == []


def test_a_declared_environment_lets_no_value_into_arguments() -> None:
    given = {"argv": ["bash", "-c", "x", "--", X], "data_args": "environment"}
    assert [loc for loc, _ in of_argv(given)] == [("argv", 4)]


def test_arguments_are_split_into_fixed_text_and_values() -> None:
    assert written(["a", X, f"--of={X}/b"]) == [Argument(("a",)), Argument(("", "")), Argument(("--of=", "/b"))]
