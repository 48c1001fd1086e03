"""`aiops run --only responses`: store, engine, actions and relay; no source is watched and nothing is served."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog

from aiops import __version__
from aiops.config.settings import Settings
from aiops.core.errors import StoreError
from aiops.core.text import several
from aiops.daemon.logs import configure
from aiops.daemon.receivers import relay_of
from aiops.daemon.responding import JOBS, Responding
from aiops.pipeline import assemble
from aiops.runbooks import load_runbooks
from aiops.store import Store

EVERY_S = 1.0
log = structlog.get_logger()


class ResponsesOnly:
    """Begins and carries on responses to the warnings that a store holds, and sends what is to be told of them."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self.settings, self._clock = settings, clock
        runbooks = load_runbooks(settings.runbook_paths)
        self.store = Store.open(settings.store.url, settings.data_dir, alone=False)
        with contextlib.ExitStack() as held:
            held.callback(self.store.close)
            self.rooms = assemble(settings, [], runbooks, self.store, settings.data_dir, clock)
            self.relay = relay_of(settings, self.store)
            self.responding = Responding(settings, self.store, self.rooms, clock)
            held.pop_all()

    def once(self) -> int:
        """One look at everything; how many responses have not ended. Raises StoreError."""
        left = self.responding.look()
        self.relay.run_once(self._clock())
        return left

    def close(self) -> None:
        """Let what runs come to its end for a moment, then let go of everything."""
        try:
            self.responding.stop()
            for link in self.rooms.links.values():
                link.close()
            self.relay.close()
        finally:
            self.store.close()


def run(load: Callable[[], Settings]) -> int:
    """Go on until SIGTERM or Ctrl-C. Raises AiopsError when it cannot begin."""
    settings, stop = load(), threading.Event()
    configure(settings.log_level)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, on_signal)
    only = ResponsesOnly(settings)
    doing = f"carrying on responses, {several(len(only.rooms.runbooks), 'runbook')}; no source is watched, nothing is served"
    _say(f"aiops {__version__}: {doing}; data in {settings.data_dir}")
    keeper = threading.Thread(target=_keep, args=(only, stop), name="lease", daemon=True)
    try:
        only.responding.keep()
        keeper.start()
        while not stop.wait(EVERY_S):
            _minding(only.once)
    finally:
        stop.set()
        only.close()
    _say("stopped")
    return 0


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a closed terminal or a full disk ends nothing
        print(line, flush=True)


def _keep(only: ResponsesOnly, stop: threading.Event) -> None:
    while not stop.wait(JOBS["lease"]):
        _minding(only.responding.keep)


def _minding(job: Callable[[], object]) -> None:
    try:
        job()
    except StoreError as e:
        log.error("the store fails", error=str(e))
