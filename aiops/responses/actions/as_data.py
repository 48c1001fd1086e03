"""The last look before a program is started: values from outside are data in its arguments, whatever let them come this far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiops.core.programs import MULTI_CALL, WRITTEN, Argument, Command

_SHELLS_DIFFER = "\\!"
"""What login shells other than a POSIX one read even between single quotes."""


def why_not(given: Mapping[str, Any], argv: Sequence[str], path: Path, remote: bool) -> str:
    """Why a program must not be started with these arguments; empty when it may.

    `given` says how they were written; where it does not, every argument but the program may be a value. What the first one
    starts is judged by its name, by the name of its file and by what that links to.
    """
    written = _written(given.get(WRITTEN), argv)
    if len(written) != len(argv) or not all(one.fits(real) for one, real in zip(written, argv, strict=True)):
        return "its arguments are not those of its author"
    command = Command(written, str(given.get("data_args", "")), _names(path))
    wrong = next(command.wrong(), None)
    if wrong is not None:
        return f"argument {wrong[0]}: {wrong[1]}"
    if command.reads and "stdin_json" in given:
        return f"{command.reads} could read its input as a script"
    values = [real for one, real in zip(written, argv, strict=True) if not one.fixed] if remote else []
    if any(not one.isprintable() or set(_SHELLS_DIFFER) & set(one) for one in values):
        return "an argument for another host holds what not every login shell there reads alike: control characters, ! or \\"
    return ""


def _written(parts: Any, argv: Sequence[str]) -> list[Argument]:
    if parts is None:
        return [Argument((argv[0],)), *(Argument(("", "")) for _ in argv[1:])]
    return [Argument(tuple(map(str, one))) for one in parts]


def _names(path: Path) -> list[str]:
    """Under which names the file is known: its own and that of what it links to."""
    try:
        real = path.resolve().name
    except OSError:
        real = path.name
    return [path.name, *([real] if real not in MULTI_CALL else [])]
