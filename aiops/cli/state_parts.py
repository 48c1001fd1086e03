"""What stands in a data directory, part by part: its store, what each watch has learnt and keeps, and the files beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiops.config.settings import Settings
from aiops.core.durations import rfc3339
from aiops.core.quantity import in_bytes
from aiops.core.text import several, visible
from aiops.models.card import ModelCard
from aiops.models.proof import EVIDENCE
from aiops.models.state_files import StateLoss, read_meta, read_state
from aiops.store import Store, whole
from aiops.store.engine import FILE, safe
from aiops.telemetry import window_file

LEARNT = "learnt"
LEFT_OVER = ("*.tmp", "*.new", "*.part", "*.part-*", "import-*")
"""What a process that was killed in the middle of writing leaves behind: nothing looks for it again."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: `at_s` how far it reaches (epoch seconds; None: not known), `facts` what else is known of it; `why` it is not
    whole, empty while it is."""

    what: str
    name: str
    bytes: int = 0
    at_s: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "ok": not self.why}


def store_part(settings: Settings, store: Store, holder: str) -> Part:
    """The store: rows by table, and until when its ledger goes. Raises StoreError."""
    name, count = safe(settings.store.url) if settings.store.url else FILE, 0
    if not settings.store.url:
        count = sum(_bytes(settings.data_dir / f"{FILE}{more}") for more in ("", "-wal"))
    last = store.ledger_rows(1)
    facts = {"rows": whole.counted(store), "holder": holder or whole.watcher(store)}
    return Part("store", name, count, last[0].at_s if last else None, facts)


def watches(data_dir: Path, deep: bool) -> Iterator[Part]:
    """What each watch has learnt and keeps of history; `deep`: all of it is read."""
    names = {path.name for room in ("state", "windows") for path in _folders(data_dir / room)}
    for name in sorted(names):
        state, window = data_dir / "state" / name, data_dir / "windows" / name
        learnt_s, why = _learnt(state, deep)
        found = window_file.read(window)
        if isinstance(found, str):
            series, window_s = None, None
            why = why or ("" if found == "new" else found)
        else:
            series, window_s = len(found.labels), found.end_s or None
        facts = {"series": series, "learnt_s": learnt_s, "window_s": window_s}
        yield Part("watch", name, _under(state) + _under(window), learnt_s or window_s, facts, why)


def _learnt(folder: Path, deep: bool) -> tuple[int | None, str]:
    if not (folder / f"{LEARNT}.json").exists():
        return None, ""
    try:
        until = int(read_meta(folder, LEARNT).get("end_s", 0)) or None
    except (OSError, ValueError, TypeError, KeyError) as e:
        return None, f"what it has learnt is damaged: {type(e).__name__}: {e}"
    for _ in range(2 if deep else 0):  # a running daemon may have put another in its place meanwhile
        found = read_state(folder, LEARNT, {})
        if not isinstance(found, StateLoss):
            break
    else:
        return until, f"what it has learnt cannot be read: {found}" if deep else ""
    return until, ""


def evidence(data_dir: Path, deep: bool) -> Iterator[Part]:
    """What warnings rested on: how much there is; `deep`: each that cannot be read as well."""
    folder = data_dir / EVIDENCE
    names = sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []
    yield Part("evidence", EVIDENCE, _under(folder), None, {"warnings": len(names)})
    for name in names if deep else ():
        try:
            found = read_state(folder, name, {})
        except ValueError as e:
            found = StateLoss(e)
        if isinstance(found, StateLoss):
            yield Part("evidence", name, _bytes(folder / f"{name}.json"), None, {}, str(found))


def not_needed(settings: Settings, cards: Iterable[ModelCard], data_dir: Path) -> Iterator[tuple[Path, str]]:
    """Folders of watches that no card and source of the configuration make, and what killed processes left behind; and why."""
    known = {card.name: set(card.sources or settings.sources) & set(settings.sources) for card in cards}
    for room in ("state", "windows"):
        for path in sorted(_folders(data_dir / room)):
            card, _, source = path.name.partition("@")
            if card not in known:
                yield path, f"there is no card {visible(card)}"
            elif source not in known[card]:
                yield path, f"{card} watches no source {visible(source)}"
    folders = [data_dir, *(path for room in ("state", "windows") for path in _folders(data_dir / room)), data_dir / EVIDENCE]
    for path in (path for folder in folders for mark in LEFT_OVER for path in sorted(folder.glob(mark))):
        yield path, "left behind by a process that was killed"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files under a folder."""
    return _under(path) if path.is_dir() else _bytes(path)


def lines(parts: Iterable[Part]) -> Iterator[str]:
    """For people: one part a line."""
    for one in parts:
        until = "" if one.at_s is None else f"until {rfc3339(one.at_s)}"
        said = f"NOT WHOLE: {one.why}" if one.why else _said(one)
        yield visible(f"{one.what:11} {one.name:32} {in_bytes(one.bytes):>9}  {until:26}  {said}", 600).rstrip()


def _said(one: Part) -> str:
    facts = one.facts
    if one.what == "store":
        rows = ", ".join(f"{name} {count}" for name, count in facts["rows"].items() if count)
        return f"{rows}{'; in use by ' + facts['holder'] if facts['holder'] else ''}"
    if one.what == "watch":
        return "no history" if facts["series"] is None else f"{facts['series']} series"
    if one.what == "evidence":
        return f"of {several(facts['warnings'], 'warning')}" if facts else ""
    return str(facts.get("said", ""))


def _folders(room: Path) -> list[Path]:
    return [path for path in room.iterdir() if path.is_dir() and "@" in path.name] if room.is_dir() else []


def _under(folder: Path) -> int:
    return sum(_bytes(path) for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it was there a moment ago, or is not ours to see
        return 0
