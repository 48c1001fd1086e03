"""A step of a plan as people read it: one way to say what it would do, changes and how it is taken back, wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiops.core.text import visible

WHAT_AT_MOST = 400


def plan_line(step: Mapping[str, Any], at_most: int = WHAT_AT_MOST) -> str:
    """`id [effect] what` of a step of a plan, then its condition, what takes it back or that nothing does, and why it would not
    be done. Every part comes from outside and stays on the line.

    >>> plan_line({"id": "up", "effect": "write", "what": "kubernetes.scale replicas: 3", "undo": "kubernetes.scale replicas: 2"})
    'up [write] kubernetes.scale replicas: 3 (undo: kubernetes.scale replicas: 2)'
    """
    said = [f"{visible(str(step['id']))} [{step.get('effect', 'read')}] {visible(str(step['what']), at_most)}"]
    if step.get("if"):
        said.append(f"(only if {visible(str(step['if']))})")
    if step.get("undo"):
        said.append(f"(undo: {visible(str(step['undo']))})")
    if step.get("irreversible"):
        said.append(f"(cannot be undone: {visible(str(step['irreversible']))})")
    if step.get("refused"):
        said.append(f"(it would be refused: {visible(str(step['refused']))})")
    return " ".join(said)
