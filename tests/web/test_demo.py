"""The demo on pages: the same incident as in the terminal, told as it happens, and what it is said to a newcomer."""

from __future__ import annotations

import urllib.request

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
