"""A data directory taken elsewhere and back: the store, and what stands beside it and cannot be had again."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from aiops.core.errors import StoreError
from aiops.core.folders import sync_folder
from aiops.governance import checkpoint, masking
from aiops.models.proof import EVIDENCE
from aiops.pipeline.mask_book import FOLDER as MASKS
from aiops.responses.switch import FILE as SWITCH
from aiops.store import whole
from aiops.store.engine import FILE as STORE
from aiops.store.engine import DirectoryLock
from aiops.store.whole import Copied

BEFORE = (checkpoint.FILE, checkpoint.PUBLIC, "lineage.json", SWITCH)
"""Copied before the store: what they say of the ledger is then in it."""
BEHIND = (EVIDENCE, MASKS)
"""Folders copied after the store: what its rows name is then in them."""
KEYS = (masking.NAME, checkpoint.KEY)


def export(url: str, data_dir: Path, into: Path, keys: bool, mark: Callable[[float], None]) -> Copied:
    """Copy what cannot be had again into the new folder `into`, mode 0700, beside a running daemon. Raises StoreError."""
    try:
        if into.exists():
            raise StoreError(f"{into}: is there already; name a new folder")
        into.parent.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=f".{into.name}-", dir=into.parent))
        try:
            for name in (*BEFORE, *(KEYS if keys else ())):
                _file(data_dir / name, room / name)
            done = whole.export(url, data_dir, room / STORE, mark)
            for name in BEHIND:
                _folder(data_dir / name, room / name)
            sync_folder(room)
            os.rename(room, into)
            sync_folder(into.parent)
        finally:
            shutil.rmtree(room, ignore_errors=True)
    except OSError as e:
        raise StoreError(f"{e.filename or into}: cannot be written or read: {e.strerror or e}") from e
    return done


def take_in(given: Path, url: str, data_dir: Path, mark: Callable[[float], None]) -> Copied:
    """Copy what `export` made, another data directory, or a lone aiops.db into a store that is not there yet and its data
    directory; the store comes last. Nobody may run in either. Raises StoreError; what was copied beside it is gone then."""
    folder, file = (given, given / STORE) if given.is_dir() else (None, given)
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(DirectoryLock(data_dir)))
        whole.new_file(url, data_dir)
        if folder is not None and not _same(folder, data_dir) and (folder / "lock").exists():
            stack.enter_context(contextlib.closing(DirectoryLock(folder)))
        try:
            copied = stack.enter_context(_undone([]))
            if folder is not None and not _same(folder, data_dir):
                _beside(folder, data_dir, copied)
            done = whole.take_in(file, url, data_dir, mark)
            copied.clear()
        except OSError as e:
            raise StoreError(f"{e.filename or data_dir}: cannot be written or read: {e.strerror or e}") from e
    return done


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _beside(folder: Path, data_dir: Path, copied: list[Path]) -> None:
    """Copy what stands beside a store; what is there already must be the same."""
    pairs = [(folder / name, data_dir / name) for name in (*BEFORE, *KEYS) if (folder / name).is_file()]
    for room in BEHIND:
        pairs += [(path, data_dir / room / path.name) for path in sorted((folder / room).glob("*")) if path.is_file()]
    for source, target in pairs:
        if target.exists() and target.read_bytes() != source.read_bytes():
            raise StoreError(f"{target}: is there already, and another one; take in with an empty --data-dir")
    for source, target in pairs:
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            copied.append(target)
            _file(source, target)
    for parent in {target.parent for _, target in pairs}:
        sync_folder(parent)


@contextlib.contextmanager
def _undone(copied: list[Path]) -> Iterator[list[Path]]:
    """The files in a list are deleted at the end: whoever succeeds clears it."""
    try:
        yield copied
    finally:
        for path in copied:
            path.unlink(missing_ok=True)


def _folder(source: Path, target: Path) -> None:
    """The files of a folder; one that a daemon deletes meanwhile is not missed."""
    if source.is_dir():
        target.mkdir(mode=0o700)
        for path in sorted(source.iterdir()):
            if path.is_file() and not path.name.endswith((".tmp", ".new")):
                _file(path, target / path.name)
        sync_folder(target)


def _file(source: Path, target: Path) -> None:
    """Copy a file, its mode with it, to the disk; nothing where there is none. Raises OSError."""
    part = target.with_name(f"{target.name}.part")
    try:
        with source.open("rb") as f, part.open("wb") as g:
            os.fchmod(g.fileno(), os.fstat(f.fileno()).st_mode & 0o777)
            shutil.copyfileobj(f, g)
            g.flush()
            os.fsync(g.fileno())
    except FileNotFoundError:
        part.unlink(missing_ok=True)
        return
    os.replace(part, target)
