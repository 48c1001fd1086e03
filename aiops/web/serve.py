"""`aiops run`: the daemon with its HTTP side, signals, and what it says on the terminal."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

import structlog
import uvicorn

from aiops import __version__
from aiops.config.settings import Settings
from aiops.core.errors import AiopsError
from aiops.daemon.daemon import Daemon
from aiops.daemon.logs import configure
from aiops.web.access.own_files import try_pair
from aiops.web.access.sight import is_loopback
from aiops.web.app import make_app
from aiops.web.pages import view

BACKLOG = 128
"""Connections that wait to be accepted; as often a second asyncio tries in vain when no file descriptor is left."""
TELL_EVERY_S = 15.0
Signals = queue.SimpleQueue[int]
"""A SimpleQueue may be put to from within a signal handler whatever the main thread does; a lock or an Event may not."""
log = structlog.get_logger()


class PortTaken(AiopsError):
    """The address to serve on cannot be had."""


def run(load: Callable[[], Settings], dry_run: bool = False) -> int:
    """Serve until SIGTERM or Ctrl-C; SIGHUP reloads, a second signal ends at once. Raises AiopsError when it cannot begin.

    `load` reads the settings, now and at each reload.
    """
    _complete_standard_streams()
    settings = load()
    configure(settings.log_level)
    if settings.web.tls is not None:
        try_pair(settings.web.tls)
    signals = _handle_signals()
    with listen(settings) as listening:
        daemon = Daemon(settings, load, dry_run)
        try:
            web = _Web(daemon, listening)
            _greet(daemon, listening, web.key)
            daemon.start()
            web.start()
            _until_stopped(daemon, web, signals)
            _say("stopping: running turns end, what was learnt is kept (Ctrl-C again ends at once)")
            web.stop()
        finally:
            daemon.stop()
    _say("stopped")
    return 1 if web.failed else 0


class _Web(threading.Thread):
    """The HTTP side on a thread of its own; `failed` when it ended though nobody asked it to."""

    def __init__(self, daemon: Daemon, listening: socket.socket) -> None:
        super().__init__(name="web", daemon=True)
        tls = daemon.settings.web.tls
        app = make_app(daemon)
        self.key = "" if daemon.settings.web.guarded else app.state.access.one_time()
        config = uvicorn.Config(
            app, ssl_certfile=tls.cert_file if tls else None, ssl_keyfile=tls.key_file if tls else None,
            log_config=None, log_level="warning", access_log=False, lifespan="off", http="h11", loop="asyncio",
            ws="none", server_header=False, backlog=BACKLOG, timeout_keep_alive=15, timeout_graceful_shutdown=3,
        )  # fmt: skip
        self._server, self._listening, self._feed = uvicorn.Server(config), listening, app.state.feed
        self.failed = False

    def run(self) -> None:
        try:
            self._server.run(sockets=[self._listening])
        finally:
            self.failed = not self._server.should_exit

    def stop(self) -> None:
        self._feed.close()
        self._server.should_exit = True
        self.join(5.0)


def _complete_standard_streams() -> None:
    """A closed stdin, stdout or stderr becomes /dev/null, so that no database gets its number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on; a taken port gives way to a free one only where nobody chose it. Raises PortTaken.
    AiopsError where others could come unseen.
    """
    host, _, port = settings.web.listen.rpartition(":")
    host = host.strip("[]")
    if not is_loopback(host) and not settings.web.open and not (settings.web.guarded and settings.web.tls):
        raise AiopsError(
            f"{settings.web.listen}: other machines could come without TLS or a login; give web.tls and web.people or web.oidc, "
            "listen on 127.0.0.1, or write web.open: true where something in front asks for both"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (int(port), 0) if settings.listen_is_default else (int(port),):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, wanted))
            sock.listen(BACKLOG)  # now, and not when the web begins: bound alone, another process could still take it
        except OSError as e:
            sock.close()
            problem = e
            continue
        return sock
    raise PortTaken(f"{settings.web.listen}: {problem.strerror or problem}; choose another with --listen HOST:PORT")


def _handle_signals() -> Signals:
    signals, ending = Signals(), False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal ending
        if number != signal.SIGHUP and ending:
            os._exit(130)
        ending = ending or number != signal.SIGHUP
        signals.put(number)

    for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(one, on_signal)
    return signals


def _until_stopped(daemon: Daemon, web: _Web, signals: Signals) -> None:
    told = ""
    while not web.failed:
        number = 0
        with contextlib.suppress(queue.Empty):
            number = signals.get(timeout=TELL_EVERY_S if told else 2.0)
        if number in (signal.SIGTERM, signal.SIGINT):
            return
        if number == signal.SIGHUP:
            daemon.reload("SIGHUP")
        daemon.mind_the_clock()
        now = _progress(daemon)
        if now != told:
            _say(now)
            told = now
    log.error("the HTTP side ended; so does the daemon, for nobody could see whether it is well")


def _progress(daemon: Daemon) -> str:
    status = view.status(daemon)
    series, done = sum(status["series"].values()), status["learning"]
    failing = [f"{s['name']}: {s['error']}" for s in status["sources"] if s["error"]]
    told = [f"watching {series} series"] if series or not failing else []
    if done < 0.995 and series:
        told.append(f"learning what is usual: {int(20 * done) * 5} %")
    if (read := daemon.board.backfilled()) < 1:
        told.append(f"reading older history {bar(read)} {int(20 * read) * 5} %")
    return "; ".join([*told, *(f"waiting for {one}" for one in failing)])


def bar(share: float, width: int = 20) -> str:
    """A bar of `width` characters, filled to `share`, 0-1.

    >>> bar(0.5, 4)
    '[##--]'
    """
    full = int(width * share)
    return f"[{'#' * full}{'-' * (width - full)}]"


def _greet(daemon: Daemon, sock: socket.socket, key: str) -> None:
    host, port = sock.getsockname()[:2]
    scheme = "https" if daemon.settings.web.tls else "http"
    url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    sources = ", ".join(f"{name} ({s.kind})" for name, s in daemon.settings.sources.items())
    _say(f"aiops {__version__}: {url}")
    _say(f"watching {sources} with {len(daemon.rooms.cards_on())} cards; data in {daemon.settings.data_dir}")
    if daemon.token_is_new:
        _say(f"token for everything but reading (kept in {daemon.settings.data_dir / 'token'}): {daemon.token}")
    if key:
        _say(f"log a browser in, once, within 15 min: {url}/enter?key={key}")
    if daemon.dry_run:
        _say("dry run: nobody is told")


def _say(line: str) -> None:
    """One line for the person at the terminal; a closed terminal or a full disk ends nothing."""
    try:
        print(line, flush=True)
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it lives as long as the process
