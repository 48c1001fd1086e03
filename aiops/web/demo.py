"""The recorded incident on the pages: a whole daemon lives through it, on the recording's clock, while a browser looks on.

The disk that fills in it is stood for by a folder of a few small files; a yes to the runbook that asks really moves them away,
and then the recording goes on as it did after files were deleted there.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from aiops.backtest.demo import DISK, STEP_S, Line, cleared, demo_cards, demo_runbooks, lines_of
from aiops.config.access import WebSettings
from aiops.config.settings import Settings, SourceSettings
from aiops.config.shipped import demo_dir
from aiops.core.durations import rfc3339, text
from aiops.core.records import EarlyWarning, Outcome
from aiops.daemon.daemon import Daemon
from aiops.daemon.logs import configure
from aiops.pipeline import BatchJournal, TurnResult, Watch
from aiops.store.response_rows import Run
from aiops.telemetry.recording import RecordingParams, RecordingSource
from aiops.telemetry.source import ReadLimits
from aiops.web.app import make_app
from aiops.web.serve import listen

POLL = "2s"
"""How often a page shows itself anew: a recorded minute takes a second."""
CALM, ASKING = 4.0, 1 / 6
"""How fast the recording goes while nothing is foreseen, and while a yes is asked for: a person reads before they answer."""
FILES, FILE_BYTES = 8, 16_384
IMPORT, SPARE = f"{DISK}/import", "/srv/shop/spare"
"""What the demo's runbook names; in its place stand folders of the demo's own."""
LEASE_EVERY_S, STEPS_WITHIN_S = 4.0, 60.0
KEY_FOR_S = 86400.0
"""By the recording's clock, which runs faster than the person who is to open the address."""
RETOLD = "This is a recording, played at {speed:g} times its speed. "
WATCHING = "A process fills a disk of the machine shop-db-1. Each sample is known only when its time has come."
WARNED = "The filling disk was foreseen: open the warning to see when it will be full, how sure that is, and what to do."
ASKED = (
    "The filling disk was foreseen, and a runbook asks for your yes until {until}; until you answer, time goes slower. Open the "
    "warning, read the plan, approve it or say not now. In this demo a yes moves {files} small files inside {folder} and nothing "
    "else: they stand for what fills the disk, and the recording then goes on as it did when files were deleted there. Without a "
    "yes the disk will be full."
)
DONE = "The plan was approved and carried out, and free space is back. Whether that averted it is judged when its time is over."
LEFT = "Nobody said yes, so nothing was done: the disk will be full."
CAME = "The disk is full, as foretold {lead} ahead: {verdict}. Every warning is judged like this, and counted on the scorecard."
AVERTED = (
    "The disk is not full, because something was done in time: averted. Every warning is judged like this, and counted on the "
    "scorecard."
)
JUDGED = "The warning was judged: {verdict}."
OVER = (
    "The recording has ended; what stands here stays until Ctrl-C in the terminal. Next: `aiops init --prometheus "
    "http://HOST:9090` proposes what to watch in a Prometheus of yours, `aiops check` reads what it wrote."
)


class Played(Daemon):
    """A daemon that takes its turns when the recording's clock says so, and passes on what happens in them.

    `shop`: the folder that stands for the disk that fills; once it is gone the recording is told as it went on without it.
    """

    def __init__(self, settings: Settings, start_s: int, shop: Path) -> None:
        self.now_s, self.shop = float(start_s), shop
        self.heard: list[Line] = []
        self.judged: Outcome | None = None
        self.runs: dict[str, Run] = {}
        self._kept_s, self._freed = -math.inf, False
        super().__init__(settings, clock=lambda: self.now_s)
        self._journal = BatchJournal(self.store)
        self.rooms.journal = self._journal

    def live(self, now_s: int) -> list[Line]:
        """What happens at one instant."""
        self.now_s, self.heard = float(now_s), []
        for watch in list(self.rooms.watches):
            self.tick(watch.name)
        self._journal.flush()
        self._carry_on()
        if not self._freed and not self.shop.exists():
            self._freed = True
            source = self.rooms.links["demo"].source
            assert isinstance(source, RecordingSource)
            source.change(partial(cleared, at_s=now_s))
        return self.heard

    def _carry_on(self) -> None:
        """Carry responses on as far as they go at this instant: the clock waits for the programs that they run."""
        if time.monotonic() - self._kept_s > LEASE_EVERY_S:
            self.responding.keep()
            self._kept_s = time.monotonic()
        self.responding.look()
        self.responding.engine.settle(STEPS_WITHIN_S)
        for run in reversed(self.responding.runs.newest()):
            before, self.runs[run.id] = self.runs.get(run.id), run
            if before is None or before.state != run.state:
                said = {"id": run.id, "warning": run.warning_id, "runbook": run.runbook, "state": run.state}
                self.heard.append(Line(int(self.now_s), "response", {**said, "why": str(run.body.get("why", ""))}))

    @property
    def open(self) -> list[EarlyWarning]:
        """What is foreseen just now."""
        return [warning for watch in self.rooms.watches for warning in watch.open.values()]

    @property
    def over(self) -> bool:
        """Whether the incident was judged and nothing is open any more."""
        return self.judged is not None and not self.open

    @property
    def asked(self) -> Run | None:
        """The response that waits for a yes."""
        return next((run for run in self.runs.values() if run.state == "awaiting_approval"), None)

    @property
    def pace(self) -> float:
        """How fast the recording goes on now, against the speed that was asked for."""
        return ASKING if self.asked is not None else 1.0 if self.open else CALM

    def _save(self, watch: Watch) -> None:
        """Nothing is taken up again after a demo, so nothing learnt is written: a disk would slow the recording down."""

    def _tell(self, watch: Watch, result: TurnResult) -> None:
        super()._tell(watch, result)
        for event in result.events:
            self.heard += lines_of(event, result.now_s)
            if event.outcome is not None and event.warning is not None and event.outcome.verdict in ("hit", "averted"):
                self.judged = event.outcome


