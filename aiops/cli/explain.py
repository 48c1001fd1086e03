"""`aiops explain`: why an early warning was given; with --replay computed again from what it rested on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, WarningId, fail, settings_of, stored, tell

if TYPE_CHECKING:
    from aiops.core.records import EarlyWarning
    from aiops.models.proof import Replayed
    from aiops.store import Store


def explain(
    warning_id: WarningId,
    again: Annotated[bool, typer.Option("--replay", help="compute it again from what was kept: the same?")] = False,
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Say why an early warning was given: evidence, record, where the data came from, what people said.

    With --replay exit 1 where what comes out is not the same to the bit, or nothing was kept.
    """
    from aiops.cli.masks import explainer
    from aiops.cli.warnings import show_warning
    from aiops.pipeline.why import why

    settings = settings_of(config, data_dir)
    with stored(config, data_dir) as store:
        one = store.warning(warning_id)
        if one is None:
            fail(f"no warning {warning_id}; `aiops warnings list` shows what there is", 1)
        masks = explainer(settings)
        facts = {**why(one, store.statements(warning_id=one.id), time.time()), "masked": [m.as_json() for m in masks(one)]}
        lines = show_warning(store, one.id, False, masks) or []
        found = _again(settings.data_dir, store, one) if again else None
    if found is not None:
        facts["replay"] = {"same": found.same, "why": found.why, "differs": list(found.differs), "found": dict(found.found)}
    tell(output, "\n".join([*lines, *_lineage(facts["lineage"]), *_replayed(found)]), **facts)
    raise typer.Exit(0 if found is None or found.same else 1)


def _again(data_dir: Path, store: Store, one: EarlyWarning) -> Replayed:
    """What comes of computing it again, from what the ledger says was kept when it opened; of one over many each it lists."""
    from aiops.models.proof import EVIDENCE, replay
    from aiops.store.about import recorded

    if one.members:
        return _each(data_dir, store, one)
    found = replay(data_dir / EVIDENCE, one.id)
    if found.why:
        return found
    opened = recorded(store, "warning.opened", one.id) or {}
    if opened.get("evidence") != found.digest:
        return replace(found, why="what is kept is not what the ledger says was kept when it opened")
    times = [one.raw.get(name) for name in ("earliest_s", "expected_s", "latest_s")]
    if one.kind == "exhaustion" and found.found["time_s"] != times:
        return replace(found, differs=(*found.differs, "what the warning told when it opened"))
    return found


def _each(data_dir: Path, store: Store, one: EarlyWarning) -> Replayed:
    """What comes of each that it lists, for it was told because of these; `found` has them by their ids."""
    from aiops.models.proof import Replayed

    listed = {member["id"]: store.warning(member["id"]) for member in one.members}
    found = {name: Replayed("it is not kept") if its is None else _again(data_dir, store, its) for name, its in listed.items()}
    lost = [f"{name}: {its.why}" for name, its in found.items() if its.why]
    differs = tuple(f"{name}: {what}" for name, its in found.items() for what in its.differs)
    said = {name: {"same": its.same, "why": its.why, "differs": list(its.differs)} for name, its in found.items()}
    return Replayed(f"{len(lost)} of the {len(found)} that it lists, {lost[0]}" if lost else "", differs, said)


def _lineage(lineage: list[Mapping[str, Any]]) -> Iterator[str]:
    from aiops.core.durations import rfc3339
    from aiops.core.text import visible

    for one in lineage:
        span = f"{rfc3339(one['start_s'])} to {rfc3339(one['end_s'])}"
        places = f", in {' '.join(one['residency'])}" if one["residency"] else ""
        made = f"{one['card']}, aiops {one['code']}" if one["code"] else "not known"
        yield visible(f"  from       {one['source']}: {one['query']}", 600)
        ruled = f"{one['data_class']}{places}, policy {one['policy'] or 'not known'}"
        yield visible(f"             {span}, samples {one['digest'] or 'not known'}, {ruled}")
        yield visible(f"             made by {made}")


def _replayed(found: Replayed | None) -> Iterator[str]:
    if found is None:
        return
    if found.why:
        yield f"  replayed   not: {found.why}"
    elif found.differs:
        yield f"  replayed   it differs: {', '.join(found.differs)}"
    elif found.digest:
        yield f"  replayed   the same, to the bit; evidence {found.digest[:16]}, as the ledger says"
    else:
        yield f"  replayed   the same, to the bit: each of the {len(found.found)} that it lists"
