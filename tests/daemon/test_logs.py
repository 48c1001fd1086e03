"""Logs: one line an event whatever a value holds, JSON off a terminal, and never a reason to stop."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from aiops.daemon.logs import configure

HOSTILE = "a\nb\r\x1b[31mred\x00\u2028\u202eevil\ud800 é"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def logged(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, level: str = "info") -> io.StringIO:
    monkeypatch.setattr(sys, "stderr", stream)
    configure(level)
    return stream


@pytest.mark.row("X16")
def test_off_a_terminal_each_event_is_one_line_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    out = logged(monkeypatch, io.StringIO())
    structlog.get_logger().warning("source failed", source=HOSTILE, many=[HOSTILE], n=3)
    (line,) = out.getvalue().splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["n"]) == ("source failed", "warning", 3)
    assert "\n" not in said["source"]
    assert "\x1b" not in said["source"]
    assert said["timestamp"].endswith("Z")


def test_on_a_terminal_a_value_cannot_begin_a_line_or_colour_it(monkeypatch: pytest.MonkeyPatch) -> None:
    out = logged(monkeypatch, Terminal())
    structlog.get_logger().warning("source failed", source=HOSTILE, many=[HOSTILE])
    assert len(out.getvalue().splitlines()) == 1
    assert "\x1b[31mred" not in out.getvalue()
    assert "\u202e" not in out.getvalue()


def test_an_exception_is_one_line_of_json_without_local_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    out = logged(monkeypatch, io.StringIO())
    secret = "s3cr3t"
    try:
        raise ValueError(f"of {len(secret)} letters\nand more")
    except ValueError:
        structlog.get_logger().error("a turn failed", exc_info=True)
    (line,) = out.getvalue().splitlines()
    assert "ValueError: of 6 letters" in json.loads(line)["exception"]
    assert secret not in line


def test_an_exception_on_a_terminal_shows_no_local_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    out = logged(monkeypatch, Terminal())
    holder = {"password": "-".join(["hun", "ter", "2"])}
    try:
        raise ValueError(f"{len(holder)} wrong")
    except ValueError:
        structlog.get_logger().error("a turn failed", exc_info=True)
    assert "1 wrong" in out.getvalue()
    assert "hun-ter-2" not in out.getvalue()


def test_what_libraries_log_comes_out_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    out = logged(monkeypatch, io.StringIO())
    try:
        raise RuntimeError("deep")
    except RuntimeError:
        logging.getLogger("uvicorn.error").exception("Exception in %s\n", HOSTILE)
    logging.getLogger("chatty").info("not so important")
    (line,) = out.getvalue().splitlines()
    said = json.loads(line)
    assert (said["logger"], said["level"]) == ("uvicorn.error", "error")
    assert "RuntimeError: deep" in said["exception"]


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_kept(monkeypatch: pytest.MonkeyPatch, level: str, lines: int) -> None:
    out = logged(monkeypatch, io.StringIO(), level)
    log = structlog.get_logger()
    for one in (log.debug, log.info, log.warning, log.error):
        one("said")
    assert len(out.getvalue().splitlines()) == lines


@pytest.mark.parametrize("stream", [Broken(), None], ids=["broken", "closed"])
def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO | None) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    configure("info")
    structlog.get_logger().error("said into the void")
    logging.getLogger("library").error("and so did this")


def test_an_error_of_the_event_loop_is_told_once_in_a_while_and_other_libraries_are_always_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = logged(monkeypatch, io.StringIO())
    for number in range(1000):
        logging.getLogger("asyncio").error(f"socket.accept() out of system resource\nsocket: {number}")
        logging.getLogger("urllib3").error("twice")
    logging.getLogger("asyncio").error("something else")
    events = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert sum("out of system resource" in one for one in events) == 1
    assert events.count("twice") == 1000
    assert events.count("something else") == 1
