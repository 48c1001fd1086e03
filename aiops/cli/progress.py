"""How far a command is, on stderr: a bar on a terminal; elsewhere a line now and then, from ten seconds on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY_S = 10.0


@contextmanager
def progress(what: str) -> Iterator[Callable[[float], None]]:
    """A function to call with the share done, 0-1."""
    with stages(what) as advance:
        yield lambda share: advance(share, what)


@contextmanager
def stages(first: str) -> Iterator[Callable[[float, str], None]]:
    """A function to call with the share done, 0-1, and what is being done."""
    if not sys.stderr.isatty():
        yield lines(time.monotonic)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(first, total=1.0)
        yield lambda share, what: bar.update(task, completed=share, description=what)


def lines(clock: Callable[[], float]) -> Callable[[float, str], None]:
    """Tells on stderr how far it is, at most every LINE_EVERY_S by `clock`, so that a log shows that something goes on."""
    began = told = clock()

    def advance(share: float, what: str) -> None:
        nonlocal told
        now = clock()
        if now - told >= LINE_EVERY_S:
            told = now
            print(f"{what}: {share:.0%} after {now - began:.0f} s", file=sys.stderr, flush=True)

    return advance
