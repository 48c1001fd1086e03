"""What a program may be given, judged on the file as it is written: fixed programs, values as data, no shell, no plain secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiops.config.fields import Found, at
from aiops.config.messages import did_you_mean
from aiops.core.programs import DECLARED, ENVIRONMENT, Argument, Command, sways_a_program
from aiops.runbooks.expressions import LOOK_UP

PROGRAM = r"^[A-Za-z0-9_./][A-Za-z0-9_./-]*$"
SECRET = r"^[a-z][a-z0-9-]{0,60}$"
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]*")


def mistakes_in(given: Mapping[str, Any]) -> Found:
    """Every mistake in what `exec` is given."""
    if "argv" not in given:
        yield ("argv",), "is missing; write argv: [program, argument]; there is no shell"
        return
    yield from of_argv(given)
    yield from text_values(given, "env")
    yield from _host(given)
    yield from _around(given)
    secrets = given.get("secrets_env")
    for name, one in secrets.items() if isinstance(secrets, dict) else ():
        yield from secret_named(one, ("secrets_env", name))


def written(argv: Sequence[str]) -> list[Argument]:
    """The arguments as their author wrote them: fixed text and places for values."""
    return [Argument(tuple(LOOK_UP.split(one)[::2])) for one in argv]


def of_argv(given: Mapping[str, Any]) -> Found:
    """Arguments that are none, and look-ups where a value could become a command."""
    argv, declared = given["argv"], given.get("data_args", "")
    if declared and declared not in DECLARED:
        yield ("data_args",), f"must be one of {', '.join(DECLARED)}{did_you_mean(str(declared), DECLARED)}"
    if not isinstance(argv, list) or not argv:
        yield ("argv",), "must be a list of texts, one argument each: [program, argument]; there is no shell"
        return
    for i, one in enumerate(argv):
        if not isinstance(one, str):
            yield ("argv", i), quoted(one)
    if not all(isinstance(one, str) for one in argv):
        return
    if not re.fullmatch(PROGRAM, argv[0]):
        yield ("argv", 0), "the program must be fixed text of letters, digits and _ . / -, never a look-up"
    for i, why in Command(written(argv), str(declared)).wrong():
        if i:
            yield ("argv", i), why


def _host(given: Mapping[str, Any]) -> Found:
    """Text around a look-up could make an option, or a user, of a host."""
    host = given.get("host", "")
    if not isinstance(host, str):
        yield ("host",), quoted(host)
    elif host.startswith("-") or not all(_HOST.fullmatch(part) for part in LOOK_UP.split(host)[::2]):
        yield ("host",), "must be a host name or a look-up, with letters, digits and . : - around it"


def _around(given: Mapping[str, Any]) -> Found:
    """Values in variables and on standard input."""
    argv, env = given["argv"], given.get("env")
    fixed = [one for one in argv if isinstance(one, str)] if isinstance(argv, list) else []
    reads = Command(written(fixed)).reads if fixed else ""
    for name, value in env.items() if isinstance(env, dict) else ():
        if not isinstance(value, str) or "${{" not in value:
            continue
        if sways_a_program(str(name)):
            yield ("env", name), f"{name} makes programs read or start something, so a label must not stand in it; rename it"
        elif reads and given.get("data_args") != ENVIRONMENT:
            yield ("env", name), f"{reads} could read it as a script; say data_args: {ENVIRONMENT} when it is only data there"
    if reads and "stdin_json" in given:
        yield ("stdin_json",), f"{reads} could read it as a script, so a label could add commands; write a program that reads it"


def text_values(given: Mapping[str, Any], key: str) -> Found:
    """Whether what stands under a key, if anything, is a mapping of names to texts."""
    found = given.get(key)
    if found is not None and not isinstance(found, dict):
        yield (key,), "must be a mapping of names to texts"
    for name, value in found.items() if isinstance(found, dict) else ():
        if not isinstance(value, str):
            yield (key, name), quoted(value)


def quoted(value: Any) -> str:
    """How to mend what should be text and is none."""
    if isinstance(value, dict | list):
        return "must be text"
    return f'must be text; put it in quotes: "{json.dumps(value)[:60]}"'


def secret_named(given: Any, loc: tuple[str | int, ...]) -> Found:
    """Whether a secret is named, and not written out."""
    name = at(given, "secret")
    if not isinstance(given, dict) or set(given) != {"secret"} or not isinstance(name, str) or not re.fullmatch(SECRET, name):
        yield loc, "must be {secret: name}; the name has lower case letters, digits and -"
