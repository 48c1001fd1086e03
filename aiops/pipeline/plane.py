"""One plane over all sources: which of them a card reads together, and as what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiops import plugins
from aiops.config.settings import Settings
from aiops.governance.gate import Gate, Origin
from aiops.models.card import ModelCard
from aiops.telemetry.link import Link
from aiops.telemetry.source import ReadLimits, Source

USUAL_STEP_S = 60.0


def open_links(settings: Settings, gate: Gate, clock: Callable[[], float]) -> dict[str, Link]:
    """A link to every source of a configuration, by name."""
    return {name: open_link(settings, name, gate, clock) for name in settings.sources}


def origin_of(settings: Settings, name: str) -> Origin:
    """What the configuration says of a source; this host's own telemetry is internal, and stays here."""
    one = settings.sources[name]
    at_home = one.kind == "host"
    residency = tuple(one.residency) or (("local",) if at_home else ())
    return Origin(name, one.data_class or ("internal" if at_home else ""), residency, tuple(one.purpose), one.owner)


def open_link(settings: Settings, name: str, gate: Gate, clock: Callable[[], float]) -> Link:
    """The link to the source called `name`, as the configuration bounds it."""
    chosen = settings.sources[name]
    return Link(
        open_source(settings, name), chosen.labels, chosen.priority, chosen.lateness,
        admit=gate.admission(origin_of(settings, name)), without=settings.plane.replica_labels,
        pause_s=(chosen.step or USUAL_STEP_S) / 2, clock=clock,
    )


def open_source(settings: Settings, name: str) -> Source[Any]:
    """The source called `name`, with the configuration's caps on what one answer may cost."""
    chosen = settings.sources[name]
    kind = plugins.load("sources", chosen.kind)
    own = {} if chosen.limits is None else chosen.limits.model_dump(exclude_none=True)
    caps = settings.limits.model_dump() | own
    limits = ReadLimits(caps["series"], caps["samples"], caps["bytes"], caps["seconds"], caps["queries"])
    source: Source[Any] = kind(name, kind.Params.model_validate(chosen.params), limits)
    source.alone = len(settings.sources) == 1
    return source


def groups(settings: Settings, card: ModelCard, known: Mapping[str, Any]) -> list[tuple[int, list[str]]]:
    """(step in seconds, names of the sources that a card reads at it) in the configuration's order: one watch each."""
    found: dict[int, list[str]] = {}
    wanted = set(card.sources or known)
    if card.alerts is not None:
        wanted = {name for name in wanted if name in known and plugins.load("sources", settings.sources[name].kind).serves_rules}
    for name in (name for name in known if name in wanted):
        found.setdefault(int(settings.sources[name].step or card.step_s), []).append(name)
    return list(found.items())


def anchor(card: ModelCard, names: Sequence[str], data_dir: Path | None) -> str:
    """The source that a watch is named after: the one its history is kept under already, else the first."""
    kept = (name for name in names if data_dir is not None and window_dir(data_dir, card.name, name).is_dir())
    return next(kept, names[0])


def window_dir(data_dir: Path, card: str, source: str) -> Path:
    """Where the history of a watch is kept."""
    return data_dir / "windows" / f"{card}@{source}"
