"""What a person may say of a response that needs one: which words there are where it stands, and what each would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from aiops.core.text import visible
from aiops.responses.view import UNDO
from aiops.store.response_rows import Run, StepRow

Word = Literal["done", "again", "undo", "undo_before", "stop"]
WORDS: tuple[Word, ...] = ("done", "again", "undo", "undo_before", "stop")
DOUBTFUL = ("UNKNOWN", "FAILED")
IN_DOUBT = {"UNKNOWN": "may have taken effect or not, nobody knows", "FAILED": "failed"}
"""How it stands with a step of these states, for whoever is called."""
SPEAKABLE = ("needs_a_person", "cancelled")
"""States in which a word may be said."""


def doubtful(rows: Sequence[StepRow]) -> StepRow | None:
    """The line that needs a person: of which nobody knows, or that failed; None when none is in doubt. Once steps are being
    taken back only what takes them back is."""
    back = [row for row in rows if row.idx >= UNDO]
    return next((row for row in back or rows if row.state in DOUBTFUL), None)


def offered(run: Run, rows: Sequence[StepRow]) -> dict[Word, str]:
    """Every word that would be heard, with what it would do; empty where nobody is needed. What was cancelled midway can still be
    taken back."""
    if run.state not in SPEAKABLE:
        return {}
    row, said = doubtful(rows), dict[Word, str]()
    effect = "it was taken back" if row is not None and row.idx >= UNDO else "it took effect"
    if row is not None:
        said = {"done": f"{effect}, go on", "again": "it did not, do it again"}
    if not any(one.idx >= UNDO for one in rows):
        before = _taken_back(run, [one for one in rows if one.state == "DONE"])
        own = _taken_back(run, [row]) if row is not None else []
        if own:
            said["undo"] = f"{effect}, take back {', '.join([*own, *before])}"
        if before:
            said["undo_before"] = f"{'it did not, ' if row is not None else ''}take back {', '.join(before)}"
    if run.state == "cancelled":
        return {word: meaning for word, meaning in said.items() if word in ("undo", "undo_before")}
    return {**said, "stop": "leave it as it is"}


def offers(run: Run, rows: Sequence[StepRow]) -> list[str]:
    """The same as lines of a message, with the command that says each."""
    return [f"aiops responses resolve {run.id} {word} ({meaning})" for word, meaning in offered(run, rows).items()]


def _taken_back(run: Run, rows: Sequence[StepRow]) -> list[str]:
    """The steps of these lines that something takes back, newest first."""
    steps: Mapping[str, Any] = {one["id"]: one for one in run.snapshot.get("runbook", {}).get("steps", ())}
    return [visible(row.step_id) for row in reversed(rows) if steps.get(row.step_id, {}).get("undo")]
