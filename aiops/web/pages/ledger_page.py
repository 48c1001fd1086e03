"""The page of the ledger: its rows in words, newest first; whole they are in the API and in what `aiops audit export` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiops.core.durations import rfc3339
from aiops.core.text import cut, visible
from aiops.daemon.daemon import Daemon
from aiops.store.ledger import LedgerRow
from aiops.web.pages.boards import ROWS_AT_MOST, Board, Cell

DETAIL_AT_MOST, VALUE_AT_MOST, DEPTH = 400, 80, 3
ABOUT_A_WARNING = ("warning.", "said.", "outcome", "notify.")
"""How actions begin whose object may be the id of a warning."""


def ledger(daemon: Daemon, before: int | None) -> dict[str, Any]:
    """The newest rows of the ledger, or those before one."""
    found = daemon.store.ledger_rows(ROWS_AT_MOST, before)
    more = f"/ledger?before={found[-1].seq}" if len(found) == ROWS_AT_MOST else ""
    says = (
        "It only grows, and every row holds the hash of the one before it: `aiops audit verify` recomputes the whole chain, "
        "`aiops audit export` writes its rows whole."
    )
    columns = ("Row", "When", "Who", "What", "About", "Detail")
    board = Board("Ledger", columns, [_row(one) for one in found], "Nothing was decided yet.", says)
    return {"heading": "Ledger", "boards": [board], "more": more}


def _row(row: LedgerRow) -> list[Cell]:
    return [
        Cell(str(row.seq), row.hash[:12]), Cell(rfc3339(row.at_s) if row.at_s else "at the beginning"),
        Cell(visible(row.actor, 80)), Cell(row.action), _about(row), Cell(cut(detail(row.detail), DETAIL_AT_MOST) or "-"),
    ]  # fmt: skip


def _about(row: LedgerRow) -> Cell:
    """What it is about; of a response, its warning is where everything of it stands."""
    shown, warning = visible(row.object, 80), str(row.detail.get("warning", ""))
    if row.action.startswith("response.") and warning:
        return Cell(shown, "", f"/warnings/{warning}")
    return Cell(shown or "-", "", f"/warnings/{row.object}" if row.object and row.action.startswith(ABOUT_A_WARNING) else "")


def detail(said: Mapping[str, Any]) -> str:
    """What a row holds, as people read it: its times as times, long hashes cut, nothing that is empty.

    >>> detail({"runbook": "mend@4f2c", "expires_s": 1790000000.5, "why": None, "steps": [{"id": "look", "state": "DONE"}]})
    'runbook: mend@4f2c; expires: 2026-09-21T14:13:20Z; steps: id: look, state: DONE'
    """
    return "; ".join(_pairs(said, DEPTH))


def _pairs(said: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, value in said.items():
        shown = _value(name, value, depth)
        if shown:
            yield f"{visible(name.removesuffix('_s').replace('_', ' '), VALUE_AT_MOST)}: {shown}"


def _value(name: str, value: Any, depth: int) -> str:
    if value is None or value == "":
        return ""
    if name.endswith("_s") and isinstance(value, int | float) and value > 1e6 and not isinstance(value, bool):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return ", ".join(_pairs(value, depth - 1)) if depth else "…"
    if isinstance(value, list | tuple):
        between = " / " if name else ", "  # a list in a list stays one
        return between.join(filter(None, (_value("", one, depth - 1) for one in value))) if depth else "…"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return visible(text[:12] + "…" if name.endswith("hash") and len(text) > 12 else text, VALUE_AT_MOST)
