"""Kernels that numba compiles: there only once somebody asked for them, so no command and no health check waits for them.

numba takes a quarter of a second and 70 MB to import, and a kernel seconds to compile the first time on a machine. So whoever
has a kernel also has a plain way that gives the same, and takes it until `module` gives the compiled one. What was compiled is
kept in a folder that nobody else can write: what lies there is run.
"""

from __future__ import annotations

import importlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., object])

MODULES = ("aiops.telemetry.fast_json",)
"""What `warm` loads. Only these modules import numba, and nothing but `module` imports these."""
WORTH_BYTES = 1 << 20
"""An answer of this size makes it worth to load them."""


class _Loading:
    """What is known of the one attempt to load."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.folder: Path | None = None
        self.allowed = self.begun = False
        self.modules: dict[str, ModuleType] = {}


_loading = _Loading()


def allow(folder: Path | None) -> None:
    """From now on the first answer worth it has the kernels loaded, by a thread of their own; compiled code is kept in `folder`.

    None, or a folder that others may write, keeps nothing: then each process compiles anew.
    """
    _loading.folder, _loading.allowed = folder, True


def warm(folder: Path | None) -> None:
    """Load all kernels now, compiled code kept in `folder` as `allow` has it.

    Takes seconds on the first call on a machine and half a second later on; the plain way serves until then. Raises what numba
    raises, ImportError where there is none: the plain way then serves for ever, and what was kept is thrown away as damaged.
    """
    allow(folder)
    _loading.begun = True
    with _loading.lock:
        if not _loading.modules:
            _loading.modules = _loaded(_own(folder))


def module(name: str, size: int) -> ModuleType | None:
    """A module of kernels when it is loaded; `size` (bytes to be worked on) may be what has it loaded for later calls."""
    found = _loading.modules.get(name)
    if found is None and size >= WORTH_BYTES and _loading.allowed and not _loading.begun:
        _loading.begun = True
        threading.Thread(target=warm, args=(_loading.folder,), name="kernels", daemon=True).start()
    return found


def kernel(*signatures: str, inline: bool = False) -> Callable[[F], F]:
    """The decorator of a kernel: compiled for these signatures as its module is imported; runs without the interpreter's lock.

    `inline`, without signatures: put into the kernels that call it. A small one that takes an array would only count references.
    """
    import numba

    config: Any = numba.config
    options: dict[str, Any] = {"nogil": True, "cache": bool(config.CACHE_DIR), "error_model": "numpy"}
    if inline:
        return cast(Callable[[F], F], numba.njit(inline="always", **options))
    return cast(Callable[[F], F], numba.njit(list(signatures), **options))


def _loaded(folder: Path | None) -> dict[str, ModuleType]:
    import numba

    config: Any = numba.config
    config.CACHE_DIR = str(folder or "")
    modules = {}
    try:
        for name in MODULES:
            modules[name] = importlib.import_module(name)
    finally:
        if folder is not None and len(modules) < len(MODULES):
            shutil.rmtree(folder, ignore_errors=True)
    return modules


def _own(folder: Path | None) -> Path | None:
    """The folder, made if need be, when it is ours alone; else None."""
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return None
    return folder if status.st_uid == os.geteuid() and not status.st_mode & 0o022 else None
