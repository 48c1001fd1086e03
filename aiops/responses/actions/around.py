"""What an action needs besides its parameters: the daemon hands it over, tests hand over their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiops.responses.interface import Call, Result


@dataclass(frozen=True, slots=True)
class Around:
    """The daemon's side of actions.

    `folder`: where programs leave fences and results, on a local disk. `lock_fd`: the descriptor that holds the lock on the data
    directory; programs inherit it, so that the lock tells of those that are still alive. `tell(run_id,
    receiver, message, dedup_key)`: put a message into the outbox, once for each key; raises AiopsError where that may not be.
    """

    folder: Path | None = None
    lock_fd: int | None = None
    tell: Callable[[str, str, str, str], None] | None = None


NOTHING = Around()


def refused(why: str) -> Result:
    """Nothing was begun."""
    return Result("failed", {}, why, effect=False)


def secret_of(call: Call, given: Any) -> str:
    """The value of `{secret: name}`; empty where the configuration has none of that name."""
    return call.secret(str(given["secret"]))


def as_text(value: Any) -> str | None:
    """A value that a look-up found, where a text is wanted: a number as people write it; None for what has no such writing.

    >>> as_text("a"), as_text(8.0), as_text(True), as_text([1])
    ('a', '8', 'true', None)
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value) if isinstance(value, str | int) else None
