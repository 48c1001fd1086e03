"""The demo on pages: the same incident as in the terminal, told as it happens, and what it is said to a newcomer."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from aiops.backtest.demo import play
from aiops.config.shipped import models_dir
from aiops.models.card import load_cards
from aiops.web.demo import shown

CARD = models_dir() / "disk_full.yaml"


def fetched(url: str) -> str:
    return str(urllib.request.urlopen(url).read().decode())


def test_it_tells_what_the_terminal_tells_and_the_pages_follow() -> None:
    with shown(60, paced=False, cards=[CARD]) as show:
        assert "This is a recording, played at 60 times its speed." in fetched(show.url)
        assert "Nothing is foreseen" in fetched(show.url)
        lines = []
        for line in show.lines:
            lines.append(line)
            if line.event == "warning":
                assert "The filling disk was foreseen" in fetched(show.url)
                assert "every 2s" in fetched(show.url)
        over = fetched(show.url)
        assert "The disk is full, as foretold 14m45s ahead: hit." in over
        assert "what stands here stays until Ctrl-C" in over
    told = list(play(cards=load_cards([CARD])))
    assert [(one.at_s, one.event) for one in lines] == [(one.at_s, one.event) for one in told]


def interruptible() -> None:
    """Whoever runs the tests in the background of a shell hands down that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_command_serves_its_pages_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "aiops", "demo", "--speed", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=interruptible) as running:
        try:
            assert running.stdout is not None
            said = running.stdout.readline()
            url = said.rpartition(" ")[2].strip()
            assert url.startswith("http://127.0.0.1:")
            assert "This is a recording" in fetched(url)
            running.send_signal(signal.SIGINT)
            assert running.wait(120) == 0
        finally:
            running.kill()


def test_the_pictures_of_the_readme_are_small() -> None:
    pictures = sorted((Path(__file__).parents[2] / "docs" / "pictures").glob("*.png"))
    assert [one.name for one in pictures] == ["episode.png", "now.png"]
    assert all(one.read_bytes().startswith(b"\x89PNG") and one.stat().st_size < 80_000 for one in pictures)
