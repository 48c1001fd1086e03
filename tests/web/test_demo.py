"""The demo on pages: the same incident as in the terminal, told as it happens, and what it is said to a newcomer."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from aiops.backtest.demo import Line, play
from aiops.config.shipped import demo_dir
from aiops.models.card import load_cards
from aiops.web.demo import ASKING, CALM, FILES, Show, shown

CARDS = [demo_dir() / "cards"]
WHAT = "free-shop-disk"


def fetched(url: str) -> str:
    return str(urllib.request.urlopen(url).read().decode())


def asked(show: Show) -> Line:
    """Let the recording go on until it asks for a yes."""
    return next(line for line in show.lines if line.fields.get("state") == "awaiting_approval")


def test_it_tells_what_the_terminal_tells_and_the_pages_follow() -> None:
    with shown(60, paced=False, cards=CARDS) as show:
        assert "This is a recording, played at 60 times its speed." in fetched(show.url)
        assert "Nothing is foreseen" in fetched(show.url)
        lines = []
        for line in show.lines:
            lines.append(line)
            if line.fields.get("state") == "awaiting_approval":
                page = fetched(show.url)
                assert "a runbook asks for your yes until" in page
                assert f"moves {FILES} small files inside {show.daemon.shop.parents[1]}" in page
                assert "every 2s" in page
        over = fetched(show.url)
        assert "The disk is full, as foretold 14m45s ahead: hit." in over
        assert "what stands here stays until Ctrl-C" in over
        assert "<code>aiops init --prometheus http://HOST:9090</code>" in over
    told = list(play(cards=load_cards(CARDS)))
    assert [(one.at_s, one.event) for one in lines if one.event != "response"] == [(one.at_s, one.event) for one in told]


def test_a_yes_is_carried_out_and_the_verdict_is_that_it_was_averted() -> None:
    with shown(60, paced=False, cards=CARDS) as show:
        people, run = show.daemon.responding.people, asked(show).fields["id"]
        people.approve(run, "operator", show.daemon.now_s, confirm=WHAT)
        states = []
        for line in show.lines:
            states += [line.fields["state"]] if line.event == "response" else []
            if states == ["verifying"]:
                assert "The plan was approved and carried out" in fetched(show.url)
        assert states == ["verifying", "succeeded"]
        assert line.fields["outcome"]["verdict"] == "averted"
        assert "The disk is not full, because something was done in time: averted." in fetched(show.url)
        assert len(list((show.daemon.shop.parents[1] / "spare" / "import").iterdir())) == FILES
        shop = show.daemon.shop.parents[2]
    assert not shop.exists(), "it leaves nothing behind"


def test_a_no_is_heard_and_it_comes_true() -> None:
    with shown(60, paced=False, cards=CARDS) as show:
        show.daemon.responding.people.deny(asked(show).fields["id"], "operator", show.daemon.now_s)
        assert next(line for line in show.lines if line.event == "response").fields["state"] == "approval_denied"
        assert "Nobody said yes, so nothing was done" in fetched(show.url)
        *_, last = show.lines
        assert last.fields["outcome"]["verdict"] == "hit"


def test_time_goes_fast_while_nothing_happens_and_slowly_while_a_person_reads() -> None:
    with shown(60, paced=False, cards=CARDS) as show:
        next(show.lines)
        assert show.daemon.pace == CALM
        run = asked(show).fields["id"]
        assert show.daemon.pace == ASKING
        key = show.door.rpartition("=")[2]
        assert show.app.state.access.enter(key) is not None, "however fast the clock of the recording runs"
        assert show.app.state.access.enter(key) is None, "once"
        show.daemon.responding.people.approve(run, "operator", show.daemon.now_s, confirm=WHAT)
        next(line for line in show.lines if line.event == "response")
        assert show.daemon.pace == 1.0


def interruptible() -> None:
    """Whoever runs the tests in the background of a shell hands down that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_command_serves_its_pages_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "aiops", "demo", "--speed", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=interruptible) as running:
        try:
            assert running.stdout is not None
            said = running.stdout.readline()
            door = said.rpartition(" ")[2].strip()
            assert door.startswith("http://127.0.0.1:")
            assert "Log in on this device" in fetched(door)
            assert "This is a recording" in fetched(door.partition("/enter")[0])
            running.send_signal(signal.SIGINT)
            assert running.wait(120) == 0
        finally:
            running.kill()


@pytest.mark.parametrize("name", ["episode", "now"])
def test_the_pictures_of_the_readme_are_small(name: str) -> None:
    pictures = sorted((Path(__file__).parents[2] / "docs" / "pictures").glob("*.png"))
    assert [one.stem for one in pictures] == ["episode", "now"]
    one = next(one for one in pictures if one.stem == name)
    assert one.read_bytes().startswith(b"\x89PNG")
    assert one.stat().st_size < 250_000
