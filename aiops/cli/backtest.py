"""`aiops backtest`: its result as an object, its gates, and the page it may write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiops.backtest.observe import Story
from aiops.backtest.run import Summary
from aiops.core.errors import FileError, Mistake


def as_object(summary: Summary, took_s: float) -> dict[str, Any]:
    """The result as one JSON object; `shown` names the series of the page, where there is one."""
    found = {
        "entities": summary.entities, "turns": summary.turns, "lines": summary.lines, "seconds": round(took_s, 1),
        "verdicts": dict(summary.verdicts), "precision": summary.precision, "median_lead_s": summary.median_lead_s,
    }  # fmt: skip
    story = summary.story
    return found if story is None else {**found, "shown": {"entity": story.entity, "metric": story.metric}}


def failed_gates(summary: Summary, min_precision: float | None, min_lead_s: float | None) -> Iterator[str]:
    """Why the result is not good enough, one sentence a gate."""
    gates = (("precision", summary.precision, min_precision), ("median lead in s", summary.median_lead_s, min_lead_s))
    for gate, found, least in gates:
        if least is not None and (found is None or found < least):
            yield f"{gate} {'unknown' if found is None else f'{found:.4g}'} is below {least:g}"


def write_page(story: Story, out: Path) -> None:
    """Write the page of a story, whole or not at all. Raises FileError when it cannot be written."""
    from aiops.web.backtest_page import render

    temporary = out.with_name(f".{out.name}.part")
    try:
        temporary.write_text(render(story), "utf-8")
        temporary.replace(out)
    except OSError as e:
        temporary.unlink(missing_ok=True)
        raise FileError([Mistake(str(out), 1, 1, "", f"cannot be written: {e.strerror}")]) from e
