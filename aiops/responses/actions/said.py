"""What a target said, made fit to be kept: capped, masked, valid text; JSON where it was asked for."""

from __future__ import annotations

import json
from typing import Any

KEPT = 64 * 1024
"""Bytes of a text that are kept."""


class NoJson(ValueError):
    """What should be JSON is not."""


def cut(data: bytes, kept: int = KEPT) -> tuple[str, bool]:
    """Bytes as text of at most `kept` bytes, and whether something was cut off.

    >>> cut(b"abc", 2)
    ('ab', True)
    """
    return data[:kept].decode("utf-8", "replace"), len(data) > kept


def parsed(text: str) -> Any:
    """The value of a JSON text. Raises NoJson with what is wrong, without the text: it may be long."""
    try:
        return json.loads(text, parse_constant=_not_a_number)
    except RecursionError:
        raise NoJson("is nested too deeply") from None
    except ValueError as e:
        raise NoJson(str(e)[:200]) from None


def _not_a_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
