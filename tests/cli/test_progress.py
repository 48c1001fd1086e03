"""Progress is shown to people and to nobody else."""

from __future__ import annotations

import io
import sys

import pytest

from aiops.cli.progress import lines, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar_on_stderr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress("replaying") as advance:
        advance(0.5)
        advance(1.0)
    assert "replaying" in screen.getvalue()
    assert "100%" in screen.getvalue()
    assert capsys.readouterr().out == ""


def test_elsewhere_nothing_is_written_of_what_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("replaying") as advance:
        advance(0.5)
    assert capsys.readouterr() == ("", "")


def test_elsewhere_what_takes_long_says_now_and_then_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    now = [100.0]
    advance = lines(lambda: now[0])
    for at, share in ((109.0, 0.1), (110.0, 0.2), (111.0, 0.25), (119.9, 0.3), (125.0, 0.5)):
        now[0] = at
        advance(share, "replaying")
    assert capsys.readouterr() == ("", "replaying: 20% after 10 s\nreplaying: 50% after 25 s\n")
