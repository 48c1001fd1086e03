"""Kernels that numba compiles: there only once somebody asked for them, so no command and no health check waits for them.

numba takes half a second and 80 MB to import, and a kernel seconds to compile the first time on a machine. So whoever
has a kernel also has a plain way that gives the same, and takes it until `module` gives the compiled one. What was compiled is
kept in a folder that nobody else can write: what lies there is run.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import structlog

F = TypeVar("F", bound=Callable[..., object])

MODULES = ("aiops.telemetry.fast_json", "aiops.telemetry.fast_chunks", "aiops.models.fast_seasonal")
"""What `warm` loads. Only these modules import numba, and nothing but `module` imports these."""
WORTH_BYTES = 4 << 20
"""Work on this many bytes makes it worth to load them: an answer of 20,000 series, or of 6 h of minutes of 400. They save 10 or
50 ms of it."""


class _Loading:
    """What is known of the one attempt to load."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.folder: Path | None = None
        self.allowed = self.begun = False
        self.modules: dict[str, ModuleType] = {}
        self.thread: threading.Thread | None = None


_loading = _Loading()


def allow(folder: Path | None) -> None:
    """From now on the first work worth it has the kernels loaded, by a thread of their own; compiled code is kept in `folder`.

    None, or a folder that others may write, keeps nothing: then each process compiles anew.
    """
    _loading.folder, _loading.allowed = folder, True


def warm(folder: Path | None) -> str:
    """Load all kernels now, compiled code kept in `folder` as `allow` has it; why they cannot be had, "" when they are there.

    Takes seconds on the first call on a machine and one second later on; the plain way serves until then, and for ever where
    there is no numba or no executable memory. Raises what else numba raises, as of damaged code, which is then thrown away.
    """
    allow(folder)
    _loading.begun = True
    with _loading.lock:
        if not _loading.modules:
            try:
                _loading.modules = _loaded(_own(folder))
            except (ImportError, OSError) as e:
                return f"{type(e).__name__}: {e}"
    return ""


def settle() -> None:
    """Wait until kernels that are being loaded are there, or cannot be had."""
    if _loading.thread is not None:
        _loading.thread.join()


def module(name: str, size: int) -> ModuleType | None:
    """A module of kernels when it is loaded; `size` (bytes to be worked on) may be what has it loaded for later calls."""
    found = _loading.modules.get(name)
    if found is None and size >= WORTH_BYTES and _loading.allowed and not _loading.begun:
        _loading.begun = True
        _loading.thread = threading.Thread(target=_warm_and_tell, name="kernels")
        _loading.thread.start()  # an end of the process waits for the compiler
    return found


def _warm_and_tell() -> None:
    why = warm(_loading.folder)
    if why:
        plain = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))  # a command has no log, and its stdout is for others
        log = structlog.get_logger() if structlog.is_configured() else plain
        log.warning("kernels cannot be compiled here, the plain ways serve", why=why)


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
