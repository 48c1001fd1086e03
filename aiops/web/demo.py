"""The recorded incident on the pages: a whole daemon lives through it, on the recording's clock, while a browser looks on."""

from __future__ import annotations

import math
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from aiops.backtest.demo import STEP_S, Line, lines_of
from aiops.config.access import WebSettings
from aiops.config.settings import Settings, SourceSettings
from aiops.config.shipped import demo_dir
from aiops.core.durations import text
from aiops.core.records import Outcome
from aiops.daemon.daemon import Daemon
from aiops.daemon.logs import configure
from aiops.pipeline import BatchJournal, TurnResult, Watch
from aiops.telemetry.recording import RecordingParams, RecordingSource
from aiops.telemetry.source import ReadLimits
from aiops.web.app import make_app
from aiops.web.serve import listen

POLL = "2s"
"""How often a page shows itself anew: a recorded minute takes a second."""
RETOLD = "This is a recording, played at {speed:g} times its speed. "
WATCHING = "A process fills a disk of the machine shop-db-1. Each sample is known only when its time has come."
WARNED = "The filling disk was foreseen: open the warning to see when it will be full, how sure that is, and what to do."
JUDGED = "The disk is full, as foretold {lead} ahead: {verdict}. Every warning is judged like this, and counted on the scorecard."
OVER = "The recording has ended; what stands here stays until Ctrl-C in the terminal."


class Played(Daemon):
    """A daemon that takes its turns when the recording's clock says so, and passes on what happens in them."""

    def __init__(self, settings: Settings, start_s: int) -> None:
        self.now_s = float(start_s)
        self.heard: list[Line] = []
        self.judged: Outcome | None = None
        super().__init__(settings, clock=lambda: self.now_s)
        self._journal = BatchJournal(self.store)
        self.rooms.journal, self.rooms.marks_turns = self._journal, False

    def live(self, now_s: int) -> list[Line]:
        """What happens at one instant."""
        self.now_s, self.heard = float(now_s), []
        for watch in list(self.rooms.watches):
            self.tick(watch.name)
        self._journal.flush()
        return self.heard

    @property
    def over(self) -> bool:
        """Whether a failure was judged and nothing is open any more."""
        return self.judged is not None and not any(watch.open for watch in self.rooms.watches)

    def _tell(self, watch: Watch, result: TurnResult) -> None:
        super()._tell(watch, result)
        for event in result.events:
            self.heard += lines_of(event, result.now_s)
            if event.outcome is not None and event.warning is not None and event.outcome.failed_s is not None:
                self.judged = event.outcome


@dataclass(frozen=True, slots=True)
class Show:
    """A recording that is played: the address of its pages, what happens in it, and the daemon that lives through it."""

    url: str
    lines: Iterator[Line]
    daemon: Played
    app: FastAPI


@contextmanager
def shown(
    speed: float, at: str = "127.0.0.1:0", folder: Path | None = None, paced: bool = True, **settings: Any
) -> Iterator[Show]:
    """The recording in `folder` (none: the demo's) on pages served `at` HOST:PORT, with more `settings` of the daemon; not
    `paced`: as fast as its lines are read.

    It goes on as far as its lines are read; the pages end with the block. Raises AiopsError where the address cannot be had.
    """
    configure("error")
    recording = folder or demo_dir()
    start, end = RecordingSource("demo", RecordingParams(path=recording), ReadLimits(samples=10**9)).span()
    with tempfile.TemporaryDirectory(prefix="aiops-demo-") as kept:
        daemon = Played(_settings(Path(kept), recording, at, settings), start)
        try:
            with _served(daemon, speed) as (url, app):
                yield Show(url, _lived(daemon, start, end, speed if paced else math.inf), daemon, app)
        finally:
            daemon.stop()


def _lived(daemon: Played, start: int, end: int, speed: float) -> Iterator[Line]:
    began = time.monotonic()
    for now in range(-(-start // STEP_S) * STEP_S, end + 1, STEP_S):
        time.sleep(max(0.0, (now - start) / speed - (time.monotonic() - began)))
        yield from daemon.live(now)
        if daemon.over:
            return
        if (now - start) % 600 < STEP_S:
            yield Line(now, "history", {"minutes": (now - start) // 60, "series": sum(w.n for w in daemon.rooms.watches)})


def _settings(kept: Path, recording: Path, at: str, more: Mapping[str, Any]) -> Settings:
    source = SourceSettings(kind="recording", step=STEP_S, params={"path": recording}, data_class="public", owner="aiops")
    fields = {"receivers": {}, "routes": [], "web": WebSettings(listen=at), "log_level": "error", **more}
    return Settings(sources={"demo": source}, data_dir=kept, **fields)


@contextmanager
def _served(daemon: Played, speed: float) -> Iterator[tuple[str, FastAPI]]:
    """The pages, on a thread of their own."""
    app = make_app(daemon)
    app.state.told = lambda: (RETOLD.format(speed=speed) + _told(daemon), POLL)
    with listen(daemon.settings) as sock:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="web", daemon=True)
        thread.start()
        host, port = sock.getsockname()[:2]
        try:
            yield f"http://{host}:{port}", app
        finally:
            app.state.feed.close()
            server.should_exit = True
            thread.join(5)


def _told(daemon: Played) -> str:
    """Where the recording stands, for a newcomer."""
    if daemon.judged is not None:
        lead = text(daemon.judged.lead_s or 0.0)
        return JUDGED.format(verdict=daemon.judged.verdict, lead=lead) + (" " + OVER if daemon.over else "")
    return WARNED if any(watch.open for watch in daemon.rooms.watches) else WATCHING
