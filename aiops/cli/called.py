"""How this program was called, so that a command that is printed can be copied and runs."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

NAME = "aiops"


def called() -> str:
    """`aiops` where the shell finds this very program under that name; else the path or the Python it was called by."""
    begun = Path(sys.argv[0])
    if begun.name == "__main__.py":
        return f"{_found(Path(sys.executable))} -m {NAME}"
    return _found(begun) if begun.name == NAME else NAME


def _found(program: Path) -> str:
    """The name alone where a shell finds that very file by it; a link of a virtual environment is not what it leads to."""
    there = shutil.which(program.name)
    return program.name if there is not None and Path(there).absolute() == program.absolute() else shlex.quote(str(program))
