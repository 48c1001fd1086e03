"""`aiops run`: the daemon with its HTTP side, signals, and what it says on the terminal."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType

import structlog
import uvicorn

from aiops import __version__
from aiops.config.settings import Settings
from aiops.core.errors import AiopsError
from aiops.daemon.daemon import Daemon
from aiops.daemon.logs import configure
from aiops.web import view
from aiops.web.app import LOOPBACK, make_app

TELL_EVERY_S = 15.0
log = structlog.get_logger()


class PortTaken(AiopsError):
    """The address to serve on cannot be had."""


def run(settings: Settings, config: Path | None, dry_run: bool = False) -> int:
    """Serve until SIGTERM or Ctrl-C; SIGHUP reloads, a second signal ends at once. Raises AiopsError when it cannot begin."""
    configure(settings.log_level)
    wake, wanted = threading.Event(), {"stop": False, "reload": False}
    _handle_signals(wake, wanted)
    listening = listen(settings)
    daemon = Daemon(settings, config, dry_run)
    try:
        server = uvicorn.Server(uvicorn.Config(make_app(daemon), log_level="warning", lifespan="off", access_log=False))
        web = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True)
        _greet(daemon, listening)
        daemon.start()
        web.start()
        _until_stopped(daemon, wake, wanted)
        _say("stopping: running turns end, what was learnt is kept (Ctrl-C again ends at once)")
        server.should_exit = True
        web.join(5.0)
    finally:
        daemon.stop()
    _say("stopped")
    return 0


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on; a taken port gives way to a free one only where nobody chose it. Raises PortTaken."""
    host, _, port = settings.web.listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (int(port), 0) if settings.listen_is_default else (int(port),):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, wanted))
        except OSError as e:
            sock.close()
            problem = e
            continue
        if settings.web.listen.rpartition(":")[0] not in LOOPBACK:
            log.warning("whoever reaches this address can read; put a proxy with a login before it", listen=host)
        return sock
    raise PortTaken(f"{settings.web.listen}: {problem.strerror}; choose another with --listen HOST:PORT")


def _handle_signals(wake: threading.Event, wanted: dict[str, bool]) -> None:
    def on_signal(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            wanted["reload"] = True
        elif wanted["stop"]:
            os._exit(130)
        else:
            wanted["stop"] = True
        wake.set()

    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(one, on_signal)


def _until_stopped(daemon: Daemon, wake: threading.Event, wanted: dict[str, bool]) -> None:
    told = ""
    while not wanted["stop"]:
        wake.wait(2.0 if not told else TELL_EVERY_S)
        wake.clear()
        if wanted["reload"]:
            wanted["reload"] = False
            daemon.reload()
        now = _progress(daemon)
        if now != told and not wanted["stop"]:
            _say(now)
            told = now


def _progress(daemon: Daemon) -> str:
    status = view.status(daemon)
    series, done = sum(status["series"].values()), status["learning"]
    failing = [f"{s['name']}: {s['error']}" for s in status["sources"] if s["error"]]
    if failing:
        return "waiting: " + "; ".join(failing)
    if done < 0.995:
        return f"watching {series} series; learning what is usual: {int(20 * done) * 5} %"
    return f"watching {series} series"


def _greet(daemon: Daemon, sock: socket.socket) -> None:
    host, port = sock.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    sources = ", ".join(f"{name} ({s.kind})" for name, s in daemon.settings.sources.items())
    _say(f"aiops {__version__}: {url}")
    _say(f"watching {sources} with {len({w.card.name for w in daemon.rooms.watches})} cards; data in {daemon.settings.data_dir}")
    if daemon.token_is_new:
        _say(f"token for everything but reading (kept in {daemon.settings.data_dir / 'token'}): {daemon.token}")
    if daemon.dry_run:
        _say("dry run: nobody is told")


def _say(line: str) -> None:
    """One line for the person at the terminal; a closed terminal ends nothing."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it lives as long as the process
