"""Progress is shown to people and to nobody else."""

from __future__ import annotations

import io
import sys

import pytest

from aiops.cli.progress import progress


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


def test_elsewhere_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("replaying") as advance:
        advance(0.5)
    assert capsys.readouterr() == ("", "")