@dataclass(frozen=True, slots=True)
class Show:
    """A recording that is played: the address of its pages, the one that logs a browser in, once, what happens in it, and the
    daemon that lives through it."""

    url: str
    door: str
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
        shop = Path(kept, "shop")
        daemon = Played(_settings(Path(kept), _furnished(shop), recording, at, settings), start, shop / "data" / "import")
        try:
            with _served(daemon, speed) as (url, app):
                door = f"{url}/enter?key={app.state.access.one_time(KEY_FOR_S)}"
                yield Show(url, door, _lived(daemon, start, end, speed if paced else math.inf), daemon, app)
        finally:
            daemon.stop()


def _lived(daemon: Played, start: int, end: int, speed: float) -> Iterator[Line]:
    due = time.monotonic()
    for now in range(-(-start // STEP_S) * STEP_S, end + 1, STEP_S):
        time.sleep(max(0.0, due - time.monotonic()))
        due = max(due, time.monotonic() - 1.0) + STEP_S / (speed * daemon.pace)
        yield from daemon.live(now)
        if daemon.over:
            return
        if (now - start) % 600 < STEP_S:
            yield Line(now, "history", {"minutes": (now - start) // 60, "series": sum(w.n for w in daemon.rooms.watches)})


def _furnished(shop: Path) -> Path:
    """Make what stands for the disk, and the demo's runbooks about it; the folder of these."""
    (shop / "data" / "import").mkdir(parents=True)
    (shop / "spare").mkdir()
    for number in range(1, FILES + 1):
        (shop / "data" / "import" / f"part-{number:02}.tmp").write_bytes(bytes(FILE_BYTES))
    (shop / "runbooks").mkdir()
    for path in (demo_dir() / "runbooks").glob("*.yaml"):
        said = path.read_text("utf-8")
        for named, real in ((IMPORT, shop / "data" / "import"), (f"{SPARE}/import", shop / "spare" / "import")):
            said = said.replace(named, json.dumps(str(real)))
        (shop / "runbooks" / path.name).write_text(said, "utf-8")
    return shop / "runbooks"


def _settings(kept: Path, runbooks: Path, recording: Path, at: str, more: Mapping[str, Any]) -> Settings:
    source = SourceSettings(kind="recording", step=STEP_S, params={"path": recording}, data_class="public", owner="aiops")
    found = {name: shutil.which(name) for name in ("du", "mv", "test")}
    programs = {name: path for name, path in found.items() if path is not None}
    fields = {
        "receivers": {}, "routes": [], "web": WebSettings(listen=at), "log_level": "error", "cards": demo_cards(),
        "runbooks": demo_runbooks(runbooks), "responses": {"ceiling": "approve", "actions": {"exec": {"programs": programs}}},
        **more,
    }  # fmt: skip
    return Settings(sources={"demo": source}, data_dir=kept / "data", **fields)


@contextmanager
def _served(daemon: Played, speed: float) -> Iterator[tuple[str, FastAPI]]:
    """The pages, on a thread of their own."""
    app = make_app(daemon)
    app.state.told = lambda: (RETOLD.format(speed=speed) + _told(daemon), POLL)
    app.state.commands = None  # they would speak to a daemon of this machine, and not to this one
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
    if (judged := daemon.judged) is not None:
        said = {"averted": AVERTED, "hit": CAME}.get(judged.verdict, JUDGED)
        told = said.format(verdict=judged.verdict, lead=text(judged.lead_s or 0.0))
        return f"{told} {OVER}" if daemon.over else told
    if (run := daemon.asked) is not None:
        questions = daemon.responding.runs.questions(run.id)
        until = rfc3339(questions[-1].expires_s) if questions else ""
        return ASKED.format(until=until, files=FILES, folder=daemon.shop.parents[1])
    states = {run.state for run in daemon.runs.values()}
    if states & {"verifying", "succeeded"}:
        return DONE
    if states & {"approval_denied", "approval_expired"} and daemon.open:
        return LEFT
    return WARNED if daemon.open else WATCHING
